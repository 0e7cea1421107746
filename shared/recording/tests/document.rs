//! `docs/inputs.md` against what is said: every message has a row in its table of refusals, and every row is said.

// Helpers of tests fail the test.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::Cursor;
use std::path::Path;

use common::{double, flags, int16, metadata, scalar};
use ecg_core::rules::{RULES, Rules};
use ecg_recording::{FileContext, examine};

const DOCUMENT: &str = include_str!("../../../docs/inputs.md");

/// The messages in the first column of the table.
fn rows() -> Vec<&'static str> {
    let table = DOCUMENT.split("## What is refused").nth(1).unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| ``"));
    rows.map(|row| row.split_once("``").unwrap().0).collect()
}

/// Whether the message is the pattern, in which `…` stands for anything.
fn is(pattern: &str, message: &str) -> bool {
    let mut parts = pattern.split('…');
    let Some(mut rest) = parts.next().and_then(|start| message.strip_prefix(start)) else {
        return false;
    };
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty() || pattern.ends_with('…')
}

fn message(file: &[u8], rules: &Rules, change: impl FnOnce(&mut FileContext)) -> String {
    let mut context = FileContext {
        size: file.len() as u64,
        ..FileContext::default()
    };
    change(&mut context);
    let examined = examine(Cursor::new(file.to_vec()), &context, rules).unwrap();
    examined.verdict.reason.unwrap().message
}

/// What is said of every malformed file, with its header.
fn of_malformed_files() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/malformed");
    let paths = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "mat"))
        .collect();
    assert!(files.len() > 20, "{files:?}");
    let judge = |path: &std::path::PathBuf| {
        message(&std::fs::read(path).unwrap(), &RULES, |about| {
            about.header = std::fs::read_to_string(path.with_extension("hea")).ok();
        })
    };
    files.iter().map(judge).collect()
}

/// What is said of files that are whole and lack something else.
fn of_whole_files() -> Vec<String> {
    let ramp: Vec<i16> = (0..100).collect();
    let val = int16("val", [1, 100], &ramp);
    let under = |settings: &[Vec<u8>], words: &str| {
        let file = [val.clone(), settings.concat()].concat();
        message(&file, &RULES, |about| about.settings = flags(words))
    };
    let beside = |header: &str| message(&val, &RULES, |about| about.header = Some(header.to_owned()));
    let uneven = [val.clone(), int16("other", [1, 99], &ramp[..99])].concat();
    let few = Rules {
        reject_values_above: 99,
        ..RULES
    };
    let leads = [
        int16("I", [1, 50], &ramp[..50]),
        int16("II", [1, 50], &ramp[..50]),
    ]
    .concat();
    let both = message(&[int16("other", [2, 50], &ramp), leads].concat(), &RULES, |_| {});
    let twice = [val.clone(), val.clone()].concat();
    let times: Vec<f64> = (0..200)
        .map(|n| f64::from(n / 2) * f64::from(n % 2) / 50.0)
        .collect();
    let times = message(&double("val", [2, 100], &times), &RULES, |about| {
        about.settings = flags("--fs 50 --units mV")
    });
    let frequency = [val.clone(), scalar("fs", 500.0)].concat();
    let frequency = message(&frequency, &RULES, |about| {
        about.header = Some("r 1\nr.mat 16\n".to_owned())
    });
    // The limit in the document is the real one.
    let many = message(&val, &few, |_| {}).replace("at most 99 values", "at most 2000000000 values");
    assert_eq!(RULES.reject_values_above, 2_000_000_000);
    vec![
        many,
        under(&[], "--variable nope"),
        message(&uneven, &RULES, |about| {
            about.settings = flags("--variable val,other")
        }),
        both,
        message(&twice, &RULES, |_| {}),
        times,
        under(&[double("fs", [1, 2], &[1.0, 2.0])], ""),
        under(&[scalar("units", 1.0)], "--fs 500"),
        under(&[double("gain", [1, 17], &[1.0; 17])], "--fs 500"),
        under(&[], "--fs 500 --units mmHg"),
        under(&[double("gain", [1, 2], &[1.0; 2])], "--fs 500"),
        under(&[], "--fs 500 --units mV --lead-names I,II"),
        under(&[scalar("gain", f64::NAN)], "--fs 500"),
        under(&[], "--fs 10 --units mV"),
        message(&val, &RULES, |about| {
            about.metadata = metadata(&[("ecg-gain", "much")])
        }),
        frequency,
        beside("r 1 360 99\nr.mat 16\n"),
        beside("r one 360\n"),
    ]
}

#[test]
fn every_message_is_in_the_table_and_the_table_has_no_other() {
    let rows = rows();
    assert!(rows.len() > 30, "{rows:#?}");
    let messages = [of_malformed_files(), of_whole_files()].concat();
    for message in &messages {
        let known = rows.iter().any(|row| is(row, message));
        assert!(known, "no row for\n{message}");
    }
    for row in &rows {
        let said = messages.iter().any(|message| is(row, message));
        assert!(said, "nothing says\n{row}");
    }
}
