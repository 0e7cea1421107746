//! Step 3c, number 14: the shape of a beat, and how alike two shapes are.

use crate::detector_settings::DETECTOR;
use crate::filters::{in_samples, odd_length};
use crate::type_settings::TYPES;

/// Values of a shape.
pub(crate) const VALUES: usize = 56;
/// Shifts at which a beat has its shape.
pub(crate) const SHIFTS: usize = 9;
/// The shift in the middle: none.
pub(crate) const UNSHIFTED: usize = SHIFTS / 2;
/// Which of the values is in the middle of the beat.
const MIDDLE: i64 = 15;

/// The smoothed signal around the middle of a beat, in mV. Its shape at a shift is a part of it, less the straight line that
/// fits that best, which is baseline wander.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shape {
    /// Less their mean. The part of shift `n` begins with value `n`.
    around: [f64; VALUES + SHIFTS - 1],
    of_shift: [Line; SHIFTS],
    /// Whether the beat is not at the start or the end of the lead, so that its middle is known.
    pub(crate) is_inside: bool,
    /// Whether the shape is not cut off there.
    pub(crate) is_whole: bool,
}

/// The straight line that fits the values of one shift best, and what it leaves.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Line {
    mean: f64,
    /// mV per step.
    slope: f64,
    /// Root of the sum of squares of what is left, in mV.
    size: f64,
}

impl Shape {
    fn new(mut around: [f64; VALUES + SHIFTS - 1], is_inside: bool, is_whole: bool) -> Self {
        let mean = around.iter().sum::<f64>() / around.len() as f64;
        around.iter_mut().for_each(|value| *value -= mean);
        // Sums over the part of a shift; from one shift to the next a value goes and another comes.
        let mut sums = [0.0; 3];
        for (n, value) in around[..VALUES].iter().enumerate() {
            let terms = [*value, value * n as f64, value * value];
            sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
        }
        let of_shift = std::array::from_fn(|shift| {
            let [sum, timed, squared] = sums;
            let mean = sum / VALUES as f64;
            let slope = (timed - sum * (shift as f64 + MIDDLE_STEP)) / SQUARED_STEPS;
            let left = squared - sum * mean - slope * slope * SQUARED_STEPS;
            let (first, next) = (shift as f64, (shift + VALUES) as f64);
            let (goes, comes) = (around[shift], around.get(shift + VALUES).unwrap_or(&0.0));
            sums = [
                sum + (comes - goes),
                timed + (comes * next - goes * first),
                squared + (comes * comes - goes * goes),
            ];
            Line {
                mean,
                slope,
                size: left.max(0.0).sqrt(),
            }
        });
        Self {
            around,
            of_shift,
            is_inside,
            is_whole,
        }
    }

    /// The values of a shift, the straight line included.
    fn part(&self, shift: usize) -> &[f64; VALUES] {
        self.around[shift..].first_chunk().unwrap_or(&[0.0; VALUES])
    }

    /// The shape at a shift.
    pub(crate) fn values(&self, shift: usize) -> [f64; VALUES] {
        let (part, line) = (self.part(shift), self.of_shift[shift]);
        std::array::from_fn(|n| (part[n] - line.mean) - line.slope * (n as f64 - MIDDLE_STEP))
    }

    /// The sum of squares.
    pub(crate) fn energy(&self) -> f64 {
        self.of_shift[UNSHIFTED].size * self.of_shift[UNSHIFTED].size
    }
}

/// The middle of the steps of a shape.
const MIDDLE_STEP: f64 = (VALUES - 1) as f64 / 2.0;

/// The sum of the squared distances of the steps from it.
const SQUARED_STEPS: f64 = (VALUES * (VALUES * VALUES - 1)) as f64 / 12.0;

/// Where the values of a shape are.
pub(crate) struct ShapeSampler {
    middle_within: u64,
    energy_reach: u64,
    /// Distances of the values of all shifts from the middle, in samples.
    distances: [i64; VALUES + SHIFTS - 1],
}

impl ShapeSampler {
    pub(crate) fn new(sampling_frequency_hz: f64) -> Self {
        let distance = |place: usize| {
            let step = place as i64 - MIDDLE - UNSHIFTED as i64;
            (step as f64 * TYPES.shape_step_s * sampling_frequency_hz + 0.5).floor() as i64
        };
        Self {
            distances: std::array::from_fn(distance),
            middle_within: in_samples(TYPES.middle_within_s, sampling_frequency_hz),
            energy_reach: odd_length(DETECTOR.qrs_s, sampling_frequency_hz) as u64 / 2,
        }
    }

