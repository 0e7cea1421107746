//! What the workflow file promises, state by state, and that it knows the same error names as the Rust code.

// Helpers of tests fail the test; the path of the validator comes from the environment.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod validator;

use std::collections::{BTreeMap, BTreeSet};

use asl_engine::StateMachine;
use ecg_core::StepError;
use serde_json::{Map, Value, json};
use validator::assert_valid;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../ecg-pipeline.asl.json");
const TEXT: &str = include_str!("../../ecg-pipeline.asl.json");

/// What says that others came too: nothing about the recording.
const LOAD: [&str; 2] = ["Throttled", "Lambda.TooManyRequestsException"];

/// What AWS calls a passing weakness of Lambda.
const LAMBDA_WEAKNESSES: [&str; 4] = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
];

fn machine() -> Value {
    serde_json::from_str(TEXT).unwrap()
}

fn tasks() -> Vec<(String, Map<String, Value>)> {
    let machine = machine();
    let states = machine["States"].as_object().unwrap();
    let tasks = states.iter().filter(|(_, state)| state["Type"] == "Task");
    tasks
        .map(|(name, state)| (name.clone(), state.as_object().unwrap().clone()))
        .collect()
}

fn names(handler: &Value) -> Vec<&str> {
    handler["ErrorEquals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect()
}

fn handlers<'s>(state: &'s Map<String, Value>, kind: &str) -> &'s [Value] {
    state[kind].as_array().unwrap()
}

#[test]
fn the_engine_loads_it() {
    StateMachine::parse(TEXT, &BTreeMap::new()).unwrap();
    assert_eq!(machine()["QueryLanguage"], "JSONata");
    assert_eq!(machine()["TimeoutSeconds"], 43_200);
}

#[test]
fn error_names_agree_both_ways() {
    let rust: BTreeSet<&str> = StepError::NAMES.into();
    let mut in_the_file = BTreeSet::new();
    for (state, task) in tasks() {
        let caught: BTreeSet<&str> = handlers(&task, "Catch").iter().flat_map(names).collect();
        for name in &rust {
            assert!(caught.contains(name), "{state}: {name} is not caught by name");
        }
        for handler in handlers(&task, "Catch").iter().chain(handlers(&task, "Retry")) {
            in_the_file.extend(names(handler).into_iter().map(str::to_owned));
        }
    }
    let foreign: Vec<&String> = in_the_file
        .iter()
        .filter(|name| {
            !["States.", "Lambda.", "Runtime.", "Sandbox."]
                .iter()
                .any(|aws| name.starts_with(aws))
        })
        .filter(|name| !rust.contains(name.as_str()))
        .collect();
    assert!(foreign.is_empty(), "no step fails with {foreign:?}");
    // The one name that is not handled but given: a rejected verdict.
    assert_eq!(
        machine()["States"]["Reject"]["Assign"]["failure"]["error"],
        "Rejected"
    );
}

#[test]
fn load_is_waited_for_and_only_what_may_pass_is_retried() {
    for (state, task) in tasks() {
        let [load, others @ ..] = handlers(&task, "Retry") else {
            panic!("{state} is not retried");
        };
        assert_eq!(
            *load,
            json!({ "ErrorEquals": LOAD, "IntervalSeconds": 1, "BackoffRate": 2, "MaxDelaySeconds": 60,
                    "JitterStrategy": "FULL", "MaxAttempts": 99_999_999 }),
            "{state}"
        );
        let retried: Vec<&str> = others.iter().flat_map(names).collect();
        for name in [
            "Transient",
            "Lambda.Unknown",
            "Runtime.ExitError",
            "Sandbox.Timedout",
            "States.Timeout",
        ]
        .iter()
        .chain(&LAMBDA_WEAKNESSES)
        {
            assert!(retried.contains(name), "{state}: {name} is not retried");
        }
        for name in [
            "Rejected",
            "Conflict",
            "Internal",
            "States.ALL",
            "States.TaskFailed",
        ]
        .iter()
        .chain(&LOAD)
        {
            assert!(!retried.contains(name), "{state}: {name} is retried");
        }
        for retrier in others {
            assert_eq!(retrier["JitterStrategy"], "FULL", "{state}");
            let number = |field: &str| {
                retrier[field]
                    .as_u64()
                    .unwrap_or_else(|| panic!("{state}: {field}"))
            };
            assert!((1..=60).contains(&number("MaxDelaySeconds")), "{state}");
            assert!((1..=5).contains(&number("MaxAttempts")), "{state}");
            assert!(
                number("BackoffRate") >= 2 && number("IntervalSeconds") >= 1,
                "{state}"
            );
        }
    }
}

