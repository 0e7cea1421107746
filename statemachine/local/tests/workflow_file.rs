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

/// What the file treats apart is what a step, Lambda or Step Functions fails with.
#[test]
fn every_error_name_is_one_that_exists() {
    for (state, task) in tasks() {
        for handler in handlers(&task, "Catch").iter().chain(handlers(&task, "Retry")) {
            for name in names(handler) {
                let of_aws = ["States.", "Lambda.", "Runtime.", "Sandbox."];
                assert!(
                    StepError::NAMES.contains(&name) || of_aws.iter().any(|aws| name.starts_with(aws)),
                    "{state}: nothing fails with {name}"
                );
            }
        }
    }
}

/// The catchers of a task but that for what was erased.
fn catchers(task: &Map<String, Value>) -> Vec<&Value> {
    let all = handlers(task, "Catch").iter();
    all.filter(|catcher| names(catcher) != ["Erased"]).collect()
}

/// The language cannot share a policy between states, so each says it, and all of a kind say the same.
#[test]
fn all_tasks_of_a_kind_have_one_policy() {
    let tasks: BTreeMap<String, Map<String, Value>> = tasks().into_iter().collect();
    let steps = ["Validate", "Parse", "Transform", "Write", "Crawl"];
    let of_failure = ["RecordFailure", "RegisterFailure"];
    assert_eq!(tasks.len(), steps.len() + of_failure.len() + 1, "and Notify");
    for state in of_failure {
        assert_eq!(
            handlers(&tasks[state], "Retry"),
            &handlers(&tasks["Validate"], "Retry")[..3],
            "{state}"
        );
    }
    for state in steps {
        assert_eq!(tasks[state]["Retry"], tasks["Validate"]["Retry"], "{state}");
        assert_eq!(catchers(&tasks[state]), catchers(&tasks["Validate"]), "{state}");
    }
    for state in of_failure {
        assert_eq!(
            catchers(&tasks[state]),
            catchers(&tasks["RecordFailure"]),
            "{state}"
        );
    }
    // Two functions look whether the recording was erased.
    let erased = json!({ "ErrorEquals": ["Erased"], "Next": "Erased" });
    let look = tasks
        .iter()
        .filter(|(_, task)| handlers(task, "Catch")[0] == erased);
    assert!(look.map(|(state, _)| state).eq(["RecordFailure", "Validate"]));
    // Slack asks for longer pauses; all else is as for a step.
    let [load, passing, slow] = handlers(&tasks["Notify"], "Retry") else {
        panic!("Notify has other retriers")
    };
    let of_steps = handlers(&tasks["Validate"], "Retry");
    assert_eq!((load, slow), (&of_steps[0], &of_steps[2]));
    let mut passing = passing.clone();
    passing["IntervalSeconds"] = json!(1);
    passing["MaxDelaySeconds"] = json!(20);
    assert_eq!(passing, of_steps[1]);
    // Six and a half minutes: 5, 10, 20, 40, 80, 120 and 120 s.
    let incomplete = json!({ "ErrorEquals": ["Incomplete"], "IntervalSeconds": 5, "BackoffRate": 2,
                             "MaxDelaySeconds": 120, "MaxAttempts": 7 });
    assert_eq!(of_steps[3..], [incomplete]);
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
        // A part that is not there yet is waited for longer, and by one execution.
        for retrier in others.iter().filter(|retrier| names(retrier) != ["Incomplete"]) {
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
        let catchers = catchers(&task);
        // `States.ALL` stands alone and last, and does not match the other.
        let caught: Vec<Vec<&str>> = catchers.iter().map(|catcher| names(catcher)).collect();
        assert_eq!(caught, [["States.DataLimitExceeded"], ["States.ALL"]], "{state}");
        // However it fails, the same happens.
        let mut what_happens: Vec<Value> = catchers.into_iter().cloned().collect();
        what_happens
            .iter_mut()
            .for_each(|catcher| drop(catcher.as_object_mut().unwrap().remove("ErrorEquals")));
        assert!(what_happens.windows(2).all(|pair| pair[0] == pair[1]), "{state}");
    }
}

#[test]
fn every_task_has_a_time_limit_within_that_of_the_machine() {
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

/// Every attempt at its slowest, and every pause at its longest, but for those that wait for capacity or, in one step and for
/// six minutes, for a header: so who runs out of time
/// has waited, and slow steps run into their own limits, which lead to the failure branch, before the machine's, which
/// does not.
#[test]
fn without_waiting_for_capacity_no_execution_runs_out_of_time() {
    let mut together = 0;
    for (_, task) in tasks() {
        let mut attempts = 1;
        let retriers = handlers(&task, "Retry")[1..].iter();
        for retrier in retriers.filter(|retrier| names(retrier) != ["Incomplete"]) {
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
