//! Step 3, first half: from the signal to candidates for a QRS complex.
//!
//! Two moving means of the band-passed energy, one as long as a QRS complex and one as long as a beat:
//! where the short one is above the long one there is a block of interest, and its highest point is a
//! candidate (Elgendi 2013, PLoS ONE 8:e73557). Which candidates are beats is decided in
//! [`find_beats`](super::find_beats).

use super::filters::{History, MovingMean, QrsBandPass, odd_length};

/// Length of the short moving mean, a QRS complex: Elgendi's 97 ms.
const QRS_S: f64 = 0.097;
/// Length of the long moving mean, a beat. Elgendi's is 611 ms; a little longer separates better here,
/// because the contrast below is asked for on top.
const BEAT_S: f64 = 0.65;
/// A candidate's short mean must be this many times the long one somewhere. A QRS complex is short and
/// alone, so that the ratio reaches up to 6; ventricular flutter and muscle noise spread their energy
/// evenly and stay near 1 to 2. It takes the place of Elgendi's offset, 8 % of the mean over the whole
/// recording, which a stream does not know.
const CONTRAST: f64 = 2.5;
/// In a fast rhythm the long mean holds two beats or more and the ratio falls to 2. Then a candidate must rise
/// steeply out of quiet instead: its short mean is `QUIET` times what it is somewhere within
/// `REFINE_S` before and somewhere within `REFINE_S` after. Flutter has no quiet between its waves.
const CONTRAST_OF_FAST_BEATS: f64 = 2.0;
/// See [`CONTRAST_OF_FAST_BEATS`]; an energy, so the amplitude is 5.5 times that of the quiet.
const QUIET: f64 = 30.0;
/// The R peak is looked for this far from the middle of the energy, on both sides.
const REFINE_S: f64 = 0.12;
/// Length of the moving mean that is the local baseline of the R peak.
const LOCAL_BASELINE_S: f64 = 0.2;
/// No QRS complex is longer: a longer block is cut, which bounds what is held.
const LONGEST_BLOCK_S: f64 = 1.0;

/// A place that may be a QRS complex.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    /// The sample in the middle of the energy.
    pub(super) at: u64,
    /// Root of the short moving mean of the energy there, in mV.
    pub(super) amplitude: f64,
    /// The steepest slope around it, in mV per sample of the smoothed signal.
    pub(super) slope: f64,
    /// The R peak: see [`Front::r_peak`].
    pub(super) r_sample: u64,
}

/// Finds candidates in the millivolts of one lead. Holds about two seconds of signal.
#[derive(Debug, Clone)]
pub(super) struct QrsCandidates {
    sampling_frequency_hz: f64,
    front: Option<Front>,
    last_mv: f64,
}

impl QrsCandidates {
    pub(super) fn new(sampling_frequency_hz: f64) -> Self {
        Self {
            sampling_frequency_hz,
            front: None,
            last_mv: 0.0,
        }
    }

    /// How far the R peak may be from [`Candidate::at`], in samples.
    pub(super) fn refine_samples(sampling_frequency_hz: f64) -> u64 {
        (REFINE_S * sampling_frequency_hz).floor() as u64
    }

    /// Takes the next sample; gives the candidate that it completes, if any.
    pub(super) fn push(&mut self, mv: f32) -> Option<Candidate> {
        self.last_mv = f64::from(mv);
        let fs = self.sampling_frequency_hz;
        let front = self.front.get_or_insert_with(|| Front::new(fs, f64::from(mv)));
        front.end += 1;
        front.push(f64::from(mv))
    }

    /// All candidates before this sample have been given.
    pub(super) fn searched_until(&self) -> u64 {
        self.front.as_ref().map_or(0, |front| {
            front
                .block
                .map_or(front.pushed.saturating_sub(front.delay), |block| block.start)
        })
    }

