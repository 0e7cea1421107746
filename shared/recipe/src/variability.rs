//! Step 6, first half: heart rate variability of the NN intervals of a window.
//!
//! NN intervals are those between two adjacent normal beats, here in whole samples: sums of them are exact, and so
//! independent of their order. Whatever compares neighbours never does so across a gap or an ectopic beat. What is undefined,
//! or rests on too few intervals, is `None`.
//!
//! Source of what names none: Task Force of the ESC and NASPE (1996), "Heart rate variability", Circulation 93:1043.

use std::f64::consts::{SQRT_2, TAU};

/// Percentiles of the NN intervals, in %.
const PERCENTILES: [f64; 5] = [5.0, 25.0, 50.0, 75.0, 95.0];
/// An NN interval this long, in s, is not resolved by the histogram, which has one bin for each sample: a limit of memory.
const HISTOGRAM_S: f64 = 4.0;
/// Bins per second of the histogram for the triangular index (Task Force 1996: bins of 1/128 s).
const TRIANGULAR_BINS_PER_S: f64 = 128.0;
/// The bands VLF, LF and HF in Hz; the lower end is included, the upper one is not.
const BANDS_HZ: [[f64; 2]; 3] = [[0.0033, 0.04], [0.04, 0.15], [0.15, 0.4]];
/// Frequencies are 1 / (5 * length) apart: five for each peak of the spectrum (VanderPlas 2018, ApJS 236:16).
const FREQUENCIES_PER_PEAK: f64 = 5.0;
/// Shortest and longest box of DFA in beats (Peng et al. 1995: 4 to 16 for alpha 1).
const DFA_BEATS: [usize; 2] = [4, 16];
/// A determinant of the fit of a wave that only rounding leaves.
const NO_WAVE: f64 = 1e-12;
/// A mean square, in samples^2, that only rounding leaves.
const NOTHING_LEFT: f64 = 1e-8;
/// Tolerance of sample entropy, as a share of the standard deviation (Richman and Moorman 2000).
const ENTROPY_TOLERANCE: f64 = 0.2;

/// The least NN intervals for percentiles, triangular index, spectrum, and a window of SDANN: of fewer, 5 % are less than one.
/// Our choice.
pub(crate) const LEAST_NN: usize = 20;
/// For sample entropy (Yentes et al. 2013, Ann Biomed Eng 41:349).
const LEAST_NN_ENTROPY: usize = 200;
/// For DFA: four times the longest box (the limit that the program `dfa` of PhysioNet has).
const LEAST_NN_DFA: usize = 64;
/// The least seconds in NN intervals for the power of VLF, LF and HF. The Task Force wants 1 min for HF, 2 min for LF, and for
/// VLF, and with it the total, 5 min, of which we ask four fifths.
const LEAST_NN_S: [f64; 3] = [240.0, 120.0, 60.0];

/// Sums over intervals are taken in so many lanes: interval `n` belongs to lane `n % LANES`, and the lanes are added at the
/// end, so that the result is the same on every processor.
const LANES: usize = 8;

/// An interval between two adjacent normal beats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NnInterval {
    /// The R peak that ends it: 0-based sample in the recording.
    pub end_sample: u64,
    /// Its length in samples.
    pub samples: u32,
}

impl NnInterval {
    /// Whether this interval begins where the other one ends.
    fn follows(self, before: Self) -> bool {
        before.end_sample + u64::from(self.samples) == self.end_sample
    }
}

