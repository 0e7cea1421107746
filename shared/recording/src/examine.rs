//! Examining a file: structure, calibration, then one pass over the samples.

use std::collections::BTreeMap;
use std::io::{Read, Seek};
use std::ops::ControlFlow;

use ecg_core::Details;
use ecg_core::rules::Rules;
use ecg_core::settings::Settings;
use ecg_mat::{Class, Limits, MatFile, Variable};

use crate::error::Refused;
use crate::header::Header;
use crate::profiles::{self, Profile};
use crate::select::{self, shape};
use crate::sources::{self, Signal};
use crate::verdict::Checks;
use crate::{Check, Layout, LeadVariable, Reason, Recording, RecordingError, SampleFacts, Verdict};
use crate::{missing, samples};

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
    /// The variables of the file, where they could be listed.
    pub variables: Vec<Variable>,
}

/// Judges a file: structure, sizes, calibration, and one pass over the samples.
///
/// # Errors
/// Only that the bytes could not be read; whatever is wrong with them is in the verdict.
pub fn examine<R: Read + Seek + Send + 'static>(
    source: R,
    context: &FileContext,
    rules: &Rules,
) -> Result<Examined, std::io::Error> {
    let mut told = Told::default();
    let mut recording = None;
    let mut facts = None;
    let judge = || -> Result<(), RecordingError> {
        let (mut file, found) = structure(source, context, rules, &mut told)?;
        let found = recording.insert(found);
        let (seen, outcome) = judge_samples(&mut file, found, rules, &mut told.checks)?;
        facts = Some(seen);
        Ok(outcome?)
    };
    let reason = match judge() {
        Ok(()) => None,
        Err(RecordingError::Rejected(details)) => Some(Reason {
            try_flags: told.try_flags,
            ..Reason::from(&details)
        }),
        Err(RecordingError::Io(error)) => return Err(error),
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
        recording,
        content_sha256: None,
        samples: facts,
    };
    Ok(Examined {
        verdict,
        variables: told.variables,
    })
}

