//! The places of a deployment on AWS.

use std::sync::Arc;

use ecg_config::{self as config, LakeSettings};
use ecg_lake::Lake;
use ecg_store::{Catalog, S3Store};

/// The lake of a step that reads and writes objects and has no business with the catalog: the SDK of Glue is linked into
/// crawl and catalog only, and so are the rights to use it granted.
///
/// # Errors
/// A sentence that names the variable that is missing.
pub async fn object_lake() -> Result<Lake, String> {
    let settings = LakeSettings::read(&config::optional)?;
    let aws = crate::aws_config().await;
    Ok(lake(settings, &aws, None))
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
    Ok(lake(settings, &aws, Some(Arc::new(catalog))))
}

fn lake(settings: LakeSettings, aws: &aws_config::SdkConfig, catalog: Option<Arc<dyn Catalog>>) -> Lake {
    Lake {
        store: Arc::new(S3Store::new(aws_sdk_s3::Client::new(aws))),
        catalog,
        work: settings.work_bucket,
        processed: settings.processed_bucket,
        database: settings.database,
    }
}
