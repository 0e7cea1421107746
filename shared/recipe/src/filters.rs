//! Moving means, and the band-pass made of them: the only filters of the recipe.
//!
//! They are symmetric (linear phase), so their delay is a known whole number of samples at every
//! sampling frequency and nothing shifts the R peaks. Lengths are given in seconds.

use std::ops::RangeInclusive;

use crate::detector_settings::DETECTOR;

/// The odd number of samples nearest to a length in seconds, at least 1.
pub(crate) fn odd_length(seconds: f64, sampling_frequency_hz: f64) -> usize {
    ((seconds * sampling_frequency_hz - 1.0) / 2.0).round().max(0.0) as usize * 2 + 1
}

/// A length in seconds as the nearest number of samples.
pub(crate) fn in_samples(seconds: f64, sampling_frequency_hz: f64) -> u64 {
    (seconds * sampling_frequency_hz + 0.5).floor() as u64
}

/// So many samples are filtered at once.
pub(crate) const BLOCK: usize = 4096;

/// The sum of a moving mean is computed from all its values after about so many samples: four times as many are in a block.
const STRETCH: usize = 256;

/// A signal that comes in blocks: the latest block, and so many values before it as its readers need.
#[derive(Debug, Clone)]
pub(crate) struct Signal {
    values: Vec<f64>,
    /// Values held before the block.
    history: usize,
    /// Samples of the block.
    samples: usize,
    /// Samples of the signal up to the end of the block.
    end: u64,
}

impl Signal {
    /// Before the first block the signal is taken to have been `before` for ever, so that an offset is no step.
    pub(crate) fn new(history: usize, before: f64) -> Self {
        Self {
            values: vec![before; history + BLOCK],
            history,
            samples: 0,
            end: 0,
        }
    }

    /// Begins the next block, of at most [`BLOCK`] samples, and gives the place for its values.
    pub(crate) fn next_block(&mut self, samples: usize) -> &mut [f64] {
        self.values
            .copy_within(self.samples..self.samples + self.history, 0);
        self.samples = samples;
        self.end += samples as u64;
        &mut self.values[self.history..self.history + samples]
    }

    /// As many values as the block has, each `delay` samples before the one in the block.
    pub(crate) fn delayed(&self, delay: usize) -> &[f64] {
        let start = self.history - delay;
        &self.values[start..start + self.samples]
    }

    /// So many values from a sample on, which may be before the signal; all of them are held.
    pub(crate) fn from(&self, sample: i64, count: usize) -> &[f64] {
        let start = (sample + (self.history + self.samples) as i64 - self.end as i64) as usize;
        &self.values[start..start + count]
    }

    /// The values of some samples of the signal; of those that are not held, none.
    pub(crate) fn range(&self, samples: RangeInclusive<u64>) -> &[f64] {
        let end = (self.history + self.samples) as u64;
        let place = |sample: u64| (sample + end).saturating_sub(self.end).min(end) as usize;
        &self.values[place(*samples.start())..place(samples.end() + 1)]
    }
}

/// Mean of the last `length` values; the delay is `(length - 1) / 2` samples.
#[derive(Debug, Clone)]
pub(crate) struct MovingMean {
    length: usize,
    /// After so many samples, a whole number of lengths, the sum is computed from all its values.
    stretch: usize,
    /// Samples since that was done.
    since: usize,
    sum: f64,
    inverse_length: f64,
}

impl MovingMean {
    /// `length` is odd; `before` is that of the signal.
    pub(crate) fn new(length: usize, before: f64) -> Self {
        Self {
            length,
            stretch: (STRETCH / length).max(1) * length,
            since: 0,
            sum: before * length as f64,
            inverse_length: 1.0 / length as f64,
        }
    }

    pub(crate) fn delay(&self) -> usize {
        self.length / 2
    }

