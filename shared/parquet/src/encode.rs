//! Encoding: Arrow batches to Parquet that Athena reads well.

use std::io::{Read, Seek, Write};
use std::panic::resume_unwind;
use std::{iter, thread};

use arrow_array::RecordBatch;
use arrow_ipc::reader::FileReader;
use arrow_schema::{ArrowError, SchemaRef};
use ecg_tables::{Kind, Table};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, ArrowWriterOptions, compute_leaves};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

/// A row group is complete when its rows have this size in Arrow, in bytes. Two at a time are in memory.
const ROW_GROUP_BYTES: usize = 8 << 20;

/// The same for objects of many recordings: few enough that a footer is short, and small enough that who looks for one recording
/// reads little.
const LARGE_ROW_GROUP_BYTES: usize = 32 << 20;

/// Largest page in bytes. A writer holds the values of a page as indices of 8 bytes, whatever they become.
const PAGE_BYTES: usize = 256 << 10;

/// An object with fewer rows, in one row group, has a dictionary and zstd for its signals only. They do not make a few
/// values smaller, and the memory of zstd, which each column needs anew, took longer than all else that writing a recording
/// of ten seconds does.
const FEW_ROWS: usize = 100;

/// How a Parquet object of few rows, or of more, is encoded: dictionary and zstd.
///
/// Measured on float32 signals: dictionary and zstd 1 take 0.96 byte per sample, byte-stream split 2.7 to 6. No
/// statistics on the elements of lists: they would be as large as a column and no engine uses them.
fn parquet_properties(table: Option<&Table>, form: Form, few: bool) -> WriterProperties {
    let zstd = Compression::ZSTD(ZstdLevel::try_new(1).unwrap_or_default());
    let mut properties = WriterProperties::builder()
        .set_compression(if few { Compression::UNCOMPRESSED } else { zstd })
        .set_dictionary_enabled(!few)
        .set_statistics_enabled(form.statistics())
        .set_data_page_size_limit(PAGE_BYTES)
        .set_created_by(format!("ecg-pipeline {}", ecg_core::PIPELINE_VERSION));
    for column in table.iter().flat_map(|table| table.columns) {
        if ecg_tables::arrow::element(column.kind).is_some() {
            let path = ColumnPath::from(vec![
                column.name.to_owned(),
                "list".to_owned(),
                "element".to_owned(),
            ]);
            properties = properties.set_column_statistics_enabled(path.clone(), EnabledStatistics::None);
            if column.kind == Kind::Floats {
                properties = properties
                    .set_column_compression(path.clone(), zstd)
                    .set_column_dictionary_enabled(path, true);
            }
        }
    }
    properties.build()
}

/// What an object is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// One recording.
    Small,
    /// Many recordings, in the order of their names: each page says which.
    Large,
}

impl Form {
    fn row_group_bytes(self) -> usize {
        match self {
            Form::Small => ROW_GROUP_BYTES,
            Form::Large => LARGE_ROW_GROUP_BYTES,
        }
    }

    fn statistics(self) -> EnabledStatistics {
        match self {
            Form::Small => EnabledStatistics::Chunk,
            Form::Large => EnabledStatistics::Page,
        }
    }
}

/// Reads an Arrow IPC file and writes it as Parquet of that table; returns the number of rows.
///
/// # Errors
/// What reading, the schema or writing says.
pub fn transcode<R: Read + Seek, W: Write + Send>(
    source: R,
    table: &Table,
    out: W,
) -> Result<u64, ParquetError> {
    let reader = FileReader::try_new(source, None)?;
    let schema = ecg_tables::arrow::schema(table);
    if reader.schema().fields() != schema.fields() {
        return Err(ParquetError::General(format!(
            "{}: expected the columns of the table, found {:?}",
            table.name,
            reader
                .schema()
                .fields()
                .iter()
                .map(|field| field.name())
                .collect::<Vec<_>>()
        )));
    }
    encode_table(Some(table), Form::Small, &schema, reader, out)
}

