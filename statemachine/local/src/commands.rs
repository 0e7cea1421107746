//! The commands, their options and help texts.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use asl_engine::mock::{MockAnswer, MockRun, Mocks, run_with_mocks};
use asl_engine::{StateMachine, Status};
use clap::{Args, Parser, Subcommand};
use ecg_core::config;
use serde_json::Value;
use step_notify::{Links, Slack};

use crate::discover::discover;
use crate::execute::{Executor, WORKFLOW, load, now};
use crate::journal::Journal;
use crate::place::Place;
use crate::progress::Progress;
use crate::run::{End, Ran};
use crate::steps::Steps;
use crate::{inspect, query, report, run, summary};

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
A second run does nothing twice; a killed one goes on where it was.
Slack: set SLACK_WEBHOOK_URL, or SLACK_BOT_TOKEN and SLACK_CHANNEL; without them messages are printed.")]
pub(crate) struct RunArgs {
    /// Recordings (.mat) and folders of recordings
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    lake: LakeArg,
    /// Executions at a time [default: the number of processors]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Another workflow file than the built-in statemachine/ecg-pipeline.asl.json
    #[arg(long, value_name = "FILE")]
    workflow: Option<PathBuf>,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct LakeArg {
    /// Directory of the lake
    #[arg(long, value_name = "DIR", default_value = "ecg-lake")]
    lake: PathBuf,
}

impl LakeArg {
    fn place(&self) -> Place {
        Place::new(&self.lake)
    }

