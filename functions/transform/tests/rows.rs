//! From decoded rows to table rows: what transform makes of what parse writes, and what it refuses.

// Helpers of tests fail the test.
#![allow(clippy::unwrap_used)]

use std::io::{Cursor, Write};
use std::sync::Arc;

use arrow_array::builder::{Float64Builder, Int16Builder, ListBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int32Type, Int64Type};
use arrow_array::{ArrayRef, Int32Array, RecordBatch};
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{Schema, SchemaRef};
use ecg_core::message::Source;
use ecg_core::rules::RULES;
use ecg_formats::{Layout, Origin, SampleClass, Signals};
use ecg_recording::{Calibration, LeadCalibration, Recording, Verdict};
use ecg_tables::{BEATS, RECORDINGS, SEGMENTS, WINDOWS, parsed};
use step_transform::{Made, TransformError, Writers, transform};

const HZ: f64 = 100.0;

fn source() -> Source {
    Source {
        bucket: "local".into(),
        key: "a.mat".into(),
        version: "v".into(),
        etag: "e".into(),
        size: 1,
        uploaded_at_ms: 0,
        sequencer: None,
    }
}

fn verdict(leads: u32, samples: u64, class: SampleClass) -> Verdict {
    let lead = |number| LeadCalibration {
        name: format!("lead {number}"),
        gain: 200.0,
        baseline: 1024.0,
        units: "mV".into(),
    };
    Verdict {
        accepted: true,
        checks: Vec::new(),
        reason: None,
        recording: Some(Recording {
            signals: Signals {
                format: "MAT level 4".into(),
                variable: "val".into(),
                variable_index: 0,
                further_variables: Vec::new(),
                class,
                layout: Layout::LeadsBySamples,
                leads: u64::from(leads),
                samples,
                left_out: Vec::new(),
                header: None,
            },
            calibration: Calibration {
                source: "variables".into(),
                sampling_frequency_hz: HZ,
                leads: (0..leads).map(lead).collect(),
            },
            label: None,
            record: None,
            fragment: None,
            origin: Origin::default(),
        }),
        subject_id: None,
        content_sha256: None,
        samples: None,
    }
}

fn schema_of(verdict: &Verdict, class: SampleClass) -> SchemaRef {
    parsed::schema(class.fits_int16(), &serde_json::to_string(verdict).unwrap())
}

/// Rows of 1000 samples: lead, segment, and 2 mV at sample 7, missing at sample 8, 1 mV elsewhere.
fn batch(schema: &SchemaRef, leads: &[(i32, i32)]) -> RecordBatch {
    let adu = |place: usize| match place {
        7 => Some(1424),
        8 => None,
        _ => Some(1224),
    };
    let values: ArrayRef = if schema.field(1).data_type().to_string().contains("Int16") {
        let mut list = ListBuilder::new(Int16Builder::new());
        leads.iter().for_each(|_| list.append_value((0..1000).map(adu)));
        Arc::new(list.finish())
    } else {
        let mut list = ListBuilder::new(Float64Builder::new());
        leads
            .iter()
            .for_each(|_| list.append_value((0..1000).map(|place| adu(place).map(f64::from))));
        Arc::new(list.finish())
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from_iter_values(leads.iter().map(|row| row.0))),
        values,
    ];
    RecordBatch::try_new(schema.clone(), columns).unwrap()
}

fn ipc(schema: &Schema, batches: &[RecordBatch]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = FileWriter::try_new(&mut bytes, schema).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap();
    drop(writer);
    bytes
}

type Outputs = [Vec<u8>; 4];

fn apply(object: Vec<u8>) -> Result<(Made, Outputs), TransformError> {
    apply_in_run(object, 0)
}

fn apply_in_run(object: Vec<u8>, run: u32) -> Result<(Made, Outputs), TransformError> {
    let [mut segments, mut beats, mut windows, mut recordings] = Outputs::default();
    let writers = Writers {
        segments: &mut segments,
        beats: &mut beats,
        windows: &mut windows,
        recordings: &mut recordings,
    };
    let made = transform(Cursor::new(object), ("id", run), &source(), &RULES, writers)?;
    Ok((made, [segments, beats, windows, recordings]))
}

