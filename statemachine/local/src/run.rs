//! `ecg run` and `ecg rerun`: put files into the lake and run the workflow for each.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use asl_engine::{StateMachine, Status};
use ecg_config as config;
use ecg_journal::{Closed, Place, lake_option};
use ecg_recording::profiles;
use futures::StreamExt;
use step_notify::{Links, Slack};
use tokio::sync::Semaphore;

use crate::args::read_text;
use crate::discover::Found;
use crate::execute::{Executor, WORKFLOW, load};
use crate::open_lake::OpenLake;
use crate::runtime::processors;
use crate::steps::Steps;
use crate::upload::{End, Ended, SameFiles, Uploads, Wanted};

/// What became of one file or execution.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) key: String,
    /// Empty where the file could not even be put into the lake.
    pub(crate) recording_id: String,
    /// Name of the execution; empty where there is none.
    pub(crate) execution: String,
    pub(crate) end: End,
    pub(crate) took: Duration,
}

impl Ran {
    pub(crate) fn accepted(&self) -> bool {
        self.closed()
            .is_some_and(|closed| closed.status == Status::Succeeded)
    }

    /// Whether nothing is left to do about it.
    pub(crate) fn settled(&self) -> bool {
        self.accepted() || matches!(self.end, End::Elsewhere(_) | End::Erased)
    }

    pub(crate) fn closed(&self) -> Option<&Closed> {
        match &self.end {
            End::Now(closed) | End::Before(closed, _) => Some(closed),
            End::Elsewhere(_) | End::Erased | End::Broken(_) => None,
        }
    }
}

pub(crate) fn workflow(path: Option<&Path>) -> Result<StateMachine, String> {
    match path {
        None => load(WORKFLOW),
        Some(path) => load(&read_text(path)?).map_err(|error| format!("{}: {error}", path.display())),
    }
}

pub(crate) fn executor(
    machine: StateMachine,
    open: &OpenLake,
    place: &Place,
) -> Result<Arc<Executor>, String> {
    let slack = Slack::from_parts(
        config::optional("SLACK_WEBHOOK_URL"),
        config::optional("SLACK_BOT_TOKEN"),
        config::optional("SLACK_CHANNEL"),
    );
    let steps = Steps {
        lake: open.lake.clone(),
        objects: open.objects.clone(),
        profiles: profiles::built_in()?,
        slack,
        links: Links::local(&lake_option(&place.root().display().to_string())),
        place: place.clone(),
        journal: open.journal.clone(),
        compacting: tokio::sync::Mutex::default(),
    };
    Ok(Arc::new(Executor {
        machine,
        steps: Arc::new(steps),
    }))
}

/// An upload from this size on is a large one, in bytes: its leads and its row groups keep more than one processor busy.
const LARGE_BYTES: u64 = 8 << 20;

/// Memory that the executions of one command keep to, in bytes.
pub(crate) const MEMORY_BUDGET: usize = 2 << 30;

/// Memory that one execution may hold, in bytes: what ARCHITECTURE.md lists under Memory, and room for the allocator.
pub(crate) const MEMORY_PER_EXECUTION: usize = 64 << 20;

/// Executions at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Jobs {
    pub(crate) all: usize,
    /// Of them, executions of large uploads.
    large: usize,
}

impl Jobs {
    pub(crate) const MOST: usize = MEMORY_BUDGET / MEMORY_PER_EXECUTION;

    pub(crate) fn of_any_size(jobs: usize) -> Jobs {
        Jobs {
            all: jobs,
            large: jobs,
        }
    }
}

impl Default for Jobs {
    /// While one of two executions waits for a file or a thread, the other one computes.
    fn default() -> Jobs {
        Jobs {
            all: (2 * processors()).min(Self::MOST),
            large: processors().min(Self::MOST),
        }
    }
}

/// Runs the workflow for everything found. `each` hears of each as it ends.
pub(crate) async fn run(
    recordings: Vec<Found>,
    uploads: Uploads,
    same_files: SameFiles,
    wanted: Wanted,
    jobs: Jobs,
    each: &dyn Fn(&Ran),
) -> Vec<Ran> {
    let shared = Arc::new((uploads, same_files, wanted));
    let large = Semaphore::new(jobs.large);
    let runs = recordings.into_iter().map(|found| {
        let (shared, large) = (shared.clone(), &large);
        async move {
            let bytes = fs::metadata(&found.path).map_or(0, |file| file.len());
            let _one_of_few = match bytes {
                LARGE_BYTES.. => large.acquire().await.ok(),
                _ => None,
            };
            let started = Instant::now();
            let key = found.key.clone();
            // A task of its own, so that several executions use several cores.
            let one = tokio::spawn(async move {
                let (uploads, same_files, wanted) = shared.as_ref();
                uploads.run(&found, same_files, wanted).await
            });
            let ended = one
                .await
                .unwrap_or_else(|error| Ended::broken(format!("the run stopped: {error}")));
            let Ended {
                recording_id,
                execution,
                end,
            } = ended;
            Ran {
                key,
                recording_id,
                execution,
                end,
                took: started.elapsed(),
            }
        }
    });
    let mut ran: Vec<Ran> = futures::stream::iter(runs)
        .buffer_unordered(jobs.all)
        .inspect(|ran: &Ran| each(ran))
        .collect()
        .await;
    ran.sort_by(|a, b| a.key.cmp(&b.key));
    ran
}
