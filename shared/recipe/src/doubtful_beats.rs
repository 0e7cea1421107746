//! Step 3, number 9b: which of the beats found are noise after all, where the signal is noisy.
//!
//! Motion of an electrode looks like a beat to a detector of energy. What it lacks is steepness, and the rhythm does not need
//! it. How much of either is asked for depends on the noise: its power, as a share of that of the beats, is about 1 less the
//! correlation of a beat with the template of its kind (number 8). Of two signals with powers 1 and n, which are
//! independent, the correlation of their sum with the first one is `1 / sqrt(1 + n)`.
//!
//! Formula: `(slope / usual slope)^2 * (interval / usual interval)^2 < min(6 * (1 - usual correlation), 0.6)`; usual is the
//! median of the last eight, the interval that between the beats around it.

use std::collections::VecDeque;

use crate::adaptive_levels::LastValues;
use crate::templates::Fitted;
use crate::types::Candidate;

/// Only a beat less steep than this share of the usual slope may be noise. Not published, as the rest of this list.
const DOUBTFUL_SLOPE: f64 = 0.8;
/// And only if its slope over its amplitude is at most so many times the usual one: a QRS complex that is small beside large
/// extrasystoles is sharp, the motion of an electrode is not.
const DOUBTFUL_SHARPNESS: f64 = 1.2;
/// Nor may it fill an interval longer than so many usual ones: nearer to two than to one.
const LONGEST_INTERVAL: f64 = 1.5;
/// It is noise if the left side of the formula is below so many times the share of the noise, ...
const NOISE_FACTOR: f64 = 6.0;
/// ... but at most below this.
const LARGEST_SHARE: f64 = 0.6;
/// A beat is decided on at most so long after the last one that is certain, in s.
const DOUBTFUL_WITHIN_S: f64 = 3.0;
/// Intervals longer than this, in s, are pauses.
const LONGEST_USUAL_S: f64 = 2.0;

/// A beat that was found, and its correlation with the template of its kind.
pub(crate) type Found = (Candidate, Fitted);

/// Leaves out the beats of one lead that are noise. Holds beats of at most three seconds.
#[derive(Debug, Clone)]
pub(crate) struct DoubtfulBeats {
    within: f64,
    longest_usual: f64,
    slopes: LastValues,
    /// Slope over amplitude.
    sharpness: LastValues,
    intervals: LastValues,
    /// 1 less the correlation.
    unlike: LastValues,
    /// The latest beat that is certain.
    last: Option<Candidate>,
    doubtful: Vec<Found>,
    /// Beats that are certain and were not taken yet.
    certain: VecDeque<Found>,
}

/// Medians of the last beats.
#[derive(Debug, Clone, Copy)]
struct Usual {
    slope: f64,
    interval: f64,
    unlike: f64,
}

impl DoubtfulBeats {
    pub(crate) fn new(fs: f64) -> Self {
        Self {
            within: DOUBTFUL_WITHIN_S * fs,
            longest_usual: LONGEST_USUAL_S * fs,
            slopes: LastValues::default(),
            sharpness: LastValues::default(),
            intervals: LastValues::default(),
            unlike: LastValues::default(),
            last: None,
            doubtful: Vec::new(),
            certain: VecDeque::new(),
        }
    }

    /// Takes the next beat. Then ask for the [`next_beat`](Self::next_beat).
    pub(crate) fn push(&mut self, beat: Found) {
        let candidate = beat.0;
        self.advance_to(candidate.r_sample);
        if self.is_doubtful(&candidate) {
            self.doubtful.push(beat);
            return;
        }
        let doubtful = std::mem::take(&mut self.doubtful);
        if let Some(last) = self.last
            && !doubtful.is_empty()
        {
            self.accept_needed(&doubtful, last.r_sample, candidate.r_sample);
        }
        self.accept(beat);
    }

    /// Says that no further R peak is before `now`, and does what is due by then.
    pub(crate) fn advance_to(&mut self, now: u64) {
        if self
            .last
            .is_some_and(|last| now as f64 - last.r_sample as f64 > self.within)
        {
            self.accept_doubtful();
        }
    }

    /// Ends the lead.
    pub(crate) fn finish(&mut self) {
        self.accept_doubtful();
    }

    /// The next beat, if it is certain by now.
    pub(crate) fn next_beat(&mut self) -> Option<Found> {
        self.certain.pop_front()
    }

    /// The first beat that waits.
    pub(crate) fn first_doubtful(&self) -> Option<&Candidate> {
        self.doubtful.first().map(|(candidate, _)| candidate)
    }

    fn is_doubtful(&self, candidate: &Candidate) -> bool {
        let is_known = [&self.slopes, &self.intervals, &self.unlike]
            .iter()
            .all(|values| values.is_full());
        is_known
            && below(candidate.slope, DOUBTFUL_SLOPE, &self.slopes)
            && below(sharpness(candidate), DOUBTFUL_SHARPNESS, &self.sharpness)
    }

    fn accept_doubtful(&mut self) {
        for beat in std::mem::take(&mut self.doubtful) {
            self.accept(beat);
        }
    }

