//! Versions in requests, and conversion of S3 responses and errors to the types of the interface.

use std::collections::HashMap;
use std::error::Error;
use std::ops::Range;

use aws_sdk_s3::primitives::{ByteStream, ByteStreamError, DateTime};
use aws_sdk_s3::types::ChecksumType;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use bytes::{Bytes, BytesMut};

use crate::aws::{Failure, FailureKind, classify};
use crate::checksum::{Checksum, ChecksumAlgorithm};
use crate::error::{ErrorContext, StoreError};
use crate::location::Location;
use crate::store::{ObjectMeta, WrittenObject};

/// Returns the result of a write.
pub(super) fn written(
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

/// The request fields that select the version of a location.
pub(super) struct Pin {
    pub(super) if_match: Option<String>,
    pub(super) version_id: Option<String>,
}

impl Pin {
    pub(super) fn of(location: &Location) -> Pin {
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

/// The common fields of the responses to HEAD and GET.
pub(super) struct Facts {
    pub(super) size: Option<i64>,
    pub(super) etag: Option<String>,
    pub(super) version_id: Option<String>,
    pub(super) last_modified: Option<DateTime>,
    pub(super) metadata: Option<HashMap<String, String>>,
    pub(super) checksum: Option<Checksum>,
}

/// Returns the checksum of the whole object in a response of S3, if its type is `FULL_OBJECT`. The checksum of a
/// multipart object can also be `COMPOSITE`.
pub(super) fn checksum_of(
    kind: Option<&ChecksumType>,
    candidates: [(ChecksumAlgorithm, Option<String>); 4],
) -> Option<Checksum> {
    if kind != Some(&ChecksumType::FullObject) {
        return None;
    }
    let found = candidates
        .into_iter()
        .find_map(|(algorithm, base64)| Some((algorithm, base64?)));
    found.map(|(algorithm, base64)| Checksum { algorithm, base64 })
}

pub(super) fn object_meta(
    operation: &str,
    location: &Location,
    facts: Facts,
) -> Result<ObjectMeta, StoreError> {
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
        checksum: facts.checksum,
    })
}

/// Returns the ETag without quotes, and the version: the version id if the bucket is versioned, else the ETag.
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
    // Objects that were written before versioning was enabled have the version id `null`.
    let version = version_id
        .filter(|id| id != "null")
        .unwrap_or_else(|| etag.clone());
    Ok((etag, version))
}

pub(super) async fn collect(
    operation: &str,
    location: &Location,
    body: ByteStream,
) -> Result<Bytes, StoreError> {
    let collected = body
        .collect()
        .await
        .map_err(|error| body_error(operation, location, &error))?;
    Ok(collected.into_bytes())
}

/// Returns the range of a streamed object. Only the range is kept in memory.
pub(super) async fn cut_out(
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
        // The values fit into `usize`, because they are at most the length of a piece in memory.
        let from = range.start.saturating_sub(at).min(length) as usize;
        let to = (range.end - at).min(length) as usize;
        found.extend_from_slice(&piece[from..to]);
        at += length;
    }
    Ok(found.freeze())
}

/// Returns the number of bytes in a header such as `bytes 10-19/100`, if it begins at the start of the range and ends
/// within it.
pub(super) fn parse_content_range(content_range: &str, range: &Range<u64>) -> Option<u64> {
    let (first, last) = content_range
        .strip_prefix("bytes ")?
        .split_once('/')?
        .0
        .split_once('-')?;
    let (first, last) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?);
    (first == range.start && first <= last && last < range.end).then(|| last - first + 1)
}

/// Returns the size of the object in a header: 100 for `bytes 10-19/100`.
pub(super) fn parse_size(content_range: &str) -> Option<i64> {
    content_range.split_once('/')?.1.parse().ok()
}

/// Converts an error of a response body: the body was truncated or its checksum is wrong. A new attempt may succeed.
fn body_error(operation: &str, location: &Location, error: &ByteStreamError) -> StoreError {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        message = format!("{message}: {error}");
        source = error.source();
    }
    StoreError::Transient(ErrorContext::new(operation, location, message))
}

pub(super) fn check_length(
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

/// Returns a time in milliseconds since 1970-01-01 UTC, or 0 if it is absent.
pub(super) fn milliseconds(time: Option<DateTime>) -> i64 {
    time.and_then(|time| time.to_millis().ok()).unwrap_or(0)
}

pub(super) fn from_sdk_error<E>(
    operation: &str,
    location: &Location,
    error: &SdkError<E, HttpResponse>,
) -> StoreError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    from_failure(operation, location, classify(error))
}

pub(super) fn from_failure(operation: &str, location: &Location, failure: Failure) -> StoreError {
    // S3 rejects a version id in a wrong format as a bad request. For the caller it is a version that does not exist.
    let bad_version = location.version.is_some()
        && failure.status == Some(400)
        && failure.message.starts_with("InvalidArgument")
        && failure.message.contains("ersion");
    let context = ErrorContext::new(operation, location, failure.message);
    match failure.kind {
        FailureKind::NotFound => StoreError::NotFound(context),
        // The condition of a read is the ETag in the location.
        FailureKind::AlreadyExists => StoreError::NotFound(context),
        FailureKind::Conflict => StoreError::Conflict(context),
        FailureKind::PermissionDenied => StoreError::PermissionDenied(context),
        FailureKind::Throttled => StoreError::Throttled(context),
        FailureKind::Transient => StoreError::Transient(context),
        FailureKind::Other if bad_version => StoreError::NotFound(context),
        FailureKind::Other => StoreError::Other(context),
    }
}

/// Encodes a key for `CopySource`: every byte except letters, digits and `-_.~/` as `%XX`.
pub(super) fn encode_key(key: &str) -> String {
    let mut encoded = String::with_capacity(key.len());
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Decodes a key of a listing with `encoding-type=url`: `+` is a space, `%XX` is a byte.
pub(super) fn decode_key(encoded: &str) -> Option<String> {
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
        assert_eq!(parse_size("bytes 10-19/100"), Some(100));
        assert_eq!(parse_size("bytes 10-19/*"), None);
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
