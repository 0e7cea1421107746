//! Examining a file: structure, calibration, then one pass over the samples.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use ecg_core::Details;
use ecg_core::rules::Rules;
use ecg_core::settings::Settings;
use ecg_formats::wfdb::Header;
use ecg_formats::{Bytes, Check, Checks, Content, FormatError, Named, Refused, SignalFile, Signals};

use crate::calibration::flag;
use crate::profiles::{self, Profile};
use crate::{Calibration, Reason, Recording, SampleFacts, Verdict, sources};

/// What is known of a file from outside its bytes.
#[derive(Debug, Clone, Default)]
pub struct FileContext {
    /// Key of the object, or path of the file.
    pub key: String,
    /// Size of the object in bytes.
    pub size: u64,
    /// Text of the WFDB header beside it.
    pub header: Option<String>,
    /// User metadata of the object.
    pub metadata: BTreeMap<String, String>,
    /// The dataset profiles.
    pub profiles: Vec<Profile>,
    /// What a person said on the command line. It replaces what the other sources say, value by value.
    pub settings: Settings,
}

/// What examining a file gives: the verdict, and what could be told of the variables.
#[derive(Debug)]
pub struct Examined {
    /// The verdict.
    pub verdict: Verdict,
    /// What is in the file, where it could be listed.
    pub contents: Vec<Content>,
}

/// Judges a file: structure, sizes, calibration, and one pass over the samples.
///
/// ```
/// use ecg_core::rules::RULES;
/// use ecg_recording::{FileContext, examine};
///
/// // MAT level 4: one lead of 100 samples, int16.
/// let begin = [30_u32, 1, 100, 0, 4].into_iter().flat_map(u32::to_le_bytes);
/// let samples = (0..100_i16).flat_map(i16::to_le_bytes);
/// let file: Vec<u8> = begin.chain(*b"val\0").chain(samples).collect();
/// let context = FileContext {
///     key: "ward/a.mat".to_owned(),
///     size: file.len() as u64,
///     header: Some("a 1 100 100\na.mat 16 200 12 0 0 0 0 II\n".to_owned()),
///     ..FileContext::default()
/// };
/// let verdict = examine(std::io::Cursor::new(file), &context, &RULES)?.verdict;
/// let recording = verdict.recording.ok_or(std::io::ErrorKind::InvalidData)?;
/// assert_eq!((recording.duration_s(), recording.calibration.leads[0].gain), (1.0, 200.0));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// Only that the bytes could not be read; whatever is wrong with them is in the verdict.
pub fn examine(
    source: impl Bytes + 'static,
    context: &FileContext,
    rules: &Rules,
) -> Result<Examined, std::io::Error> {
    let mut told = Told::default();
    let mut recording = None;
    let mut facts = None;
    let judge = || -> Result<(), FormatError> {
        let (mut file, found) = structure(source, context, rules, &mut told)?;
        let found = recording.insert(found);
        let (seen, outcome) = judge_samples(file.as_mut(), found, rules, &mut told.checks)?;
        facts = Some(seen);
        Ok(outcome?)
    };
    let reason = match judge() {
        Ok(()) => None,
        Err(FormatError::Rejected(details)) => Some(Reason {
            try_flags: told.try_flags,
            ..Reason::from(&details)
        }),
        Err(FormatError::Io(error)) => return Err(error),
    };
    let mut checks = told.checks.into_vec();
    if let Some(reason) = &reason
        && checks.iter().all(|check| check.passed)
    {
        let (value, limit) = (reason.found.clone(), reason.expected.clone());
        checks.push(Check {
            name: "file".to_owned(),
            value,
            limit,
            passed: false,
        });
    }
    let verdict = Verdict {
        accepted: reason.is_none(),
        checks,
        reason,
        subject_id: recording
            .is_none()
            .then(|| sources::subject_id(context))
            .flatten(),
        recording,
        content_sha256: None,
        samples: facts,
    };
    Ok(Examined {
        verdict,
        contents: told.contents,
    })
}

/// What could be told, however it ended.
#[derive(Default)]
struct Told {
    checks: Checks,
    contents: Vec<Content>,
    /// The flags that would help.
    try_flags: Option<String>,
}

impl Told {
    /// Keeps the flags that would help.
    fn keep(&mut self, refused: Refused) -> Details {
        self.try_flags = refused.try_flags;
        refused.details
    }
}

