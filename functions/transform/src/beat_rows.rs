//! Rows of `beats`.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::ArrowError;
use ecg_recipe::Beat;
use ecg_recording::Recording;
use ecg_tables::{BEATS, Table};

use crate::columns::{batch_of, lead_names, lead_numbers, measured, repeated};
use crate::lead_rows::Row;

impl Row for Beat {
    const TABLE: &'static Table = &BEATS;
    const BATCH: usize = 8 * 1024;

    fn batch(
        recording_id: &str,
        recording: &Recording,
        rows: &[(usize, Self)],
    ) -> Result<RecordBatch, ArrowError> {
        let samples = |sample: fn(&Beat) -> Option<u64>| -> ArrayRef {
            let of = |row: &(usize, Beat)| sample(&row.1).map(|sample| sample as i64);
            Arc::new(Int64Array::from_iter(rows.iter().map(of)))
        };
        let doubles = |value: fn(&Beat) -> Option<f64>| -> ArrayRef {
            Arc::new(Float64Array::from_iter(rows.iter().map(|row| value(&row.1))))
        };
        batch_of(&BEATS, |column| {
            Some(match column.name {
                "recording_id" => repeated(Some(recording_id), rows.len()),
                "lead" => lead_numbers(rows),
                "lead_name" => lead_names(recording, rows),
                "sample" => samples(|beat| Some(beat.sample)),
                "time_s" => doubles(|beat| Some(beat.time_s)),
                "rr_ms" => doubles(|beat| beat.rr_ms),
                "r_mv" => Arc::new(Float32Array::from_iter_values(rows.iter().map(|row| row.1.r_mv))),
                "p_onset" => samples(|beat| beat.waves.p.map(|p| p.onset)),
                "p_peak" => samples(|beat| beat.waves.p.map(|p| p.peak)),
                "p_end" => samples(|beat| beat.waves.p.map(|p| p.end)),
                "qrs_onset" => samples(|beat| beat.waves.qrs.map(|qrs| qrs.onset)),
                "qrs_end" => samples(|beat| beat.waves.qrs.map(|qrs| qrs.end)),
                "t_onset" => samples(|beat| beat.waves.t.map(|t| t.onset)),
                "t_peak" => samples(|beat| beat.waves.t.map(|t| t.peak)),
                "t_end" => samples(|beat| beat.waves.t.map(|t| t.end)),
                "template_corr" => doubles(|beat| beat.template_corr),
                "beat_type" => Arc::new(StringArray::from_iter_values(
                    rows.iter().map(|row| row.1.beat_type.name()),
                )),
                "nn_ms" => doubles(|beat| beat.nn_ms),
                name => measured(name, rows.iter().map(|row| &row.1.measured))?,
            })
        })
    }
}
