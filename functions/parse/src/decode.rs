//! Decoding: from a MAT file to the canonical Arrow form, one row per lead and 10-second segment, in ADC units.
//!
//! Samples stream through: at any time one segment per lead and one batch of rows are in memory.

use std::io::{Read, Seek, Write};
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow_array::builder::{Float64Builder, Int16Builder, Int32Builder, Int64Builder, ListBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, SchemaRef};
use ecg_mat::MatFile;
use ecg_recording::{Recording, RecordingError, Verdict, samples};
use ecg_tables::parsed::{fits_int16, schema};

/// A batch is written when it holds this many samples.
const BATCH_SAMPLES: usize = 128 * 1024;

/// Why a recording could not be decoded.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The recording could not be read, or is at fault.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The rows could not be written.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
}

/// Decodes a recording into an Arrow IPC file and returns the number of rows.
///
/// # Errors
/// The file is not what the verdict says, or a read or write failed.
pub fn decode<R: Read + Seek + Send + 'static, W: Write>(
    file: &mut MatFile<R>,
    recording: &Recording,
    verdict: &Verdict,
    segment_s: f64,
    out: W,
) -> Result<u64, DecodeError> {
    let verdict_json =
        serde_json::to_string(verdict).map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
    let schema = schema(&recording.class, &verdict_json);
    let writer = FileWriter::try_new(out, &schema)?;
    let segment_samples = usize::try_from(recording.strip_samples(segment_s)).unwrap_or(usize::MAX);
    let mut rows = Rows {
        writer,
        batch: Batch::new(&recording.class),
        schema,
        written: 0,
    };
    let mut leads: Vec<Lead> = (0..recording.leads).map(|_| Lead::default()).collect();

    let mut failed: Option<ArrowError> = None;
    samples::stream(file, recording, &mut |number, values| {
        let lead = &mut leads[number];
        let mut rest = values;
        while !rest.is_empty() {
            let take = rest.len().min(segment_samples - lead.samples.len());
            lead.samples.extend_from_slice(&rest[..take]);
            rest = &rest[take..];
            if lead.samples.len() == segment_samples
                && let Err(error) = rows.append(number, lead)
            {
                failed = Some(error);
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    })?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    for (number, lead) in leads.iter_mut().enumerate() {
        if !lead.samples.is_empty() {
            rows.append(number, lead)?;
        }
    }
    rows.flush()?;
    rows.writer.finish()?;
    Ok(rows.written)
}

/// The segment of one lead that is being filled.
#[derive(Default)]
struct Lead {
    /// Samples so far, NaN where missing.
    samples: Vec<f64>,
    segment: i32,
    start_sample: i64,
}

struct Rows<W: Write> {
    writer: FileWriter<W>,
    schema: SchemaRef,
    batch: Batch,
    written: u64,
}

impl<W: Write> Rows<W> {
    /// Adds the segment as a row and empties it.
    fn append(&mut self, number: usize, lead: &mut Lead) -> Result<(), ArrowError> {
        self.batch.lead.append_value(number as i32);
        self.batch.segment.append_value(lead.segment);
        self.batch.start_sample.append_value(lead.start_sample);
        self.batch.adu.append(&lead.samples);
        self.batch.samples += lead.samples.len();
        lead.segment += 1;
        lead.start_sample += lead.samples.len() as i64;
        lead.samples.clear();
        self.written += 1;
        if self.batch.samples >= BATCH_SAMPLES {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn flush(&mut self) -> Result<(), ArrowError> {
        if self.batch.samples == 0 {
            return Ok(());
        }
        self.batch.samples = 0;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.batch.lead.finish()),
            Arc::new(self.batch.segment.finish()),
            Arc::new(self.batch.start_sample.finish()),
            self.batch.adu.finish(),
        ];
        self.writer
            .write(&RecordBatch::try_new(self.schema.clone(), columns)?)
    }
}

struct Batch {
    lead: Int32Builder,
    segment: Int32Builder,
    start_sample: Int64Builder,
    adu: Adu,
    samples: usize,
}

enum Adu {
    Int16(ListBuilder<Int16Builder>),
    Float64(ListBuilder<Float64Builder>),
}

impl Batch {
    fn new(class: &str) -> Batch {
        let adu = if fits_int16(class) {
            Adu::Int16(ListBuilder::new(Int16Builder::new()))
        } else {
            Adu::Float64(ListBuilder::new(Float64Builder::new()))
        };
        Batch {
            lead: Int32Builder::new(),
            segment: Int32Builder::new(),
            start_sample: Int64Builder::new(),
            adu,
            samples: 0,
        }
    }
}

impl Adu {
    fn append(&mut self, samples: &[f64]) {
        let present = samples.iter().map(|sample| (!sample.is_nan()).then_some(*sample));
        match self {
            // Exact: the values came from a type of at most 16 bits.
            Adu::Int16(list) => list.append_value(present.map(|sample| sample.map(|value| value as i16))),
            Adu::Float64(list) => list.append_value(present),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Adu::Int16(list) => Arc::new(list.finish()),
            Adu::Float64(list) => Arc::new(list.finish()),
        }
    }
}
