//! What is said about a recording from outside its samples: the values of a calibration, and the variables that hold it.

use serde::{Deserialize, Serialize};

/// Values of a calibration, each of them optional, and the names of the variables that hold the samples.
///
/// Every source of a calibration is one of these: the options of a command, a WFDB header, variables of the file, metadata of
/// the object, a profile.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Sampling frequency in Hz.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampling_frequency_hz: Option<f64>,
    /// ADC gain in adu per physical unit: one number for all leads, or one per lead. 0 means unknown (WFDB).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gain: Vec<f64>,
    /// ADC value at 0 physical units: one number for all leads, or one per lead.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub baseline: Vec<f64>,
    /// Physical unit: one for all leads, or one per lead.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub units: Vec<String>,
    /// Names of the leads, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leads: Vec<String>,
    /// The variable that holds the samples, or several that hold one lead each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<String>,
}

impl Settings {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Settings::default()
    }
}
