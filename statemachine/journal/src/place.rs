//! Where a local lake keeps what, and how it is opened.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use ecg_core::{layout, shell_word};
use ecg_recording::Verdict;
use serde::{Deserialize, Serialize};

use crate::{FILE, Reader};

/// The bucket of the uploads.
pub const BUCKET: &str = "local";

/// The bucket of what one step leaves for the next.
pub const WORK: &str = "work";

/// The bucket of the tables.
pub const PROCESSED: &str = "processed";

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
pub struct Place {
    root: PathBuf,
}

/// That this process writes the lake, as long as this is there.
#[derive(Debug)]
pub struct LakeLock(#[allow(dead_code)] File);

impl Place {
    /// The lake in this folder, whether it is there or not.
    pub fn new(root: &Path) -> Place {
        Place {
            root: root.to_owned(),
        }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of the tables.
    pub fn processed(&self) -> PathBuf {
        self.root.join(PROCESSED)
    }

    /// The file of a work object.
    pub fn work(&self, key: &str) -> PathBuf {
        self.root.join(WORK).join(key)
    }

    /// What validate found for an execution, where it can be read.
    pub fn verdict(&self, execution: &str) -> Option<Verdict> {
        let verdict = fs::read(self.work(&layout::verdict_key(execution))).ok()?;
        serde_json::from_slice(&verdict).ok()
    }

    /// The journals of the executions of a lake of format 1 or 2.
    pub fn old_executions(&self) -> PathBuf {
        self.root.join("executions")
    }

    /// The file of the journal.
    pub fn journal_file(&self) -> PathBuf {
        self.root.join(FILE)
    }

    /// Whether anything was ever recorded.
    pub fn has_journal(&self) -> bool {
        self.journal_file().is_file()
    }

    /// What is recorded of the executions, for reading.
    ///
    /// # Errors
    /// What SQLite says, that the file is no journal, or that it is one of another version.
    pub fn journal(&self) -> Result<Reader, String> {
        Reader::open(&self.journal_file()).map_err(|error| error.to_string())
    }

    /// The folder of the uploads.
    pub fn uploads(&self) -> PathBuf {
        self.root.join(BUCKET)
    }

    /// Whether it is a lake, in whatever form.
    pub fn is_lake(&self) -> bool {
        self.root.join(FORMAT_FILE).is_file() || (self.old_executions().is_dir() && self.uploads().is_dir())
    }

    /// Fails where there is something else than a folder.
    pub fn is_no_file(&self) -> Result<(), String> {
        match fs::metadata(&self.root) {
            Ok(found) if !found.is_dir() => Err(format!(
                "{}: expected a lake, which is a folder, found a file; name another one with --lake",
                self.root.display()
            )),
            _ => Ok(()),
        }
    }

    /// Fails with the next command to type where there is no lake yet, or one of another form.
    pub fn existing(&self) -> Result<&Place, String> {
        self.is_no_file()?;
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

    /// Takes the lake for writing, and makes it where it is not there. One process at a time.
    ///
    /// # Errors
    /// Another process has it, or the lake has another form.
    pub fn lock(&self) -> Result<LakeLock, String> {
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
        let open = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let mut lock = open.map_err(|error| fail(&path, &error))?;
        match try_lock(&lock) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(format!(
                    "{}: another `ecg` is working in this lake{}; wait until it ends",
                    self.root.display(),
                    self.holder()
                        .map_or_else(String::new, |holder| format!(" ({holder})"))
                ));
            }
            Err(TryLockError::Error(error)) => return Err(fail(&path, &error)),
        }
        let command = std::env::args().nth(1).unwrap_or_default();
        let who = format!("`ecg {command}`, process {}\n", std::process::id());
        // For people only: whether the lake is locked, the lock says.
        let _ = lock.set_len(0).and_then(|()| lock.write_all(who.as_bytes()));
        Ok(LakeLock(lock))
    }

    /// The command that writes the lake now, such as "`ecg run`, process 4242".
    pub fn holder(&self) -> Option<String> {
        let who = fs::read_to_string(self.root.join(LOCK)).ok()?;
        (self.at_work() && !who.is_empty()).then(|| who.trim().to_owned())
    }

    /// Whether a process is running executions in the lake.
    pub fn at_work(&self) -> bool {
        match File::open(self.root.join(LOCK)) {
            Ok(lock) => matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)),
            Err(_) => false,
        }
    }
}

/// Takes the lock. Who only looks whether somebody has it ([`Place::at_work`]) holds it for a moment.
fn try_lock(lock: &File) -> Result<(), TryLockError> {
    const TRIES: usize = 5;
    for _ in 1..TRIES {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(10)),
            taken => return taken,
        }
    }
    lock.try_lock()
}

/// Whole or not at all: whoever is killed leaves the old file or the new one.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    fs::write(&temporary, bytes)?;
    fs::rename(&temporary, path)
}

/// ` --lake L`, or nothing for the default lake.
pub fn lake_option(lake: &str) -> String {
    if lake == "ecg-lake" || lake == "./ecg-lake" {
        String::new()
    } else {
        format!(" --lake {}", shell_word(lake))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_can_be_pasted() {
        assert_eq!(lake_option("my lake"), " --lake 'my lake'");
        assert_eq!(lake_option("ecg-lake"), "");
    }
}
