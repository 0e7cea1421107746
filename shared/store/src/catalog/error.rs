//! The errors of the catalog, by what the caller can do about them.

use thiserror::Error;

/// The error of an operation on the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CatalogError {
    /// The database, table or crawler does not exist.
    #[error("{operation} {object}: not found: {message}")]
    NotFound {
        /// The operation, as a phrase that precedes the object.
        operation: String,
        /// The database, table, partition or crawler.
        object: String,
        /// The message of the backend.
        message: String,
    },
    /// The existing table differs in a way that added columns cannot resolve. A person must decide what to do.
    #[error(
        "{operation} {object}: {what} should be `{expected}`, found `{found}`: only additions are made to a table"
    )]
    Incompatible {
        /// The operation.
        operation: String,
        /// The table.
        object: String,
        /// The part of the table that differs, for example "the type of column `mv`".
        what: String,
        /// The requested value.
        expected: String,
        /// The existing value.
        found: String,
    },
    /// The credentials do not allow this.
    #[error("{operation} {object}: permission denied: {message}")]
    PermissionDenied {
        /// The operation.
        operation: String,
        /// The database, table, partition or crawler.
        object: String,
        /// The message of the backend.
        message: String,
    },
    /// The request is invalid for every backend.
    #[error("{operation} {object}: not possible: {message}")]
    Invalid {
        /// The operation.
        operation: String,
        /// The database, table, partition or crawler.
        object: String,
        /// The expected value and the value that was found.
        message: String,
    },
    /// The request rate is above the limit of the catalog. The same call may succeed later, at a lower rate.
    #[error("{operation} {object}: throttled: {message}")]
    Throttled {
        /// The operation.
        operation: String,
        /// The database, table, partition or crawler.
        object: String,
        /// The message of the backend.
        message: String,
    },
    /// A timeout, a server error or repeated concurrent changes. The same call may succeed later.
    #[error("{operation} {object}: failed for now: {message}")]
    Transient {
        /// The operation.
        operation: String,
        /// The database, table, partition or crawler.
        object: String,
        /// The message of the backend.
        message: String,
    },
    /// Anything else: a bug, or damaged files.
    #[error("{operation} {object}: failed: {message}")]
    Other {
        /// The operation.
        operation: String,
        /// The database, table, partition or crawler.
        object: String,
        /// The message of the backend.
        message: String,
    },
}
