//! The interface to objects: what a step may ask of S3, of a directory, or of memory.
//!
//! There is no delete: nothing that was uploaded is ever deleted by the pipeline, and what it writes is
//! overwritten with itself.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;

use crate::checksum::Checksum;
use crate::error::{ErrorContext, StoreError};
use crate::location::Location;

/// Objects by bucket, key and version.
///
/// A location that names a version is read as exactly that version, or answered with
/// [`StoreError::NotFound`]. Writes take locations without a version.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync {
    /// What is known of an object without reading it. `version` is always filled in, so
    /// [`ObjectMeta::location`] pins what was seen here.
    async fn head(&self, location: &Location) -> Result<ObjectMeta, StoreError>;

    /// The whole object; [`StoreError::Invalid`] if it is larger than `limit` bytes. On S3 one request, and the
    /// read whose checksum is verified (S3 sends none for a range).
    async fn get(&self, location: &Location, limit: u64) -> Result<(ObjectMeta, Bytes), StoreError> {
        let (meta, bytes) = self.get_start(location, limit).await?;
        meta.check_limit(limit)?;
        Ok((meta, bytes))
    }

    /// What is known of an object, and its first `most` bytes: all of it if it has no more. On S3 one request.
    async fn get_start(&self, location: &Location, most: u64) -> Result<(ObjectMeta, Bytes), StoreError> {
        let meta = self.head(location).await?;
        let bytes = self.get_range(&meta.location, 0..meta.size.min(most)).await?;
        Ok((meta, bytes))
    }

    /// As [`Store::get_start`], for the last `most` bytes. `checksum` may be missing.
    async fn get_end(&self, location: &Location, most: u64) -> Result<(ObjectMeta, Bytes), StoreError> {
        let meta = self.head(location).await?;
        let start = meta.size.saturating_sub(most);
        let bytes = self.get_range(&meta.location, start..meta.size).await?;
        Ok((meta, bytes))
    }

    /// How many bytes to read at a time: more where each request costs time and money.
    fn chunk_bytes(&self) -> u64 {
        1 << 20
    }

    /// The bytes of the object that lie in `range`: fewer than asked where the object ends inside it,
    /// none where it ends before it.
    async fn get_range(&self, location: &Location, range: Range<u64>) -> Result<Bytes, StoreError>;

    /// Writes the whole object in one go, over whatever is there.
    async fn put(&self, location: &Location, bytes: Bytes) -> Result<WrittenObject, StoreError>;

    /// Writes the object only if there is none under the key; else [`StoreError::AlreadyExists`], or
    /// [`StoreError::Conflict`] if the race is still open. After a lost answer a retry inside the backend
    /// may find its own object and say `AlreadyExists`.
    async fn put_if_absent(&self, location: &Location, bytes: Bytes) -> Result<WrittenObject, StoreError>;

    /// Puts a copy of an object under another key, whole, over whatever is there, without its user metadata. On S3 one
    /// request, for objects of at most 5 GB.
    async fn copy(&self, from: &Location, to: &Location) -> Result<(), StoreError>;

    /// Starts a write whose size is not known. Nothing is visible under the key before
    /// [`Upload::finish`].
    async fn begin_upload(&self, location: &Location) -> Result<Box<dyn Upload>, StoreError>;

    /// The current objects whose keys begin with `prefix` (a plain string prefix: `a` finds `ab`, `a/`
    /// does not), sorted by the bytes of the key.
    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<ListedObject>, StoreError>;
}

/// A write under way. Dropping it without [`Upload::finish`] leaves nothing behind.
#[async_trait]
pub trait Upload: Send {
    /// Adds bytes at the end.
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError>;

    /// Makes the object visible, whole.
    async fn finish(self: Box<Self>) -> Result<WrittenObject, StoreError>;
}

/// What is known of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectMeta {
    /// Where it is, pinned to the version that was looked at (version id, else ETag).
    pub location: Location,
    /// Size in bytes.
    pub size: u64,
    /// ETag without quotes. Equal ETags of one key mean equal content. In a versioned bucket of a [`crate::LocalStore`] it
    /// is the MD5 of the content in lower hex, as on S3 for a plain single PUT; in its other buckets equal content may
    /// have several.
    pub etag: String,
    /// When it was written, in milliseconds since 1970-01-01 UTC (S3 gives whole seconds).
    pub last_modified_ms: i64,
    /// User metadata.
    pub metadata: BTreeMap<String, String>,
    /// Checksum of the whole content, where the store keeps one that needs no knowledge of parts: for who reads ranges
    /// of it. ([`Store::get`] has verified what it read.)
    pub checksum: Option<Checksum>,
}

/// What a write made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenObject {
    /// Where it is, pinned to the version just written (version id, else ETag).
    pub location: Location,
    /// Size in bytes.
    pub size: u64,
    /// ETag without quotes.
    pub etag: String,
}

/// One line of a listing: what every backend can tell without reading the object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    /// Key, decoded.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
    /// When it was written, in milliseconds since 1970-01-01 UTC.
    pub last_modified_ms: i64,
}

/// Longest key in bytes that S3 accepts.
pub const KEY_BYTES_MAX: usize = 1024;

impl Location {
    /// Checks what holds for every backend, so that what works on one works on all.
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

    /// As [`Location::check`], for writes: what to overwrite is not the writer's to choose.
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
    /// The version that was looked at: version id, else ETag.
    pub fn version(&self) -> &str {
        self.location.version.as_deref().unwrap_or(&self.etag)
    }

    /// Refuses an object above `limit` bytes.
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
