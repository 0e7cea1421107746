//! The crawl step: registers in the catalog what was written, and publishes it.
//!
//! It reads the Parquet footers, checks them against the table and the number of rows, then makes sure of the `dt` partitions.
//! The tables are not its business: on AWS the function `catalog` makes them at each deployment, locally opening the lake does.
//! It looks first: an object in the work bucket says that the partitions of this day were made for these tables, and one call of
//! the catalog that the last of them is still there.
//! Its last act is to copy the objects that write held
//! back into their places, the row of `recordings` last: who sees it finds everything else, and a run that fails before it has
//! no such row, so that an upload is in `recordings` or in `rejections`, never in both. Until then the rows of an earlier run
//! answer. Then it makes sure that queries read these objects, and not those that compaction made of earlier ones. Running it
//! twice changes nothing.

mod footer;

use arrow_schema::Schema;
use ecg_core::message::{CrawlOutput, TableObject, WriteOutput};
use ecg_core::{StepError, content_id, layout};
use ecg_lake::{Lake, catalog_error, write_error};
use ecg_store::{CatalogError, Location, StoreError, TableSpec};
use ecg_tables::{RECORDINGS, Table};

/// Registers what write wrote.
///
/// # Errors
/// `Internal` if an object is not what write said or the catalog has no such table, else what the store or the catalog says.
pub async fn run(lake: &Lake, input: WriteOutput) -> Result<CrawlOutput, StepError> {
    let mut specs = Vec::new();
    let mut held_back = Vec::new();
    for object in &input.objects {
        let table = ecg_tables::table(&object.table)
            .ok_or_else(|| StepError::Internal(format!("crawl: there is no table `{}`", object.table)))?;
        let seen = check_footer(lake, table, object).await?;
        if object.staged.is_some() {
            held_back.push((seen, object));
        }
        specs.push(lake.table_spec(table));
    }
    register(lake, &specs, &input.dt).await?;
    publish(lake, held_back).await?;
    settle(lake, input).await
}

/// Makes sure that queries get what was published: the end of [`run`], for a caller who knows that it has come so far.
///
/// # Errors
/// `Throttled`, whatever the reason: the row of `recordings` is there, so the execution must not fail any more, and waits.
pub async fn settle(lake: &Lake, input: WriteOutput) -> Result<CrawlOutput, StepError> {
    if let Some(object) = input.objects.first() {
        let published = object.staged.as_ref().unwrap_or(&object.key);
        let settled = lake.day(&input.dt).settle(published).await;
        settled.map_err(|error| StepError::Throttled(error.to_string()))?;
    }
    Ok(CrawlOutput {
        recording_id: input.recording_id,
        tables: input.objects.into_iter().map(|object| object.table).collect(),
    })
}

/// Makes sure of the partitions of one day.
async fn register(lake: &Lake, specs: &[TableSpec], dt: &str) -> Result<(), StepError> {
    let Some(last) = specs.last() else {
        return Ok(());
    };
    let catalog = lake.catalog()?;
    let values = [dt.to_owned()];
    let location = |spec: &TableSpec| lake.location(&layout::partition_prefix(&spec.name, dt));
    // A release that changes the definition of a table looks at everything once more.
    let definition = serde_json::to_vec(specs).map_err(|error| StepError::Internal(error.to_string()))?;
    let registered = lake.work(&layout::registered_key(&content_id(&definition, 16), dt));
    match lake.store.head(&registered).await {
        Ok(_) => {
            let there = catalog.has_partition(last, &values).await;
            if there.map_err(|error| catalog_error(&error))? {
                return Ok(());
            }
        }
        Err(StoreError::NotFound(_)) => {}
        Err(error) => return Err(lake.error_at(&registered, &error)),
    }
    // Of a sealed day compaction keeps the partitions.
    if lake.day(dt).is_sealed().await? {
        return Ok(());
    }
    // In the order in which objects are published, so that the partition that is looked for was the last.
    for spec in specs {
        catalog
            .ensure_partition(spec, &values, &location(spec))
            .await
            .map_err(|error| missing_table(&error, spec))?;
    }
    let written = lake.store.put(&registered, definition.into()).await;
    written.map_err(|error| write_error(&error))?;
    Ok(())
}

/// As [`catalog_error`]; where there is no table, who makes it.
fn missing_table(error: &CatalogError, spec: &TableSpec) -> StepError {
    match error {
        CatalogError::NotFound { .. } => StepError::Internal(format!(
            "{error}; expected the table {}, which the function `catalog` makes at each deployment, and `ecg` when it opens a lake",
            spec.table()
        )),
        _ => catalog_error(error),
    }
}

/// Starts a crawler instead: it finds the objects and adds the partitions by itself. One that runs already is
/// fine: what it has passed by already, the next run finds.
///
/// # Errors
/// What the store or the catalog says.
pub async fn start_crawler(lake: &Lake, crawler: &str, input: WriteOutput) -> Result<CrawlOutput, StepError> {
    // To publish is the last act here too: a run that cannot start the crawler must not leave rows. The crawler takes longer
    // to begin than the objects to be copied.
    lake.catalog()?
        .start_crawler(crawler)
        .await
        .map_err(|error| catalog_error(&error))?;
    let staged = input.objects.iter().filter_map(|object| {
        let staged = object.staged.as_ref()?;
        Some((lake.work(staged), object))
    });
    publish(lake, staged.collect()).await?;
    let tables = input.objects.into_iter().map(|object| object.table).collect();
    Ok(CrawlOutput {
        recording_id: input.recording_id,
        tables,
    })
}

/// Copies what write held back into its place, the row of `recordings` last.
async fn publish(lake: &Lake, mut held_back: Vec<(Location, &TableObject)>) -> Result<(), StepError> {
    held_back.sort_by_key(|(_, object)| object.table == RECORDINGS.name);
    for (staged, object) in held_back {
        let copied = lake.store.copy(&staged, &lake.processed(&object.key)).await;
        copied.map_err(|error| lake.error_at(&staged, &error))?;
    }
    Ok(())
}

/// Looks at an object and returns its location, pinned to the version that was looked at.
async fn check_footer(lake: &Lake, table: &Table, object: &TableObject) -> Result<Location, StepError> {
    let location = match &object.staged {
        Some(staged) => lake.work(staged),
        None => lake.processed(&object.key),
    };
    let (seen, footer) = footer::read(lake.store.as_ref(), &location)
        .await
        .map_err(|error| match error {
            footer::FooterError::Store(error) => lake.error_at(&location, &error),
            footer::FooterError::Damaged(what) => StepError::Internal(format!("{location}: {what}")),
        })?;
    if footer.rows != object.rows {
        return Err(StepError::Internal(format!(
            "{location}: expected {} rows, found {}",
            object.rows, footer.rows
        )));
    }
    let (expected, found) = (
        columns(&ecg_tables::arrow::schema(table)),
        columns(&footer.schema),
    );
    // Columns are only ever added, at the end, and those that are may be null: during a deployment the write of another
    // release may have fewer or more.
    let shared = expected.len().min(found.len());
    let left_out = table.columns.iter().skip(shared);
    if expected[..shared] != found[..shared] || left_out.into_iter().any(|column| !column.nullable) {
        return Err(StepError::Internal(format!(
            "{location}: expected the columns {}, found {}",
            expected.join(", "),
            found.join(", ")
        )));
    }
    Ok(seen)
}

/// Name and type of each column. Comments may differ: they are the catalog's to tell.
fn columns(schema: &Schema) -> Vec<String> {
    let fields = schema.fields().iter();
    fields
        .map(|field| format!("{} {}", field.name(), field.data_type()))
        .collect()
}
