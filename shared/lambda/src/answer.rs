//! One event: from JSON to JSON around a step, in time, with a log line and a line of metrics at its end.

use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use ecg_core::StepError;
use ecg_core::message::one_line;
use futures::FutureExt;
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::Instrument;

use crate::clock::now_ms;
use crate::metrics::{Counts, Measured, counts_of};

/// What Lambda calls an invocation that it killed at its deadline.
const OUT_OF_TIME: &str = "Sandbox.Timedout";

/// How long before Lambda's deadline an answer is given: one that says what the step was at, and a line of metrics. Who
/// is killed at the deadline says nothing.
const MARGIN: Duration = Duration::from_millis(500);

/// What one Lambda is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Function<'a> {
    /// Name of the step, in every log line.
    pub(crate) name: &'static str,
    /// Namespace of its metrics.
    pub(crate) namespace: &'a str,
    /// Largest message to it and from it in bytes, where there is a limit.
    pub(crate) message_bytes_max: Option<usize>,
}

impl Function<'_> {
    /// Answers one event, and says how it went: a line of the log and a line of metrics.
    pub(crate) async fn answer<S, I: DeserializeOwned, O: Serialize + Counts>(
        self,
        setup: &Result<S, String>,
        step: &impl AsyncFn(&S, I) -> Result<O, StepError>,
        event: LambdaEvent<Value>,
    ) -> Result<Value, Diagnostic> {
        let (payload, context) = event.into_parts();
        let field = |name: &str| payload.get(name).and_then(Value::as_str).map(str::to_owned);
        let (recording_id, execution) = (field("recording_id"), field("execution"));
        // The sizes: of the message, and of the upload that it is about.
        let message_bytes = payload.to_string().len();
        let source_bytes = payload.pointer("/source/size").and_then(Value::as_u64);
        let span = tracing::info_span!(
            "invocation",
            step = self.name,
            request_id = context.request_id,
            recording_id,
            execution,
        );
        async {
            let begun = Instant::now();
            let outcome = match setup {
                Ok(setup) => {
                    let call = Call {
                        payload,
                        message_bytes,
                        time_left: time_left(&context, now_ms()),
                    };
                    self.call(setup, step, call).await
                }
                Err(reason) => Err(StepError::Internal(reason.clone()).into()),
            };
            let latency = begun.elapsed();
            let duration_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
            let (answer, counts) = match outcome {
                Ok(Answer { value, bytes, counts }) => {
                    tracing::info!(
                        duration_ms,
                        message_bytes,
                        source_bytes,
                        answer_bytes = bytes,
                        "done"
                    );
                    (Ok(value), counts)
                }
                Err(fault) => {
                    let told = fault.diagnostic();
                    let (error, cause) = (&told.error_type, &told.error_message);
                    tracing::error!(duration_ms, message_bytes, source_bytes, error, cause, "failed");
                    (Err(told), fault.counts())
                }
            };
            let measured = Measured {
                namespace: self.namespace,
                step: self.name,
                at_ms: now_ms(),
                latency,
                counts,
                properties: [
                    ("request_id", Some(context.request_id)),
                    ("recording_id", recording_id.clone()),
                    ("execution", execution.clone()),
                ],
            };
            // In one call, so that no other line gets into it. Where it cannot be written, no log can be either.
            let line = format!("{}\n", measured.document());
            let _ = std::io::stdout().lock().write_all(line.as_bytes());
            answer
        }
        .instrument(span)
        .await
    }

    /// The step's answer.
    ///
    /// Work that a step does on a blocking thread cannot be stopped, so after a missed deadline it goes on as long
    /// as Lambda lets the process run. What it writes, the retry writes again, byte for byte.
    async fn call<S, I: DeserializeOwned, O: Serialize + Counts>(
        self,
        setup: &S,
        step: &impl AsyncFn(&S, I) -> Result<O, StepError>,
        call: Call,
    ) -> Result<Answer, Fault> {
        let internal =
            |error: serde_json::Error| StepError::Internal(format!("message of {}: {error}", self.name));
        self.check_size("message", call.message_bytes)?;
        let input = serde_json::from_value(call.payload).map_err(internal)?;
        let time_left = call.time_left;
        // Boxed, because the future of an SDK call inside a step is too deep a type to lay out in one piece.
        let running = AssertUnwindSafe(Box::pin(step(setup, input))).catch_unwind();
        let output = match tokio::time::timeout(time_left, running).await {
            Ok(Ok(outcome)) => outcome?,
            Ok(Err(panic)) => {
                let text = text_of(&*panic);
                return Err(StepError::Internal(format!("{} panicked: {text}", self.name)).into());
            }
            Err(_) => {
                let left = time_left.as_millis();
                return Err(Fault::OutOfTime(format!(
                    "{}: expected an end within the {left} ms that Lambda gave, found none",
                    self.name
                )));
            }
        };
        let counts = output.counts();
        let value = serde_json::to_value(output).map_err(internal)?;
        let bytes = value.to_string().len();
        self.check_size("answer", bytes)?;
        Ok(Answer { value, bytes, counts })
    }

    fn check_size(self, what: &str, bytes: usize) -> Result<(), StepError> {
        match self.message_bytes_max {
            Some(most) if bytes > most => Err(StepError::Internal(format!(
                "{what} of {}: expected at most {most} bytes, found {bytes}",
                self.name
            ))),
            _ => Ok(()),
        }
    }
}

