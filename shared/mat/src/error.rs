//! The error type of this crate, with variants by what the caller can do.
//!
//! After `Io` a retry may succeed. All other variants are permanent. They contain what was expected, what was found
//! and, if known, the byte offset.

use std::fmt;
use std::io;

/// The error of opening or reading a MAT file.
#[derive(Debug)]
pub enum MatError {
    /// The source could not be read. The file may be valid, and a retry may succeed.
    Io(io::Error),
    /// The bytes are not a MAT file of any level. `found` describes them.
    NotMat(Finding),
    /// The file is shorter than it declares.
    Truncated(Finding),
    /// The file violates the format or is inconsistent.
    Malformed(Finding),
    /// The file may be valid, but it uses a feature that this reader does not support.
    Unsupported(Finding),
    /// The file needs more memory, time or output than [`crate::Limits`] allows.
    LimitExceeded(Finding),
}

/// The expected value, the value that was found, and its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The name of a variable or of a part of the file.
    pub what: String,
    /// The value that the format, the header of the file or the limit requires.
    pub expected: String,
    /// The value that was found.
    pub found: String,
    /// The byte offset in the file. `None` if it is not known.
    pub offset: Option<u64>,
}

/// The kinds of [`MatError`], without their data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatErrorKind {
    /// See [`MatError::Io`].
    Io,
    /// See [`MatError::NotMat`].
    NotMat,
    /// See [`MatError::Truncated`].
    Truncated,
    /// See [`MatError::Malformed`].
    Malformed,
    /// See [`MatError::Unsupported`].
    Unsupported,
    /// See [`MatError::LimitExceeded`].
    LimitExceeded,
}

impl MatError {
    /// Returns the kind of the error.
    pub fn kind(&self) -> MatErrorKind {
        match self {
            Self::Io(_) => MatErrorKind::Io,
            Self::NotMat(_) => MatErrorKind::NotMat,
            Self::Truncated(_) => MatErrorKind::Truncated,
            Self::Malformed(_) => MatErrorKind::Malformed,
            Self::Unsupported(_) => MatErrorKind::Unsupported,
            Self::LimitExceeded(_) => MatErrorKind::LimitExceeded,
        }
    }

    /// Returns the expected value.
    pub fn expected(&self) -> String {
        self.finding().map_or_else(
            || "a readable file".to_owned(),
            |finding| finding.expected.clone(),
        )
    }

    /// Returns the value that was found, or the message of an I/O error.
    pub fn found(&self) -> String {
        match self {
            Self::Io(error) => error.to_string(),
            _ => self
                .finding()
                .map_or_else(String::new, |finding| finding.found.clone()),
        }
    }

    /// Returns the byte offset in the file, if it is known.
    pub fn offset(&self) -> Option<u64> {
        self.finding().and_then(|finding| finding.offset)
    }

    /// Whether a retry may succeed.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Io(_))
    }

    fn finding(&self) -> Option<&Finding> {
        match self {
            Self::Io(_) => None,
            Self::NotMat(finding)
            | Self::Truncated(finding)
            | Self::Malformed(finding)
            | Self::Unsupported(finding)
            | Self::LimitExceeded(finding) => Some(finding),
        }
    }

    pub(crate) fn truncated(
        what: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
        offset: impl Into<Option<u64>>,
    ) -> Self {
        Self::Truncated(Finding::new(what, expected, found, offset))
    }

    pub(crate) fn malformed(
        what: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
        offset: impl Into<Option<u64>>,
    ) -> Self {
        Self::Malformed(Finding::new(what, expected, found, offset))
    }

    pub(crate) fn unsupported(
        what: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
        offset: impl Into<Option<u64>>,
    ) -> Self {
        Self::Unsupported(Finding::new(what, expected, found, offset))
    }

    pub(crate) fn limit(
        what: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
        offset: impl Into<Option<u64>>,
    ) -> Self {
        Self::LimitExceeded(Finding::new(what, expected, found, offset))
    }
}

impl Finding {
    pub(crate) fn new(
        what: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
        offset: impl Into<Option<u64>>,
    ) -> Self {
        Self {
            what: what.into(),
            expected: expected.into(),
            found: found.into(),
            offset: offset.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: expected {}, found {}",
            self.what, self.expected, self.found
        )?;
        match self.offset {
            Some(offset) => write!(f, ", at offset {offset}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for MatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot read the file: {error}"),
            Self::NotMat(finding)
            | Self::Truncated(finding)
            | Self::Malformed(finding)
            | Self::Unsupported(finding)
            | Self::LimitExceeded(finding) => finding.fmt(f),
        }
    }
}

impl std::error::Error for MatError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_was_expected_found_and_where() {
        let error = MatError::truncated("val", "7224 bytes from the header", "4096", 24);
        assert_eq!(
            error.to_string(),
            "val: expected 7224 bytes from the header, found 4096, at offset 24"
        );
        assert_eq!(
            (error.expected(), error.found(), error.offset(), error.kind()),
            (
                "7224 bytes from the header".to_owned(),
                "4096".to_owned(),
                Some(24),
                MatErrorKind::Truncated
            )
        );
    }

    #[test]
    fn only_io_is_worth_another_try() {
        assert!(MatError::Io(io::Error::other("reset")).is_transient());
        assert!(!MatError::malformed("a", "b", "c", None).is_transient());
    }
}
