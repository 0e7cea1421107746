//! Where a local lake keeps what, and how it is opened.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ecg_core::day::utc_day;
use ecg_core::layout;
use ecg_lake::Lake;
use ecg_recording::Verdict;
use ecg_store::{LocalCatalog, LocalStore};
use ecg_tables::TABLES;
use serde::{Deserialize, Serialize};

use crate::journal::{self, Journal, Lost, Reader};
use crate::lake_store::LakeStore;
use crate::terminal::{lake_option, shell_word};

/// The bucket of the uploads.
pub(crate) const BUCKET: &str = "local";

/// The bucket of what one step leaves for the next.
pub(crate) const WORK: &str = "work";
const PROCESSED: &str = "processed";

/// Held by the process that runs executions.
const LOCK: &str = ".lock";

/// Says which form the lake has.
const FORMAT_FILE: &str = "lake.json";

/// The form of a lake that this program reads and writes. 1, which has no such file: keys without the name of the folder that
/// was given. 2: a folder an execution in place of the journal.
const FORMAT: u64 = 3;

#[derive(Serialize, Deserialize)]
struct LakeFormat {
    format: u64,
}

/// A directory with uploads, work objects, tables, catalog and journal.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    root: PathBuf,
}

/// A lake that this process writes, locked as long as this is there.
pub(crate) struct OpenLake {
    pub(crate) lake: Lake,
    /// The store of `lake`.
    pub(crate) objects: LakeStore,
    pub(crate) journal: Journal,
    _lock: File,
}

