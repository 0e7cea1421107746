//! From decoded rows through the recipe to the rows of `segments`, `beats` and `recordings`.

use std::collections::BTreeSet;
use std::io::{Read, Seek, Write};
use std::sync::Arc;

use arrow_array::builder::{Float32Builder, Float64Builder, Int32Builder, ListBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int16Type, Int32Type};
use arrow_array::{
    ArrayRef, Float32Array, Float64Array, Int32Array, Int64Array, ListArray, RecordBatch, StringArray,
    TimestampMillisecondArray,
};
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, SchemaRef};
use ecg_core::PIPELINE_VERSION;
use ecg_core::message::Source;
use ecg_core::rules::Rules;
use ecg_recording::{LeadCalibration, Recording, Verdict};
use ecg_tables::{BEATS, Column, RECORDINGS, SEGMENTS, Table, arrow as table_arrow, parsed};

use ecg_recipe::{Beat, Calibration, LeadRecipe, LeadSummary, Quality, RecipeError, Segment, Warning};

/// A batch of segments is written when it holds this many samples.
const BATCH_SAMPLES: usize = 128 * 1024;

/// A batch of beats is written when it holds this many rows.
const BATCH_BEATS: usize = 8 * 1024;

/// Why the recipe could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum TransformError {
    /// Reading or writing failed.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
    /// The decoded object is not what parse writes.
    #[error("decoded recording: {0}")]
    Parsed(String),
    /// A lead that the recipe can not be applied to, though validate let it pass.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
}

/// Where the rows of each table go, as Arrow IPC files.
pub struct Writers<W: Write> {
    /// Rows of `segments`.
    pub segments: W,
    /// Rows of `beats`.
    pub beats: W,
    /// The row of `recordings`.
    pub recordings: W,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Rows of `segments`.
    pub segments: u64,
    /// Rows of `beats`.
    pub beats: u64,
    /// `good` or `warn`.
    pub quality: &'static str,
}

/// Applies the recipe to a decoded recording, of which the id and the number of the run are given.
///
/// Rows stream through: memory does not depend on the length of the recording.
///
/// # Errors
/// The object is not what parse writes, or a read or write failed.
pub fn transform<R: Read + Seek, W: Write>(
    source_object: R,
    (recording_id, run): (&str, u32),
    source: &Source,
    rules: &Rules,
    writers: Writers<W>,
) -> Result<Made, TransformError> {
    let reader = FileReader::try_new(source_object, None)?;
    let verdict = verdict_of(&reader.schema())?;
    let recording = verdict
        .recording
        .clone()
        .ok_or_else(|| TransformError::Parsed("expected a recording in its verdict".into()))?;
    let calibrations = &recording.calibration.leads;
    let mut leads = calibrations
        .iter()
        .map(|lead| {
            let calibration = Calibration {
                gain: lead.gain,
                baseline: lead.baseline,
            };
            LeadRecipe::new(recording.calibration.sampling_frequency_hz, calibration, rules)
        })
        .collect::<Result<Vec<_>, _>>()?;

    let about = About {
        recording_id,
        run,
        recording: &recording,
    };
    let mut segments = SegmentRows::new(writers.segments)?;
    let mut beats = BeatRows::new(writers.beats)?;
    let mut failed: Option<ArrowError> = None;
    let mut take = |number: usize, segment: Segment| {
        if failed.is_some() {
            return;
        }
        let lead = (number as i32, &calibrations[number]);
        let added = beats
            .append(&about, lead, &segment.beats)
            .and_then(|()| segments.append(&about, lead, segment));
        failed = added.err();
    };

    for batch in reader {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            let (number, samples) = row_of(&batch, row, leads.len())?;
            let lead = &mut leads[number];
            let mut take = |segment| take(number, segment);
            match samples {
                Samples::Int16(values) => {
                    lead.push(values.iter().map(|value| value.map(f64::from)), &mut take)
                }
                Samples::Float64(values) => lead.push(values.iter(), &mut take),
            }
        }
    }
    let mut summaries = Vec::new();
    for (number, lead) in leads.into_iter().enumerate() {
        summaries.push(lead.finish(&mut |segment| take(number, segment)));
    }
    if let Some(error) = failed {
        return Err(error.into());
    }
    if let Some(short) = summaries
        .iter()
        .find(|summary| summary.samples != recording.signals.samples)
    {
        let message = format!(
            "expected {} samples per lead, found {}",
            recording.signals.samples, short.samples
        );
        return Err(TransformError::Parsed(message));
    }
    let made_segments = segments.finish()?;
    let made_beats = beats.finish()?;
    let warnings: BTreeSet<&str> = summaries
        .iter()
        .flat_map(|summary| summary.warnings.iter().map(|warning| warning.name()))
        .collect();
    let quality = if warnings.is_empty() {
        Quality::Good
    } else {
        Quality::Warn
    }
    .name();
    let row = recording_row(&about, source, &verdict, &summaries, &warnings, quality, rules)?;
    let mut writer = FileWriter::try_new(writers.recordings, &row.schema())?;
    writer.write(&row)?;
    writer.finish()?;
    Ok(Made {
        segments: made_segments,
        beats: made_beats,
        quality,
    })
}

