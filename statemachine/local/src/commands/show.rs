//! `ecg show`: one execution, its steps, attempts, inputs, outputs and error.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::args::{AwsArgs, LakeArg};
use crate::executions;
use crate::output::{print_answer, print_json};

#[derive(Args)]
#[command(after_help = "\
ID is a recording id, or any part of one or of a file's key that fits only one execution.
With --aws it is the ARN of an execution, a name (the recording id, and the suffix of a rerun), or a part of one.")]
pub(crate) struct ShowArgs {
    /// The execution
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) aws: AwsArgs,
    /// Print JSON, nothing shortened
    #[arg(long, conflicts_with = "history")]
    pub(crate) json: bool,
    /// Print the history in the form of GetExecutionHistory
    #[arg(long)]
    pub(crate) history: bool,
    #[command(flatten)]
    pub(crate) lake: LakeArg,
}

pub(crate) fn run(args: &ShowArgs) -> Result<ExitCode, String> {
    let details = executions::open(&args.lake, &args.aws, None)?.show(&args.id)?;
    if args.history {
        print_json(&json!({ "events": details.history }))?;
        return Ok(ExitCode::SUCCESS);
    }
    print_answer(&details, args.json)
}