impl Place {
    pub(crate) fn new(root: &Path) -> Place {
        Place {
            root: root.to_owned(),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn processed(&self) -> PathBuf {
        self.root.join(PROCESSED)
    }

    /// The file of a work object.
    pub(crate) fn work(&self, key: &str) -> PathBuf {
        self.root.join(WORK).join(key)
    }

    /// What validate found for an execution, where it can be read.
    pub(crate) fn verdict(&self, execution: &str) -> Option<Verdict> {
        let verdict = fs::read(self.work(&layout::verdict_key(execution))).ok()?;
        serde_json::from_slice(&verdict).ok()
    }

    /// The journals of the executions of a lake of format 1 or 2.
    pub(crate) fn old_executions(&self) -> PathBuf {
        self.root.join("executions")
    }

    pub(crate) fn has_journal(&self) -> bool {
        self.root.join(journal::FILE).is_file()
    }

    /// What is recorded of the executions, for reading.
    pub(crate) fn journal(&self) -> Result<Reader, String> {
        Reader::open(&self.root.join(journal::FILE)).map_err(|error| error.to_string())
    }

    /// The folder of the uploads.
    pub(crate) fn uploads(&self) -> PathBuf {
        self.root.join(BUCKET)
    }

    /// Whether it is a lake, in whatever form.
    pub(crate) fn is_lake(&self) -> bool {
        self.root.join(FORMAT_FILE).is_file() || (self.old_executions().is_dir() && self.uploads().is_dir())
    }

    /// Fails with the next command to type where there is no lake yet, or one of another form.
    pub(crate) fn existing(&self) -> Result<&Place, String> {
        if !self.is_lake() {
            return Err(format!(
                "{}: expected a lake, found none; fill one with `ecg run PATH...{}`",
                self.root.display(),
                lake_option(&self.root.display().to_string())
            ));
        }
        self.check_format()?;
        Ok(self)
    }

    /// Refuses a lake of another form, with the command that makes a new one from its uploads.
    fn check_format(&self) -> Result<(), String> {
        let path = self.root.join(FORMAT_FILE);
        let found = match fs::read(&path) {
            Ok(bytes) => {
                let format: Option<LakeFormat> = serde_json::from_slice(&bytes).ok();
                format
                    .ok_or_else(|| format!("{}: expected {{\"format\": {FORMAT}}}", path.display()))?
                    .format
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => 1,
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        if found == FORMAT {
            return Ok(());
        }
        let root = self.root.display().to_string();
        if found > FORMAT {
            return Err(format!(
                "{root}: expected a lake of format {FORMAT}, found format {found}, made by a newer `ecg`; use that one"
            ));
        }
        let new = format!("{}-new", root.trim_end_matches('/'));
        Err(format!(
            "{root}: expected a lake of format {FORMAT}, found format {found}, made by an older `ecg`; \
             this makes a new one from its uploads, and leaves the old one as it is:\n  ecg run {} --lake {}",
            shell_word(&root),
            shell_word(&new),
        ))
    }

    /// Opens the lake for writing. One process at a time.
    pub(crate) fn open(&self) -> Result<OpenLake, String> {
        let fail = |what: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", what.display());
        if self.is_lake() {
            self.check_format()?;
        } else {
            fs::create_dir_all(&self.root).map_err(|error| fail(&self.root, &error))?;
            let path = self.root.join(FORMAT_FILE);
            let text = format!("{}\n", serde_json::json!(LakeFormat { format: FORMAT }));
            replace(&path, text.as_bytes()).map_err(|error| fail(&path, &error))?;
        }
        let path = self.root.join(LOCK);
        let lock = File::create(&path).map_err(|error| fail(&path, &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(format!(
                    "{}: another `ecg` is working in this lake; wait until it ends",
                    self.root.display()
                ));
            }
            Err(TryLockError::Error(error)) => return Err(fail(&path, &error)),
        }
        let catalog = LocalCatalog::open(self.root.join("catalog")).map_err(|error| error.to_string())?;
        let objects = LakeStore::new(self.store()?);
        let catalog = Arc::new(catalog);
        let lake = Lake {
            store: Arc::new(objects.clone()),
            catalog: Some(catalog.clone()),
            work: WORK.to_owned(),
            processed: PROCESSED.to_owned(),
            database: ecg_tables::DATABASE.to_owned(),
        };
        // On AWS the function `catalog` does this at each deployment.
        futures::executor::block_on(lake.ensure_tables(catalog.as_ref()))
            .map_err(|error| error.to_string())?;
        let journal = Journal::open(&self.root.join(journal::FILE), &boot(), |lost| {
            self.roll_back(lost)
        });
        Ok(OpenLake {
            lake,
            objects,
            journal: journal.map_err(|error| error.to_string())?,
            _lock: lock,
        })
    }

    /// Removes the objects of executions that a power cut has taken, of which some may be there in part.
    fn roll_back(&self, lost: &[Lost]) -> io::Result<()> {
        for lost in lost {
            let Some(day) = utc_day(lost.uploaded_at_ms) else {
                continue;
            };
            let names = [&lost.recording_id, &lost.execution];
            let keys = TABLES
                .iter()
                .flat_map(|table| names.map(|name| layout::table_key(table.name, &day, name)));
            for path in keys.map(|key| self.processed().join(key)) {
                match fs::remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(io::Error::new(
                            error.kind(),
                            format!("{}: {error}", path.display()),
                        ));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// The objects of the lake.
    pub(crate) fn store(&self) -> Result<LocalStore, String> {
        LocalStore::open(&self.root, [BUCKET]).map_err(|error| error.to_string())
    }

    /// Whether a process is running executions in the lake.
    pub(crate) fn at_work(&self) -> bool {
        match File::open(self.root.join(LOCK)) {
            Ok(lock) => matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)),
            Err(_) => false,
        }
    }
}

/// Names the start of the machine: between two starts there may have been a power cut. Where the system does not tell, it is
/// another one for each process.
fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map_or_else(
        |_| format!("process {}", std::process::id()),
        |id| id.trim().to_owned(),
    )
}

/// Whole or not at all: whoever is killed leaves the old file or the new one.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    fs::write(&temporary, bytes)?;
    fs::rename(&temporary, path)
}