fn verdict_of(schema: &SchemaRef) -> Result<Verdict, TransformError> {
    let json = schema.metadata().get(parsed::VERDICT).ok_or_else(|| {
        TransformError::Parsed(format!("expected the metadata {}, found none", parsed::VERDICT))
    })?;
    serde_json::from_str(json)
        .map_err(|error| TransformError::Parsed(format!("{}: {error}", parsed::VERDICT)))
}

enum Samples {
    Int16(arrow_array::Int16Array),
    Float64(Float64Array),
}

/// The lead and the samples of one decoded row.
fn row_of(batch: &RecordBatch, row: usize, leads: usize) -> Result<(usize, Samples), TransformError> {
    let column = |name: &str| {
        batch
            .column_by_name(name)
            .ok_or_else(|| TransformError::Parsed(format!("expected a column {name}, found none")))
    };
    let bad = |what: &str| TransformError::Parsed(what.to_owned());
    let lead = column("lead")?
        .as_primitive_opt::<Int32Type>()
        .ok_or_else(|| bad("lead: expected int32"))?
        .value(row);
    let lead = usize::try_from(lead).ok().filter(|lead| *lead < leads);
    let lead = lead.ok_or_else(|| bad("lead: expected a lead of the recording"))?;
    let lists: &ListArray = column("adu")?
        .as_list_opt()
        .ok_or_else(|| bad("adu: expected a list"))?;
    let values = lists.value(row);
    if let Some(values) = values.as_primitive_opt::<Int16Type>() {
        return Ok((lead, Samples::Int16(values.clone())));
    }
    let values = values
        .as_primitive_opt::<Float64Type>()
        .ok_or_else(|| bad("adu: expected int16 or double"))?;
    Ok((lead, Samples::Float64(values.clone())))
}

/// What every row says of its recording.
struct About<'a> {
    recording_id: &'a str,
    run: u32,
    recording: &'a Recording,
}

type Lead<'a> = (i32, &'a LeadCalibration);

fn warning_names(warnings: &[Warning]) -> impl Iterator<Item = &'static str> {
    warnings.iter().map(|warning| warning.name())
}

