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

/// Follows the runs of one lead. Missing samples are interpolated, so they say nothing about the
/// electrode: they end a run and belong to none.
#[derive(Debug, Clone)]
pub(super) struct Runs {
    shortest: u64,
    open: Option<Run>,
    closed: VecDeque<Run>,
}

impl Runs {
    /// Keeps runs of at least `shortest` samples.
    pub(super) fn new(shortest: u64) -> Self {
        Self {
            shortest,
            open: None,
            closed: VecDeque::new(),
        }
    }

    pub(super) fn push(&mut self, sample: u64, mv: f32, missing: bool) {
        if let Some(run) = self.open.as_mut() {
            if !missing && run.mv == mv {
                run.end = sample + 1;
                return;
            }
            if run.samples() >= self.shortest {
                self.closed.push_back(*run);
            }
        }
        self.open = (!missing).then_some(Run {
            start: sample,
            end: sample + 1,
            mv,
        });
    }

    fn known(&self) -> impl Iterator<Item = &Run> {
        self.closed.iter().chain(self.open.iter())
    }

    /// Samples of the segment that are in runs of at least `from` samples.
    pub(super) fn flat_samples(&self, segment: &Range<u64>, from: u64) -> u64 {
        self.known()
            .filter(|run| run.samples() >= from)
            .map(|run| run.samples_in(segment))
            .sum()
    }

    /// Samples of the segment that are in runs of at least `from` samples at one of its two extremes.
    pub(super) fn saturated_samples(&self, segment: &Range<u64>, from: u64, min: f32, max: f32) -> u64 {
        self.known()
            .filter(|run| run.samples() >= from && (run.mv == min || run.mv == max))
            .map(|run| run.samples_in(segment))
            .sum()
    }

    /// Forgets what ended before `sample`.
    pub(super) fn forget_before(&mut self, sample: u64) {
        while self.closed.front().is_some_and(|run| run.end <= sample) {
            self.closed.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(mv: &[f32]) -> Runs {
        let mut runs = Runs::new(2);
        mv.iter()
            .enumerate()
            .for_each(|(n, mv)| runs.push(n as u64, *mv, mv.is_nan()));
        runs
    }

    #[test]
    fn a_run_across_the_boundary_counts_in_both_segments() {
        let runs = runs(&[0.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 3.0]);
        assert_eq!(runs.flat_samples(&(0..4), 5), 2);
        assert_eq!(runs.flat_samples(&(4..8), 5), 3);
        assert_eq!(runs.flat_samples(&(0..8), 6), 0);
    }

    #[test]
    fn an_open_run_counts() {
        assert_eq!(runs(&[1.0, 4.0, 4.0, 4.0]).flat_samples(&(0..4), 3), 3);
    }

    #[test]
    fn only_runs_at_an_extreme_are_saturation() {
        let runs = runs(&[5.0, 5.0, 5.0, 1.0, 1.0, 1.0, -2.0, 0.0, 5.0]);
        assert_eq!(runs.saturated_samples(&(0..9), 3, -2.0, 5.0), 3);
        assert_eq!(runs.saturated_samples(&(0..9), 4, -2.0, 5.0), 0);
    }

    #[test]
    fn a_missing_sample_ends_a_run() {
        assert_eq!(runs(&[1.0, 1.0, f32::NAN, 1.0, 1.0]).flat_samples(&(0..5), 3), 0);
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let mut runs = runs(&[1.0, 1.0, 1.0, 0.0, 2.0, 2.0, 2.0, 0.0]);
        runs.forget_before(4);
        assert_eq!(runs.flat_samples(&(0..8), 3), 3);
    }
}
