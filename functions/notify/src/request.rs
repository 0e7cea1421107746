//! The two things that notify is asked, and what it answers.

use ecg_core::message::{DigestInput, DigestOutput, NotifyInput, NotifyOutput};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// A request: only what is asked about digests has `digest_for`.
#[derive(Debug)]
pub enum Request {
    /// Tell people of this failure.
    Failure(Box<NotifyInput>),
    /// Send the digests that this execution began.
    Digests(DigestInput),
}

impl<'de> Deserialize<'de> for Request {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Request, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if value.get("digest_for").is_some() {
            serde_json::from_value(value).map(Request::Digests)
        } else {
            serde_json::from_value(value).map(Request::Failure)
        }
        .map_err(D::Error::custom)
    }
}

/// The answer to a [`Request`].
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// Where the message went.
    Failure(NotifyOutput),
    /// What became of the digests.
    Digests(DigestOutput),
}

#[cfg(feature = "lambda")]
impl ecg_lambda::Counts for Answer {}
