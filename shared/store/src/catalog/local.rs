//! The catalog as a directory of JSON files.
//!
//! ```text
//! <root>/<database>/database.json
//! <root>/<database>/<table>/table.json
//! <root>/<database>/<table>/partitions/<values>.json
//! ```
//!
//! Each partition is a separate file, so processes that add partitions do not overwrite each other's partitions. A
//! table is changed under a file lock, which the operating system releases when the process ends. Files are written
//! atomically. The same calls produce the same bytes, whatever the order of the partitions.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::evolve::evolve;
use super::{Catalog, CatalogError, Partition, TableChange, TableName, TableSpec, check_name, check_values};
use crate::files;
use crate::names::key_to_path;

/// The catalog as a directory of JSON files.
#[derive(Debug, Clone)]
pub struct LocalCatalog {
    root: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
struct Database {
    name: String,
    comment: String,
}

const TEMPORARY: &str = ".tmp";

impl LocalCatalog {
    /// Opens the directory, by convention `<lake>/catalog`, and creates it if it does not exist. Removes temporary
    /// files of killed processes.
    pub fn open(root: impl Into<PathBuf>) -> Result<LocalCatalog, CatalogError> {
        let root = root.into();
        fs::create_dir_all(&root)
            .and_then(|()| files::sweep(&root.join(TEMPORARY)))
            .map_err(|error| from_file_error("opening the catalog", &root.display().to_string(), &error))?;
        Ok(LocalCatalog { root })
    }

    /// The directory as it is, for reading.
    pub fn at(root: impl Into<PathBuf>) -> LocalCatalog {
        LocalCatalog { root: root.into() }
    }

    fn put_partition(
        &self,
        operation: &str,
        table: &TableName,
        values: &[String],
        location: &str,
    ) -> Result<(), CatalogError> {
        let partition = Partition {
            values: values.to_vec(),
            location: location.to_owned(),
        };
        let path = partition_file(&self.root, table, values);
        write(&self.root, &path, &partition, operation, &table.to_string())
    }
}

#[async_trait]
impl Catalog for LocalCatalog {
    async fn ensure_database(&self, database: &str, comment: &str) -> Result<(), CatalogError> {
        let wanted = Database {
            name: database.to_owned(),
            comment: comment.to_owned(),
        };
        let (root, operation, object) = (&self.root, "creating the database", database);
        check_name(operation, object, &wanted.name)?;
        let folder = root.join(&wanted.name);
        let _lock = lock(&folder, operation, object)?;
        let path = folder.join("database.json");
        if path.exists() {
            return Ok(());
        }
        write(root, &path, &wanted, operation, object)
    }

    async fn ensure_table(&self, spec: &TableSpec) -> Result<TableChange, CatalogError> {
        spec.check()?;
        let table = spec.table();
        let (root, operation, object) = (&self.root, "creating the table", &table.to_string());
        let _: Database = read(
            &root.join(&spec.database).join("database.json"),
            operation,
            object,
        )?;
        let folder = table_folder(root, &table);
        let _lock = lock(&folder, operation, object)?;
        let path = folder.join("table.json");
        let (table, change) = match read::<TableSpec>(&path, operation, object) {
            Ok(existing) => {
                let evolved = evolve(&existing, spec)?;
                let change = if evolved == existing {
                    TableChange::Unchanged
                } else {
                    TableChange::Updated
                };
                (evolved, change)
            }
            Err(CatalogError::NotFound { .. }) => (spec.clone(), TableChange::Created),
            Err(error) => return Err(error),
        };
        if change != TableChange::Unchanged {
            write(root, &path, &table, operation, object)?;
        }
        Ok(change)
    }

