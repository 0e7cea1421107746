//! From a file to an upload in the lake, and to the input of its execution.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use ecg_core::message::{ExecutionInput, INPUT_BYTES_MAX, PinnedHeader, Rerun, Source};
use ecg_core::settings::Settings;
use ecg_core::{content_id, layout, recording_id};
use ecg_journal::{BUCKET, Closed, Execution, WORK};
use ecg_store::{LocalStore, Location, Store};

use crate::discover::Found;
use crate::execute::Executor;

/// What a command says of all its recordings.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// What a person says of the files. `None`: what was said in the run before.
    pub(crate) settings: Option<Settings>,
    /// Run again what has ended.
    pub(crate) again: bool,
    /// A file of another place under a key that is in the lake is a new version of that recording.
    pub(crate) new_version: bool,
    /// A hard link to the file in place of a copy.
    pub(crate) link: bool,
}

/// What one file led to: the recording id, the name of the execution, and its end.
pub(crate) struct Ended {
    pub(crate) recording_id: String,
    pub(crate) execution: String,
    pub(crate) end: End,
}

impl Ended {
    pub(crate) fn broken(message: String) -> Ended {
        Ended {
            recording_id: String::new(),
            execution: String::new(),
            end: End::Broken(message),
        }
    }
}

#[derive(Debug)]
pub(crate) enum End {
    /// The workflow ran to this end now.
    Now(Closed),
    /// It had ended so before: the same bytes under the same key. What changed since, which a rerun would take into
    /// account, if anything did.
    Before(Closed, Option<String>),
    /// The file is in the lake under this other key.
    Elsewhere(String),
    /// The recording was erased and stays out of the lake.
    Erased,
    /// The file could not be put into the lake, or the run not recorded.
    Broken(String),
}

/// Of several links to one file that is not in the lake, the first one of a command gives it its key.
#[derive(Debug, Default)]
pub(crate) struct SameFiles {
    /// The first key of each file that the command names more than once.
    first_key: HashMap<PathBuf, String>,
}

impl SameFiles {
    pub(crate) fn new(about: &[Found]) -> SameFiles {
        let mut files: Vec<(&Path, &str)> = about
            .iter()
            .map(|found| (found.file.as_path(), found.key.as_str()))
            .collect();
        // Stable, so that of equal files the first one stays first.
        files.sort_by_key(|(file, _)| *file);
        let same = files.chunk_by(|(one, _), (other, _)| one == other);
        let twice = same.filter(|links| links.len() > 1).map(|links| links[0]);
        SameFiles {
            first_key: twice
                .map(|(file, key)| (file.to_owned(), key.to_owned()))
                .collect(),
        }
    }
}

/// Puts files into one lake and runs their executions.
pub(crate) struct Uploads {
    pub(crate) store: LocalStore,
    pub(crate) executor: Arc<Executor>,
}

impl Uploads {
    /// Runs the workflow for a file: the first time, on from where it was interrupted, again if that is wanted, or not at all if
    /// it has ended.
    pub(crate) async fn run(&self, found: &Found, same_files: &SameFiles, wanted: &Wanted) -> Ended {
        let source = match source_of(&self.store, found) {
            Ok(source) => source,
            Err(error) => return Ended::broken(format!("{}: {error}", found.path.display())),
        };
        let refused = self.refuses(found, same_files, &source.version, wanted);
        if let Some(end) = refused.unwrap_or_else(|error| Some(End::Broken(error.to_string()))) {
            return Ended {
                end,
                ..Ended::broken(String::new())
            };
        }
        let recording_id = recording_id(&source.bucket, &source.key, &source.version);
        let mut execution = String::new();
        let end = match self.is_erased(&recording_id, &source.version).await {
            Ok(true) => Ok(End::Erased),
            Ok(false) => self.run_upload(found, source, wanted, &mut execution).await,
            Err(error) => Err(error),
        };
        Ended {
            recording_id,
            execution,
            end: end.unwrap_or_else(End::Broken),
        }
    }

    /// Why the file does not go into the lake under its key; `None` if it does. A key belongs to one file, and a file has one
    /// key.
    fn refuses(
        &self,
        found: &Found,
        same_files: &SameFiles,
        version: &str,
        wanted: &Wanted,
    ) -> io::Result<Option<End>> {
        let journal = &self.executor.steps.journal;
        let uploads = journal.reader().of_file(&found.file)?;
        let first = uploads.first().map(|upload| &upload.key);
        if let Some(key) = first.or_else(|| same_files.first_key.get(&found.file))
            && *key != found.key
        {
            if uploads.is_empty() || uploads.iter().any(|known| known.version == version) {
                return Ok(Some(End::Elsewhere(key.clone())));
            }
            return Ok(Some(End::Broken(format!(
                "its content changed since it came into the lake as `{key}`: give it as part of the same folder as then, and it \
                 becomes a new version of that"
            ))));
        }
        let uploads = journal.reader().of_key(&found.key)?;
        let same = |known: &Execution| known.file == found.file || known.version == version;
        let other = match uploads.last() {
            Some(other) if !wanted.new_version && !uploads.iter().any(same) => other,
            _ => return Ok(None),
        };
        Ok(Some(End::Broken(format!(
            "the key `{}` belongs to {}, and this is {}: `--prefix NAME` gives it a key of its own, `--new-version` makes it a \
             new version of that recording",
            found.key,
            other.file.display(),
            found.file.display(),
        ))))
    }

