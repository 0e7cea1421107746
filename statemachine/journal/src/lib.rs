//! A local lake: where it keeps what ([`Place`]), who writes it, and what it records of its executions: one SQLite file,
//! `journal.sqlite`, as `schema.sql` describes it.
//!
//! An execution whose outcome is there is closed and never runs again by itself. One without is open: it was
//! interrupted, and goes on from its last checkpoint.
//!
//! [`Journal`] is the one writer of executions. What they record is gathered in memory, and a thread commits it some ten times
//! a second for all of them: `writer.rs`. A kill loses what was not committed yet, which is then done again, with the same
//! result. [`Annotations`] writes what people note, without the lake's lock. [`Reader`] is for everybody else, in any number of
//! processes: WAL lets them read while an `ecg run` writes.

mod annotations;
mod filter;
mod folders;
mod place;
mod read;
mod record;
mod writer;

use std::io;
use std::path::Path;

use asl_engine::Status;
use rusqlite::Connection;
use serde_json::Value;

pub use annotations::{Annotation, Annotations, NewAnnotation};
pub use filter::Filter;
pub use folders::uploads as uploads_of_old_lake;
pub use place::{BUCKET, LakeLock, PROCESSED, Place, WORK, lake_option};
pub use read::{Durations, Execution, FailureGroup, FilterColumn, Order, Overview, Reader};
pub use record::{Course, ExecutionRecorder, OpenExecution};
pub use writer::{Journal, Lost};

/// The file of the journal in a lake.
pub(crate) const FILE: &str = "journal.sqlite";

/// The form of the file, in `user_version`.
const VERSION: i64 = 3;

/// `ecgj`, in `application_id`: tells the file from others of SQLite.
const APPLICATION: i64 = 0x6563_676a;

/// How an execution ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Closed {
    /// How it ended.
    pub status: Status,
    /// What the last state gave, if it succeeded.
    pub output: Option<Value>,
    /// Name of its error.
    pub error: Option<String>,
    /// Cause of its error: what Step Functions calls so.
    pub cause: Option<String>,
}

/// What SQLite says, with the file that it says it of.
fn failed(file: &Path, error: &rusqlite::Error) -> io::Error {
    let kind = match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => io::ErrorKind::StorageFull,
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
            io::ErrorKind::InvalidData
        }
        Some(rusqlite::ErrorCode::CannotOpen) => io::ErrorKind::NotFound,
        Some(rusqlite::ErrorCode::ReadOnly) => io::ErrorKind::PermissionDenied,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, format!("{}: {error}", file.display()))
}

/// Refuses a file that is no journal, or one of another program.
fn check(connection: &Connection, file: &Path) -> io::Result<()> {
    let found = application_and_version(connection).map_err(|error| failed(file, &error))?;
    let what = match found {
        (APPLICATION, VERSION) => return Ok(()),
        (APPLICATION, other) if other < VERSION => format!(
            "expected a journal of version {VERSION}, found version {other}; the next command that writes in this lake, such as \
             `ecg run`, brings it to version {VERSION}"
        ),
        (APPLICATION, other) => {
            format!(
                "expected a journal of version {VERSION}, found version {other}; use the `ecg` that made it"
            )
        }
        (other, _) => format!(
            "expected the journal of a lake, found an SQLite file of another program (application_id {other})"
        ),
    };
    Err(io::Error::other(format!("{}: {what}", file.display())))
}

fn application_and_version(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    Ok((pragma("application_id")?, pragma("user_version")?))
}

#[cfg(test)]
mod tests;
