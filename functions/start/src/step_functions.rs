//! Step Functions as the one that starts and remembers executions.

use aws_sdk_sfn::Client;
use aws_sdk_sfn::error::{DisplayErrorContext, ProvideErrorMetadata};
use ecg_core::StepError;
use ecg_core::message::ExecutionInput;
use ecg_lambda::service_error;

use crate::{Executions, Started};

/// One state machine, or an alias of it.
#[derive(Debug, Clone)]
pub struct StepFunctions {
    client: Client,
    state_machine_arn: String,
}

/// The ARN of an execution: that of its machine, whichever version or alias it was started by.
fn execution_arn(state_machine_arn: &str, name: &str) -> String {
    let machine: Vec<&str> = state_machine_arn.splitn(8, ':').take(7).collect();
    let machine = machine.join(":").replacen(":stateMachine:", ":execution:", 1);
    format!("{machine}:{name}")
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
                Some(said) => Err(service_error("StartExecution", said.code(), said.message())),
                None => Err(unanswered("StartExecution", &error)),
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
                Some(said) => Err(service_error("DescribeExecution", said.code(), said.message())),
                None => Err(unanswered("DescribeExecution", &error)),
            },
        }
    }
}

/// The service did not answer, so it may next time.
fn unanswered(operation: &str, error: &(impl std::error::Error + 'static)) -> StepError {
    StepError::Transient(format!("{operation}: {}", DisplayErrorContext(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_execution_is_named_by_its_machine() {
        let machine = "arn:aws:states:eu-central-1:123456789012:stateMachine:ecg-pipeline";
        for arn in [
            machine.to_owned(),
            format!("{machine}:live"),
            format!("{machine}:7"),
        ] {
            assert_eq!(
                execution_arn(&arn, "a-1"),
                "arn:aws:states:eu-central-1:123456789012:execution:ecg-pipeline:a-1"
            );
        }
    }
}
