"""The double itself: quotas, retries, time limits, redrives and versions are as AWS documents them, whatever the emulator does.

Not shown here, since nobody publishes it: whom AWS serves first of those who wait, how long S3 takes to raise a rate, Glue's rates, and whether the
history of a redriven execution tells a second time that its state was entered.
"""

import json
import time

import pytest
from driver.cloud import unique
from driver.processes import wait_until
from driver.proxy import Call
from driver.quotas import Buckets, Quotas

# In the emulator a second of waiting lasts a twentieth.
SPEED = 20
MISSING = "arn:aws:lambda:us-east-1:000000000000:function:there-is-none"
ERROR = "Lambda.ResourceNotFoundException"


def test_a_bucket_gives_its_burst_at_once_and_then_its_rate(monkeypatch):
    now = 0.0
    monkeypatch.setattr("driver.quotas.time.monotonic", lambda: now)
    buckets = Buckets()

    def taken(times):
        return sum(buckets.take("GetExecutionHistory", 400, 20) for _ in range(times))

    assert taken(500) == 400
    now += 1
    assert taken(500) == 20
    # What nobody takes does not pile up.
    now += 3600
    assert taken(1000) == 400


def test_a_refusal_is_worded_as_the_service_words_it(tmp_path):
    quotas = Quotas(tmp_path / "quotas.json")

    def call(service, method, path):
        return Call("", service, method, path, "", "", "", 0)

    assert quotas.answer(call("s3", "PUT", "/bucket/key")) is None
    quotas.turn_on(concurrency=1, wait_scale=1, buckets={"S3 writes": (1, 0.001), "Glue": (1, 0.001)})
    assert quotas.answer(call("s3", "PUT", "/bucket/a/key")) is None
    assert quotas.answer(call("s3", "GET", "/bucket/a/key")) is None
    # Another prefix.
    assert quotas.answer(call("s3", "PUT", "/bucket/b/key")) is None
    status, _, body = quotas.answer(call("s3", "PUT", "/bucket/a/another"))
    assert (status, b"<Code>SlowDown</Code>" in body) == (503, True)
    assert quotas.answer(call("glue", "POST", "/")) is None
    status, _, body = quotas.answer(call("glue", "POST", "/"))
    assert (status, json.loads(body)["__type"]) == (400, "ThrottlingException")
    assert quotas.refused == {"S3 writes": 1, "Glue": 1}
    quotas.turn_off()
    assert quotas.answer(call("glue", "POST", "/")) is None


@pytest.fixture
def machine(cloud):
    """Makes a state machine; it is deleted afterwards."""
    states = cloud.client("stepfunctions")
    made = []

    def make(definition: dict) -> str:
        made.append(states.create_state_machine(
            name=unique("double").strip("/"), definition=json.dumps(definition),
            roleArn=cloud.client("stepfunctions").describe_state_machine(stateMachineArn=cloud.state_machine)["roleArn"],
        )["stateMachineArn"])
        return made[-1]

    yield make
    for arn in made:
        states.delete_state_machine(stateMachineArn=arn)


def task(**retrier) -> dict:
    """A machine whose only task fails always."""
    return {"StartAt": "One", "States": {"One": {
        "Type": "Task", "Resource": MISSING, "Retry": [{"ErrorEquals": [ERROR]} | retrier], "End": True}}}


def ended(cloud, arn, status, seconds=30):
    def description():
        found = cloud.client("stepfunctions").describe_execution(executionArn=arn)
        return found if found["status"] != "RUNNING" else None

    found = wait_until(f"{arn} has ended", seconds, description, pause=0.02)
    assert found["status"] == status, found
    return found


def events(cloud, arn) -> list[dict]:
    return cloud.client("stepfunctions").get_execution_history(executionArn=arn, maxResults=1000)["events"]


def pauses(cloud, arn) -> list[float]:
    """Seconds between a failed attempt and the next, in AWS's time."""
    at = [(event["type"], event["timestamp"].timestamp()) for event in events(cloud, arn) if event["type"] in ("TaskScheduled", "TaskFailed")]
    return [SPEED * (after[1] - before[1]) for before, after in zip(at, at[1:]) if (before[0], after[0]) == ("TaskFailed", "TaskScheduled")]


def test_the_pauses_of_a_retrier_grow_to_the_longest_one(cloud, machine):
    arn = cloud.client("stepfunctions").start_execution(
        stateMachineArn=machine(task(IntervalSeconds=2, BackoffRate=2, MaxDelaySeconds=8, MaxAttempts=6)))["executionArn"]
    ended(cloud, arn, "FAILED")
    found = pauses(cloud, arn)
    # The clock of the history has milliseconds, and two cores are busy: later is possible, earlier is not.
    for found_s, expected in zip(found, [2, 4, 8, 8, 8, 8], strict=True):
        assert expected - 0.1 <= found_s < expected + 4, found


