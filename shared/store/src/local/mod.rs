//! Objects as files: `<root>/<bucket>/<key>`, with the key spelled as `names.rs` says.
//!
//! * The time of an object is the file's modification time. In a *versioned* bucket ETag and version are the MD5 of the
//!   content in lower hex, so the same files are the same objects in any lake, and files that somebody copied in by hand are
//!   objects too. In any other bucket they are what the file system changes with the file (`Fingerprint`): nobody verifies
//!   the content, and a read that is pinned to them still finds that the file was replaced. They differ from lake to lake.
//! * A write goes to `<bucket>/.tmp/` and is renamed when it is complete: whoever is killed, at whatever
//!   point, leaves the old object or the new one. [`LocalStore::open`] removes leftovers. Nothing is synced:
//!   who needs objects to outlive a power cut syncs the file system, for many at once.
//! * In a versioned bucket each content that was ever written stays readable by its version: when it is
//!   replaced it gets a second name, `<bucket>/.versions/<key>/.v-<md5>`. Writers replace one after the other
//!   (`<bucket>/.lock`), so none loses the content of another.
//! * Names that begin with a dot, and names that no key has, are not objects and are never listed.
//! * A file cannot be a directory: with an object `a`, writing `a/b` is [`StoreError::Invalid`], and the
//!   other way round. S3 allows both.

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
use crate::store::{ListedObject, ObjectMeta, Store, Upload, WrittenObject};
use upload::{LocalUpload, UploadState};

/// Objects as files below a root directory. Cloning is cheap and shares the cache of known MD5s.
#[derive(Debug, Clone)]
pub struct LocalStore {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    versioned_buckets: Vec<String>,
    /// MD5 of files as they were when they were last read or written. The key changes with any change of
    /// the content, so an entry is never wrong, only useless.
    known_md5: Mutex<HashMap<Fingerprint, String>>,
}

/// What a file system changes whenever it changes a file: device, inode, size, times of modification and
/// of status change in nanoseconds. The status change time cannot be set by a program.
type Fingerprint = (u64, u64, u64, i64, i64, i64, i64);

/// The cache of MD5s is emptied when it reaches this many entries (about 1 MB).
const KNOWN_MD5_MAX: usize = 8192;

const TEMPORARY: &str = ".tmp";
const VERSIONS: &str = ".versions";
const LOCK: &str = ".lock";

impl LocalStore {
    /// Opens (and makes, if needed) a root directory. Buckets named in `versioned_buckets` keep what is
    /// overwritten. Removes what killed processes left unfinished.
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

    /// The root directory, which holds one directory per bucket.
    pub fn root(&self) -> &Path {
        &self.shared.root
    }

    /// The file that holds an object: the version that is named, else the current one, whether or not there is one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for a version that is not there.
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

    /// The version that a local file has as an object of a versioned bucket (the MD5 of its content), and its size in bytes.
    /// While the file stays as it is, [`LocalStore::put_file`] does not compute it again.
    ///
    /// # Errors
    /// What reading the file says.
    pub fn version_of_file(&self, path: &Path) -> io::Result<(String, u64)> {
        let file = File::open(path)?;
        Ok((self.shared.md5_of(&file)?, file.metadata()?.len()))
    }

    /// Gives a local file of the same file system a second name as an object of a versioned bucket (a hard link), in place of
    /// a copy. Who changes that file in place later changes the object: a read that is pinned to its version then says
    /// [`StoreError::NotFound`].
    ///
    /// # Errors
    /// [`StoreError::Other`] where the file system has no such links, or is another one.
    pub async fn link_file(&self, location: &Location, source: &Path) -> Result<WrittenObject, StoreError> {
        let operation = format!("linking {} to", source.display());
        location.check_for_write(&operation)?;
        let source = source.to_path_buf();
        self.blocking(operation.clone(), location, move |shared, location| {
            let failed = |error: io::Error| StoreError::from_file_error(operation.as_str(), location, &error);
            upload::link(shared, location, &source).map_err(failed)
        })
        .await
    }

