//! Where the steps read and write: the store, the catalog and the names of their places, and how their errors
//! become errors of a step.

mod day;

use std::any::Any;
use std::sync::Arc;

use ecg_core::message::{Failure, Source, one_line};
use ecg_core::{Details, StepError, layout};
use ecg_store::{
    Catalog, CatalogError, ColumnSpec, Location, ObjectMeta, ObjectReader, ObjectWriter, Store, StoreError,
    TableSpec,
};
use ecg_tables::{DATABASE_COMMENT, PARTITION, PARTITION_COMMENT, TABLES, Table};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use day::{Begun, Day, Generation, Phase, Register, Waits};

/// Largest JSON object that one step leaves for another, in bytes.
const MAX_JSON_BYTES: u64 = 1 << 20;

/// The places of one deployment.
#[derive(Debug, Clone)]
pub struct Lake {
    /// Uploads, work objects and tables.
    pub store: Arc<dyn Store>,
    /// Which tables exist; none for a step that has no business with them.
    pub catalog: Option<Arc<dyn Catalog>>,
    /// Bucket of what one step leaves for the next.
    pub work: String,
    /// Bucket of the tables.
    pub processed: String,
    /// Name of the database.
    pub database: String,
}

impl Lake {
    /// The catalog.
    ///
    /// # Errors
    /// `Internal` where this lake was made without one.
    pub fn catalog(&self) -> Result<&dyn Catalog, StepError> {
        let none = || StepError::Internal("expected a lake with a catalog, found one without".to_owned());
        self.catalog.as_deref().ok_or_else(none)
    }

    /// Makes the database and every table of the catalog. Of what exists already columns are added and comments changed: see
    /// [`ecg_store::catalog::evolve`].
    ///
    /// # Errors
    /// What the catalog says; [`CatalogError::Incompatible`] names a table that additions cannot make ours.
    pub async fn ensure_tables(&self, catalog: &dyn Catalog) -> Result<(), CatalogError> {
        let specs = TABLES.map(|table| self.table_spec(table));
        catalog
            .ensure_tables(&self.database, DATABASE_COMMENT, &specs)
            .await
    }

    /// A table as the catalog describes it.
    pub fn table_spec(&self, table: &Table) -> TableSpec {
        let columns = table.columns.iter();
        TableSpec {
            database: self.database.clone(),
            name: table.name.to_owned(),
            comment: table.comment.to_owned(),
            columns: columns
                .map(|column| ColumnSpec::new(column.name, column.kind.hive_type(), column.comment))
                .collect(),
            partition_keys: vec![ColumnSpec::new(PARTITION, "string", PARTITION_COMMENT)],
            location: format!("s3://{}/{}", self.processed, layout::table_prefix(table.name)),
        }
    }

    /// The pinned location of an upload.
    pub fn upload(&self, source: &Source) -> Location {
        Location::new(&source.bucket, &source.key).with_version(&source.version)
    }

    /// An object that one step leaves for the next.
    pub fn work(&self, key: &str) -> Location {
        Location::new(&self.work, key)
    }

    /// An object of a table.
    pub fn processed(&self, key: &str) -> Location {
        Location::new(&self.processed, key)
    }

    /// As [`step_error`], but what one step left for another and is not there is no fault of the upload: it expired,
    /// or somebody removed it.
    ///
    /// For reads of whole objects, when it is known which one was asked for.
    pub fn error_at(&self, location: &Location, error: &StoreError) -> StepError {
        let ours = location.bucket == self.work || location.bucket == self.processed;
        match error {
            StoreError::NotFound(_) if ours => StepError::Internal(format!(
                "{location}: expected what the step before wrote, found none"
            )),
            _ => step_error(error),
        }
    }

    /// What is known of an object, and a reader for decoders, to be used on a blocking thread.
    ///
    /// # Errors
    /// As [`step_error`] sorts them.
    pub async fn open(&self, location: &Location) -> Result<(ObjectMeta, ObjectReader), StepError> {
        ObjectReader::open(self.store.clone(), location)
            .await
            .map_err(|error| self.error_at(location, &error))
    }