/// Why there is no answer.
enum Fault {
    Step(StepError),
    /// Told under Lambda's own name for it, which the workflow retries once: what was too slow is most likely too slow
    /// again, and five retries would use up the time of the whole execution.
    OutOfTime(String),
}

impl From<StepError> for Fault {
    fn from(error: StepError) -> Fault {
        Fault::Step(error)
    }
}

impl Fault {
    fn diagnostic(&self) -> Diagnostic {
        match self {
            Fault::Step(error) => diagnostic(error),
            Fault::OutOfTime(message) => Diagnostic {
                error_type: OUT_OF_TIME.to_owned(),
                error_message: one_line(message),
            },
        }
    }

    fn counts(&self) -> Vec<(crate::Metric, u64)> {
        match self {
            Fault::Step(error) => counts_of(error),
            Fault::OutOfTime(_) => Vec::new(),
        }
    }
}

/// What a step is called with.
struct Call {
    payload: Value,
    message_bytes: usize,
    time_left: Duration,
}

/// What a step answered.
struct Answer {
    value: Value,
    bytes: usize,
    counts: Vec<(crate::Metric, u64)>,
}

/// An error as Lambda reports it: `errorType` is the name that the workflow's Retry and Catch look for. The message is
/// cut as everywhere: it has to fit into the messages of the failure branch.
pub fn diagnostic(error: &StepError) -> Diagnostic {
    Diagnostic {
        error_type: error.name().to_owned(),
        error_message: one_line(&error.to_string()),
    }
}