/// Writes batches of many recordings, in the order of their names, as Parquet of that table; returns the number of rows.
///
/// # Errors
/// What the batches or the writer say.
pub fn encode_large<W: Write + Send>(
    table: &Table,
    batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
    out: W,
) -> Result<u64, ParquetError> {
    encode_table(
        Some(table),
        Form::Large,
        &ecg_tables::arrow::schema(table),
        batches,
        out,
    )
}

/// Writes batches as Parquet; returns the number of rows.
///
/// # Errors
/// What the batches or the writer say.
pub fn encode<W: Write + Send>(
    schema: &SchemaRef,
    batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
    out: W,
) -> Result<u64, ParquetError> {
    encode_table(None, Form::Small, schema, batches, out)
}

fn encode_table<W: Write + Send>(
    table: Option<&Table>,
    form: Form,
    schema: &SchemaRef,
    batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
    out: W,
) -> Result<u64, ParquetError> {
    let has_rows = |batch: &Result<RecordBatch, _>| batch.as_ref().map_or(true, |batch| batch.num_rows() > 0);
    let mut batches = batches.filter(has_rows).peekable();
    let enough = form.row_group_bytes();
    let mut group: Vec<RecordBatch> = row_group(&mut batches, enough).collect::<Result<_, _>>()?;
    let rows: usize = group.iter().map(RecordBatch::num_rows).sum();
    let properties = parquet_properties(table, form, rows < FEW_ROWS && batches.peek().is_none());
    // The types of Parquet say all that the Arrow schema says, in a tenth of the bytes.
    let options = ArrowWriterOptions::new()
        .with_properties(properties)
        .with_skip_arrow_metadata(true);
    let writer = ArrowWriter::try_new_with_options(out, schema.clone(), options)?;
    let (mut file, columns) = writer.into_serialized_writer()?;
    let mut written = 0;
    while !group.is_empty() {
        let one = || encode_group(columns.create_column_writers(written)?, group);
        let encoded = if batches.peek().is_none() {
            vec![one()?]
        } else {
            // Beside the row group that is in memory, the next one is read and encoded.
            let other = columns.create_column_writers(written + 1)?;
            let (one, other) = thread::scope(|scope| {
                let one = scope.spawn(one);
                let group: Result<_, ArrowError> = row_group(&mut batches, enough).collect();
                let other = group
                    .map_err(ParquetError::from)
                    .and_then(|group| encode_group(other, group));
                (one.join().unwrap_or_else(|panic| resume_unwind(panic)), other)
            });
            vec![one?, other?]
        };
        for columns in encoded {
            let mut group = file.next_row_group()?;
            for column in columns {
                column.append_to_row_group(&mut group)?;
            }
            group.close()?;
            written += 1;
        }
        group = row_group(&mut batches, enough).collect::<Result<_, _>>()?;
    }
    Ok(file.close()?.file_metadata().num_rows() as u64)
}

/// The batches of the next row group.
fn row_group(
    batches: &mut impl Iterator<Item = Result<RecordBatch, ArrowError>>,
    enough: usize,
) -> impl Iterator<Item = Result<RecordBatch, ArrowError>> {
    let mut bytes = 0;
    iter::from_fn(move || {
        if bytes >= enough {
            return None;
        }
        let batch = batches.next()?.and_then(|batch| {
            bytes += bytes_of(&batch)?;
            Ok(batch)
        });
        Some(batch)
    })
}

/// The bytes of the values of a batch, whatever memory they share.
fn bytes_of(batch: &RecordBatch) -> Result<usize, ArrowError> {
    let columns = batch.columns().iter();
    columns
        .map(|column| column.to_data().get_slice_memory_size())
        .sum()
}

