//! One execution of the workflow file: started, resumed, or redriven.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use asl_engine::{ExecutionSettings, Outcome, RealClock, Runtime, StateMachine, Status};
use chrono::{DateTime, Utc};
use ecg_core::layout;
use ecg_core::message::{ExecutionInput, Failure};
use ecg_tables::{BEATS, RECORDINGS, SEGMENTS};
use serde_json::Value;

use crate::journal::{Closed, Journal};
use crate::net;
use crate::steps::Steps;

/// The workflow as it deploys: the same bytes.
pub(crate) const WORKFLOW: &str = include_str!("../../ecg-pipeline.asl.json");

pub(crate) const MACHINE_ARN: &str = "arn:aws:states:local:000000000000:stateMachine:ecg-pipeline";
const EXECUTION_ARN_PREFIX: &str = "arn:aws:states:local:000000000000:execution:ecg-pipeline:";
const ROLE_ARN: &str = "arn:aws:iam::000000000000:role/local";

/// Runs executions of one workflow in one lake.
pub(crate) struct Executor {
    pub(crate) machine: StateMachine,
    pub(crate) steps: Arc<Steps>,
}

/// Loads a workflow file. `${name}` in it stands for the step of that name.
pub(crate) fn load(definition: &str) -> Result<StateMachine, String> {
    StateMachine::parse(definition, &BTreeMap::new()).map_err(|error| error.to_string())
}

impl Executor {
    /// Starts the execution, or goes on where it was interrupted.
    /// `file` is where the upload came from.
    pub(crate) async fn run(
        &self,
        journal: &Journal,
        input: &ExecutionInput,
        file: &Path,
    ) -> io::Result<Closed> {
        let checkpoint = if journal.input()?.is_some() {
            journal.checkpoint()?
        } else {
            None
        };
        let outcome = match checkpoint {
            None => {
                journal.begin(input, file)?;
                let runtime = self.runtime(journal, true)?;
                asl_engine::run(&self.machine, &self.settings(journal, input)?, &runtime).await
            }
            Some(checkpoint) => {
                let runtime = self.runtime(journal, false)?;
                let last = last_event_id(journal)?;
                asl_engine::resume(
                    &self.machine,
                    &self.settings(journal, input)?,
                    &runtime,
                    checkpoint,
                    last,
                )
                .await
            }
        };
        self.close(journal, input, outcome).await
    }

    /// Runs a failed execution again from the state that failed first, keeping what succeeded before it.
    pub(crate) async fn redrive(&self, journal: &Journal, input: &ExecutionInput) -> Result<Closed, String> {
        let fail = |error: io::Error| format!("{}: {error}", journal.directory().display());
        let state = first_failed_state(&journal.history().map_err(fail)?)
            .ok_or_else(|| format!("{}: no state of it failed", journal.name()))?;
        let checkpoint = journal
            .checkpoint_of(&state)
            .map_err(fail)?
            .ok_or_else(|| format!("{}: there is no checkpoint of the state {state}", journal.name()))?;
        let last = last_event_id(journal).map_err(fail)?;
        journal.reopen().map_err(fail)?;
        let runtime = self.runtime(journal, false).map_err(fail)?;
        let settings = self.settings(journal, input).map_err(fail)?;
        let outcome = asl_engine::redrive(&self.machine, &settings, &runtime, checkpoint, last).await;
        self.close(journal, input, outcome).await.map_err(fail)
    }

    fn runtime(&self, journal: &Journal, fresh: bool) -> io::Result<Runtime> {
        let recorder = Arc::new(journal.recorder(fresh)?);
        // The seed only spreads retry delays; nothing that is written depends on it.
        let seed = journal.name().bytes().fold(0_u64, |seed, byte| {
            seed.wrapping_mul(31).wrapping_add(u64::from(byte))
        });
        Ok(Runtime {
            handler: self.steps.clone(),
            clock: Arc::new(RealClock),
            recorder,
            seed,
        })
    }

