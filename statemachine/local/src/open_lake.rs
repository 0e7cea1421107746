//! The lake that a command writes.

use std::fs;
use std::io;
use std::sync::Arc;

use ecg_core::day::utc_day;
use ecg_core::layout;
use ecg_journal::{BUCKET, Journal, LakeLock, Lost, PROCESSED, Place, WORK};
use ecg_lake::Lake;
use ecg_store::{LocalCatalog, LocalStore};
use ecg_tables::TABLES;

use crate::lake_store::LakeStore;

/// A lake that this process writes, locked as long as this is there.
pub(crate) struct OpenLake {
    pub(crate) lake: Lake,
    /// The store of `lake`.
    pub(crate) objects: LakeStore,
    pub(crate) journal: Journal,
    _lock: LakeLock,
}

impl OpenLake {
    /// Opens the lake for writing. One process at a time.
    pub(crate) fn open(place: &Place) -> Result<OpenLake, String> {
        let lock = place.lock()?;
        let catalog = LocalCatalog::open(place.root().join("catalog")).map_err(|error| error.to_string())?;
        let objects = LakeStore::new(store(place)?);
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
        let journal = Journal::open(&place.journal_file(), &boot(), |lost| roll_back(place, lost));
        Ok(OpenLake {
            lake,
            objects,
            journal: journal.map_err(|error| error.to_string())?,
            _lock: lock,
        })
    }
}

impl Drop for OpenLake {
    /// Else the journal's thread and its connections would stay, in a process that goes on.
    fn drop(&mut self) {
        // Who wants to hear of a failure has closed it.
        let _ = self.journal.close();
    }
}

/// The objects of a lake.
pub(crate) fn store(place: &Place) -> Result<LocalStore, String> {
    LocalStore::open(place.root(), [BUCKET]).map_err(|error| error.to_string())
}

/// Removes the objects of executions that a power cut has taken, of which some may be there in part.
fn roll_back(place: &Place, lost: &[Lost]) -> io::Result<()> {
    for lost in lost {
        let Some(day) = utc_day(lost.uploaded_at_ms) else {
            continue;
        };
        let names = [&lost.recording_id, &lost.execution];
        let keys = TABLES
            .iter()
            .flat_map(|table| names.map(|name| layout::table_key(table.name, &day, name)));
        for path in keys.map(|key| place.processed().join(key)) {
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

/// Names the start of the machine: between two starts there may have been a power cut. Where the system does not tell, it is
/// another one for each process.
fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map_or_else(
        |_| format!("process {}", std::process::id()),
        |id| id.trim().to_owned(),
    )
}
