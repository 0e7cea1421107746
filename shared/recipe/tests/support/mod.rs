//! Real recordings with annotated beats, for the scorer and the tests that measure on them. They are
//! not part of the repository.

#![allow(dead_code, reason = "each user of this module needs a part of it")]
#![allow(
    clippy::disallowed_methods,
    reason = "tests and examples have no configuration to read from"
)]
#![allow(
    clippy::expect_used,
    reason = "a broken data set should stop a test or a tool"
)]

pub(crate) mod score;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ecg_core::rules::RULES;
use ecg_recipe::{Calibration, process};

use score::Score;

/// Sampling frequency, gain and baseline of the MIT-BIH Arrhythmia Database.
pub(crate) const MITDB_HZ: f64 = 360.0;
/// See [`MITDB_HZ`].
pub(crate) const MITDB: Calibration = Calibration {
    gain: 200.0,
    baseline: 1024.0,
};

/// What the 24 half-hour records must reach at 360 Hz, in percent: sensitivity and positive predictivity within
/// 150 ms, then within 25 ms.
pub(crate) const REQUIRED: [f64; 4] = [99.3, 99.0, 98.0, 97.5];

/// First lead and annotated beats of a recording.
pub(crate) struct Annotated {
    pub(crate) name: String,
    pub(crate) adu: Vec<f64>,
    pub(crate) beats: Vec<u64>,
}

/// The folder given by `ECG_DATA`, or `shared/data` beside the workspace.
pub(crate) fn data_folder() -> PathBuf {
    match std::env::var_os("ECG_DATA") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
    }
}

/// The recordings of a folder with a `beats.json`, by name; `None` if the folder is not there.
pub(crate) fn annotated(folder: &Path) -> Option<Vec<Annotated>> {
    let text = std::fs::read_to_string(folder.join("beats.json")).ok()?;
    let files: BTreeMap<String, serde_json::Value> = serde_json::from_str(&text).expect("beats.json");
    let recordings = files.into_iter().map(|(name, file)| {
        let beats = file["beats"]
            .as_array()
            .expect("beats")
            .iter()
            .map(|beat| beat.as_u64().expect("beat"));
        Annotated {
            adu: first_lead(&folder.join(&name)),
            beats: beats.collect(),
            name,
        }
    });
    Some(recordings.collect())
}

/// First row of the one int16 variable of a MAT level 4 file.
fn first_lead(file: &Path) -> Vec<f64> {
    let bytes = std::fs::read(file).expect("recording");
    let header = |word: usize| i32::from_le_bytes(bytes[4 * word..4 * word + 4].try_into().expect("header"));
    assert_eq!(
        header(0),
        30,
        "expected little-endian int16 in {}",
        file.display()
    );
    let rows = header(1) as usize;
    let values = &bytes[20 + header(4) as usize..];
    values
        .chunks_exact(2 * rows)
        .map(|column| f64::from(i16::from_le_bytes([column[0], column[1]])))
        .collect()
}

/// Linear interpolation to another sampling frequency.
pub(crate) fn resampled(recording: &Annotated, from_hz: f64, to_hz: f64) -> Annotated {
    let last = recording.adu.len() - 1;
    let samples = (last as f64 * to_hz / from_hz).floor() as usize + 1;
    let value = |n: usize| {
        let place = n as f64 * from_hz / to_hz;
        let left = (place.floor() as usize).min(last);
        let right = (left + 1).min(last);
        recording.adu[left] + (recording.adu[right] - recording.adu[left]) * place.fract()
    };
    Annotated {
        name: recording.name.clone(),
        adu: (0..samples).map(value).collect(),
        beats: recording
            .beats
            .iter()
            .map(|beat| (*beat as f64 * to_hz / from_hz).round() as u64)
            .collect(),
    }
}

/// Scores within 150 ms and within 25 ms.
pub(crate) fn score(recording: &Annotated, sampling_frequency_hz: f64) -> [Score; 2] {
    let (segments, _, _) =
        process(&recording.adu, sampling_frequency_hz, MITDB, &RULES).expect("a valid lead");
    let detected: Vec<u64> = segments
        .iter()
        .flat_map(|segment| &segment.beats)
        .map(|beat| beat.sample)
        .collect();
    [0.150, 0.025].map(|tolerance_s| {
        let tolerance = (tolerance_s * sampling_frequency_hz).round() as u64;
        Score::of(&recording.beats, &detected, tolerance)
    })
}

/// Scores of several recordings together.
pub(crate) fn pooled(scores: impl IntoIterator<Item = [Score; 2]>) -> [Score; 2] {
    scores.into_iter().fold([Score::default(); 2], |sum, one| {
        [sum[0].plus(one[0]), sum[1].plus(one[1])]
    })
}

/// `99.81 / 99.65`: sensitivity and positive predictivity.
pub(crate) fn percentages(score: &Score) -> String {
    format!(
        "{:6.2} / {:6.2}",
        score.sensitivity(),
        score.positive_predictivity()
    )
}

/// The section of `docs/recipe.md` with the numbers of other detectors: it says from where they are, for which
/// data, and which detectors report delayed peaks.
pub(crate) fn quoted_numbers() -> &'static str {
    let document = include_str!("../../../../docs/recipe.md");
    let (_, section) = document
        .split_once("### Other detectors\n")
        .expect("docs/recipe.md has the section `Other detectors`");
    section
        .split_once("\n## ")
        .map_or(section, |(section, _)| section)
        .trim()
}
