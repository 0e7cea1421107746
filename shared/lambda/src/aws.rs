//! What every call of AWS needs.

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use ecg_core::StepError;

/// Region and credentials as Lambda gives them, with the SDK's standard retries.
pub async fn aws_config() -> aws_config::SdkConfig {
    aws_config::load_from_env().await
}

/// An error that a service answered.
fn service_error(operation: &str, code: Option<&str>, message: Option<&str>) -> StepError {
    let text = format!(
        "{operation}: {}: {}",
        code.unwrap_or("no code"),
        message.unwrap_or("no message")
    );
    match code {
        Some(
            "ThrottlingException"
            | "Throttling"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "ExecutionLimitExceeded"
            | "KmsThrottlingException"
            | "ServiceUnavailable",
        ) => StepError::Throttled(text),
        Some("InternalServiceError" | "InternalServerError" | "InternalFailure") | None => {
            StepError::Transient(text)
        }
        Some(_) => StepError::Internal(text),
    }
}

/// The error of a call, sorted by whether the same call may succeed later. (The store and the catalog
/// sort their own.).
pub fn call_error<E, R>(operation: &str, error: &SdkError<E, R>) -> StepError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    match error.as_service_error() {
        Some(said) => service_error(operation, said.code(), said.message()),
        // The service did not answer, so it may next time.
        None => StepError::Transient(format!("{operation}: {}", DisplayErrorContext(error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_is_told_from_what_may_pass_and_from_what_may_not() {
        for (code, name) in [
            (Some("ThrottlingException"), "Throttled"),
            (Some("ExecutionLimitExceeded"), "Throttled"),
            (Some("InternalServerError"), "Transient"),
            (None, "Transient"),
            (Some("AccessDeniedException"), "Internal"),
            (Some("ResourceNotFoundException"), "Internal"),
            (Some("StateMachineDoesNotExist"), "Internal"),
        ] {
            let error = service_error("StartExecution", code, Some("said so"));
            assert_eq!(error.name(), name, "{code:?}");
            assert!(
                error.to_string().starts_with("StartExecution: ") && error.to_string().ends_with(": said so")
            );
        }
    }
}
