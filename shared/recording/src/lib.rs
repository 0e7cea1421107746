//! From a MAT file to a recording: which variable it is, how it lies, how it is calibrated, what its key says,
//! and the checks that it has to pass.
//!
//! Pure: everything here takes readers, texts and maps, and knows no bucket and no clock.

mod calibration;
mod error;
mod examine;
pub mod header;
mod missing;
pub mod profiles;
pub mod samples;
mod select;
mod sources;
mod verdict;

use serde::{Deserialize, Serialize};

pub use calibration::{Calibration, LeadCalibration};
pub use error::RecordingError;
pub use examine::{Examined, FileContext, examine};
pub use verdict::{Check, Checks, Reason, SampleFacts, Verdict};

/// A recording whose structure was checked: what is read later relies on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// File format, such as `MAT level 4`.
    pub format: String,
    /// Name of the variable that holds the samples, or the first lead of them.
    pub variable: String,
    /// Its index among the variables of the file.
    pub variable_index: usize,
    /// The variables of the other leads in order, where each lead is a variable of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further_variables: Vec<LeadVariable>,
    /// Class of the samples, such as `int16`.
    pub class: String,
    /// Which dimension is leads.
    pub layout: Layout,
    /// Number of leads.
    pub leads: u32,
    /// Samples per lead.
    pub samples: u64,
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
}

/// A variable of the file that holds one lead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeadVariable {
    /// Its name.
    pub name: String,
    /// Its index among the variables of the file.
    pub index: usize,
}

impl Recording {
    /// Name and index of the variables that hold the samples: one, or one per lead in order.
    pub fn variables(&self) -> impl Iterator<Item = (&str, usize)> {
        let further = self.further_variables.iter();
        let further = further.map(|variable| (variable.name.as_str(), variable.index));
        std::iter::once((self.variable.as_str(), self.variable_index)).chain(further)
    }

    /// Length in seconds.
    pub fn duration_s(&self) -> f64 {
        self.samples as f64 / self.calibration.sampling_frequency_hz
    }

    /// Samples of a full segment of so many seconds, at least one.
    pub fn segment_samples(&self, segment_s: f64) -> u64 {
        ((segment_s * self.calibration.sampling_frequency_hz).round() as u64).max(1)
    }
}

/// How the samples lie. Of a matrix the shorter dimension is leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Layout {
    /// One row per lead.
    #[serde(rename = "leads x samples")]
    LeadsBySamples,
    /// One column per lead.
    #[serde(rename = "samples x leads")]
    SamplesByLeads,
    /// One variable per lead.
    #[serde(rename = "one variable per lead")]
    LeadPerVariable,
}

impl std::fmt::Display for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Layout::LeadsBySamples => "leads x samples",
            Layout::SamplesByLeads => "samples x leads",
            Layout::LeadPerVariable => "one variable per lead",
        })
    }
}
