"""Deploys a synthesised stack, as the CDK's command line does: assets first, then CloudFormation."""

import io
import json
import os
import zipfile
from pathlib import Path

import boto3
from botocore.config import Config

from .assembly import Asset, Stack
from .gaps import deployable
from .ministack import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY
from .processes import wait_until


def client(endpoint: str, service: str):
    """A client as the emulator's root user."""
    return boto3.client(
        service, endpoint_url=endpoint, region_name=REGION, aws_access_key_id=ACCESS_KEY_ID,
        aws_secret_access_key=SECRET_ACCESS_KEY,
        config=Config(max_pool_connections=64, retries={"mode": "standard", "max_attempts": 3},
                      s3={"addressing_style": "path"}),
    )


def deploy(endpoint: str, stack: Stack, seconds: float = 120) -> dict[str, str]:
    """Deploys the stack, anew or over what is there, and returns its outputs. Fails with the events of what could not be made."""
    _bootstrap(endpoint, stack)
    template, _ = deployable(stack.template)
    s3 = client(endpoint, "s3")
    bucket = stack.assets[0].bucket
    key = f"{stack.name}.template.json"
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(template).encode())
    cloudformation = client(endpoint, "cloudformation")
    try:
        cloudformation.describe_stacks(StackName=stack.name)
        verb, make = "UPDATE", cloudformation.update_stack
    except cloudformation.exceptions.ClientError as error:
        if "does not exist" not in str(error):
            raise
        verb, make = "CREATE", cloudformation.create_stack
    make(StackName=stack.name, TemplateURL=f"{endpoint}/{bucket}/{key}", Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"])

    def state() -> dict:
        return cloudformation.describe_stacks(StackName=stack.name)["Stacks"][0]

    def events() -> str:
        found = cloudformation.describe_stack_events(StackName=stack.name)["StackEvents"]
        return "\n".join(
            f"{event['ResourceStatus']} {event['ResourceType']} {event['LogicalResourceId']}: "
            f"{event.get('ResourceStatusReason', '')}"
            for event in found if "FAILED" in event["ResourceStatus"] or "ROLLBACK" in event["ResourceStatus"])

    wait_until(f"stack {stack.name} is made", seconds, lambda: not state()["StackStatus"].endswith("IN_PROGRESS"), events)
    if state()["StackStatus"] != f"{verb}_COMPLETE":
        raise RuntimeError(f"stack {stack.name}: {state()['StackStatus']}\n{events()}")
    return {output["OutputKey"]: output["OutputValue"] for output in state().get("Outputs", [])}


def _bootstrap(endpoint: str, stack: Stack):
    """What `cdk bootstrap` and the upload of assets leave behind."""
    client(endpoint, "ssm").put_parameter(
        Name="/cdk-bootstrap/hnb659fds/version", Value=str(max(stack.bootstrap_version, 30)), Type="String", Overwrite=True)
    s3 = client(endpoint, "s3")
    for bucket in {asset.bucket for asset in stack.assets}:
        s3.create_bucket(Bucket=bucket)
    for asset in stack.assets:
        s3.put_object(Bucket=asset.bucket, Key=asset.key, Body=_content(asset))


def _content(asset: Asset) -> bytes:
    if not asset.zipped:
        return asset.source.read_bytes()
    buffer = io.BytesIO()
    # Not compressed: nothing travels, and development builds of the functions are big.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for folder, _, names in os.walk(asset.source):
            for name in sorted(names):
                path = Path(folder, name)
                archive.write(path, path.relative_to(asset.source))
    return buffer.getvalue()
