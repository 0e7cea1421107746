//! Step 3, number 3: which of the candidates without enough contrast are kept.
//!
//! In a fast rhythm of wide beats the long moving mean holds two of them and what is between them, so that no beat has much
//! contrast; but they are even. And a QRS complex has little contrast where the T wave after it has more energy, as in
//! QRS complexes of a few milliseconds; but the T wave is less steep.

use std::collections::VecDeque;

use crate::detector_settings::DETECTOR;
use crate::filters::in_samples;
use crate::median::upper_median;
use crate::types::Candidate;

/// Keeps the clear candidates of one lead, and the unclear ones that are beats of a fast regular rhythm or have a T wave.
/// Holds candidates of about three seconds.
#[derive(Debug, Clone)]
pub(crate) struct UnclearCandidates {
    /// Candidates, and whether each is kept: the last ones that were decided, then those that wait.
    candidates: VecDeque<(Candidate, bool)>,
    /// How many of them were decided.
    decided: usize,
    t_wave: u64,
    run_interval: f64,
    /// No run that a candidate begins lasts longer.
    longest_run: u64,
    /// No further candidate is before this sample.
    now: u64,
}

impl UnclearCandidates {
    pub(crate) fn new(fs: f64) -> Self {
        let intervals = (DETECTOR.run_beats - 1) as f64;
        let longest = intervals * DETECTOR.run_interval_s * (1.0 + DETECTOR.run_intervals_within);
        Self {
            candidates: VecDeque::new(),
            decided: 0,
            t_wave: in_samples(DETECTOR.t_wave_s, fs),
            run_interval: DETECTOR.run_interval_s * fs,
            // Intervals of a run are those of its R peaks.
            longest_run: ((longest + 2.0 * DETECTOR.r_peak_within_s) * fs).ceil() as u64,
            now: 0,
        }
    }

    /// Takes the next candidate, and gives those that are kept by now.
    pub(crate) fn push(&mut self, candidate: Candidate, kept: &mut impl FnMut(Candidate)) {
        self.now = self.now.max(candidate.at);
        if candidate.is_clear {
            for (before, is_kept) in self.candidates.iter_mut().rev() {
                if candidate.at - before.at >= self.t_wave {
                    break;
                }
                *is_kept |= candidate.slope < DETECTOR.t_wave_slope * before.slope;
            }
        }
        self.candidates.push_back((candidate, candidate.is_clear));
        self.keep_run();
        self.decide(kept);
    }

    /// Says that no further candidate is before `now`, and gives those that are kept by then.
    pub(crate) fn advance_to(&mut self, now: u64, kept: &mut impl FnMut(Candidate)) {
        self.now = self.now.max(now);
        self.decide(kept);
    }

    /// Ends the lead.
    pub(crate) fn finish(&mut self, kept: &mut impl FnMut(Candidate)) {
        self.advance_to(u64::MAX, kept);
    }

    /// All candidates that are kept and before this sample have been given.
    pub(crate) fn known_until(&self) -> u64 {
        let waiting = self.candidates.get(self.decided);
        waiting.map_or(self.now, |(first, _)| first.at)
    }

    /// Keeps the last candidates if they are a fast regular rhythm: the median of their intervals is short, and intervals and
    /// amplitudes are close to their medians.
    fn keep_run(&mut self) {
        const RUN: usize = DETECTOR.run_beats;
        let Some(first) = self.candidates.len().checked_sub(RUN) else {
            return;
        };
        if self.candidates.range(first..).all(|(_, is_kept)| *is_kept) {
            return;
        }
        let of = |n: usize| &self.candidates[first + n].0;
        let intervals: [f64; RUN - 1] =
            std::array::from_fn(|n| of(n + 1).r_sample as f64 - of(n).r_sample as f64);
        let amplitudes: [f64; RUN] = std::array::from_fn(|n| of(n).amplitude_mv);
        let medians = (
            upper_median(&mut { intervals }),
            upper_median(&mut { amplitudes }),
        );
        let (Some(usual), Some(height)) = medians else {
            return;
        };
        let within = |value: f64, median: f64, share: f64| (value - median).abs() <= share * median;
        let is_run = usual <= self.run_interval
            && intervals
                .iter()
                .all(|interval| within(*interval, usual, DETECTOR.run_intervals_within))
            && amplitudes
                .iter()
                .all(|amplitude| within(*amplitude, height, DETECTOR.run_amplitudes_within));
        if is_run {
            self.candidates
                .range_mut(first..)
                .for_each(|(_, is_kept)| *is_kept = true);
        }
    }

