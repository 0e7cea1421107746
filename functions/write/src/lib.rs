//! The write step: from the Arrow objects of transform to one Parquet object per table; and, in the failure branch,
//! one row of `rejections`.
//!
//! Every object is named by the recording id, so a retry overwrites a file with itself.

mod rejection;

use ecg_core::day::utc_day;
use ecg_core::message::{Failure, TableObject, WriteInput, WriteOutput, work_prefix};
use ecg_core::{Details, StepError, layout};
use ecg_lake::{Lake, blocking, codec_error};
use ecg_parquet::{encode, transcode};

/// Writes what transform made, or records a failure.
///
/// # Errors
/// `Internal` if the input has neither or both, `Erased` for a failure of a recording that was erased, else what the store says.
pub async fn run(lake: &Lake, input: WriteInput) -> Result<WriteOutput, StepError> {
    let dt = utc_day(input.source.uploaded_at_ms).ok_or_else(|| {
        let found = format!("{} ms since 1970", input.source.uploaded_at_ms);
        StepError::Rejected(Details::new("time of the upload", "a day of the calendar", found))
    })?;
    let objects = match (&input.transformed, &input.failure) {
        (Some(transformed), None) => write_tables(lake, &input, &dt, transformed).await?,
        (None, Some(failure)) => vec![write_rejection(lake, &input, &dt, failure).await?],
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

/// The tables appear together, and only once crawl has looked at them: until then the rows of an earlier run answer. So
/// they are held back in the work bucket.
async fn write_tables(
    lake: &Lake,
    input: &WriteInput,
    dt: &str,
    transformed: &[TableObject],
) -> Result<Vec<TableObject>, StepError> {
    let mut objects = Vec::new();
    for from in transformed {
        let table = ecg_tables::table(&from.table)
            .ok_or_else(|| StepError::Internal(format!("write: there is no table `{}`", from.table)))?;
        let staged = layout::staged_key(work_prefix(&input.execution, &input.recording_id), table.name);
        let reader = lake.reader(&lake.work(&from.key)).await?;
        let mut writer = lake.writer(&lake.work(&staged)).await?;
        let rows = blocking(move || {
            let rows = transcode(reader, table, &mut writer).map_err(|error| codec_error(&error))?;
            writer.finish().map_err(|error| codec_error(&error))?;
            Ok(rows)
        })
        .await?;
        objects.push(TableObject {
            table: table.name.to_owned(),
            key: layout::table_key(table.name, dt, &input.recording_id),
            rows,
            staged: Some(staged),
        });
    }
    Ok(objects)
}

async fn write_rejection(
    lake: &Lake,
    input: &WriteInput,
    dt: &str,
    failure: &Failure,
) -> Result<TableObject, StepError> {
    // Its upload disappeared under a running execution, or the execution was stopped.
    if lake.is_erased(&input.recording_id).await? {
        return Err(StepError::Erased);
    }
    let table = &ecg_tables::REJECTIONS;
    let execution = work_prefix(&input.execution, &input.recording_id);
    let judged = lake.judged(execution, failure).await?;
    let about = (input.recording_id.as_str(), execution, input.run);
    let batch =
        rejection::row(about, &input.source, failure, &judged).map_err(|error| codec_error(&error))?;
    let key = layout::table_key(table.name, dt, execution);
    let mut writer = lake.writer(&lake.processed(&key)).await?;
    blocking(move || {
        encode(&batch.schema(), std::iter::once(Ok(batch)), &mut writer)
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
