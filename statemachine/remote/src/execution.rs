//! One execution, in the words of the engine.

use asl_engine::Status;
use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::types::{ExecutionRedriveStatus, ExecutionStatus};
use serde_json::Value;

use crate::Error;

/// What DescribeExecution tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Execution {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// How it ended; `None` while it runs.
    pub status: Option<Status>,
    /// When it started, in seconds since the epoch.
    pub started: f64,
    /// When it ended, in seconds since the epoch.
    pub stopped: Option<f64>,
    /// What it was given.
    pub input: Value,
    /// What it gave, if it succeeded.
    pub output: Option<Value>,
    /// Name of its error, if it has one.
    pub error: Option<String>,
    /// Cause of its error, if it has one.
    pub cause: Option<String>,
    /// How often it was redriven.
    pub redrives: u64,
    /// Whether Step Functions would redrive it.
    pub redrivable: bool,
    /// ARN of the version of the state machine that it began with and keeps; `None` where it was started without one.
    pub version: Option<String>,
}

impl Execution {
    pub(crate) fn of(told: DescribeExecutionOutput) -> Result<Execution, Error> {
        let json = |text: Option<&str>| match text {
            None => Ok(None),
            Some(text) => serde_json::from_str(text)
                .map(Some)
                .map_err(|error| Error::Answer {
                    operation: "DescribeExecution",
                    reason: format!("expected JSON, found {error}"),
                }),
        };
        Ok(Execution {
            name: name_of(&told.execution_arn).to_owned(),
            status: status(&told.status)?,
            started: told.start_date.as_secs_f64(),
            stopped: told.stop_date.map(|date| date.as_secs_f64()),
            input: json(told.input.as_deref())?.unwrap_or_default(),
            output: json(told.output.as_deref())?,
            redrives: told
                .redrive_count
                .and_then(|count| u64::try_from(count).ok())
                .unwrap_or(0),
            redrivable: told.redrive_status == Some(ExecutionRedriveStatus::Redrivable),
            version: told.state_machine_version_arn,
            arn: told.execution_arn,
            error: told.error,
            cause: told.cause,
        })
    }

    /// Whether it ended without success.
    pub fn failed(&self) -> bool {
        self.status.is_some_and(|status| status != Status::Succeeded)
    }

    /// The recording that it is about; its name where the input does not say.
    pub fn recording_id(&self) -> &str {
        self.input["recording_id"].as_str().unwrap_or(&self.name)
    }
}

/// The last part of an ARN.
pub(crate) fn name_of(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

pub(crate) fn status(status: &ExecutionStatus) -> Result<Option<Status>, Error> {
    Ok(Some(match status {
        ExecutionStatus::Running | ExecutionStatus::PendingRedrive => return Ok(None),
        ExecutionStatus::Succeeded => Status::Succeeded,
        ExecutionStatus::Failed => Status::Failed,
        ExecutionStatus::TimedOut => Status::TimedOut,
        ExecutionStatus::Aborted => Status::Aborted,
        other => {
            return Err(Error::Answer {
                operation: "DescribeExecution",
                reason: format!("expected a known status, found {other}"),
            });
        }
    }))
}
