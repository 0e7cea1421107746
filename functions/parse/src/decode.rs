//! Decoding: from a file to the canonical Arrow form, one row per lead and 10-second segment, in ADC units.
//!
//! Samples stream through: at any time one segment per lead and one batch of rows are in memory.

use std::io::Write;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow_array::builder::{Float64Builder, Int16Builder, Int32Builder, ListBuilder, PrimitiveBuilder};
use arrow_array::{ArrayRef, ArrowPrimitiveType, RecordBatch};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, SchemaRef};
use ecg_formats::{FormatError, SampleClass, SignalFile};
use ecg_recording::{Recording, Verdict};
use ecg_tables::parsed::schema;

/// A batch is written when it holds this many samples.
const BATCH_SAMPLES: usize = 128 * 1024;

/// Why a recording could not be decoded.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The file could not be read, or is at fault.
    #[error(transparent)]
    File(#[from] FormatError),
    /// The rows could not be written.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
}

/// Decodes a recording into an Arrow IPC file and returns the number of rows.
///
/// # Errors
/// The file is not what the verdict says, or a read or write failed.
pub fn decode<W: Write>(
    file: &mut dyn SignalFile,
    recording: &Recording,
    verdict: &Verdict,
    segment_s: f64,
    out: W,
) -> Result<u64, DecodeError> {
    let verdict_json =
        serde_json::to_string(verdict).map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
    let schema = schema(recording.signals.class.fits_int16(), &verdict_json);
    let writer = FileWriter::try_new(out, &schema)?;
    let segment_samples = usize::try_from(recording.segment_samples(segment_s)).unwrap_or(usize::MAX);
    let mut rows = Rows {
        writer,
        batch: Batch::new(recording.signals.class),
        schema,
        written: 0,
    };
    let mut leads: Vec<Lead> = (0..recording.signals.leads).map(|_| Lead::default()).collect();

    let mut failed: Option<ArrowError> = None;
    file.stream(&recording.signals, &mut |number, values| {
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
        self.batch.adu.append(&lead.samples);
        self.batch.samples += lead.samples.len();
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
        let columns: Vec<ArrayRef> = vec![Arc::new(self.batch.lead.finish()), self.batch.adu.finish()];
        self.writer
            .write(&RecordBatch::try_new(self.schema.clone(), columns)?)
    }
}

struct Batch {
    lead: Int32Builder,
    adu: Adu,
    samples: usize,
}

enum Adu {
    Int16(ListBuilder<Int16Builder>),
    Float64(ListBuilder<Float64Builder>),
}

impl Batch {
    fn new(class: SampleClass) -> Batch {
        let adu = if class.fits_int16() {
            Adu::Int16(ListBuilder::new(Int16Builder::new()))
        } else {
            Adu::Float64(ListBuilder::new(Float64Builder::new()))
        };
        Batch {
            lead: Int32Builder::new(),
            adu,
            samples: 0,
        }
    }
}

impl Adu {
    fn append(&mut self, samples: &[f64]) {
        match self {
            // Exact: the values came from a type of at most 16 bits.
            Adu::Int16(list) => append_row(list, samples, |sample| sample as i16),
            Adu::Float64(list) => append_row(list, samples, |sample| sample),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Adu::Int16(list) => Arc::new(list.finish()),
            Adu::Float64(list) => Arc::new(list.finish()),
        }
    }
}

/// Appends one list; NaN is null.
fn append_row<T: ArrowPrimitiveType>(
    list: &mut ListBuilder<PrimitiveBuilder<T>>,
    samples: &[f64],
    value: impl Fn(f64) -> T::Native,
) {
    if samples.iter().any(|sample| sample.is_nan()) {
        let present = samples
            .iter()
            .map(|sample| (!sample.is_nan()).then(|| value(*sample)));
        list.values().extend(present);
    } else {
        let values: Vec<T::Native> = samples.iter().map(|sample| value(*sample)).collect();
        list.values().append_slice(&values);
    }
    list.append(true);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Cursor;

    use arrow_array::cast::AsArray;
    use arrow_array::types::{Float64Type, Int16Type, Int32Type};
    use arrow_ipc::reader::FileReader;
    use arrow_schema::DataType;
    use ecg_core::rules::RULES;
    use ecg_recording::{FileContext, examine};
    use ecg_tables::parsed::VERDICT;

    use super::*;

    /// A level 4 file with one matrix `val`; `number` is the stored type: 0 double, 3 int16, 5 uint8.
    fn mat4(number: u32, dims: [u32; 2], data: impl IntoIterator<Item = u8>) -> Vec<u8> {
        named("val", number, dims, data)
    }

    fn named(name: &str, number: u32, dims: [u32; 2], data: impl IntoIterator<Item = u8>) -> Vec<u8> {
        let header = [number * 10, dims[0], dims[1], 0, name.len() as u32 + 1];
        let bytes = header.into_iter().flat_map(u32::to_le_bytes);
        bytes.chain(name.bytes()).chain([0]).chain(data).collect()
    }

    /// The file with its verdict: 100 Hz, so that a segment of 0.1 s has 10 samples.
    fn open(bytes: Vec<u8>) -> (Box<dyn SignalFile>, Verdict) {
        let metadata = [("ecg-sampling-frequency", "100"), ("ecg-gain", "200")];
        let context = FileContext {
            size: bytes.len() as u64,
            metadata: BTreeMap::from(metadata.map(|(name, value)| (name.to_owned(), value.to_owned()))),
            ..FileContext::default()
        };
        let verdict = examine(Cursor::new(bytes.clone()), &context, &RULES)
            .unwrap()
            .verdict;
        assert!(verdict.accepted, "{:?}", verdict.reason);
        (
            ecg_formats::open(Cursor::new(bytes), "x.mat", None, RULES.reject_values_above).unwrap(),
            verdict,
        )
    }

    type Row = (i32, i32, i64, Vec<Option<f64>>);

    /// The rows in order, and the type of a sample.
    fn rows(bytes: Vec<u8>) -> (Vec<Row>, DataType) {
        let (mut file, verdict) = open(bytes);
        let mut out = Vec::new();
        let recording = verdict.recording.clone().unwrap();
        let written = decode(file.as_mut(), &recording, &verdict, 0.1, &mut out).unwrap();
        let reader = FileReader::try_new(Cursor::new(out), None).unwrap();
        let kept: Verdict = serde_json::from_str(&reader.schema().metadata()[VERDICT]).unwrap();
        assert_eq!(kept, verdict);
        let mut rows = Vec::new();
        // The next segment of each lead, and its first sample.
        let mut ends: BTreeMap<i32, (i32, i64)> = BTreeMap::new();
        let mut data_type = DataType::Null;
        for batch in reader {
            let batch = batch.unwrap();
            for row in 0..batch.num_rows() {
                let values = batch.column(1).as_list::<i32>().value(row);
                data_type = values.data_type().clone();
                let adu: Vec<Option<f64>> = match data_type {
                    DataType::Int16 => {
                        let values = values.as_primitive::<Int16Type>().iter();
                        values.map(|value| value.map(f64::from)).collect()
                    }
                    _ => values.as_primitive::<Float64Type>().iter().collect(),
                };
                let lead = batch.column(0).as_primitive::<Int32Type>().value(row);
                let (segment, start) = ends.entry(lead).or_insert((0, 0));
                rows.push((lead, *segment, *start, adu));
                *segment += 1;
                *start += values.len() as i64;
            }
        }
        assert_eq!(rows.len() as u64, written);
        (rows, data_type)
    }

    /// Sample `n` of lead 0 is `n`, of lead 1 it is `1000 + n`; sample 3 of lead 1 is missing.
    fn sample(lead: i16, n: i16) -> i16 {
        if (lead, n) == (1, 3) {
            i16::MIN
        } else {
            1000 * lead + n
        }
    }

    #[test]
    fn every_layout_gives_the_same_rows() {
        let interleaved = (0..25).flat_map(|n| (0..2).flat_map(move |lead| sample(lead, n).to_le_bytes()));
        let one_after_the_other =
            (0..2).flat_map(|lead| (0..25).flat_map(move |n| sample(lead, n).to_le_bytes()));
        // MATLAB stores columns: leads x samples is interleaved.
        let (mut wide, wide_type) = rows(mat4(3, [2, 25], interleaved));
        let (mut tall, tall_type) = rows(mat4(3, [25, 2], one_after_the_other));
        assert_eq!((wide_type, tall_type), (DataType::Int16, DataType::Int16));
        // Between the leads the order of the rows differs; within a lead it does not, so a stable sort is enough.
        wide.sort_by_key(|row| row.0);
        tall.sort_by_key(|row| row.0);
        assert_eq!(wide, tall);
        let lead = |lead: i16| (0..25).flat_map(move |n| sample(lead, n).to_le_bytes());
        // A row and a column, not in the order of the leads.
        let separate = [named("V1", 3, [1, 25], lead(1)), named("I", 3, [25, 1], lead(0))].concat();
        let (mut separate, separate_type) = rows(separate);
        separate.sort_by_key(|row| row.0);
        assert_eq!((separate, separate_type), (tall.clone(), DataType::Int16));
        let places: Vec<_> = tall
            .iter()
            .map(|row| (row.0, row.1, row.2, row.3.len()))
            .collect();
        assert_eq!(
            places,
            [
                (0, 0, 0, 10),
                (0, 1, 10, 10),
                (0, 2, 20, 5),
                (1, 0, 0, 10),
                (1, 1, 10, 10),
                (1, 2, 20, 5)
            ]
        );
        for (lead, _, start, adu) in &tall {
            for (place, value) in adu.iter().enumerate() {
                let n = (*start as usize + place) as i16;
                let expected = Some(sample(*lead as i16, n)).filter(|value| *value != i16::MIN);
                assert_eq!(*value, expected.map(f64::from), "lead {lead}, sample {n}");
            }
        }
    }

    #[test]
    fn any_class_and_its_missing_samples() {
        let doubles = [0.1, f64::NAN, -2.5, f64::INFINITY];
        let doubles = (0..400).map(|n| doubles.get(n).copied().unwrap_or(n as f64));
        let (found, data_type) = rows(mat4(0, [1, 400], doubles.flat_map(f64::to_le_bytes)));
        assert_eq!(data_type, DataType::Float64);
        assert_eq!(found[0].3[..5], [Some(0.1), None, Some(-2.5), None, Some(4.0)]);
        let (found, data_type) = rows(mat4(5, [1, 40], 216..=255));
        assert_eq!((data_type, found[3].3[9]), (DataType::Int16, Some(255.0)));
        // The largest and the smallest that int16 can hold: one above the sentinel.
        let extremes = (0..40).flat_map(|n| if n % 2 == 0 { i16::MAX } else { i16::MIN + 1 }.to_le_bytes());
        let (found, _) = rows(mat4(3, [1, 40], extremes));
        assert_eq!(found[0].3[..2], [Some(32767.0), Some(-32767.0)]);
    }

    #[test]
    fn a_long_recording_comes_in_several_batches() {
        let samples = 3 * BATCH_SAMPLES as u32 + 7;
        let data = (0..samples).flat_map(|n| (n as i16).max(0).to_le_bytes());
        let (found, _) = rows(mat4(3, [1, samples], data));
        assert_eq!(found.len(), samples.div_ceil(10) as usize);
        assert_eq!(found.last().unwrap().2, i64::from(samples / 10 * 10));
        assert!(
            found
                .iter()
                .enumerate()
                .all(|(number, row)| row.1 == number as i32)
        );
    }

    #[test]
    fn an_output_that_can_not_be_written_is_said() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::Error::other("full"))
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let (mut file, verdict) = open(mat4(5, [1, 40], 0..40));
        let recording = verdict.recording.clone().unwrap();
        let error = decode(file.as_mut(), &recording, &verdict, 0.1, Full).unwrap_err();
        assert!(
            matches!(error, DecodeError::Arrow(ArrowError::IoError(..))),
            "{error:?}"
        );
    }
}