/// Opens a file and checks its structure and calibration without reading the samples.
fn structure(
    source: impl Bytes + 'static,
    context: &FileContext,
    rules: &Rules,
    told: &mut Told,
) -> Result<(Box<dyn SignalFile>, Recording), FormatError> {
    let size_limit = format!("1 to {} bytes", rules.reject_bytes_above);
    let size = context.size;
    told.checks.check(
        "size",
        format!("{size} bytes"),
        size_limit,
        (1..=rules.reject_bytes_above).contains(&size),
    )?;

    let opened = rejected_or_io(ecg_formats::open(
        source,
        &context.key,
        context.header.as_deref(),
        rules.reject_values_above,
    ))?;
    let mut file = told
        .checks
        .outcome("format", ecg_formats::expected(&context.key), opened, |file| {
            file.format()
        })?;
    told.contents = file.contents().to_vec();

    let in_metadata = sources::named_by_metadata(&context.metadata);
    let named = match context.settings.variables.as_slice() {
        [] => Named {
            names: &in_metadata,
            by: "the object's metadata",
        },
        flags => Named {
            names: flags,
            by: "--variable",
        },
    };
    let signals = file.choose(&named, &mut told.checks);
    let signals = signals.map_err(|refused| told.keep(refused))?;
    extent(&signals, &told.contents, rules, &mut told.checks)?;

    let key = profiles::matching(&context.profiles, &context.key);
    let header = context.header.as_deref().map(Header::parse).transpose();
    let resolved = header.map_err(FormatError::from).and_then(|header| {
        let calibration = sources::resolve(
            file.as_mut(),
            &signals,
            context,
            header.as_ref(),
            key.as_ref(),
            rules,
        )?;
        Ok((calibration, header))
    });
    let resolved = match rejected_or_io(resolved)? {
        Ok((Ok(calibration), header)) => Ok((calibration, header)),
        Ok((Err(refused), _)) => Err(told.keep(refused)),
        Err(details) => Err(details),
    };
    let (calibration, header) = told.checks.outcome(
        "calibration",
        "sampling frequency, gain and baseline from the first source that has them",
        resolved,
        |(calibration, _)| describe(calibration),
    )?;
    let (lowest, highest) = (
        rules.reject_sampling_frequency_hz_below,
        rules.reject_sampling_frequency_hz_above,
    );
    let frequency = calibration.sampling_frequency_hz;
    let plausible = (lowest..=highest).contains(&frequency);
    let within = told.checks.check(
        "sampling frequency",
        format!("{frequency} Hz"),
        format!("{lowest} to {highest} Hz"),
        plausible,
    );
    if within.is_err() {
        told.try_flags = Some(flag::FREQUENCY.to_owned());
    }
    within?;
    let origin = sources::origin(file.as_mut(), &signals, context, header.as_ref(), key.as_ref())?;
    let recording = Recording {
        signals,
        calibration,
        label: key.as_ref().and_then(|facts| facts.label.clone()),
        record: key
            .as_ref()
            .and_then(|facts| facts.record.clone())
            .or(header.map(|header| header.record)),
        fragment: key.as_ref().and_then(|facts| facts.fragment),
        origin,
    };
    Ok((file, recording))
}

/// Holds leads and samples against the limits.
fn extent(
    signals: &Signals,
    contents: &[Content],
    rules: &Rules,
    checks: &mut Checks,
) -> Result<(), Details> {
    let name = signals.subject();
    let (leads, samples) = (signals.leads, signals.samples);
    let shape = contents[signals.variable_index].shape();
    let most = rules.reject_leads_above;
    let empty = leads == 0 || samples == 0;
    checks.check(
        &format!("{name}: samples"),
        if empty { 0 } else { samples },
        "at least 1",
        !empty,
    )?;
    checks.check(
        &format!("{name}: leads"),
        leads,
        format!("1 to {most}"),
        leads <= most,
    )?;
    let values = leads.checked_mul(samples);
    let within = values.is_some_and(|values| values <= rules.reject_values_above);
    checks.check(
        &format!("{name}: values"),
        if signals.further_variables.is_empty() {
            shape
        } else {
            format!("{leads} x {shape}")
        },
        format!("at most {} values", rules.reject_values_above),
        within,
    )
}

/// Keeps what cannot be read apart from what is wrong: `Err` is I/O, the inner error is the file's fault.
fn rejected_or_io<T>(outcome: Result<T, FormatError>) -> Result<Result<T, Details>, FormatError> {
    match outcome {
        Ok(value) => Ok(Ok(value)),
        Err(FormatError::Rejected(details)) => Ok(Err(details)),
        Err(error) => Err(error),
    }
}

