//! Small files, cut at every byte and damaged at every byte.
//!
//! A cut file is a typed error: never a panic, never a success with less. A damaged byte may go unnoticed, because these
//! formats have no checksum of the whole; but what is delivered must still be complete and in bounded blocks.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod common;

use std::io::Cursor;
use std::ops::ControlFlow;
use std::panic::catch_unwind;

use common::{Part, edf};
use ecg_formats::edf::EdfFile;
use ecg_formats::wfdb::{Header, WfdbFile};
use ecg_formats::{FormatError, Named, SignalInfo, Sink};

/// Largest block that a reader may give.
const BLOCK: usize = 16_384;

/// Reads every signal. One that comes short, or a block that is too large, fails the test.
fn read_everything(
    signals: &[SignalInfo],
    stream: impl FnOnce(&[usize], Sink<'_>) -> Result<(), FormatError>,
) -> Result<(), FormatError> {
    let all: Vec<usize> = (0..signals.len()).collect();
    let mut counts = vec![0; all.len()];
    stream(&all, &mut |lead, samples| {
        assert!((1..=BLOCK).contains(&samples.len()));
        counts[lead] += samples.len() as u64;
        ControlFlow::Continue(())
    })?;
    let expected: Vec<u64> = signals.iter().map(|signal| signal.samples).collect();
    assert_eq!(counts, expected);
    Ok(())
}

fn read_edf(bytes: &[u8]) -> Result<(), FormatError> {
    let mut file = EdfFile::open(Cursor::new(bytes))?;
    // Which signals are chosen does not matter here, only that it is told.
    let _ = file.choose(&Named::default());
    let signals = file.signals().to_vec();
    read_everything(&signals, |all, sink| file.stream(all, sink))
}

fn read_wfdb(header: &[u8], bytes: &[u8]) -> Result<(), FormatError> {
    let header = Header::parse(&String::from_utf8_lossy(header))?;
    let mut file = WfdbFile::open(Cursor::new(bytes), &header, "x.dat")?;
    let _ = file.choose(&Named::default());
    let signals = file.signals().to_vec();
    read_everything(&signals, |all, sink| file.stream(all, sink))
}

fn edf_files() -> Vec<Vec<u8>> {
    let parts = |label| {
        [
            Part::new("ECG I", &[[1, -2], [3, -4]]),
            Part::annotations(label, 2),
            Part::new("Resp", &[[5, 6], [7, 8]]),
        ]
    };
    vec![
        edf(false, "EDF+C", &parts("EDF Annotations")),
        edf(true, "BDF+C", &parts("BDF Annotations")),
    ]
}

/// Headers that say how many samples there are, and the signal file of each.
fn wfdb_files() -> Vec<(String, Vec<u8>)> {
    let files = [
        ("16", 2, 2),
        ("61", 2, 2),
        ("80", 1, 1),
        ("24", 3, 3),
        ("32", 4, 4),
        ("212", 3, 2),
    ];
    let file = |(format, numerator, denominator): (&str, usize, usize)| {
        let header = format!(
            "x 2 250 10\nx.dat {format}x3:1+2 200(5)/mV 12 0 -1 0 0 MLII\nx.dat {format}+2 100/uV 12 0 0 0 0 V1\n"
        );
        let samples = 10 * 4;
        let bytes = match format {
            "212" => samples * numerator / denominator,
            _ => samples * denominator,
        };
        (header, (0..bytes + 2).map(|n| n as u8).collect())
    };
    files.into_iter().map(file).collect()
}

fn survives(outcome: std::thread::Result<Result<(), FormatError>>, what: &str) -> Result<(), String> {
    let outcome = outcome.unwrap_or_else(|_| panic!("{what}: panicked"));
    outcome.map_err(|error| {
        let FormatError::Rejected(details) = error else {
            panic!("{what}: {error}");
        };
        details.to_string()
    })
}

#[test]
fn the_whole_files_are_read() {
    for file in edf_files() {
        read_edf(&file).unwrap();
    }
    for (header, file) in wfdb_files() {
        read_wfdb(header.as_bytes(), &file).unwrap();
    }
}

#[test]
fn a_file_cut_at_any_byte_is_an_error() {
    for file in edf_files() {
        for length in 0..file.len() {
            let outcome = survives(catch_unwind(|| read_edf(&file[..length])), "EDF");
            let message = outcome.unwrap_err();
            assert!(
                message.starts_with("truncated ") || length < 8,
                "{length}: {message}"
            );
        }
    }
    for (header, file) in wfdb_files() {
        for length in 0..file.len() {
            let outcome = catch_unwind(|| read_wfdb(header.as_bytes(), &file[..length]));
            let message = survives(outcome, &header).unwrap_err();
            assert!(message.starts_with("truncated x.dat"), "{length}: {message}");
        }
        // A header without its last words is still a header; it is told what it lacks, or it is read.
        for length in 0..header.len() {
            let outcome = catch_unwind(|| read_wfdb(&header.as_bytes()[..length], &file));
            let _ = survives(outcome, &header[..length]);
        }
    }
}

#[test]
fn a_damaged_byte_is_an_error_or_changes_values_only() {
    // Every kind of text that a header is made of, and every bit.
    let others = |byte: u8| {
        let bits = (0..8).map(move |bit| byte ^ (1 << bit));
        bits.chain(*b"0 19-+.xe:/()#\n\0\xff")
    };
    let mut refused = 0;
    for file in edf_files() {
        for place in 0..file.len() {
            for other in others(file[place]) {
                let mut damaged = file.clone();
                damaged[place] = other;
                refused += usize::from(survives(catch_unwind(|| read_edf(&damaged)), "EDF").is_err());
            }
        }
    }
    for (header, file) in wfdb_files() {
        for place in 0..header.len() {
            for other in others(header.as_bytes()[place]) {
                let mut damaged = header.clone().into_bytes();
                damaged[place] = other;
                let what = String::from_utf8_lossy(&damaged).into_owned();
                let outcome = catch_unwind(|| read_wfdb(&damaged, &file));
                refused += usize::from(survives(outcome, &what).is_err());
            }
        }
        for place in 0..file.len() {
            for bit in 0..8 {
                let mut damaged = file.clone();
                damaged[place] ^= 1 << bit;
                // Samples are any bytes.
                assert_eq!(
                    survives(catch_unwind(|| read_wfdb(header.as_bytes(), &damaged)), &header),
                    Ok(())
                );
            }
        }
    }
    assert!(refused > 1_000, "{refused} were refused");
}
