//! SQL over the lake: the same Parquet and the same views as Athena, answered by DataFusion.

mod annotations;
mod build_side;
mod md5;
mod places;
mod session;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::utils::datafusion_strsim::normalized_levenshtein;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::SQLOptions;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use datafusion::sql::sqlparser::parser::ParserError;
use ecg_tables::{TABLES, views};
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

pub use places::Places;

/// How often a query is begun whose days are moved meanwhile.
const ATTEMPTS: u32 = 5;

/// A name this close to a table's is taken for a slip of the fingers: the share of characters that agree.
const NEAR: f64 = 0.6;

/// Starts a query over the tables of a lake. The rows come batch by batch. `may_join` is false for a query over one table.
///
/// # Errors
/// What is wrong with the query, in one text.
pub async fn ask(lake: &Path, sql: &str, may_join: bool) -> Result<SendableRecordBatchStream, String> {
    begin(lake, None, may_join, sql).await
}

/// The same over the rows of some recordings, each named by its day and its id: of their days, and there only their own objects where a day is
/// not compacted. So a day of ten thousand recordings costs no more than a day of one. The query names recordings and days too.
///
/// # Errors
/// See [`ask`].
pub async fn ask_of(
    lake: &Path,
    recordings: &[(&str, &str)],
    sql: &str,
) -> Result<SendableRecordBatchStream, String> {
    begin(lake, Some(recordings), false, sql).await
}

async fn begin(
    lake: &Path,
    only: Option<&[(&str, &str)]>,
    may_join: bool,
    sql: &str,
) -> Result<SendableRecordBatchStream, String> {
    let mut attempt = 1;
    loop {
        let context = session::open(lake, only, may_join).await;
        let context = context.map_err(|error| words(&error))?;
        if only.is_none() {
            annotations::register(&context, lake, sql).map_err(|error| words(&error))?;
        }
        match rows(&context, sql).await {
            // Nothing was answered yet.
            Err(Refused::Moved(_)) if attempt < ATTEMPTS => attempt += 1,
            answer => return answer.map_err(|(Refused::Moved(why) | Refused::Wrong(why))| why),
        }
    }
}

/// Why a query has no answer.
#[derive(Debug)]
enum Refused {
    /// A day was moved while it was listed; the next attempt finds it.
    Moved(String),
    Wrong(String),
}

impl From<&DataFusionError> for Refused {
    fn from(error: &DataFusionError) -> Refused {
        let mut inner: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(error) = inner {
            if error.is::<places::Moved>() {
                return Refused::Moved(error.to_string());
            }
            inner = error.source();
        }
        Refused::Wrong(words(error))
    }
}

async fn rows(context: &SessionContext, sql: &str) -> Result<SendableRecordBatchStream, Refused> {
    let state = context.state();
    let dialect = state.config_options().sql_parser.dialect;
    let statement = state
        .sql_to_statement(sql, &dialect)
        .map_err(|error| Refused::from(&error))?;
    if !reads(&statement) {
        return Err(Refused::Wrong(only_reads(&statement)));
    }
    let plan = match state.statement_to_plan(statement.clone()).await {
        Ok(plan) => plan,
        Err(error) => {
            return Err(
                unknown_table(context, &statement).map_or_else(|| Refused::from(&error), Refused::Wrong)
            );
        }
    };
    // Without this, `explain analyze` could create tables and write files.
    let options = SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false);
    if options.verify_plan(&plan).is_err() {
        return Err(Refused::Wrong(only_reads(&statement)));
    }
    let frame = context
        .execute_logical_plan(plan)
        .await
        .map_err(|error| Refused::from(&error))?;
    frame
        .execute_stream()
        .await
        .map_err(|error| Refused::from(&error))
}

fn reads(statement: &Statement) -> bool {
    match statement {
        Statement::Explain(_) => true,
        Statement::Statement(sql) => matches!(
            **sql,
            SqlStatement::Query(_)
                | SqlStatement::Explain { .. }
                | SqlStatement::ExplainTable { .. }
                | SqlStatement::ShowTables { .. }
                | SqlStatement::ShowColumns { .. }
                | SqlStatement::ShowFunctions { .. }
                | SqlStatement::ShowVariable { .. }
        ),
        _ => false,
    }
}

fn only_reads(statement: &Statement) -> String {
    let found: String = statement.to_string().chars().take(40).collect();
    format!("a query only reads: expected select, describe, show or explain, found `{found}`")
}

