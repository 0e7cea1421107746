//! Step 3, number 9: a second detector of beats, only for the quality index bSQI.
//!
//! It looks at the length of the curve instead of its energy (Zong, Moody and Jiang 2003, "A robust open-source algorithm
//! to detect onset and duration of QRS complexes", Computers in Cardiology 30:737), and asks neither for contrast nor for
//! slopes. Where both detectors find the same beats, the beats are clear; noise excites them at different times.
//!
//! Formulas: `v = u - m100(u)`, `u` the low-pass of the band-pass; length `m130(|v[n] - v[n - 1]|)` in mV per sample.

use std::collections::VecDeque;

use crate::filters::{MovingMean, Signal, odd_length};
use crate::median::median;

/// The local baseline, in s. Zong: none; without it T waves are as long as QRS complexes.
const CURVE_BASELINE_S: f64 = 0.1;
/// The length is taken over this, in s: the widest QRS complex. Zong: 0.13.
const CURVE_S: f64 = 0.13;
/// A peak of the length is a beat above this share of the level. Zong: 1 / 3.
const CURVE_THRESHOLD: f64 = 1.0 / 3.0;
/// Least time between two beats, in s. Zong: 0.25.
const CURVE_REFRACTORY_S: f64 = 0.25;
/// A peak this soon after a beat, in s, is its T wave, or a second part of it, if it is below a share of its length.
const CURVE_T_WAVE_S: f64 = 0.36;
/// That share. Pan and Tompkins (1985) have such a rule, for slopes: 0.36 s, 0.5. Zong: none.
const CURVE_T_WAVE: f64 = 0.6;
/// A beat moves the level by this share of the difference. Zong: 0.1.
const CURVE_LEVEL_STEP: f64 = 0.125;
/// A beat counts for the level as if it were at most so many times the level. Not published; against artefacts.
const CURVE_LARGEST: f64 = 2.0;
/// The first level is the median of the largest lengths in each of so many seconds from a peak on. Zong: from the mean
/// of 8 s.
const CURVE_LEARNING_S: usize = 8;
/// After so many seconds without a beat it is learned again, as by the first detector. Not published.
const CURVE_LEARN_AGAIN_AFTER_S: f64 = 10.0;
/// After so many seconds without a beat, and again after each `CURVE_LOWER_AGAIN_S`, the level falls. Zong: 2.5.
const CURVE_LOWER_AFTER_S: f64 = 2.5;
/// See `CURVE_LOWER_AFTER_S`. Not published.
const CURVE_LOWER_AGAIN_S: f64 = 0.5;
/// The level falls to this share of itself. Not published.
const CURVE_LOWER_BY: f64 = 0.8;
/// Of lengths that differ by less than this share the first one counts: rounding must not decide where on a plateau, as
/// of a spike in a flat line, the beat is.
const CURVE_EQUAL: f64 = 1e-9;
/// A peak is longer than this, in mV per sample: less is the rounding of sums.
const CURVE_FLAT_MV: f64 = 1e-9;
/// Beats of both detectors are the same if they are at most so far apart, in s. Li, Mark and Clifford (2008): 0.15.
const SAME_BEAT_S: f64 = 0.15;

/// Samples are compared so many at once.
const AT_ONCE: usize = 16;

/// Finds the beats of one lead by the length of its curve. Holds about half a second of signal, and peaks of at most
/// eight seconds.
#[derive(Debug, Clone)]
pub(crate) struct SecondDetector {
    /// Length of the local baseline, in samples.
    baseline: usize,
    window: MovingMean,
    /// `|v[n] - v[n - 1]|`.
    rise: Signal,
    length: Signal,
    /// Half of the refractory period, in samples: a peak is the largest so far to both sides.
    half: usize,
    /// Delay of `length`.
    delay: usize,
    /// Samples pushed, with those after the end of the recording.
    pushed: u64,
    peaks: Vec<Peak>,
    classifier: PeakClassifier,
}

