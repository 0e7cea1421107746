//! `ecg show`: one execution, its steps, attempts, inputs, outputs and error.

use std::process::ExitCode;

use asl_engine::HistoryEvent;
use clap::Args;
use serde_json::Value;

use crate::args::{AwsArgs, LakeArg};
use crate::executions::aws;
use crate::executions::local::find;
use crate::output::print;
use crate::report;

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

pub(crate) fn show_command(args: &ShowArgs) -> Result<ExitCode, String> {
    if args.aws.aws {
        return aws::show(args);
    }
    let place = args.lake.place().existing()?;
    let journal = find(&place, &args.id)?;
    if args.history {
        let events = journal.history().map_err(|error| error.to_string())?;
        print(&history_text(&events))?;
        return Ok(ExitCode::SUCCESS);
    }
    let report = report::show(&journal, place.at_work()).map_err(|error| error.to_string())?;
    print(&report_text(&report, args))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn history_text(events: &[HistoryEvent]) -> String {
    format!("{:#}\n", serde_json::json!({ "events": events }))
}

pub(crate) fn report_text(report: &Value, args: &ShowArgs) -> String {
    if args.json {
        format!("{report:#}\n")
    } else {
        report::page(report)
    }
}