/// What DataFusion says, or what to do where it says only what happened.
pub fn words(error: &DataFusionError) -> String {
    if matches!(error.find_root(), DataFusionError::ResourcesExhausted(_)) {
        return format!(
            "the query needs more memory than it may use ({} MiB); select less: fewer columns, \
             and only the recordings that matter, such as `where recording_id = '…'` or `where dt = '…'`",
            session::MEMORY_LIMIT >> 20
        );
    }
    // What the parser says, without the names of its types.
    if let DataFusionError::SQL(parser, _) = error.find_root() {
        return match parser.as_ref() {
            ParserError::TokenizerError(words) | ParserError::ParserError(words) => format!("SQL: {words}"),
            ParserError::RecursionLimitExceeded => "SQL: it is nested too deeply".to_owned(),
        };
    }
    error.to_string()
}

/// The answer to a query that names a table which is not there.
fn unknown_table(context: &SessionContext, statement: &Statement) -> Option<String> {
    let named = context.state().resolve_table_references(statement).ok()?;
    let unknown = named
        .into_iter()
        .find(|name| !context.table_exist(name.clone()).unwrap_or(false))?;
    let tables = TABLES
        .iter()
        .map(|table| table.name)
        .chain([annotations::TABLE])
        .collect::<Vec<_>>();
    let views = views::VIEW_NAMES;
    let likeness = |known: &str| normalized_levenshtein(&unknown.table().to_lowercase(), known);
    let nearest = tables
        .iter()
        .copied()
        .chain(views)
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
        .filter(|known| likeness(known) >= NEAR);
    Some(format!(
        "no table or view `{unknown}`{}; tables: {}; views: {}",
        nearest.map_or_else(String::new, |known| format!(", did you mean `{known}`?")),
        tables.join(", "),
        views.join(", ")
    ))
}

/// Row groups of an answer, in bytes as they are encoded: the writer holds one.
const ROW_GROUP_BYTES: usize = 8 << 20;

/// Writes an answer as a Parquet file, row group by row group.
///
/// # Errors
/// A type that Parquet does not have.
pub fn parquet_writer<W: Write + Send>(to: W, schema: SchemaRef) -> Result<ArrowWriter<W>, ParquetError> {
    let properties = WriterProperties::builder().set_max_row_group_bytes(Some(ROW_GROUP_BYTES));
    ArrowWriter::try_new(to, schema, Some(properties.build()))
}

/// Lists as text, such as `[1.5, 2.0]`: CSV has no lists.
///
/// # Errors
/// A value that cannot be written as text.
pub fn lists_as_text(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let options = FormatOptions::default();
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if !field.data_type().is_nested() {
            fields.push(field.as_ref().clone());
            columns.push(column.clone());
            continue;
        }
        let formatter = ArrayFormatter::try_new(column, &options)?;
        let texts: StringArray = (0..column.len())
            .map(|row| (!column.is_null(row)).then(|| formatter.value(row).to_string()))
            .collect();
        fields.push(Field::new(field.name(), DataType::Utf8, true));
        columns.push(Arc::new(texts));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::execution::runtime_env::RuntimeEnvBuilder;
    use datafusion::prelude::SessionConfig;
    use futures::StreamExt;

    #[test]
    fn the_writer_of_parquet_holds_a_row_group_of_some_megabytes() {
        let mut writer = None;
        for number in 0..40 {
            // Rows as large as a segment's, no two alike.
            let rows = (0..64).map(|row| format!("{:016384}", number * 64 + row));
            let column: ArrayRef = Arc::new(StringArray::from_iter_values(rows));
            let batch = RecordBatch::try_from_iter([("value", column)]).unwrap();
            let writer = writer.get_or_insert_with(|| parquet_writer(Vec::new(), batch.schema()).unwrap());
            writer.write(&batch).unwrap();
            let held = writer.in_progress_size();
            assert!(held < 2 * ROW_GROUP_BYTES, "{held}");
        }
        assert!(writer.unwrap().flushed_row_groups().len() >= 4);
    }

    #[tokio::test]
    async fn a_query_that_needs_too_much_memory_says_what_to_do() {
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_limit(1 << 20, 1.0)
            .build_arc()
            .unwrap();
        let context = SessionContext::new_with_config_rt(SessionConfig::new(), runtime);
        let sql = "select a.value from range(1000000) a join range(1000000) b on a.value = b.value";
        let mut answer = rows(&context, sql).await.unwrap();
        let error = loop {
            match answer.next().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => break words(&error),
                None => panic!("a million rows joined within a megabyte"),
            }
        };
        assert!(error.contains("select less"), "{error}");
        assert!(error.contains("where recording_id = '…'"), "{error}");
    }
}
