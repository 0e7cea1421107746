//! Step 3, numbers 1 to 3 and 7: from the signal to candidates for a QRS complex.
//!
//! Two moving means of the band-passed energy, one as long as a QRS complex and one as long as a beat. Where the
//! short one is above the long one there is a block, and its highest point is a candidate (Elgendi 2013, PLoS ONE
//! 8:e73557). Which candidates are beats is decided in `find_beats.rs`.

use std::ops::RangeInclusive;

use crate::detector_settings::DETECTOR;
use crate::filters::{History, MovingMean, QrsBandPass, odd_length};
use crate::types::Candidate;

/// Finds candidates in the millivolts of one lead. Holds about two seconds of signal.
#[derive(Debug, Clone)]
pub(crate) struct QrsCandidates {
    sampling_frequency_hz: f64,
    /// `None` before the first sample.
    filters: Option<QrsFilterBank>,
    last_mv: f64,
}

impl QrsCandidates {
    pub(crate) fn new(sampling_frequency_hz: f64) -> Self {
        Self {
            sampling_frequency_hz,
            filters: None,
            last_mv: 0.0,
        }
    }

    /// How far the R peak may be from [`Candidate::at`], in samples.
    pub(crate) fn r_peak_within(sampling_frequency_hz: f64) -> u64 {
        (DETECTOR.r_peak_within_s * sampling_frequency_hz).floor() as u64
    }

    /// Takes the next sample; gives the candidate that it completes, if any.
    pub(crate) fn push(&mut self, mv: f32) -> Option<Candidate> {
        self.last_mv = f64::from(mv);
        let fs = self.sampling_frequency_hz;
        let filters = self
            .filters
            .get_or_insert_with(|| QrsFilterBank::new(fs, f64::from(mv)));
        filters.end += 1;
        filters.push(f64::from(mv))
    }

    /// All candidates before this sample have been given.
    pub(crate) fn searched_until(&self) -> u64 {
        self.filters.as_ref().map_or(0, |filters| {
            filters
                .block
                .map_or(filters.pushed.saturating_sub(filters.delay), |block| block.start)
        })
    }

    /// Ends the lead: the last value is held until the filters have given everything.
    pub(crate) fn finish(&mut self, found: &mut impl FnMut(Candidate)) {
        let Some(filters) = self.filters.as_mut() else {
            return;
        };
        for _ in 0..filters.delay {
            if let Some(candidate) = filters.push(self.last_mv) {
                found(candidate);
            }
        }
        if let Some(candidate) = filters.close_block() {
            found(candidate);
        }
    }
}

/// A stretch where the short moving mean is above the long one.
#[derive(Debug, Clone, Copy)]
struct Block {
    start: u64,
    peak_at: u64,
    peak_energy: f64,
    contrast: f64,
}

/// The filters of the search, and the block that is open. Before the first sample the signal is taken to have had
/// its value.
#[derive(Debug, Clone)]
struct QrsFilterBank {
    band_pass: QrsBandPass,
    qrs_mean: MovingMean,
    beat_mean: MovingMean,
    /// By sample: the short moving mean.
    qrs_energy: History,
    local_baseline: MovingMean,
    smoothed_before: f64,
    /// By sample: distance from the local baseline in mV.
    deviation: History,
    /// By sample: slope of the smoothed signal in mV per sample.
    slope: History,
    block: Option<Block>,
    /// Samples pushed, with those after the end of the recording.
    pushed: u64,
    /// Samples of the recording so far.
    end: u64,
    /// Delay of the short moving mean.
    qrs_delay: u64,
    /// Delay of the comparison of the two moving means.
    delay: u64,
    r_peak_within: u64,
    longest_block: u64,
}

impl QrsFilterBank {
    fn new(fs: f64, first_mv: f64) -> Self {
        let band_pass = QrsBandPass::new(fs, first_mv);
        let qrs_mean = MovingMean::new(odd_length(DETECTOR.qrs_s, fs), 0.0);
        let beat_mean = MovingMean::new(odd_length(DETECTOR.beat_s, fs), 0.0);
        let local_baseline = MovingMean::new(odd_length(DETECTOR.local_baseline_s, fs), first_mv);
        let band_delay = band_pass.low_pass_delay() + band_pass.baseline_delay();
        let qrs_delay = band_delay + qrs_mean.delay();
        let delay = band_delay + beat_mean.delay();
        let r_peak_within = QrsCandidates::r_peak_within(fs);
        let longest_block = (DETECTOR.longest_block_s * fs).ceil() as u64;
        let looked_back = delay + longest_block + r_peak_within;
        Self {
            qrs_energy: History::new(looked_back),
            deviation: History::new(looked_back),
            slope: History::new(looked_back),
            smoothed_before: first_mv,
            block: None,
            pushed: 0,
            end: 0,
            band_pass,
            qrs_mean,
            beat_mean,
            local_baseline,
            qrs_delay,
            delay,
            r_peak_within,
            longest_block,
        }
    }

    /// Takes the next sample; gives the candidate that it completes, if any.
    fn push(&mut self, mv: f64) -> Option<Candidate> {
        let sample = self.pushed;
        self.pushed += 1;

        // What number 7 needs: the distance from the local baseline.
        let baseline = self.local_baseline.push(mv);
        if sample >= self.local_baseline.delay() {
            self.deviation.push(self.local_baseline.middle() - baseline);
        }

        // 1. Band-pass.
        let filtered = self.band_pass.push(mv);
        if sample >= self.band_pass.low_pass_delay() {
            self.slope.push((filtered.smoothed - self.smoothed_before).abs());
        }
        self.smoothed_before = filtered.smoothed;

        // 2. Two moving means of the energy.
        let energy = filtered.qrs_band * filtered.qrs_band;
        let qrs_energy = self.qrs_mean.push(energy);
        if sample >= self.qrs_delay {
            self.qrs_energy.push(qrs_energy);
        }
        let beat_energy = self.beat_mean.push(energy);
        if sample < self.delay {
            return None;
        }
        let at = sample - self.delay;
        self.compare(at, self.qrs_energy.at(at), beat_energy)
    }

