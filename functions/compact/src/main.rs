//! The Lambda `compact`: a task of the compaction of a day. What it does is in the library; this only ties it to AWS.

use ecg_core::StepError;
use ecg_lake::{Lake, Waits};
use step_compact::{Answer, Request};

#[tokio::main]
async fn main() -> Result<(), ecg_lambda::Error> {
    ecg_lambda::serve_step("compact", ecg_lambda::catalogued_lake().await, compact).await
}

async fn compact(lake: &Lake, request: Request) -> Result<Answer, StepError> {
    let now_ms = i64::try_from(ecg_lambda::now_ms()).unwrap_or(i64::MAX);
    step_compact::run(lake, &Waits::ON_AWS, now_ms, request).await
}
