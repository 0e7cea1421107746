"""Versions and aliases of state machines in CloudFormation, which ministack 1.5.33 does not make. Part of `corrected.py`.

As documented: a version is immutable, its Ref is its ARN, another StateMachineRevisionId makes a new one; an alias with a DeploymentPreference points to
the version that it names: it shifts the share of new executions, waits (its minutes are scaled like every other waiting), looks at its alarms every second,
and goes back when one of them is on. The alarms are those of the emulator's CloudWatch, which a test can set; metrics of executions do not reach them.
"""

import json
import time

from ministack.services import cloudwatch, stepfunctions
from ministack.services.cloudformation import provisioners, stacks

from . import workflows


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
    raise ValueError(f"{physical_id}: the description of a version cannot be changed")


def _version_delete(physical_id, props):
    _answered(stepfunctions._delete_state_machine_version({"stateMachineVersionArn": physical_id}))


def _routing(props) -> list[dict]:
    """What the alias routes to in the end."""
    if ("RoutingConfiguration" in props) == ("DeploymentPreference" in props):
        raise ValueError("expected one of RoutingConfiguration and DeploymentPreference")
    if "DeploymentPreference" in props:
        return [_to(props["DeploymentPreference"]["StateMachineVersionArn"], 100)]
    return [_to(route["StateMachineVersionArn"], int(route["Weight"])) for route in props["RoutingConfiguration"]]


def _to(version: str, weight: int) -> dict:
    return {"stateMachineVersionArn": version, "weight": weight}


def _alias_create(logical_id, props, stack_name):
    made = _answered(stepfunctions._create_state_machine_alias({
        "name": props["Name"], "description": props.get("Description", ""), "routingConfiguration": _routing(props)}))
    return made["stateMachineAliasArn"], {"Arn": made["stateMachineAliasArn"]}


def _alias_update(physical_id, old_props, new_props, stack_name):
    before = _answered(stepfunctions._describe_state_machine_alias({"stateMachineAliasArn": physical_id}))["routingConfiguration"]
    wanted, preference = _routing(new_props), new_props.get("DeploymentPreference", {"Type": "ALL_AT_ONCE"})
    # More than one version before means that somebody shares out by hand; AWS says nothing about that, and neither is it tried here.
    if wanted != before and preference["Type"] in ("CANARY", "LINEAR") and len(before) == 1:
        old, new = before[0]["stateMachineVersionArn"], wanted[0]["stateMachineVersionArn"]
        step = int(preference["Percentage"])
        for share in [step] if preference["Type"] == "CANARY" else range(step, 100, step):
            _route(physical_id, new_props, [_to(new, share), _to(old, 100 - share)])
            _watch(physical_id, new_props, before, preference)
    _route(physical_id, new_props, wanted)
    return physical_id, {"Arn": physical_id}


def _watch(physical_id, props, before, preference):
    end = time.monotonic() + int(preference["Interval"]) * 60 * workflows.scale()
    while time.monotonic() < end:
        for name in preference.get("Alarms", []):
            if cloudwatch._alarms.get(name, {}).get("StateValue") == "ALARM":
                _route(physical_id, props, before)
                raise ValueError(f"The alarm {name} went off during the deployment")
        time.sleep(min(1, max(0, end - time.monotonic())))


def _route(physical_id, props, routing):
    _answered(stepfunctions._update_state_machine_alias({
        "stateMachineAliasArn": physical_id, "description": props.get("Description", ""), "routingConfiguration": routing}))


def _alias_delete(physical_id, props):
    _answered(stepfunctions._delete_state_machine_alias({"stateMachineAliasArn": physical_id}))


def _publish_once(publish):
    """A revision that has a version is not published again: its version is the answer."""

    def publish_once(data):
        machine = stepfunctions._state_machines.get(data.get("stateMachineArn"), {})
        if (data.get("revisionId") or machine.get("revisionId")) == machine.get("revisionId"):
            for arn, version in list(stepfunctions._state_machine_versions.items()):
                if (version["stateMachineArn"], version["stateMachineRevisionId"]) == (machine.get("stateMachineArn"), machine["revisionId"]):
                    return stepfunctions.json_response({"stateMachineVersionArn": arn, "creationDate": version["creationDate"]})
        return publish(data)

    return publish_once


def install():
    """Makes CloudFormation know both."""
    version, alias = "AWS::StepFunctions::StateMachineVersion", "AWS::StepFunctions::StateMachineAlias"
    provisioners._RESOURCE_HANDLERS |= {
        version: {"create": _version_create, "update": _version_update, "update_with_logical_id": True, "delete": _version_delete},
        alias: {"create": _alias_create, "update": _alias_update, "delete": _alias_delete},
    }
    # "Update requires: Replacement".
    provisioners._REPLACING_PROPERTIES |= {version: ("StateMachineArn", "StateMachineRevisionId"), alias: ("Name",)}
    stepfunctions._publish_state_machine_version = _publish_once(stepfunctions._publish_state_machine_version)
    waits = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda kind: kind == alias or waits(kind)
