//! The notify step: tells people which step failed, why, on which file, and what to type next.

mod message;
mod secret;
mod slack;

use ecg_core::StepError;
use ecg_core::message::{NotifyInput, NotifyOutput};

pub use message::{Links, execution_link, slack_payload, text};
#[cfg(feature = "lambda")]
pub use secret::SecretsManager;
pub use secret::{Secrets, slack_from_secret};
pub use slack::{Slack, send};

/// Sends the message to Slack, or, where none is configured, hands it to `console`.
///
/// # Errors
/// `Transient` where Slack asks to come back later or can not be reached, `Internal` where it refuses.
pub async fn run(
    slack: Option<&Slack>,
    links: &Links,
    input: NotifyInput,
    console: impl FnOnce(&str),
) -> Result<NotifyOutput, StepError> {
    let delivered_to = match slack {
        Some(slack) => {
            let payload = message::slack_payload(&input, links);
            let slack = slack.clone();
            tokio::task::spawn_blocking(move || slack::send(&slack, &payload))
                .await
                .map_err(|error| StepError::Internal(format!("notify stopped: {error}")))??;
            "slack"
        }
        None => {
            console(&message::text(&input, links));
            "console"
        }
    };
    Ok(NotifyOutput {
        recording_id: input.recording_id,
        delivered_to: delivered_to.to_owned(),
    })
}