#[test]
fn every_task_catches_everything() {
    for (state, task) in tasks() {
        let catchers = handlers(&task, "Catch");
        let by_name: Vec<&str> = catchers.iter().flat_map(names).collect();
        // `States.ALL` does not match the last of these, and the first two deserve to be seen in the file.
        for name in ["Lambda.Unknown", "States.Timeout", "States.DataLimitExceeded"] {
            assert!(by_name.contains(&name), "{state}: {name} is not caught by name");
        }
        let last = catchers.last().map(names);
        assert_eq!(
            last,
            Some(vec!["States.ALL"]),
            "{state}: States.ALL stands alone and last"
        );
        let elsewhere = by_name.iter().filter(|name| **name == "States.ALL").count();
        assert_eq!(elsewhere, 1, "{state}");
        // However it fails, the same happens.
        let mut what_happens: Vec<Value> = catchers.to_vec();
        what_happens
            .iter_mut()
            .for_each(|catcher| drop(catcher.as_object_mut().unwrap().remove("ErrorEquals")));
        assert!(what_happens.windows(2).all(|pair| pair[0] == pair[1]), "{state}");
    }
}

#[test]
fn every_task_has_a_time_limit_within_that_of_the_machine() {
    assert_eq!(tasks().len(), 8);
    for (state, task) in tasks() {
        let seconds = task["TimeoutSeconds"].as_u64();
        assert!(
            seconds.is_some_and(|seconds| (1..=150).contains(&seconds)),
            "{state}: {seconds:?}"
        );
    }
}

#[test]
fn every_function_is_called_by_its_name() {
    let mut called = BTreeSet::new();
    for (state, task) in tasks() {
        assert_eq!(task["Resource"], "arn:aws:states:::lambda:invoke", "{state}");
        let function = task["Arguments"]["FunctionName"].as_str().unwrap().to_owned();
        let name = function
            .strip_prefix("${")
            .and_then(|rest| rest.strip_suffix('}'));
        called.insert(name.unwrap_or_else(|| panic!("{state}: {function}")).to_owned());
    }
    // And nowhere else is there a placeholder.
    let mut rest = TEXT;
    while let Some(at) = rest.find("${") {
        rest = &rest[at + 2..];
        assert!(called.contains(rest.split('}').next().unwrap_or_default()));
    }
}

#[test]
fn the_validator_of_the_states_language_accepts_it() {
    assert_valid(FILE);
}

/// Every attempt at its slowest, and every pause at its longest, but for those that wait for capacity: so who runs out of time
/// has waited, and slow steps run into their own limits, which lead to the failure branch, before the machine's, which
/// does not.
#[test]
fn without_waiting_for_capacity_no_execution_runs_out_of_time() {
    let mut together = 0;
    for (_, task) in tasks() {
        let mut attempts = 1;
        for retrier in &handlers(&task, "Retry")[1..] {
            let number = |field: &str| retrier[field].as_u64().unwrap();
            attempts += number("MaxAttempts");
            together += number("MaxAttempts") * number("MaxDelaySeconds");
        }
        together += attempts * task["TimeoutSeconds"].as_u64().unwrap();
    }
    let limit = machine()["TimeoutSeconds"].as_u64().unwrap();
    assert!(together < limit / 4, "{together} s of {limit} s");
}

/// A history ends at 25,000 events, and a redrive goes on with the same: a throttled attempt makes three (TaskScheduled,
/// TaskStarted, TaskFailed), and comes every 30 s on average, since the pause is anything up to 60.
#[test]
fn the_history_holds_five_times_the_waiting() {
    let limit = machine()["TimeoutSeconds"].as_u64().unwrap();
    assert!(5 * 3 * limit / 30 < 25_000);
}
