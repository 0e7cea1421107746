//! Objects as files: `<root>/<bucket>/<key>`, with the key escaped as described in `names.rs`.
//!
//! * The time of an object is the modification time of the file. In a *versioned* bucket the ETag and the version are
//!   the MD5 of the content in lowercase hexadecimal digits. So the same files have the same versions in every lake,
//!   and files that were copied into the directory by hand are objects too. In other buckets they are file system
//!   metadata (`Fingerprint`): the content is not verified, but a read with a version still detects that the file was
//!   replaced. These versions differ between lakes.
//! * A write goes to a file in `<bucket>/.tmp/` and is renamed or linked when it is complete. If the process is
//!   killed, either the old or the new object exists. [`LocalStore::open`] removes temporary files of killed
//!   processes. Files are not synced. A caller that needs objects to survive a power failure must sync the file
//!   system.
//! * In a versioned bucket every content that was written stays readable by its version. When it is replaced it gets
//!   a hard link, `<bucket>/.versions/<key>/.v-<md5>`. A lock (`<bucket>/.lock`) serializes the replacements, so no
//!   content is lost.
//! * Names that begin with a dot, and names that do not correspond to a key, are not objects and are never listed.
//! * File operations run on the thread that polls: most take less time than to pass them to another thread and back. An
//!   executor needs a thread for each task that uses the store, and one more: a time limit in the same task is noticed after
//!   the operation.
//! * A file cannot be a directory: if the object `a` exists, a write to `a/b` returns [`StoreError::Invalid`], and if
//!   `a/b` exists, a write to `a`. S3 allows both.

mod upload;

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use async_trait::async_trait;
use bytes::Bytes;
use md5::{Digest, Md5};

use crate::error::{ErrorContext, StoreError};
use crate::files;
use crate::location::Location;
use crate::names;
use crate::store::{ListedObject, ListedVersion, ObjectMeta, Store, Upload, WrittenObject};
use upload::{LocalUpload, UploadState};

/// A store of objects as files below a root directory. Cloning is cheap and shares the cache of MD5s.
#[derive(Debug, Clone)]
pub struct LocalStore {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    versioned_buckets: Vec<String>,
    /// The MD5 of files that were read or written. The key changes when the content changes, so an entry can become
    /// unused but not wrong.
    known_md5: Mutex<HashMap<Fingerprint, String>>,
}

/// The metadata that identify the content of a file: device, inode, size, and the times of modification and of status
/// change (each in seconds and nanoseconds). A program cannot set the status change time.
type Fingerprint = (u64, u64, u64, i64, i64, i64, i64);

/// The maximum number of cached MD5s (about 1 MB). The cache is cleared when it is full.
const KNOWN_MD5_MAX: usize = 8192;

const TEMPORARY: &str = ".tmp";
const VERSIONS: &str = ".versions";
const LOCK: &str = ".lock";

/// What the name of a kept version begins with, before the MD5.
const KEPT: &str = ".v-";