/// Puts columns, given by name, into the order of the table; a column that is missing is a bug.
fn batch_of(
    table: &Table,
    mut column: impl FnMut(&Column) -> Option<ArrayRef>,
) -> Result<RecordBatch, ArrowError> {
    let columns = table
        .columns
        .iter()
        .map(|definition| {
            column(definition).ok_or_else(|| {
                ArrowError::SchemaError(format!(
                    "{}: nothing fills the column {}",
                    table.name, definition.name
                ))
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(table_arrow::schema(table), columns)
}

/// The segments of all leads, collected until a batch is full.
struct SegmentRows<W: Write> {
    writer: FileWriter<W>,
    segments: Vec<(i32, String, Segment)>,
    samples: usize,
    about: Option<Repeated>,
    written: u64,
}

/// What is the same in every segment of a recording.
#[derive(Clone)]
struct Repeated {
    recording_id: String,
    sampling_frequency_hz: f64,
    label: Option<String>,
}

impl<W: Write> SegmentRows<W> {
    fn new(out: W) -> Result<Self, ArrowError> {
        let writer = FileWriter::try_new(out, &table_arrow::schema(&SEGMENTS))?;
        Ok(SegmentRows {
            writer,
            segments: Vec::new(),
            samples: 0,
            about: None,
            written: 0,
        })
    }

    fn append(&mut self, about: &About<'_>, lead: Lead<'_>, segment: Segment) -> Result<(), ArrowError> {
        self.about.get_or_insert_with(|| Repeated {
            recording_id: about.recording_id.to_owned(),
            sampling_frequency_hz: about.recording.calibration.sampling_frequency_hz,
            label: about.recording.label.clone(),
        });
        self.samples += segment.mv.len();
        self.segments.push((lead.0, lead.1.name.clone(), segment));
        if self.samples >= BATCH_SAMPLES {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn flush(&mut self) -> Result<(), ArrowError> {
        let Some(about) = self.about.clone().filter(|_| !self.segments.is_empty()) else {
            return Ok(());
        };
        let rows = std::mem::take(&mut self.segments);
        self.samples = 0;
        self.written += rows.len() as u64;
        self.writer.write(&segment_batch(&about, &rows)?)
    }

    fn finish(mut self) -> Result<u64, ArrowError> {
        self.flush()?;
        self.writer.finish()?;
        Ok(self.written)
    }
}

fn segment_batch(about: &Repeated, rows: &[(i32, String, Segment)]) -> Result<RecordBatch, ArrowError> {
    let frequency = about.sampling_frequency_hz;
    let ints = |value: &dyn Fn(&Segment) -> i32| -> ArrayRef {
        Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| value(&row.2))))
    };
    let floats = |value: &dyn Fn(&Segment) -> f32| -> ArrayRef {
        Arc::new(Float32Array::from_iter_values(
            rows.iter().map(|row| value(&row.2)),
        ))
    };
    let doubles = |value: &dyn Fn(&Segment) -> Option<f64>| -> ArrayRef {
        Arc::new(Float64Array::from_iter(rows.iter().map(|row| value(&row.2))))
    };
    batch_of(&SEGMENTS, |column| {
        Some(match column.name {
            "recording_id" => repeated(Some(&about.recording_id), rows.len()),
            "lead" => Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.0))),
            "lead_name" => Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.1))),
            "segment" => ints(&|segment| segment.index as i32),
            "start_s" => doubles(&|segment| Some(segment.start_sample as f64 / frequency)),
            "start_sample" => Arc::new(Int64Array::from_iter_values(
                rows.iter().map(|row| row.2.start_sample as i64),
            )),
            "samples" => ints(&|segment| segment.mv.len() as i32),
            "sampling_frequency_hz" => doubles(&|_| Some(frequency)),
            "label" => repeated(about.label.as_deref(), rows.len()),
            "mv" => float_lists(rows.iter().map(|row| row.2.mv.as_slice())),
            "min_mv" => floats(&|segment| segment.features.min_mv),
            "max_mv" => floats(&|segment| segment.features.max_mv),
            "rms_mv" => floats(&|segment| segment.features.rms_mv as f32),
            "beats" => ints(&|segment| segment.features.beats as i32),
            "heart_rate_bpm" => doubles(&|segment| segment.features.heart_rate_bpm),
            "rr_mean_ms" => doubles(&|segment| segment.features.rr_mean_ms),
            "sdnn_ms" => doubles(&|segment| segment.features.sdnn_ms),
            "rmssd_ms" => doubles(&|segment| segment.features.rmssd_ms),
            "pnn50" => doubles(&|segment| segment.features.pnn50),
            "rr_intervals" => ints(&|segment| segment.features.rr_intervals as i32),
            "ksqi" => doubles(&|segment| segment.features.ksqi),
            "ssqi" => doubles(&|segment| segment.features.ssqi),
            "psqi" => doubles(&|segment| segment.features.psqi),
            "bassqi" => doubles(&|segment| segment.features.bassqi),
            "flat_ms" => doubles(&|segment| Some(segment.features.flat_ms)),
            "saturated_samples" => ints(&|segment| segment.features.saturated_samples as i32),
            "missing_samples" => ints(&|segment| segment.features.missing_samples as i32),
            "missing_at" => int_lists(rows.iter().map(|row| row.2.missing_at.as_slice())),
            "quality" => Arc::new(StringArray::from_iter_values(
                rows.iter().map(|row| row.2.quality.name()),
            )),
            "warnings" => text_lists(rows.iter().map(|row| warning_names(&row.2.warnings))),
            _ => return None,
        })
    })
}