/// What could be told, however it ended.
#[derive(Default)]
struct Told {
    checks: Checks,
    variables: Vec<Variable>,
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
fn structure<R: Read + Seek + Send + 'static>(
    source: R,
    context: &FileContext,
    rules: &Rules,
    told: &mut Told,
) -> Result<(MatFile<R>, Recording), RecordingError> {
    let size_limit = format!("1 to {} bytes", rules.reject_bytes_above);
    let size = context.size;
    told.checks.check(
        "size",
        format!("{size} bytes"),
        size_limit,
        (1..=rules.reject_bytes_above).contains(&size),
    )?;

    let limits = Limits {
        max_values: rules.reject_values_above,
        ..Limits::default()
    };
    let opened = rejected_or_io(MatFile::open(source, limits).map_err(RecordingError::from))?;
    let mut file = told
        .checks
        .outcome("format", "MAT level 4, 5 or 7.3, whole", opened, |file| {
            file.format().to_string()
        })?;
    told.variables = file.variables().to_vec();

    let named = sources::named_by_metadata(&context.metadata);
    let indices = select::choose(&told.variables, &context.settings, &named);
    let indices = indices.map_err(|refused| told.keep(refused));
    let name = |index: &usize| file.variables()[*index].name.clone();
    let names = |indices: &Vec<usize>| indices.iter().map(name).collect::<Vec<String>>();
    let shown = |indices: &Vec<usize>| names(indices).join(", ");
    let checks = &mut told.checks;
    let indices = checks.outcome("variable", "one that holds the samples", indices, shown)?;
    let names = names(&indices);
    let variable = &told.variables[indices[0]];
    let (layout, leads, samples) = extent(variable, &names, rules, checks)?;

    let key = profiles::matching(&context.profiles, &context.key);
    let header = context.header.as_deref().map(Header::parse).transpose();
    let signal = Signal {
        indices: &indices,
        leads: leads as usize,
        samples,
        names: if names.len() > 1 { &names } else { &[] },
    };
    let resolved = header.map_err(RecordingError::from).and_then(|header| {
        let calibration = sources::resolve(&mut file, &signal, context, header.as_ref(), key.as_ref())?;
        Ok((calibration, header.map(|header| header.record)))
    });
    let resolved = match rejected_or_io(resolved)? {
        Ok((Ok(calibration), record)) => Ok((calibration, record)),
        Ok((Err(incomplete), _)) => {
            let refused = missing::explain(&mut file, &signal, context, &incomplete, rules)?;
            Err(told.keep(refused))
        }
        Err(details) => Err(details),
    };
    let (calibration, header_record) = told.checks.outcome(
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
    told.checks.check(
        "sampling frequency",
        format!("{frequency} Hz"),
        format!("{lowest} to {highest} Hz"),
        plausible,
    )?;
    let mut variables = names
        .into_iter()
        .zip(indices)
        .map(|(name, index)| LeadVariable { name, index });
    let (variable, variable_index) = variables
        .next()
        .map(|first| (first.name, first.index))
        .unwrap_or_default();
    let recording = Recording {
        format: file.format().to_string(),
        variable,
        variable_index,
        further_variables: variables.collect(),
        class: told.variables[variable_index].class.to_string(),
        layout,
        leads: leads as u32,
        samples,
        calibration,
        label: key.as_ref().and_then(|facts| facts.label.clone()),
        record: key
            .as_ref()
            .and_then(|facts| facts.record.clone())
            .or(header_record),
        fragment: key.as_ref().and_then(|facts| facts.fragment),
    };
    Ok((file, recording))
}

/// Layout, leads, and samples per lead of the recording that begins with `variable`; `names` are those of all its
/// variables, which are alike.
fn extent(
    variable: &Variable,
    names: &[String],
    rules: &Rules,
    checks: &mut Checks,
) -> Result<(Layout, u64, u64), Details> {
    let name = subject(names.iter().map(String::as_str));
    let class = variable.class;
    let numeric = matches!(class, Class::Number(_));
    checks.check(&format!("{name}: class"), class, "a numeric class", numeric)?;
    checks.check(
        &format!("{name}: numbers"),
        if variable.complex { "complex" } else { "real" },
        "real",
        !variable.complex,
    )?;
    let shape = shape(&variable.dims);
    let two = variable.dims.len() == 2;
    checks.check(
        &format!("{name}: dimensions"),
        format!("{} ({shape})", variable.dims.len()),
        "2",
        two,
    )?;

    let (rows, columns) = (variable.dims[0], variable.dims[1]);
    let (layout, leads, samples) = if names.len() > 1 {
        (Layout::LeadPerVariable, names.len() as u64, rows.max(columns))
    } else if rows <= columns {
        (Layout::LeadsBySamples, rows, columns)
    } else {
        (Layout::SamplesByLeads, columns, rows)
    };
    let most = rules.reject_leads_above;
    checks.check(
        &format!("{name}: samples"),
        if rows.min(columns) == 0 { 0 } else { samples },
        "at least 1",
        rows.min(columns) > 0,
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
        if names.len() > 1 {
            format!("{leads} x {shape}")
        } else {
            shape
        },
        format!("at most {} values", rules.reject_values_above),
        within,
    )?;
    Ok((layout, leads, samples))
}

/// What messages call the samples: the name of their variable, or `I to V6`.
fn subject<'n>(mut names: impl Iterator<Item = &'n str>) -> String {
    let first = names.next().unwrap_or_default();
    match names.last() {
        None => first.to_owned(),
        Some(last) => format!("{first} to {last}"),
    }
}

/// Keeps what cannot be read apart from what is wrong: `Err` is I/O, the inner error is the file's fault.
fn rejected_or_io<T>(outcome: Result<T, RecordingError>) -> Result<Result<T, Details>, RecordingError> {
    match outcome {
        Ok(value) => Ok(Ok(value)),
        Err(RecordingError::Rejected(details)) => Ok(Err(details)),
        Err(error) => Err(error),
    }
}

fn describe(calibration: &crate::Calibration) -> String {
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
fn judge_samples<R: Read + Seek + Send + 'static>(
    file: &mut MatFile<R>,
    recording: &Recording,
    rules: &Rules,
    checks: &mut Checks,
) -> Result<(SampleFacts, Result<(), Details>), RecordingError> {
    let mut missing: u64 = 0;
    let mut extremes = vec![(f64::INFINITY, f64::NEG_INFINITY); recording.leads as usize];
    let read = samples::stream(file, recording, &mut |lead, values| {
        let (mut low, mut high) = extremes[lead];
        for value in values {
            // Both comparisons are false for NaN, which marks a missing sample.
            low = if *value < low { *value } else { low };
            high = if *value > high { *value } else { high };
            missing += u64::from(value.is_nan());
        }
        extremes[lead] = (low, high);
        ControlFlow::Continue(())
    });
    let name = subject(recording.variables().map(|(name, _)| name));
    let total = recording.samples * u64::from(recording.leads);
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
        let value = if constant {
            format!("constant at {low}")
        } else {
            format!("{low} to {high} adu")
        };
        outcome = checks.check(
            &format!("{name}: signal"),
            value,
            "a signal that changes",
            !constant,
        );
    }
    Ok((facts, outcome))
}
