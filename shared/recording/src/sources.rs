//! Where a calibration comes from: a WFDB header beside the file, variables in it, metadata of the object, a dataset
//! profile matched on the key. What was said on the command line replaces values of the first of them that makes a
//! calibration with it. A source that does not count is not read.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use ecg_core::Details;
use ecg_core::settings::Settings;
use ecg_mat::{MatFile, Variable};

use crate::calibration::complete;
use crate::header::Header;
use crate::profiles::KeyFacts;
use crate::select::{LONGEST_SETTING, shape};
use crate::{Calibration, FileContext, RecordingError};

/// Names of the variable that holds the sampling frequency; as all names here, compared without regard to case.
pub(crate) const FREQUENCY: &[&str] = &[
    "fs",
    "sampling_frequency",
    "sampling_frequency_hz",
    "sampling_rate",
    "sample_rate",
    "freq",
];
pub(crate) const GAIN: &[&str] = &["gain", "adc_gain"];
const BASELINE: &[&str] = &["baseline", "adc_zero"];
pub(crate) const UNITS: &[&str] = &["units", "unit"];
const LEADS: &[&str] = &["lead_names", "leads", "lead"];

/// The samples that are to be calibrated.
pub(crate) struct Signal<'a> {
    /// The variables that hold them.
    pub(crate) indices: &'a [usize],
    /// Number of leads.
    pub(crate) leads: usize,
    /// Samples per lead.
    pub(crate) samples: u64,
    /// The names of the variables where each holds one lead, else none.
    pub(crate) names: &'a [String],
}

/// What variables and metadata say, where that is too little.
#[derive(Debug, Default)]
pub(crate) struct Incomplete {
    pub(crate) variables: Settings,
    pub(crate) metadata: Settings,
}

/// The calibration from the first source that makes one with the flags laid over it. The inner error is that there is
/// none.
///
/// # Errors
/// The first source that makes one is wrong or contradicts the file; or the file could not be read.
pub(crate) fn resolve<R: Read + Seek + Send + 'static>(
    file: &mut MatFile<R>,
    signal: &Signal<'_>,
    context: &FileContext,
    header: Option<&Header>,
    key: Option<&KeyFacts>,
) -> Result<Result<Calibration, Incomplete>, RecordingError> {
    let flags = &context.settings;
    let calibrate = |source: &str, said: &Settings| complete(flags, source, said, signal.leads, signal.names);
    if let Some(header) = header {
        agree(header, signal)?;
        if let Some(calibration) = calibrate("header", &header.settings(signal.names))? {
            return Ok(Ok(calibration));
        }
    }
    // Variables that are named as leads have their names.
    let unnamed = |said: Settings| match signal.names {
        [] => said,
        _ => Settings {
            leads: Vec::new(),
            ..said
        },
    };
    let variables = unnamed(from_variables(file, signal.indices, flags)?);
    if let Some(calibration) = calibrate("variables", &variables)? {
        return Ok(Ok(calibration));
    }
    let metadata = unnamed(from_metadata(&context.metadata, flags)?);
    if let Some(calibration) = calibrate("metadata", &metadata)? {
        return Ok(Ok(calibration));
    }
    if let Some(KeyFacts { profile, .. }) = key {
        let said = unnamed(profile.settings.clone());
        if let Some(calibration) = calibrate(&format!("profile:{}", profile.name), &said)? {
            return Ok(Ok(calibration));
        }
    }
    Ok(Err(Incomplete { variables, metadata }))
}

/// A header of another file is worse than none.
fn agree(header: &Header, signal: &Signal<'_>) -> Result<(), Details> {
    if header.signals.len() != signal.leads {
        return Err(Details::new(
            "header (.hea)",
            format!("{} signals, one per lead of the file", signal.leads),
            header.signals.len().to_string(),
        ));
    }
    if let Some(declared) = header.samples.filter(|declared| *declared != signal.samples) {
        return Err(Details::new(
            "header (.hea)",
            format!("{} samples as in the file", signal.samples),
            declared.to_string(),
        ));
    }
    Ok(())
}

/// The first variable that has one of the names and holds no samples.
pub(crate) fn find(variables: &[Variable], samples: &[usize], names: &[&str]) -> Option<usize> {
    let named = |variable: &Variable| names.iter().any(|name| variable.name.eq_ignore_ascii_case(name));
    (0..variables.len()).find(|index| !samples.contains(index) && named(&variables[*index]))
}

