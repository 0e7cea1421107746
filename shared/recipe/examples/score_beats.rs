//! Scores the beats that the recipe finds against annotated ones, per recording and pooled:
//!
//!     cargo run --release -p ecg-recipe --example score_beats -- DIR [HZ]
//!
//! DIR has MAT level 4 recordings of the MIT-BIH Arrhythmia Database and their `beats.json`. With HZ the
//! recordings are first resampled from 360 Hz to that sampling frequency.
//!
//! The numbers of other detectors are not measured here: they are printed as `docs/recipe.md` quotes them.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a developer's tool on known files"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::path::PathBuf;
use std::process::ExitCode;

use support::{
    MITDB_HZ, REQUIRED, annotated, data_folder, percentages, pooled, quoted_numbers, resampled, score,
};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .map_or_else(|| data_folder().join("mitdb-30min"), PathBuf::from);
    let hz = arguments
        .next()
        .map_or(MITDB_HZ, |hz| hz.parse().expect("HZ is a number"));
    let Some(recordings) = annotated(&folder) else {
        eprintln!("no beats.json in {}", folder.display());
        return ExitCode::FAILURE;
    };

    let width = recordings
        .iter()
        .map(|recording| recording.name.len())
        .max()
        .unwrap_or(0)
        .max(16);
    println!("Measured in this run, at {hz} Hz: sensitivity / positive predictivity in percent, first lead");
    println!(
        "{:width$}  annotated  found   within 150 ms     within 25 ms",
        "recording"
    );
    let mut scores = Vec::new();
    for recording in &recordings {
        let both = if hz == MITDB_HZ {
            score(recording, hz)
        } else {
            score(&resampled(recording, MITDB_HZ, hz), hz)
        };
        print_row(&recording.name, width, &both);
        scores.push(both);
    }
    print_row("pooled", width, &pooled(scores));
    println!();
    let [sensitivity, predictivity, sensitivity_25, predictivity_25] = REQUIRED;
    println!(
        "Required by the tests, for the 24 half-hour records at {MITDB_HZ} Hz: {sensitivity} / {predictivity} within \
         150 ms, {sensitivity_25} / {predictivity_25} within 25 ms"
    );
    println!();
    println!("Not measured in this run, from docs/recipe.md:");
    println!();
    println!("{}", quoted_numbers());
    ExitCode::SUCCESS
}

fn print_row(name: &str, width: usize, both: &[support::score::Score; 2]) {
    let [within_150, within_25] = both;
    println!(
        "{name:width$}  {:9}  {:5}   {}   {}",
        within_150.annotated,
        within_150.detected,
        percentages(within_150),
        percentages(within_25)
    );
}
