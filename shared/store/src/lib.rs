//! The two places where the pipeline touches the outside: objects and the catalog of tables.
//!
//! * [`Store`]: objects by bucket, key and version. Backends: [`LocalStore`] (a directory) and `S3Store` (feature `s3`).
//! * [`Catalog`]: which tables exist, with which columns and partitions. Backends: [`LocalCatalog`]
//!   (a folder of JSON files) and `GlueCatalog` (feature `glue`).
//! * [`ObjectReader`] and [`ObjectWriter`]: a store's object as `std::io::Read + Seek` and `Write`, for
//!   decoders that run on a blocking thread.
//!
//! Nothing here knows of ECG: bytes go in, bytes come out. One conformance suite per interface (in
//! `shared/testing`) runs on every backend, so a step that passes on one passes on all.

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
mod names;

#[cfg(feature = "glue")]
pub use catalog::glue::GlueCatalog;
pub use catalog::local::LocalCatalog;
pub use catalog::{Catalog, CatalogError, ColumnSpec, Partition, TableChange, TableName, TableSpec};
pub use checksum::{Checksum, ChecksumAlgorithm};
pub use error::{ErrorContext, StoreError};
pub use local::LocalStore;
pub use reader::ObjectReader;
#[cfg(feature = "s3")]
pub use s3::S3Store;
pub use store::{ListedObject, Location, ObjectMeta, Store, Upload, WrittenObject};
pub use writer::ObjectWriter;
