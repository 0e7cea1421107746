//! The options of the commands and their help texts.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::place::Place;
use crate::query;

/// From ECG recordings to a table that answers SQL, on one machine.
#[derive(Parser)]
#[command(
    name = "ecg",
    version,
    after_help = "Start with:\n  ecg run testdata/recordings\n  ecg query 'select label, count(*) from recordings group by label'"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Put recordings into the lake and run the workflow for each
    Run(RunArgs),
    /// Answer SQL over the tables and views
    Query(QueryArgs),
    /// List the executions
    Runs(RunsArgs),
    /// Show one execution: steps, attempts, inputs, outputs, error
    Show(ShowArgs),
    /// Run a failed execution again from the step that failed
    Redrive(RedriveArgs),
    /// On AWS: run the pipeline for every recording below a prefix of the raw bucket
    Backfill(BackfillArgs),
    /// Make a synthetic recording whose beats are known
    Synth(ecg_synth::SynthArgs),
    /// Tell what a file is, and how it would be judged
    Inspect(InspectArgs),
    /// Try a workflow file
    #[command(subcommand)]
    Workflow(WorkflowCommand),
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  ecg run recordings/
      Every .mat below the folder; the path below it becomes the key.
  ecg run a.mat b.mat --lake /data/lake --jobs 4
  ecg run recordings/ --workflow my-copy.asl.json
      The same steps under a changed workflow.

Exit status: 0 if every recording was accepted, 1 if any was rejected or failed, 2 if nothing could be run.
The day of a recording (`dt`) is that of the file's modification time, so keep it when you copy (`cp -p`).
A second run does nothing twice; a killed one goes on where it was.
Slack: set SLACK_WEBHOOK_URL, or SLACK_BOT_TOKEN and SLACK_CHANNEL; without them messages are printed.")]
pub(crate) struct RunArgs {
    /// Recordings (.mat) and folders of recordings
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) lake: LakeArg,
    /// Executions at a time [default: the number of processors]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Another workflow file than the built-in statemachine/ecg-pipeline.asl.json
    #[arg(long, value_name = "FILE")]
    pub(crate) workflow: Option<PathBuf>,
    /// Print the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct LakeArg {
    /// Directory of the lake
    #[arg(long, value_name = "DIR", default_value = "ecg-lake")]
    pub(crate) lake: PathBuf,
}

impl LakeArg {
    pub(crate) fn place(&self) -> Place {
        Place::new(&self.lake)
    }

    pub(crate) fn text(&self) -> String {
        self.lake.display().to_string()
    }
}

#[derive(Args)]
#[command(after_help = "\
Tables: recordings, segments, beats, rejections. Views: samples, current, unresolved.
`ecg query 'describe segments'` lists the columns; docs/tables.md explains them.

Examples:
  ecg query 'select label, count(*) from recordings group by label'
  ecg query 'select * from segments limit 1' --format vertical
  ecg query 'select source_key, cause from unresolved' --format json
Into a file:
  ecg query 'select * from beats' --format csv > beats.csv
  ecg query \"select time_s, mv from samples where recording_id = '...' order by time_s\" --format csv > signal.csv

csv and json have every row, and lists whole. On a terminal, table and vertical show as many rows as it has lines, at
least 40, and say how many there are. Elsewhere the first 1000 rows decide how wide a table is; a wider cell after them
is printed whole.")]
pub(crate) struct QueryArgs {
    /// The query; `-` reads it from standard input
    pub(crate) sql: String,
    /// How the answer is printed [default: table, or vertical on a terminal that is too narrow for it]
    #[arg(long, value_enum)]
    pub(crate) format: Option<query::Format>,
    #[command(flatten)]
    pub(crate) lake: LakeArg,
}

/// The pipeline on AWS in the place of a lake.
#[derive(Args)]
pub(crate) struct AwsArgs {
    /// Ask the pipeline on AWS, with region and credentials as the `aws` command finds them
    #[arg(long, conflicts_with = "lake")]
    pub(crate) aws: bool,
    /// The state machine, by name or ARN
    #[cfg_attr(not(feature = "aws"), allow(dead_code))]
    #[arg(long, value_name = "NAME_OR_ARN", default_value = "ecg-pipeline")]
    pub(crate) state_machine: String,
}

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

#[derive(Args)]
#[command(after_help = "\
What succeeded before the failed step is kept. Correct the reason first, for example a missing header:
  ecg run recordings/   (puts a new .hea into the lake)
  ecg redrive ID

