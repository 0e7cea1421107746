//! The AWS Glue Data Catalog, which Athena uses.
//!
//! Tables are external Parquet tables. An update names the version of the table, so Glue rejects it if another
//! caller changed the table in between. [`GlueCatalog`] then reads the table again and retries a few times before it
//! returns [`CatalogError::Transient`]. A partition has its own copy of the columns. [`Catalog::ensure_partition`]
//! updates the copy, because Athena compares the columns of the partition and of the table.
//!
//! Required permissions: `glue:GetDatabase`, `CreateDatabase`, `GetTable`, `GetTables`, `CreateTable`,
//! `UpdateTable`, `GetPartition`, `GetPartitions`, `CreatePartition`, `BatchUpdatePartition`, and `StartCrawler` for
//! [`Catalog::start_crawler`].

use std::error::Error;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_glue::Client;
use aws_sdk_glue::error::BuildError;
use aws_sdk_glue::types::{
    BatchUpdatePartitionRequestEntry, Column, DatabaseInput, PartitionInput, SerDeInfo, StorageDescriptor,
    Table, TableInput,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;

use super::evolve::evolve;
use super::{
    Catalog, CatalogError, ColumnSpec, Partition, TableChange, TableName, TableSpec, check_name, check_values,
};
use crate::aws::{FailureKind, classify};

/// The maximum number of attempts for one change, if other callers change the same table or partition.
const ATTEMPTS: u32 = 8;
/// The pause before the second attempt. It doubles with each further attempt, up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// The AWS Glue Data Catalog. Cloning is cheap and shares the connections.
#[derive(Debug, Clone)]
pub struct GlueCatalog {
    client: Client,
}

impl GlueCatalog {
    /// Creates a catalog from a configured client (region, credentials, timeouts, retries).
    pub fn new(client: Client) -> GlueCatalog {
        GlueCatalog { client }
    }

    async fn table(&self, operation: &str, table: &TableName) -> Result<Table, CatalogError> {
        let object = table.to_string();
        let request = self
            .client
            .get_table()
            .database_name(&table.database)
            .name(&table.name);
        let answer = request
            .send()
            .await
            .map_err(|error| from_sdk_error(operation, &object, &error))?;
        answer
            .table
            .ok_or_else(|| other(operation, &object, "expected a table in the answer, found none"))
    }

    /// Makes one attempt. Returns `None` if another caller changed the table in between.
    async fn try_ensure_table(&self, spec: &TableSpec) -> Result<Option<TableChange>, CatalogError> {
        let operation = "creating the table";
        let object = spec.table().to_string();
        let existing = match self.table(operation, &spec.table()).await {
            Ok(existing) => existing,
            Err(CatalogError::NotFound { .. }) => {
                let input = new_table(spec).map_err(|error| other(operation, &object, &error.to_string()))?;
                let request = self.client.create_table().database_name(&spec.database);
                return match request.table_input(input).send().await {
                    Ok(_) => Ok(Some(TableChange::Created)),
                    Err(error) => settle_or_fail(operation, &object, &error),
                };
            }
            Err(error) => return Err(error),
        };
        let found = table_spec(&existing);
        let evolved = evolve(&found, spec)?;
        if evolved == found {
            return Ok(Some(TableChange::Unchanged));
        }
        let version = existing.version_id.clone();
        let input = changed_table(existing, &evolved)
            .map_err(|error| other(operation, &object, &error.to_string()))?;
        let request = self
            .client
            .update_table()
            .database_name(&spec.database)
            .table_input(input);
        match request.set_version_id(version).send().await {
            Ok(_) => Ok(Some(TableChange::Updated)),
            Err(error) => settle_or_fail("evolving the table", &object, &error),
        }
    }

    /// Returns all tables of a database, with one request per 100 tables and views. `Expression` of `GetTables` is not
    /// used, because its syntax is documented in two ways: a regular expression, or a pattern with `*`.
    async fn tables_of(&self, database: &str) -> Result<Vec<Table>, CatalogError> {
        let request = self.client.get_tables().database_name(database);
        let mut pages = request.into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| from_sdk_error("looking at the tables of", database, &error))?;
            found.extend(page.table_list.unwrap_or_default());
        }
        Ok(found)
    }

    async fn partition(
        &self,
        operation: &str,
        table: &TableName,
        values: &[String],
    ) -> Result<Option<aws_sdk_glue::types::Partition>, CatalogError> {
        let request = self
            .client
            .get_partition()
            .database_name(&table.database)
            .table_name(&table.name);
        match request.set_partition_values(Some(values.to_vec())).send().await {
            Ok(answer) => Ok(answer.partition),
            Err(error) if classify(&error).kind == FailureKind::NotFound => Ok(None),
            Err(error) => Err(from_sdk_error(operation, &format!("{table} {values:?}"), &error)),
        }
    }

    /// Makes one attempt. Returns `None` if another caller changed the partition in between.
    async fn try_ensure_partition(
        &self,
        spec: &TableSpec,
        values: &[String],
        location: &str,
    ) -> Result<Option<()>, CatalogError> {
        let operation = "creating a partition of";
        let table = spec.table();
        let object = format!("{table} {values:?}");
        let failed = |error: BuildError| other(operation, &object, &error.to_string());
        let input = PartitionInput::builder()
            .set_values(Some(values.to_vec()))
            .storage_descriptor(storage(spec, location).map_err(failed)?);
        let request = self
            .client
            .create_partition()
            .database_name(&table.database)
            .table_name(&table.name)
            .partition_input(input.build());
        match request.send().await {
            Ok(_) => return Ok(Some(())),
            Err(error) if classify(&error).kind == FailureKind::AlreadyExists => {}
            Err(error) => return settle_or_fail(operation, &object, &error),
        }

        let Some(existing) = self.partition(operation, &table, values).await? else {
            return Ok(None);
        };
        if is_complete(&existing, spec) {
            return Ok(Some(()));
        }
        self.try_update_partition(operation, existing, spec, location)
            .await
    }

    /// Makes one attempt. Returns `None` if another caller changed the partition in between. The request is sent once: if
    /// the answer is lost, a second one would hide that the first can still arrive.
    async fn try_update_partition(
        &self,
        operation: &str,
        existing: aws_sdk_glue::types::Partition,
        spec: &TableSpec,
        location: &str,
    ) -> Result<Option<()>, CatalogError> {
        let table = spec.table();
        let values = existing.values.clone();
        let object = format!("{table} {:?}", existing.values());
        let failed = |error: BuildError| other(operation, &object, &error.to_string());
        let input = PartitionInput::builder()
            .set_values(values.clone())
            .storage_descriptor(evolved_partition(&existing, spec, location).map_err(failed)?)
            .set_parameters(existing.parameters);
        let entry = BatchUpdatePartitionRequestEntry::builder()
            .set_partition_value_list(values)
            .partition_input(input.build())
            .build()
            .map_err(failed)?;
        let request = self
            .client
            .batch_update_partition()
            .database_name(&table.database)
            .table_name(&table.name)
            .entries(entry)
            .customize()
            .config_override(aws_sdk_glue::Config::builder().retry_config(RetryConfig::disabled()));
        match request.send().await {
            Ok(answer) => match answer.errors().first().and_then(|failed| failed.error_detail()) {
                None => Ok(Some(())),
                Some(detail) if detail.error_code() == Some("ConcurrentModificationException") => Ok(None),
                Some(detail) => {
                    let said = detail.error_message().unwrap_or_default();
                    Err(other(
                        operation,
                        &object,
                        &format!("{}: {said}", detail.error_code().unwrap_or_default()),
                    ))
                }
            },
            Err(error) => settle_or_fail(operation, &object, &error),
        }
    }
}