/// Heart rate variability. The names are those of the columns of the table `windows`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Variability {
    /// NN intervals that all of this rests on.
    pub nn_intervals: u64,
    /// Mean NN interval in ms; `None` without one.
    pub nn_mean_ms: Option<f64>,
    /// Standard deviation of the NN intervals in ms, with n - 1; `None` below two.
    pub sdnn_ms: Option<f64>,
    /// Root mean square of the differences between adjacent NN intervals in ms; `None` without one.
    pub rmssd_ms: Option<f64>,
    /// Differences above 20 ms, compared in samples, in % of the NN intervals; `None` without a difference.
    pub pnn20: Option<f64>,
    /// Differences above 50 ms, compared in samples, in % of the NN intervals; `None` without a difference.
    pub pnn50: Option<f64>,
    /// Poincare plot: standard deviation across the line of identity in ms, `(rr[i+1] - rr[i]) / sqrt(2)`, with n - 1; `None`
    /// below two pairs. Brennan et al. (2001), IEEE Trans Biomed Eng 48:1342.
    pub sd1_ms: Option<f64>,
    /// Poincare plot: standard deviation along the line of identity in ms, `(rr[i+1] + rr[i]) / sqrt(2)`, with n - 1; `None`
    /// below two pairs.
    pub sd2_ms: Option<f64>,
    /// 5th percentile of the NN intervals in ms, on a straight line between two; this one and the next four are `None` below
    /// 20 intervals, and where it would be 4 s or more.
    pub nn_p05_ms: Option<f64>,
    /// 25th percentile in ms.
    pub nn_p25_ms: Option<f64>,
    /// 50th percentile, the median, in ms.
    pub nn_p50_ms: Option<f64>,
    /// 75th percentile in ms.
    pub nn_p75_ms: Option<f64>,
    /// 95th percentile in ms.
    pub nn_p95_ms: Option<f64>,
    /// All NN intervals / those in the fullest bin of 1/128 s. No unit; `None` below 20 intervals.
    pub triangular_index: Option<f64>,
    /// Power from 0.0033 to 0.04 Hz in ms^2; `None` below 240 s in NN intervals. `None` for a whole lead, as all that follows.
    pub vlf_ms2: Option<f64>,
    /// Power from 0.04 to 0.15 Hz in ms^2; `None` below 120 s in NN intervals.
    pub lf_ms2: Option<f64>,
    /// Power from 0.15 to 0.4 Hz in ms^2; `None` below 60 s in NN intervals.
    pub hf_ms2: Option<f64>,
    /// VLF + LF + HF in ms^2; `None` where VLF is.
    pub total_ms2: Option<f64>,
    /// LF / HF; `None` where one is or is 0.
    pub lf_hf: Option<f64>,
    /// LF in % of LF + HF; `None` where LF / HF is.
    pub lf_nu: Option<f64>,
    /// HF in % of LF + HF; `None` where LF / HF is.
    pub hf_nu: Option<f64>,
    /// Sample entropy, m = 2, r = 0.2 standard deviations. No unit; `None` below 200 intervals, and where no three are alike.
    pub sample_entropy: Option<f64>,
    /// Scaling exponent of DFA from 4 to 16 beats. No unit; `None` below 64 intervals, and where
    /// nothing fluctuates.
    pub dfa_alpha1: Option<f64>,
}

/// Heart rate variability of the NN intervals of one window, in order. Time and memory are bounded for a window; the time of
/// sample entropy is quadratic in the number of intervals.
///
/// ```
/// use ecg_recipe::{NnInterval, variability};
///
/// // At 250 Hz: 800 ms, 840 ms, an interval that is not NN, 820 ms.
/// let nn = [(200, 200), (410, 210), (815, 205)].map(|(end_sample, samples)| NnInterval { end_sample, samples });
/// let found = variability(&nn, 250.0);
/// assert_eq!((found.nn_mean_ms, found.rmssd_ms, found.sdnn_ms), (Some(820.0), Some(40.0), Some(20.0)));
/// assert_eq!(found.lf_hf, None);
/// ```
pub fn variability(nn: &[NnInterval], sampling_frequency_hz: f64) -> Variability {
    let mut time_domain = TimeDomain::new(sampling_frequency_hz);
    nn.iter().for_each(|interval| time_domain.push(*interval));
    let mean = time_domain.intervals.mean().unwrap_or(0.0);
    let [vlf_ms2, lf_ms2, hf_ms2] = band_powers(nn, mean, sampling_frequency_hz);
    let total_ms2 = match (vlf_ms2, lf_ms2, hf_ms2) {
        (Some(vlf), Some(lf), Some(hf)) => Some(vlf + lf + hf),
        _ => None,
    };
    let both = lf_ms2.zip(hf_ms2).filter(|(lf, hf)| *lf > 0.0 && *hf > 0.0);
    Variability {
        vlf_ms2,
        lf_ms2,
        hf_ms2,
        total_ms2,
        lf_hf: both.map(|(lf, hf)| lf / hf),
        lf_nu: both.map(|(lf, hf)| 100.0 * lf / (lf + hf)),
        hf_nu: both.map(|(lf, hf)| 100.0 * hf / (lf + hf)),
        sample_entropy: sample_entropy(nn, time_domain.intervals.standard_deviation()),
        dfa_alpha1: dfa_alpha1(nn, mean),
        ..time_domain.variability()
    }
}

