//! The limits by which recordings are judged, in one versioned table.
//!
//! Whoever changes a number here raises [`Rules::version`] with it: the version is a column of the
//! `recordings` table, so that an old verdict can be told from a new one.

/// Every limit of the quality checks. `reject_*` fields fail the run, `label_*` fields only put a word
/// into the `warnings` column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// Version of this table: a whole number, so that views can tell the newer of two.
    pub version: &'static str,
    /// Length of a segment (a row of `segments`) in seconds.
    pub segment_s: f64,
    /// Most leads a recording may have.
    pub reject_leads_above: u64,
    /// Most values (leads x samples) a recording may have.
    pub reject_values_above: u64,
    /// Largest object in bytes.
    pub reject_bytes_above: u64,
    /// Lowest sampling frequency in Hz at which a QRS complex is still more than a few samples.
    pub reject_sampling_frequency_hz_below: f64,
    /// Highest sampling frequency in Hz. It also bounds the memory that a segment takes.
    pub reject_sampling_frequency_hz_above: f64,
    /// Largest share of missing samples (NaN, infinite, or the WFDB sentinel -32768 of int16), 0 to 1.
    pub reject_missing_share_above: f64,
    /// A run of equal samples of this many seconds or more is a flat line.
    pub label_flat_s_from: f64,
    /// This many or more equal samples in a row at the extreme of the signal are a saturation.
    pub label_saturated_run_from: u32,
    /// Largest plausible distance from 0 mV.
    pub label_amplitude_mv_above: f64,
    /// Smallest plausible peak-to-peak amplitude of a segment in mV.
    pub label_peak_to_peak_mv_below: f64,
    /// Largest plausible peak-to-peak amplitude of a segment in mV.
    pub label_peak_to_peak_mv_above: f64,
    /// Fewest beats that a full segment should have.
    pub label_beats_below: u32,
    /// Lowest plausible heart rate in beats per minute.
    pub label_heart_rate_bpm_below: f64,
    /// Highest plausible heart rate in beats per minute.
    pub label_heart_rate_bpm_above: f64,
    /// kSQI (Pearson kurtosis) below this looks like noise: a normal distribution has 3.
    ///
    /// The limits of the four signal-quality indices are where about 2 % of the segments of 24 annotated
    /// half-hour reference records lie. Published ones would label every second segment of them, arrhythmias first.
    pub label_ksqi_below: f64,
    /// pSQI, the share of the QRS band, below this is muscle noise or hum.
    pub label_psqi_below: f64,
    /// pSQI above this has nothing outside the QRS band.
    pub label_psqi_above: f64,
    /// basSQI, one minus the share of the baseline band, below this is mostly baseline wander.
    pub label_bassqi_below: f64,
    /// sqi, the agreement of two detectors times the correlation of beats with templates, below this is noisy.
    ///
    /// A round value below which over 80 % of the segments lie in stretches where noise was added to a record at 6 dB.
    pub label_sqi_below: f64,
}

/// The limits in force.
pub const RULES: Rules = Rules {
    version: "2",
    segment_s: 10.0,
    reject_leads_above: 16,
    reject_values_above: 2_000_000_000,
    reject_bytes_above: 4 << 30,
    reject_sampling_frequency_hz_below: 50.0,
    reject_sampling_frequency_hz_above: 20_000.0,
    reject_missing_share_above: 0.05,
    label_flat_s_from: 0.5,
    label_saturated_run_from: 5,
    label_amplitude_mv_above: 5.0,
    label_peak_to_peak_mv_below: 0.1,
    label_peak_to_peak_mv_above: 10.0,
    label_beats_below: 3,
    label_heart_rate_bpm_below: 30.0,
    label_heart_rate_bpm_above: 220.0,
    label_ksqi_below: 3.0,
    label_psqi_below: 0.35,
    label_psqi_above: 0.99,
    label_bassqi_below: 0.2,
    label_sqi_below: 0.8,
};
