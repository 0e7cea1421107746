//! `ecg inspect`: what a file is, without any lake.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;

use ecg_core::rules::RULES;
use ecg_mat::{Limits, MatFile, Part, Values};
use ecg_recording::header::MAX_HEADER_BYTES;
use ecg_recording::{Examined, Surroundings, examine, profiles};
use serde_json::{Value, json};

use crate::args::CalibrationArgs;
use crate::discover::key_of_file;
use crate::profile_files::ProfileFiles;
use crate::summary::shell_word;

/// Largest matrix that is printed as CSV, in values: its text is held in memory, because rows cross the file's order.
const MOST_PRINTED: u64 = 100_000_000;

/// Judges a file as the validate step would.
pub(crate) fn judge(path: &Path, calibration: &CalibrationArgs) -> Result<Examined, String> {
    let fail = |error: io::Error| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(fail)?;
    let size = file.metadata().map_err(fail)?.len();
    // The key that `ecg run` would give the file, so that both judge alike.
    let key = key_of_file(path);
    let itself = std::fs::canonicalize(path).map_err(fail)?;
    let own = ProfileFiles::new(calibration.profile.as_deref(), None).find(&itself, &key)?;
    let own = own.map_or_else(|| Ok(Vec::new()), |text| profiles::parse(&text, "the profile"))?;
    let profiles = profiles::before_built_in(own)?;
    let surroundings = Surroundings {
        key,
        size,
        settings: calibration.settings().unwrap_or_default(),
        header: companion_header(path).map_err(fail)?,
        metadata: Default::default(),
        profiles,
    };
    examine(io::BufReader::new(file), &surroundings, &RULES).map_err(fail)
}

