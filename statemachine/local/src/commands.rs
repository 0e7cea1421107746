//! The commands: from options to what is printed.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use asl_engine::mock::{MockAnswer, MockRun, Mocks, run_with_mocks};
use asl_engine::{HistoryEvent, StateMachine, Status};
use ecg_core::config;
use serde_json::Value;
use step_notify::{Links, Slack};

use crate::args::{
    Command, InspectArgs, QueryArgs, RedriveArgs, RunArgs, RunsArgs, ShowArgs, WorkflowCommand,
    WorkflowRunArgs,
};
use crate::discover::discover;
use crate::execute::{Executor, WORKFLOW, load, now};
use crate::journal::Journal;
use crate::place::Place;
use crate::progress::Progress;
use crate::run::{End, Ran};
use crate::steps::Steps;
use crate::{aws, inspect, query, report, run, summary};

pub(crate) const FAILED: u8 = 1;

impl Command {
    pub(crate) fn run(self) -> Result<ExitCode, String> {
        match self {
            Command::Run(args) => run_command(&args),
            Command::Query(args) => query_command(&args),
            Command::Runs(args) => runs_command(&args),
            Command::Show(args) => show_command(&args),
            Command::Redrive(args) => redrive_command(&args),
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

fn executor(
    machine: StateMachine,
    lake: ecg_lake::Lake,
    place: &Place,
    progress: &Arc<Progress>,
) -> Arc<Executor> {
    let slack = Slack::from_parts(
        config::optional("SLACK_WEBHOOK_URL"),
        config::optional("SLACK_BOT_TOKEN"),
        config::optional("SLACK_CHANNEL"),
    );
    let shown = progress.clone();
    let steps = Steps {
        lake,
        slack,
        links: Links::local(&summary::shell_word(&place.root().display().to_string())),
        place: place.clone(),
        console: Arc::new(move |text| shown.line(&format!("{text}\n"))),
    };
    Arc::new(Executor {
        machine,
        steps: Arc::new(steps),
    })
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
            text.push_str(&format!(
                "files passed over because they are no recordings: {}\n",
                discovery.passed_over
            ));
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
    let answer = query::table(query::ask(&place.processed(), FIRST).await?).await?;
    let option = summary::lake_option(lake);
    Ok(format!(
        "\necg query \"{FIRST}\"{option}\n{answer}\nnext:\n  \
         ecg query \"select source_key, quality, warnings from recordings where quality = 'warn'\"{option}\n  \
         ecg query \"select recording_id, segment, beats, heart_rate_bpm, rmssd_ms from segments limit 5\"{option}\n  \
         ecg runs{option}\n"
    ))
}

fn exit_code(ran: &[Ran]) -> ExitCode {
    if ran.iter().all(Ran::accepted) {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    }
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
        match (failed(&journal)?, &args.id) {
            (true, _) => open.push(journal),
            (false, None) => {}
            (false, Some(_)) => {
                return Err(format!(
                    "{}: expected a failed execution, found one that succeeded or is still open",
                    journal.name()
                ));
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
            let end = executor
                .redrive(&journal, &input)
                .await
                .map_or_else(End::Broken, End::Now);
            progress.step();
            ran.push(Ran {
                key: input.source.key,
                recording_id: input.recording_id,
                end,
                took: began.elapsed(),
            });
        }
        Ok::<_, String>(ran)
    })?;
    progress.finish();
    let (took, lake) = (started.elapsed(), args.lake.text());
    let text = if args.json {
        format!("{:#}\n", summary::json(&ran, took, &lake))
    } else {
        summary::text(&ran, took, &lake)
    };
    print(&text)?;
    Ok(exit_code(&ran))
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
    Ok(if examined.verdict.accepted {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}

fn workflow_run_command(args: &WorkflowRunArgs) -> Result<ExitCode, String> {
    let definition = read_text(&args.file)?;
    let input = match args.input.strip_prefix('@') {
        Some(path) => read_text(Path::new(path))?,
        None => args.input.clone(),
    };
    let input: Value =
        serde_json::from_str(&input).map_err(|error| format!("--input: expected JSON, {error}"))?;
    let mut mocks = Mocks::new();
    for mock in &args.mocks {
        let (name, path) = mock
            .split_once('=')
            .ok_or_else(|| format!("--mock {mock}: expected NAME=FILE"))?;
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
