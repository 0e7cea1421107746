//! Step 4, second half: the features of a segment.
//!
//! What is undefined is `None`, never NaN: a segment without two beats has no heart rate, a flat one no
//! kurtosis. A segment stands by itself: only intervals between two beats of the same segment count, so the
//! features can be computed again from the row alone.

use ecg_core::rules::Rules;

use crate::measure_beats::Measurements;
use crate::median::median;
use crate::runs::Runs;
use crate::second_detector::Agreed;
use crate::spectrum::{SpectralShares, Spectrum};
use crate::types::{Beat, BeatType};

/// A sum over a segment is taken in so many lanes: sample `n` belongs to lane `n % LANES`, and the lanes are added at the
/// end. An addition then need not wait for the one before, and the result is the same on every processor.
const LANES: usize = 8;

/// The features of one segment of one lead. Interpolated samples take part like recorded ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Features {
    /// Smallest value in mV.
    pub min_mv: f32,
    /// Largest value in mV.
    pub max_mv: f32,
    /// Root mean square about zero (not about the mean) in mV.
    pub rms_mv: f64,
    /// Beats whose R peak is in the segment.
    pub beats: u32,
    /// How many of these have each type, in the order of [`BeatType::ALL`].
    pub beats_of_type: [u32; BeatType::ALL.len()],
    /// RR intervals used by the two features below.
    pub rr_intervals: u32,
    /// Mean heart rate in beats per minute: `60,000 / rr_mean_ms`.
    pub heart_rate_bpm: Option<f64>,
    /// Mean RR interval in ms.
    pub rr_mean_ms: Option<f64>,
    /// NN intervals, those between two normal beats, used by the three features below: publish it beside them, 10 s give a
    /// usable RMSSD but a biased SDNN (Munoz et al. 2015, PLoS ONE 10:e0138921).
    pub nn_intervals: u32,
    /// Standard deviation of the NN intervals in ms, with n - 1; `None` below two intervals.
    pub sdnn_ms: Option<f64>,
    /// Root mean square of the differences between adjacent intervals in ms; `None` below two.
    pub rmssd_ms: Option<f64>,
    /// Differences above 50 ms, as a percentage of the intervals; `None` below two.
    pub pnn50: Option<f64>,
    /// The median of each measurement over the beats that have it.
    pub measured: Measurements,
    /// Pearson kurtosis (3 for a normal distribution); `None` for a flat segment.
    pub ksqi: Option<f64>,
    /// Skewness; `None` for a flat segment.
    pub ssqi: Option<f64>,
    /// `P(5 to 15 Hz) / P(5 to 40 Hz)`; `P` is the power spectrum.
    pub psqi: Option<f64>,
    /// `1 - P(0 to 1 Hz) / P(0 to 40 Hz)`; `P` is the power spectrum.
    pub bassqi: Option<f64>,
    /// Beats that both detectors found / beats that either found, 0 to 1; `None` if there are none.
    pub bsqi: Option<f64>,
    /// Median `template_corr` of the beats, below 0 as 0; `None` without one.
    pub template_corr: Option<f64>,
    /// `bsqi * template_corr`, 0 to 1; 0 if `bsqi` is 0.
    pub sqi: Option<f64>,
    /// Time of the segment, in ms, that lies in flat lines of at least `Rules::label_flat_s_from`.
    pub flat_ms: f64,
    /// Samples of the segment in runs of at least `Rules::label_saturated_run_from` equal samples at the segment's own
    /// minimum or maximum.
    pub saturated_samples: u32,
    /// Samples that were missing and are interpolated.
    pub missing_samples: u32,
}

/// Computes the features of the segments of one lead. Push its samples, then ask for the segments in order.
pub(crate) struct FeatureExtractor {
    sampling_frequency_hz: f64,
    runs: Runs,
    spectrum: Spectrum,
    /// First sample of the next segment.
    start: u64,
}

impl FeatureExtractor {
    pub(crate) fn new(sampling_frequency_hz: f64, rules: &Rules) -> Self {
        Self {
            sampling_frequency_hz,
            runs: Runs::new(
                Self::flat_samples_from(sampling_frequency_hz, rules),
                u64::from(rules.label_saturated_run_from),
            ),
            spectrum: Spectrum::new(),
            start: 0,
        }
    }