impl LocalStore {
    /// Opens a root directory, and creates it if it does not exist. The buckets in `versioned_buckets` keep overwritten
    /// content as versions. Removes temporary files of killed processes.
    pub fn open(
        root: impl Into<PathBuf>,
        versioned_buckets: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<LocalStore, StoreError> {
        let root = root.into();
        let nowhere = Location::new(root.to_string_lossy(), "");
        let failed = |error: io::Error| StoreError::from_file_error("opening the store", &nowhere, &error);
        fs::create_dir_all(&root).map_err(failed)?;
        for bucket in fs::read_dir(&root).map_err(failed)? {
            let bucket = bucket.map_err(failed)?;
            if bucket.file_type().map_err(failed)?.is_dir() {
                files::sweep(&bucket.path().join(TEMPORARY)).map_err(failed)?;
            }
        }
        let versioned_buckets = versioned_buckets.into_iter().map(Into::into).collect();
        let known_md5 = Mutex::new(HashMap::new());
        Ok(LocalStore {
            shared: Arc::new(Shared {
                root,
                versioned_buckets,
                known_md5,
            }),
        })
    }

    /// Returns the root directory, which contains one directory per bucket.
    pub fn root(&self) -> &Path {
        &self.shared.root
    }

    /// Returns the path of the file of an object. Without a version it is the path of the current object, which may not
    /// exist.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for a version that does not exist, [`StoreError::Invalid`] for an invalid location.
    pub fn path_of(&self, location: &Location) -> Result<PathBuf, StoreError> {
        let operation = "finding the file of";
        location.check(operation)?;
        let current = self.shared.path(location);
        let Some(version) = &location.version else {
            return Ok(current);
        };
        self.shared.open_version(operation, location)?;
        let kept = self.shared.version_path(location, version);
        Ok(if kept.exists() { kept } else { current })
    }

    /// Returns the version that a local file has as an object of a versioned bucket (the MD5 of its content), and its
    /// size in bytes. If the file does not change, [`LocalStore::put_file`] does not compute the MD5 again.
    ///
    /// # Errors
    /// The I/O error of reading the file.
    pub fn version_of_file(&self, path: &Path) -> io::Result<(String, u64)> {
        let file = File::open(path)?;
        Ok((self.shared.md5_of(&file)?, file.metadata()?.len()))
    }

    /// Creates a hard link to a local file of the same file system as an object of a versioned bucket, instead of a
    /// copy. A later change of the file in place also changes the object. A read of its version then returns
    /// [`StoreError::NotFound`].
    ///
    /// # Errors
    /// [`StoreError::Other`] if the file system does not support hard links, or if the file is on another file system.
    pub fn link_file(&self, location: &Location, source: &Path) -> Result<WrittenObject, StoreError> {
        let operation = format!("linking {} to", source.display());
        location.check_for_write(&operation)?;
        let shared = &self.shared;
        let failed = |error: io::Error| StoreError::from_file_error(operation.as_str(), location, &error);
        upload::link(shared, location, source).map_err(failed)
    }

    /// Copies a local file into the store atomically, and keeps its modification time.
    pub fn put_file(&self, location: &Location, source: &Path) -> Result<WrittenObject, StoreError> {
        let operation = format!("copying {} to", source.display());
        location.check_for_write(&operation)?;
        let shared = &self.shared;
        let failed = |error: io::Error| StoreError::from_file_error(operation.as_str(), location, &error);
        let mut from = File::open(source).map_err(failed)?;
        let found = from.metadata().map_err(failed)?;
        let before = fingerprint(&found);
        let mut upload = UploadState::begin(shared, location).map_err(failed)?;
        let known = shared.lock_known().get(&before).cloned();
        if let Some(md5) = known.filter(|_| shared.is_versioned(&location.bucket)) {
            upload.write_known(&mut from, md5).map_err(failed)?;
            if fingerprint(&from.metadata().map_err(failed)?) != before {
                let message = "the file changed while it was read";
                let context = ErrorContext::new(operation.as_str(), location, message);
                return Err(StoreError::Transient(context));
            }
        } else {
            upload.write_all_of(&mut from).map_err(failed)?;
        }
        let modified = found.modified().map_err(failed)?;
        upload.set_modified(modified).map_err(failed)?;
        upload.finish(shared, location).map_err(failed)
    }
}

#[async_trait]
impl Store for LocalStore {
    async fn head(&self, location: &Location) -> Result<ObjectMeta, StoreError> {
        let operation = "looking up";
        location.check(operation)?;
        let shared = &self.shared;
        let (file, version) = shared.open_version(operation, location)?;
        let failed = |error: io::Error| StoreError::from_file_error(operation, location, &error);
        let found = file.metadata().map_err(failed)?;
        let etag = match version {
            Some(version) => version,
            None => shared.version_of(&location.bucket, &file).map_err(failed)?,
        };
        Ok(ObjectMeta {
            size: found.len(),
            last_modified_ms: modified_ms(&found),
            // Files have no user metadata.
            metadata: BTreeMap::new(),
            // Local reads need no transfer checksum.
            checksum: None,
            location: location.with_version(&etag),
            etag,
        })
    }

