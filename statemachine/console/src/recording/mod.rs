//! A recording's page: what it was judged, its signal, beats, segments and what people noted.
//!
//! Everything is asked of the query engine, so it does not matter whether rows are in the small objects of their recordings or
//! in compacted ones. Samples are kept in blocks: a strip and a minute view of 24 hours scroll over them.

mod envelope;
mod export;
mod page;
mod routes;
mod rows;
mod stretches;

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float32Type, Int32Type};
use ecg_core::day::utc_day;
use ecg_core::rules::RULES;
use ecg_journal::{Execution, Place};
use futures::TryStreamExt;
use lru::LruCache;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::OnceCell;

use envelope::{Extremes, parts};
pub(crate) use export::Signal;
pub(crate) use routes::routes;
use stretches::{SegmentFacts, Stretch, margin, stretches};

/// Samples of a block over all leads: 2 MiB. A block has one segment at least.
const BLOCK_SAMPLES: u64 = 1 << 19;

/// Most blocks that are kept.
const BLOCKS: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// Most bytes of the blocks that are kept: of many leads or a high sampling frequency, a block is much larger than another.
const BLOCKS_BYTES: usize = 128 << 20;

/// Memory of a beat, in bytes: some 14 values with their names.
const BEAT_BYTES: usize = 1 << 10;

/// Recordings whose facts are kept.
const RECORDINGS: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// Most samples of one answer, over all leads: 16 MiB.
const ANSWER_SAMPLES: u64 = 1 << 22;

/// Most pixels of one answer.
const ANSWER_PIXELS: u64 = 1 << 17;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Failure {
    /// Nothing of this name.
    NotFound(String),
    /// The question is wrong.
    Refused(String),
    /// The lake cannot be read.
    Internal(String),
}

impl Failure {
    /// What is told of it.
    fn words(self) -> String {
        match self {
            Failure::NotFound(words) | Failure::Refused(words) | Failure::Internal(words) => words,
        }
    }
}

impl From<String> for Failure {
    fn from(words: String) -> Failure {
        Failure::Internal(words)
    }
}

/// Loaded by the first who asks, while the others wait.
type Once<T> = Arc<OnceCell<Arc<T>>>;

/// The recordings of a lake.
pub(crate) struct Recordings {
    place: Place,
    known: Mutex<LruCache<String, Once<Recording>>>,
    blocks: Mutex<Blocks>,
}

/// Blocks by recording and number.
type Blocks = LruCache<(String, u64), Once<Block>>;

/// What the journal and the tables have of a recording.
pub(crate) struct Page {
    pub(crate) execution: Execution,
    /// `None` where it is not in the tables: rejected, failed or under way.
    pub(crate) recording: Option<Arc<Recording>>,
}

/// A recording in the tables.
pub(crate) struct Recording {
    /// Changes with each run of it.
    key: String,
    id: String,
    day: String,
    /// Its row of `recordings`.
    pub(crate) row: Map<String, Value>,
    /// Its rows of `windows` of a whole lead.
    pub(crate) variability: Map<String, Value>,
    pub(crate) sampling_frequency_hz: f64,
    samples: u64,
    pub(crate) leads: u32,
    /// Samples of a segment that is not the last.
    segment_samples: u64,
}

impl Recording {
    fn block_segments(&self) -> u64 {
        (BLOCK_SAMPLES / u64::from(self.leads.max(1)) / self.segment_samples).max(1)
    }

    fn block_samples(&self) -> u64 {
        self.block_segments() * self.segment_samples
    }
}

/// Some segments of all leads.
struct Block {
    /// Its first sample in the recording.
    start: u64,
    /// Of each lead the samples in mV; NaN is missing.
    mv: Vec<Vec<f32>>,
    /// Of each lead the segments.
    segments: Vec<Vec<SegmentFacts>>,
    beats: Vec<Beat>,
}

/// A beat as a strip shows it. Samples are counted in the recording, from 0.
#[derive(Debug, Clone, Serialize)]
struct Beat {
    lead: u32,
    sample: u64,
    #[serde(flatten)]
    values: Map<String, Value>,
}

/// What is marked in a strip.
#[derive(Debug, Serialize)]
pub(crate) struct Marks {
    beats: Vec<Beat>,
    stretches: Vec<Stretch>,
}

