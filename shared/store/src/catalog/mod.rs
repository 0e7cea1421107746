//! The interface to the catalog: which tables exist, with which columns, partitions and comments.
//!
//! Every `ensure_…` says what should be there and may be repeated: by a retry, or by a hundred runs at
//! once. Tables change only by additions: see [`evolve`].

pub mod error;
pub mod evolve;
#[cfg(feature = "glue")]
pub mod glue;
pub mod local;

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use error::CatalogError;

/// Which tables exist. Glue in the cloud, a folder of JSON files on one machine.
#[async_trait]
pub trait Catalog: fmt::Debug + Send + Sync {
    /// Makes the database if it is not there. A comment of an existing database stays as it is.
    async fn ensure_database(&self, database: &str, comment: &str) -> Result<(), CatalogError>;

    /// Makes the table, or adds to it what it lacks. The database must exist.
    async fn ensure_table(&self, spec: &TableSpec) -> Result<TableChange, CatalogError>;

    /// Makes the database and its tables, or adds to them what they lack.
    async fn ensure_tables(
        &self,
        database: &str,
        comment: &str,
        specs: &[TableSpec],
    ) -> Result<(), CatalogError> {
        self.ensure_database(database, comment).await?;
        for spec in specs {
            self.ensure_table(spec).await?;
        }
        Ok(())
    }

    /// Whether the partition with these values is there, at this location and with every column of the table that is
    /// asked for: one call of Glue. `false` also where there is no such table.
    async fn has_partition(
        &self,
        spec: &TableSpec,
        values: &[String],
        location: &str,
    ) -> Result<bool, CatalogError>;

    /// Makes the partition with these values, or moves it to this location if it has another one. The table must exist.
    async fn ensure_partition(
        &self,
        spec: &TableSpec,
        values: &[String],
        location: &str,
    ) -> Result<(), CatalogError>;

    /// The table as it stands.
    async fn describe(&self, table: &TableName) -> Result<TableSpec, CatalogError>;

    /// The partitions, sorted by their values.
    async fn partitions(&self, table: &TableName) -> Result<Vec<Partition>, CatalogError>;

    /// Starts the crawler of this name; success also if it is running already. A backend without
    /// crawlers answers [`CatalogError::NotFound`].
    async fn start_crawler(&self, name: &str) -> Result<(), CatalogError>;
}

/// A table: Parquet files below one location, partitioned. The format is always Parquet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSpec {
    /// Name of the database: lower case letters, digits and `_`.
    pub database: String,
    /// Name of the table: lower case letters, digits and `_`.
    pub name: String,
    /// What the table holds, one row per what.
    pub comment: String,
    /// The columns in order, without the partition keys.
    pub columns: Vec<ColumnSpec>,
    /// The columns that the files' folders tell, for example `dt`.
    pub partition_keys: Vec<ColumnSpec>,
    /// Where the files are: `s3://bucket/prefix/` or a path.
    pub location: String,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSpec {
    /// Name: lower case letters, digits and `_`.
    pub name: String,
    /// Type in Hive's words: `string`, `bigint`, `array<float>`, …
    pub hive_type: String,
    /// What it means, with unit and formula.
    pub comment: String,
}

/// A partition: one folder of files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Partition {
    /// One value for each partition key, in their order.
    pub values: Vec<String>,
    /// Where its files are.
    pub location: String,
}

/// A table's full name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableName {
    /// Name of the database.
    pub database: String,
    /// Name of the table.
    pub name: String,
}

/// Longest comment of a column, in characters, that Glue takes.
pub const COMMENT_MAX: usize = 255;

/// What [`Catalog::ensure_table`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableChange {
    /// The table was not there.
    Created,
    /// Columns were added or comments changed.
    Updated,
    /// It was as asked already.
    Unchanged,
}

impl TableName {
    /// A table's full name.
    pub fn new(database: impl Into<String>, name: impl Into<String>) -> TableName {
        TableName {
            database: database.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.database, self.name)
    }
}

impl ColumnSpec {
    /// A column.
    pub fn new(
        name: impl Into<String>,
        hive_type: impl Into<String>,
        comment: impl Into<String>,
    ) -> ColumnSpec {
        ColumnSpec {
            name: name.into(),
            hive_type: hive_type.into(),
            comment: comment.into(),
        }
    }
}

impl TableSpec {
    /// The table's full name.
    pub fn table(&self) -> TableName {
        TableName::new(&self.database, &self.name)
    }

    /// Checks what holds for every backend, so that what works on one works on all. Upper case is refused
    /// because Glue silently lowers it.
    pub(crate) fn check(&self) -> Result<(), CatalogError> {
        let object = self.table().to_string();
        check_name("creating the table", &object, &self.database)?;
        check_name("creating the table", &object, &self.name)?;
        let mut seen = std::collections::BTreeSet::new();
        for column in self.columns.iter().chain(&self.partition_keys) {
            check_name("creating the table", &object, &column.name)?;
            if column.comment.chars().count() > COMMENT_MAX {
                return Err(CatalogError::Invalid {
                    operation: "creating the table".to_owned(),
                    object,
                    message: format!(
                        "expected a comment of at most {COMMENT_MAX} characters for column `{}`, found {}",
                        column.name,
                        column.comment.chars().count()
                    ),
                });
            }
            if !seen.insert(&column.name) {
                return Err(CatalogError::Invalid {
                    operation: "creating the table".to_owned(),
                    object,
                    message: format!("column `{}` is named twice", column.name),
                });
            }
        }
        Ok(())
    }
}

/// A name that Glue, Athena and a file system take as it is.
pub(crate) fn check_name(operation: &str, object: &str, name: &str) -> Result<(), CatalogError> {
    let safe = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.is_empty() && name.len() <= 128 && name.chars().all(safe) {
        return Ok(());
    }
    Err(CatalogError::Invalid {
        operation: operation.to_owned(),
        object: object.to_owned(),
        message: format!("expected a name of 1 to 128 lower case letters, digits and `_`, found {name:?}"),
    })
}

/// As many values as keys, none empty.
pub(crate) fn check_values(table: &TableName, keys: usize, values: &[String]) -> Result<(), CatalogError> {
    if values.len() == keys && values.iter().all(|value| !value.is_empty()) {
        return Ok(());
    }
    Err(CatalogError::Invalid {
        operation: "creating a partition of".to_owned(),
        object: table.to_string(),
        message: format!("expected one value for each of {keys} partition keys, found {values:?}"),
    })
}
