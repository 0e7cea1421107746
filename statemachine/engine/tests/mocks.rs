//! Trying a workflow with mocked functions.

// Helpers of tests fail the test.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use asl_engine::mock::{MockAnswer, MockRun, Mocks, run_with_mocks};
use chrono::DateTime;
use serde_json::{Value, json};

async fn try_out(definition: Value, mocks: Value) -> Value {
    let mocks: Mocks = mocks
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, file)| (name.clone(), MockAnswer::list(file).unwrap()))
        .collect();
    let how = MockRun {
        real_time: false,
        start: DateTime::UNIX_EPOCH,
        seed: 1,
        substitutions: BTreeMap::new(),
    };
    run_with_mocks(&definition.to_string(), json!({"n": 1}), mocks, how)
        .await
        .unwrap()
}

fn definition() -> Value {
    json!({"QueryLanguage": "JSONata", "StartAt": "Try", "States": {
        "Try": {
            "Type": "Task", "Resource": "${parse}", "Next": "Pause",
            "Retry": [{"ErrorEquals": ["Transient"], "IntervalSeconds": 3600}],
        },
        "Pause": {"Type": "Wait", "Seconds": 86400, "End": true},
    }})
}

#[tokio::test]
async fn answers_are_given_in_turn_and_hours_pass_at_once() {
    let answers = json!([{"error": "Transient", "cause": {"errorMessage": "busy"}}, {"payload": [1, 2]}]);
    let result = try_out(definition(), json!({ "parse": answers })).await;
    let names: Vec<&String> = result.as_object().unwrap().keys().collect();
    assert_eq!(names, ["status", "output", "error", "cause", "events"]);
    assert_eq!(result["status"], "SUCCEEDED");
    assert_eq!(result["output"], json!([1, 2]));
    assert_eq!((&result["error"], &result["cause"]), (&Value::Null, &Value::Null));
    let events = result["events"].as_array().unwrap();
    assert_eq!(events.last().unwrap()["timestamp"], json!(90000.0));
    assert_eq!(events[0]["executionStartedEventDetails"]["input"], r#"{"n":1}"#);
    let failed = &events[4]["lambdaFunctionFailedEventDetails"];
    assert_eq!(
        *failed,
        json!({"error": "Transient", "cause": r#"{"errorMessage":"busy"}"#})
    );
}

#[tokio::test]
async fn the_last_answer_repeats() {
    let result = try_out(definition(), json!({"parse": [{"error": "Transient"}]})).await;
    assert_eq!(result["status"], "FAILED");
    assert_eq!(result["error"], "Transient");
    let calls = result["events"].as_array().unwrap().iter();
    assert_eq!(
        calls
            .filter(|event| event["type"] == "LambdaFunctionStarted")
            .count(),
        4
    );
}

#[tokio::test]
async fn a_missing_mock_says_what_to_add() {
    for mocks in [json!({}), json!({"parse": []})] {
        let result = try_out(definition(), mocks).await;
        assert_eq!(result["status"], "FAILED");
        assert!(
            result["cause"].as_str().unwrap().contains("--mock parse=FILE"),
            "{}",
            result["cause"]
        );
    }
}

#[tokio::test]
async fn real_time_takes_its_time() {
    let wait = json!({"QueryLanguage": "JSONata", "StartAt": "W", "States": {
        "W": {"Type": "Wait", "Seconds": 1, "End": true}}});
    let how = MockRun {
        real_time: true,
        start: DateTime::UNIX_EPOCH,
        seed: 1,
        substitutions: BTreeMap::new(),
    };
    let before = std::time::Instant::now();
    run_with_mocks(&wait.to_string(), json!({}), Mocks::new(), how)
        .await
        .unwrap();
    assert!(before.elapsed().as_secs_f64() >= 1.0);
}

#[test]
fn a_mock_file_is_an_array_of_answers() {
    for wrong in [
        json!({}),
        json!([1]),
        json!([{}]),
        json!([{"payload": 1, "error": "E"}]),
        json!([{"cause": "c"}]),
        json!([{"error": 5}]),
        json!([{"payload": 1, "extra": 2}]),
    ] {
        assert!(MockAnswer::list(&wrong).is_err(), "{wrong}");
    }
    assert_eq!(MockAnswer::list(&json!([])), Ok(Vec::new()));
}
