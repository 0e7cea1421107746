//! `ecg workflow`: any workflow file can be tried with mocked functions, and those that were recorded on AWS come out
//! the same.

// A test that cannot go on stops: unwrap, expect and panic are how.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::fs;
use std::path::Path;

use ecg_tests::cli::{Answer, ecg};
use ecg_tests::files::{real_data, workflow};
use ecg_tests::lake::text;
use serde_json::{Value, json};

/// Members of an output that a clock, chance or the network made.
const MASKED: [&str; 8] = [
    "timestamp",
    "StartTime",
    "EnteredTime",
    "Date",
    "x-amzn-RequestId",
    "X-Amzn-Trace-Id",
    "RequestId",
    "Content-Length",
];

#[test]
fn the_executions_recorded_on_aws_end_alike() {
    let Some(data) = real_data() else { return };
    let scenarios: Vec<Value> =
        serde_json::from_slice(&fs::read(data.join("asl/scenarios.json")).unwrap()).unwrap();
    assert_eq!(scenarios.len(), 70);
    let folder = tempfile::tempdir().unwrap();
    let mut differences = Vec::new();
    for scenario in &scenarios {
        let (name, expected) = (scenario["name"].as_str().unwrap(), &scenario["expected"]);
        let answer = try_scenario(folder.path(), scenario);
        assert_eq!(
            answer.status,
            i32::from(expected["status"] != json!("SUCCEEDED")),
            "{name}: {answer:?}"
        );
        let found = answer.json();
        for part in ["status", "output", "error"] {
            if !alike(&parsed(&expected[part]), &parsed(&found[part])) {
                differences.push(format!(
                    "{name}: {part}: expected {}, found {}",
                    expected[part], found[part]
                ));
            }
        }
        assert!(
            found["events"].as_array().is_some_and(|events| events.len() >= 3),
            "{name}"
        );
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn try_scenario(folder: &Path, scenario: &Value) -> Answer {
    let file = |name: &str, value: &Value| {
        let path = folder.join(name);
        fs::write(&path, value.to_string()).unwrap();
        path
    };
    let definition = file("definition.asl.json", &scenario["definition"]);
    let input = format!("@{}", file("input.json", &scenario["input"]).display());
    let mut args = vec![
        "workflow".to_owned(),
        "run".to_owned(),
        text(&definition).to_owned(),
        "--input".to_owned(),
        input,
    ];
    // Some scenarios without a Task have the answers of a function all the same, which `--mock` refuses.
    let calls = scenario["definition"].to_string().contains(r#""Type":"Task""#);
    let mocks = scenario["mocks"].as_object().unwrap().iter();
    for (name, answers) in mocks.filter(|_| calls) {
        args.push("--mock".to_owned());
        args.push(format!(
            "{name}={}",
            file(&format!("{name}.json"), answers).display()
        ));
    }
    ecg(&args)
}

/// The recordings hold some outputs as JSON text.
fn parsed(value: &Value) -> Value {
    value
        .as_str()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_else(|| value.clone())
}

/// Equal but for masked members; numbers by value. `<…>` in a recording stands for a name of the recording account.
fn alike(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(name, a)| {
                    b.get(name)
                        .is_some_and(|b| MASKED.contains(&name.as_str()) || alike(a, b))
                })
        }
        (Value::String(a), Value::String(_)) if a.contains("ArnPart_") || a == "snf_role_arn" => true,
        _ => expected == found,
    }
}

/// The pipeline's own workflow with mocks: what a developer tries before a commit.
#[test]
fn the_pipeline_is_tried_without_its_functions() {
    let folder = tempfile::tempdir().unwrap();
    let mock = |name: &str, answers: Value| {
        let path = folder.path().join(format!("{name}.json"));
        fs::write(&path, answers.to_string()).unwrap();
        format!("{name}={}", path.display())
    };
    let validate = mock(
        "validate",
        json!([{ "error": "Transient", "cause": "again" }, { "error": "Rejected", "cause": "too odd" }]),
    );
    let write = mock("write", json!([{ "payload": {} }]));
    let crawl = mock("crawl", json!([{ "payload": {} }]));
    let notify = mock(
        "notify",
        json!([{ "error": "Internal", "cause": "Slack is gone" }]),
    );
    let unknown = ecg(&[
        "workflow",
        "run",
        text(&workflow()),
        "--input",
        "{}",
        "--mock",
        &format!("valdate={write}"),
    ])
    .expect(2);
    assert!(
        unknown.stderr.contains("expected a function that the workflow calls (crawl, notify, parse, transform, validate, write), found `valdate`"),
        "{}",
        unknown.stderr
    );
    let mut args = vec![
        "workflow",
        "run",
        text(&workflow()),
        "--input",
        r#"{"recording_id": "x", "source": {"key": "x.mat"}}"#,
    ]
    .into_iter()
    .map(str::to_owned)
    .collect::<Vec<_>>();
    for mock in [validate, write, crawl, notify] {
        args.extend(["--mock".to_owned(), mock]);
    }
    let report = ecg(&args).expect(1).json();
    // A failure of the failure branch does not hide the first one.
    assert_eq!(
        (&report["status"], &report["error"], &report["cause"]),
        (&json!("FAILED"), &json!("Rejected"), &json!("too odd"))
    );
    let attempts = report["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["type"] == json!("TaskFailed"))
        .count();
    assert!(
        attempts >= 2,
        "one retried attempt of validate, one failure of notify: {attempts}"
    );
}

#[test]
fn what_the_engine_does_not_implement_is_refused_with_its_place() {
    ecg(&["workflow", "check", text(&workflow())]).expect(0);
    let mut definition: Value = serde_json::from_slice(&fs::read(workflow()).unwrap()).unwrap();
    definition["States"]["Parse"]["TimeoutMinutes"] = json!(3);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changed.asl.json");
    fs::write(&path, definition.to_string()).unwrap();
    for args in [
        &["workflow", "check", text(&path)][..],
        &["workflow", "run", text(&path), "--input", "{}"],
        &["run", "x.mat", "--workflow", text(&path)],
    ] {
        let answer = ecg(args).expect(2);
        assert!(
            answer.stderr.contains("TimeoutMinutes") && answer.stderr.contains("Parse"),
            "{}",
            answer.stderr
        );
    }
}
