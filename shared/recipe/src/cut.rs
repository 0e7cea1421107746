//! Step 4, first half: cut the lead into segments.

use std::collections::VecDeque;
use std::ops::Range;

use ecg_core::rules::Rules;

use super::features::{Features, amplitude, heart_rate_bpm, kurtosis_and_skewness, rr_statistics};
use super::label_quality::{Quality, Warning, warnings};
use super::runs::Runs;
use super::spectrum::Spectrum;

/// One detected beat.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beat {
    /// The R peak: 0-based sample in the recording.
    pub sample: u64,
    /// `sample / sampling frequency`, in s.
    pub time_s: f64,
    /// Time since the previous beat of the lead in ms. `None` for the first beat, and where a gap of
    /// 0.2 s or more since the previous beat could hide another one.
    pub rr_ms: Option<f64>,
    /// The stored signal at the R peak, in mV.
    pub r_mv: f32,
}

/// One row of `segments`: `RULES.segment_s` seconds of one lead; the last segment may be shorter.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// 0-based number of the segment in the lead.
    pub index: u32,
    /// First sample, 0-based in the recording.
    pub start_sample: u64,
    /// The signal in mV, unfiltered.
    pub mv: Vec<f32>,
    /// Positions in `mv` that were missing and are interpolated.
    pub missing_at: Vec<u32>,
    /// The beats whose R peak is in the segment, in order.
    pub beats: Vec<Beat>,
    /// What is computed from the above.
    pub features: Features,
    /// In the order of [`Warning::ALL`].
    pub warnings: Vec<Warning>,
    /// [`Quality::Good`] without warnings.
    pub quality: Quality,
}

/// A gap this long can hide a beat: the refractory period of a heart, Pan and Tompkins' 200 ms.
const HIDING_GAP_S: f64 = 0.2;

/// Cuts one lead into segments. Segment `i` has the samples from `i * n` to `(i + 1) * n`,
/// `n = round(segment_s * sampling frequency)`.
///
/// Holds at most one segment and what the search for beats lags behind (up to about eleven seconds).
pub(super) struct SegmentCutter {
    rules: Rules,
    sampling_frequency_hz: f64,
    segment_samples: u64,
    flat_samples: u64,
    hiding_gap_samples: u64,
    spectrum: Spectrum,
    index: u32,
    /// First sample that is not yet in a segment that was given.
    start: u64,
    mv: Vec<f32>,
    missing: VecDeque<u64>,
    missing_run: u64,
    /// Last samples of the gaps that can hide a beat and that are not yet known to have a beat after them.
    hiding_gaps: VecDeque<u64>,
    gap_since_last_beat: bool,
    runs: Runs,
    beats: VecDeque<Beat>,
    last_beat: Option<u64>,
}

impl SegmentCutter {
    pub(super) fn new(sampling_frequency_hz: f64, rules: &Rules) -> Self {
        let samples = |seconds: f64| ((seconds * sampling_frequency_hz).round() as u64).max(1);
        let flat_samples = (rules.label_flat_s_from * sampling_frequency_hz - 1e-9)
            .ceil()
            .max(2.0) as u64;
        Self {
            rules: *rules,
            sampling_frequency_hz,
            segment_samples: samples(rules.segment_s),
            flat_samples,
            hiding_gap_samples: samples(HIDING_GAP_S),
            spectrum: Spectrum::new(),
            index: 0,
            start: 0,
            mv: Vec::new(),
            missing: VecDeque::new(),
            missing_run: 0,
            hiding_gaps: VecDeque::new(),
            gap_since_last_beat: false,
            runs: Runs::new(flat_samples.min(u64::from(rules.label_saturated_run_from)).max(1)),
            beats: VecDeque::new(),
            last_beat: None,
        }
    }

    fn end(&self) -> u64 {
        self.start + self.mv.len() as u64
    }

    /// Takes the next sample.
    pub(super) fn push(&mut self, mv: f32, missing: bool) {
        let sample = self.end();
        self.runs.push(sample, mv, missing);
        if missing {
            self.missing.push_back(sample);
            self.missing_run += 1;
            if self.missing_run == self.hiding_gap_samples {
                self.hiding_gaps.push_back(sample);
            }
        } else {
            self.missing_run = 0;
        }
        self.mv.push(mv);
    }

