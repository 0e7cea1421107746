//! The signal of one lead in millivolts, block by block.

use crate::args::RhythmName;
use crate::random::Random;
use crate::rhythm::{Beats, sine};
use crate::settings::Settings;
use crate::waves::{Wave, atrial_factor, waves};
use std::collections::VecDeque;

/// A Gaussian is added as far as this many standard deviations from its centre; there it is below
/// 0.00002 mV.
const REACH: f64 = 5.0;
/// No wave lies further from its R peak, in seconds: the slowest heart rate has its T wave at 0.75 s.
const FURTHEST_S: f64 = 2.0;

/// Makes the signal of one lead. Leads of one recording share the beats and have noise of their own.
#[derive(Debug, Clone)]
pub struct LeadSignal {
    settings: Settings,
    lead: usize,
    beats: std::iter::Peekable<Beats>,
    /// Waves whose end is not behind us yet, with the sample of their R peak.
    active: VecDeque<(i64, Wave)>,
    noise: Random,
    wander_phases: [f64; 2],
    hum_phase: f64,
    next_sample: u64,
}

impl LeadSignal {
    /// The signal of lead `lead` (0-based) from its first sample on.
    pub fn new(settings: &Settings, lead: usize) -> Self {
        let mut common = Random::new(settings.seed, 1);
        Self {
            settings: settings.clone(),
            lead,
            beats: Beats::new(settings).peekable(),
            active: VecDeque::new(),
            noise: Random::new(settings.seed, 16 + lead as u64),
            wander_phases: [common.uniform(), common.uniform()],
            hum_phase: common.uniform(),
            next_sample: 0,
        }
    }

    /// Fills `block` with the next samples in mV. How a signal is cut into blocks does not change it.
    pub fn fill(&mut self, block: &mut [f64]) {
        block.fill(0.0);
        self.add_beats(block);
        self.add_disturbances(block);
        if let Some(limit) = self.settings.saturate_mv {
            for value in block.iter_mut() {
                *value = value.clamp(-limit, limit);
            }
        }
        self.next_sample += block.len() as u64;
    }

    fn add_beats(&mut self, block: &mut [f64]) {
        let frequency = self.settings.sampling_frequency_hz;
        let first = self.next_sample as i64;
        let end = first + block.len() as i64;
        let furthest = (FURTHEST_S * frequency) as i64;
        while let Some(beat) = self.beats.next_if(|beat| beat.sample - furthest < end) {
            for mut wave in waves(beat.kind, self.lead, self.settings.heart_rate_bpm) {
                wave.height_mv *= beat.height;
                self.active.push_back((beat.sample, wave));
            }
        }
        self.active.retain(|(peak, wave)| {
            let centre = *peak as f64 + wave.offset_s * frequency;
            let reach = REACH * wave.width_s * frequency;
            let from = ((centre - reach).ceil() as i64).max(first);
            let to = ((centre + reach).floor() as i64 + 1).min(end);
            for sample in from..to {
                // The distance from the peak is a whole number of samples, so all beats of a kind have
                // the same shape however late they come.
                let distance_s = (sample - peak) as f64 / frequency - wave.offset_s;
                let deviations = distance_s / wave.width_s;
                block[(sample - first) as usize] +=
                    wave.height_mv * libm::exp(-0.5 * deviations * deviations);
            }
            centre + reach >= end as f64
        });
    }

