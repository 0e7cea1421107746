//! Objects in S3.
//!
//! * A version string is a version id, unless it has the form of an ETag (32 lower hex digits, for
//!   multipart objects followed by `-` and the number of parts): then the read is pinned by `If-Match`, and
//!   [`StoreError::NotFound`] is the answer once the object was overwritten. S3 makes version ids that
//!   cannot be mistaken for one (32 characters out of more than 60).
//! * Whole-object reads are verified against the checksum that S3 keeps; S3 sends none for a range, where
//!   the length is checked instead. Writes carry a CRC32, for multipart uploads one per part and of the whole.
//! * Retries of single requests, with back-off, are the SDK's: configure them on the client.
//! * A process that is killed leaves an unfinished multipart upload; the bucket needs a lifecycle rule
//!   `AbortIncompleteMultipartUpload`.
//! * Without the permission `s3:ListBucket`, S3 answers "access denied" for an object that is not there.
//!
//! Needs `s3:GetObject`, `s3:GetObjectVersion`, `s3:PutObject`, `s3:AbortMultipartUpload`, `s3:ListBucket`.

mod upload;

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::ops::Range;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::{ByteStream, ByteStreamError, DateTime};
use aws_sdk_s3::types::{ChecksumMode, EncodingType};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use bytes::{Bytes, BytesMut};

use crate::aws::{Failure, FailureKind, classify};
use crate::error::{ErrorContext, StoreError};
use crate::store::{ListedObject, Location, ObjectMeta, Store, Upload, WrittenObject};
use upload::S3Upload;

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

    async fn get(&self, location: &Location, limit: u64) -> Result<(ObjectMeta, Bytes), StoreError> {
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
        };
        let meta = object_meta(operation, location, facts)?;
        meta.check_limit(limit)?;
        let bytes = collect(operation, location, answer.body).await?;
        check_length(operation, location, meta.size, &bytes)?;
        Ok((meta, bytes))
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

    async fn put_with_metadata(
        &self,
        location: &Location,
        bytes: Bytes,
        metadata: BTreeMap<String, String>,
    ) -> Result<WrittenObject, StoreError> {
        put(&self.client, "writing", location, bytes, metadata, false).await
    }

    async fn put_if_absent(&self, location: &Location, bytes: Bytes) -> Result<WrittenObject, StoreError> {
        put(
            &self.client,
            "writing, if absent,",
            location,
            bytes,
            BTreeMap::new(),
            true,
        )
        .await
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
    metadata: BTreeMap<String, String>,
    only_if_absent: bool,
) -> Result<WrittenObject, StoreError> {
    location.check_for_write(operation)?;
    let size = bytes.len() as u64;
    let metadata: HashMap<String, String> = metadata.into_iter().collect();
    let answer = client
        .put_object()
        .bucket(&location.bucket)
        .key(&location.key)
        .body(ByteStream::from(bytes))
        .set_metadata((!metadata.is_empty()).then_some(metadata))
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

fn written(
    operation: &str,
    location: &Location,
    size: u64,
    etag: Option<String>,
    version_id: Option<String>,
) -> Result<WrittenObject, StoreError> {
    let (etag, version) = etag_and_version(operation, location, etag, version_id)?;
    Ok(WrittenObject {
        location: location.with_version(version),
        size,
        etag,
    })
}

/// How a read is tied to the version of its location.
struct Pin {
    if_match: Option<String>,
    version_id: Option<String>,
}

impl Pin {
    fn of(location: &Location) -> Pin {
        match &location.version {
            None => Pin {
                if_match: None,
                version_id: None,
            },
            Some(etag) if is_etag(etag) => Pin {
                if_match: Some(format!("\"{etag}\"")),
                version_id: None,
            },
            Some(id) => Pin {
                if_match: None,
                version_id: Some(id.clone()),
            },
        }
    }
}

/// Whether a version string has the form of an ETag.
fn is_etag(version: &str) -> bool {
    let (digest, parts) = version.split_once('-').unwrap_or((version, "1"));
    digest.len() == 32
        && digest
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        && !parts.is_empty()
        && parts.bytes().all(|byte| byte.is_ascii_digit())
}

/// What HEAD and GET tell alike.
struct Facts {
    size: Option<i64>,
    etag: Option<String>,
    version_id: Option<String>,
    last_modified: Option<DateTime>,
    metadata: Option<HashMap<String, String>>,
}

fn object_meta(operation: &str, location: &Location, facts: Facts) -> Result<ObjectMeta, StoreError> {
    let (etag, version) = etag_and_version(operation, location, facts.etag, facts.version_id)?;
    let size = facts
        .size
        .and_then(|size| u64::try_from(size).ok())
        .ok_or_else(|| {
            StoreError::Other(ErrorContext::new(
                operation,
                location,
                "expected a size in the answer, found none",
            ))
        })?;
    Ok(ObjectMeta {
        location: location.with_version(version),
        size,
        etag,
        last_modified_ms: milliseconds(facts.last_modified),
        metadata: facts.metadata.unwrap_or_default().into_iter().collect(),
    })
}

/// The ETag without quotes, and the version id if the bucket keeps versions, else the ETag.
fn etag_and_version(
    operation: &str,
    location: &Location,
    etag: Option<String>,
    version_id: Option<String>,
) -> Result<(String, String), StoreError> {
    let etag = etag
        .map(|etag| etag.trim_matches('"').to_owned())
        .ok_or_else(|| {
            StoreError::Other(ErrorContext::new(
                operation,
                location,
                "expected an ETag in the answer, found none",
            ))
        })?;
    // What was written before versioning was switched on has the version id `null`.
    let version = version_id
        .filter(|id| id != "null")
        .unwrap_or_else(|| etag.clone());
    Ok((etag, version))
}

async fn collect(operation: &str, location: &Location, body: ByteStream) -> Result<Bytes, StoreError> {
    let collected = body
        .collect()
        .await
        .map_err(|error| body_error(operation, location, &error))?;
    Ok(collected.into_bytes())
}

/// The range out of a whole object that streams by; memory holds no more than the range.
async fn cut_out(
    operation: &str,
    location: &Location,
    mut body: ByteStream,
    range: Range<u64>,
) -> Result<Bytes, StoreError> {
    let mut found = BytesMut::new();
    let mut at = 0;
    while at < range.end
        && let Some(piece) = body.next().await
    {
        let piece = piece.map_err(|error| body_error(operation, location, &error))?;
        let length = piece.len() as u64;
        // Both fit: they are at most the length of a piece in memory.
        let from = range.start.saturating_sub(at).min(length) as usize;
        let to = (range.end - at).min(length) as usize;
        found.extend_from_slice(&piece[from..to]);
        at += length;
    }
    Ok(found.freeze())
}

/// How many bytes `bytes 10-19/100` announces, if it begins where the range does and ends within it.
fn parse_content_range(content_range: &str, range: &Range<u64>) -> Option<u64> {
    let (first, last) = content_range
        .strip_prefix("bytes ")?
        .split_once('/')?
        .0
        .split_once('-')?;
    let (first, last) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?);
    (first == range.start && first <= last && last < range.end).then(|| last - first + 1)
}

