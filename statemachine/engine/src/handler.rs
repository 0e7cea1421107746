//! The interface that the engine calls when a Task runs.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::Notify;

/// Runs the functions that a workflow calls.
///
/// When the state times out, the future of the call is dropped at its next `.await`. A panic becomes a
/// `Lambda.Unknown` error. All branches of one execution run in one task, so a handler should use
/// `tokio::task::spawn_blocking` for long computations.
#[async_trait]
pub trait FunctionHandler: Send + Sync {
    /// Runs the function.
    ///
    /// # Errors
    /// The error that the function reports. Retry and Catch match its name.
    async fn invoke(&self, invocation: Invocation) -> Result<Value, FunctionError>;
}

/// One call of a function.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The name of the function, without ARN, version or alias.
    pub function: String,
    /// The event that the function receives.
    pub payload: Value,
    /// The name of the calling execution.
    pub execution_name: String,
    /// The name of the calling state.
    pub state_name: String,
    /// The number of retries since the state was entered; 0 for the first call.
    pub retry_count: u64,
    pub(crate) heartbeat: Arc<Notify>,
}

impl Invocation {
    /// Reports that the function is still running. The `HeartbeatSeconds` limit starts again.
    pub fn heartbeat(&self) {
        self.heartbeat.notify_one();
    }
}

/// The error of a function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {cause}")]
pub struct FunctionError {
    /// The error name, which is compared with `ErrorEquals`.
    pub error: String,
    /// The cause. Lambda returns JSON text with `errorMessage` here.
    pub cause: String,
}
