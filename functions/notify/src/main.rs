//! The Lambda `notify`: tells Slack what failed. What it does is in the library; this only ties it to AWS.

use ecg_core::StepError;
use ecg_core::message::DigestOutput;
use ecg_lake::Lake;
use ecg_lambda::config::{self, SLACK_SECRET};
use step_notify::{Answer, Links, Notices, Request, SecretsManager, slack_from_secret};

/// Where the way to Slack is kept, and where notices lie.
struct Settings {
    secrets: SecretsManager,
    secret: Option<String>,
    lake: Lake,
}

#[tokio::main]
async fn main() -> Result<(), ecg_lambda::Error> {
    let client = aws_sdk_secretsmanager::Client::new(&ecg_lambda::aws_config().await);
    let settings = ecg_lambda::object_lake().await.map(|lake| Settings {
        secrets: SecretsManager::new(client),
        secret: config::optional(SLACK_SECRET),
        lake,
    });
    ecg_lambda::serve_step("notify", settings, notify).await
}

async fn notify(settings: &Settings, request: Request) -> Result<Answer, StepError> {
    let slack = match &settings.secret {
        Some(secret) => slack_from_secret(&settings.secrets, secret).await?,
        None => None,
    };
    let notices = Notices {
        store: settings.lake.store.as_ref(),
        bucket: &settings.lake.work,
    };
    let now_ms = i64::try_from(ecg_lambda::now_ms()).unwrap_or(i64::MAX);
    match (request, slack) {
        (Request::Failure(input), Some(slack)) => {
            let links = Links::step_functions(&input.execution);
            step_notify::run_in_a_flood(&slack, notices, &links, *input, now_ms)
                .await
                .map(Answer::Failure)
        }
        // Without Slack the log is the console.
        (Request::Failure(input), None) => {
            let links = Links::step_functions(&input.execution);
            step_notify::run(None, &links, *input, |text| {
                let secret = settings.secret.as_deref();
                tracing::warn!(
                    text,
                    secret,
                    "Slack is not configured: {SLACK_SECRET} is not set, or its secret is empty"
                )
            })
            .await
            .map(Answer::Failure)
        }
        (Request::Digests(input), Some(slack)) => step_notify::digests(&slack, notices, &input, now_ms)
            .await
            .map(Answer::Digests),
        (Request::Digests(input), None) => {
            tracing::warn!(
                execution = input.digest_for,
                "no digest: Slack is not configured any more"
            );
            Ok(Answer::Digests(DigestOutput { told: 0, waiting: 0 }))
        }
    }
}
