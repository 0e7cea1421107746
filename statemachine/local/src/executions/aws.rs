//! The executions of the workflow on AWS, asked of Step Functions.

use std::collections::BTreeSet;
use std::fmt::Write;

use asl_engine::{HistoryEvent, Status};
use ecg_console::Done;
use ecg_core::message::{ExecutionInput, Failure};
use ecg_journal::{Closed, Course, Filter};
use ecg_remote::redrive::Again;
use ecg_remote::{Error, Execution, Machine, Which};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Executions, Failed};
use crate::args::{CalibrationArgs, PIPELINE};
use crate::execute::reason_of;
use crate::output::Answer;
use crate::report::{ExecutionDetails, ExecutionLine, RUNNING};
use crate::runtime::runtime;

/// The executions of a state machine.
pub(crate) struct OnAws {
    /// Its name or ARN.
    pub(crate) state_machine: String,
}

impl Executions for OnAws {
    fn list(&self, filter: &Filter, limit: Option<usize>) -> Result<Vec<ExecutionLine>, String> {
        let which = if filter.failed { Which::Failed } else { Which::Any };
        let executions = block_on(async {
            let machine = Machine::open(&self.state_machine).await?;
            machine.list(which, limit.unwrap_or(usize::MAX)).await
        })?;
        Ok(executions.iter().map(line).collect())
    }

    fn show(&self, id: &str) -> Result<ExecutionDetails, String> {
        let (execution, history) = block_on(async {
            let machine = self.machine_of(id).await?;
            let execution = machine.find(id).await?;
            let history = machine.history(&execution.arn).await?;
            Ok((execution, history))
        })?;
        let mut line = line(&execution);
        line.seconds = Some(Course::of(&history).seconds);
        let mut next = format!("\n{}\n", step_notify::execution_link(&execution.arn));
        if execution.failed() {
            let rejected = execution.error.as_deref() == Some("Rejected");
            let command = if rejected { "rerun" } else { "redrive" };
            let _ = writeln!(next, "ecg {command} --aws {}", execution.arn);
        }
        Ok(ExecutionDetails {
            line,
            input: execution.input,
            history,
            output: execution.output,
            notification: None,
            file: None,
            next,
        })
    }

    fn redrive(&self, which: Failed<'_>) -> Result<Box<dyn Answer>, String> {
        let outcomes = block_on(async {
            match which {
                Failed::One(id) => {
                    let machine = self.machine_of(id).await?;
                    let execution = machine.find(id).await?;
                    let again = ecg_remote::redrive::redrive(&machine, &execution).await?;
                    Ok(vec![(execution, Ok(again))])
                }
                Failed::All { group } => {
                    let machine = Machine::open(&self.state_machine).await?;
                    redrive_all(&machine, group).await
                }
            }
        })?;
        let id = match which {
            Failed::One(id) => Some(id),
            Failed::All { .. } => None,
        };
        Ok(self.ran_again(outcomes, id))
    }

    fn rerun(&self, id: &str, said: &CalibrationArgs) -> Result<Box<dyn Answer>, String> {
        if said.profile.is_some() {
            return Err(
                "--profile: on AWS the profiles are a setting of the deployment: infra/README.md".to_owned(),
            );
        }
        let settings = said.settings();
        let outcomes = block_on(async {
            let machine = self.machine_of(id).await?;
            let execution = machine.find(id).await?;
            let again = ecg_remote::redrive::rerun(&machine, &execution, settings.as_ref()).await?;
            Ok(vec![(execution, Ok(again))])
        })?;
        Ok(self.ran_again(outcomes, Some(id)))
    }
}

impl ecg_console::Remote for OnAws {
    fn name(&self) -> String {
        format!("AWS: {}", self.state_machine)
    }

    fn list(&self, failed: bool, limit: usize) -> Result<Vec<ecg_journal::Execution>, String> {
        let which = if failed { Which::Failed } else { Which::Any };
        let executions = block_on(async {
            let machine = Machine::open(&self.state_machine).await?;
            machine.list(which, limit).await
        })?;
        Ok(executions
            .iter()
            .map(|execution| for_console(execution, None))
            .collect())
    }