fn read(bytes: &[u8]) -> Vec<RecordBatch> {
    let reader = FileReader::try_new(Cursor::new(bytes), None).unwrap();
    reader.map(Result::unwrap).collect()
}

#[test]
fn rows_of_two_leads() {
    for class in [SampleClass::Int16, SampleClass::Double] {
        let schema = schema_of(&verdict(2, 2000, class), class);
        let rows = [(0, 0), (1, 0), (0, 1), (1, 1)];
        let (made, [segments, beats, windows, recordings]) =
            apply(ipc(&schema, &[batch(&schema, &rows)])).unwrap();
        assert_eq!((made.segments, made.windows), (4, None));
        assert!(windows.is_empty());
        let segments = read(&segments);
        assert_eq!(segments[0].schema(), ecg_tables::arrow::schema(&SEGMENTS));
        let int = |name: &str| {
            segments[0]
                .column_by_name(name)
                .unwrap()
                .as_primitive::<Int32Type>()
                .values()
                .to_vec()
        };
        let mut places: Vec<_> = int("lead").into_iter().zip(int("segment")).collect();
        places.sort_unstable();
        assert_eq!(places, [(0, 0), (0, 1), (1, 0), (1, 1)]);
        assert_eq!(int("missing_samples"), [1; 4]);
        let mv = segments[0]
            .column_by_name("mv")
            .unwrap()
            .as_list::<i32>()
            .value(0);
        let mv = mv.as_primitive::<Float32Type>();
        // The missing sample lies between 2 mV and 1 mV.
        assert_eq!(mv.values()[6..10], [1.0, 2.0, 1.5, 1.0]);
        assert_eq!(mv.len(), 1000);

        let recordings = read(&recordings);
        assert_eq!(recordings[0].schema(), ecg_tables::arrow::schema(&RECORDINGS));
        let bigint = |name: &str| {
            recordings[0]
                .column_by_name(name)
                .unwrap()
                .as_primitive::<Int64Type>()
                .value(0)
        };
        assert_eq!((bigint("samples"), bigint("missing_samples")), (2000, 4));
        let found: usize = read(&beats).iter().map(RecordBatch::num_rows).sum();
        assert_eq!(found as u64, made.beats);
        let schema = FileReader::try_new(Cursor::new(&beats), None).unwrap().schema();
        assert_eq!(schema, ecg_tables::arrow::schema(&BEATS));
    }
}

#[test]
fn windows_come_with_a_minute_and_with_a_rerun() {
    let of = |segments: i32, run: u32| {
        let samples = 1000 * segments as u64;
        let schema = schema_of(&verdict(2, samples, SampleClass::Int16), SampleClass::Int16);
        let rows: Vec<(i32, i32)> = (0..segments).flat_map(|n| [(0, n), (1, n)]).collect();
        let (made, [_, _, windows, _]) = apply_in_run(ipc(&schema, &[batch(&schema, &rows)]), run).unwrap();
        (made.windows, windows)
    };
    assert_eq!(of(5, 0).0, None);
    // The run before may have had windows: its rows are replaced by none.
    let (rows, windows) = of(5, 1);
    assert_eq!((rows, read(&windows).len()), (Some(0), 0));

    let (rows, windows) = of(6, 0);
    assert_eq!(rows, Some(4), "of each lead one window and the whole");
    let windows = read(&windows);
    assert_eq!(windows[0].schema(), ecg_tables::arrow::schema(&WINDOWS));
    let int = |name: &str| {
        let column = windows[0].column_by_name(name).unwrap();
        column.as_primitive::<Int32Type>().iter().collect::<Vec<_>>()
    };
    assert_eq!(int("lead"), [0, 0, 1, 1].map(Some));
    assert_eq!(int("window_index"), [Some(0), None, Some(0), None]);
}

/// Twelve segments of two leads, in batches of so many rows.
fn in_batches(schema: &SchemaRef, rows: usize) -> Vec<RecordBatch> {
    let places: Vec<(i32, i32)> = (0..12).flat_map(|n| [(0, n), (1, n)]).collect();
    places.chunks(rows).map(|places| batch(schema, places)).collect()
}

