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
    /// Its number: it grows in the order in which executions begin.
    pub id: i64,
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
    /// Of the recording.
    pub label: Option<String>,
    /// Who was recorded; personal data.
    pub subject: Option<String>,
    /// What failures of one cause have in common; `None` where it did not fail.
    pub cause_group: Option<String>,
}

impl Execution {
    /// Whether it ended without success.
    pub fn failed(&self) -> bool {
        let closed = self.closed.as_ref();
        closed.is_some_and(|closed| closed.status != Status::Succeeded)
    }
}

const COLUMNS: &str = "id, name, recording_id, key, version, file, started, seconds, redrives, step, status, error, cause, \
                       label, subject, cause_group";

/// In what order executions are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The newest first.
    #[default]
    Newest,
    /// The oldest first.
    Oldest,
    /// Of those that have ended, the longest first.
    Longest,
    /// Those that failed, the newest first; then the others.
    FailedFirst,
}

/// A column that filters ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilterColumn {
    /// The state that failed.
    Step,
    /// The name of the error.
    Error,
    /// The label of the recording.
    Label,
}

/// Failures of one cause.
#[derive(Debug, Clone)]
pub struct FailureGroup {
    /// See [`ecg_core::message::Failure::group`].
    pub group: String,
    /// Name of the error; `None` where the execution ran out of time.
    pub error: Option<String>,
    /// The state that failed.
    pub step: Option<String>,
    /// How many executions.
    pub count: u64,
    /// The newest of them.
    pub newest: Execution,
}

/// How many executions there are, and how long they took.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Overview {
    /// Those that succeeded.
    pub succeeded: u64,
    /// Those that ended without success.
    pub failed: u64,
    /// Those that have not ended.
    pub open: u64,
    /// `None` where none has ended.
    pub durations: Option<Durations>,
}

