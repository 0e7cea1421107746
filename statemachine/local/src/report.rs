//! `ecg runs` and `ecg show`: what the list says of an execution, and what is to be seen inside one, wherever it ran.

use std::fmt::Write;

use asl_engine::HistoryEvent;
use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value, json};

use crate::execute::json_text;
use crate::output::Answer;
use crate::terminal::plain;

/// Status of an execution that has not ended.
pub(crate) const RUNNING: &str = "RUNNING";

/// Status of one that has not ended and that no process goes on with.
pub(crate) const INTERRUPTED: &str = "INTERRUPTED";

/// What a list says of one execution.
pub(crate) struct ExecutionLine {
    pub(crate) execution: String,
    pub(crate) status: String,
    pub(crate) key: Option<String>,
    /// Seconds since the epoch.
    pub(crate) started: Option<f64>,
    pub(crate) seconds: Option<f64>,
    pub(crate) redrives: u64,
    pub(crate) reason: Option<String>,
}

impl ExecutionLine {
    fn json(&self) -> Value {
        json!({
            "execution": self.execution,
            "status": self.status,
            "key": self.key,
            "started": self.started.and_then(moment),
            "seconds": self.seconds.map(|seconds| (seconds * 1000.0).round() / 1000.0),
            "redrives": self.redrives,
            "reason": self.reason,
        })
    }
}

/// A list of executions, the newest last, where the eye is.
pub(crate) struct ExecutionList(Vec<Value>);

impl ExecutionList {
    /// The newest `limit` of the lines.
    pub(crate) fn new(lines: &[ExecutionLine], limit: Option<usize>) -> ExecutionList {
        let mut lines: Vec<Value> = lines.iter().map(ExecutionLine::json).collect();
        lines.sort_by(|a, b| a["started"].as_str().cmp(&b["started"].as_str()));
        if let Some(limit) = limit {
            lines.drain(..lines.len().saturating_sub(limit));
        }
        ExecutionList(lines)
    }
}

impl Answer for ExecutionList {
    fn text(&self) -> String {
        if self.0.is_empty() {
            "no executions\n".to_owned()
        } else {
            table(&self.0)
        }
    }

    fn json(&self) -> Value {
        Value::Array(self.0.clone())
    }

    fn well(&self) -> bool {
        true
    }
}

/// Everything about one execution.
pub(crate) struct ExecutionDetails {
    pub(crate) line: ExecutionLine,
    pub(crate) input: Value,
    pub(crate) history: Vec<HistoryEvent>,
    pub(crate) output: Option<Value>,
    pub(crate) notification: Option<String>,
    /// The file that was uploaded, where executions know one.
    pub(crate) file: Option<Value>,
    /// What people read below the page: where to look on, and what to type.
    pub(crate) next: String,
}

impl Answer for ExecutionDetails {
    fn text(&self) -> String {
        page(&self.json()) + &self.next
    }

    fn json(&self) -> Value {
        let mut report = self.line.json();
        report["input"] = self.input.clone();
        report["steps"] = Value::Array(steps(&self.history));
        report["output"] = self.output.clone().unwrap_or_default();
        report["notification"] = self.notification.clone().into();
        report["events"] = self.history.len().into();
        if let Some(file) = &self.file {
            report["file"] = file.clone();
        }
        report
    }

    fn well(&self) -> bool {
        true
    }
}

/// A list of executions for people.
fn table(lines: &[Value]) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{:<11} {:>8}  {:<24}  execution",
        "status", "seconds", "started (UTC)"
    );
    for line in lines {
        let seconds = line["seconds"]
            .as_f64()
            .map(|seconds| format!("{seconds:.3}"))
            .unwrap_or_default();
        let _ = writeln!(
            text,
            "{:<11} {seconds:>8}  {:<24}  {}",
            line["status"].as_str().unwrap_or_default(),
            line["started"].as_str().unwrap_or_default(),
            line["execution"].as_str().unwrap_or_default(),
        );
        if line["status"] == INTERRUPTED {
            let key = plain(line["key"].as_str().unwrap_or_default());
            let _ = writeln!(
                text,
                "{:<22}{key}: goes on with the next `ecg run` of its file",
                ""
            );
        }
        if let Some(reason) = line["reason"].as_str() {
            let _ = writeln!(
                text,
                "{:<22}{}: {}",
                "",
                plain(line["key"].as_str().unwrap_or_default()),
                plain(reason)
            );
        }
    }
    text
}

