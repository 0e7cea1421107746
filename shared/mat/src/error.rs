//! The one error type of this crate, sorted by what the caller can do about it.
//!
//! `Io` may pass when tried again. Everything else is the file's fault and will never pass; it says
//! what was expected, what was found, and at which byte.

use std::fmt;
use std::io;

/// Why a MAT file could not be opened or read.
#[derive(Debug)]
pub enum MatError {
    /// The source could not be read. The file may be fine: trying again can help.
    Io(io::Error),
    /// The bytes are not a MAT file of any level. `found` says what they look like.
    NotMat(Finding),
    /// The file ends before what it declares.
    Truncated(Finding),
    /// The file contradicts the format or itself.
    Malformed(Finding),
    /// The file may be valid, but it uses something that this reader does not read.
    Unsupported(Finding),
    /// Reading on would take more memory, time or output than [`crate::Limits`] allows.
    LimitExceeded(Finding),
}

/// What was expected, what was found, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What the finding is about: a variable's name or a part of the file.
    pub what: String,
    /// What the format, the file's own header or the limit asks for.
    pub expected: String,
    /// What is there instead.
    pub found: String,
    /// Byte offset in the file. Absent where the place is not known.
    pub offset: Option<u64>,
}

/// The kinds of [`MatError`], for a caller that only sorts.
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
    /// Which kind of error this is.
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

    /// What should have been there.
    pub fn expected(&self) -> String {
        self.finding().map_or_else(
            || "a readable file".to_owned(),
            |finding| finding.expected.clone(),
        )
    }

    /// What was there instead.
    pub fn found(&self) -> String {
        match self {
            Self::Io(error) => error.to_string(),
            _ => self
                .finding()
                .map_or_else(String::new, |finding| finding.found.clone()),
        }
    }

    /// Byte offset in the file, where one is known.
    pub fn offset(&self) -> Option<u64> {
        self.finding().and_then(|finding| finding.offset)
    }

    /// Whether trying again can help.
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
