//! What a backfill asks: under which name, and with which input, does the workflow run for an object that lies there?
//!
//! The answer is what the upload itself led to, so that the same object gets the same recording id and lands in the
//! same partition. An event and HeadObject tell the same of an object but for its time: S3's event has the moment in which
//! the upload was complete, in milliseconds; `Last-Modified` is in whole seconds, and for a multipart upload it is when that
//! began, which may be another day. So a rerun asks for the execution that the upload started, and takes time and
//! sequencer from its input. Step Functions remembers it for 90 days; after that, and for an object that never started
//! one, `Last-Modified` is what there is.

use ecg_core::day::{parse_http_date, rfc3339};
use ecg_core::message::ExecutionInput;
use ecg_core::{Details, StepError, execution_name};
use serde::{Deserialize, Serialize};

use crate::event::{Bucket, Object, Place, upload};
use crate::{Executions, Starter};

/// An object in the raw bucket.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Stored {
    /// The bucket.
    pub bucket: String,
    /// The key, as it is: not encoded.
    pub key: String,
    /// What S3 says of its newest version.
    pub head: Head,
    /// What a deliberate rerun appends to the name, and to nothing else; empty for none.
    #[serde(default)]
    pub suffix: String,
}

/// The answer of HeadObject, in the names that Step Functions gives it; the rest of it is of no interest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Head {
    /// ETag, in quotes.
    #[serde(rename = "ETag")]
    pub etag: String,
    /// Version id, where the bucket has versions.
    #[serde(default)]
    pub version_id: Option<String>,
    /// Size in bytes.
    pub content_length: u64,
    /// RFC 3339, or as HTTP has it.
    pub last_modified: String,
}

/// An execution that may be started.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Named {
    /// Its name: the recording id, and the suffix of a rerun.
    pub name: String,
    /// Its input.
    pub input: ExecutionInput,
}

/// What of an execution's input HeadObject does not tell.
#[derive(Deserialize)]
struct Remembered {
    source: Moment,
}

#[derive(Deserialize)]
struct Moment {
    uploaded_at_ms: i64,
    #[serde(default)]
    sequencer: Option<String>,
}

