//! Step 3, numbers 1 to 3 and 7: from the signal to candidates for a QRS complex.
//!
//! Two moving means of the band-passed energy, one as long as a QRS complex and one as long as a beat. Where the
//! short one is above the long one there is a block, and its highest point is a candidate (Elgendi 2013, PLoS ONE
//! 8:e73557). Unclear ones are judged in `unclear_candidates.rs`; which candidates are beats is decided in
//! `find_beats.rs`.

use std::ops::RangeInclusive;

use crate::detector_settings::DETECTOR;
use crate::filters::{BLOCK, MovingMean, QrsBandPass, Signal, in_samples, means_of, odd_length};
use crate::second_detector::SecondDetector;
use crate::types::Candidate;

/// Samples are compared so many at once.
const AT_ONCE: usize = 16;

/// Finds candidates in the millivolts of one lead. Holds about two seconds of signal.
#[derive(Debug, Clone)]
pub(crate) struct QrsCandidates {
    sampling_frequency_hz: f64,
    /// `None` before the first sample.
    filters: Option<QrsFilterBank>,
    last_mv: f32,
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

    /// Takes the next samples; gives the candidates that they complete.
    pub(crate) fn push(&mut self, mv: &[f32], found: &mut impl FnMut(Candidate)) {
        for block in mv.chunks(BLOCK) {
            let filters = self
                .filters
                .get_or_insert_with(|| QrsFilterBank::new(self.sampling_frequency_hz, f64::from(block[0])));
            filters.end += block.len() as u64;
            filters.push(block, found);
        }
        self.last_mv = mv.last().copied().unwrap_or(self.last_mv);
    }

    /// All candidates before this sample have been given.
    pub(crate) fn searched_until(&self) -> u64 {
        self.filters.as_ref().map_or(0, |filters| {
            filters
                .block
                .map_or(filters.pushed.saturating_sub(filters.delay as u64), |block| {
                    block.start
                })
        })
    }

    /// The second detector, which shares the low-pass of the band-pass; `None` before the first sample.
    pub(crate) fn second_detector(&mut self) -> Option<&mut SecondDetector> {
        self.filters.as_mut().map(|filters| &mut filters.second_detector)
    }