/// A sample where the length of the curve is largest.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Peak {
    at: u64,
    length: f64,
}

impl SecondDetector {
    /// `low_pass_delay` is that of the low-pass.
    pub(crate) fn new(fs: f64, low_pass_delay: usize) -> Self {
        let baseline = odd_length(CURVE_BASELINE_S, fs);
        let window = odd_length(CURVE_S, fs);
        let refractory = (CURVE_REFRACTORY_S * fs).ceil() as u64;
        let half = (refractory / 2) as usize;
        Self {
            delay: low_pass_delay + baseline / 2 + window / 2,
            baseline,
            window: MovingMean::new(window, 0.0),
            rise: Signal::new(window, 0.0),
            length: Signal::new(2 * half + 1, 0.0),
            half,
            pushed: 0,
            peaks: Vec::new(),
            classifier: PeakClassifier::new(fs, refractory),
        }
    }

    /// Takes the next block of the low-pass. The recording has `end` samples so far; what comes after its end is its
    /// last value, held.
    pub(crate) fn push(&mut self, low_passed: &Signal, samples: usize, end: u64) {
        // The difference of two moving means that follow each other is the rise over their length, divided by it.
        let (baseline, share) = (self.baseline, 1.0 / self.baseline as f64);
        let at = |delay| low_passed.delayed(delay).iter();
        let values = at(baseline / 2)
            .zip(at(baseline / 2 + 1))
            .zip(at(0))
            .zip(at(baseline));
        let rises = self.rise.next_block(samples).iter_mut();
        for (rise, (((middle, before), newest), oldest)) in rises.zip(values) {
            *rise = ((middle - before) - (newest - oldest) * share).abs();
        }
        let before = self.pushed;
        self.pushed += samples as u64;
        let length = self.length.next_block(samples);
        self.window.push(&self.rise, length);
        // Outside of the recording there is no peak.
        let place = |sample: u64| (sample + self.delay as u64).saturating_sub(before) as usize;
        length[..place(0).min(samples)].fill(0.0);
        length[place(end).min(samples)..].fill(0.0);
        self.find_peaks(before);
        self.classify(before, end);
    }

    /// Finds the peaks of the samples that are now in the middle of what is known.
    fn find_peaks(&mut self, before: u64) {
        let late = (self.delay + self.half) as u64;
        self.peaks.clear();
        // Most samples are below a neighbour or an end of the window around them. All are compared with these at once.
        let at = |delay| self.length.delayed(delay).chunks(AT_ONCE);
        let neighbours = at(self.half + 1).zip(at(self.half - 1));
        let ends = at(2 * self.half).zip(at(0));
        let chunks = at(self.half).zip(neighbours.zip(ends));
        for (number, (here, ((earlier, later), (first, last)))) in chunks.enumerate() {
            let neighbours = earlier.iter().zip(later);
            let others = neighbours.zip(first.iter().zip(last));
            let tops = || {
                let places = here.iter().zip(others.clone());
                places.map(|(here, ((a, b), (c, d)))| {
                    let most = here * (1.0 + CURVE_EQUAL);
                    (*here > CURVE_FLAT_MV) & (most >= *a) & (most >= *b) & (most >= *c) & (most >= *d)
                })
            };
            if tops().map(u64::from).sum::<u64>() == 0 {
                continue;
            }
            for (place, (length, is_top)) in here.iter().zip(tops()).enumerate() {
                let pushed = before + (number * AT_ONCE + place) as u64;
                if is_top && self.is_peak(pushed, *length) {
                    self.peaks.push(Peak {
                        at: pushed - late,
                        length: *length,
                    });
                }
            }
        }
    }

    /// Whether a length is the largest in its window, which ends where so many samples were pushed.
    fn is_peak(&self, pushed: u64, length: f64) -> bool {
        let first = pushed.saturating_sub(2 * self.half as u64);
        let most = length * (1.0 + CURVE_EQUAL);
        self.length
            .range(first..=pushed)
            .iter()
            .all(|other| *other <= most)
    }

