//! Rows of `beats`.

use std::io::Write;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, Float64Array, Int64Array, StringArray};
use arrow_ipc::writer::FileWriter;
use arrow_schema::ArrowError;
use ecg_recipe::Beat;
use ecg_recording::Recording;
use ecg_tables::{BEATS, arrow as table_arrow};

use crate::columns::{batch_of, lead_names, lead_numbers, measured, repeated};

/// A batch is written when it holds this many rows.
const BATCH_ROWS: usize = 8 * 1024;

/// Writes the beats of all leads, collected until a batch is full.
pub(crate) struct BeatRows<'a, W: Write> {
    recording_id: &'a str,
    recording: &'a Recording,
    writer: FileWriter<W>,
    rows: Vec<(usize, Beat)>,
    written: u64,
}

impl<'a, W: Write> BeatRows<'a, W> {
    pub(crate) fn new(out: W, recording_id: &'a str, recording: &'a Recording) -> Result<Self, ArrowError> {
        Ok(Self {
            recording_id,
            recording,
            writer: FileWriter::try_new(out, &table_arrow::schema(&BEATS))?,
            rows: Vec::new(),
            written: 0,
        })
    }

    /// Takes the next beats of a lead, given by its number.
    pub(crate) fn append(&mut self, lead: usize, beats: &[Beat]) -> Result<(), ArrowError> {
        self.rows.extend(beats.iter().map(|beat| (lead, *beat)));
        if self.rows.len() >= BATCH_ROWS {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// The number of rows.
    pub(crate) fn finish(mut self) -> Result<u64, ArrowError> {
        self.flush()?;
        self.writer.finish()?;
        Ok(self.written)
    }

    fn flush(&mut self) -> Result<(), ArrowError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.rows);
        self.written += rows.len() as u64;
        let samples = |sample: fn(&Beat) -> Option<u64>| -> ArrayRef {
            let of = |row: &(usize, Beat)| sample(&row.1).map(|sample| sample as i64);
            Arc::new(Int64Array::from_iter(rows.iter().map(of)))
        };
        let doubles = |value: fn(&Beat) -> Option<f64>| -> ArrayRef {
            Arc::new(Float64Array::from_iter(rows.iter().map(|row| value(&row.1))))
        };
        let batch = batch_of(&BEATS, |column| {
            Some(match column.name {
                "recording_id" => repeated(Some(self.recording_id), rows.len()),
                "lead" => lead_numbers(&rows),
                "lead_name" => lead_names(self.recording, &rows),
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
        })?;
        self.writer.write(&batch)
    }
}
