//! Why a file could not be read as a recording.

use std::io;

use ecg_core::{Details, shell_word};
use ecg_mat::MatError;

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

impl From<MatError> for FormatError {
    fn from(error: MatError) -> FormatError {
        let (prefix, finding) = match error {
            MatError::Io(error) => return FormatError::Io(error),
            // The word that a person would say first.
            MatError::Truncated(finding) => ("truncated ", finding),
            MatError::Unsupported(finding) => ("unsupported ", finding),
            MatError::NotMat(finding) | MatError::Malformed(finding) | MatError::LimitExceeded(finding) => {
                ("", finding)
            }
        };
        let subject = format!("{prefix}{}", finding.what);
        FormatError::Rejected(Details::new(subject, finding.expected, finding.found).at(finding.offset))
    }
}

/// Why the samples could not be found or calibrated, with the flags that would help.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// What is wrong.
    pub details: Details,
    /// Flags of `ecg run` and `ecg inspect` that would help, such as `--variable NAME`.
    pub try_flags: Option<String>,
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
    /// A person has to say which variables hold the samples. `names` are those that could be meant, `None` where nothing can be
    /// proposed; in place of a name that cannot be typed stands `NAME`.
    pub(crate) fn to_be_named(details: Details, names: &[Option<&str>]) -> Refused {
        let can_be = |name: &&str| !name.is_empty() && !name.contains(|c: char| c == ',' || c.is_control());
        let names: Vec<&str> = match names {
            [] => vec!["NAME"],
            names => names
                .iter()
                .map(|name| name.filter(can_be).unwrap_or("NAME"))
                .collect(),
        };
        Refused {
            details,
            try_flags: Some(format!("--variable {}", shell_word(&names.join(",")))),
        }
    }
}
