"""How executions live on AWS and not in the emulator: versions, time limits, delays between attempts, redrives.

Runs inside the emulator (corrected.py). Time is scaled as for its Wait states: a Wait and the delay of a retrier last SFN_WAIT_SCALE
of what they say, with MaxDelaySeconds and full jitter. The limits (TimeoutSeconds of a machine and of a Task) count real seconds,
since what functions do takes as long as it takes: an execution here has more time for waiting than on AWS, never less.

Not told by the documentation, and assumed: a redriven state is not entered once more in the history.
"""

import contextvars
import copy
import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from datetime import datetime, timedelta, timezone

from ministack.services import stepfunctions

from . import quotas

_EVENTS_MAX = 25_000
_REDRIVABLE = timedelta(days=14)
_TOKENS_KEPT = 10
_TOKEN_LIFE_S = 900
# Version, alias and definition of the execution that is being started: its thread may run before it is returned.
_starting: contextvars.ContextVar[dict | None] = contextvars.ContextVar("starting", default=None)
_attempt: contextvars.ContextVar["Attempt | None"] = contextvars.ContextVar("attempt", default=None)
_HANDLERS = {
    "Pass": stepfunctions._execute_pass, "Task": stepfunctions._execute_task, "Choice": stepfunctions._execute_choice,
    "Wait": stepfunctions._execute_wait, "Parallel": stepfunctions._execute_parallel, "Map": stepfunctions._execute_map,
}


class Ended(Exception):
    """The execution is over from outside of its states: no Retry and no Catch sees that."""

    def __init__(self, status: str, cause: str | None = None):
        super().__init__(status)
        self.status = status
        self.cause = cause


class Attempt:
    """One run of an execution: from its start or a redrive to its end."""

    def __init__(self, execution: dict, limit_s: float | None):
        self.execution = execution
        self._deadline = None if limit_s is None else time.monotonic() + limit_s
        self.stopped = threading.Event()

    def left(self, seconds: float) -> tuple[float, bool]:
        """How much of these seconds the time limit leaves, and whether it is less."""
        if self._deadline is None:
            return seconds, False
        left = max(0.0, self._deadline - time.monotonic())
        return (left, True) if left <= seconds else (seconds, False)

    def sleep(self, seconds: float):
        """Waits, unless the execution ends meanwhile."""
        seconds, too_long = self.left(seconds)
        if self.stopped.wait(seconds):
            raise Ended("ABORTED")
        if too_long:
            raise Ended("TIMED_OUT")


def correct():
    """Makes the emulator's executions live so."""
    stepfunctions._run_execution = run
    stepfunctions._start_execution = _start
    stepfunctions._invoke_nested_start_execution_sync = _start_and_wait
    stepfunctions._stop_execution = _stopping(stepfunctions._stop_execution)
    stepfunctions._add_event = _adding(stepfunctions._add_event)
    stepfunctions._scaled_sleep = _sleep
    stepfunctions._find_matching_retrier = _waiting_between_attempts(stepfunctions._find_matching_retrier)
    stepfunctions._invoke_resource_with_timeout = _invoke_within
    stepfunctions._describe_execution = _described(stepfunctions._describe_execution)
    stepfunctions._list_executions = _listed(stepfunctions._list_executions)
    stepfunctions._describe_state_machine_for_execution = _machine_of
    stepfunctions._publish_state_machine_version = _publishing_once(stepfunctions._publish_state_machine_version)
    stepfunctions.handle_request = _handling(stepfunctions.handle_request)
    stepfunctions._prefix_sdk_error = _named_as_in_java(stepfunctions._prefix_sdk_error)


# -- start


def _pinned(arn: str) -> dict | None:
    """What an execution that is started through this ARN runs until its end; `None` if there is no such machine."""
    alias = stepfunctions._state_machine_aliases.get(arn)
    version_arn = arn
    if alias:
        routing = alias["routingConfiguration"]
        [version_arn] = random.choices([to["stateMachineVersionArn"] for to in routing], [to["weight"] for to in routing])
    version = stepfunctions._state_machine_versions.get(version_arn)
    machine = version or stepfunctions._state_machines.get(arn)
    if machine is None:
        return None
    return {
        "_alias": arn if alias else None, "_version": version_arn if version else None, "_definition": machine["definition"],
        "_role": machine["roleArn"], "_revision": machine.get("revisionId") or machine.get("stateMachineRevisionId"),
    }


