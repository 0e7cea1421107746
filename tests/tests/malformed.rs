//! Every kind of bad input: a failed execution, a row of `rejections`, a message that says what was expected and
//! found, exit status 1, and the good files beside it are processed.

// A test that cannot go on stops: unwrap, expect and panic are how.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::fs;

use ecg_tests::cli::ecg;
use ecg_tests::files::{copy_folder, malformed, recordings, recordings_below};
use ecg_tests::lake::{TestLake, text};
use serde_json::{Value, json};

/// Keys of the bad files with what `expected.json` says of them.
fn expected() -> BTreeMap<String, Value> {
    let text = fs::read(malformed().join("expected.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// The words that a message has to contain.
fn words(expectation: &Value) -> Vec<String> {
    expectation["message_contains"]
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_corpus_is_complete() {
    let files: Vec<String> = recordings_below(&malformed())
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(files, expected().keys().cloned().collect::<Vec<_>>());
}

#[test]
fn each_bad_file_is_rejected_with_its_reason_and_the_good_ones_are_not() {
    let lake = TestLake::new();
    let folder = lake.beside("mixed");
    copy_folder(&malformed(), &folder.join("bad"));
    copy_folder(&recordings(), &folder.join("good"));
    let summary = lake.run(&folder, 1);
    let expected = expected();
    assert_eq!(
        (&summary["accepted"], &summary["rejected"]),
        (&json!(20), &json!(expected.len()))
    );
    assert_eq!(
        lake.count("select count(*) from recordings where source_key like '%/good/%'"),
        20
    );
    assert_eq!(
        lake.count("select count(*) from recordings where source_key like '%/bad/%'"),
        0
    );
    assert_eq!(
        lake.count("select count(*) from rejections"),
        expected.len() as u64
    );

    let rows = by_key(lake.query("select * from rejections"));
    let unresolved = by_key(lake.query("select * from unresolved"));
    let runs = by_key(
        lake.ecg(&["runs", "--failed", "--json"])
            .expect(0)
            .json()
            .as_array()
            .unwrap()
            .clone(),
    );
    let ended = by_key(summary["recordings"].as_array().unwrap().clone());
    assert_eq!(runs.len(), expected.len());
    for (name, expectation) in &expected {
        let key = format!("bad/{name}");
        let row = &rows[&key];
        let cause = row["cause"].as_str().unwrap();
        for word in words(expectation) {
            assert!(
                cause.contains(&word),
                "{name}: expected the word {word:?}, found {cause:?}"
            );
        }
        assert_eq!(
            (&row["step"], &row["error"], &row["attempts"]),
            (&json!("validate"), &expectation["error"], &json!(1)),
            "{name}"
        );
        for column in ["expected", "found"] {
            let part = row[column]
                .as_str()
                .unwrap_or_else(|| panic!("{name}: {column} is null"));
            assert!(
                cause.contains(part) && !part.is_empty(),
                "{name}: {column} {part:?} is not in {cause:?}"
            );
        }
        assert_eq!(unresolved[&key], *row, "{name}");
        // The same reason everywhere: table, list of runs, summary.
        let reason = json!(format!("Rejected: {cause}"));
        assert_eq!(
            (&runs[&key]["reason"], &runs[&key]["status"]),
            (&reason, &json!("FAILED")),
            "{name}"
        );
        assert_eq!(
            (&ended[&key]["reason"], &ended[&key]["accepted"]),
            (&reason, &json!(false)),
            "{name}"
        );
    }
}

fn by_key(rows: Vec<Value>) -> BTreeMap<String, Value> {
    // Below the folder that was given.
    let key = |row: &Value| {
        let key = row["source_key"].as_str().or(row["key"].as_str()).unwrap();
        key.split_once('/').unwrap().1.to_owned()
    };
    rows.into_iter().map(|row| (key(&row), row)).collect()
}

#[test]
fn inspect_gives_the_same_reason_as_the_run() {
    let lake = TestLake::new();
    lake.run(&malformed(), 1);
    let rows = by_key(lake.query("select source_key, cause, expected, found, \"offset\" from rejections"));
    for (name, row) in rows {
        let file = malformed().join(&name);
        let inspected = ecg(&["inspect", text(&file), "--json"]).expect(1).json();
        assert_eq!(inspected["verdict"], json!("rejected"), "{name}");
        let reason = &inspected["reason"];
        let found = [
            &reason["message"],
            &reason["expected"],
            &reason["found"],
            &reason["offset"],
        ];
        assert_eq!(
            found,
            [&row["cause"], &row["expected"], &row["found"], &row["offset"]],
            "{name}"
        );
        let page = ecg(&["inspect", text(&file)]).expect(1).stdout;
        assert!(
            page.contains(&format!("rejected: {}", row["cause"].as_str().unwrap())),
            "{name}:\n{page}"
        );
        let failed = inspected["checks"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|check| check["passed"] == json!(false))
            .count();
        assert_eq!(failed, 1, "{name}: exactly the last check fails: {inspected:#}");
    }
}

#[test]
fn inspect_accepts_the_good_ones() {
    for file in recordings_below(&recordings()) {
        let inspected = ecg(&["inspect", text(&file), "--json"]).expect(0).json();
        assert_eq!(
            (&inspected["verdict"], &inspected["reason"]),
            (&json!("accepted"), &Value::Null)
        );
        assert!(
            inspected["checks"]
                .as_array()
                .unwrap()
                .iter()
                .all(|check| check["passed"] == json!(true))
        );
    }
}

#[test]
fn each_failure_is_told_and_kept() {
    let lake = TestLake::new();
    let file = malformed().join("constant.mat");
    let answer = lake.ecg(&["run", text(&file)]).expect(1);
    let told = format!("{}{}", answer.stdout, answer.stderr);
    let id = lake.query("select recording_id from rejections")[0]["recording_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let kept = lake.show(&id)["notification"].clone();
    let kept = kept.as_str().unwrap();
    assert!(
        told.contains("val: signal: expected a signal that changes"),
        "{told}"
    );
    for words in [
        "validate failed: Rejected",
        "cause: val: signal: expected a signal that changes",
        "file: local/malformed/constant.mat",
        &id,
        "run again: ecg rerun ",
    ] {
        assert!(kept.contains(words), "{words:?} is not in\n{kept}");
    }
}
