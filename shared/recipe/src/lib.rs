//! The recipe: from the raw samples of a lead to segments in millivolts, with beats, features and quality labels.
//!
//! [`process`] takes a whole lead. [`LeadRecipe`] is the same for a lead that streams; it has the steps, in the order
//! of `docs/recipe.md`, one file each:
//!
//! 1. `fill_gaps.rs`: missing samples become straight lines; their places are kept.
//! 2. `calibrate.rs`: ADC units become millivolts. This is the signal that is stored, unfiltered.
//! 3. `qrs_candidates.rs` and `find_beats.rs`: two moving means find candidates, an adaptive threshold decides which
//!    are beats; `unclear_candidates.rs` and `doubtful_beats.rs` judge those that are hard to tell.
//!    `rr_intervals.rs`: the time between neighbouring beats. For the quality indices: `templates.rs`, how alike
//!    the beats are; `second_detector.rs`, which of them another detector finds, too. `find_waves.rs`: where the P wave, QRS
//!    complex and T wave of each beat begin and end (`waves.rs`: one wave), and `measure_beats.rs`: what is measured of them.
//!    `beat_types.rs`: the type of each beat, from its shape (`beat_shape.rs`), width, time, P wave and pacing
//!    spike (`pacing_spike.rs`).
//! 4. `cut.rs`: segments of ten seconds. `features.rs`: their features.
//! 5. `label_quality.rs`: warnings. A label never drops a segment.
//! 6. `windows.rs`: windows of five minutes. `variability.rs`: their heart rate variability. `atrial_fibrillation.rs`: which
//!    minutes are in atrial fibrillation.
//!
//! `types.rs` has what the steps hand to each other, `detector_settings.rs`, `wave_settings.rs` and `type_settings.rs` the numbers of step 3. The limits are
//! those of [`ecg_core::rules`].
//!
//! The steps work on blocks of 4096 samples (`filters::BLOCK`), each a loop over slices. What is pushed is cut and
//! collected into these blocks, and every sum has its place and order from the sample's number in the lead. So the output
//! does not depend on how the samples were pushed, nor on the processor.
//!
//! Everything here is a function of its input: no file, environment, clock or log. The memory is bounded by some thirty
//! seconds of signal and a few blocks, however long the recording or a gap in it.

mod adaptive_levels;
mod atrial_fibrillation;
mod beat_shape;
mod beat_types;
mod calibrate;
mod cut;
mod detector_settings;
mod doubtful_beats;
mod features;
mod fill_gaps;
mod filters;
mod find_beats;
mod find_waves;
mod label_quality;
mod measure_beats;
mod median;
mod pacing_spike;
mod qrs_candidates;
mod rr_intervals;
mod runs;
mod second_detector;
mod spectrum;
mod templates;
mod type_settings;
mod types;
mod unclear_candidates;
mod variability;
mod wave_settings;
mod waves;
mod windows;

use std::collections::BTreeSet;

use ecg_core::rules::Rules;

pub use calibrate::Calibration;
pub use features::Features;
pub use label_quality::{Quality, Warning};
pub use measure_beats::Measurements;
pub use types::{Beat, BeatType, LeadSummary, Segment};
pub use variability::{NnInterval, Variability, variability};
pub use waves::{Wave, Waves};
pub use windows::{WINDOW_S, Window, WindowCutter, has_windows};

/// The number of the recipe: rows of another number may have other values for the same samples. It rises with each change
/// of a value beyond rounding, and CHANGELOG.md says what changed. (The limits of quality have a version of their own, in
/// [`Rules`].)
pub const RECIPE_VERSION: u32 = 3;

use beat_types::TypeFinder;
use cut::SegmentCutter;
use doubtful_beats::DoubtfulBeats;
use features::{FeatureExtractor, QualityIndices, heart_rate_bpm};
use fill_gaps::{GapFiller, StraightLine, Stretch};
use filters::BLOCK;
use find_beats::BeatFinder;
use find_waves::WaveFinder;
use label_quality::warnings;
use pacing_spike::SpikeFinder;
use qrs_candidates::QrsCandidates;
use rr_intervals::RrIntervals;
use second_detector::Agreement;
use templates::Templates;
use types::CutSegment;