/// How long executions took that have ended, in seconds of work.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Durations {
    /// Half of them took no longer.
    pub median: f64,
    /// 95 of 100 took no longer.
    pub p95: f64,
}

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

    /// The executions that a filter lets through, from the one after the execution `after` on; at most `limit`.
    pub fn page(
        &self,
        filter: &Filter,
        order: Order,
        after: Option<i64>,
        limit: usize,
    ) -> io::Result<Vec<Execution>> {
        let (condition, values) = paged(filter, order, after, Some(limit));
        self.many(&condition, values)
    }

    /// How many executions a filter lets through, whatever their status; and how long those took that it lets through.
    pub fn overview(&self, filter: &Filter) -> io::Result<Overview> {
        let any = Filter {
            failed: false,
            status: None,
            ..filter.clone()
        };
        let (conditions, values) = conditions(&any);
        // Where nothing else is asked for, the index by seconds has all of it.
        let sql = format!(
            "select status, seconds from executions where {}",
            conditions.join(" and ")
        );
        let mut overview = Overview::default();
        let mut seconds: Vec<f64> = Vec::new();
        self.rows(&sql, values, |row| {
            let status = row.get_ref(0)?.as_str_or_null()?;
            let taken = match status {
                Some("SUCCEEDED") => {
                    overview.succeeded += 1;
                    !filter.failed
                }
                Some(_) => {
                    overview.failed += 1;
                    true
                }
                None => {
                    overview.open += 1;
                    false
                }
            };
            if taken
                && filter
                    .status
                    .as_deref()
                    .is_none_or(|wanted| status == Some(wanted))
            {
                seconds.push(row.get(1)?);
            }
            Ok(())
        })?;
        seconds.sort_by(f64::total_cmp);
        let at = |share: f64| {
            seconds
                .get(((seconds.len() as f64 - 1.0) * share).round() as usize)
                .copied()
        };
        overview.durations = at(0.5)
            .zip(at(0.95))
            .map(|(median, p95)| Durations { median, p95 });
        Ok(overview)
    }

    /// The failures that a filter lets through, those of one cause together, the largest group first; at most `limit` groups.
    pub fn failure_groups(&self, filter: &Filter, limit: usize) -> io::Result<Vec<FailureGroup>> {
        let (conditions, mut values) = conditions(filter);
        values.push(Sql::Integer(limit as i64));
        let sql = format!(
            "select cause_group, error, step, count(*), max(id) from executions \
             where {} and cause_group is not null \
             group by cause_group, error, step order by count(*) desc, max(id) desc limit ?{}",
            conditions.join(" and "),
            values.len()
        );
        type Group = (String, Option<String>, Option<String>, u32, i64);
        let groups: Vec<Group> = self.rows(&sql, values, |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })?;
        let mut found = Vec::new();
        for (group, error, step, count, newest) in groups {
            let newest = self.many("id = ?1", vec![Sql::Integer(newest)])?;
            found.extend(newest.into_iter().map(|newest| FailureGroup {
                group: group.clone(),
                error: error.clone(),
                step: step.clone(),
                count: count.into(),
                newest,
            }));
        }
        Ok(found)
    }

    /// The runs of a recording, in their order.
    pub fn runs_of(&self, recording_id: &str) -> io::Result<Vec<Execution>> {
        self.many(
            "recording_id = ?1 order by run",
            vec![Sql::Text(recording_id.to_owned())],
        )
    }

    /// The different values of a column that filters ask for.
    pub fn values(&self, column: FilterColumn) -> io::Result<Vec<String>> {
        let column = match column {
            FilterColumn::Step => "step",
            FilterColumn::Error => "error",
            FilterColumn::Label => "label",
        };
        let sql = format!(
            "select distinct {column} from executions where {column} is not null order by 1 limit 200"
        );
        self.rows(&sql, Vec::new(), |row| row.get(0))
    }

    /// What its steps logged: JSON objects, one a line.
    pub fn logs(&self, execution: &Execution) -> io::Result<String> {
        let sql = "select lines from logs where execution = ?1 order by id";
        let packed = self.rows(sql, vec![Sql::Integer(execution.id)], |row| {
            row.get::<_, Vec<u8>>(0)
        })?;
        let mut lines = Vec::new();
        for packed in packed {
            lines.extend(zstd::decode_all(packed.as_slice())?);
        }
        Ok(String::from_utf8_lossy(&lines).into_owned())
    }

    /// A number that changes with each commit of another connection, as long as this reader is open.
    pub fn changes(&self) -> io::Result<i64> {
        let version = self
            .connection
            .pragma_query_value(None, "data_version", |row| row.get(0));
        version.map_err(|error| self.failed(&error))
    }

    fn rows<T>(
        &self,
        sql: &str,
        values: Vec<Sql>,
        row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> io::Result<Vec<T>> {
        let read = || -> rusqlite::Result<Vec<T>> {
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_map(params_from_iter(values), row)?.collect()
        };
        read().map_err(|error| self.failed(&error))
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

/// What a filter asks of `executions`, and in what order.
pub(super) fn listed(filter: &Filter, limit: Option<usize>) -> (String, Vec<Sql>) {
    paged(filter, Order::Newest, None, limit)
}

fn paged(filter: &Filter, order: Order, after: Option<i64>, limit: Option<usize>) -> (String, Vec<Sql>) {
    let (mut conditions, mut values) = conditions(filter);
    let (columns, direction) = match order {
        Order::Newest => ("started, id", "desc"),
        Order::Oldest => ("started, id", "asc"),
        Order::Longest => ("seconds, id", "desc"),
        Order::FailedFirst => (
            "coalesce(status in ('FAILED', 'TIMED_OUT', 'ABORTED'), 0), started, id",
            "desc",
        ),
    };
    if order == Order::Longest {
        conditions.push("status is not null".to_owned());
    }
    if let Some(after) = after {
        values.push(Sql::Integer(after));
        let than = if direction == "desc" { '<' } else { '>' };
        conditions.push(format!(
            "({columns}) {than} (select {columns} from executions where id = ?{})",
            values.len()
        ));
    }
    values.push(Sql::Integer(limit.map_or(-1, |limit| limit as i64)));
    let ordered: Vec<String> = columns
        .rsplitn(if order == Order::FailedFirst { 3 } else { 2 }, ", ")
        .map(|column| format!("{column} {direction}"))
        .collect();
    let ordered: Vec<&str> = ordered.iter().rev().map(String::as_str).collect();
    let condition = format!(
        "{} order by {} limit ?{}",
        conditions.join(" and "),
        ordered.join(", "),
        values.len()
    );
    (condition, values)
}

fn conditions(filter: &Filter) -> (Vec<String>, Vec<Sql>) {
    let mut conditions = vec!["true".to_owned()];
    let mut values = Vec::new();
    if filter.failed {
        // By name, so that the index serves.
        conditions.push("status in ('FAILED', 'TIMED_OUT', 'ABORTED')".to_owned());
    }
    match filter.status.as_deref() {
        None => {}
        Some("OPEN") => conditions.push("status is null".to_owned()),
        Some(status) => {
            values.push(Sql::Text(status.to_owned()));
            conditions.push(format!("status = ?{}", values.len()));
        }
    }
    let equal = [
        ("step", &filter.step),
        ("error", &filter.error),
        ("label", &filter.label),
        ("subject", &filter.subject),
        ("cause_group", &filter.group),
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
    for (time, than) in [(filter.since, ">="), (filter.until, "<")] {
        if let Some(time) = time {
            values.push(Sql::Real(time));
            conditions.push(format!("started {than} ?{}", values.len()));
        }
    }
    if let Some(text) = &filter.text {
        values.push(Sql::Text(text.clone()));
        let within =
            ["name", "key", "error", "cause"].map(|column| format!("instr({column}, ?{})", values.len()));
        conditions.push(format!("({})", within.join(" or ")));
    }
    (conditions, values)
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
        label: row.get("label")?,
        subject: row.get("subject")?,
        cause_group: row.get("cause_group")?,
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
