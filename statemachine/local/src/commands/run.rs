//! `ecg run`: put recordings into the lake and run the workflow for each.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use ecg_core::layout;
use ecg_core::message::ExecutionInput;
use ecg_journal::{BUCKET, Place, WORK, lake_option, uploads_of_old_lake};
use ecg_store::Location;

use crate::args::{CalibrationArgs, LakeArg, read_text};
use crate::discover::{Found, discover};
use crate::open_lake::{self, OpenLake};
use crate::output::{print, print_answer};
use crate::profile_files::ProfileFiles;
use crate::progress::Progress;
use crate::query;
use crate::run::{self, Jobs, MEMORY_BUDGET, MEMORY_PER_EXECUTION, Ran, executor, workflow};
use crate::runtime::runtime;
use crate::summary::Summary;
use crate::terminal::counted;
use crate::upload::{SameFiles, Uploads, Wanted};

#[derive(Args)]
#[command(after_help = "\
Examples:
  ecg run recordings/
      Every recording below the folder (.mat, .dat with its .hea, .edf, .bdf); its key is `recordings/` and the path below it.
  ecg run mine.mat --fs 500 --units mV
      A file that does not say how it is calibrated: docs/inputs.md.
  ecg run recordings/ --again
      Also what ended before, with the headers, profiles and options of now.
  ecg run old-lake --lake new-lake
      The uploads of another lake, under the same keys.
  ecg run recordings/ --workflow my-copy.asl.json
      The same steps under a changed workflow.

