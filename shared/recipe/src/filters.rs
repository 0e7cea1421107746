//! Moving means, and the band-pass made of them: the only filters of the recipe.
//!
//! They are symmetric (linear phase), so their delay is a known whole number of samples at every
//! sampling frequency and nothing shifts the R peaks. Lengths are given in seconds.

use crate::detector_settings::DETECTOR;

/// The odd number of samples nearest to a length in seconds, at least 1.
pub(crate) fn odd_length(seconds: f64, sampling_frequency_hz: f64) -> usize {
    ((seconds * sampling_frequency_hz - 1.0) / 2.0).round().max(0.0) as usize * 2 + 1
}

/// Mean of the last `length` values; the delay is `(length - 1) / 2` samples.
#[derive(Debug, Clone)]
pub(crate) struct MovingMean {
    ring: Vec<f64>,
    oldest: usize,
    sum: f64,
    inverse_length: f64,
}

impl MovingMean {
    /// `length` is odd; before the first push the signal is taken to have been `before` for ever, so
    /// that an offset of the signal is no step.
    pub(crate) fn new(length: usize, before: f64) -> Self {
        let length = length.max(1);
        Self {
            ring: vec![before; length],
            oldest: 0,
            sum: before * length as f64,
            inverse_length: 1.0 / length as f64,
        }
    }

    pub(crate) fn delay(&self) -> u64 {
        (self.ring.len() / 2) as u64
    }

    pub(crate) fn push(&mut self, value: f64) -> f64 {
        let Some(slot) = self.ring.get_mut(self.oldest) else {
            return value;
        };
        self.sum += value - *slot;
        *slot = value;
        self.oldest += 1;
        if self.oldest == self.ring.len() {
            // The sum is computed again once per length: else rounding errors, or one absurd value, would
            // stay in the rest of the lead.
            self.oldest = 0;
            self.sum = sum(&self.ring);
        }
        self.sum * self.inverse_length
    }

    /// The oldest value of the window: what was pushed `2 * delay` values before the latest one.
    pub(crate) fn oldest(&self) -> f64 {
        self.ring.get(self.oldest).copied().unwrap_or(0.0)
    }

    /// The value in the middle of the window: what was pushed `delay` values before the latest one.
    pub(crate) fn middle(&self) -> f64 {
        let newer = self.oldest + self.ring.len() / 2;
        let place = if newer < self.ring.len() {
            newer
        } else {
            newer - self.ring.len()
        };
        self.ring.get(place).copied().unwrap_or(0.0)
    }
}

/// The sum in four lanes: an addition then need not wait for the one before it.
fn sum(values: &[f64]) -> f64 {
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

/// The last values of a stream, addressed by their place in the stream.
#[derive(Debug, Clone)]
pub(crate) struct History {
    values: Vec<f64>,
    mask: u64,
    pushed: u64,
}

impl History {
    /// Keeps at least the last `length` values; what was never pushed reads as 0.
    pub(crate) fn new(length: u64) -> Self {
        let capacity = (length + 1).next_power_of_two();
        Self {
            values: vec![0.0; capacity as usize],
            mask: capacity - 1,
            pushed: 0,
        }
    }

    pub(crate) fn push(&mut self, value: f64) {
        let slot = (self.pushed & self.mask) as usize;
        if let Some(place) = self.values.get_mut(slot) {
            *place = value;
        }
        self.pushed += 1;
    }

    pub(crate) fn at(&self, sample: u64) -> f64 {
        self.values
            .get((sample & self.mask) as usize)
            .copied()
            .unwrap_or(0.0)
    }
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
    low_pass: [MovingMean; 2],
    baseline: [MovingMean; 2],
}

/// What the band-pass gives for a sample.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BandPassed {
    /// Low-pass only, `low_pass_delay` samples late.
    pub(crate) smoothed: f64,
    /// Band-passed, `low_pass_delay + baseline_delay` samples late.
    pub(crate) qrs_band: f64,
}

impl QrsBandPass {
    pub(crate) fn new(sampling_frequency_hz: f64, before: f64) -> Self {
        let low = MovingMean::new(odd_length(DETECTOR.low_pass_s, sampling_frequency_hz), before);
        let base = MovingMean::new(
            odd_length(DETECTOR.band_pass_baseline_s, sampling_frequency_hz),
            before,
        );
        Self {
            low_pass: [low.clone(), low],
            baseline: [base.clone(), base],
        }
    }

    pub(crate) fn low_pass_delay(&self) -> u64 {
        self.low_pass.iter().map(MovingMean::delay).sum()
    }

    pub(crate) fn baseline_delay(&self) -> u64 {
        self.baseline.iter().map(MovingMean::delay).sum()
    }

    pub(crate) fn push(&mut self, mv: f64) -> BandPassed {
        let [first, second] = &mut self.low_pass;
        let smoothed = second.push(first.push(mv));
        let [first, second] = &mut self.baseline;
        let baseline = second.push(first.push(smoothed));
        // The two means of the baseline together are as late as the oldest value of the first one.
        let qrs_band = first.oldest() - baseline;
        BandPassed { smoothed, qrs_band }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    #[test]
    fn a_moving_mean_is_the_mean_of_its_window() {
        let mut mean = MovingMean::new(3, 2.0);
        let out: Vec<f64> = [2.0, 5.0, 8.0, 11.0, 2.0].iter().map(|v| mean.push(*v)).collect();
        for (got, want) in out.iter().zip([2.0, 3.0, 5.0, 8.0, 7.0]) {
            assert!((got - want).abs() < 1e-12, "{got} {want}");
        }
        assert_eq!((mean.oldest(), mean.middle()), (8.0, 11.0));
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
        let mut mean = MovingMean::new(5, 0.0);
        mean.push(1e30);
        let last = (0..20).map(|_| mean.push(1.0)).last().unwrap();
        assert!((last - 1.0).abs() < 1e-12, "{last}");
    }

    /// The amplitude of the band-passed sine of a frequency, relative to the sine's.
    fn response(frequency_hz: f64, sampling_frequency_hz: f64) -> f64 {
        let mut filter = QrsBandPass::new(sampling_frequency_hz, 0.0);
        let samples = (20.0 * sampling_frequency_hz) as usize;
        let mut peak = 0.0f64;
        for n in 0..samples {
            let y = filter
                .push((TAU * frequency_hz * n as f64 / sampling_frequency_hz).sin())
                .qrs_band;
            if n > samples / 2 {
                peak = peak.max(y.abs());
            }
        }
        peak
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
        let mut filter = QrsBandPass::new(360.0, 3.5);
        for _ in 0..500 {
            assert!(filter.push(3.5).qrs_band.abs() < 1e-9);
        }
    }

    #[test]
    fn an_impulse_comes_out_symmetric_around_the_stated_delay() {
        let mut filter = QrsBandPass::new(360.0, 0.0);
        let delay = (filter.low_pass_delay() + filter.baseline_delay()) as usize;
        let at = 100;
        let middle = at + delay;
        let out: Vec<f64> = (0..middle + delay + 1)
            .map(|n| filter.push(f64::from(u8::from(n == at))).qrs_band)
            .collect();
        for k in 0..=delay {
            assert!((out[middle - k] - out[middle + k]).abs() < 1e-12, "{k}");
        }
        assert!(out[middle] > 0.05);
    }
}
