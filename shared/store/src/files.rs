//! Atomic creation of files.
//!
//! The content is written to a temporary file on the same file system, which is then renamed or linked. If the process
//! is killed, either the old file or the new file exists. After a power failure a file may be incomplete, unless the
//! file system was synced after the write. [`sweep`] removes the temporary files of killed processes. A running
//! writer holds a lock on its file.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A counter for unique names of the temporary files of one process.
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Removes a file, if it is there, and the folders below `top` that are empty then.
pub(crate) fn remove_with_folders(file: &Path, top: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    for folder in file.ancestors().skip(1).take_while(|folder| *folder != top) {
        // One that is not empty, or that somebody else removes at the same time, stays or is gone.
        if fs::remove_dir(folder).is_err() {
            break;
        }
    }
    Ok(())
}

/// A temporary file. Dropping it removes the file, unless it was renamed.
#[derive(Debug)]
pub(crate) struct TemporaryFile {
    /// The open file, locked.
    pub(crate) file: File,
    path: PathBuf,
    /// After a rename, another process may use the temporary name.
    renamed: bool,
}

impl TemporaryFile {
    /// Creates an empty, locked file in `directory`. Creates the directory if it does not exist.
    pub(crate) fn create(directory: &Path) -> io::Result<TemporaryFile> {
        loop {
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            let path = directory.join(format!("{}-{number}", std::process::id()));
            let create = || OpenOptions::new().write(true).create_new(true).open(&path);
            let file = match within_directory(&path, create) {
                Ok(file) => file,
                // A killed process with the same process id left the file.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            };
            match file.lock() {
                // `sweep` in another process may have removed the file before it was locked.
                Ok(()) if !path.exists() => continue,
                Ok(()) => {}
                // On a file system without locks, `sweep` removes nothing.
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

    /// Returns the temporary path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Renames the file to its final path. Replaces an existing file.
    pub(crate) fn rename_to(&mut self, path: &Path) -> io::Result<()> {
        rename(&self.path, path)?;
        self.renamed = true;
        Ok(())
    }

    /// Creates a hard link at the final path. Returns `AlreadyExists` if the path exists.
    pub(crate) fn link_to(&self, path: &Path) -> io::Result<()> {
        link(&self.path, path)
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        if !self.renamed {
            // If this fails, `sweep` removes the file later.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Writes a whole file atomically, with a temporary file in the directory `temporary`.
pub(crate) fn write_atomically(temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = TemporaryFile::create(temporary)?;
    io::Write::write_all(&mut file.file, bytes)?;
    file.rename_to(path)
}

/// Removes the temporary files that no running process has locked.
pub(crate) fn sweep(directory: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        // Some network file systems can lock a file only if it is open for writing.
        let Ok(file) = OpenOptions::new().write(true).open(&path) else {
            continue;
        };
        if file.try_lock().is_ok() {
            let _ = fs::remove_file(&path);
        }
    }
    Ok(())
}

/// Renames a file. Replaces an existing file.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    within_directory(to, || fs::rename(from, to))
}

/// Creates a hard link. Returns `AlreadyExists` if the path exists.
pub(crate) fn link(from: &Path, to: &Path) -> io::Result<()> {
    within_directory(to, || fs::hard_link(from, to))
}

/// Runs `act`, which creates `path`. If it returns `NotFound`, creates the parent directory and runs `act` again.
fn within_directory<T>(path: &Path, act: impl Fn() -> io::Result<T>) -> io::Result<T> {
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
