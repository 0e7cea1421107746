//! From ADC units to millivolts: settings become a calibration.

use ecg_core::settings::Settings;
use ecg_core::{Details, counted};
use ecg_formats::{Refused, units_per_millivolt};
use serde::{Deserialize, Serialize};

/// How a recording is calibrated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// `header`, `variables`, `metadata` or `profile:<name>`; `flags` where all values were given on the command line,
    /// and `flags, header` (or another source) where some were.
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

/// What the command line calls its part in [`Calibration::source`].
const FLAGS: &str = "flags";

/// The calibration of `leads` leads that a source makes with the flags laid over it; `None` where that is too little.
/// `names` are those of leads that neither names.
///
/// # Errors
/// A value that is no calibration, or not one for all leads or one per lead; with the flag that would replace it.
pub(crate) fn complete(
    flags: &Settings,
    source: &str,
    said: &Settings,
    leads: usize,
    names: &[String],
) -> Result<Option<Calibration>, Refused> {
    let both = flags.over(said);
    let Some(sampling_frequency_hz) = both.sampling_frequency_hz.filter(|_| both.calibrates()) else {
        return Ok(None);
    };
    // A message names whoever gave the value, and the flag that replaces it.
    let from = |by_flags: bool, flag: &'static str| match by_flags {
        true => Said {
            by: FLAGS,
            flag: None,
        },
        false => Said {
            by: source,
            flag: Some(flag),
        },
    };
    if !is_frequency(sampling_frequency_hz) {
        let by = from(flags.sampling_frequency_hz.is_some(), flag::FREQUENCY);
        return Err(by.wrong(
            "a sampling frequency above 0 Hz",
            sampling_frequency_hz.to_string(),
        ));
    }
    // Behind the last separator of `I,II,` is no name.
    let names_of_leads = both.leads.iter().rposition(|name| !name.is_empty());
    let names_of_leads = names_of_leads.map_or(0, |last| last + 1);
    if names_of_leads > leads {
        let names = counted(leads as u64, "name of a lead", "names of leads");
        let by = from(!flags.leads.is_empty(), flag::LEADS);
        return Err(by.wrong(
            format!("at most {names}, one per lead of the file"),
            names_of_leads.to_string(),
        ));
    }
    let gain_from = from(!flags.gain.is_empty(), flag::GAIN);
    // Values given in a physical unit without a gain are already in that unit.
    let gains = spread_numbers(gain_from, "gain", &both.gain, leads, 1.0)?;
    let baseline_from = from(!flags.baseline.is_empty(), flag::BASELINE);
    let baselines = spread_numbers(baseline_from, "baseline", &both.baseline, leads, 0.0)?;
    let units_from = from(!flags.units.is_empty(), flag::UNITS);
    let units = spread(units_from, "unit", &both.units, leads, "mV".to_owned())?;
    let lead = |number: usize| {
        let (gain, units) = (gains[number], units[number].clone());
        let per_mv = gain_per_mv(gain, &units)
            .ok_or_else(|| units_from.wrong("units of V, mV, uV or nV", format!("`{units}`")))?;
        if !per_mv.is_finite() || per_mv == 0.0 {
            let found = format!("{gain:e} per {units}");
            return Err(gain_from.wrong("a finite gain other than 0", found));
        }
        let mut given = [both.leads.get(number), names.get(number)].into_iter().flatten();
        let name = given.find(|name| !name.is_empty());
        Ok(LeadCalibration {
            name: lead_name(name, number),
            gain: per_mv,
            baseline: baselines[number],
            units,
        })
    };
    Ok(Some(Calibration {
        source: source_text(flags, source, said),
        sampling_frequency_hz,
        leads: (0..leads).map(lead).collect::<Result<_, Refused>>()?,
    }))
}

/// Whether it can be a sampling frequency in Hz.
pub(crate) fn is_frequency(hz: f64) -> bool {
    hz.is_finite() && hz > 0.0
}

