//! Whose and when, through the whole workflow: what files, keys and profiles say is in `recordings`, and nowhere where people look
//! who may not read the tables.

// A test that cannot go on stops: unwrap, expect and panic are how.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::fs;

use ecg_tests::cli::ecg;
use ecg_tests::files::{copy_file, recordings};
use ecg_tests::lake::{TestLake, text};
use serde_json::{Value, json};

/// What `edf/night.edf` says of somebody: the id, the recorder and the date of birth.
const PERSONAL: [&str; 3] = ["P017", "Recorder-12", "1951"];

const COLUMNS: &str = "subject_id, device_id, cast(recorded_at as varchar) as recorded_at, age, sex";

fn row(lake: &TestLake, key: &str) -> Value {
    let sql = format!("select {COLUMNS} from current where source_key like '%{key}'");
    let rows = lake.query(&sql);
    assert_eq!(rows.len(), 1, "{key}: {rows:?}");
    rows[0].clone()
}

#[test]
fn what_headers_and_keys_say_is_in_the_table() {
    let lake = TestLake::new();
    let fleet = lake.beside("fleet");
    copy_file(
        &recordings().join("edf/night.edf"),
        &fleet.join("holter-3/A1/night.edf"),
    );
    copy_file(
        &recordings().join("formats/level5.mat"),
        &fleet.join("holter-3/A1/level5.mat"),
    );
    for ending in ["dat", "hea"] {
        let name = format!("format212.{ending}");
        copy_file(
            &recordings().join("wfdb").join(&name),
            &fleet.join("other").join(&name),
        );
    }
    let profile = lake.beside("fleet.toml");
    let pattern = "(?P<device_id>holter-[0-9]+)/(?P<subject_id>[^/]+)/[^/]+$";
    let lines = format!(
        "[[profile]]\nname = 'fleet'\npattern = '{pattern}'\nsampling_frequency_hz = 360\ngain = 200\n"
    );
    fs::write(&profile, lines).unwrap();
    lake.ecg(&["run", text(&fleet), "--profile", text(&profile)])
        .expect(0);

    // The file says more than its key.
    assert_eq!(
        row(&lake, "night.edf"),
        json!({
            "subject_id": "P017", "device_id": "Recorder-12", "recorded_at": "2002-03-02T22:05:00",
            "age": 50, "sex": "female",
        })
    );
    assert_eq!(
        row(&lake, "level5.mat"),
        json!({
            "subject_id": "A1", "device_id": "holter-3", "recorded_at": null, "age": null, "sex": null,
        })
    );
    assert_eq!(
        row(&lake, "format212.dat"),
        json!({
            "subject_id": null, "device_id": null, "recorded_at": "1989-04-25T12:30:00",
            "age": 69, "sex": "male",
        })
    );
}

#[test]
fn nobody_is_named_in_messages_and_histories() {
    let lake = TestLake::new();
    let folder = lake.beside("folder");
    let night = fs::read(recordings().join("edf/night.edf")).unwrap();
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("good.edf"), &night).unwrap();
    fs::write(folder.join("cut.edf"), &night[..night.len() / 2]).unwrap();
    // Its first bytes are described, because it is no MAT file.
    fs::write(folder.join("misnamed.mat"), &night).unwrap();
    let run = lake.ecg(&["run", text(&folder)]).expect(1);
    let mut shown = run.stdout + &run.stderr;
    for recording in lake.runs() {
        let id = recording["execution"]
            .as_str()
            .or(recording["recording_id"].as_str());
        shown += &lake.show(id.unwrap()).to_string();
    }
    let causes = lake.query("select source_key, cause, found from rejections order by source_key");
    assert_eq!(causes.len(), 2, "{causes:?}");
    assert_eq!(causes[1]["found"], json!("an EDF file"));
    shown += &Value::from(causes).to_string();
    for personal in PERSONAL {
        assert!(!shown.contains(personal), "{personal}: {shown}");
    }
    assert_eq!(row(&lake, "good.edf")["subject_id"], json!("P017"));
    // A person who has the file may see what it says.
    let inspected = ecg(&["inspect", text(&folder.join("good.edf"))]).expect(0).stdout;
    for line in [
        "  subject_id       P017",
        "  recorded_at      2002-03-02T22:05:00.000",
        "  age              50",
    ] {
        assert!(inspected.contains(line), "{line}: {inspected}");
    }
}