def _execution_arn(data: dict) -> str:
    machine = stepfunctions._resolve_state_machine_arn(data.get("stateMachineArn", "")) or ""
    return f"{machine.replace(':stateMachine:', ':execution:')}:{data.get('name')}"


_start_without_pins = stepfunctions._start_execution


def _start(data: dict):
    """The name and the input of an execution that still runs succeed again on AWS; the emulator refuses every name twice."""
    arn = data.get("stateMachineArn", "")
    pinned = _pinned(arn)
    running = stepfunctions._executions.get(_execution_arn(data))
    if running and running["status"] == "RUNNING" and running["input"] == data.get("input", "{}"):
        # On AWS also the version or the alias has to be the same.
        if (running.get("_alias") or running.get("_version") or running["stateMachineArn"]) == arn:
            return stepfunctions.json_response({"executionArn": running["executionArn"], "startDate": running["startDate"]})
    token = _starting.set(pinned)
    try:
        return _start_without_pins(data)
    finally:
        _starting.reset(token)


def _start_and_wait(resource: str, input_data: dict) -> dict:
    """A name that was there before is refused by AWS; the emulator runs it again, over the first.

    And an execution that fails is `States.TaskFailed` on AWS, with its description as the cause; the emulator passes the
    error of the execution on, and tells EventBridge nothing of it.
    """
    request = stepfunctions._nested_start_execution_request(input_data)
    if not quotas.ACCOUNT.take("StartExecution"):
        raise stepfunctions._ExecutionError("StepFunctions.ThrottlingException", "Rate exceeded")
    status, _, body = _start(request)
    answer = json.loads(body)
    if status >= 400:
        error = answer["__type"].removesuffix("Exception")
        raise stepfunctions._ExecutionError(f"StepFunctions.{error}Exception", answer["message"])
    execution = stepfunctions._executions[answer["executionArn"]]
    while execution["status"] == "RUNNING":
        _sleep(0.1 / max(stepfunctions._SFN_WAIT_SCALE, 0.001))
    description = {
        "ExecutionArn": execution["executionArn"], "Input": execution["input"], "InputDetails": {"Included": True},
        "Name": execution["name"], "StartDate": execution["startDate"], "StateMachineArn": execution["stateMachineArn"],
        "Status": execution["status"], "StopDate": execution["stopDate"],
    }
    if execution["status"] != "SUCCEEDED":
        described = {name: execution.get(name.lower()) for name in ("Error", "Cause") if execution.get(name.lower())}
        raise stepfunctions._ExecutionError("States.TaskFailed", json.dumps(description | described))
    output = execution["output"]
    return description | {"Output": json.loads(output) if resource.endswith(".sync:2") else output, "OutputDetails": {"Included": True}}


# -- run


def run(arn: str, redriven: bool = False):
    """Walks through the states of the definition that the execution began with; after a redrive from where it stood."""
    execution = stepfunctions._executions.get(arn)
    if not execution:
        return
    if not redriven:
        execution.update(_starting.get() or _pinned(execution["stateMachineArn"]) or {})
        execution.setdefault("_lock", threading.Lock())
    if "_definition" not in execution:
        stepfunctions._fail_execution(execution, "StateMachineDeleted", "State machine no longer exists")
        return
    definition = json.loads(execution["_definition"])
    attempt = Attempt(execution, definition.get("TimeoutSeconds"))
    execution["_attempt"] = attempt
    token = _attempt.set(attempt)
    try:
        output = json.dumps(_walk(execution, definition, redriven))
        _end(execution, attempt, "ExecutionSucceeded", {"output": output}, status="SUCCEEDED", output=output)
    except Ended as end:
        if end.status == "TIMED_OUT":
            _end(execution, attempt, "ExecutionTimedOut", {}, status="TIMED_OUT")
        elif end.status == "FAILED":
            _fail(execution, attempt, "States.Runtime", end.cause)
    except stepfunctions._ExecutionError as error:
        _fail(execution, attempt, error.error, error.cause)
    except Exception as error:
        stepfunctions.logger.exception("Unexpected error in execution %s", arn)
        _fail(execution, attempt, "States.Runtime", str(error))
    finally:
        _attempt.reset(token)


