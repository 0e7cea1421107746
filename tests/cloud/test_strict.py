"""The strict parts of the double themselves: what AWS would refuse is found. What they find in a session, conftest.py tells."""

import json
import os
from pathlib import Path

import pytest
from driver import integrations, models, reference, strict
from driver.models import Answer, Request
from driver.proxy import Exchange

BUCKET_AND_KEY = "/bucket/folder/key.mat"
STATES = {"content-type": "application/x-amz-json-1.0"}
GLUE = {"content-type": "application/x-amz-json-1.1"}


def s3(method, path=BUCKET_AND_KEY, query="", headers=None, body=b""):
    return Request("s3", method, path, query, headers or {}, body)


def called(service, target, body, headers=None):
    return Request(service, "POST", "/", "", (headers or {"states": STATES, "glue": GLUE}[service]) | {"x-amz-target": target},
                   json.dumps(body).encode())


def started(**members):
    return called("states", "AWSStepFunctions.StartExecution",
                  {"stateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:m"} | members)


PARTS = b"<CompleteMultipartUpload><Part><ETag>e</ETag><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>"


@pytest.mark.parametrize("request_, operation", [
    (s3("GET", query="x-id=GetObject&versionId=1", headers={"range": "bytes=0-9"}), "GetObject"),
    (s3("HEAD"), "HeadObject"),
    (s3("PUT", query="x-id=PutObject", headers={"if-none-match": "*", "x-amz-meta-a": "b"}), "PutObject"),
    (s3("PUT", query="x-id=CopyObject", headers={"x-amz-copy-source": "bucket/key"}), "CopyObject"),
    (s3("POST", query="uploads"), "CreateMultipartUpload"),
    (s3("PUT", query="x-id=UploadPart&partNumber=1&uploadId=u"), "UploadPart"),
    (s3("POST", query="uploadId=u", body=PARTS), "CompleteMultipartUpload"),
    (s3("DELETE", query="x-id=AbortMultipartUpload&uploadId=u"), "AbortMultipartUpload"),
    (s3("DELETE", query="x-id=DeleteObject"), "DeleteObject"),
    (s3("GET", "/bucket/", "list-type=2&prefix=a&max-keys=10"), "ListObjectsV2"),
    (started(name="n" * 80, input="{}"), "StartExecution"),
    (called("glue", "AWSGlue.GetTable", {"DatabaseName": "ecg", "Name": "beats \U0001f493"}), "GetTable"),
])
def test_what_is_right_is_taken(request_, operation):
    assert models.violations(request_, None) == (operation, [])


@pytest.mark.parametrize("request_, said", [
    (s3("GET", query="x-id=GetObject&versionid=1"), "no parameter versionid"),
    (s3("GET", query="x-id=PutObject"), "is ['GetObject']"),
    (s3("PUT", query="x-id=PutObject", headers={"x-amz-metadata": "b"}), "no header x-amz-metadata"),
    (s3("PUT", query="x-id=PutObject", headers={"x-amz-storage-class": "COLD"}), "expected one of"),
    (s3("PATCH"), "no operation PATCH"),
    (s3("GET", "/bucket", "list-type=2&max-keys=all"), "MaxKeys"),
    (s3("POST", query="uploadId=u", body=b"<CompleteMultipartUpload><Etag>e</Etag></CompleteMultipartUpload>"), "['Etag']"),
    (s3("POST", query="uploadId=u", body=b"<CompleteMultipartUpload>"), "body"),
    (started(name="n" * 81), "at most 80, found 81"),
    (started(name=""), "at least 1, found 0"),
    (started(nmae="n"), "no member nmae"),
    (started(input={}), "expected string, found dict"),
    (started(input="x" * 262145), "at most 262144"),
    (started(traceHeader="\u00e4"), "traceHeader: expected"),
    (called("states", "AWSStepFunctions.StartExecution", {}), "stateMachineArn is missing"),
    (called("states", "AWSStepFunctions.StartTheExecution", {}), "no operation"),
    (called("states", "AWSStepFunctions.ListActivities", {}, GLUE), "Content-Type"),
    (called("glue", "AWSGlue.GetTable", {"DatabaseName": "ecg", "Name": "a\u0000"}), "Name: expected"),
    (called("glue", "AWSGlue.GetTable", {"DatabaseName": "ecg", "Name": None}), "null"),
    (called("glue", "AWSGlue.BatchUpdatePartition", {"DatabaseName": "e", "TableName": "t", "Entries": []}), "at least 1"),
    (called("sqs", "AmazonSQS.SendMessage", {}, STATES), "is none that a function calls"),
])
def test_what_is_wrong_with_a_request_is_found(request_, said):
    _, found = models.violations(request_, None)
    assert any(said in one for one in found), found


