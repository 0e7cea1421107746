//! Objects of a table as batches.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{ArrayRef, RecordBatch, new_null_array};
use arrow_schema::ArrowError;
use bytes::Bytes;
use ecg_store::ObjectReader;
use ecg_tables::Table;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

/// Rows of a batch.
pub(crate) const BATCH_ROWS: usize = 256;

/// A small object whole, or a large one piece by piece, for a blocking thread.
#[derive(Clone)]
pub(crate) enum Source {
    Whole(Bytes),
    Pieces(Pieces),
}

/// An object that is read piece by piece.
#[derive(Clone)]
pub(crate) struct Pieces {
    reader: Arc<Mutex<ObjectReader>>,
    size: u64,
}

/// A place in an object.
pub(crate) struct Place {
    object: Source,
    at: u64,
}

impl Source {
    pub(crate) fn pieces(reader: ObjectReader, size: u64) -> Source {
        let reader = Arc::new(Mutex::new(reader));
        Source::Pieces(Pieces { reader, size })
    }
}

impl Length for Source {
    fn len(&self) -> u64 {
        match self {
            Source::Whole(bytes) => bytes.len() as u64,
            Source::Pieces(pieces) => pieces.size,
        }
    }
}

impl ChunkReader for Source {
    type T = Place;

    fn get_read(&self, start: u64) -> Result<Place, ParquetError> {
        Ok(Place {
            object: self.clone(),
            at: start,
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        if let Source::Whole(bytes) = self {
            return bytes.get_bytes(start, length);
        }
        let mut bytes = vec![0; length];
        self.get_read(start)?.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

impl Read for Place {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = match &self.object {
            Source::Whole(bytes) => {
                let start = usize::try_from(self.at).unwrap_or(usize::MAX).min(bytes.len());
                (&bytes[start..]).read(buffer)?
            }
            Source::Pieces(pieces) => {
                let mut reader = pieces.reader.lock().unwrap_or_else(PoisonError::into_inner);
                reader.seek(SeekFrom::Start(self.at))?;
                reader.read(buffer)?
            }
        };
        self.at += length as u64;
        Ok(length)
    }
}

/// The batches of an object; `only` one column of it, or all of the table.
pub(crate) fn batches(source: Source, only: Option<&str>) -> Result<ParquetRecordBatchReader, ParquetError> {
    // By the types of Parquet, as every reader goes by.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(source, options)?;
    let columns = only.map(|name| ProjectionMask::columns(builder.parquet_schema(), [name]));
    builder
        .with_projection(columns.unwrap_or(ProjectionMask::all()))
        .with_batch_size(BATCH_ROWS)
        .build()
}

/// A batch with the columns of the table: one that an earlier release did not write is null.
pub(crate) fn conform(batch: &RecordBatch, table: &Table) -> Result<RecordBatch, ArrowError> {
    let schema = ecg_tables::arrow::schema(table);
    let column = |field: &arrow_schema::FieldRef| -> ArrayRef {
        match batch.column_by_name(field.name()) {
            Some(column) => column.clone(),
            None => new_null_array(field.data_type(), batch.num_rows()),
        }
    };
    let unknown = batch
        .schema_ref()
        .fields()
        .iter()
        .find(|field| schema.field_with_name(field.name()).is_err());
    if let Some(unknown) = unknown {
        return Err(ArrowError::SchemaError(format!(
            "{}: expected the columns of this release, found `{}`, which a newer one has written",
            table.name,
            unknown.name()
        )));
    }
    let columns = schema.fields().iter().map(column).collect();
    RecordBatch::try_new(schema, columns)
}