    /// The reader of [`Lake::open`].
    ///
    /// # Errors
    /// As [`step_error`] sorts them.
    pub async fn reader(&self, location: &Location) -> Result<ObjectReader, StepError> {
        Ok(self.open(location).await?.1)
    }

    /// A writer for encoders, to be used on a blocking thread.
    ///
    /// # Errors
    /// As [`step_error`] sorts them.
    pub async fn writer(&self, location: &Location) -> Result<ObjectWriter, StepError> {
        let upload = self
            .store
            .begin_upload(location)
            .await
            .map_err(|error| write_error(&error))?;
        Ok(ObjectWriter::new(upload, tokio::runtime::Handle::current()))
    }

    /// Whether a recording was erased, by its id or by a hash of its content.
    ///
    /// # Errors
    /// What the store says.
    pub async fn is_erased(&self, name: &str) -> Result<bool, StepError> {
        let tombstone = self.processed(&layout::tombstone_key(name));
        match self.store.head(&tombstone).await {
            Ok(_) => Ok(true),
            Err(StoreError::NotFound(_)) => Ok(false),
            Err(error) => Err(self.error_at(&tombstone, &error)),
        }
    }

    /// Reads a small JSON object of the work bucket.
    ///
    /// # Errors
    /// As [`step_error`] sorts them; text that is no such JSON is `Internal`, because a step of ours wrote it.
    pub async fn read_json<T: DeserializeOwned>(&self, key: &str) -> Result<T, StepError> {
        self.read_long_json(key, MAX_JSON_BYTES).await
    }

    /// As [`Self::read_json`], for one of at most so many bytes.
    ///
    /// # Errors
    /// As there.
    pub async fn read_long_json<T: DeserializeOwned>(&self, key: &str, most: u64) -> Result<T, StepError> {
        let location = self.work(key);
        let (_, bytes) = self
            .store
            .get(&location, most)
            .await
            .map_err(|error| self.error_at(&location, &error))?;
        serde_json::from_slice(&bytes).map_err(|error| StepError::Internal(format!("{location}: {error}")))
    }

    /// Writes a small JSON object to the work bucket.
    ///
    /// # Errors
    /// As [`step_error`] sorts them.
    pub async fn write_json<T: Serialize>(&self, key: &str, value: &T) -> Result<(), StepError> {
        let mut bytes =
            serde_json::to_vec_pretty(value).map_err(|error| StepError::Internal(error.to_string()))?;
        bytes.push(b'\n');
        let location = self.work(key);
        self.store
            .put(&location, bytes.into())
            .await
            .map_err(|error| write_error(&error))?;
        Ok(())
    }
}

/// What is known of an upload whose execution failed: the whole of `error.json`, and a part of a verdict.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Judged {
    /// Why the input is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Details>,
    /// SHA-256 of the content in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject_id: Option<String>,
    #[serde(skip_serializing)]
    recording: Option<Described>,
}

/// A part of what a verdict says of the recording, where it could be described.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Described {
    origin: Whose,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Whose {
    subject_id: Option<String>,
}

impl Judged {
    /// Whose the recording is.
    pub fn subject_id(&self) -> Option<&String> {
        let described = self.recording.as_ref();
        described
            .and_then(|recording| recording.origin.subject_id.as_ref())
            .or(self.subject_id.as_ref())
    }
}

impl Lake {
    /// Leaves the reason of a step that found the input at fault, field by field: its error carries only text.
    /// Where that cannot be written the failure is recorded without these fields.
    pub async fn keep_reason<T>(
        &self,
        execution: &str,
        outcome: Result<T, StepError>,
    ) -> Result<T, StepError> {
        if let Err(StepError::Rejected(details) | StepError::Incomplete(details)) = &outcome {
            let left = Judged {
                reason: Some(details.clone()),
                ..Judged::default()
            };
            let _ = self.write_json(&layout::error_key(execution), &left).await;
        }
        outcome
    }

