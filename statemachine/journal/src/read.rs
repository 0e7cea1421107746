//! Reading the journal.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use asl_engine::{Checkpoint, HistoryEvent, Status};
use ecg_core::message::ExecutionInput;
use rusqlite::config::DbConfig;
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params_from_iter};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Closed, Filter, check, failed};
use crate::annotations::{Annotation, standing};

/// What a list says of an execution, and what runs it again.
#[derive(Debug, Clone)]
pub struct Execution {
    pub(super) id: i64,
    /// Its name.
    pub name: String,
    /// Of the recording that it is a run of.
    pub recording_id: String,
    /// Key of the upload.
    pub key: String,
    /// The version of the upload.
    pub version: String,
    /// Where the upload came from, links resolved.
    pub file: PathBuf,
    /// Seconds since the epoch; `None` before its first event.
    pub started: Option<f64>,
    /// Spent at work, in seconds.
    pub seconds: f64,
    /// How often it was redriven.
    pub redrives: u64,
    /// The task state that failed, or was entered last.
    pub step: Option<String>,
    /// Without its output. `None`: open.
    pub closed: Option<Closed>,
}

impl Execution {
    /// Whether it ended without success.
    pub fn failed(&self) -> bool {
        let closed = self.closed.as_ref();
        closed.is_some_and(|closed| closed.status != Status::Succeeded)
    }
}

const COLUMNS: &str =
    "id, name, recording_id, key, version, file, started, seconds, redrives, step, status, error, cause";

// The lookups, each by an index.
pub(super) const NAMED: &str = "name = ?1";
pub(super) const LAST_RUN: &str = "recording_id = ?1 order by run desc limit 1";
pub(super) const OF_KEY: &str = "key = ?1 order by id";
pub(super) const OF_FILE: &str = "file = ?1 order by id";

/// Reads a journal, while another process may write it.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    file: PathBuf,
}