def _walk(execution: dict, definition: dict, redriven: bool):
    states = definition["States"]
    if redriven:
        name, current, variables = execution["_at"]
    else:
        name, current, variables = definition["StartAt"], json.loads(execution["input"]), {}
    ctx = {
        "QueryLanguage": definition.get("QueryLanguage", "JSONPath"),
        "Execution": {"Id": execution["executionArn"], "Input": json.loads(execution["input"]), "Name": execution["name"],
                      "StartTime": execution["startDate"], "RedriveCount": execution.get("redriveCount", 0)},
        "StateMachine": {"Id": execution["stateMachineArn"], "Name": execution["stateMachineArn"].rsplit(":", 1)[-1]},
        "variables": copy.deepcopy(variables),
    }
    entered = redriven
    while name:
        state = states[name]
        kind = state["Type"]
        execution["_at"] = (name, current, copy.deepcopy(ctx["variables"]))
        execution["_attempt"].sleep(0)
        ctx["State"] = {"Name": name, "EnteredTime": stepfunctions.now_iso(), "RetryCount": 0}
        if not entered:
            stepfunctions._add_event(execution, f"{kind}StateEntered", {
                "stateEnteredEventDetails": {"name": name, "input": json.dumps(current)}})
        entered = False
        if kind == "Fail":
            raise stepfunctions._ExecutionError(*stepfunctions._fail_state_error(state, current, ctx))
        if kind == "Succeed":
            current = stepfunctions._apply_output_path(state, stepfunctions._apply_input_path(state, current, ctx), ctx)
            following = None
        elif kind in ("Task", "Parallel", "Map"):
            current, following = _HANDLERS[kind](state, current, execution, ctx)
        else:
            current, following = _HANDLERS[kind](state, current, ctx)
        stepfunctions._add_event(execution, f"{kind}StateExited", {
            "stateExitedEventDetails": {"name": name, "output": json.dumps(current)}})
        name = following
    return current


def _fail(execution: dict, attempt: Attempt, error: str, cause: str):
    _end(execution, attempt, "ExecutionFailed", {"error": error, "cause": cause}, status="FAILED", error=error, cause=cause)


def _end(execution: dict, attempt: Attempt, kind: str, details: dict, **outcome: str):
    with execution["_lock"]:
        # Somebody may have stopped it meanwhile, or even have it redriven.
        if execution["status"] != "RUNNING" or execution["_attempt"] is not attempt or attempt.stopped.is_set():
            return
        attempt.stopped.set()
        execution.update(stopDate=stepfunctions.now_iso(), **outcome)
        _event(execution, kind, {f"{kind[0].lower()}{kind[1:]}EventDetails": details})
    stepfunctions._emit_execution_status_event(execution)


_event = stepfunctions._add_event


def _adding(add):
    """Nothing is added to the history of an execution that has ended, and no more than AWS keeps."""

    def add_in_order(execution, kind, details=None):
        attempt = _attempt.get()
        # An integration starts and stops other executions from within one; the children of a Map have no attempt of their own.
        ours = attempt and (attempt.execution is execution or "_attempt" not in execution)
        if ours and (attempt.stopped.is_set() or attempt.execution["_attempt"] is not attempt):
            raise Ended("ABORTED")
        if ours and len(execution["events"]) >= _EVENTS_MAX - 1:
            raise Ended("FAILED", f"The execution reached the maximum number of history events ({_EVENTS_MAX}).")
        with execution.setdefault("_lock", threading.Lock()):
            return add(execution, kind, details)

    return add_in_order