    /// Gives the peaks, and the lengths between them, to the classifier.
    fn classify(&mut self, before: u64, end: u64) {
        let late = (self.delay + self.half) as u64;
        let here = self.length.delayed(self.half);
        let sample = |pushed: u64| pushed.saturating_sub(late).min(end);
        let (mut from, to) = (sample(before), sample(self.pushed));
        // The lengths of the samples from `from` on.
        let lengths = |from: u64, to: u64| {
            let place = |sample: u64| (sample + late - before) as usize;
            &here[place(from)..place(to)]
        };
        for peak in &self.peaks {
            self.classifier.take_lengths(from, lengths(from, peak.at));
            self.classifier.push(*peak);
            from = peak.at;
        }
        if from < to {
            self.classifier.take_lengths(from, lengths(from, to));
        }
        self.classifier.advance_to(to);
    }

    /// Ends the lead.
    pub(crate) fn finish(&mut self) {
        self.classifier.finish();
    }

    /// The sample of the next beat that is certain.
    pub(crate) fn next_beat(&mut self) -> Option<u64> {
        self.classifier.certain.pop_front()
    }

    /// No further beat will be before this sample.
    pub(crate) fn known_until(&self) -> u64 {
        self.classifier.known_until()
    }
}

/// What the level is learned from.
#[derive(Debug, Clone, Default)]
struct Learning {
    first: u64,
    /// Largest length in each second.
    largest: Vec<f64>,
    peaks: Vec<Peak>,
}

/// Decides which peaks are beats, in the order of time.
#[derive(Debug, Clone)]
struct PeakClassifier {
    refractory: u64,
    t_wave: f64,
    second: u64,
    lower_after: u64,
    lower_again: u64,
    learn_again_after: u64,
    learning: Option<Learning>,
    level: f64,
    /// When the level falls next.
    lower_at: u64,
    /// A peak after this begins to learn the level; `None` before the first one.
    learn_at: Option<u64>,
    last: Option<Peak>,
    /// Until the latest beat is certain a longer peak may replace it.
    last_is_certain: bool,
    /// All peaks before this sample have been pushed.
    now: u64,
    certain: VecDeque<u64>,
}

impl PeakClassifier {
    fn new(fs: f64, refractory: u64) -> Self {
        let samples = |seconds: f64| (seconds * fs) as u64;
        Self {
            refractory,
            t_wave: CURVE_T_WAVE_S * fs,
            second: samples(1.0).max(1),
            lower_after: samples(CURVE_LOWER_AFTER_S),
            lower_again: samples(CURVE_LOWER_AGAIN_S).max(1),
            learn_again_after: samples(CURVE_LEARN_AGAIN_AFTER_S),
            learning: None,
            level: 0.0,
            lower_at: 0,
            learn_at: None,
            last: None,
            last_is_certain: false,
            now: 0,
            certain: VecDeque::new(),
        }
    }

    /// Takes the lengths of the next samples, from `from` on; peaks among them have been pushed.
    fn take_lengths(&mut self, from: u64, lengths: &[f64]) {
        let Some(learning) = self.learning.as_mut() else {
            return;
        };
        let ends_at = learning.first + CURVE_LEARNING_S as u64 * self.second;
        for (sample, length) in (from..ends_at).zip(lengths) {
            let second = ((sample - learning.first) / self.second) as usize;
            match learning.largest.get_mut(second) {
                Some(largest) => *largest = largest.max(*length),
                None => learning.largest.push(*length),
            }
        }
        if from + lengths.len() as u64 >= ends_at {
            self.end_learning();
        }
    }

    fn end_learning(&mut self) {
        let Some(mut learning) = self.learning.take() else {
            return;
        };
        self.level = median(&mut learning.largest).unwrap_or(0.0);
        for peak in learning.peaks {
            self.classify(peak);
        }
    }

