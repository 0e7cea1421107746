//! The Lambda `notify`: tells Slack what failed. What it does is in the library; this only ties it to AWS.

use ecg_core::StepError;
use ecg_core::config::{self, SLACK_SECRET};
use ecg_core::message::{NotifyInput, NotifyOutput};
use step_notify::{Links, SecretsManager, slack_from_secret};

/// Where the way to Slack is kept.
struct Settings {
    secrets: SecretsManager,
    secret: Option<String>,
}

#[tokio::main]
async fn main() -> Result<(), ecg_boot::Error> {
    let client = aws_sdk_secretsmanager::Client::new(&ecg_boot::aws_config().await);
    let settings = Settings {
        secrets: SecretsManager::new(client),
        secret: config::optional(SLACK_SECRET),
    };
    ecg_boot::serve_step("notify", Ok(settings), notify).await
}

async fn notify(settings: &Settings, input: NotifyInput) -> Result<NotifyOutput, StepError> {
    let links = Links::step_functions(&input.execution);
    let slack = match &settings.secret {
        Some(secret) => slack_from_secret(&settings.secrets, secret).await?,
        None => None,
    };
    // Without Slack the log is the console.
    step_notify::run(slack.as_ref(), &links, input, |text| {
        let secret = settings.secret.as_deref();
        tracing::warn!(
            text,
            secret,
            "Slack is not configured: {SLACK_SECRET} is not set, or its secret is empty"
        )
    })
    .await
}
