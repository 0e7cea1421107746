//! Where a calibration comes from: a WFDB header beside the file, variables in it, metadata of the object, a dataset
//! profile matched on the key. What was said on the command line replaces values of the first of them that makes a
//! calibration with it. A source that does not count is not read.

use std::collections::BTreeMap;
use std::io;

use ecg_core::rules::Rules;
use ecg_core::settings::{Settings, parts};
use ecg_core::{Details, counted};
use ecg_formats::names::{BASELINE, FREQUENCY, GAIN, UNITS};
use ecg_formats::wfdb::{Header, SignalLine};
use ecg_formats::{FormatError, Origin, Refused, SampleClass, SignalFile, Signals};

use crate::calibration::{complete, flag, gain_per_mv, is_frequency};
use crate::profiles::{self, KeyFacts, Profile};
use crate::{Calibration, FileContext, missing};

/// What variables and metadata say, where that is too little, and sources that do not count.
#[derive(Debug, Default)]
pub(crate) struct Incomplete {
    pub(crate) variables: Settings,
    pub(crate) metadata: Settings,
    /// Why the header beside the file, and the profile of its key, do not count.
    pub(crate) passed_over: Vec<String>,
}

/// The calibration from the first source that makes one with the flags laid over it. The inner error is that there is none, or
/// that the first source that makes one is wrong or contradicts the file.
///
/// # Errors
/// The file could not be read.
pub(crate) fn resolve(
    file: &mut dyn SignalFile,
    signals: &Signals,
    context: &FileContext,
    header: Option<&Header>,
    key: Option<&KeyFacts>,
    rules: &Rules,
) -> Result<Result<Calibration, Refused>, FormatError> {
    match first_complete(file, signals, context, header, key) {
        Ok(Ok(calibration)) => Ok(Ok(calibration)),
        Ok(Err(incomplete)) => missing::explain(file, signals, context, &incomplete, rules).map(Err),
        Err(Wrong::Refused(refused)) => Ok(Err(refused)),
        Err(Wrong::Io(error)) => Err(FormatError::Io(error)),
    }
}

/// What is wrong with a source, or that the file could not be read.
enum Wrong {
    Refused(Refused),
    Io(io::Error),
}

impl From<FormatError> for Wrong {
    fn from(error: FormatError) -> Wrong {
        match error {
            FormatError::Rejected(details) => Wrong::Refused(Refused {
                try_flags: replaces(&details.subject).map(str::to_owned),
                details,
            }),
            FormatError::Io(error) => Wrong::Io(error),
        }
    }
}

impl From<Details> for Wrong {
    fn from(details: Details) -> Wrong {
        Wrong::Refused(details.into())
    }
}

impl From<Refused> for Wrong {
    fn from(refused: Refused) -> Wrong {
        Wrong::Refused(refused)
    }
}

/// The flag that replaces a variable of this name.
fn replaces(variable: &str) -> Option<&'static str> {
    let flags = [
        (FREQUENCY, flag::FREQUENCY),
        (GAIN, flag::GAIN),
        (BASELINE, flag::BASELINE),
        (UNITS, flag::UNITS),
    ];
    let is_it = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(variable));
    flags
        .into_iter()
        .find(|(names, _)| is_it(names))
        .map(|(_, flag)| flag)
}

