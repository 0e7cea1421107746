//! Step 3c, number 14: whether a beat has a pacing spike.

use crate::cut::SegmentCutter;
use crate::filters::in_samples;
use crate::type_settings::TYPES;

/// Looks for the pacing spikes of the beats of one lead. Lengths are in samples.
pub(crate) struct SpikeFinder {
    within: usize,
    side: usize,
    apart: usize,
    level_from: usize,
    level_to: usize,
    begins: usize,
    then_from: usize,
    then_to: usize,
}

impl SpikeFinder {
    pub(crate) fn new(sampling_frequency_hz: f64) -> Self {
        let of = |seconds| in_samples(seconds, sampling_frequency_hz) as usize;
        Self {
            within: of(TYPES.spike_within_s),
            side: of(TYPES.spike_s).max(1),
            apart: of(TYPES.spike_apart_s),
            level_from: of(TYPES.spike_level_from_s),
            level_to: of(TYPES.spike_level_to_s),
            begins: of(TYPES.spike_begins_s),
            then_from: of(TYPES.spike_then_from_s),
            then_to: of(TYPES.spike_then_to_s),
        }
    }

    /// Whether the beat with this R peak has a spike. The signal around it is in no segment yet that was given.
    pub(crate) fn has_spike(&self, r_sample: u64, signal: &SegmentCutter) -> bool {
        self.is_spike_in(signal.mv_around(r_sample, self.samples_around()))
    }

    /// Samples to both sides of an R peak that are looked at.
    fn samples_around(&self) -> usize {
        self.within + self.side.max(self.level_from).max(self.then_to)
    }

    /// Whether there is a spike, given the stored signal in mV, `samples_around` to both sides of the R peak; before and after
    /// the lead its end values are held.
    ///
    /// A pulse of sample `n` is `|x[n] - (x[n - 10 ms] + x[n + 10 ms]) / 2|`. The largest is that of a spike if no other is
    /// nearly as large, the signal before it is flat, and a wide complex follows.
    fn is_spike_in(&self, around: impl Iterator<Item = f32>) -> bool {
        let mv: Vec<f64> = around.map(f64::from).collect();
        let reach = self.samples_around();
        let first = reach - self.within;
        let away = |n: usize| mv[n] - (mv[n - self.side] + mv[n + self.side]) / 2.0;
        let pulses: Vec<f64> = (first..=reach + self.within).map(|n| away(n).abs()).collect();
        let largest = pulses.iter().copied().fold(0.0, f64::max);
        let nearly = (1.0 - TYPES.nearly) * largest;
        let Some(place) = pulses.iter().position(|pulse| *pulse >= nearly) else {
            return false;
        };
        let far = |other: usize| other.abs_diff(place) > self.apart;
        let others = pulses.iter().enumerate().filter(|(other, _)| far(*other));
        let next_largest = others.map(|(_, pulse)| *pulse).fold(0.0, f64::max);
        if largest < TYPES.spike * next_largest {
            return false;
        }
        let spike = first + place;
        let level = mean(&mv[spike - self.level_from..=spike - self.level_to], |mv| mv);
        // A corner, as where a signal is cut off, does not point away from the level.
        let height = (mv[spike] - level) * away(spike).signum();
        let before = mv[spike - self.level_from..=spike - self.begins]
            .iter()
            .map(|mv| (mv - level).abs())
            .fold(0.0, f64::max);
        let then = mean(&mv[spike + self.then_from..=spike + self.then_to], |mv| {
            (mv - level).abs()
        });
        height > TYPES.nearly && before <= TYPES.spike_flat * height && then >= TYPES.spike_then * height
    }
}

fn mean(mv: &[f64], of: impl Fn(f64) -> f64) -> f64 {
    mv.iter().map(|mv| of(*mv)).sum::<f64>() / mv.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::beat_shape::testing::bell;

    /// Whether a signal given in s from the R peak has a spike, at this sampling frequency.
    fn has_spike(sampling_frequency_hz: f64, mv: impl Fn(f64) -> f64) -> bool {
        let spikes = SpikeFinder::new(sampling_frequency_hz);
        let around = spikes.samples_around() as i32;
        spikes.is_spike_in((-around..=around).map(|n| mv(f64::from(n) / sampling_frequency_hz) as f32))
    }

    /// A spike of so much height, with a wide complex 60 ms after it that points down.
    fn paced(s: f64, height_mv: f64) -> f64 {
        bell(s, height_mv, 0.007)
            + if s > 0.0 {
                bell(s - 0.07, -0.8, 0.05) - bell(0.07, -0.8, 0.05)
            } else {
                0.0
            }
    }

    #[test]
    fn a_spike_before_a_wide_complex_is_found_at_every_rate() {
        for hz in [250.0, 257.3, 360.0, 500.0, 1000.0] {
            assert!(has_spike(hz, |s| paced(s, 1.0)), "{hz} Hz");
            assert!(has_spike(hz, |s| paced(s, -1.0)), "downwards, {hz} Hz");
            assert!(
                has_spike(hz, |s| paced(s + 0.1, 1.0)),
                "100 ms before the R peak, {hz} Hz"
            );
        }
    }

    #[test]
    fn other_complexes_have_none() {
        let none = |mv: &dyn Fn(f64) -> f64| assert!(!has_spike(360.0, mv));
        none(&|_| 0.1);
        // A narrow complex: nothing follows it.
        none(&|s| bell(s, 1.0, 0.012));
        // A wide one.
        none(&|s| bell(s, 1.0, 0.05));
        // A spike in the middle of a complex, which began before.
        none(&|s| bell(s, 1.0, 0.007) + bell(s + 0.03, 0.8, 0.03));
        // A complex that is cut off at the highest value of the recorder.
        none(&|s| {
            (4.0 * bell(s, 1.0, 0.06)).min(1.0) - if s > 0.0 { bell(s - 0.15, 1.0, 0.05) } else { 0.0 }
        });
        // Two spikes: noise.
        none(&|s| paced(s, 1.0) + bell(s + 0.06, 0.7, 0.007));
    }
}
