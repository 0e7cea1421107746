//! The search for beats, measured on records that cardiologists annotated. The data are not part of the
//! repository; where they are absent the tests say so and pass.

#![allow(
    clippy::print_stdout,
    reason = "the scores, and that a test was skipped, are what it has to say"
)]

#[path = "support/mod.rs"]
mod support;

use support::score::Score;
use support::{
    Annotated, MITDB_HZ, REQUIRED, annotated, data_folder, percentages, pooled, quoted_numbers, resampled,
    score,
};

fn real_recordings(folder: &str) -> Option<Vec<Annotated>> {
    let folder = data_folder().join(folder);
    let recordings = annotated(&folder);
    if recordings.is_none() {
        println!("skipped: real recordings not found at {}", folder.display());
    }
    recordings
}

/// `at_least` is sensitivity and positive predictivity within 150 ms, then within 25 ms.
fn check(what: &str, [within_150, within_25]: [Score; 2], at_least: [f64; 4]) {
    let found = [
        within_150.sensitivity(),
        within_150.positive_predictivity(),
        within_25.sensitivity(),
        within_25.positive_predictivity(),
    ];
    println!(
        "{what}: {} within 150 ms, {} within 25 ms",
        percentages(&within_150),
        percentages(&within_25)
    );
    assert!(
        found.iter().zip(at_least).all(|(found, least)| *found >= least),
        "{what}: {found:?}"
    );
}

#[test]
fn half_hour_records() {
    let Some(recordings) = real_recordings("mitdb-30min") else {
        return;
    };
    assert_eq!(recordings.len(), 24);
    let all = pooled(recordings.iter().map(|recording| score(recording, MITDB_HZ)));
    check("24 half-hour records", all, REQUIRED);
}

/// The same code and the same numbers at other sampling frequencies. The bounds are a little lower
/// because 25 ms are only 6 samples at 250 Hz and linear interpolation damps the peaks.
#[test]
fn half_hour_records_at_other_sampling_frequencies() {
    let Some(recordings) = real_recordings("mitdb-30min") else {
        return;
    };
    for hz in [300.0, 250.0] {
        let all = pooled(
            recordings
                .iter()
                .map(|recording| score(&resampled(recording, MITDB_HZ, hz), hz)),
        );
        check(
            &format!("24 half-hour records at {hz} Hz"),
            all,
            [99.2, 98.9, 92.5, 91.5],
        );
    }
}

/// Ten seconds leave no time to learn, and have two ends at which a beat is cut in half. The fragments of
/// class VFL are ventricular flutter, of which no beat is annotated: whatever is found there counts against.
#[test]
fn ten_second_fragments() {
    let Some(recordings) = real_recordings("plawiak-2017") else {
        return;
    };
    let all = pooled(recordings.iter().map(|recording| score(recording, MITDB_HZ)));
    check("10 s fragments", all, [99.0, 98.5, 96.5, 96.0]);
}

/// The scorer prints them beside what it measures.
#[test]
fn numbers_of_other_detectors_are_said_to_be_quoted_and_delayed_ones_to_be_delayed() {
    let quoted = quoted_numbers();
    assert!(quoted.contains("**quoted**"), "{quoted}");
    for method in ["pantompkins1985", "elgendi2010", "hamilton2002"] {
        let row = quoted.lines().find(|line| line.contains(method));
        assert!(
            row.is_some_and(|row| row.contains("(delayed)")),
            "{method}: {row:?}"
        );
    }
}
