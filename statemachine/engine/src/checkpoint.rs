//! The point from which an execution can be resumed or redriven.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The data needed to enter a top-level state without running the states before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The state to enter.
    pub state: String,
    /// The input of that state.
    pub input: Value,
    /// The variables assigned so far.
    pub variables: BTreeMap<String, Value>,
    /// The `previousEventId` of the state's `StateEntered` event.
    pub previous_event_id: u64,
    /// The id of the last event in the history when the checkpoint was taken.
    pub last_event_id: u64,
    /// The number of redrives before the checkpoint.
    pub redrive_count: u64,
}
