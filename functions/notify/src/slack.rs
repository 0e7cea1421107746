//! Sending to Slack: an incoming webhook, or a bot token with a channel.

use std::thread::sleep;
use std::time::Duration;

use ecg_core::StepError;
use serde_json::Value;

/// Address of the call that a bot makes.
const POST_MESSAGE: &str = "https://slack.com/api/chat.postMessage";

/// Longest time to wait for one answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Longest `Retry-After` that is waited for here; beyond it the state machine's retry takes over.
const LONGEST_WAIT_S: u64 = 10;

/// How a message gets to Slack.
#[derive(Clone, PartialEq, Eq)]
pub enum Slack {
    /// An incoming webhook. The address is a secret.
    Webhook {
        /// Address of the webhook.
        url: String,
    },
    /// A bot in a channel.
    Bot {
        /// Token of the bot, a secret.
        token: String,
        /// Channel id.
        channel: String,
        /// Address of `chat.postMessage`; another one in tests.
        url: String,
    },
}

impl Slack {
    /// From what is configured: a webhook, or a bot token and a channel. `None` where neither is.
    pub fn from_parts(
        webhook: Option<String>,
        token: Option<String>,
        channel: Option<String>,
    ) -> Option<Slack> {
        match (webhook, token, channel) {
            (Some(url), _, _) => Some(Slack::Webhook { url }),
            (None, Some(token), Some(channel)) => Some(Slack::Bot {
                token,
                channel,
                url: POST_MESSAGE.to_owned(),
            }),
            _ => None,
        }
    }
}

impl std::fmt::Debug for Slack {
    /// Secrets do not get into logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Slack::Webhook { .. } => "Webhook",
            Slack::Bot { .. } => "Bot",
        })
    }
}

/// Sends one message; waits once for a short `Retry-After`.
///
/// # Errors
/// `Throttled` where Slack asks for a longer wait; `Transient` where it cannot be reached or has an error of its own; `Internal` where it refuses,
/// which it may do with status 200 and `{"ok":false}`.
pub fn send(slack: &Slack, payload: &Value) -> Result<(), StepError> {
    match attempt(slack, payload)? {
        Answer::Delivered => Ok(()),
        Answer::Wait(seconds) if seconds <= LONGEST_WAIT_S => {
            sleep(Duration::from_secs(seconds));
            match attempt(slack, payload)? {
                Answer::Delivered => Ok(()),
                Answer::Wait(seconds) => Err(come_back(seconds)),
            }
        }
        Answer::Wait(seconds) => Err(come_back(seconds)),
    }
}

enum Answer {
    Delivered,
    Wait(u64),
}

fn come_back(seconds: u64) -> StepError {
    StepError::Throttled(format!("Slack: status 429, come back in {seconds} s"))
}

fn attempt(slack: &Slack, payload: &Value) -> Result<Answer, StepError> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .build()
        .into();
    let (request, body) = match slack {
        Slack::Webhook { url } => (agent.post(url), payload.clone()),
        Slack::Bot { token, channel, url } => {
            let mut body = payload.clone();
            body["channel"] = Value::from(channel.as_str());
            (
                agent.post(url).header("Authorization", format!("Bearer {token}")),
                body,
            )
        }
    };
    // The error's text is not passed on as it is: it may hold the address, which is the secret.
    let mut response = request
        .header("Content-Type", "application/json; charset=utf-8")
        .send(body.to_string())
        .map_err(|error| StepError::Transient(format!("Slack cannot be reached: {}", kind(&error))))?;
    let status = response.status().as_u16();
    if status == 429 {
        let seconds = response
            .headers()
            .get("retry-after")
            .and_then(|value| value.to_str().ok()?.parse().ok());
        return Ok(Answer::Wait(seconds.unwrap_or(1)));
    }
    let answer = response
        .body_mut()
        .with_config()
        .limit(16 * 1024)
        .read_to_string()
        .unwrap_or_default();
    match (status, slack) {
        (200..=299, Slack::Webhook { .. }) => Ok(Answer::Delivered),
        (200..=299, Slack::Bot { .. }) => {
            let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
            if answer["ok"] == Value::Bool(true) {
                return Ok(Answer::Delivered);
            }
            let reason = answer["error"]
                .as_str()
                .unwrap_or("an answer without `ok`")
                .to_owned();
            match reason.as_str() {
                "ratelimited" => Err(StepError::Throttled(format!("Slack: {reason}"))),
                "service_unavailable" | "internal_error" | "fatal_error" | "request_timeout" => {
                    Err(StepError::Transient(format!("Slack: {reason}")))
                }
                _ => Err(StepError::Internal(format!(
                    "Slack refused the message: {reason}"
                ))),
            }
        }
        (500..=599, _) => Err(StepError::Transient(format!("Slack: status {status}"))),
        _ => Err(StepError::Internal(format!(
            "Slack refused the message: status {status}, {answer}"
        ))),
    }
}

