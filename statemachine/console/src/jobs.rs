//! Actions under way: one at a time, with what became of each execution so far.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use askama::Template;
use axum::extract::{Form, State};
use axum::response::Response;
use ecg_journal::Filter;
use serde::Deserialize;
use tokio::sync::watch;

use crate::actions::{Actions, Done};
use crate::chrome::{Failure, html};
use crate::runs::REMOTE_ROWS;
use crate::server::Shared;
use crate::upload::Received;

/// Failures that one action runs again.
const AT_ONCE_MAX: usize = 10_000;

/// Lines of the panel.
const SHOWN: usize = 12;

/// What was asked for.
#[derive(Debug)]
pub(crate) enum What {
    Redrive(Vec<String>),
    Rerun(String),
    Upload(Received),
}

/// The last action.
#[derive(Debug, Clone)]
struct Job {
    what: String,
    total: usize,
    done: Vec<Done>,
    /// How it ended; `None` while it works.
    ended: Option<Result<(), String>>,
}

/// Does one action at a time.
pub(crate) struct Jobs {
    actions: Arc<dyn Actions>,
    last: Arc<Mutex<Option<Job>>>,
    pub(crate) changes: watch::Sender<u64>,
}

impl Jobs {
    pub(crate) fn new(actions: Arc<dyn Actions>) -> Jobs {
        Jobs {
            actions,
            last: Arc::default(),
            changes: watch::Sender::new(0),
        }
    }

    fn last(&self) -> MutexGuard<'_, Option<Job>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an action, if none is under way.
    pub(crate) fn begin(&self, what: What) -> Result<(), String> {
        let (words, total) = match &what {
            What::Redrive(executions) if executions.len() == 1 => (format!("Redrive {}", executions[0]), 1),
            What::Redrive(executions) => (
                format!("Redrive {} executions", executions.len()),
                executions.len(),
            ),
            What::Rerun(execution) => (format!("Run again {execution}"), 1),
            What::Upload(received) => (
                match received.recordings.as_slice() {
                    [one] => {
                        let name = one.file_name().unwrap_or_default();
                        format!("Upload {}", name.to_string_lossy())
                    }
                    many => format!("Upload {} recordings", many.len()),
                },
                received.recordings.len(),
            ),
        };
        {
            let mut last = self.last();
            if let Some(job) = last.as_ref().filter(|job| job.ended.is_none()) {
                return Err(format!(
                    "another action is under way: {}; try again when it has ended",
                    job.what
                ));
            }
            *last = Some(Job {
                what: words,
                total,
                done: Vec::new(),
                ended: None,
            });
        }
        self.changes.send_modify(|count| *count += 1);
        let (actions, last, changes) = (self.actions.clone(), self.last.clone(), self.changes.clone());
        // A thread of its own: the command line brings its own runtime.
        std::thread::spawn(move || {
            let tell = |change: &dyn Fn(&mut Job)| {
                if let Some(job) = last.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
                    change(job);
                }
                changes.send_modify(|count| *count += 1);
            };
            let done = |done: Done| tell(&|job| job.done.push(done.clone()));
            let act = || match &what {
                What::Redrive(executions) => actions.redrive(executions, &done),
                What::Rerun(execution) => actions.rerun(execution, &done),
                What::Upload(received) => actions.upload(&received.recordings, &done),
            };
            // An action that never ends would keep every later one from beginning.
            let ended = catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|_| {
                Err("the action stopped by a fault of the program; where `ecg console` was started it says more".to_owned())
            });
            // The files that were dropped go before people are told.
            drop(what);
            tell(&|job| job.ended = Some(ended.clone()));
        });
        Ok(())
    }
}

#[derive(Template)]
#[template(path = "jobs.html")]
struct Panel {
    job: Option<Job>,
    refused: Option<String>,
}

impl Panel {
    fn of(shared: &Shared, refused: Option<String>) -> Panel {
        Panel {
            job: shared.jobs.last().clone(),
            refused,
        }
    }
}

impl Job {
    fn failed(&self) -> usize {
        self.done.iter().filter(|done| !done.well).count()
    }

    /// The newest first; those that went wrong before the others.
    fn shown(&self) -> impl Iterator<Item = &Done> {
        let wrong = self.done.iter().rev().filter(|done| !done.well);
        wrong
            .chain(self.done.iter().rev().filter(|done| done.well))
            .take(SHOWN)
    }

