"""What EventBridge tells the net is not the same in every account: each variant of the event leads to a row and a message.

Fields came to the event over the years (error, cause, redrive, version, alias), are null or absent, and the input is left out
where it is large. The rule is switched off here, and the net's machine started with the detail of such an event.
"""

import json

import pytest
from driver.cloud import STACK, unique
from driver.processes import wait_until
from driver.topic import listening
from test_net import entered, rejections

# All that the documentation's examples have for an execution that did not succeed ("Automating Step Functions event delivery").
LATER = ("error", "cause", "stateMachineVersionArn", "stateMachineAliasArn", "redriveCount", "redriveDate", "redriveStatus",
         "redriveStatusReason", "inputDetails", "output", "outputDetails")
# By status: what is recorded where the event says nothing.
UNSAID = {
    "ABORTED": ("Aborted", "somebody stopped the execution"),
    "TIMED_OUT": ("States.Timeout", "the execution did not end within the time limit of the workflow"),
    "FAILED": ("Failed", "the execution failed without a cause"),
}


@pytest.fixture(scope="module")
def without_rule(cloud):
    """Nothing starts the net by itself."""
    events = cloud.client("events")
    events.disable_rule(Name=f"{STACK}-not-succeeded")
    yield
    events.enable_rule(Name=f"{STACK}-not-succeeded")


@pytest.fixture
def fallen(cloud, ecg, fixtures, without_events, without_rule):
    """An execution that somebody stopped at its first step, and the complete detail of the event about it."""
    states, s3 = cloud.client("stepfunctions"), cloud.client("s3")
    key = unique("net-event") + "text.mat"
    cloud.put(key, (fixtures / "malformed/text.mat").read_bytes())
    head = s3.head_object(Bucket=cloud.raw_bucket, Key=key)
    named, failed = cloud.invoke("start", {
        "bucket": cloud.raw_bucket, "key": key, "suffix": "",
        "head": {"ETag": head["ETag"], "VersionId": head["VersionId"], "ContentLength": head["ContentLength"],
                 "LastModified": head["LastModified"].strftime("%Y-%m-%dT%H:%M:%SZ")}})
    assert not failed, named

    # Slower than the test: the first step's calls are answered late.
    with cloud.proxy.failing(lambda call: named["name"] in call.path or key.split("/")[0] in call.path):
        arn = states.start_execution(
            stateMachineArn=cloud.state_machine, name=named["name"], input=json.dumps(named["input"]))["executionArn"]
        wait_until("the first step is entered", 30, lambda: any(
            event["type"] == "TaskScheduled" for event in states.get_execution_history(executionArn=arn, maxResults=1000)["events"]),
            pause=0.05)
        states.stop_execution(executionArn=arn, error="Mistaken", cause=f"the wrong ward, {named['name']}")
    execution = cloud.wait_for(key)
    assert execution.status == "ABORTED", cloud.explain(key)
    described = states.describe_execution(executionArn=arn)
    return execution, {
        "executionArn": arn, "stateMachineArn": described["stateMachineArn"], "name": execution.name, "status": "ABORTED",
        "startDate": int(described["startDate"].timestamp() * 1000), "stopDate": int(described["stopDate"].timestamp() * 1000),
        "input": described["input"], "inputDetails": {"included": True}, "output": None, "outputDetails": None,
        "error": "Mistaken", "cause": f"the wrong ward, {execution.name}",
        "stateMachineVersionArn": described["stateMachineArn"] + ":1", "stateMachineAliasArn": described["stateMachineArn"] + ":live",
        "redriveCount": 0, "redriveDate": None, "redriveStatus": "NOT_REDRIVABLE",
        "redriveStatusReason": "Execution is ABORTED and cannot be redriven",
    }


def dealt_with(cloud, detail):
    """The net's execution about such an event, once it has ended."""
    states = cloud.client("stepfunctions")
    arn = states.start_execution(
        stateMachineArn=cloud.outputs["NetStateMachineArn"], input=json.dumps(detail))["executionArn"]

    def ended():
        described = states.describe_execution(executionArn=arn)
        return described if described["status"] != "RUNNING" else None

    return wait_until("the net has dealt with it", 60, ended)


def is_recorded_and_told(cloud, execution, net, error, cause):
    assert net["status"] == "SUCCEEDED", (net.get("error"), net.get("cause"))
    [row] = rejections(cloud, execution)
    assert (row["execution"], row["step"], row["error"], row["cause"]) == (execution.name, "validate", error, cause)
    [delivery] = cloud.slack.deliveries(execution.recording_id)
    assert f"validate failed: {error}" in delivery.text


def test_the_complete_event(cloud, fallen):
    execution, detail = fallen
    is_recorded_and_told(cloud, execution, dealt_with(cloud, detail), "Mistaken", detail["cause"])


@pytest.mark.parametrize("status", UNSAID)
def test_without_what_came_later(cloud, fallen, status):
    execution, detail = fallen
    detail = {name: value for name, value in detail.items() if name not in LATER} | {"status": status}
    is_recorded_and_told(cloud, execution, dealt_with(cloud, detail), *UNSAID[status])


def test_with_nulls(cloud, fallen):
    execution, detail = fallen
    detail |= dict.fromkeys(set(LATER) - {"redriveCount"})
    is_recorded_and_told(cloud, execution, dealt_with(cloud, detail), *UNSAID["ABORTED"])


def test_an_error_without_a_cause(cloud, fallen):
    execution, detail = fallen
    del detail["cause"]
    is_recorded_and_told(cloud, execution, dealt_with(cloud, detail), "Mistaken", UNSAID["ABORTED"][1])


@pytest.mark.parametrize("change", [
    {"input": None, "inputDetails": {"included": False}},
    {"inputDetails": {"included": False}},
    {},
], ids=["null", "absent", "absent without a word"])
def test_without_the_input_the_topic_tells(cloud, fallen, change):
    execution, detail = fallen
    detail = {name: value for name, value in detail.items() if name not in ("input", "inputDetails")} | change
    said = []
    with listening(cloud) as messages:
        net = dealt_with(cloud, detail)
        wait_until("the topic tells it", 30, lambda: said.extend(
            one for one in messages() if execution.name in one["content"]["title"]) or said)
    assert (net["status"], entered(cloud, net)) == ("FAILED", ["LookBack", "Alert"])
    assert execution.arn in said[0]["content"]["description"]
    assert "expected recording_id and source" in said[0]["content"]["description"]