/// Applies the recipe to a whole lead: from its samples in ADC units (NaN where missing) to its segments, its windows and a
/// summary.
///
/// ```
/// use ecg_core::rules::RULES;
/// use ecg_recipe::{Calibration, Warning, process};
///
/// // 20 s at 250 Hz: a peak of 1 mV every 0.8 s, and one missing sample.
/// let calibration = Calibration { gain: 200.0, baseline: 1024.0 };
/// let mut samples: Vec<f64> = (0..5000)
///     .map(|n| {
///         let distance_s = ((n % 200) as f64 - 100.0) / 250.0;
///         let mv = (-0.5 * (distance_s / 0.011).powi(2)).exp();
///         (1024.0 + 200.0 * mv).round()
///     })
///     .collect();
/// samples[3000] = f64::NAN;
/// let (segments, windows, lead) = process(&samples, 250.0, calibration, &RULES)?;
///
/// assert_eq!((lead.segments, lead.beats, lead.heart_rate_bpm), (2, 25, Some(75.0)));
/// assert_eq!((segments[0].beats[0].sample, segments[0].beats[0].r_mv), (100, 1.0));
/// assert_eq!(segments[1].features.rr_mean_ms, Some(800.0));
/// assert_eq!(segments[1].missing_at, [500]);
/// assert!(segments[1].warnings.contains(&Warning::MissingSamples));
/// assert!(windows.is_empty());
/// # Ok::<(), ecg_recipe::RecipeError>(())
/// ```
///
/// # Errors
/// [`RecipeError`] if the sampling frequency is outside the limits of the rules, or the calibration is impossible.
pub fn process(
    samples: &[f64],
    sampling_frequency_hz: f64,
    calibration: Calibration,
    rules: &Rules,
) -> Result<(Vec<Segment>, Vec<Window>, LeadSummary), RecipeError> {
    let mut recipe = LeadRecipe::new(sampling_frequency_hz, calibration, rules)?;
    let mut segments = Vec::new();
    recipe.push(samples, &mut |segment| segments.push(segment));
    let (summary, windows) = recipe.finish(&mut |segment| segments.push(segment));
    Ok((segments, windows, summary))
}

/// The recipe for one lead that streams. Push its samples in order, in blocks of any size, and take the segments as
/// they become complete; then finish.
///
/// ```
/// use ecg_core::rules::RULES;
/// use ecg_recipe::{Calibration, LeadRecipe};
///
/// let calibration = Calibration { gain: 200.0, baseline: 1024.0 };
/// let mut recipe = LeadRecipe::new(360.0, calibration, &RULES)?;
/// let mut complete = 0;
/// for block in [[1024.0; 9000], [1030.0; 9000]] {
///     recipe.push(&block, &mut |segment| complete += segment.mv.len());
/// }
/// assert_eq!(complete, 14_400);
/// let (lead, _) = recipe.finish(&mut |segment| complete += segment.mv.len());
/// assert_eq!((complete, lead.samples, lead.segments), (18_000, 18_000, 5));
/// # Ok::<(), ecg_recipe::RecipeError>(())
/// ```
pub struct LeadRecipe {
    gap_filler: GapFiller,
    /// Samples in mV on their way to the search for gaps.
    mv: Vec<f32>,
    steps: Steps,
}

/// All steps but the search for gaps, which gives them a lead without any.
struct Steps {
    sampling_frequency_hz: f64,
    calibration: Calibration,
    rules: Rules,
    beat_finder: BeatFinder,
    templates: Templates,
    doubtful_beats: DoubtfulBeats,
    agreement: Agreement,
    rr_intervals: RrIntervals,
    wave_finder: WaveFinder,
    spike_finder: SpikeFinder,
    type_finder: TypeFinder,
    cutter: SegmentCutter,
    window_cutter: WindowCutter,
    /// Windows that nobody has taken yet.
    windows: Vec<Window>,
    feature_extractor: FeatureExtractor,
    summary: LeadSummary,
    /// Known intervals of the lead so far.
    intervals: u64,
    /// Their sum in ms.
    intervals_ms: f64,
    warnings: BTreeSet<Warning>,
}

