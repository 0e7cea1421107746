//! Stretches of a lead that are shaded: missing, flat, saturated, noisy; as the labels of the recipe define them.

use std::ops::Range;

use ecg_core::rules::Rules;
use serde::Serialize;

/// What is wrong with a stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// The samples were missing.
    Missing,
    /// `label_flat_s_from` or more of one value.
    Flat,
    /// `label_saturated_run_from` or more samples at the smallest or largest value of their segment.
    Saturated,
    /// The quality index of the segment is below its limit.
    Noisy,
}

/// A stretch of one lead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Stretch {
    /// Number of the lead, from 0.
    pub(super) lead: u32,
    /// What is wrong with it.
    pub(super) kind: Kind,
    /// First sample of it in the recording, from 0.
    pub(super) from: u64,
    /// The sample behind it.
    pub(super) to: u64,
}

/// A segment as the stretches need it.
#[derive(Debug, Clone)]
pub(super) struct SegmentFacts {
    /// Its samples in the recording.
    pub(super) samples: Range<u64>,
    /// Smallest value in mV.
    pub(super) min_mv: f32,
    /// Largest value in mV.
    pub(super) max_mv: f32,
    /// Whether it has the warning `noisy`.
    pub(super) noisy: bool,
}

/// How many samples around a stretch are to be looked at, so that runs that cross its borders are found.
pub(super) fn margin(sampling_frequency_hz: f64, rules: &Rules) -> u64 {
    flat_from(sampling_frequency_hz, rules).max(u64::from(rules.label_saturated_run_from))
}

fn flat_from(sampling_frequency_hz: f64, rules: &Rules) -> u64 {
    // As `ecg_recipe` counts.
    (rules.label_flat_s_from * sampling_frequency_hz - 1e-9)
        .ceil()
        .max(2.0) as u64
}

/// The stretches that meet `shown`. `mv` are the samples from `start` on, with the [`margin`] on both sides; NaN is missing.
pub(super) fn stretches(
    lead: u32,
    start: u64,
    mv: &[f32],
    shown: &Range<u64>,
    segments: &[SegmentFacts],
    sampling_frequency_hz: f64,
    rules: &Rules,
) -> Vec<Stretch> {
    let mut found = Vec::new();
    let mut add = |kind: Kind, from: u64, to: u64| {
        let (from, to) = (from.max(shown.start), to.min(shown.end));
        if from < to {
            found.push(Stretch { lead, kind, from, to });
        }
    };
    for segment in segments.iter().filter(|segment| segment.noisy) {
        add(Kind::Noisy, segment.samples.start, segment.samples.end);
    }
    let flat_from = flat_from(sampling_frequency_hz, rules);
    let mut place = 0;
    while place < mv.len() {
        let run = run_at(mv, place);
        let (from, to) = (start + place as u64, start + (place + run) as u64);
        if mv[place].is_nan() {
            add(Kind::Missing, from, to);
        } else if run as u64 >= flat_from {
            add(Kind::Flat, from, to);
        } else if run as u64 >= u64::from(rules.label_saturated_run_from) {
            for segment in segments {
                let (inside_from, inside_to) = (from.max(segment.samples.start), to.min(segment.samples.end));
                if inside_from < inside_to && (mv[place] == segment.min_mv || mv[place] == segment.max_mv) {
                    add(Kind::Saturated, inside_from, inside_to);
                }
            }
        }
        place += run;
    }
    found
}

/// How many samples from `place` on are equal, or missing.
fn run_at(mv: &[f32], place: usize) -> usize {
    let first = mv[place];
    let same = |value: &&f32| **value == first || (value.is_nan() && first.is_nan());
    mv[place..].iter().take_while(same).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ecg_core::rules::RULES;

    /// 100 Hz: a flat line is 50 samples.
    fn of(mv: &[f32], shown: Range<u64>) -> Vec<(Kind, u64, u64)> {
        let known = || mv.iter().copied().filter(|value| !value.is_nan());
        let segment = SegmentFacts {
            samples: 0..mv.len() as u64,
            min_mv: known().fold(f32::INFINITY, f32::min),
            max_mv: known().fold(f32::NEG_INFINITY, f32::max),
            noisy: false,
        };
        let found = stretches(0, 0, mv, &shown, &[segment], 100.0, &RULES);
        found
            .into_iter()
            .map(|found| (found.kind, found.from, found.to))
            .collect()
    }

    fn wave(samples: usize) -> Vec<f32> {
        (0..samples).map(|place| (place % 10) as f32 / 10.0).collect()
    }

    #[test]
    fn each_kind_is_found_where_it_is() {
        let mut mv = wave(1000);
        mv[100..104].fill(f32::NAN);
        mv[300..350].fill(0.42);
        mv[500..505].fill(2.0);
        // Equal, but not at an extreme; at one, but too short; one sample too short for a flat line.
        mv[600..610].fill(0.42);
        mv[700..704].fill(2.0);
        mv[800..849].fill(0.42);
        let found = of(&mv, 0..1000);
        assert_eq!(
            found,
            [
                (Kind::Missing, 100, 104),
                (Kind::Flat, 300, 350),
                (Kind::Saturated, 500, 505)
            ]
        );
    }

    #[test]
    fn what_crosses_the_border_of_the_view_is_found_and_cut() {
        let mut mv = wave(1000);
        mv[480..540].fill(0.42);
        assert_eq!(of(&mv, 500..1000), [(Kind::Flat, 500, 540)]);
        assert_eq!(of(&mv, 0..481), [(Kind::Flat, 480, 481)]);
        assert_eq!(of(&mv, 540..1000), []);
    }

    #[test]
    fn a_noisy_segment_is_one_stretch() {
        let segment = SegmentFacts {
            samples: 1000..2000,
            min_mv: 0.0,
            max_mv: 1.0,
            noisy: true,
        };
        let found = stretches(3, 900, &wave(600), &(950..1450), &[segment], 100.0, &RULES);
        let expected = Stretch {
            lead: 3,
            kind: Kind::Noisy,
            from: 1000,
            to: 1450,
        };
        assert_eq!(found, [expected]);
    }
}