/// The beats of all leads, collected until a batch is full.
struct BeatRows<W: Write> {
    writer: FileWriter<W>,
    beats: Vec<(i32, String, Beat)>,
    recording_id: String,
    written: u64,
}

impl<W: Write> BeatRows<W> {
    fn new(out: W) -> Result<Self, ArrowError> {
        let writer = FileWriter::try_new(out, &table_arrow::schema(&BEATS))?;
        Ok(BeatRows {
            writer,
            beats: Vec::new(),
            recording_id: String::new(),
            written: 0,
        })
    }

    fn append(&mut self, about: &About<'_>, lead: Lead<'_>, beats: &[Beat]) -> Result<(), ArrowError> {
        if self.recording_id.is_empty() {
            self.recording_id = about.recording_id.to_owned();
        }
        self.beats
            .extend(beats.iter().map(|beat| (lead.0, lead.1.name.clone(), *beat)));
        if self.beats.len() >= BATCH_BEATS {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn flush(&mut self) -> Result<(), ArrowError> {
        if self.beats.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.beats);
        self.written += rows.len() as u64;
        let batch = batch_of(&BEATS, |column| {
            Some(match column.name {
                "recording_id" => repeated(Some(&self.recording_id), rows.len()),
                "lead" => Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.0))) as ArrayRef,
                "lead_name" => Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.1))),
                "sample" => Arc::new(Int64Array::from_iter_values(
                    rows.iter().map(|row| row.2.sample as i64),
                )),
                "time_s" => Arc::new(Float64Array::from_iter_values(
                    rows.iter().map(|row| row.2.time_s),
                )),
                "rr_ms" => Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.2.rr_ms))),
                "r_mv" => Arc::new(Float32Array::from_iter_values(rows.iter().map(|row| row.2.r_mv))),
                _ => return None,
            })
        })?;
        self.writer.write(&batch)
    }

    fn finish(mut self) -> Result<u64, ArrowError> {
        self.flush()?;
        self.writer.finish()?;
        Ok(self.written)
    }
}

