//! A failed run is corrected and redriven; what failed for a moment is tried again.

// A test that cannot go on stops: unwrap, expect and panic are how.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::fs;
use std::path::{Path, PathBuf};

use ecg_tests::files::{assert_same, copy_file, malformed, recordings, workflow};
use ecg_tests::lake::{TestLake, text};
use serde_json::{Value, json};

/// A folder with one file that nothing calibrates, and the id under which it failed.
fn uncalibrated(lake: &TestLake) -> (PathBuf, String) {
    let folder = lake.beside("folder");
    copy_file(
        &malformed().join("no-calibration.mat"),
        &folder.join("no-calibration.mat"),
    );
    let summary = lake.run(&folder, 1);
    (
        folder,
        summary["recordings"][0]["recording_id"]
            .as_str()
            .unwrap()
            .to_owned(),
    )
}

fn header(folder: &Path) {
    fs::write(
        folder.join("no-calibration.hea"),
        "no-calibration 1 360 3600\nno-calibration.mat 16 200 11 1024 0 0 0 II\n",
    )
    .unwrap();
}

#[test]
fn a_header_that_comes_later_helps_after_a_rerun() {
    let lake = TestLake::new();
    let (folder, id) = uncalibrated(&lake);
    header(&folder);
    // The event of the upload alone does not start a closed run again, and the user is told what does.
    let again = lake.ecg(&["run", text(&folder)]).expect(1);
    assert!(
        again.stdout.contains("calibration: expected")
            && again.stdout.contains(&format!("ecg rerun {id} --lake"))
            && again
                .stdout
                .contains("its header (.hea) came since then; run it again with\n"),
        "{}",
        again.stdout
    );
    // A redrive has the input of the first run, and fails as it did.
    lake.ecg(&["redrive", &id]).expect(1);

    let answer = lake.ecg(&["rerun", &id, "--json"]).expect(0).json();
    assert_eq!(
        (&answer["accepted"], &answer["recordings"][0]["recording_id"]),
        (&json!(1), &json!(id))
    );
    assert_eq!(lake.count("select count(*) from unresolved"), 0);
    assert_eq!(
        lake.count("select count(*) from rejections"),
        1,
        "what happened stays on record"
    );
    let row = &lake.query("select recording_id, calibration_source, lead_names from recordings")[0];
    assert_eq!(
        *row,
        json!({ "recording_id": id, "calibration_source": "header", "lead_names": ["II"] })
    );
    // A rerun is content.
    lake.run(&folder, 0);
}