/// A gain in adu per mV from one in adu per physical unit; `None` where that is no unit of voltage.
pub(crate) fn gain_per_mv(gain: f64, units: &str) -> Option<f64> {
    // WFDB: a gain of 0 means uncalibrated, 200 adu per unit.
    let gain = if gain == 0.0 { 200.0 } else { gain };
    units_per_millivolt(units).map(|per_mv| gain * per_mv)
}

/// The flags that replace a value, with what is to be filled in.
pub(crate) mod flag {
    pub(crate) const FREQUENCY: &str = "--fs HZ";
    pub(crate) const GAIN: &str = "--gain ADU_PER_MV";
    pub(crate) const BASELINE: &str = "--baseline ADU_AT_0_MV";
    pub(crate) const UNITS: &str = "--units UNITS";
    pub(crate) const LEADS: &str = "--lead-names NAME";
}

/// Who said a value, and the flag that would replace it.
#[derive(Clone, Copy)]
struct Said<'s> {
    by: &'s str,
    flag: Option<&'static str>,
}

impl Said<'_> {
    fn wrong(self, expected: impl Into<String>, found: impl Into<String>) -> Refused {
        Refused {
            details: Details::new(self.by, expected, found),
            try_flags: self.flag.map(str::to_owned),
        }
    }
}

/// Who had a part in a calibration.
fn source_text(flags: &Settings, source: &str, said: &Settings) -> String {
    // Which variable holds the samples is no part of a calibration.
    let values = |settings: &Settings| Settings {
        variables: Vec::new(),
        ..settings.clone()
    };
    let flags = values(flags);
    if flags.is_empty() {
        source.to_owned()
    } else if flags.over(&values(said)) == flags {
        FLAGS.to_owned()
    } else {
        format!("{FLAGS}, {source}")
    }
}

/// The name of a lead, or its number where there is none. A name is a column of every row, so what is longer than a
/// name can be is cut.
fn lead_name(given: Option<&String>, number: usize) -> String {
    const LONGEST_NAME: usize = 64;
    match given {
        Some(name) => name.chars().take(LONGEST_NAME).collect(),
        None => format!("lead {number}"),
    }
}

fn spread_numbers(
    said: Said<'_>,
    what: &str,
    given: &[f64],
    leads: usize,
    default: f64,
) -> Result<Vec<f64>, Refused> {
    if let Some(bad) = given.iter().find(|value| !value.is_finite()) {
        return Err(said.wrong(format!("a finite {what}"), bad.to_string()));
    }
    spread(said, what, given, leads, default)
}

