//! The catalog in AWS Glue, as Athena reads it.
//!
//! Tables are external Parquet tables. A change carries the table's version, so of two callers that change
//! it at once one is told to look again; [`GlueCatalog`] does so a few times before it answers
//! [`CatalogError::Transient`]. A partition carries the table's columns; it is brought up to date whenever
//! it is ensured again, because Athena compares the two.
//!
//! Needs `glue:GetDatabase`, `CreateDatabase`, `GetTable`, `GetTables`, `CreateTable`, `UpdateTable`, `GetPartition`,
//! `GetPartitions`, `CreatePartition`, `BatchUpdatePartition`, and with a crawler `StartCrawler`.

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

use super::evolve::evolve;
use super::{
    Catalog, CatalogError, ColumnSpec, Partition, TableChange, TableName, TableSpec, check_name, check_values,
};
use crate::aws::{FailureKind, classify};

/// How often a change is tried anew when others change the same table.
const ATTEMPTS: u32 = 8;
/// The pause before the second attempt; it doubles with each further one, up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// The catalog in AWS Glue. Cloning is cheap and shares the connections.
#[derive(Debug, Clone)]
pub struct GlueCatalog {
    client: Client,
}

impl GlueCatalog {
    /// A catalog on a client that is set up already: region, credentials, time-outs, retries.
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

    /// One attempt; `None` if somebody else changed the table in between.
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

    /// Every table of a database: one call for each hundred tables and views. (What an expression that picks some by name may
    /// be is not told the same everywhere: a regular expression, or a pattern with `*`.)
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

    /// One attempt; `None` if somebody else changed the partition in between.
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
        let input = |storage: StorageDescriptor| {
            PartitionInput::builder()
                .set_values(Some(values.to_vec()))
                .storage_descriptor(storage)
        };
        let request = self
            .client
            .create_partition()
            .database_name(&table.database)
            .table_name(&table.name)
            .partition_input(input(storage(spec, location).map_err(failed)?).build());
        match request.send().await {
            Ok(_) => return Ok(Some(())),
            Err(error) if classify(&error).kind == FailureKind::AlreadyExists => {}
            Err(error) => return settle_or_fail(operation, &object, &error),
        }

        let Some(existing) = self.partition(operation, &table, values).await? else {
            return Ok(None);
        };
        if is_complete(&existing, spec, location) {
            return Ok(Some(()));
        }
        let evolved = evolved_partition(&existing, spec, location).map_err(failed)?;
        let entry = BatchUpdatePartitionRequestEntry::builder()
            .set_partition_value_list(Some(values.to_vec()))
            .partition_input(input(evolved).set_parameters(existing.parameters).build())
            .build()
            .map_err(failed)?;
        let request = self
            .client
            .batch_update_partition()
            .database_name(&table.database);
        match request.table_name(&table.name).entries(entry).send().await {
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

    async fn has_partition(
        &self,
        spec: &TableSpec,
        values: &[String],
        location: &str,
    ) -> Result<bool, CatalogError> {
        let found = self
            .partition("looking for a partition of", &spec.table(), values)
            .await?;
        Ok(found.is_some_and(|found| is_complete(&found, spec, location)))
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

    async fn describe(&self, table: &TableName) -> Result<TableSpec, CatalogError> {
        Ok(table_spec(&self.table("describing the table", table).await?))
    }

    async fn partitions(&self, table: &TableName) -> Result<Vec<Partition>, CatalogError> {
        let operation = "listing the partitions of";
        // An empty list must not stand for a table that is not there.
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

/// How the files at a location are read, be it the table's or a partition's.
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

/// The table with other columns and comments. An update replaces everything, so what others set (owner,
/// parameters, statistics) is carried over.
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

/// Whether a partition is at the location and has every column that the table asks for. One of a newer release has more.
fn is_complete(partition: &aws_sdk_glue::types::Partition, spec: &TableSpec, location: &str) -> bool {
    let Some(storage) = partition.storage_descriptor() else {
        return false;
    };
    let found = column_specs(storage.columns());
    storage.location() == Some(location) && spec.columns.iter().all(|wanted| found.contains(wanted))
}

/// The partition at the location, with the columns that it lacks at the end and the comments as they are now.
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
    // With the types of the table: what is kept of a column here and not there is of no use.
    storage.columns = Some(columns(&[], &wanted)?);
    storage.location = Some(location.to_owned());
    Ok(storage)
}

/// Glue's columns for the wanted ones, keeping what is known of existing ones beyond our fields.
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

/// Grows with each attempt, and differs between callers that were refused together.
async fn pause_before(attempt: u32) {
    if attempt == 0 {
        return;
    }
    let longest = PAUSE.saturating_mul(1 << (attempt - 1).min(16)).min(PAUSE_MAX);
    let half = u64::try_from(longest.as_millis() / 2).unwrap_or(0);
    // A fresh `RandomState` is as random as a pause needs to be.
    let jitter = RandomState::new().build_hasher().finish() % (half + 1);
    tokio::time::sleep(Duration::from_millis(half + jitter)).await;
}

/// `None` if somebody else was first and it is worth another look.
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