    /// How many equal samples are a flat line. So many samples must follow a segment before it is known whether
    /// the run at its end is one.
    pub(crate) fn flat_samples_from(sampling_frequency_hz: f64, rules: &Rules) -> u64 {
        (rules.label_flat_s_from * sampling_frequency_hz - 1e-9)
            .ceil()
            .max(2.0) as u64
    }

    /// Takes the next recorded samples of the lead.
    pub(crate) fn push(&mut self, mv: &[f32]) {
        self.runs.push(mv);
    }

    /// Takes the next missing samples of the lead.
    pub(crate) fn push_gap(&mut self, samples: u64) {
        self.runs.push_gap(samples);
    }

    /// The features of the next segment, all samples `mv` of it. `beats` are those in it.
    pub(crate) fn next_segment(
        &mut self,
        mv: &[f32],
        missing_samples: u32,
        beats: &[Beat],
        indices: QualityIndices,
    ) -> Features {
        let segment = self.start..self.start + mv.len() as u64;
        let Amplitude {
            min_mv,
            max_mv,
            mean_mv,
            rms_mv,
        } = amplitude(mv);
        // A computed mean can differ from the one value of a flat segment in the last bit, so ask the samples.
        let (mut ksqi, mut ssqi, mut shares) = (None, None, SpectralShares::default());
        if min_mv != max_mv {
            (ksqi, ssqi) = kurtosis_and_skewness(mv, mean_mv);
            shares = self.spectrum.shares(mv, mean_mv, self.sampling_frequency_hz);
        }
        let intervals = |of: fn(&Beat) -> Option<f64>| -> Vec<Option<f64>> { beats.iter().map(of).collect() };
        let rr = statistics(&intervals(|beat| beat.rr_ms), self.sampling_frequency_hz);
        let nn = statistics(&intervals(|beat| beat.nn_ms), self.sampling_frequency_hz);
        let beats_of_type =
            BeatType::ALL.map(|of| beats.iter().filter(|beat| beat.beat_type == of).count() as u32);
        let flat_samples = self.runs.flat_samples(&segment);
        let saturated_samples = self.runs.saturated_samples(&segment, min_mv, max_mv);

        self.start = segment.end;
        self.runs.forget_before(segment.end);
        Features {
            min_mv,
            max_mv,
            rms_mv,
            beats: beats.len() as u32,
            beats_of_type,
            rr_intervals: rr.intervals,
            heart_rate_bpm: heart_rate_bpm(rr.mean_ms),
            rr_mean_ms: rr.mean_ms,
            nn_intervals: nn.intervals,
            sdnn_ms: nn.sdnn_ms,
            rmssd_ms: nn.rmssd_ms,
            pnn50: nn.pnn50,
            measured: Measurements::medians(beats),
            ksqi,
            ssqi,
            psqi: shares.psqi,
            bassqi: shares.bassqi,
            bsqi: indices.bsqi,
            template_corr: indices.template_corr,
            sqi: indices.sqi,
            flat_ms: flat_samples as f64 * 1000.0 / self.sampling_frequency_hz,
            saturated_samples: saturated_samples as u32,
            missing_samples,
        }
    }
}

/// How clear the beats of a segment are.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct QualityIndices {
    bsqi: Option<f64>,
    template_corr: Option<f64>,
    sqi: Option<f64>,
}

impl QualityIndices {
    /// Of the beats of a segment: which of the two detectors found them, and their correlations with the templates.
    ///
    /// Formulas: bSQI `= by both / (by both + by one)`; `template_corr` the median of the correlations, below 0 as 0; `sqi
    /// = bSQI * template_corr`, and 0 if bSQI is 0. None has a unit; all are from 0 to 1.
    ///
    /// Source: Li, Mark and Clifford (2008), Physiol Meas 29:15 (bSQI); after Orphanidou et al. (2015), IEEE J Biomed Health
    /// Inform 19:832, who take the mean of the correlations: the median lets one new kind of beat pass. The product is
    /// ours: in noise one of the two may stay high by chance.
    pub(crate) fn of(agreed: Agreed, correlations: impl Iterator<Item = Option<f64>>) -> Self {
        let beats = agreed.by_both + agreed.by_one;
        let bsqi = (beats > 0).then(|| f64::from(agreed.by_both) / f64::from(beats));
        let mut known: Vec<f64> = correlations.flatten().map(|corr| corr.max(0.0)).collect();
        let template_corr = median(&mut known);
        let sqi = match (bsqi, template_corr) {
            (Some(0.0), _) => Some(0.0),
            (Some(bsqi), Some(template_corr)) => Some(bsqi * template_corr),
            _ => None,
        };
        Self {
            bsqi,
            template_corr,
            sqi,
        }
    }
}

