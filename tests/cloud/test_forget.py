"""Erasure on the deployed pipeline: nothing of a recording is left in any bucket but where the command says so, and it does not come back.
tests/tests/forget.rs is the same on one machine.

What this does not show: AWS keeps histories and logs by itself, which the command lists. The hour that the machine waits between two removals is
not waited for: the function is called again in its place.
"""

import io
import json
import subprocess
import time
from datetime import date, timedelta

import pyarrow.parquet as pq
import pytest
from conftest import with_uploads_as_on_other_days
from driver.cloud import STACK
from driver.compaction import compact, let_days_pass, register, upload
from driver.processes import wait_until

TABLES = ("recordings", "segments", "beats", "windows", "rejections")


@pytest.fixture(scope="module")
def cloud(ecg):
    """A pipeline of its own, because all results of queries are removed. Uploads come as on other days."""
    with with_uploads_as_on_other_days(ecg) as deployed:
        yield deployed


@pytest.fixture
def forget(cloud, ecg):
    """Runs `ecg forget --aws` with these arguments; its answer."""

    def command(*arguments, status=0):
        done = subprocess.run([ecg, "forget", "--aws", *arguments], env=cloud.environment, capture_output=True, text=True, timeout=180)
        assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}\n" + "\n".join(cloud.logs("forget")[-20:])
        return done.stdout

    return command


def versions(cloud, bucket: str) -> list[tuple[str, str, bool]]:
    """Every version and delete marker: key, version, whether it has content."""
    pages = cloud.client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket)
    return [(one["Key"], one["VersionId"], kind == "Versions")
            for page in pages for kind in ("Versions", "DeleteMarkers") for one in page.get(kind, [])]


def found(cloud, *words: str) -> list[str]:
    """Where one of these words is: in a key, in bytes, or in a column of a table."""
    s3, places = cloud.client("s3"), []
    for bucket in [one["Name"] for one in s3.list_buckets()["Buckets"]]:
        # Logs of access, which are in the list of what stays; and the programs.
        if "accesslogs" in bucket or bucket.startswith("cdk-"):
            continue
        for key, version, content in versions(cloud, bucket):
            body = s3.get_object(Bucket=bucket, Key=key, VersionId=version)["Body"].read() if content else b""
            if key.endswith(".parquet"):
                table = pq.read_table(io.BytesIO(body))
                texts = [column for column in table.itercolumns() if str(column.type) == "string"]
                body += "\n".join(str(text) for column in texts for text in column.to_pylist()).encode()
            places += [f"{word} in {bucket}/{key} {version}" for word in words if word in key or word.encode() in body]
    return places


def rows(cloud, key: str) -> list[int]:
    """Rows of the recordings of a key by table."""
    of_key = f"(select recording_id from recordings where source_key = '{key}')"
    return [int(cloud.query(f"select count(*) n from {table} where recording_id in {of_key}")[0]["n"]) for table in TABLES[:3]]


def everything(cloud) -> set:
    # Each question leaves an answer among the results.
    return {(bucket, *version) for bucket in [one["Name"] for one in cloud.client("s3").list_buckets()["Buckets"]]
            for version in versions(cloud, bucket) if not version[0].startswith(("results/", "forget/"))}


def send(cloud, execution) -> None:
    """The event of an upload again."""
    source = execution.input["source"]
    record = {
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1", "eventName": "ObjectCreated:Put",
        "eventTime": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(source["uploaded_at_ms"] / 1000)),
        "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": cloud.raw_bucket, "arn": f"arn:aws:s3:::{cloud.raw_bucket}"},
               "object": {"key": source["key"], "size": source["size"], "eTag": source["etag"], "versionId": source["version"], "sequencer": "01"}},
    }
    cloud.client("sqs").send_message(QueueUrl=cloud.outputs["QueueUrl"], MessageBody=json.dumps({"Records": [record]}))
    wait_until("the event is read", 30, lambda: cloud.messages(cloud.outputs["QueueUrl"]) == (0, 0))


