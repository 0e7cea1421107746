//! The store of the steps of a lake: its files, and the small objects of work in memory.
//!
//! What one step leaves for the next is read by that one and removed when the execution has succeeded. As files, these
//! objects took more time than the steps of a short recording: a file system is slow to make files where it has just
//! removed many. So the Arrow and Parquet objects of the work bucket stay in memory, as long as they are small. They are
//! lost with the process: [`crate::execute`] begins an execution again whose objects are gone, and writes those of a failed one to
//! files, for a redrive.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use ecg_journal::WORK;
use ecg_store::{
    ErrorContext, ListedObject, LocalStore, Location, ObjectMeta, Store, StoreError, Upload, WrittenObject,
};

use crate::execute::now;

/// Largest object that stays in memory, in bytes.
const OBJECT_BYTES_MAX: usize = 512 << 10;

/// Largest memory of all of them, in bytes.
const ALL_BYTES_MAX: usize = 16 << 20;

/// Objects of a lake.
#[derive(Debug, Clone)]
pub(crate) struct LakeStore {
    files: LocalStore,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Debug, Default)]
struct Memory {
    /// By key in the work bucket.
    objects: HashMap<String, Kept>,
    bytes: usize,
    /// Writes so far: each makes a version.
    writes: u64,
}

#[derive(Debug, Clone)]
struct Kept {
    bytes: Bytes,
    version: String,
    written_ms: i64,
}

impl Memory {
    fn remove(&mut self, key: &str) {
        if let Some(removed) = self.objects.remove(key) {
            self.bytes -= removed.bytes.len();
        }
    }
}

impl LakeStore {
    pub(crate) fn new(files: LocalStore) -> LakeStore {
        LakeStore {
            files,
            memory: Arc::default(),
        }
    }

    /// The objects that are files.
    pub(crate) fn files(&self) -> &LocalStore {
        &self.files
    }

    /// Drops the objects of an execution from memory.
    pub(crate) fn forget(&self, execution: &str) {
        self.take(execution);
    }

    /// Writes the objects of an execution that are in memory to files.
    pub(crate) async fn keep(&self, execution: &str) -> Result<(), StoreError> {
        for (key, kept) in self.take(execution) {
            self.files.put(&Location::new(WORK, key), kept.bytes).await?;
        }
        Ok(())
    }

    fn take(&self, execution: &str) -> Vec<(String, Kept)> {
        let prefix = format!("{execution}/");
        let mut memory = self.memory();
        let taken: Vec<(String, Kept)> = memory
            .objects
            .extract_if(|key, _| key.starts_with(&prefix))
            .collect();
        memory.bytes -= taken.iter().map(|(_, kept)| kept.bytes.len()).sum::<usize>();
        taken
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The object in memory that is meant, if it is there.
    fn kept(&self, location: &Location) -> Option<Kept> {
        if !may_stay(location) {
            return None;
        }
        let memory = self.memory();
        let kept = memory.objects.get(&location.key)?;
        let meant = location
            .version
            .as_ref()
            .is_none_or(|version| *version == kept.version);
        meant.then(|| kept.clone())
    }

    /// Keeps an object in memory, if there is room.
    fn stay(&self, location: &Location, bytes: &Bytes) -> Option<WrittenObject> {
        let mut memory = self.memory();
        memory.remove(&location.key);
        if bytes.len() > OBJECT_BYTES_MAX || memory.bytes + bytes.len() > ALL_BYTES_MAX {
            return None;
        }
        memory.writes += 1;
        memory.bytes += bytes.len();
        let version = format!("memory-{}", memory.writes);
        let kept = Kept {
            bytes: bytes.clone(),
            version: version.clone(),
            written_ms: now().timestamp_millis(),
        };
        memory.objects.insert(location.key.clone(), kept);
        Some(WrittenObject {
            location: location.with_version(&version),
            size: bytes.len() as u64,
            etag: version,
        })
    }
}

/// Whether an object is one that a step leaves for the next.
fn may_stay(location: &Location) -> bool {
    location.bucket == WORK && (location.key.ends_with(".arrow") || location.key.ends_with(".parquet"))
}

#[async_trait]
impl Store for LakeStore {
    async fn head(&self, location: &Location) -> Result<ObjectMeta, StoreError> {
        let Some(kept) = self.kept(location) else {
            return self.files.head(location).await;
        };
        Ok(ObjectMeta {
            location: location.with_version(&kept.version),
            size: kept.bytes.len() as u64,
            etag: kept.version,
            last_modified_ms: kept.written_ms,
            metadata: Default::default(),
            checksum: None,
        })
    }

