//! SQL over the lake: the same Parquet and the same views as Athena, answered by DataFusion.

use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use ecg_tables::{PARTITION, TABLES, arrow as table_arrow, views};

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
        std::fs::create_dir_all(&directory)?;
        let url = ListingTableUrl::parse(format!("{}/", directory.canonicalize()?.display()))?;
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

/// The answer as text.
///
/// # Errors
/// A value that the format can not show.
pub(crate) fn render(batches: &[RecordBatch], format: Format) -> Result<String, String> {
    let fail = |error: arrow::error::ArrowError| error.to_string();
    match format {
        Format::Table => Ok(format!(
            "{}\n",
            arrow::util::pretty::pretty_format_batches(batches).map_err(fail)?
        )),
        Format::Csv => {
            let mut bytes = Vec::new();
            let mut writer = arrow::csv::WriterBuilder::new()
                .with_header(true)
                .build(&mut bytes);
            for batch in batches {
                writer.write(&lists_as_text(batch).map_err(fail)?).map_err(fail)?;
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

/// CSV has no lists: they become their text form, such as `[1.5, 2.0]`.
fn lists_as_text(batch: &RecordBatch) -> Result<RecordBatch, arrow::error::ArrowError> {
    use arrow::array::{ArrayRef, StringArray};
    use arrow::datatypes::{Field, Schema};
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if field.data_type().is_nested() {
            let options = arrow::util::display::FormatOptions::default();
            let formatter = arrow::util::display::ArrayFormatter::try_new(column, &options)?;
            let texts: Vec<Option<String>> = (0..column.len())
                .map(|row| (!column.is_null(row)).then(|| formatter.value(row).to_string()))
                .collect();
            fields.push(Field::new(field.name(), DataType::Utf8, true));
            columns.push(Arc::new(StringArray::from(texts)));
        } else {
            fields.push(field.as_ref().clone());
            columns.push(column.clone());
        }
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}