    /// The means of the next block of the signal, which holds at least `length` values before it.
    ///
    /// Each sum is that of the sample before, plus the newest and minus the oldest value; once per stretch it is computed
    /// from all its values: else rounding errors, or one absurd value, would stay in the rest of the lead. So the
    /// stretches do not depend on each other, and four at once are computed in the time that the additions of one need,
    /// of which each waits for the one before.
    pub(crate) fn push(&mut self, signal: &Signal, means: &mut [f64]) {
        let (length, stretch, scale) = (self.length, self.stretch, self.inverse_length);
        // The values from one length before the block on.
        let values = &signal.values[signal.history - length..signal.history + signal.samples];
        let mut from = 0;
        while from < means.len() {
            let left = means.len() - from;
            if self.since == 0 && left >= 4 * stretch {
                let means = &mut means[from..from + 4 * stretch];
                let values = &values[from..from + length + 4 * stretch];
                self.sum = four_stretches(values, length, means, self.sum, scale);
                from += 4 * stretch;
                continue;
            }
            let to = from + left.min(stretch - self.since);
            let means = &mut means[from..to];
            self.sum = running(&values[from..], &values[from + length..], means, self.sum, scale);
            self.since += to - from;
            from = to;
            if self.since == stretch
                && let Some(last) = means.last_mut()
            {
                self.since = 0;
                self.sum = sum_of(&values[from..from + length]);
                *last = self.sum * scale;
            }
        }
    }
}

/// A moving mean, applied twice; the delay is `length - 1` samples.
#[derive(Debug, Clone)]
pub(crate) struct MeanOfMeans {
    first: MovingMean,
    once: Signal,
    second: MovingMean,
}

impl MeanOfMeans {
    /// `length` is odd; `before` is that of the signal.
    pub(crate) fn new(length: usize, before: f64) -> Self {
        Self {
            first: MovingMean::new(length, before),
            once: Signal::new(length, before),
            second: MovingMean::new(length, before),
        }
    }

    pub(crate) fn delay(&self) -> usize {
        self.first.delay() + self.second.delay()
    }

    /// The means of the next block of the signal, which holds at least `length` values before it.
    pub(crate) fn push(&mut self, signal: &Signal, means: &mut [f64]) {
        self.first.push(signal, self.once.next_block(means.len()));
        self.second.push(&self.once, means);
    }
}

/// The means of some samples of one stretch; gives their last sum.
fn running(oldest: &[f64], newest: &[f64], means: &mut [f64], mut sum: f64, scale: f64) -> f64 {
    for ((mean, newest), oldest) in means.iter_mut().zip(newest).zip(oldest) {
        sum += newest - oldest;
        *mean = sum * scale;
    }
    sum
}

/// The means of four whole stretches, from the values of these and of the length before; gives their last sum.
fn four_stretches(values: &[f64], length: usize, means: &mut [f64], sum: f64, scale: f64) -> f64 {
    let stretch = means.len() / 4;
    let oldest = |number: usize| &values[number * stretch..(number + 1) * stretch];
    let newest = |number: usize| &values[length + number * stretch..length + (number + 1) * stretch];
    let [a, b, c, d] = [oldest(0), oldest(1), oldest(2), oldest(3)];
    let [e, f, g, h] = [newest(0), newest(1), newest(2), newest(3)];
    let whole = |number: usize| sum_of(&values[number * stretch..number * stretch + length]);
    let (first, rest) = means.split_at_mut(stretch);
    let (second, rest) = rest.split_at_mut(stretch);
    let (third, fourth) = rest.split_at_mut(stretch);
    let fourth = &mut fourth[..stretch];
    let mut sums = [sum, whole(1), whole(2), whole(3)];
    let ends = [sums[1], sums[2], sums[3], whole(4)];
    let last = stretch - 1;
    for n in 0..last {
        sums[0] += e[n] - a[n];
        sums[1] += f[n] - b[n];
        sums[2] += g[n] - c[n];
        sums[3] += h[n] - d[n];
        first[n] = sums[0] * scale;
        second[n] = sums[1] * scale;
        third[n] = sums[2] * scale;
        fourth[n] = sums[3] * scale;
    }
    first[last] = ends[0] * scale;
    second[last] = ends[1] * scale;
    third[last] = ends[2] * scale;
    fourth[last] = ends[3] * scale;
    ends[3]
}

