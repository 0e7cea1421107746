//! What `net.asl.json` promises: whatever ended without the workflow's failure branch, or fell through it, is recorded
//! and told once. Histories, the listing and the topic are mocked; on AWS and on the emulator they are real.

// Helpers of tests fail the test; the path of the validator comes from the environment.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod mocked;
mod validator;

use std::collections::BTreeSet;

use mocked::{given, mocked};
use serde_json::{Value, json};
use validator::assert_valid;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../net.asl.json");
const TEXT: &str = include_str!("../../net.asl.json");
const WORKFLOW: &str = include_str!("../../ecg-pipeline.asl.json");

const ARN: &str = "arn:aws:states:us-east-1:000000000000:execution:ecg-pipeline:a-1-r2";

fn machine() -> Value {
    serde_json::from_str(TEXT).unwrap()
}

fn state(machine: &str, name: &str) -> Value {
    serde_json::from_str::<Value>(machine).unwrap()["States"][name].take()
}

#[test]
fn the_validator_of_the_states_language_accepts_it() {
    assert_valid(FILE);
}

#[test]
fn every_placeholder_is_known() {
    let found: BTreeSet<&str> = (TEXT.split("${").skip(1))
        .map(|rest| rest.split('}').next().unwrap())
        .collect();
    assert_eq!(
        found,
        [
            "crawl",
            "notify",
            "pipeline",
            "processed_bucket",
            "topic",
            "write"
        ]
        .into()
    );
}

#[test]
fn no_task_swallows_an_error_and_all_together_end_in_time() {
    let machine = machine();
    // Each state at its slowest: every try up to its limit, and every pause between two tries.
    let mut seconds = 0;
    for (name, state) in machine["States"].as_object().unwrap() {
        seconds += state["Seconds"].as_u64().unwrap_or_default();
        if state["Type"] != "Task" {
            continue;
        }
        let limit = state["TimeoutSeconds"].as_u64().unwrap();
        let retriers = state["Retry"].as_array().unwrap();
        // What waits for capacity waits for as long as there is time.
        let bounded = |retrier: &&Value| retrier["MaxAttempts"] != 99_999_999;
        let worst = retriers.iter().filter(bounded).map(|retrier| {
            let number = |field: &str| retrier[field].as_u64().unwrap();
            let pauses = (0..number("MaxAttempts") as u32).map(|attempt| {
                (number("IntervalSeconds") * number("BackoffRate").pow(attempt))
                    .min(number("MaxDelaySeconds"))
            });
            // Who is slow is retried once; who fails at once takes no time.
            let slow = retrier["ErrorEquals"]
                .as_array()
                .unwrap()
                .contains(&json!("States.Timeout"));
            pauses.sum::<u64>() + if slow { number("MaxAttempts") * limit } else { 0 }
        });
        seconds += limit + worst.sum::<u64>();
        assert!(!state["Retry"].as_array().unwrap().is_empty(), "{name}");
        // The last resort has nobody behind it but the alarm on this machine's failures.
        if name == "Alert" {
            assert!(state.get("Catch").is_none());
            continue;
        }
        let catchers = state["Catch"].as_array().unwrap();
        let caught: Vec<&Value> = catchers
            .iter()
            .map(|catcher| &catcher["ErrorEquals"][0])
            .collect();
        let own = caught.len() - 2;
        assert_eq!(
            caught[own..],
            ["States.DataLimitExceeded", "States.ALL"],
            "{name}"
        );
        for catcher in &catchers[own..] {
            assert_eq!(catcher["Assign"]["fell"]["at"], **name, "{name}");
        }
    }
    assert!(
        seconds < machine["TimeoutSeconds"].as_u64().unwrap() / 4,
        "{seconds} s"
    );
}

#[test]
fn what_is_throttled_is_waited_for() {
    for (name, state) in machine()["States"].as_object().unwrap() {
        let throttling = match state["Resource"].as_str() {
            Some("arn:aws:states:::lambda:invoke") => "Lambda.TooManyRequestsException",
            Some(resource) if resource.contains(":aws-sdk:sfn:") => "Sfn.ThrottlingException",
            _ => continue,
        };
        let load = &state["Retry"][0];
        assert!(
            load["ErrorEquals"]
                .as_array()
                .unwrap()
                .contains(&json!(throttling)),
            "{name}"
        );
        assert_eq!(
            (
                &load["MaxAttempts"],
                &load["MaxDelaySeconds"],
                &load["JitterStrategy"]
            ),
            (&json!(99_999_999), &json!(60), &json!("FULL")),
            "{name}"
        );
    }
}

