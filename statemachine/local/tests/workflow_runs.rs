//! Where the workflow file leads: success, every step failing in every way, a failure branch that
//! fails itself. The functions are mocked; the file and the engine are the real ones.

// Helpers of tests fail the test.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use asl_engine::FunctionError;
use asl_engine::mock::{MockAnswer, MockRun, Mocks, run_with_mocks};
use chrono::DateTime;
use ecg_core::{Details, StepError};
use serde_json::{Value, json};

const WORKFLOW: &str = include_str!("../../ecg-pipeline.asl.json");
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

/// The steps of the main line in order.
const STEPS: [&str; 5] = ["validate", "parse", "transform", "write", "crawl"];

fn source() -> Value {
    json!({
        "bucket": "local", "key": "1 NSR/100m (0).mat", "version": "v", "etag": "e", "size": 7224,
        "uploaded_at_ms": 1_700_000_000_000_u64
    })
}

fn input() -> Value {
    json!({ "recording_id": "100m-0-abc", "source": source() })
}

fn payload(value: Value) -> Vec<MockAnswer> {
    vec![MockAnswer::Payload(value)]
}

fn failure(error: &str, cause: &str) -> MockAnswer {
    MockAnswer::Error(FunctionError {
        error: error.to_owned(),
        cause: cause.to_owned(),
    })
}

/// Functions that all succeed. In the failure branch write and crawl are called again and give the same answer.
fn healthy() -> Mocks {
    let object = |bucket_key: &str| json!({"table": "recordings", "key": bucket_key, "rows": 1});
    BTreeMap::from([
        (
            "validate".to_owned(),
            payload(
                json!({"recording_id": "100m-0-abc", "verdict": "accepted", "verdict_key": "100m-0-abc/verdict.json"}),
            ),
        ),
        (
            "parse".to_owned(),
            payload(
                json!({"recording_id": "100m-0-abc", "parsed_key": "100m-0-abc/parsed.arrow", "rows": 1}),
            ),
        ),
        (
            "transform".to_owned(),
            payload(
                json!({"recording_id": "100m-0-abc", "transformed": [object("t.arrow")], "quality": "good"}),
            ),
        ),
        (
            "write".to_owned(),
            payload(
                json!({"recording_id": "100m-0-abc", "dt": "2023-11-14", "objects": [object("p.parquet")]}),
            ),
        ),
        (
            "crawl".to_owned(),
            payload(json!({"recording_id": "100m-0-abc", "tables": ["recordings"]})),
        ),
        (
            "notify".to_owned(),
            payload(json!({"recording_id": "100m-0-abc", "delivered_to": "slack"})),
        ),
    ])
}

async fn run(mocks: Mocks) -> Value {
    run_of(input(), mocks).await
}

async fn run_of(input: Value, mocks: Mocks) -> Value {
    let how = MockRun {
        real_time: false,
        start: DateTime::UNIX_EPOCH,
        seed: 1,
        substitutions: BTreeMap::new(),
    };
    run_with_mocks(WORKFLOW, input, mocks, how).await.unwrap()
}

/// The states that were entered, in order.
fn path(run: &Value) -> Vec<&str> {
    let events = run["events"].as_array().unwrap().iter();
    events
        .filter_map(|event| event["stateEnteredEventDetails"]["name"].as_str())
        .collect()
}

/// What a function was given, call by call, by state name.
fn calls(run: &Value, state: &str) -> Vec<Value> {
    let mut within = "";
    let mut found = Vec::new();
    for event in run["events"].as_array().unwrap() {
        if let Some(name) = event["stateEnteredEventDetails"]["name"].as_str() {
            within = name;
        }
        if let Some(parameters) = event["taskScheduledEventDetails"]["parameters"].as_str()
            && within == state
        {
            let parameters: Value = serde_json::from_str(parameters).unwrap();
            found.push(parameters["Payload"].clone());
        }
    }
    found
}

fn state_of(step: &str) -> String {
    let (first, rest) = step.split_at(1);
    first.to_uppercase() + rest
}

