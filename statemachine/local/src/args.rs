//! The options of the commands and their help texts.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use ecg_core::settings::Settings;

use crate::place::Place;
use crate::query;
use crate::summary::shell_word;

/// The state machine of a backfill where nobody names another.
pub(crate) const BACKFILL: &str = "ecg-pipeline-backfill";

/// From ECG recordings to a table that answers SQL, on one machine.
#[derive(Parser)]
#[command(
    name = "ecg",
    version = ecg_core::PIPELINE_VERSION,
    max_term_width = 120,
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
    /// Run an upload again from the start, with a changed header, profile or options
    Rerun(RerunArgs),
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
      Every .mat below the folder; its key is `recordings/` and the path below it.
  ecg run mine.mat --fs 500 --units mV
      A file that does not say how it is calibrated: docs/inputs.md.
  ecg run recordings/ --again
      Also what ended before, with the headers, profiles and options of now.
  ecg run old-lake --lake new-lake
      The uploads of another lake, under the same keys.
  ecg run recordings/ --workflow my-copy.asl.json
      The same steps under a changed workflow.

Exit status: 0 if every recording was accepted, 1 if any was rejected or failed or could not be read, 2 if nothing could
be run.
The day of a recording (`dt`) is that of the file's modification time, so keep it when you copy (`cp -p`).
Hidden files and lakes inside a folder are passed over. A second run does nothing twice; a killed one goes on where it was.
Slack: set SLACK_WEBHOOK_URL, or SLACK_BOT_TOKEN and SLACK_CHANNEL; `ecg show ID` has the message in any case.")]
pub(crate) struct RunArgs {
    /// Recordings (.mat) and folders of recordings
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) lake: LakeArg,
    /// Put in front of every key: keeps apart folders of equal names
    #[arg(long, value_name = "NAME", value_parser = prefix)]
    pub(crate) prefix: Option<String>,
    /// A file of another place under a key that is in the lake is a new version of that recording
    #[arg(long)]
    pub(crate) new_version: bool,
    /// Run again what has ended
    #[arg(long)]
    pub(crate) again: bool,
    /// Executions at a time, at most 32 [default: the number of processors]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Another workflow file than the built-in statemachine/ecg-pipeline.asl.json
    #[arg(long, value_name = "FILE")]
    pub(crate) workflow: Option<PathBuf>,
    /// Print the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
    // Last, because its heading holds for what follows.
    #[command(flatten)]
    pub(crate) calibration: CalibrationArgs,
}

/// What a person says of a file. It counts before a header, variables of the file, metadata and profiles: docs/inputs.md.
#[derive(Args)]
#[command(next_help_heading = "Calibration (docs/inputs.md)")]
pub(crate) struct CalibrationArgs {
    /// Sampling frequency in Hz
    #[arg(long, value_name = "HZ", value_parser = positive)]
    pub(crate) fs: Option<f64>,
    /// ADC gain in adu per unit: one number, or one per lead
    #[arg(long, value_name = "G,...", value_delimiter = ',', allow_negative_numbers = true, value_parser = finite)]
    pub(crate) gain: Vec<f64>,
    /// ADC value at 0: one number, or one per lead
    #[arg(long, value_name = "B,...", value_delimiter = ',', allow_negative_numbers = true, value_parser = finite)]
    pub(crate) baseline: Vec<f64>,
    /// Physical unit: V, mV, uV or nV, for all leads or one per lead. Without a gain the numbers are in this unit
    #[arg(long, value_name = "UNIT,...", value_delimiter = ',')]
    pub(crate) units: Vec<String>,
    /// The variable that holds the samples, or several that hold a lead each
    #[arg(long = "variable", value_name = "NAME,...", value_delimiter = ',')]
    pub(crate) variables: Vec<String>,
    /// Names of the leads, in order
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub(crate) lead_names: Vec<String>,
    /// Profiles of data sets, as TOML; beside the recordings the name ecg-profiles.toml does without this option
    #[arg(long, value_name = "FILE")]
    pub(crate) profile: Option<PathBuf>,
}

impl CalibrationArgs {
    /// What was said; `None` if nothing was.
    pub(crate) fn settings(&self) -> Option<Settings> {
        let settings = Settings {
            sampling_frequency_hz: self.fs,
            gain: self.gain.clone(),
            baseline: self.baseline.clone(),
            units: self.units.clone(),
            leads: self.lead_names.clone(),
            variables: self.variables.clone(),
        };
        (!settings.is_empty()).then_some(settings)
    }

