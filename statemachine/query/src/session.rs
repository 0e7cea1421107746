//! The tables and views that a query sees, and how much memory it may use.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::datasource::empty::EmptyTable;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::error::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use ecg_tables::{PARTITION, TABLES, Table, arrow as table_arrow, views};

use super::{Places, build_side, md5};

/// Largest memory that a query may gather (to sort, to join, to group) before it fails, in bytes. Batches that pass by do
/// not count: they are small, see [`BATCH_ROWS`].
pub(super) const MEMORY_LIMIT: usize = 1 << 30;

/// Largest memory of each cache of what files say of themselves, in bytes. A command asks one question: DataFusion's own
/// limits would keep the footers of all files until the answer is there.
const CACHE_LIMIT: usize = 4 << 20;

/// Rows of a batch. DataFusion's own 8192 are segments of 120 MB, and three times that while `samples` takes them apart.
const BATCH_ROWS: usize = 512;

/// Most batches of one kind that pass by at a time, on machines with more processors than that.
const PARTITIONS: usize = 8;

/// Where the tables are for DataFusion.
const TABLES_AT: &str = "lake://tables/";

/// Opens the tables of a lake where its catalog has them. Where a query may join tables, each footer is read twice: the first time for the numbers
/// of rows, by which DataFusion chooses the side of a join that is held in memory. `only` are recordings, each a day and an id: of others there may be no rows.
pub(super) async fn open(
    lake: &Path,
    only: Option<&[(&str, &str)]>,
    may_join: bool,
) -> Result<SessionContext> {
    let config = SessionConfig::new()
        .with_information_schema(true)
        .with_batch_size(BATCH_ROWS)
        .with_collect_statistics(may_join);
    let partitions = config.target_partitions().min(PARTITIONS);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_limit(MEMORY_LIMIT, 1.0)
        .with_metadata_cache_limit(CACHE_LIMIT)
        .with_file_statistics_cache_limit(CACHE_LIMIT)
        .with_object_list_cache_limit(CACHE_LIMIT)
        .build_arc()?;
    let state = SessionStateBuilder::new()
        .with_config(config.with_target_partitions(partitions))
        .with_runtime_env(runtime)
        .with_default_features()
        .with_physical_optimizer_rules(build_side::rules())
        .build();
    let context = SessionContext::new_with_state(state);
    context.register_udf(md5::function());
    let at = |table: &str| ListingTableUrl::parse(format!("{TABLES_AT}{table}/"));
    let places = match only {
        None => Places::open(lake).await?,
        Some(only) => Places::open(lake).await?.of_recordings(only),
    };
    let places = Arc::new(places);
    context.register_object_store(
        ListingTableUrl::parse(TABLES_AT)?.object_store().as_ref(),
        places.clone(),
    );
    for table in TABLES {
        if places.of(table.name).next().is_none() {
            // Nothing was written into it yet.
            context.register_table(table.name, Arc::new(EmptyTable::new(whole_schema(table))))?;
            continue;
        }
        let options = ListingOptions::new(Arc::new(ParquetFormat::default()))
            .with_file_extension(".parquet")
            .with_table_partition_cols(vec![(PARTITION.to_owned(), DataType::Utf8)]);
        let config = ListingTableConfig::new(at(table.name)?)
            .with_listing_options(options)
            .with_schema(table_arrow::schema(table));
        context.register_table(table.name, Arc::new(ListingTable::try_new(config)?))?;
    }
    for view in views::views() {
        let plan = context.state().create_logical_plan(&view.local).await?;
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