/// The means of `length` values each, of a stretch that is at hand. For a signal that comes in blocks there is [`MovingMean`].
pub(crate) fn means_of(values: &[f64], length: usize, means: &mut Vec<f64>) {
    let scale = 1.0 / length as f64;
    let mut sum: f64 = values[..length].iter().sum();
    means.clear();
    means.push(sum * scale);
    let pairs = values.iter().zip(&values[length..]);
    means.extend(pairs.map(|(oldest, newest)| {
        sum += newest - oldest;
        sum * scale
    }));
}

/// The sum in four lanes: an addition then need not wait for the one before it.
fn sum_of(values: &[f64]) -> f64 {
    let mut lanes = [0.0; 4];
    let (fours, rest) = values.as_chunks::<4>();
    for four in fours {
        lanes
            .iter_mut()
            .zip(four)
            .for_each(|(lane, value)| *lane += value);
    }
    lanes.iter().sum::<f64>() + rest.iter().sum::<f64>()
}

/// Band-pass of the QRS complex: a low-pass of two moving means of 25 ms, minus its own baseline, two
/// moving means of 80 ms.
///
/// Formula: `y = l - m80(m80(l))`, `l = m25(m25(x))`, in mV. It is zero at 0 Hz, largest near 10 Hz (about 0.8),
/// half of that at about 5 and 20 Hz, and below a tenth of it at 50 and 60 Hz, where the mains is.
///
/// Source: the band is that of Elgendi (2013), made of moving means as in Pan and Tompkins (1985): see [`DETECTOR`].
#[derive(Debug, Clone)]
pub(crate) struct QrsBandPass {
    low_pass: MeanOfMeans,
    baseline: MeanOfMeans,
}

impl QrsBandPass {
    pub(crate) fn new(sampling_frequency_hz: f64, before: f64) -> Self {
        let low = odd_length(DETECTOR.low_pass_s, sampling_frequency_hz);
        let base = odd_length(DETECTOR.band_pass_baseline_s, sampling_frequency_hz);
        Self {
            low_pass: MeanOfMeans::new(low, before),
            baseline: MeanOfMeans::new(base, before),
        }
    }

    pub(crate) fn low_pass_delay(&self) -> usize {
        self.low_pass.delay()
    }

    pub(crate) fn baseline_delay(&self) -> usize {
        self.baseline.delay()
    }

