//! The history of an execution in the JSON format of `GetExecutionHistory`, and the interface that records it.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::checkpoint::Checkpoint;
use crate::clock::Clock;
use crate::error::StateError;

/// The maximum number of events in the history of an execution, as on AWS.
pub const MOST_EVENTS: u64 = 25_000;

/// One event, in the JSON format of `GetExecutionHistory`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryEvent {
    /// Seconds since 1970-01-01T00:00:00Z, with milliseconds.
    pub timestamp: f64,
    /// The type of the event, for example `TaskStateEntered`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The id of the event. Ids start at 1 and have no gaps.
    pub id: u64,
    /// The id of the event before this one. It is 0 for `ExecutionStarted` and for the first state that is entered,
    /// and if the JSON does not contain it.
    #[serde(rename = "previousEventId", default)]
    pub previous_event_id: u64,
    /// The details: at most one member, named after the event type, for example `stateEnteredEventDetails`.
    /// In it, `input`, `output`, `parameters` and the values of `assignedVariables` are strings that contain JSON.
    #[serde(flatten)]
    pub details: Map<String, Value>,
}

/// Receives events and checkpoints while an execution runs, for example to append them to a file or to show
/// progress. An error stops the execution (status `ABORTED`), because its history would be incomplete.
pub trait Recorder: Send + Sync {
    /// Records the next event of the history.
    ///
    /// # Errors
    /// If it could not be recorded.
    fn event(&self, event: &HistoryEvent) -> io::Result<()>;

    /// Records the checkpoint from which the execution can be resumed. Called before the first state and after the
    /// exit of each top-level state that has a next state.
    ///
    /// # Errors
    /// If it could not be recorded.
    fn checkpoint(&self, checkpoint: &Checkpoint) -> io::Result<()>;
}

/// A recorder that keeps all events and checkpoints in memory.
#[derive(Debug, Default)]
pub struct MemoryRecorder {
    kept: Mutex<(Vec<HistoryEvent>, Vec<Checkpoint>)>,
}

impl MemoryRecorder {
    /// Returns the events so far, in order.
    pub fn events(&self) -> Vec<HistoryEvent> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Returns the checkpoints so far, in order.
    pub fn checkpoints(&self) -> Vec<Checkpoint> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }
}

impl Recorder for MemoryRecorder {
    fn event(&self, event: &HistoryEvent) -> io::Result<()> {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .0
            .push(event.clone());
        Ok(())
    }

    fn checkpoint(&self, checkpoint: &Checkpoint) -> io::Result<()> {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .1
            .push(checkpoint.clone());
        Ok(())
    }
}

/// The content of an event, before it has an id. It determines the event type and the name of the details.
pub(crate) enum Event<'e> {
    ExecutionStarted {
        input: &'e Value,
        role_arn: &'e str,
    },
    ExecutionSucceeded {
        output: &'e Value,
    },
    ExecutionFailed(&'e StateError),
    ExecutionTimedOut,
    ExecutionRedriven {
        redrive_count: u64,
    },
    StateEntered {
        state_type: &'static str,
        name: &'e str,
        input: &'e Value,
    },
    StateExited {
        state_type: &'static str,
        name: &'e str,
        output: &'e Value,
        assigned: &'e Map<String, Value>,
    },
    /// A state started, succeeded, failed or was aborted. These events have no details.
    StateMark {
        state_type: &'static str,
        mark: &'static str,
    },
    MapStarted {
        length: usize,
    },
    /// One item of a Map started, succeeded, failed or was aborted.
    MapIteration {
        mark: &'static str,
        name: &'e str,
        index: usize,
    },
    EvaluationFailed {
        error: &'e StateError,
        location: Option<&'e str>,
        state: &'e str,
    },
    FunctionScheduled {
        resource: &'e str,
        input: &'e Value,
        timeout: Option<f64>,
    },
    FunctionStarted,
    FunctionSucceeded {
        output: &'e Value,
    },
    FunctionFailed {
        timed_out: bool,
        error: &'e StateError,
    },
    TaskScheduled {
        region: &'e str,
        parameters: &'e Value,
        timeout: Option<f64>,
        heartbeat: Option<f64>,
    },
    TaskStarted,
    TaskSucceeded {
        output: &'e Value,
    },
    TaskFailed {
        timed_out: bool,
        error: &'e StateError,
    },
}

/// The members of the details of an event.
struct Details(Map<String, Value>);

