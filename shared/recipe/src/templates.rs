//! Step 3, number 8: how well each beat correlates with the earlier beats of its kind, for the quality index
//! `template_corr`.
//!
//! Each kind has a template, the running average of its beats (Hamilton 2002, "Open source ECG analysis", Computers in
//! Cardiology 29:101, has templates for the classification of beats). A beat is shifted along the templates to where it
//! correlates best (Jané et al. 1991, "Alignment methods for averaging of high-resolution cardiac signals", IEEE Trans
//! Biomed Eng 38:571). The correlation says how noisy the beat is (Orphanidou et al. 2015, "Signal-quality indices for the
//! electrocardiogram and photoplethysmogram", IEEE J Biomed Health Inform 19:832).
//!
//! Formula: of the signal `d = m15(x - m200(x))`, in mV, one value per step of 10 ms, Pearson's correlation of the
//! 200 ms to both sides of the beat with each template, the highest at any shift up to 100 ms.

use crate::detector_settings::DETECTOR;
use crate::filters::{means_of, odd_length};

/// The signal is smoothed over this, in s, before one sample of it is taken per `STEP_S`: less than a wave, more than a
/// step.
const SMOOTHED_S: f64 = 0.015;
/// Templates have one value per step, in s. The cost of a beat falls with the square of the step.
const STEP_S: f64 = 0.01;
/// A template reaches so far to both sides, in s: the QRS complex, the end of the P wave and the ST segment; less than
/// the distance of beats up to 300 per minute.
const TEMPLATE_S: f64 = 0.2;
/// A beat is tried at shifts up to this, in s: the middle of its energy may be in another lobe, or in a pacing spike.
const LARGEST_SHIFT_S: f64 = 0.1;
/// A beat is of a kind from this correlation on. Not published.
const SAME_KIND: f64 = 0.9;
/// Kinds that are remembered; the one without a beat for longest is given up for a new one. Not published.
const KINDS: usize = 8;
/// A template is the mean of its beats up to this number, then a running mean with this weight. Not published.
const AVERAGED_BEATS: u32 = 16;
/// A window or a template shorter than this, as a vector in mV, is flat but for rounding.
const FLAT_MV: f64 = 1e-9;

/// Correlations are summed at so many shifts at once.
const LANES: usize = 8;

/// The kinds of beats of one lead. Holds a template for each.
#[derive(Debug, Clone)]
pub(crate) struct Templates {
    /// Samples of a step.
    step: usize,
    /// Steps of a template to each side of its middle.
    reach: usize,
    /// Steps of the largest shift.
    shifts: usize,
    baseline: usize,
    smoothed: usize,
    /// From the oldest one on.
    kinds: Vec<Kind>,
    /// Beats so far.
    beats: u64,
    window: Window,
}

/// What is said of a beat.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fitted {
    /// The highest correlation with the templates of the beats before it, -1 to 1; `None` for the first beat.
    pub(crate) correlation: Option<f64>,
    /// Its kind: the number of the beat that began it, from 1 on.
    pub(crate) kind: u64,
}

/// The beats that are alike.
#[derive(Debug, Clone)]
struct Kind {
    template: Vec<f64>,
    /// The template less its mean, divided by its length; zeros if it is flat.
    unit: Vec<f64>,
    beats: u32,
    /// Number of its first beat.
    number: u64,
    /// Number of the latest beat.
    latest: u64,
}

/// The signal around one beat.
#[derive(Debug, Clone, Default)]
struct Window {
    mv: Vec<f64>,
    /// `x - m200(x)` in mV, of each sample.
    deviation: Vec<f64>,
    /// `d` at each step, then zeros up to whole lanes.
    steps: Vec<f64>,
    /// For each shift, one divided by the length of the window less its mean; 0 if it is flat.
    inverse_lengths: Vec<f64>,
    /// For each shift, that with the template that was fitted last.
    correlations: Vec<f64>,
}

/// Where a template fits best.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Fit {
    correlation: f64,
    /// In steps, from the largest shift to the left on.
    shift: f64,
}