fn first_complete(
    file: &mut dyn SignalFile,
    signals: &Signals,
    context: &FileContext,
    header: Option<&Header>,
    key: Option<&KeyFacts>,
) -> Result<Result<Calibration, Incomplete>, Wrong> {
    let flags = &context.settings;
    // Where each variable holds one lead, its name is the lead's.
    let names: Vec<String> = match signals.further_variables.as_slice() {
        [] => Vec::new(),
        _ => signals.variables().map(|(name, _)| name.to_owned()).collect(),
    };
    let leads = signals.leads as usize;
    let calibrate = |source: &str, said: &Settings| complete(flags, source, said, leads, &names);
    let mut passed_over = Vec::new();
    // The header that the samples are read by speaks in the settings of the file.
    if let Some(header) = header.filter(|_| signals.header.is_none()) {
        if let Some(other) = describes_another(header) {
            passed_over.push(format!("the header (.hea) beside the file describes {other}"));
        } else {
            agree(header, signals)?;
            let said = in_the_file(header.settings(&names), header, signals);
            // What is wrong with it is corrected in it.
            if let Some(calibration) = calibrate("header", &said).map_err(|refused| refused.details)? {
                if !header.says_frequency {
                    nothing_else_said(file, signals, flags, header)?;
                }
                return Ok(Ok(calibration));
            }
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
    let from_file = calibrate(file.settings_source(), &variables).map_err(|refused| match signals.header {
        Some(_) => Wrong::from(refused.details),
        None => Wrong::from(refused),
    });
    if let Some(calibration) = from_file? {
        return Ok(Ok(calibration));
    }
    if let Some(hz) = variables.sampling_frequency_hz.filter(|hz| !is_frequency(*hz)) {
        return Err(Wrong::Refused(Refused {
            details: Details::new("variables", "a sampling frequency above 0 Hz", hz.to_string()),
            try_flags: Some(flag::FREQUENCY.to_owned()),
        }));
    }
    let metadata = unnamed(from_metadata(&context.metadata, flags)?);
    if let Some(calibration) = calibrate("metadata", &metadata)? {
        return Ok(Ok(calibration));
    }
    if let Some(KeyFacts { profile, .. }) = key {
        let said = unnamed(profile.settings.clone());
        match contradiction(profile, &variables, flags, signals) {
            Some(why) => passed_over.push(format!("the profile {} matches the key, but {why}", profile.name)),
            None => {
                let source = format!("profile:{}", profile.name);
                // What is wrong with it is corrected in it.
                let calibration = calibrate(&source, &said).map_err(|refused| refused.details)?;
                if let Some(calibration) = calibration {
                    return Ok(Ok(calibration));
                }
            }
        }
    }
    Ok(Err(Incomplete {
        variables,
        metadata,
        passed_over,
    }))
}

/// The file that a header beside a MAT file describes in its place: after an export, `100.mat` lies beside `100.dat` and `100.hea`.
fn describes_another(header: &Header) -> Option<&str> {
    let is_other = |signal: &SignalLine| {
        let ending = signal.file.rsplit_once('.').map(|(_, ending)| ending);
        signal.file != header.record && ending.is_some_and(|ending| !ending.eq_ignore_ascii_case("mat"))
    };
    let first = header.signals.first()?;
    header.signals.iter().all(is_other).then_some(first.file.as_str())
}

/// What a header says, of the numbers as they are in a MAT file: formats 80 and 160 store a sample with an offset, of which the
/// baseline of the header knows nothing (signal(5) of WFDB).
fn in_the_file(said: Settings, header: &Header, signals: &Signals) -> Settings {
    let format = header.signals.first().map(|signal| signal.format);
    let offset = match (format, signals.class) {
        (Some(80), SampleClass::Uint8) => 128.0,
        (Some(160), SampleClass::Uint16) => 32768.0,
        _ => 0.0,
    };
    Settings {
        baseline: said.baseline.iter().map(|baseline| baseline + offset).collect(),
        ..said
    }
}

/// The 250 Hz of a header that says no sampling frequency do not count against one that the file says.
fn nothing_else_said(
    file: &mut dyn SignalFile,
    signals: &Signals,
    flags: &Settings,
    header: &Header,
) -> Result<(), Wrong> {
    // Nothing else of the file counts beside the header.
    let all_but_frequency = Settings {
        gain: vec![1.0],
        baseline: vec![0.0],
        units: vec!["mV".to_owned()],
        leads: vec!["lead".to_owned()],
        ..flags.clone()
    };
    let inside = file.settings(signals, &all_but_frequency)?.sampling_frequency_hz;
    match inside.filter(|inside| *inside != header.sampling_frequency_hz) {
        Some(inside) => Err(Wrong::Refused(Refused {
            details: Details::new(
                "header (.hea)",
                format!("a sampling frequency, since the file says {inside} Hz"),
                format!("none, which means {} Hz", header.sampling_frequency_hz),
            ),
            try_flags: Some(match is_frequency(inside) {
                true => format!("--fs {inside}"),
                false => flag::FREQUENCY.to_owned(),
            }),
        })),
        None => Ok(()),
    }
}

/// Why a profile is not of this file, by what the file says itself.
fn contradiction(
    profile: &Profile,
    inside: &Settings,
    flags: &Settings,
    signals: &Signals,
) -> Option<String> {
    let says = &profile.settings;
    let class = signals.class;
    if profile.integers && class.is_floating() {
        return Some(format!(
            "it is one of integers, and the samples are {}",
            class.name()
        ));
    }
    if let (Some(inside), Some(hz)) = (inside.sampling_frequency_hz, says.sampling_frequency_hz)
        && inside != hz
    {
        return Some(format!("it says {hz} Hz, and the file says {inside} Hz"));
    }
    let leads = || 0..signals.leads as usize;
    let baseline = |said: &Settings, lead| of_lead(&said.baseline, lead).copied().unwrap_or(0.0);
    if !inside.baseline.is_empty() && leads().any(|lead| baseline(inside, lead) != baseline(says, lead)) {
        return Some("the file says another baseline".to_owned());
    }
    let per_mv = |said: &Settings, lead| {
        let gain = of_lead(&said.gain, lead).copied().unwrap_or(1.0);
        gain_per_mv(gain, of_lead(&said.units, lead).map_or("mV", String::as_str))
    };
    // A unit that is none of voltage does not say how large a sample is.
    let known = leads().all(|lead| per_mv(inside, lead).is_some());
    if !known || !flags.gain.is_empty() || !flags.units.is_empty() {
        return None;
    }
    let differs = || {
        leads().any(|lead| match (per_mv(inside, lead), per_mv(says, lead)) {
            (Some(inside), Some(says)) => (inside / says - 1.0).abs() > 1e-9,
            _ => true,
        })
    };
    if !inside.gain.is_empty() {
        return differs().then(|| "the file says another gain".to_owned());
    }
    let [first, ..] = inside.units.as_slice() else {
        return None;
    };
    // Integers are counts, whatever unit they become.
    let are_counts = !class.is_floating() && !says.gain.is_empty();
    (!are_counts && differs()).then(|| format!("the file says that the samples are in {first}"))
}

/// What a list of one value, or of one per lead, says of a lead.
fn of_lead<T>(values: &[T], lead: usize) -> Option<&T> {
    match values {
        [one] => Some(one),
        many => many.get(lead),
    }
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
