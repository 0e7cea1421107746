"""More corrections of ministack 1.5.33, and the strict parts of the double that live inside it. See corrected.py."""

import json
import os
import re
from pathlib import Path

from ministack.services import glue, stepfunctions

from . import integrations, reference


def correct():
    """All of it."""
    assign_all_at_once()
    take_booleans_only_for_conditions()
    give_numbers_as_numbers()
    find_tables_as_glue_does()
    refuse_partitions_of_a_missing_table()
    folder = Path(os.environ["TMPDIR"])
    integrations.judge_every_call(stepfunctions, folder)
    # Without, the suite does not start (conftest.py); a cloud that somebody starts by hand does.
    if os.environ.get("ECG_JSONATA"):
        reference.compare_every_evaluation(stepfunctions, os.environ["ECG_JSONATA"], folder)


def assign_all_at_once():
    """The expressions of one Assign see the variables as they were before it; the emulator shows each the ones before it."""

    def assign(state, raw_input, ctx, result=None, error_output=None):
        if ctx is None or stepfunctions._state_query_language(state, ctx) != "JSONata":
            return
        ctx.setdefault("variables", {}).update({
            name: stepfunctions._apply_jsonata_template(template, raw_input, ctx, result=result, error_output=error_output)
            for name, template in (state.get("Assign") or {}).items()})

    stepfunctions._apply_state_assign = assign


def take_booleans_only_for_conditions():
    """A Condition that gives something else than true or false is an error on AWS; the emulator judges as Python does."""

    def judge(rule, raw_input, ctx):
        value = stepfunctions._apply_jsonata_template(rule["Condition"], raw_input, ctx)
        if not isinstance(value, bool):
            raise stepfunctions._ExecutionError(
                "States.QueryEvaluationError", f"Condition: expected a boolean, found {json.dumps(value)}")
        return value

    stepfunctions._evaluate_jsonata_choice_rule = judge


def give_numbers_as_numbers():
    """What S3 counts is a number in the result of an `aws-sdk:s3` task; the emulator passes on the texts of the XML."""
    invoke = stepfunctions._invoke_aws_sdk_integration

    def invoke_and_type(resource, input_data):
        result = invoke(resource, input_data)
        return integrations.typed(resource, result) if ":aws-sdk:s3:" in resource else result

    stepfunctions._invoke_aws_sdk_integration = invoke_and_type


def find_tables_as_glue_does():
    """In a database that is missing GetTables finds nothing on AWS, with an error; and its expression knows a choice with `|`.

    The emulator answers an empty list, and takes the expression for the pattern of file names.
    """

    def get_tables(data):
        if data["DatabaseName"] not in glue._databases:
            return glue.error_response_json("EntityNotFoundException", f"Database {data['DatabaseName']} not found.", 400)
        pattern = re.compile("|".join(
            re.escape(one).replace(r"\*", ".*") for one in data.get("Expression", "*").split("|")))
        return glue.json_response({"TableList": [
            table for key, table in glue._tables.items()
            if key.startswith(f"{data['DatabaseName']}/") and pattern.fullmatch(table["Name"])]})

    glue._get_tables = get_tables


def refuse_partitions_of_a_missing_table():
    """Glue says that the table is missing; the emulator makes the partition."""
    create = glue._create_partition

    def create_partition(data):
        if f"{data['DatabaseName']}/{data['TableName']}" not in glue._tables:
            return glue.error_response_json("EntityNotFoundException", f"Table {data['TableName']} not found.", 400)
        return create(data)

    glue._create_partition = create_partition
