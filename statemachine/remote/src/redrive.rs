//! Running an execution again: a failed one with the same input, or an upload with something changed.
//!
//! Native redrive enters the state at which an execution stopped, in the version of the workflow and of the functions that
//! it began with. Where the whole execution timed out or was aborted at a step, that is the step that was under way: right, as long as
//! that version is the one in use. (The reason may be in it, so after a deployment it is started anew.) Where a step failed, the workflow caught it, recorded and told it, and ended in
//! a Fail state: redriven there, it would fail again at once. So that one is started anew with the same input, under the
//! recording id and the first suffix `-r1`, `-r2`, … that is free.

use asl_engine::{HistoryEvent, Status};
use ecg_core::execution_name;
use ecg_core::message::Rerun;
use ecg_core::settings::Settings;
use serde_json::{Value, json};

use crate::error::service;
use crate::{Error, Execution, Machine};

/// How an execution was run again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Again {
    /// The same execution goes on where it stopped.
    Redriven {
        /// Its name.
        name: String,
    },
    /// A new execution with the same input.
    Started {
        /// Its name.
        name: String,
    },
}

impl Again {
    /// The name of the execution that runs now.
    pub fn name(&self) -> &str {
        match self {
            Again::Redriven { name } | Again::Started { name } => name,
        }
    }
}

/// Runs a failed execution again; of its reruns, the last one counts.
///
/// # Errors
/// `Refused` if it, or the last rerun of its recording, runs or has succeeded; and those of the service.
pub async fn redrive(machine: &Machine, execution: &Execution) -> Result<Again, Error> {
    refuse_unless_failed(execution)?;
    let (last, mut next) = reruns(machine, execution.recording_id()).await?;
    let target = last
        .as_ref()
        .filter(|last| last.started >= execution.started)
        .unwrap_or(execution);
    refuse_unless_failed(target)?;
    if natively(target)
        && machine.is_in_use(target.version.as_deref()).await?
        && !in_failure_branch(&machine.history(&target.arn).await?)
    {
        let request = machine.client.redrive_execution().execution_arn(&target.arn);
        request.send().await.map_err(service("RedriveExecution"))?;
        return Ok(Again::Redriven {
            name: target.name.clone(),
        });
    }
    start(machine, execution.recording_id(), &mut next, |_| {
        target.input.clone()
    })
    .await
}

/// Runs the upload of an execution again from the start: with the header that stands beside it now, and with these settings
/// (`None`: those of the last run).
///
/// # Errors
/// `Refused` if a run of the recording is under way; and those of the service.
pub async fn rerun(
    machine: &Machine,
    execution: &Execution,
    settings: Option<&Settings>,
) -> Result<Again, Error> {
    let (last, mut next) = reruns(machine, execution.recording_id()).await?;
    let last = last
        .as_ref()
        .filter(|last| last.started >= execution.started)
        .unwrap_or(execution);
    if let Some(running) = [last, execution].into_iter().find(|run| run.status.is_none()) {
        let found = format!(
            "{}: expected an execution that has ended, found one that still runs",
            running.name
        );
        return Err(Error::Refused(found));
    }
    let input = |number: u32| {
        let mut input = last.input.clone();
        let reason = match settings {
            Some(settings) => {
                input["settings"] = json!(settings);
                "the options for it changed"
            }
            None => "asked for",
        };
        input["rerun"] = json!(Rerun {
            number,
            reason: reason.to_owned()
        });
        input
    };
    start(machine, execution.recording_id(), &mut next, input).await
}

/// Starts a new execution of a recording under the first suffix that is free, from `next` on.
async fn start(
    machine: &Machine,
    recording_id: &str,
    next: &mut u32,
    input: impl Fn(u32) -> Value,
) -> Result<Again, Error> {
    loop {
        let name = rerun_name(recording_id, *next)?;
        let request = machine.client.start_execution();
        let request = request.state_machine_arn(machine.to_start().await?);
        match request.name(&name).input(input(*next).to_string()).send().await {
            Ok(_) => return Ok(Again::Started { name }),
            // Somebody else was quicker.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|said| said.is_execution_already_exists()) =>
            {
                *next += 1
            }
            Err(error) => return Err(service("StartExecution")(error)),
        }
    }
}

/// The first state of the workflow's failure branch.
const FAILURE_BRANCH: &str = "RecordFailure";

/// Whether the execution stopped after a step had failed: entered there again it would record, tell and fail.
fn in_failure_branch(history: &[HistoryEvent]) -> bool {
    let entered = |event: &HistoryEvent| {
        let details = event.details.get("stateEnteredEventDetails")?;
        Some(details.get("name")?.as_str()? == FAILURE_BRANCH)
    };
    history.iter().filter_map(entered).any(|branch| branch)
}

fn natively(execution: &Execution) -> bool {
    execution.redrivable && matches!(execution.status, Some(Status::TimedOut | Status::Aborted))
}

fn refuse_unless_failed(execution: &Execution) -> Result<(), Error> {
    let found = match execution.status {
        None => "one that still runs",
        Some(Status::Succeeded) => "one that succeeded",
        Some(Status::Failed | Status::TimedOut | Status::Aborted) => return Ok(()),
    };
    Err(Error::Refused(format!(
        "{}: expected a failed execution, found {found}",
        execution.name
    )))
}

/// The last rerun of a recording, and the number of the next.
async fn reruns(machine: &Machine, recording_id: &str) -> Result<(Option<Execution>, u32), Error> {
    let mut last = None;
    let mut number = 1;
    loop {
        let arn = machine.execution_arn(&rerun_name(recording_id, number)?);
        match machine.describe(&arn).await? {
            Some(found) => last = Some(found),
            None => return Ok((last, number)),
        }
        number += 1;
    }
}

fn rerun_name(recording_id: &str, number: u32) -> Result<String, Error> {
    execution_name(recording_id, &format!("r{number}")).map_err(Error::Refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn execution(status: Option<Status>, redrivable: bool) -> Execution {
        Execution {
            arn: "arn:aws:states:us-east-1:1:execution:ecg-pipeline:a-1".into(),
            name: "a-1".into(),
            status,
            started: 0.0,
            stopped: None,
            input: json!({ "recording_id": "a-1" }),
            output: None,
            error: None,
            cause: None,
            redrives: 0,
            redrivable,
            version: None,
        }
    }

    #[test]
    fn a_caught_failure_is_never_redriven_natively() {
        // Step Functions calls it redrivable; it would enter the Fail state again.
        assert!(!natively(&execution(Some(Status::Failed), true)));
        for stopped in [Status::TimedOut, Status::Aborted] {
            assert!(natively(&execution(Some(stopped), true)));
            // After 14 days.
            assert!(!natively(&execution(Some(stopped), false)));
        }
    }

    #[test]
    fn what_runs_or_succeeded_is_left_alone() {
        for (status, found) in [(None, "still runs"), (Some(Status::Succeeded), "succeeded")] {
            let error = refuse_unless_failed(&execution(status, true))
                .unwrap_err()
                .to_string();
            assert_eq!(
                error,
                format!("a-1: expected a failed execution, found one that {found}")
            );
        }
    }
}
