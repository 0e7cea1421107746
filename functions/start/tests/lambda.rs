//! The real binary between a Lambda runtime and a Step Functions that this test plays on loopback: what it is given,
//! what it asks for, what it answers.

// A test may stop at the first surprise.
#![allow(clippy::unwrap_used, clippy::panic)]

use ecg_testing::lambda::{Lambda, Request, Response, Run};
use serde_json::{Value, json};

/// What was asked of Step Functions: before it starts an execution, it looks in S3 whether the recording was erased.
fn asked(run: &Run) -> Vec<&Request> {
    let requests = run.requests.iter();
    requests
        .filter(|request| request.header("x-amz-target").is_some())
        .collect()
}

fn step_functions(request: &Request) -> Response {
    if request.header("x-amz-target").is_none() {
        // No tombstone.
        return Response::new(404, "");
    }
    if request.header("x-amz-target") == Some("AWSStepFunctions.DescribeExecution") {
        let input = json!({ "source": { "uploaded_at_ms": 1_795_420_800_123_i64, "sequencer": "0055" } });
        let execution = json!({
            "executionArn": "arn:e", "stateMachineArn": "arn:m", "status": "SUCCEEDED",
            "startDate": 1_795_420_801.0, "input": input.to_string(),
        });
        return Response::json(200, execution);
    }
    assert_eq!(
        request.header("x-amz-target"),
        Some("AWSStepFunctions.StartExecution")
    );
    let body = request.text();
    let error = |code: &str| {
        let error_type = format!("com.amazonaws.swf.service.v2.model#{code}");
        Response::json(400, json!({ "__type": error_type, "message": "no" }))
    };
    if body.contains("busy.mat") {
        error("ThrottlingException")
    } else if body.contains("before.mat") {
        error("ExecutionAlreadyExists")
    } else {
        Response::json(
            200,
            json!({ "executionArn": "arn:e", "startDate": 1_795_420_800.0 }),
        )
    }
}

fn message(id: &str, key: &str, size: u64) -> Value {
    let record = json!({
        "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "eventTime": "2026-11-23T08:00:00Z",
        "s3": { "bucket": { "name": "raw" }, "object": { "key": key, "size": size, "eTag": "0f" } },
    });
    json!({ "messageId": id, "body": json!({ "Records": [record] }).to_string() })
}

const WORKFLOW: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:ecg-pipeline";

fn start() -> Lambda {
    Lambda::new(env!("CARGO_BIN_EXE_start"))
        .variable("RAW_BUCKET", "raw")
        .variable("WORK_BUCKET", "work")
        .variable("PROCESSED_BUCKET", "processed")
        .variable("STATE_MACHINE_ARN", WORKFLOW)
}

#[test]
fn a_batch_of_uploads() {
    let messages = [
        message("m1", "new+one.mat", 1_000),
        message("m2", "before.mat", 200),
        message("m3", "busy.mat", 30),
        json!({ "messageId": "m4", "body": "no" }),
        message("m5", "two.mat", 4),
    ];
    let run = start().invoke([json!({ "Records": messages })], step_functions);
    assert_eq!(
        run.answers[0],
        r#"{"batchItemFailures":[{"itemIdentifier":"m3"},{"itemIdentifier":"m4"}]}"#
    );
    let mut started = Vec::new();
    for request in asked(&run) {
        let started_with = request.json();
        assert_eq!(started_with["stateMachineArn"], WORKFLOW);
        let input: Value = serde_json::from_str(started_with["input"].as_str().unwrap()).unwrap();
        assert_eq!(started_with["name"], input["recording_id"]);
        started.push(input["source"]["key"].as_str().unwrap().to_owned());
    }
    started.sort();
    assert_eq!(started, ["before.mat", "busy.mat", "new one.mat", "two.mat"]);

    // Each recording has its line, and the invocation one of metrics: what was started now, not before.
    let mut told: Vec<(&str, &str)> = (run
        .logged("execution")
        .into_iter()
        .chain(run.logged("not started")))
    .map(|line| {
        (
            line["key"].as_str().unwrap(),
            line["message_id"].as_str().unwrap(),
        )
    })
    .collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            ("before.mat", "m2"),
            ("busy.mat", "m3"),
            ("new one.mat", "m1"),
            ("two.mat", "m5")
        ]
    );
    let [metrics] = run.metrics()[..] else {
        panic!("{:?}", run.lines)
    };
    assert_eq!(
        (&metrics["step"], &metrics["Files"], &metrics["Bytes"]),
        (&json!("start"), &json!(2), &json!(1_004))
    );
}

/// What `backfill.asl.json` asks.
#[test]
fn a_name_for_an_object_that_lies_there() {
    let head = json!({ "ETag": "\"0f\"", "VersionId": "v1", "ContentLength": 7, "LastModified": "2026-11-23T07:59:59Z" });
    let event = json!({ "bucket": "raw", "key": "a b.mat", "head": head, "suffix": "b2" });
    let run = start().invoke([event], step_functions);
    let id = ecg_core::recording_id("raw", "a b.mat", "v1");
    let execution = format!("arn:aws:states:us-east-1:000000000000:execution:ecg-pipeline:{id}");
    assert_eq!(asked(&run).len(), 1);
    assert_eq!(asked(&run)[0].json(), json!({ "executionArn": execution }));

    let source = json!({
        "bucket": "raw", "key": "a b.mat", "version": "v1", "etag": "0f", "size": 7,
        "uploaded_at_ms": 1_795_420_800_123_i64, "sequencer": "0055",
    });
    let named = json!({ "name": format!("{id}-b2"), "input": { "recording_id": id, "source": source } });
    assert_eq!(serde_json::from_str::<Value>(&run.answers[0]).unwrap(), named);
    // Nothing was started, so no file is counted.
    let [metrics] = run.metrics()[..] else {
        panic!("{:?}", run.lines)
    };
    assert!(metrics.get("Files").is_none(), "{metrics}");
}

#[test]
fn the_example_event() {
    let event: Value = serde_json::from_str(include_str!("../../events/start.json")).unwrap();
    let next: Value = serde_json::from_str(include_str!("../../events/validate.json")).unwrap();
    let run = start().invoke([event], step_functions);
    assert_eq!(run.answers, [r#"{"batchItemFailures":[]}"#]);
    // The one upload in it; S3's test event asks for nothing. The input is what validate's example was made of.
    assert_eq!(asked(&run).len(), 1);
    let input: Value = serde_json::from_str(asked(&run)[0].json()["input"].as_str().unwrap()).unwrap();
    assert_eq!(input["recording_id"], next["recording_id"]);
    assert_eq!(input["source"], next["source"]);
}

#[test]
fn a_pipeline_that_feeds_on_itself_is_refused() {
    let event = json!({ "Records": [message("m1", "new.mat", 1)] });
    let run = start()
        .variable("PROCESSED_BUCKET", "raw")
        .invoke([event], step_functions);
    let failure = run.outcome().clone().unwrap_err();
    assert_eq!(failure.error, "Internal");
    assert!(failure.message.contains("PROCESSED_BUCKET"), "{failure:?}");
    assert!(run.requests.is_empty());
}
