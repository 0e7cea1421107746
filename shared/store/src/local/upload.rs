//! A write of a [`LocalStore`]: a temporary file that is renamed or linked at the end.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use md5::{Digest, Md5};

use super::{LocalStore, Shared, fingerprint, hex, open_file};
use crate::error::{ErrorContext, StoreError};
use crate::files::{self, TemporaryFile};
use crate::location::Location;
use crate::store::{Upload, WrittenObject};

/// The temporary file, with the size and the MD5 of the content so far.
pub(super) struct UploadState {
    temporary: TemporaryFile,
    md5: Digested,
    size: u64,
}

/// The state of the MD5 of the content.
enum Digested {
    /// Not computed, because the bucket is not versioned.
    No,
    /// Computed while the content is written.
    Here(Md5),
    /// Known before the write.
    Before(String),
}

impl UploadState {
    pub(super) fn begin(shared: &Shared, location: &Location) -> io::Result<UploadState> {
        let temporary = TemporaryFile::create(&shared.temporary(location))?;
        let md5 = if shared.is_versioned(&location.bucket) {
            Digested::Here(Md5::new())
        } else {
            Digested::No
        };
        Ok(UploadState {
            temporary,
            md5,
            size: 0,
        })
    }

    /// An upload whose whole content is `bytes`.
    pub(super) fn of(shared: &Shared, location: &Location, bytes: &[u8]) -> io::Result<UploadState> {
        let mut upload = UploadState::begin(shared, location)?;
        upload.write(bytes)?;
        Ok(upload)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.temporary.file.write_all(bytes)?;
        if let Digested::Here(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Appends the rest of a file, from its current position.
    pub(super) fn write_all_of(&mut self, file: &mut File) -> io::Result<()> {
        if !matches!(self.md5, Digested::Here(_)) {
            // `io::copy` copies inside the kernel if the file system supports it.
            self.size += io::copy(file, &mut self.temporary.file)?;
            return Ok(());
        }
        let mut block = vec![0; 1 << 20];
        loop {
            match file.read(&mut block)? {
                0 => return Ok(()),
                length => self.write(&block[..length])?,
            }
        }
    }

    /// Writes a file as the whole content. The MD5 of the file is already known.
    pub(super) fn write_known(&mut self, file: &mut File, md5: String) -> io::Result<()> {
        self.md5 = Digested::Before(md5);
        self.write_all_of(file)
    }

    pub(super) fn set_modified(&mut self, modified: SystemTime) -> io::Result<()> {
        self.temporary.file.set_modified(modified)
    }

    /// Makes the content visible under the key. Replaces an existing object.
    pub(super) fn finish(self, shared: &Shared, location: &Location) -> io::Result<WrittenObject> {
        // Without versions, nothing but the name changes.
        let _replacing = match self.md5 {
            Digested::No => None,
            _ => Some(shared.lock_bucket(location)?),
        };
        self.finish_locked(shared, location)
    }

    /// As [`Self::finish`], for a caller who has locked the bucket.
    pub(super) fn finish_locked(mut self, shared: &Shared, location: &Location) -> io::Result<WrittenObject> {
        let md5 = self.finish_md5();
        if let Some(md5) = &md5 {
            keep_current_version(shared, location, Some(md5))?;
        }
        self.temporary.rename_to(&shared.path(location))?;
        self.written(shared, location, md5)
    }

    /// Makes the content visible under the key, or returns `AlreadyExists` if the key exists.
    pub(super) fn finish_if_absent(
        mut self,
        shared: &Shared,
        location: &Location,
    ) -> io::Result<WrittenObject> {
        let md5 = self.finish_md5();
        // The next write of this key keeps this version. So a write that loses a race leaves no version.
        self.temporary.link_to(&shared.path(location))?;
        self.written(shared, location, md5)
    }

    /// Returns the MD5 of the content for a versioned bucket.
    fn finish_md5(&mut self) -> Option<String> {
        match std::mem::replace(&mut self.md5, Digested::No) {
            Digested::No => None,
            Digested::Here(md5) => Some(hex(&md5.finalize())),
            Digested::Before(md5) => Some(md5),
        }
    }

    fn written(self, shared: &Shared, location: &Location, md5: Option<String>) -> io::Result<WrittenObject> {
        let size = self.size;
        let file = self.temporary.file.try_clone()?;
        // Removing the temporary name of a linked file changes its status change time, so do it before reading the
        // metadata.
        drop(self);
        let version = match md5 {
            Some(md5) => {
                shared.remember(fingerprint(&file.metadata()?), &md5);
                md5
            }
            None => shared.version_of(&location.bucket, &file)?,
        };
        Ok(WrittenObject {
            location: location.with_version(&version),
            size,
            etag: version,
        })
    }
}

/// Creates a hard link to a user's file as an object of a versioned bucket.
pub(super) fn link(shared: &Shared, location: &Location, source: &Path) -> io::Result<WrittenObject> {
    let md5 = shared.md5_of(&open_file(source)?)?;
    let temporary = TemporaryFile::create(&shared.temporary(location))?;
    // The name is derived from the temporary file, whose lock keeps other processes from using it.
    let name = temporary.path().with_extension("link");
    fs::hard_link(source, &name)?;
    let named = || {
        let _replacing = shared.lock_bucket(location)?;
        keep_current_version(shared, location, Some(&md5))?;
        files::rename(&name, &shared.path(location))
    };
    let named = named();
    // If both paths are links to the same file, `rename` succeeds but does not remove the old name.
    let _ = fs::remove_file(&name);
    named?;
    // The link has changed the status change time of the file, so the MD5 is computed again.
    let file = open_file(&shared.path(location))?;
    let md5 = shared.md5_of(&file)?;
    Ok(WrittenObject {
        location: location.with_version(&md5),
        size: file.metadata()?.len(),
        etag: md5,
    })
}

/// Removes the current object. The bucket is locked.
pub(super) fn remove(shared: &Shared, location: &Location) -> io::Result<()> {
    if shared.is_versioned(&location.bucket) {
        keep_current_version(shared, location, None)?;
    }
    match fs::remove_file(shared.path(location)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Keeps the current content of the key as a version, unless it is equal to `next`, the MD5 of the new content. The bucket is
/// locked.
fn keep_current_version(shared: &Shared, location: &Location, next: Option<&str>) -> io::Result<()> {
    let path = shared.path(location);
    match open_file(&path) {
        Ok(file) => {
            let current = shared.md5_of(&file)?;
            if next != Some(&current) {
                keep_version(&path, &shared.version_path(location, &current))?;
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Creates a hard link to a file as a version. An existing version has the same content.
fn keep_version(path: &Path, version: &Path) -> io::Result<()> {
    if version.exists() {
        return Ok(());
    }
    if let Some(parent) = version.parent() {
        fs::create_dir_all(parent)?;
    }
    match fs::hard_link(path, version) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => result,
    }
}

/// A streaming upload.
pub(super) struct LocalUpload {
    store: LocalStore,
    location: Location,
    /// `None` after a failed write. The upload cannot continue.
    state: Option<UploadState>,
}

impl LocalUpload {
    pub(super) fn new(store: LocalStore, location: Location, state: UploadState) -> LocalUpload {
        LocalUpload {
            store,
            location,
            state: Some(state),
        }
    }

    fn take(&mut self, operation: &str) -> Result<UploadState, StoreError> {
        self.state.take().ok_or_else(|| {
            let message = "an earlier write of this upload failed";
            StoreError::Other(ErrorContext::new(operation, &self.location, message))
        })
    }
}

#[async_trait]
impl Upload for LocalUpload {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        let operation = "writing to";
        let mut state = self.take(operation)?;
        state
            .write(&bytes)
            .map_err(|error| StoreError::from_file_error(operation, &self.location, &error))?;
        self.state = Some(state);
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<WrittenObject, StoreError> {
        let operation = "finishing the upload of";
        let state = self.take(operation)?;
        state
            .finish(&self.store.shared, &self.location)
            .map_err(|error| StoreError::from_file_error(operation, &self.location, &error))
    }
}
