//! `ecg rerun`: run an upload again from the start.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::args::{AwsArgs, CalibrationArgs, LakeArg};
use crate::executions;
use crate::output::print_answer;

#[derive(Args)]
#[command(after_help = "\
The same upload runs again as a new execution, under the recording id and -r1, -r2, …, with the header that stands beside its file now, the profile that reads its key now, and the options that are given (without any, those of the run before). When it has succeeded, its rows replace the old ones; until then the old ones answer.

Examples:
  ecg rerun 100m
      After its .hea was corrected.
  ecg rerun 100m --fs 360 --gain 200
  ecg run recordings/ --again
      All of a folder.
  ecg rerun --aws ID
      On AWS, after `aws s3 cp 100m.hea s3://RAW-BUCKET/...`")]
pub(crate) struct RerunArgs {
    /// The execution, as `ecg show` takes it
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) aws: AwsArgs,
    /// Another workflow file than the built-in one
    #[arg(long, value_name = "FILE", conflicts_with = "aws")]
    pub(crate) workflow: Option<PathBuf>,
    /// Print the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) lake: LakeArg,
    // Last, because its heading holds for what follows.
    #[command(flatten)]
    pub(crate) calibration: CalibrationArgs,
}

pub(crate) fn run(args: &RerunArgs) -> Result<ExitCode, String> {
    let executions = executions::open(&args.lake, &args.aws, args.workflow.as_deref())?;
    print_answer(executions.rerun(&args.id, &args.calibration)?.as_ref(), args.json)
}
