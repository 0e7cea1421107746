"""The net under the workflow: what ended without its failure branch, or fell through it, is recorded and told all the same."""

import json
import subprocess

import pytest
from driver.cloud import unique
from driver.processes import wait_until
from driver.slack import Answer
from driver.topic import listening

BROKEN = Answer(500, "no")


def caught(cloud, execution, seconds=90):
    """The execution of the net about this execution, once it has ended."""
    states = cloud.client("stepfunctions")

    def ended():
        for page in states.get_paginator("list_executions").paginate(stateMachineArn=cloud.outputs["NetStateMachineArn"]):
            for listed in page["executions"]:
                described = states.describe_execution(executionArn=listed["executionArn"])
                if json.loads(described["input"])["executionArn"] == execution.arn and described["status"] != "RUNNING":
                    return described
        return None

    return wait_until(f"the net has dealt with {execution.name}", seconds, ended, lambda: cloud.explain(execution.input["source"]["key"]))


def entered(cloud, execution):
    """The tasks that an execution of the net entered."""
    events = cloud.client("stepfunctions").get_execution_history(executionArn=execution["executionArn"], maxResults=1000)["events"]
    return [event["stateEnteredEventDetails"]["name"] for event in events if event["type"] == "TaskStateEntered"]


def rejections(cloud, execution):
    where = f"where recording_id = '{execution.recording_id}'"
    return cloud.query(f"select execution, step, error, cause from rejections {where}")


@pytest.fixture
def long_recording(ecg, tmp_path):
    """Takes some seconds, so that there is time to stop it."""
    subprocess.run([ecg, "synth", tmp_path / "long.mat", "--duration", "4h", "--leads", "2"], check=True, capture_output=True)
    return tmp_path


def test_what_the_workflow_told_itself_is_left_alone(cloud, fixtures):
    key = unique("net-told") + "text.mat"
    cloud.put(key, (fixtures / "malformed/text.mat").read_bytes())
    execution = cloud.wait_for(key)
    net = caught(cloud, execution)
    assert (net["status"], entered(cloud, net)) == ("SUCCEEDED", ["LookBack"])
    assert len(rejections(cloud, execution)) == 1
    assert len(cloud.slack.deliveries(execution.recording_id)) == 1


def test_what_somebody_stops_is_recorded_and_told_with_the_step_it_was_at(cloud, long_recording):
    prefix = unique("net-stopped")
    for path in sorted(long_recording.iterdir()):
        cloud.put(prefix + path.name, path.read_bytes())
    states = cloud.client("stepfunctions")

    def at_a_step():
        for execution in cloud.executions(prefix):
            events = states.get_execution_history(executionArn=execution.arn, maxResults=1000)["events"]
            if any(event.get("stateEnteredEventDetails", {}).get("name") == "Parse" for event in events):
                return execution
        return None

    running = wait_until("parse is under way", 60, at_a_step, lambda: cloud.explain(prefix), 0.05)
    states.stop_execution(executionArn=running.arn, error="Mistaken", cause="the wrong ward")
    execution = cloud.wait_for(prefix + "long.mat")
    assert execution.status == "ABORTED", cloud.explain(prefix)

    net = caught(cloud, execution)
    assert net["status"] == "SUCCEEDED", (net.get("error"), net.get("cause"))
    [row] = rejections(cloud, execution)
    assert row["execution"] == execution.name
    assert row["step"] in ("parse", "transform", "write"), row
    [delivery] = cloud.slack.deliveries(execution.recording_id)
    assert f"{row['step']} failed: {row['error']}" in delivery.text
    assert f"ecg redrive --aws {execution.arn}" in delivery.text


def test_what_could_not_be_told_is_told_by_the_net(cloud, fixtures):
    key = unique("net-untold") + "text.mat"
    # Slack is out of order for as long as the workflow tries: once, and five times again.
    cloud.slack.answer_next(key, *[BROKEN] * 6)
    cloud.put(key, (fixtures / "malformed/text.mat").read_bytes())
    execution = cloud.wait_for(key)
    net = caught(cloud, execution)
    assert net["status"] == "SUCCEEDED", (net.get("error"), net.get("cause"))
    assert entered(cloud, net) == ["LookBack", "Notify"]
    assert [delivery.status for delivery in cloud.slack.deliveries(execution.recording_id)] == [500] * 6 + [200]
    assert len(rejections(cloud, execution)) == 1


def test_what_could_not_be_recorded_is_recorded_by_the_net(cloud, fixtures):
    prefix = unique("net-unrecorded")
    key = prefix + "text.mat"

    def the_row(call):
        return call.method in ("PUT", "POST") and "/rejections/" in call.path and prefix.strip("/") in call.path

    # Until people are told, the bucket of the tables takes no such row; then it does again.
    with cloud.proxy.failing(the_row):
        cloud.put(key, (fixtures / "malformed/text.mat").read_bytes())
        wait_until("people are told", 120, lambda: cloud.slack.deliveries(prefix.strip("/")), lambda: cloud.explain(key), 0.05)
    execution = cloud.wait_for(key)
    assert (execution.status, execution.error) == ("FAILED", "Rejected")
    net = caught(cloud, execution)
    [told] = cloud.slack.deliveries(execution.recording_id)
    assert "could not be recorded" in told.text
    assert net["status"] == "SUCCEEDED", (net.get("error"), net.get("cause"))
    assert entered(cloud, net) == ["LookBack", "RecordFailure", "RegisterFailure"]
    [row] = rejections(cloud, execution)
    assert (row["step"], row["error"]) == ("validate", "Rejected")


def test_the_last_resort_is_the_topic(cloud):
    name = unique("by-hand").strip("/")
    with listening(cloud) as messages:
        arn = cloud.client("stepfunctions").start_execution(
            stateMachineArn=cloud.state_machine, name=name, input=json.dumps({"hello": "world"}))["executionArn"]
        content = wait_until("the topic tells it", 60, lambda: next(
            (one["content"] for one in messages() if name in one["content"]["title"]), None))
    assert arn in content["description"]
    assert "expected recording_id and source" in content["description"]
