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

    /// Whether it is a calibration: a sampling frequency, and a gain or a physical unit.
    pub fn calibrates(&self) -> bool {
        self.sampling_frequency_hz.is_some() && !(self.gain.is_empty() && self.units.is_empty())
    }

    /// These settings, and those of `other` where these say nothing.
    #[must_use]
    pub fn over(&self, other: &Settings) -> Settings {
        fn first<T: Clone>(first: &[T], second: &[T]) -> Vec<T> {
            if first.is_empty() { second } else { first }.to_vec()
        }
        Settings {
            sampling_frequency_hz: self.sampling_frequency_hz.or(other.sampling_frequency_hz),
            gain: first(&self.gain, &other.gain),
            baseline: first(&self.baseline, &other.baseline),
            units: first(&self.units, &other.units),
            leads: first(&self.leads, &other.leads),
            variables: first(&self.variables, &other.variables),
        }
    }
}

/// The parts of a text; the rows of a char matrix come as lines.
pub fn parts(text: &str) -> Vec<String> {
    let parts = text.split([',', ';', '\n']);
    parts.map(|part| part.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_replace_others_field_by_field() {
        let flags = Settings {
            gain: vec![100.0],
            ..Settings::default()
        };
        let header = Settings {
            sampling_frequency_hz: Some(360.0),
            gain: vec![200.0, 400.0],
            leads: vec!["I".into(), "II".into()],
            ..Settings::default()
        };
        let both = flags.over(&header);
        assert_eq!(both.gain, [100.0]);
        assert_eq!((both.sampling_frequency_hz, both.leads.len()), (Some(360.0), 2));
        assert_eq!(Settings::default().over(&header), header);
        assert_eq!(header.over(&flags), header);
    }

    #[test]
    fn what_calibrates() {
        let units = Settings {
            units: vec!["mV".into()],
            ..Settings::default()
        };
        let frequency = Settings {
            sampling_frequency_hz: Some(500.0),
            ..Settings::default()
        };
        assert!(!units.calibrates() && !frequency.calibrates());
        assert!(units.over(&frequency).calibrates());
    }
}
