//! The error of a state, and the `ErrorEquals` names that match it.

use serde_json::{Value, json};

/// The reserved error names that `ErrorEquals` may contain.
pub(crate) const STATES_ERRORS: [&str; 17] = [
    "States.ALL",
    "States.BranchFailed",
    "States.DataLimitExceeded",
    "States.ExceedToleratedFailureThreshold",
    "States.HeartbeatTimeout",
    "States.Http.Socket",
    "States.IntrinsicFailure",
    "States.ItemReaderFailed",
    "States.NoChoiceMatched",
    "States.ParameterPathFailure",
    "States.Permissions",
    "States.QueryEvaluationError",
    "States.ResultPathMatchFailure",
    "States.ResultWriterFailed",
    "States.Runtime",
    "States.TaskFailed",
    "States.Timeout",
];

/// The maximum size of a payload, input or output, in bytes of JSON.
pub const PAYLOAD_LIMIT_BYTES: usize = 262_144;

/// The error of a failed state. A Fail state may have no error and no cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StateError {
    pub(crate) error: Option<String>,
    pub(crate) cause: Option<String>,
}

impl StateError {
    pub(crate) fn new(error: &str, cause: impl Into<String>) -> Self {
        Self {
            error: Some(error.to_string()),
            cause: Some(cause.into()),
        }
    }

    pub(crate) fn name(&self) -> &str {
        self.error.as_deref().unwrap_or_default()
    }

    /// Whether this is `States.Runtime`. Retry and Catch do not apply to it, and the enclosing states record no
    /// `Failed` or `Aborted` event.
    pub(crate) fn is_runtime(&self) -> bool {
        self.name() == "States.Runtime"
    }

    /// The value of `$states.errorOutput`, which is also the default output of a Catch.
    pub(crate) fn output(&self) -> Value {
        let mut output = json!({ "Error": self.name() });
        if let Some(cause) = &self.cause {
            output["Cause"] = json!(cause);
        }
        output
    }

    /// Whether one of the names matches this error. Nothing matches `States.Runtime`. `States.ALL` does not match
    /// `States.DataLimitExceeded`. `States.TaskFailed` matches every error except the two timeouts. `States.Timeout`
    /// also matches `States.HeartbeatTimeout`.
    pub(crate) fn matches(&self, error_equals: &[String]) -> bool {
        let name = self.name();
        if self.is_runtime() {
            return false;
        }
        error_equals.iter().any(|wanted| match wanted.as_str() {
            "States.ALL" => name != "States.DataLimitExceeded",
            "States.TaskFailed" => name != "States.Timeout" && name != "States.HeartbeatTimeout",
            "States.Timeout" => name == "States.Timeout" || name == "States.HeartbeatTimeout",
            wanted => wanted == name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_names_match_which_errors() {
        let table = [
            // error, ErrorEquals, matches
            ("Transient", "Transient", true),
            ("Transient", "Rejected", false),
            ("Transient", "States.ALL", true),
            ("Transient", "States.TaskFailed", true),
            ("Lambda.Unknown", "States.TaskFailed", true),
            ("Lambda.Unknown", "Lambda.Unknown", true),
            ("States.Timeout", "States.Timeout", true),
            ("States.Timeout", "States.ALL", true),
            ("States.Timeout", "States.TaskFailed", false),
            ("States.HeartbeatTimeout", "States.Timeout", true),
            ("States.HeartbeatTimeout", "States.HeartbeatTimeout", true),
            ("States.HeartbeatTimeout", "States.TaskFailed", false),
            ("States.Timeout", "States.HeartbeatTimeout", false),
            ("States.DataLimitExceeded", "States.ALL", false),
            ("States.DataLimitExceeded", "States.DataLimitExceeded", true),
            ("States.QueryEvaluationError", "States.ALL", true),
            ("States.QueryEvaluationError", "States.QueryEvaluationError", true),
            ("States.Runtime", "States.ALL", false),
            ("States.Runtime", "States.TaskFailed", false),
            ("States.Runtime", "States.Runtime", false),
        ];
        for (error, wanted, expect) in table {
            let matched = StateError::new(error, "").matches(&[wanted.to_string()]);
            assert_eq!(matched, expect, "{wanted} against {error}");
        }
    }
}
