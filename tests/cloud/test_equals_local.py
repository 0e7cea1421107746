"""The same files through AWS's services and through `ecg run`: the same rows with the same values."""

import json
import shutil
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from driver.cloud import unique
from driver.tables import from_cloud, from_lake

# Columns that say which upload a row comes from. Everything else is equal, the ETag included.
OF_THE_UPLOAD = {
    "recording_id": "a hash over bucket, key and version",
    "execution": "the execution's name begins with the recording_id",
    "source_bucket": "another bucket",
    "source_version": "S3's version id; locally the MD5 of the content",
    "source_sequencer": "S3's order of events; there is none locally",
    "uploaded_at": "the time of the event; locally the file's modification time",
    "dt": "the day of uploaded_at",
}


# The endings of recordings.
ENDINGS = json.loads((Path(__file__).resolve().parents[2] / "shared/core/suffixes.json").read_text())


def compared(cloud, ecg, folder, prefix, lake):
    """Uploads every file below `folder` under `prefix`, runs `ecg` on the same, and compares all tables."""
    target = folder / prefix
    paths = [path for path in sorted(target.rglob("*")) if path.is_file()]
    # A header comes before its recording, as a device would send it.
    for path in sorted(paths, key=lambda path: (path.suffix in ENDINGS, path)):
        cloud.put(str(path.relative_to(folder)), path.read_bytes())
    recordings = [path for path in paths if path.suffix in ENDINGS]
    # Some fail: that is a row of rejections.
    done = subprocess.run([ecg, "run", target, "--lake", lake], capture_output=True, text=True)
    assert f"{len(recordings)} recordings" in done.stdout, done.stdout + done.stderr
    cloud.wait_for_executions(prefix, len(recordings), seconds=180)
    return len(recordings)


def rows_by_key(tables, prefix):
    """Rows of each table as dictionaries, sorted, the recording's key in the place of its id."""
    keys = {row["recording_id"]: row["source_key"]
            for name in ("recordings", "rejections") if name in tables
            for row in tables[name].select(["recording_id", "source_key"]).to_pylist()}
    wanted = pa.array([recording for recording, key in keys.items() if key.startswith(prefix)], pa.string())
    result = {}
    for name, table in tables.items():
        rows = table.filter(pc.is_in(table["recording_id"], wanted)).to_pylist()
        result[name] = sorted(
            ({"key": keys[row["recording_id"]]} | {column: value for column, value in row.items() if column not in OF_THE_UPLOAD}
             for row in rows),
            key=lambda row: (row["key"], row.get("lead") or 0, row.get("segment") or 0, row.get("sample") or 0,
                             row.get("duration_s") or 0, row.get("start_sample") or 0))
    return result


def assert_equal(cloud, prefix, lake, names):
    there = {name: from_cloud(cloud, name) for name in names}
    here = {name: from_lake(lake, name) for name in names}
    for name in names:
        assert there[name].schema.remove_metadata() == here[name].schema.remove_metadata(), name
    ours, theirs = rows_by_key(here, prefix), rows_by_key(there, prefix)
    for name in names:
        assert len(ours[name]) == len(theirs[name]) > 0, name
        for one, other in zip(ours[name], theirs[name], strict=True):
            # Differences only, not two rows with thousands of samples. `repr` tells NaN and -0.0 as they are.
            different = {column: (one[column], other[column]) for column in one if repr(one[column]) != repr(other[column])}
            assert not different, f"{name}, {one['key']}: {str(different)[:1000]}"
    return {name: len(rows) for name, rows in ours.items()}


def test_synthetic_and_malformed(cloud, ecg, fixtures, tmp_path):
    prefix = unique("equal-synthetic")
    folder = tmp_path / "files"
    for name in ("recordings", "malformed"):
        shutil.copytree(fixtures / name, folder / prefix / name)
    count = compared(cloud, ecg, folder, prefix, tmp_path / "lake")
    rows = assert_equal(cloud, prefix, tmp_path / "lake", ("recordings", "segments", "beats", "rejections"))
    assert rows["recordings"] + rows["rejections"] == count


def test_real_recordings(cloud, ecg, real_data, tmp_path, report):
    prefix = unique("equal-real")
    folder = tmp_path / "files"
    chosen = sorted((real_data / "plawiak-2017/MLII").glob("*/*.mat"))[::25]
    chosen += sorted((real_data / "cinc-2017").glob("A*"))
    chosen += sorted((real_data / "physiobank-atm").glob("*.mat"))[:2]
    chosen += sorted((real_data / "mitdb-30min").glob("20[03]m.*"))
    for path in chosen:
        target = folder / prefix / path.relative_to(real_data)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    count = compared(cloud, ecg, folder, prefix, tmp_path / "lake")
    rows = assert_equal(cloud, prefix, tmp_path / "lake", ("recordings", "segments", "beats", "windows"))
    assert rows["recordings"] == count
    report(f"equal to ecg run: {count} real recordings, "
           + ", ".join(f"{number} rows of {name}" for name, number in rows.items()))


@pytest.mark.parametrize("table", ["recordings", "segments", "beats", "rejections"])
def test_athena_sees_what_the_objects_hold(cloud, fixtures, table):
    # At least one good and one bad recording.
    prefix = unique("athena")
    cloud.put(prefix + "good.mat", (fixtures / "recordings/formats/level5.mat").read_bytes())
    cloud.put(prefix + "bad.mat", (fixtures / "malformed/text.mat").read_bytes())
    cloud.wait_for_executions(prefix, 2)
    held = from_cloud(cloud, table)
    assert cloud.query(f"select count(*) as n, count(distinct recording_id) as ids from {table}") \
        == [{"n": str(len(held)), "ids": str(len(pc.unique(held["recording_id"])))}]