/// What takes NN intervals one by one, in bounded memory: statistics of the intervals and of the differences between
/// adjacent ones.
pub(crate) struct TimeDomain {
    sampling_frequency_hz: f64,
    last: Option<NnInterval>,
    pub(crate) intervals: Moments,
    differences: Moments,
    sums: Moments,
    above_20: u64,
    above_50: u64,
    histogram: Histogram,
}

impl TimeDomain {
    pub(crate) fn new(sampling_frequency_hz: f64) -> Self {
        Self {
            sampling_frequency_hz,
            last: None,
            intervals: Moments::default(),
            differences: Moments::default(),
            sums: Moments::default(),
            above_20: 0,
            above_50: 0,
            histogram: Histogram::default(),
        }
    }

    /// Takes the next NN interval.
    pub(crate) fn push(&mut self, interval: NnInterval) {
        self.intervals.push(i64::from(interval.samples));
        self.histogram.push(
            interval.samples,
            (HISTOGRAM_S * self.sampling_frequency_hz).ceil(),
        );
        if let Some(last) = self.last.filter(|last| interval.follows(*last)) {
            let difference = i64::from(interval.samples) - i64::from(last.samples);
            self.differences.push(difference);
            self.sums
                .push(i64::from(interval.samples) + i64::from(last.samples));
            let above = |ms: f64| difference.abs() as f64 > ms * self.sampling_frequency_hz / 1000.0;
            self.above_20 += u64::from(above(20.0));
            self.above_50 += u64::from(above(50.0));
        }
        self.last = Some(interval);
    }

    /// The fields that rest on this; all others are `None`.
    pub(crate) fn variability(&self) -> Variability {
        let to_ms = 1000.0 / self.sampling_frequency_hz;
        let n = self.intervals.n;
        let share = |above: u64| (self.differences.n > 0).then(|| 100.0 * above as f64 / n as f64);
        let enough = n >= LEAST_NN as u64;
        let [nn_p05_ms, nn_p25_ms, nn_p50_ms, nn_p75_ms, nn_p95_ms] = if enough {
            self.histogram.percentiles()
        } else {
            [None; 5]
        }
        .map(|percentile| percentile.map(|samples| samples * to_ms));
        let deviation = |of: &Moments, factor: f64| of.standard_deviation().map(|sd| sd * factor);
        Variability {
            nn_intervals: n,
            nn_mean_ms: self.intervals.mean().map(|mean| mean * to_ms),
            sdnn_ms: deviation(&self.intervals, to_ms),
            rmssd_ms: self.differences.root_mean_square().map(|rms| rms * to_ms),
            pnn20: share(self.above_20),
            pnn50: share(self.above_50),
            sd1_ms: deviation(&self.differences, to_ms / SQRT_2),
            sd2_ms: deviation(&self.sums, to_ms / SQRT_2),
            nn_p05_ms,
            nn_p25_ms,
            nn_p50_ms,
            nn_p75_ms,
            nn_p95_ms,
            triangular_index: self
                .histogram
                .triangular_index(self.sampling_frequency_hz)
                .filter(|_| enough),
            ..Variability::default()
        }
    }
}

/// Number, sum and sum of squares of whole numbers.
#[derive(Default)]
pub(crate) struct Moments {
    n: u64,
    sum: i128,
    squares: i128,
}

impl Moments {
    fn push(&mut self, value: i64) {
        let value = i128::from(value);
        self.n += 1;
        self.sum += value;
        self.squares += value * value;
    }

    pub(crate) fn mean(&self) -> Option<f64> {
        (self.n > 0).then(|| self.sum as f64 / self.n as f64)
    }

    /// With n - 1: `sqrt((n * sum x^2 - (sum x)^2) / (n (n - 1)))`; `None` below two.
    pub(crate) fn standard_deviation(&self) -> Option<f64> {
        let n = i128::from(self.n);
        (n > 1).then(|| ((n * self.squares - self.sum * self.sum) as f64 / (n * (n - 1)) as f64).sqrt())
    }

    fn root_mean_square(&self) -> Option<f64> {
        (self.n > 0).then(|| (self.squares as f64 / self.n as f64).sqrt())
    }
}