fn kind(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "no answer in time".to_owned(),
        ureq::Error::HostNotFound => "host not found".to_owned(),
        ureq::Error::ConnectionFailed => "connection failed".to_owned(),
        ureq::Error::Io(error) => error.kind().to_string(),
        _ => "the connection failed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;

    /// A server on loopback that gives these answers in turn; returns its address and what it was sent.
    fn stub(answers: Vec<&'static str>) -> (String, std::thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let handle = std::thread::spawn(move || {
            let mut received = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut length = 0;
                let mut head = String::new();
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    if line.trim().is_empty() {
                        break;
                    }
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    head.push_str(&line);
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                received.push(format!("{head}\n{}", String::from_utf8(body).unwrap()));
                stream.write_all(answer.as_bytes()).unwrap();
            }
            received
        });
        (url, handle)
    }

    fn bot(url: String) -> Slack {
        Slack::Bot {
            token: "xoxb-1".into(),
            channel: "C1".into(),
            url,
        }
    }

    const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\nConnection: close\r\n\r\n{\"ok\":true}";
    const NOT_OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 38\r\nConnection: close\r\n\r\n{\"ok\":false,\"error\":\"not_in_channel\"}\n";
    const WAIT: &str =
        "HTTP/1.1 429 Too Many\r\nRetry-After: 0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    const WAIT_LONG: &str =
        "HTTP/1.1 429 Too Many\r\nRetry-After: 3600\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    const DOWN: &str = "HTTP/1.1 503 Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    const GONE: &str = "HTTP/1.1 404 Gone\r\nContent-Length: 10\r\nConnection: close\r\n\r\nno_service";

    #[test]
    fn answers_are_understood() {
        for (answers, expected) in [
            (vec![OK], Ok(())),
            (vec![WAIT, OK], Ok(())),
            (vec![NOT_OK], Err("Internal")),
            (vec![WAIT, WAIT], Err("Throttled")),
            (vec![WAIT_LONG], Err("Throttled")),
            (vec![DOWN], Err("Transient")),
            (vec![GONE], Err("Internal")),
        ] {
            let (url, server) = stub(answers.clone());
            let outcome = send(&bot(url), &serde_json::json!({ "text": "hello" }));
            assert_eq!(
                outcome.as_ref().map_err(|error| error.name()).copied(),
                expected,
                "{answers:?}: {outcome:?}"
            );
            let received = server.join().unwrap();
            assert!(received[0].contains("Bearer xoxb-1") && received[0].contains("\"channel\":\"C1\""));
        }
    }

    #[test]
    fn a_webhook_needs_no_json_answer() {
        let (url, server) = stub(vec![
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        ]);
        send(&Slack::Webhook { url }, &serde_json::json!({ "text": "hello" })).unwrap();
        assert!(server.join().unwrap()[0].ends_with("{\"text\":\"hello\"}"));
    }

    #[test]
    fn secrets_are_not_shown() {
        let slack = Slack::Webhook {
            url: "http://127.0.0.1:1/secret".into(),
        };
        assert!(!format!("{slack:?}").contains("secret"));
        let error = send(&slack, &serde_json::json!({})).unwrap_err();
        assert_eq!(error.name(), "Transient");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
