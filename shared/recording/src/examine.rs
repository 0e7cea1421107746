//! Examining a file: structure, calibration, then one pass over the samples.

use std::collections::BTreeMap;
use std::io::{Read, Seek};
use std::ops::ControlFlow;

use ecg_core::Details;
use ecg_core::rules::Rules;
use ecg_mat::{Class, Limits, MatFile, Variable};

use crate::calibration::{self, Given, Sources};
use crate::header::Header;
use crate::profiles::{self, Profile};
use crate::verdict::Checks;
use crate::{Check, Layout, Reason, Recording, RecordingError, SampleFacts, Verdict, samples, select};

/// What is known of a file from outside its bytes.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Key of the object, or path of the file.
    pub key: String,
    /// Size of the object in bytes.
    pub size: u64,
    /// What a person said of it.
    pub settings: ecg_core::settings::Settings,
    /// Text of the WFDB header beside it.
    pub header: Option<String>,
    /// User metadata of the object.
    pub metadata: BTreeMap<String, String>,
    /// The dataset profiles.
    pub profiles: Vec<Profile>,
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
    surroundings: &Surroundings,
    rules: &Rules,
) -> Result<Examined, std::io::Error> {
    let mut checks = Checks::default();
    let mut variables = Vec::new();
    let mut recording = None;
    let mut facts = None;
    let judge = || -> Result<(), RecordingError> {
        let (mut file, found) = structure(source, surroundings, rules, &mut checks, &mut variables)?;
        let found = recording.insert(found);
        let (seen, outcome) = judge_samples(&mut file, found, rules, &mut checks)?;
        facts = Some(seen);
        Ok(outcome?)
    };
    let reason = match judge() {
        Ok(()) => None,
        Err(RecordingError::Rejected(details)) => Some(Reason::from(&details)),
        Err(RecordingError::Io(error)) => return Err(error),
    };
    let mut checks = checks.into_vec();
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
    Ok(Examined { verdict, variables })
}

/// Opens a file and checks its structure and calibration without reading the samples.
///
/// # Errors
/// What is wrong with the file, or that it could not be read.
pub fn examine_structure<R: Read + Seek + Send + 'static>(
    source: R,
    surroundings: &Surroundings,
    rules: &Rules,
) -> Result<(MatFile<R>, Recording), RecordingError> {
    structure(
        source,
        surroundings,
        rules,
        &mut Checks::default(),
        &mut Vec::new(),
    )
}

