//! Writing the journal: one thread commits what all executions have recorded.
//!
//! What is recorded is first in memory. The thread commits it [`COMMIT_EVERY`] in one transaction; a commit is in the hands of
//! the system then and outlives the process, but not yet a power cut. Some seconds later the thread has the objects and then
//! the journal written to the disk ([`SYNC_EVERY`]), for all executions that have ended at once, in place of some ten syncs
//! each. Until then an execution carries the start of the machine in which it was written: [`Journal::open`] takes those of
//! another start for lost, because their objects may not be whole.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use asl_engine::HistoryEvent;
use ecg_core::message::{ExecutionInput, Failure};
use rusqlite::{Connection, Transaction, params};

use super::read::{Execution, Reader, path_value};
use super::record::{Course, OpenExecution};
use super::{APPLICATION, Closed, application_and_version, check, failed};

/// Between two commits, so that one serves many executions.
const COMMIT_EVERY: Duration = Duration::from_millis(100);

/// Between two syncs: what a power cut may lose.
const SYNC_EVERY: Duration = Duration::from_secs(5);

/// How long to wait for a reader that has the file locked.
const BUSY: Duration = Duration::from_secs(30);

/// What is waiting is committed at once when it is more than this, in bytes.
const WAITING_BYTES_MAX: usize = 8 << 20;

/// Level of compression of the histories.
const ZSTD_LEVEL: i32 = 1;

/// What is to be written about one execution.
#[derive(Debug, Default)]
pub(super) struct Changes {
    begin: Option<Begin>,
    /// It starts anew: what is recorded of an earlier attempt goes.
    fresh: bool,
    /// A closed execution is open again.
    reopen: bool,
    pub(super) course: Option<Course>,
    /// Events in JSON, one after the other.
    pub(super) events: Vec<u8>,
    /// Lines of logs.
    pub(super) logs: Vec<u8>,
    /// By state: the last event then, and the checkpoint in JSON.
    pub(super) checkpoints: BTreeMap<String, (u64, String)>,
    notification: Option<String>,
    pub(super) close: Option<Close>,
}

#[derive(Debug)]
struct Begin {
    name: String,
    input: ExecutionInput,
    file: PathBuf,
}

#[derive(Debug)]
pub(super) struct Close {
    pub(super) outcome: Closed,
    pub(super) label: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) left_over: Vec<PathBuf>,
}

impl Changes {
    /// These, and then newer ones.
    fn then(mut self, newer: Changes) -> Changes {
        self.events.extend(newer.events);
        self.logs.extend(newer.logs);
        self.checkpoints.extend(newer.checkpoints);
        Changes {
            begin: self.begin.or(newer.begin),
            fresh: self.fresh || newer.fresh,
            reopen: self.reopen || newer.reopen,
            course: newer.course.or(self.course),
            events: self.events,
            logs: self.logs,
            checkpoints: self.checkpoints,
            notification: newer.notification.or(self.notification),
            close: newer.close.or(self.close),
        }
    }
}

