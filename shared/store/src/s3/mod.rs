//! Objects in S3.
//!
//! * A version string is a version id, unless it has the form of an ETag (32 lower hex digits, for
//!   multipart objects followed by `-` and the number of parts): then the read is pinned by `If-Match`, and
//!   [`StoreError::NotFound`] is the answer once the object was overwritten. S3 makes version ids that
//!   cannot be mistaken for one (32 characters out of more than 60).
//! * Whole-object reads are verified against the checksum that S3 keeps. For a range S3 sends none, so the SDK has
//!   nothing to verify: there the pin, the range that the answer names and its length are checked, and TLS guards the
//!   way. Whoever reads all ranges can verify the whole with [`ObjectMeta::checksum`]. Writes carry a CRC32 that S3 verifies, for multipart uploads one per part and of the whole.
//! * Retries of single requests, with back-off, are the SDK's: configure them on the client.
//! * A multipart upload of which a request fails is aborted before the failure is told. One that is dropped is aborted in
//!   the background, and a process that is killed leaves it: the bucket needs a lifecycle rule
//!   `AbortIncompleteMultipartUpload`.
//! * Without the permission `s3:ListBucket`, S3 answers "access denied" for an object that is not there.
//!
//! Needs `s3:GetObject`, `s3:GetObjectVersion`, `s3:PutObject`, `s3:AbortMultipartUpload`, `s3:ListBucket`.

mod answers;
mod upload;

use std::ops::Range;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumMode, EncodingType, MetadataDirective};
use bytes::Bytes;

use crate::aws::{Failure, FailureKind, classify};
use crate::checksum::ChecksumAlgorithm;
use crate::error::{ErrorContext, StoreError};
use crate::location::Location;
use crate::store::{ListedObject, ObjectMeta, Store, Upload, WrittenObject};
use answers::{
    Facts, Pin, check_length, checksum_of, collect, cut_out, decode_key, encode_key, from_failure,
    from_sdk_error, milliseconds, object_meta, parse_content_range, parse_size, written,
};
use upload::S3Upload;

/// The checksum in an answer: those of HEAD and of GET have the same fields and no type in common.
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

/// Objects in S3. Cloning is cheap and shares the connections.
#[derive(Debug, Clone)]
pub struct S3Store {
    client: Client,
}

impl S3Store {
    /// A store on a client that is set up already: region, credentials, time-outs, retries.
    pub fn new(client: Client) -> S3Store {
        S3Store { client }
    }

    /// Why a HEAD was answered with a bare 400: the answer to a GET of one byte has words.
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

    /// Asks for the whole object and takes its beginning: for a range S3 tells no checksum. What is not read of a large
    /// object costs the connection.
    async fn get_start(&self, location: &Location, most: u64) -> Result<(ObjectMeta, Bytes), StoreError> {
        let operation = "reading";
        location.check(operation)?;
        let pin = Pin::of(location);
        let request = self
            .client
            .get_object()
            .bucket(&location.bucket)
            .key(&location.key);
        let answer = request
            .set_if_match(pin.if_match)
            .set_version_id(pin.version_id)
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
        // To the end, because there the checksum is verified.
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
        let pin = Pin::of(location);
        let request = self
            .client
            .get_object()
            .bucket(&location.bucket)
            .key(&location.key);
        let answer = request
            .set_if_match(pin.if_match)
            .set_version_id(pin.version_id)
            .range(format!("bytes=-{most}"))
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let failure = classify(&error);
                // No range fits into an empty object, and there is no way to ask S3 for no bytes.
                if failure.status == Some(416) {
                    return Ok((self.head(location).await?, Bytes::new()));
                }
                return Err(from_failure(operation, location, failure));
            }
        };
        // A server may ignore the range and send everything.
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

    /// Large, because each request is paid for and waits some 20 ms.
    fn chunk_bytes(&self) -> u64 {
        8 << 20
    }

    async fn get_range(&self, location: &Location, range: Range<u64>) -> Result<Bytes, StoreError> {
        let operation = format!("reading bytes {}..{} of", range.start, range.end);
        location.check(&operation)?;
        if range.is_empty() {
            // There is no way to ask S3 for no bytes, but the object must exist.
            return self.head(location).await.map(|_| Bytes::new());
        }
        let pin = Pin::of(location);
        let request = self
            .client
            .get_object()
            .bucket(&location.bucket)
            .key(&location.key);
        let answer = request
            .set_if_match(pin.if_match)
            .set_version_id(pin.version_id)
            .range(format!("bytes={}-{}", range.start, range.end - 1))
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let failure = classify(&error);
                // The object is there and ends before the range begins.
                if failure.status == Some(416) {
                    return Ok(Bytes::new());
                }
                return Err(from_failure(&operation, location, failure));
            }
        };
        let Some(content_range) = &answer.content_range else {
            // A server may ignore the range and send everything.
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
        put(&self.client, "writing", location, bytes, false).await
    }

    async fn put_if_absent(&self, location: &Location, bytes: Bytes) -> Result<WrittenObject, StoreError> {
        put(&self.client, "writing, if absent,", location, bytes, true).await
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
            // Keys may hold characters that XML cannot.
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
                });
            }
        }
        // Directory buckets do not sort; for the others this is one pass.
        found.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }
}

/// One PutObject.
async fn put(
    client: &Client,
    operation: &str,
    location: &Location,
    bytes: Bytes,
    only_if_absent: bool,
) -> Result<WrittenObject, StoreError> {
    location.check_for_write(operation)?;
    let size = bytes.len() as u64;
    let answer = client
        .put_object()
        .bucket(&location.bucket)
        .key(&location.key)
        .body(ByteStream::from(bytes))
        .set_if_none_match(only_if_absent.then(|| "*".to_owned()))
        .send()
        .await
        .map_err(|error| match classify(&error) {
            // Here 412 says what was asked, not that a version is gone.
            failure if failure.kind == FailureKind::AlreadyExists && only_if_absent => {
                StoreError::AlreadyExists(ErrorContext::new(operation, location, failure.message))
            }
            failure => from_failure(operation, location, failure),
        })?;
    written(operation, location, size, answer.e_tag, answer.version_id)
}