/// What the values of a segment say, whatever their order; all in mV, zeros for no samples.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Amplitude {
    min_mv: f32,
    max_mv: f32,
    /// `sum x / n`.
    mean_mv: f64,
    /// Root mean square about zero: `sqrt(sum x^2 / n)`.
    rms_mv: f64,
}

fn amplitude(mv: &[f32]) -> Amplitude {
    let Some(first) = mv.first() else {
        return Amplitude::default();
    };
    let (mut min, mut max) = ([*first; LANES], [*first; LANES]);
    let (mut sum, mut squares) = ([0.0; LANES], [0.0; LANES]);
    let (chunks, rest) = mv.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            let x = chunk[lane];
            min[lane] = if x < min[lane] { x } else { min[lane] };
            max[lane] = if x > max[lane] { x } else { max[lane] };
        }
    }
    for chunk in chunks {
        for lane in 0..LANES {
            let x = f64::from(chunk[lane]);
            sum[lane] += x;
            squares[lane] += x * x;
        }
    }
    for (lane, x) in rest.iter().enumerate() {
        min[lane] = min[lane].min(*x);
        max[lane] = max[lane].max(*x);
        let x = f64::from(*x);
        sum[lane] += x;
        squares[lane] += x * x;
    }
    let n = mv.len() as f64;
    Amplitude {
        min_mv: min.into_iter().fold(*first, f32::min),
        max_mv: max.into_iter().fold(*first, f32::max),
        mean_mv: sum.iter().sum::<f64>() / n,
        rms_mv: (squares.iter().sum::<f64>() / n).sqrt(),
    }
}

/// kSQI and sSQI: the fourth and the third standardised moment of the samples.
///
/// Formula: `kurtosis = m4 / m2^2` (Pearson's: 3 for a normal distribution; Fisher's would be 3 less),
/// `skewness = m3 / m2^1.5`, with `mk = sum (x - mean)^k / n`. No unit; the segment is not flat.
///
/// Source: Li, Mark and Clifford (2008), Physiol Meas 29:15 (kSQI); Clifford et al. (2012), Physiol Meas
/// 33:1419 (sSQI).
fn kurtosis_and_skewness(mv: &[f32], mean_mv: f64) -> (Option<f64>, Option<f64>) {
    let n = mv.len() as f64;
    let mut sums = [[0.0; LANES]; 3];
    let mut add = |values: &[f32]| {
        for (lane, x) in values.iter().enumerate() {
            let d = f64::from(*x) - mean_mv;
            let d2 = d * d;
            sums[0][lane] += d2;
            sums[1][lane] += d2 * d;
            sums[2][lane] += d2 * d2;
        }
    };
    let (chunks, rest) = mv.as_chunks::<LANES>();
    chunks.iter().for_each(|chunk| add(chunk));
    add(rest);
    let [m2, m3, m4] = sums.map(|sums| sums.iter().sum::<f64>());
    let (m2, m3, m4) = (m2 / n, m3 / n, m4 / n);
    let defined = |value: f64| value.is_finite().then_some(value);
    (defined(m4 / (m2 * m2)), defined(m3 / (m2 * m2.sqrt())))
}

/// What the intervals of a segment say.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct IntervalStatistics {
    /// Intervals used.
    intervals: u32,
    /// Mean in ms.
    mean_ms: Option<f64>,
    /// `sqrt(sum (rr - mean)^2 / (n - 1))` in ms.
    sdnn_ms: Option<f64>,
    /// `sqrt(mean (rr[i+1] - rr[i])^2)` in ms.
    rmssd_ms: Option<f64>,
    /// `100 * (number of |rr[i+1] - rr[i]| > 50 ms) / intervals`.
    pnn50: Option<f64>,
}