LISTED = s3("GET", "/bucket", "list-type=2")
START = started(name="n")
LIST_ANSWER = (b"<ListBucketResult><KeyCount>%s</KeyCount>"
               b"<Contents><Key>k</Key><StorageClass>%s</StorageClass></Contents></ListBucketResult>")


@pytest.mark.parametrize("request_, answer, said", [
    (START, Answer(200, {}, b'{"executionArn": "a", "startDate": 1.5}'), ""),
    (START, Answer(200, {}, b'{"executionArn": "a"}'), "startDate is missing"),
    (START, Answer(200, {}, b'{"executionArn": "a", "startDate": "today"}'), "Invalid timestamp"),
    (START, Answer(200, {}, b'{"executionArn": "a", "startDate": 1.5, "status": "RUNNING"}'), "no member status"),
    (START, Answer(400, {}, b'{"__type": "ExecutionAlreadyExists", "message": "m"}'), ""),
    (START, Answer(400, {}, b'{"__type": "AlreadyThere", "message": "m"}'), "no error 'AlreadyThere'"),
    (START, Answer(200, {}, b"{"), "answer"),
    (LISTED, Answer(200, {}, LIST_ANSWER % (b"1", b"STANDARD")), ""),
    (LISTED, Answer(200, {}, LIST_ANSWER % (b"one", b"STANDARD")), "answer"),
    (LISTED, Answer(200, {}, LIST_ANSWER % (b"1", b"COLD")), "StorageClass: expected one of"),
    (LISTED, Answer(201, {}, LIST_ANSWER % (b"1", b"STANDARD")), "status: expected 200"),
    (s3("GET"), Answer(404, {}, b"<Error><Code>NoSuchKey</Code></Error>"), ""),
    (s3("GET"), Answer(404, {}, b"<Error><Code>NotThere</Code></Error>"), "no error 'NotThere'"),
])
def test_what_is_wrong_with_an_answer_is_found(request_, answer, said):
    _, found = models.violations(request_, answer)
    assert any(said in one for one in found) if said else found == [], found


def test_each_violation_is_told_once_with_how_often_it_came():
    calls, wrong = strict.calls_against_models(
        [Exchange(started(nmae="n")), Exchange(started(nmae="n")), Exchange(started(name="n"))])
    assert calls == {"states:StartExecution": 3}
    assert len(wrong) == 1 and "2 times" in wrong[0] and '"nmae": "n"' in wrong[0]


PUBLISH = "arn:aws:states:::sns:publish"
STRANGE = {"Events": [{"Id": 1, "Type": "Strange", "Timestamp": "2026-01-01T00:00:00Z"}]}
HISTORY = "arn:aws:states:::aws-sdk:sfn:getExecutionHistory"
LIST = "arn:aws:states:::aws-sdk:s3:listObjectsV2"