impl Recordings {
    pub(crate) fn new(place: &Place) -> Recordings {
        Recordings {
            place: place.clone(),
            known: Mutex::new(LruCache::new(RECORDINGS)),
            blocks: Mutex::new(LruCache::new(BLOCKS)),
        }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// What there is of a recording. `id` may also be the name of one of its executions.
    ///
    /// # Errors
    /// `NotFound` where no execution is recorded of it, else why the lake cannot be read.
    pub(crate) async fn page(&self, id: &str) -> Result<Page, Failure> {
        let unknown = || Failure::NotFound(format!("no recording `{id}` in this lake"));
        // What is no id must not reach a query.
        if id.is_empty()
            || !id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
            || !self.place.has_journal()
        {
            return Err(unknown());
        }
        let (last, input) = {
            let journal = self.place.journal()?;
            let words = |error: std::io::Error| Failure::Internal(error.to_string());
            let named = || {
                journal
                    .named(id)
                    .map(|named| named.map(|named| named.recording_id))
            };
            let last = match journal.last_run_of(id).map_err(words)? {
                Some(last) => last,
                None => {
                    let recording = named().map_err(words)?.ok_or_else(unknown)?;
                    journal
                        .last_run_of(&recording)
                        .map_err(words)?
                        .ok_or_else(unknown)?
                }
            };
            let input = journal.input(&last).map_err(words)?;
            (last, input)
        };
        let day = utc_day(input.source.uploaded_at_ms)
            .ok_or_else(|| Failure::Internal(format!("{id}: the upload has no day")))?;
        // Another run may have written other rows.
        let key = format!(
            "{}/{}/{:?}/{}",
            last.name,
            last.redrives,
            last.closed.as_ref().map(|closed| closed.status),
            last.seconds
        );
        let cell = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.get_or_insert(key.clone(), Default::default).clone()
        };
        let found = cell
            .get_or_try_init(|| self.recording(&last.recording_id, day, key))
            .await;
        let recording = match found {
            Ok(recording) => Some(recording.clone()),
            Err(Failure::NotFound(_)) => None,
            Err(failure) => return Err(failure),
        };
        Ok(Page {
            execution: last,
            recording,
        })
    }

    /// What the tables have of a recording.
    ///
    /// # Errors
    /// `NotFound` where it is in no table, with what to do.
    pub(crate) async fn in_tables(&self, id: &str) -> Result<Arc<Recording>, Failure> {
        let page = self.page(id).await?;
        page.recording.ok_or_else(|| {
            Failure::NotFound(format!(
                "{id} is not in the tables: its last run has not succeeded; `ecg show {}` says why",
                page.execution.name
            ))
        })
    }

    async fn recording(&self, id: &str, day: String, key: String) -> Result<Arc<Recording>, Failure> {
        let sql = format!("select * from recordings where recording_id = '{id}' and dt = '{day}' limit 1");
        let row = rows::each(&self.ask(id, &day, &sql).await?)?.into_iter().next();
        let row = row.ok_or_else(|| Failure::NotFound(format!("{id} is not in the tables")))?;
        let number = |name: &str| row.get(name).and_then(Value::as_f64).unwrap_or(0.0);
        let (fs, samples, leads) = (
            number("sampling_frequency_hz"),
            number("samples") as u64,
            number("leads") as u32,
        );
        let sql = format!(
            "select lead_name, sd1_ms, sd2_ms, sdnn_ms, rmssd_ms, pnn50 from windows \
             where recording_id = '{id}' and dt = '{day}' and window_index is null order by lead"
        );
        let variability = rows::columns(&self.ask(id, &day, &sql).await?)?;
        Ok(Arc::new(Recording {
            key,
            id: id.to_owned(),
            day,
            row,
            variability,
            sampling_frequency_hz: fs,
            samples,
            leads,
            segment_samples: ((RULES.segment_s * fs).round() as u64).max(1),
        }))
    }

