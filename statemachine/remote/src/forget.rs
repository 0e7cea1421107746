//! Erasing recordings: `statemachine/forget.asl.json`.

use serde::Serialize;

use crate::error::service;
use crate::{Error, Machine};

/// The input of an erasure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Forget {
    /// Ids of recordings.
    pub ids: Vec<String>,
    /// What the keys of the uploads begin with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `subject_id` of the table `recordings`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Whether they are erased. Otherwise they are only found.
    pub erase: bool,
}

impl Machine {
    /// Starts an erasure under this name and gives the ARN of its execution.
    ///
    /// # Errors
    /// Those of the service.
    pub async fn start_forget(&self, name: &str, forget: &Forget) -> Result<String, Error> {
        let input = serde_json::to_string(forget).map_err(|error| Error::Refused(error.to_string()))?;
        let request = self.client.start_execution().state_machine_arn(&self.arn);
        let started = request.name(name).input(input).send().await;
        Ok(started.map_err(service("StartExecution"))?.execution_arn)
    }
}