    /// What is known of the upload behind a failure: its verdict, and the reason, from there or from what
    /// [`Self::keep_reason`] left. A reason with another message is that of an attempt before.
    ///
    /// # Errors
    /// Where the input is at fault, what may pass, as [`step_error`] sorts it. Without these fields a failure is recorded all the same.
    pub async fn judged(&self, execution: &str, failure: &Failure) -> Result<Judged, StepError> {
        let message = failure.message();
        let told = |reason: &Details| one_line(&reason.to_string()) == message;
        let verdict = self.left(&layout::verdict_key(execution)).await;
        if !["Rejected", "Incomplete"].contains(&failure.error.as_str()) {
            return Ok(Judged {
                reason: None,
                ..verdict.unwrap_or_default()
            });
        }
        let mut judged = verdict?;
        if !judged.reason.as_ref().is_some_and(told) {
            let left = self.left(&layout::error_key(execution)).await?;
            judged.reason = left.reason.filter(told);
        }
        Ok(judged)
    }

    /// Nothing, where it is not there or cannot be read.
    async fn left(&self, key: &str) -> Result<Judged, StepError> {
        match self.read_json(key).await {
            Err(error @ (StepError::Throttled(_) | StepError::Transient(_))) => Err(error),
            read => Ok(read.unwrap_or_default()),
        }
    }
}

/// Sorts an error of the store by what the caller of a step can do.
pub fn step_error(error: &StoreError) -> StepError {
    let text = error.to_string();
    match error {
        StoreError::Throttled(_) => StepError::Throttled(text),
        StoreError::Transient(_) => StepError::Transient(text),
        StoreError::Conflict(_) | StoreError::AlreadyExists(_) => StepError::Conflict(text),
        StoreError::NotFound(context) => {
            StepError::Rejected(Details::new(context.location.to_string(), "an object", "none"))
        }
        StoreError::PermissionDenied(_) | StoreError::Invalid(_) | StoreError::Other(_) => {
            StepError::Internal(text)
        }
    }
}

/// As [`step_error`], for writing: what is missing then is a bucket, which is no fault of the upload.
pub fn write_error(error: &StoreError) -> StepError {
    match error {
        StoreError::NotFound(_) => StepError::Internal(error.to_string()),
        _ => step_error(error),
    }
}

/// Sorts an error of the catalog by what the caller of a step can do.
pub fn catalog_error(error: &CatalogError) -> StepError {
    let text = error.to_string();
    match error {
        CatalogError::Throttled { .. } => StepError::Throttled(text),
        CatalogError::Transient { .. } => StepError::Transient(text),
        _ => StepError::Internal(text),
    }
}

