//! A deployment as the one who asks: CloudFormation sends an event of a custom resource and waits for an answer at an address.
//!
//! It invokes the function asynchronously, so that an account without free concurrency makes it wait and not fail.

use std::time::Duration;

use ecg_core::StepError;
use ecg_lake::blocking;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Answer;

/// Name of the one resource, in every deployment: another one would make CloudFormation remove the resource before.
const PHYSICAL_ID: &str = "catalog";

/// Most characters of a reason. The whole answer may have 4096 bytes.
const REASON_MAX: usize = 800;

/// How long one attempt to answer may take, and the most of them.
const TIMEOUT: Duration = Duration::from_secs(2);
const ATTEMPTS: u32 = 3;

/// What the function is sent: CloudFormation's event, or nothing by a person.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Request {
    request_type: String,
    #[serde(rename = "ResponseURL")]
    response_url: Option<String>,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
}

impl Request {
    /// Whether the resource goes, and with it the stack: tables and views stay.
    pub fn removes(&self) -> bool {
        self.request_type == "Delete"
    }

    /// Tells CloudFormation the outcome, if it asked. Then the outcome is no error any more: Lambda would call the function again, over what
    /// the release before has made meanwhile.
    ///
    /// # Errors
    /// The outcome's own where a person asked; `Transient` if CloudFormation cannot be told.
    pub async fn tell(&self, outcome: Result<Answer, StepError>) -> Result<Answer, StepError> {
        let Some(url) = self.response_url.clone() else {
            return outcome;
        };
        let reason = outcome.as_ref().err().map(ToString::to_string);
        let body = self.response(reason.as_deref()).to_string();
        blocking(move || put(&url, &body)).await?;
        Ok(outcome.unwrap_or_else(|_| Answer {
            failed: reason,
            ..Answer::default()
        }))
    }

    fn response(&self, reason: Option<&str>) -> Value {
        let mut body = json!({
            "Status": if reason.is_some() { "FAILED" } else { "SUCCESS" },
            "PhysicalResourceId": PHYSICAL_ID,
            "StackId": self.stack_id,
            "RequestId": self.request_id,
            "LogicalResourceId": self.logical_resource_id,
        });
        if let Some(reason) = reason {
            body["Reason"] = reason.chars().take(REASON_MAX).collect::<String>().into();
        }
        body
    }
}

fn put(url: &str, body: &str) -> Result<(), StepError> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .build()
        .into();
    let mut attempt = 1;
    loop {
        // The address is signed for an empty type of content.
        match agent.put(url).header("Content-Type", "").send(body) {
            Ok(_) => return Ok(()),
            Err(_) if attempt < ATTEMPTS => attempt += 1,
            // The error's text may hold the address, which is a right to answer.
            Err(error) => {
                return Err(StepError::Transient(format!(
                    "CloudFormation cannot be told: {}",
                    match error {
                        ureq::Error::StatusCode(status) => format!("status {status}"),
                        _ => "no connection".to_owned(),
                    }
                )));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_of_nobody_and_one_of_cloudformation() {
        let nobody: Request = serde_json::from_str("{}").unwrap();
        assert!(nobody.response_url.is_none() && !nobody.removes());
        let event = r#"{"RequestType":"Delete","ServiceToken":"arn","ResponseURL":"https://a","StackId":"s","RequestId":"r",
            "LogicalResourceId":"l","PhysicalResourceId":"catalog","ResourceType":"Custom::Catalog","ResourceProperties":{"Version":"7"}}"#;
        let event: Request = serde_json::from_str(event).unwrap();
        assert!(event.removes());
        let told = event.response(Some(&"é".repeat(5000))).to_string();
        assert!(told.len() < 4096, "{}", told.len());
        let expected = r#"{"Status":"SUCCESS","PhysicalResourceId":"catalog","StackId":"s","RequestId":"r","LogicalResourceId":"l"}"#;
        assert_eq!(event.response(None).to_string(), expected);
    }
}
