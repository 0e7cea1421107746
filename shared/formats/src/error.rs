//! Why a file could not be read as a recording.

use std::io;

use ecg_core::Details;

/// Why a file could not be read as a recording.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The file is at fault; trying again gives the same.
    #[error("{0}")]
    Rejected(Details),
    /// The bytes could not be read; trying again may help.
    #[error("reading the file: {0}")]
    Io(io::Error),
}

impl From<Details> for FormatError {
    fn from(details: Details) -> FormatError {
        FormatError::Rejected(details)
    }
}
