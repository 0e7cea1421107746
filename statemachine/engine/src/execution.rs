//! One execution from its first event to its last: start, resume, redrive, and the timeout of the machine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::checkpoint::Checkpoint;
use crate::clock::Clock;
use crate::definition::StateMachine;
use crate::error::{PAYLOAD_LIMIT_BYTES, StateError};
use crate::handler::FunctionHandler;
use crate::history::{Event, History, Recorder};
use crate::random::Random;
use crate::track::{Scope, Track};

/// The identity and the input of an execution, for `$states.context` and the history.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecutionSettings {
    /// The name of the execution, unique for the state machine.
    pub name: String,
    /// The ARN of the execution.
    pub execution_arn: String,
    /// The ARN of the execution role.
    pub role_arn: String,
    /// The ARN of the state machine. Its fourth part is the region, its last part the name of the machine.
    pub machine_arn: String,
    /// The start time. For a resumed or redriven execution, the time of the first start.
    pub start: DateTime<Utc>,
    /// The input of the execution.
    pub input: Value,
}

/// The handler, clock, recorder and seed that an execution uses.
#[derive(Clone)]
pub struct Runtime {
    /// Runs the functions.
    pub handler: Arc<dyn FunctionHandler>,
    /// Provides the time.
    pub clock: Arc<dyn Clock>,
    /// Records the history and the checkpoints.
    pub recorder: Arc<dyn Recorder>,
    /// The seed of the random numbers for jitter, `$random()`, `$uuid()` and request ids.
    pub seed: u64,
}

/// The final status of an execution, with the names that `DescribeExecution` uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// The execution reached a final state.
    Succeeded,
    /// A state failed and no Catch handled the error.
    Failed,
    /// The machine's `TimeoutSeconds` passed.
    TimedOut,
    /// The history could not be recorded.
    Aborted,
}

impl Status {
    /// The name that `DescribeExecution` uses.
    pub fn name(self) -> &'static str {
        match self {
            Status::Succeeded => "SUCCEEDED",
            Status::Failed => "FAILED",
            Status::TimedOut => "TIMED_OUT",
            Status::Aborted => "ABORTED",
        }
    }
}

/// The result of an execution.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The final status.
    pub status: Status,
    /// The output of the last state, if the execution succeeded.
    pub output: Option<Value>,
    /// The name of the error that ended the execution. A Fail state may have none.
    pub error: Option<String>,
    /// The cause of the error.
    pub cause: Option<String>,
}

/// Runs an execution from its start.
pub async fn run(machine: &StateMachine, settings: &ExecutionSettings, runtime: &Runtime) -> Outcome {
    let execution = Execution::new(settings, runtime, 0, 0);
    let started = Event::ExecutionStarted {
        input: &settings.input,
        role_arn: &settings.role_arn,
    };
    let last_event_id = execution.history.add(0, started);
    let first = Checkpoint {
        state: machine.flow.start_at.clone(),
        input: settings.input.clone(),
        variables: BTreeMap::new(),
        previous_event_id: 0,
        last_event_id,
        redrive_count: 0,
    };
    execution.go(machine, first).await
}

/// Resumes an execution that was interrupted, for example because its process was killed. Enters the state of the
/// checkpoint again. `last_event_id` is the id of the last event in the recorded history, so event ids stay
/// unique. Some recorded events after the checkpoint may belong to the interrupted attempt. The machine's
/// `TimeoutSeconds` starts again.
pub async fn resume(
    machine: &StateMachine,
    settings: &ExecutionSettings,
    runtime: &Runtime,
    checkpoint: Checkpoint,
    last_event_id: u64,
) -> Outcome {
    let last_event_id = last_event_id.max(checkpoint.last_event_id);
    let execution = Execution::new(settings, runtime, last_event_id, checkpoint.redrive_count);
    execution.go(machine, checkpoint).await
}

/// Runs a failed execution again from the checkpoint of the state that failed. The history continues after
/// `last_event_id` with an `ExecutionRedriven` event. The machine's `TimeoutSeconds` starts again.
pub async fn redrive(
    machine: &StateMachine,
    settings: &ExecutionSettings,
    runtime: &Runtime,
    mut checkpoint: Checkpoint,
    last_event_id: u64,
) -> Outcome {
    checkpoint.redrive_count += 1;
    let last_event_id = last_event_id.max(checkpoint.last_event_id);
    let execution = Execution::new(settings, runtime, last_event_id, checkpoint.redrive_count);
    let redriven = Event::ExecutionRedriven {
        redrive_count: checkpoint.redrive_count,
    };
    checkpoint.previous_event_id = execution.history.add(last_event_id, redriven);
    checkpoint.last_event_id = checkpoint.previous_event_id;
    execution.go(machine, checkpoint).await
}