/// How many intervals have each length in samples, below a limit.
#[derive(Default)]
struct Histogram {
    counts: Vec<u32>,
    /// All intervals, those beyond the limit included.
    n: u64,
}

impl Histogram {
    fn push(&mut self, samples: u32, limit: f64) {
        self.n += 1;
        if f64::from(samples) < limit {
            let place = samples as usize;
            if self.counts.len() <= place {
                self.counts.resize(place + 1, 0);
            }
            if let Some(count) = self.counts.get_mut(place) {
                *count += 1;
            }
        }
    }

    /// In samples. Percentile `p` is at rank `p / 100 * (n - 1)` of the sorted intervals, on a straight line between two
    /// (Hyndman and Fan 1996, Am Stat 50:361, definition 7).
    fn percentiles(&self) -> [Option<f64>; 5] {
        let rank = |percent: f64| (self.n.saturating_sub(1)) as f64 * (percent / 100.0);
        // The intervals below and above each percentile are met in this order.
        let mut values = [[None; 2]; 5];
        let ranks = PERCENTILES.map(|percent| [rank(percent).floor() as u64, rank(percent).ceil() as u64]);
        let mut wanted = values
            .as_flattened_mut()
            .iter_mut()
            .zip(ranks.as_flattened())
            .peekable();
        let mut below = 0;
        for (samples, count) in self.counts.iter().enumerate() {
            below += u64::from(*count);
            while let Some((value, _)) = wanted.next_if(|(_, rank)| **rank < below) {
                *value = Some(samples as f64);
            }
        }
        let mut percentiles = [None; 5];
        for ((percentile, percent), value) in percentiles.iter_mut().zip(PERCENTILES).zip(values) {
            if let [Some(low), Some(high)] = value {
                *percentile = Some(low + (high - low) * rank(percent).fract());
            }
        }
        percentiles
    }

    fn triangular_index(&self, sampling_frequency_hz: f64) -> Option<f64> {
        let (mut bin, mut in_bin, mut fullest) = (0, 0, 0);
        for (samples, count) in self.counts.iter().enumerate() {
            let its_bin = (samples as f64 * TRIANGULAR_BINS_PER_S / sampling_frequency_hz) as u64;
            if its_bin != bin {
                (bin, in_bin) = (its_bin, 0);
            }
            in_bin += u64::from(*count);
            fullest = fullest.max(in_bin);
        }
        (fullest > 0).then(|| self.n as f64 / fullest as f64)
    }
}

/// Power of VLF, LF and HF in ms^2. `mean` is that of the intervals in samples.
///
/// Formula: the periodogram of Lomb and Scargle with a constant term, on the NN intervals at the times where they end; nothing
/// is interpolated. A sine, a cosine and a constant are fitted to the intervals by least squares; `p` is the part of their
/// mean square that this explains. The power density, in ms^2 / Hz and one-sided, is `p * T * n / (n - 1)`, where `T` is the
/// time from the first to the last of `n` intervals, since the peak of a sine is `1 / T` wide. A band is the integral of
/// trapezoids between its frequencies.
///
/// Source: Zechmeister and Kuerster (2009), A&A 496:577, equations 4 to 15, equal weights.
fn band_powers(nn: &[NnInterval], mean: f64, sampling_frequency_hz: f64) -> [Option<f64>; 3] {
    let samples: u64 = nn.iter().map(|interval| u64::from(interval.samples)).sum();
    let nn_s = samples as f64 / sampling_frequency_hz;
    let ([first, .., last], true) = (nn, nn.len() >= LEAST_NN) else {
        return [None; 3];
    };
    let length_s = last.end_sample.saturating_sub(first.end_sample) as f64 / sampling_frequency_hz;
    let [vlf, lf, hf] = LEAST_NN_S.map(|least| nn_s >= least);
    if !hf || length_s <= 0.0 {
        return [None; 3];
    }
    let lowest_hz = BANDS_HZ[0][0];
    let step_hz = 1.0 / (FREQUENCIES_PER_PEAK * length_s);
    let mut fit = SineFit::new(nn, mean, lowest_hz, step_hz, sampling_frequency_hz);
    let to_density = length_s * nn.len() as f64 / (nn.len() - 1) as f64;
    let mut power = [0.0; 3];
    // The band and the density of the frequency before.
    let mut before = None;
    for step in 0_u32.. {
        let hz = lowest_hz + step_hz * f64::from(step);
        let Some(band) = BANDS_HZ.iter().position(|[low, high]| hz >= *low && hz < *high) else {
            break;
        };
        let density = fit.next_frequency() * to_density;
        if let Some((its_band, its_density)) = before
            && its_band == band
        {
            power[band] += step_hz * ((density + its_density) / 2.0);
        }
        before = Some((band, density));
    }
    let [vlf_ms2, lf_ms2, hf_ms2] = power;
    [vlf.then_some(vlf_ms2), lf.then_some(lf_ms2), Some(hf_ms2)]
}

