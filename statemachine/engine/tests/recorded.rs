//! Every execution that was recorded on AWS must come out the same here: status, output, error, events.
//!
//! The recordings are data outside the repository (`ECG_DATA`, else `../shared/data` beside it).

// A test finds its data through the environment; the engine itself never reads it.
#![allow(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use asl_engine::mock::{MockAnswer, MockHandler, Mocks};
use asl_engine::{ExecutionSettings, MemoryRecorder, Runtime, SimulatedClock, StateMachine, run};
use chrono::DateTime;
use serde_json::{Value, json};

/// Members that a clock, chance or the network made. Both sides must have them; their values differ.
const MASKED: [&str; 7] = [
    "timestamp",
    "StartTime",
    "EnteredTime",
    "Date",
    "x-amzn-RequestId",
    "X-Amzn-Trace-Id",
    "RequestId",
];

/// Members that hold JSON text in the wire form and were stored parsed in the recordings.
const JSON_TEXT: [&str; 5] = ["input", "output", "parameters", "cause", "assignedVariables"];

#[tokio::test]
async fn every_recorded_execution_agrees() {
    let file = data_folder().join("asl/scenarios.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        println!("skipped: real recordings not found at {}", file.display());
        return;
    };
    let scenarios: Vec<Value> = serde_json::from_str(&text).unwrap();
    let mut disagree = Vec::new();
    for scenario in &scenarios {
        if let Err(difference) = compare(scenario).await {
            disagree.push(format!("{}: {difference}", scenario["name"]));
        }
    }
    println!(
        "{} of {} agree",
        scenarios.len() - disagree.len(),
        scenarios.len()
    );
    assert_eq!(scenarios.len(), 70);
    assert!(disagree.is_empty(), "\n{}", disagree.join("\n"));
}

fn data_folder() -> PathBuf {
    std::env::var_os("ECG_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    )
}

async fn compare(scenario: &Value) -> Result<(), String> {
    let expected = &scenario["expected"];
    let machine = StateMachine::parse(scenario["definition"].to_string(), &BTreeMap::new())
        .map_err(|error| format!("refused: {error}"))?;
    let mocks: Mocks = scenario["mocks"]
        .as_object()
        .ok_or("no mocks")?
        .iter()
        .map(|(name, answers)| Ok((name.clone(), MockAnswer::list(answers)?)))
        .collect::<Result<_, String>>()?;
    let recorder = Arc::new(MemoryRecorder::default());
    let start = DateTime::UNIX_EPOCH;
    let runtime = Runtime {
        handler: Arc::new(MockHandler::new(mocks)),
        clock: Arc::new(SimulatedClock::starting_at(start)),
        recorder: Arc::clone(&recorder) as Arc<_>,
        seed: 1,
    };
    // The placeholders of the recordings, taken as the names they stand for.
    let settings = ExecutionSettings {
        name: "<ExecArnPart_0idx>".into(),
        execution_arn: "arn:aws:states:us-east-1:111111111111:execution:<ArnPart_0idx>:<ExecArnPart_0idx>"
            .into(),
        role_arn: "snf_role_arn".into(),
        machine_arn: "arn:aws:states:us-east-1:111111111111:stateMachine:<ArnPart_0idx>".into(),
        start,
        input: scenario["input"].clone(),
    };
    let outcome = run(&machine, &settings, &runtime).await;

    same("status", &expected["status"], &json!(outcome.status))?;
    let output = outcome.output.unwrap_or(Value::Null);
    same(
        "output",
        &masked("output", &expected["output"]),
        &masked("output", &output),
    )?;
    same("error", &expected["error"], &json!(outcome.error))?;

    let recorded: Vec<Value> = expected["events"].as_array().ok_or("no events")?.clone();
    let found: Vec<Value> = recorder.events().iter().map(|event| json!(event)).collect();
    // Of the concurrent ones most have a single line of states, whose ids and order are certain too: only
    // where the recording itself masks them are events compared as a multiset.
    if recorded.iter().all(|event| event["id"].is_u64()) {
        same("number of events", &json!(recorded.len()), &json!(found.len()))?;
        for (recorded, found) in recorded.iter().zip(&found) {
            same("event", &masked("", recorded), &masked("", found))?;
        }
        return Ok(());
    }
    if scenario["concurrent"] != true {
        return Err("ids are masked though nothing is concurrent".into());
    }
    same_multiset(&recorded, &found)
}

/// Events without their ids and order. The recorder may have dropped an event while it sorted: then its id
/// is pointed back to, and the last id exceeds the number of events. Exactly those may be more here.
fn same_multiset(recorded: &[Value], found: &[Value]) -> Result<(), String> {
    let mut rest: Vec<Value> = found.to_vec();
    for event in recorded {
        let wanted = without_ids(event);
        let at = rest.iter().position(|other| without_ids(other) == wanted);
        rest.remove(at.ok_or_else(|| format!("not found: {wanted}"))?);
    }
    let known: Vec<u64> = recorded.iter().filter_map(|event| event["id"].as_u64()).collect();
    let pointed: Vec<u64> = recorded
        .iter()
        .filter(|event| event["id"].is_u64())
        .filter_map(|event| event["previousEventId"].as_u64())
        .filter(|id| *id != 0 && !known.contains(id))
        .collect();
    let dropped = known
        .iter()
        .max()
        .map_or(0, |last| *last as usize - recorded.len());
    let explained = rest
        .iter()
        .all(|event| event["id"].as_u64().is_some_and(|id| pointed.contains(&id)));
    if rest.len() == dropped && explained {
        return Ok(());
    }
    Err(format!("more than recorded: {}", json!(rest)))
}

fn without_ids(event: &Value) -> Value {
    let mut event = masked("", event);
    if let Some(members) = event.as_object_mut() {
        members.remove("id");
        members.remove("previousEventId");
    }
    event
}

fn same(what: &str, expected: &Value, found: &Value) -> Result<(), String> {
    if same_json(expected, found) {
        return Ok(());
    }
    Err(format!("{what}:\n  recorded {expected}\n  found    {found}"))
}

/// Equal, numbers by value: 1 is 1.0.
fn same_json(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same_json(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(name, value)| right.get(name).is_some_and(|other| same_json(value, other)))
        }
        _ => left == right,
    }
}

/// The value of the member `name` with JSON text parsed and masked members replaced by their name.
fn masked(name: &str, value: &Value) -> Value {
    if MASKED.contains(&name) {
        let present = match value {
            Value::Array(items) => items.len() == 1,
            Value::String(text) => !text.is_empty(),
            other => other.is_number(),
        };
        return json!(format!("{name} {}", if present { "given" } else { "missing" }));
    }
    // Lambda's Python runtime writes a blank after each comma and colon: the same payload is longer there.
    if name == "Content-Length" {
        let text = value.as_str().or_else(|| value[0].as_str()).unwrap_or_default();
        return json!(text.parse::<u64>().is_ok());
    }
    match value {
        Value::String(text) if JSON_TEXT.contains(&name) => {
            serde_json::from_str::<Value>(text).map_or_else(|_| value.clone(), |inner| masked("", &inner))
        }
        Value::Array(items) => items.iter().map(|item| masked("", item)).collect(),
        // The values of assignedVariables are JSON text each.
        Value::Object(members) if name == "assignedVariables" => members
            .iter()
            .map(|(name, value)| (name.clone(), masked("input", value)))
            .collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), masked(name, value)))
            .collect(),
        _ => value.clone(),
    }
}
