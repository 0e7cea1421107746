"""Executions as Step Functions runs them, where ministack 1.5.33 does otherwise. Part of `corrected.py`, inside the emulator's process.

What AWS documents and is added here:

* An execution keeps the definition that it began with: that of the version which was named, or which its alias picked by weight.
* The time limit of a state machine ends an execution as TIMED_OUT, also while a retry waits; EventBridge tells of it.
* A retry waits as its retrier says: back-off up to MaxDelaySeconds, anything up to that with JitterStrategy FULL.
* RedriveExecution: within the same execution, from the state that did not succeed, with its input and variables.

All waiting (Wait states, retries, time limits of machines, what a queue hides) is scaled by one factor. The time limit of a task is not: functions
take as long as they take. A state that is under way when the time limit is reached is waited for first; AWS does not wait.
"""

import copy
import inspect
import json
import os
import random
import textwrap
import threading
import time
from datetime import datetime, timedelta, timezone

from ministack.services import eventbridge, lambda_svc, stepfunctions

from . import quotas

# Of a history, and of a redrive.
MOST_EVENTS = 25_000
# A test makes the 14 days shorter.
REDRIVABLE = timedelta(days=float(os.environ.get("ECG_REDRIVABLE_DAYS", "14")))


class TimedOut(Exception):
    """The execution is over: the time limit of the state machine is reached, or it was stopped."""


def patched(function, *changes: tuple[str, str], module=stepfunctions):
    """The function of that module with parts of its text replaced; fails where the emulator's text is another one."""
    text = textwrap.dedent(inspect.getsource(function))
    for old, new in changes:
        if text.count(old) != 1:
            raise RuntimeError(f"{function.__qualname__}: expected once, found {text.count(old)} times: {old}")
        text = text.replace(old, new)
    exec(compile(text, inspect.getsourcefile(function), "exec"), vars(module))  # noqa: S102
    return vars(module)[function.__name__]


def scale() -> float:
    """How long a second of waiting lasts."""
    return quotas.setting("wait_scale", stepfunctions._SFN_WAIT_SCALE)


def sleep_scaled(seconds: float):
    """Takes the place of the emulator's own."""
    time.sleep(max(0.0, seconds * scale()))


def wait_before_retry(retrier: dict, count: int, execution: dict):
    """Waits as the retrier says, and no longer than the execution may last."""
    delay = retrier.get("IntervalSeconds", 1) * float(retrier.get("BackoffRate", 2.0)) ** min(count, 60)
    delay = min(delay, retrier.get("MaxDelaySeconds", delay))
    if retrier.get("JitterStrategy") == "FULL":
        delay = random.uniform(0, delay)
    end = time.monotonic() + delay * scale()
    while True:
        check_time(execution)
        left = min(end, execution.get("deadline", end)) - time.monotonic()
        if left <= 0:
            check_time(execution)
            return
        time.sleep(min(left, 0.5))


def check_time(execution: dict):
    """Ends an execution whose time is over, or that somebody has stopped: else it would try again and again."""
    if execution["status"] != "RUNNING" or time.monotonic() >= execution.get("deadline", float("inf")):
        raise TimedOut


def output_of_succeed(state: dict, found, ctx: dict):
    """The Output of a Succeed state; the emulator knows OutputPath only."""
    if stepfunctions._state_query_language(state, ctx) == "JSONata":
        return stepfunctions._apply_jsonata_output(state, found, ctx, default=found)
    return stepfunctions._apply_output_path(state, found, ctx)


def begin(execution: dict, machine: dict) -> dict:
    """The definition of an execution that begins or goes on; its time limit counts from now."""
    definition = json.loads(execution.get("definition") or machine["definition"])
    if "TimeoutSeconds" in definition:
        execution["deadline"] = time.monotonic() + definition["TimeoutSeconds"] * scale()
    return definition


