//! Where a calibration comes from: a WFDB header beside the file, variables in it, metadata of the object, a dataset
//! profile matched on the key. What was said on the command line replaces values of the first of them that makes a
//! calibration with it. A source that does not count is not read.

use std::collections::BTreeMap;

use ecg_core::settings::{Settings, parts};
use ecg_core::{Details, counted};
use ecg_formats::wfdb::Header;
use ecg_formats::{FormatError, Origin, SignalFile, Signals};

use crate::calibration::complete;
use crate::profiles::{self, KeyFacts};
use crate::{Calibration, FileContext};

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
pub(crate) fn resolve(
    file: &mut dyn SignalFile,
    signals: &Signals,
    context: &FileContext,
    header: Option<&Header>,
    key: Option<&KeyFacts>,
) -> Result<Result<Calibration, Incomplete>, FormatError> {
    let flags = &context.settings;
    // Where each variable holds one lead, its name is the lead's.
    let names: Vec<String> = match signals.further_variables.as_slice() {
        [] => Vec::new(),
        _ => signals.variables().map(|(name, _)| name.to_owned()).collect(),
    };
    let leads = signals.leads as usize;
    let calibrate = |source: &str, said: &Settings| complete(flags, source, said, leads, &names);
    // The header that the samples are read by speaks in the settings of the file.
    if let Some(header) = header.filter(|_| signals.header.is_none()) {
        agree(header, signals)?;
        if let Some(calibration) = calibrate("header", &header.settings(&names))? {
            return Ok(Ok(calibration));
        }
    }
    let unnamed = |said: Settings| match names.as_slice() {
        [] => said,
        _ => Settings {
            leads: Vec::new(),
            ..said
        },
    };
    let variables = unnamed(file.settings(signals, flags)?);
    if let Some(calibration) = calibrate(file.settings_source(), &variables)? {
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

/// Whose the recording is, with what it was made and when. Each value is from the first source that says it, in the order of
/// [`resolve`]: what is said and cannot be read is not replaced by what a later source says.
///
/// # Errors
/// The file could not be read.
pub(crate) fn origin(
    file: &mut dyn SignalFile,
    signals: &Signals,
    context: &FileContext,
    header: Option<&Header>,
    key: Option<&KeyFacts>,
) -> Result<Origin, FormatError> {
    let mut origin = header.map(|header| header.origin.clone()).unwrap_or_default();
    file.origin(signals, &mut origin)?;
    say_outside(&mut origin, context, key);
    Ok(origin)
}

/// Whose a recording is whose file cannot be read: metadata and key may say it.
pub(crate) fn subject_id(context: &FileContext) -> Option<String> {
    let mut origin = Origin::default();
    let key = profiles::matching(&context.profiles, &context.key);
    say_outside(&mut origin, context, key.as_ref());
    origin.subject_id
}

/// What metadata and key say that nothing before them has said.
fn say_outside(origin: &mut Origin, context: &FileContext, key: Option<&KeyFacts>) {
    let said = |name: &str| {
        let prefixed = context.metadata.get(&format!("ecg-{name}"));
        let said = prefixed.or_else(|| context.metadata.get(name));
        said.map_or("", String::as_str)
    };
    origin.say_subject_id(said("subject-id"));
    origin.say_device_id(said("device-id"));
    origin.say_recorded_at(said("recorded-at"));
    origin.say_age(said("age"));
    origin.say_sex(said("sex"));
    if let Some(facts) = key {
        origin.say_subject_id(facts.subject_id.as_deref().unwrap_or_default());
        origin.say_device_id(facts.device_id.as_deref().unwrap_or_default());
    }
}

/// A header of another file is worse than none.
fn agree(header: &Header, signals: &Signals) -> Result<(), Details> {
    if header.signals.len() as u64 != signals.leads {
        return Err(Details::new(
            "header (.hea)",
            format!(
                "{}, one per lead of the file",
                counted(signals.leads, "signal", "signals")
            ),
            header.signals.len().to_string(),
        ));
    }
    if let Some(declared) = header.samples.filter(|declared| *declared != signals.samples) {
        return Err(Details::new(
            "header (.hea)",
            format!("{} as in the file", counted(signals.samples, "sample", "samples")),
            declared.to_string(),
        ));
    }
    Ok(())
}

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