    fn show(&self, name: &str) -> Result<Option<Shown>, String> {
        block_on(async {
            let machine = Machine::open(&self.state_machine).await?;
            let Some(execution) = machine.describe(&machine.execution_arn(name)).await? else {
                return Ok(None);
            };
            let history = machine.history(&execution.arn).await?;
            let told = for_console(&execution, Some(&history));
            Ok(Some((told, execution.input, history)))
        })
    }
}

/// An execution, its input and its events.
type Shown = (ecg_journal::Execution, Value, Vec<HistoryEvent>);

/// An execution as the console shows it. Only its events say which step failed.
fn for_console(execution: &Execution, history: Option<&[HistoryEvent]>) -> ecg_journal::Execution {
    let input = ExecutionInput::deserialize(&execution.input).ok();
    let source = input.as_ref().map(|input| &input.source);
    let course = history.map(Course::of);
    ecg_journal::Execution {
        id: 0,
        name: execution.name.clone(),
        recording_id: execution.recording_id().to_owned(),
        key: source.map_or_else(|| execution.name.clone(), |source| source.key.clone()),
        version: source.map(|source| source.version.clone()).unwrap_or_default(),
        file: Default::default(),
        started: Some(execution.started),
        seconds: match &course {
            Some(course) => course.seconds,
            None => execution
                .stopped
                .map_or(0.0, |stopped| stopped - execution.started),
        },
        redrives: execution.redrives,
        step: course.and_then(|course| course.step()),
        closed: execution.status.map(|status| Closed {
            status,
            output: None,
            error: execution.error.clone(),
            cause: execution.cause.clone(),
        }),
        label: None,
        subject: None,
        cause_group: execution.failed().then(|| group_of(execution)).flatten(),
    }
}

impl ecg_console::Actions for OnAws {
    fn redrive(&self, executions: &[String], done: &dyn Fn(Done)) -> Result<(), String> {
        for name in executions {
            done(started(name, Executions::redrive(self, Failed::One(name))));
        }
        Ok(())
    }

    fn rerun(&self, execution: &str, done: &dyn Fn(Done)) -> Result<(), String> {
        let said = CalibrationArgs::default();
        done(started(execution, Executions::rerun(self, execution, &said)));
        Ok(())
    }

    fn upload(&self, _: &[std::path::PathBuf], _: &dyn Fn(Done)) -> Result<(), String> {
        Err("files are uploaded to the bucket of the deployment, not here".to_owned())
    }
}

/// What became of starting an execution again: it goes on without us.
fn started(name: &str, answer: Result<Box<dyn Answer>, String>) -> Done {
    let (well, message) = match answer {
        Ok(answer) => (answer.well(), Some(answer.text())),
        Err(error) => (false, Some(error)),
    };
    Done {
        execution: name.to_owned(),
        key: name.to_owned(),
        well,
        message,
    }
}

impl OnAws {
    /// The state machine of the execution that is meant: an ARN says it itself.
    async fn machine_of(&self, id: &str) -> Result<Machine, Error> {
        if id.starts_with("arn:") {
            Machine::of_execution(id).await
        } else {
            Machine::open(&self.state_machine).await
        }
    }

    fn ran_again(&self, outcomes: Vec<Outcome>, id: Option<&str>) -> Box<dyn Answer> {
        Box::new(RanAgain {
            outcomes,
            // A name says enough where the machine is the usual one.
            by_arn: self.state_machine != PIPELINE || id.is_some_and(|id| id.starts_with("arn:")),
        })
    }
}

pub(crate) fn block_on<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, String> {
    runtime(1)?.block_on(future).map_err(|error| error.to_string())
}

fn line(execution: &Execution) -> ExecutionLine {
    ExecutionLine {
        execution: execution.name.clone(),
        status: execution.status.map_or(RUNNING, Status::name).to_owned(),
        key: ExecutionInput::deserialize(&execution.input)
            .ok()
            .map(|input| input.source.key),
        started: Some(execution.started),
        seconds: execution.stopped.map(|stopped| stopped - execution.started),
        redrives: execution.redrives,
        reason: why(execution),
    }
}