    /// Takes the next beat by the sample of its R peak, which is in a segment not yet given.
    pub(super) fn push_beat(&mut self, sample: u64) -> Beat {
        self.forget_gaps_before(sample);
        let rr_ms = self
            .last_beat
            .filter(|_| !self.gap_since_last_beat)
            .map(|last| sample.saturating_sub(last) as f64 * 1000.0 / self.sampling_frequency_hz);
        self.last_beat = Some(sample);
        self.gap_since_last_beat = false;
        let place = sample.saturating_sub(self.start) as usize;
        let beat = Beat {
            sample,
            time_s: sample as f64 / self.sampling_frequency_hz,
            rr_ms,
            r_mv: self.mv.get(place).copied().unwrap_or(0.0),
        };
        self.beats.push_back(beat);
        beat
    }

    fn forget_gaps_before(&mut self, sample: u64) {
        while self.hiding_gaps.front().is_some_and(|gap| *gap < sample) {
            self.hiding_gaps.pop_front();
            self.gap_since_last_beat = true;
        }
    }

    /// Whether enough samples are held that a segment may be complete: it also needs to be known whether the
    /// run at its end is a flat line.
    pub(super) fn may_have_segment(&self) -> bool {
        self.mv.len() as u64 >= self.segment_samples + self.flat_samples
    }

    /// Gives the next segment if its samples and, by `beats_settled_until`, its beats are complete.
    pub(super) fn next_segment(&mut self, beats_settled_until: u64) -> Option<Segment> {
        if !self.may_have_segment() || beats_settled_until < self.start + self.segment_samples {
            return None;
        }
        let segment = self.cut(self.segment_samples as usize);
        // No beat will come before the next segment, so what the gaps mean for the next interval is known.
        self.forget_gaps_before(self.start);
        Some(segment)
    }

    /// Ends the lead, whose beats have all been pushed: gives the remaining segments one by one.
    pub(super) fn last_segments(&mut self) -> Option<Segment> {
        let samples = self.mv.len().min(self.segment_samples as usize);
        (samples > 0).then(|| self.cut(samples))
    }

    fn cut(&mut self, samples: usize) -> Segment {
        let rest = self.mv.split_off(samples);
        let mv = std::mem::replace(&mut self.mv, rest);
        let range = self.start..self.start + samples as u64;
        let mut missing_at = Vec::new();
        while let Some(sample) = self.missing.pop_front_if(|sample| *sample < range.end) {
            missing_at.push((sample - range.start) as u32);
        }
        let mut beats = Vec::new();
        while let Some(beat) = self.beats.pop_front_if(|beat| beat.sample < range.end) {
            beats.push(beat);
        }
        let features = self.features(&mv, &range, &beats, missing_at.len() as u32);
        let warnings = warnings(
            &features,
            samples as f64 / self.sampling_frequency_hz,
            &self.rules,
        );
        let segment = Segment {
            index: self.index,
            start_sample: range.start,
            mv,
            missing_at,
            beats,
            features,
            quality: Quality::of(&warnings),
            warnings,
        };
        self.index += 1;
        self.start = range.end;
        self.runs.forget_before(range.end);
        segment
    }

    fn features(&mut self, mv: &[f32], range: &Range<u64>, beats: &[Beat], missing_samples: u32) -> Features {
        let (min_mv, max_mv, rms_mv) = amplitude(mv);
        let (ksqi, ssqi) = kurtosis_and_skewness(mv);
        let shares = self.spectrum.shares(mv, self.sampling_frequency_hz);
        let rr = rr_statistics(beats);
        let flat_samples = self.runs.flat_samples(range, self.flat_samples);
        let saturated_from = u64::from(self.rules.label_saturated_run_from);
        Features {
            min_mv,
            max_mv,
            rms_mv,
            beats: beats.len() as u32,
            rr_intervals: rr.intervals,
            heart_rate_bpm: heart_rate_bpm(rr.mean_ms),
            rr_mean_ms: rr.mean_ms,
            sdnn_ms: rr.sdnn_ms,
            rmssd_ms: rr.rmssd_ms,
            pnn50: rr.pnn50,
            ksqi,
            ssqi,
            psqi: shares.psqi,
            bassqi: shares.bassqi,
            flat_ms: flat_samples as f64 * 1000.0 / self.sampling_frequency_hz,
            saturated_samples: self.runs.saturated_samples(range, saturated_from, min_mv, max_mv) as u32,
            missing_samples,
        }
    }
}