    async fn get_range(&self, location: &Location, range: Range<u64>) -> Result<Bytes, StoreError> {
        let operation = format!("reading bytes {}..{} of", range.start, range.end);
        location.check(&operation)?;
        let shared = &self.shared;
        let failed = |error: io::Error| StoreError::from_file_error(operation.as_str(), location, &error);
        let (file, _) = shared.open_version(&operation, location)?;
        let size = file.metadata().map_err(failed)?.len();
        let end = range.end.min(size);
        let length = usize::try_from(end.saturating_sub(range.start)).map_err(|_| {
            StoreError::Invalid(ErrorContext::new(
                operation.as_str(),
                location,
                "range too long for memory",
            ))
        })?;
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, range.start).map_err(failed)?;
        Ok(Bytes::from(bytes))
    }

    async fn put(&self, location: &Location, bytes: Bytes) -> Result<WrittenObject, StoreError> {
        let operation = "writing";
        location.check_for_write(operation)?;
        let shared = &self.shared;
        UploadState::of(shared, location, &bytes)
            .and_then(|upload| upload.finish(shared, location))
            .map_err(|error| StoreError::from_file_error(operation, location, &error))
    }

    async fn put_if_absent(&self, location: &Location, bytes: Bytes) -> Result<WrittenObject, StoreError> {
        let operation = "writing, if absent,";
        location.check_for_write(operation)?;
        let shared = &self.shared;
        UploadState::of(shared, location, &bytes)
            .and_then(|upload| upload.finish_if_absent(shared, location))
            .map_err(|error| StoreError::from_file_error(operation, location, &error))
    }

    async fn put_if_unchanged(
        &self,
        location: &Location,
        etag: &str,
        bytes: Bytes,
    ) -> Result<WrittenObject, StoreError> {
        let operation = "writing, if unchanged,";
        location.check_for_write(operation)?;
        let shared = &self.shared;
        let failed = |error: io::Error| StoreError::from_file_error(operation, location, &error);
        let upload = UploadState::of(shared, location, &bytes).map_err(failed)?;
        let _changing = shared.lock_bucket(location).map_err(failed)?;
        shared.check_current(operation, location, etag)?;
        upload.finish_locked(shared, location).map_err(failed)
    }

    async fn delete(&self, location: &Location) -> Result<(), StoreError> {
        let operation = "removing";
        location.check(operation)?;
        let shared = &self.shared;
        let current = Location::new(&location.bucket, &location.key);
        let failed = |error: io::Error| StoreError::from_file_error(operation, location, &error);
        let _changing = shared.lock_bucket(location).map_err(failed)?;
        if let Some(etag) = &location.version {
            match shared.check_current(operation, &current, etag) {
                Err(StoreError::NotFound(_)) => return Ok(()),
                checked => checked?,
            }
        }
        upload::remove(shared, &current).map_err(failed)
    }

    async fn copy(&self, from: &Location, to: &Location) -> Result<(), StoreError> {
        let operation = format!("copying {from} to");
        from.check("copying")?;
        to.check_for_write(&operation)?;
        let shared = &self.shared;
        let (mut file, _) = shared.open_version("copying", from)?;
        // The file of an object is never changed in place, only replaced. So a hard link is a valid copy if the
        // key is free.
        if !shared.is_versioned(&from.bucket) && !shared.is_versioned(&to.bucket) {
            let linked = files::link(&shared.path(from), &shared.path(to));
            if linked.is_ok() && shared.is_same_file(&file, to) {
                return Ok(());
            }
        }
        let mut copy = || {
            let mut upload = UploadState::begin(shared, to)?;
            upload.write_all_of(&mut file)?;
            upload.finish(shared, to)
        };
        copy()
            .map(|_| ())
            .map_err(|error| StoreError::from_file_error(operation.as_str(), to, &error))
    }

