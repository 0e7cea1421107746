//! The two external interfaces of the pipeline: objects and the catalog of tables.
//!
//! * [`Store`]: objects by bucket, key and version. Backends: [`LocalStore`] (a directory) and `S3Store` (feature
//!   `s3`).
//! * [`Catalog`]: tables with their columns and partitions. Backends: [`LocalCatalog`] (a directory of JSON files) and
//!   `GlueCatalog` (feature `glue`).
//! * [`ObjectReader`] and [`ObjectWriter`]: an object as `std::io::Read + Seek` and `Write`, for decoders and encoders
//!   that run on a blocking thread.
//!
//! This crate handles bytes only and has no ECG code. One conformance suite per interface (in `shared/testing`) runs
//! on every backend, so the backends behave in the same way.

pub mod catalog;
pub mod checksum;
pub mod error;
pub mod local;
pub mod reader;
#[cfg(feature = "s3")]
pub mod s3;
pub mod store;
pub mod writer;

#[cfg(any(feature = "s3", feature = "glue"))]
mod aws;
mod files;
mod location;
mod names;

#[cfg(feature = "glue")]
pub use catalog::glue::GlueCatalog;
pub use catalog::local::LocalCatalog;
pub use catalog::{Catalog, CatalogError, ColumnSpec, Partition, TableChange, TableName, TableSpec};
pub use checksum::{Checksum, ChecksumAlgorithm};
pub use error::{ErrorContext, StoreError};
pub use local::LocalStore;
pub use location::Location;
pub use reader::ObjectReader;
#[cfg(feature = "s3")]
pub use s3::S3Store;
pub use store::{ListedObject, ListedVersion, ObjectMeta, Store, Upload, WrittenObject};
pub use writer::ObjectWriter;