    /// What the list shows of each of these recordings, named by day and id: its row of `recordings` by id, some columns of it.
    pub(crate) async fn rows(
        &self,
        of: &[(&str, &str)],
    ) -> Result<HashMap<String, Map<String, Value>>, Failure> {
        let list = |values: BTreeSet<&str>| {
            let quoted: Vec<String> = values.into_iter().map(|value| format!("'{value}'")).collect();
            quoted.join(", ")
        };
        if of.is_empty() {
            return Ok(HashMap::new());
        }
        let sql = format!(
            "select recording_id, duration_s, leads, heart_rate_bpm, warnings from recordings where dt in ({}) and recording_id in ({})",
            list(of.iter().map(|(day, _)| *day).collect()),
            list(of.iter().map(|(_, id)| *id).collect())
        );
        let rows = ecg_query::ask_of(self.place.root(), of, &sql).await?;
        let batches: Vec<RecordBatch> = rows
            .try_collect()
            .await
            .map_err(|error| Failure::Internal(error.to_string()))?;
        let rows = rows::each(&batches)?;
        let by_id = rows
            .into_iter()
            .map(|row| (page::text(&row["recording_id"]), row));
        Ok(by_id.collect())
    }

    async fn ask(&self, id: &str, day: &str, sql: &str) -> Result<Vec<RecordBatch>, Failure> {
        let rows = ecg_query::ask_of(self.place.root(), &[(day, id)], sql).await?;
        rows.try_collect()
            .await
            .map_err(|error| Failure::Internal(error.to_string()))
    }

    /// The segments of a lead, a column an array, in order; with `end_s`, the end of each in seconds.
    pub(crate) async fn segments(
        &self,
        recording: &Recording,
        lead: u32,
    ) -> Result<Map<String, Value>, Failure> {
        let columns: Vec<&str> = ecg_tables::SEGMENTS
            .columns
            .iter()
            .map(|column| column.name)
            .filter(|name| !["recording_id", "lead", "lead_name", "label", "mv", "missing_at"].contains(name))
            .collect();
        let sql = format!(
            "select {}, (start_sample + samples) / sampling_frequency_hz as end_s from segments \
             where recording_id = '{}' and dt = '{}' and lead = {lead} order by segment",
            columns.join(", "),
            recording.id,
            recording.day
        );
        Ok(rows::columns(
            &self.ask(&recording.id, &recording.day, &sql).await?,
        )?)
    }

    /// The beats of a lead: their number as u32, then column by column the samples as u32, RR in ms, the signal at the R peak in mV, PR,
    /// QRS and QT in ms as f32 (NaN is null), and the type as a character of 8 bits (0 is null); all little-endian.
    pub(crate) async fn beats(&self, recording: &Recording, lead: u32) -> Result<Vec<u8>, Failure> {
        let sql = format!(
            "select sample, rr_ms, r_mv, pr_ms, qrs_ms, qt_ms, beat_type from beats \
             where recording_id = '{}' and dt = '{}' and lead = {lead} order by sample",
            recording.id, recording.day
        );
        let batches = self.ask(&recording.id, &recording.day, &sql).await?;
        let samples = rows::integers(&batches, "sample")?;
        let mut bytes = (samples.len() as u32).to_le_bytes().to_vec();
        bytes.extend(samples.iter().flat_map(|sample| (*sample as u32).to_le_bytes()));
        for name in ["rr_ms", "r_mv", "pr_ms", "qrs_ms", "qt_ms"] {
            bytes.extend(
                rows::floats(&batches, name)?
                    .into_iter()
                    .flat_map(f32::to_le_bytes),
            );
        }
        if let Some(Value::Array(types)) = rows::columns(&batches)?.get("beat_type") {
            let letter = |value: &Value| value.as_str().and_then(|text| text.bytes().next()).unwrap_or(0);
            bytes.extend(types.iter().map(letter));
        }
        Ok(bytes)
    }

    /// The samples of a stretch in mV: how many leads and how many samples of each as u32, then lead by lead the samples as f32,
    /// little-endian; NaN is missing. Of all leads, or of one.
    pub(crate) async fn samples(
        &self,
        recording: &Recording,
        lead: Option<u32>,
        stretch: Range<u64>,
    ) -> Result<Vec<u8>, Failure> {
        let leads = match lead {
            Some(lead) => vec![lead],
            None => (0..recording.leads).collect(),
        };
        let stretch = within(recording, leads.len(), stretch)?;
        let mut mv: Vec<Vec<f32>> = vec![Vec::new(); leads.len()];
        self.each_block(recording, &stretch, |block, inside| {
            for (lead, mv) in leads.iter().zip(&mut mv) {
                mv.extend_from_slice(block.samples(*lead, inside));
            }
        })
        .await?;
        let mut bytes = (leads.len() as u32).to_le_bytes().to_vec();
        bytes.extend((mv.first().map_or(0, Vec::len) as u32).to_le_bytes());
        bytes.extend(mv.into_iter().flatten().flat_map(f32::to_le_bytes));
        Ok(bytes)
    }

