//! Decimation for drawing: the smallest and the largest sample of each pixel, so that no R peak is lost.

use std::ops::Range;

/// The smallest and the largest of the samples of one pixel, in mV; NaN where all of them are missing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Extremes {
    /// Smallest value in mV.
    pub(super) min: f32,
    /// Largest value in mV.
    pub(super) max: f32,
}

impl Extremes {
    /// Of no sample.
    pub(super) const NONE: Extremes = Extremes {
        min: f32::NAN,
        max: f32::NAN,
    };

    /// With further samples. NaN, a missing sample, is neither smaller nor larger than another one.
    pub(super) fn with(self, mv: &[f32]) -> Extremes {
        mv.iter().fold(self, |so_far, value| Extremes {
            min: so_far.min.min(*value),
            max: so_far.max.max(*value),
        })
    }
}

/// The samples of each of `pixels` equal parts of a stretch. Each sample is in one part or, where there are fewer samples than
/// parts, in each part that it fills; no part is empty.
pub(super) fn parts(stretch: Range<u64>, pixels: u64) -> impl Iterator<Item = Range<u64>> {
    let samples = stretch.end - stretch.start;
    let border =
        move |part: u64| stretch.start + (u128::from(samples) * u128::from(part) / u128::from(pixels)) as u64;
    (0..pixels).map(move |part| {
        let start = border(part);
        start..border(part + 1).max(start + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_pcg::Pcg64Mcg;

    #[test]
    fn every_sample_is_within_the_extremes_of_a_pixel_and_every_extreme_is_a_sample() {
        let mut random = Pcg64Mcg::seed_from_u64(7);
        for _ in 0..500 {
            let samples = random.random_range(1..5000_u64);
            let pixels = random.random_range(1..2000_u64);
            let mut mv: Vec<f32> = (0..samples).map(|_| random.random_range(-5.0..5.0)).collect();
            // An R peak of one sample, and a stretch that is missing.
            let peak = random.random_range(0..samples) as usize;
            let gap = random.random_range(0..samples) as usize;
            mv[gap..(gap + 20).min(samples as usize)].fill(f32::NAN);
            mv[peak] = 9.0;
            let drawn: Vec<(Range<u64>, Extremes)> = parts(0..samples, pixels)
                .map(|part| {
                    let extremes = Extremes::NONE.with(&mv[part.start as usize..part.end as usize]);
                    (part, extremes)
                })
                .collect();
            assert_eq!(drawn.len() as u64, pixels);
            let mut covered = 0;
            for (part, extremes) in &drawn {
                assert!(
                    part.start <= covered,
                    "samples {covered} to {} are in no pixel",
                    part.start
                );
                covered = covered.max(part.end);
                let of_part = &mv[part.start as usize..part.end as usize];
                for value in of_part.iter().filter(|value| !value.is_nan()) {
                    assert!(extremes.min <= *value && *value <= extremes.max);
                }
                let known = of_part.iter().any(|value| !value.is_nan());
                assert_eq!(known, !extremes.min.is_nan() && !extremes.max.is_nan());
                if known {
                    assert!(of_part.contains(&extremes.min) && of_part.contains(&extremes.max));
                }
            }
            assert_eq!(covered, samples);
            let highest = drawn
                .iter()
                .map(|(_, extremes)| extremes.max)
                .fold(f32::NAN, f32::max);
            assert_eq!(
                highest, 9.0,
                "the R peak is lost in {samples} samples on {pixels} pixels"
            );
        }
    }

    #[test]
    fn parts_of_a_long_recording_neither_overflow_nor_drift() {
        let day = 0..(24 * 3600 * 20_000_u64);
        let ends: Vec<u64> = parts(day.clone(), 1440).map(|part| part.end).collect();
        assert_eq!(ends[0], 60 * 20_000);
        assert_eq!(ends.last(), Some(&day.end));
    }
}
