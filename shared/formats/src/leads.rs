//! Which signals of a file are the leads of the ECG, where signals lie side by side and each has a name and a unit.
//!
//! A file may hold a night of EEG, breathing and one ECG. What is no voltage is no ECG. Then the names decide, by the words
//! in them ([`kind`]). A format says what signals are whose name tells nothing ([`Unnamed`]).

use ecg_core::Details;
use serde::{Deserialize, Serialize};

use crate::lead_names::{FRANK, is_numbered, lead_order};
use crate::{Named, Refused, SignalInfo, units_per_millivolt};

/// First words of signals that may have a unit of voltage and are no ECG: the types of EDF+, and the pulse wave.
const OTHER_KINDS: [&str; 17] = [
    "eeg",
    "eog",
    "erg",
    "emg",
    "meg",
    "mcg",
    "ep",
    "resp",
    "respiration",
    "temp",
    "sao2",
    "spo2",
    "light",
    "sound",
    "event",
    "pleth",
    "ppg",
];

/// The leads of a recording, and what else the file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Indices of the signals that are the leads, in the order of the file or of the names that were given. They have one
    /// sampling frequency and one number of samples.
    pub leads: Vec<usize>,
    /// The signals that are not read.
    pub left_out: Vec<LeftOut>,
}

/// A signal that is not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Its name.
    pub name: String,
    /// Why, such as `10 Hz, the leads have 250 Hz`.
    pub reason: String,
}

/// What signals of voltage are, if no word in their names says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unnamed {
    /// Leads: the format is one of ECG databases, where leads are called CM5, D3 or anything.
    Leads,
    /// A lead if nothing else in the file can be one.
    OnlyAlone,
}

/// Chooses the leads: those that somebody named, else by their units and names.
///
/// # Errors
/// No signal can be the ECG, or several can and none is named so; or those that were named are not there.
pub(crate) fn choose(signals: &[SignalInfo], named: &Named<'_>, unnamed: Unnamed) -> Result<Choice, Refused> {
    match named.names {
        [] => by_units_and_names(signals, unnamed)
            .map_err(|details| Refused::to_be_named(details, &[first_voltage(signals)])),
        names => those_named(signals, names, named.by)
            .map_err(|details| Refused::to_be_named(details, &instead(signals, names))),
    }
}

/// What to say in place of names of which one is not there.
fn instead<'s>(signals: &'s [SignalInfo], said: &'s [String]) -> Vec<Option<&'s str>> {
    let there = |name: &str| {
        signals
            .iter()
            .any(|signal| signal.name.eq_ignore_ascii_case(name))
    };
    match said {
        said if said.iter().all(|name| there(name)) => Vec::new(),
        [_] => vec![first_voltage(signals)],
        said => said
            .iter()
            .map(|name| Some(name.as_str()).filter(|name| there(name)))
            .collect(),
    }
}

/// The signal to propose where a person has to name one.
fn first_voltage(signals: &[SignalInfo]) -> Option<&str> {
    let best = [Kind::Ecg, Kind::Numbered, Kind::Unknown];
    let of = |wanted: &Kind| signals.iter().find(|signal| kind(signal, false) == *wanted);
    best.iter().find_map(of).map(|signal| signal.name.as_str())
}

fn by_units_and_names(signals: &[SignalInfo], unnamed: Unnamed) -> Result<Choice, Details> {
    let frank = FRANK
        .iter()
        .all(|name| signals.iter().any(|signal| signal.name == *name));
    let kinds: Vec<Kind> = signals.iter().map(|signal| kind(signal, frank)).collect();
    let with = |wanted: &[Kind]| -> Vec<usize> {
        (0..signals.len())
            .filter(|index| wanted.contains(&kinds[*index]))
            .collect()
    };
    let voltages = [Kind::Ecg, Kind::Numbered, Kind::Unknown];
    let candidates = match unnamed {
        Unnamed::Leads => with(&voltages),
        Unnamed::OnlyAlone => {
            let best = voltages.iter().find(|kind| kinds.contains(kind));
            best.map(|kind| with(&[*kind])).unwrap_or_default()
        }
    };
    let telling = |index: &usize| unnamed == Unnamed::Leads || kinds[*index] != Kind::Unknown;
    if candidates.is_empty() || (candidates.len() > 1 && !candidates.iter().all(telling)) {
        let expected = "signals of voltage named as an ECG or its leads (ECG, I, V1, ch1, ...), or only one of no other kind";
        return Err(Details::new("signals", expected, list(signals)));
    }
    let best = kinds[candidates[0]];
    let frequency = usual_frequency(signals, &candidates);
    let leads = candidates
        .into_iter()
        .filter(|index| signals[*index].sampling_frequency_hz == frequency)
        .collect();
    Ok(with_left_out(signals, leads, |index| match kinds[index] {
        Kind::NoVoltage => no_voltage(&signals[index]),
        Kind::Other => "no ECG by its name".to_owned(),
        kind if unnamed == Unnamed::OnlyAlone && kind != best => "not named as an ECG, others are".to_owned(),
        Kind::Ecg | Kind::Numbered | Kind::Unknown => format!(
            "{} Hz, the leads have {frequency} Hz",
            signals[index].sampling_frequency_hz
        ),
    }))
}

