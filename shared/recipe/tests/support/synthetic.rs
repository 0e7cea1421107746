//! A synthetic lead with known beats: three Gaussians per beat, for P, R and T.

#![allow(dead_code, reason = "each user of this module needs a part of it")]

/// Random numbers that are the same everywhere (a linear congruential generator, Knuth's constants).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// Evenly from 0 to 1.
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// `seconds` of ECG in mV, whole beats only, and the samples of the R peaks. RR intervals vary evenly from 0.7 to
/// 0.9 s; there is baseline wander of 0.1 mV and noise of 10 uV.
pub(crate) fn ecg(seconds: f64, fs: f64) -> (Vec<f64>, Vec<u64>) {
    let mut random = Random(7);
    let mut beats = Vec::new();
    let mut at_s = 0.5;
    while at_s < seconds - 0.5 {
        beats.push((at_s * fs).round() as u64);
        at_s += 0.7 + 0.2 * random.next();
    }
    let waves = [
        (-0.18, 0.12, 0.025),
        (-0.028, -0.12, 0.008),
        (0.0, 1.1, 0.011),
        (0.03, -0.22, 0.009),
        (0.26, 0.3, 0.045),
    ];
    let samples = (seconds * fs) as usize;
    let mut mv: Vec<f64> = (0..samples)
        .map(|n| 0.1 * (std::f64::consts::TAU * 0.25 * n as f64 / fs).sin() + 0.01 * (random.next() - 0.5))
        .collect();
    for beat in &beats {
        for (offset_s, height_mv, width_s) in waves {
            let centre = *beat as f64 + offset_s * fs;
            let reach = 5.0 * width_s * fs;
            let first = (centre - reach).max(0.0) as usize;
            for (n, mv) in mv
                .iter_mut()
                .enumerate()
                .take((centre + reach).max(0.0) as usize)
                .skip(first)
            {
                let distance = (n as f64 - centre) / (width_s * fs);
                *mv += height_mv * (-0.5 * distance * distance).exp();
            }
        }
    }
    (mv, beats)
}