    /// The smallest and the largest sample of each of `pixels` parts of a stretch of a lead, as pairs of f32 in mV, little-endian. NaN
    /// where all samples are missing, and behind the end of the recording.
    pub(crate) async fn envelope(
        &self,
        recording: &Recording,
        lead: u32,
        stretch: Range<u64>,
        pixels: u64,
    ) -> Result<Vec<u8>, Failure> {
        if stretch.start >= stretch.end || !(1..=ANSWER_PIXELS).contains(&pixels) {
            return Err(Failure::Refused(format!(
                "expected a stretch of at least one sample and 1 to {ANSWER_PIXELS} pixels, found {} to {} and {pixels}",
                stretch.start, stretch.end
            )));
        }
        let parts: Vec<Range<u64>> = parts(stretch.clone(), pixels).collect();
        let mut drawn = vec![Extremes::NONE; parts.len()];
        let known = stretch.start.min(recording.samples)..stretch.end.min(recording.samples);
        let mut first = 0;
        self.each_block(recording, &known, |block, inside| {
            // A part may go on in the next block.
            let mut place = first;
            while let Some(part) = parts.get(place).filter(|part| part.start < inside.end) {
                let both = part.start.max(inside.start)..part.end.min(inside.end);
                if both.start < both.end {
                    drawn[place] = drawn[place].with(block.samples(lead, &both));
                }
                if part.end <= inside.end {
                    first = place + 1;
                }
                place += 1;
            }
        })
        .await?;
        let pair = |extremes: Extremes| [extremes.min.to_le_bytes(), extremes.max.to_le_bytes()];
        Ok(drawn.into_iter().flat_map(pair).flatten().collect())
    }

    /// The beats and the shaded stretches of a stretch, of all leads.
    pub(crate) async fn marks(&self, recording: &Recording, stretch: Range<u64>) -> Result<Marks, Failure> {
        let stretch = within(recording, recording.leads as usize, stretch)?;
        let fs = recording.sampling_frequency_hz;
        let margin = margin(fs, &RULES);
        let looked_at = stretch.start.saturating_sub(margin)..(stretch.end + margin).min(recording.samples);
        let mut marks = Marks {
            beats: Vec::new(),
            stretches: Vec::new(),
        };
        let leads = recording.leads as usize;
        let mut mv: Vec<Vec<f32>> = vec![Vec::new(); leads];
        let mut segments: Vec<Vec<SegmentFacts>> = vec![Vec::new(); leads];
        self.each_block(recording, &looked_at, |block, inside| {
            for lead in 0..leads {
                mv[lead].extend_from_slice(block.samples(lead as u32, inside));
                let met = block.segments.get(lead).into_iter().flatten();
                let met = met.filter(|segment| {
                    segment.samples.start < inside.end && inside.start < segment.samples.end
                });
                segments[lead].extend(met.cloned());
            }
            let shown = block.beats.iter().filter(|beat| stretch.contains(&beat.sample));
            marks.beats.extend(shown.cloned());
        })
        .await?;
        for (lead, mv) in mv.iter().enumerate() {
            marks.stretches.extend(stretches(
                lead as u32,
                looked_at.start,
                mv,
                &stretch,
                &segments[lead],
                fs,
                &RULES,
            ));
        }
        Ok(marks)
    }