def test_full_jitter_shortens_pauses_and_never_lengthens_them(cloud, machine):
    arn = cloud.client("stepfunctions").start_execution(
        stateMachineArn=machine(task(IntervalSeconds=8, BackoffRate=1, JitterStrategy="FULL", MaxAttempts=20)))["executionArn"]
    ended(cloud, arn, "FAILED")
    found = pauses(cloud, arn)
    assert len(found) == 20
    assert sum(found) < 0.85 * 20 * 8, found
    assert max(found) > 1.5 * min(found), found


def test_a_time_limit_ends_an_execution_that_waits_for_its_next_attempt(cloud, machine):
    endless = task(IntervalSeconds=1, BackoffRate=2, MaxDelaySeconds=60, MaxAttempts=99_999_999) | {"TimeoutSeconds": 2 * SPEED}
    endless["States"]["One"]["Catch"] = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
    endless["States"]["Caught"] = {"Type": "Succeed"}
    arn = cloud.client("stepfunctions").start_execution(stateMachineArn=machine(endless), input="{}")["executionArn"]
    description = ended(cloud, arn, "TIMED_OUT")
    assert 2 <= (description["stopDate"] - description["startDate"]).total_seconds() < 5
    assert description["redriveStatus"] == "REDRIVABLE"
    # No Catch saw it, and nothing comes after the end.
    assert events(cloud, arn)[-1]["type"] == "ExecutionTimedOut"
    count = len(events(cloud, arn))
    time.sleep(4)
    assert len(events(cloud, arn)) == count


def test_what_is_stopped_while_it_waits_tries_no_more(cloud, machine):
    states = cloud.client("stepfunctions")
    arn = states.start_execution(stateMachineArn=machine(task(IntervalSeconds=20, BackoffRate=1, MaxAttempts=99_999_999)))["executionArn"]
    wait_until("it waits", 10, lambda: events(cloud, arn)[-1]["type"] == "TaskFailed", pause=0.02)
    states.stop_execution(executionArn=arn)
    ended(cloud, arn, "ABORTED")
    count = len(events(cloud, arn))
    time.sleep(2.5)
    assert [event["type"] for event in events(cloud, arn)[count - 1:]] == ["ExecutionAborted"]


def test_a_redrive_goes_on_at_the_state_that_failed(cloud, machine):
    states = cloud.client("stepfunctions")
    definition = task(IntervalSeconds=1, MaxAttempts=1) | {"QueryLanguage": "JSONata", "StartAt": "First"}
    definition["States"]["First"] = {"Type": "Pass", "Assign": {"kept": "{% $states.input.value %}"}, "Output": 7, "Next": "One"}
    arn = states.start_execution(stateMachineArn=machine(definition), input='{"value": 5}')["executionArn"]
    with pytest.raises(states.exceptions.ExecutionNotRedrivable):
        states.redrive_execution(executionArn=arn)
    ended(cloud, arn, "FAILED")
    before = events(cloud, arn)
    date = states.redrive_execution(executionArn=arn, clientToken="token")["redriveDate"]
    # The same call again is the same redrive.
    assert states.redrive_execution(executionArn=arn, clientToken="token")["redriveDate"] == date
    description = ended(cloud, arn, "FAILED")
    assert (description["redriveCount"], description["redriveDate"]) == (1, date)
    after = events(cloud, arn)
    assert after[:len(before)] == before
    # The attempts count anew, and what went before is not done again.
    kinds = [event["type"] for event in after[len(before):] if event["type"] != "TaskStateEntered"]
    assert kinds == ["ExecutionRedriven", "TaskScheduled", "TaskFailed", "TaskScheduled", "TaskFailed", "ExecutionFailed"]
    assert after[len(before)]["executionRedrivenEventDetails"] == {"redriveCount": 1}
    assert [event["id"] for event in after] == list(range(1, len(after) + 1))


