//! What the lake records of an execution: input, source file, history, checkpoint and outcome, one folder each.
//!
//! An execution whose outcome is there is closed and never runs again by itself. One without is open: it was
//! interrupted, and goes on from its last checkpoint.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use asl_engine::{Checkpoint, HistoryEvent, Recorder, Status};
use ecg_core::message::ExecutionInput;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How an execution ended, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Closed {
    pub(crate) status: Status,
    pub(crate) output: Option<Value>,
    pub(crate) error: Option<String>,
    pub(crate) cause: Option<String>,
}

/// Where an uploaded file lies on this machine.
#[derive(Serialize, Deserialize)]
struct SourceFile {
    path: PathBuf,
}

/// The folder of one execution.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    directory: PathBuf,
}

impl Journal {
    pub(crate) fn new(executions: &Path, name: &str) -> Journal {
        Journal {
            directory: executions.join(name),
        }
    }

    /// The runs of a recording: the first one, then its reruns in order.
    pub(crate) fn runs_of(executions: &Path, recording_id: &str) -> Vec<Journal> {
        let name = |number: u32| match number {
            0 => recording_id.to_owned(),
            _ => format!("{recording_id}-r{number}"),
        };
        (0..)
            .map(|number| Journal::new(executions, &name(number)))
            .take_while(|journal| journal.directory.join("input.json").is_file())
            .collect()
    }

    /// Every execution of a lake, in the order of their names.
    pub(crate) fn all(executions: &Path) -> io::Result<Vec<Journal>> {
        let mut all: Vec<Journal> = fs::read_dir(executions)?
            .map(|entry| {
                entry.map(|entry| Journal {
                    directory: entry.path(),
                })
            })
            .collect::<io::Result<_>>()?;
        all.retain(|journal| journal.directory.join("input.json").is_file());
        all.sort_by(|a, b| a.directory.cmp(&b.directory));
        Ok(all)
    }

    pub(crate) fn name(&self) -> String {
        self.directory
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Records the input, and first the file that was uploaded: it is no part of the input, because where a file lies on
    /// one machine must not reach a table.
    pub(crate) fn begin(&self, input: &ExecutionInput, file: &Path) -> io::Result<()> {
        fs::create_dir_all(&self.directory)?;
        let path = file.to_owned();
        self.write("file.json", &SourceFile { path })?;
        self.write("input.json", input)
    }

    /// The file that was uploaded, without links.
    pub(crate) fn file(&self) -> io::Result<Option<PathBuf>> {
        let file: Option<SourceFile> = self.read("file.json")?;
        Ok(file.map(|file| file.path))
    }

    pub(crate) fn input(&self) -> io::Result<Option<ExecutionInput>> {
        self.read("input.json")
    }

    pub(crate) fn outcome(&self) -> io::Result<Option<Closed>> {
        self.read("outcome.json")
    }

    pub(crate) fn close(&self, outcome: &Closed) -> io::Result<()> {
        self.write("outcome.json", outcome)
    }

    pub(crate) fn reopen(&self) -> io::Result<()> {
        fs::remove_file(self.directory.join("outcome.json"))
    }

    /// Where an interrupted execution goes on.
    pub(crate) fn checkpoint(&self) -> io::Result<Option<Checkpoint>> {
        self.read("checkpoint.json")
    }

    /// Where each state was last entered, for a redrive.
    pub(crate) fn checkpoint_of(&self, state: &str) -> io::Result<Option<Checkpoint>> {
        let Some(file) = open(&self.directory.join("checkpoints.jsonl"))? else {
            return Ok(None);
        };
        let mut last = None;
        for line in BufReader::new(file).lines() {
            // The last line may be cut where the process was killed.
            if let Ok(checkpoint) = serde_json::from_str::<Checkpoint>(&line?)
                && checkpoint.state == state
            {
                last = Some(checkpoint);
            }
        }
        Ok(last)
    }

    pub(crate) fn history(&self) -> io::Result<Vec<HistoryEvent>> {
        let Some(file) = open(&self.directory.join("history.jsonl"))? else {
            return Ok(Vec::new());
        };
        let mut events = Vec::new();
        for line in BufReader::new(file).lines() {
            match serde_json::from_str(&line?) {
                Ok(event) => events.push(event),
                // Cut where the process was killed; nothing whole follows.
                Err(_) => break,
            }
        }
        Ok(events)
    }

    pub(crate) fn notification(&self) -> Option<String> {
        fs::read_to_string(self.directory.join("notification.txt")).ok()
    }

    /// A recorder that goes on after the history that is kept; `fresh` drops what is there.
    pub(crate) fn recorder(&self, fresh: bool) -> io::Result<JournalRecorder> {
        let history = self.directory.join("history.jsonl");
        let checkpoints = self.directory.join("checkpoints.jsonl");
        // Rewriting the whole lines drops a last one that was cut where the process was killed.
        let mut kept = Vec::new();
        if fresh {
            replace(&checkpoints, b"")?;
        } else {
            for event in self.history()? {
                kept.extend(line(&event)?);
            }
        }
        replace(&history, &kept)?;
        let append = |path: &Path| OpenOptions::new().create(true).append(true).open(path);
        let files = Files {
            history: append(&history)?,
            checkpoints: append(&checkpoints)?,
        };
        Ok(JournalRecorder {
            journal: self.clone(),
            files: Mutex::new(files),
        })
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> io::Result<Option<T>> {
        let path = self.directory.join(name);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| io::Error::other(format!("{}: {error}", path.display()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write<T: Serialize>(&self, name: &str, value: &T) -> io::Result<()> {
        replace(&self.directory.join(name), &serde_json::to_vec_pretty(value)?)
    }
}

/// Appends what happens to the journal's files.
pub(crate) struct JournalRecorder {
    journal: Journal,
    files: Mutex<Files>,
}

struct Files {
    history: File,
    checkpoints: File,
}

impl JournalRecorder {
    fn files(&self) -> std::sync::MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorder for JournalRecorder {
    fn event(&self, event: &HistoryEvent) -> io::Result<()> {
        self.files().history.write_all(&line(event)?)
    }

    fn checkpoint(&self, checkpoint: &Checkpoint) -> io::Result<()> {
        self.files().checkpoints.write_all(&line(checkpoint)?)?;
        self.journal.write("checkpoint.json", checkpoint)
    }
}

fn line<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec(value)?;
    text.push(b'\n');
    Ok(text)
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whole or not at all: whoever is killed leaves the old file or the new one.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    fs::write(&temporary, bytes)?;
    fs::rename(&temporary, path)
}
