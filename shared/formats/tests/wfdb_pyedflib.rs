//! Signals equal those that the Python packages wfdb and pyedflib read, sample for sample: files that these packages
//! wrote, and the records of PhysioNet in the folder of annotated recordings where it is present.
//!
//! Needs a Python with wfdb and pyedflib: its path in the environment variable `ECG_PYTHON`. The folder is `ECG_ANNOTATED`,
//! else `../shared/annotated` beside the checkout.
#![allow(
    clippy::disallowed_methods,
    reason = "a test is configured by its environment"
)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking and reports what it saw"
)]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

use ecg_formats::edf::EdfFile;
use ecg_formats::wfdb::{Header, WfdbFile};
use ecg_formats::{SignalInfo, Sink};

#[test]
fn signals_equal_wfdb_and_pyedflib() {
    let Ok(python) = std::env::var("ECG_PYTHON") else {
        println!("skipped: ECG_PYTHON does not name a Python with wfdb and pyedflib");
        return;
    };
    let records = annotated();
    if records.is_empty() {
        println!("skipped in part: no folder of annotated recordings with WFDB records");
    }
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wfdb_pyedflib_files.py");
    let status = Command::new(python)
        .arg(script)
        .arg(folder.path())
        .args(&records)
        .status()
        .unwrap();
    assert!(status.success(), "the script that writes the files failed");

    let expected = fs::read_to_string(folder.path().join("expected.tsv")).unwrap();
    let mut files = BTreeSet::new();
    let (mut signals, mut samples, mut missing) = (0, 0, 0);
    for line in expected.lines() {
        let [path, index, name, frequency, units, adu, physical] = line.split('\t').collect::<Vec<_>>()[..]
        else {
            panic!("{line}");
        };
        let (info, found) = read(Path::new(path), index.parse().unwrap());
        assert_eq!(info.name, name.replace("None", ""), "{line}");
        assert_eq!(
            info.sampling_frequency_hz,
            frequency.parse::<f64>().unwrap(),
            "{line}"
        );
        assert_eq!(info.units, units, "{line}");
        assert_eq!(info.samples, found.len() as u64, "{line}");
        let (adu, physical) = (doubles(adu), doubles(physical));
        assert_eq!(found.len(), adu.len(), "{line}");
        for (place, value) in found.iter().enumerate() {
            let same = *value == adu[place] || (value.is_nan() && adu[place].is_nan());
            assert!(same, "{line}: {value} at {place}, expected {}", adu[place]);
            // The same formula in another order of operations.
            let scaled = (value - info.baseline) / info.gain;
            let near = (scaled - physical[place]).abs() <= 1e-9 * (1.0 + physical[place].abs());
            assert!(
                near || value.is_nan(),
                "{line}: {scaled} at {place}, expected {}",
                physical[place]
            );
            missing += usize::from(value.is_nan());
        }
        files.insert(path);
        signals += 1;
        samples += found.len();
    }
    println!(
        "{samples} samples of {signals} signals in {} files, {missing} of them missing; {} of the records are real",
        files.len(),
        records.len()
    );
    assert!(
        files.len() >= 40 && signals >= 90,
        "only {signals} signals of {} files",
        files.len()
    );
    assert!(missing > 100, "only {missing} missing samples");
}

/// The headers of the real records.
fn annotated() -> Vec<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/annotated");
    let folder = std::env::var_os("ECG_ANNOTATED").map_or_else(beside, PathBuf::from);
    let Ok(entries) = fs::read_dir(folder.join("wfdb")) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut headers: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "hea"))
        .collect();
    headers.sort();
    headers
}

/// One signal of a file. Where there are others, they are read with it.
fn read(path: &Path, index: usize) -> (SignalInfo, Vec<f64>) {
    let source = File::open(path).unwrap();
    if path.extension().is_some_and(|extension| extension == "dat") {
        let name = path.file_name().unwrap().to_str().unwrap();
        // The record `files` has the signal files `files_1.dat`, …
        let (stem, _) = name.split_once(['.', '_']).unwrap();
        let header = fs::read_to_string(path.with_file_name(format!("{stem}.hea"))).unwrap();
        let mut file = WfdbFile::open(source, &Header::parse(&header).unwrap(), name).unwrap();
        let signals = file.signals().to_vec();
        let found = among(&signals, index, |leads, sink| file.stream(leads, sink).unwrap());
        (signals[index].clone(), found)
    } else {
        let mut file = EdfFile::open(source).unwrap();
        let signals = file.signals().to_vec();
        let found = among(&signals, index, |leads, sink| file.stream(leads, sink).unwrap());
        (signals[index].clone(), found)
    }
}

/// The samples of a signal that is read together with those behind it, in reverse order.
fn among(signals: &[SignalInfo], index: usize, stream: impl FnOnce(&[usize], Sink<'_>)) -> Vec<f64> {
    let leads: Vec<usize> = (index..signals.len()).rev().collect();
    let mut found = Vec::new();
    stream(&leads, &mut |lead, samples| {
        if lead + 1 == leads.len() {
            found.extend_from_slice(samples);
        }
        ControlFlow::Continue(())
    });
    found
}

fn doubles(path: &str) -> Vec<f64> {
    let bytes = fs::read(path).unwrap();
    let (doubles, rest) = bytes.as_chunks();
    assert!(rest.is_empty());
    doubles.iter().map(|eight| f64::from_le_bytes(*eight)).collect()
}