impl Templates {
    pub(crate) fn new(fs: f64) -> Self {
        let step = ((STEP_S * fs + 0.5).floor() as usize).max(1);
        let in_steps = |seconds: f64| (seconds * fs / step as f64 + 0.5).floor() as usize;
        Self {
            step,
            reach: in_steps(TEMPLATE_S),
            shifts: in_steps(LARGEST_SHIFT_S),
            baseline: odd_length(DETECTOR.local_baseline_s, fs),
            smoothed: odd_length(SMOOTHED_S, fs),
            kinds: Vec::new(),
            beats: 0,
            window: Window::default(),
        }
    }

    /// How many samples before, and after, the candidate of a beat it looks at. They are known when the beat is certain:
    /// refractory period and delay of the search together are longer.
    pub(crate) fn samples_around(&self) -> usize {
        (self.reach + self.shifts) * self.step + self.smoothed / 2 + self.baseline / 2
    }

    /// Takes the next beat, given as the signal in mV around its candidate, `samples_around` to both sides: before and
    /// after the lead its end values are held.
    pub(crate) fn next_beat(&mut self, mv: impl Iterator<Item = f32>) -> Fitted {
        let length = 2 * self.reach + 1;
        self.window.deviate(mv, self.baseline);
        self.window
            .take_steps(self.step, self.smoothed, length, 2 * self.shifts + 1);
        // All templates are as they were before this beat.
        let mut best: Option<(usize, Fit)> = None;
        for (place, kind) in self.kinds.iter().enumerate() {
            let fit = self.window.fit(&kind.unit);
            if best.is_none_or(|(_, best)| fit.correlation > best.correlation) {
                best = Some((place, fit));
            }
        }

        self.beats += 1;
        let latest = self.beats;
        let middle = self.shifts * self.step;
        let beat = |first: usize| self.window.smoothed(first, self.step, self.smoothed, length);
        let kind = match best {
            Some((place, fit)) if fit.correlation >= SAME_KIND => {
                let first = (fit.shift * self.step as f64 + 0.5).floor() as usize;
                self.kinds[place].add(beat(first), latest);
                self.kinds[place].number
            }
            _ => {
                if self.kinds.len() == KINDS {
                    let oldest = (0..KINDS).min_by_key(|place| self.kinds[*place].latest);
                    self.kinds.remove(oldest.unwrap_or(0));
                }
                self.kinds.push(Kind::new(beat(middle).collect(), latest));
                latest
            }
        };
        Fitted {
            correlation: best.map(|(_, fit)| fit.correlation),
            kind,
        }
    }
}

impl Kind {
    fn new(template: Vec<f64>, number: u64) -> Self {
        Self {
            unit: unit(&template),
            template,
            beats: 1,
            number,
            latest: number,
        }
    }

    /// Takes one more beat: `template + (beat - template) / min(beats, 16)`.
    fn add(&mut self, beat: impl Iterator<Item = f64>, latest: u64) {
        self.latest = latest;
        self.beats = (self.beats + 1).min(AVERAGED_BEATS);
        let beats = f64::from(self.beats);
        for (value, beat) in self.template.iter_mut().zip(beat) {
            *value += (beat - *value) / beats;
        }
        self.unit = unit(&self.template);
    }
}

/// A template less its mean, divided by its length; zeros if it is flat.
fn unit(template: &[f64]) -> Vec<f64> {
    let mean = template.iter().sum::<f64>() / template.len() as f64;
    let less_mean = || template.iter().map(|value| value - mean);
    let length = less_mean().map(|value| value * value).sum::<f64>().sqrt();
    let scale = if length > FLAT_MV { 1.0 / length } else { 0.0 };
    less_mean().map(|value| value * scale).collect()
}

impl Window {
    /// `x - m200(x)` of all samples whose baseline is known.
    fn deviate(&mut self, mv: impl Iterator<Item = f32>, baseline: usize) {
        self.mv.clear();
        self.mv.extend(mv.map(f64::from));
        means_of(&self.mv, baseline, &mut self.deviation);
        for (value, mv) in self.deviation.iter_mut().zip(&self.mv[baseline / 2..]) {
            *value = mv - *value;
        }
    }

    /// So many values of `d`, one per step, of which the first is smoothed over `deviation[first..first + smoothed]`.
    fn smoothed(
        &self,
        first: usize,
        step: usize,
        smoothed: usize,
        values: usize,
    ) -> impl Iterator<Item = f64> {
        let scale = 1.0 / smoothed as f64;
        let windows = self.deviation[first..].windows(smoothed).step_by(step);
        windows
            .take(values)
            .map(move |window| window.iter().sum::<f64>() * scale)
    }

