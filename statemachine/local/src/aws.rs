//! `--aws`: the same commands, asked of Step Functions.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use asl_engine::Status;
use ecg_core::execution_name;
use ecg_core::message::{ExecutionInput, Failure};
use ecg_remote::backfill::{Backfill, Counts};
use ecg_remote::redrive::Again;
use ecg_remote::{Error, Execution, Machine, Which};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::args::{BACKFILL, BackfillArgs, RedriveArgs, RerunArgs, RunsArgs, ShowArgs};
use crate::commands::{FAILED, history_text, print, print_lines, report_text, runtime};
use crate::execute::{now, reason_of};
use crate::progress::Progress;
use crate::report::{Inside, Seen, seconds_at_work};
use crate::summary::shell_word;

/// Executions that `ecg runs` lists where nobody says how many.
const LISTED: usize = 50;

/// Failed recordings of a backfill that are listed one by one.
const FAILURES_LISTED: usize = 20;

/// How often a backfill is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

fn block_on<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, String> {
    runtime(1)?.block_on(future).map_err(|error| error.to_string())
}

/// The state machine that a command means where nobody names another.
const PIPELINE: &str = "ecg-pipeline";

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
fn why(execution: &Execution) -> Option<String> {
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

pub(crate) fn backfill(args: &BackfillArgs) -> Result<ExitCode, String> {
    // Said here, before a hundred thousand children say it.
    execution_name("", args.suffix.as_deref().unwrap_or_default())?;
    let asked = Backfill {
        prefix: args.prefix.clone(),
        suffix: args.suffix.clone(),
        max_concurrency: args.max_concurrency,
        tolerated_failure_percentage: args.tolerated_failure_percentage,
    };
    let started = Instant::now();
    let name = format!("backfill-{}", now().format("%Y%m%dT%H%M%SZ"));
    let (machine, arn) = block_on(async {
        let machine = Machine::open(&args.state_machine).await?;
        let arn = machine.start_backfill(&name, &asked).await?;
        Ok((machine, arn))
    })?;
    let link = step_notify::execution_link(&arn);
    if args.no_wait {
        print(&format!("started: {name}\n{link}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let progress = Progress::new(0, "objects");
    progress.line(&format!("{link}\n(it goes on without this command)"));
    let ended = block_on(wait(&machine, &arn, &progress));
    progress.finish();
    let (execution, counts, failures) = ended?;
    let told = Told {
        args,
        execution: &execution,
        counts,
        failures: &failures,
        took: started.elapsed(),
    };
    print(&told.text())?;
    let all_well = execution.status == Some(Status::Succeeded) && counts.failed == 0;
    Ok(if all_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}

/// Until the backfill ends: its execution, its numbers, and the first of its failed children.
async fn wait(
    machine: &Machine,
    arn: &str,
    progress: &Progress,
) -> Result<(Execution, Counts, Vec<Execution>), Error> {
    loop {
        // The execution first: once it has ended, the numbers are final.
        let execution = machine.describe(arn).await?;
        let execution = execution.ok_or_else(|| Error::NotFound(format!("`{arn}`: no execution")))?;
        let told = machine.backfill_progress(arn).await?;
        if let Some(told) = &told {
            progress.set_total(told.counts.total);
            progress.set(told.counts.succeeded + told.counts.failed);
        }
        if execution.status.is_some() {
            return Ok(match told {
                None => (execution, Counts::default(), Vec::new()),
                Some(told) => {
                    let failures = machine
                        .backfill_failures(&told.map_run_arn, FAILURES_LISTED)
                        .await?;
                    (execution, told.counts, failures)
                }
            });
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The end of a backfill.
struct Told<'t> {
    args: &'t BackfillArgs,
    execution: &'t Execution,
    counts: Counts,
    failures: &'t [Execution],
    took: Duration,
}

impl Told<'_> {
    /// For people.
    fn text(&self) -> String {
        let Counts {
            total,
            open,
            succeeded,
            failed,
        } = self.counts;
        let mut text = format!(
            "{total} objects below `{}`: {succeeded} succeeded, {failed} failed",
            self.args.prefix
        );
        if open > 0 {
            let _ = write!(text, ", {open} not run");
        }
        let _ = writeln!(text, "; {:.1} s", self.took.as_secs_f64());
        if let Some(why) = why(self.execution) {
            let _ = writeln!(text, "the backfill ended early: {why}");
        }
        let machine = self.machine_option();
        for child in self.failures {
            let (key, name, why) = told(child);
            let _ = writeln!(text, "\n  {key}\n    {why}");
            if let Some(name) = name {
                let _ = writeln!(text, "    ecg show --aws {}{machine}", shell_word(name));
            }
        }
        let more = failed.saturating_sub(self.failures.len() as u64);
        if more > 0 {
            let _ = writeln!(text, "\n  and {more} more");
        }
        text.push_str(&self.archived());
        if failed > 0 {
            let _ = writeln!(
                text,
                "\nnext:\n  ecg runs --aws --failed{machine}\n  \
                 ecg redrive --aws --all{machine}   (when the reasons are corrected)"
            );
        }
        text
    }

    /// How many archived objects were passed over, and the commands that bring them back and run them. The state machine
    /// counts them, see `backfill.asl.json`.
    fn archived(&self) -> String {
        let output = self.execution.output.as_ref();
        let told = |field: &str| output.and_then(|output| output.get(field));
        let count = told("archived").and_then(Value::as_u64).unwrap_or(0);
        if count == 0 {
            return String::new();
        }
        let bucket = told("bucket").and_then(Value::as_str).unwrap_or("RAW_BUCKET");
        let prefix = shell_word(&self.args.prefix);
        let mut options = match self.args.state_machine.as_str() {
            BACKFILL => String::new(),
            other => format!(" --state-machine {}", shell_word(other)),
        };
        if let Some(suffix) = &self.args.suffix {
            let _ = write!(options, " --suffix {suffix}");
        }
        format!(
            "\n{count} of them are archived and were passed over. To restore them for a week, which takes hours:\n  \
             aws s3api list-objects-v2 --bucket {bucket} --prefix {prefix} --output text \\\n    \
             --query 'Contents[?StorageClass==`GLACIER` || StorageClass==`DEEP_ARCHIVE`].[Key]' | while IFS= read -r key; do\n    \
             aws s3api restore-object --bucket {bucket} --key \"$key\" --restore-request Days=7; done\n  \
             ecg backfill {prefix} --aws{options}   (once they are there)\n"
        )
    }

    /// ` --state-machine M` where the pipeline is not the usual one. It is called as its backfill without the ending.
    fn machine_option(&self) -> String {
        let machine = &self.args.state_machine;
        match machine.strip_suffix("-backfill").unwrap_or(machine) {
            PIPELINE => String::new(),
            other => format!(" --state-machine {}", shell_word(other)),
        }
    }
}

/// Key, execution and reason of a child that failed. The cause of one that got as far as the pipeline begins with
/// `KEY (NAME): `, see `backfill.asl.json`.
fn told(child: &Execution) -> (&str, Option<&str>, String) {
    let key = child.input["key"].as_str().unwrap_or(&child.name);
    let cause = child.cause.as_deref().unwrap_or_default();
    let named = (cause.strip_prefix(key))
        .and_then(|rest| rest.strip_prefix(" ("))
        .and_then(|rest| rest.split_once("): "));
    let status = child.status.unwrap_or(Status::Failed);
    match named {
        Some((name, cause)) => (
            key,
            Some(name),
            reason_of(status, child.error.as_deref(), Some(cause)),
        ),
        None => (
            key,
            None,
            reason_of(status, child.error.as_deref(), child.cause.as_deref()),
        ),
    }
}
