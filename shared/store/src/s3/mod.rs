//! Objects in S3.
//!
//! * A version string is a version id, unless it has the form of an ETag: 32 lowercase hexadecimal digits, for
//!   multipart objects followed by `-` and the number of parts. For an ETag the read uses `If-Match`, and returns
//!   [`StoreError::NotFound`] after the object was overwritten. S3 version ids are 32 characters from an alphabet of
//!   more than 60, so in practice none has the form of an ETag.
//! * Whole-object reads are verified against the checksum that S3 stores. S3 sends no checksum for a range, so for
//!   range reads only the version, the returned range and its length are checked, and TLS protects the transfer. A
//!   caller that reads all ranges can verify the object with [`ObjectMeta::checksum`]. Writes send a CRC32 that S3
//!   verifies. A multipart upload has one for each part and one for the whole object.
//! * The SDK retries single requests with backoff. Configure the retries on the client.
//! * If a request of a multipart upload fails, the upload is aborted before the error is returned. An upload that is
//!   dropped is aborted in the background. An upload of a killed process is not aborted, so the bucket needs a
//!   lifecycle rule with `AbortIncompleteMultipartUpload`.
//! * Without the permission `s3:ListBucket`, S3 returns "access denied" for an object that does not exist.
//!
//! Required permissions: `s3:GetObject`, `s3:GetObjectVersion`, `s3:PutObject`, `s3:AbortMultipartUpload`,
//! `s3:ListBucket`; `s3:DeleteObject` for [`Store::delete`]; `s3:ListBucketVersions` and `s3:DeleteObjectVersion` for
//! [`Store::versions`] and [`Store::purge`].

mod answers;
mod upload;

use std::ops::Range;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::builders::GetObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumMode, EncodingType, MetadataDirective};
use bytes::Bytes;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use crate::aws::{Failure, FailureKind, classify};
use crate::checksum::ChecksumAlgorithm;
use crate::error::{ErrorContext, StoreError};
use crate::location::Location;
use crate::store::{ListedObject, ListedVersion, ObjectMeta, Store, Upload, WrittenObject};
use answers::{
    Facts, Pin, check_length, checksum_of, collect, cut_out, decode_key, encode_key, from_failure,
    from_sdk_error, milliseconds, object_meta, parse_content_range, parse_size, written,
};
use upload::S3Upload;

/// Returns the checksum in a response. A macro, because the responses to HEAD and GET have the same fields but no
/// common type.
macro_rules! checksum_in {
    ($answer:ident) => {
        checksum_of(
            $answer.checksum_type.as_ref(),
            [
                (ChecksumAlgorithm::Crc64Nvme, $answer.checksum_crc64_nvme),
                (ChecksumAlgorithm::Crc32, $answer.checksum_crc32),
                (ChecksumAlgorithm::Crc32c, $answer.checksum_crc32_c),
                (ChecksumAlgorithm::Sha256, $answer.checksum_sha256),
            ],
        )
    };
}

/// Versions that [`Store::purge`] removes at a time. DeleteObjects would remove a thousand with one request, but cannot name keys that XML
/// cannot have.
const PURGED_AT_ONCE: usize = 16;

/// A store of objects in S3. Cloning is cheap and shares the connections.
#[derive(Debug, Clone)]
pub struct S3Store {
    client: Client,
}

impl S3Store {
    /// Creates a store from a configured client (region, credentials, timeouts, retries).
    pub fn new(client: Client) -> S3Store {
        S3Store { client }
    }

    /// Returns the reason of a 400 response to HEAD, which has no body: sends a GET of one byte, whose response has a
    /// message.
    async fn reason_of(&self, operation: &str, location: &Location, failure: Failure) -> StoreError {
        let pin = Pin::of(location);
        let request = self
            .client
            .get_object()
            .bucket(&location.bucket)
            .key(&location.key)
            .range("bytes=0-0");
        match request
            .set_if_match(pin.if_match)
            .set_version_id(pin.version_id)
            .send()
            .await
        {
            Err(error) => from_sdk_error(operation, location, &error),
            Ok(_) => from_failure(operation, location, failure),
        }
    }

