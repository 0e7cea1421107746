//! Shares of the power spectrum of a segment: pSQI and basSQI.

use std::f64::consts::TAU;
use std::sync::Arc;

use realfft::num_complex::Complex64;
use realfft::{RealFftPlanner, RealToComplex};

/// The two spectral quality indices; `None` for a segment with no power in the band.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct SpectralShares {
    /// Share of the QRS band: `P(5 to 15 Hz) / P(5 to 40 Hz)`.
    pub(crate) psqi: Option<f64>,
    /// Freedom from baseline wander: `1 - P(0 to 1 Hz) / P(0 to 40 Hz)`.
    pub(crate) bassqi: Option<f64>,
}

/// Computes spectra, keeping the plan for the length that most segments have.
pub(crate) struct Spectrum {
    planner: RealFftPlanner<f64>,
    plan: Option<Plan>,
}

struct Plan {
    fft: Arc<dyn RealToComplex<f64>>,
    window: Vec<f64>,
    input: Vec<f64>,
    output: Vec<Complex64>,
    scratch: Vec<Complex64>,
}

impl Spectrum {
    pub(crate) fn new() -> Self {
        Self {
            planner: RealFftPlanner::new(),
            plan: None,
        }
    }

    /// Formula: `P(f)` is the one-sided periodogram: `2 |DFT(w * (x - mean))|^2`, and without the 2 at 0 Hz and at half the
    /// sampling frequency, which exist once. `w` is a Hann window; the frequencies are `k * sampling_frequency / samples`; a
    /// band takes the sum over its frequencies, both ends included.
    ///
    /// The mean is removed: it is the offset of the amplifier and not baseline wander. The window keeps a slow
    /// drift out of the QRS band. basSQI is one minus a ratio, and not `(1 - a) / b`. Above half the sampling
    /// frequency there is no power to count.
    ///
    /// Source: Li, Mark and Clifford (2008), Physiol Meas 29:15 (pSQI); Clifford et al. (2012), Physiol Meas
    /// 33:1419 (basSQI).
    pub(crate) fn shares(&mut self, mv: &[f32], mean_mv: f64, sampling_frequency_hz: f64) -> SpectralShares {
        if self.plan.as_ref().is_none_or(|plan| plan.input.len() != mv.len()) {
            self.plan = Some(Plan::new(self.planner.plan_fft_forward(mv.len()), mv.len()));
        }
        let Some(plan) = self.plan.as_mut() else {
            return SpectralShares::default();
        };
        for ((input, x), weight) in plan.input.iter_mut().zip(mv).zip(&plan.window) {
            *input = weight * (f64::from(*x) - mean_mv);
        }
        if plan
            .fft
            .process_with_scratch(&mut plan.input, &mut plan.output, &mut plan.scratch)
            .is_err()
        {
            // It fails on wrong buffer lengths only, and the plan made them.
            return SpectralShares::default();
        }
        let step_hz = sampling_frequency_hz / mv.len() as f64;
        let power = |from_hz: f64, to_hz: f64| -> f64 {
            let first = (from_hz / step_hz).ceil() as usize;
            let last = (to_hz / step_hz).floor() as usize;
            let bins = plan.output.iter().enumerate().take(last + 1).skip(first);
            let of_bin = |(k, bin): (usize, &Complex64)| {
                let is_once = k == 0 || 2 * k == mv.len();
                if is_once {
                    bin.norm_sqr()
                } else {
                    2.0 * bin.norm_sqr()
                }
            };
            bins.map(of_bin).sum()
        };
        SpectralShares {
            psqi: share(power(5.0, 15.0), power(5.0, 40.0)),
            bassqi: share(power(0.0, 1.0), power(0.0, 40.0)).map(|wander| 1.0 - wander),
        }
    }
}

fn share(part: f64, whole: f64) -> Option<f64> {
    let share = part / whole;
    (whole > 0.0 && share.is_finite()).then_some(share)
}

impl Plan {
    fn new(fft: Arc<dyn RealToComplex<f64>>, samples: usize) -> Self {
        let window = (0..samples)
            .map(|n| 0.5 - 0.5 * libm::cos(TAU * (n as f64 + 0.5) / samples as f64))
            .collect();
        Self {
            input: fft.make_input_vec(),
            output: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            fft,
            window,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(mv: &[f32], fs: f64) -> SpectralShares {
        let mean = mv.iter().map(|x| f64::from(*x)).sum::<f64>() / mv.len() as f64;
        Spectrum::new().shares(mv, mean, fs)
    }

    fn tones(parts: &[(f64, f64)], samples: usize, fs: f64) -> SpectralShares {
        let mv: Vec<f32> = (0..samples)
            .map(|n| {
                parts
                    .iter()
                    .map(|(hz, mv)| mv * (TAU * hz * n as f64 / fs).sin())
                    .sum::<f64>() as f32
            })
            .collect();
        shares(&mv, fs)
    }

    fn near(got: Option<f64>, want: f64) {
        let got = got.unwrap();
        assert!((got - want).abs() < 1e-3, "{got} instead of {want}");
    }

    #[test]
    fn one_tone_is_wholly_in_its_band() {
        near(tones(&[(10.0, 1.0)], 3600, 360.0).psqi, 1.0);
        near(tones(&[(25.0, 1.0)], 3600, 360.0).psqi, 0.0);
        near(tones(&[(0.5, 1.0)], 3600, 360.0).bassqi, 0.0);
        near(tones(&[(10.0, 1.0)], 3600, 360.0).bassqi, 1.0);
    }

    #[test]
    fn two_tones_share_by_the_squares_of_their_amplitudes() {
        for (samples, fs) in [(3600, 360.0), (2500, 250.0), (3001, 300.0), (2881, 360.0)] {
            near(tones(&[(10.0, 1.0), (30.0, 2.0)], samples, fs).psqi, 0.2);
            near(tones(&[(0.5, 1.0), (10.0, 3.0)], samples, fs).bassqi, 0.9);
        }
    }

    #[test]
    fn an_offset_changes_nothing() {
        let with_offset: Vec<f32> = (0..3600)
            .map(|n| 3.0 + (TAU * 10.0 * n as f64 / 360.0).sin() as f32)
            .collect();
        near(shares(&with_offset, 360.0).bassqi, 1.0);
    }

    #[test]
    fn a_tiny_segment_has_no_power_in_the_band() {
        assert_eq!(shares(&[1.0, 2.0], 360.0).psqi, None);
    }
}
