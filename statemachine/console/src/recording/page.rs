//! The pages: the recordings of a lake, and one of them.

use std::io;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use ecg_core::day::utc_day;
use ecg_core::message::Failure as Told;
use ecg_core::shell_word;
use ecg_formats::Check;
use ecg_journal::{Execution, Filter};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::routes::Lake;
use super::{Failure, Recording};
use crate::chrome::{self, Chrome, NotFound, html};
use crate::time;

/// Recordings of the list.
const ROWS: usize = 100;

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    text: String,
}

#[derive(Template)]
#[template(path = "recordings.html")]
struct List {
    chrome: Chrome,
    text: String,
    rows: Vec<Row>,
    options: String,
    full: bool,
}

struct Row {
    execution: Execution,
    started: String,
    /// Its row of `recordings`; empty where it is gone since.
    row: Map<String, Value>,
}

impl Row {
    fn duration(&self) -> String {
        number(&self.row, "duration_s")
            .map(time::duration)
            .unwrap_or_default()
    }

    fn of(&self, name: &str) -> String {
        self.row.get(name).map(text).unwrap_or_default()
    }

    fn rate(&self) -> String {
        number(&self.row, "heart_rate_bpm").map_or_else(String::new, |rate| format!("{rate:.0}"))
    }

    fn warnings(&self) -> String {
        self.of("warnings").replace('_', " ")
    }
}

/// The newest recordings in the tables.
pub(crate) async fn list(
    State(lake): State<Lake>,
    Query(asked): Query<Asked>,
) -> Result<Response, chrome::Failure> {
    let text = asked.text.trim().to_owned();
    let filter = Filter {
        status: Some("SUCCEEDED".to_owned()),
        text: (!text.is_empty()).then(|| text.clone()),
        ..Filter::default()
    };
    let found = lake
        .shared
        .journal(move |journal| {
            let found = journal.list(&filter, Some(ROWS))?;
            found
                .into_iter()
                .map(|execution| {
                    let uploaded_at_ms = journal.input(&execution)?.source.uploaded_at_ms;
                    Ok((utc_day(uploaded_at_ms).unwrap_or_default(), execution))
                })
                .collect::<io::Result<Vec<_>>>()
        })
        .await?;
    let found = found.unwrap_or_default();
    let ids: Vec<(&str, &str)> = found
        .iter()
        .map(|(day, execution)| (day.as_str(), execution.recording_id.as_str()))
        .collect();
    let of_tables = lake.recordings.rows(&ids).await.map_err(Failure::words)?;
    let rows: Vec<Row> = found
        .into_iter()
        .map(|(_, execution)| Row {
            started: execution.started.map_or_else(String::new, time::moment),
            row: of_tables
                .get(&execution.recording_id)
                .cloned()
                .unwrap_or_default(),
            execution,
        })
        .collect();
    Ok(html(&List {
        chrome: Chrome::new(&lake.shared, "recordings", "Recordings"),
        text,
        full: rows.len() == ROWS,
        rows,
        options: lake.shared.options.clone(),
    }))
}

