//! Dataset profiles: what the key of an object says about the recording. The built-in ones are in `profiles.toml`; a
//! person can give a file of the same form.

use ecg_core::settings::Settings;
use ecg_formats::units_per_millivolt;
use regex_lite::Regex;
use serde::Deserialize;

/// The profiles that are built in.
const BUILT_IN: &str = include_str!("profiles.toml");

/// The groups of a pattern that are read.
const GROUPS: [&str; 5] = ["label", "record", "fragment", "subject_id", "device_id"];

/// A family of files.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Name of the profile.
    pub name: String,
    /// What is known of every file of the family. It is a calibration.
    pub settings: Settings,
    /// A key that the pattern matches, for messages.
    pub example: Option<String>,
    /// Whether it is of files with integers only: what somebody saved anew in millivolts is none of them.
    pub integers: bool,
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
    /// Who was recorded.
    pub subject_id: Option<String>,
    /// What recorded it.
    pub device_id: Option<String>,
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
    #[serde(default, rename = "comment")]
    _comment: String,
    pattern: String,
    example: Option<String>,
    sampling_frequency_hz: f64,
    gain: Option<f64>,
    baseline: Option<f64>,
    units: Option<String>,
    #[serde(default)]
    leads: Vec<String>,
    #[serde(default)]
    integers: bool,
}

/// The built-in profiles in order.
///
/// # Errors
/// What is wrong with `profiles.toml`. A test keeps it right, so at run time this does not happen.
pub fn built_in() -> Result<Vec<Profile>, String> {
    parse(BUILT_IN, "profiles.toml")
}

/// The profiles of a person, then the built-in ones: the first that matches counts.
///
/// # Errors
/// As [`built_in`].
pub fn before_built_in(mut profiles: Vec<Profile>) -> Result<Vec<Profile>, String> {
    profiles.extend(built_in()?);
    Ok(profiles)
}

/// Reads profiles from the TOML text of `file`, a name for messages.
///
/// # Errors
/// The place and the reason: a syntax error, an unknown field, a bad pattern, values that are no calibration.
pub fn parse(text: &str, file: &str) -> Result<Vec<Profile>, String> {
    let entries: File = toml::from_str(text).map_err(|error| format!("{file}: {error}"))?;
    let read = |entry: Entry| {
        let name = entry.name.clone();
        profile(entry).map_err(|error| format!("{file}: profile {name}: {error}"))
    };
    entries.profile.into_iter().map(read).collect()
}