    /// The shape of the beat with this R peak. `slopes` gives those of the smoothed signal from a sample to another, and `mv` its
    /// value at a sample; `last` is the last sample of the lead, if it is known. Before and after the lead its end values are held.
    pub(crate) fn sample(
        &self,
        r: u64,
        last: Option<u64>,
        slopes: impl Fn(u64, u64) -> Vec<f64>,
        mv: impl Fn(u64) -> f64,
    ) -> Shape {
        let middle = self.middle(r, last, slopes) as i64;
        let around = self.distances.map(|distance| {
            let place = (middle + distance).max(0) as u64;
            mv(last.map_or(place, |last| place.min(last)))
        });
        let [first, end] = [0, VALUES - 1].map(|value| middle + self.distances[value + UNSHIFTED]);
        let is_whole = first >= 0 && last.is_none_or(|last| end <= last as i64);
        let end_of_middle = r + self.middle_within;
        let is_inside = r >= self.middle_within && last.is_none_or(|last| end_of_middle <= last);
        Shape::new(around, is_inside, is_whole)
    }

    /// The sample near the R peak around which the slope has the most energy. It moves less from beat to beat than the R peak,
    /// which may change from one wave of the complex to another.
    ///
    /// Formula: `argmax` of the sum of the squared slope over the length of a QRS complex; of nearly equal ones the first.
    fn middle(&self, r: u64, last: Option<u64>, slopes: impl Fn(u64, u64) -> Vec<f64>) -> u64 {
        let first = r.saturating_sub(self.middle_within);
        let end = r + self.middle_within;
        let end = last.map_or(end, |last| end.min(last));
        let reach = self.energy_reach;
        let from = first.saturating_sub(reach);
        let mut squared = slopes(from, end + reach + 1);
        squared.iter_mut().for_each(|slope| *slope *= *slope);
        // Values come at the end of the length of a QRS complex, and go at its start, unless that is before the lead.
        let (comes, goes) = (
            (first + reach + 1 - from) as usize,
            reach.saturating_sub(first) as usize,
        );
        let mut energy: f64 = squared[..comes].iter().sum();
        let mut energies = Vec::with_capacity((end + 1 - first) as usize);
        for (place, newest) in squared[comes..].iter().enumerate() {
            energies.push(energy);
            energy += newest;
            if let Some(place) = place.checked_sub(goes) {
                energy -= squared[place];
            }
        }
        let largest = energies.iter().copied().fold(0.0, f64::max);
        let nearly = largest * (1.0 - TYPES.nearly);
        let place = energies.iter().position(|energy| *energy >= nearly);
        first + place.unwrap_or(0) as u64
    }
}

/// A sum over the values of a shape, in eight lanes.
fn sum_of(value: impl Fn(usize) -> f64) -> f64 {
    let mut lanes = [0.0; 8];
    for first in (0..VALUES).step_by(8) {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += value(first + lane);
        }
    }
    lanes.iter().sum()
}

fn size_of(values: &[f64; VALUES]) -> f64 {
    sum_of(|n| values[n] * values[n]).sqrt()
}

/// A mean shape, with its size.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MeanShape {
    values: [f64; VALUES],
    size: f64,
}

impl MeanShape {
    pub(crate) fn of(values: [f64; VALUES]) -> Self {
        Self {
            values,
            size: size_of(&values),
        }
    }

    /// Moves the mean by a share of the way to another shape.
    pub(crate) fn approach(&mut self, shape: &[f64; VALUES], share: f64) {
        for (mean, value) in self.values.iter_mut().zip(shape) {
            *mean += share * (value - *mean);
        }
        self.size = size_of(&self.values);
    }

    /// How alike a beat is to the mean, at most 1, and at which of its shifts.
    ///
    /// Formula: the largest, over the shifts, of `c 2 q / (1 + q^2)`, where `c` is the correlation and `q >= 1` the ratio of the
    /// sizes (roots of the sums of squares), less the factor that breathing makes. 0 for a flat one.
    pub(crate) fn alike(&self, shape: &Shape) -> (f64, usize) {
        if self.size == 0.0 {
            return (0.0, 0);
        }
        let mut alike = [0.0; SHIFTS];
        for (shift, (alike, Line { size, .. })) in alike.iter_mut().zip(shape.of_shift).enumerate() {
            if size == 0.0 {
                continue;
            }
            // The mean has neither a mean nor a slope, so those of the beat add nothing to the product.
            let values = shape.part(shift);
            let product = sum_of(|n| self.values[n] * values[n]);
            let correlation = product / (self.size * size).max(f64::MIN_POSITIVE);
            let (larger, smaller) = (self.size.max(size), self.size.min(size));
            let ratio = larger.max(f64::MIN_POSITIVE) / smaller.max(f64::MIN_POSITIVE);
            let ratio = (ratio / TYPES.same_size).max(1.0);
            *alike = correlation * 2.0 * ratio / (1.0 + ratio * ratio);
        }
        let largest = alike.into_iter().fold(f64::NEG_INFINITY, f64::max);
        let shift = alike.iter().position(|alike| *alike >= largest - TYPES.nearly);
        let shift = shift.unwrap_or(UNSHIFTED);
        (alike[shift], shift)
    }
}