#[async_trait]
impl Catalog for GlueCatalog {
    async fn ensure_database(&self, database: &str, comment: &str) -> Result<(), CatalogError> {
        let operation = "creating the database";
        check_name(operation, database, database)?;
        match self.client.get_database().name(database).send().await {
            Ok(_) => return Ok(()),
            Err(error) if classify(&error).kind == FailureKind::NotFound => {}
            Err(error) => return Err(from_sdk_error(operation, database, &error)),
        }
        let input = DatabaseInput::builder()
            .name(database)
            .description(comment)
            .build()
            .map_err(|error| other(operation, database, &error.to_string()))?;
        match self.client.create_database().database_input(input).send().await {
            Ok(_) => Ok(()),
            Err(error) if classify(&error).kind == FailureKind::AlreadyExists => Ok(()),
            Err(error) => Err(from_sdk_error(operation, database, &error)),
        }
    }

    async fn ensure_table(&self, spec: &TableSpec) -> Result<TableChange, CatalogError> {
        spec.check()?;
        for attempt in 0..ATTEMPTS {
            pause_before(attempt).await;
            if let Some(change) = self.try_ensure_table(spec).await? {
                return Ok(change);
            }
        }
        Err(too_busy("evolving the table", &spec.table().to_string()))
    }

    async fn ensure_tables(
        &self,
        database: &str,
        comment: &str,
        specs: &[TableSpec],
    ) -> Result<(), CatalogError> {
        let existing = match self.tables_of(database).await {
            Ok(existing) => existing,
            Err(CatalogError::NotFound { .. }) => {
                self.ensure_database(database, comment).await?;
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        for spec in specs {
            let found = existing
                .iter()
                .map(table_spec)
                .find(|found| found.name == spec.name);
            let complete = match found {
                Some(found) => evolve(&found, spec)? == found,
                None => false,
            };
            if !complete {
                self.ensure_table(spec).await?;
            }
        }
        Ok(())
    }

    async fn has_partition(&self, spec: &TableSpec, values: &[String]) -> Result<bool, CatalogError> {
        let found = self
            .partition("looking for a partition of", &spec.table(), values)
            .await?;
        Ok(found.is_some_and(|found| is_complete(&found, spec)))
    }

    async fn ensure_partition(
        &self,
        spec: &TableSpec,
        values: &[String],
        location: &str,
    ) -> Result<(), CatalogError> {
        check_values(&spec.table(), spec.partition_keys.len(), values)?;
        for attempt in 0..ATTEMPTS {
            pause_before(attempt).await;
            if self.try_ensure_partition(spec, values, location).await?.is_some() {
                return Ok(());
            }
        }
        Err(too_busy("creating a partition of", &spec.table().to_string()))
    }

    async fn move_partition(
        &self,
        spec: &TableSpec,
        values: &[String],
        location: &str,
    ) -> Result<(), CatalogError> {
        let operation = "moving a partition of";
        check_values(&spec.table(), spec.partition_keys.len(), values)?;
        let mut refused = None;
        for attempt in 0..ATTEMPTS {
            pause_before(attempt).await;
            let Some(existing) = self.partition(operation, &spec.table(), values).await? else {
                return Err(CatalogError::NotFound {
                    operation: operation.to_owned(),
                    object: format!("{} {values:?}", spec.table()),
                    message: "there is no such partition".to_owned(),
                });
            };
            match self
                .try_update_partition(operation, existing, spec, location)
                .await
            {
                Ok(Some(())) => return Ok(()),
                Ok(None) => refused = None,
                Err(error @ CatalogError::Throttled { .. }) => refused = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(refused.unwrap_or_else(|| CatalogError::Throttled {
            operation: operation.to_owned(),
            object: spec.table().to_string(),
            message: format!("changed by others during each of {ATTEMPTS} attempts"),
        }))
    }

    async fn partition_location(
        &self,
        table: &TableName,
        values: &[String],
    ) -> Result<Option<String>, CatalogError> {
        let found = self
            .partition("looking for a partition of", table, values)
            .await?;
        Ok(found.map(|found| {
            let storage = found.storage_descriptor;
            storage.and_then(|storage| storage.location).unwrap_or_default()
        }))
    }

    async fn describe(&self, table: &TableName) -> Result<TableSpec, CatalogError> {
        Ok(table_spec(&self.table("describing the table", table).await?))
    }

    async fn partitions(&self, table: &TableName) -> Result<Vec<Partition>, CatalogError> {
        let operation = "listing the partitions of";
        // A missing table must be an error and not an empty list.
        self.table(operation, table).await?;
        let request = self
            .client
            .get_partitions()
            .database_name(&table.database)
            .table_name(&table.name);
        let mut pages = request.exclude_column_schema(true).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| from_sdk_error(operation, &table.to_string(), &error))?;
            for partition in page.partitions.unwrap_or_default() {
                let location = partition.storage_descriptor.and_then(|storage| storage.location);
                found.push(Partition {
                    values: partition.values.unwrap_or_default(),
                    location: location.unwrap_or_default(),
                });
            }
        }
        found.sort();
        Ok(found)
    }

    async fn start_crawler(&self, name: &str) -> Result<(), CatalogError> {
        match self.client.start_crawler().name(name).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("CrawlerRunningException") => Ok(()),
            Err(error) => Err(from_sdk_error("starting the crawler", name, &error)),
        }
    }
}

fn new_table(spec: &TableSpec) -> Result<TableInput, BuildError> {
    TableInput::builder()
        .name(&spec.name)
        .description(&spec.comment)
        .table_type("EXTERNAL_TABLE")
        .parameters("EXTERNAL", "TRUE")
        .parameters("classification", "parquet")
        .set_partition_keys(Some(columns(&[], &spec.partition_keys)?))
        .storage_descriptor(storage(spec, &spec.location)?)
        .build()
}

/// Returns the storage descriptor for Parquet files at a location of the table or of a partition.
fn storage(spec: &TableSpec, location: &str) -> Result<StorageDescriptor, BuildError> {
    let serde = SerDeInfo::builder()
        .serialization_library("org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe")
        .parameters("serialization.format", "1");
    let storage = StorageDescriptor::builder()
        .set_columns(Some(columns(&[], &spec.columns)?))
        .location(location)
        .input_format("org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat")
        .output_format("org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat")
        .serde_info(serde.build());
    Ok(storage.build())
}

/// Returns the input for an update of the columns and comments of a table. An update replaces the whole table, so
/// the owner, the retention, the parameters and the other fields of existing columns are copied.
fn changed_table(existing: Table, evolved: &TableSpec) -> Result<TableInput, BuildError> {
    let mut storage = existing
        .storage_descriptor
        .unwrap_or_else(|| StorageDescriptor::builder().build());
    storage.columns = Some(columns(storage.columns(), &evolved.columns)?);
    let keys = columns(
        existing.partition_keys.as_deref().unwrap_or_default(),
        &evolved.partition_keys,
    )?;
    TableInput::builder()
        .name(existing.name)
        .description(&evolved.comment)
        .set_owner(existing.owner)
        .retention(existing.retention)
        .set_table_type(existing.table_type)
        .set_parameters(existing.parameters)
        .set_partition_keys(Some(keys))
        .storage_descriptor(storage)
        .build()
}

/// Whether a partition has every column of `spec`, with the same type and comment. A partition of a newer release may
/// have more columns.
fn is_complete(partition: &aws_sdk_glue::types::Partition, spec: &TableSpec) -> bool {
    let Some(storage) = partition.storage_descriptor() else {
        return false;
    };
    let found = column_specs(storage.columns());
    spec.columns.iter().all(|wanted| found.contains(wanted))
}

/// Returns the storage descriptor of a partition at the location, with missing columns appended and the types and
/// comments of `spec`.
fn evolved_partition(
    partition: &aws_sdk_glue::types::Partition,
    spec: &TableSpec,
    location: &str,
) -> Result<StorageDescriptor, BuildError> {
    let mut storage = match partition.storage_descriptor() {
        Some(storage) => storage.clone(),
        None => storage(spec, location)?,
    };
    let mut wanted = column_specs(storage.columns());
    for column in &spec.columns {
        match wanted.iter_mut().find(|found| found.name == column.name) {
            Some(found) => found.clone_from(column),
            None => wanted.push(column.clone()),
        }
    }
    // The columns are built from `wanted` alone. Other fields of the existing columns are dropped.
    storage.columns = Some(columns(&[], &wanted)?);
    storage.location = Some(location.to_owned());
    Ok(storage)
}

/// Converts the wanted columns to Glue columns. An existing column keeps its type and its other fields, and gets the
/// wanted comment.
fn columns(existing: &[Column], wanted: &[ColumnSpec]) -> Result<Vec<Column>, BuildError> {
    let column = |wanted: &ColumnSpec| {
        let mut column = match existing.iter().find(|existing| existing.name == wanted.name) {
            Some(known) => known.clone(),
            None => Column::builder()
                .name(&wanted.name)
                .r#type(&wanted.hive_type)
                .build()?,
        };
        column.comment = Some(wanted.comment.clone());
        Ok(column)
    };
    wanted.iter().map(column).collect()
}

fn column_specs(columns: &[Column]) -> Vec<ColumnSpec> {
    let spec = |column: &Column| {
        ColumnSpec::new(
            &column.name,
            column.r#type().unwrap_or_default(),
            column.comment().unwrap_or_default(),
        )
    };
    columns.iter().map(spec).collect()
}

fn table_spec(table: &Table) -> TableSpec {
    let storage = table.storage_descriptor();
    TableSpec {
        database: table.database_name().unwrap_or_default().to_owned(),
        name: table.name.clone(),
        comment: table.description().unwrap_or_default().to_owned(),
        columns: storage
            .map(|storage| column_specs(storage.columns()))
            .unwrap_or_default(),
        partition_keys: column_specs(table.partition_keys()),
        location: storage
            .and_then(|storage| storage.location())
            .unwrap_or_default()
            .to_owned(),
    }
}

/// Sleeps before an attempt. The pause grows with each attempt, and has jitter so that concurrent callers do not
/// retry at the same time.
async fn pause_before(attempt: u32) {
    if attempt == 0 {
        return;
    }
    let longest = PAUSE.saturating_mul(1 << (attempt - 1).min(16)).min(PAUSE_MAX);
    let half = u64::try_from(longest.as_millis() / 2).unwrap_or(0);
    // A new `RandomState` is random enough for a pause.
    let jitter = RandomState::new().build_hasher().finish() % (half + 1);
    tokio::time::sleep(Duration::from_millis(half + jitter)).await;
}

/// Returns `None` if another caller made a concurrent change, so that the caller tries again.
fn settle_or_fail<T, E>(
    operation: &str,
    object: &str,
    error: &SdkError<E, HttpResponse>,
) -> Result<Option<T>, CatalogError>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match classify(error).kind {
        FailureKind::AlreadyExists | FailureKind::Conflict => Ok(None),
        _ => Err(from_sdk_error(operation, object, error)),
    }
}