/// A redrive goes on in the history of its execution, and only once.
#[test]
fn a_redrive_goes_on_in_the_history() {
    let lake = TestLake::new();
    let file = recordings().join("formats/level5.mat");
    let broken = changed_workflow(&lake, "Parse", "nowhere");
    lake.ecg(&["run", text(&file), "--workflow", text(&broken)])
        .expect(1);
    let id = lake.runs()[0]["execution"].as_str().unwrap().to_owned();
    lake.ecg(&["redrive", &id]).expect(0);

    let history = lake.ecg(&["show", &id, "--history"]).expect(0).json();
    let types: Vec<&str> = history["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        types.iter().filter(|name| **name == "ExecutionRedriven").count(),
        1
    );
    assert_eq!(
        (types.first(), types.last()),
        (Some(&"ExecutionStarted"), Some(&"ExecutionSucceeded"))
    );
    let ids: Vec<u64> = history["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["id"].as_u64().unwrap())
        .collect();
    assert_eq!(
        ids,
        (1..=ids.len() as u64).collect::<Vec<_>>(),
        "the history goes on, without a gap"
    );
    assert_eq!(
        (&lake.show(&id)["status"], &lake.show(&id)["redrives"]),
        (&json!("SUCCEEDED"), &json!(1))
    );
    // Once it has succeeded, there is nothing to redrive.
    let refused = lake.ecg(&["redrive", &id]).expect(2);
    assert!(
        refused.stderr.contains("expected a failed execution"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_redrive_without_a_correction_fails_again_and_says_so() {
    let lake = TestLake::new();
    let (_, id) = uncalibrated(&lake);
    let before = lake.tables();
    let answer = lake.ecg(&["redrive", &id]).expect(1);
    assert!(
        answer.stdout.contains("calibration: expected"),
        "{}",
        answer.stdout
    );
    // The same failure is the same row.
    assert_same("the tables after a redrive in vain", &before, &lake.tables());
}

#[test]
fn redrive_all_takes_only_the_last_run_of_what_failed() {
    let lake = TestLake::new();
    let broken = changed_workflow(&lake, "Parse", "nowhere");
    let folder = recordings().join("18 SBR");
    lake.ecg(&["run", text(&folder), "--workflow", text(&broken)])
        .expect(1);
    let (uncalibrated, _) = uncalibrated(&lake);
    header(&uncalibrated);
    lake.ecg(&["run", text(&uncalibrated), "--again"]).expect(0);
    let answer = lake.ecg(&["redrive", "--all", "--json"]).expect(0).json();
    assert_eq!((&answer["accepted"], &answer["rejected"]), (&json!(1), &json!(0)));
    assert_eq!(lake.count("select count(*) from recordings"), 2);
}

/// The workflow with another function in the place of one step's.
fn changed_workflow(lake: &TestLake, state: &str, function: &str) -> PathBuf {
    let mut definition: Value = serde_json::from_slice(&fs::read(workflow()).unwrap()).unwrap();
    let name = &mut definition["States"][state]["Arguments"]["FunctionName"];
    assert!(name.is_string(), "{state} calls a function");
    *name = json!(format!("${{{function}}}"));
    let path = lake.beside("changed.asl.json");
    fs::write(&path, definition.to_string()).unwrap();
    path
}

/// Whichever step fails, the failure is recorded under its name, and a redrive with the right workflow goes on from
/// that step and keeps what succeeded.
#[test]
fn every_step_can_fail_and_be_redriven() {
    let undisturbed = TestLake::new();
    let file = recordings().join("formats/level5.mat");
    undisturbed.run(&file, 0);
    let states = ["Validate", "Parse", "Transform", "Write", "Crawl"];
    for (number, state) in states.iter().enumerate() {
        let lake = TestLake::new();
        let broken = changed_workflow(&lake, state, "nowhere");
        lake.ecg(&["run", text(&file), "--workflow", text(&broken)])
            .expect(1);
        let row = &lake.query("select recording_id, step, error, cause from rejections")[0];
        assert_eq!(
            (&row["step"], &row["error"]),
            (&json!(state.to_lowercase()), &json!("Internal")),
            "{state}"
        );
        assert!(
            row["cause"].as_str().unwrap().contains("nowhere"),
            "{state}: {row}"
        );
        for table in ["recordings", "segments", "beats"] {
            assert_eq!(lake.count(&format!("select count(*) from {table}")), 0, "{state}");
        }

        let id = row["recording_id"].as_str().unwrap();
        lake.ecg(&["redrive", id]).expect(0);
        assert_eq!(lake.count("select count(*) from unresolved"), 0, "{state}");
        let shown = lake.show(id);
        let steps: Vec<&str> = shown["steps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|step| step["state"].as_str().unwrap())
            .collect();
        let redriven = steps.iter().position(|name| *name == "(redriven)").unwrap();
        let tasks: Vec<&&str> = steps[redriven..]
            .iter()
            .filter(|name| states.contains(name))
            .collect();
        assert_eq!(
            tasks,
            states[number..].iter().collect::<Vec<_>>(),
            "{state}: steps after the redrive"
        );

        let [expected, tables] = [&undisturbed, &lake].map(|lake| {
            let mut tables = lake.tables();
            tables.retain(|name, _| !name.contains("/rejections/"));
            tables
        });
        assert_same(
            &format!("the tables after {state} was redriven"),
            &expected,
            &tables,
        );
    }
}

/// A timeout of the whole execution reaches no Catch. It is recorded and told all the same, under the step that was entered last, and a
/// redrive goes on from there.
#[test]
fn an_execution_that_is_out_of_time_is_recorded_and_can_be_redriven() {
    let lake = TestLake::new();
    let file = recordings().join("formats/level5.mat");
    let mut definition: Value = serde_json::from_slice(&fs::read(workflow()).unwrap()).unwrap();
    definition["TimeoutSeconds"] = json!(2);
    definition["States"]["Validate"]["Next"] = json!("Pause");
    definition["States"]["Pause"] = json!({ "Type": "Wait", "Seconds": 60, "Next": "Parse" });
    let late = lake.beside("late.asl.json");
    fs::write(&late, definition.to_string()).unwrap();
    lake.ecg(&["run", text(&file), "--workflow", text(&late)])
        .expect(1);
    let row = &lake.query("select recording_id, step, error, cause, attempts from rejections")[0];
    let cause = "The execution did not end within its TimeoutSeconds (2).";
    assert_eq!(
        (&row["step"], &row["error"], &row["cause"], &row["attempts"]),
        (
            &json!("validate"),
            &json!("States.Timeout"),
            &json!(cause),
            &json!(1)
        )
    );
    assert_eq!(lake.count("select count(*) from recordings"), 0);
    let execution = row["recording_id"].as_str().unwrap();
    let told = lake.show(execution)["notification"].clone();
    let told = told.as_str().unwrap();
    assert!(
        told.contains("validate") && told.contains("States.Timeout") && told.contains(cause),
        "{told}"
    );

    lake.ecg(&["redrive", row["recording_id"].as_str().unwrap()])
        .expect(0);
    assert_eq!(lake.count("select count(*) from recordings"), 1);
    assert_eq!(lake.count("select count(*) from unresolved"), 0);
}

/// A damaged work object is an error of the pipeline, not of the recording, and the failure is recorded.
#[test]
fn a_damaged_work_object_fails_the_run_and_a_redrive_from_the_start_is_not_needed() {
    let lake = TestLake::new();
    let file = recordings().join("formats/level5.mat");
    let broken = changed_workflow(&lake, "Transform", "nowhere");
    lake.ecg(&["run", text(&file), "--workflow", text(&broken)])
        .expect(1);
    let id = lake.runs()[0]["execution"].as_str().unwrap().to_owned();
    let parsed = lake.path().join("work").join(&id).join("parsed.arrow");
    let whole = fs::read(&parsed).unwrap();
    fs::write(&parsed, &whole[..whole.len() / 2]).unwrap();
    lake.ecg(&["redrive", &id]).expect(1);
    let row = &lake.query("select step, error from unresolved")[0];
    assert_eq!(
        (&row["step"], &row["error"]),
        (&json!("transform"), &json!("Internal"))
    );
    fs::write(&parsed, &whole).unwrap();
    lake.ecg(&["redrive", &id]).expect(0);
    assert_eq!(lake.show(&id)["redrives"], json!(2));
    assert_eq!(lake.count("select count(*) from unresolved"), 0);
}
