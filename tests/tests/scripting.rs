//! What a script relies on: `runs`, `show` and their JSON, and `inspect` against SciPy.

// A test that cannot go on stops: unwrap, expect and panic are how.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::process::Command;

use ecg_tests::cli::{ecg, finish, with_permissions};
use ecg_tests::files::{assert_same, malformed, recordings, recordings_below};
use ecg_tests::lake::{TestLake, text};
use ecg_tests::python;
use serde_json::{Value, json};

#[test]
fn runs_lists_each_execution_once() {
    let lake = TestLake::new();
    lake.run(&recordings(), 0);
    lake.run(&malformed().join("constant.mat"), 1);
    let runs = lake.runs();
    assert_eq!(runs.len(), 21);
    let mut started: Vec<&str> = runs.iter().map(|run| run["started"].as_str().unwrap()).collect();
    assert!(started.is_sorted(), "the newest last");
    started.dedup();
    let failed = lake.ecg(&["runs", "--failed", "--json"]).expect(0).json();
    let failed = failed.as_array().unwrap();
    assert_eq!(failed.len(), 1);
    assert_eq!(
        (&failed[0]["key"], &failed[0]["status"]),
        (&json!("malformed/constant.mat"), &json!("FAILED"))
    );
    let table = lake.ecg(&["runs", "--failed"]).expect(0).stdout;
    assert!(
        table.contains("FAILED") && table.contains("malformed/constant.mat: Rejected: val: signal"),
        "{table}"
    );
}

#[test]
fn show_tells_steps_attempts_inputs_and_outputs() {
    let lake = TestLake::new();
    let file = recordings().join("formats/level5.mat");
    lake.run(&file, 0);
    // Any part of the name or the key that fits only one execution.
    let shown = lake.show("level5");
    assert_eq!(
        (&shown["status"], &shown["key"], &shown["redrives"]),
        (&json!("SUCCEEDED"), &json!("formats/level5.mat"), &json!(0))
    );
    let steps = shown["steps"].as_array().unwrap();
    let names: Vec<&str> = steps.iter().map(|step| step["state"].as_str().unwrap()).collect();
    assert_eq!(names, ["Validate", "Parse", "Transform", "Write", "Crawl"]);
    for step in steps.iter().filter(|step| step["type"] == json!("Task")) {
        assert_eq!(step["attempts"], json!(1), "{step}");
        for part in ["input", "output"] {
            let bytes = step[part].to_string().len();
            assert!(
                step[part].is_object() && bytes <= 4096,
                "{part} of {} bytes: {step}",
                bytes
            );
        }
    }
    assert_eq!(
        shown["output"]["tables"],
        json!(["segments", "beats", "recordings"])
    );
    let page = lake.ecg(&["show", "level5"]).expect(0).stdout;
    assert!(page.contains("SUCCEEDED") && page.contains("Transform"), "{page}");
    let nothing = lake.ecg(&["show", "no-such-run"]).expect(2);
    assert!(
        nothing.stderr.contains("no execution") && nothing.stderr.contains("ecg runs"),
        "{}",
        nothing.stderr
    );
}

#[test]
fn the_history_has_the_wire_form_of_get_execution_history() {
    let lake = TestLake::new();
    lake.run(&recordings().join("formats/level5.mat"), 0);
    let history = lake.ecg(&["show", "level5", "--history"]).expect(0).json();
    let events = history["events"].as_array().unwrap();
    assert_eq!(
        (
            &events[0]["id"],
            &events[0]["previousEventId"],
            &events[0]["type"]
        ),
        (&json!(1), &json!(0), &json!("ExecutionStarted"))
    );
    let mut last = 0.0;
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["id"], json!(number + 1));
        assert!(
            event["previousEventId"].as_u64().unwrap() <= number as u64,
            "{event}"
        );
        let time = event["timestamp"].as_f64().unwrap();
        assert!(time >= last, "{event}");
        last = time;
        if let Some(details) = event.get("stateEnteredEventDetails") {
            assert!(
                serde_json::from_str::<Value>(details["input"].as_str().unwrap())
                    .unwrap()
                    .is_object(),
                "input is JSON text"
            );
        }
    }
    let tasks = |kind: &str| events.iter().filter(|event| event["type"] == json!(kind)).count();
    assert_eq!(
        (
            tasks("TaskScheduled"),
            tasks("TaskStarted"),
            tasks("TaskSucceeded")
        ),
        (5, 5, 5)
    );
    assert_eq!(events.last().unwrap()["type"], json!("ExecutionSucceeded"));
}