With --aws an execution that timed out or was aborted goes on where it stopped. One that failed is started again
with the same input, under the recording id and -r1, -r2, …; every step writes the same objects again:
  aws s3 cp a.hea s3://RAW-BUCKET/a.hea
  ecg redrive --aws ID")]
pub(crate) struct RedriveArgs {
    #[command(flatten)]
    pub(crate) aws: AwsArgs,
    /// The execution, as `ecg show` takes it
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub(crate) id: Option<String>,
    /// Every failed execution
    #[arg(long)]
    pub(crate) all: bool,
    /// Another workflow file than the built-in one
    #[arg(long, value_name = "FILE", conflicts_with = "aws")]
    pub(crate) workflow: Option<PathBuf>,
    /// Print the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) lake: LakeArg,
}

#[derive(Args)]
#[command(after_help = "\
A recording whose execution is known to Step Functions (90 days) is not run again without a suffix; with one, each runs
again under its recording id and that suffix, and overwrites its rows.

Examples:
  ecg backfill 'ward 7/' --aws
      What was uploaded before the pipeline was there.
  ecg backfill 2026/ --suffix v2 --aws --max-concurrency 20 --tolerated-failure-percentage 5
      Everything below 2026/ again, with new rules.

Exit status: 0 if every recording was accepted, 1 if any failed, 2 if the backfill could not be run.")]
#[cfg_attr(not(feature = "aws"), allow(dead_code))]
pub(crate) struct BackfillArgs {
    /// Beginning of the keys in the raw bucket; an empty one ('') means all
    pub(crate) prefix: String,
    /// Run again what ran before, under names with this suffix: up to 7 of 0-9 A-Z a-z _ -
    #[arg(long, value_name = "S")]
    pub(crate) suffix: Option<String>,
    /// Executions at a time [default: 40]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) max_concurrency: Option<u32>,
    /// Stop when more than this percentage of the objects failed [default: 10]
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) tolerated_failure_percentage: Option<u8>,
    /// Start it and return at once
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// A backfill is for AWS; on one machine there is `ecg run`
    #[arg(long, required = true)]
    pub(crate) aws: bool,
    /// The state machine of the backfill, by name or ARN
    #[arg(long, value_name = "NAME_OR_ARN", default_value = "ecg-pipeline-backfill")]
    pub(crate) state_machine: String,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  ecg inspect 'testdata/recordings/1 NSR/900m (0).mat'
  ecg inspect file.mat --json
  ecg inspect file.mat --variable val --csv > val.csv

Exit status: 0 if the file would be accepted, 1 if it would be rejected.")]
pub(crate) struct InspectArgs {
    /// The file
    pub(crate) file: PathBuf,
    /// Print JSON
    #[arg(long, conflicts_with = "csv")]
    pub(crate) json: bool,
    /// The variable to print
    #[arg(long, value_name = "NAME", requires = "csv")]
    pub(crate) variable: Option<String>,
    /// Print the variable's numbers at full precision, one matrix row a line
    #[arg(long, requires = "variable")]
    pub(crate) csv: bool,
}

#[derive(Subcommand)]
pub(crate) enum WorkflowCommand {
    /// Run a workflow file with mocked functions and print status, output, error, cause and events as JSON
    Run(WorkflowRunArgs),
    /// Load a workflow file and say what the engine would refuse
    Check {
        /// The Amazon States Language file
        file: PathBuf,
    },
}

#[derive(Args)]
#[command(after_help = "\
A mock file is a JSON array of answers that the function of that name gives in turn, the last one repeating:
  [{\"error\": \"Transient\", \"cause\": \"try again\"}, {\"payload\": {\"verdict\": \"accepted\"}}]

Example:
  ecg workflow run statemachine/ecg-pipeline.asl.json --input '{\"recording_id\": \"x\", \"source\": {}}' \\
      --mock validate=validate.json --mock write=write.json --mock crawl=crawl.json --mock notify=notify.json

Exit status: 0 if the execution succeeded, 1 if it did not, 2 if the file can not be loaded.")]
pub(crate) struct WorkflowRunArgs {
    /// The Amazon States Language file
    pub(crate) file: PathBuf,
    /// The input: JSON, or @FILE
    #[arg(long, value_name = "JSON")]
    pub(crate) input: String,
    /// Answers of a function
    #[arg(long = "mock", value_name = "NAME=FILE")]
    pub(crate) mocks: Vec<String>,
    /// Let Waits and retry delays take their time; otherwise they pass at once
    #[arg(long)]
    pub(crate) real_time: bool,
}
