//! Where an execution can be taken up again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Everything that is needed to enter a top-level state without running those before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The state to enter.
    pub state: String,
    /// Its input.
    pub input: Value,
    /// The variables that are set.
    pub variables: BTreeMap<String, Value>,
    /// The event that the state's `StateEntered` points back to.
    pub previous_event_id: u64,
    /// The last event of the history when the checkpoint was taken.
    pub last_event_id: u64,
    /// How often the execution had been redriven.
    pub redrive_count: u64,
}
