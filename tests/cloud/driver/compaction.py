"""Compaction: its machine, the registers of days, and where the catalog has their partitions."""

import json
import os
import signal
import time
from datetime import datetime, timezone
from pathlib import Path

from .cloud import STACK, Cloud
from .processes import wait_until

TABLES = ("segments", "beats", "recordings", "rejections")
DAY_MS = 24 * 3_600_000


def machine(cloud: Cloud) -> str:
    """Its ARN. The stack has no output for it."""
    return cloud.state_machine.replace(f":stateMachine:{STACK}", f":stateMachine:{STACK}-compact")


def start(cloud: Cloud, **settings) -> str:
    """Starts the machine, as its rule does, and returns the execution."""
    return cloud.client("stepfunctions").start_execution(stateMachineArn=machine(cloud), input=json.dumps(settings))["executionArn"]


def ended(cloud: Cloud, arn: str, seconds: float = 90) -> dict:
    """The description of an execution once it has ended, with its output read."""
    states = cloud.client("stepfunctions")

    def description():
        found = states.describe_execution(executionArn=arn)
        return found if found["status"] != "RUNNING" else None

    found = wait_until("the compaction has ended", seconds, description, lambda: explain(cloud, arn), 0.05)
    return found | {"days": json.loads(found["output"]) if found["status"] == "SUCCEEDED" else None}


def compact(cloud: Cloud, **settings) -> list[dict]:
    """Runs the machine, which has to succeed: what became of each day."""
    found = ended(cloud, arn := start(cloud, **settings))
    if found["status"] != "SUCCEEDED":
        raise AssertionError(explain(cloud, arn))
    return found["days"]


def explain(cloud: Cloud, arn: str) -> str:
    """What the execution and the function said."""
    found = cloud.client("stepfunctions").describe_execution(executionArn=arn)
    history = cloud.client("stepfunctions").get_execution_history(executionArn=arn, maxResults=1000)["events"]
    lines = [f"{found['status']} {found.get('error')} {found.get('cause')}"]
    lines += [json.dumps(event, default=str)[:600] for event in history[-20:]]
    return "\n".join([*lines, *(line[:600] for line in cloud.logs("compact")[-20:])])


def kill(cloud: Cloud) -> int:
    """Ends the processes of the function at once, as a machine that fails does, and says how many. 0 where there is no /proc."""
    killed = 0
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((place / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if parent == cloud.emulator.server.process.pid and f"AWS_LAMBDA_FUNCTION_NAME={STACK}-compact\0" in (place / "environ").read_text():
                os.kill(int(place.name), signal.SIGKILL)
                killed += 1
        except (OSError, UnicodeDecodeError):
            continue
    return killed


def register(cloud: Cloud, day: str) -> dict | None:
    """What is recorded of the day."""
    return _read(cloud, day)[0]


def write_register(cloud: Cloud, day: str, change):
    """Changes the register, as `change` does with what it gets; again, where something else changed it meanwhile."""
    s3, bucket = cloud.client("s3"), cloud.outputs["ProcessedBucketName"]
    for _ in range(50):
        found, etag = _read(cloud, day)
        if found is None:
            return
        change(found)
        try:
            s3.put_object(Bucket=bucket, Key=_key(day), Body=json.dumps(found), IfMatch=etag)
            return
        except s3.exceptions.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (409, 412):
                raise
    raise TimeoutError(f"the register of {day} changes all the time")


def let_days_pass(cloud: Cloud, day: str, days: int = 1):
    """Makes all that the register waits for a thing of the past. Nobody may be moving partitions meanwhile."""

    def earlier(found: dict):
        found["since_ms"] -= days * DAY_MS
        found["left"] = {number: since - days * DAY_MS for number, since in found.get("left", {}).items()}

    write_register(cloud, day, earlier)


def let_listed_count(cloud: Cloud, day: str):
    """Takes the listing of the newest generation for what it was: compaction counts it as a minute earlier, because clocks of S3 differ.
    Once for each generation."""
    write_register(cloud, day, lambda found: found.update(listed_ms=found["listed_ms"] + 60_000))


def locations(cloud: Cloud, day: str) -> dict[str, str]:
    """Where each table's partition is: `small`, or the generation's number."""
    glue, found = cloud.client("glue"), {}
    for table in TABLES:
        partitions = glue.get_partitions(DatabaseName=cloud.outputs["DatabaseName"], TableName=table)["Partitions"]
        for partition in partitions:
            if partition["Values"] == [day]:
                place = partition["StorageDescriptor"]["Location"].removeprefix(f"s3://{cloud.outputs['ProcessedBucketName']}/")
                below = f"compact/{table}/dt={day}/"
                assert place.startswith(below) or place == f"{table}/dt={day}/", place
                found[table] = place.removeprefix(below).strip("/") if place.startswith(below) else "small"
    return found


def upload(cloud: Cloud, key: str, body: bytes, day: str) -> str:
    """Uploads as on that day, at noon: S3's notification, which has to be off, is sent with another time. Returns the key."""
    version = cloud.put(key, body)
    head = cloud.client("s3").head_object(Bucket=cloud.raw_bucket, Key=key)
    at = datetime.fromisoformat(day).replace(hour=12, tzinfo=timezone.utc)
    record = {
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1", "eventName": "ObjectCreated:Put",
        "eventTime": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "s3": {
            "s3SchemaVersion": "1.0", "bucket": {"name": cloud.raw_bucket, "arn": f"arn:aws:s3:::{cloud.raw_bucket}"},
            # Keys here have no character that S3 would encode.
            "object": {"key": key, "size": head["ContentLength"], "eTag": head["ETag"].strip('"'), "versionId": version,
                       "sequencer": f"{time.time_ns():X}"},
        },
    }
    cloud.client("sqs").send_message(QueueUrl=cloud.outputs["QueueUrl"], MessageBody=json.dumps({"Records": [record]}))
    return key


def rerun(cloud: Cloud, execution, number: int) -> str:
    """Starts a deliberate rerun of that execution's recording, and returns its ARN."""
    name = f"{execution.recording_id}-r{number}"
    return cloud.client("stepfunctions").start_execution(
        stateMachineArn=cloud.state_machine, name=name,
        input=json.dumps(execution.input | {"rerun": {"number": number, "reason": "asked for"}}))["executionArn"]


def _key(day: str) -> str:
    return f"compact/days/{day}.json"


def _read(cloud: Cloud, day: str) -> tuple[dict | None, str]:
    s3 = cloud.client("s3")
    try:
        found = s3.get_object(Bucket=cloud.outputs["ProcessedBucketName"], Key=_key(day))
    except s3.exceptions.NoSuchKey:
        return None, ""
    return json.loads(found["Body"].read()), found["ETag"]
