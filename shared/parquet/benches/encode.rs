//! From rows of `segments` to Arrow and Parquet, beside the compression of their samples alone: `cargo bench -p ecg-parquet --bench encode`.
//!
//! `tests/bench.sh` makes a table of it. A group is one job; the benchmark that begins with `floor` is the least that the job needs.
#![allow(clippy::unwrap_used, reason = "a measurement stops at the first surprise")]

use std::hint::black_box;
use std::io::Cursor;
use std::sync::Arc;

use arrow_array::types::Float32Type;
use arrow_array::{
    ArrayRef, Float32Array, Float64Array, Int32Array, Int64Array, ListArray, RecordBatch, StringArray,
    new_empty_array, new_null_array,
};
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{DataType, Field};
use clap::Parser;
use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use ecg_parquet::transcode;
use ecg_synth::SynthArgs;
use ecg_tables::SEGMENTS;

/// Samples of a row: ten seconds at 360 Hz.
const ROW: usize = 3600;

/// Rows: ten minutes of two leads.
const ROWS: usize = 2 * 60;

/// Rows of a batch, as transform makes them.
const BATCH: usize = 36;

/// Where the samples of a level 4 file begin whose variable is `val`: the header, the name and its zero.
const SAMPLES_AT: usize = 20 + 4;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: SynthArgs,
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mv = millivolts();
    let batches: Vec<RecordBatch> = mv.chunks(BATCH * ROW).map(batch).collect();
    let raw: Vec<u8> = mv.iter().flat_map(|value| value.to_le_bytes()).collect();
    let ipc = write_ipc(&batches, Vec::new());

    let mut group = group(&mut criterion, "Arrow: write");
    group.bench_function("rows to IPC", |bencher| {
        let mut out = Vec::with_capacity(ipc.len());
        bencher.iter(|| {
            out.clear();
            out = write_ipc(&batches, std::mem::take(&mut out));
        });
    });
    group.bench_function("floor: one copy", |bencher| {
        let mut out = raw.clone();
        bencher.iter(|| black_box(&mut out).copy_from_slice(black_box(&raw)));
    });
    group.finish();

    let mut group = self::group(&mut criterion, "Arrow: read");
    group.bench_function("IPC to rows", |bencher| {
        bencher.iter(|| {
            let reader = FileReader::try_new(Cursor::new(&ipc), None).unwrap();
            reader.map(|batch| batch.unwrap().num_rows()).sum::<usize>()
        });
    });
    group.bench_function("floor: one copy", |bencher| {
        let mut out = raw.clone();
        bencher.iter(|| black_box(&mut out).copy_from_slice(black_box(&raw)));
    });
    group.finish();

    let mut group = self::group(&mut criterion, "Parquet");
    group.bench_function("IPC to Parquet", |bencher| {
        let mut out = Vec::with_capacity(raw.len());
        bencher.iter(|| {
            out.clear();
            let rows = transcode(Cursor::new(&ipc), &SEGMENTS, &mut out).unwrap();
            assert_eq!(rows, ROWS as u64);
        });
    });
    group.bench_function("floor: zstd 1", |bencher| {
        let mut compressor = zstd::bulk::Compressor::new(1).unwrap();
        bencher.iter(|| compressor.compress(black_box(&raw)).unwrap());
    });
    group.finish();
    criterion.final_summary();
}

fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::ElementsAndBytes {
        elements: (ROWS * ROW) as u64,
        bytes: (4 * ROWS * ROW) as u64,
    });
    group
}

/// A synthetic signal in mV, as an ADC of 200 adu per mV gives it.
fn millivolts() -> Vec<f32> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording.mat");
    let command = ["synth", path.to_str().unwrap(), "--duration", "20m"];
    ecg_synth::run(&Command::parse_from(command).args, &mut |_, _| {}).unwrap();
    let file = std::fs::read(path).unwrap();
    let (samples, _) = file[SAMPLES_AT..].as_chunks::<2>();
    assert_eq!(samples.len(), ROWS * ROW);
    (samples.iter())
        .map(|bytes| (f32::from(i16::from_le_bytes(*bytes)) - 1024.0) / 200.0)
        .collect()
}

/// Rows of `segments` with these samples. What may be null is; other columns are the same in every row.
fn batch(mv: &[f32]) -> RecordBatch {
    let schema = ecg_tables::arrow::schema(&SEGMENTS);
    let rows = mv.len() / ROW;
    let columns = (schema.fields().iter())
        .map(|field| match field.name().as_str() {
            "mv" => signal(mv),
            _ if field.is_nullable() => new_null_array(field.data_type(), rows),
            _ => constant(field, rows),
        })
        .collect();
    RecordBatch::try_new(schema, columns).unwrap()
}

fn signal(mv: &[f32]) -> ArrayRef {
    let lists = mv
        .chunks(ROW)
        .map(|row| Some(row.iter().map(|value| Some(*value)).collect::<Vec<_>>()));
    let lists = ListArray::from_iter_primitive::<Float32Type, _, _>(lists);
    let (_, offsets, values, nulls) = lists.into_parts();
    let element = Arc::new(Field::new("element", DataType::Float32, false));
    Arc::new(ListArray::new(element, offsets, values, nulls))
}

fn constant(field: &Field, rows: usize) -> ArrayRef {
    match field.data_type() {
        DataType::Int32 => Arc::new(Int32Array::from_value(1, rows)),
        DataType::Int64 => Arc::new(Int64Array::from_value(1, rows)),
        DataType::Float32 => Arc::new(Float32Array::from_value(1.0, rows)),
        DataType::Float64 => Arc::new(Float64Array::from_value(1.0, rows)),
        DataType::List(element) => {
            let empty = std::iter::repeat_n(Some(Vec::<Option<f32>>::new()), rows);
            let (_, offsets, _, _) = ListArray::from_iter_primitive::<Float32Type, _, _>(empty).into_parts();
            let values = new_empty_array(element.data_type());
            Arc::new(ListArray::new(Arc::clone(element), offsets, values, None))
        }
        _ => Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
            "recording-0123456789abcdef01234567",
            rows,
        ))),
    }
}

fn write_ipc(batches: &[RecordBatch], out: Vec<u8>) -> Vec<u8> {
    let mut writer = FileWriter::try_new(out, &batches[0].schema()).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.into_inner().unwrap()
}
