//! `ecg runs`: list the executions.

use std::process::ExitCode;

use clap::Args;

use crate::args::{AwsArgs, LakeArg};
use crate::executions::{self, FilterArgs};
use crate::output::print_answer;
use crate::progress::tell;
use crate::report::ExecutionList;

/// Executions that are listed for people where nobody says how many.
const LISTED: usize = 50;

#[derive(Args)]
#[command(after_help = "\
Examples:
  ecg runs --failed
  ecg runs --step Parse --since 2026-11-01
  ecg runs --error Rejected --label AFIB --json
  ecg runs --aws --failed --limit 20")]
pub(crate) struct RunsArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
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
    let all = args.json && !args.aws.aws;
    let limit = args.limit.or((!all).then_some(LISTED));
    // One more tells whether there are more.
    let lines = executions.list(&args.filter.filter(), limit.map(|limit| limit + 1))?;
    let more = args.limit.is_none() && limit.is_some_and(|limit| lines.len() > limit);
    let ended = print_answer(&ExecutionList::new(&lines, limit), args.json)?;
    if more && !args.json {
        tell(&format!("the newest {LISTED}; `--limit N` shows more"));
    }
    Ok(ended)
}