    async fn get_range(&self, location: &Location, range: Range<u64>) -> Result<Bytes, StoreError> {
        let Some(kept) = self.kept(location) else {
            return self.files.get_range(location, range).await;
        };
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(kept.bytes.len());
        let (start, end) = (place(range.start), place(range.end));
        Ok(kept.bytes.slice(start..end.max(start)))
    }

    fn chunk_bytes(&self) -> u64 {
        self.files.chunk_bytes()
    }

    async fn put(&self, location: &Location, bytes: Bytes) -> Result<WrittenObject, StoreError> {
        location.check_for_write("writing")?;
        if may_stay(location)
            && let Some(written) = self.stay(location, &bytes)
        {
            return Ok(written);
        }
        self.files.put(location, bytes).await
    }

    async fn put_if_absent(&self, location: &Location, bytes: Bytes) -> Result<WrittenObject, StoreError> {
        self.files.put_if_absent(location, bytes).await
    }

    async fn put_if_unchanged(
        &self,
        location: &Location,
        etag: &str,
        bytes: Bytes,
    ) -> Result<WrittenObject, StoreError> {
        self.files.put_if_unchanged(location, etag, bytes).await
    }

    async fn delete(&self, location: &Location) -> Result<(), StoreError> {
        if may_stay(location) {
            self.memory().remove(&location.key);
        }
        self.files.delete(location).await
    }

    async fn copy(&self, from: &Location, to: &Location) -> Result<(), StoreError> {
        match self.kept(from) {
            None => self.files.copy(from, to).await,
            Some(kept) => self.put(to, kept.bytes).await.map(|_| ()),
        }
    }

    async fn begin_upload(&self, location: &Location) -> Result<Box<dyn Upload>, StoreError> {
        if !may_stay(location) {
            return self.files.begin_upload(location).await;
        }
        location.check_for_write("beginning an upload of")?;
        Ok(Box::new(SmallUpload {
            store: self.clone(),
            location: location.clone(),
            bytes: BytesMut::new(),
            target: Target::Memory,
        }))
    }

    /// Without what is in memory.
    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<ListedObject>, StoreError> {
        self.files.list(bucket, prefix).await
    }
}

/// An upload that stays in memory until it is too large.
struct SmallUpload {
    store: LakeStore,
    location: Location,
    bytes: BytesMut,
    target: Target,
}

/// Where an upload goes on.
enum Target {
    Memory,
    File(Box<dyn Upload>),
    /// A write has failed.
    Nowhere,
}

impl SmallUpload {
    /// The upload of the file, with all bytes so far.
    async fn file(&mut self) -> Result<Box<dyn Upload>, StoreError> {
        let mut file = match std::mem::replace(&mut self.target, Target::Nowhere) {
            Target::File(file) => return Ok(file),
            Target::Memory => self.store.files.begin_upload(&self.location).await?,
            Target::Nowhere => {
                let message = "an earlier write of this upload failed";
                return Err(StoreError::Other(ErrorContext::new(
                    "writing to",
                    &self.location,
                    message,
                )));
            }
        };
        file.write(self.bytes.split().freeze()).await?;
        Ok(file)
    }
}

#[async_trait]
impl Upload for SmallUpload {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        if matches!(self.target, Target::Memory) && self.bytes.len() + bytes.len() <= OBJECT_BYTES_MAX {
            self.bytes.extend_from_slice(&bytes);
            return Ok(());
        }
        let mut file = self.file().await?;
        file.write(bytes).await?;
        self.target = Target::File(file);
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<WrittenObject, StoreError> {
        if matches!(self.target, Target::Memory) {
            let bytes = std::mem::take(&mut self.bytes).freeze();
            return self.store.put(&self.location, bytes).await;
        }
        let written = self.file().await?.finish().await?;
        // An older object of the key must not hide it.
        self.store.memory().remove(&self.location.key);
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, LakeStore) {
        let folder = tempfile::tempdir().unwrap();
        let files = LocalStore::open(folder.path(), [""; 0]).unwrap();
        (folder, LakeStore::new(files))
    }

