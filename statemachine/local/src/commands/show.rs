//! `ecg show`: one execution, its steps, attempts, inputs, outputs and error.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use ecg_journal::lake_option;
use serde_json::{Value, json};

use crate::args::{AwsArgs, LakeArg};
use crate::execute::WORKFLOW;
use crate::executions;
use crate::executions::local;
use crate::output::{print, print_answer, print_json};
use crate::runtime::{processors, runtime};
use crate::terminal::plain;

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
    /// Print what its steps logged; with --json as they wrote it, a JSON object a line
    #[arg(long, conflicts_with_all = ["aws", "history"])]
    pub(crate) logs: bool,
    /// Write it, and its recording on ECG paper, as one HTML file that needs nothing else, for a ticket
    #[arg(long, value_name = "FILE", conflicts_with_all = ["aws", "json", "history", "logs"])]
    pub(crate) html: Option<PathBuf>,
    /// In the HTML file, draw the signal from here on as well; may be given several times
    #[arg(
        long,
        value_name = "SECONDS",
        requires = "html",
        allow_negative_numbers = true
    )]
    pub(crate) at: Vec<f64>,
    #[command(flatten)]
    pub(crate) lake: LakeArg,
}

pub(crate) fn run(args: &ShowArgs) -> Result<ExitCode, String> {
    if args.logs || args.html.is_some() {
        return of_lake(args);
    }
    let details = executions::open(&args.lake, &args.aws, None)?.show(&args.id)?;
    if args.history {
        print_json(&json!({ "events": details.history }))?;
        return Ok(ExitCode::SUCCESS);
    }
    print_answer(&details, args.json)
}

/// What only a lake can show.
fn of_lake(args: &ShowArgs) -> Result<ExitCode, String> {
    let place = args.lake.place();
    let journal = place.existing()?.journal()?;
    let execution = local::find(&journal, &place, &args.id)?;
    if let Some(file) = &args.html {
        let options = lake_option(&args.lake.text());
        let text = ecg_console::run_html(&place, &options, WORKFLOW, &execution.name, &args.at);
        let text = runtime(processors())?.block_on(text)?;
        fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let lines = journal.logs(&execution).map_err(|error| error.to_string())?;
    if args.json {
        print(&lines)?;
    } else if lines.is_empty() {
        print("no logs: they are kept of what ran with this `ecg` or a newer one\n")?;
    } else {
        print(&lines.lines().map(log_line).collect::<String>())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A line of a log for people: level, step, attempt, message, fields.
fn log_line(line: &str) -> String {
    let line: Value = serde_json::from_str(line).unwrap_or_default();
    let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let mut out = format!(
        "{:<5} {:<9} {:>2}  {}",
        text("level"),
        text("step"),
        line["attempt"],
        text("message")
    );
    for (name, value) in line.as_object().into_iter().flatten() {
        if !matches!(
            name.as_str(),
            "timestamp" | "level" | "step" | "attempt" | "message"
        ) {
            let _ = write!(out, " {name}={value}");
        }
    }
    format!("{}\n", plain(&out))
}
