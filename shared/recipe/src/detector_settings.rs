//! Every number of the search for beats. What a number means and its unit stand at the field; the published
//! value and the reason for ours stand at the value, in [`DETECTOR`].
//!
//! All lengths are in seconds, so that they hold at every sampling frequency. Nothing is per recording or per
//! lead. `docs/recipe.md`, chapter 3, numbers the steps. The recipe in Python (`docs/recipe/step3_*.py`) has the same
//! names and numbers: a test compares them.
//!
//! Sources: Elgendi (2013), "Fast QRS detection with an optimized knowledge-based method", PLoS ONE 8:e73557.
//! Pan and Tompkins (1985), IEEE Trans Biomed Eng 32:230. Hamilton (2002), "Open source ECG analysis",
//! Computers in Cardiology 29:101.

/// The settings of the beat detector.
pub(crate) struct DetectorSettings {
    // 1. Band-pass.
    /// Length of each of the two moving means of the low-pass, in s.
    pub(crate) low_pass_s: f64,
    /// Length of each of the two moving means that are the baseline of the band-pass, in s.
    pub(crate) band_pass_baseline_s: f64,

    // 2. Two moving means.
    /// Length of the short moving mean of the energy, a QRS complex, in s.
    pub(crate) qrs_s: f64,
    /// Length of the long moving mean of the energy, a beat, in s.
    pub(crate) beat_s: f64,
    /// Longest block, in s: a longer one is cut into two.
    pub(crate) longest_block_s: f64,

    // 3. Contrast.
    /// Least ratio of the short mean to the long one, somewhere in a block.
    pub(crate) contrast: f64,
    /// Least ratio for a block that has low energy before and after its peak.
    pub(crate) contrast_of_fast_beats: f64,
    /// Ratio of the short mean at the peak to its lowest value within `r_peak_within_s` before, and within
    /// `r_peak_within_s` after, from which the energy there counts as low.
    pub(crate) low_energy_ratio: f64,
    /// Least ratio of the short mean to the long one of an unclear candidate.
    pub(crate) unclear_contrast: f64,
    /// The ratio of `low_energy_ratio` for an unclear candidate.
    pub(crate) unclear_low_energy_ratio: f64,
    /// So many candidates in a row may be a fast regular rhythm.
    pub(crate) run_beats: usize,
    /// Longest median interval of such a run, in s.
    pub(crate) run_interval_s: f64,
    /// Largest difference of one of its intervals to the median, as a share of it.
    pub(crate) run_intervals_within: f64,
    /// Largest difference of one of its amplitudes to the median, as a share of it.
    pub(crate) run_amplitudes_within: f64,

    // 4. Adaptive threshold.
    /// How many beats, noise peaks and intervals the medians are taken over.
    pub(crate) remembered: usize,
    /// Duration from which the first levels are learned, in s, from the first candidate on.
    pub(crate) learning_s: usize,
    /// While learning: candidates below this share of the signal level give the first noise level.
    pub(crate) initial_noise_below: f64,
    /// Place of the threshold between the noise level (0) and the signal level (1).
    pub(crate) threshold: f64,
    /// Lowest amplitude of a beat, in mV after the band-pass.
    pub(crate) lowest_amplitude_mv: f64,
    /// Largest amplitude with which a beat enters the signal level, in multiples of that level.
    pub(crate) largest_level_step: f64,

    // 5. Refractory period and T wave.
    /// Least time between two R peaks, in s.
    pub(crate) refractory_s: f64,
    /// How long after a beat, or an unclear candidate, a candidate may be its T wave, in s.
    pub(crate) t_wave_s: f64,
    /// Such a candidate is the T wave if its steepest slope is below this share of the slope of the beat.
    pub(crate) t_wave_slope: f64,
    /// Length of the moving mean on which slopes are measured, in s.
    pub(crate) slope_smoothed_s: f64,

    // 6. Look back.
    /// A beat is overdue after this many median intervals.
    pub(crate) overdue_intervals: f64,
    /// Longest interval that enters the median, in s.
    pub(crate) longest_interval_s: f64,
    /// Share of the threshold that is enough for a candidate when looking back.
    pub(crate) look_back_threshold: f64,
    /// Oldest candidate that a look back considers after one without success, in s.
    pub(crate) look_back_reach_s: f64,
    /// Time between two look backs while no beat is found, in s.
    pub(crate) look_back_again_s: f64,
    /// Time without a beat after which each look back lowers the signal level, in s.
    pub(crate) lower_level_after_s: f64,
    /// Factor by which it lowers the signal level.
    pub(crate) lower_level_by: f64,
    /// Time without a beat after which the levels are learned again, in s.
    pub(crate) learn_again_after_s: f64,

