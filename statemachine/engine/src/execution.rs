//! One execution from its first event to its last: start, resume, redrive, the limit of the whole machine.

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

/// Who the execution is: what `$states.context` and the history tell of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecutionSettings {
    /// Its name, unique among the machine's.
    pub name: String,
    /// Its ARN.
    pub execution_arn: String,
    /// The role that it runs with.
    pub role_arn: String,
    /// The machine's ARN; the machine's name is its last part, the region its fourth.
    pub machine_arn: String,
    /// When it was started; for a resumed or redriven execution, the first time.
    pub start: DateTime<Utc>,
    /// Its input.
    pub input: Value,
}

/// What an execution runs on.
#[derive(Clone)]
pub struct Runtime {
    /// Answers for the functions.
    pub handler: Arc<dyn FunctionHandler>,
    /// Gives the time.
    pub clock: Arc<dyn Clock>,
    /// Keeps the history.
    pub recorder: Arc<dyn Recorder>,
    /// Where chance starts: jitter, `$random()`, `$uuid()`, request ids.
    pub seed: u64,
}

/// How an execution stands when it is over, as `DescribeExecution` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// It reached an end.
    Succeeded,
    /// A state failed and nothing caught it.
    Failed,
    /// The machine's `TimeoutSeconds` passed.
    TimedOut,
    /// Its history could not be recorded.
    Aborted,
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// How it ended.
    pub status: Status,
    /// The output of its last state, if it succeeded.
    pub output: Option<Value>,
    /// The error that ended it. A Fail state may give none.
    pub error: Option<String>,
    /// The error's cause.
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

/// Takes up an execution that was cut off (its process was killed): enters the checkpoint's state as if
/// nothing had been tried after it. `last_event_id` is the last one in the kept history, so that ids stay
/// unique though some of the events before it belong to the lost attempt. The machine's `TimeoutSeconds`
/// count anew.
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

/// Runs a failed execution again from the checkpoint of the state that failed. The history goes on after
/// `last_event_id` with an `ExecutionRedriven` event; the machine's `TimeoutSeconds` count anew.
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

/// What the states of one execution share.
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

    /// The outcome, unless its own last event could not be recorded.
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

/// `States.DataLimitExceeded` if the JSON of `value` is longer than AWS passes on.
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