def end_as_timed_out(execution: dict):
    """The time limit is reached: no Catch sees that."""
    if execution["status"] != "RUNNING":
        return
    execution.update(status="TIMED_OUT", stopDate=stepfunctions.now_iso())
    stepfunctions._add_event(execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {}})
    stepfunctions._emit_execution_status_event(execution)


def pick_version(arn: str) -> dict | None:
    """The version that an execution of this ARN begins with; of an alias by weight."""
    versions, alias = stepfunctions._state_machine_versions, stepfunctions._state_machine_aliases.get(arn)
    if alias:
        routes = alias["routingConfiguration"]
        [route] = random.choices(routes, [route["weight"] for route in routes])
        return versions[route["stateMachineVersionArn"]]
    return versions.get(arn)


def start_as_aws_does(start):
    """`start` with the version that was named; an open execution of the same name and input is answered with itself."""

    def start_pinned(data):
        if refused := quotas.refuse("StartExecution"):
            return stepfunctions.error_response_json(*refused)
        arn = data.get("stateMachineArn", "")
        base = stepfunctions._resolve_state_machine_arn(arn)
        execution = (base or "").replace(":stateMachine:", ":execution:") + f":{data.get('name')}"
        running = stepfunctions._executions.get(execution)
        if running and running["status"] == "RUNNING" and running["input"] == data.get("input", "{}"):
            return stepfunctions.json_response({"executionArn": execution, "startDate": running["startDate"]})
        version = pick_version(arn)
        answer = start(data)
        if answer[0] == 200:
            started = stepfunctions._executions[json.loads(answer[2])["executionArn"]]
            pin(started, arn, version)
        return answer

    return start_pinned


def pin(execution: dict, arn: str, version: dict | None):
    """Notes what the execution began with. Its thread waits a moment before it looks."""
    machine = stepfunctions._state_machines[execution["stateMachineArn"]]
    execution["definition"] = (version or machine)["definition"]
    if version:
        execution["stateMachineVersionArn"] = version["stateMachineVersionArn"]
    if arn in stepfunctions._state_machine_aliases:
        execution["stateMachineAliasArn"] = arn


def redrive(data):
    """RedriveExecution."""
    if refused := quotas.refuse("RedriveExecution"):
        return stepfunctions.error_response_json(*refused)
    arn = data.get("executionArn")
    execution = stepfunctions._executions.get(arn)
    if not execution:
        return stepfunctions.error_response_json("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'", 400)
    token = data.get("clientToken")
    with _LOCK:
        if token and execution.get("redriveToken") == token:
            return stepfunctions.json_response({"redriveDate": execution["redriveDate"]})
        reason = not_redrivable(execution)
        if reason:
            return stepfunctions.error_response_json("ExecutionNotRedrivable", reason, 400)
        execution.update(
            status="RUNNING", stopDate=None, error=None, cause=None, output=None, redriveDate=stepfunctions.now_iso(),
            redriveToken=token, redriveCount=execution.get("redriveCount", 0) + 1, resume=execution.pop("at"))
    stepfunctions._add_event(execution, "ExecutionRedriven", {
        "executionRedrivenEventDetails": {"redriveCount": execution["redriveCount"]}})
    stepfunctions._emit_execution_status_event(execution)
    context = stepfunctions.contextvars.copy_context()
    threading.Thread(target=context.run, args=(stepfunctions._run_execution, arn), daemon=True).start()
    return stepfunctions.json_response({"redriveDate": execution["redriveDate"]})


_LOCK = threading.Lock()


def not_redrivable(execution: dict) -> str | None:
    """Why RedriveExecution refuses it."""
    if execution["status"] in ("RUNNING", "SUCCEEDED"):
        return f"Execution is {execution['status']} and cannot be redriven"
    stopped = datetime.fromisoformat(execution["stopDate"].replace("Z", "+00:00"))
    if datetime.now(timezone.utc) - stopped > REDRIVABLE:
        return "Execution redrivable period exceeded"
    if len(execution["events"]) >= MOST_EVENTS - 1:
        return "Execution history event limit exceeded"
    return None


