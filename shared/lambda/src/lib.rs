//! What the bootstrap of every Lambda shares, so that each `main.rs` only names its step and its places.
//!
//! * [`serve_step`] and [`serve_batch`] poll Lambda's runtime and answer; a failure is reported under the stable
//!   name of its [`StepError`].
//! * [`logs`] writes JSON lines, and each invocation ends with a line of [`metrics`].
//! * `lake` (feature `s3`) opens the places of a deployment; only with feature `glue` is the SDK of Glue linked.
//! * `athena` (feature `athena`) runs statements of SQL.
//!
//! Settings come from [`ecg_config`], once, before the first event. The clock here is for Lambda's deadline, for
//! metrics, and for how many messages notify sends: no time from it reaches a table.

mod answer;
#[cfg(feature = "athena")]
pub mod athena;
#[cfg(feature = "aws")]
mod aws;
mod clock;
#[cfg(feature = "s3")]
mod lake;
pub mod logs;
pub mod metrics;

use ecg_core::StepError;
use ecg_core::message::MESSAGE_BYTES_MAX;
use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use answer::diagnostic;
#[cfg(feature = "aws")]
pub use aws::{aws_config, call_error};
pub use clock::now_ms;
pub use ecg_config as config;
#[cfg(feature = "glue")]
pub use lake::catalogued_lake;
#[cfg(feature = "s3")]
pub use lake::object_lake;
pub use lambda_runtime::Error;
pub use metrics::{Counts, Metric};

use answer::Function;

/// Runs a step of the workflow as a Lambda. What it is sent and what it answers are messages, so they are small: see
/// [`MESSAGE_BYTES_MAX`].
///
/// A `setup` that failed does not end the process, which Step Functions would only see as `Runtime.ExitError`
/// without a reason: every event is answered with `Internal` and the reason, and nothing is done.
///
/// # Errors
/// If there is no Lambda runtime to ask for events, or it cannot be reached.
pub async fn serve_step<S, I: DeserializeOwned, O: Serialize + Counts>(
    name: &'static str,
    setup: Result<S, String>,
    step: impl AsyncFn(&S, I) -> Result<O, StepError>,
) -> Result<(), Error> {
    serve(name, Some(MESSAGE_BYTES_MAX), setup, step).await
}

/// Runs a function that is sent a batch of a queue: what it is sent and what it answers grow with the batch. Else as [`serve_step`].
///
/// # Errors
/// As [`serve_step`].
pub async fn serve_batch<S, I: DeserializeOwned, O: Serialize + Counts>(
    name: &'static str,
    setup: Result<S, String>,
    step: impl AsyncFn(&S, I) -> Result<O, StepError>,
) -> Result<(), Error> {
    serve(name, None, setup, step).await
}

async fn serve<S, I: DeserializeOwned, O: Serialize + Counts>(
    name: &'static str,
    message_bytes_max: Option<usize>,
    setup: Result<S, String>,
    step: impl AsyncFn(&S, I) -> Result<O, StepError>,
) -> Result<(), Error> {
    logs::start();
    if config::optional(config::LAMBDA_RUNTIME_API).is_none() {
        return Err(format!(
            "`{name}` is a Lambda: expected its runtime at {}, found none; to try it: cargo lambda watch",
            config::LAMBDA_RUNTIME_API
        )
        .into());
    }
    if let Err(reason) = &setup {
        tracing::error!(step = name, reason, "not set up: every event will be refused");
    }
    let namespace =
        config::optional(config::METRICS_NAMESPACE).unwrap_or_else(|| metrics::NAMESPACE.to_owned());
    let function = Function {
        name,
        namespace: &namespace,
        message_bytes_max,
    };
    let (setup, step) = (&setup, &step);
    Runtime::new(service_fn(|event: LambdaEvent<Value>| {
        function.answer(setup, step, event)
    }))
    .run()
    .await
}
