//! Scores the beats that the recipe finds against annotated ones, per recording and pooled:
//!
//!     cargo run --release -p ecg-recipe --example score_beats -- DIR [HZ]
//!
//! DIR has MAT level 4 recordings of the MIT-BIH Arrhythmia Database and their `beats.json`. With HZ the
//! recordings are first resampled from 360 Hz to that sampling frequency.

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

use support::{MITDB_HZ, annotated, data_folder, percentages, pooled, resampled, score};

/// NeuroKit2 0.2.13 on the first lead of the 24 half-hour records (design, section 10).
const REFERENCE: [(&str, &str, &str); 4] = [
    ("neurokit", " 98.05 /  96.61", " 90.74 /  89.41"),
    ("pantompkins1985", " 99.03 /  98.35", " 16.1  /  16.0 "),
    ("elgendi2010", " 97.64 /  95.81", " 17.8  /  17.5 "),
    ("hamilton2002", " 98.29 /  97.40", "  4.1  /   4.1 "),
];

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
    println!("Sensitivity / positive predictivity in percent at {hz} Hz");
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
    println!("For comparison, NeuroKit2 0.2.13 pooled over the 24 half-hour records:");
    for (method, within_150, within_25) in REFERENCE {
        println!("{method:width$}                   {within_150}   {within_25}");
    }
    println!(
        "{:width$}                    99.30 /  99.00    93.00 /  92.00",
        "required"
    );
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
