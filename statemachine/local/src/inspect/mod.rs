//! `ecg inspect`: what a file is, without any lake.

mod csv;
mod plot;
mod window;

use std::fmt::{Display, Write};
use std::fs::File;
use std::io;
use std::path::Path;

use ecg_core::layout;
use ecg_core::rules::RULES;
use ecg_formats::Origin;
use ecg_formats::wfdb::MAX_HEADER_BYTES;
use ecg_recording::{Examined, FileContext, examine, profiles};
use serde_json::{Value, json};

use crate::args::{CalibrationArgs, typed};
use crate::discover::key_of_file;
use crate::profile_files::ProfileFiles;
use crate::terminal::{plain, shell_word};
use crate::upload::header_beside;

pub(crate) use csv::csv;

/// Judges a file as the validate step would.
pub(crate) fn judge(path: &Path, calibration: &CalibrationArgs) -> Result<Examined, String> {
    let fail = |error: io::Error| about(path, &error);
    let file = File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => about(path, &"expected a recording, found none"),
        _ => about(path, &error),
    })?;
    let size = file.metadata().map_err(fail)?.len();
    // The key that `ecg run` would give the file, so that both judge alike.
    let key = key_of_file(path);
    let itself = std::fs::canonicalize(path).map_err(fail)?;
    let own = ProfileFiles::new(calibration.profile.as_deref(), None).find(&itself, &key)?;
    let own = own.map_or_else(|| Ok(Vec::new()), |text| profiles::parse(&text, "the profile"))?;
    let profiles = profiles::before_built_in(own)?;
    // A format that has none is not judged by one.
    let header = match layout::is_recording(&key) && layout::header_key(&key).is_none() {
        true => None,
        false => companion_header(path).map_err(fail)?,
    };
    let context = FileContext {
        key,
        size,
        settings: calibration.settings().unwrap_or_default(),
        header,
        metadata: Default::default(),
        profiles,
    };
    examine(io::BufReader::new(file), &context, &RULES).map_err(fail)
}

fn companion_header(path: &Path) -> io::Result<Option<String>> {
    let header = header_beside(path);
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
            Ok(Some(ecg_formats::text_of(&std::fs::read(&header)?)))
        }
        _ => Ok(None),
    }
}

