//! The four public data sets, where they are at hand (`ECG_DATA`): every recording is accepted, the labels are the
//! folders, the beats are those that cardiologists annotated, the millivolts are those of the file.

// A test that cannot go on stops: unwrap, expect and panic are how.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use ecg_tests::beats::Score;
use ecg_tests::files::{assert_same, real_data, recordings_below};
use ecg_tests::lake::TestLake;
use ecg_tests::mat4;
use serde_json::{Value, json};

/// A lake with everything, made once for the tests of this file.
fn filled(data: &Path) -> &'static TestLake {
    static LAKE: OnceLock<TestLake> = OnceLock::new();
    LAKE.get_or_init(|| {
        let lake = TestLake::new();
        let summary = lake.run(data, 0);
        assert_eq!(
            summary["accepted"],
            json!(recordings_below(data).len()),
            "every recording is accepted"
        );
        assert_eq!(summary["rejected"], json!(0));
        lake
    })
}

#[test]
fn every_recording_is_accepted_and_the_labels_are_the_folders() {
    let Some(data) = real_data() else { return };
    let lake = filled(&data);
    let mut expected: BTreeMap<Option<String>, u64> = BTreeMap::new();
    for file in recordings_below(&data) {
        // "1 NSR" is the class NSR; the other data sets have no classes.
        let folder = file
            .parent()
            .unwrap()
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let class = folder.split_once(' ').map(|(_, class)| class.to_owned());
        *expected.entry(class).or_default() += 1;
    }
    let found: BTreeMap<Option<String>, u64> = lake
        .query("select label, count(*) as n from recordings group by label")
        .iter()
        .map(|row| {
            (
                row["label"].as_str().map(str::to_owned),
                row["n"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(found, expected);
    assert_eq!(lake.count("select count(*) from rejections"), 0);
}

#[test]
fn a_rerun_does_nothing_and_changes_no_byte() {
    let Some(data) = real_data() else { return };
    let lake = filled(&data);
    let before = lake.everything();
    let summary = lake.run(&data, 0);
    assert!(
        summary["recordings"]
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["done_before"] == json!(true))
    );
    assert_same("the lake after a rerun", &before, &lake.everything());
}

#[test]
fn the_beats_are_the_annotated_ones() {
    let Some(data) = real_data() else { return };
    let lake = filled(&data);
    let annotated = fs::read(data.join("mitdb-30min/beats.json")).unwrap();
    let annotated: BTreeMap<String, Value> = serde_json::from_slice(&annotated).unwrap();
    let rows = lake.query(
        "select source_key, sample from beats join recordings using (recording_id) \
         where source_key like '%/mitdb-30min/%' and lead = 0 order by source_key, sample",
    );
    let mut detected: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for row in &rows {
        let name = row["source_key"].as_str().unwrap().rsplit('/').next().unwrap();
        detected
            .entry(name)
            .or_default()
            .push(row["sample"].as_u64().unwrap());
    }
    // At 360 Hz: 54 samples are 150 ms, 9 samples are 25 ms.
    let (mut wide, mut narrow, mut records) = (Score::default(), Score::default(), 0);
    for (name, entry) in &annotated {
        let known = numbers(&entry["beats"]);
        let found = detected.get(name.as_str()).map_or(&[][..], Vec::as_slice);
        wide = wide.plus(Score::of(&known, found, 54));
        narrow = narrow.plus(Score::of(&known, found, 9));
        records += 1;
    }
    assert_eq!(records, 24);
    println!(
        "{} annotated beats, sensitivity / positive predictivity in percent",
        wide.known
    );
    for (what, score, least) in [("150 ms", wide, (99.3, 99.0)), ("25 ms", narrow, (93.0, 92.0))] {
        let found = (score.sensitivity(), score.positive_predictivity());
        println!("within {what}: {:.2} / {:.2}", found.0, found.1);
        assert!(
            found.0 >= least.0 && found.1 >= least.1,
            "within {what}: {found:?}, expected at least {least:?}"
        );
    }
}

fn numbers(list: &Value) -> Vec<u64> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|number| number.as_u64().unwrap())
        .collect()
}

/// Gain and baseline of these files, as their README and headers say.
const GAIN: f64 = 200.0;
const BASELINE: f64 = 1024.0;

#[test]
fn the_millivolts_are_those_of_the_file() {
    let Some(data) = real_data() else { return };
    let lake = filled(&data);
    let all = recordings_below(&data);
    let fragments = all
        .iter()
        .filter(|path| path.starts_with(data.join("plawiak-2017")))
        .step_by(97);
    let exports = all
        .iter()
        .filter(|path| path.starts_with(data.join("physiobank-atm")))
        .step_by(7);
    let half_hours = all
        .iter()
        .filter(|path| path.starts_with(data.join("mitdb-30min")))
        .take(1);
    let mut files = 0;
    for file in fragments.chain(exports).chain(half_hours) {
        compare(lake, &data, file);
        files += 1;
    }
    assert!(files >= 8, "{files} files compared");
}

/// Every sample of a file against the table, as the same 32-bit float.
fn compare(lake: &TestLake, data: &Path, file: &Path) {
    let folder = data.file_name().unwrap().to_str().unwrap();
    let key = format!("{folder}/{}", file.strip_prefix(data).unwrap().display());
    let matrix = mat4::parse(&fs::read(file).unwrap());
    for lead in 0..matrix.rows {
        let rows = lake.query(&format!(
            "select mv from segments s join recordings r using (recording_id) \
             where r.source_key = '{key}' and s.lead = {lead} order by segment"
        ));
        let found: Vec<f32> = rows
            .iter()
            .flat_map(|row| row["mv"].as_array().unwrap())
            .map(float)
            .collect();
        let expected: Vec<f32> = matrix
            .row(lead)
            .iter()
            .map(|adu| ((f64::from(*adu) - BASELINE) / GAIN) as f32)
            .collect();
        assert_eq!(found.len(), expected.len(), "{key}, lead {lead}");
        let differs = found
            .iter()
            .zip(&expected)
            .position(|(found, expected)| found.to_bits() != expected.to_bits());
        assert_eq!(differs, None, "{key}, lead {lead}: first sample that differs");
    }
}

/// The float whose shortest text JSON has.
fn float(value: &Value) -> f32 {
    value.to_string().parse().unwrap()
}