fn recording_row(
    about: &About<'_>,
    source: &Source,
    verdict: &Verdict,
    leads: &[LeadSummary],
    warnings: &BTreeSet<&str>,
    quality: &str,
    rules: &Rules,
) -> Result<RecordBatch, ArrowError> {
    let recording = about.recording;
    let calibration = &recording.calibration;
    let (Some(first), Some(first_lead)) = (calibration.leads.first(), leads.first()) else {
        return Err(ArrowError::SchemaError(
            "recordings: expected at least one lead".into(),
        ));
    };
    let text = |value: &str| -> ArrayRef { Arc::new(StringArray::from(vec![value])) };
    let optional = |value: Option<&str>| -> ArrayRef { Arc::new(StringArray::from(vec![value])) };
    let double = |value: f64| -> ArrayRef { Arc::new(Float64Array::from(vec![value])) };
    let bigint = |value: u64| -> ArrayRef { Arc::new(Int64Array::from(vec![value as i64])) };
    let doubles = |values: Vec<f64>| -> ArrayRef {
        let mut list = ListBuilder::new(Float64Builder::new()).with_field(element(ecg_tables::Kind::Doubles));
        list.append_value(values.into_iter().map(Some));
        Arc::new(list.finish())
    };
    batch_of(&RECORDINGS, |column| {
        Some(match column.name {
            "recording_id" => text(about.recording_id),
            "record" => optional(recording.record.as_deref()),
            "fragment" => Arc::new(Int32Array::from(vec![recording.fragment])),
            "label" => optional(recording.label.as_deref()),
            "source_bucket" => text(&source.bucket),
            "source_key" => text(&source.key),
            "source_version" => text(&source.version),
            "source_etag" => text(&source.etag),
            "source_size" => bigint(source.size),
            "content_sha256" => text(verdict.content_sha256.as_deref().unwrap_or_default()),
            "format" => text(&recording.signals.format),
            "sampling_frequency_hz" => double(calibration.sampling_frequency_hz),
            "leads" => Arc::new(Int32Array::from(vec![recording.signals.leads as i32])),
            "samples" => bigint(recording.signals.samples),
            "duration_s" => double(recording.duration_s()),
            "gain" => double(first.gain),
            "baseline" => double(first.baseline),
            "units" => text(&first.units),
            "calibration_source" => text(&calibration.source),
            "missing_samples" => bigint(leads.iter().map(|lead| lead.missing_samples).sum()),
            "quality" => text(quality),
            "warnings" => text_lists([warnings.iter().copied()].into_iter()),
            "heart_rate_bpm" => Arc::new(Float64Array::from(vec![first_lead.heart_rate_bpm])),
            "uploaded_at" => Arc::new(TimestampMillisecondArray::from(vec![source.uploaded_at_ms])),
            "pipeline_version" => text(PIPELINE_VERSION),
            "rules_version" => text(rules.version),
            "source_sequencer" => optional(source.sequencer.as_deref()),
            "lead_names" => text_lists([calibration.leads.iter().map(|lead| lead.name.as_str())].into_iter()),
            "lead_gains" => doubles(calibration.leads.iter().map(|lead| lead.gain).collect()),
            "lead_baselines" => doubles(calibration.leads.iter().map(|lead| lead.baseline).collect()),
            "beats" => bigint(first_lead.beats),
            "run" => Arc::new(Int32Array::from(vec![about.run as i32])),
            _ => return None,
        })
    })
}

fn element(kind: ecg_tables::Kind) -> arrow_schema::FieldRef {
    // Only kinds of lists are asked for; another one would not fit the schema and fail there.
    Arc::new(
        table_arrow::element(kind)
            .unwrap_or_else(|| arrow_schema::Field::new("element", arrow_schema::DataType::Null, false)),
    )
}

fn repeated(value: Option<&str>, rows: usize) -> ArrayRef {
    Arc::new(StringArray::from_iter(std::iter::repeat_n(value, rows)))
}

fn float_lists<'a>(rows: impl Iterator<Item = &'a [f32]>) -> ArrayRef {
    let mut list = ListBuilder::new(Float32Builder::new()).with_field(element(ecg_tables::Kind::Floats));
    for row in rows {
        list.values().append_slice(row);
        list.append(true);
    }
    Arc::new(list.finish())
}

fn int_lists<'a>(rows: impl Iterator<Item = &'a [u32]>) -> ArrayRef {
    let mut list = ListBuilder::new(Int32Builder::new()).with_field(element(ecg_tables::Kind::Ints));
    for row in rows {
        list.append_value(row.iter().map(|position| Some(*position as i32)));
    }
    Arc::new(list.finish())
}

fn text_lists<'a>(rows: impl Iterator<Item = impl Iterator<Item = &'a str>>) -> ArrayRef {
    let mut list = ListBuilder::new(StringBuilder::new()).with_field(element(ecg_tables::Kind::Texts));
    for row in rows {
        list.append_value(row.map(Some));
    }
    Arc::new(list.finish())
}
