//! Statements of SQL that a service runs.

/// How far a statement is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It waits or runs.
    Running,
    /// It has ended as it should.
    Succeeded,
    /// It has failed, or somebody cancelled it.
    Failed {
        /// What the service says.
        reason: String,
        /// Whether the service says that the same statement may succeed later.
        retryable: bool,
    },
}
