//! The interface to the catalog of tables, with their columns, partitions and comments.
//!
//! Every `ensure_…` function is idempotent and may run concurrently. Tables change only by additions: see
//! [`evolve`].

pub mod error;
pub mod evolve;
#[cfg(feature = "glue")]
pub mod glue;
pub mod local;

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use error::CatalogError;

/// A catalog of tables: AWS Glue, or a local directory of JSON files.
#[async_trait]
pub trait Catalog: fmt::Debug + Send + Sync {
    /// Creates the database if it does not exist. The comment of an existing database is not changed.
    async fn ensure_database(&self, database: &str, comment: &str) -> Result<(), CatalogError>;

    /// Creates the table, or adds missing columns and updates comments. The database must exist.
    async fn ensure_table(&self, spec: &TableSpec) -> Result<TableChange, CatalogError>;

    /// Creates the database and its tables, or updates the tables as [`Catalog::ensure_table`] does.
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

    /// Whether the partition with these values exists, with every column of `spec`, wherever it is. Also `false` if the
    /// table does not exist. One request on Glue.
    async fn has_partition(&self, spec: &TableSpec, values: &[String]) -> Result<bool, CatalogError>;

    /// Creates the partition with these values at this location. One that exists stays where it is, except that on Glue
    /// one without some column of `spec` gets it and moves to the location: an update replaces the whole partition and has no
    /// condition, so that a location that was read before could be an old one. The table must exist.
    async fn ensure_partition(
        &self,
        spec: &TableSpec,
        values: &[String],
        location: &str,
    ) -> Result<(), CatalogError>;

    /// Moves the partition with these values to a location, with every column of `spec`. Returns
    /// [`CatalogError::NotFound`] if there is none. An error [`CatalogError::Transient`] leaves open whether, and when, the
    /// partition moves; after any other error it has not moved.
    async fn move_partition(
        &self,
        spec: &TableSpec,
        values: &[String],
        location: &str,
    ) -> Result<(), CatalogError>;

    /// Returns the location of the partition with these values, `None` if there is none.
    async fn partition_location(
        &self,
        table: &TableName,
        values: &[String],
    ) -> Result<Option<String>, CatalogError>;

    /// Returns the current definition of the table.
    async fn describe(&self, table: &TableName) -> Result<TableSpec, CatalogError>;

    /// Returns the partitions, sorted by their values.
    async fn partitions(&self, table: &TableName) -> Result<Vec<Partition>, CatalogError>;

    /// Starts the crawler with this name. Also succeeds if the crawler is already running. A backend without crawlers
    /// returns [`CatalogError::NotFound`].
    async fn start_crawler(&self, name: &str) -> Result<(), CatalogError>;
}

/// The definition of a partitioned table of Parquet files below one location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSpec {
    /// Name of the database: lower case letters, digits and `_`.
    pub database: String,
    /// Name of the table: lower case letters, digits and `_`.
    pub name: String,
    /// The description of the table and of one row.
    pub comment: String,
    /// The columns in order, without the partition keys.
    pub columns: Vec<ColumnSpec>,
    /// The partition keys, whose values are in the path of the files, for example `dt`.
    pub partition_keys: Vec<ColumnSpec>,
    /// The location of the files: `s3://bucket/prefix/` or a path.
    pub location: String,
}

/// The definition of a column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSpec {
    /// Name: lower case letters, digits and `_`.
    pub name: String,
    /// Hive type: `string`, `bigint`, `array<float>`, …
    pub hive_type: String,
    /// The description of the column, with unit and formula.
    pub comment: String,
}

/// A partition: one directory or prefix of files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Partition {
    /// One value for each partition key, in the order of the keys.
    pub values: Vec<String>,
    /// The location of its files.
    pub location: String,
}

/// The full name of a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableName {
    /// Name of the database.
    pub database: String,
    /// Name of the table.
    pub name: String,
}

/// The maximum length of a column comment in Glue, in characters.
pub const COMMENT_MAX: usize = 255;

/// The result of [`Catalog::ensure_table`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableChange {
    /// The table did not exist and was created.
    Created,
    /// Columns were added or comments changed.
    Updated,
    /// The table already had the requested definition.
    Unchanged,
}

impl TableName {
    /// Creates the full name of a table.
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
    /// Creates the definition of a column.
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
    /// Returns the full name of the table.
    pub fn table(&self) -> TableName {
        TableName::new(&self.database, &self.name)
    }

    /// Checks the limits of all backends, so that a table that works on one backend works on all. Upper case names are
    /// rejected, because Glue converts them to lower case without an error.
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

/// Checks that Glue, Athena and a file system accept the name unchanged.
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

/// Checks that there is one value per key and that no value is empty.
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
