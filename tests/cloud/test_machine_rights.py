"""The rights of what is no function: state machines, the rule that starts the net, alarms, notifications. From the template.

The emulator asks no role of a state machine for a right, so here the definitions are read: what each call needs by AWS's
documentation is granted, and nothing else is. That the documentation is right can be seen on an account only.
"""

import copy

import pytest
from conftest import assembled
from driver import machine_rights as rights
from driver.machine_rights import Grant
from driver.ministack import ACCOUNT, REGION
from driver.template import Template

MACHINES = ("ecg-pipeline", "ecg-pipeline-backfill", "ecg-pipeline-compact", "ecg-pipeline-forget", "ecg-pipeline-net")

# Roles that are not judged here.
ELSEWHERE = {
    "Functions": "functions: test_rights.py holds them against the calls of their binaries",
    "SmokeTest": "scripts of the delivery: infra/test holds who may take it on; whether it suffices, the first delivery shows",
}


@pytest.fixture(scope="module")
def template() -> Template:
    return Template(assembled().template)


def machine(template, name) -> dict:
    [found] = [body for body in template.of("AWS::StepFunctions::StateMachine").values() if body["StateMachineName"] == name]
    return found


def role_of(machine_body) -> str:
    return machine_body["RoleArn"].rsplit("/", 1)[1]


def judged(template, name, more=(), less=lambda grant: False):
    body = machine(template, name)
    granted = [grant for grant in rights.grants(template, role_of(body)) if not less(grant)] + list(more)
    return rights.judge(rights.needs(template, body), granted)


def test_the_machines(template):
    assert {body["StateMachineName"] for body in template.of("AWS::StepFunctions::StateMachine").values()} == set(MACHINES)


@pytest.mark.parametrize("name", MACHINES)
def test_what_a_machine_needs_is_granted_and_no_more(template, name):
    missing, too_much = judged(template, name)
    assert not missing, "needed, but not granted:\n" + "\n".join(missing)
    assert not too_much, "granted, but not needed:\n" + "\n".join(too_much)


@pytest.mark.parametrize("name", MACHINES)
def test_each_right_that_is_taken_away_is_missed(template, name):
    granted = rights.grants(template, role_of(machine(template, name)))
    # A function itself and its versions are two grants; so each is taken away with the action's other grants on the same thing.
    for gone in granted:
        same = gone.resource.rstrip("*").rstrip(":")
        missing, _ = judged(template, name, less=lambda grant: grant.action == gone.action and grant.resource.startswith(same))
        assert missing, f"nobody misses {gone}"


@pytest.mark.parametrize("more", [
    Grant("s3:GetObject", "*"), Grant("s3:*", "arn:aws:s3:::any/*"), Grant("states:*", "*"),
    Grant("lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:*"),
    Grant("lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:ecg-pipeline-write*"),
    Grant("states:StopExecution", f"arn:aws:states:{REGION}:{ACCOUNT}:execution:*:*"),
    Grant("sns:Publish", f"arn:aws:sns:{REGION}:{ACCOUNT}:another"),
])
def test_a_right_too_much_is_found(template, more):
    for name in MACHINES:
        assert judged(template, name, more=[more])[1], name


def test_a_denial_counts(template):
    for name in MACHINES:
        assert judged(template, name, more=[Grant("*", "*", allows=False)])[0]


def test_a_call_that_is_not_known_is_an_error(template):
    body = copy.deepcopy(machine(template, "ecg-pipeline"))
    body["DefinitionString"] = '{"States": {"New": {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:putItem"}}}'
    with pytest.raises(LookupError, match="dynamodb"):
        rights.needs(template, body)


def test_a_machine_is_run_by_step_functions_only(template):
    roles = template.of("AWS::IAM::Role")
    for name in MACHINES:
        [role] = [body for logical_id, body in roles.items() if logical_id.lower() == role_of(machine(template, name))]
        arn = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}"
        assert rights.trusts(role, "states.amazonaws.com", {"aws:SourceArn": arn, "aws:SourceAccount": ACCOUNT}), role


def test_each_rule_starts_its_machine_and_can_do_nothing_else(template):
    needed = rights.needs_of_rules(template)
    assert len(needed) == 2
    for role, needs in needed.items():
        assert rights.judge(needs, rights.grants(template, role)) == ([], [])
        [body] = [body for logical_id, body in template.of("AWS::IAM::Role").items() if logical_id.lower() == role]
        assert rights.trusts(body, "events.amazonaws.com", {})


def test_every_other_role_has_its_reason(template):
    here = {role_of(machine(template, name)) for name in MACHINES} | rights.needs_of_rules(template).keys()
    rest = {name for name in template.of("AWS::IAM::Role") if name.lower() not in here}
    assert {name for name in rest if not name.startswith(tuple(ELSEWHERE))} == set()


def test_services_are_let_in(template):
    needs, statements = rights.services_needs(template), rights.resource_statements(template)
    # Alarms through the topic and its key; S3 to the queue; EventBridge to the net's dead letters.
    assert {need.action for need in needs} == {"sns:Publish", "kms:Decrypt", "kms:GenerateDataKey", "sqs:SendMessage"}
    assert [need for need in needs if not rights.lets_in(statements, need)] == []


def test_no_service_is_let_in_that_need_not_be(template):
    needs = rights.services_needs(template)
    for statement in rights.resource_statements(template):
        if statement["Effect"] != "Allow" or statement["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}:
            continue
        for action in statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]:
            one = statement | {"Action": action}
            assert "*" not in action and any(rights.lets_in([one], need) for need in needs), one


@pytest.mark.parametrize("change", [
    {"aws:SourceAccount": "999999999999"},
    {"aws:SecureTransport": "false"},
])
def test_who_comes_otherwise_is_not_let_in(template, change):
    statements = rights.resource_statements(template)
    for need in rights.services_needs(template):
        context = dict(need.context)
        if context.keys() >= change.keys():
            other = rights.ServiceNeed(need.service, need.action, need.resource, tuple((context | change).items()))
            assert not rights.lets_in(statements, other), other
