//! What one message of the queue asks for: S3's own notification, or the form that EventBridge gives the same event.
//!
//! The two differ in spelling, and in one thing that matters: the notification encodes the key as a form field (`+` is
//! a space), EventBridge leaves it as it is.

use ecg_core::day::parse_rfc3339;
use ecg_core::layout::is_recording;
use ecg_core::message::{ExecutionInput, INPUT_BYTES_MAX, Source};
use ecg_core::recording_id;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What a message asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contents {
    /// The uploads of recordings in it, in their order.
    pub uploads: Vec<ExecutionInput>,
    /// What could not be understood: what was expected, what was found.
    pub faults: Vec<String>,
}

/// Reads the body of a message. What is no upload of a recording (a test event, a deletion, a `.hea` file) asks for
/// nothing and is no fault.
pub fn read(body: &str, raw_bucket: &str) -> Contents {
    let outcomes = match serde_json::from_str::<Value>(body) {
        Ok(message) => read_message(&message, raw_bucket),
        Err(error) => vec![Err(format!("body: expected JSON, found {error}"))],
    };
    let mut contents = Contents::default();
    for outcome in outcomes {
        match outcome {
            Ok(upload) => contents.uploads.extend(upload),
            Err(fault) => contents.faults.push(fault),
        }
    }
    contents
}

pub(crate) type Outcome = Result<Option<ExecutionInput>, String>;

fn read_message(message: &Value, raw_bucket: &str) -> Vec<Outcome> {
    if message.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return Vec::new();
    }
    if let Some(records) = message.get("Records").and_then(Value::as_array) {
        return records
            .iter()
            .map(|record| read_record(record, raw_bucket))
            .collect();
    }
    if message.get("detail-type").is_some() {
        return vec![read_bridged(message, raw_bucket)];
    }
    vec![Err(
        "body: expected `Records`, `detail-type` or the event `s3:TestEvent`, found none of them".to_owned(),
    )]
}

/// A record of S3's own notification.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_source: String,
    event_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreatedRecord {
    event_time: String,
    s3: Place,
}

/// The form of EventBridge.
#[derive(Deserialize)]
struct Bridged {
    source: String,
    #[serde(rename = "detail-type")]
    detail_type: String,
}

#[derive(Deserialize)]
struct CreatedBridged {
    time: String,
    detail: Place,
}

#[derive(Deserialize)]
pub(crate) struct Place {
    pub(crate) bucket: Bucket,
    pub(crate) object: Object,
}

#[derive(Deserialize)]
pub(crate) struct Bucket {
    pub(crate) name: String,
}

#[derive(Deserialize)]
pub(crate) struct Object {
    pub(crate) key: String,
    pub(crate) size: u64,
    #[serde(alias = "eTag")]
    pub(crate) etag: String,
    #[serde(default, alias = "versionId", rename = "version-id")]
    pub(crate) version_id: Option<String>,
    #[serde(default)]
    pub(crate) sequencer: Option<String>,
}

fn read_record(value: &Value, raw_bucket: &str) -> Outcome {
    let record: Record = typed(value, "record of a notification")?;
    if record.event_source != "aws:s3" {
        return Err(format!(
            "eventSource: expected `aws:s3`, found `{}`",
            record.event_source
        ));
    }
    if !record.event_name.starts_with("ObjectCreated:") {
        return Ok(None);
    }
    let created: CreatedRecord = typed(value, "record of a notification")?;
    let key = form_decoded(&created.s3.object.key)?;
    upload(created.s3, key, &created.event_time, raw_bucket)
}

fn read_bridged(value: &Value, raw_bucket: &str) -> Outcome {
    let event: Bridged = typed(value, "event of EventBridge")?;
    if event.source != "aws.s3" {
        return Err(format!("source: expected `aws.s3`, found `{}`", event.source));
    }
    if event.detail_type != "Object Created" {
        return Ok(None);
    }
    let created: CreatedBridged = typed(value, "event of EventBridge")?;
    let key = created.detail.object.key.clone();
    upload(created.detail, key, &created.time, raw_bucket)
}

fn typed<T: DeserializeOwned>(value: &Value, what: &str) -> Result<T, String> {
    T::deserialize(value).map_err(|error| format!("{what}: {error}"))
}

