//! The executions of a lake.

use std::io;
use std::path::PathBuf;
use std::time::Instant;

use asl_engine::Status;
use ecg_core::layout;
use ecg_store::Location;

use super::{Executions, Failed};
use crate::args::CalibrationArgs;
use crate::discover::{Discovery, Found};
use crate::execute::reason;
use crate::journal::Journal;
use crate::output::Answer;
use crate::place::{BUCKET, Place};
use crate::profile_files::ProfileFiles;
use crate::progress::Progress;
use crate::report::{ExecutionDetails, ExecutionLine, INTERRUPTED, RUNNING, seconds_at_work, status_name};
use crate::run::{self, Ran, executor, workflow};
use crate::runtime::{processors, runtime};
use crate::summary::Summary;
use crate::terminal::lake_option;
use crate::upload::{End, Known, Uploads, Wanted};

/// The executions of a lake, and the workflow file that runs them again.
pub(crate) struct InLake {
    pub(crate) place: Place,
    pub(crate) workflow: Option<PathBuf>,
}

impl Executions for InLake {
    fn list(&self, failed: bool, _: Option<usize>) -> Result<Vec<ExecutionLine>, String> {
        let place = self.place.existing()?;
        let at_work = place.at_work();
        let mut lines = Vec::new();
        for journal in journals(place)? {
            if !failed || has_failed(&journal)? {
                lines.push(line(&journal, at_work).map_err(|error| error.to_string())?);
            }
        }
        Ok(lines)
    }

    fn show(&self, id: &str) -> Result<ExecutionDetails, String> {
        let place = self.place.existing()?;
        let journal = find(place, id)?;
        details(&journal, place.at_work()).map_err(|error| error.to_string())
    }

    fn redrive(&self, which: Failed<'_>) -> Result<Box<dyn Answer>, String> {
        let started = Instant::now();
        let machine = workflow(self.workflow.as_deref())?;
        let place = self.place.existing()?;
        let chosen = match which {
            Failed::One(id) => vec![find(place, id)?],
            Failed::All { .. } => journals(place)?,
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
            } else if !has_failed(&journal)? {
                "expected a failed execution, found one that succeeded or is still open; `ecg rerun` runs it again from the start"
                    .to_owned()
            } else {
                open.push((journal, input));
                continue;
            };
            if matches!(which, Failed::One(_)) {
                return Err(format!("{}: {why_not}", journal.name()));
            }
        }
        let progress = Progress::new(open.len() as u64, "executions");
        let executor = executor(machine, lake, place)?;
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
        Ok(summary(ran, started, place))
    }

    fn rerun(&self, id: &str, said: &CalibrationArgs) -> Result<Box<dyn Answer>, String> {
        let started = Instant::now();
        let machine = workflow(self.workflow.as_deref())?;
        let place = self.place.existing()?;
        let text = |error: io::Error| error.to_string();
        let journal = find(place, id)?;
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
        found.profile = ProfileFiles::new(said.profile.as_deref(), Some(place)).find(&file, &found.key)?;
        let uploads = Uploads {
            executor: executor(machine, lake, place)?,
            place: place.clone(),
            store,
        };
        let wanted = Wanted {
            settings: said.settings(),
            again: true,
            new_version: true,
        };
        let known = Known::new(&[], &[]).map_err(text)?;
        let progress = Progress::new(1, "executions");
        let running = run::run(vec![found], uploads, known, wanted, 1, &progress);
        let ran = runtime(processors())?.block_on(running);
        progress.finish();
        Ok(summary(ran, started, place))
    }
}

/// How executions ended that were chosen by their ids.
fn summary(ran: Vec<Ran>, started: Instant, place: &Place) -> Box<dyn Answer> {
    Box::new(Summary {
        ran,
        discovery: Discovery::default(),
        took: started.elapsed(),
        place: place.clone(),
    })
}

fn line(journal: &Journal, at_work: bool) -> io::Result<ExecutionLine> {
    let history = journal.history()?;
    let redriven = history
        .iter()
        .filter(|event| event.event_type == "ExecutionRedriven");
    let closed = journal.outcome()?;
    Ok(ExecutionLine {
        execution: journal.name(),
        status: match &closed {
            Some(closed) => status_name(closed.status),
            None if at_work => RUNNING.to_owned(),
            None => INTERRUPTED.to_owned(),
        },
        key: journal.input()?.map(|input| input.source.key),
        started: history.first().map(|event| event.timestamp),
        seconds: Some(seconds_at_work(&history)),
        redrives: redriven.count() as u64,
        reason: closed
            .filter(|closed| closed.status != Status::Succeeded)
            .map(|closed| reason(&closed)),
    })
}

fn details(journal: &Journal, at_work: bool) -> io::Result<ExecutionDetails> {
    Ok(ExecutionDetails {
        line: line(journal, at_work)?,
        input: serde_json::to_value(journal.input()?)?,
        history: journal.history()?,
        output: journal.outcome()?.and_then(|closed| closed.output),
        notification: journal.notification(),
        file: Some(serde_json::to_value(journal.file()?)?),
        next: String::new(),
    })
}

pub(crate) fn journals(place: &Place) -> Result<Vec<Journal>, String> {
    Journal::all(&place.executions()).map_err(|error| format!("{}: {error}", place.executions().display()))
}

fn has_failed(journal: &Journal) -> Result<bool, String> {
    let closed = journal.outcome().map_err(|error| error.to_string())?;
    Ok(closed.is_some_and(|closed| closed.status != Status::Succeeded))
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
            lake_option(&place.root().display().to_string())
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
