//! Windows: equal to NeuroKit2 within 1 %, and to the recipe in Python within 1e-9, on the series of the golden file that
//! `tests/python/neurokit_windows.py` writes; and to the recipe in Python on the annotated beats of real records, where they
//! and Python (`ECG_PYTHON`, else python3) are at hand.

// A test that cannot go on stops.
#![allow(clippy::unwrap_used)]
#![allow(
    clippy::print_stdout,
    reason = "the distances, and that a test was skipped, are what it has to say"
)]

#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ecg_core::rules::RULES;
use ecg_recipe::{Beat, BeatType, NnInterval, Variability, Window, WindowCutter, variability};
use serde_json::{Value, json};

/// The values of a row by the names of their columns; `None` is undefined.
type Row = BTreeMap<&'static str, Option<f64>>;

const TO_NEUROKIT: f64 = 0.01;
const TO_PYTHON: f64 = 1e-9;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn of_variability(found: &Variability) -> Row {
    Row::from([
        ("nn_intervals", Some(found.nn_intervals as f64)),
        ("nn_mean_ms", found.nn_mean_ms),
        ("sdnn_ms", found.sdnn_ms),
        ("rmssd_ms", found.rmssd_ms),
        ("pnn20", found.pnn20),
        ("pnn50", found.pnn50),
        ("sd1_ms", found.sd1_ms),
        ("sd2_ms", found.sd2_ms),
        ("nn_p05_ms", found.nn_p05_ms),
        ("nn_p25_ms", found.nn_p25_ms),
        ("nn_p50_ms", found.nn_p50_ms),
        ("nn_p75_ms", found.nn_p75_ms),
        ("nn_p95_ms", found.nn_p95_ms),
        ("triangular_index", found.triangular_index),
        ("vlf_ms2", found.vlf_ms2),
        ("lf_ms2", found.lf_ms2),
        ("hf_ms2", found.hf_ms2),
        ("total_ms2", found.total_ms2),
        ("lf_hf", found.lf_hf),
        ("lf_nu", found.lf_nu),
        ("hf_nu", found.hf_nu),
        ("sample_entropy", found.sample_entropy),
        ("dfa_alpha1", found.dfa_alpha1),
        ("sdann_ms", None),
        ("sdnn_index_ms", None),
    ])
}

fn of_window(window: &Window, fs: f64) -> Row {
    let mut row = of_variability(&window.variability);
    row.extend([
        ("window_index", window.index.map(f64::from)),
        ("start_s", Some(window.start_sample as f64 / fs)),
        ("duration_s", Some(window.samples as f64 / fs)),
        ("usable_share", Some(window.usable_share)),
        ("beats", Some(window.beats as f64)),
        ("beats_n", Some(window.beats_n as f64)),
        ("beats_s", Some(window.beats_s as f64)),
        ("beats_v", Some(window.beats_v as f64)),
        ("beats_q", Some(window.beats_q as f64)),
        ("rr_intervals", Some(window.rr_intervals as f64)),
        ("nn_share", window.nn_share),
        ("heart_rate_bpm", window.heart_rate_bpm),
        ("af_s", window.af_s),
        ("af_known_s", Some(window.af_known_s)),
        ("sdann_ms", window.sdann_ms),
        ("sdnn_index_ms", window.sdnn_index_ms),
    ]);
    row
}

/// The beats of a series as the script in Python makes them: the first at sample 0; a negative interval is not NN and ends
/// with a ventricular beat.
fn beats(intervals: &[i64], fs: f64) -> Vec<Beat> {
    let mut sample = 0;
    let first = Beat {
        sample,
        rr_ms: None,
        nn_ms: None,
        beat_type: BeatType::Normal,
        ..Beat::default()
    };
    let others = intervals.iter().map(|interval| {
        sample += interval.unsigned_abs();
        let rr_ms = Some(interval.unsigned_abs() as f64 * 1000.0 / fs);
        let is_normal = *interval > 0;
        Beat {
            sample,
            rr_ms,
            nn_ms: rr_ms.filter(|_| is_normal),
            beat_type: if is_normal {
                BeatType::Normal
            } else {
                BeatType::Ventricular
            },
            ..Beat::default()
        }
    });
    std::iter::once(first).chain(others).collect()
}

/// What `recipe` of the script in Python gives: one row of variability, or of more than one window all rows.
fn rows(intervals: &[i64], fs: f64) -> Vec<Row> {
    let beats = beats(intervals, fs);
    let (segment, last) = ((10.0 * fs) as u64, beats[beats.len() - 1].sample);
    if last <= 45 * segment {
        let nn: Vec<NnInterval> = beats
            .iter()
            .zip(std::iter::once(&0).chain(intervals))
            .filter(|(_, interval)| **interval > 0)
            .map(|(beat, interval)| NnInterval {
                end_sample: beat.sample,
                samples: *interval as u32,
            })
            .collect();
        return vec![of_variability(&variability(&nn, fs))];
    }
    let mut cutter = WindowCutter::new(fs, segment, &RULES);
    let mut windows = Vec::new();
    for number in 0..=last / segment {
        let its_beats: Vec<Beat> = beats
            .iter()
            .filter(|beat| beat.sample / segment == number)
            .copied()
            .collect();
        let usable = if number % 7 == 0 { segment / 2 } else { segment };
        windows.extend(cutter.push_segment(segment, usable, &its_beats));
    }
    windows.extend(cutter.finish());
    windows.iter().map(|window| of_window(window, fs)).collect()
}