/// The signals of these names, in this order. Upper and lower case count only where names differ in nothing else.
fn those_named(signals: &[SignalInfo], names: &[String], by: &str) -> Result<Choice, Details> {
    let mut leads: Vec<usize> = Vec::new();
    for name in names {
        let exactly = signals.iter().position(|signal| signal.name == *name);
        let nearly = || {
            signals
                .iter()
                .position(|signal| signal.name.eq_ignore_ascii_case(name))
        };
        let index = exactly
            .or_else(nearly)
            .ok_or_else(|| Details::new("signal", format!("`{name}`, named by {by}"), list(signals)))?;
        let frequency = |index: usize| signals[index].sampling_frequency_hz;
        let first = *leads.first().unwrap_or(&index);
        if leads.contains(&index) || frequency(index) != frequency(first) {
            return Err(Details::new(
                "signals",
                format!("different signals of one sampling frequency, named by {by}"),
                list(signals),
            ));
        }
        leads.push(index);
    }
    Ok(with_left_out(signals, leads, |_| format!("not named by {by}")))
}

fn with_left_out(signals: &[SignalInfo], leads: Vec<usize>, reason: impl Fn(usize) -> String) -> Choice {
    let left_out = (0..signals.len())
        .filter(|index| !leads.contains(index))
        .map(|index| LeftOut {
            name: signals[index].name.clone(),
            reason: reason(index),
        });
    Choice {
        left_out: left_out.collect(),
        leads,
    }
}

/// The sampling frequency that most of the signals have; of several such the highest.
fn usual_frequency(signals: &[SignalInfo], candidates: &[usize]) -> f64 {
    let frequency = |index: &usize| signals[*index].sampling_frequency_hz;
    let count = |wanted: f64| {
        candidates
            .iter()
            .filter(|index| frequency(index) == wanted)
            .count()
    };
    let frequencies = candidates.iter().map(frequency);
    let usual = frequencies.max_by(|a, b| count(*a).cmp(&count(*b)).then(a.total_cmp(b)));
    usual.unwrap_or_default()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Named as an ECG or a lead.
    Ecg,
    /// Named as a channel with a number.
    Numbered,
    /// Named as something else.
    Other,
    /// A voltage of which the name says nothing.
    Unknown,
    NoVoltage,
}

/// What a signal is by its unit and the words in its name: `EEG EKG1-REF` is an ECG, `EEG Fpz-Cz` is none. A signal
/// without a unit can be an ECG by its name only.
fn kind(signal: &SignalInfo, frank: bool) -> Kind {
    let volts = units_per_millivolt(&signal.units).is_some();
    if !volts && !signal.units.is_empty() {
        return Kind::NoVoltage;
    }
    let lower = signal.name.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let is_ecg = |word: &&str| word.starts_with("ecg") || word.starts_with("ekg");
    let is_other = |word: &&str| OTHER_KINDS.contains(&word.trim_end_matches(|c: char| c.is_ascii_digit()));
    if words.iter().any(is_ecg) {
        return Kind::Ecg;
    }
    if words.iter().any(is_other) {
        return Kind::Other;
    }
    let place = lead_order(&signal.name, frank).or_else(|| lead_order(&words.join("_"), false));
    match place {
        Some(place) if is_numbered(place) => Kind::Numbered,
        Some(_) => Kind::Ecg,
        None if volts => Kind::Unknown,
        None => Kind::NoVoltage,
    }
}

