//! Step 4, first half: cut the lead into segments.

use std::collections::VecDeque;
use std::ops::Range;

use crate::types::{Beat, CutSegment};

/// Cuts one lead into segments. Segment `i` has the samples from `i * n` to `(i + 1) * n`, where `n` is
/// `segment_samples`; the last one may be shorter.
///
/// Holds at most one segment, one block and the delay of beats: that of the search (up to about eleven seconds), of their waves
/// (five) and types (four, at the start ten).
pub(crate) struct SegmentCutter {
    segment_samples: u64,
    samples_before: usize,
    samples_after: u64,
    index: u32,
    /// First sample that is not yet in a segment that was given.
    start: u64,
    /// The samples from `start - before` on.
    mv: Vec<f32>,
    /// Samples that are held though they are in a segment that was given.
    before: usize,
    missing: VecDeque<u64>,
    beats: VecDeque<Beat>,
}

impl SegmentCutter {
    /// A segment is given when `samples_after` further samples are there, because its features depend on them. The
    /// `samples_before` the next one are still held then.
    pub(crate) fn new(segment_samples: u64, samples_before: usize, samples_after: u64) -> Self {
        Self {
            segment_samples,
            samples_before,
            samples_after,
            index: 0,
            start: 0,
            mv: Vec::new(),
            before: 0,
            missing: VecDeque::new(),
            beats: VecDeque::new(),
        }
    }

    /// Takes the next samples.
    pub(crate) fn push(&mut self, mv: impl Iterator<Item = f32>) {
        self.mv.extend(mv);
    }

    /// The latest samples, which are in no segment yet.
    pub(crate) fn latest(&self, samples: usize) -> &[f32] {
        &self.mv[self.mv.len().saturating_sub(samples)..]
    }

    /// Says which of the samples are missing, in order.
    pub(crate) fn push_gap(&mut self, missing: Range<u64>) {
        self.missing.extend(missing);
    }

    /// The signal at a sample that is in no segment yet, in mV.
    pub(crate) fn mv_at(&self, sample: u64) -> f32 {
        let place = sample.saturating_sub(self.start) as usize + self.before;
        self.mv.get(place).copied().unwrap_or(0.0)
    }

    /// The signal at a sample and at so many to both sides, in mV. Before the first and after the latest sample of the lead
    /// their values are held.
    pub(crate) fn mv_around(&self, sample: u64, samples: usize) -> impl Iterator<Item = f32> {
        let middle = (sample + self.before as u64).saturating_sub(self.start) as usize;
        let from = middle.saturating_sub(samples);
        let end = self.mv.len();
        let known = &self.mv[from.min(end)..(middle + samples + 1).min(end)];
        let before_lead = samples - (middle - from);
        let after_lead = 2 * samples + 1 - before_lead - known.len();
        let held = |mv: Option<&f32>, samples| std::iter::repeat_n(mv.copied().unwrap_or(0.0), samples);
        held(self.mv.first(), before_lead)
            .chain(known.iter().copied())
            .chain(held(self.mv.last(), after_lead))
    }

    /// Takes the next beat; its R peak is in no segment yet.
    pub(crate) fn push_beat(&mut self, beat: Beat) {
        self.beats.push_back(beat);
    }

    /// Gives the next segment if it is complete. All beats before `beats_known_until` have been pushed.
    pub(crate) fn next_segment(&mut self, beats_known_until: u64) -> Option<CutSegment> {
        let samples_known = self.samples() as u64 >= self.segment_samples + self.samples_after;
        let beats_known = beats_known_until >= self.start + self.segment_samples;
        (samples_known && beats_known).then(|| self.cut(self.segment_samples as usize))
    }

    /// Gives the remaining segments one by one, after all samples and beats have been pushed.
    pub(crate) fn next_remaining_segment(&mut self) -> Option<CutSegment> {
        let samples = self.samples().min(self.segment_samples as usize);
        (samples > 0).then(|| self.cut(samples))
    }

    /// Samples that are in no segment yet.
    fn samples(&self) -> usize {
        self.mv.len() - self.before
    }

    fn cut(&mut self, samples: usize) -> CutSegment {
        let given = self.before + samples;
        let mv = self.mv[self.before..given].to_vec();
        self.before = self.samples_before.min(given);
        self.mv.drain(..given - self.before);
        let start = self.start;
        let end = start + samples as u64;
        let mut missing_at = Vec::new();
        while let Some(sample) = self.missing.pop_front_if(|sample| *sample < end) {
            missing_at.push((sample - start) as u32);
        }
        let mut beats = Vec::new();
        while let Some(beat) = self.beats.pop_front_if(|beat| beat.sample < end) {
            beats.push(beat);
        }
        let index = self.index;
        self.index += 1;
        self.start = end;
        CutSegment {
            index,
            start_sample: start,
            mv,
            missing_at,
            beats,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_the_segment_before_are_held_and_at_the_ends_of_the_lead_its_values() {
        let around = |cutter: &SegmentCutter, sample| cutter.mv_around(sample, 2).collect::<Vec<f32>>();
        let mut cutter = SegmentCutter::new(4, 3, 0);
        cutter.push((1..=6).map(|n| n as f32));
        assert_eq!(around(&cutter, 0), [1.0, 1.0, 1.0, 2.0, 3.0]);
        assert_eq!(around(&cutter, 5), [4.0, 5.0, 6.0, 6.0, 6.0]);
        let segment = cutter.next_segment(4).map(|cut| cut.mv);
        assert_eq!(segment, Some(vec![1.0, 2.0, 3.0, 4.0]));
        assert_eq!(around(&cutter, 3), [2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(around(&cutter, 4), [3.0, 4.0, 5.0, 6.0, 6.0]);
        assert_eq!((cutter.latest(2), cutter.mv_at(5)), (&[5.0, 6.0][..], 6.0));
        let last = cutter
            .next_remaining_segment()
            .map(|cut| (cut.start_sample, cut.mv));
        assert_eq!(last, Some((4, vec![5.0, 6.0])));
        assert!(cutter.next_remaining_segment().is_none());
    }
}
