//! `ecg redrive`: run a failed execution again from the step that failed.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;

use crate::args::{AwsArgs, LakeArg};
use crate::executions::aws;
use crate::executions::local::{failed, find, finish, journals};
use crate::journal::Journal;
use crate::progress::Progress;
use crate::run::{End, Ran, executor, workflow};
use crate::runtime::{processors, runtime};

#[derive(Args)]
#[command(after_help = "\
What succeeded before the failed step is kept, and the input is the same: this is for a reason that has passed, such as a
full disk, or a changed rule. A changed file, header or option is for `ecg rerun` or `ecg run`.

With --aws an execution that timed out or was aborted goes on where it stopped, in the version of the workflow that it
began with. One that failed, and one whose version is not the one in use any more, is started again with the same input,
under the recording id and -r1, -r2, …; every step writes the same objects again.")]
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

pub(crate) fn redrive_command(args: &RedriveArgs) -> Result<ExitCode, String> {
    if args.aws.aws {
        return aws::redrive(args);
    }
    let started = Instant::now();
    let machine = workflow(args.workflow.as_deref())?;
    let place = args.lake.place().existing()?;
    let chosen = match &args.id {
        Some(id) => vec![find(&place, id)?],
        None => journals(&place)?,
    };
    let (lake, _store, _lock) = place.open()?;
    let mut open = Vec::new();
    for journal in chosen {
        let input = journal.input().map_err(|error| error.to_string())?;
        let input = input.ok_or_else(|| format!("{}: its input is gone", journal.name()))?;
        let last = Journal::runs_of(&place.executions(), &input.recording_id).pop();
        let last = last.map_or_else(|| journal.name(), |last| last.name());
        let why_not = if last != journal.name() {
            format!("expected the last run of its recording, found that {last} is that")
        } else if !failed(&journal)? {
            "expected a failed execution, found one that succeeded or is still open; `ecg rerun` runs it again from the start"
                .to_owned()
        } else {
            open.push((journal, input));
            continue;
        };
        if args.id.is_some() {
            return Err(format!("{}: {why_not}", journal.name()));
        }
    }
    let progress = Progress::new(open.len() as u64, "executions");
    let executor = executor(machine, lake, &place)?;
    let ran = runtime(processors())?.block_on(async {
        let mut ran = Vec::new();
        for (journal, input) in open {
            let began = Instant::now();
            let end = executor.redrive(&journal, &input).await;
            let one = Ran {
                key: input.source.key,
                recording_id: input.recording_id,
                execution: journal.name(),
                end: end.map_or_else(End::Broken, End::Now),
                took: began.elapsed(),
            };
            progress.step(one.settled());
            ran.push(one);
        }
        ran
    });
    progress.finish();
    finish(&ran, started, &place, args.json)
}
