//! Why a recording could not be examined.

use std::io;

use ecg_core::Details;
use ecg_mat::MatError;

/// Why a recording could not be examined.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file is at fault; trying again gives the same.
    #[error("{0}")]
    Rejected(Details),
    /// The bytes could not be read; trying again may help.
    #[error("reading the file: {0}")]
    Io(io::Error),
}

impl From<Details> for RecordingError {
    fn from(details: Details) -> RecordingError {
        RecordingError::Rejected(details)
    }
}

impl From<MatError> for RecordingError {
    fn from(error: MatError) -> RecordingError {
        let (prefix, finding) = match error {
            MatError::Io(error) => return RecordingError::Io(error),
            // The word that a person would say first.
            MatError::Truncated(finding) => ("truncated ", finding),
            MatError::Unsupported(finding) => ("unsupported ", finding),
            MatError::NotMat(finding) | MatError::Malformed(finding) | MatError::LimitExceeded(finding) => {
                ("", finding)
            }
        };
        let subject = format!("{prefix}{}", finding.what);
        RecordingError::Rejected(Details::new(subject, finding.expected, finding.found).at(finding.offset))
    }
}

/// Why the samples could not be found or calibrated, with the flags that would help.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) details: Details,
    pub(crate) try_flags: Option<String>,
}

impl From<Details> for Refused {
    fn from(details: Details) -> Refused {
        Refused {
            details,
            try_flags: None,
        }
    }
}

impl Refused {
    /// A person has to say which variable, or which, hold the samples.
    pub(crate) fn to_be_named(details: Details) -> Refused {
        Refused {
            details,
            try_flags: Some("--variable NAME".to_owned()),
        }
    }
}