fn companion_header(path: &Path) -> io::Result<Option<String>> {
    let header = path.with_extension("hea");
    match std::fs::metadata(&header) {
        Ok(found) if found.is_file() && header != path => {
            if found.len() > MAX_HEADER_BYTES {
                let message = format!(
                    "{}: expected at most {MAX_HEADER_BYTES} bytes, found {}",
                    header.display(),
                    found.len()
                );
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
            Ok(Some(
                String::from_utf8_lossy(&std::fs::read(&header)?).into_owned(),
            ))
        }
        _ => Ok(None),
    }
}

/// What was found, for scripts.
pub(crate) fn json(path: &Path, examined: &Examined) -> Value {
    let variables: Vec<Value> = examined
        .variables
        .iter()
        .map(|variable| {
            json!({
                "name": variable.name,
                "class": variable.class.to_string(),
                "dimensions": variable.dims,
                "complex": variable.complex,
                "compressed": variable.compressed,
            })
        })
        .collect();
    let verdict = &examined.verdict;
    let recording = verdict.recording.as_ref();
    let check = |name: &str| {
        verdict
            .checks
            .iter()
            .find(|check| check.name == name && check.passed)
            .map(|check| &check.value)
    };
    json!({
        "file": path.display().to_string(),
        "format": check("format"),
        "variables": variables,
        "variable": check("variable"),
        "layout": recording.map(|recording| recording.layout.to_string()),
        "leads": recording.map(|recording| recording.leads),
        "samples": recording.map(|recording| recording.samples),
        "duration_s": recording.map(ecg_recording::Recording::duration_s),
        "label": recording.and_then(|recording| recording.label.clone()),
        "record": recording.and_then(|recording| recording.record.clone()),
        "fragment": recording.and_then(|recording| recording.fragment),
        "calibration": recording.map(|recording| &recording.calibration),
        "missing_samples": verdict.samples.as_ref().map(|samples| samples.missing_samples),
        "verdict": if verdict.accepted { "accepted" } else { "rejected" },
        "reason": verdict.reason,
        "checks": verdict.checks,
        "rules_version": RULES.version,
    })
}

/// What was found, for people.
pub(crate) fn page(path: &Path, examined: &Examined) -> String {
    let verdict = &examined.verdict;
    let mut text = String::new();
    let _ = writeln!(text, "{}", path.display());
    if !examined.variables.is_empty() {
        let _ = writeln!(text, "\nvariables");
        for variable in &examined.variables {
            let dims = variable
                .dims
                .iter()
                .map(u64::to_string)
                .collect::<Vec<_>>()
                .join(" x ");
            let complex = if variable.complex { " complex" } else { "" };
            let _ = writeln!(text, "  {:<16} {}{complex} {dims}", variable.name, variable.class);
        }
    }
    if let Some(recording) = &verdict.recording {
        let calibration = &recording.calibration;
        let _ = writeln!(
            text,
            "\nrecording\n  {} {} of {} samples at {} Hz ({:.1} s), {}; calibration from {}",
            recording.leads,
            if recording.leads == 1 { "lead" } else { "leads" },
            recording.samples,
            calibration.sampling_frequency_hz,
            recording.duration_s(),
            recording.layout,
            calibration.source,
        );
        for lead in &calibration.leads {
            let _ = writeln!(
                text,
                "  {:<16} {} adu/mV, baseline {} adu, units {}",
                lead.name, lead.gain, lead.baseline, lead.units
            );
        }
    }
    let _ = writeln!(text, "\nchecks (rules version {})", RULES.version);
    for check in &verdict.checks {
        let mark = if check.passed { "ok  " } else { "FAIL" };
        let _ = writeln!(
            text,
            "  {mark} {:<24} {}   (allowed: {})",
            check.name, check.value, check.limit
        );
    }
    match &verdict.reason {
        None => {
            let _ = writeln!(
                text,
                "\naccepted; next: ecg run {}",
                shell_word(&path.display().to_string())
            );
        }
        Some(reason) => {
            let _ = writeln!(text, "\nrejected: {}", reason.message);
        }
    }
    text
}

/// Prints the numbers of one variable at full precision, one matrix row a line (a matrix of more than two dimensions
/// with the further ones side by side). Complex numbers are `1.5+2j`.
pub(crate) fn csv(path: &Path, name: &str, out: &mut dyn Write) -> Result<(), String> {
    let fail = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(|error| fail(&error))?;
    let limits = Limits {
        max_values: MOST_PRINTED,
        ..Limits::default()
    };
    let mut file = MatFile::open(io::BufReader::new(file), limits).map_err(|error| fail(&error))?;
    let index = file
        .variables()
        .iter()
        .position(|variable| variable.name == name)
        .ok_or_else(|| {
            let names: Vec<&str> = file
                .variables()
                .iter()
                .map(|variable| variable.name.as_str())
                .collect();
            fail(&format!(
                "expected a variable `{name}`, found {}",
                names.join(", ")
            ))
        })?;
    let variable = file.variables()[index].clone();
    let rows = usize::try_from(variable.dims.first().copied().unwrap_or(1)).map_err(|error| fail(&error))?;
    let mut texts = |part| {
        let mut texts = Texts::default();
        file.read_part(index, part, &mut |values| {
            for_each_text(values, &mut |text| texts.push(text));
            ControlFlow::Continue(())
        })
        .map(|()| texts)
        .map_err(|error| fail(&error))
    };
    let real = texts(Part::Real)?;
    let imaginary = if variable.complex {
        Some(texts(Part::Imaginary)?)
    } else {
        None
    };
    let mut write_row = |row: usize| -> io::Result<()> {
        // The file holds the matrix column by column.
        for number in (row..real.ends.len()).step_by(rows) {
            let comma = if number == row { "" } else { "," };
            write!(out, "{comma}{}", real.get(number))?;
            if let Some(part) = imaginary.as_ref().map(|imaginary| imaginary.get(number)) {
                let sign = if part.starts_with('-') { "" } else { "+" };
                write!(out, "{sign}{part}j")?;
            }
        }
        writeln!(out)
    };
    let written = (0..rows.min(real.ends.len()))
        .try_for_each(&mut write_row)
        .and_then(|()| out.flush());
    match written {
        // A reader that went away (`| head`) is no error.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("standard output: {error}")),
        _ => Ok(()),
    }
}

/// Many short texts in one buffer: a day of samples has sixty million.
#[derive(Default)]
struct Texts {
    text: String,
    ends: Vec<usize>,
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
    }

    fn get(&self, number: usize) -> &str {
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.text[start..self.ends[number]]
    }
}

/// The shortest text that reads back as the same number.
fn for_each_text(values: Values<'_>, each: &mut dyn FnMut(&str)) {
    fn all<T: std::fmt::Display>(values: &[T], each: &mut dyn FnMut(&str)) {
        let mut text = String::new();
        for value in values {
            text.clear();
            let _ = write!(text, "{value}");
            each(&text);
        }
    }
    match values {
        Values::I8(values) => all(values, each),
        Values::U8(values) => all(values, each),
        Values::I16(values) => all(values, each),
        Values::U16(values) => all(values, each),
        Values::I32(values) => all(values, each),
        Values::U32(values) => all(values, each),
        Values::I64(values) => all(values, each),
        Values::U64(values) => all(values, each),
        Values::F32(values) => all(values, each),
        Values::F64(values) => all(values, each),
    }
}