def test_no_byte_is_left_and_it_does_not_come_back(cloud, fixtures, forget):
    body = (fixtures / "recordings/formats/level5.mat").read_bytes()
    other = (fixtures / "recordings/formats/level4-big-endian.mat").read_bytes()
    days = [(date.today() - timedelta(days=back)).isoformat() for back in (5, 9)]
    # In the first day large objects are read, in the second one small objects.
    stays = [upload(cloud, f"stays{number}.mat", other, day) for number, day in enumerate(days)]
    more = (fixtures / "recordings/formats/level5-compressed.mat").read_bytes()
    gone = [upload(cloud, f"zq7 ward/gone{number}.mat", [body, more][number], day) for number, day in enumerate(days)]
    upload(cloud, "zq8/twin.mat", body, days[1])
    made = [cloud.succeeded(key) for key in [*stays, *gone, "zq8/twin.mat"]]
    # A second version, which is rejected.
    upload(cloud, gone[0], body[:1000], days[0])
    [bad] = wait_until("the second version has ended", 60,
                       lambda: [one for one in cloud.executions(gone[0]) if one.status == "FAILED"], lambda: cloud.explain(gone[0]))
    [done] = compact(cloud, day=days[0])
    assert done["moved"], done
    before = [rows(cloud, key) for key in stays]
    assert all(all(row) for row in before), before

    was = everything(cloud)
    told = forget("--key", "zq7 ward/")
    assert "would erase 4 recordings" in told and "Nothing was removed" in told, told
    assert everything(cloud) == was

    told = forget("--key", "zq7 ward/", "--yes")
    assert "erased 4 recordings" in told and days[0] in told and "logDays" in told, told
    words = ["zq7", "zq8", "gone0", "gone1", "twin.mat", *(one.recording_id for one in [*made[2:], bad])]
    left = found(cloud, *words)
    # What is left is the list of what is under way, the large objects that a query may still read, and the plan of a compaction.
    assert [place for place in left if "/compact/" not in place and "/forget/" not in place] == []
    assert [rows(cloud, key) for key in stays] == before
    assert [rows(cloud, key) for key in [*gone, "zq8/twin.mat"]] == [[0, 0, 0]] * 3

    # The next compaction, and a day later the one that removes.
    compact(cloud, day=days[0])
    let_days_pass(cloud, days[0], 2)
    compact(cloud, day=days[0])
    [erasure] = [one for one in cloud.client("stepfunctions").list_executions(
        stateMachineArn=cloud.outputs["ForgetStateMachineArn"])["executions"] if one["status"] == "RUNNING"]
    answer, failed = cloud.invoke("forget", {"task": "erase", "execution": erasure["name"]})
    assert (answer, failed) == ({"recordings": 4, "left": [], "more": False}, False), register(cloud, days[0])
    cloud.client("stepfunctions").stop_execution(executionArn=erasure["executionArn"])
    assert found(cloud, *words) == []
    assert [rows(cloud, key) for key in stays] == before

    # Its event comes again, and so does an execution of it, as a backfill or a redrive would start one.
    was, ran = everything(cloud), len(cloud.executions())
    lines = {step: len(cloud.logs(step)) for step in ("start", "validate", "notify")}
    for execution in [*made[2:], bad]:
        send(cloud, execution)
    assert (everything(cloud), len(cloud.executions())) == (was, ran)
    assert not any(word in line for line in cloud.logs("start")[lines["start"]:] for word in words)
    again = cloud.client("stepfunctions").start_execution(
        stateMachineArn=cloud.state_machine, name=f"{made[2].recording_id}-v2", input=json.dumps(made[2].input))["executionArn"]
    ended = wait_until("it has ended", 60, lambda: next(
        (one for one in [cloud.client("stepfunctions").describe_execution(executionArn=again)] if one["status"] != "RUNNING"), None))
    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", {})
    assert everything(cloud) == was
    # The same bytes, as another upload: they stay in the bucket where somebody has put them, and in no table.
    key = upload(cloud, "zq9/again.mat", body, days[1])
    ended = cloud.wait_for(key)
    assert ended.status == "SUCCEEDED", cloud.explain(key)
    assert rows(cloud, key) == [0, 0, 0]
    assert [key for key in cloud.objects("") if "again" in key] == []
    assert len(cloud.logs("notify")) == lines["notify"]


def test_an_execution_that_runs_is_stopped_and_leaves_nothing(cloud, fixtures, forget):
    # A signal file whose header is missing is waited for.
    key = upload(cloud, "zr1/waits.dat", (fixtures / "recordings/wfdb/format16.dat").read_bytes(), date.today().isoformat())
    [running] = wait_until("it waits", 30, lambda: [one for one in cloud.executions(key) if one.status == "RUNNING"], lambda: cloud.explain(key))
    arn = cloud.client("stepfunctions").start_execution(
        stateMachineArn=cloud.outputs["ForgetStateMachineArn"], name="by-hand", input=json.dumps({"key": "zr1/", "erase": True}))["executionArn"]
    wait_until("it is stopped", 60, lambda: [one for one in cloud.executions(key) if one.status == "ABORTED"], lambda: cloud.explain(key))
    # The net runs after it, and records nothing.
    net = cloud.outputs["NetStateMachineArn"]
    states = cloud.client("stepfunctions")

    def after():
        listed = states.list_executions(stateMachineArn=net)["executions"]
        return [one for one in listed if running.recording_id in states.describe_execution(executionArn=one["executionArn"])["input"]
                and one["status"] != "RUNNING"]

    [ended] = wait_until("the net has looked", 60, after, lambda: cloud.explain(key))
    assert ended["status"] == "SUCCEEDED"
    assert [key for key in cloud.objects("rejections/") if running.recording_id in key] == []
    # A function that it called may still be at work, so nothing is removed for 200 s, which this does not wait for.
    answer, failed = cloud.invoke("forget", {"task": "erase", "execution": "by-hand"})
    assert (answer["errorType"], failed) == ("Throttled", True), answer
    events = states.get_execution_history(executionArn=arn)["events"]
    assert events[-1].get("stateEnteredEventDetails", {}).get("name") == "WaitForInvocations", events[-1]
    states.stop_execution(executionArn=arn)


def test_what_is_not_there_and_a_setting_that_forbids_it(cloud, everything_off, forget, ecg):
    forget("no-such-recording", "--yes", status=2)
    machines = everything_off.client("stepfunctions").list_state_machines()["stateMachines"]
    assert f"{STACK}-forget" not in [machine["name"] for machine in machines]
    done = subprocess.run([ecg, "forget", "--aws", "--key", "a", "--yes"], env=everything_off.environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and f"{STACK}-forget" in done.stderr, done


@pytest.fixture
def everything_off(everything):
    """The pipeline with a lock on uploads."""
    return everything