fn structure<R: Read + Seek + Send + 'static>(
    source: R,
    surroundings: &Surroundings,
    rules: &Rules,
    checks: &mut Checks,
    variables: &mut Vec<Variable>,
) -> Result<(MatFile<R>, Recording), RecordingError> {
    let size_limit = format!("1 to {} bytes", rules.reject_bytes_above);
    let size = surroundings.size;
    checks.check(
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
    let mut file = checks.outcome("format", "MAT level 4, 5 or 7.3, whole", opened, |file| {
        file.format().to_string()
    })?;
    *variables = file.variables().to_vec();

    let named = surroundings.metadata.get("ecg-variable").map(String::as_str);
    let index = select::choose(variables, named);
    let index = checks.outcome("variable", "one that holds the samples", index, |index| {
        variables[*index].name.clone()
    })?;
    let variable = &variables[index];
    let name = &variable.name;

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
    let layout = if rows <= columns {
        Layout::LeadsBySamples
    } else {
        Layout::SamplesByLeads
    };
    let (leads, samples) = (rows.min(columns), rows.max(columns));
    let most = rules.reject_leads_above;
    checks.check(
        &format!("{name}: samples"),
        if leads == 0 { 0 } else { samples },
        "at least 1",
        leads > 0,
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
        shape,
        format!("at most {} values", rules.reject_values_above),
        within,
    )?;

    let key = profiles::matching(&surroundings.profiles, &surroundings.key);
    let sources = gather(&mut file, variables, index, surroundings, key.clone());
    let resolved = rejected_or_io(sources)?.and_then(|sources| {
        let calibration = calibration::resolve(&sources, leads as usize, samples)?;
        Ok((calibration, sources.header.map(|header| header.record)))
    });
    let (calibration, header_record) = checks.outcome(
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
    checks.check(
        "sampling frequency",
        format!("{frequency} Hz"),
        format!("{lowest} to {highest} Hz"),
        plausible,
    )?;
    let recording = Recording {
        format: file.format().to_string(),
        variable: name.clone(),
        variable_index: index,
        class: class.to_string(),
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

/// Keeps what can not be read apart from what is wrong: `Err` is I/O, the inner error is the file's fault.
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

/// Reads everything that may hold a calibration.
fn gather<R: Read + Seek + Send + 'static>(
    file: &mut MatFile<R>,
    variables: &[Variable],
    signal: usize,
    surroundings: &Surroundings,
    key: Option<profiles::KeyFacts>,
) -> Result<Sources, RecordingError> {
    let header = surroundings.header.as_deref().map(Header::parse).transpose()?;
    if header.is_some() {
        // First found wins: what the file says beside it is not even read.
        return Ok(Sources {
            header,
            ..Sources::default()
        });
    }
    let variables = settings(file, variables, signal)?;
    let metadata = if variables.calibrates() {
        Given::default()
    } else {
        calibration::from_metadata(&surroundings.metadata)?
    };
    Ok(Sources {
        header,
        variables,
        metadata,
        key,
    })
}

/// The variables beside the samples that calibrate them. Without a sampling frequency they calibrate nothing and
/// are not looked at; with one, a setting that can not be read is an error: passing over a `units` or a `gain` would
/// scale the signal by a guess.
fn settings<R: Read + Seek + Send + 'static>(
    file: &mut MatFile<R>,
    variables: &[Variable],
    signal: usize,
) -> Result<Given, RecordingError> {
    let find = |names: &[&str]| {
        let named = |variable: &Variable| names.iter().any(|name| variable.name.eq_ignore_ascii_case(name));
        (0..variables.len()).find(|index| *index != signal && named(&variables[*index]))
    };
    let mut given = Given::default();
    if let Some(index) = find(&[
        "fs",
        "sampling_frequency",
        "sampling_frequency_hz",
        "sampling_rate",
        "sample_rate",
        "freq",
    ]) {
        let frequencies = file.small_vector(index, MOST_NUMBERS)?.unwrap_or_default();
        let same = frequencies.windows(2).all(|pair| pair[0] == pair[1]);
        given.sampling_frequency_hz = frequencies.first().copied().filter(|_| same);
    }
    if given.sampling_frequency_hz.is_none() {
        return Ok(given);
    }
    let unreadable = |index: usize, expected: String| {
        let variable = &variables[index];
        let found = format!("{} of {}", variable.class, shape(&variable.dims));
        RecordingError::Rejected(Details::new(&variable.name, expected, found).at(Some(variable.offset)))
    };
    let mut numbers = |index: usize| {
        let numbers = file.small_vector(index, MOST_NUMBERS)?;
        numbers.ok_or_else(|| unreadable(index, format!("at most {MOST_NUMBERS} real numbers")))
    };
    if let Some(index) = find(&["gain", "adc_gain"]) {
        given.gain = numbers(index)?;
    }
    if let Some(index) = find(&["baseline", "adc_zero"]) {
        given.baseline = numbers(index)?;
    }
    if let Some(index) = find(&["units", "unit"]) {
        let text = file.text(index)?;
        given.units = Some(text.ok_or_else(|| unreadable(index, "text".to_owned()))?);
    }
    if let Some(index) = find(&["lead_names", "leads", "lead"])
        && let Some(text) = file.text(index)?
    {
        // The rows of a char matrix come as lines.
        let names = text.split([',', ';', '\n']);
        given.leads = names.map(|name| name.trim().to_owned()).collect();
    }
    Ok(given)
}

/// Longest vector of settings: one number per lead.
const MOST_NUMBERS: usize = 16;

fn shape(dims: &[u64]) -> String {
    dims.iter().map(u64::to_string).collect::<Vec<_>>().join(" x ")
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
    let total = recording.samples * u64::from(recording.leads);
    let whole = format!("{total} values");
    checks.outcome(
        &format!("{}: data", recording.variable),
        &whole,
        rejected_or_io(read)?,
        |()| whole.clone(),
    )?;

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
        &format!("{}: missing samples", recording.variable),
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
            &format!("{}: signal", recording.variable),
            value,
            "a signal that changes",
            !constant,
        );
    }
    Ok((facts, outcome))
}