/// Why an execution failed, in one line.
pub(crate) fn why(execution: &Execution) -> Option<String> {
    let status = execution.status.filter(|status| *status != Status::Succeeded)?;
    Some(reason_of(
        status,
        execution.error.as_deref(),
        execution.cause.as_deref(),
    ))
}

/// One execution that was to be run again, and what became of it.
type Outcome = (Execution, Result<Again, Error>);

/// Every recording whose newest failed execution has not been made good by a rerun, and is of this group.
async fn redrive_all(machine: &Machine, group: Option<&str>) -> Result<Vec<Outcome>, Error> {
    let mut done = BTreeSet::new();
    let mut outcomes = Vec::new();
    // Newest first.
    for execution in machine.list(Which::Failed, usize::MAX).await? {
        let newest = done.insert(execution.recording_id().to_owned());
        if newest && group.is_none_or(|group| group_of(&execution).as_deref() == Some(group)) {
            let again = ecg_remote::redrive::redrive(machine, &execution).await;
            outcomes.push((execution, again));
        }
    }
    Ok(outcomes)
}

/// The group of its failure, as the message in Slack names it; `None` if it is about no upload.
fn group_of(execution: &Execution) -> Option<String> {
    let input = ExecutionInput::deserialize(&execution.input).ok()?;
    // As the net names what has no error of its own.
    let error = execution.error.as_deref().unwrap_or(match execution.status {
        Some(Status::TimedOut) => "States.Timeout",
        Some(Status::Aborted) => "Aborted",
        _ => "Failed",
    });
    let failure = Failure {
        step: String::new(),
        error: error.to_owned(),
        cause: execution.cause.clone().unwrap_or_default(),
        attempts: 1,
    };
    Some(failure.group(&input.recording_id, &input.source))
}

/// How executions were run again. They go on without the command.
struct RanAgain {
    outcomes: Vec<Outcome>,
    /// Whether executions are named by their ARN.
    by_arn: bool,
}

impl Answer for RanAgain {
    fn text(&self) -> String {
        let mut text = String::new();
        let mut left_alone = 0;
        for (execution, outcome) in &self.outcomes {
            let _ = match outcome {
                Ok(Again::Redriven { name }) => writeln!(text, "goes on where it stopped: {name}"),
                Ok(Again::Started { name }) => writeln!(text, "started again: {name}"),
                Err(Error::Refused(_)) => {
                    left_alone += 1;
                    continue;
                }
                Err(error) => writeln!(text, "not started: {}\n  {error}", execution.name),
            };
            if let Ok(again) = outcome {
                let machine = execution
                    .arn
                    .strip_suffix(&execution.name)
                    .filter(|_| self.by_arn);
                let _ = writeln!(
                    text,
                    "  ecg show --aws {}{}",
                    machine.unwrap_or_default(),
                    again.name()
                );
            }
        }
        if left_alone > 0 {
            let _ = writeln!(
                text,
                "left alone, because a rerun succeeded or is under way: {left_alone}"
            );
        }
        if text.is_empty() {
            text.push_str("no failed executions\n");
        }
        text
    }

    fn json(&self) -> Value {
        let line = |(execution, outcome): &Outcome| {
            json!({
                "execution": execution.name,
                "recording_id": execution.recording_id(),
                "how": match outcome {
                    Ok(Again::Redriven { .. }) => "redriven",
                    Ok(Again::Started { .. }) => "started",
                    Err(Error::Refused(_)) => "left alone",
                    Err(_) => "failed",
                },
                "runs_as": outcome.as_ref().ok().map(Again::name),
                "reason": outcome.as_ref().err().map(ToString::to_string),
            })
        };
        Value::Array(self.outcomes.iter().map(line).collect())
    }

    fn well(&self) -> bool {
        self.outcomes.iter().all(|(_, outcome)| !is_trouble(outcome))
    }
}

/// That an execution runs or has succeeded meanwhile is no trouble.
fn is_trouble(outcome: &Result<Again, Error>) -> bool {
    matches!(outcome, Err(error) if !matches!(error, Error::Refused(_)))
}
