//! Objects in memory, for tests of the steps.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use md5::{Digest, Md5};

use ecg_store::{
    ErrorContext, ListedObject, ListedVersion, Location, ObjectMeta, Store, StoreError, Upload, WrittenObject,
};

/// Objects in memory. ETag and version are the MD5 of the content, as in a [`ecg_store::LocalStore`]; the time
/// is what [`MemoryStore::set_time_ms`] said last, so that tests are repeatable. Cloning shares the objects.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    versioned_buckets: Arc<BTreeSet<String>>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    now_ms: i64,
    /// By bucket and key; of each the contents, the current one last.
    objects: BTreeMap<(String, String), Vec<Content>>,
}

#[derive(Debug, Clone)]
struct Content {
    bytes: Bytes,
    md5: String,
    last_modified_ms: i64,
    /// Whether it says that the object was removed.
    is_marker: bool,
}

/// What a read without a version finds.
fn current(contents: &[Content]) -> Option<&Content> {
    contents.last().filter(|content| !content.is_marker)
}

/// When a write happens.
enum Condition<'a> {
    None,
    Absent,
    Unchanged(&'a str),
}

impl Condition<'_> {
    fn check(
        &self,
        operation: &str,
        location: &Location,
        current: Option<&Content>,
    ) -> Result<(), StoreError> {
        let context = |message: String| ErrorContext::new(operation, location, message);
        match (self, current) {
            (Condition::None, _) | (Condition::Absent, None) => Ok(()),
            (Condition::Absent, Some(_)) => Err(StoreError::AlreadyExists(context(
                "there is an object under the key".to_owned(),
            ))),
            (Condition::Unchanged(_), None) => Err(StoreError::NotFound(context(
                "no such object in memory".to_owned(),
            ))),
            (Condition::Unchanged(etag), Some(found)) if found.md5 == *etag => Ok(()),
            (Condition::Unchanged(etag), Some(found)) => Err(StoreError::AlreadyExists(context(format!(
                "expected the object {etag}, found {}",
                found.md5
            )))),
        }
    }
}

impl MemoryStore {
    /// An empty store; buckets named in `versioned_buckets` keep what is overwritten.
    pub fn new(versioned_buckets: impl IntoIterator<Item = impl Into<String>>) -> MemoryStore {
        let versioned_buckets = versioned_buckets.into_iter().map(Into::into).collect();
        MemoryStore {
            versioned_buckets: Arc::new(versioned_buckets),
            state: Arc::default(),
        }
    }

    /// The time that later writes carry, in milliseconds since 1970-01-01 UTC; 0 at first.
    pub fn set_time_ms(&self, now_ms: i64) {
        self.lock().now_ms = now_ms;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code below leaves a half-made change, so a panic elsewhere does not spoil the state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, operation: &str, location: &Location) -> Result<Content, StoreError> {
        location.check(operation)?;
        let state = self.lock();
        let contents = state
            .objects
            .get(&(location.bucket.clone(), location.key.clone()));
        let found = contents.and_then(|contents| match &location.version {
            None => current(contents),
            Some(version) => contents
                .iter()
                .rev()
                .find(|content| content.md5 == *version && !content.is_marker),
        });
        found.cloned().ok_or_else(|| {
            StoreError::NotFound(ErrorContext::new(operation, location, "no such object in memory"))
        })
    }

