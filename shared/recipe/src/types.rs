//! What the steps of the recipe hand to each other, and what comes out.

use crate::features::Features;
use crate::label_quality::{Quality, Warning};
use crate::measure_beats::Measurements;
use crate::waves::Waves;

/// A place that may be a QRS complex.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Candidate {
    /// The sample at which the short moving mean of the energy is largest.
    pub(crate) at: u64,
    /// Root of that mean, in mV.
    pub(crate) amplitude_mv: f64,
    /// The steepest slope of the lightly smoothed signal around it, in mV per sample.
    pub(crate) slope: f64,
    /// The R peak, a sample of the recording.
    pub(crate) r_sample: u64,
    /// Whether it has the contrast of a QRS complex.
    pub(crate) is_clear: bool,
}

/// One detected beat.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Beat {
    /// The R peak: 0-based sample in the recording.
    pub sample: u64,
    /// `sample / sampling frequency`, in s.
    pub time_s: f64,
    /// Time since the previous beat of the lead in ms. `None` for the first beat, and where a gap of
    /// 0.2 s or more since the previous beat could hide another one.
    pub rr_ms: Option<f64>,
    /// The stored signal at the R peak, in mV.
    pub r_mv: f32,
    /// Correlation with the template of earlier beats that fits best, -1 to 1. `None` for the first beat of the lead.
    pub template_corr: Option<f64>,
    /// Where its waves begin and end.
    pub waves: Waves,
    /// What is measured of them.
    pub measured: Measurements,
    /// What kind of beat it is.
    pub beat_type: BeatType,
    /// `rr_ms` where this beat and the one before are normal, else `None`.
    pub nn_ms: Option<f64>,
}

/// What kind of beat it is, after ANSI/AAMI EC57.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BeatType {
    /// Normal; bundle branch blocks included.
    Normal,
    /// Supraventricular ectopic.
    Supraventricular,
    /// Ventricular ectopic.
    Ventricular,
    /// Paced: class Q of EC57.
    Paced,
    /// Not to be classified.
    #[default]
    Unclassified,
}

impl BeatType {
    /// All types, each at the place of its own number.
    pub const ALL: [BeatType; 5] = [
        BeatType::Normal,
        BeatType::Supraventricular,
        BeatType::Ventricular,
        BeatType::Paced,
        BeatType::Unclassified,
    ];

    /// The name in the `beat_type` column.
    ///
    /// ```
    /// assert_eq!(ecg_recipe::BeatType::ALL.map(ecg_recipe::BeatType::name), ["N", "S", "V", "P", "Q"]);
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            BeatType::Normal => "N",
            BeatType::Supraventricular => "S",
            BeatType::Ventricular => "V",
            BeatType::Paced => "P",
            BeatType::Unclassified => "Q",
        }
    }
}

/// A segment of the signal with its beats, before its features are computed. The fields are those of [`Segment`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CutSegment {
    pub(crate) index: u32,
    pub(crate) start_sample: u64,
    pub(crate) mv: Vec<f32>,
    pub(crate) missing_at: Vec<u32>,
    pub(crate) beats: Vec<Beat>,
}

/// One row of `segments`: `Rules::segment_s` seconds of one lead; the last segment may be shorter.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// 0-based number of the segment in the lead.
    pub index: u32,
    /// First sample, 0-based in the recording.
    pub start_sample: u64,
    /// The signal in mV, unfiltered.
    pub mv: Vec<f32>,
    /// Positions in `mv` that were missing and are interpolated.
    pub missing_at: Vec<u32>,
    /// The beats whose R peak is in the segment, in order.
    pub beats: Vec<Beat>,
    /// The features of the above.
    pub features: Features,
    /// In the order of [`Warning::ALL`].
    pub warnings: Vec<Warning>,
    /// [`Quality::Good`] without warnings.
    pub quality: Quality,
}

/// What is known of a lead at its end.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LeadSummary {
    /// Samples, with the missing ones.
    pub samples: u64,
    /// Samples that were missing and are interpolated.
    pub missing_samples: u64,
    /// Segments given.
    pub segments: u32,
    /// Beats found.
    pub beats: u64,
    /// Mean heart rate from the first to the last beat in beats per minute: `60,000 / mean rr_ms`, over
    /// all beats that have an `rr_ms`. `None` without one.
    pub heart_rate_bpm: Option<f64>,
    /// Every warning that some segment has, in the order of [`Warning::ALL`].
    pub warnings: Vec<Warning>,
}