def described(answer, data):
    """DescribeExecution with versions and redrives."""
    if answer[0] != 200:
        return answer
    execution = stepfunctions._executions[data["executionArn"]]
    reason = not_redrivable(execution)
    told = json.loads(answer[2]) | {
        "redriveCount": execution.get("redriveCount", 0),
        "redriveStatus": "NOT_REDRIVABLE" if reason else "REDRIVABLE",
    }
    for name in ("stateMachineVersionArn", "stateMachineAliasArn", "redriveDate"):
        if name in execution:
            told[name] = execution[name]
    if reason:
        told["redriveStatusReason"] = reason
    return stepfunctions.json_response(told)


def listed(answer, data):
    """ListExecutions by a version or an alias: those that were started through it."""
    arn = data.get("stateMachineArn", "")
    by = "stateMachineAliasArn" if arn in stepfunctions._state_machine_aliases else "stateMachineVersionArn"
    told = json.loads(answer[2])
    told["executions"] = [one for one in told["executions"] if stepfunctions._executions[one["executionArn"]].get(by) == arn]
    return stepfunctions.json_response(told)


def machine_of(answer, data):
    """DescribeStateMachineForExecution: the definition that the execution began with."""
    if answer[0] != 200:
        return answer
    definition = stepfunctions._executions[data["executionArn"]].get("definition")
    return stepfunctions.json_response(json.loads(answer[2]) | ({"definition": definition} if definition else {}))


def started_by_eventbridge(arn: str, payload: str):
    """EventBridge tries again for a day, up to 185 times, with growing pauses and jitter; the emulator tries once. How long the pauses are is an assumption,
    and what is given up is lost here, and not put into the dead-letter queue.
    """

    def try_to_start():
        for tried in range(186):
            answer = stepfunctions._start_execution({"stateMachineArn": arn, "input": payload})
            if answer[0] != quotas.REFUSED[2] or json.loads(answer[2]).get("__type") != quotas.REFUSED[0]:
                return
            time.sleep(random.uniform(0, min(2 ** min(tried, 10), 600)) * scale())

    # Whoever puts the event does not wait for its target.
    threading.Thread(target=stepfunctions.contextvars.copy_context().run, args=(try_to_start,), daemon=True).start()


def reserved_of_every_version(reserved):
    """Reserved concurrency belongs to the function; the emulator looks for it at the version that is invoked."""

    def reserved_for(function, config):
        return reserved(lambda_svc._functions.get(config.get("FunctionName")) or function, config)

    return reserved_for


def invoked(result: dict):
    """An invocation that was refused for load, as Step Functions calls it."""
    if result.get("throttle"):
        cause = f"Rate Exceeded. (Service: Lambda, Status Code: 429, Request ID: {stepfunctions.new_uuid()})"
        raise stepfunctions._ExecutionError("Lambda.TooManyRequestsException", cause)
    return result