fn profile(entry: Entry) -> Result<Profile, String> {
    let pattern = Regex::new(&entry.pattern).map_err(|error| {
        let pattern = &entry.pattern;
        format!("pattern: expected a regular expression, found `{pattern}`: {error}")
    })?;
    if let Some(group) = pattern
        .capture_names()
        .flatten()
        .find(|name| !GROUPS.contains(name))
    {
        let groups = GROUPS.join(", ");
        return Err(format!(
            "pattern: expected groups named {groups}, found `{group}`"
        ));
    }
    if entry.pattern.starts_with("^/") {
        let pattern = &entry.pattern;
        return Err(format!(
            "pattern: expected one that can match a key such as `folder/name.mat`, found `{pattern}`: no key begins with /"
        ));
    }
    if let Some(example) = entry
        .example
        .as_ref()
        .filter(|example| !pattern.is_match(example))
    {
        let pattern = &entry.pattern;
        return Err(format!(
            "example: expected a key that the pattern `{pattern}` matches, found `{example}`"
        ));
    }
    for (name, value) in [
        ("sampling_frequency_hz", Some(entry.sampling_frequency_hz)),
        ("gain", entry.gain),
    ] {
        if let Some(value) = value.filter(|value| !(value.is_finite() && *value > 0.0)) {
            return Err(format!("{name}: expected a number above 0, found {value}"));
        }
    }
    if let Some(value) = entry.baseline.filter(|value| !value.is_finite()) {
        return Err(format!("baseline: expected a finite number, found {value}"));
    }
    if let Some(units) = entry
        .units
        .as_ref()
        .filter(|units| units_per_millivolt(units).is_none())
    {
        return Err(format!("units: expected V, mV, uV or nV, found `{units}`"));
    }
    let settings = Settings {
        sampling_frequency_hz: Some(entry.sampling_frequency_hz),
        gain: entry.gain.into_iter().collect(),
        baseline: entry.baseline.into_iter().collect(),
        units: entry.units.into_iter().collect(),
        leads: entry.leads,
        variables: Vec::new(),
    };
    if !settings.calibrates() {
        return Err(
            "expected `gain`, or `units` of samples that are in a physical unit, found neither".to_owned(),
        );
    }
    Ok(Profile {
        name: entry.name,
        settings,
        example: entry.example,
        integers: entry.integers,
        pattern,
    })
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
            subject_id: group("subject_id"),
            device_id: group("device_id"),
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
        assert_eq!(facts.profile.settings.leads, ["MLII"]);

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
    fn a_profile_of_a_person() {
        let text =
            "[[profile]]\nname = 'ward-7'\npattern = '^ward-7/'\nsampling_frequency_hz = 500\nunits = 'mV'\n";
        let own = parse(text, "mine.toml").unwrap();
        let expected = Settings {
            sampling_frequency_hz: Some(500.0),
            units: vec!["mV".into()],
            ..Settings::default()
        };
        assert_eq!(own[0].settings, expected);
        let all = before_built_in(own).unwrap();
        let name = |key: &str| matching(&all, key).map(|facts| facts.profile.name);
        assert_eq!(name("ward-7/100m.mat").as_deref(), Some("ward-7"));
        assert_eq!(name("100m.mat").as_deref(), Some("physiobank-mitdb"));
    }

    fn block_of(document: &str, number: usize) -> &str {
        let block = document.split("```toml\n").nth(number).unwrap();
        block.split("```").next().unwrap()
    }

    #[test]
    fn the_profiles_in_the_document_are_some() {
        let document = include_str!("../../../docs/inputs.md");
        let own = parse(block_of(document, 1), "profiles.toml").unwrap();
        let facts = matching(&own, "AFIB/2.mat").unwrap();
        assert_eq!(
            (facts.label.as_deref(), facts.record.as_deref()),
            (Some("AFIB"), Some("2"))
        );
        let fleet = parse(block_of(document, 2), "profiles.toml").unwrap();
        let facts = matching(&fleet, "fleet/P017/holter-12_1.mat").unwrap();
        assert_eq!(
            (facts.device_id.as_deref(), facts.subject_id.as_deref()),
            (Some("holter-12"), Some("P017"))
        );
    }

    #[test]
    fn built_in_profiles_show_a_key() {
        assert!(
            built_in()
                .unwrap()
                .iter()
                .all(|profile| profile.example.is_some())
        );
    }

    #[test]
    fn a_bad_profile_is_named() {
        let check = |lines: &str, expected: &[&str]| {
            let text = format!("[[profile]]\nname = 'x'\n{lines}");
            let error = parse(&text, "mine.toml").unwrap_err();
            for part in expected.iter().chain(&["mine.toml"]) {
                assert!(error.contains(part), "{lines}: {error}");
            }
        };
        let good = "pattern = 'a'\nsampling_frequency_hz = 1\ngain = 2\n";
        assert!(parse(&format!("[[profile]]\nname = 'x'\n{good}"), "mine.toml").is_ok());
        check(&good.replace("'a'", "'('"), &["profile x: pattern", "`(`"]);
        check(
            &good.replace("'a'", "'(?P<lable>a)'"),
            &["profile x: pattern", "label, record, fragment", "`lable`"],
        );
        check(
            &good.replace("'a'", "'^/data/'"),
            &["profile x: pattern", "no key begins with /"],
        );
        check(
            &format!("{good}example = 'b.txt'"),
            &["profile x: example", "`a`", "`b.txt`"],
        );
        check(
            &good.replace("gain = 2", "gain = 0"),
            &["profile x: gain: expected a number above 0, found 0"],
        );
        check(
            &good.replace("= 1", "= nan"),
            &["profile x: sampling_frequency_hz", "found NaN"],
        );
        check(
            &format!("{good}baseline = inf"),
            &["profile x: baseline", "found inf"],
        );
        check(&format!("{good}units = 'mmHg'"), &["profile x: units", "`mmHg`"]);
        check(
            &good.replace("gain = 2", ""),
            &["profile x: expected `gain`, or `units`"],
        );
        check(
            &good.replace("sampling_frequency_hz = 1", ""),
            &["missing field `sampling_frequency_hz`"],
        );
        // An unknown field is refused with those that there are.
        check(
            &format!("{good}gian = 2"),
            &["unknown field `gian`", "`gain`", "`leads`"],
        );
        assert!(
            parse("[[profiles]]\n", "mine.toml")
                .unwrap_err()
                .contains("expected `profile`")
        );
    }
}
