//! Step 3, last part: the time between neighbouring beats.

use std::collections::VecDeque;
use std::ops::Range;

/// A gap this long can hide a beat, in s: the refractory period of Pan and Tompkins (1985), 200 ms.
const HIDING_GAP_S: f64 = 0.2;

/// Gives each beat of one lead the time since the previous one. It is unknown where a gap in between can hide a
/// beat.
pub(crate) struct RrIntervals {
    sampling_frequency_hz: f64,
    hiding_gap_samples: u64,
    /// The latest gap.
    gap: Range<u64>,
    /// One sample in each gap that can hide a beat and has no known beat after it.
    hiding_gaps: VecDeque<u64>,
    gap_since_last_beat: bool,
    last_beat: Option<u64>,
}

impl RrIntervals {
    pub(crate) fn new(sampling_frequency_hz: f64) -> Self {
        Self {
            sampling_frequency_hz,
            hiding_gap_samples: ((HIDING_GAP_S * sampling_frequency_hz).round() as u64).max(1),
            gap: 0..0,
            hiding_gaps: VecDeque::new(),
            gap_since_last_beat: false,
            last_beat: None,
        }
    }

    /// Takes the next missing samples of the lead. A gap may come in parts.
    pub(crate) fn push_gap(&mut self, missing: Range<u64>) {
        let known = if missing.start == self.gap.end {
            self.gap.clone()
        } else {
            missing.start..missing.start
        };
        let hides_from = known.start + self.hiding_gap_samples;
        if known.end < hides_from && missing.end >= hides_from {
            self.hiding_gaps.push_back(hides_from - 1);
        }
        self.gap = known.start..missing.end;
    }

    /// Takes the next beat, and gives the time since the previous one in ms: `1000 * (sample - previous sample) /
    /// sampling frequency`.
    pub(crate) fn next_beat(&mut self, r_sample: u64) -> Option<f64> {
        self.no_beat_before(r_sample);
        let rr_ms = self
            .last_beat
            .filter(|_| !self.gap_since_last_beat)
            .map(|last| r_sample.saturating_sub(last) as f64 * 1000.0 / self.sampling_frequency_hz);
        self.last_beat = Some(r_sample);
        self.gap_since_last_beat = false;
        rr_ms
    }

    /// Says that the next beat is not before this sample, so that earlier gaps need not be held.
    pub(crate) fn no_beat_before(&mut self, sample: u64) {
        while self.hiding_gaps.front().is_some_and(|gap| *gap < sample) {
            self.hiding_gaps.pop_front();
            self.gap_since_last_beat = true;
        }
    }
}