/// Shapes for tests.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// The shape of a signal given in s from its middle, at 500 Hz.
    pub(crate) fn shape_of(mv: impl Fn(f64) -> f64) -> Shape {
        let at = |sample: u64| mv((sample as f64 - 1000.0) / 500.0);
        ShapeSampler::new(500.0).sample(1000, None, slopes_of(at), at)
    }

    /// The slopes of a signal.
    pub(crate) fn slopes_of(at: impl Fn(u64) -> f64) -> impl Fn(u64, u64) -> Vec<f64> {
        move |first, last| {
            (first..=last)
                .map(|sample| at(sample + 1) - at(sample - 1))
                .collect()
        }
    }

    /// A bell of so much height and half width.
    pub(crate) fn bell(s: f64, height_mv: f64, half_s: f64) -> f64 {
        height_mv * (-(s / half_s).powi(2)).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{bell, shape_of, slopes_of};
    use super::*;

    fn alike(shape: &Shape, other: &Shape) -> (f64, usize) {
        MeanShape::of(other.values(UNSHIFTED)).alike(shape)
    }

    #[test]
    fn a_shape_is_around_the_middle_of_the_energy_and_has_no_baseline() {
        let shape = shape_of(|s| bell(s, 1.0, 0.03));
        let wandering = shape_of(|s| bell(s, 1.0, 0.03) + 0.7 + 0.2 * s);
        let values = shape.values(UNSHIFTED);
        let peak = values.iter().copied().fold(f64::MIN, f64::max);
        assert_eq!(
            values.iter().position(|value| *value == peak),
            Some(MIDDLE as usize)
        );
        for (value, other) in values.iter().zip(&wandering.values(UNSHIFTED)) {
            assert!((value - other).abs() < 1e-9, "{value} {other}");
        }
        // The R peak is another wave of the complex, 40 ms away; the middle is the same.
        let sampler = ShapeSampler::new(500.0);
        let at = |sample: u64| bell((sample as f64 - 1000.0) / 500.0, 1.0, 0.03);
        let from_elsewhere = sampler.sample(980, None, slopes_of(at), at);
        assert_eq!(from_elsewhere, shape);
    }

    #[test]
    fn equal_shapes_are_alike_also_when_moved_or_a_little_larger() {
        let shape = shape_of(|s| bell(s, 1.0, 0.03));
        assert!((alike(&shape, &shape).0 - 1.0).abs() < 1e-12);
        assert_eq!(alike(&shape, &shape).1, UNSHIFTED);
        let larger = shape_of(|s| bell(s, 1.25, 0.03));
        assert!((alike(&larger, &shape).0 - 1.0).abs() < 1e-12);
        // Four times as large: 3.2 without what breathing makes.
        let much_larger = shape_of(|s| bell(s, 4.0, 0.03));
        assert!((alike(&much_larger, &shape).0 - 6.4 / (1.0 + 3.2 * 3.2)).abs() < 1e-9);
        // The middle of the energy is that of the first wave; the whole is 24 ms late.
        let last = shape.around.len() - 1;
        let moved = Shape::new(
            std::array::from_fn(|n| shape.around[(n + 3).min(last)]),
            true,
            true,
        );
        assert_eq!(alike(&moved, &shape).1, UNSHIFTED - 3);
    }

    #[test]
    fn other_shapes_are_not_alike() {
        let narrow = shape_of(|s| bell(s, 1.0, 0.03));
        assert!(alike(&shape_of(|s| bell(s, -1.0, 0.03)), &narrow).0 < 0.5);
        assert!(alike(&shape_of(|s| bell(s, 1.0, 0.1)), &narrow).0 < 0.9);
        assert_eq!(alike(&shape_of(|_| 1.0), &narrow).0, 0.0);
    }

    #[test]
    fn before_and_after_the_lead_its_end_values_are_held() {
        let at = |sample: u64| if sample < 3 { 1.0 } else { 0.0 };
        let shape = ShapeSampler::new(500.0).sample(
            1,
            Some(4),
            |first, last| vec![0.0; (last + 1 - first) as usize],
            |sample| {
                assert!(sample <= 4, "{sample}");
                at(sample)
            },
        );
        assert!(shape.values(UNSHIFTED).iter().all(|value| value.is_finite()));
        assert!(!shape.is_inside && !shape.is_whole);
    }

    #[test]
    fn a_beat_is_inside_from_60_ms_on_and_whole_from_120_ms_before_the_middle_to_320_ms_after_it() {
        let sample = |r: u64, last| {
            let mv = |at: u64| bell((at as f64 - r as f64) / 500.0, 1.0, 0.03);
            let slope = |at: u64| if at == 0 { 0.0 } else { mv(at + 1) - mv(at - 1) };
            let slopes = |first: u64, last: u64| (first..=last).map(slope).collect();
            ShapeSampler::new(500.0).sample(r, last, slopes, mv)
        };
        let is_whole = |r, last| sample(r, last).is_whole;
        let is_inside = |r, last| sample(r, last).is_inside;
        assert!(is_inside(30, Some(60)) && !is_inside(29, Some(60)) && !is_inside(30, Some(59)));
        assert!(is_whole(61, None) && !is_whole(58, None));
        assert!(is_whole(500, Some(662)) && !is_whole(500, Some(658)));
    }
}