impl LeadRecipe {
    /// `sampling_frequency_hz` is that of the lead.
    ///
    /// # Errors
    /// [`RecipeError`] if the sampling frequency is outside the limits of the rules, or the calibration is
    /// impossible.
    pub fn new(
        sampling_frequency_hz: f64,
        calibration: Calibration,
        rules: &Rules,
    ) -> Result<Self, RecipeError> {
        let (lowest_hz, highest_hz) = (
            rules.reject_sampling_frequency_hz_below,
            rules.reject_sampling_frequency_hz_above,
        );
        if !(lowest_hz..=highest_hz).contains(&sampling_frequency_hz) {
            return Err(RecipeError::SamplingFrequency {
                found_hz: sampling_frequency_hz,
                lowest_hz,
                highest_hz,
            });
        }
        let Calibration { gain, baseline } = calibration;
        if !calibration.is_valid() {
            return Err(RecipeError::Calibration { gain, baseline });
        }
        let segment_samples = ((rules.segment_s * sampling_frequency_hz).round() as u64).max(1);
        let flat_samples_from = FeatureExtractor::flat_samples_from(sampling_frequency_hz, rules);
        let templates = Templates::new(sampling_frequency_hz);
        // A candidate may be in the segment before that of its R peak.
        let samples_before =
            templates.samples_around() + QrsCandidates::r_peak_within(sampling_frequency_hz) as usize;
        let steps = Steps {
            sampling_frequency_hz,
            calibration,
            rules: *rules,
            beat_finder: BeatFinder::new(sampling_frequency_hz),
            templates,
            doubtful_beats: DoubtfulBeats::new(sampling_frequency_hz),
            agreement: Agreement::new(sampling_frequency_hz, segment_samples),
            rr_intervals: RrIntervals::new(sampling_frequency_hz),
            wave_finder: WaveFinder::new(sampling_frequency_hz),
            spike_finder: SpikeFinder::new(sampling_frequency_hz),
            type_finder: TypeFinder::default(),
            cutter: SegmentCutter::new(segment_samples, samples_before, flat_samples_from),
            window_cutter: WindowCutter::new(sampling_frequency_hz, segment_samples, rules),
            windows: Vec::new(),
            feature_extractor: FeatureExtractor::new(sampling_frequency_hz, rules),
            summary: LeadSummary::default(),
            intervals: 0,
            intervals_ms: 0.0,
            warnings: BTreeSet::new(),
        };
        Ok(Self {
            gap_filler: GapFiller::new(baseline),
            mv: Vec::new(),
            steps,
        })
    }

    /// Takes the next samples in ADC units, NaN for a missing one (infinity counts as missing, too), and gives the
    /// segments that are now complete.
    pub fn push(&mut self, samples: &[f64], segment: &mut dyn FnMut(Segment)) {
        let Self {
            gap_filler,
            mv,
            steps,
        } = self;
        for adu in samples.chunks(BLOCK) {
            // 2. Calibrate: first, because a sample without millivolts is a missing one.
            mv.clear();
            mv.extend(adu.iter().map(|adu| steps.calibration.to_mv(*adu)));
            // 1. Fill gaps.
            gap_filler.push(adu, mv, &mut |stretch| match stretch {
                Stretch::Recorded(mv) => steps.take_recorded(mv, segment),
                Stretch::Gap(line) => steps.take_gap(line, segment),
            });
        }
    }

    /// The windows that have become complete since they were taken before.
    pub fn take_windows(&mut self) -> Vec<Window> {
        std::mem::take(&mut self.steps.windows)
    }

    /// Ends the lead and gives the remaining segments; returns the windows that were not taken, the last of which is the whole
    /// lead.
    pub fn finish(mut self, segment: &mut dyn FnMut(Segment)) -> (LeadSummary, Vec<Window>) {
        if let Some(line) = self.gap_filler.finish() {
            self.steps.take_gap(line, segment);
        }
        self.steps.finish(segment)
    }
}

