//! One execution of the workflow file: started, resumed, or redriven.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use asl_engine::{ExecutionSettings, HistoryEvent, Outcome, RealClock, Runtime, StateMachine, Status};
use chrono::{DateTime, Utc};
use ecg_core::layout;
use ecg_core::message::{ExecutionInput, Failure};
use ecg_journal::{Closed, Execution, OpenExecution};
use ecg_store::StoreError;
use serde_json::Value;

use crate::net;
use crate::steps::Steps;

/// The workflow as it deploys: the same bytes.
pub(crate) const WORKFLOW: &str = include_str!("../../ecg-pipeline.asl.json");

pub(crate) const MACHINE_ARN: &str = "arn:aws:states:local:000000000000:stateMachine:ecg-pipeline";
const EXECUTION_ARN_PREFIX: &str = "arn:aws:states:local:000000000000:execution:ecg-pipeline:";
pub(crate) const ROLE_ARN: &str = "arn:aws:iam::000000000000:role/local";

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
    /// Starts an execution. `file` is where the upload came from.
    pub(crate) async fn start(&self, name: &str, input: &ExecutionInput, file: &Path) -> io::Result<Closed> {
        let open = self.steps.journal.begin(name, input, file);
        self.run_from_the_start(&open, input).await
    }

    /// Goes on with an execution that was interrupted.
    pub(crate) async fn resume(&self, execution: &Execution, input: &ExecutionInput) -> io::Result<Closed> {
        let (checkpoint, history) = {
            let reader = self.steps.journal.reader();
            (reader.checkpoint(execution)?, reader.history(execution)?)
        };
        let checkpoint = match checkpoint {
            Some(checkpoint) if self.has_objects(&execution.name, &checkpoint.input).await? => {
                Some(checkpoint)
            }
            _ => None,
        };
        let open = self.steps.journal.resume(execution, checkpoint.is_none());
        let Some(checkpoint) = checkpoint else {
            return self.run_from_the_start(&open, input).await;
        };
        let (settings, runtime) = self.again(&open, input, &history)?;
        let last = last_event_id(&history);
        let outcome = asl_engine::resume(&self.machine, &settings, &runtime, checkpoint, last).await;
        self.close(&open, settings, outcome).await
    }

    /// Runs a failed execution again from the state that failed first, keeping what succeeded before it.
    pub(crate) async fn redrive(
        &self,
        execution: &Execution,
        input: &ExecutionInput,
    ) -> Result<Closed, String> {
        let fail = |error: io::Error| error.to_string();
        let state = execution.step.as_deref();
        let state = state.ok_or_else(|| format!("{}: no state of it failed", execution.name))?;
        let (checkpoint, history) = {
            let reader = self.steps.journal.reader();
            let checkpoint = reader.checkpoint_of(execution, state).map_err(fail)?;
            (checkpoint, reader.history(execution).map_err(fail)?)
        };
        let checkpoint = checkpoint
            .ok_or_else(|| format!("{}: there is no checkpoint of the state {state}", execution.name))?;
        let open = self.steps.journal.reopen(execution);
        let (settings, runtime) = self.again(&open, input, &history).map_err(fail)?;
        let last = last_event_id(&history);
        let outcome = asl_engine::redrive(&self.machine, &settings, &runtime, checkpoint, last).await;
        self.close(&open, settings, outcome).await.map_err(fail)
    }

    async fn run_from_the_start(&self, open: &OpenExecution, input: &ExecutionInput) -> io::Result<Closed> {
        let (settings, runtime) = self.again(open, input, &[])?;
        let outcome = asl_engine::run(&self.machine, &settings, &runtime).await;
        self.close(open, settings, outcome).await
    }

    /// What an execution runs on, after the events that are kept.
    fn again(
        &self,
        open: &OpenExecution,
        input: &ExecutionInput,
        kept: &[HistoryEvent],
    ) -> io::Result<(ExecutionSettings, Runtime)> {
        let started = kept.first().map(|event| (event.timestamp * 1000.0) as i64);
        let settings = ExecutionSettings {
            name: open.name().to_owned(),
            execution_arn: format!("{EXECUTION_ARN_PREFIX}{}", open.name()),
            role_arn: ROLE_ARN.to_owned(),
            machine_arn: MACHINE_ARN.to_owned(),
            start: started
                .and_then(DateTime::from_timestamp_millis)
                .unwrap_or_else(now),
            input: serde_json::to_value(input)?,
        };
        // The seed only spreads retry delays; nothing that is written depends on it.
        let seed = open.name().bytes().fold(0_u64, |seed, byte| {
            seed.wrapping_mul(31).wrapping_add(u64::from(byte))
        });
        let runtime = Runtime {
            handler: self.steps.clone(),
            clock: Arc::new(RealClock),
            recorder: Arc::new(open.recorder(kept)),
            seed,
        };
        Ok((settings, runtime))
    }

    async fn close(
        &self,
        open: &OpenExecution,
        settings: ExecutionSettings,
        outcome: Outcome,
    ) -> io::Result<Closed> {
        let closed = Closed {
            status: outcome.status,
            output: outcome.output,
            error: outcome.error,
            cause: outcome.cause,
        };
        let left_over = if closed.status == Status::Succeeded {
            self.steps.objects.forget(open.name());
            self.left_over(open.name())
        } else {
            // A timeout of the whole execution reaches no Catch. What failed otherwise, the failure branch has recorded.
            if closed.status != Status::Failed {
                net::run(self.steps.clone(), open, settings, &closed).await?;
            }
            // A redrive needs what the steps before the failed one left.
            let kept = self.steps.objects.keep(open.name()).await;
            kept.map_err(io::Error::other)?;
            Vec::new()
        };
        let verdict = self.steps.place.verdict(open.name());
        let subject = verdict
            .as_ref()
            .and_then(|verdict| verdict.subject_id().map(str::to_owned));
        let label = verdict
            .and_then(|verdict| verdict.recording)
            .and_then(|recording| recording.label);
        open.close(&closed, label, subject, left_over);
        // Nobody asks for it again, and there may be many.
        Ok(Closed {
            output: None,
            ..closed
        })
    }

    /// Whether all objects of work are there that a message points at: small ones are gone with the process that wrote them.
    async fn has_objects(&self, execution: &str, message: &Value) -> io::Result<bool> {
        let mut keys = Vec::new();
        texts(message, &mut |text| {
            if text
                .strip_prefix(execution)
                .is_some_and(|rest| rest.starts_with('/'))
            {
                keys.push(text.to_owned());
            }
        });
        for key in keys {
            match self.steps.lake.store.head(&self.steps.lake.work(&key)).await {
                Ok(_) => {}
                Err(StoreError::NotFound(_)) => return Ok(false),
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(true)
    }

    /// What the steps left for each other is not needed once the tables have it; the verdict is kept. On AWS the work
    /// bucket expires.
    fn left_over(&self, execution: &str) -> Vec<PathBuf> {
        let folder = fs::read_dir(self.steps.place.work(execution));
        let files = folder
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()));
        let verdict = self.steps.place.work(&layout::verdict_key(execution));
        files.filter(|file| *file != verdict).collect()
    }
}

/// The time now: it goes into the history, never into a table.
#[allow(clippy::disallowed_methods)]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}

/// Every text in a value.
fn texts(value: &Value, take: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => take(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, take)),
        Value::Object(members) => members.values().for_each(|member| texts(member, take)),
        _ => {}
    }
}

fn last_event_id(history: &[HistoryEvent]) -> u64 {
    history.last().map_or(0, |event| event.id)
}

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
