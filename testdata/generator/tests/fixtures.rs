//! The committed fixtures are what the generator makes, and what `testdata/README.md` says they are.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every file below `folder`, by its path relative to `root`.
fn files(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(root, &path, found);
        } else {
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .replace('\\', "/");
            found.insert(name, std::fs::read(&path).unwrap());
        }
    }
}

fn committed(folder: &str) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let root = testdata().join(folder);
    files(&root, &root, &mut found);
    found
}

#[test]
fn committed_fixtures_are_what_the_generator_makes() {
    let folder = tempfile::tempdir().unwrap();
    let status = std::process::Command::new(env!("CARGO_BIN_EXE_make-fixtures"))
        .arg(folder.path())
        .status()
        .unwrap();
    assert!(status.success());
    for part in ["recordings", "malformed"] {
        let committed = committed(part);
        let mut made = BTreeMap::new();
        let root = folder.path().join(part);
        files(&root, &root, &mut made);
        let names = |of: &BTreeMap<String, Vec<u8>>| of.keys().cloned().collect::<Vec<_>>();
        assert_eq!(
            names(&committed),
            names(&made),
            "{part}: run `cargo run -p ecg-synth --bin make-fixtures`"
        );
        for (name, bytes) in &made {
            assert!(
                committed[name] == *bytes,
                "{part}/{name} differs: run `cargo run -p ecg-synth --bin make-fixtures`"
            );
        }
    }
}

#[test]
fn fixtures_stay_small() {
    let good = committed("recordings");
    assert!(good.values().all(|bytes| bytes.len() <= 40_000));
    assert!(good.values().map(Vec::len).sum::<usize>() < 600_000);
    let bad = committed("malformed");
    assert!(bad.values().all(|bytes| bytes.len() <= 110_000));
    assert!(bad.values().map(Vec::len).sum::<usize>() < 400_000);
}

/// Whether the name is that of a recording.
fn is_recording(name: &str) -> bool {
    [".mat", ".dat", ".edf"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

/// In the level 4 fixtures of int16 little-endian, one lead after another interleaved: the first lead.
fn first_lead(bytes: &[u8]) -> Vec<i16> {
    let leads = i32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
    int16(&bytes[24..]).into_iter().step_by(leads).collect()
}

fn int16(bytes: &[u8]) -> Vec<i16> {
    let pairs = bytes.chunks_exact(2);
    pairs.map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

#[test]
fn known_beats_are_the_peaks_of_the_recordings() {
    let recordings = committed("recordings");
    let beats: serde_json::Value = serde_json::from_slice(&recordings["beats.json"]).unwrap();
    let beats = beats.as_object().unwrap();
    let files: Vec<&String> = recordings.keys().filter(|name| is_recording(name)).collect();
    assert_eq!(
        files.len(),
        beats.len(),
        "every recording has its beats and the other way round"
    );
    let mut compared = 0;
    for name in files {
        let list: Vec<usize> = beats[name]["beats"]
            .as_array()
            .unwrap()
            .iter()
            .map(|beat| beat.as_u64().unwrap() as usize)
            .collect();
        assert!(list.len() >= 6 && list.is_sorted(), "{name}: {list:?}");
        let bytes = &recordings[name];
        let signal = match name.as_str() {
            "wfdb/format16.dat" => int16(bytes),
            // A header of two signals, then records of one second.
            "edf/two-leads.edf" => bytes[768..]
                .chunks_exact(2 * 720)
                .flat_map(|record| int16(&record[..720]))
                .collect(),
            _ if bytes[..4] == 30_i32.to_le_bytes() => first_lead(bytes),
            _ => continue,
        };
        for beat in list {
            let near = beat.saturating_sub(36)..(beat + 36).min(signal.len());
            let top = signal[near.clone()].iter().max().unwrap();
            // Noise of 0.01 mV is 2 ADC units on both.
            assert!(
                top - signal[beat] <= 10,
                "{name}: {} at {beat}, but {top} near it",
                signal[beat]
            );
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared} beats compared");
}

#[test]
fn headers_say_what_the_files_hold() {
    let recordings = committed("recordings");
    let mut headers = 0;
    for (name, text) in &recordings {
        let Some(stem) = name.strip_suffix(".hea") else {
            continue;
        };
        let text = std::str::from_utf8(text).unwrap();
        let (ending, format, bits) = match stem {
            "wfdb/format16" => ("dat", "16", 16),
            "wfdb/format212" => ("dat", "212", 12),
            _ => ("mat", "16+24", 16),
        };
        let file = &recordings[&format!("{stem}.{ending}")];
        let begin = if ending == "mat" { 24 } else { 0 };
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let mut lines = lines.map(|line| line.split(' ').collect::<Vec<_>>());
        let record = lines.next().unwrap();
        let leads: usize = record[1].parse().unwrap();
        let samples: usize = record[3].parse().unwrap();
        assert_eq!(stem.rsplit('/').next(), Some(record[0]));
        assert_eq!(record[2], "360");
        let signals: Vec<_> = lines.collect();
        assert_eq!(signals.len(), leads);
        assert_eq!(file.len(), begin + leads * samples * bits / 8, "{name}");
        for (lead, fields) in signals.iter().enumerate() {
            assert_eq!(format!("{}.{ending}", record[0]), fields[0]);
            assert_eq!(fields[1], format);
            let expected = if stem == "header/gain-0" {
                "0"
            } else {
                "200(1024)/mV"
            };
            assert_eq!(fields[2], expected, "{name}");
            let first = match bits {
                12 => i16::from(file[2 * lead]) | i16::from(file[1] >> (4 * lead) & 0x0f) << 8,
                _ => int16(&file[begin + 2 * lead..])[0],
            };
            assert_eq!(fields[5], first.to_string(), "{name}: the first value");
        }
        headers += 1;
    }
    assert_eq!(headers, 7);
}

#[test]
fn every_malformed_file_has_an_expectation() {
    let malformed = committed("malformed");
    let expected: serde_json::Value = serde_json::from_slice(&malformed["expected.json"]).unwrap();
    let expected = expected.as_object().unwrap();
    let mut files: Vec<&String> = malformed.keys().filter(|name| is_recording(name)).collect();
    let mut names: Vec<&String> = expected.keys().collect();
    files.sort();
    names.sort();
    assert_eq!(files, names);
    for (name, entry) in expected {
        assert_eq!(entry["error"], "Rejected", "{name}");
        assert!(!entry["rule"].as_str().unwrap().is_empty(), "{name}");
        assert!(
            !entry["message_contains"].as_array().unwrap().is_empty(),
            "{name}"
        );
    }
    // Every reason of the rules has a file.
    for rule in [
        "not a MAT file",
        "truncated",
        "unsupported",
        "variable missing",
        "complex",
        "non-numeric",
        "wrong rank",
        "zero samples",
        "more than 16 leads",
        "above the size caps",
        "no calibration",
        "more than 5 % missing",
        "the whole signal constant",
    ] {
        assert!(
            expected.values().any(|entry| entry["rule"] == rule),
            "no file breaks the rule `{rule}`"
        );
    }
}

#[test]
fn the_readme_names_every_fixture() {
    let readme = std::fs::read_to_string(testdata().join("README.md")).unwrap();
    for folder in ["recordings", "malformed"] {
        for name in committed(folder).keys().filter(|name| is_recording(name)) {
            let file = name.rsplit('/').next().unwrap();
            assert!(
                readme.contains(&format!("`{file}`")) || readme.contains(&format!("`{name}`")),
                "{name}"
            );
        }
    }
}
