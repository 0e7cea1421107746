"""The cloud assembly: what `cdk synth` leaves in cdk.out."""

import json
from dataclasses import dataclass
from pathlib import Path

from .ministack import ACCOUNT, REGION


@dataclass(frozen=True)
class Asset:
    """A file or a folder that the stack refers to, and where it expects it."""

    source: Path
    zipped: bool
    bucket: str
    key: str


@dataclass(frozen=True)
class Stack:
    """A synthesised stack."""

    name: str
    template: dict
    assets: list[Asset]
    bootstrap_version: int


def stacks(assembly: Path) -> list[Stack]:
    """Every stack of the assembly."""
    manifest = json.loads((assembly / "manifest.json").read_text())
    found = []
    for name, artifact in manifest["artifacts"].items():
        if artifact["type"] == "aws:cloudformation:stack":
            properties = artifact["properties"]
            found.append(Stack(
                name=properties.get("stackName", name),
                template=json.loads((assembly / properties["templateFile"]).read_text()),
                assets=[asset for dependency in artifact.get("dependencies", [])
                        for asset in _assets(assembly, manifest["artifacts"][dependency])],
                bootstrap_version=properties.get("requiresBootstrapStackVersion", 6),
            ))
    return found


def stack(assembly: Path, name: str) -> Stack:
    """The stack of this name."""
    all_stacks = stacks(assembly)
    for candidate in all_stacks:
        if candidate.name == name:
            return candidate
    raise LookupError(f"{assembly}: no stack {name}, only {[candidate.name for candidate in all_stacks]}")


def _assets(assembly: Path, artifact: dict) -> list[Asset]:
    if artifact["type"] != "cdk:asset-manifest":
        return []
    manifest = json.loads((assembly / artifact["properties"]["file"]).read_text())
    return [
        Asset(
            source=assembly / asset["source"]["path"],
            zipped=asset["source"]["packaging"] == "zip",
            bucket=_here(destination["bucketName"]),
            key=_here(destination["objectKey"]),
        )
        for asset in manifest["files"].values()
        for destination in asset["destinations"].values()
    ]


def _here(text: str) -> str:
    """The placeholders that the CDK's command line would fill."""
    for placeholder, value in {"AWS::AccountId": ACCOUNT, "AWS::Region": REGION, "AWS::Partition": "aws"}.items():
        text = text.replace(f"${{{placeholder}}}", value)
    return text