def install():
    """Puts all of it into the emulator."""
    module = vars(stepfunctions)
    module |= {
        "_aws_begin": begin, "_aws_check_time": check_time, "_aws_wait_before_retry": wait_before_retry, "_AwsTimedOut": TimedOut,
        "_aws_end_as_timed_out": end_as_timed_out, "_aws_redrive": redrive, "_aws_invoked": invoked, "_aws_copy": copy.deepcopy,
        "_scaled_sleep": sleep_scaled, "_aws_output": output_of_succeed,
    }
    patched(
        stepfunctions._execute_task,
        ('''interval = retrier.get("IntervalSeconds", 1)
                backoff = retrier.get("BackoffRate", 2.0)
                sleep_sec = interval * (backoff ** count)
                _scaled_sleep(min(sleep_sec, 60))''', "_aws_wait_before_retry(retrier, count, execution)"),
    )
    patched(
        stepfunctions._run_execution,
        ("current_input = _apply_output_path(state_def, current_input, ctx)", "current_input = _aws_output(state_def, current_input, ctx)"),
        ('definition = json.loads(sm["definition"])', "definition = _aws_begin(execution, sm)"),
        ('''        current_input = {}

    ctx''', '''        current_input = {}

    resume = execution.pop("resume", None)
    ctx'''),
        ('''        "variables": {},
    }
''', '''        "variables": {},
    }
    if resume:
        current_name, current_input, ctx["variables"] = resume
'''),
        ('''            state_def = all_states.get(current_name)
            if not state_def:''', '''            _aws_check_time(execution)
            execution["at"] = _aws_copy((current_name, current_input, ctx["variables"]))
            state_def = all_states.get(current_name)
            if not state_def:'''),
        ('''    except _ExecutionError as err:
        _fail_execution''', '''    except _AwsTimedOut:
        _aws_end_as_timed_out(execution)
    except _ExecutionError as err:
        _fail_execution'''),
    )
    # What is stopped, or out of time, does nothing more within a Map either.
    patched(
        stepfunctions._run_sub_machine,
        ("        state_type = state_def.get(\"Type\")\n", "        state_type = state_def.get(\"Type\")\n        _aws_check_time(execution)\n"),
        ("return _apply_output_path(state_def,", "return _aws_output(state_def,"),
    )
    patched(stepfunctions._run_map_items, (
        "raise err if isinstance(err, _ExecutionError)", "raise err if isinstance(err, (_ExecutionError, _AwsTimedOut))"))
    patched(
        stepfunctions._emit_execution_status_event,
        ('redrivable = failed', 'redrivable = status in ("FAILED", "TIMED_OUT", "ABORTED")'),
        ('"stateMachineVersionArn": None,', '"stateMachineVersionArn": execution.get("stateMachineVersionArn"),'),
        ('"stateMachineAliasArn": None,', '"stateMachineAliasArn": execution.get("stateMachineAliasArn"),'),
        ('"redriveCount": 0,', '"redriveCount": execution.get("redriveCount", 0),'),
    )
    patched(stepfunctions._call_lambda, (
        "result = lambda_svc._execute_function_with_config_scope(exec_record, event)",
        "result = _aws_invoked(lambda_svc._execute_function_with_config_scope(exec_record, event))"))
    describe, history = stepfunctions._describe_execution, stepfunctions._get_execution_history
    module["_describe_execution"] = lambda data: described(describe(data), data)
    module["_start_execution"] = start_as_aws_does(stepfunctions._start_execution)
    list_all, describe_machine = stepfunctions._list_executions, stepfunctions._describe_state_machine_for_execution

    def list_by_any_arn(data):
        arn = data.get("stateMachineArn")
        machine = stepfunctions._resolve_state_machine_arn(arn) if arn else None
        return list_all(data) if machine in (None, arn) else listed(list_all(data | {"stateMachineArn": machine}), data)

    module["_list_executions"] = list_by_any_arn
    module["_describe_state_machine_for_execution"] = lambda data: machine_of(describe_machine(data), data)
    eventbridge._dispatch_to_stepfunctions = started_by_eventbridge
    lambda_svc._reserved_concurrency = reserved_of_every_version(lambda_svc._reserved_concurrency)

    def history_within_the_quota(data):
        refused = quotas.refuse("GetExecutionHistory")
        return stepfunctions.error_response_json(*refused) if refused else history(data)

    module["_get_execution_history"] = history_within_the_quota
    patched(stepfunctions.handle_request, (
        '"StopExecution": _stop_execution,', '"StopExecution": _stop_execution,\n        "RedriveExecution": _aws_redrive,'))
    # The names are those of the exceptions of the SDK for Java.
    prefix = stepfunctions._prefix_sdk_error

    def as_java_names_it(service, code):
        named = prefix(service, code)
        return named if service != "sfn" or named.startswith("States.") or named.endswith("Exception") else f"{named}Exception"

    module["_prefix_sdk_error"] = as_java_names_it