/// What a person said reaches validate, and the number of a rerun the rows of both kinds.
#[tokio::test]
async fn the_input_of_a_rerun_reaches_the_steps() {
    let mut rerun = input();
    rerun["settings"] = json!({ "units": ["mV"] });
    rerun["header"] = json!({ "version": null });
    rerun["rerun"] = json!({ "number": 3, "reason": "asked for" });
    let good = run_of(rerun.clone(), healthy()).await;
    let mut asked = rerun.clone();
    asked["execution"] = json!("mock");
    assert_eq!(calls(&good, "Validate"), [asked]);
    assert_eq!(calls(&good, "Transform")[0]["run"], json!(3));

    let mut broken = healthy();
    broken.insert("parse".to_owned(), vec![failure("Internal", "why")]);
    let failed = run_of(rerun, broken).await;
    assert_eq!(calls(&failed, "RecordFailure")[0]["run"], json!(3));
}

#[tokio::test]
async fn a_good_recording_passes() {
    let run = run(healthy()).await;
    assert_eq!(run["status"], "SUCCEEDED");
    assert_eq!(
        run["output"],
        json!({"recording_id": "100m-0-abc", "tables": ["recordings"]})
    );
    assert_eq!(path(&run), ["Validate", "Parse", "Transform", "Write", "Crawl"]);
    // Each step gets what the messages of ecg-core say, and nothing else; and each the execution's name, for its logs.
    let from = |key: &str| json!({"recording_id": "100m-0-abc", "source": source(), "from": key, "execution": "mock"});
    let mut first = input();
    first["execution"] = json!("mock");
    assert_eq!(calls(&run, "Validate"), [first]);
    assert_eq!(calls(&run, "Parse"), [from("100m-0-abc/verdict.json")]);
    let mut transform = from("100m-0-abc/parsed.arrow");
    transform["run"] = json!(0);
    assert_eq!(calls(&run, "Transform"), [transform]);
    let transformed = json!([{"table": "recordings", "key": "t.arrow", "rows": 1}]);
    assert_eq!(
        calls(&run, "Write"),
        [
            json!({"recording_id": "100m-0-abc", "source": source(), "transformed": transformed, "execution": "mock"})
        ]
    );
    let objects = json!([{"table": "recordings", "key": "p.parquet", "rows": 1}]);
    assert_eq!(
        calls(&run, "Crawl"),
        [json!({"recording_id": "100m-0-abc", "dt": "2023-11-14", "objects": objects, "execution": "mock"})]
    );
}

/// Every way a step can fail, with how often it is tried.
fn ways_to_fail() -> Vec<(String, String, u64)> {
    // Throttled alone is waited for, and never fails a step.
    let steps = [
        StepError::Transient("the store is slow".into()),
        StepError::Incomplete(Details::new(
            "header (.hea)",
            "an object `a.hea` beside it",
            "none",
        )),
        StepError::Rejected(Details::new("val", "7224 bytes", "4096").at(Some(24))),
        StepError::Conflict("somebody wrote first".into()),
        StepError::Internal("a bug".into()),
    ];
    // Nor does what was erased, which has a test of its own.
    let others = StepError::NAMES[1..].iter().filter(|name| **name != "Erased");
    assert!(steps.iter().map(StepError::name).eq(others.copied()));
    let tried = |name: &str| match name {
        "Transient" => 6,
        "Incomplete" => 8,
        _ => 1,
    };
    let mut ways: Vec<_> = steps
        .iter()
        .map(|error| (error.name().to_owned(), error.cause(), tried(error.name())))
        .collect();
    for (name, tried) in [
        ("Lambda.Unknown", 2),
        ("Lambda.ServiceException", 6),
        ("Lambda.ResourceNotFoundException", 1),
        ("States.Timeout", 2),
        ("States.DataLimitExceeded", 1),
        ("States.QueryEvaluationError", 1),
        ("States.Permissions", 1),
        ("SomethingNew", 1),
    ] {
        ways.push((name.to_owned(), format!("{name} happened"), tried));
    }
    ways
}