impl Steps {
    /// Takes recorded samples.
    fn take_recorded(&mut self, mv: &[f32], segment: &mut dyn FnMut(Segment)) {
        let mut rest = mv;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(self.room()));
            self.cutter.push(now.iter().copied());
            self.feature_extractor.push(now);
            self.take(now.len() as u64, segment);
            rest = later;
        }
    }

    /// Takes the samples of a gap.
    fn take_gap(&mut self, line: StraightLine, segment: &mut dyn FnMut(Segment)) {
        let mut from = 0;
        while from < line.samples {
            let now = (line.samples - from).min(self.room() as u64);
            let calibration = self.calibration;
            self.cutter
                .push(line.adu(from..from + now).map(|adu| calibration.to_mv(adu)));
            let missing = self.summary.samples..self.summary.samples + now;
            self.cutter.push_gap(missing.clone());
            self.rr_intervals.push_gap(missing.clone());
            self.wave_finder.push_gap(missing);
            self.feature_extractor.push_gap(now);
            self.summary.missing_samples += now;
            self.take(now, segment);
            from += now;
        }
    }

    /// How many samples the block lacks that is being collected.
    fn room(&self) -> usize {
        BLOCK - (self.summary.samples % BLOCK as u64) as usize
    }

    /// Counts samples; if the block is full, does steps 3 to 6 for it.
    fn take(&mut self, samples: u64, segment: &mut dyn FnMut(Segment)) {
        self.summary.samples += samples;
        if self.summary.samples.is_multiple_of(BLOCK as u64) {
            // 3. Find beats.
            self.beat_finder.push(self.cutter.latest(BLOCK));
            self.wave_finder.push(self.cutter.latest(BLOCK));
            self.take_beats();
            // 3b. Find waves.
            let known_until = self.beats_known_until();
            let types = &mut self.type_finder;
            self.wave_finder.advance(known_until, &mut |beat, shape| {
                types.push(
                    beat,
                    shape,
                    self.spike_finder.has_spike(beat.sample, &self.cutter),
                );
            });
            // 3c. Types of beats.
            let known_until = self.wave_finder.known_until(known_until);
            let known_until_s = known_until as f64 / self.sampling_frequency_hz;
            types.advance(known_until_s, &mut |beat| self.cutter.push_beat(beat));
            // 4. Cut segments.
            let known_until = types.known_until(known_until);
            let known_until = known_until.min(self.agreement.known_until());
            while let Some(cut) = self.cutter.next_segment(known_until) {
                segment(self.complete(cut));
            }
        }
    }

    fn finish(mut self, segment: &mut dyn FnMut(Segment)) -> (LeadSummary, Vec<Window>) {
        let collected = (self.summary.samples % BLOCK as u64) as usize;
        self.beat_finder.push(self.cutter.latest(collected));
        self.wave_finder.push(self.cutter.latest(collected));
        self.beat_finder.finish();
        self.take_beats();
        self.doubtful_beats.finish();
        self.take_certain_beats();
        let types = &mut self.type_finder;
        self.wave_finder.finish(&mut |beat, shape| {
            types.push(
                beat,
                shape,
                self.spike_finder.has_spike(beat.sample, &self.cutter),
            );
        });
        types.finish(&mut |beat| self.cutter.push_beat(beat));
        self.agreement.advance_to(u64::MAX, u64::MAX);
        while let Some(cut) = self.cutter.next_remaining_segment() {
            segment(self.complete(cut));
        }
        let rr_mean_ms = (self.intervals > 0).then(|| self.intervals_ms / self.intervals as f64);
        let summary = LeadSummary {
            heart_rate_bpm: heart_rate_bpm(rr_mean_ms),
            warnings: self.warnings.into_iter().collect(),
            ..self.summary
        };
        self.windows.extend(self.window_cutter.finish());
        (summary, self.windows)
    }

    /// The end of step 3: gives the beats that are certain now their intervals.
    fn take_beats(&mut self) {
        while let Some(candidate) = self.beat_finder.next_beat() {
            let around = self
                .cutter
                .mv_around(candidate.at, self.templates.samples_around());
            self.doubtful_beats
                .push((candidate, self.templates.next_beat(around)));
        }
        self.doubtful_beats.advance_to(self.beat_finder.known_until());
        self.take_certain_beats();
        while let Some(sample) = self.beat_finder.next_beat_of_second() {
            self.agreement.push_second(sample);
        }
        let known_until = self.beat_finder.candidates_known_until();
        let doubtful = self.doubtful_beats.first_doubtful();
        let known_until = doubtful.map_or(known_until, |beat| beat.at.min(known_until));
        self.agreement
            .advance_to(known_until, self.beat_finder.second_known_until());
    }

    fn take_certain_beats(&mut self) {
        while let Some((candidate, fitted)) = self.doubtful_beats.next_beat() {
            let sample = candidate.r_sample;
            self.agreement.push_first(candidate.at);
            let rr_ms = self.rr_intervals.next_beat(sample);
            let beat = Beat {
                sample,
                time_s: sample as f64 / self.sampling_frequency_hz,
                rr_ms,
                r_mv: self.cutter.mv_at(sample),
                template_corr: fitted.correlation,
                ..Beat::default()
            };
            self.wave_finder.push_beat(beat, fitted.kind);
            self.summary.beats += 1;
            if let Some(rr_ms) = rr_ms {
                self.intervals += 1;
                self.intervals_ms += rr_ms;
            }
        }
    }

    /// No further beat will be before this sample.
    fn beats_known_until(&self) -> u64 {
        let known_until = self.beat_finder.known_until();
        let doubtful = self.doubtful_beats.first_doubtful();
        doubtful.map_or(known_until, |beat| beat.r_sample.min(known_until))
    }

    /// The end of step 4, and step 5, for a segment that has all its samples and beats.
    fn complete(&mut self, cut: CutSegment) -> Segment {
        let samples = cut.mv.len();
        self.rr_intervals
            .no_beat_before(cut.start_sample + samples as u64);
        // 4. Compute features.
        let correlations = cut.beats.iter().map(|beat| beat.template_corr);
        let indices = QualityIndices::of(self.agreement.next_segment(), correlations);
        let features =
            self.feature_extractor
                .next_segment(&cut.mv, cut.missing_at.len() as u32, &cut.beats, indices);
        // 5. Label quality.
        let warnings = warnings(
            &features,
            samples as f64 / self.sampling_frequency_hz,
            &self.rules,
        );

        self.summary.segments += 1;
        self.warnings.extend(&warnings);
        // 6. Cut windows.
        let flat = (features.flat_ms * self.sampling_frequency_hz / 1000.0).round() as u64;
        let usable = if warnings.contains(&Warning::Noisy) {
            0
        } else {
            (samples as u64).saturating_sub(flat + u64::from(features.missing_samples))
        };
        let window = self
            .window_cutter
            .push_segment(samples as u64, usable, &cut.beats);
        self.windows.extend(window);
        Segment {
            index: cut.index,
            start_sample: cut.start_sample,
            mv: cut.mv,
            missing_at: cut.missing_at,
            beats: cut.beats,
            features,
            quality: Quality::of(&warnings),
            warnings,
        }
    }
}

/// Why a lead cannot be processed at all. The caller rejects the recording with it.
///
/// ```
/// use ecg_core::rules::RULES;
/// use ecg_recipe::{Calibration, process};
///
/// let calibration = Calibration { gain: 200.0, baseline: 1024.0 };
/// let error = process(&[1024.0], 25.0, calibration, &RULES).unwrap_err();
/// assert_eq!(error.to_string(), "sampling frequency: expected 50 to 20000 Hz, found 25 Hz");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum RecipeError {
    /// The sampling frequency is outside the limits of the rules.
    #[error("sampling frequency: expected {lowest_hz} to {highest_hz} Hz, found {found_hz} Hz")]
    SamplingFrequency {
        /// What the recording says, in Hz.
        found_hz: f64,
        /// The lower limit in Hz.
        lowest_hz: f64,
        /// The upper limit in Hz.
        highest_hz: f64,
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
