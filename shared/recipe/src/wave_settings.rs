//! Every number of the search for waves, as in [`detector_settings`](crate::detector_settings): `docs/recipe.md`, chapter 3b,
//! numbers the steps, and the recipe in Python (`docs/recipe/step3b_find_waves.py`) has the same names and numbers, which a
//! test compares.
//!
//! Sources: Laguna, Jané and Caminal (1994), Comput Biomed Res 27:45, and Martínez et al. (2004), IEEE Trans Biomed Eng
//! 51:570: onsets and ends at a share of the steepest slope. Emrich et al. (2024), EUSIPCO, p. 1341: peaks by prominence.

/// The settings of the search for waves.
pub(crate) struct WaveSettings {
    // 10. QRS complex.
    /// Length of the moving mean, applied twice, of which the slope of the QRS complex is taken, in s.
    pub(crate) qrs_smoothing_s: f64,
    /// Longest distance of onset and end from the R peak, in s.
    pub(crate) qrs_reach_s: f64,
    /// Longest distance of the steepest slope from the R peak, in s.
    pub(crate) steepest_within_s: f64,
    /// Share of the steepest slope above which a slope belongs to the complex...
    pub(crate) qrs_slope: f64,
    /// ...if it is at most so far from the next such slope, in s.
    pub(crate) qrs_notch_s: f64,
    /// Share of the steepest slope below which...
    pub(crate) qrs_quiet_slope: f64,
    /// ...the slope stays for so long, in s, outside the complex...
    pub(crate) qrs_quiet_s: f64,
    /// ...and if that is farther from the R peak than this, in s, where it stays below `qrs_slope`.
    pub(crate) qrs_usual_s: f64,

    // 11. P wave and T wave.
    /// Length of the moving mean for P and T, applied twice, in s.
    pub(crate) wave_smoothing_s: f64,
    /// Beats on either side of which those of the same kind are in the mean of the beats...
    pub(crate) mean_beats: usize,
    /// ...and their longest distance, in s.
    pub(crate) mean_within_s: f64,
    /// The P wave is searched in the mean of all of them if fewer than so many are of its kind.
    pub(crate) least_of_kind: usize,
    /// Longest time of the P wave before the QRS onset, in s.
    pub(crate) p_within_s: f64,
    /// Least time of the peak of the T wave after the R peak, in s...
    pub(crate) t_after_r_s: f64,
    /// ...and after the end of the QRS complex, in s.
    pub(crate) t_after_qrs_s: f64,
    /// Longest time of the peak of the T wave after the R peak at an RR interval of 1 s, in s. It grows with the root of the interval.
    pub(crate) t_peak_within_s: f64,
    /// Longest time of the peak of the T wave after the R peak, in s...
    pub(crate) t_peak_latest_s: f64,
    /// ...and as a share of the RR interval.
    pub(crate) t_peak_latest_rr: f64,
    /// Longest time of the end of the T wave after the latest peak, in s.
    pub(crate) t_end_after_s: f64,
    /// Least time of the end of the T wave before the next QRS onset, in s.
    pub(crate) t_end_before_qrs_s: f64,
    /// How far from a peak its prominence looks, for the P wave, in s...
    pub(crate) p_prominence_within_s: f64,
    /// ...and for the T wave.
    pub(crate) t_prominence_within_s: f64,
    /// Least prominence of a wave in the mean of the beats, in mV.
    pub(crate) least_wave_mv: f64,
    /// How many times the prominence of a positive P wave a negative one needs.
    pub(crate) negative_p: f64,
    /// Longest distance of the peak in the beat from that in the mean, for the P wave, in s...
    pub(crate) p_peak_near_s: f64,
    /// ...and for the T wave.
    pub(crate) t_peak_near_s: f64,
    /// Least prominence in the beat, as a share of that in the mean.
    pub(crate) own_prominence: f64,
    /// Least prominence of the P wave in the mean in an irregular rhythm, as a share of the largest one in the beat.
    pub(crate) p_agreement: f64,
    /// Median change from one RR interval to the next, as a share of their median, above which a rhythm is irregular.
    pub(crate) irregular: f64,

    // 12. Onset and end of P and T.
    /// Longest distance of onset and end of the P wave from its peak, in s.
    pub(crate) p_reach_s: f64,
    /// Longest distance of the steepest slope of the P wave from its peak, in s.
    pub(crate) p_steepest_within_s: f64,
    /// Longest distance of the steepest slope of the T wave from its peak, in s.
    pub(crate) t_steepest_within_s: f64,
    /// Share of the steepest slope at which the P wave begins...
    pub(crate) p_onset_slope: f64,
    /// ...and ends,
    pub(crate) p_end_slope: f64,
    /// at which the T wave begins...
    pub(crate) t_onset_slope: f64,
    /// ...and ends.
    pub(crate) t_end_slope: f64,

    // 13. Measurements.
    /// Time from the end of the QRS complex to where the ST level is measured, in s.
    pub(crate) st_after_j_s: f64,
    /// Length of the mean that is a level, in s.
    pub(crate) level_s: f64,

    // 10 to 12.
    /// Values that differ by less are equal, in mV.
    pub(crate) nearly_mv: f64,
}

/// The settings in force, chosen on one half of the annotated records; `docs/recipe.md` says on which.
pub(crate) const WAVES: WaveSettings = WaveSettings {
    // One period of 50 Hz.
    qrs_smoothing_s: 0.020,
    // A complex is called wide from 120 ms; twice as much leaves room.
    qrs_reach_s: 0.16,
    steepest_within_s: 0.08,
    qrs_slope: 0.2,
    // A round peak or a notch is flat for as long.
    qrs_notch_s: 0.04,
    qrs_quiet_slope: 0.08,
    // Longer than the slope is near 0 at an extreme.
    qrs_quiet_s: 0.014,
    // An ST segment may be as steep as the end of the complex.
    qrs_usual_s: 0.1,

    // That of the search for beats.
    wave_smoothing_s: 0.025,
    mean_beats: 4,
    // A beat that follows later is as good as none.
    mean_within_s: 5.0,
    // In the mean of one or two beats noise and f waves look like P waves.
    least_of_kind: 3,
    // A PR interval above 200 ms is long, above 300 ms rare.
    p_within_s: 0.30,
    t_after_r_s: 0.10,
    t_after_qrs_s: 0.04,
    // As QT in the formula of Bazett. A QT of 500 ms has its peak near 420 ms.
    t_peak_within_s: 0.42,
    t_peak_latest_s: 0.6,
    t_peak_latest_rr: 0.65,
    t_end_after_s: 0.15,
    t_end_before_qrs_s: 0.02,
    // Less than the length of a wave is enough.
    p_prominence_within_s: 0.10,
    t_prominence_within_s: 0.12,
    // In a single beat 20 uV are the least that the CSE working party calls a wave; the mean of nine beats has a third of
    // the noise.
    least_wave_mv: 0.008,
    // The dip between P and QRS is no wave.
    negative_p: 1.25,
    p_peak_near_s: 0.03,
    t_peak_near_s: 0.06,
    own_prominence: 0.1,
    // f waves cancel in the mean.
    p_agreement: 0.5,
    irregular: 0.10,

    p_reach_s: 0.10,
    p_steepest_within_s: 0.06,
    t_steepest_within_s: 0.3,
    p_onset_slope: 0.2,
    p_end_slope: 0.5,
    t_onset_slope: 0.3,
    t_end_slope: 0.3,

    // J + 60 ms.
    st_after_j_s: 0.06,
    level_s: 0.02,

    // Rounding decides nothing.
    nearly_mv: 1e-9,
};
