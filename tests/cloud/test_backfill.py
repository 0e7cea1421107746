"""The backfill machine: everything below a prefix, again or for the first time."""

import json

from driver.cloud import unique
from driver.processes import wait_until


def backfill(cloud, **settings):
    """Runs the machine, and returns its execution and that of its children."""
    states = cloud.client("stepfunctions")
    arn = states.start_execution(stateMachineArn=cloud.outputs["BackfillStateMachineArn"], input=json.dumps(settings))["executionArn"]

    def ended():
        described = states.describe_execution(executionArn=arn)
        return described if described["status"] != "RUNNING" else None

    described = wait_until("the backfill has ended", 90, ended, lambda: cloud.explain(settings["prefix"]))
    [run] = states.list_map_runs(executionArn=arn)["mapRuns"]
    return described, states.describe_map_run(mapRunArn=run["mapRunArn"])


def test_files_that_were_there_before(cloud, fixtures, without_events):
    prefix = unique("backfill")
    good = (fixtures / "recordings/formats/level5.mat").read_bytes()
    keys = [f"{prefix}old file {number}+.mat" for number in range(9)]
    for key in keys:
        cloud.put(key, good)
    cloud.put(prefix + "bad.mat", (fixtures / "malformed/text.mat").read_bytes())
    cloud.put(prefix + "notes.txt", b"no recording")
    assert cloud.executions(prefix) == []

    ended, run = backfill(cloud, prefix=prefix, max_concurrency=4, tolerated_failure_percentage=20)
    assert ended["status"] == "SUCCEEDED", (ended.get("error"), ended.get("cause"))
    # The text file is passed over, the bad recording fails, and that is tolerated.
    assert {name: run["itemCounts"][name] for name in ("total", "succeeded", "failed")} == {"total": 11, "succeeded": 10, "failed": 1}
    assert run["maxConcurrency"] == 4
    executions = cloud.wait_for_executions(prefix, 10)
    assert sorted(one.input["source"]["key"] for one in executions) == sorted([*keys, prefix + "bad.mat"])
    assert {one.input["source"]["key"]: one.status for one in executions} \
        == dict.fromkeys(keys, "SUCCEEDED") | {prefix + "bad.mat": "FAILED"}
    rows = cloud.query(f"select source_key from recordings where source_key like '{prefix}%' order by source_key")
    assert [row["source_key"] for row in rows] == sorted(keys)

    # Once more: everything is there already, which is success, also for what failed. And nothing ran again.
    ended, run = backfill(cloud, prefix=prefix, tolerated_failure_percentage=0)
    assert (ended["status"], run["itemCounts"]["succeeded"]) == ("SUCCEEDED", 11), (ended.get("error"), ended.get("cause"))
    assert len(cloud.executions(prefix)) == 10

    # Under a suffix it is a deliberate rerun: new executions of the same recordings, and not a row more.
    ended, run = backfill(cloud, prefix=prefix + "old", suffix="again")
    assert (ended["status"], run["itemCounts"]["succeeded"]) == ("SUCCEEDED", 9), (ended.get("error"), ended.get("cause"))
    again = [one for one in cloud.executions(prefix) if one.name != one.recording_id]
    assert len(again) == 9 and all(one.status == "SUCCEEDED" and one.name.startswith(one.recording_id) for one in again)
    assert cloud.query(f"select source_key from recordings where source_key like '{prefix}%' order by source_key") == rows


def test_the_backfill_names_executions_as_the_upload_does(cloud, fixtures):
    prefix = unique("backfill-after")
    cloud.put(prefix + "a b.mat", (fixtures / "recordings/formats/level5.mat").read_bytes())
    execution = cloud.succeeded(prefix + "a b.mat")
    ended, _ = backfill(cloud, prefix=prefix)
    assert ended["status"] == "SUCCEEDED"
    assert [one.arn for one in cloud.executions(prefix)] == [execution.arn]


def test_too_many_failures(cloud, fixtures, without_events):
    prefix = unique("backfill-bad")
    for number in range(3):
        cloud.put(f"{prefix}{number}.mat", (fixtures / "malformed/text.mat").read_bytes())
    ended, run = backfill(cloud, prefix=prefix, tolerated_failure_percentage=50)
    assert (ended["status"], ended["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    assert run["itemCounts"]["failed"] == 3
