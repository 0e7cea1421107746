//! What people have noted, as a table: it is in the journal, not in Parquet.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use datafusion::datasource::MemTable;
use datafusion::error::{DataFusionError, Result};
use datafusion::prelude::SessionContext;
use ecg_journal::{Annotation, Place};

/// The name of the table.
pub(crate) const TABLE: &str = "annotations";

/// Makes the table where a query names it. Other queries do not open the journal: they leave a lake as it is, also one whose
/// journal is of an older version.
pub(crate) fn register(context: &SessionContext, lake: &Path, sql: &str) -> Result<()> {
    let state = context.state();
    let dialect = state.config_options().sql_parser.dialect;
    // What is wrong with the query, its plan tells.
    let Ok(statement) = state.sql_to_statement(sql, &dialect) else {
        return Ok(());
    };
    let names = state.resolve_table_references(&statement).unwrap_or_default();
    if names.iter().any(|name| name.table() == TABLE) {
        context.register_table(TABLE, table(lake)?)?;
    }
    Ok(())
}

/// The annotations that stand now.
fn table(lake: &Path) -> Result<Arc<MemTable>> {
    let place = Place::new(lake);
    let found = match place.has_journal() {
        true => place
            .journal()
            .and_then(|journal| journal.annotations(None).map_err(|error| error.to_string())),
        false => Ok(Vec::new()),
    };
    let batch = batch(&found.map_err(DataFusionError::Execution)?)?;
    Ok(Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]])?))
}

fn batch(annotations: &[Annotation]) -> Result<RecordBatch> {
    let texts = |of: fn(&Annotation) -> &str| {
        Arc::new(StringArray::from_iter_values(annotations.iter().map(of))) as ArrayRef
    };
    let samples = |of: fn(&Annotation) -> u64| {
        Arc::new(Int64Array::from_iter_values(
            annotations.iter().map(|annotation| of(annotation) as i64),
        )) as ArrayRef
    };
    let times = |of: fn(&Annotation) -> u64| {
        let seconds = |annotation: &Annotation| of(annotation) as f64 / annotation.sampling_frequency_hz;
        Arc::new(Float64Array::from_iter_values(annotations.iter().map(seconds))) as ArrayRef
    };
    let ids = Int64Array::from_iter_values(annotations.iter().map(|annotation| annotation.id));
    let leads = annotations
        .iter()
        .map(|annotation| annotation.noted.lead.map(|lead| lead as i32));
    let created = annotations
        .iter()
        .map(|annotation| (annotation.created * 1000.0) as i64);
    let created = TimestampMillisecondArray::from_iter_values(created);
    let columns = [
        (
            "recording_id",
            texts(|annotation| &annotation.recording_id),
            false,
        ),
        ("id", Arc::new(ids) as ArrayRef, false),
        ("lead", Arc::new(leads.collect::<Int32Array>()) as ArrayRef, true),
        (
            "start_sample",
            samples(|annotation| annotation.noted.start_sample),
            false,
        ),
        (
            "end_sample",
            samples(|annotation| annotation.noted.end_sample),
            false,
        ),
        (
            "start_s",
            times(|annotation| annotation.noted.start_sample),
            false,
        ),
        ("end_s", times(|annotation| annotation.noted.end_sample), false),
        ("label", texts(|annotation| &annotation.noted.label), false),
        ("author", texts(|annotation| &annotation.noted.author), false),
        ("created_at", Arc::new(created) as ArrayRef, false),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
}
