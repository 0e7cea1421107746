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
        match error {
            MatError::Io(error) => RecordingError::Io(error),
            other => RecordingError::Rejected(
                Details::new(other.what(), other.expected(), other.found()).at(other.offset()),
            ),
        }
    }
}
