//! The waves of a beat: sums of Gaussians.
//!
//! P. E. McSharry, G. D. Clifford, L. Tarassenko, L. A. Smith: A dynamical model for generating synthetic
//! electrocardiogram signals, IEEE Trans. Biomed. Eng. 50(3), 2003, table I. The model moves a point round
//! a circle once per beat and pulls it up or down near five angles. Its equation for one wave,
//! dz/dt = -a dθ exp(-dθ²/(2b²)), has the solution z = (a b²/ω) exp(-dθ²/(2b²)) when the slow return to the
//! baseline is left out: a Gaussian of height proportional to a b². That closed form is used here, because
//! it needs no integration and puts the R peak exactly where it is said to be.

use crate::rhythm::BeatKind;
use std::f64::consts::PI;

/// One Gaussian of a beat.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wave {
    /// Distance of its centre from the R peak in seconds.
    pub offset_s: f64,
    /// Height in mV.
    pub height_mv: f64,
    /// Standard deviation in seconds.
    pub width_s: f64,
}

/// How a lead sees the heart: factors for the waves of the model, 1 for lead MLII. Plausible numbers,
/// not measured ones.
#[derive(Debug, Clone, Copy)]
struct View {
    name: &'static str,
    /// Factors of P, Q, R, S and T.
    waves: [f64; 5],
    /// Factor of a beat that starts in a ventricle.
    ventricular: f64,
}

const fn view(name: &'static str, waves: [f64; 5], ventricular: f64) -> View {
    View {
        name,
        waves,
        ventricular,
    }
}

const VIEWS: [View; 12] = [
    view("MLII", [1.0, 1.0, 1.0, 1.0, 1.0], 1.0),
    view("V5", [0.7, 1.3, 1.1, 0.9, 0.9], 0.8),
    view("V1", [0.6, 0.0, 0.25, 3.0, -0.4], -0.9),
    view("V2", [0.6, 0.0, 0.4, 3.6, 1.2], -0.8),
    view("V3", [0.6, 0.2, 0.7, 2.6, 1.4], -0.5),
    view("V4", [0.7, 0.8, 1.2, 1.6, 1.2], 0.5),
    view("V6", [0.7, 1.2, 0.9, 0.5, 0.8], 0.8),
    view("I", [0.6, 0.8, 0.6, 0.4, 0.6], 0.5),
    view("III", [0.4, 0.6, 0.5, 0.7, 0.4], 0.6),
    view("aVR", [-0.8, -0.9, -0.8, -0.7, -0.8], -0.7),
    view("aVL", [0.3, 0.6, 0.3, 0.2, 0.3], 0.2),
    view("aVF", [0.7, 0.8, 0.8, 0.9, 0.7], 0.8),
];

/// Height of the R wave in MLII in mV.
const R_MV: f64 = 1.2;

/// Angle, a and b of P, Q, R, S and T: table I of the paper.
const MODEL: [(f64, f64, f64); 5] = [
    (-PI / 3.0, 1.2, 0.25),
    (-PI / 12.0, -5.0, 0.1),
    (0.0, 30.0, 0.1),
    (PI / 12.0, -7.5, 0.1),
    (PI / 2.0, 0.75, 0.4),
];

/// Name of lead `lead` (0-based): twelve common names, then `L13` and so on.
pub fn lead_name(lead: usize) -> String {
    VIEWS
        .get(lead)
        .map_or_else(|| format!("L{}", lead + 1), |view| view.name.to_owned())
}

/// Factor of the atrial waves in a lead, which the fibrillatory waves share.
pub(crate) fn atrial_factor(lead: usize) -> f64 {
    VIEWS[lead % VIEWS.len()].waves[0]
}

/// The waves of a beat of `kind` in lead `lead` at a mean heart rate in beats per minute.
///
/// As in the paper, waves are wider in angle by the factor α = sqrt(rate / 60), and Q and S lie further
/// out by α, P and T by sqrt(α). A second of the circle is 60 / rate / 2π, so in seconds the QRS complex
/// shrinks with the square root of the interval, as Bazett found.
pub fn waves(kind: BeatKind, lead: usize, heart_rate_bpm: f64) -> Vec<Wave> {
    let view = &VIEWS[lead % VIEWS.len()];
    let seconds_per_radian = 60.0 / heart_rate_bpm / (2.0 * PI);
    let wider = (heart_rate_bpm / 60.0).sqrt();
    if kind == BeatKind::Ventricular {
        // Not in the paper: no P, a broad R, a shallow S after it and a T of the other sign.
        let scale = R_MV * view.ventricular;
        let time = 1.0 / wider;
        return [(0.0, 1.25, 0.040), (0.13, -0.35, 0.042), (0.29, -0.4, 0.065)]
            .map(|(offset, height, width)| Wave {
                offset_s: offset * time,
                height_mv: height * scale,
                width_s: width * time,
            })
            .to_vec();
    }
    let area_of_r = MODEL[2].1 * MODEL[2].2 * MODEL[2].2;
    let mut waves = Vec::with_capacity(5);
    for (index, ((angle, a, b), factor)) in MODEL.into_iter().zip(view.waves).enumerate() {
        if index == 0 && kind == BeatKind::WithoutP {
            continue;
        }
        let further = if index == 0 || index == 4 {
            wider.sqrt()
        } else {
            wider
        };
        waves.push(Wave {
            offset_s: angle * further * seconds_per_radian,
            height_mv: R_MV * factor * a * b * b / area_of_r,
            width_s: b * wider * seconds_per_radian,
        });
    }
    waves
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_60_per_minute_the_waves_are_where_the_paper_draws_them() {
        let waves = waves(BeatKind::Normal, 0, 60.0);
        let milliseconds: Vec<i64> = waves
            .iter()
            .map(|wave| (wave.offset_s * 1000.0).round() as i64)
            .collect();
        assert_eq!(milliseconds, [-167, -42, 0, 42, 250]);
        let heights: Vec<i64> = waves
            .iter()
            .map(|wave| (wave.height_mv * 1000.0).round() as i64)
            .collect();
        assert_eq!(heights, [300, -200, 1200, -300, 480]);
    }

    #[test]
    fn a_faster_heart_has_shorter_beats_and_fibrillation_has_no_p() {
        let slow = waves(BeatKind::Normal, 0, 60.0);
        let fast = waves(BeatKind::Normal, 0, 120.0);
        assert!(
            slow.iter()
                .zip(&fast)
                .all(|(slow, fast)| fast.width_s < slow.width_s)
        );
        assert_eq!(waves(BeatKind::WithoutP, 0, 60.0), slow[1..]);
    }

    #[test]
    fn lead_names() {
        assert_eq!(lead_name(0), "MLII");
        assert_eq!(lead_name(16), "L17");
    }
}