/// The column chunks of a row group: one column after the other, because a writer has a dictionary and the memory of zstd.
fn encode_group(
    writers: Vec<ArrowColumnWriter>,
    group: Vec<RecordBatch>,
) -> Result<Vec<ArrowColumnChunk>, ParquetError> {
    let encode = |(number, mut writer): (usize, ArrowColumnWriter)| {
        for batch in &group {
            // One leaf: no column of a table has fields in it.
            for leaf in compute_leaves(batch.schema_ref().field(number), batch.column(number))? {
                writer.write(&leaf)?;
            }
        }
        writer.close()
    };
    writers.into_iter().enumerate().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::sync::Arc;

    use arrow_array::{
        ArrayRef, Float32Array, Float64Array, Int32Array, Int64Array, StringArray, new_null_array,
    };
    use arrow_ipc::writer::FileWriter;
    use arrow_schema::{FieldRef, Schema};
    use ecg_tables::{BEATS, SEGMENTS};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use parquet::basic::Encoding;
    use parquet::file::metadata::ParquetMetaData;

    use super::*;

    /// So many beats from a number on. What may be null is, but for the intervals.
    fn beats(from: i64, rows: i64) -> RecordBatch {
        let numbers = || from..from + rows;
        let schema = ecg_tables::arrow::schema(&BEATS);
        let column = |field: &FieldRef| -> ArrayRef {
            match field.name().as_str() {
                "recording_id" => Arc::new(StringArray::from_iter_values(numbers().map(|_| "id"))),
                "lead" => Arc::new(Int32Array::from_iter_values(numbers().map(|_| 0))),
                "lead_name" => Arc::new(StringArray::from_iter_values(numbers().map(|_| "MLII"))),
                "sample" => Arc::new(Int64Array::from_iter_values(numbers())),
                "time_s" => Arc::new(Float64Array::from_iter_values(
                    numbers().map(|n| n as f64 / 360.0),
                )),
                "rr_ms" => Arc::new(Float64Array::from_iter(
                    numbers().map(|n| (n > 0).then_some(800.0)),
                )),
                "r_mv" => Arc::new(Float32Array::from_iter_values(numbers().map(|n| n as f32))),
                _ => new_null_array(field.data_type(), rows as usize),
            }
        };
        let columns = schema.fields().iter().map(column).collect();
        RecordBatch::try_new(schema, columns).unwrap()
    }

    fn ipc(schema: &Schema, batches: &[RecordBatch]) -> Cursor<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut writer = FileWriter::try_new(&mut bytes, schema).unwrap();
        batches.iter().for_each(|batch| writer.write(batch).unwrap());
        writer.finish().unwrap();
        drop(writer);
        Cursor::new(bytes)
    }

    fn parquet_of(batches: &[RecordBatch]) -> (u64, Vec<u8>, Arc<ParquetMetaData>) {
        let mut bytes = Vec::new();
        let schema = ecg_tables::arrow::schema(&BEATS);
        let rows = transcode(ipc(&schema, batches), &BEATS, &mut bytes).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes.clone())).unwrap();
        let metadata = reader.metadata().clone();
        (rows, bytes, metadata)
    }

    #[test]
    fn rows_come_back_and_the_same_rows_are_the_same_bytes() {
        let batches = [beats(0, 5), beats(5, 3)];
        let (rows, bytes, metadata) = parquet_of(&batches);
        assert_eq!((rows, metadata.file_metadata().num_rows()), (8, 8));
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes.clone()));
        let read: Vec<RecordBatch> = reader.unwrap().build().unwrap().map(Result::unwrap).collect();
        assert_eq!(read, [beats(0, 8)]);
        assert_eq!(parquet_of(&batches).1, bytes);
    }

    #[test]
    fn what_athena_reads_well() {
        let (_, _, metadata) = parquet_of(&[beats(0, 1000)]);
        let created_by = metadata.file_metadata().created_by();
        assert!(
            created_by.is_some_and(|by| by.starts_with(concat!("ecg-pipeline ", env!("CARGO_PKG_VERSION"))))
        );
        for column in metadata.row_group(0).columns() {
            let name = column.column_path().string();
            assert!(matches!(column.compression(), Compression::ZSTD(_)), "{name}");
            assert!(column.dictionary_page_offset().is_some(), "{name}");
            assert!(
                column
                    .encodings()
                    .all(|encoding| encoding != Encoding::BYTE_STREAM_SPLIT),
                "{name}"
            );
            assert!(column.statistics().is_some(), "{name}");
        }
    }

    #[test]
    fn few_rows_are_not_compressed() {
        let compressed = |batches: &[RecordBatch]| {
            let (_, _, metadata) = parquet_of(batches);
            let columns = metadata.row_group(0).columns();
            columns
                .iter()
                .filter(|column| column.compression() != Compression::UNCOMPRESSED)
                .count()
        };
        let few = FEW_ROWS as i64;
        assert_eq!(compressed(&[beats(0, few - 1)]), 0);
        // However the rows are divided.
        let all = BEATS.columns.len();
        assert_eq!(compressed(&[beats(0, few)]), all);
        assert_eq!(compressed(&[beats(0, 1), beats(1, few - 1)]), all);
    }

    #[test]
    fn a_row_group_is_bounded() {
        let each = 32 * 1024;
        let batches: Vec<RecordBatch> = (0..14).map(|batch| beats(batch * each, each)).collect();
        let enough = ROW_GROUP_BYTES.div_ceil(bytes_of(&batches[0]).unwrap());
        let (rows, bytes, metadata) = parquet_of(&batches);
        let groups: Vec<i64> = metadata
            .row_groups()
            .iter()
            .map(|group| group.num_rows())
            .collect();
        let whole = enough as i64 * each;
        let expected: Vec<i64> = (0..rows as i64)
            .step_by(whole as usize)
            .map(|first| whole.min(rows as i64 - first))
            .collect();
        assert!(expected.len() > 2);
        assert_eq!((rows as i64, groups), (14 * each, expected));
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap();
        let read = reader.with_batch_size(each as usize).build().unwrap();
        assert!(read.map(Result::unwrap).eq(batches));
    }

    #[test]
    fn an_error_in_either_of_two_row_groups_is_the_error() {
        let each = beats(0, 32 * 1024);
        let in_a_group = ROW_GROUP_BYTES.div_ceil(bytes_of(&each).unwrap());
        for good in [
            0,
            1,
            in_a_group,
            in_a_group + 1,
            2 * in_a_group,
            2 * in_a_group + 1,
        ] {
            let failed = iter::once(Err(ArrowError::ComputeError("on purpose".to_owned())));
            let batches = iter::repeat_n(each.clone(), good).map(Ok).chain(failed);
            let error = encode(&each.schema(), batches, Vec::new()).unwrap_err();
            assert!(error.to_string().contains("on purpose"), "{good}: {error}");
        }
    }

    #[test]
    fn no_rows_are_a_whole_object() {
        let (rows, _, metadata) = parquet_of(&[]);
        assert_eq!((rows, metadata.num_row_groups()), (0, 0));
        assert_eq!(
            metadata.file_metadata().schema().get_fields().len(),
            BEATS.columns.len()
        );
    }

    #[test]
    fn other_columns_are_refused() {
        let schema = ecg_tables::arrow::schema(&BEATS);
        let error = transcode(ipc(&schema, &[beats(0, 1)]), &SEGMENTS, Vec::new()).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("segments: expected the columns of the table, found [\"recording_id\"")
        );
        let fewer = beats(0, 1).project(&[0, 1]).unwrap();
        let error = transcode(ipc(&fewer.schema(), &[fewer]), &BEATS, Vec::new()).unwrap_err();
        assert!(error.to_string().contains("beats"), "{error}");
    }

    #[test]
    fn a_damaged_source_is_an_error_at_every_length() {
        let whole = ipc(&ecg_tables::arrow::schema(&BEATS), &[beats(0, 3)]).into_inner();
        for length in 0..whole.len() {
            let cut = Cursor::new(whole[..length].to_vec());
            assert!(
                transcode(cut, &BEATS, Vec::new()).is_err(),
                "{length} of {}",
                whole.len()
            );
        }
    }
}