    /// Whether the recording was erased: by its id, or by its content, of which the version is the MD5.
    async fn is_erased(&self, recording_id: &str, version: &str) -> Result<bool, String> {
        let lake = &self.executor.steps.lake;
        for name in [recording_id, version] {
            if lake.is_erased(name).await.map_err(|error| error.to_string())? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn run_upload(
        &self,
        found: &Found,
        source: Source,
        wanted: &Wanted,
        execution: &mut String,
    ) -> Result<End, String> {
        let text = |error: io::Error| error.to_string();
        let id = recording_id(&source.bucket, &source.key, &source.version);
        let journal = &self.executor.steps.journal;
        let last = journal.reader().last_run_of(&id).map_err(text)?;
        let Some(last) = last else {
            id.clone_into(execution);
            let location = Location::new(BUCKET, &source.key);
            let written = if wanted.link {
                self.store
                    .link_file(&location, &found.file)
                    .map_err(|error| format!("{error}; without --link it is copied"))?
            } else {
                let copied = self.store.put_file(&location, &found.path);
                copied.map_err(|error| error.to_string())?
            };
            if written.etag != source.etag {
                return Err(format!(
                    "{}: the file changed while it was read; run again",
                    found.path.display()
                ));
            }
            let before = found.before.as_deref().cloned();
            let before = before.unwrap_or_else(|| ExecutionInput::new(id.clone(), source));
            let input = self.input(found, wanted, &before).await?;
            return self.start(&id, &input, &found.file).await;
        };
        last.name.clone_into(execution);
        let before = journal.reader().input(&last).map_err(text)?;
        let Some(closed) = last.closed.clone() else {
            // An interrupted run goes on with what it began with, whatever came meanwhile.
            let closed = self.executor.resume(&last, &before).await;
            return closed.map(End::Now).map_err(text);
        };
        let input = self.input(found, wanted, &before).await?;
        let changed = difference(&before, &input);
        if !wanted.again {
            return Ok(End::Before(closed, changed));
        }
        let number = before.run() + 1;
        *execution = format!("{id}-r{number}");
        let reason = changed.unwrap_or_else(|| "asked for".to_owned());
        let input = ExecutionInput {
            rerun: Some(Rerun { number, reason }),
            ..input
        };
        self.start(execution, &input, &found.file).await
    }

    async fn start(&self, name: &str, input: &ExecutionInput, file: &Path) -> Result<End, String> {
        let closed = self.executor.start(name, input, file).await;
        closed.map(End::Now).map_err(|error| error.to_string())
    }

    /// The input of a run as it would begin now, after one that began with `before`. What it points at is in the lake.
    async fn input(
        &self,
        found: &Found,
        wanted: &Wanted,
        before: &ExecutionInput,
    ) -> Result<ExecutionInput, String> {
        let settings = wanted.settings.clone().or_else(|| before.settings.clone());
        let profiles = match &found.profile {
            Some(text) => Some(self.put_profile(text).await?),
            None => before.profiles.clone(),
        };
        let input = ExecutionInput {
            settings: settings.filter(|settings| !settings.is_empty()),
            header: Some(self.put_header(found).await?),
            profiles,
            rerun: None,
            ..before.clone()
        };
        match input.bytes() {
            bytes if bytes <= INPUT_BYTES_MAX => Ok(input),
            bytes => Err(format!(
                "expected at most {INPUT_BYTES_MAX} bytes of key and options together, found {bytes}"
            )),
        }
    }

    /// Puts the WFDB header of a recording into the lake, beside the recording.
    async fn put_header(&self, found: &Found) -> Result<PinnedHeader, String> {
        let header = found.header.clone();
        let header = header.unwrap_or_else(|| header_beside(&found.path));
        let Some(key) = layout::header_key(&found.key).filter(|_| header.is_file()) else {
            return Ok(PinnedHeader { version: None });
        };
        let written = self.store.put_file(&Location::new(BUCKET, key), &header);
        let version = Some(written.map_err(|error| error.to_string())?.etag);
        Ok(PinnedHeader { version })
    }

    async fn put_profile(&self, text: &str) -> Result<String, String> {
        let key = layout::profiles_key(&content_id(text.as_bytes(), 64));
        let written = self
            .store
            .put(&Location::new(WORK, &key), text.to_owned().into())
            .await;
        written.map_err(|error| error.to_string())?;
        Ok(key)
    }
}

/// Where the WFDB header of a file is, or would be: of its name, with the ending `.hea`, or `.HEA` if only that is there.
pub(crate) fn header_beside(file: &Path) -> PathBuf {
    let [usual, upper] = ["hea", "HEA"].map(|ending| file.with_extension(ending));
    if !usual.exists() && upper.is_file() {
        upper
    } else {
        usual
    }
}

/// What is another in the second input than in the first, in words.
fn difference(before: &ExecutionInput, now: &ExecutionInput) -> Option<String> {
    let version = |input: &ExecutionInput| input.header.as_ref().and_then(|header| header.version.clone());
    let header = match (version(before), version(now)) {
        (None, Some(_)) => "its header (.hea) came",
        (Some(_), None) => "its header (.hea) went",
        (before, now) if before != now => "its header (.hea) changed",
        _ => "",
    };
    let settings = if before.settings == now.settings {
        ""
    } else {
        "the options for it changed"
    };
    let profiles = if before.profiles == now.profiles {
        ""
    } else {
        "its profile changed"
    };
    let all = [header, settings, profiles];
    let all: Vec<&str> = all.into_iter().filter(|what| !what.is_empty()).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

/// The upload that a file stands for: its version is the MD5 of the content, its time the file's own.
fn source_of(store: &LocalStore, found: &Found) -> io::Result<Source> {
    if let Some(before) = &found.before {
        return Ok(before.source.clone());
    }
    let (version, size) = store.version_of_file(&found.path)?;
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
