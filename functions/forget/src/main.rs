//! The Lambda `forget`: a task of an erasure. What it does is in the library; this only ties it to AWS.

use ecg_core::StepError;
use ecg_lambda::athena::Athena;
use ecg_lambda::config::{self, ATHENA_WORKGROUP, RAW_BUCKET, RESULTS_BUCKET, STATE_MACHINE_ARN};
use step_forget::{Answer, Places, Request};

#[tokio::main]
async fn main() -> Result<(), ecg_lambda::Error> {
    ecg_lambda::serve_step("forget", places().await, forget).await
}

async fn forget(places: &Places, request: Request) -> Result<Answer, StepError> {
    let now_ms = i64::try_from(ecg_lambda::now_ms()).unwrap_or(i64::MAX);
    step_forget::run(places, now_ms, request).await
}

async fn places() -> Result<Places, String> {
    let lake = ecg_lambda::catalogued_lake().await?;
    let aws = ecg_lambda::aws_config().await;
    let athena = aws_sdk_athena::Client::new(&aws);
    Ok(Places {
        raw: config::required(RAW_BUCKET)?,
        results: config::required(RESULTS_BUCKET)?,
        athena: Athena::new(athena, config::required(ATHENA_WORKGROUP)?, lake.database.clone()),
        executions: aws_sdk_sfn::Client::new(&aws),
        workflow: config::required(STATE_MACHINE_ARN)?,
        lake,
    })
}
