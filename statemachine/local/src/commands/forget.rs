//! `ecg forget`: erase recordings for good.

use std::process::ExitCode;

use clap::Args;
use step_forget::Selection;

use crate::args::{AwsArgs, LakeArg};
use crate::forget;

#[derive(Args)]
#[command(after_help = "\
Without --yes nothing is removed: it says what would be.

What is erased: every version of the upload, and its header (.hea); other uploads with the same bytes; the rows in every table; what steps left; what is recorded of the executions; on AWS also the results of queries that are still kept. Nothing of it can be had back. It stays out: a tombstone, which does not tell whose it was, keeps the same upload or the same bytes from being processed again.

What is not erased is printed at the end: your own file where it came from, and on AWS what services keep for a while. A query that runs meanwhile may fail; run it again.

Examples:
  ecg forget ecg-100-6a2f --yes
  ecg forget --subject 'patient 7'
      Every recording with this subject_id in the table recordings.
  ecg forget --key 'ward 7/' --aws --yes

Exit status: 0 if it is done (with --aws: done or under way), 1 if something is left, 2 if nothing was found or it could not be done.")]
pub(crate) struct ForgetArgs {
    #[command(flatten)]
    pub(crate) aws: AwsArgs,
    /// Recordings: ids, or parts that fit one only (with --aws whole ids)
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Every upload whose key begins so
    #[arg(long, value_name = "PREFIX")]
    key: Option<String>,
    /// Every recording of this subject
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// Erase it
    #[arg(long)]
    yes: bool,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    lake: LakeArg,
}

pub(crate) fn run(args: &ForgetArgs) -> Result<ExitCode, String> {
    if args.key.as_deref() == Some("") {
        return Err(
            "--key: expected the beginning of a key, found nothing, which would be every upload".to_owned(),
        );
    }
    if args.ids.is_empty() && args.key.is_none() && args.subject.is_none() {
        return Err("expected recordings to erase: an ID, --key or --subject; found none".to_owned());
    }
    let selection = Selection {
        ids: args.ids.clone(),
        key: args.key.clone(),
        subject: args.subject.clone(),
    };
    if args.aws.aws {
        return on_aws(args, selection);
    }
    forget::in_lake(&args.lake.place(), selection, args.yes, args.json)
}

#[cfg(feature = "aws")]
fn on_aws(args: &ForgetArgs, selection: Selection) -> Result<ExitCode, String> {
    crate::forget::on_aws(&args.aws.state_machine, selection, args.yes, args.json)
}

#[cfg(not(feature = "aws"))]
fn on_aws(_: &ForgetArgs, _: Selection) -> Result<ExitCode, String> {
    Err(crate::executions::WITHOUT_AWS.to_owned())
}
