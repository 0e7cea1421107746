//! Step 3b, number 13: what is measured of a beat from its waves.

use crate::filters::in_samples;
use crate::median::median;
use crate::types::Beat;
use crate::wave_settings::WAVES;
use crate::waves::Waves;

/// What is measured of a beat, or the medians of some beats. `None` where a wave that it needs is not there.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Measurements {
    /// From P onset to QRS onset, in ms.
    pub pr_ms: Option<f64>,
    /// From QRS onset to QRS end, in ms.
    pub qrs_ms: Option<f64>,
    /// From QRS onset to T end, in ms.
    pub qt_ms: Option<f64>,
    /// `qt_ms / sqrt(rr_ms / 1000)`, with the interval before the beat, in ms (Bazett 1920, Heart 7:353).
    pub qtc_bazett_ms: Option<f64>,
    /// `qt_ms / cbrt(rr_ms / 1000)`, with the interval before the beat, in ms (Fridericia 1920, Acta Med Scand 53:469).
    pub qtc_fridericia_ms: Option<f64>,
    /// Mean of the stored signal in the 20 ms around J + 60 ms (J is the QRS end), less that of the 20 ms before the QRS
    /// onset, in mV. `None` also where a sample of these is missing.
    pub st_mv: Option<f64>,
    /// 1 where the T wave points up, -1 where it points down.
    pub t_polarity: Option<f64>,
}

impl Measurements {
    /// Measures one beat. `level_mv` is the mean of the stored signal over some samples, the last included; `None` if one is
    /// missing or outside.
    pub(crate) fn of(
        waves: &Waves,
        rr_ms: Option<f64>,
        sampling_frequency_hz: f64,
        level_mv: impl Fn(i64, i64) -> Option<f64>,
    ) -> Self {
        let ms = |from: u64, to: u64| (to - from) as f64 * 1000.0 / sampling_frequency_hz;
        let samples = |seconds| in_samples(seconds, sampling_frequency_hz) as i64;
        let (p, qrs, t) = (waves.p, waves.qrs, waves.t);
        let qt_ms = qrs.zip(t).map(|(qrs, t)| ms(qrs.onset, t.end));
        let corrected = |root: fn(f64) -> f64| {
            qt_ms
                .zip(rr_ms)
                .map(|(qt_ms, rr_ms)| qt_ms / root(rr_ms / 1000.0))
        };
        let st_mv = qrs.and_then(|qrs| {
            let length = samples(WAVES.level_s).max(1);
            let (onset, j60) = (qrs.onset as i64, qrs.end as i64 + samples(WAVES.st_after_j_s));
            let baseline = level_mv(onset - length, onset - 1)?;
            Some(level_mv(j60 - length / 2, j60 + length / 2)? - baseline)
        });
        Self {
            pr_ms: p.zip(qrs).map(|(p, qrs)| ms(p.onset, qrs.onset)),
            qrs_ms: qrs.map(|qrs| ms(qrs.onset, qrs.end)),
            qt_ms,
            qtc_bazett_ms: corrected(f64::sqrt),
            qtc_fridericia_ms: corrected(libm::cbrt),
            st_mv,
            t_polarity: waves.t_is_up.map(|is_up| if is_up { 1.0 } else { -1.0 }),
        }
    }

    /// The median of each measurement over the beats that have it.
    pub(crate) fn medians(beats: &[Beat]) -> Self {
        let median = |of: fn(&Measurements) -> Option<f64>| {
            let mut known = Vec::with_capacity(beats.len());
            known.extend(beats.iter().filter_map(|beat| of(&beat.measured)));
            median(&mut known)
        };
        Self {
            pr_ms: median(|measured| measured.pr_ms),
            qrs_ms: median(|measured| measured.qrs_ms),
            qt_ms: median(|measured| measured.qt_ms),
            qtc_bazett_ms: median(|measured| measured.qtc_bazett_ms),
            qtc_fridericia_ms: median(|measured| measured.qtc_fridericia_ms),
            st_mv: median(|measured| measured.st_mv),
            t_polarity: median(|measured| measured.t_polarity),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::waves::Wave;

    fn wave(onset: u64, peak: u64, end: u64) -> Option<Wave> {
        Some(Wave { onset, peak, end })
    }

    /// P from 40, QRS from 200 to 300, T to 600, at 1000 Hz.
    fn waves() -> Waves {
        Waves {
            p: wave(40, 90, 130),
            qrs: wave(200, 250, 300),
            t: wave(420, 500, 600),
            t_is_up: Some(false),
        }
    }

    #[test]
    fn intervals_run_from_onset_to_onset_or_end() {
        let level = |from, to| Some(if (from, to) == (180, 199) { 0.25 } else { 0.125 });
        let measured = Measurements::of(&waves(), Some(640.0), 1000.0, level);
        assert_eq!((measured.pr_ms, measured.qrs_ms), (Some(160.0), Some(100.0)));
        assert_eq!(
            (measured.qt_ms, measured.qtc_bazett_ms),
            (Some(400.0), Some(500.0))
        );
        let fridericia = measured.qtc_fridericia_ms.unwrap();
        assert!(
            (fridericia - 400.0 / 0.64f64.powf(1.0 / 3.0)).abs() < 1e-9,
            "{fridericia}"
        );
        assert_eq!((measured.st_mv, measured.t_polarity), (Some(-0.125), Some(-1.0)));
    }

    #[test]
    fn the_st_level_is_at_j_plus_60_ms() {
        let asked = std::cell::RefCell::new(Vec::new());
        let level = |from, to| {
            asked.borrow_mut().push((from, to));
            Some(0.0)
        };
        Measurements::of(&waves(), None, 1000.0, level);
        assert_eq!(*asked.borrow(), [(180, 199), (350, 370)]);
    }

    #[test]
    fn what_needs_a_wave_that_is_not_there_is_unknown() {
        let none = Measurements::of(&Waves::default(), Some(800.0), 1000.0, |_, _| Some(0.0));
        assert_eq!(none, Measurements::default());
        let without_t = Waves {
            t: None,
            t_is_up: None,
            ..waves()
        };
        let measured = Measurements::of(&without_t, Some(800.0), 1000.0, |_, _| None);
        assert_eq!(
            (measured.qt_ms, measured.qtc_bazett_ms, measured.st_mv),
            (None, None, None)
        );
        assert_eq!(measured.pr_ms, Some(160.0));
        assert_eq!(
            Measurements::of(&waves(), None, 1000.0, |_, _| None).qtc_bazett_ms,
            None
        );
    }
}
