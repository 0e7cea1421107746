//! The two things that start is asked, and what it answers.

use aws_lambda_events::sqs::SqsEvent;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::Batch;
use crate::named::{Named, Stored};

/// A request: a batch of the queue has `Records`, what the backfill asks has not.
#[derive(Debug)]
pub enum Request {
    /// Start what these messages ask for.
    Batch(SqsEvent),
    /// Name the execution of this object.
    Stored(Stored),
}

impl<'de> Deserialize<'de> for Request {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Request, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if value.get("Records").is_some() {
            serde_json::from_value(value).map(Request::Batch)
        } else {
            serde_json::from_value(value).map(Request::Stored)
        }
        .map_err(D::Error::custom)
    }
}

/// The answer to a [`Request`].
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// The messages that have to come back.
    Batch(Batch),
    /// Name and input of an execution.
    Named(Box<Named>),
}

#[cfg(feature = "lambda")]
impl ecg_lambda::Counts for Answer {
    fn counts(&self) -> Vec<(ecg_lambda::Metric, u64)> {
        match self {
            Answer::Batch(batch) => batch.counts(),
            Answer::Named(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn requests_are_told_apart() {
        let read = serde_json::from_value::<Request>;
        assert!(matches!(read(json!({ "Records": [] })), Ok(Request::Batch(_))));
        let stored = json!({ "bucket": "raw", "key": "a.mat", "head": {
            "ETag": "\"0f\"", "ContentLength": 1, "LastModified": "2026-11-23T08:00:00Z" } });
        assert!(matches!(read(stored), Ok(Request::Stored(_))));
        for (wrong, said) in [
            (json!({}), "missing field `bucket`"),
            (json!({ "Records": 7 }), "invalid type"),
            (
                json!({ "bucket": "raw", "key": "a.mat", "head": {} }),
                "missing field `ETag`",
            ),
            (json!({ "bucket": "raw", "keys": [] }), "missing field `key`"),
        ] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