    /// The options as they would be typed, each with a blank before it.
    pub(crate) fn typed(&self) -> String {
        let numbers = |numbers: &[f64]| numbers.iter().map(f64::to_string).collect::<Vec<_>>();
        let profile = self.profile.iter().map(|path| path.display().to_string());
        let said = [
            ("fs", numbers(self.fs.as_slice())),
            ("gain", numbers(&self.gain)),
            ("baseline", numbers(&self.baseline)),
            ("units", self.units.clone()),
            ("variable", self.variables.clone()),
            ("lead-names", self.lead_names.clone()),
            ("profile", profile.collect()),
        ];
        let given = said.into_iter().filter(|(_, values)| !values.is_empty());
        given
            .map(|(name, values)| format!(" --{name} {}", shell_word(&values.join(","))))
            .collect()
    }
}

fn positive(text: &str) -> Result<f64, String> {
    finite(text).and_then(|number| {
        if number > 0.0 {
            Ok(number)
        } else {
            Err("expected a number above 0".to_owned())
        }
    })
}

fn finite(text: &str) -> Result<f64, String> {
    let number: f64 = text.trim().parse().map_err(|_| "expected a number".to_owned())?;
    if number.is_finite() {
        Ok(number)
    } else {
        Err("expected a finite number".to_owned())
    }
}

fn prefix(text: &str) -> Result<String, String> {
    let name = text.trim_end_matches('/');
    let usable = |part: &str| !part.is_empty() && !part.starts_with('.');
    if name.split('/').all(usable) {
        Ok(name.to_owned())
    } else {
        Err("expected names separated by `/`, none of them empty or beginning with `.`".to_owned())
    }
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

#[derive(Args)]
#[command(after_help = "\
The same upload runs again as a new execution, under the recording id and -r1, -r2, …, with the header that stands beside its
file now, the profile that reads its key now, and the options that are given (without any, those of the run before). When it
has succeeded, its rows replace the old ones; until then the old ones answer.

Examples:
  ecg rerun 100m                      after its .hea was corrected
  ecg rerun 100m --fs 360 --gain 200
  ecg run recordings/ --again         all of a folder
  ecg rerun --aws ID                  on AWS, after aws s3 cp 100m.hea s3://RAW-BUCKET/...")]
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
    #[arg(long, value_name = "NAME_OR_ARN", default_value = BACKFILL)]
    pub(crate) state_machine: String,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  ecg inspect 'testdata/recordings/1 NSR/900m (0).mat'
      Every check with its value and limit, and the first ten seconds of two leads with the beats that the recipe finds.
  ecg inspect file.mat --at 3600
      The ten seconds from there.
  ecg inspect file.mat --svg segment.svg
      The same ten seconds of every lead to print: 25 mm/s, 10 mm/mV.
  ecg inspect file.mat --json
  ecg inspect file.mat --variable val --csv > val.csv

Exit status: 0 if the file would be accepted, 1 if it would be rejected.")]
pub(crate) struct InspectArgs {
    /// The file
    pub(crate) file: PathBuf,
    /// Print JSON
    #[arg(long, conflicts_with = "csv")]
    pub(crate) json: bool,
    /// Where the drawn segment begins, in seconds from the start of the recording
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, conflicts_with_all = ["json", "csv"])]
    pub(crate) at: f64,
    /// Also draw the segment as an SVG, at the scale of ECG paper: a name that ends in .svg
    #[arg(long, value_name = "FILE", value_parser = svg_name, conflicts_with_all = ["json", "csv"])]
    pub(crate) svg: Option<PathBuf>,
    /// Print the numbers of --variable at full precision, one matrix row a line
    #[arg(long, requires = "variables")]
    pub(crate) csv: bool,
    // Last, because its heading holds for what follows.
    #[command(flatten)]
    pub(crate) calibration: CalibrationArgs,
}

/// A recording cannot be overwritten by a slip such as `--svg *.mat`.
fn svg_name(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.extension() {
        Some(end) if end.eq_ignore_ascii_case("svg") => Ok(path),
        _ => Err("expected a name that ends in .svg".to_owned()),
    }
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

Exit status: 0 if the execution succeeded, 1 if it did not, 2 if the file cannot be loaded.")]
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