impl Reader {
    /// Opens the journal for reading only. Where the folder cannot be written, SQLite cannot share the file with a writer: it
    /// then reads what was complete when the last `ecg run` there ended.
    ///
    /// # Errors
    /// What SQLite says, or that the file is no journal.
    pub fn open(file: &Path) -> io::Result<Reader> {
        let shared = Reader::open_as(file, "mode=ro");
        match shared {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied
                ) && file.is_file() =>
            {
                Reader::open_as(file, "immutable=1")
            }
            other => other,
        }
    }

    fn open_as(file: &Path, mode: &str) -> io::Result<Reader> {
        let fail = |error: rusqlite::Error| failed(file, &error);
        let flags =
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(uri(file, mode), flags).map_err(fail)?;
        Reader::of(connection, file.to_owned())
    }

    pub(super) fn of(connection: Connection, file: PathBuf) -> io::Result<Reader> {
        check(&connection, &file)?;
        // Else each statement is prepared again for each value: a partial index could suit one value and not another.
        let stable = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true);
        stable.map_err(|error| failed(&file, &error))?;
        Ok(Reader { connection, file })
    }

    /// The execution of this name.
    pub fn named(&self, name: &str) -> io::Result<Option<Execution>> {
        self.one(NAMED, name)
    }

    /// How many executions there are.
    pub fn executions(&self) -> io::Result<i64> {
        let count = self
            .connection
            .query_row("select count(*) from executions", [], |row| row.get(0));
        count.map_err(|error| failed(&self.file, &error))
    }

    /// The last run of a recording.
    pub fn last_run_of(&self, recording_id: &str) -> io::Result<Option<Execution>> {
        self.one(LAST_RUN, recording_id)
    }

    /// The executions of the uploads of one key, or of one file, in the order in which they began.
    pub fn of_key(&self, key: &str) -> io::Result<Vec<Execution>> {
        self.many(OF_KEY, vec![Sql::Text(key.to_owned())])
    }

    /// See [`Reader::of_key`].
    pub fn of_file(&self, file: &Path) -> io::Result<Vec<Execution>> {
        self.many(OF_FILE, vec![path_value(file)])
    }

    /// The executions that a part of the name or of the key fits, the oldest first; at most `limit`.
    pub fn fitting(&self, part: &str, limit: usize) -> io::Result<Vec<Execution>> {
        let values = vec![Sql::Text(part.to_owned()), Sql::Integer(limit as i64)];
        self.many("instr(name, ?1) or instr(key, ?1) order by id limit ?2", values)
    }

    /// The newest executions that a filter lets through, the newest first; at most `limit`.
    pub fn list(&self, filter: &Filter, limit: Option<usize>) -> io::Result<Vec<Execution>> {
        let (condition, values) = listed(filter, limit);
        self.many(&condition, values)
    }

    /// Every execution, in the order in which they began.
    pub fn all(&self) -> io::Result<Vec<Execution>> {
        self.many("true order by id", Vec::new())
    }

    /// What the execution was started with.
    pub fn input(&self, execution: &Execution) -> io::Result<ExecutionInput> {
        let input = self.text("input", execution.id)?;
        Ok(serde_json::from_str(&input.unwrap_or_default())?)
    }

    /// What it gave, if it succeeded.
    pub fn output(&self, execution: &Execution) -> io::Result<Option<Value>> {
        let output = self.text("output", execution.id)?;
        Ok(output.map(|output| serde_json::from_str(&output)).transpose()?)
    }

    /// What people were told of its failure.
    pub fn notification(&self, execution: &Execution) -> io::Result<Option<String>> {
        self.text("notification", execution.id)
    }

    /// The annotations that stand, of one recording or of all, by recording and start.
    pub fn annotations(&self, recording_id: Option<&str>) -> io::Result<Vec<Annotation>> {
        standing(&self.connection, recording_id).map_err(|error| self.failed(&error))
    }

    /// The events, in order.
    pub fn history(&self, execution: &Execution) -> io::Result<Vec<HistoryEvent>> {
        self.history_of(execution.id)
    }

    pub(super) fn history_of(&self, id: i64) -> io::Result<Vec<HistoryEvent>> {
        let mut events = Vec::new();
        let mut statement = self
            .connection
            .prepare_cached("select events from history where execution = ?1 order by id")
            .map_err(|error| self.failed(&error))?;
        let rows = statement.query_map([id], |row| row.get::<_, Vec<u8>>(0));
        for packed in rows.map_err(|error| self.failed(&error))? {
            let packed = packed.map_err(|error| self.failed(&error))?;
            let text = zstd::decode_all(packed.as_slice())?;
            for event in serde_json::Deserializer::from_slice(&text).into_iter() {
                events.push(event?);
            }
        }
        Ok(events)
    }

    /// Where an interrupted execution goes on.
    pub fn checkpoint(&self, execution: &Execution) -> io::Result<Option<Checkpoint>> {
        let newest = "execution = ?1 order by last_event desc limit 1";
        self.checkpoint_where(newest, vec![Sql::Integer(execution.id)])
    }

    /// Where a state was last entered, for a redrive.
    pub fn checkpoint_of(&self, execution: &Execution, state: &str) -> io::Result<Option<Checkpoint>> {
        let values = vec![Sql::Integer(execution.id), Sql::Text(state.to_owned())];
        self.checkpoint_where("execution = ?1 and state = ?2", values)
    }

    fn checkpoint_where(&self, condition: &str, values: Vec<Sql>) -> io::Result<Option<Checkpoint>> {
        let sql = format!("select checkpoint from checkpoints where {condition}");
        json(self.scalar(&sql, values)?)
    }

    fn text(&self, column: &str, id: i64) -> io::Result<Option<String>> {
        let sql = format!("select {column} from executions where id = ?1");
        self.scalar(&sql, vec![Sql::Integer(id)])
    }

    /// The one text of the one row; `None` where there is no row, or null in it.
    fn scalar(&self, sql: &str, values: Vec<Sql>) -> io::Result<Option<String>> {
        let mut statement = self
            .connection
            .prepare_cached(sql)
            .map_err(|error| self.failed(&error))?;
        let found = statement.query_row(params_from_iter(values), |row| row.get::<_, Option<String>>(0));
        Ok(found.optional().map_err(|error| self.failed(&error))?.flatten())
    }

    fn one(&self, condition: &str, value: &str) -> io::Result<Option<Execution>> {
        Ok(self.many(condition, vec![Sql::Text(value.to_owned())])?.pop())
    }

    fn many(&self, condition: &str, values: Vec<Sql>) -> io::Result<Vec<Execution>> {
        let sql = format!("select {COLUMNS} from executions where {condition}");
        let read = || -> rusqlite::Result<Vec<Execution>> {
            let mut statement = self.connection.prepare_cached(&sql)?;
            statement
                .query_map(params_from_iter(values), execution)?
                .collect()
        };
        read().map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &rusqlite::Error) -> io::Error {
        failed(&self.file, error)
    }
}

