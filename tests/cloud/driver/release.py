"""Another release of a synthesised stack: the same template with other code, as a commit would give it."""

import copy
import json
import shutil
from dataclasses import replace
from pathlib import Path

from .assembly import Stack


def with_other_code(stack: Stack, folder: Path, name: str, bootstrap: dict[str, bytes] | None = None) -> Stack:
    """Every function has one more file beside its program, or the program from `bootstrap` by the name of its step.

    As CDK does it, other code has another key in the bucket, and the version of the function another logical id.
    """
    template = json.dumps(stack.template)
    steps = {body["Properties"]["Code"]["S3Key"]: body["Properties"]["FunctionName"].rsplit("-", 1)[1]
             for body in stack.template["Resources"].values() if body["Type"] == "AWS::Lambda::Function"}
    assets = []
    for asset in stack.assets:
        if asset.key in steps:
            source = folder / name / steps[asset.key]
            shutil.copytree(asset.source, source)
            (source / "release").write_text(name)
            if steps[asset.key] in (bootstrap or {}):
                (source / "bootstrap").write_bytes(bootstrap[steps[asset.key]])
            key = f"{name}-{asset.key}"
            template = template.replace(f'"{asset.key}"', f'"{key}"')
            asset = replace(asset, source=source, key=key)
        assets.append(asset)
    for logical_id, body in stack.template["Resources"].items():
        if body["Type"] == "AWS::Lambda::Version":
            template = template.replace(f'"{logical_id}"', f'"{logical_id}{name}"')
    return replace(stack, template=json.loads(template), assets=assets)


def with_canary_minutes(stack: Stack, minutes: int) -> Stack:
    """The alias takes so long to move all executions to a new version."""
    template = copy.deepcopy(stack.template)
    for body in template["Resources"].values():
        if body["Type"] == "AWS::StepFunctions::StateMachineAlias":
            body["Properties"]["DeploymentPreference"]["Interval"] = minutes
    return replace(stack, template=template)
