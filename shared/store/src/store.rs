//! The interface to objects in S3, in a directory or in memory.
//!
//! A step that fails deletes nothing, and a repeated step overwrites its output with the same content. [`Store::delete`] is for
//! compaction, and [`Store::purge`] for the erasure of a recording.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;

use crate::checksum::Checksum;
use crate::error::{ErrorContext, StoreError};
use crate::location::Location;

/// A store of objects, addressed by bucket, key and version.
///
/// A read of a location with a version returns exactly that version, or [`StoreError::NotFound`]. A write requires a
/// location without a version.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync {
    /// Returns the metadata of an object. [`ObjectMeta::location`] always has a version, so later reads of it return
    /// the same content.
    async fn head(&self, location: &Location) -> Result<ObjectMeta, StoreError>;

    /// Returns the whole object, or [`StoreError::Invalid`] if it is larger than `limit` bytes. On S3 this is one
    /// request, and the checksum is verified (S3 sends no checksum for a range).
    async fn get(&self, location: &Location, limit: u64) -> Result<(ObjectMeta, Bytes), StoreError> {
        let (meta, bytes) = self.get_start(location, limit).await?;
        meta.check_limit(limit)?;
        Ok((meta, bytes))
    }

    /// Returns the metadata and the first `most` bytes of an object, or all bytes if it has fewer. On S3 this is one
    /// request.
    async fn get_start(&self, location: &Location, most: u64) -> Result<(ObjectMeta, Bytes), StoreError> {
        let meta = self.head(location).await?;
        let bytes = self.get_range(&meta.location, 0..meta.size.min(most)).await?;
        Ok((meta, bytes))
    }

    /// Returns the metadata and the last `most` bytes of an object. The metadata may have no checksum.
    async fn get_end(&self, location: &Location, most: u64) -> Result<(ObjectMeta, Bytes), StoreError> {
        let meta = self.head(location).await?;
        let start = meta.size.saturating_sub(most);
        let bytes = self.get_range(&meta.location, start..meta.size).await?;
        Ok((meta, bytes))
    }

    /// Returns the recommended read size in bytes. It is larger if a request is slow or costs money.
    fn chunk_bytes(&self) -> u64 {
        256 << 10
    }

    /// Returns the bytes of the object in `range`: fewer bytes if the object ends inside the range, none if it ends
    /// before the range.
    async fn get_range(&self, location: &Location, range: Range<u64>) -> Result<Bytes, StoreError>;

    /// Writes the whole object at once. Overwrites an existing object.
    async fn put(&self, location: &Location, bytes: Bytes) -> Result<WrittenObject, StoreError>;

    /// Writes the object only if the key does not exist. Otherwise returns [`StoreError::AlreadyExists`], or
    /// [`StoreError::Conflict`] if a concurrent write has not ended. If the response is lost, a retry inside the
    /// backend may find its own object and return `AlreadyExists`.
    async fn put_if_absent(&self, location: &Location, bytes: Bytes) -> Result<WrittenObject, StoreError>;

    /// Writes the object only if the current one has this ETag. Otherwise returns
    /// [`StoreError::AlreadyExists`] for another object, [`StoreError::NotFound`] for none, or [`StoreError::Conflict`] as
    /// [`Store::put_if_absent`] does. If the response is lost, a retry inside the backend may find its own object and
    /// return `AlreadyExists`.
    async fn put_if_unchanged(
        &self,
        location: &Location,
        etag: &str,
        bytes: Bytes,
    ) -> Result<WrittenObject, StoreError>;

    /// Removes the current object; succeeds if there is none. With an ETag as its version, returns
    /// [`StoreError::AlreadyExists`] if the current object is another one. A versioned bucket keeps what was removed as a
    /// version.
    async fn delete(&self, location: &Location) -> Result<(), StoreError>;

    /// Copies an object to another key, without its user metadata. Overwrites an existing object. On S3 this is one
    /// request, for objects of at most 5 GB.
    async fn copy(&self, from: &Location, to: &Location) -> Result<(), StoreError>;

    /// Starts a write of unknown size. The object is not visible before [`Upload::finish`].
    async fn begin_upload(&self, location: &Location) -> Result<Box<dyn Upload>, StoreError>;

    /// Returns the current objects whose keys begin with `prefix`, sorted by the bytes of the key. The prefix is a
    /// plain string: `a` matches `ab`, `a/` does not.
    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<ListedObject>, StoreError>;

    /// Returns every version of the objects whose keys begin with `prefix`, sorted by the bytes of the key: the current one, those
    /// that were overwritten or removed, and the delete markers. Without versions an object has one.
    async fn versions(&self, bucket: &str, prefix: &str) -> Result<Vec<ListedVersion>, StoreError>;

    /// Removes versions for good. One that is not there is no error.
    async fn purge(&self, bucket: &str, versions: &[ListedVersion]) -> Result<(), StoreError>;
}