/// It looks for states by their names; a state that is renamed in the workflow would not be found any more.
#[test]
fn the_states_that_it_looks_for_are_those_of_the_workflow() {
    let looks = state(TEXT, "LookBack")["Assign"]["seen"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(looks.contains("'DigestFollows'") && state(WORKFLOW, "DigestFollows")["Type"] == "Pass");
    for name in ["RecordFailure", "RegisterFailure", "Notify"] {
        assert!(looks.contains(&format!("'{name}'")), "{name}");
        assert_eq!(state(WORKFLOW, name)["Type"], "Task", "{name}");
        // The same functions are asked the same way.
        let function = |machine| state(machine, name)["Arguments"]["FunctionName"].take();
        assert_eq!(function(TEXT), function(WORKFLOW), "{name}");
        // And retried the same way, but for Notify, which may take longer here.
        if name != "Notify" {
            let retry = |machine| state(machine, name)["Retry"].take();
            assert_eq!(retry(TEXT), retry(WORKFLOW), "{name}");
        }
    }
    // Before the net waits for the row, crawl has to be out of time.
    let waits = state(TEXT, "WaitForCrawl")["Seconds"].as_u64().unwrap();
    assert!(waits >= state(WORKFLOW, "Crawl")["TimeoutSeconds"].as_u64().unwrap());
}

/// A history as GetExecutionHistory tells it to Step Functions itself: names in Pascal case, the newest first.
fn history(events: &[(&str, &str)]) -> Value {
    pages(events, usize::MAX)
}

/// The same in pages of so many events.
fn pages(events: &[(&str, &str)], size: usize) -> Value {
    let mut events: Vec<Value> = (events.iter().enumerate())
        .map(|(at, (kind, name))| {
            let mut event = json!({ "Id": at + 1, "PreviousEventId": at, "Type": kind });
            if *kind == "TaskFailed" && !name.is_empty() {
                event["TaskFailedEventDetails"] = json!({ "Error": name });
            } else if !name.is_empty() {
                let details = format!("State{}EventDetails", kind.rsplit("State").next().unwrap());
                event[details] = json!({ "Name": name });
            }
            event
        })
        .collect();
    events.reverse();
    let pages: Vec<Value> = (events.chunks(size.min(events.len())))
        .map(|page| json!({ "payload": { "Events": page, "NextToken": format!("after {}", page[page.len() - 1]["Id"]) } }))
        .collect();
    let mut pages = json!(pages);
    let last = pages.as_array_mut().unwrap().last_mut().unwrap();
    last["payload"].as_object_mut().unwrap().remove("NextToken");
    pages
}

fn entered(name: &str) -> Vec<(&'static str, &str)> {
    vec![("TaskStateEntered", name), ("TaskScheduled", "")]
}

fn done(name: &str) -> Vec<(&'static str, &str)> {
    [
        entered(name),
        vec![("TaskSucceeded", ""), ("TaskStateExited", name)],
    ]
    .concat()
}

fn failed(name: &str) -> Vec<(&'static str, &str)> {
    [entered(name), vec![("TaskFailed", ""), ("TaskStateExited", name)]].concat()
}

fn event(status: &str, error: Value, cause: Value) -> Value {
    let input = json!({ "recording_id": "a-1", "source": { "bucket": "raw", "key": "a.mat", "uploaded_at_ms": 1_795_434_382_451_i64 } });
    json!({ "executionArn": ARN, "name": "a-1-r2", "status": status, "error": error, "cause": cause,
            "input": input.to_string(), "output": null, "startDate": 1_795_434_390_000_i64 })
}

/// The file with what only AWS has replaced by functions.
fn here() -> String {
    let mut machine = machine();
    for (task, function) in [
        ("LookBack", "${history}"),
        ("LookForTheRow", "${listing}"),
        ("GoOn", "${redrive}"),
        ("StartAnew", "${begin}"),
        ("Alert", "${sns}"),
    ] {
        machine["States"][task]["Resource"] = function.into();
    }
    machine.to_string()
}

const PAYLOAD: &str = r#"[{ "payload": { "rows": 1 } }]"#;

/// Runs it. Functions that a case does not name answer well; one that it must not ask is `null`.
async fn run(input: Value, cases: &[(&str, Value)]) -> Value {
    let mut answers: Vec<(&str, Value)> = ["write", "crawl", "notify", "sns", "listing", "redrive", "begin"]
        .map(|function| (function, serde_json::from_str(PAYLOAD).unwrap()))
        .into();
    answers.retain(|(function, _)| !cases.iter().any(|(other, _)| other == function));
    answers.extend(cases.iter().filter(|(_, answer)| !answer.is_null()).cloned());
    mocked(&here(), input, &answers).await
}

fn tasks(report: &Value) -> Vec<String> {
    (report["events"].as_array().unwrap().iter())
        .filter(|event| event["type"] == "TaskStateEntered")
        .map(|event| {
            event["stateEnteredEventDetails"]["name"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect()
}

#[tokio::test]
async fn what_timed_out_is_recorded_and_told_with_the_step_that_it_was_at() {
    // The second try of parse was under way.
    let mut events = vec![("ExecutionStarted", "")];
    events.extend(done("Validate"));
    events.extend(entered("Parse"));
    events.extend([
        ("TaskFailed", ""),
        ("TaskScheduled", ""),
        ("ExecutionTimedOut", ""),
    ]);
    let report = run(
        event("TIMED_OUT", Value::Null, Value::Null),
        &[("history", history(&events))],
    )
    .await;
    assert_eq!(report["status"], "SUCCEEDED", "{report:#}");
    let failure = json!({ "step": "parse", "error": "States.Timeout", "attempts": 2,
                          "cause": "the execution did not end within the time limit of the workflow" });
    let source = json!({ "bucket": "raw", "key": "a.mat", "uploaded_at_ms": 1_795_434_382_451_i64 });
    assert_eq!(
        given(&report),
        [
            json!({ "ExecutionArn": ARN, "ReverseOrder": true, "MaxResults": 100, "IncludeExecutionData": false }),
            json!({ "FunctionName": "${write}", "Payload":
                { "recording_id": "a-1", "source": source, "failure": failure, "execution": "a-1-r2", "run": 0 } }),
            json!({ "FunctionName": "${crawl}", "Payload": { "rows": 1, "execution": "a-1-r2" } }),
            json!({ "FunctionName": "${notify}", "Payload":
                { "recording_id": "a-1", "source": source, "failure": failure, "execution": ARN, "recorded": true } }),
        ]
    );
}

/// A step waited for capacity until the time was over. Nothing is recorded and nobody is told: the execution goes on.
#[tokio::test]
async fn what_ran_out_of_time_while_it_was_throttled_is_started_again() {
    let waited = |error: &'static str, tries: usize| {
        let mut events = vec![("ExecutionStarted", "")];
        events.extend(done("Validate"));
        events.push(("TaskStateEntered", "Parse"));
        for _ in 0..tries {
            events.extend([("TaskScheduled", ""), ("TaskStarted", ""), ("TaskFailed", error)]);
        }
        events.push(("ExecutionTimedOut", ""));
        events
    };
    // In the step before, too: then the time was gone.
    let mut before = waited("Throttled", 1);
    before.pop();
    before.extend([
        ("TaskScheduled", ""),
        ("TaskSucceeded", ""),
        ("TaskStateExited", "Parse"),
    ]);
    before.extend(entered("Transform"));
    before.push(("ExecutionTimedOut", ""));
    for (events, size, looks) in [
        (waited("Throttled", 1), 100, 1),
        (waited("Lambda.TooManyRequestsException", 3), 3, 1),
        (waited("Lambda.TooManyRequestsException", 1_000), 100, 1),
        // Whoever may not see errors can count: other errors are not tried so often.
        (waited("", 8), 100, 1),
        (waited("", 200), 100, 1),
        (before, 3, 3),
    ] {
        let history = pages(&events, size);
        let report = run(
            event("TIMED_OUT", Value::Null, Value::Null),
            &[
                ("history", history),
                ("write", Value::Null),
                ("notify", Value::Null),
            ],
        )
        .await;
        assert_eq!(report["status"], "SUCCEEDED", "{report:#}");
        let tasks = tasks(&report);
        assert_eq!(tasks.last().map(String::as_str), Some("GoOn"), "{tasks:?}");
        assert!(tasks.len() > looks, "{tasks:?}");
        let asked = given(&report).pop().unwrap();
        assert_eq!(asked, json!({ "ExecutionArn": ARN, "ClientToken": "mock" }));
    }
}

#[tokio::test]
async fn what_cannot_be_redriven_is_started_anew_under_the_first_free_name() {
    let mut events = vec![("ExecutionStarted", "")];
    events.extend(entered("Validate"));
    events.extend([("TaskFailed", "Throttled"), ("ExecutionTimedOut", "")]);
    let no = |error: &str| json!({ "error": error, "cause": "no" });
    let report = run(
        event("TIMED_OUT", Value::Null, Value::Null),
        &[
            ("history", history(&events)),
            (
                "redrive",
                json!([
                    no("Sfn.ThrottlingException"),
                    no("Sfn.ExecutionNotRedrivableException")
                ]),
            ),
            (
                "begin",
                json!([no("Sfn.ExecutionAlreadyExistsException"), { "payload": { "ExecutionArn": "x" } }]),
            ),
        ],
    )
    .await;
    assert_eq!(report["status"], "SUCCEEDED", "{report:#}");
    assert_eq!(tasks(&report), ["LookBack", "GoOn", "StartAnew", "StartAnew"]);
    let asked = given(&report).pop().unwrap();
    let input = event("TIMED_OUT", Value::Null, Value::Null)["input"].take();
    assert_eq!(asked["StateMachineArn"], "${pipeline}");
    assert_eq!(asked["Name"], "a-1-r2");
    let again: Value = serde_json::from_str(asked["Input"].as_str().unwrap()).unwrap();
    assert_eq!(
        again,
        serde_json::from_str::<Value>(input.as_str().unwrap()).unwrap()
    );
}

/// A history ends at 25,000 events, in the middle of a round of waiting: that is a failure for Step Functions and load for us.
#[tokio::test]
async fn what_filled_its_history_while_it_was_throttled_is_started_anew() {
    let mut events = vec![("ExecutionStarted", ""), ("TaskStateEntered", "Parse")];
    while events.len() < 24_999 {
        events.extend([("TaskScheduled", ""), ("TaskFailed", "Throttled")]);
    }
    events.push(("ExecutionFailed", ""));
    let report = run(
        event("FAILED", json!("States.Runtime"), Value::Null),
        &[
            ("history", pages(&events, 1_000)),
            (
                "redrive",
                json!([{ "error": "Sfn.ExecutionNotRedrivableException", "cause": "no" }]),
            ),
            ("write", Value::Null),
        ],
    )
    .await;
    assert_eq!(report["status"], "SUCCEEDED", "{report:#}");
    let tasks = tasks(&report);
    assert_eq!(tasks[tasks.len() - 2..], ["GoOn", "StartAnew"]);
}

/// It looks back until it has found the failed step, however many attempts of the failure branch came after it.
#[tokio::test]
async fn the_failed_step_is_found_on_whatever_page_it_is() {
    let mut events = vec![("ExecutionStarted", "")];
    events.extend(done("Validate"));
    events.push(("TaskStateEntered", "Parse"));
    for _ in 0..70 {
        events.extend([("TaskScheduled", ""), ("TaskFailed", "Throttled")]);
    }
    events.push(("TaskStateExited", "Parse"));
    events.push(("TaskStateEntered", "RecordFailure"));
    for _ in 0..70 {
        events.extend([("TaskScheduled", ""), ("TaskFailed", "Throttled")]);
    }
    events.extend([
        ("TaskScheduled", ""),
        ("TaskSucceeded", ""),
        ("TaskStateExited", "RecordFailure"),
    ]);
    events.extend(done("RegisterFailure"));
    events.extend(failed("Notify"));
    events.extend([("FailStateEntered", "Failed"), ("ExecutionFailed", "")]);
    for size in [1, 2, 7, 100, 1_000] {
        let report = run(
            event("FAILED", json!("Internal"), json!("no")),
            &[("history", pages(&events, size))],
        )
        .await;
        let looks = tasks(&report).iter().filter(|task| *task == "LookBack").count();
        assert_eq!(looks, (events.len() - 5).div_ceil(size), "{size}");
        assert_eq!(tasks(&report)[looks..], ["Notify"], "{size}");
        let asked = given(&report);
        let failure = json!({ "step": "parse", "error": "Internal", "cause": "no", "attempts": 70 });
        assert_eq!(asked[looks]["Payload"]["failure"], failure, "{size}");
        // The token of one page asks for the next, and nothing else changes.
        for (at, pair) in asked[..looks].windows(2).enumerate() {
            let mut second = pair[1].clone();
            let token = second.as_object_mut().unwrap().remove("NextToken");
            assert!(
                token.is_some_and(|token| token.as_str().unwrap().starts_with("after ")),
                "{at}"
            );
            if at == 0 {
                assert_eq!(second, pair[0]);
            }
        }
    }
}

/// The first message that waits is seen to until its digest was sent.
#[tokio::test]
async fn a_digest_is_sent_when_the_flood_is_over() {
    let mut events = vec![("ExecutionStarted", "")];
    events.extend(failed("Validate"));
    events.extend(done("RecordFailure"));
    events.extend(done("RegisterFailure"));
    events.extend(done("Notify"));
    events.extend([
        ("PassStateEntered", "DigestFollows"),
        ("FailStateEntered", "Failed"),
        ("ExecutionFailed", ""),
    ]);
    let waits = |waiting: u64| json!({ "payload": { "told": 0, "waiting": waiting } });
    let report = run(
        event("FAILED", json!("Internal"), json!("no")),
        &[
            ("history", history(&events)),
            ("notify", json!([waits(1), waits(1), waits(0)])),
        ],
    )
    .await;
    assert_eq!(report["status"], "SUCCEEDED", "{report:#}");
    assert_eq!(tasks(&report), ["LookBack", "Digest", "Digest", "Digest"]);
    assert_eq!(
        given(&report)[1],
        json!({ "FunctionName": "${notify}", "Payload": { "digest_for": ARN } })
    );

    // Where the net itself was the first to be held back.
    let report = run(
        event("ABORTED", Value::Null, Value::Null),
        &[
            ("history", history(&[("ExecutionStarted", "")])),
            (
                "notify",
                json!([{ "payload": { "begins_digest": true } }, waits(0)]),
            ),
        ],
    )
    .await;
    assert_eq!(tasks(&report)[3..], ["Notify", "Digest"], "{report:#}");
}

#[tokio::test]
async fn what_somebody_stopped_is_told_in_their_words() {
    for (error, cause, expected) in [
        (
            Value::Null,
            Value::Null,
            ("Aborted", "somebody stopped the execution"),
        ),
        (json!("Mine"), json!("wrong bucket"), ("Mine", "wrong bucket")),
    ] {
        let report = run(
            event("ABORTED", error, cause),
            &[("history", history(&[("ExecutionStarted", "")]))],
        )
        .await;
        let told = &given(&report)[3]["Payload"]["failure"];
        assert_eq!(
            told,
            &json!({ "step": "workflow", "error": expected.0, "cause": expected.1, "attempts": 1 })
        );
    }
}

/// Each row is a way through the failure branch of the workflow, and what is left to do.
#[tokio::test]
async fn of_what_failed_only_what_is_missing_is_done() {
    let branch = |parts: Vec<Vec<(&'static str, &'static str)>>| {
        let mut events = vec![("ExecutionStarted", "")];
        // Two tries.
        events.extend(entered("Validate"));
        events.push(("TaskFailed", ""));
        events.extend(&failed("Validate")[1..]);
        events.extend(parts.concat());
        events.extend([("FailStateEntered", "Failed"), ("ExecutionFailed", "")]);
        history(&events)
    };
    let record = || done("RecordFailure");
    let register = || done("RegisterFailure");
    for (what, parts, left) in [
        ("all was well", vec![record(), register(), done("Notify")], vec![]),
        (
            "nobody was told",
            vec![record(), register(), failed("Notify")],
            vec!["Notify"],
        ),
        (
            "not recorded, but told",
            vec![failed("RecordFailure"), done("Notify")],
            vec!["RecordFailure", "RegisterFailure"],
        ),
        (
            "not registered",
            vec![record(), failed("RegisterFailure"), done("Notify")],
            vec!["RecordFailure", "RegisterFailure"],
        ),
        (
            "neither recorded nor told",
            vec![failed("RecordFailure"), failed("Notify")],
            vec!["RecordFailure", "RegisterFailure", "Notify"],
        ),
        (
            "no branch at all",
            vec![],
            vec!["RecordFailure", "RegisterFailure", "Notify"],
        ),
    ] {
        let report = run(
            event("FAILED", json!("Internal"), json!("no")),
            &[("history", branch(parts))],
        )
        .await;
        assert_eq!(report["status"], "SUCCEEDED", "{what}: {report:#}");
        assert_eq!(tasks(&report)[1..], left, "{what}");
        if let Some(written) = given(&report)
            .iter()
            .find(|asked| asked["FunctionName"] == "${write}")
        {
            let failure = json!({ "step": "validate", "error": "Internal", "cause": "no", "attempts": 2 });
            assert_eq!(written["Payload"]["failure"], failure, "{what}");
        }
    }
}

/// The invocation of crawl outlives the execution. If it put the row of `recordings` into its place, the upload is there.
#[tokio::test]
async fn crawl_may_have_come_to_its_end_after_the_execution() {
    let events = [vec![("ExecutionStarted", "")], done("Write"), entered("Crawl")].concat();
    let row =
        |modified: &str| json!({ "Contents": [{ "Key": "k", "LastModified": modified }], "KeyCount": 1 });
    for (listing, left) in [
        (row("2026-11-23T11:46:30Z"), vec![]),
        (row("2026-11-23T11:46:31.000Z"), vec![]),
        // That of an earlier run, which this one was to replace.
        (
            row("2026-11-23T11:46:29Z"),
            vec!["RecordFailure", "RegisterFailure", "Notify"],
        ),
        (
            json!({ "KeyCount": 0 }),
            vec!["RecordFailure", "RegisterFailure", "Notify"],
        ),
        (
            json!({ "Contents": [] }),
            vec!["RecordFailure", "RegisterFailure", "Notify"],
        ),
    ] {
        let report = run(
            event("TIMED_OUT", Value::Null, Value::Null),
            &[
                ("history", history(&events)),
                ("listing", json!([{ "payload": listing }])),
            ],
        )
        .await;
        assert_eq!(tasks(&report)[2..], left, "{report:#}");
        assert_eq!(
            given(&report)[1],
            json!({ "Bucket": "${processed_bucket}", "Prefix": "recordings/dt=2026-11-23/a-1.parquet", "MaxKeys": 1 })
        );
    }
}

#[tokio::test]
async fn what_falls_through_the_net_too_is_told_by_the_topic() {
    let no = json!([{ "error": "Internal", "cause": "no such bucket" }]);
    let events = history(&[("ExecutionStarted", "")]);
    for (broken, at) in [
        ("history", "LookBack"),
        ("write", "RecordFailure"),
        ("crawl", "RegisterFailure"),
        ("notify", "Notify"),
    ] {
        let mut answers = vec![("history", events.clone())];
        answers.retain(|(function, _)| *function != broken);
        answers.push((broken, no.clone()));
        let report = run(event("ABORTED", Value::Null, Value::Null), &answers).await;
        assert_eq!(
            (&report["status"], &report["error"], &report["cause"]),
            (
                &json!("FAILED"),
                &json!("Internal"),
                &json!(format!("{at}: no such bucket"))
            )
        );
        let told = given(&report).pop().unwrap();
        assert_eq!(told["TopicArn"], "${topic}");
        let content = &told["Message"]["content"];
        assert_eq!(content["title"], "a-1-r2: ABORTED");
        let said = content["description"].as_str().unwrap();
        for part in [ARN, at, "Internal: no such bucket"] {
            assert!(said.contains(part), "{part} is not in {said}");
        }
        assert!(
            content["nextSteps"][1]
                .as_str()
                .unwrap()
                .contains("ecg redrive --aws")
        );
    }
}

#[tokio::test]
async fn an_execution_that_is_about_no_upload_is_told_too() {
    for input in [
        json!("{}"),
        Value::Null,
        json!("{\"recording_id\": \"a\"}"),
        json!("[1]"),
    ] {
        let mut event = event("FAILED", json!("States.QueryEvaluationError"), Value::Null);
        event["input"] = input.clone();
        let report = run(event, &[("history", history(&[("ExecutionStarted", "")]))]).await;
        assert_eq!(tasks(&report), ["LookBack", "Alert"], "{input}: {report:#}");
        assert_eq!(report["error"], "Rejected");
    }
}
