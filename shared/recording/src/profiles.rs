//! Dataset profiles: what the key of an object says about the recording. The data are in `profiles.toml`.

use regex_lite::Regex;
use serde::Deserialize;

/// The profiles that are built in.
const BUILT_IN: &str = include_str!("profiles.toml");

/// A family of files.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Name of the profile.
    pub name: String,
    /// Sampling frequency in Hz.
    pub sampling_frequency_hz: f64,
    /// ADC gain in adu per mV.
    pub gain: f64,
    /// ADC value at 0 mV.
    pub baseline: f64,
    /// Names of the leads, as far as they are known.
    pub leads: Vec<String>,
    pattern: Regex,
}

/// What the key says, with the profile that reads it.
#[derive(Debug, Clone)]
pub struct KeyFacts {
    /// The profile.
    pub profile: Profile,
    /// Class of the recording.
    pub label: Option<String>,
    /// Name of the record.
    pub record: Option<String>,
    /// Number of the fragment within the record.
    pub fragment: Option<i32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    profile: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    #[serde(rename = "comment")]
    _comment: String,
    pattern: String,
    sampling_frequency_hz: f64,
    gain: f64,
    baseline: f64,
    leads: Vec<String>,
}

/// The built-in profiles in order.
///
/// # Errors
/// What is wrong with `profiles.toml`. A test keeps it right, so at run time this does not happen.
pub fn built_in() -> Result<Vec<Profile>, String> {
    parse("profiles.toml", BUILT_IN)
}

/// stub
///
/// # Errors
/// stub
pub fn before_built_in(_name: &str, text: &str) -> Result<Vec<Profile>, String> {
    let mut all = parse(_name, text)?;
    all.extend(built_in()?);
    Ok(all)
}

/// Reads profiles from their TOML text.
///
/// # Errors
/// The place and the reason: a syntax error, an unknown field, a bad pattern, a number that is no calibration.
pub fn parse(_name: &str, text: &str) -> Result<Vec<Profile>, String> {
    let file: File = toml::from_str(text).map_err(|error| format!("profiles.toml: {error}"))?;
    file.profile
        .into_iter()
        .map(|entry| {
            let bad = |what: String| format!("profiles.toml: profile {}: {what}", entry.name);
            let pattern = Regex::new(&entry.pattern).map_err(|error| bad(format!("pattern: {error}")))?;
            for (name, value) in [
                ("sampling_frequency_hz", entry.sampling_frequency_hz),
                ("gain", entry.gain),
            ] {
                if !(value.is_finite() && value > 0.0) {
                    return Err(bad(format!("{name}: expected a number above 0, found {value}")));
                }
            }
            Ok(Profile {
                pattern,
                name: entry.name,
                sampling_frequency_hz: entry.sampling_frequency_hz,
                gain: entry.gain,
                baseline: entry.baseline,
                leads: entry.leads,
            })
        })
        .collect()
}

/// The first profile that matches the key, with what its pattern reads from it.
pub fn matching(profiles: &[Profile], key: &str) -> Option<KeyFacts> {
    profiles.iter().find_map(|profile| {
        let groups = profile.pattern.captures(key)?;
        let group = |name: &str| groups.name(name).map(|found| found.as_str().to_owned());
        Some(KeyFacts {
            label: group("label"),
            record: group("record"),
            fragment: group("fragment").and_then(|digits| digits.parse().ok()),
            profile: profile.clone(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_known_data_sets() {
        let profiles = built_in().unwrap();
        let facts = matching(&profiles, "plawiak-2017/MLII/4 AFIB/201m (12).mat").unwrap();
        assert_eq!(facts.profile.name, "plawiak-2017");
        assert_eq!(
            (facts.label.as_deref(), facts.record.as_deref(), facts.fragment),
            (Some("AFIB"), Some("201"), Some(12))
        );
        assert_eq!(facts.profile.leads, ["MLII"]);

        let facts = matching(&profiles, "100m.mat").unwrap();
        assert_eq!(
            (facts.profile.name.as_str(), facts.label, facts.record.as_deref()),
            ("physiobank-mitdb", None, Some("100"))
        );

        for other in [
            "A00001.mat",
            "100m.mat.bak",
            "4 AFIB/201m.matx",
            "x/1000m.mat",
            "notes/plan m (1).mat",
        ] {
            assert!(matching(&profiles, other).is_none(), "{other}");
        }
    }

    #[test]
    fn a_bad_profile_is_named() {
        let entry = |pattern: &str, gain: &str| {
            format!(
                "[[profile]]\nname='x'\ncomment=''\npattern='{pattern}'\nsampling_frequency_hz=1.0\ngain={gain}\nbaseline=0.0\nleads=[]"
            )
        };
        assert!(parse("", &entry("a", "2.0")).is_ok());
        assert!(
            parse("", &entry("(", "2.0"))
                .unwrap_err()
                .contains("profile x: pattern")
        );
        assert!(
            parse("", &entry("a", "0.0"))
                .unwrap_err()
                .contains("gain: expected a number above 0, found 0")
        );
        assert!(
            parse("", "[[profile]]\nnam='x'")
                .unwrap_err()
                .contains("profiles.toml")
        );
    }
}