    fn work(key: &str) -> Location {
        Location::new(WORK, key)
    }

    async fn upload(store: &LakeStore, location: &Location, parts: &[Bytes]) -> WrittenObject {
        let mut upload = store.begin_upload(location).await.unwrap();
        for part in parts {
            upload.write(part.clone()).await.unwrap();
        }
        upload.finish().await.unwrap()
    }

    #[tokio::test]
    async fn small_objects_of_work_are_no_files_and_all_others_are() {
        let (folder, store) = store();
        let small = upload(&store, &work("x/parsed.arrow"), &["ab".into(), "cd".into()]).await;
        assert_eq!(small.size, 4);
        store.put(&work("x/verdict.json"), "{}".into()).await.unwrap();
        let block = Bytes::from(vec![7; OBJECT_BYTES_MAX / 2 + 1]);
        let large = upload(
            &store,
            &work("x/beats.parquet"),
            &[block.clone(), block.clone(), block.clone()],
        )
        .await;
        assert_eq!(large.size, 3 * block.len() as u64);
        let file = |key: &str| folder.path().join(WORK).join(key).is_file();
        assert_eq!(
            ["x/parsed.arrow", "x/verdict.json", "x/beats.parquet"].map(file),
            [false, true, true]
        );
        let (meta, bytes) = store.get_start(&small.location, 3).await.unwrap();
        assert_eq!((meta.size, bytes), (4, Bytes::from_static(b"abc")));
        assert_eq!(store.get_range(&small.location, 2..9).await.unwrap(), "cd");
        assert_eq!(store.get_range(&small.location, 7..9).await.unwrap(), "");
        assert_eq!(
            store.get_range(&large.location, 0..2).await.unwrap(),
            Bytes::from_static(&[7, 7])
        );
        let published = Location::new("processed", "beats/x.parquet");
        store.copy(&small.location, &published).await.unwrap();
        assert_eq!(store.get(&published, 9).await.unwrap().1, "abcd");
    }

    #[tokio::test]
    async fn the_object_that_was_written_last_counts_wherever_it_is() {
        let (_folder, store) = store();
        let key = work("x/parsed.arrow");
        let first = store.put(&key, "first".into()).await.unwrap();
        let second = store.put(&key, "second".into()).await.unwrap();
        let gone = store.head(&first.location).await;
        assert!(matches!(gone, Err(StoreError::NotFound(_))), "{gone:?}");
        assert_eq!(store.head(&key).await.unwrap().location, second.location);
        let large = Bytes::from(vec![1; OBJECT_BYTES_MAX + 1]);
        for through_upload in [true, false] {
            store.put(&key, "small again".into()).await.unwrap();
            if through_upload {
                upload(&store, &key, std::slice::from_ref(&large)).await;
            } else {
                store.put(&key, large.clone()).await.unwrap();
            }
            assert_eq!(store.head(&key).await.unwrap().size, large.len() as u64);
        }
        assert_eq!(store.memory().bytes, 0);
    }

    #[tokio::test]
    async fn memory_is_bounded_and_given_back() {
        let (folder, store) = store();
        let object = Bytes::from(vec![1; OBJECT_BYTES_MAX]);
        let fits = ALL_BYTES_MAX / OBJECT_BYTES_MAX;
        for number in 0..fits + 3 {
            store
                .put(&work(&format!("x{number}/parsed.arrow")), object.clone())
                .await
                .unwrap();
        }
        assert_eq!(store.memory().bytes, ALL_BYTES_MAX);
        let files = std::fs::read_dir(folder.path().join(WORK)).unwrap();
        let files = files.filter(|entry| entry.as_ref().unwrap().file_name() != ".tmp");
        assert_eq!(files.count(), 3);
        store.forget("x0");
        // `x1` begins other names, too.
        store.keep("x1").await.unwrap();
        assert_eq!(store.memory().bytes, ALL_BYTES_MAX - 2 * OBJECT_BYTES_MAX);
        let gone = store.head(&work("x0/parsed.arrow")).await;
        assert!(matches!(gone, Err(StoreError::NotFound(_))), "{gone:?}");
        assert_eq!(
            store.get(&work("x1/parsed.arrow"), 1 << 20).await.unwrap().1,
            object
        );
    }
}