/// Lambda gives its deadline as a time of day. `cargo lambda watch` gives a number of milliseconds, which would be a time
/// of day in January 1970: what is before the year 2001 is taken as such a number.
fn time_left(context: &Context, now_ms: u64) -> Duration {
    const A_TIME_OF_DAY_MS: u64 = 1_000_000_000_000;
    let left = match context.deadline {
        deadline if deadline < A_TIME_OF_DAY_MS => deadline,
        deadline => deadline.saturating_sub(now_ms),
    };
    Duration::from_millis(left).saturating_sub(MARGIN)
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "without a message",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ecg_core::Details;
    use ecg_core::message::MESSAGE_BYTES_MAX;
    use serde_json::json;

    const STEP: Function<'static> = Function {
        name: "parse",
        namespace: "ward-7",
        message_bytes_max: Some(MESSAGE_BYTES_MAX),
    };

    // What the steps of these tests answer counts nothing.
    impl Counts for Value {}
    impl Counts for String {}
    impl Counts for u32 {}
    impl Counts for () {}

    fn event(payload: Value, milliseconds: u64) -> LambdaEvent<Value> {
        let mut context = Context::default();
        context.request_id = "r-1".to_owned();
        context.deadline = now_ms() + milliseconds;
        LambdaEvent::new(payload, context)
    }

    async fn echo(_: &(), input: Value) -> Result<Value, StepError> {
        Ok(input)
    }

    async fn ask<O: Serialize + Counts>(
        setup: Result<(), String>,
        step: impl AsyncFn(&(), Value) -> Result<O, StepError>,
    ) -> Result<Value, (String, String)> {
        let answer = STEP
            .answer(&setup, &step, event(json!({ "recording_id": "a-1" }), 60_000))
            .await;
        answer.map_err(|diagnostic| (diagnostic.error_type, diagnostic.error_message))
    }

    #[test]
    fn an_error_looks_as_lambda_reports_it() {
        let errors = [
            StepError::Throttled("too many".into()),
            StepError::Transient("slow down".into()),
            StepError::Incomplete(Details::new("header (.hea)", "`a.hea`", "none")),
            StepError::Rejected(Details::new("val", "2 leads", "0").at(Some(24))),
            StepError::Erased,
            StepError::Conflict("changed".into()),
            StepError::Internal("a \"bug\"".into()),
        ];
        assert_eq!(errors.each_ref().map(StepError::name), StepError::NAMES);
        for error in errors {
            assert_eq!(serde_json::to_string(&diagnostic(&error)).unwrap(), error.cause());
        }
        let long = StepError::Internal("an SDK that\n talks \"".repeat(1_000));
        assert_eq!(serde_json::to_string(&diagnostic(&long)).unwrap(), long.cause());
        let rejected = StepError::Rejected(Details::new("val", "2 leads", "0"));
        assert_eq!(
            serde_json::to_value(diagnostic(&rejected)).unwrap(),
            json!({ "errorType": "Rejected", "errorMessage": "val: expected 2 leads, found 0" })
        );
    }

    #[tokio::test]
    async fn what_the_step_says_is_answered() {
        assert_eq!(ask(Ok(()), echo).await, Ok(json!({ "recording_id": "a-1" })));
        let conflict = ask(Ok(()), async |_: &(), _| {
            Err::<(), _>(StepError::Conflict("changed".into()))
        })
        .await;
        assert_eq!(conflict, Err(("Conflict".into(), "changed".into())));
    }

    #[tokio::test]
    async fn what_is_wrong_around_the_step_is_internal() {
        let (name, cause) = ask(
            Err("environment variable WORK_BUCKET: expected a value".into()),
            echo,
        )
        .await
        .unwrap_err();
        assert_eq!(
            (name.as_str(), cause.contains("WORK_BUCKET")),
            ("Internal", true),
            "{cause}"
        );

        let large = async |_: &(), _| Ok("x".repeat(MESSAGE_BYTES_MAX - 1));
        let (name, cause) = ask(Ok(()), large).await.unwrap_err();
        assert_eq!(name, "Internal");
        assert_eq!(cause, "answer of parse: expected at most 4096 bytes, found 4097");
        let just_fits = async |_: &(), _| Ok("x".repeat(MESSAGE_BYTES_MAX - 2));
        assert!(ask(Ok(()), just_fits).await.is_ok());

        let error = STEP
            .answer(
                &Ok(()),
                &echo,
                event(json!("x".repeat(MESSAGE_BYTES_MAX - 1)), 60_000),
            )
            .await
            .unwrap_err();
        assert_eq!(error.error_type, "Internal");
        assert_eq!(
            error.error_message,
            "message of parse: expected at most 4096 bytes, found 4097"
        );

        let panicking = async |_: &(), input: Value| -> Result<(), StepError> { panic!("no {input}") };
        let (name, cause) = ask(Ok(()), panicking).await.unwrap_err();
        assert_eq!(
            (name.as_str(), cause.starts_with("parse panicked: no {")),
            ("Internal", true),
            "{cause}"
        );

        let typed = async |_: &(), number: u32| Ok::<_, StepError>(number);
        let answer = STEP
            .answer(&Ok(()), &typed, event(json!("seven"), 60_000))
            .await
            .unwrap_err();
        assert_eq!(answer.error_type, "Internal");
        assert!(answer.error_message.contains("seven"), "{}", answer.error_message);
    }

    #[tokio::test]
    async fn a_batch_may_answer_more() {
        let batch = Function {
            message_bytes_max: None,
            ..STEP
        };
        let large = async |_: &(), _: Value| Ok("x".repeat(100_000));
        assert!(
            batch
                .answer(&Ok(()), &large, event(json!({}), 60_000))
                .await
                .is_ok()
        );
    }

    #[test]
    fn deadlines_of_lambda_and_of_cargo_lambda() {
        let left = |deadline| {
            let mut context = Context::default();
            context.deadline = deadline;
            time_left(&context, 1_795_420_800_000).as_millis()
        };
        assert_eq!(left(1_795_420_830_000), 29_500);
        assert_eq!(left(1_795_420_800_100), 0);
        assert_eq!(left(1_795_420_000_000), 0);
        assert_eq!(left(600_000), 599_500);
    }

    #[tokio::test]
    async fn a_step_that_takes_too_long_is_told_as_lambda_would() {
        let begun = Instant::now();
        let endless = async |_: &(), _: Value| std::future::pending::<Result<(), StepError>>().await;
        let answer = STEP
            .answer(&Ok(()), &endless, event(json!({}), 800))
            .await
            .unwrap_err();
        assert_eq!(answer.error_type, "Sandbox.Timedout");
        let waited = begun.elapsed();
        assert!(
            waited >= Duration::from_millis(200) && waited < Duration::from_millis(800),
            "{waited:?}"
        );
    }
}