    /// Takes the next peak.
    fn push(&mut self, peak: Peak) {
        self.advance_to(peak.at);
        if self.learning.is_none() && self.learn_at.is_none_or(|learn_at| peak.at > learn_at) {
            self.no_beat_since(peak.at);
            self.learning = Some(Learning {
                first: peak.at,
                ..Learning::default()
            });
        }
        match self.learning.as_mut() {
            Some(learning) => learning.peaks.push(peak),
            None => self.classify(peak),
        }
    }

    fn classify(&mut self, peak: Peak) {
        while peak.at > self.lower_at {
            self.level *= CURVE_LOWER_BY;
            self.lower_at += self.lower_again;
        }
        if peak.length <= CURVE_THRESHOLD * self.level {
            return;
        }
        if let Some(last) = self.last {
            let since = peak.at - last.at;
            if since < self.refractory {
                if peak.length > last.length * (1.0 + CURVE_EQUAL) {
                    self.last = Some(peak);
                }
                return;
            }
            if (since as f64) < self.t_wave && peak.length < CURVE_T_WAVE * last.length {
                return;
            }
        }
        self.make_last_certain();
        self.last = Some(peak);
        self.last_is_certain = false;
        let counted = peak.length.min(CURVE_LARGEST * self.level);
        self.level += CURVE_LEVEL_STEP * (counted - self.level);
        self.no_beat_since(peak.at);
    }

    fn no_beat_since(&mut self, sample: u64) {
        self.lower_at = sample + self.lower_after;
        self.learn_at = Some(sample + self.learn_again_after);
    }

    /// Says that no further peak is before `now`.
    fn advance_to(&mut self, now: u64) {
        self.now = now;
        if self.learning.is_none() && self.last.is_some_and(|last| now >= last.at + self.refractory) {
            self.make_last_certain();
        }
    }

    fn finish(&mut self) {
        self.end_learning();
        self.make_last_certain();
    }

    fn make_last_certain(&mut self) {
        if let Some(last) = self.last
            && !self.last_is_certain
        {
            self.certain.push_back(last.at);
            self.last_is_certain = true;
        }
    }

    fn known_until(&self) -> u64 {
        match (&self.learning, self.last) {
            (Some(learning), _) => learning.first,
            (None, Some(last)) if !self.last_is_certain => last.at,
            _ => self.now,
        }
    }
}

/// The beats of a segment that both detectors found, and those that only one found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub(crate) by_both: u32,
    pub(crate) by_one: u32,
}

/// Which beats of one lead both detectors found: matched one to one, greedily in the order of time. A beat of both
/// is in the segment where the first detector has it.
pub(crate) struct Agreement {
    tolerance: u64,
    segment_samples: u64,
    /// Beats of the first detector, and of the second one, that have no match yet and may get one.
    first: VecDeque<u64>,
    second: VecDeque<u64>,
    /// Of the segment with this number, and of those after it.
    segment: u64,
    counts: VecDeque<Agreed>,
    known_until: u64,
}

impl Agreement {
    pub(crate) fn new(sampling_frequency_hz: f64, segment_samples: u64) -> Self {
        Self {
            tolerance: (SAME_BEAT_S * sampling_frequency_hz) as u64,
            segment_samples,
            first: VecDeque::new(),
            second: VecDeque::new(),
            segment: 0,
            counts: VecDeque::new(),
            known_until: 0,
        }
    }

    /// Takes the next beat of the first detector.
    pub(crate) fn push_first(&mut self, at: u64) {
        self.first.push_back(at);
    }

    /// Takes the next beat of the second detector.
    pub(crate) fn push_second(&mut self, at: u64) {
        self.second.push_back(at);
    }

