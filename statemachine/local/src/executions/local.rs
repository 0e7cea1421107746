//! The executions of a lake.

use std::io;
use std::path::PathBuf;
use std::time::Instant;

use ecg_core::layout;
use ecg_journal::{BUCKET, Execution, Filter, Place, Reader, lake_option};
use ecg_store::{LocalStore, Location};

use super::{Executions, Failed};
use crate::args::CalibrationArgs;
use crate::discover::{Discovery, Found};
use crate::execute::reason;
use crate::open_lake::OpenLake;
use crate::output::Answer;
use crate::profile_files::ProfileFiles;
use crate::progress::Progress;
use crate::report::{ExecutionDetails, ExecutionLine, INTERRUPTED, RUNNING};
use crate::run::{self, Jobs, Ran, executor, workflow};
use crate::runtime::{processors, runtime};
use crate::summary::Summary;
use crate::upload::{End, SameFiles, Uploads, Wanted};

/// The executions of a lake, and the workflow file that runs them again.
pub(crate) struct InLake {
    pub(crate) place: Place,
    pub(crate) workflow: Option<PathBuf>,
}

impl Executions for InLake {
    fn list(&self, filter: &Filter, limit: Option<usize>) -> Result<Vec<ExecutionLine>, String> {
        let place = self.place.existing()?;
        let at_work = place.at_work();
        let listed = place.journal()?.list(filter, limit).map_err(text)?;
        Ok(listed.iter().map(|execution| line(execution, at_work)).collect())
    }

    fn show(&self, id: &str) -> Result<ExecutionDetails, String> {
        let place = self.place.existing()?;
        let journal = place.journal()?;
        let execution = find(&journal, place, id)?;
        details(&journal, &execution, place.at_work()).map_err(text)
    }

    fn redrive(&self, which: Failed<'_>) -> Result<Box<dyn Answer>, String> {
        let started = Instant::now();
        let choose = |journal: &Reader, place: &Place| match which {
            Failed::One(id) => Ok(vec![find(journal, place, id)?]),
            Failed::All { .. } => {
                let failed = Filter {
                    failed: true,
                    ..Filter::default()
                };
                let mut failed = journal.list(&failed, None).map_err(text)?;
                failed.reverse();
                Ok(failed)
            }
        };
        let ran = self.redrive_chosen(choose, &|_| {})?;
        Ok(summary(ran, started, &self.place, &CalibrationArgs::default()))
    }

    fn rerun(&self, id: &str, said: &CalibrationArgs) -> Result<Box<dyn Answer>, String> {
        let started = Instant::now();
        let ran = self.rerun_one(id, said, &|_| {})?;
        Ok(summary(ran, started, &self.place, said))
    }
}

impl InLake {
    /// Redrives the executions that are chosen in the journal. Where it is one, that it cannot be redriven is an error. `each`
    /// hears of each as it ends.
    pub(crate) fn redrive_chosen(
        &self,
        choose: impl FnOnce(&Reader, &Place) -> Result<Vec<Execution>, String>,
        each: &dyn Fn(&Ran),
    ) -> Result<Vec<Ran>, String> {
        let machine = workflow(self.workflow.as_deref())?;
        let place = self.place.existing()?;
        let lake = OpenLake::open(place)?;
        let journal = &lake.journal;
        let chosen = choose(&journal.reader(), place)?;
        let one = chosen.len() == 1;
        let mut open = Vec::new();
        for execution in chosen {
            let last = journal
                .reader()
                .last_run_of(&execution.recording_id)
                .map_err(text)?;
            let why_not = match last {
                Some(last) if last.name != execution.name => {
                    format!(
                        "expected the last run of its recording, found that {} is that",
                        last.name
                    )
                }
                _ if !execution.failed() => {
                    "expected a failed execution, found one that succeeded or is still open; \
                                             `ecg rerun` runs it again from the start"
                        .to_owned()
                }
                _ => {
                    open.push(execution);
                    continue;
                }
            };
            if one {
                return Err(format!("{}: {why_not}", execution.name));
            }
        }
        let progress = Progress::new(open.len() as u64, "executions");
        let executor = executor(machine, &lake, place)?;
        let runtime = runtime(processors())?;
        let ran = runtime.block_on(async {
            let mut ran = Vec::new();
            for execution in open {
                let began = Instant::now();
                let input = journal.reader().input(&execution).map_err(text);
                let end = match input {
                    Ok(input) => executor.redrive(&execution, &input).await,
                    Err(error) => Err(error),
                };
                let one = Ran {
                    key: execution.key,
                    recording_id: execution.recording_id,
                    execution: execution.name,
                    end: end.map_or_else(End::Broken, End::Now),
                    took: began.elapsed(),
                };
                progress.step(one.settled());
                each(&one);
                ran.push(one);
            }
            ran
        });
        progress.finish();
        journal.close().map_err(text)?;
        // A step that was out of time may still run: nobody waits for it.
        runtime.shutdown_background();
        Ok(ran)
    }

