//! SQL over the lake: the same Parquet and the same views as Athena, answered by DataFusion.

use std::path::Path;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::datasource::empty::EmptyTable;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::error::DataFusionError;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use ecg_tables::{PARTITION, TABLES, Table, arrow as table_arrow, views};
use url::Url;

/// Largest memory that a query may use before it fails, in bytes.
const MEMORY_LIMIT: usize = 2 << 30;

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A table for people.
    Table,
    /// Comma-separated values with a header line.
    Csv,
    /// A JSON array with one object per row.
    Json,
}

/// Runs a query over the processed objects below `processed`, a directory with one folder per table.
///
/// # Errors
/// What DataFusion says about the query, in one text.
pub(crate) async fn run(processed: &Path, sql: &str) -> Result<Vec<RecordBatch>, String> {
    let context = session(processed).await.map_err(|error| error.to_string())?;
    // A query reads: without this, SQL could create tables and write files.
    let options = datafusion::execution::context::SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false);
    let frame = context
        .sql_with_options(sql, options)
        .await
        .map_err(|error| error.to_string())?;
    let schema = Arc::new(frame.schema().as_arrow().clone());
    let mut batches = frame.collect().await.map_err(|error| error.to_string())?;
    if batches.is_empty() {
        batches.push(RecordBatch::new_empty(schema));
    }
    Ok(batches)
}

async fn session(processed: &Path) -> datafusion::error::Result<SessionContext> {
    let config = SessionConfig::new().with_information_schema(true);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_limit(MEMORY_LIMIT, 1.0)
        .build_arc()?;
    let context = SessionContext::new_with_config_rt(config, runtime);
    for table in TABLES {
        let directory = processed.join(table.name);
        if !directory.is_dir() {
            // Nothing was written into it yet. A query only reads, so it makes no folder either.
            context.register_table(table.name, Arc::new(EmptyTable::new(whole_schema(table))))?;
            continue;
        }
        // As an address and not as text, in which `*`, `?` and `[` would be a pattern.
        let url = Url::from_directory_path(directory.canonicalize()?)
            .map_err(|()| DataFusionError::Plan(format!("{}: expected a path", directory.display())))?;
        let url = ListingTableUrl::try_new(url, None)?;
        let options = ListingOptions::new(Arc::new(ParquetFormat::default()))
            .with_file_extension(".parquet")
            .with_table_partition_cols(vec![(PARTITION.to_owned(), DataType::Utf8)]);
        let config = ListingTableConfig::new(url)
            .with_listing_options(options)
            .with_schema(table_arrow::schema(table));
        context.register_table(table.name, Arc::new(ListingTable::try_new(config)?))?;
    }
    for view in views::VIEWS {
        let plan = context.state().create_logical_plan(view.local).await?;
        let provider = datafusion::datasource::view::ViewTable::new(plan, Some(view.local.trim().to_owned()));
        context.register_table(view.name, Arc::new(provider))?;
    }
    Ok(context)
}

/// The schema of a table with its partition column, as queries see it.
fn whole_schema(table: &Table) -> SchemaRef {
    let schema = table_arrow::schema(table);
    let partition = Arc::new(Field::new(PARTITION, DataType::Utf8, false));
    Arc::new(Schema::new(
        schema
            .fields()
            .iter()
            .cloned()
            .chain([partition])
            .collect::<Vec<_>>(),
    ))
}

/// The answer as text.
///
/// # Errors
/// A value that the format can not show.
pub(crate) fn render(batches: &[RecordBatch], format: Format) -> Result<String, String> {
    let fail = |error: ArrowError| error.to_string();
    match format {
        Format::Table => {
            let batches = batches.iter().map(|batch| lists_as_text(batch, Some(LIST_SHOWN)));
            let batches = batches.collect::<Result<Vec<_>, _>>().map_err(fail)?;
            Ok(format!(
                "{}\n",
                arrow::util::pretty::pretty_format_batches(&batches).map_err(fail)?
            ))
        }
        Format::Csv => {
            let mut bytes = Vec::new();
            let mut writer = arrow::csv::WriterBuilder::new()
                .with_header(true)
                .build(&mut bytes);
            for batch in batches {
                writer
                    .write(&lists_as_text(batch, None).map_err(fail)?)
                    .map_err(fail)?;
            }
            drop(writer);
            String::from_utf8(bytes).map_err(|error| error.to_string())
        }
        Format::Json => {
            let mut bytes = Vec::new();
            let mut writer = arrow::json::writer::WriterBuilder::new()
                .with_explicit_nulls(true)
                .build::<_, arrow::json::writer::JsonArray>(&mut bytes);
            writer
                .write_batches(&batches.iter().collect::<Vec<_>>())
                .map_err(fail)?;
            writer.finish().map_err(fail)?;
            drop(writer);
            let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
            Ok(format!("{}\n", if text.is_empty() { "[]" } else { &text }))
        }
    }
}

/// Elements of a list that a table for people shows.
const LIST_SHOWN: usize = 6;

/// Lists as text, such as `[1.5, 2.0]`: CSV has no lists, and a table for people no room for thousands of numbers
/// (`shown` cuts them).
fn lists_as_text(batch: &RecordBatch, shown: Option<usize>) -> Result<RecordBatch, ArrowError> {
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if !field.data_type().is_nested() {
            fields.push(field.as_ref().clone());
            columns.push(column.clone());
            continue;
        }
        let mut texts = Vec::with_capacity(column.len());
        for row in 0..column.len() {
            texts.push(
                (!column.is_null(row))
                    .then(|| nested_text(column, row, shown))
                    .transpose()?,
            );
        }
        fields.push(Field::new(field.name(), DataType::Utf8, true));
        columns.push(Arc::new(StringArray::from(texts)));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

fn nested_text(column: &ArrayRef, row: usize, shown: Option<usize>) -> Result<String, ArrowError> {
    let options = FormatOptions::default();
    if let (Some(shown), Some(list)) = (shown, column.as_list_opt::<i32>()) {
        let values = list.value(row);
        if values.len() > shown {
            let formatter = ArrayFormatter::try_new(values.as_ref(), &options)?;
            let first: Vec<String> = (0..shown)
                .map(|index| formatter.value(index).to_string())
                .collect();
            return Ok(format!("[{}, … {} values]", first.join(", "), values.len()));
        }
    }
    Ok(ArrayFormatter::try_new(column, &options)?.value(row).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Float32Builder, ListBuilder};

    #[test]
    fn long_lists_are_cut_for_people_and_whole_for_programs() {
        let mut lists = ListBuilder::new(Float32Builder::new());
        lists.append_value((0..100).map(|value| Some(value as f32)));
        lists.append_value([Some(0.5)]);
        lists.append(false);
        let column: ArrayRef = Arc::new(lists.finish());
        let batch = RecordBatch::try_from_iter([("mv", column)]).unwrap();
        let table = render(std::slice::from_ref(&batch), Format::Table).unwrap();
        assert!(
            table.contains("[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, … 100 values]"),
            "{table}"
        );
        assert!(table.contains("| [0.5] "), "{table}");
        let csv = render(std::slice::from_ref(&batch), Format::Csv).unwrap();
        assert!(csv.contains("98.0, 99.0]\""), "{csv}");
        let json: serde_json::Value = serde_json::from_str(&render(&[batch], Format::Json).unwrap()).unwrap();
        assert_eq!(json[0]["mv"].as_array().unwrap().len(), 100);
        assert!(json[2]["mv"].is_null());
    }
}
