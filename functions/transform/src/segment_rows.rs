//! Rows of `segments`.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::ArrowError;
use ecg_recipe::{BeatType, Segment};
use ecg_recording::Recording;
use ecg_tables::{SEGMENTS, Table};

use crate::columns::{
    batch_of, float_lists, int_lists, lead_names, lead_numbers, measured, repeated, text_lists,
};
use crate::lead_rows::Row;

impl Row for Segment {
    const TABLE: &'static Table = &SEGMENTS;
    /// In samples.
    const BATCH: usize = 128 * 1024;

    fn weight(&self) -> usize {
        self.mv.len()
    }

    fn batch(
        recording_id: &str,
        recording: &Recording,
        rows: &[(usize, Self)],
    ) -> Result<RecordBatch, ArrowError> {
        let frequency = recording.calibration.sampling_frequency_hz;
        let ints = |value: &dyn Fn(&Segment) -> i32| -> ArrayRef {
            Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| value(&row.1))))
        };
        let floats = |value: &dyn Fn(&Segment) -> f32| -> ArrayRef {
            Arc::new(Float32Array::from_iter_values(
                rows.iter().map(|row| value(&row.1)),
            ))
        };
        let doubles = |value: &dyn Fn(&Segment) -> Option<f64>| -> ArrayRef {
            Arc::new(Float64Array::from_iter(rows.iter().map(|row| value(&row.1))))
        };
        let of_types = |types: &[BeatType]| {
            let of_segment = |segment: &Segment| -> u32 {
                let of_type = |of: &BeatType| segment.features.beats_of_type[*of as usize];
                types.iter().map(of_type).sum()
            };
            ints(&|segment| of_segment(segment) as i32)
        };
        batch_of(&SEGMENTS, |column| {
            Some(match column.name {
                "recording_id" => repeated(Some(recording_id), rows.len()),
                "lead" => lead_numbers(rows),
                "lead_name" => lead_names(recording, rows),
                "segment" => ints(&|segment| segment.index as i32),
                "start_s" => doubles(&|segment| Some(segment.start_sample as f64 / frequency)),
                "start_sample" => Arc::new(Int64Array::from_iter_values(
                    rows.iter().map(|row| row.1.start_sample as i64),
                )),
                "samples" => ints(&|segment| segment.mv.len() as i32),
                "sampling_frequency_hz" => doubles(&|_| Some(frequency)),
                "label" => repeated(recording.label.as_deref(), rows.len()),
                "mv" => float_lists(rows.iter().map(|row| row.1.mv.as_slice())),
                "min_mv" => floats(&|segment| segment.features.min_mv),
                "max_mv" => floats(&|segment| segment.features.max_mv),
                "rms_mv" => floats(&|segment| segment.features.rms_mv as f32),
                "beats" => ints(&|segment| segment.features.beats as i32),
                "heart_rate_bpm" => doubles(&|segment| segment.features.heart_rate_bpm),
                "rr_mean_ms" => doubles(&|segment| segment.features.rr_mean_ms),
                "sdnn_ms" => doubles(&|segment| segment.features.sdnn_ms),
                "rmssd_ms" => doubles(&|segment| segment.features.rmssd_ms),
                "pnn50" => doubles(&|segment| segment.features.pnn50),
                "rr_intervals" => ints(&|segment| segment.features.rr_intervals as i32),
                "ksqi" => doubles(&|segment| segment.features.ksqi),
                "ssqi" => doubles(&|segment| segment.features.ssqi),
                "psqi" => doubles(&|segment| segment.features.psqi),
                "bassqi" => doubles(&|segment| segment.features.bassqi),
                "flat_ms" => doubles(&|segment| Some(segment.features.flat_ms)),
                "saturated_samples" => ints(&|segment| segment.features.saturated_samples as i32),
                "missing_samples" => ints(&|segment| segment.features.missing_samples as i32),
                "missing_at" => int_lists(rows.iter().map(|row| row.1.missing_at.as_slice())),
                "quality" => Arc::new(StringArray::from_iter_values(
                    rows.iter().map(|row| row.1.quality.name()),
                )),
                "warnings" => text_lists(
                    rows.iter()
                        .map(|row| row.1.warnings.iter().map(|warning| warning.name())),
                ),
                "beats_n" => of_types(&[BeatType::Normal]),
                "beats_s" => of_types(&[BeatType::Supraventricular]),
                "beats_v" => of_types(&[BeatType::Ventricular]),
                "beats_q" => of_types(&[BeatType::Paced, BeatType::Unclassified]),
                "nn_intervals" => ints(&|segment| segment.features.nn_intervals as i32),
                "template_corr" => doubles(&|segment| segment.features.template_corr),
                "bsqi" => doubles(&|segment| segment.features.bsqi),
                "sqi" => doubles(&|segment| segment.features.sqi),
                name => measured(name, rows.iter().map(|row| &row.1.features.measured))?,
            })
        })
    }
}