/// The upload, or nothing where the key is not that of a recording.
pub(crate) fn upload(place: Place, key: String, time: &str, raw_bucket: &str) -> Outcome {
    let (bucket, object) = (place.bucket.name, place.object);
    if bucket != raw_bucket {
        return Err(format!("bucket: expected `{raw_bucket}`, found `{bucket}`"));
    }
    if !is_recording(&key) {
        return Ok(None);
    }
    let uploaded_at_ms =
        parse_rfc3339(time).ok_or_else(|| format!("time: expected RFC 3339, found `{time}`"))?;
    let etag = object.etag.trim_matches('"').to_owned();
    // A bucket without versioning has no version id, one with suspended versioning has `null`; the ETag pins the
    // bytes there.
    let version = object
        .version_id
        .filter(|id| !id.is_empty() && id != "null")
        .unwrap_or_else(|| etag.clone());
    if version.is_empty() {
        return Err(format!(
            "object `{key}`: expected a version id or an ETag, found neither"
        ));
    }
    let input = ExecutionInput::new(
        recording_id(&bucket, &key, &version),
        Source {
            bucket,
            key,
            version,
            etag,
            size: object.size,
            uploaded_at_ms,
            sequencer: object.sequencer,
        },
    );
    // Else a later message of the workflow would be too large, and the failure could not be recorded. Nothing that S3
    // sends is that large; what is comes back and ends in the dead letter queue.
    let bytes = input.bytes();
    if bytes > INPUT_BYTES_MAX {
        return Err(format!(
            "object `{}`: expected at most {INPUT_BYTES_MAX} bytes as input of an execution, found {bytes}",
            input.source.key
        ));
    }
    Ok(Some(input))
}

