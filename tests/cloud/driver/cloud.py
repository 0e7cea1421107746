"""The pipeline, deployed on the emulator, and what a user or a test does with it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from . import assembly
from .deploy import client, deploy
from .ministack import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, Ministack
from .processes import wait_until
from .proxy import Proxy
from .quotas import Quotas
from .slack import SlackStub

STACK = "ecg-pipeline"
STEPS_FILE = json.loads((Path(__file__).resolve().parents[3] / "functions/steps.json").read_text())
FUNCTIONS = tuple(STEPS_FILE["steps"])
STEPS = tuple(name for name, step in STEPS_FILE["steps"].items() if step["in_workflow"])
DEADLINE_S = 90


@dataclass(frozen=True)
class Execution:
    """An execution as Step Functions describes it."""

    arn: str
    name: str
    status: str
    input: dict
    output: str | None
    error: str | None
    cause: str | None

    @property
    def recording_id(self) -> str:
        return self.input["recording_id"]


class Cloud:
    """Emulator, deployed stack, Slack, and the record of the functions' calls."""

    def __init__(self, cdk_out: Path, changed: Callable[[dict], None] = lambda template: None, environment: dict[str, str] | None = None):
        """`changed` changes the template before it is deployed; `environment` is for the emulator."""
        self._cdk_out = cdk_out
        self._changed = changed
        self.proxy = Proxy()
        self.emulator = Ministack(function_endpoint=self.proxy.endpoint, environment=environment)
        self.proxy.forward_to(self.emulator.endpoint)
        self.quotas = Quotas(self.emulator.folder / "quotas.json")
        self.proxy.hold_to(self.quotas.answer)
        self.slack = SlackStub(self.emulator.folder / "slack.log")
        self.outputs: dict[str, str] = {}
        self._clients: dict[str, object] = {}
        self._known: dict[str, Execution] = {}

    def start(self):
        """Starts everything, deploys, and tells the pipeline where Slack is."""
        self.emulator.start()
        stack = assembly.stack(self._cdk_out, STACK)
        self._changed(stack.template)
        self.deploy(stack)
        self.set_slack_secret({"SLACK_WEBHOOK_URL": self.slack.webhook})

    def deploy(self, stack: assembly.Stack):
        """Deploys the stack, over the one that is there."""
        try:
            self.outputs = deploy(self.emulator.endpoint, stack)
        except RuntimeError as error:
            # The emulator's events do not say why.
            raise RuntimeError(f"{error}\n{self.emulator.server.tail()}") from error
        self.stack = stack

    def stop(self):
        """Ends everything that was started."""
        self.emulator.stop()
        self.proxy.stop()
        self.slack.stop()

    # -- what the stack made

    def client(self, service: str):
        """A client as the emulator's root user."""
        if service not in self._clients:
            self._clients[service] = client(self.emulator.endpoint, service)
        return self._clients[service]

    @cached_property
    def raw_bucket(self) -> str:
        return self.outputs["RawBucketName"]

    @cached_property
    def state_machine(self) -> str:
        return self.outputs["StateMachineArn"]

    @cached_property
    def environment(self) -> dict[str, str]:
        """What a program needs to work on this cloud, and nothing of the caller's own AWS settings."""
        rest = {name: value for name, value in os.environ.items() if not name.upper().startswith("AWS_")}
        return rest | self.variables

    @property
    def variables(self) -> dict[str, str]:
        """The variables that any AWS program reads, and the names of the pipeline's parts."""
        return {
            "AWS_ENDPOINT_URL": self.emulator.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
            "RAW_BUCKET": self.raw_bucket,
            "WORK_BUCKET": self.outputs["WorkBucketName"],
            "PROCESSED_BUCKET": self.outputs["ProcessedBucketName"],
            "STATE_MACHINE_ARN": self.state_machine,
            "ATHENA_WORKGROUP": self.outputs["WorkgroupName"],
            "GLUE_DATABASE": self.outputs["DatabaseName"],
            "QUEUE_URL": self.outputs["QueueUrl"],
            "DEAD_LETTER_QUEUE_URL": self.outputs["DeadLetterQueueUrl"],
            "SLACK_LOG": str(self.slack.log),
            "EMULATOR_LOG": str(self.emulator.server.log),
        }

    def set_slack_secret(self, value: dict[str, str]):
        """The way to Slack from now on."""
        self.client("secretsmanager").put_secret_value(
            SecretId=self.outputs["SlackSecretName"], SecretString=json.dumps(value))

    # -- uploads

    def aws(self, *arguments: str) -> str:
        """What AWS's own command line prints."""
        # The module and not the script: that one may be missing from PATH.
        done = subprocess.run([sys.executable, "-m", "awscli", *arguments], env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"aws {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def put(self, key: str, body: bytes) -> str:
        """Uploads, and returns the version id."""
        return self.client("s3").put_object(Bucket=self.raw_bucket, Key=key, Body=body)["VersionId"]

    def objects(self, prefix: str) -> list[str]:
        """The keys of the tables' objects."""
        pages = self.client("s3").get_paginator("list_objects_v2").paginate(
            Bucket=self.outputs["ProcessedBucketName"], Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def forget_floods(self):
        """Removes what notify knows of failures."""
        s3, bucket = self.client("s3"), self.outputs["WorkBucketName"]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="notices/"):
            if page.get("Contents"):
                s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": entry["Key"]} for entry in page["Contents"]]})

    # -- executions

    def executions(self, prefix: str = "") -> list[Execution]:
        """Every execution whose upload's key begins with `prefix`."""
        states = self.client("stepfunctions")
        found = []
        for page in states.get_paginator("list_executions").paginate(stateMachineArn=self.state_machine, maxResults=1000):
            for listed in page["executions"]:
                execution = self._known.get(listed["executionArn"])
                # What has ended changes no more, unless it is redriven.
                if execution is None or execution.status != listed["status"]:
                    described = states.describe_execution(executionArn=listed["executionArn"])
                    execution = Execution(
                        arn=listed["executionArn"], name=described["name"], status=described["status"],
                        input=json.loads(described["input"]), output=described.get("output"),
                        error=described.get("error"), cause=described.get("cause"))
                    self._known[execution.arn] = execution
                # One that somebody started by hand may be about no upload.
                if execution.input.get("source", {}).get("key", "\0").startswith(prefix):
                    found.append(execution)
        return found

    def wait_for_executions(self, prefix: str, count: int, seconds: float = DEADLINE_S) -> list[Execution]:
        """The executions of the uploads under `prefix`, once there are `count` and all have ended."""

        def ended():
            found = self.executions(prefix)
            return found if len(found) >= count and all(one.status != "RUNNING" for one in found) else None

        return wait_until(f"{count} executions of {prefix!r} have ended", seconds, ended, lambda: self.explain(prefix), 0.2)

    def wait_for(self, key: str, seconds: float = DEADLINE_S) -> Execution:
        """The one execution of the upload of `key`, once it has ended."""
        found = [one for one in self.wait_for_executions(key, 1, seconds) if one.input["source"]["key"] == key]
        if len(found) != 1:
            raise AssertionError(f"{key}: {len(found)} executions\n{self.explain(key)}")
        return found[0]

    def succeeded(self, key: str, seconds: float = DEADLINE_S) -> Execution:
        """The one execution of the upload of `key`, which has to succeed."""
        execution = self.wait_for(key, seconds)
        if execution.status != "SUCCEEDED":
            raise AssertionError(self.explain(key))
        return execution

    # -- queues and functions

    def messages(self, queue_url: str) -> tuple[int, int]:
        """Messages that wait and messages that are under way."""
        attributes = self.client("sqs").get_queue_attributes(
            QueueUrl=queue_url,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"])["Attributes"]
        return (int(attributes["ApproximateNumberOfMessages"]), int(attributes["ApproximateNumberOfMessagesNotVisible"]))

    def invoke(self, function: str, event: dict) -> tuple[dict, bool]:
        """What the function of that step answers, and whether it failed."""
        answer = self.client("lambda").invoke(FunctionName=f"{STACK}-{function}", Payload=json.dumps(event).encode())
        return json.load(answer["Payload"]), "FunctionError" in answer

    def logs(self, function: str) -> list[str]:
        """What the function of that step has logged, in order."""
        logs = self.client("logs")
        group = f"/aws/lambda/{STACK}-{function}"
        configured = self.client("lambda").get_function_configuration(FunctionName=f"{STACK}-{function}")
        group = configured.get("LoggingConfig", {}).get("LogGroup", group)
        try:
            pages = list(logs.get_paginator("filter_log_events").paginate(logGroupName=group))
        except logs.exceptions.ResourceNotFoundException:
            return []
        events = [event for page in pages for event in page["events"]]
        return [event["message"] for event in sorted(events, key=lambda event: event["timestamp"])]

    # -- SQL

    def query(self, sql: str, seconds: float = DEADLINE_S) -> list[dict[str, str | None]]:
        """The rows that Athena answers, as texts by column."""
        athena = self.client("athena")
        query = athena.start_query_execution(
            QueryString=sql, WorkGroup=self.outputs["WorkgroupName"],
            QueryExecutionContext={"Database": self.outputs["DatabaseName"]})["QueryExecutionId"]

        def status() -> dict:
            return athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]

        wait_until(f"Athena answers {sql}", seconds, lambda: status()["State"] not in ("QUEUED", "RUNNING"), pause=0.05)
        if status()["State"] != "SUCCEEDED":
            raise RuntimeError(f"Athena: {status().get('StateChangeReason')}\n{sql}")
        rows = [[cell.get("VarCharValue") for cell in row["Data"]]
                for page in athena.get_paginator("get_query_results").paginate(QueryExecutionId=query)
                for row in page["ResultSet"]["Rows"]]
        return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]

    # -- what is needed to understand a failure

    def explain(self, prefix: str) -> str:
        """Queues, executions with their histories and what the functions said, for the uploads under `prefix`."""
        lines = [f"{name}: {self.messages(self.outputs[name])} messages (waiting, under way)"
                 for name in ("QueueUrl", "DeadLetterQueueUrl")]
        executions = self.executions(prefix)
        lines.append(f"{len(executions)} executions of {prefix!r}, "
                     f"{sum(one.status == 'RUNNING' for one in executions)} of them running")
        # Those that did not succeed first, and not all of a burst.
        for execution in sorted(executions, key=lambda one: one.status == "SUCCEEDED")[:3]:
            lines += [f"-- {execution.name}: {execution.status} {execution.error or ''} {execution.cause or ''}",
                      f"   input {json.dumps(execution.input)}"]
            history = self.client("stepfunctions").get_execution_history(executionArn=execution.arn, maxResults=1000)
            lines += ["   " + _told(event) for event in history["events"]]
            for function in FUNCTIONS:
                lines += [f"   {function}: {line[:500]}" for line in self.logs(function)
                          if execution.recording_id in line and '"level":"INFO"' not in line]
        if not executions:
            lines += [f"   start: {line[:600]}" for line in self.logs("start")[-20:]]
            lines.append(self.emulator.server.tail())
        return "\n".join(lines)


def _told(event: dict) -> str:
    """An event of a history in one line: its type, the state's name, and what went wrong."""
    details = next((value for key, value in event.items() if key.endswith("EventDetails")), {})
    said = [str(details[key])[:600] for key in ("name", "error", "cause") if details.get(key)]
    return " ".join([str(event["id"]), event["type"], *said])


def unique(name: str) -> str:
    """A key prefix that nobody used before."""
    return f"{name}-{time.time_ns():x}/"