    fn text(&self) -> String {
        self.lake.display().to_string()
    }
}

#[derive(Args)]
#[command(after_help = "\
Tables: recordings, segments, beats, rejections. Views: samples, current, unresolved.
`ecg query 'describe segments'` lists the columns; docs/tables.md explains them.

Examples:
  ecg query 'select label, count(*) from recordings group by label'
  ecg query \"select time_s, mv from samples where recording_id = '...' limit 5\" --format csv
  ecg query 'select source_key, cause from unresolved' --format json")]
pub(crate) struct QueryArgs {
    /// The query; `-` reads it from standard input
    sql: String,
    /// How the answer is printed
    #[arg(long, value_enum, default_value_t = query::Format::Table)]
    format: query::Format,
    #[command(flatten)]
    lake: LakeArg,
}

#[derive(Args)]
pub(crate) struct RunsArgs {
    /// Only those that did not succeed
    #[arg(long)]
    failed: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    lake: LakeArg,
}

#[derive(Args)]
#[command(after_help = "ID is a recording id, or any part of one or of a file's key that fits only one execution.")]
pub(crate) struct ShowArgs {
    /// The execution
    id: String,
    /// Print JSON, nothing shortened
    #[arg(long, conflicts_with = "history")]
    json: bool,
    /// Print the history in the form of GetExecutionHistory
    #[arg(long)]
    history: bool,
    #[command(flatten)]
    lake: LakeArg,
}

#[derive(Args)]
#[command(after_help = "What succeeded before the failed step is kept. Correct the reason first, for example a missing header:\n  ecg run recordings/   (puts a new .hea into the lake)\n  ecg redrive ID")]
pub(crate) struct RedriveArgs {
    /// The execution, as `ecg show` takes it
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    id: Option<String>,
    /// Every failed execution
    #[arg(long)]
    all: bool,
    /// Another workflow file than the built-in one
    #[arg(long, value_name = "FILE")]
    workflow: Option<PathBuf>,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    lake: LakeArg,
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
    file: PathBuf,
    /// Print JSON
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// The variable to print
    #[arg(long, value_name = "NAME", requires = "csv")]
    variable: Option<String>,
    /// Print the variable's numbers at full precision, one matrix row a line
    #[arg(long, requires = "variable")]
    csv: bool,
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
    file: PathBuf,
    /// The input: JSON, or @FILE
    #[arg(long, value_name = "JSON")]
    input: String,
    /// Answers of a function
    #[arg(long = "mock", value_name = "NAME=FILE")]
    mocks: Vec<String>,
    /// Let Waits and retry delays take their time; otherwise they pass at once
    #[arg(long)]
    real_time: bool,
}

const FAILED: u8 = 1;

impl Command {
    pub(crate) fn run(self) -> Result<ExitCode, String> {
        match self {
            Command::Run(args) => run_command(&args),
            Command::Query(args) => query_command(&args),
            Command::Runs(args) => runs_command(&args),
            Command::Show(args) => show_command(&args),
            Command::Redrive(args) => redrive_command(&args),
            Command::Synth(args) => synth_command(&args),
            Command::Inspect(args) => inspect_command(&args),
            Command::Workflow(WorkflowCommand::Run(args)) => workflow_run_command(&args),
            Command::Workflow(WorkflowCommand::Check { file }) => {
                let definition = read_text(&file)?;
                load(&definition).map_err(|error| format!("{}: {error}", file.display()))?;
                print(&format!("{}: the engine runs it\n", file.display()))?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

/// Writes to standard output; a reader that went away (`| head`) is no error.
fn print(text: &str) -> Result<(), String> {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("standard output: {error}")),
        _ => Ok(()),
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn runtime(threads: usize) -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        // Each execution has one step at a time on a blocking thread.
        .max_blocking_threads(threads * 2 + 8)
        .enable_all()
        .build()
        .map_err(|error| error.to_string())
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

fn workflow(path: Option<&Path>) -> Result<StateMachine, String> {
    match path {
        None => load(WORKFLOW),
        Some(path) => load(&read_text(path)?).map_err(|error| format!("{}: {error}", path.display())),
    }
}

fn executor(machine: StateMachine, lake: ecg_lake::Lake, place: &Place, progress: &Arc<Progress>) -> Arc<Executor> {
    let slack = Slack::from_parts(
        config::optional("SLACK_WEBHOOK_URL"),
        config::optional("SLACK_BOT_TOKEN"),
        config::optional("SLACK_CHANNEL"),
    );
    let shown = progress.clone();
    let steps = Steps {
        lake,
        slack,
        links: Links::local(&inspect::shell_word(place.root())),
        place: place.clone(),
        console: Arc::new(move |text| shown.line(&format!("{text}\n"))),
    };
    Arc::new(Executor { machine, steps: Arc::new(steps) })
}

fn run_command(args: &RunArgs) -> Result<ExitCode, String> {
    let started = Instant::now();
    let machine = workflow(args.workflow.as_deref())?;
    let discovery = discover(&args.paths)?;
    if discovery.recordings.is_empty() {
        return Err(format!(
            "no recording found: expected files that end in .mat, found {} others; try `ecg synth one.mat`",
            discovery.passed_over
        ));
    }
    let jobs = args.jobs.map_or_else(processors, NonZeroUsize::get);
    let place = args.lake.place();
    let (lake, store, _lock) = place.open()?;
    let progress = Arc::new(Progress::new(discovery.recordings.len() as u64, "recordings"));
    let executor = executor(machine, lake, &place, &progress);
    let runtime = runtime(processors())?;
    let ran = runtime.block_on(run::run(&discovery, &place, &store, executor, jobs, &progress));
    progress.finish();
    let (took, lake) = (started.elapsed(), args.lake.text());
    if args.json {
        print(&format!("{:#}\n", summary::json(&ran, took, &lake)))?;
    } else {
        let mut text = summary::text(&ran, took, &lake);
        if discovery.passed_over > 0 {
            text.push_str(&format!("{} other files were passed over\n", discovery.passed_over));
        }
        print(&text)?;
        if ran.iter().any(Ran::accepted) {
            print(&runtime.block_on(first_answer(&place, &lake))?)?;
        }
    }
    Ok(exit_code(&ran))
}

/// A first look at the tables, and what to type next.
async fn first_answer(place: &Place, lake: &str) -> Result<String, String> {
    const FIRST: &str = "select coalesce(label, '(none)') as label, count(*) as recordings, \
                         round(sum(duration_s)) as seconds, round(avg(heart_rate_bpm)) as mean_bpm \
                         from recordings group by label order by label";
    let answer = query::render(&query::run(&place.processed(), FIRST).await?, query::Format::Table)?;
    let option = summary::lake_option(lake);
    Ok(format!(
        "\necg query \"{FIRST}\"{option}\n{answer}\nnext:\n  \
         ecg query \"select source_key, quality, warnings from recordings where quality = 'warn'\"{option}\n  \
         ecg query \"select recording_id, segment, beats, heart_rate_bpm, rmssd_ms from segments limit 5\"{option}\n  \
         ecg runs{option}\n"
    ))
}

fn exit_code(ran: &[Ran]) -> ExitCode {
    if ran.iter().all(Ran::accepted) { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
}

fn query_command(args: &QueryArgs) -> Result<ExitCode, String> {
    let mut sql = args.sql.clone();
    if sql == "-" {
        sql.clear();
        io::stdin().read_to_string(&mut sql).map_err(|error| format!("standard input: {error}"))?;
    }
    let place = args.lake.place().existing()?;
    let answer = runtime(processors())?.block_on(query::run(&place.processed(), &sql))?;
    print(&query::render(&answer, args.format)?)?;
    Ok(ExitCode::SUCCESS)
}

fn journals(place: &Place) -> Result<Vec<Journal>, String> {
    Journal::all(&place.executions()).map_err(|error| format!("{}: {error}", place.executions().display()))
}

fn failed(journal: &Journal) -> Result<bool, String> {
    let closed = journal.outcome().map_err(|error| error.to_string())?;
    Ok(closed.is_some_and(|closed| closed.status != Status::Succeeded))
}

fn runs_command(args: &RunsArgs) -> Result<ExitCode, String> {
    let place = args.lake.place().existing()?;
    let mut lines = Vec::new();
    for journal in journals(&place)? {
        if !args.failed || failed(&journal)? {
            lines.push(report::line(&journal).map_err(|error| error.to_string())?);
        }
    }
    // The newest last, where the eye is.
    lines.sort_by(|a, b| a["started"].as_str().cmp(&b["started"].as_str()));
    if args.json {
        print(&format!("{:#}\n", Value::Array(lines)))?;
    } else if lines.is_empty() {
        print("no executions\n")?;
    } else {
        print(&report::table(&lines))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The one execution that is meant: by its name, or by a part of its name or of its file's key.
fn find(place: &Place, id: &str) -> Result<Journal, String> {
    let exact = Journal::new(&place.executions(), id);
    let plain = !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if plain && exact.input().map_err(|error| error.to_string())?.is_some() {
        return Ok(exact);
    }
    let mut fitting = Vec::new();
    for journal in journals(place)? {
        let key = journal.input().map_err(|error| error.to_string())?.map(|input| input.source.key);
        if journal.name().contains(id) || key.is_some_and(|key| key.contains(id)) {
            fitting.push(journal);
        }
    }
    match fitting.len() {
        1 => Ok(fitting.remove(0)),
        0 => Err(format!("`{id}`: no execution; list them with `ecg runs{}`", summary::lake_option(&place.root().display().to_string()))),
        many => {
            let names: Vec<String> = fitting.iter().take(5).map(Journal::name).collect();
            Err(format!("`{id}` fits {many} executions, such as {}", names.join(", ")))
        }
    }
}

fn show_command(args: &ShowArgs) -> Result<ExitCode, String> {
    let place = args.lake.place().existing()?;
    let journal = find(&place, &args.id)?;
    if args.history {
        let events = journal.history().map_err(|error| error.to_string())?;
        print(&format!("{:#}\n", serde_json::json!({ "events": events })))?;
        return Ok(ExitCode::SUCCESS);
    }
    let report = report::show(&journal).map_err(|error| error.to_string())?;
    let text = if args.json { format!("{report:#}\n") } else { report::page(&report) };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn redrive_command(args: &RedriveArgs) -> Result<ExitCode, String> {
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
        match (failed(&journal)?, &args.id) {
            (true, _) => open.push(journal),
            (false, None) => {}
            (false, Some(_)) => {
                return Err(format!("{}: expected a failed execution, found one that succeeded or is still open", journal.name()));
            }
        }
    }
    let progress = Arc::new(Progress::new(open.len() as u64, "executions"));
    let executor = executor(machine, lake, &place, &progress);
    let ran = runtime(processors())?.block_on(async {
        let mut ran = Vec::new();
        for journal in open {
            let began = Instant::now();
            let input = journal.input().map_err(|error| error.to_string())?;
            let input = input.ok_or_else(|| format!("{}: its input is gone", journal.name()))?;
            let end = executor.redrive(&journal, &input).await.map_or_else(End::Broken, End::Now);
            progress.step();
            ran.push(Ran { key: input.source.key, recording_id: input.recording_id, end, took: began.elapsed() });
        }
        Ok::<_, String>(ran)
    })?;
    progress.finish();
    let (took, lake) = (started.elapsed(), args.lake.text());
    let text = if args.json { format!("{:#}\n", summary::json(&ran, took, &lake)) } else { summary::text(&ran, took, &lake) };
    print(&text)?;
    Ok(exit_code(&ran))
}

fn synth_command(args: &ecg_synth::SynthArgs) -> Result<ExitCode, String> {
    let mut progress = None;
    let written = ecg_synth::run(args, &mut |done, total| {
        progress.get_or_insert_with(|| Progress::new(total, "bytes")).set(done);
    })
    .map_err(|error| error.to_string())?;
    if let Some(progress) = progress {
        progress.finish();
    }
    let mut text = format!(
        "{}: {} bytes, {} s, {} leads of {} samples, {} beats\n",
        written.path.display(),
        written.bytes,
        written.duration_s,
        written.leads,
        written.samples,
        written.beats
    );
    for beside in written.header.iter().chain(&written.beats_file) {
        text.push_str(&format!("{}\n", beside.display()));
    }
    print(&format!("{text}next: {}\n", written.next))?;
    Ok(ExitCode::SUCCESS)
}

fn inspect_command(args: &InspectArgs) -> Result<ExitCode, String> {
    if let Some(name) = &args.variable {
        inspect::csv(&args.file, name, &mut io::BufWriter::new(io::stdout().lock()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let examined = inspect::judge(&args.file)?;
    let text = if args.json {
        format!("{:#}\n", inspect::json(&args.file, &examined))
    } else {
        inspect::page(&args.file, &examined)
    };
    print(&text)?;
    Ok(if examined.verdict.accepted { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn workflow_run_command(args: &WorkflowRunArgs) -> Result<ExitCode, String> {
    let definition = read_text(&args.file)?;
    let input = match args.input.strip_prefix('@') {
        Some(path) => read_text(Path::new(path))?,
        None => args.input.clone(),
    };
    let input: Value = serde_json::from_str(&input).map_err(|error| format!("--input: expected JSON, {error}"))?;
    let mut mocks = Mocks::new();
    for mock in &args.mocks {
        let (name, path) =
            mock.split_once('=').ok_or_else(|| format!("--mock {mock}: expected NAME=FILE"))?;
        let text = read_text(Path::new(path))?;
        let answers: Value = serde_json::from_str(&text).map_err(|error| format!("{path}: expected JSON, {error}"))?;
        mocks.insert(name.to_owned(), MockAnswer::list(&answers).map_err(|error| format!("{path}: {error}"))?);
    }
    let start = now();
    let seed = start.timestamp_micros().unsigned_abs();
    let how = MockRun { real_time: args.real_time, start, seed, substitutions: BTreeMap::new() };
    let report = runtime(1)?
        .block_on(run_with_mocks(&definition, input, mocks, how))
        .map_err(|error| format!("{}: {error}", args.file.display()))?;
    print(&format!("{report:#}\n"))?;
    Ok(if report["status"] == "SUCCEEDED" { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}