/// How far two values are from each other, relative.
fn distance(found: Option<f64>, expected: Option<f64>) -> f64 {
    match (found, expected) {
        (Some(found), Some(expected)) if found == expected => 0.0,
        (Some(found), Some(expected)) => (found - expected).abs() / expected.abs().max(1e-12),
        (None, None) => 0.0,
        _ => f64::INFINITY,
    }
}

/// Compares rows with those of Python, and gives the largest distance.
fn compare(name: &str, found: &[Row], python: &Value) -> f64 {
    let python = python.as_array().unwrap();
    assert_eq!(found.len(), python.len(), "{name}: rows");
    let mut largest = 0.0_f64;
    for (number, (row, expected)) in found.iter().zip(python).enumerate() {
        let expected = expected.as_object().unwrap();
        let columns: Vec<&str> = row.keys().copied().collect();
        let mut expected_columns: Vec<&str> = expected.keys().map(String::as_str).collect();
        expected_columns.sort_unstable();
        assert_eq!(columns, expected_columns, "{name}");
        for (column, value) in row {
            let distance = distance(*value, expected[*column].as_f64());
            assert!(
                distance <= TO_PYTHON,
                "{name}, row {number}, {column}: {value:?}, Python {}",
                expected[*column]
            );
            largest = largest.max(distance);
        }
    }
    largest
}

#[test]
fn equal_to_neurokit_and_to_python() {
    let file = workspace().join("tests/tests/golden/neurokit_windows.json");
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let (mut to_neurokit, mut to_python) = (0.0_f64, 0.0_f64);
    for (name, series) in golden["series"].as_object().unwrap() {
        let fs = series["sampling_frequency_hz"].as_f64().unwrap();
        let intervals = series["intervals"].as_array().unwrap();
        let intervals: Vec<i64> = intervals
            .iter()
            .map(|interval| interval.as_i64().unwrap())
            .collect();
        let found = rows(&intervals, fs);
        to_python = to_python.max(compare(name, &found, &series["recipe"]));
        for (column, value) in series["neurokit"].as_object().unwrap() {
            let value = value.as_f64();
            let distance = distance(found[found.len() - 1][column.as_str()], value);
            assert!(
                distance <= TO_NEUROKIT,
                "{name}, {column}: {distance} from NeuroKit2's {value:?}"
            );
            to_neurokit = to_neurokit.max(distance);
        }
    }
    println!("farthest from NeuroKit2: {to_neurokit:.1e}, from Python: {to_python:.1e}");
}

/// The rows that Python makes of these series; `None` if it is not there.
fn python_rows(series: &Value) -> Option<Value> {
    #[allow(
        clippy::disallowed_methods,
        reason = "tests have no configuration to read from"
    )]
    let interpreter = std::env::var_os("ECG_PYTHON").unwrap_or_else(|| "python3".into());
    let has_numpy = Command::new(&interpreter)
        .args(["-c", "import numpy"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !has_numpy {
        return None;
    }
    let mut python = Command::new(interpreter)
        .args(["-B", "tests/python/neurokit_windows.py", "rows"])
        .current_dir(workspace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = python.stdin.take().unwrap();
    input.write_all(series.to_string().as_bytes()).unwrap();
    drop(input);
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// The beats of a record as intervals. One that is a fifth shorter than the one before is taken for premature: neither it nor
/// the one after it is NN.
fn intervals_of(beats: &[u64]) -> Vec<i64> {
    let rr: Vec<i64> = beats.windows(2).map(|pair| (pair[1] - pair[0]) as i64).collect();
    let premature = |n: usize| n > 0 && n < rr.len() && 5 * rr[n] < 4 * rr[n - 1];
    (0..rr.len())
        .map(|n| {
            let is_normal = !(premature(n) || n > 0 && premature(n - 1));
            if is_normal { rr[n] } else { -rr[n] }
        })
        .collect()
}

#[test]
fn equal_to_python_on_real_records() {
    let Some(records) = support::annotated(&support::data_folder().join("mitdb-30min")) else {
        println!(
            "skipped: real recordings not found at {}",
            support::data_folder().display()
        );
        return;
    };
    let series: BTreeMap<String, Vec<i64>> = records
        .iter()
        .map(|record| (record.name.clone(), intervals_of(&record.beats)))
        .collect();
    let sent = series.iter().map(|(name, intervals)| {
        let one = json!({"sampling_frequency_hz": support::MITDB_HZ, "intervals": intervals});
        (name.clone(), one)
    });
    let Some(python) = python_rows(&Value::Object(sent.collect())) else {
        println!("skipped: no Python with numpy (set ECG_PYTHON)");
        return;
    };
    let (mut largest, mut count) = (0.0_f64, 0);
    for (name, intervals) in &series {
        let found = rows(intervals, support::MITDB_HZ);
        largest = largest.max(compare(name, &found, &python[name]));
        count += found.len();
    }
    println!(
        "{} records, {count} rows; farthest from Python: {largest:.1e}",
        series.len()
    );
}