/// Sorts an error that came out of a decoder or encoder of our own objects: the store's own error where there is one
/// inside, else a bug. What is missing in the middle of it is no fault of the upload.
pub fn codec_error(error: &(dyn std::error::Error + 'static)) -> StepError {
    sorted(error, write_error)
}

/// As [`codec_error`], for a decoder that reads the upload: one that is gone meanwhile is at fault. What is wrong in it
/// has a type of its own.
pub fn upload_error(error: &(dyn std::error::Error + 'static)) -> StepError {
    sorted(error, step_error)
}

fn sorted(error: &(dyn std::error::Error + 'static), by: fn(&StoreError) -> StepError) -> StepError {
    match StoreError::find_in(error) {
        Some(store) => by(store),
        None => StepError::Internal(error.to_string()),
    }
}

/// Runs work that blocks (decoding, encoding, signal processing) on a blocking thread of the runtime.
///
/// The work may wait for the store, since the store of files waits for no blocking thread: it reads and writes on the thread
/// that asks. Otherwise all blocking threads could wait for another one. (Requests to S3 may look up a name on one; a function
/// on AWS has hundreds and does one thing at a time.)
///
/// # Errors
/// The work's error; a panic in it is `Internal`.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StepError> + Send + 'static,
) -> Result<T, StepError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(stopped) => Err(StepError::Internal(match stopped.try_into_panic() {
            Ok(panic) => format!("the step stopped: {}", panic_message(panic.as_ref())),
            Err(_) => "the step stopped with the program".to_owned(),
        })),
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic")
}

#[cfg(test)]
mod tests {
    use std::io;

    use ecg_store::ErrorContext;

    use super::*;

    type Variant = fn(Box<ErrorContext>) -> StoreError;

    #[test]
    fn errors_of_the_store_by_what_can_be_done() {
        let context = || ErrorContext::new("reading", &Location::new("b", "k").with_version("v"), "why");
        let table: [(Variant, &str, &str); 8] = [
            (
                StoreError::NotFound,
                "Rejected",
                "b/k (version v): expected an object, found none",
            ),
            (
                StoreError::AlreadyExists,
                "Conflict",
                "reading b/k (version v): already exists: why",
            ),
            (
                StoreError::Conflict,
                "Conflict",
                "reading b/k (version v): another write is under way: why",
            ),
            (
                StoreError::PermissionDenied,
                "Internal",
                "reading b/k (version v): permission denied: why",
            ),
            (
                StoreError::Invalid,
                "Internal",
                "reading b/k (version v): not possible: why",
            ),
            (
                StoreError::Throttled,
                "Throttled",
                "reading b/k (version v): throttled: why",
            ),
            (
                StoreError::Transient,
                "Transient",
                "reading b/k (version v): failed for now: why",
            ),
            (
                StoreError::Other,
                "Internal",
                "reading b/k (version v): failed: why",
            ),
        ];
        for (error, name, message) in table {
            let error = error(context());
            let step = step_error(&error);
            assert_eq!((step.name(), step.to_string().as_str()), (name, message));
            // The same through any number of layers of a decoder.
            let wrapped = io::Error::new(io::ErrorKind::InvalidData, io::Error::from(error));
            assert_eq!(upload_error(&wrapped), step);
            // Of our own objects none is the device's fault.
            let ours = codec_error(&wrapped);
            assert_eq!(
                ours.name(),
                if name == "Rejected" { "Internal" } else { name },
                "{ours}"
            );
        }
        let plain = io::Error::other("no store in it");
        assert_eq!(
            codec_error(&plain),
            StepError::Internal("no store in it".to_owned())
        );
    }

    #[test]
    fn errors_of_the_catalog_by_what_can_be_done() {
        let (operation, object, message) = (
            || "creating".to_owned(),
            || "ecg.beats".to_owned(),
            || "why".to_owned(),
        );
        let transient = CatalogError::Transient {
            operation: operation(),
            object: object(),
            message: message(),
        };
        let text = "creating ecg.beats: failed for now: why";
        assert_eq!(catalog_error(&transient), StepError::Transient(text.to_owned()));
        for error in [
            CatalogError::NotFound {
                operation: operation(),
                object: object(),
                message: message(),
            },
            CatalogError::Incompatible {
                operation: operation(),
                object: object(),
                what: "column".to_owned(),
                expected: "int".to_owned(),
                found: "text".to_owned(),
            },
            CatalogError::PermissionDenied {
                operation: operation(),
                object: object(),
                message: message(),
            },
            CatalogError::Invalid {
                operation: operation(),
                object: object(),
                message: message(),
            },
            CatalogError::Other {
                operation: operation(),
                object: object(),
                message: message(),
            },
        ] {
            assert_eq!(catalog_error(&error), StepError::Internal(error.to_string()));
        }
    }

    #[tokio::test]
    async fn a_panic_in_blocking_work_is_a_bug_and_no_crash() {
        let outcome: Result<(), _> = blocking(|| std::panic::panic_any("on purpose")).await;
        assert_eq!(outcome.unwrap_err().name(), "Internal");
        assert_eq!(blocking(|| Ok(7)).await, Ok(7));
    }
}