    async fn has_partition(&self, spec: &TableSpec, values: &[String]) -> Result<bool, CatalogError> {
        let table = spec.table();
        // Only the table has columns. A local partition has none.
        let complete = match self.describe(&table).await {
            Ok(existing) => evolve(&existing, spec)? == existing,
            Err(CatalogError::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        Ok(complete && self.partition_location(&table, values).await?.is_some())
    }

    async fn ensure_partition(
        &self,
        spec: &TableSpec,
        values: &[String],
        location: &str,
    ) -> Result<(), CatalogError> {
        let table = spec.table();
        let keys = self.describe(&table).await?.partition_keys.len();
        check_values(&table, keys, values)?;
        if self
            .partition_location(&table, values)
            .await
            .is_ok_and(|found| found.is_some())
        {
            return Ok(());
        }
        self.put_partition("creating a partition of", &table, values, location)
    }

    async fn move_partition(
        &self,
        spec: &TableSpec,
        values: &[String],
        location: &str,
    ) -> Result<(), CatalogError> {
        let (table, operation) = (spec.table(), "moving a partition of");
        match self.partition_location(&table, values).await? {
            Some(found) if found == location => Ok(()),
            Some(_) => self.put_partition(operation, &table, values, location),
            None => Err(CatalogError::NotFound {
                operation: operation.to_owned(),
                object: format!("{table} {values:?}"),
                message: "there is no such partition".to_owned(),
            }),
        }
    }

    async fn partition_location(
        &self,
        table: &TableName,
        values: &[String],
    ) -> Result<Option<String>, CatalogError> {
        let (root, operation, object) = (&self.root, "looking for a partition of", &table.to_string());
        match read::<Partition>(&partition_file(root, table, values), operation, object) {
            Ok(found) => Ok(Some(found.location)),
            Err(CatalogError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn describe(&self, table: &TableName) -> Result<TableSpec, CatalogError> {
        let (root, operation, object) = (&self.root, "describing the table", &table.to_string());
        check_name(operation, object, &table.database)?;
        check_name(operation, object, &table.name)?;
        read(&table_folder(root, table).join("table.json"), operation, object)
    }

    async fn partitions(&self, table: &TableName) -> Result<Vec<Partition>, CatalogError> {
        self.describe(table).await?;
        let (root, operation, object) = (&self.root, "listing the partitions of", &table.to_string());
        let folder = table_folder(root, table).join("partitions");
        let mut found = Vec::new();
        collect(&folder, operation, object, &mut found)?;
        found.sort();
        Ok(found)
    }

    async fn start_crawler(&self, name: &str) -> Result<(), CatalogError> {
        Err(CatalogError::NotFound {
            operation: "starting the crawler".to_owned(),
            object: name.to_owned(),
            message: "a local catalog has no crawlers; tables and partitions are written directly".to_owned(),
        })
    }
}

fn table_folder(root: &Path, table: &TableName) -> PathBuf {
    root.join(&table.database).join(&table.name)
}

fn partition_file(root: &Path, table: &TableName, values: &[String]) -> PathBuf {
    table_folder(root, table)
        .join("partitions")
        .join(partition_path(values))
}

/// Returns the relative path of a partition file. Only the values are used, because the names of the keys are not
/// needed for uniqueness. Each value except the last is a directory. Values are escaped as file names.
fn partition_path(values: &[String]) -> PathBuf {
    // `/` in a value is escaped here, because `key_to_path` treats it as the separator.
    let escaped: Vec<String> = values
        .iter()
        .map(|value| value.replace('%', "%25").replace('/', "%2F"))
        .collect();
    key_to_path(&format!("{}.json", escaped.join("/")))
}

fn collect(
    folder: &Path,
    operation: &str,
    object: &str,
    found: &mut Vec<Partition>,
) -> Result<(), CatalogError> {
    for name in visible_names(folder).map_err(|error| from_file_error(operation, object, &error))? {
        let path = folder.join(name);
        if path.is_dir() {
            collect(&path, operation, object, found)?;
        } else {
            found.push(read(&path, operation, object)?);
        }
    }
    Ok(())
}

/// Returns the names in a directory that do not begin with a dot, sorted. A missing directory has none.
fn visible_names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        if let Ok(name) = entry?.file_name().into_string()
            && !name.starts_with('.')
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Locks a directory and waits while another process or thread holds the lock. Closing the file releases it.
fn lock(folder: &Path, operation: &str, object: &str) -> Result<File, CatalogError> {
    let open = || {
        fs::create_dir_all(folder)?;
        let file = File::create(folder.join(".lock"))?;
        file.lock()?;
        Ok(file)
    };
    open().map_err(|error: io::Error| from_file_error(operation, object, &error))
}

fn read<T: DeserializeOwned>(path: &Path, operation: &str, object: &str) -> Result<T, CatalogError> {
    let bytes = fs::read(path).map_err(|error| from_file_error(operation, object, &error))?;
    serde_json::from_slice(&bytes).map_err(|error| CatalogError::Other {
        operation: operation.to_owned(),
        object: object.to_owned(),
        message: format!(
            "{}: expected JSON as this program writes it, found {error}",
            path.display()
        ),
    })
}

fn write<T: Serialize>(
    root: &Path,
    path: &Path,
    value: &T,
    operation: &str,
    object: &str,
) -> Result<(), CatalogError> {
    let write = || {
        let mut bytes = serde_json::to_vec_pretty(value)?;
        bytes.push(b'\n');
        files::write_atomically(&root.join(TEMPORARY), path, &bytes)
    };
    write().map_err(|error: io::Error| from_file_error(operation, object, &error))
}

fn from_file_error(operation: &str, object: &str, error: &io::Error) -> CatalogError {
    let (operation, object, message) = (operation.to_owned(), object.to_owned(), error.to_string());
    match error.kind() {
        io::ErrorKind::NotFound => CatalogError::NotFound {
            operation,
            object,
            message,
        },
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            CatalogError::PermissionDenied {
                operation,
                object,
                message,
            }
        }
        io::ErrorKind::Interrupted | io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            CatalogError::Transient {
                operation,
                object,
                message,
            }
        }
        _ => CatalogError::Other {
            operation,
            object,
            message,
        },
    }
}
