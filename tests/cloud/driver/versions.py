"""Versions and aliases of state machines in CloudFormation, which ministack 1.5.33 does not make. Part of `corrected.py`.

As documented: a version is immutable, its Ref is its ARN, another StateMachineRevisionId makes a new one; an alias with a DeploymentPreference points to
the version that it names. Gradual shifting takes minutes on AWS and is over at once here: what an alarm does meanwhile, no test shows.
"""

import json

from ministack.services import stepfunctions
from ministack.services.cloudformation import provisioners


def _answered(answer) -> dict:
    if answer[0] >= 400:
        raise ValueError(answer[2].decode())
    return json.loads(answer[2])


def _version_create(logical_id, props, stack_name):
    made = _answered(stepfunctions._publish_state_machine_version({
        "stateMachineArn": props["StateMachineArn"], "revisionId": props.get("StateMachineRevisionId"),
        "description": props.get("Description", "")}))
    return made["stateMachineVersionArn"], {"Arn": made["stateMachineVersionArn"]}


def _version_update(physical_id, old_props, new_props, stack_name, logical_id=None):
    if old_props == new_props:
        return physical_id, {"Arn": physical_id}
    return _version_create(logical_id, new_props, stack_name)


def _version_delete(physical_id, props):
    _answered(stepfunctions._delete_state_machine_version({"stateMachineVersionArn": physical_id}))


def _routing(props) -> list[dict]:
    preference = props.get("DeploymentPreference")
    if preference:
        return [{"stateMachineVersionArn": preference["StateMachineVersionArn"], "weight": 100}]
    return [{"stateMachineVersionArn": route["StateMachineVersionArn"], "weight": int(route["Weight"])}
            for route in props["RoutingConfiguration"]]


def _alias_create(logical_id, props, stack_name):
    made = _answered(stepfunctions._create_state_machine_alias({
        "name": props["Name"], "description": props.get("Description", ""), "routingConfiguration": _routing(props)}))
    return made["stateMachineAliasArn"], {"Arn": made["stateMachineAliasArn"]}


def _alias_update(physical_id, old_props, new_props, stack_name, logical_id=None):
    if old_props != new_props:
        _answered(stepfunctions._update_state_machine_alias({
            "stateMachineAliasArn": physical_id, "routingConfiguration": _routing(new_props)}))
    return physical_id, {"Arn": physical_id}


def _alias_delete(physical_id, props):
    _answered(stepfunctions._delete_state_machine_alias({"stateMachineAliasArn": physical_id}))


def install():
    """Makes CloudFormation know both."""
    provisioners._RESOURCE_HANDLERS |= {
        "AWS::StepFunctions::StateMachineVersion": {
            "create": _version_create, "update": _version_update, "update_with_logical_id": True, "delete": _version_delete},
        "AWS::StepFunctions::StateMachineAlias": {
            "create": _alias_create, "update": _alias_update, "update_with_logical_id": True, "delete": _alias_delete},
    }