    fn unshown(&self) -> usize {
        self.done.len().saturating_sub(SHOWN)
    }
}

pub(crate) async fn panel(State(shared): State<Arc<Shared>>) -> Response {
    html(&Panel::of(&shared, None))
}

pub(crate) async fn close(State(shared): State<Arc<Shared>>) -> Response {
    {
        let mut last = shared.jobs.last();
        if last.as_ref().is_some_and(|job| job.ended.is_some()) {
            *last = None;
        }
    }
    html(&Panel::of(&shared, None))
}

/// Begins an action and answers with the panel.
pub(crate) fn begin(shared: &Shared, what: What) -> Response {
    let refused = match shared.holder() {
        Some(holder) if !shared.jobs.at_work() => Some(format!(
            "{holder} is working in this lake; actions are possible when it has ended. Pages can be looked at meanwhile."
        )),
        _ => shared.jobs.begin(what).err(),
    };
    html(&Panel::of(shared, refused))
}

impl Jobs {
    fn at_work(&self) -> bool {
        self.last().as_ref().is_some_and(|job| job.ended.is_none())
    }
}

/// One execution, or all failures of one cause.
#[derive(Deserialize)]
pub(crate) struct RedriveForm {
    execution: Option<String>,
    group: Option<String>,
    step: Option<String>,
}

pub(crate) async fn redrive(
    State(shared): State<Arc<Shared>>,
    Form(form): Form<RedriveForm>,
) -> Result<Response, Failure> {
    let executions = match (form.execution, form.group, &shared.remote) {
        (Some(execution), ..) => vec![execution],
        (None, group, Some(remote)) => {
            let listed = Shared::remote(remote, |remote| remote.list(true, REMOTE_ROWS)).await?;
            let of_group = listed
                .into_iter()
                .filter(|execution| group.is_none() || execution.cause_group == group);
            of_group.map(|execution| execution.name).collect()
        }
        (None, group, None) => {
            let filter = Filter {
                failed: true,
                group,
                step: form.step,
                ..Filter::default()
            };
            let listed = shared.journal(move |journal| {
                let mut names = Vec::new();
                for execution in journal.list(&filter, Some(AT_ONCE_MAX))? {
                    // A rerun stands for its recording.
                    let last = journal.last_run_of(&execution.recording_id)?;
                    if last.is_none_or(|last| last.name == execution.name) {
                        names.push(execution.name);
                    }
                }
                Ok(names)
            });
            listed.await?.unwrap_or_default()
        }
    };
    if executions.is_empty() {
        let refused = Some("nothing to redrive: each of these recordings was run again meanwhile".to_owned());
        return Ok(html(&Panel::of(&shared, refused)));
    }
    Ok(begin(&shared, What::Redrive(executions)))
}

#[derive(Deserialize)]
pub(crate) struct RerunForm {
    execution: String,
}

pub(crate) async fn rerun(State(shared): State<Arc<Shared>>, Form(form): Form<RerunForm>) -> Response {
    begin(&shared, What::Rerun(form.execution))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Redrives stop by a fault.
    struct Faulty;

    impl Actions for Faulty {
        fn redrive(&self, _: &[String], _: &dyn Fn(Done)) -> Result<(), String> {
            panic!("a fault")
        }

        fn rerun(&self, _: &str, _: &dyn Fn(Done)) -> Result<(), String> {
            Ok(())
        }

        fn upload(&self, _: &[std::path::PathBuf], _: &dyn Fn(Done)) -> Result<(), String> {
            Ok(())
        }
    }

    async fn ended(jobs: &Jobs, what: What) -> Result<(), String> {
        let mut changes = jobs.changes.subscribe();
        jobs.begin(what).unwrap();
        loop {
            if let Some(ended) = jobs.last().as_ref().and_then(|job| job.ended.clone()) {
                return ended;
            }
            let changed = tokio::time::timeout(std::time::Duration::from_secs(10), changes.changed());
            changed.await.expect("an end").unwrap();
        }
    }

    #[tokio::test]
    async fn an_action_that_panics_has_ended_and_the_next_one_begins() {
        let jobs = Jobs::new(Arc::new(Faulty));
        let why = ended(&jobs, What::Redrive(vec!["a".to_owned()]))
            .await
            .unwrap_err();
        assert!(why.contains("stopped by a fault"), "{why}");
        assert_eq!(ended(&jobs, What::Rerun("a".to_owned())).await, Ok(()));
    }
}
