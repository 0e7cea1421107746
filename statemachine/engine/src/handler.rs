//! What the engine calls when a Task runs.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::Notify;

/// Answers for the functions that a workflow names.
///
/// A call that its state has timed out is dropped at its next `.await`; a panic becomes a
/// `Lambda.Unknown` error. Branches of one execution share a task: a handler with much to compute should
/// do so in `tokio::task::spawn_blocking`.
#[async_trait]
pub trait FunctionHandler: Send + Sync {
    /// Runs the function.
    ///
    /// # Errors
    /// Whatever the function reports; Retry and Catch see its name.
    async fn invoke(&self, invocation: Invocation) -> Result<Value, FunctionError>;
}

/// One call of a function.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Its name: the last part of the ARN, without version or alias.
    pub function: String,
    /// What it is given.
    pub payload: Value,
    /// The execution that calls.
    pub execution_name: String,
    /// The state that calls.
    pub state_name: String,
    /// How often the state has been retried since it was entered; 0 for the first call.
    pub retry_count: u64,
    pub(crate) heartbeat: Arc<Notify>,
}

impl Invocation {
    /// Says that the function is still at work: `HeartbeatSeconds` count from here again.
    pub fn heartbeat(&self) {
        self.heartbeat.notify_one();
    }
}

/// How a function fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {cause}")]
pub struct FunctionError {
    /// The name that `ErrorEquals` is compared with.
    pub error: String,
    /// What happened; Lambda gives JSON text with `errorMessage` here.
    pub cause: String,
}