/// The variables beside the samples that calibrate them; those that a flag replaces are not looked at.
///
/// With a sampling frequency, a setting that cannot be read is an error: passing over a `units` or a `gain` would scale
/// the signal by a guess. Without one they calibrate nothing.
fn from_variables<R: Read + Seek + Send + 'static>(
    file: &mut MatFile<R>,
    samples: &[usize],
    flags: &Settings,
) -> Result<Settings, RecordingError> {
    let variables = file.variables().to_vec();
    let find = |names: &[&str], replaced: bool| match replaced {
        true => None,
        false => find(&variables, samples, names),
    };
    let mut said = Settings::default();
    if let Some(index) = find(FREQUENCY, flags.sampling_frequency_hz.is_some()) {
        let frequencies = file.small_vector(index, MOST_NUMBERS)?.unwrap_or_default();
        let same = frequencies.windows(2).all(|pair| pair[0] == pair[1]);
        said.sampling_frequency_hz = frequencies.first().copied().filter(|_| same);
    }
    let known = flags.over(&said).sampling_frequency_hz.is_some();
    let unreadable = |index: usize, expected: String| {
        let variable = &variables[index];
        let found = format!("{} of {}", variable.class, shape(&variable.dims));
        RecordingError::from(Details::new(&variable.name, expected, found).at(Some(variable.offset)))
    };
    let mut numbers = |index: usize| {
        let numbers = file.small_vector(index, MOST_NUMBERS)?;
        numbers.ok_or_else(|| unreadable(index, format!("at most {MOST_NUMBERS} real numbers")))
    };
    if let Some(index) = find(GAIN, !flags.gain.is_empty()) {
        said.gain = needed(known, numbers(index))?;
    }
    if let Some(index) = find(BASELINE, !flags.baseline.is_empty()) {
        said.baseline = needed(known, numbers(index))?;
    }
    if let Some(index) = find(UNITS, !flags.units.is_empty()) {
        let text = file.text(index).map_err(RecordingError::from);
        let text = text.and_then(|text| text.ok_or_else(|| unreadable(index, "text".to_owned())));
        said.units = needed(known, text.map(|text| parts(text.trim())))?;
    }
    if let Some(index) = find(LEADS, !flags.leads.is_empty()) {
        let text = file.text(index).map_err(RecordingError::from);
        let names = text.map(|text| text.map(|text| parts(&text)).unwrap_or_default());
        said.leads = needed(known, names)?;
    }
    Ok(said)
}

/// Keeps what is wrong with a setting apart: it matters only where the sampling frequency is known.
fn needed<T: Default>(known: bool, outcome: Result<T, RecordingError>) -> Result<T, RecordingError> {
    match outcome {
        Err(RecordingError::Rejected(_)) if !known => Ok(T::default()),
        outcome => outcome,
    }
}

/// The parts of a text; the rows of a char matrix come as lines.
fn parts(text: &str) -> Vec<String> {
    let parts = text.split([',', ';', '\n']);
    parts.map(|part| part.trim().to_owned()).collect()
}

/// Most numbers in a setting: one per lead.
const MOST_NUMBERS: usize = LONGEST_SETTING as usize;

/// The variables that metadata of the object name (`ecg-variable`).
pub(crate) fn named_by_metadata(metadata: &BTreeMap<String, String>) -> Vec<String> {
    metadata
        .get("ecg-variable")
        .map(|text| parts(text))
        .unwrap_or_default()
}

/// The metadata `ecg-sampling-frequency`, `ecg-gain`, `ecg-baseline`, `ecg-units`, `ecg-leads` and `ecg-variable` (lists
/// separated by commas); those that a flag replaces are not looked at.
///
/// # Errors
/// A value that is not a number.
fn from_metadata(metadata: &BTreeMap<String, String>, flags: &Settings) -> Result<Settings, Details> {
    let text = |name: &str, replaced: bool| metadata.get(name).filter(|_| !replaced);
    let numbers = |name: &str, replaced: bool| -> Result<Vec<f64>, Details> {
        let Some(text) = text(name, replaced) else {
            return Ok(Vec::new());
        };
        text.split(',')
            .map(|part| {
                part.trim().parse().map_err(|_| {
                    Details::new(
                        format!("object metadata {name}"),
                        "numbers separated by commas",
                        format!("`{text}`"),
                    )
                })
            })
            .collect()
    };
    let texts = |name: &str, replaced: bool| text(name, replaced).map(|text| parts(text)).unwrap_or_default();
    let frequency = numbers("ecg-sampling-frequency", flags.sampling_frequency_hz.is_some())?;
    Ok(Settings {
        sampling_frequency_hz: frequency.first().copied(),
        gain: numbers("ecg-gain", !flags.gain.is_empty())?,
        baseline: numbers("ecg-baseline", !flags.baseline.is_empty())?,
        units: texts("ecg-units", !flags.units.is_empty()),
        leads: texts("ecg-leads", !flags.leads.is_empty()),
        variables: named_by_metadata(metadata),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn the_document_has_every_name() {
        let document = include_str!("../../../docs/inputs.md");
        for name in [FREQUENCY, GAIN, BASELINE, UNITS, LEADS].concat() {
            assert!(document.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn metadata_of_an_object() {
        let none = Settings::default();
        let said = from_metadata(
            &metadata(&[
                ("ecg-sampling-frequency", "500"),
                ("ecg-gain", "100, 200"),
                ("ecg-leads", "I, II"),
                ("ecg-units", "mV"),
                ("ecg-variable", "a, b"),
                ("other", "x"),
            ]),
            &none,
        )
        .unwrap();
        assert_eq!(
            (said.sampling_frequency_hz, said.gain.as_slice()),
            (Some(500.0), &[100.0, 200.0][..])
        );
        assert_eq!(
            (said.leads, said.units),
            (vec!["I".into(), "II".into()], vec!["mV".into()])
        );
        assert_eq!(said.variables, ["a", "b"]);
        let bad = metadata(&[("ecg-gain", "much")]);
        assert!(
            from_metadata(&bad, &none)
                .unwrap_err()
                .subject
                .contains("ecg-gain")
        );
        // What a flag replaces does no harm.
        let flags = Settings {
            gain: vec![1.0],
            ..Settings::default()
        };
        assert_eq!(from_metadata(&bad, &flags), Ok(Settings::default()));
    }
}
