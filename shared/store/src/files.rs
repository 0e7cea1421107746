//! Files that appear whole or not at all.
//!
//! Content goes to a temporary file of the same file system, and is then given its name in one step, so a
//! process killed at any point leaves the old state or the new one. After a power cut a file may be there
//! in part, unless the file system was synced after it was written. What a killed process leaves among the
//! temporary files is removed by [`sweep`]: a living writer holds a lock on its file.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Tells apart the temporary files of one process.
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// A file being written. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct TemporaryFile {
    /// The open file, locked.
    pub(crate) file: File,
    path: PathBuf,
    /// After a rename the temporary name is free, and may already be somebody else's.
    renamed: bool,
}

impl TemporaryFile {
    /// A new, empty, locked file in `directory`, which is made if needed.
    pub(crate) fn create(directory: &Path) -> io::Result<TemporaryFile> {
        fs::create_dir_all(directory)?;
        loop {
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            let path = directory.join(format!("{}-{number}", std::process::id()));
            let file = match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => file,
                // Left by a killed process that had our process id.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            };
            match file.lock() {
                // A sweeper may have taken the file between its creation and the lock.
                Ok(()) if !path.exists() => continue,
                Ok(()) => {}
                // A file system without locks has no sweeper either: see `sweep`.
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
                Err(error) => return Err(error),
            }
            return Ok(TemporaryFile {
                file,
                path,
                renamed: false,
            });
        }
    }

    /// Where it is for now.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file its name, over whatever has it.
    pub(crate) fn rename_to(&mut self, path: &Path) -> io::Result<()> {
        rename(&self.path, path)?;
        self.renamed = true;
        Ok(())
    }

    /// Gives the file its name if nothing has it; else `AlreadyExists`.
    pub(crate) fn link_to(&self, path: &Path) -> io::Result<()> {
        link(&self.path, path)
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        if !self.renamed {
            // A failure leaves the file to the sweeper.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Writes a whole file.
pub(crate) fn write_atomically(temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = TemporaryFile::create(temporary)?;
    io::Write::write_all(&mut file.file, bytes)?;
    file.rename_to(path)
}

/// Removes the temporary files whose writers are gone.
pub(crate) fn sweep(directory: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        // Opened for writing because some network file systems lock only such files.
        let Ok(file) = OpenOptions::new().write(true).open(&path) else {
            continue;
        };
        if file.try_lock().is_ok() {
            let _ = fs::remove_file(&path);
        }
    }
    Ok(())
}

/// Gives a file another name, over whatever has it.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    within_directory(to, || fs::rename(from, to))
}

/// Gives a file a second name, if nothing has it.
pub(crate) fn link(from: &Path, to: &Path) -> io::Result<()> {
    within_directory(to, || fs::hard_link(from, to))
}

/// Runs `act`, which puts something under `path`, and makes the directory first if that is what it lacks.
fn within_directory(path: &Path, act: impl Fn() -> io::Result<()>) -> io::Result<()> {
    match act() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            act()
        }
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweeping_takes_what_the_dead_left_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let living = TemporaryFile::create(root.path()).unwrap();
        fs::write(root.path().join("1-0"), b"left behind").unwrap();
        sweep(root.path()).unwrap();
        let left: Vec<_> = fs::read_dir(root.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert_eq!(left, [living.path().to_path_buf()]);
        drop(living);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }
}
