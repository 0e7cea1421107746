//! `ecg runs`: list the executions.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use crate::args::{AwsArgs, LakeArg};
use crate::executions::aws;
use crate::executions::local::{failed, journals};
use crate::output::print;
use crate::report;

#[derive(Args)]
#[command(after_help = "\
Examples:
  ecg runs --failed
  ecg runs --aws --failed --limit 20")]
pub(crate) struct RunsArgs {
    /// Only those that did not succeed
    #[arg(long)]
    pub(crate) failed: bool,
    /// At most so many, the newest [default: all; 50 with --aws]
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

pub(crate) fn runs_command(args: &RunsArgs) -> Result<ExitCode, String> {
    if args.aws.aws {
        return aws::runs(args);
    }
    let place = args.lake.place().existing()?;
    let at_work = place.at_work();
    let mut lines = Vec::new();
    for journal in journals(&place)? {
        if !args.failed || failed(&journal)? {
            lines.push(report::line(&journal, at_work).map_err(|error| error.to_string())?);
        }
    }
    print_lines(lines, args)?;
    Ok(ExitCode::SUCCESS)
}

/// The list of executions, the newest last, where the eye is.
pub(crate) fn print_lines(mut lines: Vec<Value>, args: &RunsArgs) -> Result<(), String> {
    lines.sort_by(|a, b| a["started"].as_str().cmp(&b["started"].as_str()));
    if let Some(limit) = args.limit {
        lines.drain(..lines.len().saturating_sub(limit));
    }
    if args.json {
        print(&format!("{:#}\n", Value::Array(lines)))
    } else if lines.is_empty() {
        print("no executions\n")
    } else {
        print(&report::table(&lines))
    }
}
