//! The message for a recording without a calibration: what is there, what is not, and the flags that would supply it.

use std::ops::ControlFlow;

use ecg_core::Details;
use ecg_core::rules::Rules;
use ecg_formats::names::{FREQUENCY, GAIN, TIMES, UNITS, find};
use ecg_formats::{Content, FormatError, Part, Refused, SignalFile, Signals, to_adu};

use crate::FileContext;
use crate::calibration::flag;
use crate::profiles::{self, Profile};
use crate::sources::Incomplete;

/// Largest value in mV that is still an ECG.
const MOST_MILLIVOLTS: f64 = 20.0;

/// Says what to supply, as exactly as the file allows. Reads at most the first block of the samples, and of a vector of
/// times.
///
/// # Errors
/// Only that the bytes could not be read.
pub(crate) fn explain(
    file: &mut dyn SignalFile,
    signals: &Signals,
    context: &FileContext,
    incomplete: &Incomplete,
    rules: &Rules,
) -> Result<Refused, FormatError> {
    let flags = &context.settings;
    let contents = file.contents().to_vec();
    let samples: Vec<usize> = signals.variables().map(|(_, index)| index).collect();
    let Incomplete {
        variables: inside,
        metadata,
        passed_over,
    } = incomplete;
    // The source that lacks least is the one to complete.
    let partial = match inside.sampling_frequency_hz {
        None if inside.gain.is_empty() && inside.units.is_empty() => metadata,
        _ => inside,
    };
    let both = flags.over(partial);
    let origin = |given_by_flag: bool, names: &[&str]| {
        if given_by_flag {
            return "flags".to_owned();
        }
        match find(&contents, &samples, names).filter(|_| std::ptr::eq(partial, inside)) {
            Some(index) => format!("variable {}", contents[index].name),
            None => "object metadata".to_owned(),
        }
    };

    let mut missing = Vec::new();
    let mut times = None;
    if both.sampling_frequency_hz.is_none() {
        times = frequency_of_times(file, &contents, &samples, signals, rules)?;
        missing.push(match &times {
            Some((_, frequency)) => format!("--fs {frequency}"),
            None => flag::FREQUENCY.to_owned(),
        });
    }
    if both.gain.is_empty() && both.units.is_empty() {
        missing.push(level(file, signals, !both.baseline.is_empty())?);
    }
    let missing = missing.join(" ");

    let mut found = match both.sampling_frequency_hz {
        Some(frequency) => {
            let from = origin(flags.sampling_frequency_hz.is_some(), FREQUENCY);
            format!("a sampling frequency of {frequency} Hz ({from}) and neither a gain nor units")
        }
        None if !both.gain.is_empty() => {
            let from = origin(!flags.gain.is_empty(), GAIN);
            format!("a gain ({from}) and no sampling frequency")
        }
        None if !both.units.is_empty() => {
            let from = origin(!flags.units.is_empty(), UNITS);
            format!("units ({from}) and no sampling frequency")
        }
        None => "none of them".to_owned(),
    };
    if let Some((name, frequency)) = times {
        found.push_str(&format!("; times in {name} at {frequency} Hz"));
    }
    for why in passed_over {
        found.push_str(&format!("; {why}"));
    }
    if profiles::matching(&context.profiles, &context.key).is_none() {
        found.push_str(&keys(&context.key, &context.profiles));
    }
    let expected = format!(
        "a sampling frequency, and a gain or units: in a WFDB header (.hea) beside the file, as variables fs and gain or \
         units in it, as object metadata ecg-sampling-frequency and ecg-gain or ecg-units, in a profile for the key, or \
         as the flags {missing}"
    );
    Ok(Refused {
        details: Details::new("calibration", expected, found),
        try_flags: Some(missing),
    })
}

/// The flags that say how large a sample is, from what the first block of samples looks like.
fn level(file: &mut dyn SignalFile, signals: &Signals, has_baseline: bool) -> Result<String, FormatError> {
    let values = first_block(file, signals.variable_index)?;
    let present = || values.iter().copied().filter(|value| !value.is_nan());
    let lowest = present().fold(f64::INFINITY, f64::min);
    let largest = present().map(f64::abs).fold(0.0, f64::max);
    let floating = signals.class.is_floating();
    let whole = present().all(|value| value.fract() == 0.0);
    Ok(if !floating || (whole && largest > MOST_MILLIVOLTS) {
        // All above 0: the ADC counts from below.
        let baseline = lowest.is_finite() && lowest > 0.0 && !has_baseline;
        let mut flags = vec![flag::GAIN];
        flags.extend(baseline.then_some(flag::BASELINE));
        flags.join(" ")
    } else {
        let unit = match largest {
            0.0 => "UNITS",
            small if small <= MOST_MILLIVOLTS * 1e-3 => "V",
            middle if middle <= MOST_MILLIVOLTS => "mV",
            _ => "uV",
        };
        format!("--units {unit}")
    })
}

/// The name of a vector of times, one for each sample, and the sampling frequency in Hz if these are seconds.
fn frequency_of_times(
    file: &mut dyn SignalFile,
    contents: &[Content],
    samples: &[usize],
    signals: &Signals,
    rules: &Rules,
) -> Result<Option<(String, f64)>, FormatError> {
    let Some(index) = find(contents, samples, TIMES) else {
        return Ok(None);
    };
    let content = &contents[index];
    if content.numbers.is_none() || content.value_count() != Some(signals.samples) {
        return Ok(None);
    }
    let times = first_block(file, index)?;
    let (Some(first), Some(last)) = (times.first(), times.last()) else {
        return Ok(None);
    };
    let frequency = (times.len() - 1) as f64 / (last - first);
    // Times are often rounded to milliseconds.
    let frequency = if (frequency - frequency.round()).abs() < frequency * 1e-3 {
        frequency.round()
    } else {
        (frequency * 1e3).round() / 1e3
    };
    let plausible = rules.reject_sampling_frequency_hz_below..=rules.reject_sampling_frequency_hz_above;
    let rising = times.windows(2).all(|pair| pair[0] < pair[1]);
    Ok((rising && plausible.contains(&frequency)).then(|| (content.name.clone(), frequency)))
}

/// The first block of a variable, missing samples as NaN. What cannot be read is left out: another check says so.
fn first_block(file: &mut dyn SignalFile, index: usize) -> Result<Vec<f64>, FormatError> {
    let mut block = Vec::new();
    let read = file.read(index, Part::Real, &mut |values| {
        to_adu(values, &mut block);
        ControlFlow::Break(())
    });
    match read {
        Err(FormatError::Io(error)) => Err(FormatError::Io(error)),
        _ => Ok(block),
    }
}

/// The key, and which keys the profiles look for.
fn keys(key: &str, profiles: &[Profile]) -> String {
    const LONGEST_KEY: usize = 60;
    const SHOWN: usize = 3;
    if profiles.is_empty() {
        return String::new();
    }
    let characters = key.chars().count();
    let mut tail: String = key.chars().skip(characters.saturating_sub(LONGEST_KEY)).collect();
    if characters > LONGEST_KEY {
        tail.insert(0, '…');
    }
    let mut looks: Vec<String> = profiles
        .iter()
        .take(SHOWN)
        .map(|profile| match &profile.example {
            Some(example) => format!("{} (such as `{example}`)", profile.name),
            None => profile.name.clone(),
        })
        .collect();
    if profiles.len() > SHOWN {
        looks.push(format!("{} more", profiles.len() - SHOWN));
    }
    format!(
        "; the key is `{tail}`, which no profile matches: {}",
        looks.join(", ")
    )
}
