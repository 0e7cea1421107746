"""Holds the calls that state machines make themselves against AWS's models: they do not come through the proxy.

In `aws-sdk:` and in the optimised integrations members are in PascalCase, whatever the service calls them, and times are texts. An
optimised integration takes and gives JSON where the service has a text.
"""

import json
import re
import threading
from collections import Counter
from functools import cache
from pathlib import Path

import botocore.parsers
import botocore.session

from . import models

# Where the calls are, in the emulator's folder.
FILE = "integrations.jsonl"
# Service and operation of the optimised integrations; the answer of a nested execution is its description.
_OPTIMISED = {
    "lambda:invoke": ("lambda", "Invoke", "Invoke"),
    "sns:publish": ("sns", "Publish", "Publish"),
    "states:startExecution.sync:2": ("stepfunctions", "StartExecution", "DescribeExecution"),
}
_SDK_NAMES = {"sfn": "stepfunctions"}


def judge(resource: str, arguments: dict, result: dict | None) -> tuple[str, list[str]]:
    """The call's name, and what is wrong with its arguments and, if it had one, its result."""
    name = resource.removeprefix("arn:aws:states:::")
    optimised = name in _OPTIMISED
    if optimised:
        service, asked, answered = _OPTIMISED[name]
    elif match := re.fullmatch(r"aws-sdk:(\w+):(\w+)", name):
        service = _SDK_NAMES.get(match[1], match[1])
        asked = answered = match[2][0].upper() + match[2][1:]
    elif name.startswith("arn:aws:lambda:"):
        # The function itself, in machines of the tests of the double: its input and output are anything.
        return "a function by its ARN", []
    else:
        return name, [f"not known what {name} calls"]
    model = _model(service)
    if asked not in model.operation_names:
        return name, [f"{service} has no operation {asked}"]
    wrong: list[str] = []
    members = _by_model(model.operation_model(asked).input_shape, arguments, asked, optimised, wrong)
    wrong += [f"arguments: {one}" for one in models.wrong_members(model.operation_model(asked), members)]
    if result is not None:
        members = _by_model(model.operation_model(answered).output_shape, result, answered, optimised, wrong)
        wrong += [f"result: {one}" for one in models.wrong_result(model.operation_model(answered), members)]
    return name, wrong


def typed(resource: str, result):
    """The result of a call of S3, with numbers and truth values as such: XML has texts only."""
    service, action = resource.split(":")[-2:]
    shape = _model(service).operation_model(action[0].upper() + action[1:]).output_shape
    return _typed(shape, result)


def _typed(shape, value):
    if shape is not None and isinstance(value, dict) and shape.type_name == "structure":
        return {key: _typed(shape.members.get(key), inner) for key, inner in value.items()}
    if shape is not None and isinstance(value, list) and shape.type_name == "list":
        return [_typed(shape.member, inner) for inner in value]
    if isinstance(value, str) and shape is not None:
        if shape.type_name in ("integer", "long"):
            return int(value)
        if shape.type_name == "boolean":
            return value == "true"
    return value


def judge_every_call(stepfunctions, folder: Path):
    """From now on."""
    invoke, error_type = stepfunctions._invoke_resource, stepfunctions._ExecutionError
    log = (folder / FILE).open("a", buffering=1)
    lock = threading.Lock()

    def note(resource, arguments, result):
        name, wrong = judge(resource, json.loads(json.dumps(arguments, default=str)), result)
        with lock:
            log.write(json.dumps({"call": name, "wrong": wrong, "arguments": str(arguments)[:1000]}) + "\n")

    def invoke_and_judge(resource, arguments):
        try:
            result = invoke(resource, arguments)
        except error_type:
            note(resource, arguments, None)
            raise
        note(resource, arguments, result)
        return result

    stepfunctions._invoke_resource = invoke_and_judge


def found(folder: Path) -> tuple[Counter, list[dict]]:
    """How often each call was made, and the lines of those with violations."""
    path = folder / FILE
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return Counter(line["call"] for line in lines), [line for line in lines if line["wrong"]]


@cache
def _model(service: str):
    return botocore.session.get_session().get_service_model(service)


def _by_model(shape, value, place: str, optimised: bool, wrong: list[str]):
    """The value with the service's own names of members."""
    if shape is None:
        return value
    if shape.type_name == "structure" and isinstance(value, dict):
        renamed = {}
        for key, inner in value.items():
            if not key[:1].isupper():
                wrong.append(f"{place}: {key}: Step Functions takes names in PascalCase only")
            own = key if key in shape.members else key[:1].lower() + key[1:]
            renamed[own] = _by_model(shape.members.get(own), inner, f"{place}.{key}", optimised, wrong)
        return renamed
    if shape.type_name == "list" and isinstance(value, list):
        return [_by_model(shape.member, inner, place, optimised, wrong) for inner in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: _by_model(shape.value, inner, place, optimised, wrong) for key, inner in value.items()}
    if shape.type_name == "timestamp" and isinstance(value, str):
        try:
            return botocore.parsers.parse_timestamp(value)
        except ValueError:
            return value
    if optimised and shape.type_name in ("string", "blob") and not isinstance(value, str):
        return json.dumps(value)
    return value
