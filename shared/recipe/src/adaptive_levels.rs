//! Step 3, number 4: the levels of beats and of noise, and the threshold between them.

use std::collections::VecDeque;

use crate::detector_settings::DETECTOR;
use crate::median::upper_median;
use crate::types::Candidate;

/// The amplitudes of the last beats and of the last noise of a lead, in mV after the band-pass.
#[derive(Debug, Clone, Default)]
pub(crate) struct AdaptiveLevels {
    /// Amplitudes of beats.
    signal: LastValues,
    /// Amplitudes of candidates that are no beats.
    noise: LastValues,
}

impl AdaptiveLevels {
    /// Levels from the candidates of the first `learning_s` seconds.
    ///
    /// The signal level is the median, over the seconds that have candidates, of the largest amplitude in each.
    /// The noise level is the median amplitude of the candidates below `initial_noise_below` of it.
    pub(crate) fn learn(candidates: &[Candidate], sampling_frequency_hz: f64) -> Self {
        let first = candidates.first().map_or(0, |first| first.at);
        let mut largest = [0.0f64; DETECTOR.learning_s];
        for candidate in candidates {
            let second = ((candidate.at - first) as f64 / sampling_frequency_hz) as usize;
            if let Some(largest) = largest.get_mut(second) {
                *largest = largest.max(candidate.amplitude_mv);
            }
        }
        let mut largest: Vec<f64> = largest.into_iter().filter(|largest| *largest > 0.0).collect();
        let signal = at_least_lowest(upper_median(&mut largest));
        let mut small: Vec<f64> = candidates
            .iter()
            .map(|candidate| candidate.amplitude_mv)
            .filter(|amplitude| *amplitude < DETECTOR.initial_noise_below * signal)
            .collect();
        Self {
            signal: LastValues::filled(signal),
            noise: LastValues::filled(upper_median(&mut small).unwrap_or(0.0)),
        }
    }

    /// The median amplitude of the last beats.
    fn signal_level(&self) -> f64 {
        at_least_lowest(self.signal.median())
    }

    /// What a candidate has to exceed.
    ///
    /// Formula: `noise + threshold * (signal - noise)`.
    ///
    /// Source: Pan and Tompkins (1985), with medians as Hamilton (2002).
    pub(crate) fn threshold(&self) -> f64 {
        let noise = self.noise.median().unwrap_or(0.0);
        (noise + DETECTOR.threshold * (self.signal_level() - noise)).max(DETECTOR.lowest_amplitude_mv)
    }

    /// What a candidate has to exceed where a beat is overdue.
    pub(crate) fn look_back_threshold(&self) -> f64 {
        (DETECTOR.look_back_threshold * self.threshold()).max(DETECTOR.lowest_amplitude_mv)
    }

    pub(crate) fn add_beat(&mut self, amplitude_mv: f64) {
        self.signal.push(self.bounded(amplitude_mv));
    }

    /// The latest beat turned out to be another candidate.
    pub(crate) fn replace_latest_beat(&mut self, amplitude_mv: f64) {
        self.signal.replace_latest(self.bounded(amplitude_mv));
    }

    /// A beat that was found by looking back is small, so it lowers the level: by no more than the share that
    /// looking back allows.
    pub(crate) fn add_beat_of_look_back(&mut self, amplitude_mv: f64) {
        let least = DETECTOR.look_back_threshold * self.signal_level();
        self.signal.push(amplitude_mv.max(least));
    }

    pub(crate) fn add_noise(&mut self, amplitude_mv: f64) {
        self.noise.push(amplitude_mv);
    }

    /// Lowers the signal level by one step.
    pub(crate) fn lower_signal_level(&mut self) {
        self.signal.scale(DETECTOR.lower_level_by);
    }

    fn bounded(&self, amplitude_mv: f64) -> f64 {
        amplitude_mv.min(DETECTOR.largest_level_step * self.signal_level())
    }
}

fn at_least_lowest(level: Option<f64>) -> f64 {
    level.map_or(DETECTOR.lowest_amplitude_mv, |level| {
        level.max(DETECTOR.lowest_amplitude_mv)
    })
}

/// The last few values of something, oldest first, and their median.
#[derive(Debug, Clone, Default)]
pub(crate) struct LastValues {
    values: VecDeque<f64>,
    median: Option<f64>,
}

impl LastValues {
    fn filled(value: f64) -> Self {
        Self {
            values: VecDeque::from([value; DETECTOR.remembered]),
            median: Some(value),
        }
    }

    pub(crate) fn push(&mut self, value: f64) {
        if self.values.len() == DETECTOR.remembered {
            self.values.pop_front();
        }
        self.values.push_back(value);
        self.set_median();
    }

    fn replace_latest(&mut self, value: f64) {
        if let Some(latest) = self.values.back_mut() {
            *latest = value;
        }
        self.set_median();
    }

    fn scale(&mut self, factor: f64) {
        self.values.iter_mut().for_each(|value| *value *= factor);
        self.set_median();
    }

    pub(crate) fn median(&self) -> Option<f64> {
        self.median
    }

    /// Whether it has as many values as it remembers.
    pub(crate) fn is_full(&self) -> bool {
        self.values.len() == DETECTOR.remembered
    }

    fn set_median(&mut self) {
        let mut sorted = [0.0; DETECTOR.remembered];
        let sorted = &mut sorted[..self.values.len()];
        sorted
            .iter_mut()
            .zip(&self.values)
            .for_each(|(place, value)| *place = *value);
        self.median = upper_median(sorted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(of_each_half_second: &[f64]) -> Vec<Candidate> {
        let candidate = |(n, amplitude_mv): (usize, &f64)| Candidate {
            at: 1000 + 50 * n as u64,
            amplitude_mv: *amplitude_mv,
            slope: 0.1,
            r_sample: 0,
            is_clear: true,
        };
        of_each_half_second.iter().enumerate().map(candidate).collect()
    }

    #[test]
    fn the_first_levels_are_medians_of_the_first_seconds() {
        // The largest of each second: 1.0, 3.0, 0.8. Below half of 1.0 are 0.1, 0.2 and 0.3.
        let learned = AdaptiveLevels::learn(&candidates(&[1.0, 0.1, 0.3, 3.0, 0.8, 0.2]), 100.0);
        assert_eq!(learned.signal_level(), 1.0);
        assert_eq!(learned.threshold(), 0.2 + 0.2 * (1.0 - 0.2));
        assert_eq!(learned.look_back_threshold(), 0.5 * learned.threshold());
    }

    #[test]
    fn one_large_beat_does_not_move_the_level_and_a_step_is_bounded() {
        let mut levels = AdaptiveLevels::learn(&candidates(&[1.0]), 100.0);
        levels.add_beat(100.0);
        assert_eq!(levels.signal_level(), 1.0);
        (0..4).for_each(|_| levels.add_beat(100.0));
        assert_eq!(levels.signal_level(), 1.5);
        levels.replace_latest_beat(100.0);
        levels.lower_signal_level();
        assert!((levels.signal_level() - 1.2).abs() < 1e-12);
    }

    #[test]
    fn no_level_is_below_the_lowest_amplitude_of_a_beat() {
        for levels in [
            AdaptiveLevels::default(),
            AdaptiveLevels::learn(&candidates(&[1e-6]), 100.0),
        ] {
            assert_eq!(levels.threshold(), 0.01);
            assert_eq!(levels.look_back_threshold(), 0.01);
        }
    }
}
