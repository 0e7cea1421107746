"""ministack 1.5.33, corrected where it would stand in the way of showing something. Runs in its place: `python -m driver.corrected`.

A correction changes what a caller sees only from what AWS does not do to what it does; each says which.
"""

import functools
import json
import threading
import time

from ministack.app import main
from ministack.core import iam_actions, iam_evaluator
from ministack.services import athena, lambda_svc, stepfunctions, sts

from . import exact, partitions, quotas, versions, views, workflows

# Function environments at work at the same time. On AWS each has a machine of its own; here hundreds of processes would
# share two cores, and everything would time out. While no quotas are on, further invocations wait, which looks like a slower
# function; with quotas on they are refused, as by an account of that concurrency.
ENVIRONMENTS = 8


def bound_the_environments():
    """Capacity; or the account's concurrency, where a test has turned the quotas on."""
    free = threading.BoundedSemaphore(ENVIRONMENTS)
    dispatch, acquire = lambda_svc._execute_function_dispatch, lambda_svc._acquire_execution_slot

    def bounded(*arguments):
        if quotas.setting("on", False):
            return dispatch(*arguments)
        with free:
            return dispatch(*arguments)

    def acquire_within_the_quota(func, config):
        lambda_svc._ACCOUNT_CONCURRENCY_CAP = quotas.setting("concurrency", 0)
        return acquire(func, config)

    lambda_svc._execute_function_dispatch = bounded
    lambda_svc._acquire_execution_slot = acquire_within_the_quota


def hide_messages_in_scaled_time():
    """What start could not take comes back after the queue's visibility timeout; that it was received counts."""
    run = lambda_svc._run_sqs_batch

    def run_and_scale(esm, func_rec, event, batch, queue_url, queue_name):
        try:
            return run(esm, func_rec, event, batch, queue_url, queue_name)
        finally:
            scale, now = quotas.setting("wait_scale", None), time.time()
            for message in batch if scale else []:
                if message.get("visible_at", 0) > now:
                    message["visible_at"] = now + (message["visible_at"] - now) * scale

    lambda_svc._run_sqs_batch = run_and_scale


def make_one_session_at_a_time():
    """Two environments of functions that begin at the same moment are in each other's way, and an invocation fails for it."""
    register, lock = sts.register_session, threading.Lock()

    def register_alone(access_key, session):
        with lock:
            register(access_key, session)

    sts.register_session = register_alone


def take_every_connection_as_secure():
    """The stack's policies refuse connections without TLS, and nothing here has any: 127.0.0.1 plays the part of TLS."""
    iam_evaluator.EvalContext = functools.partial(iam_evaluator.EvalContext, secure_transport=True)


def name_the_resource_in_the_policy_check():
    """`GetDatabase` is about a database; the emulator checks the right for a table of that name. A version or an alias of a state machine is
    authorised by the machine's own ARN, and a query of Athena or a saved one by the workgroup that it is in.
    """
    extract = iam_actions.extract_resource_arn

    def extract_the_resource(service, method, path, headers, body, query, region, account):
        if headers.get("x-amz-target") == "AWSGlue.GetDatabase":
            return f"arn:aws:glue:{region}:{account}:database/{json.loads(body)['Name']}"
        if service == "athena":
            asked = json.loads(body or b"{}")
            found = athena._executions.get(asked.get("QueryExecutionId")) or athena._named_queries.get(asked.get("NamedQueryId"))
            if found:
                return f"arn:aws:athena:{region}:{account}:workgroup/{found['WorkGroup']}"
        if headers.get("x-amz-target") == "AWSStepFunctions.StartExecution":
            return ":".join(json.loads(body)["stateMachineArn"].split(":")[:7])
        return extract(service, method, path, headers, body, query, region, account)

    iam_actions.extract_resource_arn = extract_the_resource


def evaluate_jsonata_in_a_distributed_map():
    """AWS evaluates JSONata in the fields of a Map; the emulator takes those of a distributed one as they stand."""
    resolve, run = stepfunctions._resolve_params_obj, stepfunctions._run_distributed_map

    def resolve_in_either_language(template, data, ctx=None):
        if ctx and ctx.get("QueryLanguage") == "JSONata":
            return stepfunctions._apply_jsonata_template(template, data, ctx)
        return resolve(template, data, ctx)

    def run_with_values(state, raw_input, effective, iterator, execution, ctx):
        if stepfunctions._state_query_language(state, ctx) == "JSONata":
            numbers = {name: stepfunctions._apply_jsonata_template(state[name], raw_input, ctx)
                       for name in ("MaxConcurrency", "ToleratedFailurePercentage", "ToleratedFailureCount") if name in state}
            state = state | numbers
        return run(state, raw_input, effective, iterator, execution, ctx)

    stepfunctions._resolve_params_obj = resolve_in_either_language
    stepfunctions._run_distributed_map = run_with_values


def start_and_wait_as_aws_does():
    """`startExecution.sync` starts a Standard execution as StartExecution does: through an alias, with events, and a name that was there before is refused.
    The emulator runs it as an Express one, over the first. And an execution that does not succeed is `States.TaskFailed` on AWS, with its description as the cause.
    """

    def start_and_wait(resource, input_data):
        status, _, body = stepfunctions._start_execution(stepfunctions._nested_start_execution_request(input_data))
        answer = json.loads(body)
        if status >= 400:
            raise stepfunctions._ExecutionError(f"StepFunctions.{answer['__type'].removesuffix('Exception')}Exception", answer["message"])
        execution = stepfunctions._executions[answer["executionArn"]]
        while execution["status"] == "RUNNING":
            time.sleep(0.05)
        told = {"ExecutionArn": execution["executionArn"], "Name": execution["name"], "Status": execution["status"],
                "StateMachineArn": execution["stateMachineArn"], "Input": execution["input"], "InputDetails": {"included": True},
                "StartDate": execution["startDate"], "StopDate": execution["stopDate"]}
        if execution["status"] != "SUCCEEDED":
            failure = {"Error": execution.get("error"), "Cause": execution.get("cause")}
            raise stepfunctions._ExecutionError("States.TaskFailed", json.dumps(told | {name: text for name, text in failure.items() if text}))
        output = execution["output"]
        return told | {"Output": json.loads(output) if resource.endswith(":2") else output, "OutputDetails": {"included": True}}

    stepfunctions._invoke_nested_start_execution_sync = start_and_wait


if __name__ == "__main__":
    bound_the_environments()
    make_one_session_at_a_time()
    take_every_connection_as_secure()
    name_the_resource_in_the_policy_check()
    evaluate_jsonata_in_a_distributed_map()
    workflows.install()
    versions.install()
    views.install()
    partitions.install()
    hide_messages_in_scaled_time()
    start_and_wait_as_aws_does()
    exact.correct()
    main()