    /// Runs the upload of one execution again. `each` hears how it ended.
    pub(crate) fn rerun_one(
        &self,
        id: &str,
        said: &CalibrationArgs,
        each: &dyn Fn(&Ran),
    ) -> Result<Vec<Ran>, String> {
        let choose = |journal: &Reader, place: &Place, store: &LocalStore| {
            let execution = find(journal, place, id)?;
            let input = journal.input(&execution).map_err(text)?;
            let file = &execution.file;
            let mut found = Found::new(file, file.clone(), input.source.key.clone());
            found.before = Some(Box::new(input));
            if !file.exists() {
                found.header = header_in_lake(store, &found.key)?;
            }
            found.profile = ProfileFiles::new(said.profile.as_deref(), Some(place)).find(file, &found.key)?;
            Ok(vec![found])
        };
        let wanted = Wanted {
            settings: said.settings(),
            again: true,
            new_version: true,
            link: false,
        };
        self.place.existing()?;
        self.run_found(choose, wanted, each)
    }

    /// Runs the workflow for files, `choose` says for which, in the lake that is then open.
    pub(crate) fn run_found(
        &self,
        choose: impl FnOnce(&Reader, &Place, &LocalStore) -> Result<Vec<Found>, String>,
        wanted: Wanted,
        each: &dyn Fn(&Ran),
    ) -> Result<Vec<Ran>, String> {
        let machine = workflow(self.workflow.as_deref())?;
        let place = &self.place;
        let lake = OpenLake::open(place)?;
        let store = lake.objects.files();
        let found = choose(&lake.journal.reader(), place, store)?;
        let uploads = Uploads {
            executor: executor(machine, &lake, place)?,
            store: store.clone(),
        };
        let progress = Progress::new(found.len() as u64, "executions");
        let each = |ran: &Ran| {
            progress.step(ran.settled());
            each(ran);
        };
        let jobs = Jobs::default();
        let running = run::run(found, uploads, SameFiles::default(), wanted, jobs, &each);
        let runtime = runtime(jobs.all)?;
        let ran = runtime.block_on(running);
        progress.finish();
        lake.journal.close().map_err(text)?;
        runtime.shutdown_background();
        Ok(ran)
    }
}

/// Where the lake has the header of an upload, if there is one: the last one that is known where no file lies beside the recording.
pub(crate) fn header_in_lake(store: &LocalStore, key: &str) -> Result<Option<PathBuf>, String> {
    let header = layout::header_key(key).map(|header| store.path_of(&Location::new(BUCKET, header)));
    header.transpose().map_err(|error| error.to_string())
}

/// How executions ended that were chosen by their ids.
fn summary(ran: Vec<Ran>, started: Instant, place: &Place, said: &CalibrationArgs) -> Box<dyn Answer> {
    Box::new(Summary {
        ran,
        discovery: Discovery::default(),
        took: started.elapsed(),
        place: place.clone(),
        said: said.clone(),
    })
}

fn line(execution: &Execution, at_work: bool) -> ExecutionLine {
    ExecutionLine {
        execution: execution.name.clone(),
        status: match &execution.closed {
            Some(closed) => closed.status.name().to_owned(),
            None if at_work => RUNNING.to_owned(),
            None => INTERRUPTED.to_owned(),
        },
        key: Some(execution.key.clone()),
        started: execution.started,
        seconds: Some(execution.seconds),
        redrives: execution.redrives,
        reason: execution
            .closed
            .as_ref()
            .filter(|_| execution.failed())
            .map(reason),
    }
}

fn details(journal: &Reader, execution: &Execution, at_work: bool) -> io::Result<ExecutionDetails> {
    Ok(ExecutionDetails {
        line: line(execution, at_work),
        input: serde_json::to_value(journal.input(execution)?)?,
        history: journal.history(execution)?,
        output: journal.output(execution)?,
        notification: journal.notification(execution)?,
        file: Some(serde_json::to_value(&execution.file)?),
        next: String::new(),
    })
}

/// The one execution that is meant: by its name, or by a part of its name or of its file's key.
pub(crate) fn find(journal: &Reader, place: &Place, id: &str) -> Result<Execution, String> {
    if let Some(exact) = journal.named(id).map_err(text)? {
        return Ok(exact);
    }
    /// So many are named where a part fits several.
    const NAMED: usize = 5;
    let mut fitting = journal.fitting(id, NAMED + 1).map_err(text)?;
    match fitting.len() {
        1 => Ok(fitting.remove(0)),
        0 => Err(format!(
            "`{id}`: no execution; list them with `ecg runs{}`",
            lake_option(&place.root().display().to_string())
        )),
        many => {
            let number = if many > NAMED {
                format!("more than {NAMED}")
            } else {
                many.to_string()
            };
            let names: Vec<&str> = fitting
                .iter()
                .take(NAMED)
                .map(|execution| execution.name.as_str())
                .collect();
            Err(format!(
                "`{id}` fits {number} executions, such as {}",
                names.join(", ")
            ))
        }
    }
}

fn text(error: io::Error) -> String {
    error.to_string()
}
