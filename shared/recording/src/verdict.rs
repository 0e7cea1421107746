//! The verdict on a recording: every check with its value and limit, and what the recording is.

use ecg_core::Details;
use serde::{Deserialize, Serialize};

use crate::Recording;

/// What validate found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether the recording goes on.
    pub accepted: bool,
    /// Every check that was made, in order. Those after the first failure could not be made.
    pub checks: Vec<Check>,
    /// Why the recording was rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What the recording is, as far as it could be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<Recording>,
    /// SHA-256 of the file in hexadecimal, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_sha256: Option<String>,
    /// What the samples are, where they could be read to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<SampleFacts>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Name of the check.
    pub name: String,
    /// What was found.
    pub value: String,
    /// What is allowed.
    pub limit: String,
    /// Whether the value is within the limit.
    pub passed: bool,
}

/// Why a recording is rejected: [`Details`] in serialised form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Everything in one line.
    pub message: String,
    /// What would have been right.
    pub expected: String,
    /// What was there.
    pub found: String,
    /// Byte offset in the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Flags of `ecg run` and `ecg inspect` to add, such as `--fs HZ --units mV`; words in upper case stand for what a
    /// person has to fill in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub try_flags: Option<String>,
}

/// What one pass over the samples tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleFacts {
    /// Missing samples over all leads: NaN, infinite, or the WFDB sentinel.
    pub missing_samples: u64,
    /// Smallest valid value, in adu.
    pub min_adu: Option<f64>,
    /// Largest valid value, in adu.
    pub max_adu: Option<f64>,
}

impl From<&Details> for Reason {
    fn from(details: &Details) -> Reason {
        Reason {
            message: details.to_string(),
            expected: details.expected.clone(),
            found: details.found.clone(),
            offset: details.offset,
            try_flags: None,
        }
    }
}

/// The checks made so far.
#[derive(Debug, Default)]
pub struct Checks(Vec<Check>);

impl Checks {
    /// Notes a check and fails if it did not pass.
    ///
    /// # Errors
    /// The check as details, with `name` as subject, the limit as expected and the value as found.
    pub fn check(
        &mut self,
        name: &str,
        value: impl ToString,
        limit: impl ToString,
        passed: bool,
    ) -> Result<(), Details> {
        let (value, limit) = (value.to_string(), limit.to_string());
        let outcome = if passed {
            Ok(())
        } else {
            Err(Details::new(name, limit.clone(), value.clone()))
        };
        self.0.push(Check {
            name: name.to_owned(),
            value,
            limit,
            passed,
        });
        outcome
    }

    /// Notes the outcome of something that either gives a value or says itself what is wrong.
    ///
    /// # Errors
    /// The given error.
    pub fn outcome<T>(
        &mut self,
        name: &str,
        limit: &str,
        outcome: Result<T, Details>,
        value: impl Fn(&T) -> String,
    ) -> Result<T, Details> {
        let (shown, passed) = match &outcome {
            Ok(found) => (value(found), true),
            Err(details) => (details.found.clone(), false),
        };
        self.0.push(Check {
            name: name.to_owned(),
            value: shown,
            limit: limit.to_owned(),
            passed,
        });
        outcome
    }

    /// The checks in order.
    pub fn into_vec(self) -> Vec<Check> {
        self.0
    }
}