/// A key as S3 notifications encode it: `application/x-www-form-urlencoded`.
fn form_decoded(key: &str) -> Result<String, String> {
    let spaced = key.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(error) => Err(format!("key `{key}`: expected UTF-8, found {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ETAG: &str = "d41d8cd98f00b204e9800998ecf8427e";

    fn record(name: &str, object: Value) -> Value {
        json!({
            "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-central-1",
            "eventTime": "2026-11-23T08:00:00.123Z", "eventName": name,
            "s3": { "bucket": { "name": "raw", "arn": "arn:aws:s3:::raw" }, "object": object },
        })
    }

    fn created(key: &str) -> Value {
        record(
            "ObjectCreated:Put",
            json!({ "key": key, "size": 7240, "eTag": ETAG, "sequencer": "0055AED6DCD90281E5" }),
        )
    }

    fn bridged(detail_type: &str, key: &str) -> Value {
        json!({
            "version": "0", "detail-type": detail_type, "source": "aws.s3", "time": "2026-11-23T08:00:00Z",
            "detail": {
                "version": "0", "bucket": { "name": "raw" }, "reason": "PutObject",
                "object": { "key": key, "size": 7240, "etag": ETAG, "version-id": "v.1", "sequencer": "00617F08299329D189" },
            },
        })
    }

    fn one(message: &Value) -> ExecutionInput {
        let contents = read(&message.to_string(), "raw");
        assert_eq!(
            (contents.uploads.len(), contents.faults.as_slice()),
            (1, &[][..]),
            "{contents:?}"
        );
        contents.uploads.into_iter().next().unwrap()
    }

    #[test]
    fn keys_are_decoded_as_form_fields() {
        for (encoded, key) in [
            ("a/1+NSR/100m+%280%29.mat", "a/1 NSR/100m (0).mat"),
            ("a%2Bb.mat", "a+b.mat"),
            ("a%20b.mat", "a b.mat"),
            ("100%25+sure.mat", "100% sure.mat"),
            ("%E5%BF%83%E9%9B%BB%E5%9B%B3/%C3%BC.mat", "心電図/ü.mat"),
            ("100%.mat", "100%.mat"),
            ("A.MAT", "A.MAT"),
        ] {
            let input = one(&json!({ "Records": [created(encoded)] }));
            assert_eq!(input.source.key, key);
            assert_eq!(input.recording_id, recording_id("raw", key, ETAG));
        }
    }

    #[test]
    fn the_longest_key_of_s3_is_started_and_what_is_longer_is_said() {
        for (character, encoded) in [("\u{1}", "%01"), ("\"", "%22"), ("心", "%E5%BF%83")] {
            let times = (1024 - ".mat".len()) / character.len();
            let input = one(&json!({ "Records": [created(&(encoded.repeat(times) + ".mat"))] }));
            assert_eq!(input.source.key, character.repeat(times) + ".mat");
            assert!(input.bytes() <= INPUT_BYTES_MAX, "{}", input.bytes());
            let text = serde_json::to_string(&input).unwrap();
            assert_eq!(serde_json::from_str::<ExecutionInput>(&text).unwrap(), input);
        }
        let long = json!({ "Records": [created(&("%22".repeat(2_000) + ".mat"))] });
        let contents = read(&long.to_string(), "raw");
        assert!(
            contents.uploads.is_empty() && contents.faults[0].contains("at most 2560 bytes"),
            "{contents:?}"
        );
    }

    #[test]
    fn every_field_of_the_notification_is_kept() {
        let object =
            json!({ "key": "a.mat", "size": 7240, "eTag": ETAG, "versionId": "v.1", "sequencer": "0055" });
        let input = one(&json!({ "Records": [record("ObjectCreated:CompleteMultipartUpload", object)] }));
        assert_eq!(
            serde_json::to_value(&input).unwrap(),
            json!({
                "recording_id": recording_id("raw", "a.mat", "v.1"),
                "source": {
                    "bucket": "raw", "key": "a.mat", "version": "v.1", "etag": ETAG, "size": 7240,
                    "uploaded_at_ms": 1_795_420_800_123_i64, "sequencer": "0055",
                },
            })
        );
    }

    #[test]
    fn the_form_of_eventbridge_says_the_same() {
        let input = one(&bridged("Object Created", "a+b/ü 100%25.mat"));
        assert_eq!(input.source.key, "a+b/ü 100%25.mat");
        assert_eq!(
            (input.source.version.as_str(), input.source.etag.as_str()),
            ("v.1", ETAG)
        );
        assert_eq!(input.source.uploaded_at_ms, 1_795_420_800_000);
        assert_eq!(input.source.sequencer.as_deref(), Some("00617F08299329D189"));
    }

    #[test]
    fn versions_of_a_key_are_recordings_of_their_own() {
        let version = |id: Value| {
            let object = json!({ "key": "a.mat", "size": 1, "eTag": ETAG, "versionId": id });
            one(&json!({ "Records": [record("ObjectCreated:Copy", object)] }))
        };
        let (first, second) = (version(json!("v1")), version(json!("v2")));
        assert_ne!(first.recording_id, second.recording_id);
        for unversioned in [json!("null"), json!(""), json!(null)] {
            assert_eq!(version(unversioned).source.version, ETAG);
        }
    }

    #[test]
    fn what_is_no_upload_of_a_recording_asks_for_nothing() {
        for message in [
            json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-23T08:00:00Z", "Bucket": "raw" }),
            json!({ "Records": [] }),
            json!({ "Records": [created("a.hea"), created("folder/"), created("a.mat.txt")] }),
            json!({ "Records": [record("ObjectRemoved:Delete", json!({ "key": "a.mat", "sequencer": "00" }))] }),
            json!({ "Records": [record("ObjectTagging:Put", json!({ "key": "a.mat", "eTag": ETAG }))] }),
            bridged("Object Deleted", "a.mat"),
            bridged("Object Created", "a.hea"),
        ] {
            assert_eq!(
                read(&message.to_string(), "raw"),
                Contents::default(),
                "{message}"
            );
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        let other_bucket = |mut message: Value| {
            message["s3"]["bucket"]["name"] = json!("processed");
            json!({ "Records": [message] })
        };
        let with = |name: &str, value: Value| {
            let mut message = created("a.mat");
            message[name] = value;
            json!({ "Records": [message] })
        };
        let object = |object: Value| json!({ "Records": [record("ObjectCreated:Put", object)] });
        for (message, fault) in [
            (json!(7), "expected `Records`"),
            (json!({ "Records": 7 }), "expected `Records`"),
            (
                json!({ "Records": ["text"] }),
                "record of a notification: invalid type",
            ),
            (
                with("eventSource", json!("aws:sns")),
                "expected `aws:s3`, found `aws:sns`",
            ),
            (
                with("eventTime", json!("yesterday")),
                "expected RFC 3339, found `yesterday`",
            ),
            (
                with("s3", json!(null)),
                "record of a notification: invalid type: null",
            ),
            (
                other_bucket(created("a.mat")),
                "expected `raw`, found `processed`",
            ),
            (object(json!({ "size": 1, "eTag": ETAG })), "missing field `key`"),
            (
                object(json!({ "key": "a.mat", "eTag": ETAG })),
                "missing field `size`",
            ),
            (
                object(json!({ "key": "a.mat", "size": 1, "eTag": "" })),
                "expected a version id or an ETag",
            ),
            (
                object(json!({ "key": "%FF.mat", "size": 1, "eTag": ETAG })),
                "key `%FF.mat`: expected UTF-8",
            ),
            (
                json!({ "detail-type": "Object Created", "source": "aws.ec2" }),
                "expected `aws.s3`, found `aws.ec2`",
            ),
            (
                json!({ "detail-type": "Object Created", "source": "aws.s3" }),
                "missing field `time`",
            ),
        ] {
            let contents = read(&message.to_string(), "raw");
            assert!(contents.uploads.is_empty(), "{message}");
            assert!(
                contents.faults.len() == 1 && contents.faults[0].contains(fault),
                "{fault}: {contents:?}"
            );
        }
        assert!(read("not JSON", "raw").faults[0].contains("expected JSON"));
    }
}
