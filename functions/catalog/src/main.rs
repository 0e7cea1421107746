//! The Lambda `catalog`: makes database, tables and views. What it does is in the library; this only ties it to AWS.

use ecg_core::StepError;
use ecg_lake::Lake;
use ecg_lambda::config::{self, ATHENA_WORKGROUP};
use step_catalog::{Answer, Athena, Request};

/// The places, and who runs statements of SQL in them.
struct Settings {
    lake: Lake,
    athena: Athena,
}

#[tokio::main]
async fn main() -> Result<(), ecg_lambda::Error> {
    ecg_lambda::serve_step("catalog", settings().await, catalog).await
}

async fn settings() -> Result<Settings, String> {
    let workgroup = config::required(ATHENA_WORKGROUP)?;
    let lake = ecg_lambda::catalogued_lake().await?;
    let client = aws_sdk_athena::Client::new(&ecg_lambda::aws_config().await);
    Ok(Settings {
        athena: Athena::new(client, workgroup, lake.database.clone()),
        lake,
    })
}

async fn catalog(settings: &Settings, _: Request) -> Result<Answer, StepError> {
    step_catalog::run(&settings.lake, &settings.athena).await
}
