//! The variables beside the samples that calibrate them.

use ecg_core::Details;
use ecg_core::settings::{Settings, parts};
use ecg_mat::{Class, MatFile};

use super::select::LONGEST_SETTING;
use crate::names::{AGE, BASELINE, DEVICE, FREQUENCY, GAIN, LEADS, RECORDED, SEX, SUBJECT, UNITS, find};
use crate::{Bytes, Content, FormatError, Origin};

/// The variables beside the samples that calibrate them; those that a flag replaces are not looked at.
///
/// A sampling frequency that cannot be read is an error: another source may say another one. With one, so is every setting that
/// cannot be read: passing over a `units` or a `gain` would scale the signal by a guess. Without one they calibrate nothing.
pub(super) fn read(
    file: &mut MatFile<Box<dyn Bytes>>,
    variables: &[Content],
    samples: &[usize],
    flags: &Settings,
) -> Result<Settings, FormatError> {
    let find = |names: &[&str], replaced: bool| match replaced {
        true => Ok(None),
        false => find_once(variables, samples, names),
    };
    let mut said = Settings::default();
    let unreadable = |index: usize, expected: String| {
        let variable = &variables[index];
        FormatError::from(Details::new(&variable.name, expected, kind(variable)).at(Some(variable.offset)))
    };
    let is_said = |index: &usize| {
        // An empty one says nothing, and a long vector is the axis of a spectrum.
        let numbers = variables[*index]
            .value_count()
            .filter(|_| variables[*index].numbers.is_some());
        numbers.is_none_or(|count| (1..=LONGEST_SETTING).contains(&count))
    };
    if let Some(index) = find(FREQUENCY, flags.sampling_frequency_hz.is_some())?.filter(is_said) {
        let frequencies = file.small_vector(index, MOST_NUMBERS)?.unwrap_or_default();
        let same = frequencies.windows(2).all(|pair| pair[0] == pair[1]);
        let frequency = frequencies.first().copied().filter(|_| same);
        let expected = "a sampling frequency in Hz, as one number".to_owned();
        said.sampling_frequency_hz = Some(frequency.ok_or_else(|| unreadable(index, expected))?);
    }
    let known = flags.over(&said).sampling_frequency_hz.is_some();
    let mut numbers = |index: usize| {
        let numbers = file.small_vector(index, MOST_NUMBERS)?;
        numbers.ok_or_else(|| unreadable(index, format!("at most {MOST_NUMBERS} real numbers")))
    };
    if let Some(index) = find(GAIN, !flags.gain.is_empty())? {
        said.gain = needed(known, numbers(index))?;
    }
    if let Some(index) = find(BASELINE, !flags.baseline.is_empty())? {
        said.baseline = needed(known, numbers(index))?;
    }
    if let Some(index) = find(UNITS, !flags.units.is_empty())? {
        let text = file.text(index).map_err(FormatError::from);
        let text = text.and_then(|text| text.ok_or_else(|| unreadable(index, "text".to_owned())));
        said.units = needed(known, text.map(|text| parts(text.trim())))?;
    }
    if let Some(index) = find(LEADS, !flags.leads.is_empty())? {
        let text = file.text(index).map_err(FormatError::from);
        let names = text.map(|text| text.map(|text| parts(&text)).unwrap_or_default());
        said.leads = needed(known, names)?;
    }
    Ok(said)
}

/// The first of the names that one variable has. Of two of one name, one program reads the first one and another the last.
fn find_once(variables: &[Content], samples: &[usize], names: &[&str]) -> Result<Option<usize>, FormatError> {
    let Some(index) = find(variables, samples, names) else {
        return Ok(None);
    };
    let name = &variables[index].name;
    match variables.iter().filter(|variable| variable.name == *name).count() {
        1 => Ok(Some(index)),
        many => Err(Details::new("variable", format!("one `{name}`"), many.to_string()).into()),
    }
}

/// The variables that say whose the recording is and when it was made: texts, and whole numbers for an id or an age.
///
/// # Errors
/// The file could not be read.
pub(super) fn origin(
    file: &mut MatFile<Box<dyn Bytes>>,
    variables: &[Content],
    samples: &[usize],
    origin: &mut Origin,
) -> Result<(), FormatError> {
    type Say = fn(&mut Origin, &str);
    let columns: [(&[&str], Say); 5] = [
        (SUBJECT, Origin::say_subject_id),
        (DEVICE, Origin::say_device_id),
        (RECORDED, Origin::say_recorded_at),
        (AGE, Origin::say_age),
        (SEX, Origin::say_sex),
    ];
    for (names, say) in columns {
        let Some(index) = find(variables, samples, names) else {
            continue;
        };
        let mut said = || -> Result<Option<String>, FormatError> {
            if let Some(text) = file.text(index)? {
                return Ok(Some(text));
            }
            let number = file.small_vector(index, 1)?;
            Ok(number.and_then(|number| number.first().map(f64::to_string)))
        };
        match said() {
            Ok(Some(text)) => say(origin, &text),
            Ok(None) | Err(FormatError::Rejected(_)) => {
                origin.say_unreadable(names[0], "a text or a number", &kind(&variables[index]));
            }
            Err(error) => return Err(error),
        }
    }
    // No reason to refuse a recording, but who wrote a cell array of names has to see that they are not read.
    let names = find(variables, samples, LEADS).map(|index| &variables[index]);
    let is_other = |names: &&Content| names.numbers.is_none() && names.class != Class::Char.to_string();
    if let Some(names) = names.filter(is_other) {
        let expected = "a text with commas between the names";
        origin.say_unreadable(LEADS[0], expected, &kind(names));
    }
    Ok(())
}

/// Class and dimensions, such as `double of 1 x 9`.
fn kind(variable: &Content) -> String {
    format!("{} of {}", variable.class, variable.shape())
}

/// Keeps what is wrong with a setting apart: it matters only where the sampling frequency is known.
fn needed<T: Default>(known: bool, outcome: Result<T, FormatError>) -> Result<T, FormatError> {
    match outcome {
        Err(FormatError::Rejected(_)) if !known => Ok(T::default()),
        outcome => outcome,
    }
}

/// Most numbers in a setting: one per lead.
const MOST_NUMBERS: usize = LONGEST_SETTING as usize;
