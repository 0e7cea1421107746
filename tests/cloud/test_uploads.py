"""What people do: upload a file with AWS's command line, ask Athena; or read in Slack why not."""

import subprocess
import time

import pytest
from driver.cloud import unique


def upload(cloud, source, key):
    cloud.aws("s3", "cp", "--only-show-errors", str(source), f"s3://{cloud.raw_bucket}/{key}")


def assert_queryable(cloud, execution, seconds):
    """The recording, its strips and its beats are there under the id of the recording."""
    where = f"where recording_id = '{execution.recording_id}'"
    recordings = cloud.query(f"select source_key, duration_s, leads from recordings {where}")
    assert [row["source_key"] for row in recordings] == [execution.input["source"]["key"]]
    assert float(recordings[0]["duration_s"]) == pytest.approx(seconds, abs=0.5)
    strips = cloud.query(f"select lead, segment, samples from segments {where}")
    assert len(strips) == int(recordings[0]["leads"]) * -(-seconds // 10), strips
    assert int(cloud.query(f"select count(*) as beats from beats {where}")[0]["beats"]) > seconds / 3
    assert f"{execution.recording_id}.parquet" not in [key.rsplit("/", 1)[1] for key in cloud.objects("rejections/")]


def assert_rejected(cloud, execution, step, error, cause_contains):
    """FAILED under the step's error, one row in rejections, no recording, one message with everything in it."""
    assert (execution.status, execution.error) == ("FAILED", error), cloud.explain(execution.input["source"]["key"])
    where = f"where recording_id = '{execution.recording_id}'"
    rows = cloud.query(f"select step, error, cause, source_key from rejections {where}")
    assert [(row["step"], row["error"], row["source_key"]) for row in rows] \
        == [(step, error, execution.input["source"]["key"])]
    assert cause_contains in rows[0]["cause"]
    assert cause_contains in execution.cause
    # Not by a query: before the first good recording there is no table.
    assert f"{execution.recording_id}.parquet" not in [key.rsplit("/", 1)[1] for key in cloud.objects("recordings/")]
    deliveries = cloud.slack.deliveries(execution.recording_id)
    assert [delivery.status for delivery in deliveries] == [200]
    text = deliveries[0].text
    for part in (f"{step} failed: {error}", cause_contains, f"{cloud.raw_bucket}/", execution.recording_id,
                 f"#/v2/executions/details/{execution.arn}"):
        assert part in text, f"{part} is not in\n{text}"


def test_a_synthetic_recording(cloud, fixtures):
    key = unique("synthetic") + "1 NSR/900m (0).mat"
    upload(cloud, fixtures / "recordings/1 NSR/900m (0).mat", key)
    execution = cloud.succeeded(key)
    assert_queryable(cloud, execution, 10)
    # The name of the execution is the id, and the key supplied calibration and label.
    assert execution.name == execution.recording_id
    rows = cloud.query(f"select label, record, source_version from recordings where recording_id = '{execution.name}'")
    assert rows == [{"label": "NSR", "record": "900", "source_version": execution.input["source"]["version"]}]


def test_a_real_fragment(cloud, real_data):
    source = sorted((real_data / "plawiak-2017/MLII").glob("*/*.mat"))[0]
    key = f"{unique('fragment')}{source.parent.name}/{source.name}"
    upload(cloud, source, key)
    assert_queryable(cloud, cloud.succeeded(key), 10)


def test_a_header_beside_the_recording(cloud, fixtures):
    prefix = unique("header")
    upload(cloud, fixtures / "recordings/header/two-leads.hea", prefix + "two-leads.hea")
    upload(cloud, fixtures / "recordings/header/two-leads.mat", prefix + "two-leads.mat")
    execution = cloud.succeeded(prefix + "two-leads.mat")
    assert_queryable(cloud, execution, 20)
    rows = cloud.query(f"select calibration_source from recordings where recording_id = '{execution.name}'")
    assert rows == [{"calibration_source": "header"}]
    # The header started nothing.
    assert len(cloud.executions(prefix)) == 1


def test_a_header_may_come_after_its_signal_file(cloud, fixtures):
    prefix = unique("late-header")
    upload(cloud, fixtures / "recordings/wfdb/format212.dat", prefix + "format212.dat")
    time.sleep(3)
    upload(cloud, fixtures / "recordings/wfdb/format212.hea", prefix + "format212.hea")
    execution = cloud.succeeded(prefix + "format212.dat")
    events = cloud.client("stepfunctions").get_execution_history(executionArn=execution.arn, maxResults=1000)["events"]
    errors = [event["taskFailedEventDetails"]["error"] for event in events if "taskFailedEventDetails" in event]
    assert set(errors) == {"Incomplete"}, errors
    rows = cloud.query(f"select format, calibration_source from recordings where recording_id = '{execution.name}'")
    assert rows == [{"format": "WFDB format 212", "calibration_source": "header"}]


def test_a_recording_of_half_an_hour(cloud, real_data):
    prefix = unique("half-an-hour")
    for suffix in (".hea", ".mat"):
        upload(cloud, real_data / f"mitdb-30min/100m{suffix}", prefix + "100m" + suffix)
    execution = cloud.succeeded(prefix + "100m.mat", seconds=180)
    assert_queryable(cloud, execution, 1806)


def test_a_synthetic_recording_of_half_an_hour(cloud, ecg, tmp_path):
    source = tmp_path / "long.mat"
    subprocess.run([ecg, "synth", source, "--duration", "30m", "--leads", "2"], check=True, capture_output=True)
    prefix = unique("synthetic-half-an-hour")
    for path in sorted(tmp_path.iterdir()):
        upload(cloud, path, prefix + path.name)
    assert_queryable(cloud, cloud.succeeded(prefix + "long.mat", seconds=180), 1800)


def test_a_corrupt_file(cloud, fixtures):
    key = unique("corrupt") + "truncated.mat"
    upload(cloud, fixtures / "malformed/truncated-level4.mat", key)
    assert_rejected(cloud, cloud.wait_for(key), "validate", "Rejected", "truncated")


def test_a_text_file_that_calls_itself_a_recording(cloud, fixtures):
    key = unique("text") + "notes.mat"
    upload(cloud, fixtures / "malformed/text.mat", key)
    assert_rejected(cloud, cloud.wait_for(key), "validate", "Rejected", "MAT")


def test_a_text_file_is_no_recording(cloud, fixtures, tmp_path):
    (tmp_path / "notes.txt").write_text("Not a recording.\n")
    prefix = unique("notes")
    upload(cloud, tmp_path / "notes.txt", prefix + "notes.txt")
    # What was uploaded after it has been dealt with, so it has been, too.
    key = prefix + "1 NSR/900m (0).mat"
    upload(cloud, fixtures / "recordings/1 NSR/900m (0).mat", key)
    cloud.succeeded(key)
    assert [execution.input["source"]["key"] for execution in cloud.executions(prefix)] == [key]


@pytest.mark.parametrize("name", [
    "with spaces in it.mat", "plus+and%2Bpercent%.mat", "100% a+b & c=d (1).mat", "EKG größe 心電図 ❤.mat",
    "quote's \"double\".mat", "semi;colon,comma.mat",
])
def test_keys_with_odd_characters(cloud, fixtures, name):
    prefix = unique("odd")
    key = prefix + name
    upload(cloud, fixtures / "recordings/formats/level5.mat", key)
    execution = cloud.succeeded(key)
    assert execution.input["source"]["key"] == key
    assert cloud.query(f"select source_key from recordings where recording_id = '{execution.name}'") == [{"source_key": key}]


def test_a_bad_file_with_an_odd_key_is_named_in_slack(cloud, fixtures):
    key = unique("odd bad") + "a+b %2B größe.mat"
    upload(cloud, fixtures / "malformed/text.mat", key)
    execution = cloud.wait_for(key)
    assert_rejected(cloud, execution, "validate", "Rejected", "MAT")
    assert f"{cloud.raw_bucket}/{key}" in cloud.slack.deliveries(execution.recording_id)[0].text


def test_every_version_of_a_key_is_a_recording(cloud, fixtures):
    key = unique("versions") + "1 NSR/900m (0).mat"
    for name in ("900m (0).mat", "900m (1).mat"):
        upload(cloud, fixtures / "recordings/1 NSR" / name, key)
    executions = cloud.wait_for_executions(key, 2)
    assert [execution.status for execution in executions] == ["SUCCEEDED"] * 2
    versions = cloud.client("s3").list_object_versions(Bucket=cloud.raw_bucket, Prefix=key)["Versions"]
    assert {execution.input["source"]["version"] for execution in executions} == {version["VersionId"] for version in versions}
    rows = cloud.query(f"select content_sha256 from recordings where source_key = '{key}'")
    assert len({row["content_sha256"] for row in rows}) == 2