#[test]
fn inspect_prints_the_numbers_that_scipy_reads() {
    let Some(python) = python::python_with(&["scipy.io", "numpy"]) else {
        return;
    };
    // One matrix row a line; repr() of a float is the shortest text that reads back as the same number.
    let script = "import sys, scipy.io\nfor row in scipy.io.loadmat(sys.argv[1])[sys.argv[2]]:\n    print(','.join(repr(x.item()) for x in row))";
    let mut compared = 0;
    for file in recordings_below(&recordings()) {
        let name = file.file_name().unwrap().to_str().unwrap();
        if name == "level73.mat" || !name.ends_with(".mat") {
            continue; // SciPy reads no HDF5, no WFDB and no EDF.
        }
        let variable = if name == "samples-x-leads-double-mv.mat" {
            "ecg"
        } else {
            "val"
        };
        let found = ecg(&["inspect", text(&file), "--variable", variable, "--csv"])
            .expect(0)
            .stdout;
        let expected = python::run(&python, script, &[text(&file), variable]);
        assert_eq!(numbers(&found), numbers(&expected), "{name}");
        compared += 1;
    }
    assert_eq!(compared, 15);
}

#[test]
fn inspect_prints_the_numbers_that_h5py_reads() {
    let Some(python) = python::python_with(&["h5py", "numpy"]) else {
        return;
    };
    // MATLAB writes the dimensions of HDF5 data sets in reverse.
    let script = "import sys, h5py\nfor row in h5py.File(sys.argv[1])[sys.argv[2]][()].T:\n    print(','.join(repr(x.item()) for x in row))";
    let file = recordings().join("formats/level73.mat");
    let found = ecg(&["inspect", text(&file), "--variable", "val", "--csv"])
        .expect(0)
        .stdout;
    assert_eq!(
        numbers(&found),
        numbers(&python::run(&python, script, &[text(&file), "val"]))
    );
}

/// The bits of every number, line by line.
fn numbers(text: &str) -> Vec<Vec<u64>> {
    let line = |line: &str| {
        line.split(',')
            .map(|number| number.parse::<f64>().unwrap().to_bits())
            .collect()
    };
    text.lines().map(line).collect()
}

#[test]
fn inspect_of_a_wrong_variable_names_those_that_are_there() {
    let file = recordings().join("formats/level5.mat");
    let answer = ecg(&["inspect", text(&file), "--variable", "nope", "--csv"]).expect(2);
    assert!(
        answer.stderr.contains("expected a variable `nope`, found") && answer.stderr.contains("val"),
        "{}",
        answer.stderr
    );
}

#[test]
fn no_colours_or_bars_where_no_terminal_is() {
    let lake = TestLake::new();
    let mut command: Command = ecg_tests::cli::command(&lake.args(&["run", text(&recordings())]));
    command.env("TERM", "xterm-256color");
    let answer = finish(command).expect(0);
    for output in [&answer.stdout, &answer.stderr] {
        assert!(!output.contains('\u{1b}') && !output.contains('\r'), "{output:?}");
    }
}

#[test]
fn a_lake_that_cannot_be_written_is_read() {
    let lake = TestLake::new();
    if with_permissions(&["--version"]).is_none() {
        return;
    }
    let without_the_right_to_write = |args: &[&str]| finish(with_permissions(&lake.args(args)).unwrap());
    lake.run(&recordings().join("formats"), 0);
    let reading: [&[&str]; 3] = [
        &["runs"],
        &["show", "level5-compressed"],
        &["query", "select count(*) from beats"],
    ];
    let before = lake.everything();
    let set_writable = |yes: &str| {
        let changed = Command::new("chmod").args(["-R", yes]).arg(lake.path()).status();
        assert!(changed.unwrap().success());
    };
    set_writable("a-w");
    let read = reading.map(without_the_right_to_write);
    let new = recordings().join("header/two-leads.mat");
    let refused = without_the_right_to_write(&["run", text(&new)]);
    set_writable("u+w");
    let refused = refused.expect(2);
    assert!(refused.stderr.contains("Permission denied"), "{}", refused.stderr);
    assert_same("the lake", &before, &lake.everything());
    for (args, read) in reading.into_iter().zip(read) {
        assert_eq!(read.expect(0).stdout, lake.ecg(args).expect(0).stdout, "{args:?}");
    }
}