/// Fits a sine, a cosine and a constant at one frequency after the other. The angle of an interval is turned on from
/// frequency to frequency by a complex product, so it needs a sine and a cosine twice, not at every frequency.
struct SineFit {
    n: f64,
    lanes: Vec<Lanes>,
}

/// So many intervals. Those that fill the last lanes are zeros.
#[derive(Clone, Copy)]
struct Lanes {
    /// Interval without the mean, in ms.
    y: [f64; LANES],
    /// Cosine and sine of its angle.
    cos: [f64; LANES],
    sin: [f64; LANES],
    /// Cosine and sine of the angle by which it is turned.
    turn_cos: [f64; LANES],
    turn_sin: [f64; LANES],
}

impl SineFit {
    fn new(nn: &[NnInterval], mean: f64, lowest_hz: f64, step_hz: f64, sampling_frequency_hz: f64) -> Self {
        let start = nn.first().map_or(0, |interval| interval.end_sample);
        let lanes = nn.chunks(LANES).map(|intervals| {
            let zero = [0.0; LANES];
            let mut lanes = Lanes {
                y: zero,
                cos: zero,
                sin: zero,
                turn_cos: zero,
                turn_sin: zero,
            };
            for (lane, interval) in intervals.iter().enumerate() {
                let time_s = interval.end_sample.saturating_sub(start) as f64 / sampling_frequency_hz;
                lanes.y[lane] = (f64::from(interval.samples) - mean) * 1000.0 / sampling_frequency_hz;
                // Not those of `std`, which are the C library's and differ between systems.
                (lanes.sin[lane], lanes.cos[lane]) = libm::sincos(TAU * lowest_hz * time_s);
                (lanes.turn_sin[lane], lanes.turn_cos[lane]) = libm::sincos(TAU * step_hz * time_s);
            }
            lanes
        });
        Self {
            n: nn.len() as f64,
            lanes: lanes.collect(),
        }
    }

    /// The part of the mean square, in ms^2, that is explained at the next frequency.
    fn next_frequency(&mut self) -> f64 {
        let zero = [0.0; LANES];
        let (mut c, mut s, mut yc, mut ys, mut cc, mut cs) = (zero, zero, zero, zero, zero, zero);
        for lanes in &mut self.lanes {
            let now = *lanes;
            for lane in 0..LANES {
                let (cos, sin, y) = (now.cos[lane], now.sin[lane], now.y[lane]);
                c[lane] += cos;
                s[lane] += sin;
                yc[lane] += y * cos;
                ys[lane] += y * sin;
                cc[lane] += cos * cos;
                cs[lane] += cos * sin;
                lanes.cos[lane] = cos * now.turn_cos[lane] - sin * now.turn_sin[lane];
                lanes.sin[lane] = sin * now.turn_cos[lane] + cos * now.turn_sin[lane];
            }
        }
        let [c, s, yc, ys, cc, cs] = [c, s, yc, ys, cc, cs].map(|lanes| lanes.iter().sum::<f64>() / self.n);
        let (cc, ss, cs) = (cc - c * c, (1.0 - cc) - s * s, cs - c * s);
        let determinant = cc * ss - cs * cs;
        // At half the rate of a perfectly regular rhythm sine and cosine are constants: nothing can be fitted.
        if determinant <= NO_WAVE {
            return 0.0;
        }
        (ss * yc * yc + cc * ys * ys - 2.0 * cs * yc * ys) / determinant
    }
}

