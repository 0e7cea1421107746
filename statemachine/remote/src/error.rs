//! What can go wrong on the way to Step Functions.

use aws_sdk_sfn::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

/// Why Step Functions could not be asked, or what it answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing says which region is meant.
    #[error("no AWS region: set AWS_REGION, or AWS_PROFILE to a profile that has one")]
    NoRegion,
    /// The service refused, or did not answer.
    #[error("{operation}: {reason}")]
    Service {
        /// The operation of the API.
        operation: &'static str,
        /// Its code and message, or why there is none.
        reason: String,
    },
    /// The answer is not what the service documents.
    #[error("{operation}: answer not understood: {reason}")]
    Answer {
        /// The operation of the API.
        operation: &'static str,
        /// What was expected and what was found.
        reason: String,
    },
    /// What was asked for is not there, or there is more than one of it.
    #[error("{0}")]
    NotFound(String),
    /// What was asked for makes no sense in the state that the execution is in.
    #[error("{0}")]
    Refused(String),
}

/// The error of an operation in one line.
pub(crate) fn service<E, R>(operation: &'static str) -> impl Fn(SdkError<E, R>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    move |error| {
        let reason = match error.as_service_error() {
            Some(said) => format!(
                "{}: {}",
                said.code().unwrap_or("no code"),
                said.message().unwrap_or("no message")
            ),
            None => DisplayErrorContext(&error).to_string(),
        };
        Error::Service { operation, reason }
    }
}
