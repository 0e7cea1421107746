//! The notify step: tells people which step failed, why, on which file, and what to type next. Of a flood of failures of one
//! cause it sends a few messages, and one for all the rest.

mod flood;
mod message;
mod request;
mod secret;
mod slack;

use ecg_core::StepError;
use ecg_core::layout::SMOKE_TEST;
use ecg_core::message::{DigestInput, DigestOutput, NotifyInput, NotifyOutput};

pub use flood::{Admitted, Digest, Notices};
pub use message::{Links, digest_payload, execution_link, slack_payload, text};
pub use request::{Answer, Request};
#[cfg(feature = "lambda")]
pub use secret::SecretsManager;
pub use secret::{Secrets, slack_from_secret};
pub use slack::{Slack, send};

/// Sends the message to Slack, or, where none is configured, hands it to `console`.
///
/// # Errors
/// `Throttled` where Slack asks to come back later, `Transient` where it cannot be reached, `Internal` where it refuses.
pub async fn run(
    slack: Option<&Slack>,
    links: &Links,
    input: NotifyInput,
    console: impl FnOnce(&str),
) -> Result<NotifyOutput, StepError> {
    let delivered_to = match slack {
        _ if about_smoke_test(&input) => "nobody",
        Some(slack) => {
            post(slack, message::slack_payload(&input, links)).await?;
            "slack"
        }
        None => {
            console(&message::text(&input, links));
            "console"
        }
    };
    Ok(told(input, delivered_to))
}

/// As [`run`], where messages go to Slack and many may come at once: of a flood of one cause most wait for a digest.
///
/// # Errors
/// As [`run`], and what the store says.
pub async fn run_in_a_flood(
    slack: &Slack,
    notices: Notices<'_>,
    links: &Links,
    input: NotifyInput,
    now_ms: i64,
) -> Result<NotifyOutput, StepError> {
    let admitted = if about_smoke_test(&input) {
        Admitted::Single
    } else {
        notices.admit(&input, now_ms).await?
    };
    if admitted == Admitted::Single {
        return run(Some(slack), links, input, |_| {}).await;
    }
    Ok(NotifyOutput {
        begins_digest: admitted == Admitted::BeginsDigest,
        ..told(input, "digest")
    })
}

/// Sends the digests that an execution began and whose floods are over.
///
/// # Errors
/// As [`run`], and what the store says.
pub async fn digests(
    slack: &Slack,
    notices: Notices<'_>,
    input: &DigestInput,
    now_ms: i64,
) -> Result<DigestOutput, StepError> {
    notices
        .digests(input, now_ms, async |digest| {
            post(slack, digest_payload(digest)).await
        })
        .await
}

fn about_smoke_test(input: &NotifyInput) -> bool {
    input.source.key.starts_with(SMOKE_TEST)
}

async fn post(slack: &Slack, payload: serde_json::Value) -> Result<(), StepError> {
    let slack = slack.clone();
    tokio::task::spawn_blocking(move || slack::send(&slack, &payload))
        .await
        .map_err(|error| StepError::Internal(format!("notify stopped: {error}")))?
}

fn told(input: NotifyInput, delivered_to: &str) -> NotifyOutput {
    NotifyOutput {
        recording_id: input.recording_id,
        delivered_to: delivered_to.to_owned(),
        begins_digest: false,
    }
}