    /// Ends the lead: the last value is held until the filters have given everything.
    pub(crate) fn finish(&mut self, found: &mut impl FnMut(Candidate)) {
        let Some(filters) = self.filters.as_mut() else {
            return;
        };
        for held in vec![self.last_mv; filters.delay].chunks(BLOCK) {
            filters.push(held, found);
        }
        filters.second_detector.finish();
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

impl Block {
    /// Takes samples from `at` on, as long as the short moving mean is above the long one; gives their number.
    fn extend(&mut self, at: u64, qrs_energy: &[f64], beat_energy: &[f64]) -> usize {
        let mut above = 0;
        for (qrs_energy, beat_energy) in qrs_energy.iter().zip(beat_energy) {
            if qrs_energy <= beat_energy {
                break;
            }
            // Where the short mean is above the long one there is energy, so the ratio is above 1. A long mean of
            // nearly 0 gives a large ratio; then the lowest amplitude of a beat decides.
            let contrast = qrs_energy / beat_energy.max(f64::MIN_POSITIVE);
            self.contrast = self.contrast.max(contrast);
            if *qrs_energy > self.peak_energy {
                self.peak_energy = *qrs_energy;
                self.peak_at = at + above as u64;
            }
            above += 1;
        }
        above
    }
}

/// How many samples there are before the short moving mean is above the long one.
fn not_above(qrs_energy: &[f64], beat_energy: &[f64]) -> usize {
    let chunks = qrs_energy.chunks(AT_ONCE).zip(beat_energy.chunks(AT_ONCE));
    let mut before = 0;
    for (qrs_energy, beat_energy) in chunks {
        let pairs = || qrs_energy.iter().zip(beat_energy);
        let above: u64 = pairs().map(|(qrs, beat)| u64::from(qrs > beat)).sum();
        if above > 0 {
            return before + pairs().take_while(|(qrs, beat)| qrs <= beat).count();
        }
        before += qrs_energy.len();
    }
    before
}

/// The filters of the search, and the block that is open. Before the first sample the signal is taken to have had
/// its value.
///
/// All signals have one value for each sample pushed, so one with a delay has the value of sample `n` at
/// `n + delay`.
#[derive(Debug, Clone)]
struct QrsFilterBank {
    band_pass: QrsBandPass,
    qrs_mean: MovingMean,
    beat_mean: MovingMean,
    mv: Signal,
    /// How much the signal rose over `slope_length` samples, in mV.
    rise: Signal,
    smoothed: Signal,
    energy: Signal,
    /// The short moving mean.
    qrs_energy: Signal,
    /// The long moving mean.
    beat_energy: Signal,
    second_detector: SecondDetector,
    block: Option<Block>,
    /// Samples pushed, with those after the end of the recording.
    pushed: u64,
    /// Samples of the recording so far.
    end: u64,
    /// Delay of the short moving mean.
    qrs_delay: usize,
    /// Delay of the comparison of the two moving means.
    delay: usize,
    r_peak_within: u64,
    r_peak_shift: u64,
    r_baseline_length: usize,
    /// The band of the R peak around a candidate.
    r_band: RBand,
    longest_block: u64,
    slope_length: usize,
}

impl QrsFilterBank {
    fn new(fs: f64, first_mv: f64) -> Self {
        let length = |seconds| odd_length(seconds, fs);
        let band_pass = QrsBandPass::new(fs, first_mv);
        let qrs_mean = MovingMean::new(length(DETECTOR.qrs_s), 0.0);
        let beat_mean = MovingMean::new(length(DETECTOR.beat_s), 0.0);
        let band_delay = band_pass.low_pass_delay() + band_pass.baseline_delay();
        let qrs_delay = band_delay + qrs_mean.delay();
        let delay = band_delay + beat_mean.delay();
        let r_peak_within = QrsCandidates::r_peak_within(fs);
        let longest_block = (DETECTOR.longest_block_s * fs).ceil() as u64;
        let r_peak_shift = in_samples(DETECTOR.r_peak_shift_s, fs);
        let r_baseline_length = length(DETECTOR.r_baseline_s);
        let looked_back = delay + (longest_block + r_peak_within) as usize + 2;
        Self {
            mv: Signal::new(looked_back + r_peak_shift as usize, first_mv),
            rise: Signal::new(looked_back, 0.0),
            smoothed: Signal::new(looked_back + 2 * r_baseline_length, first_mv),
            energy: Signal::new(length(DETECTOR.beat_s), 0.0),
            qrs_energy: Signal::new(looked_back, 0.0),
            beat_energy: Signal::new(0, 0.0),
            second_detector: SecondDetector::new(fs, band_pass.low_pass_delay()),
            block: None,
            pushed: 0,
            end: 0,
            band_pass,
            qrs_mean,
            beat_mean,
            qrs_delay,
            delay,
            r_peak_within,
            r_peak_shift,
            r_baseline_length,
            r_band: RBand::default(),
            longest_block,
            slope_length: length(DETECTOR.slope_smoothed_s),
        }
    }

    /// Takes the next samples, at most [`BLOCK`]; gives the candidates that they complete.
    fn push(&mut self, mv: &[f32], found: &mut impl FnMut(Candidate)) {
        let samples = mv.len();
        for (place, mv) in self.mv.next_block(samples).iter_mut().zip(mv) {
            *place = f64::from(*mv);
        }

        // What number 5 needs: the rise.
        let rise = self.rise.next_block(samples).iter_mut();
        for ((rise, newest), oldest) in rise
            .zip(self.mv.delayed(0))
            .zip(self.mv.delayed(self.slope_length))
        {
            *rise = newest - oldest;
        }

        // 1. Band-pass. 2. Its energy, ...
        let energy = self.energy.next_block(samples);
        self.band_pass.push(&self.mv, &mut self.smoothed, energy);
        energy.iter_mut().for_each(|y| *y *= *y);
        // What number 9 needs: the low-pass alone.
        self.second_detector.push(&self.smoothed, samples, self.end);
        // ... and two moving means of it.
        self.qrs_mean
            .push(&self.energy, self.qrs_energy.next_block(samples));
        self.beat_mean
            .push(&self.energy, self.beat_energy.next_block(samples));
        let before = self.pushed;
        self.pushed += samples as u64;
        self.compare(before, found);
    }

    /// Compares the two moving means of the latest samples, before which so many were pushed.
    fn compare(&mut self, before: u64, found: &mut impl FnMut(Candidate)) {
        let delay = self.delay as u64;
        let mut place = delay.saturating_sub(before) as usize;
        loop {
            let qrs_energy = self.qrs_energy.delayed(self.delay - self.qrs_delay);
            let beat_energy = self.beat_energy.delayed(0);
            if self.block.is_none() && place < qrs_energy.len() {
                place += not_above(&qrs_energy[place..], &beat_energy[place..]);
            }
            if place >= qrs_energy.len() {
                return;
            }
            let at = before + place as u64 - delay;
            let block = self.block.get_or_insert(Block {
                start: at,
                peak_at: at,
                peak_energy: 0.0,
                contrast: 0.0,
            });
            let most = (block.start + self.longest_block + 1 - at) as usize;
            let end = qrs_energy.len().min(place + most);
            let above = block.extend(at, &qrs_energy[place..end], &beat_energy[place..end]);
            place += above;
            if place == qrs_energy.len() && above < most {
                return;
            }
            if let Some(candidate) = self.close_block() {
                found(candidate);
            }
        }
    }

    /// 3. A block with enough contrast has a candidate.
    fn close_block(&mut self) -> Option<Candidate> {
        let block = self.block.take()?;
        let has_contrast = block.contrast >= DETECTOR.contrast;
        if self.end == 0 || block.contrast < DETECTOR.unclear_contrast {
            return None;
        }
        let low_energy = if has_contrast {
            0.0
        } else {
            self.energy_around(&block)
        };
        if block.peak_energy < DETECTOR.unclear_low_energy_ratio * low_energy {
            return None;
        }
        let is_fast_beat = block.contrast >= DETECTOR.contrast_of_fast_beats
            && block.peak_energy >= DETECTOR.low_energy_ratio * low_energy;
        let at = block.peak_at.min(self.end - 1);
        let window = at.saturating_sub(self.r_peak_within)..=(at + self.r_peak_within).min(self.end - 1);
        Some(Candidate {
            at,
            amplitude_mv: block.peak_energy.sqrt(),
            slope: self.steepest_slope(&window),
            r_sample: self.r_peak(&window),
            is_clear: has_contrast || is_fast_beat,
        })
    }

    /// How low the energy falls both shortly before and shortly after its peak. What comes after is known already:
    /// the delay of the short moving mean is shorter than that of the long one.
    fn energy_around(&self, block: &Block) -> f64 {
        let least = |samples: RangeInclusive<u64>| {
            delayed(&self.qrs_energy, self.qrs_delay, &samples)
                .iter()
                .fold(f64::INFINITY, |least, energy| least.min(*energy))
        };
        let before = least(block.peak_at.saturating_sub(self.r_peak_within)..=block.peak_at);
        let after = least(block.peak_at..=block.peak_at + self.r_peak_within);
        before.max(after)
    }

    /// The steepest slope of the lightly smoothed signal in mV per sample.
    ///
    /// Formula: `max |m[n] - m[n - 1]|`, `m` the moving mean of 10 ms. The difference of two means of `length` samples that
    /// follow each other is the rise of the signal over `length` samples, divided by `length`.
    fn steepest_slope(&self, window: &RangeInclusive<u64>) -> f64 {
        let rise = delayed(&self.rise, self.slope_length / 2, window);
        largest(rise.len(), |n| rise[n].abs()) / self.slope_length as f64
    }

    /// 7. The R peak: the largest peak or valley of a narrower band, and within 10 ms of it that of the signal itself.
    ///
    /// Formula: `m = argmax |y[n]|`, `y = l - m60(m60(l))`, `l` the low-pass of the band-pass; then `argmax x[n]` within 10 ms
    /// of `m`, or `argmin` if `y[m] < 0`; of equal ones the first. No polarity has to be guessed: an inverted lead gives the
    /// same samples.
    fn r_peak(&mut self, window: &RangeInclusive<u64>) -> u64 {
        let length = self.r_baseline_length;
        // Two moving means reach so far to both sides; before the lead its first value is held.
        let delay = self.band_pass.low_pass_delay() as u64;
        let from = (window.start() + delay) as i64 - (length as i64 - 1);
        let low_passed = self
            .smoothed
            .from(from, window.clone().count() + 2 * (length - 1));
        let (middle, height) = self.r_band.largest(low_passed, length);
        let middle = window.start() + middle as u64;
        let last = (middle + self.r_peak_shift).min(self.end - 1);
        let around = middle.saturating_sub(self.r_peak_shift)..=last;
        let mv = self.mv.range(around.clone());
        let mut highest = 0;
        for (place, value) in mv.iter().enumerate() {
            let is_farther = if height < 0.0 {
                *value < mv[highest]
            } else {
                *value > mv[highest]
            };
            if is_farther && height != 0.0 {
                highest = place;
            }
        }
        around.start() + highest as u64
    }
}

/// The band in which the R peak is sought, around one candidate.
#[derive(Debug, Clone, Default)]
struct RBand {
    once: Vec<f64>,
    twice: Vec<f64>,
}

impl RBand {
    /// Place and value of the largest peak or valley of `l - m(m(l))`, `m` the moving mean of `length` samples. The values
    /// of `l` reach `length - 1` further to both sides.
    fn largest(&mut self, low_passed: &[f64], length: usize) -> (usize, f64) {
        means_of(low_passed, length, &mut self.once);
        means_of(&self.once, length, &mut self.twice);
        let values = low_passed[length - 1..].iter().zip(&self.twice);
        let mut largest = (0, 0.0f64);
        for (place, (value, baseline)) in values.enumerate() {
            let height = value - baseline;
            if height.abs() > largest.1.abs() {
                largest = (place, height);
            }
        }
        largest
    }
}

/// The largest of some values, 0 without one; none is negative. In four lanes, so that a comparison need not wait for
/// the one before it.
fn largest(count: usize, value: impl Fn(usize) -> f64) -> f64 {
    let mut lanes = [0.0f64; 4];
    for n in 0..count {
        let lane = &mut lanes[n % 4];
        *lane = lane.max(value(n));
    }
    lanes.into_iter().fold(0.0, f64::max)
}

/// The values of some samples in a signal with a delay.
fn delayed<'a>(signal: &'a Signal, delay: usize, samples: &RangeInclusive<u64>) -> &'a [f64] {
    let delay = delay as u64;
    signal.range(samples.start() + delay..=samples.end() + delay)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(mv: &[f32], fs: f64) -> Vec<Candidate> {
        let mut finder = QrsCandidates::new(fs);
        let mut found = Vec::new();
        finder.push(mv, &mut |candidate| found.push(candidate));
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

    /// By the formula, on whole arrays.
    #[test]
    fn the_band_of_the_r_peak_is_the_low_pass_less_its_own_baseline() {
        let values: Vec<f64> = (0..60).map(|n| f64::from(n * n % 31)).collect();
        let mean = |values: &[f64], at: usize| values[at - 2..=at + 2].iter().sum::<f64>() / 5.0;
        let once: Vec<f64> = (2..58).map(|at| mean(&values, at)).collect();
        let band: Vec<f64> = (4..56).map(|at| values[at] - mean(&once, at - 2)).collect();
        let (place, height) = RBand::default().largest(&values, 5);
        assert!((height - band[place]).abs() < 1e-12);
        assert!(band.iter().all(|other| other.abs() <= height.abs() + 1e-12));
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