#[test]
fn many_batches_give_the_bytes_of_one() {
    let schema = schema_of(&verdict(2, 12_000, SampleClass::Int16), SampleClass::Int16);
    let object = |rows| ipc(&schema, &in_batches(&schema, rows));
    let (made, outputs) = apply(object(24)).unwrap();
    assert_eq!((made.segments, made.windows), (24, Some(4)));
    // Also where a lead has no row in a batch.
    for rows in [1, 2, 5, 12] {
        assert!(
            apply(object(rows)).unwrap() == (made.clone(), outputs.clone()),
            "{rows} rows a batch"
        );
    }
}

#[test]
fn what_is_wrong_in_any_of_many_batches_is_the_error() {
    let schema = schema_of(&verdict(2, 12_000, SampleClass::Int16), SampleClass::Int16);
    let good = in_batches(&schema, 4);
    for wrong in 0..good.len() {
        let mut batches = good.clone();
        batches[wrong] = batch(&schema, &[(0, 0), (7, 0)]);
        refused(ipc(&schema, &batches), "lead: expected a lead of the recording");
    }
    // Seen by the threads of the leads.
    let fewer: Vec<RecordBatch> = good.iter().map(|batch| batch.project(&[0]).unwrap()).collect();
    refused(
        ipc(&fewer[0].schema(), &fewer),
        "expected a column adu, found none",
    );
}

/// Takes so many bytes, and then none.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let left = self.0.checked_sub(bytes.len());
        self.0 = left.ok_or(std::io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_writer_that_fails_ends_all_leads() {
    let schema = schema_of(&verdict(2, 12_000, SampleClass::Int16), SampleClass::Int16);
    let object = ipc(&schema, &in_batches(&schema, 2));
    let whole = apply(object.clone()).unwrap().1[0].len();
    for bytes in [0, whole / 2, whole - 1] {
        let writers = Writers {
            segments: Full(bytes),
            beats: Full(usize::MAX),
            windows: Full(usize::MAX),
            recordings: Full(usize::MAX),
        };
        let made = transform(Cursor::new(object.clone()), ("id", 0), &source(), &RULES, writers);
        assert!(
            matches!(made, Err(TransformError::Arrow(_))),
            "{bytes} of {whole} bytes"
        );
    }
}

#[track_caller]
fn refused(object: Vec<u8>, told: &str) {
    let error = apply(object).unwrap_err();
    assert!(error.to_string().contains(told), "{error}");
}

#[test]
fn what_parse_did_not_write_is_refused() {
    let good = verdict(1, 2000, SampleClass::Int16);
    let schema = schema_of(&good, SampleClass::Int16);
    let rows = batch(&schema, &[(0, 0), (0, 1)]);
    apply(ipc(&schema, std::slice::from_ref(&rows))).unwrap();

    for length in [0, 10, 500] {
        let cut = ipc(&schema, std::slice::from_ref(&rows))[..length].to_vec();
        assert!(matches!(apply(cut), Err(TransformError::Arrow(_))), "{length}");
    }
    let bare = Schema::new(schema.fields().clone());
    refused(ipc(&bare, &[]), "expected the metadata ecg.verdict, found none");
    let json = parsed::schema(true, "{}");
    refused(ipc(&json, &[]), "ecg.verdict: missing field");
    let without = Verdict {
        recording: None,
        ..good.clone()
    };
    refused(
        ipc(&schema_of(&without, SampleClass::Int16), &[]),
        "expected a recording in its verdict",
    );

    let one = batch(&schema, &[(0, 0)]);
    refused(ipc(&schema, &[one]), "expected 2000 samples per lead, found 1000");
    refused(ipc(&schema, &[]), "expected 2000 samples per lead, found 0");
    for lead in [1, -1] {
        let other = batch(&schema, &[(lead, 0)]);
        refused(ipc(&schema, &[other]), "lead: expected a lead of the recording");
    }
    for (kept, told) in [
        (vec![0], "expected a column adu, found none"),
        (vec![1], "expected a column lead"),
    ] {
        let fewer = rows.project(&kept).unwrap();
        refused(ipc(&fewer.schema(), &[fewer]), told);
    }
    let impossible = {
        let mut verdict = good;
        verdict.recording.as_mut().unwrap().calibration.leads[0].gain = 0.0;
        verdict
    };
    refused(
        ipc(&schema_of(&impossible, SampleClass::Int16), &[]),
        "expected a finite gain other than 0 adu/mV",
    );
}