    /// Takes `d` at the steps of a template of this length at so many shifts.
    fn take_steps(&mut self, step: usize, smoothed: usize, length: usize, shifts: usize) {
        let mut steps = std::mem::take(&mut self.steps);
        steps.clear();
        steps.extend(self.smoothed(0, step, smoothed, length + shifts - 1));
        steps.resize(length + shifts.next_multiple_of(LANES) - 1, 0.0);
        self.steps = steps;

        let count = length as f64;
        self.correlations.resize(shifts, 0.0);
        self.inverse_lengths.clear();
        for first in (0..shifts).step_by(LANES) {
            let (mut sums, mut squares) = ([0.0; LANES], [0.0; LANES]);
            for values in self.steps[first..].windows(LANES).take(length) {
                for ((sum, square), value) in sums.iter_mut().zip(&mut squares).zip(values) {
                    *sum += value;
                    *square += value * value;
                }
            }
            for (sum, square) in sums.iter().zip(squares).take(shifts - first) {
                let length = (square - sum * sum / count).max(0.0).sqrt();
                let inverse = if length > FLAT_MV { 1.0 / length } else { 0.0 };
                self.inverse_lengths.push(inverse);
            }
        }
    }

    /// Where a template fits best: the first shift of the highest correlation, refined by the parabola through it and
    /// its neighbours.
    fn fit(&mut self, unit: &[f64]) -> Fit {
        let groups = self.correlations.chunks_mut(LANES);
        for (group, correlations) in groups.enumerate() {
            let mut sums = [0.0; LANES];
            for (values, unit) in self.steps[group * LANES..].windows(LANES).zip(unit) {
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += unit * value;
                }
            }
            let inverse_lengths = &self.inverse_lengths[group * LANES..];
            for ((correlation, sum), inverse) in correlations.iter_mut().zip(sums).zip(inverse_lengths) {
                *correlation = sum * inverse;
            }
        }
        let mut best = 0;
        for (shift, correlation) in self.correlations.iter().enumerate() {
            if *correlation > self.correlations[best] {
                best = shift;
            }
        }
        let mut shift = best as f64;
        if let [before, here, after] = self.correlations[best.saturating_sub(1)..]
            .first_chunk::<3>()
            .copied()
            .unwrap_or_default()
            && best > 0
        {
            let curvature = before - 2.0 * here + after;
            if curvature < 0.0 {
                shift += 0.5 * (before - after) / curvature;
            }
        }
        Fit {
            correlation: self.correlations[best],
            shift,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FS: f64 = 250.0;

    /// A beat of three lobes, its middle `late` samples after that of the window, and noise of this size.
    fn beat(templates: &Templates, height: f64, width: f64, late: f64, noise: f64) -> Vec<f32> {
        let around = templates.samples_around() as i32;
        let wave = |n: f64, at: f64, mv: f64, width: f64| mv * (-0.5 * ((n - at) / width).powi(2)).exp();
        (-around..=around)
            .map(|n| {
                let t = f64::from(n) - late;
                let clean = wave(t, 0.0, height, width) + wave(t, 9.0, -0.4 * height, width);
                (clean + noise * f64::from(n * n % 17 - 8)) as f32
            })
            .collect()
    }

    /// For each beat its correlation and its kind.
    fn fitted(beats: &[(f64, f64, f64, f64)]) -> (Vec<Option<f64>>, Vec<u64>) {
        let mut templates = Templates::new(FS);
        let next = |&(height, width, late, noise): &(f64, f64, f64, f64)| {
            let mv = beat(&templates, height, width, late, noise);
            let fitted = templates.next_beat(mv.into_iter());
            (fitted.correlation, fitted.kind)
        };
        beats.iter().map(next).unzip()
    }

    fn correlations(beats: &[(f64, f64, f64, f64)]) -> Vec<Option<f64>> {
        fitted(beats).0
    }

    #[test]
    fn the_same_beat_larger_or_shifted_correlates_with_the_first() {
        let same = [(1.0, 3.0, 0.0, 0.0), (5.0, 3.0, 0.0, 0.0), (1.0, 3.0, 12.0, 0.0)];
        let found = correlations(&same);
        assert_eq!(found[0], None);
        assert!((found[1].unwrap() - 1.0).abs() < 1e-6, "{found:?}");
        assert!(found[2].unwrap() > 0.99, "{found:?}");
    }

    #[test]
    fn noise_and_another_kind_of_beat_lower_it_until_that_kind_is_known() {
        let kinds = [
            (1.0, 3.0, 0.0, 0.0),
            (-1.0, 12.0, 0.0, 0.0),
            (-1.0, 12.0, 0.0, 0.0),
            (1.0, 3.0, 0.0, 0.0),
            (1.0, 3.0, 0.0, 0.05),
        ];
        let (found, of_kind) = fitted(&kinds);
        assert_eq!(of_kind[..4], [1, 2, 2, 1]);
        assert!(found[1].unwrap() < SAME_KIND, "{found:?}");
        assert!(
            found[2].unwrap() > 0.999 && found[3].unwrap() > 0.999,
            "{found:?}"
        );
        assert!((0.3..0.97).contains(&found[4].unwrap()), "{found:?}");
    }

    #[test]
    fn a_flat_beat_correlates_with_nothing() {
        let flat = [(1.0, 3.0, 0.0, 0.0), (0.0, 3.0, 0.0, 0.0), (0.0, 3.0, 0.0, 0.0)];
        assert_eq!(correlations(&flat)[1..], [Some(0.0), Some(0.0)]);
    }

    #[test]
    fn a_template_is_the_mean_of_its_beats_and_at_most_of_sixteen() {
        let mut kind = Kind::new(vec![0.0, 0.0], 1);
        kind.add([2.0, -4.0].into_iter(), 2);
        kind.add([4.0, -8.0].into_iter(), 3);
        assert_eq!((kind.template.as_slice(), kind.latest), (&[2.0, -4.0][..], 3));
        for latest in 4..=16 {
            kind.add([2.0, -4.0].into_iter(), latest);
        }
        for latest in 17..=18 {
            kind.template = vec![0.0, 0.0];
            kind.add([16.0, 32.0].into_iter(), latest);
            assert_eq!(kind.template, [1.0, 2.0]);
        }
        let half = 0.5f64.sqrt();
        assert!((kind.unit[0] + half).abs() < 1e-12 && (kind.unit[1] - half).abs() < 1e-12);
    }

    #[test]
    fn the_kind_without_a_beat_for_longest_is_given_up() {
        let mut templates = Templates::new(FS);
        let length = 2 * templates.reach + 1;
        for place in 0..KINDS {
            templates
                .kinds
                .push(Kind::new(vec![0.0; length], 100 - place as u64));
        }
        templates.beats = 200;
        let mv = beat(&templates, 1.0, 3.0, 0.0, 0.0);
        let fitted = templates.next_beat(mv.into_iter());
        assert_eq!((fitted.correlation, fitted.kind), (Some(0.0), 201));
        let latest: Vec<u64> = templates.kinds.iter().map(|kind| kind.latest).collect();
        assert_eq!(latest, [100, 99, 98, 97, 96, 95, 94, 201]);
    }

    /// By the formula, without sums that run on.
    #[test]
    fn the_signal_is_smoothed_and_less_its_local_baseline() {
        let mv: Vec<f32> = (0..200).map(|n| (n * n % 31) as f32).collect();
        let (baseline, smoothed) = (51, 3);
        let mean = |at: usize, length: usize| {
            let around = &mv[at - length / 2..=at + length / 2];
            around.iter().map(|mv| f64::from(*mv)).sum::<f64>() / length as f64
        };
        let mut window = Window::default();
        window.deviate(mv.iter().copied(), baseline);
        let found: Vec<f64> = window.smoothed(4, 2, smoothed, 40).collect();
        assert_eq!(found.len(), 40);
        for (number, found) in found.iter().enumerate() {
            let middle = 25 + 1 + 4 + 2 * number;
            let deviation = |at: usize| f64::from(mv[at]) - mean(at, baseline);
            let expect = (middle - 1..=middle + 1).map(deviation).sum::<f64>() / 3.0;
            assert!((found - expect).abs() < 1e-12, "{number}: {found} {expect}");
        }
    }
}