    fn settings(&self, journal: &Journal, input: &ExecutionInput) -> io::Result<ExecutionSettings> {
        let started = journal
            .history()?
            .first()
            .map(|event| (event.timestamp * 1000.0) as i64);
        Ok(ExecutionSettings {
            name: journal.name(),
            execution_arn: format!("{EXECUTION_ARN_PREFIX}{}", journal.name()),
            role_arn: ROLE_ARN.to_owned(),
            machine_arn: MACHINE_ARN.to_owned(),
            start: started
                .and_then(DateTime::from_timestamp_millis)
                .unwrap_or_else(now),
            input: serde_json::to_value(input)?,
        })
    }

    async fn close(&self, journal: &Journal, input: &ExecutionInput, outcome: Outcome) -> io::Result<Closed> {
        let closed = Closed {
            status: outcome.status,
            output: outcome.output,
            error: outcome.error,
            cause: outcome.cause,
        };
        match closed.status {
            // The failure branch of the workflow has recorded what failed.
            Status::Succeeded | Status::Failed => {}
            // A timeout of the whole execution reaches no Catch.
            Status::TimedOut | Status::Aborted => {
                let execution = self.settings(journal, input)?;
                net::run(self.steps.clone(), journal, execution, &closed).await?;
            }
        }
        journal.close(&closed)?;
        // Not before the outcome is on disk: an execution that is interrupted until then runs its last state again, which
        // reads these objects.
        if closed.status == Status::Succeeded {
            self.tidy(journal);
        }
        Ok(closed)
    }

    /// What the steps left for each other is not needed once the tables have it; the verdict is kept. On AWS the work
    /// bucket expires.
    fn tidy(&self, journal: &Journal) {
        let execution = journal.name();
        let mut keys = vec![layout::error_key(&execution), layout::parsed_key(&execution)];
        for table in [&RECORDINGS, &SEGMENTS, &BEATS] {
            keys.push(layout::transformed_key(&execution, table.name));
            keys.push(layout::staged_key(&execution, table.name));
        }
        for key in keys {
            let path = self.steps.place.work(&key);
            // Left-overs cost space and nothing else, so a failure here is no failure of the run.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// The time now: it goes into the history, never into a table.
#[allow(clippy::disallowed_methods)]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}

fn last_event_id(journal: &Journal) -> io::Result<u64> {
    Ok(journal.history()?.last().map_or(0, |event| event.id))
}

/// The state that a redrive enters: the one that was entered last before the failure branch, since the last redrive.
fn first_failed_state(history: &[asl_engine::HistoryEvent]) -> Option<String> {
    let start = history
        .iter()
        .rposition(|event| event.event_type == "ExecutionRedriven")
        .unwrap_or(0);
    let entered = history[start..].iter().filter_map(|event| {
        let name = event
            .details
            .get("stateEnteredEventDetails")?
            .get("name")?
            .as_str()?;
        Some((event.event_type.as_str(), name))
    });
    let mut last_task = None;
    for (event_type, name) in entered {
        if name == FAILURE_BRANCH {
            return last_task;
        }
        if event_type == "TaskStateEntered" {
            last_task = Some(name.to_owned());
        }
    }
    last_task
}

/// The first state of the failure branch in the workflow file.
const FAILURE_BRANCH: &str = "RecordFailure";

/// The cause of a failed execution in one line.
pub(crate) fn reason(closed: &Closed) -> String {
    reason_of(closed.status, closed.error.as_deref(), closed.cause.as_deref())
}

/// An error and its cause in one line.
pub(crate) fn reason_of(status: Status, error: Option<&str>, cause: Option<&str>) -> String {
    let failure = Failure {
        step: String::new(),
        error: String::new(),
        cause: cause.unwrap_or_default().to_owned(),
        attempts: 1,
    };
    let error = error.unwrap_or(match status {
        Status::TimedOut => "States.Timeout",
        _ => "no error name",
    });
    match failure.message() {
        message if message.is_empty() => error.to_owned(),
        message => format!("{error}: {message}"),
    }
}

/// The value of a JSON text of an event, or the text itself.
pub(crate) fn json_text(value: &Value) -> Value {
    value
        .as_str()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_else(|| value.clone())
}
