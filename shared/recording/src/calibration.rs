//! From ADC units to millivolts: where the calibration comes from.
//!
//! First found wins: a WFDB header beside the file, variables in the file, metadata of the object, a dataset
//! profile matched on the key. A recording without any is rejected, with a message that says how to supply one.

use std::collections::BTreeMap;

use ecg_core::Details;
use serde::{Deserialize, Serialize};

use crate::header::Header;
use crate::profiles::KeyFacts;

/// How a recording is calibrated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// `header`, `variables`, `metadata` or `profile:<name>`.
    pub source: String,
    /// Sampling frequency in Hz.
    pub sampling_frequency_hz: f64,
    /// One entry per lead.
    pub leads: Vec<LeadCalibration>,
}

/// How one lead is calibrated: `mv = (adu - baseline) / gain`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeadCalibration {
    /// Name of the lead.
    pub name: String,
    /// ADC gain in adu per mV.
    pub gain: f64,
    /// ADC value at 0 mV.
    pub baseline: f64,
    /// The physical unit that the gain was given in, before conversion to mV.
    pub units: String,
}

/// Calibration found in variables of the file or in metadata of the object.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Given {
    /// Sampling frequency in Hz.
    pub sampling_frequency_hz: Option<f64>,
    /// ADC gain in adu per unit: one number, or one per lead.
    pub gain: Vec<f64>,
    /// ADC value at 0: one number, or one per lead.
    pub baseline: Vec<f64>,
    /// Physical unit.
    pub units: Option<String>,
    /// Names of the leads.
    pub leads: Vec<String>,
}

impl Given {
    /// Whether it is a calibration: a sampling frequency, and a gain or a physical unit.
    pub fn calibrates(&self) -> bool {
        self.sampling_frequency_hz.is_some() && (!self.gain.is_empty() || self.units.is_some())
    }
}

/// Everything that may hold a calibration.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The WFDB header beside the file.
    pub header: Option<Header>,
    /// Variables in the file.
    pub variables: Given,
    /// Metadata of the object.
    pub metadata: Given,
    /// What the key says.
    pub key: Option<KeyFacts>,
}

/// Finds the calibration of a recording of so many leads and samples.
///
/// # Errors
/// No source has one; or the first that has one is wrong or contradicts the file.
pub fn resolve(sources: &Sources, leads: usize, samples: u64) -> Result<Calibration, Details> {
    if let Some(header) = &sources.header {
        return from_header(header, leads, samples);
    }
    for (source, given) in [("variables", &sources.variables), ("metadata", &sources.metadata)] {
        if let Some(calibration) = from_given(source, given, leads)? {
            return Ok(calibration);
        }
    }
    if let Some(facts) = &sources.key {
        let profile = &facts.profile;
        let lead = |number: usize| LeadCalibration {
            name: lead_name(profile.leads.get(number), number),
            gain: profile.gain,
            baseline: profile.baseline,
            units: "mV".to_owned(),
        };
        return Ok(Calibration {
            source: format!("profile:{}", profile.name),
            sampling_frequency_hz: profile.sampling_frequency_hz,
            leads: (0..leads).map(lead).collect(),
        });
    }
    Err(Details::new(
        "calibration",
        "a WFDB header (.hea) beside the file, variables fs and gain in it, object metadata ecg-sampling-frequency \
         and ecg-gain, or a profile for the key in shared/recording/src/profiles.toml",
        "none of them",
    ))
}

/// Reads the metadata `ecg-sampling-frequency`, `ecg-gain`, `ecg-baseline`, `ecg-units` and `ecg-leads` (lists
/// separated by commas).
///
/// # Errors
/// A value that is not a number.
pub fn from_metadata(metadata: &BTreeMap<String, String>) -> Result<Given, Details> {
    let numbers = |name: &str| -> Result<Vec<f64>, Details> {
        let Some(text) = metadata.get(name) else {
            return Ok(Vec::new());
        };
        text.split(',')
            .map(|part| {
                part.trim().parse().map_err(|_| {
                    Details::new(
                        format!("object metadata {name}"),
                        "numbers separated by commas",
                        format!("`{text}`"),
                    )
                })
            })
            .collect()
    };
    Ok(Given {
        sampling_frequency_hz: numbers("ecg-sampling-frequency")?.first().copied(),
        gain: numbers("ecg-gain")?,
        baseline: numbers("ecg-baseline")?,
        units: metadata.get("ecg-units").cloned(),
        leads: metadata
            .get("ecg-leads")
            .map(|text| text.split(',').map(|part| part.trim().to_owned()).collect())
            .unwrap_or_default(),
    })
}

