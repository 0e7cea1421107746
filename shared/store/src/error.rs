//! The errors of operations on objects, by what the caller can do about them.

use std::error::Error;
use std::fmt;
use std::io;

use crate::location::Location;

/// The error of an operation on an object. The variant shows what the caller can do. The context contains the
/// operation, the object and the message of the backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// The object, the requested version or the bucket does not exist. A retry does not help.
    NotFound(Box<ErrorContext>),
    /// The condition of a write or a removal does not hold: there is an object, or another one than expected.
    AlreadyExists(Box<ErrorContext>),
    /// Conditional writes ran at the same time, and it is not known whether one of them succeeded. Look up the object
    /// again.
    Conflict(Box<ErrorContext>),
    /// The credentials do not allow this. A policy or a file mode must be changed.
    PermissionDenied(Box<ErrorContext>),
    /// The request is invalid for every backend (for example an invalid key, or an object above the given limit). A
    /// retry does not help.
    Invalid(Box<ErrorContext>),
    /// The request rate is above the limit of the backend. The same call may succeed later, at a lower rate.
    Throttled(Box<ErrorContext>),
    /// A timeout, a truncated response or a server error. The same call may succeed later.
    Transient(Box<ErrorContext>),
    /// Anything else: a bug, or a damaged disk.
    Other(Box<ErrorContext>),
}

/// The operation, the object and the reason of the error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorContext {
    /// The operation, as a phrase that precedes the location: `reading bytes 0..10 of`.
    pub operation: String,
    /// The object. For a listing, the bucket and the prefix.
    pub location: Location,
    /// The message of the backend.
    pub message: String,
}

impl ErrorContext {
    /// Creates a boxed context for a variant of [`StoreError`].
    pub fn new(
        operation: impl Into<String>,
        location: &Location,
        message: impl Into<String>,
    ) -> Box<ErrorContext> {
        Box::new(ErrorContext {
            operation: operation.into(),
            location: location.clone(),
            message: message.into(),
        })
    }
}

impl StoreError {
    /// The operation, the object and the reason of the error.
    pub fn context(&self) -> &ErrorContext {
        match self {
            StoreError::NotFound(context)
            | StoreError::AlreadyExists(context)
            | StoreError::Conflict(context)
            | StoreError::PermissionDenied(context)
            | StoreError::Invalid(context)
            | StoreError::Throttled(context)
            | StoreError::Transient(context)
            | StoreError::Other(context) => context,
        }
    }

    /// Returns the location of the object.
    pub fn location(&self) -> &Location {
        &self.context().location
    }

    /// Returns the store error inside an I/O error of [`crate::ObjectReader`] or [`crate::ObjectWriter`], also if a
    /// decoder wrapped it.
    pub fn from_io(error: &io::Error) -> Option<&StoreError> {
        StoreError::find_in(error)
    }

    /// Returns the first store error in a chain of error sources.
    pub fn find_in<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a StoreError> {
        if let Some(found) = error.downcast_ref::<StoreError>() {
            return Some(found);
        }
        // `io::Error::source` returns the source of the inner error and skips the inner error, so check that one first.
        if let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            return StoreError::find_in(inner);
        }
        error.source().and_then(StoreError::find_in)
    }

    /// Converts an error of the local file system.
    pub(crate) fn from_file_error(
        operation: impl Into<String>,
        location: &Location,
        error: &io::Error,
    ) -> StoreError {
        use io::ErrorKind as Kind;
        let context = ErrorContext::new(operation, location, error.to_string());
        match error.kind() {
            Kind::NotFound => StoreError::NotFound(context),
            Kind::PermissionDenied | Kind::ReadOnlyFilesystem => StoreError::PermissionDenied(context),
            Kind::AlreadyExists => StoreError::AlreadyExists(context),
            // Key `a` and key `a/b` cannot both be files of one directory tree.
            Kind::NotADirectory | Kind::IsADirectory | Kind::InvalidFilename | Kind::DirectoryNotEmpty => {
                StoreError::Invalid(context)
            }
            Kind::Interrupted
            | Kind::TimedOut
            | Kind::WouldBlock
            | Kind::ResourceBusy
            | Kind::StorageFull
            | Kind::QuotaExceeded => StoreError::Transient(context),
            _ => StoreError::Other(context),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            StoreError::NotFound(_) => "not found",
            StoreError::AlreadyExists(_) => "already exists",
            StoreError::Conflict(_) => "another write is under way",
            StoreError::PermissionDenied(_) => "permission denied",
            StoreError::Invalid(_) => "not possible",
            StoreError::Throttled(_) => "throttled",
            StoreError::Transient(_) => "failed for now",
            StoreError::Other(_) => "failed",
        };
        let context = self.context();
        write!(
            out,
            "{} {}: {kind}: {}",
            context.operation, context.location, context.message
        )
    }
}

impl Error for StoreError {}

impl From<StoreError> for io::Error {
    fn from(error: StoreError) -> io::Error {
        let kind = match &error {
            StoreError::NotFound(_) => io::ErrorKind::NotFound,
            StoreError::AlreadyExists(_) => io::ErrorKind::AlreadyExists,
            StoreError::PermissionDenied(_) => io::ErrorKind::PermissionDenied,
            StoreError::Invalid(_) => io::ErrorKind::InvalidInput,
            // Never `Interrupted` for a transient error, because `read_exact` would retry it without end.
            StoreError::Conflict(_)
            | StoreError::Throttled(_)
            | StoreError::Transient(_)
            | StoreError::Other(_) => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_was_done_to_which_object_and_why() {
        let location = Location::new("raw", "a b.mat").with_version("v1");
        let error = StoreError::NotFound(ErrorContext::new(
            "reading bytes 0..4 of",
            &location,
            "NoSuchKey: gone",
        ));
        assert_eq!(
            error.to_string(),
            "reading bytes 0..4 of raw/a b.mat (version v1): not found: NoSuchKey: gone"
        );
    }

    #[test]
    fn is_recovered_from_an_io_error_also_when_wrapped() {
        let error = StoreError::Transient(ErrorContext::new(
            "reading",
            &Location::new("raw", "k"),
            "slow down",
        ));
        let plain = io::Error::from(error.clone());
        assert_eq!(StoreError::from_io(&plain), Some(&error));
        let wrapped = io::Error::new(io::ErrorKind::InvalidData, plain);
        assert_eq!(StoreError::from_io(&wrapped), Some(&error));
        assert_eq!(StoreError::from_io(&io::Error::other("no store error")), None);
    }
}
