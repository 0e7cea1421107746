"""Resource types that the emulator's CloudFormation does not know, made by the API that it does know (corrected.py).

`AWS::StepFunctions::StateMachineVersion` and `…Alias`, as the template reference describes them. A gradual deployment shifts the
share of new executions, waits, looks at its alarms every second and goes back when one of them is on; its minutes are scaled like
the Wait states. The alarms are those of the emulator's CloudWatch, which a test can set; metrics of executions do not reach them.
"""

import json
import time

from ministack.services import cloudwatch, stepfunctions
from ministack.services.cloudformation import provisioners, stacks

_VERSION = "AWS::StepFunctions::StateMachineVersion"
_ALIAS = "AWS::StepFunctions::StateMachineAlias"


def make_versions_and_aliases():
    """Adds the two types."""
    provisioners._RESOURCE_HANDLERS[_VERSION] = {
        "create": _create_version, "update": _update_version, "update_with_logical_id": True, "delete": _delete_version}
    provisioners._RESOURCE_HANDLERS[_ALIAS] = {"create": _create_alias, "update": _update_alias, "delete": _delete_alias}
    # "Update requires: Replacement".
    provisioners._REPLACING_PROPERTIES[_VERSION] = ("StateMachineArn", "StateMachineRevisionId")
    provisioners._REPLACING_PROPERTIES[_ALIAS] = ("Name",)
    blocks = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda kind: kind == _ALIAS or blocks(kind)


def _answer(response: tuple) -> dict:
    status, _, body = response
    answer = json.loads(body)
    if status >= 400:
        raise ValueError(f"{answer.get('__type')}: {answer.get('message')}")
    return answer


def _create_version(_logical_id, properties, _stack):
    data = {"stateMachineArn": properties["StateMachineArn"], "description": properties.get("Description", "")}
    if "StateMachineRevisionId" in properties:
        data["revisionId"] = properties["StateMachineRevisionId"]
    arn = _answer(stepfunctions._publish_state_machine_version(data))["stateMachineVersionArn"]
    return arn, {"Arn": arn}


def _update_version(arn, _old, _new, _stack, _logical_id=None):
    raise ValueError(f"{arn}: the description of a version cannot be changed")


def _delete_version(arn, _properties):
    _answer(stepfunctions._delete_state_machine_version({"stateMachineVersionArn": arn}))


def _routing(properties) -> list[dict]:
    """What the alias routes to in the end."""
    if ("RoutingConfiguration" in properties) == ("DeploymentPreference" in properties):
        raise ValueError("Exactly one of RoutingConfiguration and DeploymentPreference is to be given")
    if "DeploymentPreference" in properties:
        return [_to(properties["DeploymentPreference"]["StateMachineVersionArn"], 100)]
    return [_to(route["StateMachineVersionArn"], int(route["Weight"])) for route in properties["RoutingConfiguration"]]


def _to(version: str, weight: int) -> dict:
    return {"stateMachineVersionArn": version, "weight": weight}


def _create_alias(logical_id, properties, _stack):
    arn = _answer(stepfunctions._create_state_machine_alias({
        "name": properties.get("Name", logical_id), "description": properties.get("Description", ""),
        "routingConfiguration": _routing(properties)}))["stateMachineAliasArn"]
    return arn, {"Arn": arn}


def _update_alias(arn, _old, properties, _stack):
    before = _answer(stepfunctions._describe_state_machine_alias({"stateMachineAliasArn": arn}))["routingConfiguration"]
    wanted = _routing(properties)
    preference = properties.get("DeploymentPreference", {"Type": "ALL_AT_ONCE"})
    # More than one version before means a deployment by hand; AWS says nothing about that, and neither is it tried here.
    if wanted != before and preference["Type"] in ("CANARY", "LINEAR") and len(before) == 1:
        old, new = before[0]["stateMachineVersionArn"], wanted[0]["stateMachineVersionArn"]
        step = int(preference["Percentage"])
        shares = [step] if preference["Type"] == "CANARY" else range(step, 100, step)
        for share in shares:
            _route(arn, properties, [_to(new, share), _to(old, 100 - share)])
            _watch(arn, properties, before, preference)
    _route(arn, properties, wanted)
    return arn, {"Arn": arn}


def _watch(arn, properties, before, preference):
    end = time.monotonic() + int(preference["Interval"]) * 60 * stepfunctions._SFN_WAIT_SCALE
    while time.monotonic() < end:
        for name in preference.get("Alarms", []):
            if cloudwatch._alarms.get(name, {}).get("StateValue") == "ALARM":
                _route(arn, properties, before)
                raise ValueError(f"The alarm {name} went off during the deployment")
        time.sleep(min(1, max(0, end - time.monotonic())))


def _route(arn, properties, routing):
    _answer(stepfunctions._update_state_machine_alias({
        "stateMachineAliasArn": arn, "description": properties.get("Description", ""), "routingConfiguration": routing}))


def _delete_alias(arn, _properties):
    _answer(stepfunctions._delete_state_machine_alias({"stateMachineAliasArn": arn}))