#[tokio::test]
async fn what_was_erased_ends_without_a_row_and_without_a_message() {
    let erased = || failure("Erased", &StepError::Erased.cause());
    // It has come back; or its upload was erased under a running execution.
    let back: &[(&str, MockAnswer)] = &[("validate", erased())];
    let under_way: &[(&str, MockAnswer)] = &[("parse", failure("Rejected", "{}")), ("write", erased())];
    for (failing, states) in [
        (back, vec!["Validate", "Erased"]),
        (under_way, vec!["Validate", "Parse", "RecordFailure", "Erased"]),
    ] {
        let mut mocks = healthy();
        for (step, answer) in failing {
            mocks.insert((*step).to_owned(), vec![answer.clone()]);
        }
        let run = run(mocks).await;
        assert_eq!(
            (&run["status"], &run["output"]),
            (&json!("SUCCEEDED"), &json!({}))
        );
        assert_eq!(path(&run), states);
    }
}

#[tokio::test]
async fn however_a_step_fails_its_error_is_recorded_told_and_kept() {
    for (number, step) in STEPS.iter().enumerate() {
        for (error, cause, attempts) in ways_to_fail() {
            let place = format!("{step} failing with {error}");
            let mut mocks = healthy();
            let mut answers = vec![failure(&error, &cause); attempts as usize];
            // In the failure branch the same functions work again.
            answers.extend(mocks[*step].clone());
            mocks.insert((*step).to_owned(), answers);
            let run = run(mocks).await;
            assert_eq!(run["status"], "FAILED", "{place}");
            assert_eq!(
                (run["error"].as_str(), run["cause"].as_str()),
                (Some(&*error), Some(&*cause)),
                "{place}"
            );
            assert_eq!(run["output"], Value::Null, "{place}");
            let state = state_of(step);
            let path = path(&run);
            let branch = path.iter().position(|name| *name == state).unwrap() + 1;
            assert_eq!(
                path[branch..],
                [
                    "RecordFailure",
                    "RegisterFailure",
                    "Notify",
                    "BeginsDigest",
                    "Failed"
                ],
                "{place}"
            );
            assert_eq!(calls(&run, &state).len() as u64, attempts, "{place}");
            let failure = json!({"step": step, "error": error, "cause": cause, "attempts": attempts});
            for told in ["RecordFailure", "Notify"] {
                assert_eq!(calls(&run, told)[0]["failure"], failure, "{place}");
            }
            assert_eq!(calls(&run, "RecordFailure")[0]["execution"], "mock", "{place}");
            assert_eq!(calls(&run, "Notify")[0]["recorded"], true, "{place}");
            // Nothing behind the failed step ran.
            for later in &STEPS[number + 1..] {
                assert!(!path.contains(&state_of(later).as_str()), "{place}");
            }
        }
    }
}

/// Hundreds of refusals at every step, in the failure branch too; each attempt counts, and none is the last.
#[tokio::test]
async fn load_is_waited_for_however_long() {
    for error in ["Throttled", "Lambda.TooManyRequestsException"] {
        for function in STEPS.into_iter().chain(["notify"]) {
            let mut mocks = healthy();
            if function == "notify" {
                mocks.insert("parse".into(), vec![failure("Rejected", "no")]);
            }
            let mut answers = vec![failure(error, "Rate Exceeded"); 300];
            answers.extend(mocks[function].clone());
            mocks.insert(function.into(), answers);
            let run = run(mocks).await;
            let ended = if function == "notify" { "Rejected" } else { "" };
            assert_eq!(
                run["error"].as_str().unwrap_or_default(),
                ended,
                "{function}: {error}"
            );
            let state = if function == "notify" {
                "Notify".to_owned()
            } else {
                state_of(function)
            };
            assert_eq!(calls(&run, &state).len(), 301, "{function}: {error}");
        }
    }
}

#[tokio::test]
async fn a_first_message_that_waits_is_seen_in_the_history() {
    for (answer, passed) in [
        (
            json!({ "delivered_to": "digest", "begins_digest": true }),
            vec!["BeginsDigest", "DigestFollows", "Failed"],
        ),
        (
            json!({ "delivered_to": "digest" }),
            vec!["BeginsDigest", "Failed"],
        ),
        // The release before says nothing of it.
        (json!({ "delivered_to": "slack" }), vec!["BeginsDigest", "Failed"]),
    ] {
        let mut mocks = healthy();
        mocks.insert("parse".into(), vec![failure("Rejected", "no")]);
        mocks.insert("notify".into(), payload(answer));
        let run = run(mocks).await;
        let path = path(&run);
        let notify = path.iter().position(|name| *name == "Notify").unwrap() + 1;
        assert_eq!(path[notify..], passed);
        assert_eq!(run["error"], "Rejected");
    }
}