    async fn begin_upload(&self, location: &Location) -> Result<Box<dyn Upload>, StoreError> {
        let operation = "beginning an upload of";
        location.check_for_write(operation)?;
        let state = UploadState::begin(&self.shared, location)
            .map_err(|error| StoreError::from_file_error(operation, location, &error))?;
        Ok(Box::new(LocalUpload::new(self.clone(), location.clone(), state)))
    }

    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<ListedObject>, StoreError> {
        let operation = "listing";
        // A prefix may be empty, but a key may not.
        Location::new(bucket, "x").check(operation)?;
        let location = Location::new(bucket, prefix);
        let shared = &self.shared;
        let failed = |error: io::Error| StoreError::from_file_error(operation, &location, &error);
        let bucket = shared.bucket(&location);
        // All keys with this prefix are below the directory of its last complete segment.
        let start = match location.key.rfind('/') {
            Some(at) => bucket.join(names::key_to_path(&location.key[..at])),
            None => bucket.clone(),
        };
        let mut found = Vec::new();
        let versioned = shared.is_versioned(&location.bucket);
        let etag = |metadata: &fs::Metadata| (!versioned).then(|| unverified(metadata));
        walk(&bucket, &start, &location.key, &etag, &mut found).map_err(failed)?;
        found.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    async fn versions(&self, bucket: &str, prefix: &str) -> Result<Vec<ListedVersion>, StoreError> {
        let operation = "listing the versions of";
        let shared = &self.shared;
        let location = Location::new(bucket, prefix);
        let failed = |error: io::Error| StoreError::from_file_error(operation, &location, &error);
        let mut found = Vec::new();
        for object in self.list(bucket, prefix).await? {
            let version = match object.etag {
                Some(etag) => etag,
                None => {
                    let file = File::open(shared.path(&Location::new(bucket, &object.key)));
                    file.and_then(|file| shared.md5_of(&file)).map_err(failed)?
                }
            };
            found.push(ListedVersion {
                key: object.key,
                version,
                is_current: true,
                is_marker: false,
                size: object.size,
                last_modified_ms: object.last_modified_ms,
            });
        }
        let kept = shared.bucket(&location).join(VERSIONS);
        walk_versions(&kept, &kept, prefix, &mut found).map_err(failed)?;
        found.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    async fn purge(&self, bucket: &str, versions: &[ListedVersion]) -> Result<(), StoreError> {
        let operation = "removing for good";
        let shared = &self.shared;
        for listed in versions {
            let location = Location::new(bucket, &listed.key);
            location.check(operation)?;
            let failed = |error: io::Error| StoreError::from_file_error(operation, &location, &error);
            let _changing = shared.lock_bucket(&location).map_err(failed)?;
            if listed.is_current {
                match shared.check_current(operation, &location, &listed.version) {
                    Ok(()) => {
                        files::remove_with_folders(&shared.path(&location), &shared.bucket(&location))
                            .map_err(failed)?;
                    }
                    // It was replaced meanwhile.
                    Err(StoreError::NotFound(_) | StoreError::AlreadyExists(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            if shared.is_versioned(bucket) {
                let kept = shared.version_path(&location, &listed.version);
                files::remove_with_folders(&kept, &shared.bucket(&location)).map_err(failed)?;
            }
        }
        Ok(())
    }
}

/// Collects the kept versions below `directory` of objects whose keys begin with `prefix`.
fn walk_versions(
    kept: &Path,
    directory: &Path,
    prefix: &str,
    found: &mut Vec<ListedVersion>,
) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            walk_versions(kept, &path, prefix, found)?;
            continue;
        }
        let key = directory.strip_prefix(kept).ok().and_then(names::path_to_key);
        let name = entry.file_name();
        let version = name.to_str().and_then(|name| name.strip_prefix(KEPT));
        if let Some((key, version)) = key.zip(version)
            && key.starts_with(prefix)
        {
            let metadata = entry.metadata()?;
            found.push(ListedVersion {
                key,
                version: version.to_owned(),
                is_current: false,
                is_marker: false,
                size: metadata.len(),
                last_modified_ms: modified_ms(&metadata),
            });
        }
    }
    Ok(())
}

impl Shared {
    fn bucket(&self, location: &Location) -> PathBuf {
        self.root.join(&location.bucket)
    }

    fn temporary(&self, location: &Location) -> PathBuf {
        self.bucket(location).join(TEMPORARY)
    }

    fn path(&self, location: &Location) -> PathBuf {
        self.bucket(location).join(names::key_to_path(&location.key))
    }

    fn version_path(&self, location: &Location, md5: &str) -> PathBuf {
        self.bucket(location)
            .join(VERSIONS)
            .join(names::key_to_path(&location.key))
            .join(format!("{KEPT}{md5}"))
    }

    fn is_versioned(&self, bucket: &str) -> bool {
        self.versioned_buckets.iter().any(|versioned| versioned == bucket)
    }

    /// Whether the current object at `location` is this open file.
    fn is_same_file(&self, file: &File, location: &Location) -> bool {
        let same = |found: fs::Metadata, other: fs::Metadata| {
            (found.dev(), found.ino()) == (other.dev(), other.ino())
        };
        let found = file
            .metadata()
            .and_then(|found| Ok(same(found, fs::metadata(self.path(location))?)));
        found.unwrap_or(false)
    }

    /// Returns the version of an open file of a bucket.
    fn version_of(&self, bucket: &str, file: &File) -> io::Result<String> {
        if self.is_versioned(bucket) {
            return self.md5_of(file);
        }
        Ok(unverified(&file.metadata()?))
    }

    /// Locks a bucket. Others who replace or remove an object under a condition wait until the returned lock is dropped.
    fn lock_bucket(&self, location: &Location) -> io::Result<File> {
        let bucket = self.bucket(location);
        fs::create_dir_all(&bucket)?;
        let lock = File::create(bucket.join(LOCK))?;
        match lock.lock() {
            // The file system does not support locks.
            Err(error) if error.kind() != io::ErrorKind::Unsupported => Err(error),
            _ => Ok(lock),
        }
    }

    /// Checks that the current object has this ETag.
    fn check_current(&self, operation: &str, location: &Location, etag: &str) -> Result<(), StoreError> {
        let (file, _) = self.open_version(operation, location)?;
        let found = self.version_of(&location.bucket, &file);
        let found = found.map_err(|error| StoreError::from_file_error(operation, location, &error))?;
        if found == etag {
            return Ok(());
        }
        let message = format!("expected the object {etag}, found {found}");
        Err(StoreError::AlreadyExists(ErrorContext::new(
            operation, location, message,
        )))
    }

    /// Opens the file of the requested version. Returns the version only if one was requested.
    fn open_version(
        &self,
        operation: &str,
        location: &Location,
    ) -> Result<(File, Option<String>), StoreError> {
        let failed = |error: io::Error| StoreError::from_file_error(operation, location, &error);
        let current = match open_file(&self.path(location)) {
            Ok(file) => Some(file),
            // The requested version may still exist in the directory of versions.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        let Some(asked) = &location.version else {
            return match current {
                Some(file) => Ok((file, None)),
                None => Err(StoreError::NotFound(ErrorContext::new(
                    operation,
                    location,
                    "no such file",
                ))),
            };
        };
        let mut found_instead = "nothing".to_owned();
        if let Some(file) = current {
            let version = self.version_of(&location.bucket, &file).map_err(failed)?;
            if version == *asked {
                return Ok((file, Some(version)));
            }
            found_instead = format!("version {version}");
        }
        // A kept version is always an MD5. Other text must not become part of a path.
        let is_md5 = asked.len() == 32 && asked.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_md5 && self.is_versioned(&location.bucket) {
            match open_file(&self.version_path(location, asked)) {
                // A user may have changed the file after it was linked.
                Ok(file) if self.md5_of(&file).map_err(failed)? == *asked => {
                    return Ok((file, Some(asked.clone())));
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed(error)),
            }
        }
        let message = format!("the version is not there, found {found_instead} under the key");
        Err(StoreError::NotFound(ErrorContext::new(
            operation, location, message,
        )))
    }

    /// Returns the MD5 of an open file, from the cache if the file has not changed.
    fn md5_of(&self, file: &File) -> io::Result<String> {
        let before = fingerprint(&file.metadata()?);
        if let Some(known) = self.lock_known().get(&before) {
            return Ok(known.clone());
        }
        let mut hash = Md5::new();
        let mut block = vec![0; 1 << 18];
        let mut at = 0;
        loop {
            let length = file.read_at(&mut block, at)?;
            if length == 0 {
                break;
            }
            hash.update(&block[..length]);
            at += length as u64;
        }
        let md5 = hex(&hash.finalize());
        if fingerprint(&file.metadata()?) == before {
            self.remember(before, &md5);
        }
        Ok(md5)
    }

    fn remember(&self, fingerprint: Fingerprint, md5: &str) {
        let mut known = self.lock_known();
        if known.len() >= KNOWN_MD5_MAX {
            known.clear();
        }
        known.insert(fingerprint, md5.to_owned());
    }

    fn lock_known(&self) -> std::sync::MutexGuard<'_, HashMap<Fingerprint, String>> {
        // Each insert is complete, so the cache is valid after a panic in another thread.
        self.known_md5.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens a file for reading. Returns `NotFound` for a directory and for a path below a file.
fn open_file(path: &Path) -> io::Result<File> {
    match File::open(path) {
        Ok(file) if file.metadata()?.is_dir() => Err(io::ErrorKind::NotFound.into()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(io::ErrorKind::NotFound.into()),
        result => result,
    }
}

/// The version of a file in a bucket without versions: the content is not read.
fn unverified(found: &fs::Metadata) -> String {
    let (device, inode, size, modified_s, modified_ns, changed_s, changed_ns) = fingerprint(found);
    format!("{device:x}-{inode:x}-{size:x}-{modified_s:x}.{modified_ns:x}-{changed_s:x}.{changed_ns:x}")
}

/// Collects the objects below `directory` whose keys begin with `prefix`.
fn walk(
    bucket: &Path,
    directory: &Path,
    prefix: &str,
    etag: &impl Fn(&fs::Metadata) -> Option<String>,
    found: &mut Vec<ListedObject>,
) -> io::Result<()> {
    // A file that is removed during the listing is skipped.
    let gone = |error: &io::Error| {
        matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
        )
    };
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if gone(&error) => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        // `fs::metadata` follows symbolic links, because a lake may link to a large directory elsewhere.
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if gone(&error) => continue,
            Err(error) => return Err(error),
        };
        if metadata.is_dir() {
            walk(bucket, &path, prefix, etag, found)?;
        } else if let Some(key) = path.strip_prefix(bucket).ok().and_then(names::path_to_key)
            && key.starts_with(prefix)
        {
            found.push(ListedObject {
                key,
                size: metadata.len(),
                last_modified_ms: modified_ms(&metadata),
                etag: etag(&metadata),
            });
        }
    }
    Ok(())
}

fn fingerprint(found: &fs::Metadata) -> Fingerprint {
    (
        found.dev(),
        found.ino(),
        found.size(),
        found.mtime(),
        found.mtime_nsec(),
        found.ctime(),
        found.ctime_nsec(),
    )
}

/// Returns the modification time in milliseconds since 1970-01-01 UTC, rounded down.
fn modified_ms(found: &fs::Metadata) -> i64 {
    let Ok(modified) = found.modified() else { return 0 };
    match modified.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => {
            let nanoseconds = before.duration().as_nanos();
            i64::try_from(nanoseconds.div_ceil(1_000_000)).map_or(i64::MIN, |ms| -ms)
        }
    }
}

/// Formats bytes as lowercase hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
