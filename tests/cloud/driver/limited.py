"""The quotas of quotas.py inside the emulator (corrected.py): of what Lambda, Step Functions and EventBridge do for one another.

A test sets them by way of a server on 127.0.0.1: PUT takes the limits or `null`, GET tells what was refused.
"""

import contextvars
import itertools
import json
import random
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ministack.services import eventbridge, lambda_svc, stepfunctions

from .quotas import ACCOUNT, SPEED, Limits

CONCURRENCY = "concurrency"
# The Java SDK has no class for it, which speaks for the second; nothing that AWS publishes says it. So both are told, in turn.
_THROTTLED_SFN = itertools.cycle(["Sfn.ThrottlingException", "Sfn.SfnException"])
_READS = ("get", "head", "list")
# Until when the messages of the batch that is being handed to its function stay invisible.
_visible_at: contextvars.ContextVar[float | None] = contextvars.ContextVar("visible_at", default=None)


def limit_the_account(port: int):
    """Makes the emulator ask the account, and listens for the quotas."""
    lambda_svc._execute_function = _polling(lambda_svc._execute_function)
    lambda_svc._run_sqs_batch = _until_visible(lambda_svc._run_sqs_batch)
    stepfunctions._call_lambda = _throttled_by_name(stepfunctions._call_lambda)
    stepfunctions._dispatch_aws_sdk_json = _asking_for_states(stepfunctions._dispatch_aws_sdk_json)
    stepfunctions._dispatch_aws_sdk_rest_xml = _asking_for_s3(stepfunctions._dispatch_aws_sdk_rest_xml)
    eventbridge._dispatch_to_stepfunctions = _trying_again(eventbridge._dispatch_to_stepfunctions)
    server = ThreadingHTTPServer(("127.0.0.1", port), _Control)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()


class _Control(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_PUT(self):
        value = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        limits = Limits.from_json(value) if value else None
        ACCOUNT.limit(limits)
        # 0 is the emulator's word for no limit.
        lambda_svc._ACCOUNT_CONCURRENCY_CAP = limits.concurrency if limits else 0
        self.send_response(204)
        self.end_headers()

    def do_GET(self):
        body = json.dumps(ACCOUNT.refused).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _throttled_by_name(call):
    """Step Functions reports a refused invocation as Lambda's error; the emulator as `Lambda.Unknown`."""

    def call_function(function, event):
        try:
            return call(function, event)
        except stepfunctions._ExecutionError as error:
            if '"__type": "TooManyRequestsException"' not in str(error.cause):
                raise
            ACCOUNT.refuse(CONCURRENCY)
            cause = f"Rate Exceeded. (Service: Lambda, Status Code: 429, Request ID: {uuid.uuid4()})"
            raise stepfunctions._ExecutionError("Lambda.TooManyRequestsException", cause) from None

    return call_function


def _until_visible(run):
    def run_batch(esm, function, event, batch, queue_url, queue_name):
        token = _visible_at.set(min(message["visible_at"] for message in batch))
        try:
            return run(esm, function, event, batch, queue_url, queue_name)
        finally:
            _visible_at.reset(token)

    return run_batch


def _polling(execute):
    """A batch from SQS whose function is throttled: Lambda "continues to retry the message until the message's timestamp exceeds
    your queue's visibility timeout". Then the messages are there again, each with a receive more. The pauses are an assumption."""

    def execute_function(function, event):
        pause = 1 / SPEED
        while True:
            result = execute(function, event)
            until = _visible_at.get()
            if not result.get("throttle") or until is None:
                return result
            ACCOUNT.refuse(f"{CONCURRENCY} of the queue")
            if time.time() + pause >= until:
                return result
            time.sleep(pause)
            pause = min(2 * pause, 60 / SPEED)

    return execute_function


def _asking_for_states(dispatch):
    def ask_and_dispatch(info, service, action, data):
        if service == "sfn" and not ACCOUNT.take(action[0].upper() + action[1:]):
            cause = f"Rate exceeded (Service: Sfn, Status Code: 400, Request ID: {uuid.uuid4()})"
            raise stepfunctions._ExecutionError(next(_THROTTLED_SFN), cause)
        return dispatch(info, service, action, data)

    return ask_and_dispatch


def _asking_for_s3(dispatch):
    def ask_and_dispatch(info, service, action, data):
        kind = "S3 read" if action.startswith(_READS) else "S3 write"
        if service == "s3" and not ACCOUNT.take(kind, data.get("Bucket", "")):
            cause = f"Please reduce your request rate. (Service: S3, Status Code: 503, Request ID: {uuid.uuid4().hex[:16].upper()})"
            raise stepfunctions._ExecutionError("S3.S3Exception", cause)
        return dispatch(info, service, action, data)

    return ask_and_dispatch


def _trying_again(dispatch):
    """EventBridge tries again for a day, up to 185 times, with growing pauses and jitter; the emulator tries once. How long the
    pauses are, nobody says: an assumption. What comes too late is lost here, and not put into the dead-letter queue."""

    def try_to_start(arn, payload):
        for tried in range(186):
            if ACCOUNT.take("StartExecution"):
                return dispatch(arn, payload)
            time.sleep(random.uniform(0, min(2 ** min(tried, 10), 600)) / SPEED)
        return None

    def start_beside(arn, payload):
        # Whoever put the event does not wait for its target.
        threading.Thread(target=contextvars.copy_context().run, args=(try_to_start, arn, payload), daemon=True).start()

    return start_beside
