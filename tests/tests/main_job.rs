//! The main job: recordings in, tables out. The same files give the same bytes, whoever runs them, in whatever order,
//! however often.

// A test that cannot go on stops: unwrap, expect and panic are how.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ecg_tests::cli::ecg;
use ecg_tests::files::{assert_same, copy_file, copy_folder, recordings, recordings_below};
use ecg_tests::lake::{TestLake, text};
use serde_json::{Value, json};

/// A lake that has taken the committed recordings.
fn filled() -> TestLake {
    let lake = TestLake::new();
    lake.run(&recordings(), 0);
    lake
}

#[test]
fn every_recording_is_accepted_and_has_its_label() {
    let lake = TestLake::new();
    let summary = lake.run(&recordings(), 0);
    let files = recordings_below(&recordings()).len();
    assert_eq!(files, 20);
    assert_eq!(
        (&summary["accepted"], &summary["rejected"]),
        (&json!(files), &json!(0))
    );
    let labels = lake.query("select label, count(*) as n from recordings group by label order by label");
    let labels: Vec<(Option<&str>, u64)> = labels
        .iter()
        .map(|row| (row["label"].as_str(), row["n"].as_u64().unwrap()))
        .collect();
    assert_eq!(
        labels,
        [
            (Some("AFIB"), 1),
            (Some("NSR"), 2),
            (Some("PVC"), 1),
            (Some("SBR"), 1),
            (Some("ST"), 1),
            (None, 14)
        ]
    );
    assert_eq!(lake.count("select count(*) from rejections"), 0);
    // Each fault that a fixture was made to show is seen in that fixture, and in no other that was not made to show it.
    for (warning, keys) in [
        ("flat_line", &["recordings/warn/flat.mat"][..]),
        (
            "missing_samples",
            &["recordings/warn/gap.mat", "recordings/wfdb/format16.dat"],
        ),
        ("saturated", &["recordings/warn/saturated.mat"]),
    ] {
        let warned = lake.query(&format!(
            "select source_key, quality from recordings where array_has(warnings, '{warning}') order by 1"
        ));
        assert_eq!(
            warned,
            keys.iter()
                .map(|key| json!({ "source_key": key, "quality": "warn" }))
                .collect::<Vec<_>>(),
            "{warning}"
        );
    }
}

#[test]
fn the_summary_for_people_says_what_to_do_next() {
    let lake = TestLake::new();
    let answer = lake.ecg(&["run", text(&recordings())]).expect(0);
    for words in [
        "20 recordings: 20 accepted, 0 rejected",
        "| AFIB ",
        "next:",
        "ecg query ",
        "ecg runs --lake",
    ] {
        assert!(answer.stdout.contains(words), "{words}:\n{}", answer.stdout);
    }
}

#[test]
fn the_known_beats_are_found() {
    let lake = filled();
    let known = fs::read(recordings().join("beats.json")).unwrap();
    let known: BTreeMap<String, Value> = serde_json::from_slice(&known).unwrap();
    assert_eq!(known.len(), 20);
    for (key, entry) in known {
        let known: Vec<u64> = entry["beats"]
            .as_array()
            .unwrap()
            .iter()
            .map(|beat| beat.as_u64().unwrap())
            .collect();
        let found = lake.query(&format!(
            "select sample from beats join recordings using (recording_id) where source_key = 'recordings/{key}' and lead = 0 order by 1"
        ));
        let found: Vec<u64> = found.iter().map(|row| row["sample"].as_u64().unwrap()).collect();
        assert_eq!(
            known.len(),
            found.len(),
            "{key}: known {known:?}, found {found:?}"
        );
        // 5 samples are 14 ms at 360 Hz; the top of a saturated peak is flat, so its highest sample is not one.
        for (known, found) in known.iter().zip(&found) {
            assert!(known.abs_diff(*found) <= 5, "{key}: known {known}, found {found}");
        }
    }
}

#[test]
fn a_rerun_does_nothing_and_changes_no_byte() {
    let lake = filled();
    let before = lake.everything();
    let summary = lake.run(&recordings(), 0);
    let done_before = summary["recordings"]
        .as_array()
        .unwrap()
        .iter()
        .all(|one| one["done_before"] == json!(true));
    assert!(done_before, "{summary:#}");
    // Histories and outcomes are files too: had a step run again, they would tell.
    assert_same("the lake after a rerun", &before, &lake.everything());
}

#[test]
fn two_lakes_have_the_same_bytes() {
    assert_same(
        "the tables of another lake",
        &filled().tables(),
        &filled().tables(),
    );
}