    // 7. R peak.
    /// Largest distance of the R peak from its candidate, in s, on both sides.
    pub(crate) r_peak_within_s: f64,
    /// Length of each of the two moving means that are the baseline of the band of the R peak, in s.
    pub(crate) r_baseline_s: f64,
    /// Largest distance of the R peak from the largest peak of that band, in s.
    pub(crate) r_peak_shift_s: f64,

    // 8. Kinds of beats.
    /// Length of the moving mean that is the local baseline of templates, in s.
    pub(crate) local_baseline_s: f64,
}

/// The settings in force. They were chosen in coarse steps around the published values; `docs/recipe.md` says on
/// which recordings.
pub(crate) const DETECTOR: DetectorSettings = DetectorSettings {
    // Elgendi: a Butterworth band-pass of 8 to 20 Hz. Ours is made of moving means, as Pan and Tompkins' is,
    // because their delay is a whole number of samples at every sampling frequency.
    low_pass_s: 0.025,
    band_pass_baseline_s: 0.080,

    // Elgendi: 0.097.
    qrs_s: 0.097,
    // Elgendi: 0.611. A little longer separates better here, because the contrast is required in addition.
    beat_s: 0.65,
    // Not published. No QRS complex is longer, and it bounds the memory.
    longest_block_s: 1.0,

    // Instead of Elgendi's offset, 8 % of the mean energy of the whole recording, which a stream does not know.
    // A QRS complex is short and alone, so the ratio reaches up to 6. Ventricular flutter and muscle noise
    // spread their energy evenly and stay near 1 to 2.
    contrast: 2.5,
    // Not published. In a fast rhythm the long mean holds two beats or more and the ratio falls to 2.
    contrast_of_fast_beats: 2.0,
    // Not published. It is a ratio of energies: the amplitude is 5.5 times as large. Flutter has no low energy
    // between its waves.
    low_energy_ratio: 30.0,
    // Not published, as the rest of number 3. Wide beats at 240 per minute reach 1.6 and 3.
    unclear_contrast: 1.5,
    unclear_low_energy_ratio: 3.0,
    // Ventricular flutter is seldom as even for as long.
    run_beats: 8,
    // Below 167 per minute the contrast is enough.
    run_interval_s: 0.36,
    run_intervals_within: 0.1,
    run_amplitudes_within: 0.3,

    // Hamilton: 8.
    remembered: 8,
    // Hamilton: 8.
    learning_s: 8,
    // Hamilton begins with a noise level of 0. A recording of ten seconds ends before that is corrected.
    initial_noise_below: 0.5,
    // Pan and Tompkins: 0.25. Lower, because a candidate has its contrast already.
    threshold: 0.2,
    // Not published. A QRS complex has about a fifth of its peak-to-peak voltage after the band-pass. So this is
    // 0.05 mV peak to peak, half of what is labelled `low_amplitude`.
    lowest_amplitude_mv: 0.01,
    // Not published. One artefact, or a few large extrasystoles in a row, then do not hide the beats that follow.
    largest_level_step: 1.5,

    // Pan and Tompkins: 0.2. Longer, because a wide complex may have two candidates.
    refractory_s: 0.23,
    // Pan and Tompkins: 0.36.
    t_wave_s: 0.36,
    // Pan and Tompkins: 0.5.
    t_wave_slope: 0.4,
    // Not published: Pan and Tompkins take the slope of the band-passed signal, in which a narrow QRS complex is hardly
    // steeper than a tall T wave.
    slope_smoothed_s: 0.01,

    // Pan and Tompkins: 1.66. Hamilton: 1.5.
    overdue_intervals: 1.4,
    // Not published. A longer interval is a pause or a missed beat: it does not predict the next interval.
    longest_interval_s: 2.0,
    // Pan and Tompkins: 0.5.
    look_back_threshold: 0.5,
    // Not published. It bounds the memory.
    look_back_reach_s: 3.0,
    // Not published.
    look_back_again_s: 0.5,
    // Not published. The beats may have become smaller.
    lower_level_after_s: 2.5,
    // Not published.
    lower_level_by: 0.8,
    // Not published. After a gap or a loose electrode the amplitudes may be others.
    learn_again_after_s: 10.0,

    // Not published.
    r_peak_within_s: 0.13,
    // Not published. Of such bands the one whose largest peak agrees best with annotated R peaks.
    r_baseline_s: 0.06,
    // Not published. Half a sampling interval at 50 Hz.
    r_peak_shift_s: 0.01,

    // Not published. It removes wide waves: T waves, and the slow part of a wide QRS complex.
    local_baseline_s: 0.2,
};
