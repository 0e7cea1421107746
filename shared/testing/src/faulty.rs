//! A store that fails on purpose, for tests of what a step does then.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use ecg_store::{
    ListedObject, ListedVersion, Location, ObjectMeta, Store, StoreError, Upload, WrittenObject,
};

/// What goes wrong.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The operation does nothing and answers with this error.
    Error(StoreError),
    /// The operation is carried out, but its answer is lost on the way: this error comes instead.
    ErrorAfter(StoreError),
    /// A read gives only this many bytes, without an error. Other operations are carried out.
    Truncated(usize),
}

/// Wraps a store and fails chosen operations. Operations are counted from 0 in the order they begin,
/// those of uploads (`write`, `finish`, `abort`) included. Cloning shares the counter.
#[derive(Debug, Clone)]
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Debug, Default)]
struct Plan {
    faults: BTreeMap<usize, Fault>,
    done: Vec<String>,
}

impl FaultyStore {
    /// Wraps a store; nothing fails yet.
    pub fn new(inner: Arc<dyn Store>) -> FaultyStore {
        FaultyStore {
            inner,
            plan: Arc::default(),
        }
    }

    /// Lets the operation with this number (from 0) fail.
    pub fn fail_on(&self, number: usize, fault: Fault) {
        self.lock().faults.insert(number, fault);
    }

    /// What was asked so far, as `operation bucket/key`: run once without faults to learn the numbers.
    pub fn operations(&self) -> Vec<String> {
        self.lock().done.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an operation and says what is to go wrong with it.
    fn next(&self, operation: &str, location: &Location) -> Option<Fault> {
        let mut plan = self.lock();
        let number = plan.done.len();
        plan.done
            .push(format!("{operation} {}/{}", location.bucket, location.key));
        plan.faults.get(&number).cloned()
    }

    async fn run<T>(
        &self,
        operation: &str,
        location: &Location,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match self.next(operation, location) {
            Some(Fault::Error(error)) => Err(error),
            Some(Fault::ErrorAfter(error)) => {
                // Whatever it was.
                drop(work.await);
                Err(error)
            }
            Some(Fault::Truncated(_)) | None => work.await,
        }
    }

    /// A read of an object, whose bytes may be cut off.
    async fn cut(
        &self,
        operation: &str,
        location: &Location,
        read: impl Future<Output = Result<(ObjectMeta, Bytes), StoreError>>,
    ) -> Result<(ObjectMeta, Bytes), StoreError> {
        let length = match self.next(operation, location) {
            Some(Fault::Error(error) | Fault::ErrorAfter(error)) => return Err(error),
            Some(Fault::Truncated(length)) => length,
            None => usize::MAX,
        };
        let (meta, bytes) = read.await?;
        Ok((meta, bytes.slice(..length.min(bytes.len()))))
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn head(&self, location: &Location) -> Result<ObjectMeta, StoreError> {
        self.run("head", location, self.inner.head(location)).await
    }

    async fn get(&self, location: &Location, limit: u64) -> Result<(ObjectMeta, Bytes), StoreError> {
        self.cut("get", location, self.inner.get(location, limit)).await
    }

    async fn get_start(&self, location: &Location, most: u64) -> Result<(ObjectMeta, Bytes), StoreError> {
        self.cut("get_start", location, self.inner.get_start(location, most))
            .await
    }

    async fn get_end(&self, location: &Location, most: u64) -> Result<(ObjectMeta, Bytes), StoreError> {
        self.cut("get_end", location, self.inner.get_end(location, most))
            .await
    }

    fn chunk_bytes(&self) -> u64 {
        self.inner.chunk_bytes()
    }

    async fn get_range(&self, location: &Location, range: Range<u64>) -> Result<Bytes, StoreError> {
        match self.next("get_range", location) {
            Some(Fault::Error(error) | Fault::ErrorAfter(error)) => Err(error),
            Some(Fault::Truncated(length)) => {
                let bytes = self.inner.get_range(location, range).await?;
                Ok(bytes.slice(..length.min(bytes.len())))
            }
            None => self.inner.get_range(location, range).await,
        }
    }

    async fn put(&self, location: &Location, bytes: Bytes) -> Result<WrittenObject, StoreError> {
        self.run("put", location, self.inner.put(location, bytes)).await
    }

    async fn put_if_absent(&self, location: &Location, bytes: Bytes) -> Result<WrittenObject, StoreError> {
        self.run(
            "put_if_absent",
            location,
            self.inner.put_if_absent(location, bytes),
        )
        .await
    }

    async fn put_if_unchanged(
        &self,
        location: &Location,
        etag: &str,
        bytes: Bytes,
    ) -> Result<WrittenObject, StoreError> {
        let write = self.inner.put_if_unchanged(location, etag, bytes);
        self.run("put_if_unchanged", location, write).await
    }

    async fn delete(&self, location: &Location) -> Result<(), StoreError> {
        self.run("delete", location, self.inner.delete(location)).await
    }

    async fn copy(&self, from: &Location, to: &Location) -> Result<(), StoreError> {
        self.run("copy", to, self.inner.copy(from, to)).await
    }

    async fn begin_upload(&self, location: &Location) -> Result<Box<dyn Upload>, StoreError> {
        let upload = self
            .run("begin_upload", location, self.inner.begin_upload(location))
            .await?;
        Ok(Box::new(FaultyUpload {
            store: self.clone(),
            location: location.clone(),
            upload,
        }))
    }

    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<ListedObject>, StoreError> {
        self.run(
            "list",
            &Location::new(bucket, prefix),
            self.inner.list(bucket, prefix),
        )
        .await
    }

    async fn versions(&self, bucket: &str, prefix: &str) -> Result<Vec<ListedVersion>, StoreError> {
        let location = Location::new(bucket, prefix);
        let versions = self.inner.versions(bucket, prefix);
        self.run("versions", &location, versions).await
    }

    async fn purge(&self, bucket: &str, versions: &[ListedVersion]) -> Result<(), StoreError> {
        let first = versions.first().map_or("", |listed| &listed.key);
        let purge = self.inner.purge(bucket, versions);
        self.run("purge", &Location::new(bucket, first), purge).await
    }
}

struct FaultyUpload {
    store: FaultyStore,
    location: Location,
    upload: Box<dyn Upload>,
}

#[async_trait]
impl Upload for FaultyUpload {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.store
            .run("upload write", &self.location, self.upload.write(bytes))
            .await
    }

    async fn finish(self: Box<Self>) -> Result<WrittenObject, StoreError> {
        self.store
            .run("upload finish", &self.location, self.upload.finish())
            .await
    }
}
