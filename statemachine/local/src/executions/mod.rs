//! The executions of the workflow: what can be asked of those in a lake and of those on AWS alike.

#[cfg(feature = "aws")]
pub(crate) mod aws;
pub(crate) mod local;

use std::path::Path;

use clap::Args;
use ecg_core::day;
use ecg_journal::Filter;

use crate::args::{AwsArgs, CalibrationArgs, LakeArg};
use crate::output::Answer;
use crate::report::{ExecutionDetails, ExecutionLine};

/// Executions, wherever they run.
pub(crate) trait Executions {
    /// The executions that the filter lets through, in any order. Where there is a limit, the newest so many are among them.
    fn list(&self, filter: &Filter, limit: Option<usize>) -> Result<Vec<ExecutionLine>, String>;

    /// The one execution that the id means.
    fn show(&self, id: &str) -> Result<ExecutionDetails, String>;

    /// Runs failed executions again, with the same input.
    fn redrive(&self, which: Failed<'_>) -> Result<Box<dyn Answer>, String>;

    /// Runs the upload of an execution again from the start, with what is said of it now.
    fn rerun(&self, id: &str, said: &CalibrationArgs) -> Result<Box<dyn Answer>, String>;
}

/// Which executions are listed, as options.
#[derive(Args)]
pub(crate) struct FilterArgs {
    /// Only those that did not succeed
    #[arg(long)]
    failed: bool,
    /// Only those that failed in this state, such as Parse
    #[arg(long, value_name = "STATE", conflicts_with = "aws")]
    step: Option<String>,
    /// Only those that failed with this error, such as Rejected
    #[arg(long, value_name = "NAME", conflicts_with = "aws")]
    error: Option<String>,
    /// Only those of recordings with this label
    #[arg(long, value_name = "LABEL", conflicts_with = "aws")]
    label: Option<String>,
    /// Only those of uploads whose keys begin so
    #[arg(long, value_name = "PREFIX", conflicts_with = "aws")]
    key: Option<String>,
    /// Only those that started at this time or later: a day, or a time such as 2026-11-01T12:00:00Z
    // In seconds since the epoch.
    #[arg(long, value_name = "TIME", value_parser = since, conflicts_with = "aws")]
    since: Option<f64>,
}

impl FilterArgs {
    pub(crate) fn filter(&self) -> Filter {
        Filter {
            failed: self.failed,
            step: self.step.clone(),
            error: self.error.clone(),
            label: self.label.clone(),
            key: self.key.clone(),
            since: self.since,
            ..Filter::default()
        }
    }
}

/// Seconds since the epoch of a day or a time in UTC.
fn since(text: &str) -> Result<f64, String> {
    let whole = if text.contains('T') {
        text.to_owned()
    } else {
        format!("{text}T00:00:00Z")
    };
    let milliseconds = day::parse_rfc3339(&whole);
    let milliseconds =
        milliseconds.ok_or("expected a day such as 2026-11-01, or a time such as 2026-11-01T12:00:00Z")?;
    Ok(milliseconds as f64 / 1000.0)
}

/// Which failed executions are meant.
#[derive(Clone, Copy)]
pub(crate) enum Failed<'a> {
    /// The one that the id means.
    One(&'a str),
    /// Every one, or every one that failed for one cause. Groups of a cause are known on AWS only.
    All {
        #[cfg_attr(not(feature = "aws"), allow(dead_code))]
        group: Option<&'a str>,
    },
}

/// The executions that a command means. `workflow` is the file that runs them again in a lake; without it, the built-in one
/// does.
pub(crate) fn open(
    lake: &LakeArg,
    aws: &AwsArgs,
    workflow: Option<&Path>,
) -> Result<Box<dyn Executions>, String> {
    if aws.aws {
        on_aws(aws)
    } else {
        Ok(Box::new(local::InLake {
            place: lake.place(),
            workflow: workflow.map(Path::to_owned),
        }))
    }
}

#[cfg(feature = "aws")]
fn on_aws(aws: &AwsArgs) -> Result<Box<dyn Executions>, String> {
    Ok(Box::new(aws::OnAws {
        state_machine: aws.state_machine.clone(),
    }))
}

#[cfg(not(feature = "aws"))]
fn on_aws(_: &AwsArgs) -> Result<Box<dyn Executions>, String> {
    Err(WITHOUT_AWS.to_owned())
}

/// What `--aws` says in a build without the feature `aws`.
#[cfg(not(feature = "aws"))]
pub(crate) const WITHOUT_AWS: &str = "this `ecg` was built without AWS, which few need; for one that has it:\n  \
                                      cargo install --path statemachine/local --features aws";
