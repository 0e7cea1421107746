//! Runs of equal samples: flat lines and saturation.
//!
//! A run is counted in full even where it crosses from one segment into the next: each segment gets the
//! part that lies in it.

use std::collections::VecDeque;
use std::ops::Range;

/// Consecutive samples of one value.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Run {
    start: u64,
    end: u64,
    mv: f32,
}

impl Run {
    fn samples(&self) -> u64 {
        self.end - self.start
    }

    fn samples_in(&self, segment: &Range<u64>) -> u64 {
        self.end
            .min(segment.end)
            .saturating_sub(self.start.max(segment.start))
    }
}

/// How many of the first values are equal to this one.
fn equal_to<'a>(mv: f32, values: impl Iterator<Item = &'a f32>) -> usize {
    values.take_while(|value| **value == mv).count()
}

/// Follows the runs of one lead. Missing samples are interpolated, so they say nothing about the
/// electrode: they end a run and belong to none.
#[derive(Debug, Clone)]
pub(crate) struct Runs {
    /// A run of so many samples is a flat line.
    flat_from: u64,
    /// A run of so many samples at an extreme of a segment is a saturation.
    saturated_from: u64,
    /// Samples of the lead so far.
    samples: u64,
    open: Option<Run>,
    closed: VecDeque<Run>,
}

impl Runs {
    pub(crate) fn new(flat_from: u64, saturated_from: u64) -> Self {
        Self {
            flat_from,
            saturated_from,
            samples: 0,
            open: None,
            closed: VecDeque::new(),
        }
    }

    /// Takes the next recorded samples.
    pub(crate) fn push(&mut self, mv: &[f32]) {
        let before = self.samples;
        self.samples += mv.len() as u64;
        // The open run goes on, or ends.
        let mut from = 0;
        if let Some(mut run) = self.open {
            from = equal_to(run.mv, mv.iter());
            run.end += from as u64;
            if from == mv.len() {
                self.open = Some(run);
                return;
            }
            self.close(run);
        }
        // Most runs are too short to be kept. One of `least` samples has two neighbours of which the first is at a
        // multiple of `least - 1` from any earlier sample on, so that only these are compared.
        let stride = self.least().max(2) as usize - 1;
        let mut place = from;
        while let Some([first, second]) = mv.get(place..place + 2) {
            if first != second {
                place += stride;
                continue;
            }
            let start = place - equal_to(*first, mv[from..place].iter().rev());
            let end = place + equal_to(*first, mv[place..].iter());
            if end < mv.len() {
                self.close(Run {
                    start: before + start as u64,
                    end: before + end as u64,
                    mv: *first,
                });
            }
            (from, place) = (end, end);
        }
        self.open = mv.last().map(|last| Run {
            start: self.samples - equal_to(*last, mv.iter().rev()) as u64,
            end: self.samples,
            mv: *last,
        });
    }

    /// Takes the next missing samples.
    pub(crate) fn push_gap(&mut self, samples: u64) {
        self.samples += samples;
        if let Some(run) = self.open.take() {
            self.close(run);
        }
    }

    /// Keeps a run that is over, if it is long enough for something.
    fn close(&mut self, run: Run) {
        if run.samples() >= self.least() {
            self.closed.push_back(run);
        }
    }

    fn least(&self) -> u64 {
        self.flat_from.min(self.saturated_from)
    }

    fn known(&self) -> impl Iterator<Item = &Run> {
        self.closed.iter().chain(self.open.iter())
    }

    /// Samples of the segment that are in flat lines. The run at the end of the segment is known in full when
    /// `flat_from` further samples have been pushed.
    pub(crate) fn flat_samples(&self, segment: &Range<u64>) -> u64 {
        self.known()
            .filter(|run| run.samples() >= self.flat_from)
            .map(|run| run.samples_in(segment))
            .sum()
    }

    /// Samples of the segment that are saturated: its two extremes are given.
    pub(crate) fn saturated_samples(&self, segment: &Range<u64>, min: f32, max: f32) -> u64 {
        self.known()
            .filter(|run| run.samples() >= self.saturated_from && (run.mv == min || run.mv == max))
            .map(|run| run.samples_in(segment))
            .sum()
    }

    /// Forgets what ended before `sample`.
    pub(crate) fn forget_before(&mut self, sample: u64) {
        while self.closed.front().is_some_and(|run| run.end <= sample) {
            self.closed.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(mv: &[f32], from: u64) -> Runs {
        let mut runs = Runs::new(from, from);
        for part in mv.chunk_by(|a, b| a.is_nan() == b.is_nan()) {
            if part[0].is_nan() {
                runs.push_gap(part.len() as u64);
            } else {
                runs.push(part);
            }
        }
        runs
    }

    #[test]
    fn a_run_across_the_boundary_counts_in_both_segments() {
        let mv = [0.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 3.0];
        assert_eq!(runs(&mv, 5).flat_samples(&(0..4)), 2);
        assert_eq!(runs(&mv, 5).flat_samples(&(4..8)), 3);
        assert_eq!(runs(&mv, 6).flat_samples(&(0..8)), 0);
    }

    #[test]
    fn an_open_run_counts() {
        assert_eq!(runs(&[1.0, 4.0, 4.0, 4.0], 3).flat_samples(&(0..4)), 3);
    }

    #[test]
    fn only_runs_at_an_extreme_are_saturation() {
        let mv = [5.0, 5.0, 5.0, 1.0, 1.0, 1.0, -2.0, 0.0, 5.0];
        assert_eq!(runs(&mv, 3).saturated_samples(&(0..9), -2.0, 5.0), 3);
        assert_eq!(runs(&mv, 4).saturated_samples(&(0..9), -2.0, 5.0), 0);
    }

    #[test]
    fn each_kind_has_its_own_least_length() {
        let mut runs = Runs::new(4, 2);
        runs.push(&[1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.5]);
        assert_eq!(runs.flat_samples(&(0..8)), 4);
        assert_eq!(runs.saturated_samples(&(0..8), 0.0, 1.0), 7);
    }

    #[test]
    fn a_missing_sample_ends_a_run() {
        assert_eq!(runs(&[1.0, 1.0, f32::NAN, 1.0, 1.0], 3).flat_samples(&(0..5)), 0);
    }

    #[test]
    fn a_run_is_found_wherever_it_is() {
        for (start, length) in (0..30).flat_map(|start| (1..12).map(move |length| (start, length))) {
            let mut mv: Vec<f32> = (0..50u8).map(f32::from).collect();
            mv[start..start + length].fill(0.5);
            let expect = if length >= 5 { length as u64 } else { 0 };
            assert_eq!(runs(&mv, 5).flat_samples(&(0..50)), expect, "{start} {length}");
        }
    }

    #[test]
    fn a_run_may_come_in_parts() {
        let mv = [1.0, 2.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0, 4.0];
        for at_once in 1..=mv.len() {
            let mut runs = Runs::new(3, 3);
            mv.chunks(at_once).for_each(|mv| runs.push(mv));
            assert_eq!(runs.flat_samples(&(0..9)), 7, "{at_once}");
        }
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let mut runs = runs(&[1.0, 1.0, 1.0, 0.0, 2.0, 2.0, 2.0, 0.0], 3);
        runs.forget_before(4);
        assert_eq!(runs.flat_samples(&(0..8)), 3);
    }
}