    /// Removes one version for good.
    async fn purge_one(&self, bucket: &str, listed: &ListedVersion) -> Result<(), StoreError> {
        let operation = "removing for good";
        let location = Location::new(bucket, &listed.key).with_version(&listed.version);
        location.check(operation)?;
        let removal = self.client.delete_object().bucket(bucket).key(&listed.key);
        let removed = removal.version_id(&listed.version).send().await;
        match removed.map_err(|error| from_sdk_error(operation, &location, &error)) {
            Ok(_) | Err(StoreError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A request for the object, of the version that the location names.
    fn get_object(&self, location: &Location) -> GetObjectFluentBuilder {
        let pin = Pin::of(location);
        self.client
            .get_object()
            .bucket(&location.bucket)
            .key(&location.key)
            .set_if_match(pin.if_match)
            .set_version_id(pin.version_id)
    }
}

#[async_trait]
impl Store for S3Store {
    async fn head(&self, location: &Location) -> Result<ObjectMeta, StoreError> {
        let operation = "looking up";
        location.check(operation)?;
        let pin = Pin::of(location);
        let request = self
            .client
            .head_object()
            .bucket(&location.bucket)
            .key(&location.key);
        match request
            .set_if_match(pin.if_match)
            .set_version_id(pin.version_id)
            .checksum_mode(ChecksumMode::Enabled)
            .send()
            .await
        {
            Ok(answer) => object_meta(
                operation,
                location,
                Facts {
                    size: answer.content_length,
                    etag: answer.e_tag,
                    version_id: answer.version_id,
                    last_modified: answer.last_modified,
                    metadata: answer.metadata,
                    checksum: checksum_in!(answer),
                },
            ),
            Err(error) => {
                let failure = classify(&error);
                match failure.status {
                    Some(400) => Err(self.reason_of(operation, location, failure).await),
                    _ => Err(from_failure(operation, location, failure)),
                }
            }
        }
    }

    /// Requests the whole object and reads its beginning, because S3 returns no checksum for a range. If the object
    /// is larger than `most`, the rest is not read and the connection cannot be reused.
    async fn get_start(&self, location: &Location, most: u64) -> Result<(ObjectMeta, Bytes), StoreError> {
        let operation = "reading";
        location.check(operation)?;
        let answer = self
            .get_object(location)
            .checksum_mode(ChecksumMode::Enabled)
            .send()
            .await
            .map_err(|error| from_sdk_error(operation, location, &error))?;
        let facts = Facts {
            size: answer.content_length,
            etag: answer.e_tag,
            version_id: answer.version_id,
            last_modified: answer.last_modified,
            metadata: answer.metadata,
            checksum: checksum_in!(answer),
        };
        let meta = object_meta(operation, location, facts)?;
        // The SDK verifies the checksum at the end of the body, so read to the end if possible.
        let bytes = if meta.size <= most {
            collect(operation, location, answer.body).await?
        } else {
            cut_out(operation, location, answer.body, 0..most).await?
        };
        check_length(operation, location, meta.size.min(most), &bytes)?;
        Ok((meta, bytes))
    }

    async fn get_end(&self, location: &Location, most: u64) -> Result<(ObjectMeta, Bytes), StoreError> {
        let operation = "reading the end of";
        location.check(operation)?;
        let answer = self
            .get_object(location)
            .range(format!("bytes=-{most}"))
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let failure = classify(&error);
                // S3 returns 416 for an empty object, and for a request of 0 bytes.
                if failure.status == Some(416) {
                    return Ok((self.head(location).await?, Bytes::new()));
                }
                return Err(from_failure(operation, location, failure));
            }
        };
        // A server may ignore the range and send the whole object.
        let size = match &answer.content_range {
            Some(content_range) => parse_size(content_range),
            None => answer.content_length,
        };
        let facts = Facts {
            size,
            etag: answer.e_tag,
            version_id: answer.version_id,
            last_modified: answer.last_modified,
            metadata: answer.metadata,
            checksum: None,
        };
        let meta = object_meta(operation, location, facts)?;
        let bytes = match answer.content_range {
            Some(_) => collect(operation, location, answer.body).await?,
            None => {
                let range = meta.size.saturating_sub(most)..meta.size;
                cut_out(operation, location, answer.body, range).await?
            }
        };
        check_length(operation, location, meta.size.min(most), &bytes)?;
        Ok((meta, bytes))
    }

    /// Returns 8 MiB. It is large because each request has a price and a latency of about 20 ms.
    fn chunk_bytes(&self) -> u64 {
        8 << 20
    }

    async fn get_range(&self, location: &Location, range: Range<u64>) -> Result<Bytes, StoreError> {
        let operation = format!("reading bytes {}..{} of", range.start, range.end);
        location.check(&operation)?;
        if range.is_empty() {
            // An empty range cannot be requested from S3. HEAD checks that the object exists.
            return self.head(location).await.map(|_| Bytes::new());
        }
        let answer = self
            .get_object(location)
            .range(format!("bytes={}-{}", range.start, range.end - 1))
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let failure = classify(&error);
                // The object exists and ends before the range begins.
                if failure.status == Some(416) {
                    return Ok(Bytes::new());
                }
                return Err(from_failure(&operation, location, failure));
            }
        };
        let Some(content_range) = &answer.content_range else {
            // A server may ignore the range and send the whole object.
            return cut_out(&operation, location, answer.body, range).await;
        };
        let Some(sent) = parse_content_range(content_range, &range) else {
            let message = format!("expected a part of the range in the answer, found {content_range:?}");
            return Err(StoreError::Other(ErrorContext::new(operation, location, message)));
        };
        let bytes = collect(&operation, location, answer.body).await?;
        check_length(&operation, location, sent, &bytes)?;
        Ok(bytes)
    }

    async fn put(&self, location: &Location, bytes: Bytes) -> Result<WrittenObject, StoreError> {
        put(&self.client, "writing", location, bytes, Condition::None).await
    }

    async fn put_if_absent(&self, location: &Location, bytes: Bytes) -> Result<WrittenObject, StoreError> {
        put(
            &self.client,
            "writing, if absent,",
            location,
            bytes,
            Condition::Absent,
        )
        .await
    }

    async fn put_if_unchanged(
        &self,
        location: &Location,
        etag: &str,
        bytes: Bytes,
    ) -> Result<WrittenObject, StoreError> {
        let unchanged = Condition::Unchanged(etag);
        put(&self.client, "writing, if unchanged,", location, bytes, unchanged).await
    }

    async fn delete(&self, location: &Location) -> Result<(), StoreError> {
        let operation = "removing";
        location.check(operation)?;
        let pin = Pin::of(location);
        let request = self
            .client
            .delete_object()
            .bucket(&location.bucket)
            .key(&location.key);
        let answer = request
            .set_if_match(pin.if_match)
            .set_version_id(pin.version_id)
            .send()
            .await;
        match answer.map_err(|error| conditional(operation, location, classify(&error))) {
            Ok(_) | Err(StoreError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn copy(&self, from: &Location, to: &Location) -> Result<(), StoreError> {
        let operation = format!("copying {from} to");
        from.check("copying")?;
        to.check_for_write(&operation)?;
        let pin = Pin::of(from);
        let mut source = format!("{}/{}", from.bucket, encode_key(&from.key));
        if let Some(id) = &pin.version_id {
            source.push_str(&format!("?versionId={id}"));
        }
        let request = self.client.copy_object().bucket(&to.bucket).key(&to.key);
        request
            .copy_source(source)
            .set_copy_source_if_match(pin.if_match)
            .metadata_directive(MetadataDirective::Replace)
            .send()
            .await
            .map_err(|error| from_sdk_error(&operation, from, &error))?;
        Ok(())
    }

    async fn begin_upload(&self, location: &Location) -> Result<Box<dyn Upload>, StoreError> {
        location.check_for_write("beginning an upload of")?;
        Ok(Box::new(S3Upload::new(self.client.clone(), location.clone())))
    }

    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<ListedObject>, StoreError> {
        let operation = "listing";
        Location::new(bucket, "x").check(operation)?;
        let location = Location::new(bucket, prefix);
        let mut pages = self
            .client
            .list_objects_v2()
            .bucket(bucket)
            .prefix(prefix)
            // Keys may contain characters that XML does not allow.
            .encoding_type(EncodingType::Url)
            .into_paginator()
            .send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| from_sdk_error(operation, &location, &error))?;
            let encoded = page.encoding_type == Some(EncodingType::Url);
            for object in page.contents.unwrap_or_default() {
                let key = object.key.unwrap_or_default();
                let key = if encoded { decode_key(&key) } else { Some(key) };
                let key = key.ok_or_else(|| {
                    let message = "expected URL-encoded UTF-8 keys in the listing";
                    StoreError::Other(ErrorContext::new(operation, &location, message))
                })?;
                let size = object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
                found.push(ListedObject {
                    key,
                    size,
                    last_modified_ms: milliseconds(object.last_modified),
                    etag: object.e_tag.map(|etag| etag.trim_matches('"').to_owned()),
                });
            }
        }
        // Directory buckets return keys in no order. Other buckets return them sorted, and the sort is then fast.
        found.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    async fn versions(&self, bucket: &str, prefix: &str) -> Result<Vec<ListedVersion>, StoreError> {
        let operation = "listing the versions of";
        Location::new(bucket, "x").check(operation)?;
        let location = Location::new(bucket, prefix);
        let mut found = Vec::new();
        let (mut key_marker, mut version_marker) = (None, None);
        loop {
            let page = self
                .client
                .list_object_versions()
                .bucket(bucket)
                .prefix(prefix)
                .encoding_type(EncodingType::Url)
                .set_key_marker(key_marker)
                .set_version_id_marker(version_marker)
                .send()
                .await
                .map_err(|error| from_sdk_error(operation, &location, &error))?;
            let encoded = page.encoding_type == Some(EncodingType::Url);
            let decoded = |key: Option<String>| {
                let key = key.unwrap_or_default();
                let key = if encoded { decode_key(&key) } else { Some(key) };
                key.ok_or_else(|| {
                    let message = "expected URL-encoded UTF-8 keys in the listing";
                    StoreError::Other(ErrorContext::new(operation, &location, message))
                })
            };
            for version in page.versions.unwrap_or_default() {
                found.push(ListedVersion {
                    key: decoded(version.key)?,
                    version: version.version_id.unwrap_or_else(|| NO_VERSION.to_owned()),
                    is_current: version.is_latest.unwrap_or(false),
                    is_marker: false,
                    size: version
                        .size
                        .and_then(|size| u64::try_from(size).ok())
                        .unwrap_or(0),
                    last_modified_ms: milliseconds(version.last_modified),
                });
            }
            for marker in page.delete_markers.unwrap_or_default() {
                found.push(ListedVersion {
                    key: decoded(marker.key)?,
                    version: marker.version_id.unwrap_or_else(|| NO_VERSION.to_owned()),
                    is_current: marker.is_latest.unwrap_or(false),
                    is_marker: true,
                    size: 0,
                    last_modified_ms: milliseconds(marker.last_modified),
                });
            }
            if page.is_truncated != Some(true) {
                break;
            }
            // The marker of the next page is sent as it came, or as a key if it came encoded.
            key_marker = page.next_key_marker.map(|key| decoded(Some(key))).transpose()?;
            version_marker = page.next_version_id_marker;
        }
        found.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    async fn purge(&self, bucket: &str, versions: &[ListedVersion]) -> Result<(), StoreError> {
        let removals = versions
            .iter()
            .map(|listed| self.purge_one(bucket, listed).boxed());
        stream::iter(removals.collect::<Vec<_>>())
            .buffer_unordered(PURGED_AT_ONCE)
            .try_collect()
            .await
    }
}

/// The version id of an object in a bucket without versions.
const NO_VERSION: &str = "null";

/// When a write happens.
enum Condition<'a> {
    /// Always.
    None,
    /// If the key does not exist.
    Absent,
    /// If the current object has this ETag.
    Unchanged(&'a str),
}

/// An error of a request with a condition: 412 means that it does not hold, not that a version is missing.
fn conditional(operation: &str, location: &Location, failure: Failure) -> StoreError {
    match failure.kind {
        FailureKind::AlreadyExists => {
            StoreError::AlreadyExists(ErrorContext::new(operation, location, failure.message))
        }
        _ => from_failure(operation, location, failure),
    }
}

/// Writes an object with one PutObject request.
async fn put(
    client: &Client,
    operation: &str,
    location: &Location,
    bytes: Bytes,
    condition: Condition<'_>,
) -> Result<WrittenObject, StoreError> {
    location.check_for_write(operation)?;
    let size = bytes.len() as u64;
    let (if_none_match, if_match) = match condition {
        Condition::None => (None, None),
        Condition::Absent => (Some("*".to_owned()), None),
        Condition::Unchanged(etag) => (None, Some(format!("\"{etag}\""))),
    };
    let answer = client
        .put_object()
        .bucket(&location.bucket)
        .key(&location.key)
        .body(ByteStream::from(bytes))
        .set_if_none_match(if_none_match)
        .set_if_match(if_match)
        .send()
        .await
        .map_err(|error| conditional(operation, location, classify(&error)))?;
    written(operation, location, size, answer.e_tag, answer.version_id)
}