fn describe(calibration: &Calibration) -> String {
    let leads: Vec<String> = calibration
        .leads
        .iter()
        .map(|lead| format!("{}: {} adu/mV, baseline {}", lead.name, lead.gain, lead.baseline))
        .collect();
    format!(
        "{}: {} Hz; {}",
        calibration.source,
        calibration.sampling_frequency_hz,
        leads.join("; ")
    )
}

/// One pass over the samples: counts the missing ones and finds the extremes of each lead.
///
/// The outer error is about reading; the inner one is the verdict on what was read.
fn judge_samples(
    file: &mut dyn SignalFile,
    recording: &Recording,
    rules: &Rules,
    checks: &mut Checks,
) -> Result<(SampleFacts, Result<(), Details>), FormatError> {
    let signals = &recording.signals;
    let frequency = recording.calibration.sampling_frequency_hz;
    // The times of one second are no signal; of less one cannot tell. Counts are none.
    let may_be_times = signals.class.is_floating() && signals.samples as f64 >= frequency;
    let leads = if may_be_times { signals.leads as usize } else { 0 };
    let mut times = vec![Times::new(frequency); leads];
    let mut missing: u64 = 0;
    let mut extremes = vec![(f64::INFINITY, f64::NEG_INFINITY); signals.leads as usize];
    let read = file.stream(signals, &mut |lead, values| {
        let (mut low, mut high) = extremes[lead];
        for value in values {
            // Both comparisons are false for NaN, which marks a missing sample.
            low = if *value < low { *value } else { low };
            high = if *value > high { *value } else { high };
            missing += u64::from(value.is_nan());
        }
        extremes[lead] = (low, high);
        if let Some(times) = times.get_mut(lead) {
            times.take(values);
        }
        ControlFlow::Continue(())
    });
    let name = signals.subject();
    let total = signals.samples * signals.leads;
    let whole = format!("{total} values");
    checks.outcome(&format!("{name}: data"), &whole, rejected_or_io(read)?, |()| {
        whole.clone()
    })?;

    let low = extremes.iter().map(|pair| pair.0).fold(f64::INFINITY, f64::min);
    let high = extremes
        .iter()
        .map(|pair| pair.1)
        .fold(f64::NEG_INFINITY, f64::max);
    let facts = SampleFacts {
        missing_samples: missing,
        min_adu: low.is_finite().then_some(low),
        max_adu: high.is_finite().then_some(high),
    };
    let share = missing as f64 / total as f64;
    let most = rules.reject_missing_share_above;
    let mut outcome = checks.check(
        &format!("{name}: missing samples"),
        format!("{:.3} % ({missing} of {total})", share * 100.0),
        format!("at most {} %", most * 100.0),
        share <= most,
    );
    if outcome.is_ok() {
        let constant = extremes.iter().all(|(low, high)| low >= high);
        let is_times = times.iter().position(|times| !times.steps.is_empty());
        let value = if let Some(lead) = is_times {
            format!(
                "the times of the samples in row or column {} of {}",
                lead + 1,
                signals.leads
            )
        } else if constant {
            format!("constant at {low}")
        } else {
            format!("{low} to {high} adu")
        };
        outcome = checks.check(
            &format!("{name}: signal"),
            value,
            "a signal that changes",
            !constant && is_times.is_none(),
        );
    }
    Ok((facts, outcome))
}

/// Whether the samples of a lead are their own times, in s or in ms, as in a matrix that was saved with its first column.
#[derive(Clone)]
struct Times {
    first: Option<f64>,
    seen: u64,
    /// The steps from sample to sample that it may still have.
    steps: Vec<f64>,
}

impl Times {
    fn new(sampling_frequency_hz: f64) -> Times {
        Times {
            first: None,
            seen: 0,
            steps: [1.0, 1e3].map(|unit| unit / sampling_frequency_hz).to_vec(),
        }
    }

    /// Takes the next samples. Times may be rounded, but never by half a step.
    fn take(&mut self, values: &[f64]) {
        if self.steps.is_empty() {
            return;
        }
        let Some(first) = self.first.or(values.first().copied()) else {
            return;
        };
        let seen = self.seen;
        self.steps.retain(|step| {
            (seen..)
                .zip(values)
                .all(|(number, value)| (value - first - number as f64 * step).abs() < 0.5 * step)
        });
        (self.first, self.seen) = (Some(first), seen + values.len() as u64);
    }
}
