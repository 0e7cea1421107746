//! The few names under which a step fails, chosen by what the caller should do.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::message::one_line;

/// Why a step failed. The name of the variant is the error name in the state machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// More at once than a service takes. Waited for, however long: it says nothing about the recording.
    #[error("{0}")]
    Throttled(String),
    /// The same call may succeed later: a time-out, a lost connection. Retried a few times.
    #[error("{0}")]
    Transient(String),
    /// A part of the input is not there yet, such as the header of a WFDB file. Waited for some minutes.
    #[error("{0}")]
    Incomplete(Details),
    /// The input is at fault; the same call fails again. Never retried.
    #[error("{0}")]
    Rejected(Details),
    /// The recording was erased, and must not come back. Nothing of it is recorded and nobody is told: the execution ends.
    #[error("this recording was erased, and stays out")]
    Erased,
    /// Somebody else wrote first. (An upload that was replaced meanwhile is not there under its version any more: that
    /// is `Rejected`.)
    #[error("{0}")]
    Conflict(String),
    /// A bug or a wrong configuration.
    #[error("{0}")]
    Internal(String),
}

impl StepError {
    /// Every name that a step can fail with, as the workflow file has to know them.
    pub const NAMES: [&'static str; 7] = [
        "Throttled",
        "Transient",
        "Incomplete",
        "Rejected",
        "Erased",
        "Conflict",
        "Internal",
    ];

    /// The error name as Step Functions sees it.
    pub fn name(&self) -> &'static str {
        match self {
            StepError::Throttled(_) => "Throttled",
            StepError::Transient(_) => "Transient",
            StepError::Incomplete(_) => "Incomplete",
            StepError::Rejected(_) => "Rejected",
            StepError::Erased => "Erased",
            StepError::Conflict(_) => "Conflict",
            StepError::Internal(_) => "Internal",
        }
    }

    /// The cause as Step Functions stores it for a failed Lambda: a JSON object with `errorType` and
    /// `errorMessage`, the latter in one line of bounded length.
    pub fn cause(&self) -> String {
        let message = one_line(&self.to_string());
        serde_json::json!({ "errorType": self.name(), "errorMessage": message }).to_string()
    }
}

/// What is wrong with the input: what was looked at, what was expected, what was found, and where.
///
/// The display form is `subject: expected E, found F, at offset N`. The error of a Lambda carries only this text; the fields
/// reach the table `rejections` in objects of the work bucket: see [`crate::layout::error_key`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Details {
    /// What was looked at: a variable, a header, the file.
    #[serde(default)]
    pub subject: String,
    /// What would have been right.
    pub expected: String,
    /// What was there.
    pub found: String,
    /// Byte offset in the object, where one can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
}

impl Details {
    /// Details without a byte offset.
    pub fn new(subject: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Details {
            subject: subject.into(),
            expected: expected.into(),
            found: found.into(),
            offset: None,
        }
    }

    /// The same with a byte offset.
    pub fn at(mut self, offset: Option<u64>) -> Self {
        self.offset = offset;
        self
    }

    /// Reads the display form back; `None` for any other text. For whoever has only what Step Functions says of a failure.
    pub fn parse(text: &str) -> Option<Details> {
        let (subject, rest) = text.split_once(": expected ")?;
        let (body, offset) = match rest.rsplit_once(", at offset ") {
            Some((body, number)) if number.bytes().all(|b| b.is_ascii_digit()) => (body, number.parse().ok()),
            _ => (rest, None),
        };
        let (expected, found) = body.split_once(", found ")?;
        Some(Details {
            subject: subject.into(),
            expected: expected.into(),
            found: found.into(),
            offset,
        })
    }
}

impl fmt::Display for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: expected {}, found {}",
            self.subject, self.expected, self.found
        )?;
        match self.offset {
            Some(offset) => write!(f, ", at offset {offset}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_survive_as_text() {
        for details in [
            Details::new("val", "7224 bytes from the header", "4096").at(Some(24)),
            Details::new(
                "calibration",
                "a .hea file, variables, metadata or a profile",
                "none of them",
            ),
            Details::new("a: b", "x, y", "z, at offset of something"),
        ] {
            assert_eq!(Details::parse(&details.to_string()), Some(details));
        }
        assert_eq!(Details::parse("the connection was reset"), None);
    }

    #[test]
    fn the_cause_is_what_lambda_reports() {
        let error = StepError::Rejected(Details::new("val", "numbers", "text"));
        let cause: serde_json::Value = serde_json::from_str(&error.cause()).unwrap();
        assert_eq!(cause["errorType"], "Rejected");
        assert_eq!(cause["errorMessage"], "val: expected numbers, found text");
        assert!(StepError::NAMES.contains(&error.name()));
    }
}