    fn store(
        &self,
        operation: &str,
        location: &Location,
        bytes: Bytes,
        condition: Condition<'_>,
    ) -> Result<WrittenObject, StoreError> {
        location.check_for_write(operation)?;
        let md5 = Md5::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>();
        let written = WrittenObject {
            location: location.with_version(&md5),
            size: bytes.len() as u64,
            etag: md5.clone(),
        };
        let mut state = self.lock();
        let last_modified_ms = state.now_ms;
        let contents = state
            .objects
            .entry((location.bucket.clone(), location.key.clone()))
            .or_default();
        condition.check(operation, location, current(contents))?;
        if self.versioned_buckets.contains(&location.bucket) {
            contents.retain(|content| content.md5 != md5);
        } else {
            contents.clear();
        }
        contents.push(Content {
            bytes,
            md5,
            last_modified_ms,
            is_marker: false,
        });
        Ok(written)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn head(&self, location: &Location) -> Result<ObjectMeta, StoreError> {
        let content = self.find("looking up", location)?;
        Ok(ObjectMeta {
            location: location.with_version(&content.md5),
            size: content.bytes.len() as u64,
            etag: content.md5,
            last_modified_ms: content.last_modified_ms,
            metadata: BTreeMap::new(),
            // Files do not change on their way.
            checksum: None,
        })
    }

    async fn get_range(&self, location: &Location, range: Range<u64>) -> Result<Bytes, StoreError> {
        let content = self.find(
            &format!("reading bytes {}..{} of", range.start, range.end),
            location,
        )?;
        let end = usize::try_from(range.end)
            .unwrap_or(usize::MAX)
            .min(content.bytes.len());
        let start = usize::try_from(range.start).unwrap_or(usize::MAX).min(end);
        Ok(content.bytes.slice(start..end))
    }

    async fn put(&self, location: &Location, bytes: Bytes) -> Result<WrittenObject, StoreError> {
        self.store("writing", location, bytes, Condition::None)
    }

    async fn put_if_absent(&self, location: &Location, bytes: Bytes) -> Result<WrittenObject, StoreError> {
        self.store("writing, if absent,", location, bytes, Condition::Absent)
    }

    async fn put_if_unchanged(
        &self,
        location: &Location,
        etag: &str,
        bytes: Bytes,
    ) -> Result<WrittenObject, StoreError> {
        self.store(
            "writing, if unchanged,",
            location,
            bytes,
            Condition::Unchanged(etag),
        )
    }

    async fn delete(&self, location: &Location) -> Result<(), StoreError> {
        location.check("removing")?;
        let mut state = self.lock();
        let name = (location.bucket.clone(), location.key.clone());
        let last_modified_ms = state.now_ms;
        let Some(contents) = state.objects.get_mut(&name) else {
            return Ok(());
        };
        let Some(found) = current(contents) else {
            return Ok(());
        };
        if let Some(etag) = &location.version {
            Condition::Unchanged(etag).check("removing", location, Some(found))?;
        }
        if self.versioned_buckets.contains(&location.bucket) {
            let md5 = format!("marker {}", contents.len());
            contents.push(Content {
                bytes: Bytes::new(),
                md5,
                last_modified_ms,
                is_marker: true,
            });
        } else {
            state.objects.remove(&name);
        }
        Ok(())
    }

    async fn copy(&self, from: &Location, to: &Location) -> Result<(), StoreError> {
        let content = self.find("copying", from)?;
        self.store("copying to", to, content.bytes, Condition::None)?;
        Ok(())
    }

    async fn begin_upload(&self, location: &Location) -> Result<Box<dyn Upload>, StoreError> {
        location.check_for_write("beginning an upload of")?;
        Ok(Box::new(MemoryUpload {
            store: self.clone(),
            location: location.clone(),
            bytes: Vec::new(),
        }))
    }

    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<ListedObject>, StoreError> {
        Location::new(bucket, "x").check("listing")?;
        let state = self.lock();
        let from = (bucket.to_owned(), prefix.to_owned());
        let found = state
            .objects
            .range(from..)
            .take_while(|((of, key), _)| of == bucket && key.starts_with(prefix))
            .filter_map(|((_, key), contents)| {
                let current = current(contents)?;
                Some(ListedObject {
                    key: key.clone(),
                    size: current.bytes.len() as u64,
                    last_modified_ms: current.last_modified_ms,
                    etag: Some(current.md5.clone()),
                })
            })
            .collect();
        Ok(found)
    }

    async fn versions(&self, bucket: &str, prefix: &str) -> Result<Vec<ListedVersion>, StoreError> {
        let state = self.lock();
        let from = (bucket.to_owned(), prefix.to_owned());
        let all = state
            .objects
            .range(from..)
            .take_while(|((of, key), _)| of == bucket && key.starts_with(prefix));
        let found = all.flat_map(|((_, key), contents)| {
            let last = contents.len().saturating_sub(1);
            contents
                .iter()
                .enumerate()
                .map(move |(place, content)| ListedVersion {
                    key: key.clone(),
                    version: content.md5.clone(),
                    is_current: place == last,
                    is_marker: content.is_marker,
                    size: content.bytes.len() as u64,
                    last_modified_ms: content.last_modified_ms,
                })
        });
        Ok(found.collect())
    }

    async fn purge(&self, bucket: &str, versions: &[ListedVersion]) -> Result<(), StoreError> {
        let mut state = self.lock();
        for listed in versions {
            let name = (bucket.to_owned(), listed.key.clone());
            if let Some(contents) = state.objects.get_mut(&name) {
                contents.retain(|content| content.md5 != listed.version);
                if contents.is_empty() {
                    state.objects.remove(&name);
                }
            }
        }
        Ok(())
    }
}

struct MemoryUpload {
    store: MemoryStore,
    location: Location,
    bytes: Vec<u8>,
}

#[async_trait]
impl Upload for MemoryUpload {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<WrittenObject, StoreError> {
        let MemoryUpload {
            store,
            location,
            bytes,
        } = *self;
        store.store(
            "finishing the upload of",
            &location,
            bytes.into(),
            Condition::None,
        )
    }
}
