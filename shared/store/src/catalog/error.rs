//! What can go wrong with the catalog, sorted by what the caller can do about it.

use thiserror::Error;

/// Why an operation on the catalog failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CatalogError {
    /// The database, table or crawler is not there.
    #[error("{operation} {object}: not found: {message}")]
    NotFound {
        /// What was being done, as a phrase that goes before the object.
        operation: String,
        /// The database, table, partition or crawler.
        object: String,
        /// What the backend said.
        message: String,
    },
    /// The table is there, but not in a way that an addition could reconcile. Somebody has to decide.
    #[error(
        "{operation} {object}: {what} should be `{expected}`, found `{found}`: only additions are made to a table"
    )]
    Incompatible {
        /// What was being done.
        operation: String,
        /// The table.
        object: String,
        /// The part of the table that differs: "column `mv`".
        what: String,
        /// What was asked for.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The credentials do not allow this.
    #[error("{operation} {object}: permission denied: {message}")]
    PermissionDenied {
        /// What was being done.
        operation: String,
        /// The database, table, partition or crawler.
        object: String,
        /// What the backend said.
        message: String,
    },
    /// The caller asked for something that no backend can do.
    #[error("{operation} {object}: not possible: {message}")]
    Invalid {
        /// What was being done.
        operation: String,
        /// The database, table, partition or crawler.
        object: String,
        /// What was expected and what was found.
        message: String,
    },
    /// More calls at once than the catalog takes: the same call succeeds once there are fewer.
    #[error("{operation} {object}: throttled: {message}")]
    Throttled {
        /// What was being done.
        operation: String,
        /// The database, table, partition or crawler.
        object: String,
        /// What the backend said.
        message: String,
    },
    /// Timed out, changed by others again and again: the same call may succeed later.
    #[error("{operation} {object}: failed for now: {message}")]
    Transient {
        /// What was being done.
        operation: String,
        /// The database, table, partition or crawler.
        object: String,
        /// What the backend said.
        message: String,
    },
    /// Anything else: a bug, or damaged files.
    #[error("{operation} {object}: failed: {message}")]
    Other {
        /// What was being done.
        operation: String,
        /// The database, table, partition or crawler.
        object: String,
        /// What the backend said.
        message: String,
    },
}
