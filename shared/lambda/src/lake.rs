//! The places of a deployment on AWS.

use std::sync::Arc;

use async_trait::async_trait;
use ecg_config::{self as config, LakeSettings};
use ecg_lake::Lake;
use ecg_store::{Catalog, CatalogError, Partition, S3Store, TableChange, TableName, TableSpec};

/// The lake of a step that reads and writes objects and has no business with the catalog.
///
/// # Errors
/// A sentence that names the variable that is missing.
pub async fn object_lake() -> Result<Lake, String> {
    let settings = LakeSettings::read(&config::optional)?;
    let aws = crate::aws_config().await;
    Ok(lake(settings, &aws, Arc::new(NoCatalog)))
}

/// The lake with its catalog on Glue.
///
/// # Errors
/// A sentence that names the variable that is missing.
#[cfg(feature = "glue")]
pub async fn catalogued_lake() -> Result<Lake, String> {
    let settings = LakeSettings::read(&config::optional)?;
    let aws = crate::aws_config().await;
    let catalog = ecg_store::GlueCatalog::new(aws_sdk_glue::Client::new(&aws));
    Ok(lake(settings, &aws, Arc::new(catalog)))
}

fn lake(settings: LakeSettings, aws: &aws_config::SdkConfig, catalog: Arc<dyn Catalog>) -> Lake {
    Lake {
        store: Arc::new(S3Store::new(aws_sdk_s3::Client::new(aws))),
        catalog,
        work: settings.work_bucket,
        processed: settings.processed_bucket,
        database: settings.database,
    }
}

/// In the place of a catalog where there is none: the SDK of Glue is linked into crawl only, and so are the rights
/// to use it granted.
#[derive(Debug)]
struct NoCatalog;

impl NoCatalog {
    fn refuse<T>(operation: &str, object: impl ToString) -> Result<T, CatalogError> {
        Err(CatalogError::Invalid {
            operation: operation.to_owned(),
            object: object.to_string(),
            message: "this Lambda has no catalog".to_owned(),
        })
    }
}

#[async_trait]
impl Catalog for NoCatalog {
    async fn ensure_database(&self, database: &str, _comment: &str) -> Result<(), CatalogError> {
        NoCatalog::refuse("creating the database", database)
    }

    async fn ensure_table(&self, spec: &TableSpec) -> Result<TableChange, CatalogError> {
        NoCatalog::refuse("creating the table", spec.table())
    }

    async fn has_partition(&self, spec: &TableSpec, _: &[String], _: &str) -> Result<bool, CatalogError> {
        NoCatalog::refuse("looking for a partition of", spec.table())
    }

    async fn ensure_partition(&self, spec: &TableSpec, _: &[String], _: &str) -> Result<(), CatalogError> {
        NoCatalog::refuse("creating a partition of", spec.table())
    }

    async fn describe(&self, table: &TableName) -> Result<TableSpec, CatalogError> {
        NoCatalog::refuse("describing the table", table)
    }

    async fn partitions(&self, table: &TableName) -> Result<Vec<Partition>, CatalogError> {
        NoCatalog::refuse("listing the partitions of", table)
    }

    async fn start_crawler(&self, name: &str) -> Result<(), CatalogError> {
        NoCatalog::refuse("starting the crawler", name)
    }
}