Exit status: 0 if every recording was accepted, 1 if any was rejected or failed or could not be read, 2 if nothing could be run.
The day of a recording (`dt`) is that of the file's modification time, so keep it when you copy (`cp -p`).
Hidden files and lakes inside a folder are passed over. A second run does nothing twice; a killed one goes on where it was.
Slack: set SLACK_WEBHOOK_URL, or SLACK_BOT_TOKEN and SLACK_CHANNEL; `ecg show ID` has the message in any case.")]
pub(crate) struct RunArgs {
    /// Recordings (.mat, .dat, .edf, .bdf) and folders of recordings
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
    /// Link the files into the lake in place of copies: a file that is changed in place later is lost to the lake, which
    /// says so when it reads it
    #[arg(long)]
    pub(crate) link: bool,
    /// Run again what has ended
    #[arg(long)]
    pub(crate) again: bool,
    /// Executions at a time, at most 32 [default: twice the number of processors; of large files, their number]
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

fn prefix(text: &str) -> Result<String, String> {
    let name = text.trim_end_matches('/');
    let usable = |part: &str| !part.is_empty() && !part.starts_with('.');
    if name.split('/').all(usable) {
        Ok(name.to_owned())
    } else {
        Err("expected names separated by `/`, none of them empty or beginning with `.`".to_owned())
    }
}

/// Executions at a time, and what to say where that is fewer than was asked for.
fn jobs(asked: Option<NonZeroUsize>) -> (Jobs, Option<String>) {
    match asked.map(NonZeroUsize::get) {
        None => (Jobs::default(), None),
        Some(jobs) if jobs <= Jobs::MOST => (Jobs::of_any_size(jobs), None),
        Some(jobs) => {
            let (most, each, all) = (Jobs::MOST, MEMORY_PER_EXECUTION >> 20, MEMORY_BUDGET >> 20);
            let text = format!(
                "--jobs {jobs}: {most} at a time, because one may hold {each} MiB and all together keep to {all} MiB"
            );
            (Jobs::of_any_size(most), Some(text))
        }
    }
}

pub(crate) fn run(args: &RunArgs) -> Result<ExitCode, String> {
    let started = Instant::now();
    let machine = workflow(args.workflow.as_deref())?;
    let place = args.lake.place();
    place.is_no_file()?;
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
        let found = match discovery.passed_over {
            0 => "none".to_owned(),
            others => format!(
                "only {}",
                counted(others, "file of another kind", "files of other kinds")
            ),
        };
        let mut text = format!(
            "no recording found: expected files whose names end in {}, found {found}; make one with `ecg synth one.mat`",
            layout::endings_in_words(),
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
    let open = OpenLake::open(&place)?;
    let same_files = SameFiles::new(&discovery.recordings);
    let total = discovery.recordings.len();
    let progress = Progress::new(total as u64, "recordings");
    if let Some(fewer) = fewer {
        progress.line(&fewer);
    }
    let uploads = Uploads {
        executor: executor(machine, &open, &place)?,
        store: open.objects.files().clone(),
    };
    let wanted = Wanted {
        settings: args.calibration.settings(),
        again: args.again,
        new_version: args.new_version,
        link: args.link,
    };
    let recordings = std::mem::take(&mut discovery.recordings);
    let runtime = runtime(jobs.all)?;
    let each = |ran: &Ran| progress.step(ran.settled());
    let running = run::run(recordings, uploads, same_files, wanted, jobs, &each);
    let ran = runtime.block_on(until_interrupted(running));
    let done = progress.done();
    progress.finish();
    open.journal.close().map_err(|error| error.to_string())?;
    let Some(ran) = ran else {
        progress.line(&format!(
            "interrupted after {done} of {total} recordings; the same command goes on where this one stopped"
        ));
        runtime.shutdown_background();
        return Ok(ExitCode::from(INTERRUPTED));
    };
    let accepted = ran.iter().any(Ran::accepted);
    let summary = Summary {
        ran,
        discovery,
        took: started.elapsed(),
        place,
        said: args.calibration.clone(),
    };
    let ended = print_answer(&summary, args.json)?;
    if accepted && !args.json {
        let executions = summary
            .place
            .journal()
            .ok()
            .and_then(|journal| journal.executions().ok());
        let few = executions.is_some_and(|executions| executions <= FIRST_ANSWER_OVER);
        print(&runtime.block_on(first_answer(&summary.place, &args.lake.text(), few))?)?;
    }
    // A step that was out of time may still run: nobody waits for it.
    runtime.shutdown_background();
    Ok(ended)
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
    let store = open_lake::store(other)?;
    let mut uploads = BTreeMap::new();
    let mut take = |mut input: ExecutionInput, file: Option<PathBuf>| -> Result<(), String> {
        let location = Location::new(BUCKET, &input.source.key).with_version(&input.source.version);
        let path = store.path_of(&location).map_err(|error| error.to_string())?;
        let file = file.map_or_else(|| fs::canonicalize(&path).map_err(text), Ok)?;
        let mut found = Found::new(&path, file, input.source.key.clone());
        if let Some(key) = layout::header_key(&input.source.key) {
            let header = store.path_of(&Location::new(BUCKET, key));
            found.header = Some(header.map_err(|error| error.to_string())?);
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
        found.before = Some(Box::new(input));
        match uploads.get(&id) {
            Some((known, _)) if *known > run => {}
            _ => {
                uploads.insert(id, (run, found));
            }
        }
        Ok(())
    };
    if other.has_journal() {
        let journal = other.journal()?;
        for execution in journal.all().map_err(text)? {
            take(journal.input(&execution).map_err(text)?, Some(execution.file))?;
        }
    } else {
        for (input, file) in uploads_of_old_lake(&other.old_executions()).map_err(text)? {
            take(input, file)?;
        }
    }
    Ok(uploads.into_values().map(|(_, found)| found).collect())
}

/// Executions of a lake over which there is a first answer. The SQL engine takes 25 KB and a third of a millisecond for each file: over
/// more of them the answer would take more memory than all else, and somebody would wait for it who may not want it.
const FIRST_ANSWER_OVER: i64 = 1_000;

/// A first look at the tables, if they are of few recordings, and what to type next.
async fn first_answer(place: &Place, lake: &str, few: bool) -> Result<String, String> {
    const FIRST: &str = "select coalesce(label, '(none)') as label, count(*) as recordings, \
                         round(sum(duration_s)) as seconds, round(avg(heart_rate_bpm)) as mean_bpm \
                         from recordings group by label order by label";
    let option = lake_option(lake);
    let command = format!("ecg query \"{FIRST}\"{option}");
    let first = if few {
        let answer = query::table(ecg_query::ask(place.root(), FIRST, false).await?).await?;
        format!("{command}\n{answer}\nnext:")
    } else {
        format!("next:\n  {command}")
    };
    Ok(format!(
        "\n{first}\n  \
         ecg query \"select source_key, quality, warnings from recordings where quality = 'warn'\"{option}\n  \
         ecg query \"select recording_id, segment, beats, heart_rate_bpm, rmssd_ms from segments limit 5\"{option}\n  \
         ecg runs{option}\n"
    ))
}
