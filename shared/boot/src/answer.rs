//! One event: from JSON to JSON around a step, in time, with a log line at its end.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use ecg_core::StepError;
use futures::FutureExt;
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::Instrument;

/// Largest answer of a step in bytes: messages point at objects, they do not carry them.
pub const MESSAGE_BYTES_MAX: usize = 4096;

/// How long before Lambda's deadline an answer is given, so that the workflow sees `Transient`, which it retries,
/// and not a function that was killed.
const MARGIN: Duration = Duration::from_millis(500);

/// What one Lambda is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Function {
    /// Name of the step, in every log line.
    pub(crate) name: &'static str,
    /// Largest answer in bytes, where there is a limit.
    pub(crate) answer_bytes_max: Option<usize>,
}

impl Function {
    /// Answers one event and logs how it went.
    pub(crate) async fn answer<S, I: DeserializeOwned, O: Serialize>(
        self,
        setup: &Result<S, String>,
        step: &impl AsyncFn(&S, I) -> Result<O, StepError>,
        event: LambdaEvent<Value>,
    ) -> Result<Value, Diagnostic> {
        let (payload, context) = event.into_parts();
        let field = |name: &str| payload.get(name).and_then(Value::as_str).map(str::to_owned);
        let span = tracing::info_span!(
            "invocation",
            step = self.name,
            request_id = context.request_id,
            recording_id = field("recording_id"),
            execution = field("execution"),
        );
        async {
            let begun = Instant::now();
            let outcome = match setup {
                Ok(setup) => {
                    self.call(setup, step, payload, time_left(&context, now_ms()))
                        .await
                }
                Err(reason) => Err(StepError::Internal(reason.clone())),
            };
            let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            match outcome {
                Ok((answer, answer_bytes)) => {
                    tracing::info!(duration_ms, answer_bytes, "done");
                    Ok(answer)
                }
                Err(error) => {
                    tracing::error!(duration_ms, error = error.name(), cause = %error, "failed");
                    Err(diagnostic(&error))
                }
            }
        }
        .instrument(span)
        .await
    }

    /// The step's answer and its size in bytes.
    ///
    /// Work that a step does on a blocking thread can not be stopped, so after a missed deadline it goes on as long
    /// as Lambda lets the process run. That is harmless: what it writes, the retry writes again, byte for byte.
    async fn call<S, I: DeserializeOwned, O: Serialize>(
        self,
        setup: &S,
        step: &impl AsyncFn(&S, I) -> Result<O, StepError>,
        payload: Value,
        time_left: Duration,
    ) -> Result<(Value, usize), StepError> {
        let internal =
            |error: serde_json::Error| StepError::Internal(format!("message of {}: {error}", self.name));
        let input = serde_json::from_value(payload).map_err(internal)?;
        // Boxed, because the future of an SDK call inside a step is too deep a type to lay out in one piece.
        let running = AssertUnwindSafe(Box::pin(step(setup, input))).catch_unwind();
        let output = match tokio::time::timeout(time_left, running).await {
            Ok(Ok(outcome)) => outcome?,
            Ok(Err(panic)) => {
                return Err(StepError::Internal(format!(
                    "{} panicked: {}",
                    self.name,
                    text_of(&*panic)
                )));
            }
            Err(_) => {
                let left = time_left.as_millis();
                return Err(StepError::Transient(format!(
                    "{}: expected an end within the {left} ms that Lambda gave, found none",
                    self.name
                )));
            }
        };
        let answer = serde_json::to_value(output).map_err(internal)?;
        let bytes = answer.to_string().len();
        match self.answer_bytes_max {
            Some(most) if bytes > most => Err(StepError::Internal(format!(
                "answer of {}: expected at most {most} bytes, found {bytes}",
                self.name
            ))),
            _ => Ok((answer, bytes)),
        }
    }
}

/// An error as Lambda reports it: `errorType` is the name that the workflow's Retry and Catch look for.
pub fn diagnostic(error: &StepError) -> Diagnostic {
    Diagnostic {
        error_type: error.name().to_owned(),
        error_message: error.to_string(),
    }
}

fn time_left(context: &Context, now_ms: u64) -> Duration {
    Duration::from_millis(context.deadline.saturating_sub(now_ms)).saturating_sub(MARGIN)
}

/// Lambda gives its deadline as a time of day, so this is one of the few clocks; nothing that is written depends on it.
#[allow(clippy::disallowed_methods)]
fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
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
    use serde_json::json;

    const STEP: Function = Function {
        name: "parse",
        answer_bytes_max: Some(MESSAGE_BYTES_MAX),
    };

    fn event(payload: Value, milliseconds: u64) -> LambdaEvent<Value> {
        let mut context = Context::default();
        context.request_id = "r-1".to_owned();
        context.deadline = now_ms() + milliseconds;
        LambdaEvent::new(payload, context)
    }

    async fn echo(_: &(), input: Value) -> Result<Value, StepError> {
        Ok(input)
    }

    async fn ask<O: Serialize>(
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
            StepError::Transient("slow down".into()),
            StepError::Rejected(Details::new("val", "2 leads", "0").at(Some(24))),
            StepError::Conflict("changed".into()),
            StepError::Internal("a \"bug\"".into()),
        ];
        assert_eq!(errors.each_ref().map(StepError::name), StepError::NAMES);
        for error in errors {
            assert_eq!(serde_json::to_string(&diagnostic(&error)).unwrap(), error.cause());
        }
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
            answer_bytes_max: None,
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

    #[tokio::test]
    async fn a_step_that_takes_too_long_is_to_be_retried() {
        let begun = Instant::now();
        let endless = async |_: &(), _: Value| std::future::pending::<Result<(), StepError>>().await;
        let answer = STEP
            .answer(&Ok(()), &endless, event(json!({}), 800))
            .await
            .unwrap_err();
        assert_eq!(answer.error_type, "Transient");
        let waited = begun.elapsed();
        assert!(
            waited >= Duration::from_millis(200) && waited < Duration::from_millis(800),
            "{waited:?}"
        );
    }
}
