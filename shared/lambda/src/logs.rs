//! Logs: one JSON object per line on standard output, where Lambda picks them up.
//!
//! A line has `timestamp`, `level`, `target`, the fields of the event with its `message`, and under `span` what the
//! invocation is about: `step`, `request_id`, `recording_id` and, where the message names it, `execution`.

use ecg_config as config;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts the logs of this process; a second call changes nothing.
pub fn start() {
    let wanted = config::optional(config::LOG_FILTER);
    let (targets, unreadable) = filter(wanted.as_deref());
    if tracing_subscriber::registry()
        .with(lines(std::io::stdout).with_filter(targets))
        .try_init()
        .is_ok()
        && let Some(reason) = unreadable
    {
        tracing::warn!(variable = config::LOG_FILTER, reason, "logging at `info` instead");
    }
}

fn lines<S, W>(writer: W) -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_writer(writer)
}

/// What to log, and why the wish could not be met.
fn filter(wanted: Option<&str>) -> (Targets, Option<String>) {
    let (targets, unreadable) = match wanted.unwrap_or("info").parse::<Targets>() {
        Ok(targets) => (targets, None),
        Err(error) => (
            Targets::new().with_default(LevelFilter::INFO),
            Some(error.to_string()),
        ),
    };
    // The runtime repeats every error that we have logged with its fields.
    (
        targets.with_target("lambda_runtime::layers::panic", LevelFilter::OFF),
        unreadable,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::io::Write;
    use std::sync::{Arc, Mutex};
    use tracing::Level;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_says_what_it_is_about() {
        let written = Lines::default();
        let writer = written.clone();
        let subscriber =
            tracing_subscriber::registry().with(lines(move || writer.clone()).with_filter(filter(None).0));
        tracing::subscriber::with_default(subscriber, || {
            let execution: Option<&str> = None;
            let span = tracing::info_span!("invocation", step = "parse", recording_id = "a-1", execution);
            span.in_scope(|| {
                tracing::info!(duration_ms = 12, "done");
                tracing::debug!("not asked for");
                tracing::error!(target: "lambda_runtime::layers::panic", "said twice");
            });
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let line: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(
            (&line["level"], &line["message"]),
            (&Value::from("INFO"), &Value::from("done"))
        );
        assert_eq!(line["duration_ms"], 12);
        assert_eq!(
            (&line["span"]["step"], &line["span"]["recording_id"]),
            (&Value::from("parse"), &Value::from("a-1"))
        );
        assert_eq!(line["span"].get("execution"), None);
    }

    #[test]
    fn the_filter_is_the_operators() {
        let (targets, unreadable) = filter(Some("warn,step_parse=debug"));
        assert!(targets.would_enable("step_parse::decode", &Level::DEBUG) && unreadable.is_none());
        assert!(!targets.would_enable("step_write", &Level::INFO));
        let (targets, unreadable) = filter(Some("step_parse=loud"));
        assert!(targets.would_enable("step_write", &Level::INFO) && unreadable.is_some());
    }
}