/// Statistics of the intervals between the beats of one segment.
///
/// The interval to the segment's first beat began in another segment and is left out; one that is unknown (`None`), because
/// it spans a gap or one of its beats is not normal, also separates its neighbours, which are then not adjacent. For pNN50 the
/// differences are compared in whole samples: in milliseconds one of exactly 50 could be above it by rounding.
///
/// Source: Task Force of the ESC and NASPE (1996), "Heart rate variability", Circulation 93:1043, table 1.
fn statistics(rr_ms: &[Option<f64>], sampling_frequency_hz: f64) -> IntervalStatistics {
    let rr = rr_ms.get(1..).unwrap_or_default();
    let known: Vec<f64> = rr.iter().flatten().copied().collect();
    let differences: Vec<f64> = rr
        .windows(2)
        .filter_map(|pair| match pair {
            [Some(a), Some(b)] => Some(b - a),
            _ => None,
        })
        .collect();
    let mean_ms = mean(&known);
    let sdnn_ms = mean_ms.filter(|_| known.len() > 1).map(|mean| {
        let squares: f64 = known.iter().map(|rr| (rr - mean) * (rr - mean)).sum();
        (squares / (known.len() - 1) as f64).sqrt()
    });
    let squares: Vec<f64> = differences.iter().map(|d| d * d).collect();
    let above_50 = differences.iter().filter(|ms| {
        let samples = (ms.abs() * sampling_frequency_hz / 1000.0).round();
        samples > 50.0 * sampling_frequency_hz / 1000.0
    });
    let nn50 = above_50.count() as f64;
    let has_differences = !differences.is_empty();
    IntervalStatistics {
        intervals: known.len() as u32,
        mean_ms,
        sdnn_ms,
        rmssd_ms: mean(&squares).map(f64::sqrt),
        pnn50: has_differences.then(|| 100.0 * nn50 / known.len() as f64),
    }
}

/// Heart rate in beats per minute of an interval in ms: `60,000 / rr`; `None` without an interval.
pub(crate) fn heart_rate_bpm(rr_mean_ms: Option<f64>) -> Option<f64> {
    rr_mean_ms.filter(|rr| *rr > 0.0).map(|rr| 60_000.0 / rr)
}

