//! Step Functions as the one that starts and remembers executions.

use aws_sdk_sfn::Client;
use ecg_core::message::ExecutionInput;
use ecg_core::{StepError, execution_arn};
use ecg_lambda::call_error;

use crate::{Executions, Started};

/// One state machine, or an alias of it.
#[derive(Debug, Clone)]
pub struct StepFunctions {
    client: Client,
    state_machine_arn: String,
}

impl StepFunctions {
    /// The state machine of this ARN.
    pub fn new(client: Client, state_machine_arn: String) -> StepFunctions {
        StepFunctions {
            client,
            state_machine_arn,
        }
    }
}

impl Executions for StepFunctions {
    async fn start(&self, input: &ExecutionInput) -> Result<Started, StepError> {
        let text = serde_json::to_string(input).map_err(|error| StepError::Internal(error.to_string()))?;
        let request = self
            .client
            .start_execution()
            .state_machine_arn(&self.state_machine_arn);
        match request.name(&input.recording_id).input(text).send().await {
            Ok(_) => Ok(Started::Running),
            Err(error) => match error.as_service_error() {
                Some(said) if said.is_execution_already_exists() => Ok(Started::Before),
                _ => Err(call_error("StartExecution", &error)),
            },
        }
    }

    async fn input_of(&self, name: &str) -> Result<Option<String>, StepError> {
        let request = self
            .client
            .describe_execution()
            .execution_arn(execution_arn(&self.state_machine_arn, name));
        match request.send().await {
            Ok(execution) => Ok(execution.input),
            Err(error) => match error.as_service_error() {
                Some(said) if said.is_execution_does_not_exist() => Ok(None),
                _ => Err(call_error("DescribeExecution", &error)),
            },
        }
    }
}