/// The name of a lead, or its number where there is none. A name is a column of every row, so what is longer than a
/// name can be is cut.
fn lead_name(given: Option<&String>, number: usize) -> String {
    const LONGEST_NAME: usize = 64;
    match given {
        Some(name) if !name.is_empty() => name.chars().take(LONGEST_NAME).collect(),
        _ => format!("lead {number}"),
    }
}

fn from_header(header: &Header, leads: usize, samples: u64) -> Result<Calibration, Details> {
    if header.signals.len() != leads {
        return Err(Details::new(
            "header (.hea)",
            format!("{leads} signals, one per lead of the file"),
            header.signals.len().to_string(),
        ));
    }
    if let Some(declared) = header.samples.filter(|declared| *declared != samples) {
        return Err(Details::new(
            "header (.hea)",
            format!("{samples} samples as in the file"),
            declared.to_string(),
        ));
    }
    let lead = |(number, signal): (usize, &crate::header::Signal)| {
        Ok(LeadCalibration {
            name: lead_name(signal.description.as_ref(), number),
            gain: per_millivolt("header (.hea)", signal.gain, &signal.units)?,
            baseline: signal.baseline,
            units: signal.units.clone(),
        })
    };
    Ok(Calibration {
        source: "header".to_owned(),
        sampling_frequency_hz: header.sampling_frequency_hz,
        leads: header
            .signals
            .iter()
            .enumerate()
            .map(lead)
            .collect::<Result<_, Details>>()?,
    })
}

/// `None` where nothing, or too little, is given: a sampling frequency, and a gain or a physical unit.
fn from_given(source: &str, given: &Given, leads: usize) -> Result<Option<Calibration>, Details> {
    let Some(sampling_frequency_hz) = given.sampling_frequency_hz.filter(|_| given.calibrates()) else {
        return Ok(None);
    };
    if !(sampling_frequency_hz.is_finite() && sampling_frequency_hz > 0.0) {
        return Err(Details::new(
            source,
            "a sampling frequency above 0 Hz",
            sampling_frequency_hz.to_string(),
        ));
    }
    let units = given.units.clone().unwrap_or_else(|| "mV".to_owned());
    // Values given in a physical unit without a gain are already in that unit.
    let gains = spread(source, "gain", &given.gain, leads, 1.0)?;
    let baselines = spread(source, "baseline", &given.baseline, leads, 0.0)?;
    let lead = |number: usize| {
        // WFDB: a gain of 0 means uncalibrated, 200 adu per unit.
        let gain = if gains[number] == 0.0 {
            200.0
        } else {
            gains[number]
        };
        Ok(LeadCalibration {
            name: lead_name(given.leads.get(number), number),
            gain: per_millivolt(source, gain, &units)?,
            baseline: baselines[number],
            units: units.clone(),
        })
    };
    Ok(Some(Calibration {
        source: source.to_owned(),
        sampling_frequency_hz,
        leads: (0..leads).map(lead).collect::<Result<_, Details>>()?,
    }))
}

/// One number for every lead, or one for each.
fn spread(source: &str, what: &str, given: &[f64], leads: usize, default: f64) -> Result<Vec<f64>, Details> {
    if let Some(bad) = given.iter().find(|value| !value.is_finite()) {
        return Err(Details::new(source, format!("a finite {what}"), bad.to_string()));
    }
    match given {
        [] => Ok(vec![default; leads]),
        [one] => Ok(vec![*one; leads]),
        many if many.len() == leads => Ok(many.to_vec()),
        many => Err(Details::new(
            source,
            format!("one {what}, or one per lead ({leads})"),
            many.len().to_string(),
        )),
    }
}