/// Name and input of the execution of this object.
pub(crate) async fn name<W: Executions>(starter: &Starter<W>, stored: Stored) -> Result<Named, StepError> {
    let Stored {
        bucket,
        key,
        head,
        suffix,
    } = stored;
    let time = parse_http_date(&head.last_modified)
        .and_then(rfc3339)
        .unwrap_or(head.last_modified);
    let object = Object {
        key: key.clone(),
        size: head.content_length,
        etag: head.etag,
        version_id: head.version_id,
        sequencer: None,
    };
    let place = Place {
        bucket: Bucket { name: bucket },
        object,
    };
    let mut input = upload(place, key.clone(), &time, &starter.raw_bucket)
        .map_err(StepError::Internal)?
        .ok_or_else(|| {
            StepError::Rejected(Details::new(
                "key",
                format!("one that ends in {}", ecg_core::layout::endings_in_words()),
                format!("`{key}`"),
            ))
        })?;
    let name = execution_name(&input.recording_id, &suffix).map_err(StepError::Internal)?;
    // Without a suffix an execution that is remembered bears this very name, and is not started again whatever the input.
    if !suffix.is_empty()
        && let Some(text) = starter.workflow.input_of(&input.recording_id).await?
    {
        let remembered: Remembered = serde_json::from_str(&text).map_err(|error| {
            StepError::Internal(format!("input of the execution {}: {error}", input.recording_id))
        })?;
        input.source.uploaded_at_ms = remembered.source.uploaded_at_ms;
        input.source.sequencer = remembered.source.sequencer;
    }
    tracing::info!(recording_id = input.recording_id, execution = name, key, "named");
    Ok(Named { name, input })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Started;
    use ecg_core::message::Source;
    use ecg_core::recording_id;
    use serde_json::{Value, json};

    /// What Step Functions remembers: at most one execution, its name and its input.
    struct Memory(Option<(String, String)>);

    impl Executions for Memory {
        async fn start(&self, _: &ExecutionInput) -> Result<Started, StepError> {
            panic!("naming starts nothing")
        }

        async fn input_of(&self, name: &str) -> Result<Option<String>, StepError> {
            let known = self.0.as_ref().filter(|(known, _)| known == name);
            Ok(known.map(|(_, input)| input.clone()))
        }
    }

    fn head() -> Value {
        json!({ "ETag": "\"0f\"", "VersionId": "v.1", "ContentLength": 7240, "LastModified": "2026-11-23T23:59:58Z",
                "ContentType": "binary/octet-stream", "Metadata": {} })
    }

    async fn ask(
        memory: Option<(String, String)>,
        key: &str,
        head: Value,
        suffix: &str,
    ) -> Result<Named, StepError> {
        let starter = Starter {
            raw_bucket: "raw".into(),
            lake: crate::tests::lake(),
            workflow: Memory(memory),
        };
        let stored = json!({ "bucket": "raw", "key": key, "head": head, "suffix": suffix });
        name(&starter, serde_json::from_value(stored).unwrap()).await
    }

    fn from_head() -> ExecutionInput {
        ExecutionInput::new(
            recording_id("raw", "1 NSR/a+b.mat", "v.1"),
            Source {
                bucket: "raw".into(),
                key: "1 NSR/a+b.mat".into(),
                version: "v.1".into(),
                etag: "0f".into(),
                size: 7240,
                uploaded_at_ms: 1_795_478_398_000,
                sequencer: None,
            },
        )
    }

    #[tokio::test]
    async fn an_object_without_an_execution_is_named_from_what_s3_says() {
        let named = ask(None, "1 NSR/a+b.mat", head(), "").await.unwrap();
        assert_eq!(named.name, named.input.recording_id);
        assert_eq!(named.input, from_head());

        let mut as_http = head();
        as_http["LastModified"] = json!("Mon, 23 Nov 2026 23:59:58 GMT");
        assert_eq!(ask(None, "1 NSR/a+b.mat", as_http, "").await.unwrap(), named);

        let rerun = ask(None, "1 NSR/a+b.mat", head(), "b2").await.unwrap();
        assert_eq!(rerun.name, format!("{}-b2", named.name));
        assert_eq!(rerun.input, named.input);
    }

    #[tokio::test]
    async fn a_bucket_without_versions_pins_by_etag() {
        let mut unversioned = head();
        unversioned.as_object_mut().unwrap().remove("VersionId");
        let named = ask(None, "a.mat", unversioned, "").await.unwrap();
        assert_eq!(named.input.recording_id, recording_id("raw", "a.mat", "0f"));
    }

    /// The multipart upload of this object began on the 23rd, and was complete on the 24th.
    #[tokio::test]
    async fn a_rerun_lands_on_the_day_of_the_upload() {
        let mut first = from_head();
        first.source.uploaded_at_ms = 1_795_478_403_123;
        first.source.sequencer = Some("0055".into());
        let text = serde_json::to_string(&first).unwrap();
        let memory = Some((first.recording_id.clone(), text));
        let rerun = ask(memory.clone(), "1 NSR/a+b.mat", head(), "b2").await.unwrap();
        assert_eq!(rerun.name, format!("{}-b2", first.recording_id));
        assert_eq!(rerun.input, first);
        let other = ask(memory, "another.mat", head(), "b2").await.unwrap();
        assert_eq!(other.input.source.uploaded_at_ms, 1_795_478_398_000);

        let unreadable = Some((first.recording_id, "{}".to_owned()));
        let error = ask(unreadable, "1 NSR/a+b.mat", head(), "b2").await.unwrap_err();
        assert!(
            error.name() == "Internal" && error.to_string().contains("missing field `source`"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn what_can_not_be_run_is_refused() {
        let mut undated = head();
        undated["LastModified"] = json!("lately");
        for (key, head, suffix, name, said) in [
            ("a.hea", head(), "", "Rejected", "found `a.hea`"),
            ("a.mat", head(), "too-long", "Internal", "at most 7 characters"),
            (
                "a.mat",
                undated,
                "",
                "Internal",
                "expected RFC 3339, found `lately`",
            ),
        ] {
            let error = ask(None, key, head, suffix).await.unwrap_err();
            assert!(
                error.name() == name && error.to_string().contains(said),
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn another_bucket_is_refused() {
        let starter = Starter {
            raw_bucket: "uploads".into(),
            lake: crate::tests::lake(),
            workflow: Memory(None),
        };
        let stored = json!({ "bucket": "raw", "key": "a.mat", "head": head() });
        let error = name(&starter, serde_json::from_value(stored).unwrap())
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("expected `uploads`, found `raw`"),
            "{error}"
        );
    }
}