fn too_busy(operation: &str, object: &str) -> CatalogError {
    CatalogError::Transient {
        operation: operation.to_owned(),
        object: object.to_owned(),
        message: format!("changed by others during each of {ATTEMPTS} attempts"),
    }
}

fn other(operation: &str, object: &str, message: &str) -> CatalogError {
    CatalogError::Other {
        operation: operation.to_owned(),
        object: object.to_owned(),
        message: message.to_owned(),
    }
}

fn from_sdk_error<E>(operation: &str, object: &str, error: &SdkError<E, HttpResponse>) -> CatalogError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let failure = classify(error);
    let (operation, object, message) = (operation.to_owned(), object.to_owned(), failure.message);
    match failure.kind {
        FailureKind::NotFound => CatalogError::NotFound {
            operation,
            object,
            message,
        },
        FailureKind::PermissionDenied => CatalogError::PermissionDenied {
            operation,
            object,
            message,
        },
        FailureKind::Throttled => CatalogError::Throttled {
            operation,
            object,
            message,
        },
        FailureKind::Transient | FailureKind::Conflict => CatalogError::Transient {
            operation,
            object,
            message,
        },
        FailureKind::AlreadyExists | FailureKind::Other => CatalogError::Other {
            operation,
            object,
            message,
        },
    }
}