    /// Compares the two moving means at sample `at`.
    fn compare(&mut self, at: u64, qrs_energy: f64, beat_energy: f64) -> Option<Candidate> {
        if qrs_energy <= beat_energy {
            return self.close_block();
        }
        // Where the short mean is above the long one there is energy, so the ratio is above 1. A long mean of
        // nearly 0 gives a large ratio; then the lowest amplitude of a beat decides.
        let contrast = qrs_energy / beat_energy.max(f64::MIN_POSITIVE);
        let block = self.block.get_or_insert(Block {
            start: at,
            peak_at: at,
            peak_energy: 0.0,
            contrast,
        });
        block.contrast = block.contrast.max(contrast);
        if qrs_energy > block.peak_energy {
            block.peak_energy = qrs_energy;
            block.peak_at = at;
        }
        if at - block.start >= self.longest_block {
            self.close_block()
        } else {
            None
        }
    }

    /// 3. A block with enough contrast has a candidate.
    fn close_block(&mut self) -> Option<Candidate> {
        let block = self.block.take()?;
        let has_contrast = block.contrast >= DETECTOR.contrast
            || (block.contrast >= DETECTOR.contrast_of_fast_beats && self.low_energy_around(&block));
        if !has_contrast || self.end == 0 {
            return None;
        }
        let at = block.peak_at.min(self.end - 1);
        let window = at.saturating_sub(self.r_peak_within)..=(at + self.r_peak_within).min(self.end - 1);
        let slope = window
            .clone()
            .map(|sample| self.slope.at(sample))
            .fold(0.0, f64::max);
        Some(Candidate {
            at,
            amplitude_mv: block.peak_energy.sqrt(),
            slope,
            r_sample: self.r_peak(window),
        })
    }

    /// Whether the energy is low shortly before and shortly after its peak. What comes after is known already:
    /// the delay of the short moving mean is shorter than that of the long one.
    fn low_energy_around(&self, block: &Block) -> bool {
        let least = |samples: RangeInclusive<u64>| {
            samples
                .map(|sample| self.qrs_energy.at(sample))
                .fold(f64::INFINITY, f64::min)
        };
        let before = least(block.peak_at.saturating_sub(self.r_peak_within)..=block.peak_at);
        let after = least(block.peak_at..=block.peak_at + self.r_peak_within);
        block.peak_energy >= DETECTOR.low_energy_ratio * before.max(after)
    }

    /// 7. The R peak on the signal itself: the sample farthest from the local baseline, up or down.
    ///
    /// Formula: `argmax |x[n] - mean of x over 200 ms around n|`, of equal ones the first. No polarity has to be
    /// guessed: an inverted lead gives the same samples.
    fn r_peak(&self, window: RangeInclusive<u64>) -> u64 {
        let mut best = (*window.start(), -1.0);
        for sample in window {
            let distance = self.deviation.at(sample).abs();
            if distance > best.1 {
                best = (sample, distance);
            }
        }
        best.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(mv: &[f32], fs: f64) -> Vec<Candidate> {
        let mut finder = QrsCandidates::new(fs);
        let mut found: Vec<Candidate> = mv.iter().filter_map(|x| finder.push(*x)).collect();
        finder.finish(&mut |candidate| found.push(candidate));
        found
    }

    /// A triangle of 60 ms, 1 mV high, at `peak`.
    fn triangle(n: usize, peak: usize, fs: f64, sign: f32) -> f32 {
        let distance = (n as f64 - peak as f64).abs() / (0.03 * fs);
        sign * (1.0 - distance).max(0.0) as f32
    }

    #[test]
    fn a_spike_is_found_on_its_sample_whatever_its_sign_offset_and_sampling_frequency() {
        for fs in [125.0, 250.0, 300.0, 360.0, 1000.0] {
            for sign in [1.0, -1.0] {
                let peak = fs as usize;
                let mv: Vec<f32> = (0..2 * peak).map(|n| 7.0 + triangle(n, peak, fs, sign)).collect();
                let found = candidates(&mv, fs);
                let strongest = found
                    .iter()
                    .max_by(|a, b| a.amplitude_mv.total_cmp(&b.amplitude_mv))
                    .unwrap();
                assert_eq!(strongest.r_sample, peak as u64, "{fs} {sign}");
            }
        }
    }

    #[test]
    fn spikes_at_the_very_ends_stay_inside_the_recording() {
        for peak in [0, 5, 355, 359] {
            let mv: Vec<f32> = (0..360).map(|n| triangle(n, peak, 360.0, 1.0)).collect();
            for candidate in candidates(&mv, 360.0) {
                assert!(
                    candidate.r_sample < 360 && candidate.at < 360,
                    "{peak}: {candidate:?}"
                );
            }
        }
    }

    #[test]
    fn an_even_oscillation_like_ventricular_flutter_gives_no_candidate() {
        let mv: Vec<f32> = (0..7200)
            .map(|n| (n as f64 / 360.0 * 5.0 * std::f64::consts::TAU).sin() as f32)
            .collect();
        let found = candidates(&mv, 360.0);
        assert!(found.iter().all(|c| c.at < 360 || c.at > 6840), "{found:?}");
    }

    #[test]
    fn a_flat_lead_has_none() {
        assert_eq!(candidates(&[2.5; 5000], 360.0), []);
        assert_eq!(candidates(&[], 360.0), []);
    }
}