#[derive(Template)]
#[template(path = "recording.html")]
struct Page {
    chrome: Chrome,
    /// Of the recording.
    id: String,
    /// Below which its data are.
    base: String,
    key: String,
    execution: String,
    facts: Vec<(&'static str, String)>,
    /// `None` where it is not in the tables.
    quality: Option<Quality>,
    state: Outcome,
    checks: Vec<Check>,
    passed: usize,
    rules: String,
    variability: Vec<Variability>,
    options: String,
}

struct Quality {
    warns: bool,
    words: String,
}

/// What the last run of the recording has come to.
enum Outcome {
    /// It is in the tables, and the run succeeded.
    InTables,
    UnderWay(String),
    Failed {
        step: String,
        error: String,
        reason: String,
        /// What to type.
        next: String,
        /// The rows of an earlier run are in the tables.
        earlier: bool,
    },
}

struct Variability {
    lead_name: String,
    values: Vec<String>,
}

/// A recording.
pub(crate) async fn page(
    State(lake): State<Lake>,
    Path(id): Path<String>,
) -> Result<Response, chrome::Failure> {
    let found = match lake.recordings.page(&id).await {
        Ok(found) => found,
        Err(Failure::NotFound(_)) => return Err(NotFound::page(format!("A recording `{id}`")).into()),
        Err(failure) => return Err(failure.words().into()),
    };
    let execution = found.execution;
    let verdict = lake.recordings.place().verdict(&execution.name);
    let recording = found.recording.as_deref();
    let checks = verdict
        .as_ref()
        .map(|verdict| verdict.checks.clone())
        .unwrap_or_default();
    let options = lake.shared.options.clone();
    let state = match &execution.closed {
        None => Outcome::UnderWay(execution.step.clone().unwrap_or_default()),
        Some(_) if !execution.failed() => Outcome::InTables,
        Some(closed) => {
            let error = closed
                .error
                .clone()
                .unwrap_or_else(|| "States.Timeout".to_owned());
            let told = Told {
                step: String::new(),
                error: error.clone(),
                cause: closed.cause.clone().unwrap_or_default(),
                attempts: 1,
            };
            let flags = verdict
                .as_ref()
                .and_then(|verdict| verdict.reason.as_ref()?.try_flags.clone());
            Outcome::Failed {
                step: execution.step.clone().unwrap_or_default(),
                reason: told.message(),
                next: match flags {
                    Some(flags) => format!("ecg rerun {}{options} {flags}", execution.recording_id),
                    // The same bytes would be rejected again.
                    None if error == "Rejected" => {
                        format!(
                            "ecg inspect {}",
                            shell_word(&execution.file.display().to_string())
                        )
                    }
                    None => format!("ecg redrive {}{options}", execution.name),
                },
                error,
                earlier: recording.is_some(),
            }
        }
    };
    Ok(html(&Page {
        chrome: Chrome::new(&lake.shared, "recordings", execution.key.clone()),
        base: format!("/recordings/{}", execution.recording_id),
        facts: recording.map(facts).unwrap_or_default(),
        quality: recording.map(quality),
        passed: checks.iter().filter(|check| check.passed).count(),
        checks,
        rules: recording
            .and_then(|recording| recording.row.get("rules_version"))
            .map(text)
            .unwrap_or_default(),
        variability: recording.map(variability).unwrap_or_default(),
        state,
        id: execution.recording_id,
        key: execution.key,
        execution: execution.name,
        options,
    }))
}

/// A value of the tables in words; empty for null.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn number(row: &Map<String, Value>, name: &str) -> Option<f64> {
    row.get(name).and_then(Value::as_f64)
}

/// What stands above the signal: name and value, of what is known.
pub(super) fn facts(recording: &Recording) -> Vec<(&'static str, String)> {
    let row = &recording.row;
    let of = |name: &str| row.get(name).map(text).unwrap_or_default();
    let unit = |name: &str, digits: usize, unit: &str| {
        number(row, name).map_or_else(String::new, |value| format!("{value:.digits$} {unit}"))
    };
    let missing = number(row, "missing_samples").unwrap_or(0.0);
    let all = [
        (
            "duration",
            number(row, "duration_s").map(time::duration).unwrap_or_default(),
        ),
        ("leads", of("lead_names")),
        (
            "sampling frequency",
            format!("{} Hz", recording.sampling_frequency_hz),
        ),
        ("heart rate", unit("heart_rate_bpm", 0, "bpm")),
        ("beats", of("beats")),
        (
            "missing samples",
            if missing > 0.0 {
                format!("{missing}")
            } else {
                String::new()
            },
        ),
        ("label", of("label")),
        ("subject", of("subject_id")),
        ("sex", of("sex")),
        ("age", of("age")),
        ("device", of("device_id")),
        ("recorded at", of("recorded_at").replace('T', " ")),
        (
            "uploaded at (UTC)",
            of("uploaded_at")
                .chars()
                .take(19)
                .collect::<String>()
                .replace('T', " "),
        ),
        ("format", of("format")),
        (
            "gain",
            format!("{} adu/mV, from {}", of("gain"), of("calibration_source")),
        ),
        ("recipe", of("recipe_version")),
    ];
    all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn quality(recording: &Recording) -> Quality {
    let warnings = recording.row.get("warnings").map(text).unwrap_or_default();
    Quality {
        warns: !warnings.is_empty(),
        words: match warnings.is_empty() {
            true => "good".to_owned(),
            false => warnings.replace('_', " "),
        },
    }
}

fn variability(recording: &Recording) -> Vec<Variability> {
    let column = |name: &str| match recording.variability.get(name) {
        Some(Value::Array(values)) => values.as_slice(),
        _ => &[],
    };
    let leads = column("lead_name").iter().enumerate();
    leads
        .map(|(place, lead_name)| Variability {
            lead_name: text(lead_name),
            values: ["sd1_ms", "sd2_ms", "sdnn_ms", "rmssd_ms", "pnn50"]
                .iter()
                .map(|name| column(name).get(place).and_then(Value::as_f64))
                .map(|value| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.1}")))
                .collect(),
        })
        .collect()
}
