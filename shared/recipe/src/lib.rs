//! The recipe: from the raw samples of a lead to segments in millivolts.
//!
//! 1. [`fill_gaps`]: missing samples become straight lines; their places are kept.
//! 2. [`calibrate`]: ADC units become millivolts. This is the signal that is stored, unfiltered.
//! 3. [`find_beats`](self): two moving means find candidates, adaptive levels decide which are beats, and
//!    each is refined to the R peak on the signal itself.
//! 4. [`cut`]: ten-second segments with their [`features`].
//! 5. [`label_quality`]: warnings for what looks odd. A label never drops a segment.
//!
//! Everything here is a function of its input: no file, environment, clock or log, and the output does not
//! depend on how the samples were cut into blocks on the way in. A lead streams through; what is held is
//! bounded by some twenty seconds of signal, however long the recording or a gap in it. The limits are those of
//! [`ecg_core::rules`]; `docs/recipe.md` tells the same story as prose.

pub mod calibrate;
pub mod cut;
pub mod features;
pub mod fill_gaps;
mod filters;
mod find_beats;
pub mod label_quality;
mod qrs_candidates;
mod runs;
pub mod score;
pub mod spectrum;

use std::collections::BTreeSet;

use ecg_core::rules::Rules;

pub use calibrate::Calibration;
pub use cut::{Beat, Segment};
pub use features::Features;
pub use label_quality::{Quality, Warning};

use cut::SegmentCutter;
use fill_gaps::{FilledSample, GapFiller};
use find_beats::BeatFinder;

/// Why a lead can not be processed at all. The caller rejects the recording with it.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum RecipeError {
    /// The sampling frequency is not one that the filters are made for.
    #[error(
        "sampling frequency: expected {MIN_SAMPLING_FREQUENCY_HZ} to {MAX_SAMPLING_FREQUENCY_HZ} Hz, found {found_hz} Hz"
    )]
    SamplingFrequency {
        /// What the recording says, in Hz.
        found_hz: f64,
    },
    /// The calibration does not give millivolts.
    #[error(
        "calibration: expected a finite gain other than 0 adu/mV and a finite baseline, found gain {gain} and baseline {baseline}"
    )]
    Calibration {
        /// ADC units per millivolt.
        gain: f64,
        /// ADC value of 0 mV.
        baseline: f64,
    },
}

/// Below this a QRS complex has fewer than five samples.
pub const MIN_SAMPLING_FREQUENCY_HZ: f64 = 50.0;
/// Above this it is no ECG of the body surface, and a segment would be megabytes long.
pub const MAX_SAMPLING_FREQUENCY_HZ: f64 = 50_000.0;

/// What is known of a lead at its end.
#[derive(Debug, Clone, PartialEq)]
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

/// The recipe for one lead. Push its samples in order, in blocks of any size; take the segments as they
/// become complete; finish.
pub struct LeadRecipe {
    steps: Steps,
    gaps: GapFiller,
}

/// Steps 2 to 5, behind the gap filler.
struct Steps {
    calibration: Calibration,
    beats: BeatFinder,
    segments: SegmentCutter,
    summary: LeadSummary,
    warnings: BTreeSet<Warning>,
    counted: BeatCount,
}

/// The beats of a lead so far.
#[derive(Debug, Clone, Copy, Default)]
struct BeatCount {
    beats: u64,
    rr_intervals: u64,
    rr_sum_ms: f64,
}

impl BeatCount {
    fn add(&mut self, beat: Beat) {
        self.beats += 1;
        if let Some(rr_ms) = beat.rr_ms {
            self.rr_intervals += 1;
            self.rr_sum_ms += rr_ms;
        }
    }
}

impl LeadRecipe {
    /// `sampling_frequency_hz` is that of the lead.
    ///
    /// # Errors
    /// [`RecipeError`] if the sampling frequency or the calibration is impossible.
    pub fn new(
        sampling_frequency_hz: f64,
        calibration: Calibration,
        rules: &Rules,
    ) -> Result<Self, RecipeError> {
        if !(MIN_SAMPLING_FREQUENCY_HZ..=MAX_SAMPLING_FREQUENCY_HZ).contains(&sampling_frequency_hz) {
            return Err(RecipeError::SamplingFrequency {
                found_hz: sampling_frequency_hz,
            });
        }
        let calibration = calibration.check()?;
        Ok(Self {
            gaps: GapFiller::new(calibration.baseline),
            steps: Steps {
                calibration,
                beats: BeatFinder::new(sampling_frequency_hz),
                segments: SegmentCutter::new(sampling_frequency_hz, rules),
                summary: LeadSummary {
                    samples: 0,
                    missing_samples: 0,
                    segments: 0,
                    beats: 0,
                    heart_rate_bpm: None,
                    warnings: Vec::new(),
                },
                warnings: BTreeSet::new(),
                counted: BeatCount::default(),
            },
        })
    }

    /// Takes the next samples in ADC units, `None` for a missing one (NaN and infinity count as missing),
    /// and gives the segments that are now complete.
    pub fn push(&mut self, samples: impl IntoIterator<Item = Option<f64>>, segment: &mut dyn FnMut(Segment)) {
        let calibration = self.steps.calibration;
        for adu in samples {
            let adu = adu.filter(|adu| calibration.can_express(*adu));
            self.gaps
                .push(adu, &mut |filled| self.steps.take(filled, segment));
        }
    }

    /// Ends the lead and gives the remaining segments.
    pub fn finish(mut self, segment: &mut dyn FnMut(Segment)) -> LeadSummary {
        self.gaps.finish(&mut |filled| self.steps.take(filled, segment));
        self.steps.finish(segment)
    }
}

impl Steps {
    fn take(&mut self, filled: FilledSample, give: &mut dyn FnMut(Segment)) {
        let mv = self.calibration.to_mv(filled.adu);
        self.summary.samples += 1;
        self.summary.missing_samples += u64::from(filled.missing);
        self.segments.push(mv, filled.missing);

        let (segments, counted) = (&mut self.segments, &mut self.counted);
        self.beats
            .push(mv, &mut |sample| counted.add(segments.push_beat(sample)));
        while self.segments.may_have_segment() {
            match self.segments.next_segment(self.beats.settled_until()) {
                Some(segment) => self.give(segment, give),
                None => break,
            }
        }
    }

    fn finish(mut self, give: &mut dyn FnMut(Segment)) -> LeadSummary {
        let (segments, counted) = (&mut self.segments, &mut self.counted);
        self.beats
            .finish(&mut |sample| counted.add(segments.push_beat(sample)));
        while let Some(segment) = self.segments.last_segments() {
            self.give(segment, give);
        }
        let BeatCount {
            beats,
            rr_intervals,
            rr_sum_ms,
        } = self.counted;
        let mean_ms = (rr_intervals > 0).then(|| rr_sum_ms / rr_intervals as f64);
        self.summary.beats = beats;
        self.summary.heart_rate_bpm = features::heart_rate_bpm(mean_ms);
        self.summary.warnings = self.warnings.into_iter().collect();
        self.summary
    }

    fn give(&mut self, segment: Segment, give: &mut dyn FnMut(Segment)) {
        self.summary.segments += 1;
        self.warnings.extend(&segment.warnings);
        give(segment);
    }
}