fn no_voltage(signal: &SignalInfo) -> String {
    match signal.units.as_str() {
        "" => "no unit, and not named as an ECG".to_owned(),
        units => format!("its unit is {units}, no voltage"),
    }
}

/// Name, unit and sampling frequency of each signal.
fn list(signals: &[SignalInfo]) -> String {
    const SHOWN: usize = 8;
    const LONGEST_NAME: usize = 64;
    let short = |text: &str| text.chars().take(LONGEST_NAME).collect::<String>();
    let mut names: Vec<String> = signals
        .iter()
        .take(SHOWN)
        .map(|signal| {
            let units = match signal.units.as_str() {
                "" => "no unit".to_owned(),
                units => short(units),
            };
            let name = short(&signal.name);
            format!("{name} ({units}, {} Hz)", signal.sampling_frequency_hz)
        })
        .collect();
    if signals.len() > SHOWN {
        names.push(format!("{} more", signals.len() - SHOWN));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(name: &str, units: &str, sampling_frequency_hz: f64) -> SignalInfo {
        SignalInfo {
            name: name.into(),
            samples: 10,
            sampling_frequency_hz,
            bits: 16,
            gain: 1.0,
            baseline: 0.0,
            units: units.into(),
        }
    }

    /// Names that are read, and what is said of the others.
    fn read(signals: &[SignalInfo], choice: Result<Choice, Details>) -> Result<String, Details> {
        let choice = choice?;
        let leads: Vec<&str> = choice
            .leads
            .iter()
            .map(|index| signals[*index].name.as_str())
            .collect();
        let left_out: Vec<String> = choice
            .left_out
            .iter()
            .map(|signal| format!("{}: {}", signal.name, signal.reason))
            .collect();
        Ok(format!("{} | {}", leads.join(", "), left_out.join("; ")))
    }

    fn chosen(signals: &[SignalInfo], unnamed: Unnamed) -> Result<String, Details> {
        read(signals, by_units_and_names(signals, unnamed))
    }

    #[test]
    fn the_ecg_of_a_night() {
        let night = [
            signal("EEG Fpz-Cz", "uV", 100.0),
            signal("EOG horizontal", "uV", 100.0),
            signal("Resp oro-nasal", "", 1.0),
            signal("ECG ECG2", "mV", 200.0),
            signal("Temp rectal", "DegC", 1.0),
            signal("A1", "uV", 100.0),
        ];
        assert_eq!(
            chosen(&night, Unnamed::OnlyAlone).unwrap(),
            "ECG ECG2 | EEG Fpz-Cz: no ECG by its name; EOG horizontal: no ECG by its name; \
             Resp oro-nasal: no ECG by its name; Temp rectal: its unit is DegC, no voltage; \
             A1: not named as an ECG, others are"
        );
    }

    #[test]
    fn names_of_an_ecg() {
        for name in [
            "ECG",
            "ekg",
            "ECGL",
            "EKG1",
            "ECG I",
            "ECG V1-Ref",
            "EEG EKG1-REF",
            "I",
            "aVR",
            "v6",
            "MLII",
            "Lead II",
            "LEAD-II",
            "VX",
        ] {
            assert_eq!(kind(&signal(name, "uV", 1.0), false), Kind::Ecg, "{name}");
            assert_eq!(kind(&signal(name, "", 1.0), false), Kind::Ecg, "{name}");
            assert_eq!(kind(&signal(name, "bpm", 1.0), false), Kind::NoVoltage, "{name}");
        }
        for name in ["EEG C3-A2", "EMG chin", "EMG1", "EP", "RESP", "PLETH", "Sound"] {
            assert_eq!(kind(&signal(name, "mV", 1.0), false), Kind::Other, "{name}");
        }
        for name in ["", "X", "CM5", "D3", "Fp1", "signal", "xecg"] {
            assert_eq!(kind(&signal(name, "mV", 1.0), false), Kind::Unknown, "{name}");
            assert_eq!(kind(&signal(name, "", 1.0), false), Kind::NoVoltage, "{name}");
        }
        for units in ["V", "mV", "uV", "µV", "μV", "nV", "MV"] {
            assert_eq!(kind(&signal("a", units, 1.0), false), Kind::Unknown, "{units}");
        }
    }

    #[test]
    fn frank_leads_count_together() {
        let three = ["X", "Y", "Z", "W"].map(|name| signal(name, "mV", 100.0));
        let read = chosen(&three, Unnamed::OnlyAlone).unwrap();
        assert_eq!(read, "X, Y, Z | W: not named as an ECG, others are");
    }

    #[test]
    fn numbered_channels_are_leads_where_none_is_named() {
        let mut signals = ["Ch 1", "channel2", "A"].map(|name| signal(name, "mV", 250.0));
        assert_eq!(
            chosen(&signals, Unnamed::OnlyAlone).unwrap(),
            "Ch 1, channel2 | A: not named as an ECG, others are"
        );
        signals[2].name = "ECG".into();
        assert_eq!(
            chosen(&signals, Unnamed::OnlyAlone).unwrap(),
            "ECG | Ch 1: not named as an ECG, others are; channel2: not named as an ECG, others are"
        );
    }

    #[test]
    fn a_voltage_without_a_telling_name() {
        let only = [signal("A", "mV", 250.0), signal("Resp", "mV", 250.0)];
        assert_eq!(
            chosen(&only, Unnamed::OnlyAlone).unwrap(),
            "A | Resp: no ECG by its name"
        );
        let two = [signal("CM5", "mV", 250.0), signal("CC5", "mV", 250.0)];
        assert_eq!(
            chosen(&two, Unnamed::OnlyAlone).unwrap_err().to_string(),
            "signals: expected signals of voltage named as an ECG or its leads (ECG, I, V1, ch1, ...), or only one of \
             no other kind, found CM5 (mV, 250 Hz), CC5 (mV, 250 Hz)"
        );
        assert_eq!(chosen(&two, Unnamed::Leads).unwrap(), "CM5, CC5 | ");
        let none = [signal("ABP", "mmHg", 125.0), signal("A", "", 125.0)];
        for unnamed in [Unnamed::OnlyAlone, Unnamed::Leads] {
            let found = chosen(&none, unnamed).unwrap_err().found;
            assert_eq!(found, "ABP (mmHg, 125 Hz), A (no unit, 125 Hz)");
        }
        let many = vec![signal("A", "mV", 1.0); 10];
        let found = chosen(&many, Unnamed::OnlyAlone).unwrap_err().found;
        assert!(found.ends_with(", 2 more"), "{found}");
    }

    #[test]
    fn leads_have_one_sampling_frequency() {
        let mut signals = ["I", "II", "V1"].map(|name| signal(name, "mV", 250.0));
        signals[1].sampling_frequency_hz = 1000.0;
        assert_eq!(
            chosen(&signals, Unnamed::Leads).unwrap(),
            "I, V1 | II: 1000 Hz, the leads have 250 Hz"
        );
        assert_eq!(
            chosen(&signals[..2], Unnamed::Leads).unwrap(),
            "II | I: 250 Hz, the leads have 1000 Hz"
        );
    }

    #[test]
    fn who_names_signals_is_believed() {
        let signals = [
            signal("EEG", "uV", 100.0),
            signal("ecg", "mV", 200.0),
            signal("ECG", "mV", 200.0),
        ];
        let named = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            read(&signals, those_named(&signals, &names, "--variable"))
        };
        let rest = "EEG: not named by --variable; ecg: not named by --variable";
        assert_eq!(named(&["ECG"]), Ok(format!("ECG | {rest}")));
        assert_eq!(
            named(&["ECG", "ecg"]).unwrap(),
            "ECG, ecg | EEG: not named by --variable"
        );
        assert_eq!(
            named(&["eeg"]).unwrap(),
            "EEG | ecg: not named by --variable; ECG: not named by --variable"
        );
        let all = "EEG (uV, 100 Hz), ecg (mV, 200 Hz), ECG (mV, 200 Hz)";
        assert_eq!(
            named(&["V1"]).unwrap_err().to_string(),
            format!("signal: expected `V1`, named by --variable, found {all}")
        );
        for bad in [&["ecg", "EEG"][..], &["ECG", "ECG"]] {
            assert_eq!(
                named(bad).unwrap_err().to_string(),
                format!(
                    "signals: expected different signals of one sampling frequency, named by --variable, found {all}"
                )
            );
        }
    }

    #[test]
    fn the_document_has_every_kind() {
        let document = include_str!("../../../docs/inputs.md").to_lowercase();
        for kind in OTHER_KINDS {
            assert!(document.contains(&format!("`{kind}`")), "{kind}");
        }
    }
}
