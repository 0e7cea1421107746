//! What `backfill.asl.json` promises. Its Distributed Map needs AWS; everything inside and around it is run here, by the
//! engine, with mocks in the place of S3, start and the pipeline.

// Helpers of tests fail the test; the path of the validator comes from the environment.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod mocked;
mod validator;

use std::collections::{BTreeMap, BTreeSet};

use asl_engine::StateMachine;
use ecg_core::StepError;
use ecg_core::layout::is_recording;
use mocked::{given, mocked};
use serde_json::{Value, json};
use validator::assert_valid;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../backfill.asl.json");
const TEXT: &str = include_str!("../../backfill.asl.json");
const WORKFLOW: &str = include_str!("../../ecg-pipeline.asl.json");

/// What mocked runs are called.
const NAME: &str = "mock";

fn machine() -> Value {
    serde_json::from_str(TEXT).unwrap()
}

fn child() -> Value {
    machine()["States"]["Objects"]["ItemProcessor"].take()
}

fn names(task: &str, handlers: &str) -> Vec<String> {
    let task = &child()["States"][task];
    let handlers = task[handlers].as_array().cloned().unwrap_or_default();
    let lists = handlers
        .iter()
        .map(|handler| handler["ErrorEquals"].as_array().unwrap());
    lists
        .flatten()
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_engine_says_what_of_it_needs_aws() {
    let problems = StateMachine::parse(TEXT, &BTreeMap::new())
        .unwrap_err()
        .to_string();
    for place in [
        "/States/Objects/ItemReader",
        "/States/Objects/Label",
        "/States/Objects/ResultWriter",
        "/States/Objects/ItemProcessor/ProcessorConfig/Mode: expected \"INLINE\", found \"DISTRIBUTED\"",
        "/States/Objects/ItemProcessor/States/Head/Resource",
        "/States/Objects/ItemProcessor/States/Run/Resource",
    ] {
        assert!(problems.contains(place), "{place} is missing in:\n{problems}");
    }
}

#[test]
fn it_is_a_distributed_map_over_the_raw_bucket() {
    let map = &machine()["States"]["Objects"];
    assert_eq!(map["ItemReader"]["Resource"], "arn:aws:states:::s3:listObjectsV2");
    assert_eq!(map["ItemReader"]["Arguments"]["Bucket"], "${raw_bucket}");
    // `.sync` needs a Standard child.
    let config = json!({ "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" });
    assert_eq!(map["ItemProcessor"]["ProcessorConfig"], config);
    // The results of many children do not fit into a state's 256 KB.
    assert_eq!(map["ResultWriter"]["Arguments"]["Bucket"], "${work_bucket}");
    assert!(map["Label"].as_str().unwrap().len() <= 40);
}

#[test]
fn every_placeholder_is_known() {
    let found: BTreeSet<&str> = (TEXT.split("${").skip(1))
        .map(|rest| rest.split('}').next().unwrap())
        .collect();
    assert_eq!(found, ["pipeline", "raw_bucket", "start", "work_bucket"].into());
}

#[test]
fn every_task_is_retried_where_that_helps_and_has_a_time_limit() {
    let child = child();
    let tasks: BTreeMap<&str, &Value> = (child["States"].as_object().unwrap().iter())
        .filter(|(_, state)| state["Type"] == "Task")
        .map(|(name, state)| (name.as_str(), state))
        .collect();
    assert_eq!(
        tasks.keys().copied().collect::<Vec<_>>(),
        ["Archived", "Head", "Name", "Run"]
    );
    for (name, task) in &tasks {
        assert!(
            (1..=35).contains(&task["TimeoutSeconds"].as_u64().unwrap()) || *name == "Run",
            "{name}"
        );
        for retrier in task["Retry"].as_array().unwrap() {
            assert_eq!(retrier["JitterStrategy"], "FULL", "{name}");
            assert!(
                (1..=60).contains(&retrier["MaxDelaySeconds"].as_u64().unwrap()),
                "{name}"
            );
            let load = retrier["ErrorEquals"].as_array().unwrap().iter().any(|error| {
                let error = error.as_str().unwrap();
                error.contains("Throttl") || error.contains("TooMany") || error.contains("Limit")
            });
            let attempts = retrier["MaxAttempts"].as_u64().unwrap();
            assert!(
                if load {
                    attempts == 99_999_999
                } else {
                    (1..=8).contains(&attempts)
                },
                "{name}"
            );
        }
    }
    // The pipeline itself ends within its own limit, however long it has to wait.
    let limit = serde_json::from_str::<Value>(WORKFLOW).unwrap()["TimeoutSeconds"]
        .as_u64()
        .unwrap();
    assert!(tasks["Run"]["TimeoutSeconds"].as_u64().unwrap() > limit);
    // Of the names that start fails with, the one that says "again" is retried.
    let retried = names("Name", "Retry");
    let ours: Vec<&&str> = StepError::NAMES
        .iter()
        .filter(|name| retried.iter().any(|other| &other == name))
        .collect();
    assert_eq!(ours, [&"Throttled", &"Transient"]);
    assert!(names("Head", "Retry").contains(&"S3.S3Exception".to_owned()));
    // A pipeline that failed has used up its name: a second start would find it and call that a success.
    for wrong in ["States.ALL", "States.TaskFailed", "States.Timeout"] {
        assert!(!names("Run", "Retry").contains(&wrong.to_owned()), "{wrong}");
    }
}

/// An error before the pipeline was started ends the child at that task, where a redrive of the backfill enters it
/// again. An error of the pipeline ends it in a Fail state, so that a redrive does not mistake it for a success.
#[test]
fn no_state_swallows_an_error() {
    assert!(names("Head", "Catch").is_empty() && names("Name", "Catch").is_empty());
    let child = child();
    for catcher in child["States"]["Run"]["Catch"].as_array().unwrap() {
        let name = catcher["ErrorEquals"][0].as_str().unwrap();
        let next = if name.contains("AlreadyExists") {
            "Before"
        } else {
            "Failed"
        };
        assert_eq!(catcher["Next"], next, "{name}");
    }
    let caught = names("Run", "Catch");
    assert_eq!(caught.last().unwrap(), "States.ALL");
    assert!(caught.contains(&"States.DataLimitExceeded".to_owned()));
}

#[test]
fn the_validator_of_the_states_language_accepts_it() {
    assert_valid(FILE);
}

/// The file with what only AWS has replaced by what the engine has: the listing comes with the input, and S3 and the
/// pipeline are functions.
fn here() -> String {
    let mut machine = machine();
    let map = machine["States"]["Objects"].as_object_mut().unwrap();
    for only_on_aws in ["ItemReader", "ResultWriter", "Label"] {
        map.remove(only_on_aws).unwrap();
    }
    map.insert(
        "Items".into(),
        "{% $states.context.Execution.Input.listing %}".into(),
    );
    map["ItemProcessor"]["ProcessorConfig"] = json!({ "Mode": "INLINE" });
    for (task, function) in [
        ("Head", "${head}"),
        ("Archived", "${put}"),
        ("Run", "${pipeline}"),
    ] {
        map["ItemProcessor"]["States"][task]["Resource"] = function.into();
    }
    machine["States"]["CountArchived"]["Resource"] = "${count}".into();
    machine.to_string()
}

/// Runs it for these keys one after the other; the functions answer in turn.
async fn run(keys: &[&str], settings: Value, answers: &[(&str, Value)]) -> Value {
    let listing: Vec<Value> = keys.iter().map(|key| json!({ "Key": key, "Size": 7 })).collect();
    let mut input = json!({ "prefix": "ward/", "max_concurrency": 1, "listing": listing });
    input
        .as_object_mut()
        .unwrap()
        .extend(settings.as_object().unwrap().clone());
    let mut answers = answers.to_vec();
    if !answers.iter().any(|(function, _)| *function == "count") {
        answers.push(("count", json!([{ "payload": { "KeyCount": 0 } }])));
    }
    let mut report = mocked(&here(), input, &answers).await;
    // What the children answered; on AWS it is in the objects that the ResultWriter writes.
    if let Some(results) = report["output"].get("results").cloned() {
        report["counted"] = report["output"].take();
        report["output"] = results;
    }
    report
}

fn head() -> Value {
    json!([{ "payload": { "ETag": "\"0f\"", "ContentLength": 7, "LastModified": "2026-11-23T08:00:00Z",
                          "VersionId": "v1", "ContentType": "binary/octet-stream", "Metadata": { "a": "b" } } }])
}

fn named() -> Value {
    json!([{ "payload": { "name": "a-1-b2", "input": { "recording_id": "a-1", "source": {} } } }])
}

#[tokio::test]
async fn a_recording_is_headed_named_and_run() {
    let ok = json!([{ "payload": { "Status": "SUCCEEDED" } }]);
    let report = run(
        &["ward/a.mat", "ward/a.hea"],
        json!({ "suffix": "b2" }),
        &[("head", head()), ("start", named()), ("pipeline", ok)],
    )
    .await;
    assert_eq!(report["status"], "SUCCEEDED", "{report:#}");
    assert_eq!(
        report["output"],
        json!([{ "execution": "a-1-b2" }, { "passed_over": "ward/a.hea" }])
    );
    let seen = json!({ "ETag": "\"0f\"", "VersionId": "v1", "ContentLength": 7, "LastModified": "2026-11-23T08:00:00Z" });
    assert_eq!(
        given(&report),
        [
            json!({ "Bucket": "${raw_bucket}", "Key": "ward/a.mat" }),
            json!({ "FunctionName": "${start}", "Payload":
                { "bucket": "${raw_bucket}", "key": "ward/a.mat", "head": seen, "suffix": "b2" } }),
            json!({ "StateMachineArn": "${pipeline}", "Name": "a-1-b2", "Input": { "recording_id": "a-1", "source": {} } }),
            json!({ "Bucket": "${work_bucket}", "Prefix": format!("backfill/archived/{NAME}/"), "MaxKeys": 500 }),
        ]
    );
}

/// Passed over and counted, page by page; what was restored is run.
#[tokio::test]
async fn archived_objects_are_passed_over_and_counted() {
    let restored = "ongoing-request=\"false\", expiry-date=\"Fri, 27 Nov 2026 00:00:00 GMT\"";
    for (class, restore, status, archived) in [
        (json!("GLACIER"), Value::Null, Value::Null, true),
        (
            json!("DEEP_ARCHIVE"),
            json!("ongoing-request=\"true\""),
            Value::Null,
            true,
        ),
        (
            json!("INTELLIGENT_TIERING"),
            Value::Null,
            json!("ARCHIVE_ACCESS"),
            true,
        ),
        (json!("GLACIER"), json!(restored), Value::Null, false),
        (json!("GLACIER_IR"), Value::Null, Value::Null, false),
        (json!("INTELLIGENT_TIERING"), Value::Null, Value::Null, false),
        (Value::Null, Value::Null, Value::Null, false),
    ] {
        let mut head = head();
        for (field, value) in [
            ("StorageClass", &class),
            ("Restore", &restore),
            ("ArchiveStatus", &status),
        ] {
            if !value.is_null() {
                head[0]["payload"][field] = value.clone();
            }
        }
        let ok = json!([{ "payload": {} }]);
        let count = json!([{ "payload": { "KeyCount": 500, "NextContinuationToken": "t" } }, { "payload": { "KeyCount": 2 } }]);
        let report = run(
            &["a.mat"],
            json!({}),
            &[
                ("head", head),
                ("start", named()),
                ("pipeline", ok.clone()),
                ("put", ok),
                ("count", count),
            ],
        )
        .await;
        assert_eq!(report["status"], "SUCCEEDED", "{report:#}");
        let expected = if archived {
            json!({ "archived": "a.mat" })
        } else {
            json!({ "execution": "a-1-b2" })
        };
        assert_eq!(report["output"][0], expected, "{class} {restore} {status}");
        assert_eq!(
            (&report["counted"]["archived"], &report["counted"]["bucket"]),
            (&json!(502), &json!("${raw_bucket}"))
        );
        let given = given(&report);
        let (first, second) = (&given[given.len() - 2], &given[given.len() - 1]);
        assert_eq!(first.get("ContinuationToken"), None);
        assert_eq!(second["ContinuationToken"], "t");
        if archived {
            let key = given[1]["Key"].as_str().unwrap();
            assert!(key.starts_with(first["Prefix"].as_str().unwrap()), "{key}");
        }
    }
}

#[tokio::test]
async fn what_is_a_recording_is_decided_as_start_does() {
    let keys = [
        "a.mat",
        "A.MAT",
        "x/ü.Mat",
        ".mat",
        "mat",
        "a.hea",
        "a.mat.txt",
        "100.dat",
        "100.atr",
        "night.EDF",
        "x.bdf",
        "",
        "日本",
        "a.mat/",
    ];
    for key in keys {
        let ok = json!([{ "payload": {} }]);
        let report = run(
            &[key],
            json!({}),
            &[("head", head()), ("start", named()), ("pipeline", ok)],
        )
        .await;
        let ran = report["output"][0].get("execution").is_some();
        assert_eq!(ran, is_recording(key), "{key}: {report:#}");
    }
}

#[tokio::test]
async fn an_execution_that_exists_is_a_success() {
    for name in [
        "StepFunctions.ExecutionAlreadyExistsException",
        "ExecutionAlreadyExists",
    ] {
        let exists = json!([{ "error": name, "cause": "Execution Already Exists: 'arn'" }]);
        let report = run(
            &["a.mat"],
            json!({}),
            &[("head", head()), ("start", named()), ("pipeline", exists)],
        )
        .await;
        assert_eq!(
            report["output"],
            json!([{ "execution": "a-1-b2", "before": true }]),
            "{report:#}"
        );
    }
}

/// As `startExecution.sync:2` tells a failure: DescribeExecution as the cause.
#[tokio::test]
async fn a_failure_of_the_pipeline_is_told_with_its_own_words() {
    let told = json!({ "Name": "a-1-b2", "Status": "FAILED", "Error": "Rejected", "Cause": "val: expected 2, found 1" });
    let plain = "Nested execution ended with status FAILED";
    for (cause, error, said) in [
        (
            told.to_string(),
            "Rejected",
            "val: expected 2, found 1".to_owned(),
        ),
        (plain.to_owned(), "States.TaskFailed", plain.to_owned()),
        (String::new(), "States.TaskFailed", String::new()),
        (
            json!({ "Status": "TIMED_OUT" }).to_string(),
            "States.TaskFailed",
            r#"{"Status":"TIMED_OUT"}"#.to_owned(),
        ),
    ] {
        let failed = json!([{ "error": "States.TaskFailed", "cause": cause }]);
        let answers = [("head", head()), ("start", named()), ("pipeline", failed)];
        let report = run(&["a.mat"], json!({ "tolerated_failure_percentage": 0 }), &answers).await;
        assert_eq!(report["status"], "FAILED");
        let failed = report["events"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|event| event["type"] == "MapIterationFailed");
        assert_eq!(failed.count(), 1, "{report:#}");
        assert_eq!(given(&report).len(), 3, "a failed pipeline is not started again");
        let child = run_child(json!({ "key": "a.mat", "suffix": "", "run": "b" }), &answers).await;
        assert_eq!(child["error"], error);
        assert_eq!(child["cause"], format!("a.mat (a-1-b2): {said}"));
    }
}

async fn run_child(input: Value, answers: &[(&str, Value)]) -> Value {
    let machine: Value = serde_json::from_str(&here()).unwrap();
    let mut child = machine["States"]["Objects"]["ItemProcessor"].clone();
    let fields = child.as_object_mut().unwrap();
    fields.remove("ProcessorConfig");
    fields.insert("QueryLanguage".into(), "JSONata".into());
    mocked(&child.to_string(), input, answers).await
}

#[tokio::test]
async fn what_fails_before_the_pipeline_fails_the_child_under_its_own_name() {
    let input = json!({ "key": "a.mat", "suffix": "", "run": "b" });
    let missing = json!([{ "error": "S3.NoSuchKeyException", "cause": "404" }]);
    let child = run_child(input.clone(), &[("head", missing)]).await;
    assert_eq!(
        (&child["status"], &child["error"]),
        (&json!("FAILED"), &json!("S3.NoSuchKeyException"))
    );

    let archived = json!([{ "error": "Rejected", "cause": "archived" }]);
    let child = run_child(input.clone(), &[("head", head()), ("start", archived)]).await;
    assert_eq!((&child["error"], given(&child).len()), (&json!("Rejected"), 2));

    let slow = json!([{ "error": "Transient", "cause": "ThrottlingException" }, named()[0]]);
    let throttled = json!([{ "error": "StepFunctions.ThrottlingException", "cause": "Rate exceeded" }, { "payload": {} }]);
    let child = run_child(
        input,
        &[("head", head()), ("start", slow), ("pipeline", throttled)],
    )
    .await;
    assert_eq!(
        (&child["status"], given(&child).len()),
        (&json!("SUCCEEDED"), 5),
        "{child:#}"
    );
}

#[tokio::test]
async fn settings_have_defaults_and_the_prefix_has_none() {
    let ok = || {
        [
            ("head", head()),
            ("start", named()),
            ("pipeline", json!([{ "payload": {} }])),
        ]
    };
    let settings = |report: &Value| -> Value {
        let events = report["events"].as_array().unwrap();
        let left = events
            .iter()
            .find(|event| event["type"] == "PassStateExited")
            .unwrap();
        serde_json::from_str(left["stateExitedEventDetails"]["output"].as_str().unwrap()).unwrap()
    };
    let given = json!({ "suffix": "b2", "max_concurrency": 7, "tolerated_failure_percentage": 50 });
    let report = run(&["a.mat"], given, &ok()).await;
    assert_eq!(
        settings(&report),
        json!({ "prefix": "ward/", "suffix": "b2", "max_concurrency": 7, "tolerated_failure_percentage": 50 })
    );
    let report = mocked(&here(), json!({ "prefix": "", "listing": [] }), &[]).await;
    assert_eq!(
        settings(&report),
        json!({ "prefix": "", "suffix": "", "max_concurrency": 40, "tolerated_failure_percentage": 10 })
    );
    let report = mocked(&here(), json!({ "listing": [] }), &[]).await;
    assert_eq!(report["error"], "States.QueryEvaluationError", "{report:#}");
}

#[tokio::test]
async fn some_failures_are_tolerated() {
    let mixed =
        json!([{ "payload": {} }, { "error": "States.TaskFailed", "cause": "no" }, { "payload": {} }]);
    let answers = [("head", head()), ("start", named()), ("pipeline", mixed)];
    let keys = ["a.mat", "b.mat", "c.mat"];
    let status = async |tolerated: u8| {
        let report = run(
            &keys,
            json!({ "tolerated_failure_percentage": tolerated }),
            &answers,
        )
        .await;
        report["status"].clone()
    };
    assert_eq!(status(33).await, "FAILED");
    assert_eq!(status(34).await, "SUCCEEDED");
}