    /// Ends the lead: the last value is held until the filters have given everything.
    pub(super) fn finish(&mut self, found: &mut impl FnMut(Candidate)) {
        let Some(front) = self.front.as_mut() else { return };
        for _ in 0..front.delay {
            if let Some(candidate) = front.push(self.last_mv) {
                found(candidate);
            }
        }
        if let Some(candidate) = front.close_block() {
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

/// The filters, primed with the first sample.
#[derive(Debug, Clone)]
struct Front {
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
    /// Samples pushed, with those that only flush the filters.
    pushed: u64,
    /// Samples of the recording so far.
    end: u64,
    /// Delay of the short moving mean.
    qrs_delay: u64,
    /// Delay of the comparison of the two moving means.
    delay: u64,
    refine: u64,
    longest_block: u64,
}

impl Front {
    fn new(fs: f64, first_mv: f64) -> Self {
        let band_pass = QrsBandPass::new(fs, first_mv);
        let qrs_mean = MovingMean::new(odd_length(QRS_S, fs), 0.0);
        let beat_mean = MovingMean::new(odd_length(BEAT_S, fs), 0.0);
        let local_baseline = MovingMean::new(odd_length(LOCAL_BASELINE_S, fs), first_mv);
        let band_delay = band_pass.low_pass_delay() + band_pass.baseline_delay();
        let qrs_delay = band_delay + qrs_mean.delay();
        let delay = band_delay + beat_mean.delay();
        let refine = QrsCandidates::refine_samples(fs);
        let longest_block = (LONGEST_BLOCK_S * fs).ceil() as u64;
        let looked_back = delay + longest_block + refine;
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
            refine,
            longest_block,
        }
    }

    fn push(&mut self, mv: f64) -> Option<Candidate> {
        let sample = self.pushed;
        self.pushed += 1;

        let baseline = self.local_baseline.push(mv);
        if sample >= self.local_baseline.delay() {
            self.deviation.push(self.local_baseline.middle() - baseline);
        }

        let filtered = self.band_pass.push(mv);
        if sample >= self.band_pass.low_pass_delay() {
            self.slope.push((filtered.smoothed - self.smoothed_before).abs());
        }
        self.smoothed_before = filtered.smoothed;

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

    /// One step of the comparison of the two moving means at sample `at`.
    fn compare(&mut self, at: u64, qrs_energy: f64, beat_energy: f64) -> Option<Candidate> {
        if qrs_energy <= beat_energy {
            return self.close_block();
        }
        // Where the short mean is above the long one there is energy, so the ratio is above 1; a long
        // mean of nearly nothing gives a large ratio, and the floor of the amplitude decides.
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

    fn close_block(&mut self) -> Option<Candidate> {
        let block = self.block.take()?;
        let stands_alone = block.contrast >= CONTRAST
            || (block.contrast >= CONTRAST_OF_FAST_BEATS && self.rises_out_of_quiet(&block));
        if !stands_alone || self.end == 0 {
            return None;
        }
        let at = block.peak_at.min(self.end - 1);
        let window = at.saturating_sub(self.refine)..=(at + self.refine).min(self.end - 1);
        let slope = window
            .clone()
            .map(|sample| self.slope.at(sample))
            .fold(0.0, f64::max);
        Some(Candidate {
            at,
            amplitude: block.peak_energy.sqrt(),
            slope,
            r_sample: self.r_peak(window),
        })
    }

    /// Whether there is quiet shortly before and shortly after the peak of the energy. What comes after is
    /// known already: the short moving mean is less late than the long one.
    fn rises_out_of_quiet(&self, block: &Block) -> bool {
        let least = |samples: std::ops::RangeInclusive<u64>| {
            samples
                .map(|sample| self.qrs_energy.at(sample))
                .fold(f64::INFINITY, f64::min)
        };
        let before = least(block.peak_at.saturating_sub(self.refine)..=block.peak_at);
        let after = least(block.peak_at..=block.peak_at + self.refine);
        block.peak_energy >= QUIET * before.max(after)
    }

    /// The R peak on the signal itself: the sample farthest from the local baseline, up or down.
    ///
    /// Formula: `argmax |x[n] - mean of x over 200 ms around n|`. The moving baseline takes wide waves
    /// (T waves, the slow part of a wide QRS) out of the contest, so that no polarity has to be guessed:
    /// an inverted lead gives the same samples. The first of equal samples wins.
    fn r_peak(&self, window: std::ops::RangeInclusive<u64>) -> u64 {
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
                    .max_by(|a, b| a.amplitude.total_cmp(&b.amplitude))
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