    /// Copies a local file in, atomically, and keeps its modification time.
    pub async fn put_file(&self, location: &Location, source: &Path) -> Result<WrittenObject, StoreError> {
        let operation = format!("copying {} to", source.display());
        location.check_for_write(&operation)?;
        let source = source.to_path_buf();
        self.blocking(operation.clone(), location, move |shared, location| {
            let failed = |error: io::Error| StoreError::from_file_error(operation.as_str(), location, &error);
            let mut from = File::open(&source).map_err(failed)?;
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
        })
        .await
    }

    /// Runs file work on the blocking threads of the runtime.
    async fn blocking<T: Send + 'static>(
        &self,
        operation: impl Into<String>,
        location: &Location,
        work: impl FnOnce(&Shared, &Location) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        let owned = location.clone();
        match tokio::task::spawn_blocking(move || work(&shared, &owned)).await {
            Ok(result) => result,
            // The runtime is shutting down, or the work panicked.
            Err(error) => Err(StoreError::Other(ErrorContext::new(
                operation,
                location,
                error.to_string(),
            ))),
        }
    }
}

#[async_trait]
impl Store for LocalStore {
    async fn head(&self, location: &Location) -> Result<ObjectMeta, StoreError> {
        let operation = "looking up";
        location.check(operation)?;
        self.blocking(operation, location, move |shared, location| {
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
                // A file has none.
                metadata: BTreeMap::new(),
                // Files do not change on their way.
                checksum: None,
                location: location.with_version(&etag),
                etag,
            })
        })
        .await
    }

    async fn get_range(&self, location: &Location, range: Range<u64>) -> Result<Bytes, StoreError> {
        let operation = format!("reading bytes {}..{} of", range.start, range.end);
        location.check(&operation)?;
        self.blocking(operation.clone(), location, move |shared, location| {
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
        })
        .await
    }

    async fn put(&self, location: &Location, bytes: Bytes) -> Result<WrittenObject, StoreError> {
        let operation = "writing";
        location.check_for_write(operation)?;
        self.blocking(operation, location, move |shared, location| {
            let write = || {
                let mut upload = UploadState::begin(shared, location)?;
                upload.write(&bytes)?;
                upload.finish(shared, location)
            };
            write().map_err(|error| StoreError::from_file_error(operation, location, &error))
        })
        .await
    }

    async fn put_if_absent(&self, location: &Location, bytes: Bytes) -> Result<WrittenObject, StoreError> {
        let operation = "writing, if absent,";
        location.check_for_write(operation)?;
        self.blocking(operation, location, move |shared, location| {
            let write = || {
                let mut upload = UploadState::begin(shared, location)?;
                upload.write(&bytes)?;
                upload.finish_if_absent(shared, location)
            };
            write().map_err(|error| StoreError::from_file_error(operation, location, &error))
        })
        .await
    }

    async fn copy(&self, from: &Location, to: &Location) -> Result<(), StoreError> {
        let operation = format!("copying {from} to");
        from.check("copying")?;
        to.check_for_write(&operation)?;
        let from = from.clone();
        self.blocking(operation.clone(), to, move |shared, to| {
            let (mut file, _) = shared.open_version("copying", &from)?;
            // An object never changes, only its name gets another: a second name is a copy, if the key is free.
            if !shared.is_versioned(&from.bucket) && !shared.is_versioned(&to.bucket) {
                let linked = files::link(&shared.path(&from), &shared.path(to));
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
        })
        .await
    }

    async fn begin_upload(&self, location: &Location) -> Result<Box<dyn Upload>, StoreError> {
        let operation = "beginning an upload of";
        location.check_for_write(operation)?;
        let state = self
            .blocking(operation, location, move |shared, location| {
                UploadState::begin(shared, location)
                    .map_err(|error| StoreError::from_file_error(operation, location, &error))
            })
            .await?;
        Ok(Box::new(LocalUpload::new(self.clone(), location.clone(), state)))
    }

    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<ListedObject>, StoreError> {
        let operation = "listing";
        // A prefix may be empty; a key may not.
        Location::new(bucket, "x").check(operation)?;
        let location = Location::new(bucket, prefix);
        self.blocking(operation, &location, move |shared, location| {
            let failed = |error: io::Error| StoreError::from_file_error(operation, location, &error);
            let bucket = shared.bucket(location);
            // Everything with this prefix lies below the directory of its last complete segment.
            let start = match location.key.rfind('/') {
                Some(at) => bucket.join(names::key_to_path(&location.key[..at])),
                None => bucket.clone(),
            };
            let mut found = Vec::new();
            walk(&bucket, &start, &location.key, &mut found).map_err(failed)?;
            found.sort_by(|a, b| a.key.cmp(&b.key));
            Ok(found)
        })
        .await
    }
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
            .join(format!(".v-{md5}"))
    }

    fn is_versioned(&self, bucket: &str) -> bool {
        self.versioned_buckets.iter().any(|versioned| versioned == bucket)
    }

    /// Whether an object is this open file.
    fn is_same_file(&self, file: &File, location: &Location) -> bool {
        let same = |found: fs::Metadata, other: fs::Metadata| {
            (found.dev(), found.ino()) == (other.dev(), other.ino())
        };
        let found = file
            .metadata()
            .and_then(|found| Ok(same(found, fs::metadata(self.path(location))?)));
        found.unwrap_or(false)
    }

    /// The version of an open file of a bucket.
    fn version_of(&self, bucket: &str, file: &File) -> io::Result<String> {
        if self.is_versioned(bucket) {
            return self.md5_of(file);
        }
        let (device, inode, size, modified_s, modified_ns, changed_s, changed_ns) =
            fingerprint(&file.metadata()?);
        Ok(format!(
            "{device:x}-{inode:x}-{size:x}-{modified_s:x}.{modified_ns:x}-{changed_s:x}.{changed_ns:x}"
        ))
    }

    /// The file of the asked version, open, with that version if one was asked.
    fn open_version(
        &self,
        operation: &str,
        location: &Location,
    ) -> Result<(File, Option<String>), StoreError> {
        let failed = |error: io::Error| StoreError::from_file_error(operation, location, &error);
        let current = match open_file(&self.path(location)) {
            Ok(file) => Some(file),
            // Without a version, or when it is not the current one, this is the answer.
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
        // Only an MD5 can name a kept version; anything else must not become part of a path.
        let is_md5 = asked.len() == 32 && asked.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_md5 && self.is_versioned(&location.bucket) {
            match open_file(&self.version_path(location, asked)) {
                // Somebody may have changed a file by hand after it was linked.
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

    /// The MD5 of an open file, from memory if the file has not changed since.
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
        // Every entry is whole, so a panic elsewhere does not spoil the cache.
        self.known_md5.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens a file for reading; a directory, and a key below a file, is no object.
fn open_file(path: &Path) -> io::Result<File> {
    match File::open(path) {
        Ok(file) if file.metadata()?.is_dir() => Err(io::ErrorKind::NotFound.into()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(io::ErrorKind::NotFound.into()),
        result => result,
    }
}

/// Collects the objects below `directory` whose keys begin with `prefix`.
fn walk(bucket: &Path, directory: &Path, prefix: &str, found: &mut Vec<ListedObject>) -> io::Result<()> {
    // What vanishes while we look at it was not there.
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
        // Follows symbolic links: a lake may link to a big folder elsewhere.
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if gone(&error) => continue,
            Err(error) => return Err(error),
        };
        if metadata.is_dir() {
            walk(bucket, &path, prefix, found)?;
        } else if let Some(key) = path.strip_prefix(bucket).ok().and_then(names::path_to_key)
            && key.starts_with(prefix)
        {
            found.push(ListedObject {
                key,
                size: metadata.len(),
                last_modified_ms: modified_ms(&metadata),
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

/// Milliseconds since 1970-01-01 UTC, rounded down.
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

/// Lower hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