/// The data that all states of one execution share.
pub(crate) struct Execution<'e> {
    pub(crate) settings: &'e ExecutionSettings,
    pub(crate) handler: Arc<dyn FunctionHandler>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) history: History,
    pub(crate) random: Random,
    pub(crate) redrive_count: u64,
}

impl<'e> Execution<'e> {
    fn new(
        settings: &'e ExecutionSettings,
        runtime: &Runtime,
        last_event_id: u64,
        redrive_count: u64,
    ) -> Self {
        Self {
            settings,
            handler: Arc::clone(&runtime.handler),
            clock: Arc::clone(&runtime.clock),
            history: History::new(
                Arc::clone(&runtime.recorder),
                Arc::clone(&runtime.clock),
                last_event_id,
            ),
            random: Random::seeded(runtime.seed),
            redrive_count,
        }
    }

    async fn go(&self, machine: &StateMachine, from: Checkpoint) -> Outcome {
        self.history.checkpoint(&from);
        let track = Track::root(from.previous_event_id);
        if !machine.flow.states.contains_key(&from.state) {
            let error = StateError::new(
                "States.Runtime",
                format!(
                    "the checkpoint enters the state '{}', which the definition does not have",
                    from.state
                ),
            );
            return self.failed(&track, error);
        }
        let mut scope = Scope {
            variables: from.variables,
            track: Arc::clone(&track),
            item: None,
            top: true,
        };
        let run = async {
            check_size(&from.input, "The execution")?;
            self.run_flow(&machine.flow, &from.state, from.input, &mut scope)
                .await
        };
        let result = match machine.timeout_seconds {
            None => Some(run.await),
            Some(seconds) => tokio::select! {
                biased;
                result = run => Some(result),
                () = self.clock.limit(seconds_duration(seconds)) => None,
            },
        };
        match result {
            Some(Ok(output)) if self.history.failure().is_none() => {
                self.history
                    .add(track.previous(), Event::ExecutionSucceeded { output: &output });
                self.over(Outcome {
                    status: Status::Succeeded,
                    output: Some(output),
                    error: None,
                    cause: None,
                })
            }
            Some(Ok(_)) => self.over(self.aborted()),
            Some(Err(error)) => self.failed(&track, error),
            None => {
                let previous = track.previous();
                track.abort_open(&self.history, previous);
                self.history.add(previous, Event::ExecutionTimedOut);
                let limit = machine.timeout_seconds.unwrap_or_default();
                self.over(Outcome {
                    status: Status::TimedOut,
                    output: None,
                    error: Some("States.Timeout".to_string()),
                    cause: Some(format!(
                        "The execution did not end within its TimeoutSeconds ({limit})."
                    )),
                })
            }
        }
    }

    fn failed(&self, track: &Track, error: StateError) -> Outcome {
        if self.history.failure().is_some() {
            return self.aborted();
        }
        self.history.add(track.previous(), Event::ExecutionFailed(&error));
        self.over(Outcome {
            status: Status::Failed,
            output: None,
            error: error.error,
            cause: error.cause,
        })
    }

    /// Returns `outcome`, or the `Aborted` outcome if the history could not be recorded.
    fn over(&self, outcome: Outcome) -> Outcome {
        if self.history.failure().is_some() {
            self.aborted()
        } else {
            outcome
        }
    }

    fn aborted(&self) -> Outcome {
        Outcome {
            status: Status::Aborted,
            output: None,
            error: Some("Engine.NotRecorded".to_string()),
            cause: self.history.failure(),
        }
    }
}

/// Returns `States.DataLimitExceeded` if the JSON of `value` is longer than [`PAYLOAD_LIMIT_BYTES`].
pub(crate) fn check_size(value: &Value, what: &str) -> Result<(), StateError> {
    let size = value.to_string().len();
    if size <= PAYLOAD_LIMIT_BYTES {
        return Ok(());
    }
    Err(StateError::new(
        "States.DataLimitExceeded",
        format!(
            "{what} returned a result with a size exceeding the maximum number of bytes service limit. \
             Expected at most {PAYLOAD_LIMIT_BYTES}, found {size}."
        ),
    ))
}

pub(crate) fn seconds_duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
}