/// A write in progress. If it is dropped without [`Upload::finish`], no object is written.
#[async_trait]
pub trait Upload: Send {
    /// Appends bytes.
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError>;

    /// Completes the object and makes it visible.
    async fn finish(self: Box<Self>) -> Result<WrittenObject, StoreError>;
}

/// The metadata of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectMeta {
    /// The location, with the version that was found (version id, else ETag).
    pub location: Location,
    /// Size in bytes.
    pub size: u64,
    /// ETag without quotes. Equal ETags of one key mean equal content. In a versioned bucket of a
    /// [`crate::LocalStore`] it is the MD5 of the content in lowercase hexadecimal digits, as on S3 for a single
    /// PutObject. In its other buckets the same content may have different ETags.
    pub etag: String,
    /// Time of the last write, in milliseconds since 1970-01-01 UTC. S3 returns whole seconds.
    pub last_modified_ms: i64,
    /// User metadata.
    pub metadata: BTreeMap<String, String>,
    /// Checksum of the whole content, if the store keeps one that does not depend on the parts of an upload. A caller
    /// that reads ranges can verify them with it. [`Store::get`] already verifies its result.
    pub checksum: Option<Checksum>,
}

/// The result of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenObject {
    /// The location, with the version that was written (version id, else ETag).
    pub location: Location,
    /// Size in bytes.
    pub size: u64,
    /// ETag without quotes.
    pub etag: String,
}

/// One entry of a listing, with the fields that every backend returns without reading the object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    /// The key, without URL encoding.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
    /// Time of the last write, in milliseconds since 1970-01-01 UTC.
    pub last_modified_ms: i64,
    /// ETag as in [`ObjectMeta`]. `None` in a versioned bucket of a [`crate::LocalStore`], which would have to read the
    /// content.
    pub etag: Option<String>,
}

/// One entry of a listing of versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedVersion {
    /// The key, without URL encoding.
    pub key: String,
    /// The version id; on S3 `null` in a bucket without versions, in a [`crate::LocalStore`] what [`ObjectMeta::version`] says.
    pub version: String,
    /// Whether a read without a version returns it, or finds no object because of it: a delete marker.
    pub is_current: bool,
    /// Whether it is a delete marker, which has no content.
    pub is_marker: bool,
    /// Size in bytes.
    pub size: u64,
    /// Time of the write, in milliseconds since 1970-01-01 UTC.
    pub last_modified_ms: i64,
}

/// The maximum length of a key on S3, in bytes.
pub const KEY_BYTES_MAX: usize = 1024;

impl Location {
    /// Checks the limits of all backends, so that a location that works on one backend works on all.
    pub fn check(&self, operation: &str) -> Result<(), StoreError> {
        let refuse = |message: String| Err(StoreError::Invalid(ErrorContext::new(operation, self, message)));
        let safe = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.bucket.is_empty() || self.bucket.starts_with('.') || !self.bucket.chars().all(safe) {
            return refuse(format!(
                "expected a bucket name of letters, digits, `-`, `_` and `.` that does not begin with `.`, found {:?}",
                self.bucket
            ));
        }
        if self.key.is_empty() || self.key.len() > KEY_BYTES_MAX {
            return refuse(format!(
                "expected a key of 1 to {KEY_BYTES_MAX} bytes, found {}",
                self.key.len()
            ));
        }
        Ok(())
    }

    /// Checks a location for a write. It must not have a version, because a write always creates a new one.
    pub fn check_for_write(&self, operation: &str) -> Result<(), StoreError> {
        self.check(operation)?;
        if self.version.is_some() {
            let message = "expected a location without a version: a write makes a new one";
            return Err(StoreError::Invalid(ErrorContext::new(operation, self, message)));
        }
        Ok(())
    }
}

impl ObjectMeta {
    /// Returns the version that was found: version id, else ETag.
    pub fn version(&self) -> &str {
        self.location.version.as_deref().unwrap_or(&self.etag)
    }

    /// Returns [`StoreError::Invalid`] if the object is larger than `limit` bytes.
    pub(crate) fn check_limit(&self, limit: u64) -> Result<(), StoreError> {
        if self.size <= limit {
            return Ok(());
        }
        let message = format!("expected at most {limit} bytes, found {}", self.size);
        Err(StoreError::Invalid(ErrorContext::new(
            "reading",
            &self.location,
            message,
        )))
    }
}
