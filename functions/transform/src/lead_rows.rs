//! Rows of a table that has those of each lead: `segments`, `beats`, `windows`.

use std::io::Write;

use arrow_array::RecordBatch;
use arrow_ipc::writer::FileWriter;
use arrow_schema::ArrowError;
use ecg_recording::Recording;
use ecg_tables::{Table, arrow as table_arrow};

/// What becomes one row.
pub(crate) trait Row: Sized {
    const TABLE: &'static Table;
    /// A batch is written when its rows weigh so much together.
    const BATCH: usize;

    /// One, but for rows of very different size.
    fn weight(&self) -> usize {
        1
    }

    /// The columns of some rows, each with the number of its lead.
    fn batch(
        recording_id: &str,
        recording: &Recording,
        rows: &[(usize, Self)],
    ) -> Result<RecordBatch, ArrowError>;
}

/// Writes the rows of all leads, collected until a batch is full.
pub(crate) struct LeadRows<'a, W: Write, R: Row> {
    recording_id: &'a str,
    recording: &'a Recording,
    writer: FileWriter<W>,
    rows: Vec<(usize, R)>,
    weight: usize,
    written: u64,
}

impl<'a, W: Write, R: Row> LeadRows<'a, W, R> {
    pub(crate) fn new(out: W, recording_id: &'a str, recording: &'a Recording) -> Result<Self, ArrowError> {
        Ok(Self {
            recording_id,
            recording,
            writer: FileWriter::try_new(out, &table_arrow::schema(R::TABLE))?,
            rows: Vec::new(),
            weight: 0,
            written: 0,
        })
    }

    /// Takes the next rows of a lead, given by its number.
    pub(crate) fn append(
        &mut self,
        lead: usize,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<(), ArrowError> {
        for row in rows {
            self.weight += row.weight();
            self.rows.push((lead, row));
        }
        if self.weight >= R::BATCH {
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
        self.weight = 0;
        self.written += rows.len() as u64;
        self.writer
            .write(&R::batch(self.recording_id, self.recording, &rows)?)
    }
}
