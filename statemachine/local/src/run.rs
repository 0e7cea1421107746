//! `ecg run`: puts files into the lake and runs the workflow for each.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use asl_engine::Status;
use ecg_core::message::{ExecutionInput, Source};
use ecg_core::{layout, recording_id};
use ecg_store::{LocalStore, Location};
use futures::StreamExt;
use md5::{Digest, Md5};

use crate::discover::{Discovery, Found};
use crate::execute::Executor;
use crate::journal::{Closed, Journal};
use crate::place::{BUCKET, Place};
use crate::progress::Progress;

/// What became of one file.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) key: String,
    /// Empty where the file could not even be put into the lake.
    pub(crate) recording_id: String,
    pub(crate) end: End,
    pub(crate) took: Duration,
}

#[derive(Debug)]
pub(crate) enum End {
    /// The workflow ran to this end now.
    Now(Closed),
    /// It had ended so before: the same bytes under the same key.
    Before(Closed),
    /// The file could not be put into the lake, or the run not recorded.
    Broken(String),
}

impl Ran {
    pub(crate) fn accepted(&self) -> bool {
        match &self.end {
            End::Now(closed) | End::Before(closed) => closed.status == Status::Succeeded,
            End::Broken(_) => false,
        }
    }

    /// The error name of a run that did not succeed.
    pub(crate) fn error(&self) -> Option<&str> {
        match &self.end {
            End::Now(closed) | End::Before(closed) => closed.error.as_deref(),
            End::Broken(_) => None,
        }
    }
}

/// Runs the workflow for everything found, `jobs` at a time.
pub(crate) async fn run(
    discovery: &Discovery,
    place: &Place,
    store: &LocalStore,
    executor: Arc<Executor>,
    jobs: usize,
    progress: &Progress,
) -> Vec<Ran> {
    let runs = discovery.recordings.iter().map(|found| {
        let (found, place, store, executor) = (found.clone(), place.clone(), store.clone(), executor.clone());
        async move {
            let started = Instant::now();
            let key = found.key.clone();
            // A task of its own, so that several executions use several cores.
            let one = tokio::spawn(async move { run_one(&found, &place, &store, &executor).await });
            let (recording_id, end) = match one.await {
                Ok(ended) => ended,
                Err(error) => (String::new(), End::Broken(format!("the run stopped: {error}"))),
            };
            Ran {
                key,
                recording_id,
                end,
                took: started.elapsed(),
            }
        }
    });
    let mut ran: Vec<Ran> = futures::stream::iter(runs)
        .buffer_unordered(jobs)
        .inspect(|_| progress.step())
        .collect()
        .await;
    ran.sort_by(|a, b| a.key.cmp(&b.key));
    ran
}

async fn run_one(found: &Found, place: &Place, store: &LocalStore, executor: &Executor) -> (String, End) {
    let source = match source_of(found) {
        Ok(source) => source,
        Err(error) => {
            return (
                String::new(),
                End::Broken(format!("{}: {error}", found.path.display())),
            );
        }
    };
    let id = recording_id(&source.bucket, &source.key, &source.version);
    let outcome = async {
        let text = |error: io::Error| error.to_string();
        let journal = Journal::new(&place.executions(), &id);
        // A header that came later is put in too: a redrive reads it.
        put_header(found, store).await?;
        if let Some(closed) = journal.outcome().map_err(text)? {
            return Ok(End::Before(closed));
        }
        let location = Location::new(BUCKET, &source.key);
        let written = store
            .put_file(&location, &found.path)
            .await
            .map_err(|error| error.to_string())?;
        if written.etag != source.etag {
            return Err(format!(
                "{}: the file changed while it was read; run again",
                found.path.display()
            ));
        }
        let input = match journal.input().map_err(text)? {
            // An interrupted run goes on with what it began with, whatever the file's time is now.
            Some(input) => input,
            None => ExecutionInput {
                recording_id: id.clone(),
                source,
            },
        };
        executor.run(&journal, &input).await.map(End::Now).map_err(text)
    };
    let end = outcome.await.unwrap_or_else(End::Broken);
    (id, end)
}

/// Puts the WFDB header that stands beside a recording into the lake, beside the recording.
async fn put_header(found: &Found, store: &LocalStore) -> Result<(), String> {
    let path = found.path.with_extension("hea");
    let Some(key) = layout::header_key(&found.key).filter(|_| path.is_file()) else {
        return Ok(());
    };
    store
        .put_file(&Location::new(BUCKET, key), &path)
        .await
        .map_err(|error| error.to_string())?;
    Ok(())
}

/// The upload that this file stands for: its version is the MD5 of the content, its time the file's own.
fn source_of(found: &Found) -> io::Result<Source> {
    let (version, size) = md5_of(&found.path)?;
    let modified = fs::metadata(&found.path)?.modified()?;
    let uploaded_at_ms = match modified.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
    };
    Ok(Source {
        bucket: BUCKET.to_owned(),
        key: found.key.clone(),
        etag: version.clone(),
        version,
        size,
        uploaded_at_ms,
        sequencer: None,
    })
}

fn md5_of(path: &Path) -> io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let mut hash = Md5::new();
    let mut block = vec![0; 64 * 1024];
    let mut size = 0;
    loop {
        match file.read(&mut block)? {
            0 => break,
            count => {
                hash.update(&block[..count]);
                size += count as u64;
            }
        }
    }
    Ok((
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
        size,
    ))
}