/// The writer of a lake's journal. Clones write the same one.
#[derive(Debug, Clone)]
pub struct Journal(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    file: PathBuf,
    boot: String,
    waiting: Mutex<Waiting>,
    /// Something is to be done, or was done.
    changed: Condvar,
    reader: Mutex<Reader>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Waiting {
    changes: BTreeMap<i64, Changes>,
    bytes: usize,
    next_id: i64,
    /// Executions of this process, by name.
    names: HashMap<String, i64>,
    /// Attempts of each step of them in this process.
    attempts: HashMap<(i64, String), u64>,
    /// Rounds of the thread that were asked for, and those that have ended.
    asked: u64,
    done: u64,
    /// The next round also brings everything to the disk.
    sync: bool,
    stop: bool,
    /// Why the last commit failed.
    failure: Option<String>,
}

impl Waiting {
    /// Whether the last commit was written.
    fn written(&self) -> io::Result<()> {
        match &self.failure {
            None => Ok(()),
            Some(failure) => Err(io::Error::other(failure.clone())),
        }
    }
}

/// An execution that a power cut has taken: its objects may not be whole.
#[derive(Debug)]
pub struct Lost {
    /// Its name.
    pub execution: String,
    /// Of its recording.
    pub recording_id: String,
    /// Of the upload, in milliseconds since the epoch.
    pub uploaded_at_ms: i64,
}

impl Journal {
    /// Opens or makes the journal of a lake for writing; the caller has the lake's lock. `boot` names the start of the
    /// machine. `lost` removes the objects of executions that another start left before they were on the disk; they are then
    /// forgotten, or open from their first state where an earlier attempt is known.
    ///
    /// # Errors
    /// What SQLite says, that the file is no journal, or what `lost` says.
    pub fn open(
        file: &Path,
        boot: &str,
        lost: impl FnOnce(&[Lost]) -> io::Result<()>,
    ) -> io::Result<Journal> {
        let fail = |error: rusqlite::Error| failed(file, &error);
        let mut connection = Connection::open(file).map_err(fail)?;
        let tables = connection.query_row("select count(*) from sqlite_schema", [], |row| {
            row.get::<_, i64>(0)
        });
        let new = tables.map_err(fail)? == 0;
        if !new {
            upgrade(&mut connection).map_err(fail)?;
            check(&connection, file)?;
        }
        prepare(&mut connection, new).map_err(fail)?;
        let reader = Reader::of(Connection::open(file).map_err(fail)?, file.to_owned())?;
        let gone = lost_since(&connection, boot).map_err(fail)?;
        if !gone.is_empty() {
            lost(&gone)?;
            forget(&mut connection, boot).map_err(fail)?;
        }
        let next_id: i64 = connection
            .query_row("select coalesce(max(id), 0) + 1 from executions", [], |row| {
                row.get(0)
            })
            .map_err(fail)?;
        let shared = Arc::new(Shared {
            file: file.to_owned(),
            boot: boot.to_owned(),
            waiting: Mutex::new(Waiting {
                changes: BTreeMap::new(),
                bytes: 0,
                next_id,
                names: HashMap::new(),
                attempts: HashMap::new(),
                asked: 0,
                done: 0,
                sync: false,
                stop: false,
                failure: None,
            }),
            changed: Condvar::new(),
            reader: Mutex::new(reader),
            thread: Mutex::new(None),
        });
        let journal = Journal(shared);
        let mut committer = Committer {
            connection,
            shared: journal.0.clone(),
            left: BTreeMap::new(),
            not_on_disk: false,
            synced: Instant::now(),
        };
        let thread = std::thread::Builder::new().name("journal".to_owned());
        let thread = thread.spawn(move || committer.run())?;
        *journal.0.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(journal)
    }

    /// What is committed.
    pub fn reader(&self) -> MutexGuard<'_, Reader> {
        self.0.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that an execution begins. `file` is where the upload came from: it is no part of the input, because where a
    /// file lies on one machine must not reach a table.
    pub fn begin(&self, name: &str, input: &ExecutionInput, file: &Path) -> OpenExecution {
        let mut waiting = self.waiting();
        let id = waiting.next_id;
        waiting.next_id += 1;
        waiting.names.insert(name.to_owned(), id);
        drop(waiting);
        self.change(id, |changes| {
            changes.begin = Some(Begin {
                name: name.to_owned(),
                input: input.clone(),
                file: file.to_owned(),
            });
            input.bytes()
        });
        self.handle(id, name)
    }

    /// Goes on with an execution that is open. `fresh` drops what was recorded of its earlier attempt.
    pub fn resume(&self, execution: &Execution, fresh: bool) -> OpenExecution {
        self.take_up(execution, |changes| changes.fresh = fresh)
    }

    /// Opens an execution that is closed.
    pub fn reopen(&self, execution: &Execution) -> OpenExecution {
        self.take_up(execution, |changes| changes.reopen = true)
    }

    fn take_up(&self, execution: &Execution, change: impl FnOnce(&mut Changes)) -> OpenExecution {
        self.waiting().names.insert(execution.name.clone(), execution.id);
        self.change(execution.id, |changes| {
            change(changes);
            0
        });
        self.handle(execution.id, &execution.name)
    }

    fn handle(&self, id: i64, name: &str) -> OpenExecution {
        OpenExecution {
            journal: self.clone(),
            id,
            name: name.to_owned(),
        }
    }

    /// Keeps what people are told of the failure of an execution that this process runs.
    ///
    /// # Errors
    /// This process does not run it.
    pub fn notify(&self, execution: &str, text: String) -> io::Result<()> {
        let id = self.waiting().names.get(execution).copied();
        let id = id.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                format!("{execution}: no such execution is running"),
            )
        })?;
        self.change(id, |changes| {
            let bytes = text.len();
            changes.notification = Some(text);
            bytes
        });
        Ok(())
    }

    /// Adds lines to the logs of an execution that this process runs: JSON objects, each with a line feed after it. Those of
    /// another execution are dropped.
    pub fn log(&self, execution: &str, lines: &[u8]) {
        let id = self.waiting().names.get(execution).copied();
        if let Some(id) = id {
            self.change(id, |changes| {
                changes.logs.extend_from_slice(lines);
                lines.len()
            });
        }
    }

    /// The number of the attempt of a step that begins, from 1 on; 0 where this process does not run the execution.
    pub fn next_attempt(&self, execution: &str, step: &str) -> u64 {
        let mut waiting = self.waiting();
        let Some(id) = waiting.names.get(execution).copied() else {
            return 0;
        };
        let attempt = waiting.attempts.entry((id, step.to_owned())).or_default();
        *attempt += 1;
        *attempt
    }

    /// An execution that ends is told of to nobody any more.
    pub(super) fn forget_name(&self, execution: &str) {
        let mut waiting = self.waiting();
        if let Some(id) = waiting.names.remove(execution) {
            waiting.attempts.retain(|(of, _), _| *of != id);
        }
    }

    /// Adds to what is waiting. The change returns how many bytes it adds.
    pub(super) fn change(&self, id: i64, change: impl FnOnce(&mut Changes) -> usize) {
        let mut waiting = self.waiting();
        let first = waiting.changes.is_empty();
        let bytes = change(waiting.changes.entry(id).or_default());
        let full = waiting.bytes <= WAITING_BYTES_MAX && waiting.bytes + bytes > WAITING_BYTES_MAX;
        waiting.bytes += bytes;
        drop(waiting);
        if first || full {
            self.0.changed.notify_all();
        }
    }

    /// Nothing goes on that cannot be recorded.
    pub(super) fn working(&self) -> io::Result<()> {
        self.waiting().written()
    }

    pub(super) fn history(&self, id: i64) -> io::Result<Vec<HistoryEvent>> {
        self.commit(false)?;
        self.reader().history_of(id)
    }

    /// Brings everything that is recorded, and the objects of the executions that have ended, to the disk.
    ///
    /// # Errors
    /// Why it could not be written. It waits in memory, and the next call tries again.
    pub fn finish(&self) -> io::Result<()> {
        self.commit(true)
    }

    /// Removes everything that is recorded of recordings, and writes the file anew, so that its free pages have nothing of them either.
    ///
    /// # Errors
    /// What SQLite says, or that another process reads the journal all the time.
    pub fn erase(&self, recordings: &BTreeSet<String>) -> io::Result<()> {
        self.commit(true)?;
        let erased = || -> rusqlite::Result<bool> {
            let mut connection = Connection::open(&self.0.file)?;
            connection.busy_timeout(BUSY)?;
            let transaction = connection.transaction()?;
            for recording_id in recordings {
                for table in ["history", "checkpoints", "logs"] {
                    let sql = format!(
                        "delete from {table} where execution in (select id from executions where recording_id = ?1)"
                    );
                    transaction.prepare_cached(&sql)?.execute([recording_id])?;
                }
                for table in ["executions", "annotations"] {
                    let sql = format!("delete from {table} where recording_id = ?1");
                    transaction.prepare_cached(&sql)?.execute([recording_id])?;
                }
            }
            transaction.commit()?;
            connection.execute_batch("vacuum")?;
            connection.query_row("pragma wal_checkpoint(truncate)", [], |row| row.get(0))
        };
        match erased().map_err(|error| failed(&self.0.file, &error))? {
            false => Ok(()),
            true => Err(io::Error::other(format!(
                "{}: another process reads it, and so what was removed is still in the file; run this again",
                self.0.file.display()
            ))),
        }
    }

    /// Brings all files of the lake to the disk.
    ///
    /// # Errors
    /// What the file system says.
    pub fn sync(&self) -> io::Result<()> {
        sync_file_system(self.0.file.parent().unwrap_or(Path::new(".")))
    }

    /// Waits until what is recorded now is committed.
    fn commit(&self, sync: bool) -> io::Result<()> {
        let mut waiting = self.waiting();
        waiting.asked += 1;
        waiting.sync |= sync;
        let round = waiting.asked;
        self.0.changed.notify_all();
        while waiting.done < round && !waiting.stop {
            waiting = self
                .0
                .changed
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
        waiting.written()
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting()
    }

    /// Ends the thread, with a last commit.
    pub fn close(&self) -> io::Result<()> {
        let finished = self.finish();
        self.waiting().stop = true;
        self.0.changed.notify_all();
        let thread = self
            .0
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
        finished
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that commits.
struct Committer {
    connection: Connection,
    shared: Arc<Shared>,
    /// What the last commit could not write.
    left: BTreeMap<i64, Changes>,
    /// Whether executions have ended since the last sync.
    not_on_disk: bool,
    synced: Instant,
}

impl Committer {
    fn run(&mut self) {
        while let Some((changes, round, sync)) = self.wait() {
            for (id, newer) in changes {
                let older = self.left.remove(&id).unwrap_or_default();
                self.left.insert(id, older.then(newer));
            }
            let written = self.write(sync);
            let mut waiting = self.shared.waiting();
            waiting.failure = written.err().map(|error| error.to_string());
            waiting.done = round;
            drop(waiting);
            self.shared.changed.notify_all();
        }
    }

    /// Waits for what to write next; `None` at the end. With it, the number of the last round that was asked for, and whether
    /// everything is to be brought to the disk.
    fn wait(&mut self) -> Option<(BTreeMap<i64, Changes>, u64, bool)> {
        let shared = self.shared.clone();
        let mut waiting = shared.waiting();
        let mut until: Option<Instant> = None;
        loop {
            let asked = waiting.asked > waiting.done;
            let due = until.is_some_and(|until| until <= Instant::now());
            if asked || due || waiting.bytes > WAITING_BYTES_MAX {
                waiting.bytes = 0;
                let late = self.not_on_disk && self.synced.elapsed() >= SYNC_EVERY;
                let sync = mem::take(&mut waiting.sync) || late;
                return Some((mem::take(&mut waiting.changes), waiting.asked, sync));
            }
            if waiting.stop {
                return None;
            }
            if until.is_none() && !waiting.changes.is_empty() {
                until = Some(Instant::now() + COMMIT_EVERY);
            }
            waiting = match until {
                None => shared
                    .changed
                    .wait(waiting)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    let waited = shared.changed.wait_timeout(waiting, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn write(&mut self, sync: bool) -> io::Result<()> {
        commit(&mut self.connection, &self.left, &self.shared.boot)
            .map_err(|error| failed(&self.shared.file, &error))?;
        for close in mem::take(&mut self.left)
            .into_values()
            .filter_map(|changes| changes.close)
        {
            self.not_on_disk = true;
            for file in close.left_over {
                // What is left over costs space and nothing else, so a failure here is no failure of the run.
                let _ = std::fs::remove_file(file);
            }
        }
        if sync && self.not_on_disk {
            self.sync()?;
        }
        Ok(())
    }

    /// First the objects, then the word that they are there.
    fn sync(&mut self) -> io::Result<()> {
        sync_file_system(self.shared.file.parent().unwrap_or(Path::new(".")))?;
        let mark = || -> rusqlite::Result<()> {
            let mark =
                "update executions set boot = null, kept = 1 where boot is not null and status is not null";
            self.connection.execute(mark, [])?;
            // With synchronous = NORMAL this is what brings the file to the disk.
            self.connection
                .query_row("pragma wal_checkpoint(passive)", [], |_| Ok(()))
        };
        mark().map_err(|error| failed(&self.shared.file, &error))?;
        self.not_on_disk = false;
        self.synced = Instant::now();
        Ok(())
    }
}

/// Brings everything that was written to the file system of a folder to the disk.
fn sync_file_system(folder: &Path) -> io::Result<()> {
    let folder = File::open(folder)?;
    #[cfg(target_os = "linux")]
    rustix::fs::syncfs(&folder)?;
    #[cfg(not(target_os = "linux"))]
    {
        rustix::fs::sync();
        folder.sync_all()?;
    }
    Ok(())
}

/// Sets up the file, where that has not been done, and the connection.
fn prepare(connection: &mut Connection, new: bool) -> rusqlite::Result<()> {
    // A reader that cannot share memory with us, on a network folder, has the file locked for a moment.
    connection.busy_timeout(BUSY)?;
    // Where WAL is not possible, SQLite answers with the mode that it keeps; everything works then, but readers wait.
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    if new {
        let transaction = connection.transaction()?;
        transaction.execute_batch(include_str!("schema.sql"))?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", 1)?;
        transaction.commit()?;
        upgrade(connection)?;
    }
    Ok(())
}

/// Brings a journal of an earlier version to this one.
fn upgrade(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    if application_and_version(&transaction)? == (APPLICATION, 1) {
        transaction.execute_batch(include_str!("schema-2.sql"))?;
        let failed: Vec<(i64, String, Option<String>, Option<String>)> = transaction
            .prepare("select id, input, error, cause from executions where status <> 'SUCCEEDED'")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
            .collect::<rusqlite::Result<_>>()?;
        for (id, input, error, cause) in failed {
            let input: Option<ExecutionInput> = serde_json::from_str(&input).ok();
            let group = input.map(|input| cause_group(&input, error.as_deref(), cause.as_deref()));
            transaction.execute(
                "update executions set cause_group = ?2 where id = ?1",
                params![id, group],
            )?;
        }
        transaction.pragma_update(None, "user_version", 2)?;
    }
    if application_and_version(&transaction)? == (APPLICATION, 2) {
        transaction.execute_batch(include_str!("annotations.sql"))?;
        transaction.pragma_update(None, "user_version", 3)?;
    }
    transaction.commit()
}

/// What failures of one cause have in common.
fn cause_group(input: &ExecutionInput, error: Option<&str>, cause: Option<&str>) -> String {
    let failure = Failure {
        step: String::new(),
        // As the net names what has no error of its own.
        error: error.unwrap_or("States.Timeout").to_owned(),
        cause: cause.unwrap_or_default().to_owned(),
        attempts: 1,
    };
    failure.group(&input.recording_id, &input.source)
}

fn lost_since(connection: &Connection, boot: &str) -> rusqlite::Result<Vec<Lost>> {
    let mut statement = connection.prepare(
        "select name, recording_id, input from executions where boot is not null and boot <> ?1 order by id",
    )?;
    let rows = statement.query_map([boot], |row| {
        let input: String = row.get(2)?;
        let input: Option<ExecutionInput> = serde_json::from_str(&input).ok();
        Ok(Lost {
            execution: row.get(0)?,
            recording_id: row.get(1)?,
            uploaded_at_ms: input.map_or(0, |input| input.source.uploaded_at_ms),
        })
    })?;
    rows.collect()
}

fn forget(connection: &mut Connection, boot: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for table in ["history", "checkpoints", "logs"] {
        let sql = format!(
            "delete from {table} where execution in (select id from executions where recording_id in \
             (select recording_id from executions where boot is not null and boot <> ?1))"
        );
        transaction.execute(&sql, [boot])?;
    }
    // What an earlier run of the recording had written is gone with it, so the last one that is known runs again.
    transaction.execute(
        "update executions as known set status = null, error = null, cause = null, cause_group = null, output = null, \
         step = null, seconds = 0, redrives = 0, notification = null, boot = ?1 \
         where kept = 1 \
         and recording_id in (select recording_id from executions where boot is not null and boot <> ?1) \
         and run = (select max(run) from executions where kept = 1 and recording_id = known.recording_id)",
        [boot],
    )?;
    transaction.execute(
        "delete from executions where boot is not null and boot <> ?1",
        [boot],
    )?;
    transaction.commit()
}

/// A value that could not be made.
fn not_written(error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}

/// Writes all changes, or none.
fn commit(connection: &mut Connection, changes: &BTreeMap<i64, Changes>, boot: &str) -> rusqlite::Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    for (id, changes) in changes {
        write(&transaction, *id, changes, boot)?;
    }
    transaction.commit()
}

fn write(sql: &Transaction<'_>, id: i64, changes: &Changes, boot: &str) -> rusqlite::Result<()> {
    if let Some(Begin { name, input, file }) = &changes.begin {
        let source = &input.source;
        let text = serde_json::to_string(input).map_err(not_written)?;
        sql.prepare_cached(
            "insert into executions (id, name, recording_id, run, key, version, file, input, boot) \
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            id,
            name,
            input.recording_id,
            input.run(),
            source.key,
            source.version,
            path_value(file),
            text,
            boot
        ])?;
    }
    if changes.fresh {
        sql.prepare_cached("delete from history where execution = ?1")?
            .execute([id])?;
        sql.prepare_cached("delete from checkpoints where execution = ?1")?
            .execute([id])?;
        sql.prepare_cached("delete from logs where execution = ?1")?
            .execute([id])?;
    }
    if changes.fresh || changes.reopen {
        let again = "update executions set status = null, error = null, cause = null, cause_group = null, output = null, \
                     notification = null, boot = ?2 where id = ?1";
        sql.prepare_cached(again)?.execute(params![id, boot])?;
    }
    if !changes.events.is_empty() {
        let packed = zstd::encode_all(changes.events.as_slice(), ZSTD_LEVEL).map_err(not_written)?;
        sql.prepare_cached("insert into history (execution, events) values (?1, ?2)")?
            .execute(params![id, packed])?;
    }
    if !changes.logs.is_empty() {
        let packed = zstd::encode_all(changes.logs.as_slice(), ZSTD_LEVEL).map_err(not_written)?;
        sql.prepare_cached("insert into logs (execution, lines) values (?1, ?2)")?
            .execute(params![id, packed])?;
    }
    if let Some(course) = &changes.course {
        let told = "update executions set started = ?2, seconds = ?3, redrives = ?4, step = ?5 where id = ?1";
        sql.prepare_cached(told)?.execute(params![
            id,
            course.started,
            course.seconds,
            course.redrives as i64,
            course.step.as_deref()
        ])?;
    }
    if let Some(text) = &changes.notification {
        sql.prepare_cached("update executions set notification = ?2 where id = ?1")?
            .execute(params![id, text])?;
    }
    let Some(Close {
        outcome,
        label,
        subject,
        ..
    }) = &changes.close
    else {
        return checkpoints(sql, id, changes);
    };
    let group = match outcome.status {
        asl_engine::Status::Succeeded => None,
        _ => {
            let input: String = sql
                .prepare_cached("select input from executions where id = ?1")?
                .query_row([id], |row| row.get(0))?;
            let input: Option<ExecutionInput> = serde_json::from_str(&input).ok();
            input.map(|input| cause_group(&input, outcome.error.as_deref(), outcome.cause.as_deref()))
        }
    };
    let end = "update executions set status = ?2, error = ?3, cause = ?4, output = ?5, label = ?6, boot = ?7, \
               subject = ?8, cause_group = ?9 where id = ?1";
    sql.prepare_cached(end)?.execute(params![
        id,
        outcome.status.name(),
        outcome.error,
        outcome.cause,
        outcome.output.as_ref().map(ToString::to_string),
        label,
        boot,
        subject,
        group
    ])?;
    if outcome.status == asl_engine::Status::Succeeded {
        sql.prepare_cached("delete from checkpoints where execution = ?1")?
            .execute([id])?;
        return Ok(());
    }
    checkpoints(sql, id, changes)
}

fn checkpoints(sql: &Transaction<'_>, id: i64, changes: &Changes) -> rusqlite::Result<()> {
    let mut insert = sql.prepare_cached(
        "insert or replace into checkpoints (execution, state, last_event, checkpoint) values (?1, ?2, ?3, ?4)",
    )?;
    for (state, (last_event, checkpoint)) in &changes.checkpoints {
        insert.execute(params![id, state, *last_event as i64, checkpoint])?;
    }
    Ok(())
}
