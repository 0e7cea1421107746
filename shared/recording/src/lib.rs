//! From a file to a recording: how it is calibrated, what its key says, and the checks that it has to pass.
//!
//! Pure: everything here takes readers, texts and maps, and knows no bucket and no clock.

mod calibration;
mod examine;
mod missing;
pub mod profiles;
mod sources;
mod verdict;

use ecg_formats::{Origin, Signals};
use serde::{Deserialize, Serialize};

pub use calibration::{Calibration, LeadCalibration};
pub use examine::{Examined, FileContext, examine};
pub use verdict::{Reason, SampleFacts, Verdict};

/// A recording whose structure was checked: what is read later relies on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// Which part of the file it is.
    #[serde(flatten)]
    pub signals: Signals,
    /// How ADC units become millivolts.
    pub calibration: Calibration,
    /// Class of the recording, from its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Name of the record, from its key or header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// Number of the fragment within the record, from its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fragment: Option<i32>,
    /// Whose it is, with what it was made and when.
    #[serde(default, skip_serializing_if = "Origin::is_empty")]
    pub origin: Origin,
}

impl Recording {
    /// Length in seconds.
    pub fn duration_s(&self) -> f64 {
        self.signals.samples as f64 / self.calibration.sampling_frequency_hz
    }

    /// Samples of a full segment of so many seconds, at least one.
    pub fn segment_samples(&self, segment_s: f64) -> u64 {
        ((segment_s * self.calibration.sampling_frequency_hz).round() as u64).max(1)
    }
}
