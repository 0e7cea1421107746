//! `ecg runs`: list the executions.

use std::process::ExitCode;

use clap::Args;

use crate::args::{AwsArgs, LakeArg};
use crate::executions;
use crate::output::print_answer;
use crate::report::ExecutionList;

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

pub(crate) fn run(args: &RunsArgs) -> Result<ExitCode, String> {
    let executions = executions::open(&args.lake, &args.aws, None)?;
    let lines = executions.list(args.failed, args.limit)?;
    print_answer(&ExecutionList::new(&lines, args.limit), args.json)
}
