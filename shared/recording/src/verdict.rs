//! The verdict on a recording: every check with its value and limit, and what the recording is.

use ecg_core::Details;
use ecg_formats::Check;
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
    /// Whose a rejected recording is, where only that could be told and not what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_id: Option<String>,
    /// SHA-256 of the file in hexadecimal, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_sha256: Option<String>,
    /// What the samples are, where they could be read to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<SampleFacts>,
}

impl Verdict {
    /// Whose the recording is, as far as it could be told.
    pub fn subject_id(&self) -> Option<&str> {
        let described = self.recording.as_ref();
        let subject = described.and_then(|recording| recording.origin.subject_id.as_deref());
        subject.or(self.subject_id.as_deref())
    }

    /// The limit that the recording is not within, by its name in `ecg_core::rules`; `None` where no limit is involved.
    pub fn broken_rule(&self) -> Option<&'static str> {
        let check = self.checks.iter().find(|check| !check.passed)?;
        let what = check.name.rsplit(": ").next().unwrap_or(&check.name);
        Some(match what {
            // An empty file is within every limit that can be changed.
            "size" if check.value != "0 bytes" => "reject_bytes_above",
            "leads" => "reject_leads_above",
            "values" => "reject_values_above",
            "missing samples" => "reject_missing_share_above",
            "sampling frequency" => "reject_sampling_frequency_hz_below or _above",
            _ => return None,
        })
    }
}

/// Why a recording is rejected: [`Details`] in serialised form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Everything in one line.
    pub message: String,
    /// What was looked at.
    #[serde(default)]
    pub subject: String,
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
            subject: details.subject.clone(),
            expected: details.expected.clone(),
            found: details.found.clone(),
            offset: details.offset,
            try_flags: None,
        }
    }
}

impl From<Reason> for Details {
    fn from(reason: Reason) -> Details {
        Details {
            subject: reason.subject,
            expected: reason.expected,
            found: reason.found,
            offset: reason.offset,
        }
    }
}
