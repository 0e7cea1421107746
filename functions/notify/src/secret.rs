//! The way to Slack as a secret: fetched when a message has to be sent, so a rotated secret counts at once, and kept
//! nowhere.
//!
//! The secret is the address of an incoming webhook, or JSON with the names that the command line uses as well:
//! `{"SLACK_WEBHOOK_URL": …}` or `{"SLACK_BOT_TOKEN": …, "SLACK_CHANNEL": …}`, the latter with `SLACK_API_URL` where
//! the bot's messages go to another address than Slack's own.

use std::future::Future;

use ecg_core::StepError;
use serde_json::Value;

use crate::Slack;

/// Where secrets are kept.
pub trait Secrets {
    /// The text of the secret of this name or ARN, empty where it has got no value yet.
    fn text(&self, id: &str) -> impl Future<Output = Result<String, StepError>>;
}

/// The way to Slack that a secret holds; `None` where nobody has filled it in: no text, or an empty JSON object, or one
/// with nothing but empty texts.
///
/// # Errors
/// `Internal` if the secret has another form, or what the keeper of the secrets says. The secret's text is in no error.
pub async fn slack_from_secret(secrets: &impl Secrets, id: &str) -> Result<Option<Slack>, StepError> {
    let text = secrets.text(id).await?;
    if is_blank(text.trim()) {
        return Ok(None);
    }
    read(text.trim()).map(Some).ok_or_else(|| {
        StepError::Internal(format!(
            "secret {id}: expected the address of a webhook, or JSON with SLACK_WEBHOOK_URL, or with SLACK_BOT_TOKEN and \
             SLACK_CHANNEL, found something else"
        ))
    })
}

fn is_blank(text: &str) -> bool {
    match serde_json::from_str(text) {
        Ok(Value::Object(parts)) => parts.values().all(|part| part.as_str() == Some("")),
        _ => text.is_empty(),
    }
}

fn read(text: &str) -> Option<Slack> {
    if text.starts_with("https://") || text.starts_with("http://") {
        return Some(Slack::Webhook { url: text.to_owned() });
    }
    let json: Value = serde_json::from_str(text).ok()?;
    let part = |name: &str| {
        json.get(name)?
            .as_str()
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let mut slack = Slack::from_parts(
        part("SLACK_WEBHOOK_URL"),
        part("SLACK_BOT_TOKEN"),
        part("SLACK_CHANNEL"),
    )?;
    if let (Slack::Bot { url, .. }, Some(other)) = (&mut slack, part("SLACK_API_URL")) {
        *url = other;
    }
    Some(slack)
}

/// AWS Secrets Manager.
#[cfg(feature = "lambda")]
#[derive(Debug, Clone)]
pub struct SecretsManager {
    client: aws_sdk_secretsmanager::Client,
}

#[cfg(feature = "lambda")]
impl SecretsManager {
    /// Asks with this client.
    pub fn new(client: aws_sdk_secretsmanager::Client) -> SecretsManager {
        SecretsManager { client }
    }
}

#[cfg(feature = "lambda")]
impl Secrets for SecretsManager {
    async fn text(&self, id: &str) -> Result<String, StepError> {
        use aws_sdk_secretsmanager::error::ProvideErrorMetadata;

        let operation = format!("GetSecretValue of {id}");
        match self.client.get_secret_value().secret_id(id).send().await {
            Ok(answer) => answer.secret_string.ok_or_else(|| {
                StepError::Internal(format!(
                    "{operation}: expected a secret that is text, found a binary one"
                ))
            }),
            Err(error) => Err(match error.as_service_error() {
                // There is a secret and nobody has given it a value; a secret that is not there has the same code.
                Some(said)
                    if said.is_resource_not_found_exception()
                        && said
                            .message()
                            .is_some_and(|message| message.contains("AWSCURRENT")) =>
                {
                    return Ok(String::new());
                }
                _ => ecg_lambda::call_error(&operation, &error),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Keeps(&'static str);

    impl Secrets for Keeps {
        async fn text(&self, _: &str) -> Result<String, StepError> {
            Ok(self.0.to_owned())
        }
    }

    fn bot(url: &str) -> Slack {
        Slack::Bot {
            token: "xoxb-1".into(),
            channel: "C1".into(),
            url: url.into(),
        }
    }

    #[tokio::test]
    async fn forms_of_the_secret() {
        let webhook = |url: &str| Slack::Webhook { url: url.into() };
        for (text, expected) in [
            (
                "https://hooks.example/T/B/1\n",
                webhook("https://hooks.example/T/B/1"),
            ),
            (
                r#"{"SLACK_WEBHOOK_URL":"https://hooks.example/2"}"#,
                webhook("https://hooks.example/2"),
            ),
            (
                r#"{"SLACK_BOT_TOKEN":"xoxb-1","SLACK_CHANNEL":"C1"}"#,
                bot("https://slack.com/api/chat.postMessage"),
            ),
            (
                r#"{"SLACK_BOT_TOKEN":"xoxb-1","SLACK_CHANNEL":"C1","SLACK_API_URL":"http://127.0.0.1:1/post"}"#,
                bot("http://127.0.0.1:1/post"),
            ),
        ] {
            assert!(
                slack_from_secret(&Keeps(text), "slack").await == Ok(Some(expected)),
                "{text}"
            );
        }
    }

    #[tokio::test]
    async fn a_secret_that_nobody_filled_in_is_no_fault() {
        for text in [
            "",
            "  \n",
            "{}",
            r#"{"SLACK_WEBHOOK_URL":"","SLACK_BOT_TOKEN":""}"#,
        ] {
            assert_eq!(slack_from_secret(&Keeps(text), "slack").await, Ok(None), "{text}");
        }
    }

    #[tokio::test]
    async fn a_secret_that_is_no_use_is_not_shown() {
        for text in [
            "xoxb-hidden",
            r#"{"SLACK_BOT_TOKEN":"xoxb-hidden"}"#,
            r#"["xoxb-hidden"]"#,
        ] {
            let error = slack_from_secret(&Keeps(text), "slack").await.unwrap_err();
            assert_eq!(error.name(), "Internal");
            assert!(
                error.to_string().contains("secret slack") && !error.to_string().contains("hidden"),
                "{error}"
            );
        }
    }
}