    /// Of doubtful beats between two R peaks accepts those that are no noise. They are judged by what was usual before.
    fn accept_needed(&mut self, beats: &[Found], start: u64, end: u64) {
        let (Some(slope), Some(interval), Some(unlike)) = (
            self.slopes.median(),
            self.intervals.median(),
            self.unlike.median(),
        ) else {
            return;
        };
        let usual = Usual {
            slope,
            interval,
            unlike,
        };
        let mut needed = Vec::new();
        add_needed(beats, start, end, usual, &mut needed);
        for beat in needed {
            self.accept(beat);
        }
    }

    fn accept(&mut self, beat: Found) {
        let (candidate, Fitted { correlation, .. }) = beat;
        if let Some(last) = self.last {
            let interval = candidate.r_sample as f64 - last.r_sample as f64;
            if interval < self.longest_usual {
                self.intervals.push(interval);
            }
        }
        self.slopes.push(candidate.slope);
        self.sharpness.push(sharpness(&candidate));
        if let Some(correlation) = correlation {
            self.unlike.push(1.0 - correlation);
        }
        self.last = Some(candidate);
        self.certain.push_back(beat);
    }
}

/// Of doubtful beats between two R peaks those that are no noise. If the steepest one, the first of equal ones, is none, the
/// beats on either side of it are judged again, each within its shorter interval.
fn add_needed(beats: &[Found], start: u64, end: u64, usual: Usual, needed: &mut Vec<Found>) {
    let Some((first, _)) = beats.split_first() else {
        return;
    };
    let (mut steepest, mut slope) = (0, first.0.slope);
    for (place, (candidate, _)) in beats.iter().enumerate() {
        if candidate.slope > slope {
            (steepest, slope) = (place, candidate.slope);
        }
    }
    let interval = (end as f64 - start as f64) / usual.interval;
    let share = slope / usual.slope * interval;
    if interval < LONGEST_INTERVAL && share * share < LARGEST_SHARE.min(NOISE_FACTOR * usual.unlike) {
        return;
    }
    let middle = beats[steepest].0.r_sample;
    add_needed(&beats[..steepest], start, middle, usual, needed);
    needed.push(beats[steepest]);
    add_needed(&beats[steepest + 1..], middle, end, usual, needed);
}

/// In mV per sample and mV.
fn sharpness(candidate: &Candidate) -> f64 {
    candidate.slope / candidate.amplitude_mv
}

/// Whether a value is below so many times the median of some others.
fn below(value: f64, times: f64, others: &LastValues) -> bool {
    others.median().is_some_and(|median| value < times * median)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FS: f64 = 100.0;

    /// A beat at a sample, its slope and amplitude in those of the others, and its correlation.
    fn beat(at: u64, slope: f64, amplitude_mv: f64, correlation: f64) -> Found {
        let candidate = Candidate {
            at,
            amplitude_mv,
            slope,
            r_sample: at,
            is_clear: true,
        };
        let correlation = Some(correlation);
        (candidate, Fitted { correlation, kind: 1 })
    }

    /// Ten beats at 75 per minute with this correlation, then others; the samples of those that are kept after the ten.
    fn kept(correlation: f64, others: &[Found]) -> Vec<u64> {
        let mut beats = DoubtfulBeats::new(FS);
        for number in 0..10 {
            beats.push(beat(80 * number, 1.0, 1.0, correlation));
        }
        others.iter().for_each(|other| beats.push(*other));
        beats.finish();
        let samples = std::iter::from_fn(|| beats.next_beat()).map(|(candidate, _)| candidate.r_sample);
        samples.filter(|sample| *sample > 720).collect()
    }

    #[test]
    fn what_is_less_steep_and_splits_a_usual_interval_is_noise_where_there_is_noise() {
        let next = beat(800, 1.0, 1.0, 0.9);
        let doubtful = |slope, amplitude_mv| [beat(760, slope, amplitude_mv, 0.5), next];
        // Below the square root of 6 * 0.1 = 0.6.
        assert_eq!(kept(0.9, &doubtful(0.77, 1.0)), [800]);
        assert_eq!(kept(0.9, &doubtful(0.79, 1.0)), [760, 800]);
        // With less noise below 0.24, and at last never.
        assert_eq!(kept(0.99, &doubtful(0.24, 1.0)), [800]);
        assert_eq!(kept(0.99, &doubtful(0.25, 1.0)), [760, 800]);
        assert_eq!(kept(1.0, &doubtful(0.01, 1.0)), [760, 800]);
        // A small beat that is sharp.
        assert_eq!(kept(0.9, &doubtful(0.4, 0.3)), [760, 800]);
    }

    #[test]
    fn of_what_is_doubtful_in_a_long_interval_the_steepest_is_kept() {
        let several = [
            beat(760, 0.2, 1.0, 0.5),
            beat(800, 0.4, 1.0, 0.5),
            beat(830, 0.3, 1.0, 0.5),
            beat(880, 1.0, 1.0, 0.9),
        ];
        assert_eq!(kept(0.9, &several), [800, 880]);
    }

    #[test]
    fn nothing_waits_for_more_than_three_seconds() {
        let mut beats = DoubtfulBeats::new(FS);
        for number in 0..10 {
            beats.push(beat(80 * number, 1.0, 1.0, 0.9));
        }
        beats.push(beat(760, 0.3, 1.0, 0.5));
        assert_eq!(beats.first_doubtful().map(|beat| beat.at), Some(760));
        beats.advance_to(1020);
        assert!(beats.first_doubtful().is_some());
        beats.advance_to(1021);
        assert_eq!((beats.first_doubtful(), beats.certain.len()), (None, 11));
    }
}
