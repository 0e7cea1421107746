//! What the errors of the AWS SDK mean for the caller.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// An SDK error, sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    /// HTTP status, if there was an answer.
    pub(crate) status: Option<u16>,
    /// The service's code and message, or what went wrong on the way.
    pub(crate) message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    NotFound,
    /// A condition of the request did not hold (HTTP 412), or Glue's `AlreadyExistsException`.
    AlreadyExists,
    /// Two writers met.
    Conflict,
    PermissionDenied,
    /// More at once than the service takes.
    Throttled,
    Transient,
    Other,
}

/// Sorts an SDK error by the service's code first, then by the HTTP status: answers to HEAD have no code.
pub(crate) fn classify<E>(error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            let meta = answer.err();
            let message = match (meta.code(), meta.message()) {
                (Some(code), Some(said)) => format!("{code}: {said} (HTTP status {status})"),
                (Some(code), None) => format!("{code} (HTTP status {status})"),
                (None, _) => format!("HTTP status {status} without a code"),
            };
            let kind = by_code(meta.code().unwrap_or_default()).unwrap_or_else(|| by_status(status));
            Failure {
                kind,
                status: Some(status),
                message,
            }
        }
        SdkError::TimeoutError(_) | SdkError::ResponseError(_) => Failure {
            kind: FailureKind::Transient,
            status: None,
            message: DisplayErrorContext(error).to_string(),
        },
        SdkError::DispatchFailure(failure) => Failure {
            // What is neither the line nor marked as worth a retry is the set-up: credentials, certificates.
            kind: if failure.is_io() || failure.is_timeout() || failure.as_other().is_some() {
                FailureKind::Transient
            } else {
                FailureKind::Other
            },
            status: None,
            message: DisplayErrorContext(error).to_string(),
        },
        other => Failure {
            kind: FailureKind::Other,
            status: None,
            message: DisplayErrorContext(other).to_string(),
        },
    }
}

fn by_code(code: &str) -> Option<FailureKind> {
    Some(match code {
        "NoSuchKey" | "NoSuchBucket" | "NoSuchVersion" | "NotFound" | "EntityNotFoundException" => {
            FailureKind::NotFound
        }
        "PreconditionFailed" | "AlreadyExistsException" => FailureKind::AlreadyExists,
        "ConditionalRequestConflict" | "OperationAborted" | "ConcurrentModificationException" => {
            FailureKind::Conflict
        }
        "AccessDenied"
        | "AccessDeniedException"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidToken"
        | "UnrecognizedClientException" => FailureKind::PermissionDenied,
        "SlowDown"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "ServiceUnavailable" => FailureKind::Throttled,
        // An upload in parts that is not there any more: ended by a call whose answer was lost. The step writes it anew.
        "NoSuchUpload"
        | "RequestTimeout"
        | "RequestTimeTooSkewed"
        | "InternalError"
        | "InternalServiceException"
        | "InternalFailure"
        | "OperationTimeoutException"
        | "ResourceNotReadyException"
        | "FederationSourceRetryableException" => FailureKind::Transient,
        _ => return None,
    })
}

fn by_status(status: u16) -> FailureKind {
    match status {
        // 405 is the answer about a version that is a delete marker.
        404 | 405 => FailureKind::NotFound,
        412 => FailureKind::AlreadyExists,
        409 => FailureKind::Conflict,
        401 | 403 => FailureKind::PermissionDenied,
        // S3 says SlowDown with 503, and without a body in answer to HEAD.
        429 | 503 => FailureKind::Throttled,
        408 | 500..=599 => FailureKind::Transient,
        _ => FailureKind::Other,
    }
}