#[tokio::test]
async fn a_failure_inside_the_failure_branch_hides_nothing() {
    let original = "val: expected 7224 bytes, found 4096";
    for (error, cause, attempts) in ways_to_fail() {
        for (function, state, passed, recorded) in [
            (
                "write",
                "RecordFailure",
                vec!["RecordFailure", "Notify", "BeginsDigest", "Failed"],
                false,
            ),
            (
                "crawl",
                "RegisterFailure",
                vec![
                    "RecordFailure",
                    "RegisterFailure",
                    "Notify",
                    "BeginsDigest",
                    "Failed",
                ],
                false,
            ),
            (
                "notify",
                "Notify",
                vec!["RecordFailure", "RegisterFailure", "Notify", "Failed"],
                true,
            ),
        ] {
            let place = format!("{state} failing with {error}");
            // Nothing is waited for there.
            let attempts = if error == "Incomplete" { 1 } else { attempts };
            let mut mocks = healthy();
            mocks.insert("parse".into(), vec![failure("Rejected", original)]);
            mocks.insert(function.into(), vec![failure(&error, &cause)]);
            let run = run(mocks).await;
            assert_eq!(run["status"], "FAILED", "{place}");
            assert_eq!(
                (&run["error"], &run["cause"]),
                (&json!("Rejected"), &json!(original)),
                "{place}"
            );
            let path = path(&run);
            let branch = path.iter().position(|name| *name == "Parse").unwrap() + 1;
            assert_eq!(path[branch..], passed, "{place}");
            assert_eq!(calls(&run, state).len() as u64, attempts, "{place}");
            assert_eq!(calls(&run, "Notify")[0]["recorded"], recorded, "{place}");
        }
    }
}

#[tokio::test]
async fn a_passing_weakness_leaves_no_trace_in_the_outcome() {
    let good = run(healthy()).await;
    for step in STEPS {
        let mut mocks = healthy();
        let mut answers = vec![
            failure("Transient", "slow"),
            failure("Lambda.TooManyRequestsException", "busy"),
        ];
        answers.extend(mocks[step].clone());
        mocks.insert(step.to_owned(), answers);
        let run = run(mocks).await;
        assert_eq!(
            (&run["status"], &run["output"]),
            (&good["status"], &good["output"]),
            "{step}"
        );
        assert_eq!(path(&run), path(&good), "{step}");
        assert_eq!(calls(&run, &state_of(step)).len(), 3, "{step}");
    }
}

#[tokio::test]
async fn a_long_cause_is_cut_and_a_missing_one_is_empty() {
    let mut mocks = healthy();
    mocks.insert(
        "parse".into(),
        vec![failure("Lambda.Unknown", &"x".repeat(100_000))],
    );
    let run_long = run(mocks.clone()).await;
    assert!(calls(&run_long, "Notify")[0].to_string().len() <= 4096);
    mocks.insert("parse".into(), vec![failure("Internal", "")]);
    let run_short = run(mocks).await;
    assert_eq!(
        (&run_short["error"], &run_short["cause"]),
        (&json!("Internal"), &json!(""))
    );
}

#[tokio::test]
async fn the_history_is_that_of_get_execution_history() {
    let mut mocks = healthy();
    mocks.insert(
        "transform".into(),
        vec![
            failure("Transient", "the store is slow"),
            failure("Internal", &StepError::Internal("a bug".into()).cause()),
        ],
    );
    let mut run = run(mocks).await;
    for event in run["events"].as_array_mut().unwrap() {
        // The one thing that differs from run to run; ids and the order tell the rest.
        event["timestamp"] = json!("(time)");
    }
    let text = serde_json::to_string_pretty(&json!({ "events": run["events"] })).unwrap() + "\n";
    ecg_testing::golden::check(format!("{GOLDEN}/history.json"), &text);
}