    fn add_disturbances(&mut self, block: &mut [f64]) {
        let settings = &self.settings;
        let fibrillation_mv = match settings.rhythm {
            RhythmName::AtrialFibrillation => 0.06 * atrial_factor(self.lead),
            _ => 0.0,
        };
        for (index, value) in block.iter_mut().enumerate() {
            let time_s = (self.next_sample + index as u64) as f64 / settings.sampling_frequency_hz;
            if settings.wander_mv > 0.0 {
                // Breathing, 15 per minute, and something slower.
                let breathing = sine(0.25 * time_s + self.wander_phases[0]);
                let slower = sine(0.043 * time_s + self.wander_phases[1]);
                *value += settings.wander_mv * (0.6 * breathing + 0.4 * slower);
            }
            if settings.hum_mv > 0.0 {
                *value += settings.hum_mv * sine(settings.hum_hz * time_s + self.hum_phase);
            }
            if fibrillation_mv != 0.0 {
                // Fibrillatory waves, 4 to 9 per second: 6 per second, their phase swinging.
                *value += fibrillation_mv * sine(6.1 * time_s + 0.3 * sine(0.37 * time_s));
            }
            if settings.noise_mv > 0.0 {
                *value += settings.noise_mv * self.noise.normal();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rhythm::{BeatKind, known_beats};
    use crate::run::tests::settings;

    /// How far from the R peak a wave is added, for the widest of all kinds of beats.
    fn reach_s(heart_rate_bpm: f64) -> f64 {
        [BeatKind::Normal, BeatKind::WithoutP, BeatKind::Ventricular]
            .into_iter()
            .flat_map(|kind| waves(kind, 0, heart_rate_bpm))
            .map(|wave| wave.offset_s.abs() + REACH * wave.width_s)
            .fold(0.0, f64::max)
    }

    fn whole(settings: &Settings, lead: usize, block: usize) -> Vec<f64> {
        let mut signal = LeadSignal::new(settings, lead);
        let mut values = vec![0.0; settings.samples as usize];
        for part in values.chunks_mut(block) {
            signal.fill(part);
        }
        values
    }

    #[test]
    fn no_wave_is_cut_off_at_any_heart_rate() {
        for rate in [15.0, 42.0, 60.0, 130.0, 300.0] {
            assert!(reach_s(rate) < FURTHEST_S, "{rate}: {}", reach_s(rate));
        }
    }

    #[test]
    fn blocks_do_not_change_the_signal() {
        let settings = settings("--rhythm ectopic --wander-mv 0.2 --hum-mv 0.1 --saturate 1 --duration 20s");
        let at_once = whole(&settings, 1, 100_000);
        assert_eq!(at_once, whole(&settings, 1, 1));
        assert_eq!(at_once, whole(&settings, 1, 997));
    }

    #[test]
    fn every_known_beat_is_a_local_maximum_of_the_clean_signal() {
        for rhythm in [
            "normal",
            "bradycardia",
            "tachycardia",
            "ectopic",
            "atrial-fibrillation",
        ] {
            for frequency in [125, 250, 360, 1000] {
                let settings = settings(&format!(
                    "--rhythm {rhythm} --sampling-frequency {frequency} --duration 2m --noise-mv 0"
                ));
                let signal = whole(&settings, 0, 4096);
                let mut count = 0;
                for beat in known_beats(&settings).map(|beat| beat as usize) {
                    // 5 ms: the slope of neighbouring waves may move the top by a sample.
                    let tolerance = (0.005 * f64::from(frequency)).ceil() as usize;
                    let near = beat.saturating_sub(frequency as usize / 10)
                        ..(beat + frequency as usize / 10).min(signal.len());
                    let top = near
                        .clone()
                        .max_by(|a, b| signal[*a].total_cmp(&signal[*b]))
                        .unwrap();
                    // At the border of the recording the top of a neighbouring wave may be all there is.
                    if near.len() == 2 * (frequency as usize / 10) {
                        assert!(
                            top.abs_diff(beat) <= tolerance,
                            "{rhythm} {frequency}: {beat} but {top}"
                        );
                    }
                    assert!(
                        signal[beat] > 0.8,
                        "{rhythm} {frequency}: {} mV at {beat}",
                        signal[beat]
                    );
                    count += 1;
                }
                let expected = settings.heart_rate_bpm * 2.0;
                assert!(
                    (f64::from(count) - expected).abs() < 0.08 * expected,
                    "{rhythm}: {count} beats"
                );
            }
        }
    }

    #[test]
    fn disturbances_have_the_size_that_is_asked_for() {
        let spread = |words: &str| {
            let with = settings(&format!("--duration 1m {words}"));
            let without = settings("--duration 1m --noise-mv 0");
            let (with, without) = (whole(&with, 0, 4096), whole(&without, 0, 4096));
            let squares: f64 = with.iter().zip(&without).map(|(a, b)| (a - b) * (a - b)).sum();
            (squares / with.len() as f64).sqrt()
        };
        let half = std::f64::consts::FRAC_1_SQRT_2;
        assert!((spread("--noise-mv 0.1") - 0.1).abs() < 0.002);
        assert!((spread("--noise-mv 0 --hum-mv 0.1 --hum-hz 60") - 0.1 * half).abs() < 0.001);
        let wander = spread("--noise-mv 0 --wander-mv 0.5");
        assert!(
            (wander - 0.5 * (0.36_f64 + 0.16).sqrt() * half).abs() < 0.03,
            "{wander}"
        );
    }
}
