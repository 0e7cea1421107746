"""What the emulator makes of the synthesised stack."""

import json

import pytest
from driver.cloud import FUNCTIONS, STACK
from driver.deploy import client
from driver.gaps import LEFT_OUT, LEFT_OUT_BY_SETTING, LEFT_OUT_WITH, REF_MEANS, deployable
from driver.processes import wait_until

OUTPUTS = {
    "RawBucketName", "WorkBucketName", "ProcessedBucketName", "StateMachineArn", "StateMachineAliasArn", "StateMachineVersionArn",
    "BackfillStateMachineArn", "WorkgroupName",
    "DatabaseName", "QueueUrl", "DeadLetterQueueUrl", "SlackSecretName", "NetStateMachineArn", "NetDeadLetterQueueUrl",
    "AlertTopicArn", "DashboardName", "AnalystPolicyArn",
}


def made(cloud, name, template) -> dict:
    """The stack that CloudFormation makes of the template, deleted at once."""
    cloudformation = client(cloud.emulator.endpoint, "cloudformation")
    try:
        cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
        return wait_until(
            f"stack {name} has ended", 30,
            lambda: next((stack for stack in cloudformation.describe_stacks(StackName=name)["Stacks"]
                          if not stack["StackStatus"].endswith("IN_PROGRESS")), None))
    except cloudformation.exceptions.ClientError as error:
        return {"StackStatus": "REFUSED", "StackStatusReason": str(error)}
    finally:
        cloudformation.delete_stack(StackName=name)


def test_the_outputs(cloud):
    assert OUTPUTS <= cloud.outputs.keys()


def test_every_other_resource_was_made(cloud):
    template, _ = deployable(cloud.stack.template)
    pages = cloud.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK)
    status = {resource["LogicalResourceId"]: resource["ResourceStatus"] for page in pages for resource in page["StackResourceSummaries"]}
    assert {name: status.get(name) for name in template["Resources"]} == dict.fromkeys(template["Resources"], "CREATE_COMPLETE")


def test_every_other_resource_of_every_setting_was_made(everything):
    template, _ = deployable(everything.stack.template)
    pages = everything.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK)
    status = {resource["LogicalResourceId"]: resource["ResourceStatus"] for page in pages for resource in page["StackResourceSummaries"]}
    assert {name: status.get(name) for name in template["Resources"]} == dict.fromkeys(template["Resources"], "CREATE_COMPLETE")
    assert {"AnalystPolicyArn", "UploaderPolicyArns", "ObjectLockDays"} <= everything.outputs.keys()


def test_the_functions_are_what_was_built(cloud):
    for function in FUNCTIONS:
        made_of = cloud.client("lambda").get_function_configuration(FunctionName=f"{STACK}-{function}")
        assert (made_of["Runtime"], made_of["Handler"]) == ("provided.al2023", "bootstrap"), function
        assert made_of["CodeSize"] > 1_000_000, f"{function}: a stub?"


@pytest.mark.parametrize("machine", ["StateMachineArn", "BackfillStateMachineArn", "NetStateMachineArn"])
def test_every_placeholder_of_the_workflow_was_filled(cloud, machine):
    definition = cloud.client("stepfunctions").describe_state_machine(stateMachineArn=cloud.outputs[machine])["definition"]
    assert "${" not in definition
    assert json.loads(definition)["States"]


@pytest.mark.parametrize("kind, name", [*((kind, None) for kind in LEFT_OUT), *LEFT_OUT_WITH])
def test_what_is_left_out_is_still_impossible(cloud, kind, name):
    still_impossible(cloud, cloud.stack.template, kind, name)


@pytest.mark.parametrize("kind", LEFT_OUT_BY_SETTING)
def test_what_is_left_out_of_every_setting_is_still_impossible(everything, kind):
    still_impossible(everything, everything.stack.template, kind)


def still_impossible(cloud, template, kind, name=None):
    bodies = [body for body in template["Resources"].values() if body["Type"] == kind and (name is None or name in body["Properties"])]
    assert bodies, f"the template has no {kind} with {name} any more: take it from the list"
    result = made(cloud, "still-impossible", {"Resources": {"One": {"Type": kind, "Properties": literal(bodies[0]["Properties"])}}})
    assert result["StackStatus"] != "CREATE_COMPLETE", f"the emulator makes {kind} now: take it from the list"


@pytest.mark.parametrize("kind", REF_MEANS)
def test_what_ref_means_is_still_wrong(cloud, kind):
    assert any(body["Type"] == kind for body in cloud.stack.template["Resources"].values()), f"no {kind}: take it from the list"
    attribute, _ = REF_MEANS[kind]
    result = made(cloud, "still-wrong", {
        "Resources": {"One": {"Type": kind, "Properties": {}}},
        "Outputs": {"Ref": {"Value": {"Ref": "One"}}, "Right": {"Value": {"Fn::GetAtt": ["One", attribute]}}}})
    outputs = {output["OutputKey"]: output["OutputValue"] for output in result["Outputs"]}
    assert outputs["Ref"] != outputs["Right"], f"Ref of {kind} is right now: take it from the list"


def literal(value):
    """The value with a text in the place of each reference."""
    if isinstance(value, dict):
        if len(value) == 1 and (next(iter(value)) == "Ref" or next(iter(value)).startswith("Fn::")):
            return "reference"
        return {key: literal(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [literal(inner) for inner in value]
    return value
