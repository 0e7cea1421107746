//! Where `forget.asl.json` leads. The function is mocked; the file and the engine are the real ones.

// Helpers of tests fail the test.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use asl_engine::mock::{MockAnswer, MockRun, run_with_mocks};
use chrono::DateTime;
use serde_json::{Value, json};

const FILE: &str = include_str!("../../forget.asl.json");

/// The states that were entered, and what the function was given.
async fn run(input: Value, answers: &[Value]) -> (Vec<String>, Vec<Value>) {
    let how = MockRun {
        real_time: false,
        start: DateTime::UNIX_EPOCH,
        seed: 1,
        substitutions: BTreeMap::new(),
    };
    let answers = answers.iter().cloned().map(MockAnswer::Payload).collect();
    let mocks = BTreeMap::from([("forget".to_owned(), answers)]);
    let run = run_with_mocks(FILE, input, mocks, how).await.unwrap();
    assert_eq!(run["status"], "SUCCEEDED", "{run}");
    let events = run["events"].as_array().unwrap();
    let entered = events
        .iter()
        .filter_map(|event| event["stateEnteredEventDetails"]["name"].as_str());
    let scheduled = events
        .iter()
        .filter_map(|event| event["taskScheduledEventDetails"]["parameters"].as_str());
    let given = scheduled.map(|text| serde_json::from_str::<Value>(text).unwrap()["Payload"].clone());
    (entered.map(str::to_owned).collect(), given.collect())
}

fn found(recordings: u64) -> Value {
    json!({ "recordings": recordings, "bytes": 7, "some": [], "results": 0 })
}

#[tokio::test]
async fn nothing_is_removed_unless_it_is_asked_for() {
    for (input, recordings) in [
        (json!({ "ids": ["a"], "erase": false }), 1),
        (json!({ "ids": ["a"] }), 1),
        (json!({ "key": "ward 7/", "erase": true }), 0),
    ] {
        let (states, given) = run(input.clone(), &[found(recordings)]).await;
        assert_eq!(states, ["Find", "IsErasing", "Found"]);
        let mut asked = input;
        asked["task"] = json!("find");
        asked["execution"] = json!("mock");
        assert_eq!(given, [asked]);
    }
}

#[tokio::test]
async fn it_waits_for_invocations_and_for_compaction_until_nothing_is_left() {
    let erase = json!({ "subject": "7", "erase": true });
    let erased = |left: &[&str]| json!({ "recordings": 2, "left": left, "more": false });
    let buried = |under_way: u64| json!({ "under_way": under_way, "more": false });
    let (states, given) = run(erase.clone(), &[found(2), buried(0), erased(&[])]).await;
    assert_eq!(
        states,
        [
            "Find",
            "IsErasing",
            "Bury",
            "WereAnyRunning",
            "Erase",
            "IsLeft",
            "Erased"
        ]
    );
    let tasks: Vec<&Value> = given.iter().map(|given| &given["task"]).collect();
    assert_eq!(tasks, ["find", "bury", "erase"]);
    assert!(given.iter().all(|given| given["execution"] == "mock"));

    let answers = [
        found(2),
        buried(1),
        erased(&["2026-11-23"]),
        erased(&["2026-11-23"]),
        erased(&[]),
    ];
    let (states, _) = run(erase, &answers).await;
    let again = ["Erase", "IsLeft", "WaitForCompaction"];
    let rest: Vec<&str> = [&again[..], &again, &["Erase", "IsLeft", "Erased"]].concat();
    assert_eq!(states[4], "WaitForInvocations");
    assert_eq!(states[5..], rest);
}