fn mean(values: &[f64]) -> Option<f64> {
    if values.is_empty() {
        None
    } else {
        Some(values.iter().sum::<f64>() / values.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ecg_core::rules::RULES;

    fn near(got: Option<f64>, want: f64) {
        let got = got.unwrap();
        assert!((got - want).abs() < 1e-9, "{got} instead of {want}");
    }

    #[test]
    fn rr_statistics_by_hand() {
        // Intervals 800, 860, 840, 780; differences 60, -20, -60. The 500 belongs to the segment before.
        let rr = statistics(
            &[Some(500.0), Some(800.0), Some(860.0), Some(840.0), Some(780.0)],
            500.0,
        );
        assert_eq!(rr.intervals, 4);
        near(rr.mean_ms, 820.0);
        // Deviations -20, 40, 20, -40: sum of squares 4000.
        near(rr.sdnn_ms, (4000.0f64 / 3.0).sqrt());
        near(rr.rmssd_ms, (7600.0f64 / 3.0).sqrt());
        near(rr.pnn50, 200.0 / 4.0);
        near(heart_rate_bpm(rr.mean_ms), 60_000.0 / 820.0);
    }

    #[test]
    fn an_unknown_interval_separates_its_neighbours() {
        let rr = statistics(&[None, Some(800.0), None, Some(900.0), Some(1000.0)], 500.0);
        assert_eq!(rr.intervals, 3);
        near(rr.mean_ms, 900.0);
        near(rr.rmssd_ms, 100.0);
    }

    #[test]
    fn too_few_beats_leave_features_undefined() {
        for few in [&[][..], &[None], &[Some(800.0)]] {
            assert_eq!(statistics(few, 500.0), IntervalStatistics::default());
        }
        let two = statistics(&[None, Some(750.0)], 500.0);
        near(heart_rate_bpm(two.mean_ms), 80.0);
        assert_eq!((two.sdnn_ms, two.rmssd_ms, two.pnn50), (None, None, None));
        assert_eq!(heart_rate_bpm(None), None);
    }

    #[test]
    fn a_difference_of_exactly_50_ms_is_not_above_it() {
        let fs = 360.0;
        let ms = |samples: u32| Some(f64::from(samples) * 1000.0 / fs);
        // 18 samples are 50 ms. In milliseconds some of these differences are above 50 by rounding.
        let by_rounding = (300..400).filter(|n| ms(n + 18).unwrap() - ms(*n).unwrap() > 50.0);
        assert!(by_rounding.count() > 0);
        for n in 300..400 {
            near(statistics(&[None, ms(n), ms(n + 18)], fs).pnn50, 0.0);
            near(statistics(&[None, ms(n), ms(n + 19)], fs).pnn50, 50.0);
        }
    }

    #[test]
    fn quality_indices_by_hand() {
        let of = |by_both, by_one, correlations: &[Option<f64>]| {
            let indices = QualityIndices::of(Agreed { by_both, by_one }, correlations.iter().copied());
            (indices.bsqi, indices.template_corr, indices.sqi)
        };
        let beats = [None, Some(0.5), Some(-0.3), Some(1.0), Some(0.9)];
        assert_eq!(of(3, 1, &beats), (Some(0.75), Some(0.7), Some(0.75 * 0.7)));
        assert_eq!(of(1, 0, &[Some(-0.3)]), (Some(1.0), Some(0.0), Some(0.0)));
        assert_eq!(of(0, 4, &[]), (Some(0.0), None, Some(0.0)));
        assert_eq!(of(1, 1, &[None]), (Some(0.5), None, None));
        assert_eq!(of(0, 0, &[]), (None, None, None));
    }

    fn moments(mv: &[f32]) -> (Option<f64>, Option<f64>) {
        kurtosis_and_skewness(mv, amplitude(mv).mean_mv)
    }

    #[test]
    fn moments_by_hand() {
        // 0, 0, 0, 4: mean 1, m2 = 3, m3 = 6, m4 = 21.
        let (kurtosis, skewness) = moments(&[0.0, 0.0, 0.0, 4.0]);
        near(kurtosis, 21.0 / 9.0);
        near(skewness, 6.0 / 27.0f64.sqrt());
        // Whole periods of a sine: kurtosis 1.5, skewness 0.
        let sine: Vec<f32> = (0..3600)
            .map(|n| (n as f32 / 36.0 * std::f32::consts::TAU).sin())
            .collect();
        let (kurtosis, skewness) = moments(&sine);
        assert!((kurtosis.unwrap() - 1.5).abs() < 1e-3 && skewness.unwrap().abs() < 1e-3);
    }

    #[test]
    fn a_flat_segment_has_neither_moments_nor_a_spectrum() {
        // 0.1 has no exact f32: a computed mean may differ from it in the last bit.
        for flat in [&[0.1; 3600][..], &[0.1], &[]] {
            let features =
                FeatureExtractor::new(360.0, &RULES).next_segment(flat, 0, &[], QualityIndices::default());
            let undefined = [features.ksqi, features.ssqi, features.psqi, features.bassqi];
            assert_eq!(undefined, [None; 4]);
        }
    }

    #[test]
    fn amplitudes_by_hand() {
        let found = amplitude(&[3.0, -4.0, 3.0, -4.0]);
        assert_eq!((found.min_mv, found.max_mv), (-4.0, 3.0));
        assert_eq!((found.mean_mv, found.rms_mv), (-0.5, 12.5f64.sqrt()));
        let flat = amplitude(&[2.0; 7]);
        assert_eq!((flat.min_mv, flat.max_mv, flat.rms_mv), (2.0, 2.0, 2.0));
        assert_eq!(amplitude(&[]), Amplitude::default());
        for place in 0..20 {
            let mut mv = [1.0; 20];
            mv[place] = 2.0;
            assert_eq!(
                (amplitude(&mv).min_mv, amplitude(&mv).max_mv),
                (1.0, 2.0),
                "{place}"
            );
            mv[place] = -2.0;
            assert_eq!(
                (amplitude(&mv).min_mv, amplitude(&mv).max_mv),
                (-2.0, 1.0),
                "{place}"
            );
        }
    }
}