@pytest.mark.parametrize("resource, arguments, result, said", [
    (PUBLISH, {"TopicArn": "t", "Message": {"any": "thing"}}, {"MessageId": "m"}, ""),
    (PUBLISH, {"TopicArn": "t"}, None, "Message is missing"),
    (HISTORY, {"ExecutionArn": "e", "MaxResults": 1000}, {"Events": []}, ""),
    (HISTORY, {"executionArn": "e"}, None, "PascalCase"),
    (HISTORY, {"ExecutionArn": "e", "MaxResults": 1001}, None, "at most 1000"),
    (HISTORY, {"ExecutionArn": "e", "Token": "t"}, None, "no member token"),
    (HISTORY, {"ExecutionArn": "e"}, STRANGE, "expected one of"),
    (LIST, {"Bucket": "b"}, {"KeyCount": "1"}, "expected integer"),
    ("arn:aws:states:::aws-sdk:sfn:lookBack", {}, None, "no operation LookBack"),
    ("arn:aws:states:::aws-sdk:sfn:startExecution", {"StateMachineArn": "m", "Input": {"a": 1}}, None, "expected string"),
])
def test_what_is_wrong_with_a_state_machines_own_call_is_found(resource, arguments, result, said):
    _, found = integrations.judge(resource, arguments, result)
    assert any(said in one for one in found) if said else found == [], found


@pytest.fixture(scope="module")
def engine():
    if not os.environ.get("ECG_JSONATA"):
        pytest.exit("ECG_JSONATA does not name the package jsonata; tests/cloud.sh --test sets everything up", returncode=2)
    reference_ = reference.Reference(os.environ["ECG_JSONATA"])
    yield reference_
    reference_.stop()


def test_the_reference_is_the_version_that_aws_names():
    package = json.loads((Path(os.environ["ECG_JSONATA"]) / "package.json").read_text())
    assert (package["name"], package["version"]) == ("jsonata", "2.0.6")


@pytest.mark.parametrize("expression, answer", [
    ("$states.input.a + 1", {"value": 2}),
    ("$b", {"value": None}),
    ("$parse('[1]')", {"value": [1]}),
    ("$states.result", {"error": "undefined"}),
    ("$states.context.variables", {"error": "undefined"}),
    ("$eval('1')", {"error": "T1006"}),
    # Of later versions than AWS's.
    ("$states.input.c ?: 1", {"error": "S0211"}),
    ("$states.input.a + 'x'", {"error": "T2002"}),
])
def test_the_reference_answers_as_step_functions_does(engine, expression, answer):
    states = {"input": {"a": 1}, "result": None, "errorOutput": None, "context": {"Execution": {}, "variables": {"b": None}}}
    told = engine.evaluate(expression, reference.bindings(states, {"b": None}))
    assert told.get("value") == answer.get("value") and told.get("error") == answer.get("error"), told


@pytest.mark.parametrize("ours, theirs, what", [
    ({"value": {"a": [1, 2.0]}}, {"value": {"a": [1.0, 2]}}, None),
    ({"value": 1}, {"value": True}, "another value"),
    ({"value": [1]}, {"value": 1}, "another value"),
    ({"value": None}, {"error": "undefined"}, "one of them is an error"),
    ({"error": "T2001"}, {"error": "T2002"}, "another error"),
    ({"error": "T2001"}, {"error": "T2001"}, None),
])
def test_what_differs(ours, theirs, what):
    assert reference.difference("an expression", ours, theirs) == what


def test_the_engine_of_the_command_line_is_held_to_the_reference(ecg, tmp_path):
    samples = [("$states.input.a & $b", "1x"), ("$count($states.context.Execution.Name)", 1),
               ("$map([1, 2], function($v) { $v * 2 })", [2, 4])]
    bindings = {"b": "x", "states": {"input": {"a": 1}, "context": {"Execution": {"Name": "n"}}}}

    def written(changed):
        (tmp_path / reference.FILE).write_text("".join(json.dumps({
            "difference": None, "sample": True, "expression": expression, "bindings": bindings,
            "emulator": {}, "reference": {"value": changed if changed is not None and number == 1 else value},
        }) + "\n" for number, (expression, value) in enumerate(samples)))
        return reference.engines_differences(ecg, tmp_path)

    assert written(None) == (3, [])
    _, [difference] = written(2)
    assert difference["expression"] == samples[1][0] and difference["emulator"] == {"value": 1}