impl Details {
    fn put(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_string(), value);
    }

    fn put_error(&mut self, error: &StateError) {
        for (name, value) in [("error", &error.error), ("cause", &error.cause)] {
            if let Some(value) = value {
                self.put(name, json!(value));
            }
        }
    }
}

impl Event<'_> {
    /// Returns the event type, the name of the details (empty for none) and the details.
    fn into_wire(self) -> (String, &'static str, Map<String, Value>) {
        let whole = json!({"truncated": false});
        let text = |value: &Value| Value::String(value.to_string());
        let mut details = Details(Map::new());
        let (event_type, group) = match self {
            Self::ExecutionStarted { input, role_arn } => {
                details.put("input", text(input));
                details.put("inputDetails", whole);
                details.put("roleArn", json!(role_arn));
                ("ExecutionStarted".into(), "executionStartedEventDetails")
            }
            Self::ExecutionSucceeded { output } => {
                details.put("output", text(output));
                details.put("outputDetails", whole);
                ("ExecutionSucceeded".into(), "executionSucceededEventDetails")
            }
            Self::ExecutionFailed(error) => {
                details.put_error(error);
                ("ExecutionFailed".into(), "executionFailedEventDetails")
            }
            Self::ExecutionTimedOut => ("ExecutionTimedOut".into(), ""),
            Self::ExecutionRedriven { redrive_count } => {
                details.put("redriveCount", json!(redrive_count));
                ("ExecutionRedriven".into(), "executionRedrivenEventDetails")
            }
            Self::StateEntered {
                state_type,
                name,
                input,
            } => {
                details.put("name", json!(name));
                details.put("input", text(input));
                details.put("inputDetails", whole);
                (format!("{state_type}StateEntered"), "stateEnteredEventDetails")
            }
            Self::StateExited {
                state_type,
                name,
                output,
                assigned,
            } => {
                details.put("name", json!(name));
                details.put("output", text(output));
                details.put("outputDetails", whole.clone());
                if !assigned.is_empty() {
                    let assigned: Map<String, Value> = assigned
                        .iter()
                        .map(|(name, value)| (name.clone(), text(value)))
                        .collect();
                    details.put("assignedVariables", Value::Object(assigned));
                    details.put("assignedVariablesDetails", whole);
                }
                (format!("{state_type}StateExited"), "stateExitedEventDetails")
            }
            Self::StateMark { state_type, mark } => (format!("{state_type}State{mark}"), ""),
            Self::MapStarted { length } => {
                details.put("length", json!(length));
                ("MapStateStarted".into(), "mapStateStartedEventDetails")
            }
            Self::MapIteration { mark, name, index } => {
                details.put("name", json!(name));
                details.put("index", json!(index));
                let group = match mark {
                    "Started" => "mapIterationStartedEventDetails",
                    "Succeeded" => "mapIterationSucceededEventDetails",
                    "Failed" => "mapIterationFailedEventDetails",
                    _ => "mapIterationAbortedEventDetails",
                };
                (format!("MapIteration{mark}"), group)
            }
            Self::EvaluationFailed {
                error,
                location,
                state,
            } => {
                details.put_error(error);
                if let Some(location) = location {
                    details.put("location", json!(location));
                }
                details.put("state", json!(state));
                ("EvaluationFailed".into(), "evaluationFailedEventDetails")
            }
            Self::FunctionScheduled {
                resource,
                input,
                timeout,
            } => {
                details.put("resource", json!(resource));
                details.put("input", text(input));
                details.put("inputDetails", whole);
                if let Some(timeout) = timeout {
                    details.put("timeoutInSeconds", json!(timeout as u64));
                }
                (
                    "LambdaFunctionScheduled".into(),
                    "lambdaFunctionScheduledEventDetails",
                )
            }
            Self::FunctionStarted => ("LambdaFunctionStarted".into(), ""),
            Self::FunctionSucceeded { output } => {
                details.put("output", text(output));
                details.put("outputDetails", whole);
                (
                    "LambdaFunctionSucceeded".into(),
                    "lambdaFunctionSucceededEventDetails",
                )
            }
            Self::FunctionFailed { timed_out, error } => {
                details.put_error(error);
                match timed_out {
                    true => (
                        "LambdaFunctionTimedOut".into(),
                        "lambdaFunctionTimedOutEventDetails",
                    ),
                    false => ("LambdaFunctionFailed".into(), "lambdaFunctionFailedEventDetails"),
                }
            }
            Self::TaskScheduled {
                region,
                parameters,
                timeout,
                heartbeat,
            } => {
                details.put("resourceType", json!("lambda"));
                details.put("resource", json!("invoke"));
                details.put("region", json!(region));
                details.put("parameters", text(parameters));
                for (name, seconds) in [("timeoutInSeconds", timeout), ("heartbeatInSeconds", heartbeat)] {
                    if let Some(seconds) = seconds {
                        details.put(name, json!(seconds as u64));
                    }
                }
                ("TaskScheduled".into(), "taskScheduledEventDetails")
            }
            Self::TaskStarted => {
                details.put("resourceType", json!("lambda"));
                details.put("resource", json!("invoke"));
                ("TaskStarted".into(), "taskStartedEventDetails")
            }
            Self::TaskSucceeded { output } => {
                details.put("resourceType", json!("lambda"));
                details.put("resource", json!("invoke"));
                details.put("output", text(output));
                details.put("outputDetails", whole);
                ("TaskSucceeded".into(), "taskSucceededEventDetails")
            }
            Self::TaskFailed { timed_out, error } => {
                details.put_error(error);
                details.put("resourceType", json!("lambda"));
                details.put("resource", json!("invoke"));
                match timed_out {
                    true => ("TaskTimedOut".into(), "taskTimedOutEventDetails"),
                    false => ("TaskFailed".into(), "taskFailedEventDetails"),
                }
            }
        };
        (event_type, group, details.0)
    }
}

