//! The commands: from options to what is printed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use asl_engine::mock::{MockAnswer, MockRun, Mocks, run_with_mocks};
use asl_engine::{HistoryEvent, StateMachine, Status};
use ecg_config as config;
use ecg_core::layout;
use ecg_recording::profiles;
use ecg_store::Location;
use serde_json::Value;
use step_notify::{Links, Slack};

use crate::args::{
    Command, InspectArgs, QueryArgs, RedriveArgs, RerunArgs, RunArgs, RunsArgs, ShowArgs, WorkflowCommand,
    WorkflowRunArgs,
};
use crate::discover::{Discovery, Found, discover};
use crate::execute::{Executor, WORKFLOW, load, now};
use crate::journal::Journal;
use crate::place::{BUCKET, Place, WORK};
use crate::profile_files::ProfileFiles;
use crate::progress::Progress;
use crate::run::{End, Ran, Wanted};
use crate::steps::Steps;
use crate::summary::{Summary, counted};
use crate::upload::{Known, Uploads};
use crate::{aws, inspect, query, report, run, summary, terminal};

pub(crate) const FAILED: u8 = 1;

impl Command {
    pub(crate) fn run(self) -> Result<ExitCode, String> {
        match self {
            Command::Run(args) => run_command(&args),
            Command::Query(args) => query_command(&args),
            Command::Runs(args) => runs_command(&args),
            Command::Show(args) => show_command(&args),
            Command::Redrive(args) => redrive_command(&args),
            Command::Rerun(args) => rerun_command(&args),
            Command::Backfill(args) => aws::backfill(&args),
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
pub(crate) fn print(text: &str) -> Result<(), String> {
    match io::stdout()
        .write_all(text.as_bytes())
        .and_then(|()| io::stdout().flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("standard output: {error}")),
        _ => Ok(()),
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

pub(crate) fn runtime(threads: usize) -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        // For reads and writes of files, which wait for nothing but the disk. Steps have threads of their own: `ecg_lake::blocking`.
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

fn executor(machine: StateMachine, lake: ecg_lake::Lake, place: &Place) -> Result<Arc<Executor>, String> {
    let slack = Slack::from_parts(
        config::optional("SLACK_WEBHOOK_URL"),
        config::optional("SLACK_BOT_TOKEN"),
        config::optional("SLACK_CHANNEL"),
    );
    let steps = Steps {
        lake,
        profiles: profiles::built_in()?,
        slack,
        links: Links::local(&summary::lake_option(&place.root().display().to_string())),
        place: place.clone(),
    };
    Ok(Arc::new(Executor {
        machine,
        steps: Arc::new(steps),
    }))
}

/// Memory that the executions of one `ecg run` keep to, in bytes.
const MEMORY_BUDGET: usize = 2 << 30;

/// Memory that one execution may hold, in bytes: what ARCHITECTURE.md lists under Memory, and room for the allocator.
const MEMORY_PER_EXECUTION: usize = 64 << 20;

/// Executions at a time, and what to say where that is fewer than was asked for.
fn jobs(asked: Option<NonZeroUsize>) -> (usize, Option<String>) {
    const MOST: usize = MEMORY_BUDGET / MEMORY_PER_EXECUTION;
    match asked.map(NonZeroUsize::get) {
        None => (processors().min(MOST), None),
        Some(jobs) if jobs <= MOST => (jobs, None),
        Some(jobs) => {
            let (each, all) = (MEMORY_PER_EXECUTION >> 20, MEMORY_BUDGET >> 20);
            let text = format!(
                "--jobs {jobs}: {MOST} at a time, because one may hold {each} MiB and all together keep to {all} MiB"
            );
            (MOST, Some(text))
        }
    }
}

fn run_command(args: &RunArgs) -> Result<ExitCode, String> {
    let started = Instant::now();
    let machine = workflow(args.workflow.as_deref())?;
    let place = args.lake.place();
    let (lakes, paths): (Vec<_>, Vec<_>) = args.paths.iter().partition(|path| Place::new(path).is_lake());
    let mut discovery = discover(&paths, args.prefix.as_deref())?;
    for other in lakes {
        if fs::canonicalize(other).ok() == fs::canonicalize(place.root()).ok() {
            return Err(format!(
                "{}: expected another lake than the one to fill",
                other.display()
            ));
        }
        discovery.recordings.extend(uploads_of(&Place::new(other))?);
    }
    if discovery.recordings.is_empty() {
        let mut text = format!(
            "no recording found: expected files whose names end in .mat, found {}; make one with `ecg synth one.mat`",
            counted(
                discovery.passed_over,
                "file of another kind",
                "files of other kinds"
            )
        );
        text.extend(
            discovery
                .problems
                .iter()
                .map(|problem| format!("\n  {}", problem.text())),
        );
        return Err(text);
    }
    let mut files = ProfileFiles::new(args.calibration.profile.as_deref(), Some(&place));
    for found in &mut discovery.recordings {
        if found.profile.is_none() {
            found.profile = files.find(&found.file, &found.key)?;
        }
    }
    let (jobs, fewer) = jobs(args.jobs);
    let (lake, store, _lock) = place.open()?;
    let known = Known::new(&journals(&place)?, &discovery.recordings).map_err(|error| error.to_string())?;
    let total = discovery.recordings.len();
    let progress = Progress::new(total as u64, "recordings");
    if let Some(fewer) = fewer {
        progress.line(&fewer);
    }
    let uploads = Uploads {
        executor: executor(machine, lake, &place)?,
        place: place.clone(),
        store,
    };
    let wanted = Wanted {
        settings: args.calibration.settings(),
        again: args.again,
        new_version: args.new_version,
    };
    let recordings = std::mem::take(&mut discovery.recordings);
    let runtime = runtime(processors())?;
    let running = run::run(recordings, uploads, known, wanted, jobs, &progress);
    let Some(ran) = runtime.block_on(until_interrupted(running)) else {
        progress.finish();
        progress.line(&format!(
            "interrupted after {} of {total} recordings; the same command goes on where this one stopped",
            progress.done()
        ));
        runtime.shutdown_background();
        return Ok(ExitCode::from(INTERRUPTED));
    };
    progress.finish();
    let summary = Summary {
        ran: &ran,
        discovery: &discovery,
        took: started.elapsed(),
        place: &place,
    };
    if args.json {
        print(&format!("{:#}\n", summary.json()))?;
    } else {
        print(&summary.text())?;
        if ran.iter().any(Ran::accepted) {
            print(&runtime.block_on(first_answer(&place, &args.lake.text()))?)?;
        }
    }
    Ok(summary.exit_code())
}

/// Exit status of a command that Ctrl-C ended, as shells have it.
const INTERRUPTED: u8 = 130;

/// What the work came to; `None` where Ctrl-C ended it.
async fn until_interrupted<T>(work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = work => Some(done),
        Ok(()) = tokio::signal::ctrl_c() => None,
    }
}

/// Every upload of another lake, with the input of its last run there: so it gets the same key, version and day.
fn uploads_of(other: &Place) -> Result<Vec<Found>, String> {
    let text = |error: std::io::Error| format!("{}: {error}", other.root().display());
    let store = other.store()?;
    let mut uploads = BTreeMap::new();
    for journal in journals(other)? {
        let Some(mut input) = journal.input().map_err(text)? else {
            continue;
        };
        let location = Location::new(BUCKET, &input.source.key).with_version(&input.source.version);
        let path = store.path_of(&location).map_err(|error| error.to_string())?;
        let file = journal.file().map_err(text)?;
        let file = file.map_or_else(|| fs::canonicalize(&path).map_err(text), Ok)?;
        let mut found = Found::new(&path, file, input.source.key.clone());
        if let Some(key) = layout::header_key(&input.source.key) {
            let header = store.path_of(&Location::new(BUCKET, key));
            found.header = header.map_err(|error| error.to_string())?;
        }
        if let Some(key) = input.profiles.take() {
            let path = store
                .path_of(&Location::new(WORK, key))
                .map_err(|error| error.to_string())?;
            found.profile = Some(read_text(&path)?);
        }
        // Of the runs of an upload the last one counts.
        let run = input.run();
        input.rerun = None;
        let id = input.recording_id.clone();
        found.before = Some(input);
        match uploads.get(&id) {
            Some((known, _)) if *known > run => {}
            _ => {
                uploads.insert(id, (run, found));
            }
        }
    }
    Ok(uploads.into_values().map(|(_, found)| found).collect())
}

/// A first look at the tables, and what to type next.
async fn first_answer(place: &Place, lake: &str) -> Result<String, String> {
    const FIRST: &str = "select coalesce(label, '(none)') as label, count(*) as recordings, \
                         round(sum(duration_s)) as seconds, round(avg(heart_rate_bpm)) as mean_bpm \
                         from recordings group by label order by label";
    let answer = query::table(query::ask(&place.processed(), FIRST).await?).await?;
    let option = summary::lake_option(lake);
    Ok(format!(
        "\necg query \"{FIRST}\"{option}\n{answer}\nnext:\n  \
         ecg query \"select source_key, quality, warnings from recordings where quality = 'warn'\"{option}\n  \
         ecg query \"select recording_id, segment, beats, heart_rate_bpm, rmssd_ms from segments limit 5\"{option}\n  \
         ecg runs{option}\n"
    ))
}

fn query_command(args: &QueryArgs) -> Result<ExitCode, String> {
    let mut sql = args.sql.clone();
    if sql == "-" {
        sql.clear();
        io::stdin()
            .read_to_string(&mut sql)
            .map_err(|error| format!("standard input: {error}"))?;
    }
    let place = args.lake.place().existing()?;
    let printed = runtime(processors())?.block_on(async {
        let answer = query::ask(&place.processed(), &sql)
            .await
            .map_err(query::Stopped::Failed)?;
        let window = query::Window::of_stdout();
        query::print(answer, args.format, window, &mut io::stdout().lock()).await
    });
    match printed {
        Err(query::Stopped::Failed(message)) => Err(message),
        Err(query::Stopped::Closed) | Ok(()) => Ok(ExitCode::SUCCESS),
    }
}

fn journals(place: &Place) -> Result<Vec<Journal>, String> {
    Journal::all(&place.executions()).map_err(|error| format!("{}: {error}", place.executions().display()))
}

fn failed(journal: &Journal) -> Result<bool, String> {
    let closed = journal.outcome().map_err(|error| error.to_string())?;
    Ok(closed.is_some_and(|closed| closed.status != Status::Succeeded))
}

fn runs_command(args: &RunsArgs) -> Result<ExitCode, String> {
    if args.aws.aws {
        return aws::runs(args);
    }
    let place = args.lake.place().existing()?;
    let at_work = place.at_work();
    let mut lines = Vec::new();
    for journal in journals(&place)? {
        if !args.failed || failed(&journal)? {
            lines.push(report::line(&journal, at_work).map_err(|error| error.to_string())?);
        }
    }
    print_lines(lines, args)?;
    Ok(ExitCode::SUCCESS)
}

/// The list of executions, the newest last, where the eye is.
pub(crate) fn print_lines(mut lines: Vec<Value>, args: &RunsArgs) -> Result<(), String> {
    lines.sort_by(|a, b| a["started"].as_str().cmp(&b["started"].as_str()));
    if let Some(limit) = args.limit {
        lines.drain(..lines.len().saturating_sub(limit));
    }
    if args.json {
        print(&format!("{:#}\n", Value::Array(lines)))
    } else if lines.is_empty() {
        print("no executions\n")
    } else {
        print(&report::table(&lines))
    }
}

/// The one execution that is meant: by its name, or by a part of its name or of its file's key.
fn find(place: &Place, id: &str) -> Result<Journal, String> {
    let exact = Journal::new(&place.executions(), id);
    let plain = !id.is_empty()
        && id
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if plain && exact.input().map_err(|error| error.to_string())?.is_some() {
        return Ok(exact);
    }
    let mut fitting = Vec::new();
    for journal in journals(place)? {
        let key = journal
            .input()
            .map_err(|error| error.to_string())?
            .map(|input| input.source.key);
        if journal.name().contains(id) || key.is_some_and(|key| key.contains(id)) {
            fitting.push(journal);
        }
    }
    match fitting.len() {
        1 => Ok(fitting.remove(0)),
        0 => Err(format!(
            "`{id}`: no execution; list them with `ecg runs{}`",
            summary::lake_option(&place.root().display().to_string())
        )),
        many => {
            let names: Vec<String> = fitting.iter().take(5).map(Journal::name).collect();
            Err(format!(
                "`{id}` fits {many} executions, such as {}",
                names.join(", ")
            ))
        }
    }
}

fn show_command(args: &ShowArgs) -> Result<ExitCode, String> {
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

fn redrive_command(args: &RedriveArgs) -> Result<ExitCode, String> {
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

fn rerun_command(args: &RerunArgs) -> Result<ExitCode, String> {
    if args.aws.aws {
        return aws::rerun(args);
    }
    let started = Instant::now();
    let machine = workflow(args.workflow.as_deref())?;
    let place = args.lake.place().existing()?;
    let text = |error: std::io::Error| error.to_string();
    let journal = find(&place, &args.id)?;
    let (input, file) = (journal.input().map_err(text)?, journal.file().map_err(text)?);
    let (Some(input), Some(file)) = (input, file) else {
        return Err(format!(
            "{}: expected an execution with an input, found none",
            journal.name()
        ));
    };
    let (lake, store, _lock) = place.open()?;
    let mut found = Found::new(&file, file.clone(), input.source.key.clone());
    found.before = Some(input);
    let key = layout::header_key(&found.key).filter(|_| !file.exists());
    if let Some(key) = key {
        // Without the file, the header that came with it is the last one that is known.
        found.header = store
            .path_of(&Location::new(BUCKET, key))
            .map_err(|error| error.to_string())?;
    }
    found.profile =
        ProfileFiles::new(args.calibration.profile.as_deref(), Some(&place)).find(&file, &found.key)?;
    let uploads = Uploads {
        executor: executor(machine, lake, &place)?,
        place: place.clone(),
        store,
    };
    let wanted = Wanted {
        settings: args.calibration.settings(),
        again: true,
        new_version: true,
    };
    let known = Known::new(&[], &[]).map_err(text)?;
    let progress = Progress::new(1, "executions");
    let running = run::run(vec![found], uploads, known, wanted, 1, &progress);
    let ran = runtime(processors())?.block_on(running);
    progress.finish();
    finish(&ran, started, &place, args.json)
}

/// Says how executions ended that were chosen by their ids.
fn finish(ran: &[Ran], started: Instant, place: &Place, json: bool) -> Result<ExitCode, String> {
    let summary = Summary {
        ran,
        discovery: &Discovery::default(),
        took: started.elapsed(),
        place,
    };
    let text = if json {
        format!("{:#}\n", summary.json())
    } else {
        summary.text()
    };
    print(&text)?;
    Ok(summary.exit_code())
}

fn synth_command(args: &ecg_synth::SynthArgs) -> Result<ExitCode, String> {
    let mut progress = None;
    let written = ecg_synth::run(args, &mut |done, total| {
        progress
            .get_or_insert_with(|| Progress::new(total, "bytes"))
            .set(done);
    })
    .map_err(|error| error.to_string())?;
    if let Some(progress) = progress {
        progress.finish();
    }
    let mut text = format!(
        "{}: {} bytes, {} s, {} of {} samples, {} beats\n",
        written.path.display(),
        written.bytes,
        written.duration_s,
        counted(written.leads, "lead", "leads"),
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
    if let Some(name) = args.calibration.variables.first().filter(|_| args.csv) {
        inspect::csv(&args.file, name, &mut io::BufWriter::new(io::stdout().lock()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let examined = inspect::judge(&args.file, &args.calibration)?;
    if args.json {
        print(&format!("{:#}\n", inspect::json(&args.file, &examined)))?;
    } else {
        print(&inspect::page(&args.file, &examined, &args.calibration))?;
        print(&inspect::segment(args, &examined, terminal::columns())?)?;
    }
    Ok(if examined.verdict.accepted {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}

/// The functions that the Task states of a definition call: the names that `--mock` takes.
fn function_names(part: &Value, names: &mut BTreeSet<String>) {
    if part["Type"] == "Task" {
        let called = [
            &part["Resource"],
            &part["Arguments"]["FunctionName"],
            &part["Parameters"]["FunctionName"],
            &part["Parameters"]["FunctionName.$"],
        ];
        for text in called
            .into_iter()
            .filter_map(Value::as_str)
            .filter(|text| !text.starts_with("arn:aws:states:"))
        {
            let name = text
                .split(":function:")
                .last()
                .and_then(|name| name.split(':').next())
                .unwrap_or(text);
            names.insert(name.trim_start_matches("${").trim_end_matches('}').to_owned());
        }
    }
    let inside: Vec<&Value> = match part {
        Value::Object(members) => members.values().collect(),
        Value::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    };
    inside.into_iter().for_each(|part| function_names(part, names));
}

fn workflow_run_command(args: &WorkflowRunArgs) -> Result<ExitCode, String> {
    let definition = read_text(&args.file)?;
    let input = match args.input.strip_prefix('@') {
        Some(path) => read_text(Path::new(path))?,
        None => args.input.clone(),
    };
    let input: Value =
        serde_json::from_str(&input).map_err(|error| format!("--input: expected JSON, {error}"))?;
    let mut names = BTreeSet::new();
    function_names(&serde_json::from_str(&definition).unwrap_or_default(), &mut names);
    // What an expression names is only known at run time.
    let (computed, functions): (BTreeSet<_>, BTreeSet<_>) = names
        .into_iter()
        .partition(|name| name.starts_with("{%") || name.starts_with("$."));
    let mut mocks = Mocks::new();
    for mock in &args.mocks {
        let (name, path) = mock
            .split_once('=')
            .ok_or_else(|| format!("--mock {mock}: expected NAME=FILE"))?;
        if computed.is_empty() && !functions.contains(name) {
            let known: Vec<&str> = functions.iter().map(String::as_str).collect();
            return Err(format!(
                "--mock {mock}: expected a function that the workflow calls ({}), found `{name}`",
                known.join(", ")
            ));
        }
        let text = read_text(Path::new(path))?;
        let answers: Value =
            serde_json::from_str(&text).map_err(|error| format!("{path}: expected JSON, {error}"))?;
        mocks.insert(
            name.to_owned(),
            MockAnswer::list(&answers).map_err(|error| format!("{path}: {error}"))?,
        );
    }
    let start = now();
    let seed = start.timestamp_micros().unsigned_abs();
    let how = MockRun {
        real_time: args.real_time,
        start,
        seed,
        substitutions: BTreeMap::new(),
    };
    let report = runtime(1)?
        .block_on(run_with_mocks(&definition, input, mocks, how))
        .map_err(|error| format!("{}: {error}", args.file.display()))?;
    print(&format!("{report:#}\n"))?;
    Ok(if report["status"] == "SUCCEEDED" {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}
