"""The views that the deployment made, as Athena answers through them and as the local engine does.

The emulator's Athena speaks DuckDB; driver/views.py keeps the views.
"""

import json
import shutil
import subprocess

import pytest
from driver.cloud import unique


@pytest.fixture(scope="module")
def same_files(cloud, ecg, fixtures, tmp_path_factory):
    """The same files in the cloud and in a lake, two of them with a newer version, one of them bad."""
    folder = tmp_path_factory.mktemp("views")
    prefix = unique("views")
    target = folder / "files" / prefix
    target.mkdir(parents=True)
    good, newer = (fixtures / "recordings/1 NSR" / name for name in ("900m (0).mat", "900m (1).mat"))
    for name in ("1 NSR", "2 GAP"):
        (target / name).mkdir()

    def both(source, name):
        shutil.copyfile(source, target / name)
        cloud.put(prefix + name, source.read_bytes())
        subprocess.run([ecg, "run", target, "--lake", folder / "lake"], capture_output=True)

    both(good, "1 NSR/900m (7).mat")
    both(fixtures / "recordings/warn/gap.mat", "2 GAP/903m (1).mat")
    both(fixtures / "malformed/text.mat", "text.mat")
    both(newer, "1 NSR/900m (7).mat")
    cloud.wait_for_executions(prefix, 4)

    def local(sql):
        done = subprocess.run([ecg, "query", sql, "--lake", folder / "lake", "--format", "json"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines() if line.strip().startswith("{")] \
            if not done.stdout.lstrip().startswith("[") else json.loads(done.stdout)

    return prefix, local


def test_current(cloud, same_files):
    prefix, local = same_files
    sql = f"select source_key, content_sha256 from current where source_key like '{prefix}%' order by source_key"
    rows = cloud.query(sql)
    assert rows == local(sql)
    # Of the key with two versions there is one row, and three recordings behind it.
    assert len(rows) == 2
    assert len(cloud.query(f"select 1 as one from recordings where source_key like '{prefix}%'")) == 3


def test_unresolved(cloud, same_files):
    prefix, local = same_files
    sql = f"select source_key, step, error from unresolved where source_key like '{prefix}%'"
    rows = cloud.query(sql)
    assert rows == local(sql) == [{"source_key": prefix + "text.mat", "step": "validate", "error": "Rejected"}]


def test_samples(cloud, same_files):
    prefix, local = same_files
    # Ids differ between the cloud and the lake: they are put away by joining the key.
    sql = (f"select r.source_key, r.content_sha256, s.lead, s.sample, s.time_s, s.mv, s.missing, s.ecg_data from samples s "
           f"join recordings r on r.recording_id = s.recording_id where r.source_key like '{prefix}%' "
           f"order by r.source_key, r.content_sha256, s.lead, s.sample")
    rows, expected = cloud.query(sql), local(sql)
    assert len(rows) == len(expected) == 3 * 3600
    for row, other in zip(rows, expected, strict=True):
        assert (row["source_key"], int(row["lead"]), int(row["sample"]), row["missing"] == "true") \
            == (other["source_key"], int(other["lead"]), int(other["sample"]), other["missing"])
        # DataFusion and DuckDB print a number in their own way.
        for column in ("time_s", "mv", "ecg_data"):
            assert float(row[column]) == pytest.approx(float(other[column]), rel=1e-6, abs=1e-9), (column, row, other)
    assert sum(row["missing"] == "true" for row in rows) == 108