def _sleep(seconds: float):
    attempt, scaled = _attempt.get(), seconds * stepfunctions._SFN_WAIT_SCALE
    if attempt:
        attempt.sleep(scaled)
    elif scaled > 0:
        time.sleep(scaled)


def _waiting_between_attempts(find):
    """The delays that AWS documents; the emulator knows neither MaxDelaySeconds nor jitter.

    It sleeps between its choice of a retrier and the next attempt. So the delay passes here, and the retrier handed on has none.
    """

    def find_and_wait(retriers, error, counts):
        retrier, index = find(retriers, error, counts)
        if retrier is None:
            return None, -1
        # Where the cap is reached for certain: a power would be too large for a float.
        doublings = min(counts.get(index, 0), 64)
        delay = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** doublings
        delay = min(delay, retrier.get("MaxDelaySeconds", 31_622_400))
        if retrier.get("JitterStrategy", "NONE") == "FULL":
            delay = random.uniform(0, delay)
        _sleep(delay)
        return retrier | {"IntervalSeconds": 0, "BackoffRate": 1.0}, index

    return find_and_wait


def _invoke_within(resource: str, input_data, timeout_s: float):
    """Waits for the task for as long as its own limit and that of the execution allow. What it does goes on, on AWS as well."""
    attempt = _attempt.get()
    seconds, ends = attempt.left(timeout_s) if attempt else (timeout_s, False)
    pool = ThreadPoolExecutor(max_workers=1)
    future = pool.submit(contextvars.copy_context().run, stepfunctions._invoke_resource, resource, input_data)
    pool.shutdown(wait=False)
    try:
        return future.result(timeout=seconds)
    except FutureTimeoutError:
        if ends:
            raise Ended("TIMED_OUT") from None
        raise stepfunctions._ExecutionError("States.Timeout", f"Task timed out after {timeout_s} seconds") from None


# -- stop and redrive


def _stopping(stop):
    def stop_now(data):
        answer = stop(data)
        execution = stepfunctions._executions.get(data.get("executionArn"))
        if execution and execution["status"] == "ABORTED" and "_attempt" in execution:
            execution["_attempt"].stopped.set()
        return answer

    return stop_now


def _redrivable(execution: dict) -> str | None:
    """Why an execution cannot be redriven, in the words of the API reference; `None` if it can."""
    if execution["status"] in ("RUNNING", "SUCCEEDED"):
        return f"Execution is {execution['status']} and cannot be redriven"
    if len(execution["events"]) >= _EVENTS_MAX - 1:
        return "Execution history event limit exceeded"
    stopped = datetime.fromisoformat(execution["stopDate"].replace("Z", "+00:00"))
    if datetime.now(timezone.utc) - stopped > _REDRIVABLE:
        return "Execution redrivable period exceeded"
    return None


def _redrive(data: dict):
    arn, client_token = data.get("executionArn"), data.get("clientToken")
    execution = stepfunctions._executions.get(arn)
    if execution is None:
        return stepfunctions.error_response_json("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'", 400)
    if client_token is not None and not (1 <= len(client_token) <= 64 and all("!" <= one <= "~" for one in client_token)):
        return stepfunctions.error_response_json("ValidationException", f"Invalid clientToken: '{client_token}'", 400)
    now = time.time()
    tokens = [(name, date, at) for name, date, at in execution.get("_tokens", []) if now - at < _TOKEN_LIFE_S]
    for name, date, _ in tokens:
        if name == client_token:
            return stepfunctions.json_response({"redriveDate": date})
    reason = _redrivable(execution)
    if reason:
        return stepfunctions.error_response_json("ExecutionNotRedrivable", f"{reason}: '{arn}'", 400)
    date, count = stepfunctions.now_iso(), execution.get("redriveCount", 0) + 1
    if client_token is not None:
        tokens.append((client_token, date, now))
    for name in ("error", "cause"):
        execution.pop(name, None)
    execution.update(status="RUNNING", stopDate=None, output=None, redriveCount=count, redriveDate=date, _tokens=tokens[-_TOKENS_KEPT:])
    _event(execution, "ExecutionRedriven", {"executionRedrivenEventDetails": {"redriveCount": count}})
    stepfunctions._emit_execution_status_event(execution)
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(run, arn, True), daemon=True).start()
    return stepfunctions.json_response({"redriveDate": date})


