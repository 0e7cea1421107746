//! The tables of the database `ecg`: one definition, from which the Arrow schema, the Glue columns and the
//! data dictionary all come, and the views over them.
//!
//! A change here is additive or the golden test fails: columns are appended, never renamed, retyped or
//! dropped, because Parquet objects of every earlier version stay in place.

pub mod arrow;
pub mod column;
mod definitions;
pub mod dictionary;
pub mod parsed;
pub mod views;

pub use column::{Column, ErasedBy, Kind, Table};
pub use definitions::{BEATS, RECORDINGS, REJECTIONS, SEGMENTS, TABLES, WINDOWS};

/// The default name of the database.
pub const DATABASE: &str = "ecg";

/// The comment of the database.
pub const DATABASE_COMMENT: &str = "ECG recordings: segments, beats and features, made by ecg-pipeline";

/// The partition column of every table: the UTC day of the upload as `YYYY-MM-DD`.
pub const PARTITION: &str = "dt";

/// The comment of the partition column.
pub const PARTITION_COMMENT: &str = "UTC day of the upload, YYYY-MM-DD";

/// The table of that name.
pub fn table(name: &str) -> Option<&'static Table> {
    TABLES.iter().copied().find(|table| table.name == name)
}
