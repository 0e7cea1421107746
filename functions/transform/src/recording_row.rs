//! The row of `recordings`.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use arrow_schema::ArrowError;
use ecg_core::PIPELINE_VERSION;
use ecg_core::message::Source;
use ecg_recipe::{LeadSummary, Quality, RECIPE_VERSION};
use ecg_recording::{Recording, Verdict};
use ecg_tables::RECORDINGS;

use crate::columns::{batch_of, double_lists, text_lists};

/// What the row says a recording is.
pub(crate) struct RecordingRow<'a> {
    pub(crate) recording_id: &'a str,
    pub(crate) run: u32,
    pub(crate) source: &'a Source,
    pub(crate) verdict: &'a Verdict,
    pub(crate) recording: &'a Recording,
    /// One of each lead, in their order.
    pub(crate) leads: &'a [LeadSummary],
    pub(crate) rules_version: &'a str,
}

impl RecordingRow<'_> {
    /// [`Quality::Good`] if no lead has a warning.
    pub(crate) fn quality(&self) -> Quality {
        if self.leads.iter().all(|lead| lead.warnings.is_empty()) {
            Quality::Good
        } else {
            Quality::Warn
        }
    }

    pub(crate) fn batch(&self) -> Result<RecordBatch, ArrowError> {
        let (source, recording) = (self.source, self.recording);
        let calibration = &recording.calibration;
        let (Some(first), Some(first_lead)) = (calibration.leads.first(), self.leads.first()) else {
            return Err(ArrowError::SchemaError(
                "recordings: expected at least one lead".into(),
            ));
        };
        let warnings: BTreeSet<&str> = self
            .leads
            .iter()
            .flat_map(|lead| lead.warnings.iter().map(|warning| warning.name()))
            .collect();
        let text = |value: &str| -> ArrayRef { Arc::new(StringArray::from(vec![value])) };
        let optional = |value: Option<&str>| -> ArrayRef { Arc::new(StringArray::from(vec![value])) };
        let double = |value: f64| -> ArrayRef { Arc::new(Float64Array::from(vec![value])) };
        let bigint = |value: u64| -> ArrayRef { Arc::new(Int64Array::from(vec![value as i64])) };
        batch_of(&RECORDINGS, |column| {
            Some(match column.name {
                "recording_id" => text(self.recording_id),
                "record" => optional(recording.record.as_deref()),
                "fragment" => Arc::new(Int32Array::from(vec![recording.fragment])),
                "label" => optional(recording.label.as_deref()),
                "source_bucket" => text(&source.bucket),
                "source_key" => text(&source.key),
                "source_version" => text(&source.version),
                "source_etag" => text(&source.etag),
                "source_size" => bigint(source.size),
                "content_sha256" => text(self.verdict.content_sha256.as_deref().unwrap_or_default()),
                "format" => text(&recording.signals.format),
                "sampling_frequency_hz" => double(calibration.sampling_frequency_hz),
                "leads" => Arc::new(Int32Array::from(vec![recording.signals.leads as i32])),
                "samples" => bigint(recording.signals.samples),
                "duration_s" => double(recording.duration_s()),
                "gain" => double(first.gain),
                "baseline" => double(first.baseline),
                "units" => text(&first.units),
                "calibration_source" => text(&calibration.source),
                "missing_samples" => bigint(self.leads.iter().map(|lead| lead.missing_samples).sum()),
                "quality" => text(self.quality().name()),
                "warnings" => text_lists([warnings.iter().copied()].into_iter()),
                "heart_rate_bpm" => Arc::new(Float64Array::from(vec![first_lead.heart_rate_bpm])),
                "uploaded_at" => Arc::new(TimestampMillisecondArray::from(vec![source.uploaded_at_ms])),
                "pipeline_version" => text(PIPELINE_VERSION),
                "rules_version" => text(self.rules_version),
                "source_sequencer" => optional(source.sequencer.as_deref()),
                "lead_names" => {
                    text_lists([calibration.leads.iter().map(|lead| lead.name.as_str())].into_iter())
                }
                "lead_gains" => double_lists([calibration.leads.iter().map(|lead| lead.gain)].into_iter()),
                "lead_baselines" => {
                    double_lists([calibration.leads.iter().map(|lead| lead.baseline)].into_iter())
                }
                "beats" => bigint(first_lead.beats),
                "run" => Arc::new(Int32Array::from(vec![self.run as i32])),
                "recipe_version" => Arc::new(Int32Array::from(vec![RECIPE_VERSION as i32])),
                "subject_id" => optional(recording.origin.subject_id.as_deref()),
                "device_id" => optional(recording.origin.device_id.as_deref()),
                "recorded_at" => Arc::new(TimestampMillisecondArray::from(vec![
                    recording.origin.recorded_at_ms,
                ])),
                "age" => Arc::new(Int32Array::from(vec![recording.origin.age])),
                "sex" => optional(recording.origin.sex.map(|sex| sex.name())),
                _ => return None,
            })
        })
    }
}
