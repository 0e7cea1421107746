"""A function catalog of a release that nobody has written: it adds a column to `recordings` and makes `current` again, with that column.

As a program for Lambda's `provided` runtime, so that a deployment can bring it: see `program`.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import boto3

from . import trino

REPOSITORY = Path(__file__).resolve().parents[3]


def program(column: str, fails: bool = False) -> bytes:
    """The bootstrap. With `fails` it fails after the column was added and before a view was made."""
    return (f"#!/bin/sh\nexport PYTHONPATH={Path(__file__).resolve().parents[1]}\n"
            f"exec {sys.executable} -m driver.next_release {column} {'fails' if fails else 'works'}\n").encode()


def view(column: str) -> str:
    """The statement that makes `current` with one more column."""
    query = trino.views(REPOSITORY)["current"]
    assert query.count("recordings.dt\n") == 1
    return 'CREATE OR REPLACE VIEW "current" AS\n' + query.replace("recordings.dt\n", f"recordings.dt, recordings.{column}\n")


def run(column: str, fails: bool):
    """What the function does."""
    glue, database = boto3.client("glue"), os.environ["GLUE_DATABASE"]
    table = glue.get_table(DatabaseName=database, Name="recordings")["Table"]
    columns = table["StorageDescriptor"]["Columns"]
    if column not in [one["Name"] for one in columns]:
        columns.append({"Name": column, "Type": "double", "Comment": "of the next release"})
        kept = {name: table[name] for name in ("Name", "Description", "PartitionKeys", "TableType", "Parameters", "StorageDescriptor") if name in table}
        glue.update_table(DatabaseName=database, TableInput=kept)
    # Long enough for somebody to ask meanwhile.
    time.sleep(2)
    if fails:
        raise RuntimeError("the next release does not work")
    athena = boto3.client("athena")
    query = athena.start_query_execution(
        QueryString=view(column), WorkGroup=os.environ["ATHENA_WORKGROUP"], QueryExecutionContext={"Database": database})["QueryExecutionId"]
    while (status := athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"])["State"] in ("QUEUED", "RUNNING"):
        time.sleep(0.1)
    if status["State"] != "SUCCEEDED":
        raise RuntimeError(status["StateChangeReason"])


def main(column: str, how: str):
    """Asks the runtime for events and answers them."""
    base = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"
    while True:
        with urllib.request.urlopen(f"{base}/next") as answered:
            request, event = answered.headers["Lambda-Runtime-Aws-Request-Id"], json.load(answered)
        told = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")} | {"PhysicalResourceId": "catalog", "Status": "SUCCESS"}
        try:
            if event["RequestType"] != "Delete":
                run(column, how == "fails")
        except Exception as error:  # noqa: BLE001: it is the function's answer
            told |= {"Status": "FAILED", "Reason": str(error)}
        for address, method, body in ((event["ResponseURL"], "PUT", told), (f"{base}/{request}/response", "POST", {})):
            urllib.request.urlopen(urllib.request.Request(address, json.dumps(body).encode(), method=method)).close()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except urllib.error.URLError:
        # The runtime is gone.
        pass
