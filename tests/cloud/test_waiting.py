"""Waiting that meets another limit: the time of an execution, the starts of an account, the messages that people can read.

What this does not show: twelve hours of waiting and the history that grows meanwhile (the time limit is made seconds), and how AWS
names the throttling of `aws-sdk:sfn` (workflows.py assumes `Sfn.ThrottlingException`).
"""

import json
from collections import Counter

import pytest
from driver.cloud import unique
from driver.many import SINGLE, check_rows, told, upload
from driver.processes import wait_until

WAIT_SCALE = 0.05


def good(fixtures) -> bytes:
    return (fixtures / "recordings/1 NSR/900m (0).mat").read_bytes()


def bad(fixtures) -> bytes:
    return (fixtures / "malformed/text.mat").read_bytes()


@pytest.mark.parametrize("days", ["14", "0"], ids=["redriven", "started-anew"])
def test_what_runs_out_of_time_while_it_is_throttled_goes_on(another_cloud, fixtures, days):
    def six_seconds(template):
        [workflow] = [body["Properties"] for body in template["Resources"].values()
                      if body["Type"] == "AWS::StepFunctions::StateMachine" and body["Properties"]["StateMachineName"] == "ecg-pipeline"]
        definition = json.loads(workflow["DefinitionString"])
        workflow["DefinitionString"] = json.dumps(definition | {"TimeoutSeconds": 6 / WAIT_SCALE})

    cloud = another_cloud(six_seconds, {"ECG_REDRIVABLE_DAYS": days})
    states, functions = cloud.client("stepfunctions"), cloud.client("lambda")
    key = unique("out-of-time") + "1 NSR/1m (1).mat"
    # As if others had taken all there is.
    functions.put_function_concurrency(FunctionName="ecg-pipeline-validate", ReservedConcurrentExecutions=0)
    cloud.put(key, good(fixtures))

    def again():
        found = [states.describe_execution(executionArn=one.arn) for one in cloud.executions(key)]
        return [one for one in found if one["redriveCount"] or "-r" in one["name"]]

    [later] = wait_until("it was started again", 60, again, lambda: cloud.explain(key))
    functions.delete_function_concurrency(FunctionName="ecg-pipeline-validate")
    wait_until("it has succeeded", 60, lambda: any(one.status == "SUCCEEDED" for one in cloud.executions(key)), lambda: cloud.explain(key))
    executions = cloud.executions(key)
    if days == "14":
        assert [one.status for one in executions] == ["SUCCEEDED"]
    else:
        assert later["name"] == f"{executions[0].recording_id}-r1"
        assert Counter(one.status for one in executions)["SUCCEEDED"] == 1
        assert {one.status for one in executions} == {"SUCCEEDED", "TIMED_OUT"}
        assert len({one.recording_id for one in executions}) == 1
    assert cloud.query(f"select source_key from recordings where source_key = '{key}'") == [{"source_key": key}]
    # Waiting is no failure: it is neither recorded nor told.
    assert cloud.objects("rejections/") == []
    assert cloud.slack.deliveries("") == []


def test_starts_that_are_refused_wait_in_the_queue_and_in_eventbridge(cloud, fixtures):
    prefix = unique("not-started")
    files = {f"{prefix}1 NSR/{number}m ({number}).mat": number % 10 == 0 for number in range(40)}
    before = len(cloud.proxy.calls())
    cloud.quotas.turn_on(concurrency=8, wait_scale=WAIT_SCALE, buckets={
        "StartExecution": (2, 0.1), "GetExecutionHistory": (1, 0.1), "RedriveExecution": (1, 0.1)})
    try:
        upload(cloud, {key: bad(fixtures) if is_bad else good(fixtures) for key, is_bad in files.items()})
        executions = cloud.wait_for_executions(prefix, len(files), seconds=240)
        net = wait_until("the net has looked at every failure", 240, lambda: looked_at(cloud, prefix, 4), pause=1)
    finally:
        cloud.quotas.turn_off()
    refused = [call for call in cloud.proxy.calls()[before:] if call.target == "AWSStepFunctions.StartExecution" and call.status == 400]
    assert refused, "every start was allowed: the test shows nothing"
    errors = Counter(event["taskFailedEventDetails"]["error"] for one in net
                     for event in cloud.client("stepfunctions").get_execution_history(executionArn=one, maxResults=1000)["events"]
                     if event["type"] == "TaskFailed")
    assert errors.keys() <= {"Sfn.ThrottlingException"}, errors
    assert Counter(one.input["source"]["key"] for one in executions) == Counter(files.keys())
    failed = {key for key, is_bad in files.items() if is_bad}
    check_rows(cloud, prefix, files.keys() - failed, failed)


def looked_at(cloud, prefix: str, count: int) -> list[str] | None:
    """The executions of the net about uploads below the prefix, when so many have succeeded."""
    states = cloud.client("stepfunctions")
    pages = states.get_paginator("list_executions").paginate(stateMachineArn=cloud.outputs["NetStateMachineArn"], statusFilter="SUCCEEDED")
    arns = [one["executionArn"] for page in pages for one in page["executions"]]
    found = [arn for arn in arns if prefix in states.describe_execution(executionArn=arn)["input"]]
    return found if len(found) >= count else None


def test_a_flood_is_five_messages_and_a_digest_for_each_cause(cloud, fixtures, report):
    prefix = unique("flood")
    causes = [(fixtures / f"malformed/{name}.mat").read_bytes() for name in ("text", "truncated-level5")]
    keys = [f"{prefix}{number}.mat" for number in range(200)]
    upload(cloud, {key: causes[number % 2] for number, key in enumerate(keys)})
    singles, digests = told(cloud, prefix, len(keys))
    assert len(digests) == len(causes), list(digests)
    assert len(singles) <= SINGLE * len(causes), singles
    assert len(singles) + sum(digests.values()) == len(keys)
    for digest in digests:
        assert len([line for line in digest.splitlines() if "ecg redrive --aws --all --group" in line]) == 1, digest
    # Everything was recorded all the same.
    assert cloud.query(f"select count(*) as n from rejections where source_key like '{prefix}%'") == [{"n": str(len(keys))}]
    report(f"flood: {len(singles)} single messages, then digests about {list(digests.values())}")
