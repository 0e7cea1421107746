//! `ecg runs`: list the executions.

use std::process::ExitCode;

use clap::Args;
use ecg_core::day;

use crate::args::{AwsArgs, LakeArg};
use crate::executions::{self, Filter};
use crate::output::print_answer;
use crate::progress::tell;
use crate::report::{ExecutionList, LISTED};

#[derive(Args)]
#[command(after_help = "\
Examples:
  ecg runs --failed
  ecg runs --step Parse --since 2026-11-01
  ecg runs --error Rejected --label AFIB --json
  ecg runs --aws --failed --limit 20")]
pub(crate) struct RunsArgs {
    /// Only those that did not succeed
    #[arg(long)]
    pub(crate) failed: bool,
    /// Only those that failed in this state, such as Parse
    #[arg(long, value_name = "STATE", conflicts_with = "aws")]
    pub(crate) step: Option<String>,
    /// Only those that failed with this error, such as Rejected
    #[arg(long, value_name = "NAME", conflicts_with = "aws")]
    pub(crate) error: Option<String>,
    /// Only those of recordings with this label
    #[arg(long, value_name = "LABEL", conflicts_with = "aws")]
    pub(crate) label: Option<String>,
    /// Only those of uploads whose keys begin so
    #[arg(long, value_name = "PREFIX", conflicts_with = "aws")]
    pub(crate) key: Option<String>,
    /// Only those that started at this time or later: a day, or a time such as 2026-11-01T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = since, conflicts_with = "aws")]
    pub(crate) since: Option<f64>,
    /// At most so many, the newest [default: 50; with --json all of a lake]
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    #[command(flatten)]
    pub(crate) aws: AwsArgs,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) lake: LakeArg,
}

pub(crate) fn run(args: &RunsArgs) -> Result<ExitCode, String> {
    let executions = executions::open(&args.lake, &args.aws, None)?;
    let filter = Filter {
        failed: args.failed,
        step: args.step.clone(),
        error: args.error.clone(),
        label: args.label.clone(),
        key: args.key.clone(),
        since: args.since,
    };
    let all = args.json && !args.aws.aws;
    let limit = args.limit.or((!all).then_some(LISTED));
    // One more tells whether there are more.
    let lines = executions.list(&filter, limit.map(|limit| limit + 1))?;
    let more = args.limit.is_none() && limit.is_some_and(|limit| lines.len() > limit);
    let ended = print_answer(&ExecutionList::new(&lines, limit), args.json)?;
    if more && !args.json {
        tell(&format!("the newest {LISTED}; `--limit N` shows more"));
    }
    Ok(ended)
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