/// Converts a gain in adu per physical unit to adu per mV.
fn per_millivolt(source: &str, gain: f64, units: &str) -> Result<f64, Details> {
    let units_per_mv = match units.trim().to_ascii_lowercase().as_str() {
        "mv" | "millivolt" | "millivolts" => 1.0,
        "uv" | "µv" | "μv" | "microvolt" | "microvolts" => 1e3,
        "nv" | "nanovolt" | "nanovolts" => 1e6,
        "v" | "volt" | "volts" => 1e-3,
        _ => {
            return Err(Details::new(
                source,
                "units of V, mV, uV or nV",
                format!("`{units}`"),
            ));
        }
    };
    let per_mv = gain * units_per_mv;
    if !per_mv.is_finite() || per_mv == 0.0 {
        return Err(Details::new(
            source,
            "a finite gain other than 0",
            format!("{gain:e} per {units}"),
        ));
    }
    Ok(per_mv)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profiles;

    fn given(fs: f64, gain: &[f64], units: Option<&str>) -> Given {
        Given {
            sampling_frequency_hz: Some(fs),
            gain: gain.to_vec(),
            units: units.map(str::to_owned),
            ..Given::default()
        }
    }

    #[test]
    fn first_found_wins() {
        let header = Header::parse("r 1 250 10\nr.mat 16 100(3)/mV 11 0 0 0 0 V1\n").unwrap();
        let key = profiles::matching(&profiles::built_in().unwrap(), "100m.mat");
        let mut sources = Sources {
            header: Some(header),
            variables: given(500.0, &[2.0], None),
            metadata: given(600.0, &[4.0], None),
            key,
        };
        let found = |sources: &Sources| {
            resolve(sources, 1, 10).map(|c| (c.source, c.sampling_frequency_hz, c.leads[0].gain))
        };
        assert_eq!(found(&sources).unwrap(), ("header".into(), 250.0, 100.0));
        sources.header = None;
        assert_eq!(found(&sources).unwrap(), ("variables".into(), 500.0, 2.0));
        sources.variables = Given::default();
        assert_eq!(found(&sources).unwrap(), ("metadata".into(), 600.0, 4.0));
        sources.metadata = Given::default();
        assert_eq!(
            found(&sources).unwrap(),
            ("profile:physiobank-mitdb".into(), 360.0, 200.0)
        );
        sources.key = None;
        let message = found(&sources).unwrap_err().to_string();
        assert!(
            message.contains(".hea") && message.contains("ecg-gain") && message.contains("profiles.toml"),
            "{message}"
        );
    }

    #[test]
    fn units_become_millivolts() {
        for (units, gain) in [
            ("mV", 2.0),
            ("uV", 2000.0),
            ("µV", 2000.0),
            ("V", 0.002),
            ("nV", 2e6),
        ] {
            let sources = Sources {
                variables: given(1.0, &[2.0], Some(units)),
                ..Sources::default()
            };
            let lead = resolve(&sources, 1, 1).unwrap().leads.remove(0);
            assert_eq!((lead.gain, lead.units.as_str()), (gain, units));
        }
        let sources = Sources {
            variables: given(1.0, &[2.0], Some("mmHg")),
            ..Sources::default()
        };
        assert_eq!(resolve(&sources, 1, 1).unwrap_err().found, "`mmHg`");
        let physical = Sources {
            variables: given(1.0, &[], Some("mV")),
            ..Sources::default()
        };
        assert_eq!(resolve(&physical, 2, 1).unwrap().leads[1].gain, 1.0);
    }

    #[test]
    fn a_header_that_contradicts_the_file_is_an_error() {
        let header = Header::parse("r 1 250 10\nr.mat 16 100\n").unwrap();
        let sources = Sources {
            header: Some(header),
            ..Sources::default()
        };
        assert_eq!(resolve(&sources, 2, 10).unwrap_err().found, "1");
        assert_eq!(resolve(&sources, 1, 11).unwrap_err().found, "10");
    }

    #[test]
    fn half_a_calibration_is_none_and_a_bad_one_an_error() {
        let only_frequency = Sources {
            variables: given(360.0, &[], None),
            ..Sources::default()
        };
        assert!(resolve(&only_frequency, 1, 1).unwrap_err().found.contains("none"));
        for bad in [
            given(0.0, &[1.0], None),
            given(f64::NAN, &[1.0], None),
            given(1.0, &[f64::INFINITY], None),
            given(1.0, &[1.0, 2.0, 3.0], None),
        ] {
            let sources = Sources {
                metadata: bad.clone(),
                ..Sources::default()
            };
            let details = resolve(&sources, 2, 1).unwrap_err();
            assert_eq!(details.subject, "metadata", "{bad:?}");
        }
        let per_lead = Sources {
            metadata: given(1.0, &[1.0, 0.0], None),
            ..Sources::default()
        };
        let gains: Vec<f64> = resolve(&per_lead, 2, 1)
            .unwrap()
            .leads
            .iter()
            .map(|lead| lead.gain)
            .collect();
        assert_eq!(gains, [1.0, 200.0]);
    }

    #[test]
    fn metadata_of_an_object() {
        let metadata = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(k, v)| (k.to_string(), v.to_string()))
                .collect()
        };
        let given = from_metadata(&metadata(&[
            ("ecg-sampling-frequency", "500"),
            ("ecg-gain", "100, 200"),
            ("ecg-leads", "I, II"),
            ("other", "x"),
        ]))
        .unwrap();
        assert_eq!(
            (given.sampling_frequency_hz, given.gain.as_slice()),
            (Some(500.0), &[100.0, 200.0][..])
        );
        assert_eq!(given.leads, ["I", "II"]);
        assert!(
            from_metadata(&metadata(&[("ecg-gain", "much")]))
                .unwrap_err()
                .subject
                .contains("ecg-gain")
        );
    }
}