/// What was found, for scripts.
pub(crate) fn json(path: &Path, examined: &Examined) -> Value {
    let variables: Vec<Value> = examined
        .contents
        .iter()
        .map(|variable| {
            json!({
                "name": variable.name,
                "class": variable.class,
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
        "layout": recording.map(|recording| recording.signals.layout.to_string()),
        "leads": recording.map(|recording| recording.signals.leads),
        "samples": recording.map(|recording| recording.signals.samples),
        "duration_s": recording.map(ecg_recording::Recording::duration_s),
        "label": recording.and_then(|recording| recording.label.clone()),
        "record": recording.and_then(|recording| recording.record.clone()),
        "fragment": recording.and_then(|recording| recording.fragment),
        "subject_id": recording.and_then(|recording| recording.origin.subject_id.clone()),
        "device_id": recording.and_then(|recording| recording.origin.device_id.clone()),
        "recorded_at": recording.and_then(|recording| recording.origin.recorded_at()),
        "age": recording.and_then(|recording| recording.origin.age),
        "sex": recording.and_then(|recording| recording.origin.sex),
        "not_read": recording.map(|recording| {
            let unread = recording.origin.unread.iter();
            unread.map(ToString::to_string).collect::<Vec<String>>()
        }),
        "calibration": recording.map(|recording| &recording.calibration),
        "left_out": recording.map(|recording| &recording.signals.left_out),
        "missing_samples": verdict.samples.as_ref().map(|samples| samples.missing_samples),
        "verdict": if verdict.accepted { "accepted" } else { "rejected" },
        "reason": verdict.reason,
        "checks": verdict.checks,
        "rules_version": RULES.version,
    })
}

/// What was found, for people.
pub(crate) fn page(path: &Path, examined: &Examined, said: &CalibrationArgs) -> String {
    let verdict = &examined.verdict;
    let mut text = String::new();
    let _ = writeln!(text, "{}", plain(&path.display().to_string()));
    if !examined.contents.is_empty() {
        let _ = writeln!(text, "\nvariables");
        for variable in &examined.contents {
            let complex = if variable.complex { " complex" } else { "" };
            let _ = writeln!(
                text,
                "  {:<16} {}{complex} {}",
                plain(&variable.name),
                variable.class,
                variable.shape()
            );
        }
    }
    if let Some(recording) = &verdict.recording {
        let calibration = &recording.calibration;
        let _ = writeln!(
            text,
            "\nrecording\n  {} {} of {} samples at {} Hz ({:.1} s), {}; calibration from {}",
            recording.signals.leads,
            if recording.signals.leads == 1 {
                "lead"
            } else {
                "leads"
            },
            recording.signals.samples,
            calibration.sampling_frequency_hz,
            recording.duration_s(),
            recording.signals.layout,
            plain(&calibration.source),
        );
        for signal in &recording.signals.left_out {
            let (name, reason) = (plain(&signal.name), plain(&signal.reason));
            let _ = writeln!(text, "  left out: {name:<6} {reason}");
        }
        for lead in &calibration.leads {
            let _ = writeln!(
                text,
                "  {:<16} {} adu/mV, baseline {} adu, units {}",
                plain(&lead.name),
                lead.gain,
                lead.baseline,
                plain(&lead.units)
            );
        }
        text.push_str(&whose_and_when(&recording.origin));
    }
    let _ = writeln!(text, "\nchecks (rules version {})", RULES.version);
    for check in &verdict.checks {
        let mark = if check.passed { "ok  " } else { "FAIL" };
        let _ = writeln!(
            text,
            "  {mark} {:<24} {}   (allowed: {})",
            plain(&check.name),
            plain(&check.value),
            plain(&check.limit)
        );
    }
    match &verdict.reason {
        None => {
            let _ = writeln!(
                text,
                "\naccepted; next: ecg run {}{}",
                plain(&shell_word(&path.display().to_string())),
                plain(&said.typed())
            );
        }
        Some(reason) => {
            let _ = writeln!(text, "\nrejected: {}", plain(&reason.message));
            if let Some(flags) = &reason.try_flags {
                let file = shell_word(&path.display().to_string());
                let said = typed(&said.settings().unwrap_or_default(), flags) + &said.typed_profile();
                let _ = writeln!(
                    text,
                    "next: ecg inspect {}{} {}",
                    plain(&file),
                    plain(&said),
                    plain(flags)
                );
            }
        }
    }
    text
}

/// The lines about whose the recording is, with what it was made and when; none where nobody says.
fn whose_and_when(origin: &Origin) -> String {
    let mut text = String::new();
    let age = origin.age.map(|age| age.to_string());
    for (name, value) in [
        ("subject_id", origin.subject_id.clone()),
        ("device_id", origin.device_id.clone()),
        ("recorded_at", origin.recorded_at()),
        ("age", age),
        ("sex", origin.sex.map(|sex| sex.name().to_owned())),
    ] {
        if let Some(value) = value {
            let _ = writeln!(text, "  {name:<16} {}", plain(&value));
        }
    }
    for unread in &origin.unread {
        let _ = writeln!(text, "  not read: {}", plain(&unread.to_string()));
    }
    text
}

/// The segment that begins `at` seconds after the start, for people, after the page; and in the file `svg` where one is asked
/// for. `columns` is the width of the terminal.
///
/// A file is drawn if it has a calibration and its samples can be read to the end, also one that is rejected for what
/// these are.
pub(crate) fn segment(
    path: &Path,
    examined: &Examined,
    at: f64,
    svg: Option<&Path>,
    columns: usize,
) -> Result<String, String> {
    let verdict = &examined.verdict;
    let (Some(recording), Some(_)) = (&verdict.recording, &verdict.samples) else {
        let mut text =
            "\nnot drawn: a segment needs a calibration, and samples that can be read to the end\n"
                .to_owned();
        if let Some(svg) = svg {
            let _ = writeln!(text, "not written: {}", plain(&svg.display().to_string()));
        }
        return Ok(text);
    };
    let shown = match svg {
        Some(_) => recording.signals.leads as usize,
        None => plot::MOST_LEADS,
    };
    let window = window::read(path, recording, at, shown)?;
    let mut text = plot::text(&window, columns);
    if let Some(svg) = svg {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        std::fs::write(svg, ecg_console::paper::svg(&window, &name)).map_err(|error| about(svg, &error))?;
        let _ = writeln!(text, "\ndrawn: {}", plain(&svg.display().to_string()));
    }
    Ok(text)
}

/// An error about a file, as it may reach a terminal.
fn about(path: &Path, error: &dyn Display) -> String {
    plain(&format!("{}: {error}", path.display())).into_owned()
}
