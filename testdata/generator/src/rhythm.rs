//! When beats happen.

use crate::args::RhythmName;
use crate::random::Random;
use crate::settings::Settings;
use std::f64::consts::PI;

/// What kind of beat it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BeatKind {
    /// From the sinus node, with all five waves.
    Normal,
    /// Conducted from fibrillating atria: no P wave.
    WithoutP,
    /// Premature, from a ventricle: broad, without P wave.
    Ventricular,
}

/// One beat.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beat {
    /// Sample of the R peak; the beat before the recording begins has a negative one.
    pub sample: i64,
    /// Kind.
    pub kind: BeatKind,
    /// Factor of all its waves, near 1.
    pub height: f64,
}

/// All beats of a recording from shortly before its start, without end.
#[derive(Debug, Clone)]
pub struct Beats {
    random: Random,
    rhythm: RhythmName,
    sampling_frequency_hz: f64,
    mean_s: f64,
    variability: Variability,
    time_s: f64,
    beats: u64,
    /// Time of the sinus beat that follows a premature one.
    after_premature_s: Option<f64>,
}

impl Beats {
    /// The beats that `settings` ask for.
    pub fn new(settings: &Settings) -> Self {
        let mut random = Random::new(settings.seed, 0);
        let mean_s = 60.0 / settings.heart_rate_bpm;
        let variability = Variability::new(&mut random);
        // The recording starts somewhere between two beats.
        let time_s = -mean_s * (0.2 + 0.6 * random.uniform());
        Self {
            random,
            rhythm: settings.rhythm,
            sampling_frequency_hz: settings.sampling_frequency_hz,
            mean_s,
            variability,
            time_s,
            beats: 0,
            after_premature_s: None,
        }
    }

    /// Time and kind of the next beat.
    fn next_time(&mut self) -> (f64, BeatKind) {
        if self.rhythm == RhythmName::AtrialFibrillation {
            // Intervals without memory and without a mode of breathing: that is what makes the rhythm
            // "irregularly irregular". A quarter of the mean is within the range of published spreads.
            let factor = (1.0 + 0.25 * self.random.normal()).clamp(0.5, 1.8);
            return (self.time_s + (self.mean_s * factor).max(0.24), BeatKind::WithoutP);
        }
        if let Some(time_s) = self.after_premature_s.take() {
            return (time_s, BeatKind::Normal);
        }
        let interval_s = self.mean_s * (1.0 + 0.04 * self.variability.at(self.time_s));
        if self.rhythm == RhythmName::Ectopic && self.beats > 2 && self.random.uniform() < 0.2 {
            // A compensatory pause: the sinus beat after next comes when it would have come anyway.
            self.after_premature_s = Some(self.time_s + 2.0 * interval_s);
            return (self.time_s + 0.62 * interval_s, BeatKind::Ventricular);
        }
        (self.time_s + interval_s, BeatKind::Normal)
    }
}

impl Iterator for Beats {
    type Item = Beat;

    fn next(&mut self) -> Option<Beat> {
        let (time_s, kind) = self.next_time();
        self.time_s = time_s;
        self.beats += 1;
        let height = 1.0 + 0.03 * self.random.normal();
        // The R peak lies on a sample, so that the stated sample is the peak and not its neighbour.
        Some(Beat {
            sample: (time_s * self.sampling_frequency_hz).round() as i64,
            kind,
            height,
        })
    }
}

/// Heart rate variability of mean 0 and standard deviation 1.
///
/// The spectrum is that of McSharry 2003, equation 2: two Gaussians, around 0.1 Hz (Mayer waves) and
/// 0.25 Hz (breathing), both 0.01 Hz wide, with a power ratio LF/HF of 0.5. The paper makes a series from
/// it by an inverse Fourier transform of the whole length; here it is a sum of sinusoids whose frequencies
/// are drawn from these Gaussians, which has the same spectrum on average and needs no memory.
#[derive(Debug, Clone)]
struct Variability {
    /// Frequency in Hz, phase as a fraction of a turn, amplitude.
    waves: Vec<(f64, f64, f64)>,
}

impl Variability {
    fn new(random: &mut Random) -> Self {
        let per_band = 8;
        let mut waves = Vec::with_capacity(2 * per_band);
        for (centre_hz, power) in [(0.1, 1.0 / 3.0), (0.25, 2.0 / 3.0)] {
            for _ in 0..per_band {
                let frequency_hz = centre_hz + 0.01 * random.normal();
                let amplitude = (2.0 * power / per_band as f64).sqrt();
                waves.push((frequency_hz, random.uniform(), amplitude));
            }
        }
        Self { waves }
    }

    fn at(&self, time_s: f64) -> f64 {
        self.waves
            .iter()
            .map(|(frequency, phase, amplitude)| amplitude * sine(frequency * time_s + phase))
            .sum()
    }
}

/// The sine of a number of turns. Whole turns are dropped first, which keeps a recording of days exact.
pub(crate) fn sine(turns: f64) -> f64 {
    libm::sin(2.0 * PI * (turns - turns.floor()))
}

/// The beats that can be seen in the recording: the samples (0-based) of the R peaks that lie inside it and
/// not in a gap or a flat line.
pub fn known_beats(settings: &Settings) -> impl Iterator<Item = u64> + '_ {
    let hidden = |sample: &u64| {
        settings
            .gaps
            .iter()
            .chain(&settings.flats)
            .any(|range| range.contains(sample))
    };
    Beats::new(settings)
        .map(|beat| beat.sample)
        .take_while(|sample| *sample < settings.samples as i64)
        .filter_map(|sample| u64::try_from(sample).ok())
        .filter(move |sample| !hidden(sample))
}