/// Cut off on the way, or a checksum that does not fit: a new attempt may get it whole.
fn body_error(operation: &str, location: &Location, error: &ByteStreamError) -> StoreError {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        message = format!("{message}: {error}");
        source = error.source();
    }
    StoreError::Transient(ErrorContext::new(operation, location, message))
}

fn check_length(
    operation: &str,
    location: &Location,
    expected: u64,
    bytes: &Bytes,
) -> Result<(), StoreError> {
    if bytes.len() as u64 == expected {
        return Ok(());
    }
    let message = format!("expected {expected} bytes, found {}", bytes.len());
    Err(StoreError::Transient(ErrorContext::new(
        operation, location, message,
    )))
}

/// Milliseconds since 1970-01-01 UTC.
fn milliseconds(time: Option<DateTime>) -> i64 {
    time.and_then(|time| time.to_millis().ok()).unwrap_or(0)
}

fn from_sdk_error<E>(operation: &str, location: &Location, error: &SdkError<E, HttpResponse>) -> StoreError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    from_failure(operation, location, classify(error))
}

fn from_failure(operation: &str, location: &Location, failure: Failure) -> StoreError {
    // A version id that S3 never made is not a bad request for our callers but a version that is not there.
    let bad_version = location.version.is_some()
        && failure.status == Some(400)
        && failure.message.starts_with("InvalidArgument")
        && failure.message.contains("ersion");
    let context = ErrorContext::new(operation, location, failure.message);
    match failure.kind {
        FailureKind::NotFound => StoreError::NotFound(context),
        // The condition of a read is the ETag that the location names.
        FailureKind::AlreadyExists => StoreError::NotFound(context),
        FailureKind::Conflict => StoreError::Conflict(context),
        FailureKind::PermissionDenied => StoreError::PermissionDenied(context),
        FailureKind::Transient => StoreError::Transient(context),
        FailureKind::Other if bad_version => StoreError::NotFound(context),
        FailureKind::Other => StoreError::Other(context),
    }
}

/// Undoes `encoding-type=url`: `+` is a space, `%XX` is a byte.
fn decode_key(encoded: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        bytes.push(match first {
            b'+' => b' ',
            b'%' => {
                let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
                rest = &rest[2..];
                u8::from_str_radix(digits, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etags_and_version_ids_are_told_apart() {
        for etag in [
            "d41d8cd98f00b204e9800998ecf8427e",
            "d41d8cd98f00b204e9800998ecf8427e-12",
        ] {
            assert!(is_etag(etag), "{etag}");
        }
        for id in [
            "null",
            "3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY",
            "d41d8cd9-8f00-b204-e980-0998ecf8427e",
            "D41D8CD98F00B204E9800998ECF8427E",
            "d41d8cd98f00b204e9800998ecf8427e-",
            "",
        ] {
            assert!(!is_etag(id), "{id}");
        }
    }

    #[test]
    fn an_answer_tells_which_bytes_it_has() {
        assert_eq!(parse_content_range("bytes 10-19/100", &(10..20)), Some(10));
        assert_eq!(parse_content_range("bytes 10-14/15", &(10..20)), Some(5));
        for other in [
            "bytes 9-19/100",
            "bytes 10-20/100",
            "bytes */100",
            "10-19",
            "bytes 19-10/100",
        ] {
            assert_eq!(parse_content_range(other, &(10..20)), None, "{other}");
        }
    }

    #[test]
    fn listed_keys_are_decoded() {
        assert_eq!(decode_key("a+b%2Bc%25/%E5%BF%83").as_deref(), Some("a b+c%/心"));
        assert_eq!(decode_key("%E5"), None);
        assert_eq!(decode_key("%2"), None);
    }
}