    fn decide(&mut self, kept: &mut impl FnMut(Candidate)) {
        while let Some((candidate, is_kept)) = self.candidates.get(self.decided) {
            let later = self.candidates.len() - 1 - self.decided;
            let of_no_run =
                later >= DETECTOR.run_beats - 1 || self.now > candidate.at.saturating_add(self.longest_run);
            let has_no_t_wave = self.now >= candidate.at.saturating_add(self.t_wave);
            if *is_kept {
                kept(*candidate);
            } else if !(of_no_run && has_no_t_wave) {
                break;
            }
            self.decided += 1;
        }
        // A run of the next candidate can have so many before it.
        while self.decided >= DETECTOR.run_beats {
            self.candidates.pop_front();
            self.decided -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FS: f64 = 100.0;

    fn candidate(at: u64, amplitude_mv: f64, slope: f64, is_clear: bool) -> Candidate {
        Candidate {
            at,
            amplitude_mv,
            slope,
            r_sample: at,
            is_clear,
        }
    }

    fn kept(candidates: &[Candidate]) -> Vec<u64> {
        let mut unclear = UnclearCandidates::new(FS);
        let mut found = Vec::new();
        for candidate in candidates {
            unclear.push(*candidate, &mut |candidate| found.push(candidate.at));
            assert!(unclear.known_until() <= candidate.at);
        }
        unclear.finish(&mut |candidate| found.push(candidate.at));
        found
    }

    #[test]
    fn of_unclear_candidates_those_of_a_fast_even_run_are_kept() {
        let run = |interval: u64, count: u64| -> Vec<Candidate> {
            (0..count)
                .map(|n| candidate(1000 + n * interval, 0.2, 0.1, false))
                .collect()
        };
        assert_eq!(kept(&run(25, 8)).len(), 8);
        assert_eq!(kept(&run(25, 7)).len(), 0);
        assert_eq!(kept(&run(37, 20)).len(), 0);
        let mut uneven = run(30, 8);
        uneven[3].r_sample += 4;
        assert_eq!(kept(&uneven).len(), 0);
        let mut one_is_small = run(30, 16);
        one_is_small[7].amplitude_mv = 0.1;
        assert_eq!(kept(&one_is_small).len(), 8);
    }

    #[test]
    fn an_unclear_candidate_is_kept_before_a_clear_one_that_is_its_t_wave() {
        let t_wave = |slope| {
            [
                candidate(100, 0.1, 0.1, false),
                candidate(130, 0.2, slope, true),
                candidate(300, 0.1, 0.1, false),
            ]
        };
        assert_eq!(kept(&t_wave(0.03)), [100, 130]);
        assert_eq!(kept(&t_wave(0.05)), [130]);
        let late = [candidate(100, 0.1, 0.1, false), candidate(136, 0.2, 0.01, true)];
        assert_eq!(kept(&late), [136]);
    }

    #[test]
    fn nothing_waits_for_more_than_a_run() {
        let mut unclear = UnclearCandidates::new(FS);
        let mut found = Vec::new();
        unclear.push(candidate(100, 0.1, 0.1, false), &mut |c| found.push(c.at));
        unclear.push(candidate(200, 0.1, 0.1, true), &mut |c| found.push(c.at));
        assert_eq!((unclear.known_until(), found.as_slice()), (100, &[][..]));
        unclear.advance_to(500, &mut |c| found.push(c.at));
        assert_eq!((unclear.known_until(), found.as_slice()), (500, &[200][..]));
        for n in 0..100 {
            unclear.push(candidate(1000 + 100 * n, 0.1, 0.1, true), &mut |_| {});
        }
        assert!(unclear.candidates.len() < DETECTOR.run_beats);
    }
}