/// What a filter asks of `executions`.
pub(super) fn listed(filter: &Filter, limit: Option<usize>) -> (String, Vec<Sql>) {
    let mut conditions = vec!["true".to_owned()];
    let mut values = Vec::new();
    if filter.failed {
        // By name, so that the index serves.
        conditions.push("status in ('FAILED', 'TIMED_OUT', 'ABORTED')".to_owned());
    }
    let equal = [
        ("step", &filter.step),
        ("error", &filter.error),
        ("label", &filter.label),
    ];
    for (column, value) in equal {
        if let Some(value) = value {
            values.push(Sql::Text(value.clone()));
            conditions.push(format!("{column} = ?{}", values.len()));
        }
    }
    // The state of a step that succeeded in the end is not what failed.
    if filter.step.is_some() {
        conditions.push("status <> 'SUCCEEDED'".to_owned());
    }
    if let Some(prefix) = &filter.key {
        // All keys from the prefix to the prefix and the largest character.
        values.push(Sql::Text(prefix.clone()));
        values.push(Sql::Text(format!("{prefix}\u{10ffff}")));
        conditions.push(format!("key between ?{} and ?{}", values.len() - 1, values.len()));
    }
    if let Some(since) = filter.since {
        values.push(Sql::Real(since));
        conditions.push(format!("started >= ?{}", values.len()));
    }
    values.push(Sql::Integer(limit.map_or(-1, |limit| limit as i64)));
    let condition = format!(
        "{} order by started desc, id desc limit ?{}",
        conditions.join(" and "),
        values.len()
    );
    (condition, values)
}

fn execution(row: &Row<'_>) -> rusqlite::Result<Execution> {
    let status: Option<String> = row.get("status")?;
    let closed = status.and_then(|status| {
        let status = serde_json::from_value(Value::String(status)).ok()?;
        Some((status, row))
    });
    Ok(Execution {
        id: row.get("id")?,
        name: row.get("name")?,
        recording_id: row.get("recording_id")?,
        key: row.get("key")?,
        version: row.get("version")?,
        file: PathBuf::from(OsStr::from_bytes(&row.get::<_, Vec<u8>>("file")?)),
        started: row.get("started")?,
        seconds: row.get("seconds")?,
        redrives: row.get::<_, u32>("redrives")?.into(),
        step: row.get("step")?,
        closed: match closed {
            None => None,
            Some((status, row)) => Some(Closed {
                status,
                output: None,
                error: row.get("error")?,
                cause: row.get("cause")?,
            }),
        },
    })
}

fn json<T: DeserializeOwned>(text: Option<String>) -> io::Result<Option<T>> {
    Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
}

pub(super) fn path_value(path: &Path) -> Sql {
    Sql::Blob(path.as_os_str().as_bytes().to_vec())
}

/// The file as SQLite's URI: <https://www.sqlite.org/uri.html>.
fn uri(file: &Path, parameters: &str) -> String {
    let mut uri = "file:".to_owned();
    for byte in file.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                uri.push(char::from(*byte))
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri + "?" + parameters
}