def test_a_redrive_runs_the_definition_that_the_execution_began_with(cloud, machine):
    states = cloud.client("stepfunctions")
    machine_arn = machine(task(MaxAttempts=0))
    version = states.publish_state_machine_version(stateMachineArn=machine_arn)["stateMachineVersionArn"]
    # One revision has one version.
    assert states.publish_state_machine_version(stateMachineArn=machine_arn)["stateMachineVersionArn"] == version
    arn = states.start_execution(stateMachineArn=version)["executionArn"]
    ended(cloud, arn, "FAILED")
    states.update_state_machine(stateMachineArn=machine_arn, definition=json.dumps({"StartAt": "One", "States": {"One": {"Type": "Succeed"}}}))
    states.redrive_execution(executionArn=arn)
    assert ended(cloud, arn, "FAILED")["stateMachineVersionArn"] == version
    ended(cloud, states.start_execution(stateMachineArn=machine_arn)["executionArn"], "SUCCEEDED")
    # What succeeded is not redriven.
    other = states.start_execution(stateMachineArn=machine_arn)["executionArn"]
    ended(cloud, other, "SUCCEEDED")
    with pytest.raises(states.exceptions.ExecutionNotRedrivable):
        states.redrive_execution(executionArn=other)


def test_an_alias_shares_executions_out_by_weight(cloud, machine):
    states = cloud.client("stepfunctions")
    machine_arn = machine({"StartAt": "One", "States": {"One": {"Type": "Succeed"}}})
    first = states.publish_state_machine_version(stateMachineArn=machine_arn)["stateMachineVersionArn"]
    states.update_state_machine(stateMachineArn=machine_arn, definition=json.dumps({"StartAt": "Two", "States": {"Two": {"Type": "Succeed"}}}))
    second = states.publish_state_machine_version(stateMachineArn=machine_arn)["stateMachineVersionArn"]
    alias = states.create_state_machine_alias(name="live", routingConfiguration=[
        {"stateMachineVersionArn": first, "weight": 50}, {"stateMachineVersionArn": second, "weight": 50}])["stateMachineAliasArn"]
    arns = [states.start_execution(stateMachineArn=alias)["executionArn"] for _ in range(40)]
    found = [ended(cloud, arn, "SUCCEEDED") for arn in arns]
    assert {one["stateMachineAliasArn"] for one in found} == {alias}
    assert {one["stateMachineArn"] for one in found} == {machine_arn}
    # 1 in 2^39 that one of them gets nothing.
    assert {one["stateMachineVersionArn"] for one in found} == {first, second}
    entered = {one["stateMachineVersionArn"]: events(cloud, one["executionArn"])[1]["stateEnteredEventDetails"]["name"] for one in found}
    assert entered == {first: "One", second: "Two"}
    assert len(states.list_executions(stateMachineArn=first)["executions"]) == sum(one["stateMachineVersionArn"] == first for one in found)
    states.delete_state_machine_alias(stateMachineAliasArn=alias)


def test_reserved_concurrency_holds_for_every_version(cloud, machine):
    functions = cloud.client("lambda")
    [version] = [one for one in functions.list_versions_by_function(FunctionName="ecg-pipeline-notify")["Versions"] if one["Version"] == "1"]
    definition = task(MaxAttempts=0)
    definition["States"]["One"] |= {"Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": version["FunctionArn"], "Payload": {}}}
    arn = machine(definition)
    functions.put_function_concurrency(FunctionName="ecg-pipeline-notify", ReservedConcurrentExecutions=0)
    try:
        found = ended(cloud, cloud.client("stepfunctions").start_execution(stateMachineArn=arn)["executionArn"], "FAILED")
    finally:
        functions.delete_function_concurrency(FunctionName="ecg-pipeline-notify")
    assert found["error"] == "Lambda.TooManyRequestsException"
    assert found["cause"].startswith("Rate Exceeded. (Service: Lambda, Status Code: 429, Request ID: ")
    found = ended(cloud, cloud.client("stepfunctions").start_execution(stateMachineArn=arn)["executionArn"], "FAILED")
    assert found["error"] != "Lambda.TooManyRequestsException"


def test_an_invocation_above_the_concurrency_is_refused_and_not_queued(cloud, machine):
    states = cloud.client("stepfunctions")
    definition = task(MaxAttempts=0)
    definition["States"]["One"]["Resource"] = cloud.client("lambda").get_function_configuration(FunctionName="ecg-pipeline-notify")["FunctionArn"]
    arn = machine(definition)
    cloud.quotas.turn_on(concurrency=1, wait_scale=1 / SPEED)
    try:
        started = [states.start_execution(stateMachineArn=arn, input="{}")["executionArn"] for _ in range(12)]
        errors = [ended(cloud, one, "FAILED")["error"] for one in started]
    finally:
        cloud.quotas.turn_off()
    # One at a time was served: it says that it was asked for nothing.
    assert 0 < errors.count("Lambda.TooManyRequestsException") < len(errors), errors
