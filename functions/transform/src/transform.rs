//! From decoded rows through the recipe to the rows of the tables.

use std::io::{Read, Seek, Write};

use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::FileWriter;
use arrow_schema::ArrowError;
use ecg_core::message::Source;
use ecg_core::rules::Rules;
use ecg_recipe::{Calibration, LeadRecipe, RecipeError, Segment};

use crate::lead_rows::LeadRows;
use crate::lead_threads::push_all;
use crate::parsed_rows::verdict_of;
use crate::recording_row::RecordingRow;

/// Why the recipe could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum TransformError {
    /// Reading or writing failed.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
    /// The decoded object is not what parse writes.
    #[error("decoded recording: {0}")]
    Parsed(String),
    /// A lead that the recipe cannot be applied to, though validate let it pass.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
}

/// Where the rows of each table go, as Arrow IPC files.
pub struct Writers<W: Write> {
    /// Rows of `segments`.
    pub segments: W,
    /// Rows of `beats`.
    pub beats: W,
    /// Rows of `windows`, unless [`Made::windows`] says that there are none.
    pub windows: W,
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
    /// Rows of `windows`; `None` if nothing was written, since the recording is too short for any. A rerun always writes:
    /// the run before may have had some.
    pub windows: Option<u64>,
    /// `good` or `warn`.
    pub quality: &'static str,
}

/// Applies the recipe to a decoded recording, of which the id and the number of the run are given.
///
/// Rows stream through: memory does not depend on the length of the recording, but on that of its longest gap, whose segments
/// are complete together.
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
    let verdict = verdict_of(&reader.schema()).map_err(TransformError::Parsed)?;
    let recording = verdict
        .recording
        .clone()
        .ok_or_else(|| TransformError::Parsed("expected a recording in its verdict".into()))?;
    let mut leads = recording
        .calibration
        .leads
        .iter()
        .map(|lead| {
            let calibration = Calibration {
                gain: lead.gain,
                baseline: lead.baseline,
            };
            LeadRecipe::new(recording.calibration.sampling_frequency_hz, calibration, rules)
        })
        .collect::<Result<Vec<_>, _>>()?;

    let mut segments = LeadRows::new(writers.segments, recording_id, &recording)?;
    let mut beats = LeadRows::new(writers.beats, recording_id, &recording)?;
    let samples = recording.signals.samples;
    let has_windows =
        run > 0 || ecg_recipe::has_windows(samples, recording.calibration.sampling_frequency_hz);
    let mut windows = has_windows
        .then(|| LeadRows::new(writers.windows, recording_id, &recording))
        .transpose()?;
    let mut take = |lead: usize, segment: Segment| {
        beats.append(lead, segment.beats.iter().copied())?;
        segments.append(lead, [segment])
    };
    push_all(&mut leads, reader, |complete| {
        for (lead, segment) in complete.segments {
            take(lead, segment)?;
        }
        for (lead, complete) in complete.windows {
            if let Some(windows) = &mut windows {
                windows.append(lead, complete)?;
            }
        }
        Ok(())
    })?;
    let mut summaries = Vec::new();
    for (number, lead) in leads.into_iter().enumerate() {
        let mut last = Vec::new();
        let (summary, last_windows) = lead.finish(&mut |segment| last.push(segment));
        last.into_iter().try_for_each(|segment| take(number, segment))?;
        summaries.push(summary);
        if let Some(windows) = &mut windows {
            windows.append(number, last_windows)?;
        }
    }
    if let Some(short) = summaries.iter().find(|summary| summary.samples != samples) {
        let message = format!("expected {} samples per lead, found {}", samples, short.samples);
        return Err(TransformError::Parsed(message));
    }
    let made_segments = segments.finish()?;
    let made_beats = beats.finish()?;
    let made_windows = windows.map(LeadRows::finish).transpose()?;
    let row = RecordingRow {
        recording_id,
        run,
        source,
        verdict: &verdict,
        recording: &recording,
        leads: &summaries,
        rules_version: rules.version,
    };
    let batch = row.batch()?;
    let mut writer = FileWriter::try_new(writers.recordings, &batch.schema())?;
    writer.write(&batch)?;
    writer.finish()?;
    Ok(Made {
        segments: made_segments,
        beats: made_beats,
        windows: made_windows,
        quality: row.quality().name(),
    })
}