    /// Matches what is certain: all beats of the two detectors before these samples have been pushed.
    pub(crate) fn advance_to(&mut self, first_known_until: u64, second_known_until: u64) {
        loop {
            let a = self.first.front().copied();
            let b = self.second.front().copied();
            let by_both = match (a, b) {
                (Some(a), Some(b)) => a.abs_diff(b) <= self.tolerance,
                (Some(a), None) if a.saturating_add(self.tolerance) < second_known_until => false,
                (None, Some(b)) if b.saturating_add(self.tolerance) < first_known_until => false,
                _ => break,
            };
            let (a, b) = (a.unwrap_or(u64::MAX), b.unwrap_or(u64::MAX));
            let of_first = by_both || a < b;
            if of_first {
                self.first.pop_front();
            }
            if by_both || !of_first {
                self.second.pop_front();
            }
            let counts = self.counts_of(if of_first { a } else { b });
            if by_both {
                counts.by_both += 1;
            } else {
                counts.by_one += 1;
            }
        }
        let waiting = self.first.front().into_iter().chain(self.second.front());
        self.known_until = waiting
            .copied()
            .fold(first_known_until.min(second_known_until), u64::min);
    }

    /// What will be counted lies at or after this sample.
    pub(crate) fn known_until(&self) -> u64 {
        self.known_until
    }

    /// The counts of the next segment.
    pub(crate) fn next_segment(&mut self) -> Agreed {
        self.segment += 1;
        self.counts.pop_front().unwrap_or_default()
    }

