//! Where a local lake keeps what, and how it is opened.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ecg_lake::Lake;
use ecg_store::{LocalCatalog, LocalStore};

/// The bucket of the uploads.
pub(crate) const BUCKET: &str = "local";

const WORK: &str = "work";
const PROCESSED: &str = "processed";

/// Held by the process that runs executions.
const LOCK: &str = ".lock";

/// A directory with uploads, work objects, tables, catalog and executions.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    root: PathBuf,
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

    pub(crate) fn work_of(&self, recording_id: &str) -> PathBuf {
        self.root.join(WORK).join(recording_id)
    }

    pub(crate) fn executions(&self) -> PathBuf {
        self.root.join("executions")
    }

    /// Fails with the next command to type where there is no lake yet.
    pub(crate) fn existing(self) -> Result<Place, String> {
        if self.executions().is_dir() {
            return Ok(self);
        }
        Err(format!(
            "{}: expected a lake, found none; fill one with `ecg run PATH... --lake {}`",
            self.root.display(),
            self.root.display()
        ))
    }

    /// Opens the lake for writing. One process at a time: the lock is held as long as the file is.
    pub(crate) fn open(&self) -> Result<(Lake, LocalStore, File), String> {
        let fail = |what: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", what.display());
        fs::create_dir_all(self.executions()).map_err(|error| fail(&self.root, &error))?;
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
        let store = LocalStore::open(&self.root, [BUCKET]).map_err(|error| error.to_string())?;
        let catalog = LocalCatalog::open(self.root.join("catalog")).map_err(|error| error.to_string())?;
        let lake = Lake {
            store: Arc::new(store.clone()),
            catalog: Arc::new(catalog),
            work: WORK.to_owned(),
            processed: PROCESSED.to_owned(),
            database: ecg_tables::DATABASE.to_owned(),
        };
        Ok((lake, store, lock))
    }

    /// Whether a process is running executions in the lake.
    pub(crate) fn at_work(&self) -> bool {
        match File::open(self.root.join(LOCK)) {
            Ok(lock) => matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)),
            Err(_) => false,
        }
    }
}
