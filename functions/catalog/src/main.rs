//! The Lambda `catalog`: makes database, tables and views. What it does is in the library; this only ties it to AWS.

use std::time::Duration;

use ecg_core::StepError;
use ecg_lake::Lake;
use ecg_lambda::athena::Athena;
use ecg_lambda::config::{self, ATHENA_WORKGROUP};
use step_catalog::{Answer, Request};

/// How long it may take, below the function's time limit: a deployment that is not answered waits for an hour.
const LONGEST: Duration = Duration::from_secs(100);

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

async fn catalog(settings: &Settings, request: Request) -> Result<Answer, StepError> {
    if request.removes() {
        return request.tell(Ok(Answer::default())).await;
    }
    let run = step_catalog::run(&settings.lake, &settings.athena);
    let late = |_| {
        Err(StepError::Transient(format!(
            "expected tables and views within {} s, found them not done",
            LONGEST.as_secs()
        )))
    };
    let outcome = tokio::time::timeout(LONGEST, run).await.unwrap_or_else(late);
    if let Err(error) = &outcome {
        tracing::error!(error = error.name(), cause = %error, "the catalog is not as it should be");
    }
    request.tell(outcome).await
}