    fn counts_of(&mut self, sample: u64) -> &mut Agreed {
        let place = (sample / self.segment_samples).saturating_sub(self.segment) as usize;
        if self.counts.len() <= place {
            self.counts.resize(place + 1, Agreed::default());
        }
        &mut self.counts[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filters::BLOCK;

    const FS: f64 = 360.0;

    /// The beats in a signal that is given as the low-pass of the band-pass.
    fn beats(mv: &[f64], at_once: usize) -> Vec<u64> {
        let mut detector = SecondDetector::new(FS, 0);
        let before = mv.first().copied().unwrap_or(0.0);
        let mut signal = Signal::new(odd_length(CURVE_BASELINE_S, FS), before);
        let mut found = Vec::new();
        let mut end = 0;
        for block in mv.chunks(at_once) {
            signal.next_block(block.len()).copy_from_slice(block);
            end += block.len() as u64;
            detector.push(&signal, block.len(), end);
            while let Some(beat) = detector.next_beat() {
                assert!(beat <= detector.known_until());
                found.push(beat);
            }
        }
        let held = detector.delay + detector.half;
        signal
            .next_block(held)
            .fill(mv.last().copied().unwrap_or_default());
        detector.push(&signal, held, end);
        detector.finish();
        found.extend(std::iter::from_fn(|| detector.next_beat()));
        found
    }

    /// Waves of 40 ms, at these samples with these heights in mV.
    fn waves(samples: usize, at: &[(usize, f64)]) -> Vec<f64> {
        let mut mv = vec![0.0; samples];
        for (at, height) in at {
            for (n, mv) in mv.iter_mut().enumerate() {
                let distance = (n as f64 - *at as f64) / (0.015 * FS);
                *mv += height * (-0.5 * distance * distance).exp();
            }
        }
        mv
    }

    #[test]
    fn beats_are_found_at_their_places_and_a_third_of_them_is_not_enough() {
        let at: Vec<(usize, f64)> = (0..20)
            .flat_map(|beat| [(200 + 300 * beat, 1.0), (320 + 300 * beat, 0.25)])
            .collect();
        let found = beats(&waves(6200, &at), BLOCK);
        assert_eq!(found.len(), 20);
        for (number, beat) in found.iter().enumerate() {
            assert!(beat.abs_diff(200 + 300 * number as u64) <= 20, "{number}: {beat}");
        }
    }

    #[test]
    fn fast_beats_are_found_and_no_t_waves() {
        // 235 per minute; and 70 per minute, each with a T wave of half its height 0.3 s after it.
        let fast: Vec<(usize, f64)> = (0..40).map(|beat| (200 + 92 * beat, 1.0)).collect();
        assert_eq!(beats(&waves(4100, &fast), BLOCK).len(), 40);
        let slow: Vec<(usize, f64)> = (0..10)
            .flat_map(|beat| [(200 + 308 * beat, 1.0), (308 + 308 * beat, 0.5)])
            .collect();
        assert_eq!(beats(&waves(3600, &slow), BLOCK).len(), 10);
    }

    #[test]
    fn of_two_within_the_refractory_period_the_longer_one_counts() {
        for (heights, place) in [([1.0, 0.7], 1000), ([0.7, 1.0], 1080)] {
            let found = beats(&waves(2000, &[(1000, heights[0]), (1080, heights[1])]), BLOCK);
            assert_eq!(found.len(), 1, "{heights:?}: {found:?}");
            assert!(found[0].abs_diff(place) <= 20, "{heights:?}: {found:?}");
        }
    }

    #[test]
    fn it_does_not_depend_on_the_blocks() {
        let at: Vec<(usize, f64)> = (0..40).map(|beat| (100 + 290 * beat, 1.0)).collect();
        let mut mv = waves(12_000, &at);
        for (n, mv) in mv.iter_mut().enumerate() {
            *mv += 0.2 * ((n * n % 101) as f64 / 101.0);
        }
        let expect = beats(&mv, BLOCK);
        assert!(expect.len() > 35);
        for at_once in [1, 7, 100, 4095] {
            assert_eq!(beats(&mv, at_once), expect, "{at_once}");
        }
    }

    #[test]
    fn the_first_sample_of_a_plateau_counts() {
        // One sample in a flat line: the length is the same while it is in the window.
        let mut mv = vec![0.0; 1000];
        mv[500] = 1.0;
        let window = odd_length(CURVE_S, FS) as u64;
        let baseline = odd_length(CURVE_BASELINE_S, FS) as u64;
        let found = beats(&mv, BLOCK);
        assert_eq!(found, [500 + baseline / 2 + 1 - window / 2]);
    }

    #[test]
    fn after_a_pause_the_level_is_learned_again() {
        let mut at: Vec<(usize, f64)> = (0..15).map(|beat| (200 + 300 * beat, 1.0)).collect();
        let after = 4700 + (60.0 * FS) as usize;
        at.extend((0..30).flat_map(|beat| [(after + 300 * beat, 0.2), (after + 120 + 300 * beat, 0.04)]));
        let found = beats(&waves(after + 9200, &at), BLOCK);
        assert_eq!(found.len(), 45, "{found:?}");
    }

    #[test]
    fn a_flat_lead_has_none() {
        assert!(beats(&[2.5; 9000], BLOCK).is_empty());
        assert!(beats(&[], BLOCK).is_empty());
    }

    #[test]
    fn beats_are_matched_one_to_one_in_the_segment_of_the_first_detector() {
        // 54 samples are 150 ms.
        let mut agreement = Agreement::new(FS, 1000);
        for at in [100, 500, 990, 1500] {
            agreement.push_first(at);
        }
        for at in [154, 555, 1010, 1040, 2100] {
            agreement.push_second(at);
        }
        agreement.advance_to(u64::MAX, u64::MAX);
        let counts: Vec<(u32, u32)> = (0..4)
            .map(|_| agreement.next_segment())
            .map(|agreed| (agreed.by_both, agreed.by_one))
            .collect();
        // 500 and 555 are too far apart; 1040 has no partner left.
        assert_eq!(counts, [(2, 2), (0, 2), (0, 1), (0, 0)]);
    }

    #[test]
    fn what_may_still_get_a_partner_waits() {
        let mut agreement = Agreement::new(FS, 1000);
        agreement.push_first(100);
        agreement.advance_to(800, 154);
        assert_eq!(agreement.known_until(), 100);
        agreement.push_second(154);
        agreement.advance_to(800, 700);
        assert_eq!(agreement.known_until(), 700);
        agreement.push_second(900);
        agreement.advance_to(955, 950);
        assert_eq!(agreement.known_until(), 950);
        assert_eq!(
            agreement.next_segment(),
            Agreed {
                by_both: 1,
                by_one: 1
            }
        );
    }
}
