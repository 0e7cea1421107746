//! The transform step: from `parsed.arrow` to the rows of the tables.
//!
//! [`ecg_recipe`] is what a data scientist reads: the steps from raw ADC values to segments in millivolts with
//! beats, features and quality labels. `transform.rs` streams a recording through it: `parsed_rows.rs` reads what parse
//! wrote, `lead_threads.rs` gives it to the recipes of the leads, side by side; `segment_rows.rs`, `beat_rows.rs`, `window_rows.rs` and `recording_row.rs` fill the columns of one table each, and
//! `lead_rows.rs` collects those of the leads. This file opens and closes the objects.

mod beat_rows;
mod columns;
mod lead_rows;
mod lead_threads;
mod parsed_rows;
mod recording_row;
mod segment_rows;
mod transform;
mod window_rows;

use ecg_core::message::{Source, StepInput, TableObject, TransformOutput, work_prefix};
use ecg_core::rules::RULES;
use ecg_core::{StepError, layout};
use ecg_lake::{Lake, blocking, codec_error};
use ecg_tables::{BEATS, RECORDINGS, SEGMENTS, WINDOWS};

pub use transform::{Made, TransformError, Writers, transform};

/// Applies the recipe. `input.from` is the key of what parse decoded.
///
/// # Errors
/// What the store says; `Internal` if parse wrote something else.
pub async fn run(lake: &Lake, input: StepInput) -> Result<TransformOutput, StepError> {
    let reader = lake.reader(&lake.work(&input.from)).await?;
    let execution = work_prefix(&input.execution, &input.recording_id);
    let key = |table: &str| layout::transformed_key(execution, table);
    let mut segments = lake.writer(&lake.work(&key(SEGMENTS.name))).await?;
    let mut beats = lake.writer(&lake.work(&key(BEATS.name))).await?;
    let mut windows = lake.writer(&lake.work(&key(WINDOWS.name))).await?;
    let mut recordings = lake.writer(&lake.work(&key(RECORDINGS.name))).await?;
    let (recording_id, source): (String, Source) = (input.recording_id.clone(), input.source.clone());
    let run = input.run;
    let made = blocking(move || {
        let writers = Writers {
            segments: &mut segments,
            beats: &mut beats,
            windows: &mut windows,
            recordings: &mut recordings,
        };
        let made = transform(reader, (&recording_id, run), &source, &RULES, writers).map_err(sort)?;
        // The row of the recording comes last: who sees it finds its segments and beats.
        let windows = made.windows.is_some().then_some(windows);
        for writer in [segments, beats].into_iter().chain(windows).chain([recordings]) {
            writer.finish().map_err(|error| codec_error(&error))?;
        }
        Ok(made)
    })
    .await?;
    let object = |table: &str, rows| TableObject {
        table: table.to_owned(),
        key: key(table),
        rows,
        staged: None,
    };
    let mut transformed = vec![
        object(SEGMENTS.name, made.segments),
        object(BEATS.name, made.beats),
    ];
    transformed.extend(made.windows.map(|rows| object(WINDOWS.name, rows)));
    transformed.push(object(RECORDINGS.name, 1));
    Ok(TransformOutput {
        transformed,
        recording_id: input.recording_id.clone(),
        quality: made.quality.to_owned(),
    })
}

fn sort(error: TransformError) -> StepError {
    match error {
        TransformError::Arrow(error) => codec_error(&error),
        other => StepError::Internal(other.to_string()),
    }
}