fn moment(seconds: f64) -> Option<String> {
    let moment = DateTime::from_timestamp_millis((seconds * 1000.0) as i64)?;
    Some(moment.to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// The states that were entered, in order, with their attempts.
fn steps(history: &[HistoryEvent]) -> Vec<Value> {
    let mut steps: Vec<Map<String, Value>> = Vec::new();
    for event in history {
        let details = event.details.values().next();
        let detail = |name: &str| details.and_then(|details| details.get(name)).map(json_text);
        if event.event_type.ends_with("StateEntered") {
            let mut step = Map::new();
            step.insert("state".to_owned(), detail("name").unwrap_or_default());
            step.insert(
                "type".to_owned(),
                event.event_type.trim_end_matches("StateEntered").into(),
            );
            step.insert("started".to_owned(), event.timestamp.into());
            step.insert("attempts".to_owned(), 0.into());
            step.insert("input".to_owned(), detail("input").unwrap_or_default());
            steps.push(step);
            continue;
        }
        let Some(step) = steps.last_mut() else { continue };
        match event.event_type.as_str() {
            "ExecutionRedriven" => {
                steps.push(Map::from_iter([
                    ("state".to_owned(), "(redriven)".into()),
                    ("started".to_owned(), event.timestamp.into()),
                ]));
            }
            "TaskScheduled" | "LambdaFunctionScheduled" => {
                // What the step was given says more than what the state was.
                if let Some(payload) =
                    detail("parameters").and_then(|mut given| given.get_mut("Payload").map(Value::take))
                {
                    step.insert("input".to_owned(), payload);
                }
                let attempts = step.get("attempts").and_then(Value::as_u64).unwrap_or(0) + 1;
                step.insert("attempts".to_owned(), attempts.into());
            }
            "TaskFailed" | "TaskTimedOut" | "LambdaFunctionFailed" | "LambdaFunctionTimedOut" => {
                step.insert("error".to_owned(), detail("error").unwrap_or_default());
                step.insert("cause".to_owned(), detail("cause").unwrap_or_default());
                step.insert("seconds".to_owned(), since(step, event));
            }
            kind if kind.ends_with("StateExited") => {
                step.insert("output".to_owned(), detail("output").unwrap_or_default());
                step.insert("seconds".to_owned(), since(step, event));
            }
            _ => {}
        }
    }
    steps.into_iter().map(Value::Object).collect()
}

fn since(step: &Map<String, Value>, event: &HistoryEvent) -> Value {
    let started = step
        .get("started")
        .and_then(Value::as_f64)
        .unwrap_or(event.timestamp);
    (((event.timestamp - started) * 1000.0).round() / 1000.0).into()
}

/// One execution for people.
fn page(report: &Value) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{}  {}",
        report["status"].as_str().unwrap_or_default(),
        report["execution"].as_str().unwrap_or_default()
    );
    let _ = writeln!(text, "key {}", plain(report["key"].as_str().unwrap_or_default()));
    if let Some(file) = report["file"].as_str() {
        let _ = writeln!(text, "file {}", plain(file));
    }
    let rerun = &report["input"]["rerun"];
    if let (Some(number), Some(why)) = (rerun["number"].as_u64(), rerun["reason"].as_str()) {
        let _ = writeln!(text, "rerun {number}: {}", plain(why));
    }
    if let Some(reason) = report["reason"].as_str() {
        let _ = writeln!(text, "reason {}", plain(reason));
    }
    let _ = writeln!(
        text,
        "\n{:<18} {:>8} {:>9}  error",
        "state", "attempts", "seconds"
    );
    for step in report["steps"].as_array().into_iter().flatten() {
        let number = |name: &str| step[name].as_f64();
        let _ = writeln!(
            text,
            "{:<18} {:>8} {:>9}  {}",
            step["state"].as_str().unwrap_or_default(),
            number("attempts")
                .filter(|attempts| *attempts > 0.0)
                .map(|attempts| attempts.to_string())
                .unwrap_or_default(),
            number("seconds")
                .map(|seconds| format!("{seconds:.3}"))
                .unwrap_or_default(),
            step["error"].as_str().unwrap_or_default(),
        );
        for name in ["input", "output", "cause"] {
            // Only steps do something to look at; the other states pass on what they got.
            if !step[name].is_null() && number("attempts").is_some_and(|attempts| attempts > 0.0) {
                let _ = writeln!(text, "    {name:<7} {}", shortened(&step[name]));
            }
        }
    }
    if let Some(notification) = report["notification"].as_str() {
        let _ = writeln!(text, "\nnotification");
        for line in notification.lines() {
            let _ = writeln!(text, "{}", plain(line));
        }
    }
    text
}

fn shortened(value: &Value) -> String {
    const SHOWN: usize = 300;
    let text = value.to_string();
    if text.chars().count() <= SHOWN {
        return text;
    }
    text.chars()
        .take(SHOWN)
        .chain(" … (--json shows all)".chars())
        .collect()
}
