//! Classification of the errors of the AWS SDK.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// A classified SDK error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    /// The HTTP status, if there was a response.
    pub(crate) status: Option<u16>,
    /// The error code and message of the service, or the description of the transport error.
    pub(crate) message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    NotFound,
    /// A condition of the request was false (HTTP 412), or `AlreadyExistsException` of Glue.
    AlreadyExists,
    /// A concurrent write or change.
    Conflict,
    PermissionDenied,
    /// The request rate is above the limit of the service.
    Throttled,
    Transient,
    Other,
}

/// Classifies an SDK error by the error code of the service, or by the HTTP status if the code is absent or unknown.
/// A response to HEAD has no code.
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
            // Other dispatch failures are configuration errors, for example of credentials or certificates.
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
        // The multipart upload no longer exists, for example because a request completed it and its response was
        // lost. The step then writes the object again.
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
        // S3 returns 405 for a version that is a delete marker.
        404 | 405 => FailureKind::NotFound,
        412 => FailureKind::AlreadyExists,
        409 => FailureKind::Conflict,
        401 | 403 => FailureKind::PermissionDenied,
        // S3 returns SlowDown with status 503. The response to HEAD has no body.
        429 | 503 => FailureKind::Throttled,
        408 | 500..=599 => FailureKind::Transient,
        _ => FailureKind::Other,
    }
}
