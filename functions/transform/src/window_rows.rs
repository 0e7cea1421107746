//! Rows of `windows`.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch};
use arrow_schema::ArrowError;
use ecg_recipe::{Variability, Window};
use ecg_recording::Recording;
use ecg_tables::{Table, WINDOWS};

use crate::columns::{batch_of, lead_names, lead_numbers, repeated};
use crate::lead_rows::Row;

impl Row for Window {
    const TABLE: &'static Table = &WINDOWS;
    const BATCH: usize = 1024;

    fn batch(
        recording_id: &str,
        recording: &Recording,
        rows: &[(usize, Self)],
    ) -> Result<RecordBatch, ArrowError> {
        let frequency = recording.calibration.sampling_frequency_hz;
        let counts = |count: fn(&Window) -> u64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(
                rows.iter().map(|row| count(&row.1) as i64),
            ))
        };
        let doubles = |value: &dyn Fn(&Window) -> Option<f64>| -> ArrayRef {
            Arc::new(Float64Array::from_iter(rows.iter().map(|row| value(&row.1))))
        };
        batch_of(&WINDOWS, |column| {
            Some(match column.name {
                "recording_id" => repeated(Some(recording_id), rows.len()),
                "lead" => lead_numbers(rows),
                "lead_name" => lead_names(recording, rows),
                "window_index" => {
                    let indices = rows.iter().map(|row| row.1.index.map(|index| index as i32));
                    Arc::new(Int32Array::from_iter(indices))
                }
                "start_s" => doubles(&|window| Some(window.start_sample as f64 / frequency)),
                "start_sample" => counts(|window| window.start_sample),
                "duration_s" => doubles(&|window| Some(window.samples as f64 / frequency)),
                "label" => repeated(recording.label.as_deref(), rows.len()),
                "usable_share" => doubles(&|window| Some(window.usable_share)),
                "beats" => counts(|window| window.beats),
                "beats_n" => counts(|window| window.beats_n),
                "beats_s" => counts(|window| window.beats_s),
                "beats_v" => counts(|window| window.beats_v),
                "beats_q" => counts(|window| window.beats_q),
                "rr_intervals" => counts(|window| window.rr_intervals),
                "nn_intervals" => counts(|window| window.variability.nn_intervals),
                "nn_share" => doubles(&|window| window.nn_share),
                "heart_rate_bpm" => doubles(&|window| window.heart_rate_bpm),
                "af_s" => doubles(&|window| window.af_s),
                "af_known_s" => doubles(&|window| Some(window.af_known_s)),
                "sdann_ms" => doubles(&|window| window.sdann_ms),
                "sdnn_index_ms" => doubles(&|window| window.sdnn_index_ms),
                name => {
                    let value = variability(name)?;
                    doubles(&|window| value(&window.variability))
                }
            })
        })
    }
}

/// The value of a column of heart rate variability; `None` if there is no such column.
fn variability(name: &str) -> Option<fn(&Variability) -> Option<f64>> {
    Some(match name {
        "nn_mean_ms" => |of| of.nn_mean_ms,
        "sdnn_ms" => |of| of.sdnn_ms,
        "rmssd_ms" => |of| of.rmssd_ms,
        "pnn20" => |of| of.pnn20,
        "pnn50" => |of| of.pnn50,
        "nn_p05_ms" => |of| of.nn_p05_ms,
        "nn_p25_ms" => |of| of.nn_p25_ms,
        "nn_p50_ms" => |of| of.nn_p50_ms,
        "nn_p75_ms" => |of| of.nn_p75_ms,
        "nn_p95_ms" => |of| of.nn_p95_ms,
        "triangular_index" => |of| of.triangular_index,
        "vlf_ms2" => |of| of.vlf_ms2,
        "lf_ms2" => |of| of.lf_ms2,
        "hf_ms2" => |of| of.hf_ms2,
        "total_ms2" => |of| of.total_ms2,
        "lf_hf" => |of| of.lf_hf,
        "lf_nu" => |of| of.lf_nu,
        "hf_nu" => |of| of.hf_nu,
        "sd1_ms" => |of| of.sd1_ms,
        "sd2_ms" => |of| of.sd2_ms,
        "sample_entropy" => |of| of.sample_entropy,
        "dfa_alpha1" => |of| of.dfa_alpha1,
        _ => return None,
    })
}