# -- the API


def _handling(handle):
    async def handle_request(method, path, headers, body, query_params):
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        # The tests look on as the root user, and their looking counts for nobody's quota. What Step Functions itself calls is
        # refused before it gets here (quotas.py).
        if "Credential=test/" not in headers.get("authorization", "") and not quotas.ACCOUNT.take(action):
            return stepfunctions.error_response_json("ThrottlingException", "Rate exceeded", 400)
        if action == "RedriveExecution":
            return stepfunctions._finalize_response(_redrive(json.loads(body)))
        return await handle(method, path, headers, body, query_params)

    return handle_request


def _described(describe):
    def described(data):
        status, headers, body = describe(data)
        if status >= 400:
            return status, headers, body
        execution = stepfunctions._executions[data["executionArn"]]
        reason = _redrivable(execution)
        more = {
            "stateMachineVersionArn": execution.get("_version"), "stateMachineAliasArn": execution.get("_alias"),
            "redriveCount": execution.get("redriveCount", 0), "redriveDate": execution.get("redriveDate"),
            "redriveStatus": "NOT_REDRIVABLE" if reason else "REDRIVABLE", "redriveStatusReason": reason,
        }
        answer = json.loads(body) | {name: value for name, value in more.items() if value is not None}
        if execution["status"] != "SUCCEEDED":
            # What did not succeed has none; the emulator puts its error there.
            answer.pop("output", None)
        return stepfunctions.json_response(answer)

    return described


def _listed(list_executions):
    """By a version or an alias: the executions that were started through it."""

    def listed(data):
        arn = data.get("stateMachineArn")
        by = "_alias" if arn in stepfunctions._state_machine_aliases else "_version"
        machine = stepfunctions._resolve_state_machine_arn(arn) if arn else None
        if machine is None or machine == arn:
            return list_executions(data)
        status, headers, body = list_executions(data | {"stateMachineArn": machine})
        if status >= 400:
            return status, headers, body
        answer = json.loads(body)
        answer["executions"] = [one for one in answer["executions"] if stepfunctions._executions[one["executionArn"]].get(by) == arn]
        return stepfunctions.json_response(answer)

    return listed


def _machine_of(data: dict):
    """The definition that the execution began with; the emulator answers that of now."""
    arn = data.get("executionArn")
    execution = stepfunctions._executions.get(arn)
    if execution is None:
        return stepfunctions.error_response_json("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'", 400)
    machine = stepfunctions._state_machines[execution["stateMachineArn"]]
    return stepfunctions.json_response({
        "stateMachineArn": machine["stateMachineArn"], "name": machine["name"], "definition": execution["_definition"],
        "roleArn": execution["_role"], "updateDate": machine["creationDate"], "revisionId": execution["_revision"],
    })


def _publishing_once(publish):
    """Publishing a revision that has a version gives that version; the emulator makes one more."""

    def publish_once(data):
        machine = stepfunctions._state_machines.get(data.get("stateMachineArn"), {})
        if data.get("revisionId", machine.get("revisionId")) == machine.get("revisionId"):
            for arn, version in list(stepfunctions._state_machine_versions.items()):
                if version["stateMachineArn"] == machine.get("stateMachineArn") and version["stateMachineRevisionId"] == machine["revisionId"]:
                    return stepfunctions.json_response({"stateMachineVersionArn": arn, "creationDate": version["creationDate"]})
        return publish(data)

    return publish_once


def _named_as_in_java(prefix):
    """The errors of an aws-sdk integration have the names of the Java SDK's classes: `Sfn.ExecutionAlreadyExistsException`."""

    def name(service: str, code: str) -> str:
        if service == "sfn" and not code.startswith("States.") and not code.endswith("Exception"):
            code += "Exception"
        return prefix(service, code)

    return name
