//! What steps log, kept in the journal for each attempt: what Lambda's logs are on AWS.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use ecg_core::StepError;
use ecg_journal::Journal;
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::instrument::WithSubscriber;
use tracing::{Event, Level, Metadata, Subscriber, span};

use crate::execute::now;

/// Most bytes of the lines of one attempt; what comes after them is counted, and dropped.
const BYTES_MAX: usize = 64 << 10;

/// The logs of one attempt of a step.
pub(crate) struct Attempt {
    journal: Journal,
    execution: String,
    lines: Arc<Lines>,
    began: Instant,
    bytes_in: usize,
}

impl Attempt {
    /// `payload` is the message of the step, which names the execution.
    pub(crate) fn begin(journal: &Journal, step: &str, payload: &Value) -> Attempt {
        let text = |name: &str| payload[name].as_str().unwrap_or_default().to_owned();
        let execution = match text("execution") {
            name if name.is_empty() => text("recording_id"),
            name => name,
        };
        Attempt {
            lines: Arc::new(Lines {
                step: step.to_owned(),
                attempt: journal.next_attempt(&execution, step),
                written: Mutex::default(),
            }),
            journal: journal.clone(),
            execution,
            began: Instant::now(),
            bytes_in: payload.to_string().len(),
        }
    }

    /// Runs the step, and keeps what it logs and how it ended.
    pub(crate) async fn log(
        self,
        step: impl Future<Output = Result<Value, StepError>>,
    ) -> Result<Value, StepError> {
        let outcome = step.with_subscriber(ToLines(self.lines.clone())).await;
        let mut end = Map::new();
        end.insert(
            "duration_ms".to_owned(),
            (self.began.elapsed().as_millis() as u64).into(),
        );
        end.insert("message_bytes".to_owned(), self.bytes_in.into());
        match &outcome {
            Ok(_) => self.lines.add(Level::INFO, "done", end),
            Err(error) => {
                end.insert("error".to_owned(), error.name().into());
                end.insert("cause".to_owned(), error.to_string().into());
                self.lines.add(Level::ERROR, "failed", end);
            }
        }
        let written = std::mem::take(&mut *self.lines.written());
        self.journal.log(&self.execution, &written.bytes);
        outcome
    }
}

#[derive(Debug)]
struct Lines {
    step: String,
    attempt: u64,
    written: Mutex<Written>,
}

#[derive(Debug, Default)]
struct Written {
    bytes: Vec<u8>,
    dropped: u64,
}

impl Lines {
    fn written(&self) -> std::sync::MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, level: Level, message: &str, mut fields: Map<String, Value>) {
        let mut written = self.written();
        let last = matches!(message, "done" | "failed");
        if written.bytes.len() > BYTES_MAX && !last {
            written.dropped += 1;
            return;
        }
        if written.dropped > 0 {
            fields.insert("lines_dropped".to_owned(), written.dropped.into());
        }
        let mut line = json!({
            "timestamp": now().timestamp_millis() as f64 / 1000.0,
            "level": level.as_str(),
            "step": self.step,
            "attempt": self.attempt,
            "message": message,
        });
        if let Some(line) = line.as_object_mut() {
            for (name, value) in fields {
                line.entry(name).or_insert(value);
            }
        }
        written.bytes.extend_from_slice(line.to_string().as_bytes());
        written.bytes.push(b'\n');
    }
}

/// Takes the events of our own crates, from `info` on.
struct ToLines(Arc<Lines>);

impl Subscriber for ToLines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let ours = metadata.target().starts_with("ecg") || metadata.target().starts_with("step_");
        metadata.is_event() && ours && *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.0
            .add(*event.metadata().level(), &fields.message, fields.others);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.others.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.others.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.others.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.others.insert(field.name().to_owned(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.others.insert(field.name().to_owned(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            self.message = text;
        } else {
            self.others.insert(field.name().to_owned(), text.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_name_step_and_attempt_and_end_with_the_outcome() {
        let lines = Arc::new(Lines {
            step: "parse".to_owned(),
            attempt: 2,
            written: Mutex::default(),
        });
        async {
            tracing::info!(rows = 4, "decoded");
            tracing::debug!("not kept");
            tracing::warn!(target: "hyper", "not ours");
        }
        .with_subscriber(ToLines(lines.clone()))
        .await;
        for _ in 0..2_000 {
            lines.add(Level::INFO, &"x".repeat(100), Map::new());
        }
        lines.add(Level::ERROR, "failed", Map::new());
        let text = String::from_utf8(lines.written().bytes.clone()).unwrap();
        let told: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(
            (
                &told[0]["message"],
                &told[0]["rows"],
                &told[0]["step"],
                &told[0]["attempt"]
            ),
            (&json!("decoded"), &json!(4), &json!("parse"), &json!(2))
        );
        let last = told.last().unwrap();
        assert_eq!(last["message"], "failed");
        assert!(last["lines_dropped"].as_u64().unwrap() > 1_000, "{last}");
        assert!(text.len() < BYTES_MAX + 1_000);
        assert!(!text.contains("not kept") && !text.contains("not ours"));
    }
}