/// Numbers the events of one execution and passes them to the recorder.
pub(crate) struct History {
    recorder: Arc<dyn Recorder>,
    clock: Arc<dyn Clock>,
    state: Mutex<Numbering>,
}

struct Numbering {
    last_id: u64,
    failure: Option<String>,
}

impl History {
    pub(crate) fn new(recorder: Arc<dyn Recorder>, clock: Arc<dyn Clock>, last_id: u64) -> Self {
        Self {
            recorder,
            clock,
            state: Mutex::new(Numbering {
                last_id,
                failure: None,
            }),
        }
    }

    /// Adds an event and returns its id. The lock is held while the recorder writes, so events are recorded in order.
    pub(crate) fn add(&self, previous: u64, event: Event<'_>) -> u64 {
        let (event_type, group, members) = event.into_wire();
        let mut details = Map::new();
        if !group.is_empty() {
            details.insert(group.to_string(), Value::Object(members));
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.last_id += 1;
        let event = HistoryEvent {
            timestamp: epoch_seconds(self.clock.now()),
            event_type,
            id: state.last_id,
            previous_event_id: previous,
            details,
        };
        if state.failure.is_none()
            && let Err(error) = self.recorder.event(&event)
        {
            state.failure = Some(format!("event {} could not be recorded: {error}", event.id));
        }
        state.last_id
    }

    pub(crate) fn checkpoint(&self, checkpoint: &Checkpoint) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.failure.is_none()
            && let Err(error) = self.recorder.checkpoint(checkpoint)
        {
            state.failure = Some(format!(
                "the checkpoint at {} could not be recorded: {error}",
                checkpoint.state
            ));
        }
    }

    pub(crate) fn last_id(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).last_id
    }

    /// The first error of the recorder, if any.
    pub(crate) fn failure(&self) -> Option<String> {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .failure
            .clone()
    }
}

fn epoch_seconds(time: DateTime<Utc>) -> f64 {
    time.timestamp_millis() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SimulatedClock;

    #[test]
    fn events_have_the_wire_form_and_survive_a_file() {
        let recorder = Arc::new(MemoryRecorder::default());
        let start = DateTime::from_timestamp_millis(1_500).unwrap();
        let clock = Arc::new(SimulatedClock::starting_at(start));
        let history = History::new(Arc::clone(&recorder) as Arc<_>, clock, 6);
        let assigned = Map::from_iter([("name".to_string(), json!("x"))]);
        history.add(
            4,
            Event::StateExited {
                state_type: "Task",
                name: "Parse",
                output: &json!({"n": 1}),
                assigned: &assigned,
            },
        );
        let event = recorder.events().remove(0);
        let wire = json!({
            "timestamp": 1.5, "type": "TaskStateExited", "id": 7, "previousEventId": 4,
            "stateExitedEventDetails": {
                "name": "Parse", "output": "{\"n\":1}", "outputDetails": {"truncated": false},
                "assignedVariables": {"name": "\"x\""}, "assignedVariablesDetails": {"truncated": false},
            },
        });
        assert_eq!(serde_json::to_value(&event).unwrap(), wire);
        assert_eq!(serde_json::from_value::<HistoryEvent>(wire).unwrap(), event);
    }
}
