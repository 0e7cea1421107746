"""The IAM actions that each function's role grants, and those that the calls of its binary need.

For S3 an action is told with its bucket: `s3:GetObject on raw`.
"""

import functools
import hashlib
import json
from urllib.parse import parse_qs, unquote, urlsplit

from .cloud import FUNCTIONS, STACK, STEPS_FILE, Cloud
from .proxy import Call

# X-Amz-Target begins with the protocol's name of the service; IAM has its own.
_IAM_NAMES = {"AWSStepFunctions": "states", "AWSGlue": "glue", "secretsmanager": "secretsmanager", "AmazonSQS": "sqs", "AmazonAthena": "athena"}


def granted(cloud: Cloud) -> dict[str, set[str]]:
    """What each function's role allows."""
    iam = cloud.client("iam")
    result = {}
    for function in FUNCTIONS:
        role = _configuration(cloud, function)["Role"].rsplit("/", 1)[1]
        documents = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
                     for name in iam.list_role_policies(RoleName=role)["PolicyNames"]]
        for attached in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
            arn = attached["PolicyArn"]
            version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            documents.append(iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"])
        result[function] = set().union(*(_allowed(cloud, document) for document in documents))
    return result


def called(cloud: Cloud) -> dict[str, set[str]]:
    """What the calls of each function need. Fails on a call that is not understood, or that no function made."""
    functions = callers(cloud)
    result = {function: set() for function in FUNCTIONS}
    for call in cloud.proxy.calls():
        result[functions[call.access_key_id][0]] |= _needed(cloud, call)
    return result


def callers(cloud: Cloud) -> dict[str, tuple[str, str]]:
    """Step and version by the key of the session that the emulator makes for it (ministack's core/lambda_runtime.py)."""
    found = {}
    for function in FUNCTIONS:
        pages = cloud.client("lambda").get_paginator("list_versions_by_function").paginate(FunctionName=f"{STACK}-{function}")
        for version in (version for page in pages for version in page["Versions"]):
            # Invoked without a version, the newest code has the ARN without one.
            for arn in {version["FunctionArn"], version["FunctionArn"].removesuffix(":$LATEST")}:
                digest = hashlib.sha256(f"{arn}:{version['Role']}".encode()).hexdigest()
                found[f"ASIA{digest[:16].upper()}"] = (function, version["Version"])
    return found


def listed(function: str) -> set[str]:
    """The rights in functions/steps.json, without the prefixes of objects."""
    rights = {**STEPS_FILE["every"]["rights"], **STEPS_FILE["steps"][function]["rights"]}
    return {f"{action} on {place.split('/')[0]}" if action.startswith("s3:") else action
            for place, actions in rights.items() for action in actions}


def _configuration(cloud: Cloud, function: str) -> dict:
    return cloud.client("lambda").get_function_configuration(FunctionName=f"{STACK}-{function}")


@functools.cache
def _buckets(cloud: Cloud) -> dict[str, str]:
    workgroup = cloud.client("athena").get_work_group(WorkGroup=cloud.outputs["WorkgroupName"])["WorkGroup"]
    results = urlsplit(workgroup["Configuration"]["ResultConfiguration"]["OutputLocation"]).netloc
    return {cloud.outputs[f"{name}BucketName"]: name.lower() for name in ("Raw", "Work", "Processed")} | {results: "results"}


def _allowed(cloud: Cloud, document: dict | str) -> set[str]:
    document = json.loads(document) if isinstance(document, str) else document
    statements = document["Statement"]
    found = set()
    for statement in statements if isinstance(statements, list) else [statements]:
        if statement["Effect"] == "Allow":
            actions, resources = (value if isinstance(value, list) else [value]
                                  for value in (statement["Action"], statement["Resource"]))
            for action in actions:
                if action.startswith("s3:"):
                    found |= {f"{action} on {_bucket(cloud, resource)}" for resource in resources}
                else:
                    found.add(action)
    return found


def _bucket(cloud: Cloud, resource: str) -> str:
    name = resource.removeprefix("arn:aws:s3:::").split("/")[0]
    return _buckets(cloud).get(name, resource)


def _needed(cloud: Cloud, call: Call) -> set[str]:
    if call.service == "s3":
        return _needed_of_s3(cloud, call)
    service, _, action = call.target.partition(".")
    return {f"{_IAM_NAMES[service.split('_')[0]]}:{action}"}


def _needed_of_s3(cloud: Cloud, call: Call) -> set[str]:
    bucket, _, key = call.path.lstrip("/").partition("/")
    bucket = _buckets(cloud)[bucket]
    query = parse_qs(call.query, keep_blank_values=True)
    if not key:
        return {f"s3:{'ListBucketVersions' if 'versions' in query else 'ListBucket'} on {bucket}"}
    match call.method:
        case "GET" | "HEAD":
            return {f"s3:{'GetObjectVersion' if 'versionId' in query else 'GetObject'} on {bucket}"}
        case "PUT" | "POST":
            needed = {f"s3:PutObject on {bucket}"}
            if call.copy_source:
                source = unquote(call.copy_source).lstrip("/").split("/")[0]
                needed.add(f"s3:GetObject on {_buckets(cloud)[source]}")
            return needed
        case "DELETE" if "uploadId" in query:
            return {f"s3:AbortMultipartUpload on {bucket}"}
        case "DELETE":
            return {f"s3:{'DeleteObjectVersion' if 'versionId' in query else 'DeleteObject'} on {bucket}"}
    raise LookupError(f"no action is known for {call}")