/// One value for every lead, or one for each.
fn spread<T: Clone>(
    said: Said<'_>,
    what: &str,
    given: &[T],
    leads: usize,
    default: T,
) -> Result<Vec<T>, Refused> {
    match given {
        [] => Ok(vec![default; leads]),
        [one] => Ok(vec![one.clone(); leads]),
        many if many.len() == leads => Ok(many.to_vec()),
        many => Err(said.wrong(
            format!("one {what}, or one per lead ({leads})"),
            many.len().to_string(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(fs: f64, gain: &[f64], units: &[&str]) -> Settings {
        Settings {
            sampling_frequency_hz: Some(fs),
            gain: gain.to_vec(),
            units: units.iter().map(|unit| (*unit).to_owned()).collect(),
            ..Settings::default()
        }
    }

    fn alone(said: &Settings, leads: usize) -> Result<Option<Calibration>, Details> {
        complete(&Settings::default(), "metadata", said, leads, &[]).map_err(|refused| refused.details)
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
            let found = alone(&settings(1.0, &[2.0], &[units]), 1).unwrap().unwrap();
            assert_eq!(
                (found.leads[0].gain, found.leads[0].units.as_str()),
                (gain, units)
            );
        }
        let found = alone(&settings(1.0, &[2.0], &["mmHg"]), 1).unwrap_err();
        assert_eq!(found.found, "`mmHg`");
        let physical = alone(&settings(1.0, &[], &["mV"]), 2).unwrap().unwrap();
        assert_eq!(physical.leads[1].gain, 1.0);
        let mixed = alone(&settings(1.0, &[2.0], &["mV", "uV"]), 2).unwrap().unwrap();
        assert_eq!((mixed.leads[0].gain, mixed.leads[1].gain), (2.0, 2000.0));
    }

    #[test]
    fn half_a_calibration_is_none_and_a_bad_one_an_error() {
        assert_eq!(alone(&settings(360.0, &[], &[]), 1), Ok(None));
        let three_leads = Settings {
            leads: ["I", "II", "III"].map(str::to_owned).to_vec(),
            ..settings(1.0, &[1.0], &[])
        };
        for (bad, flag) in [
            (settings(0.0, &[1.0], &[]), "--fs HZ"),
            (settings(f64::NAN, &[1.0], &[]), "--fs HZ"),
            (settings(1.0, &[f64::INFINITY], &[]), "--gain ADU_PER_MV"),
            (settings(1.0, &[1.0, 2.0, 3.0], &[]), "--gain ADU_PER_MV"),
            (settings(1.0, &[1.0], &["mV", "mV", "mV"]), "--units UNITS"),
            (settings(1.0, &[1.0], &["mVolt"]), "--units UNITS"),
            (three_leads.clone(), "--lead-names NAME"),
        ] {
            let refused = complete(&Settings::default(), "metadata", &bad, 2, &[]).unwrap_err();
            assert_eq!(refused.details.subject, "metadata", "{bad:?}");
            assert_eq!(refused.try_flags.as_deref(), Some(flag), "{bad:?}");
            // The same values from the command line.
            let refused = complete(&bad, "metadata", &settings(500.0, &[1.0], &[]), 2, &[]).unwrap_err();
            assert_eq!(
                (refused.details.subject.as_str(), refused.try_flags),
                ("flags", None),
                "{bad:?}"
            );
        }
        let two_and_a_comma = Settings {
            leads: ["I", "II", ""].map(str::to_owned).to_vec(),
            ..three_leads
        };
        assert_eq!(alone(&two_and_a_comma, 2).unwrap().unwrap().leads[1].name, "II");
        let per_lead = alone(&settings(1.0, &[1.0, 0.0], &[]), 2).unwrap().unwrap();
        let gains: Vec<f64> = per_lead.leads.iter().map(|lead| lead.gain).collect();
        assert_eq!(gains, [1.0, 200.0]);
    }

    #[test]
    fn flags_replace_values_and_are_named() {
        let header = Settings {
            baseline: vec![5.0],
            leads: vec!["MLII".into()],
            ..settings(360.0, &[200.0], &["mV"])
        };
        let found = |flags: Settings, said: &Settings| {
            let calibration = complete(&flags, "header", said, 1, &[]).unwrap().unwrap();
            let lead = calibration.leads[0].clone();
            let frequency = calibration.sampling_frequency_hz;
            (calibration.source, frequency, lead.gain, lead.baseline, lead.name)
        };
        let gain = Settings {
            gain: vec![100.0],
            ..Settings::default()
        };
        assert_eq!(
            found(gain.clone(), &header),
            ("flags, header".into(), 360.0, 100.0, 5.0, "MLII".into())
        );
        let frequency = Settings {
            sampling_frequency_hz: Some(500.0),
            ..Settings::default()
        };
        assert_eq!(
            found(frequency.over(&gain), &Settings::default()),
            ("flags".into(), 500.0, 100.0, 0.0, "lead 0".into())
        );
        // All of it replaced: the header had no part.
        let all = Settings {
            baseline: vec![0.0],
            leads: vec!["II".into()],
            ..settings(250.0, &[50.0], &["uV"])
        };
        assert_eq!(
            found(all, &header),
            ("flags".into(), 250.0, 50_000.0, 0.0, "II".into())
        );
        // The variable is no part of the calibration.
        let variable = Settings {
            variables: vec!["x".into()],
            ..Settings::default()
        };
        assert_eq!(found(variable, &header).0, "header");
        let names = Settings {
            leads: vec!["I".into(), "II".into()],
            ..Settings::default()
        };
        let details = complete(&names, "header", &header, 1, &[]).unwrap_err().details;
        assert_eq!((details.subject.as_str(), details.found.as_str()), ("flags", "2"));
    }
}
