//! `--aws`: the same commands, asked of Step Functions.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::process::ExitCode;

use asl_engine::Status;
use ecg_core::message::{ExecutionInput, Failure};
use ecg_remote::redrive::Again;
use ecg_remote::{Error, Execution, Machine, Which};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::args::PIPELINE;
use crate::commands::redrive::RedriveArgs;
use crate::commands::rerun::RerunArgs;
use crate::commands::runs::{RunsArgs, print_lines};
use crate::commands::show::{ShowArgs, history_text, report_text};
use crate::execute::reason_of;
use crate::output::{FAILED, print};
use crate::report::{Inside, Seen, seconds_at_work};
use crate::runtime::runtime;

pub(crate) use crate::backfill::backfill;

/// Executions that `ecg runs` lists where nobody says how many.
const LISTED: usize = 50;

pub(crate) fn block_on<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, String> {
    runtime(1)?.block_on(future).map_err(|error| error.to_string())
}

/// The state machine that is meant: an execution's ARN says it itself.
async fn machine(id: Option<&str>, state_machine: &str) -> Result<Machine, Error> {
    match id {
        Some(arn) if arn.starts_with("arn:") => Machine::of_execution(arn).await,
        _ => Machine::open(state_machine).await,
    }
}

pub(crate) fn runs(args: &RunsArgs) -> Result<ExitCode, String> {
    let which = if args.failed { Which::Failed } else { Which::Any };
    let executions = block_on(async {
        let machine = machine(None, &args.aws.state_machine).await?;
        machine.list(which, args.limit.unwrap_or(LISTED)).await
    })?;
    print_lines(
        executions
            .iter()
            .map(|execution| seen(execution).json())
            .collect(),
        args,
    )?;
    Ok(ExitCode::SUCCESS)
}

fn seen(execution: &Execution) -> Seen {
    let status = execution
        .status
        .and_then(|status| serde_json::to_value(status).ok());
    Seen {
        execution: execution.name.clone(),
        status: status
            .as_ref()
            .and_then(Value::as_str)
            .unwrap_or("RUNNING")
            .to_owned(),
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

pub(crate) fn show(args: &ShowArgs) -> Result<ExitCode, String> {
    let (execution, history) = block_on(async {
        let machine = machine(Some(&args.id), &args.aws.state_machine).await?;
        let execution = machine.find(&args.id).await?;
        let history = machine.history(&execution.arn).await?;
        Ok((execution, history))
    })?;
    if args.history {
        print(&history_text(&history))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut line = seen(&execution);
    line.seconds = Some(seconds_at_work(&history));
    let inside = Inside {
        input: execution.input.clone(),
        history: &history,
        output: execution.output.clone(),
        notification: None,
    };
    let mut text = report_text(&inside.beside(line.json()), args);
    if !args.json {
        let _ = writeln!(text, "\n{}", step_notify::execution_link(&execution.arn));
        if execution.failed() {
            let rejected = execution.error.as_deref() == Some("Rejected");
            let command = if rejected { "rerun" } else { "redrive" };
            let _ = writeln!(text, "ecg {command} --aws {}", execution.arn);
        }
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// One execution that was to be run again, and what became of it.
type Outcome = (Execution, Result<Again, Error>);

pub(crate) fn redrive(args: &RedriveArgs) -> Result<ExitCode, String> {
    let outcomes = block_on(async {
        let machine = machine(args.id.as_deref(), &args.aws.state_machine).await?;
        match &args.id {
            Some(id) => {
                let execution = machine.find(id).await?;
                let again = ecg_remote::redrive::redrive(&machine, &execution).await?;
                Ok(vec![(execution, Ok(again))])
            }
            None => redrive_all(&machine, args.group.as_deref()).await,
        }
    })?;
    tell(&outcomes, args.json, &args.aws.state_machine, args.id.as_deref())
}

pub(crate) fn rerun(args: &RerunArgs) -> Result<ExitCode, String> {
    if args.calibration.profile.is_some() {
        return Err(
            "--profile: on AWS the profiles are a setting of the deployment: infra/README.md".to_owned(),
        );
    }
    let settings = args.calibration.settings();
    let outcomes = block_on(async {
        let machine = machine(Some(&args.id), &args.aws.state_machine).await?;
        let execution = machine.find(&args.id).await?;
        let again = ecg_remote::redrive::rerun(&machine, &execution, settings.as_ref()).await?;
        Ok(vec![(execution, Ok(again))])
    })?;
    tell(&outcomes, args.json, &args.aws.state_machine, Some(&args.id))
}

/// Says how executions were run again.
fn tell(outcomes: &[Outcome], json: bool, state_machine: &str, id: Option<&str>) -> Result<ExitCode, String> {
    let text = if json {
        format!("{:#}\n", redriven_json(outcomes))
    } else {
        // A name says enough where the machine is the usual one.
        let by_arn = state_machine != PIPELINE || id.is_some_and(|id| id.starts_with("arn:"));
        redriven_text(outcomes, by_arn)
    };
    print(&text)?;
    let all_well = outcomes.iter().all(|(_, outcome)| !is_trouble(outcome));
    Ok(if all_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}

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

/// That an execution runs or has succeeded meanwhile is no trouble.
fn is_trouble(outcome: &Result<Again, Error>) -> bool {
    matches!(outcome, Err(error) if !matches!(error, Error::Refused(_)))
}

fn redriven_text(outcomes: &[Outcome], by_arn: bool) -> String {
    let mut text = String::new();
    let mut left_alone = 0;
    for (execution, outcome) in outcomes {
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
            let machine = execution.arn.strip_suffix(&execution.name).filter(|_| by_arn);
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

fn redriven_json(outcomes: &[Outcome]) -> Value {
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
    Value::Array(outcomes.iter().map(line).collect())
}