    /// Filters the next block of `mv`. `smoothed` is low-pass only and `low_pass_delay` samples late; it holds more than
    /// `baseline_delay` samples. `qrs_band` is also `baseline_delay` samples late.
    pub(crate) fn push(&mut self, mv: &Signal, smoothed: &mut Signal, qrs_band: &mut [f64]) {
        self.low_pass.push(mv, smoothed.next_block(qrs_band.len()));
        self.baseline.push(smoothed, qrs_band);
        let smoothed = smoothed.delayed(self.baseline_delay());
        for (qrs_band, smoothed) in qrs_band.iter_mut().zip(smoothed) {
            *qrs_band = smoothed - *qrs_band;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    /// The means of a signal that comes in blocks of `at_once` samples.
    fn means(values: &[f64], length: usize, before: f64, at_once: usize) -> Vec<f64> {
        let mut mean = MovingMean::new(length, before);
        let mut signal = Signal::new(length, before);
        let mut means = vec![0.0; values.len()];
        for (values, means) in values.chunks(at_once).zip(means.chunks_mut(at_once)) {
            signal.next_block(values.len()).copy_from_slice(values);
            mean.push(&signal, means);
        }
        means
    }

    #[test]
    fn a_moving_mean_is_the_mean_of_its_window() {
        let found = means(&[2.0, 5.0, 8.0, 11.0, 2.0], 3, 2.0, 5);
        for (found, expect) in found.iter().zip([2.0, 3.0, 5.0, 8.0, 7.0]) {
            assert!((found - expect).abs() < 1e-12, "{found} {expect}");
        }
    }

    #[test]
    fn a_moving_mean_does_not_depend_on_the_blocks() {
        let values: Vec<f64> = (0..5000).map(|n| (f64::from(n) * 0.7).sin()).collect();
        for length in [1, 3, 9, 235] {
            let expect = means(&values, length, 0.1, BLOCK);
            for at_once in [1, 7, 234, 235, 236, 1000] {
                assert!(
                    means(&values, length, 0.1, at_once) == expect,
                    "{length} {at_once}"
                );
            }
        }
    }

    #[test]
    fn a_signal_holds_what_was_before_its_block() {
        let mut signal = Signal::new(3, -1.0);
        signal.next_block(2).copy_from_slice(&[10.0, 11.0]);
        assert_eq!(signal.delayed(1), [-1.0, 10.0]);
        signal.next_block(3).copy_from_slice(&[12.0, 13.0, 14.0]);
        assert_eq!(signal.delayed(0), [12.0, 13.0, 14.0]);
        assert_eq!(signal.delayed(3), [-1.0, 10.0, 11.0]);
        assert_eq!(signal.range(1..=2), [11.0, 12.0]);
        assert_eq!(signal.range(4..=9), [14.0]);
    }

    #[test]
    fn lengths_are_the_nearest_odd_number() {
        let cases = [
            (0.025, 360.0, 9),
            (0.097, 360.0, 35),
            (0.025, 250.0, 7),
            (0.025, 300.0, 7),
            (0.001, 50.0, 1),
        ];
        for (seconds, hz, samples) in cases {
            assert_eq!(odd_length(seconds, hz), samples, "{seconds} s at {hz} Hz");
        }
    }

    #[test]
    fn one_absurd_value_leaves_no_trace() {
        let mut values = [1.0; 2 * STRETCH];
        values[0] = 1e30;
        let last = means(&values, 5, 0.0, 100)[2 * STRETCH - 1];
        assert!((last - 1.0).abs() < 1e-12, "{last}");
    }

    /// A band-passed signal, and the delay of the band-pass.
    fn band_passed(values: &[f64], sampling_frequency_hz: f64, before: f64) -> (Vec<f64>, usize) {
        let mut filter = QrsBandPass::new(sampling_frequency_hz, before);
        let (mut signal, mut smoothed) = (Signal::new(BLOCK, before), Signal::new(BLOCK, before));
        let mut band = vec![0.0; values.len()];
        for (values, band) in values.chunks(BLOCK).zip(band.chunks_mut(BLOCK)) {
            signal.next_block(values.len()).copy_from_slice(values);
            filter.push(&signal, &mut smoothed, band);
        }
        (band, filter.low_pass_delay() + filter.baseline_delay())
    }

    /// The amplitude of the band-passed sine of a frequency, relative to the sine's.
    fn response(frequency_hz: f64, sampling_frequency_hz: f64) -> f64 {
        let samples = (20.0 * sampling_frequency_hz) as usize;
        let sine: Vec<f64> = (0..samples)
            .map(|n| (TAU * frequency_hz * n as f64 / sampling_frequency_hz).sin())
            .collect();
        let (band, _) = band_passed(&sine, sampling_frequency_hz, 0.0);
        band[samples / 2..].iter().fold(0.0, |peak, y| y.abs().max(peak))
    }

    #[test]
    fn the_band_is_the_same_at_every_sampling_frequency() {
        for fs in [250.0, 300.0, 360.0, 1000.0] {
            assert!(response(11.0, fs) > 0.65, "{fs}: {}", response(11.0, fs));
            assert!(response(1.0, fs) < 0.05, "{fs}: {}", response(1.0, fs));
            assert!(response(50.0, fs) < 0.08, "{fs}: {}", response(50.0, fs));
            assert!(response(0.0, fs) < 1e-12, "{fs}");
        }
    }

    #[test]
    fn an_offset_is_no_step() {
        let (band, _) = band_passed(&[3.5; 500], 360.0, 3.5);
        assert!(band.iter().all(|y| y.abs() < 1e-9));
    }

    #[test]
    fn an_impulse_comes_out_symmetric_around_the_stated_delay() {
        let mut impulse = [0.0; 400];
        impulse[100] = 1.0;
        let (band, delay) = band_passed(&impulse, 360.0, 0.0);
        let middle = 100 + delay;
        for k in 0..=delay {
            assert!((band[middle - k] - band[middle + k]).abs() < 1e-12, "{k}");
        }
        assert!(band[middle] > 0.05);
    }
}