/// Formula: `-ln(A / B)`. `B` are the pairs of places whose two intervals are alike, `A` those of them whose third ones are
/// alike, too. Two intervals are alike if they differ by at most 0.2 standard deviations. The three intervals of a place are
/// adjacent.
///
/// Source: Richman and Moorman (2000), Am J Physiol 278:H2039, m = 2.
fn sample_entropy(nn: &[NnInterval], standard_deviation: Option<f64>) -> Option<f64> {
    if nn.len() < LEAST_NN_ENTROPY {
        return None;
    }
    // Whole numbers differ by at most this if they do so by at most what it is rounded down from.
    let tolerance = (ENTROPY_TOLERANCE * standard_deviation?) as u32;
    let places = nn.windows(3).filter_map(|three| match three {
        [a, b, c] if b.follows(*a) && c.follows(*b) => Some([a.samples, b.samples, c.samples]),
        _ => None,
    });
    let mut intervals: [Vec<u32>; 3] = Default::default();
    for place in places {
        for (intervals, samples) in intervals.iter_mut().zip(place) {
            intervals.push(samples);
        }
    }
    let [first, second, third] = &intervals;
    let (mut a, mut b) = (0_u64, 0_u64);
    for (place, ((x, y), z)) in first.iter().zip(second).zip(third).enumerate() {
        let later = place + 1;
        let others = first[later..].iter().zip(&second[later..]).zip(&third[later..]);
        let (mut two_alike, mut three_alike) = (0_u32, 0_u32);
        for ((other_x, other_y), other_z) in others {
            let two =
                u32::from(x.abs_diff(*other_x) <= tolerance) & u32::from(y.abs_diff(*other_y) <= tolerance);
            two_alike += two;
            three_alike += two & u32::from(z.abs_diff(*other_z) <= tolerance);
        }
        b += u64::from(two_alike);
        a += u64::from(three_alike);
    }
    (a > 0).then(|| libm::log(b as f64 / a as f64))
}

/// Formula: the slope of `ln F(n)` over `ln n` for boxes of n = 4 to 16 beats. `F(n)` is the root mean square of what is left
/// of the profile (the cumulative sum of interval - mean) in the boxes, after a straight line was taken from each. Boxes
/// overlap by half, and lie within adjacent intervals. `mean` is that of the intervals in samples.
///
/// Source: Peng et al. (1995), Chaos 5:82; the overlap is that of NeuroKit2, and so is that two kinds of boxes do not count:
/// one that ends with the last interval, and one in which nothing is left.
fn dfa_alpha1(nn: &[NnInterval], mean: f64) -> Option<f64> {
    if nn.len() < LEAST_NN_DFA {
        return None;
    }
    let profiles: Vec<Vec<f64>> = nn
        .chunk_by(|before, after| after.follows(*before))
        .map(|stretch| {
            let mut sum = 0.0;
            let profile = stretch.iter().map(|interval| {
                sum += f64::from(interval.samples) - mean;
                sum
            });
            profile.collect()
        })
        .collect();
    let mut points = Vec::new();
    for beats in DFA_BEATS[0]..=DFA_BEATS[1] {
        let boxes = profiles.iter().flat_map(|profile| {
            let but_the_last = profile.get(..profile.len().saturating_sub(1)).unwrap_or_default();
            but_the_last.windows(beats).step_by(beats / 2)
        });
        let (mut mean_squares, mut count) = (0.0, 0.0);
        for one in boxes {
            let mean_square = squares_beside_a_line(one) / beats as f64;
            if mean_square > NOTHING_LEFT {
                mean_squares += mean_square;
                count += 1.0;
            }
        }
        if count == 0.0 {
            return None;
        }
        points.push((libm::log(beats as f64), libm::log((mean_squares / count).sqrt())));
    }
    let middle = points.iter().map(|(x, _)| x).sum::<f64>() / points.len() as f64;
    let (mut products, mut squares) = (0.0, 0.0);
    for (x, y) in points {
        products += (x - middle) * y;
        squares += (x - middle) * (x - middle);
    }
    Some(products / squares)
}