    /// Calls back with each block that meets a stretch, and the part of the stretch that is in it.
    async fn each_block(
        &self,
        recording: &Recording,
        stretch: &Range<u64>,
        mut each: impl FnMut(&Block, &Range<u64>),
    ) -> Result<(), Failure> {
        let size = recording.block_samples();
        let mut at = stretch.start;
        while at < stretch.end {
            let number = at / size;
            let cell = {
                let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
                blocks
                    .get_or_insert((recording.key.clone(), number), Default::default)
                    .clone()
            };
            // Of several that ask at once, one loads it.
            let block = match cell.get() {
                Some(block) => block,
                None => {
                    let block = cell.get_or_try_init(|| self.block(recording, number)).await?;
                    forget_oldest(
                        &mut self.blocks.lock().unwrap_or_else(PoisonError::into_inner),
                        BLOCKS_BYTES,
                    );
                    block
                }
            };
            let inside = at..((number + 1) * size).min(stretch.end);
            at = inside.end;
            each(block, &inside);
        }
        Ok(())
    }

    async fn block(&self, recording: &Recording, number: u64) -> Result<Arc<Block>, Failure> {
        let (id, day) = (&recording.id, &recording.day);
        let segments = number * recording.block_segments()..(number + 1) * recording.block_segments();
        let start = segments.start * recording.segment_samples;
        let samples = start..(segments.end * recording.segment_samples).min(recording.samples);
        let sql = format!(
            "select lead, start_sample, samples, mv, missing_at, min_mv, max_mv, array_has(warnings, 'noisy') as noisy from segments \
             where recording_id = '{id}' and dt = '{day}' and segment >= {} and segment < {}",
            segments.start, segments.end
        );
        let length = (samples.end.saturating_sub(start)) as usize;
        let mut block = Block {
            start,
            mv: vec![vec![f32::NAN; length]; recording.leads as usize],
            segments: vec![Vec::new(); recording.leads as usize],
            beats: Vec::new(),
        };
        for batch in self.ask(id, day, &sql).await? {
            block.add_segments(&batch)?;
        }
        for segments in &mut block.segments {
            segments.sort_by_key(|segment| segment.samples.start);
        }
        let sql = format!(
            "select lead, sample, rr_ms, r_mv, p_onset, p_peak, p_end, qrs_onset, qrs_end, t_onset, t_peak, t_end, pr_ms, qrs_ms, qt_ms, \
             beat_type from beats where recording_id = '{id}' and dt = '{day}' and sample >= {} and sample < {} order by sample, lead",
            samples.start, samples.end
        );
        let mut columns = rows::columns(&self.ask(id, day, &sql).await?)?;
        let take = |columns: &mut Map<String, Value>, name: &str| match columns.remove(name) {
            Some(Value::Array(column)) => column,
            _ => Vec::new(),
        };
        let (leads, samples) = (take(&mut columns, "lead"), take(&mut columns, "sample"));
        for (place, (lead, sample)) in leads.iter().zip(&samples).enumerate() {
            let value = |(name, column): (&String, &Value)| {
                (name.clone(), column.get(place).cloned().unwrap_or(Value::Null))
            };
            block.beats.push(Beat {
                lead: lead.as_u64().unwrap_or(0) as u32,
                sample: sample.as_u64().unwrap_or(0),
                values: columns.iter().map(value).collect(),
            });
        }
        Ok(Arc::new(block))
    }
}

impl Block {
    /// What it takes in memory.
    fn bytes(&self) -> usize {
        let samples: usize = self.mv.iter().map(Vec::len).sum();
        let segments: usize = self.segments.iter().map(Vec::len).sum();
        samples * size_of::<f32>() + segments * size_of::<SegmentFacts>() + self.beats.len() * BEAT_BYTES
    }

    /// The samples of a lead in a stretch that is within the block.
    fn samples(&self, lead: u32, stretch: &Range<u64>) -> &[f32] {
        let range = (stretch.start - self.start) as usize..(stretch.end - self.start) as usize;
        self.mv
            .get(lead as usize)
            .and_then(|mv| mv.get(range))
            .unwrap_or_default()
    }