#[test]
fn neither_order_nor_parallel_runs_change_a_byte() {
    let expected = filled().tables();
    for jobs in ["1", "4"] {
        let lake = TestLake::new();
        // The same keys in another order: one run per file, the last key first.
        let copy = lake.beside("copy/recordings");
        for file in recordings_below(&recordings()).iter().rev() {
            let key = file.strip_prefix(recordings()).unwrap();
            copy_file(file, &copy.join(key));
            let header = file.with_extension("hea");
            if header.is_file() {
                copy_file(&header, &copy.join(key).with_extension("hea"));
            }
            lake.ecg(&["run", text(&copy), "--jobs", jobs]).expect(0);
        }
        assert_same(
            &format!("the tables of another order, {jobs} jobs"),
            &expected,
            &lake.tables(),
        );
    }
    for jobs in ["1", "4"] {
        let lake = TestLake::new();
        lake.ecg(&["run", text(&recordings()), "--jobs", jobs]).expect(0);
        assert_same(&format!("the tables of {jobs} jobs"), &expected, &lake.tables());
    }
}

#[test]
fn identical_bytes_under_two_keys_are_two_recordings() {
    let lake = TestLake::new();
    let folder = lake.beside("twins");
    let file = recordings().join("1 NSR/900m (0).mat");
    copy_file(&file, &folder.join("1 NSR/900m (0).mat"));
    copy_file(&file, &folder.join("2 APB/900m (0).mat"));
    let summary = lake.run(&folder, 0);
    assert_eq!(summary["accepted"], json!(2));
    assert_eq!(
        lake.count("select count(distinct recording_id) from recordings"),
        2
    );
    assert_eq!(
        lake.count("select count(distinct content_sha256) from recordings"),
        1
    );
    assert_eq!(lake.count("select count(distinct label) from recordings"), 2);
    assert_eq!(lake.count("select count(*) from segments"), 2);
}

#[test]
fn a_file_alone_is_the_same_as_in_its_folder_but_for_the_key() {
    let lake = TestLake::new();
    let file = recordings().join("formats/level5.mat");
    lake.run(&file, 0);
    assert_eq!(
        lake.query("select source_key from recordings")[0]["source_key"],
        json!("formats/level5.mat")
    );
}

#[test]
fn a_changed_file_is_a_new_version_and_the_old_one_stays() {
    let lake = TestLake::new();
    let folder = lake.beside("folder");
    copy_folder(&recordings().join("18 SBR"), &folder.join("18 SBR"));
    lake.run(&folder, 0);
    let first = lake.query("select recording_id from current");
    // Another recording under the same key, an hour later.
    let changed = folder.join("18 SBR/903m (0).mat");
    let modified = fs::metadata(&changed).unwrap().modified().unwrap();
    copy_file(&recordings().join("19 ST/904m (0).mat"), &changed);
    set_modified(&changed, modified + std::time::Duration::from_secs(3600));
    lake.run(&folder, 0);
    assert_eq!(lake.count("select count(*) from recordings"), 2);
    let newest = lake.query("select recording_id, source_key from current");
    assert_eq!(newest.len(), 1);
    assert_eq!(newest[0]["source_key"], json!("folder/18 SBR/903m (0).mat"));
    assert_ne!(newest[0]["recording_id"], first[0]["recording_id"]);
}

fn set_modified(path: &Path, time: std::time::SystemTime) {
    fs::File::options()
        .append(true)
        .open(path)
        .unwrap()
        .set_modified(time)
        .unwrap();
}

#[test]
fn paragraphs_of_help_are_wrapped_by_the_terminal_only() {
    // Where the width is not known it is 100 columns.
    const COLUMNS: usize = 100;
    for command in ["run", "rerun", "redrive", "query", "backfill", "show", "inspect"] {
        let help = ecg(&[command, "--help"]).expect(0).stdout;
        let lines: Vec<&str> = help.lines().collect();
        for pair in lines.windows(2) {
            let [line, next] = pair else { unreachable!() };
            let prose = |line: &str| !line.is_empty() && !line.starts_with(' ');
            let ends = line.ends_with(['.', ':']);
            if !prose(line) || !prose(next) || ends {
                continue;
            }
            let word = next.split(' ').next().unwrap();
            let would_fit = line.chars().count() + 1 + word.chars().count() <= COLUMNS;
            assert!(!would_fit, "{command}: {line}\n{next}");
        }
    }
}

#[test]
fn help_has_examples() {
    for command in ["run", "query", "redrive", "inspect", "workflow run"] {
        let mut args: Vec<&str> = command.split(' ').collect();
        args.push("--help");
        let help = ecg(&args).expect(0).stdout;
        assert!(help.contains("ecg "), "{command}:\n{help}");
    }
}
