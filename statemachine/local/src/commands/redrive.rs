//! `ecg redrive`: run a failed execution again from the step that failed.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::args::{AwsArgs, LakeArg};
use crate::executions::{self, Failed};
use crate::output::print_answer;

#[derive(Args)]
#[command(after_help = "\
What succeeded before the failed step is kept, and the input is the same: this is for a reason that has passed, such as a full disk, or a changed rule. A changed file, header or option is for `ecg rerun` or `ecg run`.

With --aws an execution that timed out or was aborted goes on where it stopped, in the version of the workflow that it began with. One that failed, and one whose version is not the one in use any more, is started again with the same input, under the recording id and -r1, -r2, …; every step writes the same objects again.")]
pub(crate) struct RedriveArgs {
    #[command(flatten)]
    pub(crate) aws: AwsArgs,
    /// The execution, as `ecg show` takes it
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub(crate) id: Option<String>,
    /// Every failed execution
    #[arg(long)]
    pub(crate) all: bool,
    /// Of all, only those that failed for one cause: the group that the message in Slack names
    #[arg(long, value_name = "GROUP", requires = "all", requires = "aws")]
    pub(crate) group: Option<String>,
    /// Another workflow file than the built-in one
    #[arg(long, value_name = "FILE", conflicts_with = "aws")]
    pub(crate) workflow: Option<PathBuf>,
    /// Print the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) lake: LakeArg,
}

pub(crate) fn run(args: &RedriveArgs) -> Result<ExitCode, String> {
    let executions = executions::open(&args.lake, &args.aws, args.workflow.as_deref())?;
    let group = args.group.as_deref();
    let which = args.id.as_deref().map_or(Failed::All { group }, Failed::One);
    print_answer(executions.redrive(which)?.as_ref(), args.json)
}
