//! The write step: from the Arrow objects of transform to one Parquet object per table; and, in the failure branch,
//! one row of `rejections`.
//!
//! Every object is named by the recording id, so a retry overwrites a file with itself.

mod encode;
mod rejection;

use ecg_core::day::utc_day;
use ecg_core::message::{Failure, Source, TableObject, WriteInput, WriteOutput};
use ecg_core::{Details, StepError, layout};
use ecg_lake::{Lake, blocking, codec_error};
use ecg_tables::RECORDINGS;

pub use encode::{parquet_properties, transcode};
pub use rejection::row as rejection_row;

/// Writes what transform made, or records a failure.
///
/// # Errors
/// `Internal` if the input has neither or both, else what the store says.
pub async fn run(lake: &Lake, input: WriteInput) -> Result<WriteOutput, StepError> {
    let dt = utc_day(input.source.uploaded_at_ms).ok_or_else(|| {
        let found = format!("{} ms since 1970", input.source.uploaded_at_ms);
        StepError::Rejected(Details::new("time of the upload", "a day of the calendar", found))
    })?;
    let objects = match (input.transformed, input.failure) {
        (Some(transformed), None) => write_tables(lake, &input.recording_id, &dt, transformed).await?,
        (None, Some(failure)) => {
            let execution = input.execution.unwrap_or_else(|| input.recording_id.clone());
            vec![
                write_rejection(
                    lake,
                    &input.recording_id,
                    &execution,
                    &dt,
                    &input.source,
                    &failure,
                )
                .await?,
            ]
        }
        _ => {
            return Err(StepError::Internal(
                "write: expected either `transformed` or `failure`, found neither or both".into(),
            ));
        }
    };
    Ok(WriteOutput {
        recording_id: input.recording_id,
        dt,
        objects,
    })
}

async fn write_tables(
    lake: &Lake,
    recording_id: &str,
    dt: &str,
    transformed: Vec<TableObject>,
) -> Result<Vec<TableObject>, StepError> {
    let mut objects = Vec::new();
    for from in transformed {
        let table = ecg_tables::table(&from.table)
            .ok_or_else(|| StepError::Internal(format!("write: there is no table `{}`", from.table)))?;
        let key = layout::table_key(table.name, dt, recording_id);
        let reader = lake.reader(&lake.work(&from.key)).await?;
        // Who sees the row of the recording finds everything else: crawl puts it into its place when that is so.
        let staged = (table.name == RECORDINGS.name).then(|| layout::staged_key(recording_id));
        let place = match &staged {
            Some(staged) => lake.work(staged),
            None => lake.processed(&key),
        };
        let mut writer = lake.writer(&place).await?;
        let rows = blocking(move || {
            let rows = transcode(reader, table, &mut writer).map_err(|error| codec_error(&error))?;
            writer.finish().map_err(|error| codec_error(&error))?;
            Ok(rows)
        })
        .await?;
        objects.push(TableObject {
            table: table.name.to_owned(),
            key,
            rows,
            staged,
        });
    }
    Ok(objects)
}

async fn write_rejection(
    lake: &Lake,
    recording_id: &str,
    execution: &str,
    dt: &str,
    source: &Source,
    failure: &Failure,
) -> Result<TableObject, StepError> {
    let table = &ecg_tables::REJECTIONS;
    let batch =
        rejection::row(recording_id, execution, source, failure).map_err(|error| codec_error(&error))?;
    let key = layout::table_key(table.name, dt, execution);
    let mut writer = lake.writer(&lake.processed(&key)).await?;
    blocking(move || {
        encode::encode(&batch.schema(), std::iter::once(Ok(batch)), &mut writer)
            .map_err(|error| codec_error(&error))?;
        writer.finish().map_err(|error| codec_error(&error))
    })
    .await?;
    Ok(TableObject {
        table: table.name.to_owned(),
        key,
        rows: 1,
        staged: None,
    })
}