    fn add_segments(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        let batches = std::slice::from_ref(batch);
        let leads = rows::integers(batches, "lead")?;
        let starts = rows::integers(batches, "start_sample")?;
        let (low, high) = (rows::floats(batches, "min_mv")?, rows::floats(batches, "max_mv")?);
        let noisy = rows::column(batch, "noisy")?.as_boolean().clone();
        let (mv, missing) = (
            rows::column(batch, "mv")?.as_list::<i32>(),
            rows::column(batch, "missing_at")?.as_list::<i32>(),
        );
        for row in 0..batch.num_rows() {
            let values = mv.value(row);
            let values = values.as_primitive::<Float32Type>().values();
            let start = starts[row] as u64;
            let lead = leads[row] as usize;
            let (Some(lead_mv), Some(segments)) = (self.mv.get_mut(lead), self.segments.get_mut(lead)) else {
                continue;
            };
            let from = start.saturating_sub(self.start) as usize;
            let Some(place) = lead_mv.get_mut(from..from + values.len()) else {
                return Err(Failure::Internal(format!(
                    "segments: lead {lead} has samples from {start} on where none were expected"
                )));
            };
            place.copy_from_slice(values);
            for at in missing.value(row).as_primitive::<Int32Type>().values() {
                if let Some(sample) = place.get_mut(*at as usize) {
                    *sample = f32::NAN;
                }
            }
            segments.push(SegmentFacts {
                samples: start..start + values.len() as u64,
                min_mv: low[row],
                max_mv: high[row],
                noisy: noisy.is_valid(row) && noisy.value(row),
            });
        }
        Ok(())
    }
}

/// Keeps the blocks that were asked for last, of so many bytes together; the last one in any case.
fn forget_oldest(blocks: &mut Blocks, bytes_max: usize) {
    let bytes = |cell: &Once<Block>| cell.get().map_or(0, |block| block.bytes());
    let mut kept: usize = blocks.iter().map(|(_, cell)| bytes(cell)).sum();
    while kept > bytes_max
        && blocks.len() > 1
        && let Some((_, oldest)) = blocks.pop_lru()
    {
        kept -= bytes(&oldest);
    }
}

/// A stretch within the recording, of so many leads, that is not more than an answer may be.
fn within(recording: &Recording, leads: usize, stretch: Range<u64>) -> Result<Range<u64>, Failure> {
    if stretch.start >= stretch.end || stretch.end > recording.samples {
        return Err(Failure::Refused(format!(
            "expected a stretch within samples 0 to {}, found {} to {}",
            recording.samples, stretch.start, stretch.end
        )));
    }
    let samples = stretch.end - stretch.start;
    if samples * leads as u64 > ANSWER_SAMPLES {
        return Err(Failure::Refused(format!(
            "expected at most {ANSWER_SAMPLES} samples at a time, found {samples} of {leads} leads"
        )));
    }
    Ok(stretch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_kept_by_their_bytes() {
        let mut blocks: Blocks = LruCache::new(BLOCKS);
        for number in 0..6 {
            let block = Block {
                start: 0,
                mv: vec![vec![0.0; 1 << 18]],
                segments: Vec::new(),
                beats: Vec::new(),
            };
            let cell = Arc::new(OnceCell::new_with(Some(Arc::new(block))));
            blocks.put((String::new(), number), cell);
        }
        // One that is being loaded.
        blocks.put((String::new(), 9), Arc::default());
        let kept = |blocks: &Blocks| -> Vec<u64> { blocks.iter().map(|((_, number), _)| *number).collect() };
        forget_oldest(&mut blocks, 3 << 20);
        assert_eq!(kept(&blocks), [9, 5, 4, 3]);
        forget_oldest(&mut blocks, 3 << 20);
        assert_eq!(kept(&blocks).len(), 4);
        blocks.pop(&(String::new(), 9));
        forget_oldest(&mut blocks, 0);
        assert_eq!(kept(&blocks), [5], "the last one is needed, however large it is");
    }

    #[tokio::test]
    async fn marks_have_the_limit_of_samples() {
        let folder = tempfile::tempdir().unwrap();
        let recordings = Recordings::new(&Place::new(folder.path()));
        let recording = Recording {
            key: String::new(),
            id: "a".to_owned(),
            day: "2026-11-23".to_owned(),
            row: Map::new(),
            variability: Map::new(),
            sampling_frequency_hz: 20_000.0,
            samples: 1 << 40,
            leads: 16,
            segment_samples: 200_000,
        };
        let most = ANSWER_SAMPLES / 16;
        let refused = recordings.marks(&recording, 0..most + 1).await.unwrap_err();
        assert_eq!(
            refused.words(),
            format!(
                "expected at most {ANSWER_SAMPLES} samples at a time, found {} of 16 leads",
                most + 1
            )
        );
        assert!(within(&recording, 16, 0..most).is_ok());
    }
}