/// The sum of the squared distances from the line that fits best.
fn squares_beside_a_line(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let centred = || {
        values
            .iter()
            .enumerate()
            .map(|(place, value)| (place as f64 - (n - 1.0) / 2.0, value - mean))
    };
    let (mut products, mut squares) = (0.0, 0.0);
    for (x, y) in centred() {
        products += x * y;
        squares += x * x;
    }
    let slope = products / squares;
    centred().map(|(x, y)| (y - slope * x) * (y - slope * x)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adjacent intervals, the first of which begins at sample 0.
    fn adjacent(samples: impl IntoIterator<Item = u32>) -> Vec<NnInterval> {
        let mut end_sample = 0;
        let interval = |samples| {
            end_sample += u64::from(samples);
            NnInterval { end_sample, samples }
        };
        samples.into_iter().map(interval).collect()
    }

    fn near(got: Option<f64>, want: f64, within: f64) {
        let got = got.unwrap();
        assert!((got - want).abs() < within, "{got} instead of {want}");
    }

    #[test]
    fn statistics_by_hand() {
        // At 1000 Hz; differences 60, -20, -60 and, behind an ectopic beat, 50.
        let mut nn = adjacent([800, 860, 840, 780]);
        nn.extend([(5000, 700), (5750, 750)].map(|(end_sample, samples)| NnInterval { end_sample, samples }));
        let found = variability(&nn, 1000.0);
        assert_eq!(found.nn_intervals, 6);
        near(found.nn_mean_ms, 4730.0 / 6.0, 1e-9);
        near(found.rmssd_ms, (10_100.0_f64 / 4.0).sqrt(), 1e-9);
        near(found.pnn50, 100.0 * 2.0 / 6.0, 1e-9);
        near(found.pnn20, 100.0 * 3.0 / 6.0, 1e-9);
        assert_eq!(
            (
                found.nn_p50_ms,
                found.hf_ms2,
                found.sample_entropy,
                found.dfa_alpha1
            ),
            (None, None, None, None)
        );
    }

    #[test]
    fn a_sine_has_half_its_squared_amplitude_in_its_band() {
        for (hz, band) in [(0.02, 0), (0.1, 1), (0.25, 2)] {
            let mut at = 0.0;
            let nn = adjacent((0..375).map(|_| {
                let samples = (800.0 + 40.0 * (TAU * hz * at).sin()).round();
                at += samples / 1000.0;
                samples as u32
            }));
            let found = variability(&nn, 1000.0);
            let bands = [found.vlf_ms2, found.lf_ms2, found.hf_ms2];
            near(bands[band], 800.0, 40.0);
            near(found.total_ms2, 800.0, 40.0);
        }
    }

    #[test]
    fn equal_intervals_have_no_variability() {
        let found = variability(&adjacent([800; 370]), 1000.0);
        assert_eq!(
            (found.sdnn_ms, found.rmssd_ms, found.sd2_ms),
            (Some(0.0), Some(0.0), Some(0.0))
        );
        assert_eq!(
            (found.nn_p05_ms, found.nn_p95_ms, found.triangular_index),
            (Some(800.0), Some(800.0), Some(1.0))
        );
        assert_eq!((found.total_ms2, found.lf_hf), (Some(0.0), None));
        assert_eq!((found.sample_entropy, found.dfa_alpha1), (Some(0.0), None));
    }

    #[test]
    fn what_rests_on_too_few_intervals_is_none() {
        let of = |intervals: usize, samples| {
            variability(
                &adjacent((0..intervals as u32).map(|n| samples + 7 * (n % 5))),
                1000.0,
            )
        };
        assert_eq!((of(0, 800), of(1, 800).sdnn_ms), (Variability::default(), None));
        assert_eq!(
            (of(19, 800).nn_p50_ms.is_some(), of(20, 800).nn_p50_ms.is_some()),
            (false, true)
        );
        assert_eq!(
            (of(63, 800).dfa_alpha1.is_some(), of(64, 800).dfa_alpha1.is_some()),
            (false, true)
        );
        assert_eq!(
            (
                of(199, 800).sample_entropy.is_some(),
                of(200, 800).sample_entropy.is_some()
            ),
            (false, true)
        );
        let bands = |intervals| {
            let found = of(intervals, 986);
            [
                found.vlf_ms2,
                found.lf_ms2,
                found.hf_ms2,
                found.total_ms2,
                found.lf_hf,
            ]
            .map(|power| power.is_some())
        };
        assert_eq!(bands(59), [false; 5]);
        assert_eq!(bands(60), [false, false, true, false, false]);
        assert_eq!(bands(120), [false, true, true, false, true]);
        assert_eq!(bands(240), [true; 5]);
    }

    #[test]
    fn intervals_of_four_seconds_are_beyond_the_histogram() {
        let found = variability(&adjacent([3999; 25].into_iter().chain([4000; 2])), 1000.0);
        assert_eq!((found.nn_p75_ms, found.nn_p95_ms), (Some(3999.0), None));
        near(found.triangular_index, 27.0 / 25.0, 1e-12);
    }
}
