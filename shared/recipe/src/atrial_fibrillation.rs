//! Step 6, number 18: whether a minute is in atrial fibrillation (AF): irregular intervals, and beats without P wave.

use crate::median::median;
use crate::types::{Beat, BeatType};

/// Length of a minute of whole segments, in s.
pub(crate) const MINUTE_S: f64 = 60.0;
/// Intervals are compared with the next so many.
const LAGS: usize = 3;
/// Fewer known intervals than this say nothing.
const LEAST_INTERVALS: usize = 10;
/// The least irregularity, as a share of the median interval...
const IRREGULAR: f64 = 0.08;
/// ...if fewer than this share of the beats have a P wave.
const P_SHARE: f64 = 0.5;

/// The beats of a minute, of which it is asked whether they are in AF.
#[derive(Debug, Clone, Default)]
pub(crate) struct Minute {
    /// The interval before each beat in ms; NaN where it is unknown, or one of its two beats is ventricular or paced.
    rr_ms: Vec<f64>,
    /// Beats with a P wave.
    with_p: usize,
    last_is_of_ventricles: bool,
}

impl Minute {
    pub(crate) fn push(&mut self, beat: &Beat) {
        let is_of_ventricles = matches!(beat.beat_type, BeatType::Ventricular | BeatType::Paced);
        let rr_ms = beat
            .rr_ms
            .filter(|_| !is_of_ventricles && !self.last_is_of_ventricles);
        self.rr_ms.push(rr_ms.unwrap_or(f64::NAN));
        self.with_p += usize::from(beat.waves.p.is_some());
        self.last_is_of_ventricles = is_of_ventricles;
    }

    /// Whether the minute is in AF; `None` if too few intervals are known. Begins the next one.
    pub(crate) fn end(&mut self) -> Option<bool> {
        let irregularity = self.irregularity();
        let without_p = (self.with_p as f64) < P_SHARE * self.rr_ms.len() as f64;
        self.rr_ms.clear();
        (self.with_p, self.last_is_of_ventricles) = (0, false);
        Some(irregularity? > IRREGULAR && without_p)
    }

    /// The median change from an interval to the next, to the second next or to the third next, whichever is least, as a share
    /// of the median interval. Ectopic beats repeat: in bigeminy every second interval is alike, in trigeminy every third.
    ///
    /// Source: the change from one interval to the next is what Lake and Moorman (2011), Am J Physiol Heart Circ Physiol
    /// 300:H319, and Petrenas, Marozas and Sornmo (2015), Comput Biol Med 65:184, measure in other ways.
    fn irregularity(&self) -> Option<f64> {
        let is_known = |rr_ms: &f64| !rr_ms.is_nan();
        let mut known: Vec<f64> = self.rr_ms.iter().copied().filter(is_known).collect();
        if known.len() < LEAST_INTERVALS {
            return None;
        }
        let mut least: Option<f64> = None;
        for lag in 1..=LAGS.min(self.rr_ms.len()) {
            let pairs = self.rr_ms.iter().zip(&self.rr_ms[lag..]);
            let mut changes: Vec<f64> = pairs.map(|(a, b)| (b - a).abs()).filter(is_known).collect();
            if 2 * changes.len() >= LEAST_INTERVALS {
                let change = median(&mut changes)?;
                least = Some(least.map_or(change, |least| least.min(change)));
            }
        }
        Some(least? / median(&mut known)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::waves::{Wave, Waves};

    /// The answer for beats with these intervals in ms, of these types, the first `with_p` with a P wave.
    fn is_af(beats: &[(f64, BeatType)], with_p: usize) -> Option<bool> {
        let mut minute = Minute::default();
        let p = Wave {
            onset: 0,
            peak: 1,
            end: 2,
        };
        for (number, (rr_ms, beat_type)) in beats.iter().enumerate() {
            minute.push(&Beat {
                rr_ms: Some(*rr_ms),
                beat_type: *beat_type,
                waves: Waves {
                    p: (number < with_p).then_some(p),
                    ..Waves::default()
                },
                ..Beat::default()
            });
        }
        let found = minute.end();
        assert_eq!(minute.end(), None, "the next minute begins empty");
        found
    }

    fn normal(intervals: &[f64]) -> Vec<(f64, BeatType)> {
        intervals.iter().map(|rr_ms| (*rr_ms, BeatType::Normal)).collect()
    }

    /// Of no order: the fractional parts of multiples of the golden ratio.
    fn irregular(beats: u32) -> Vec<(f64, BeatType)> {
        let intervals: Vec<f64> = (0..beats)
            .map(|n| 500.0 + 600.0 * (f64::from(n) * 0.618_034).fract())
            .collect();
        normal(&intervals)
    }

    #[test]
    fn irregular_intervals_without_p_waves_are_fibrillation() {
        assert_eq!(is_af(&irregular(60), 0), Some(true));
        assert_eq!(is_af(&irregular(60), 29), Some(true));
        assert_eq!(is_af(&irregular(60), 30), Some(false));
        assert_eq!(is_af(&normal(&[800.0; 60]), 0), Some(false));
    }

    #[test]
    fn what_repeats_is_not_irregular() {
        let repeated =
            |pattern: &[f64]| normal(&pattern.iter().copied().cycle().take(60).collect::<Vec<_>>());
        assert_eq!(is_af(&repeated(&[500.0, 1100.0]), 0), Some(false));
        assert_eq!(is_af(&repeated(&[800.0, 500.0, 1100.0]), 0), Some(false));
        assert_eq!(is_af(&repeated(&[800.0, 800.0, 500.0, 1100.0]), 0), Some(true));
    }

    #[test]
    fn intervals_of_ventricular_and_paced_beats_do_not_count() {
        let mut beats = normal(&[800.0; 60]);
        for beat_type in [BeatType::Ventricular, BeatType::Paced] {
            for number in (1..60).step_by(2) {
                beats[number] = (400.0 + 7.0 * number as f64, beat_type);
            }
            assert_eq!(is_af(&beats, 0), None, "only the first is known");
        }
        assert_eq!(is_af(&irregular(10), 0), Some(true));
        assert_eq!(is_af(&irregular(9), 0), None);
    }
}
