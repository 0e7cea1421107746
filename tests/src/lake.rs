//! A lake in a temporary folder.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::cli::{Answer, ecg};
use crate::files::hashes;

/// A lake that is gone when the test ends.
#[derive(Debug)]
pub struct TestLake {
    folder: TempDir,
}

impl Default for TestLake {
    fn default() -> Self {
        Self::new()
    }
}

impl TestLake {
    /// A place for a lake; the first run makes it.
    pub fn new() -> TestLake {
        TestLake {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// Where the lake is.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("lake")
    }

    /// A folder beside the lake for what a test makes up.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Arguments with this lake behind them.
    pub fn args(&self, args: &[&str]) -> Vec<OsString> {
        let mut all: Vec<OsString> = args.iter().map(OsString::from).collect();
        all.push("--lake".into());
        all.push(self.path().into());
        all
    }

    /// A command in this lake.
    pub fn ecg(&self, args: &[&str]) -> Answer {
        ecg(&self.args(args))
    }

    /// `ecg run --json` over one path, with the exit status that is expected; the summary.
    pub fn run(&self, path: &Path, status: i32) -> Value {
        self.ecg(&["run", text(path), "--json"]).expect(status).json()
    }

    /// The rows of a query.
    pub fn query(&self, sql: &str) -> Vec<Value> {
        match self.ecg(&["query", sql, "--format", "json"]).expect(0).json() {
            Value::Array(rows) => rows,
            other => panic!("{sql}: expected rows, found {other}"),
        }
    }

    /// The one value of the one row of a query, as a whole number.
    pub fn count(&self, sql: &str) -> u64 {
        let rows = self.query(sql);
        let value = rows[0]
            .as_object()
            .and_then(|row| row.values().next())
            .and_then(Value::as_u64);
        value.unwrap_or_else(|| panic!("{sql}: expected one number, found {rows:?}"))
    }

    /// `ecg show --json` of an execution.
    pub fn show(&self, id: &str) -> Value {
        self.ecg(&["show", id, "--json"]).expect(0).json()
    }

    /// `ecg runs --json`.
    pub fn runs(&self) -> Vec<Value> {
        self.ecg(&["runs", "--json"])
            .expect(0)
            .json()
            .as_array()
            .expect("a list")
            .clone()
    }

    /// Waits until a command that works in the lake has begun an execution.
    pub fn wait_for_an_execution(&self) {
        let began = Instant::now();
        loop {
            let runs = self.ecg(&["runs", "--json"]);
            if runs.status == 0 && runs.json() != Value::Array(Vec::new()) {
                return;
            }
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "no execution begins: {runs:?}"
            );
            sleep(Duration::from_millis(5));
        }
    }

    /// Every byte that a query can see: the tables and the catalog.
    pub fn tables(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for part in ["processed", "catalog"] {
            all.extend(
                hashes(&self.path().join(part))
                    .into_iter()
                    .map(|(name, hash)| (format!("{part}/{name}"), hash)),
            );
        }
        all
    }

    /// Every byte of the lake, but for who has worked in it last.
    pub fn everything(&self) -> BTreeMap<String, String> {
        let mut all = hashes(&self.path());
        all.remove(".lock");
        all
    }
}

/// A path as an argument; the paths of these tests are UTF-8.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// Ends a thread that reads until this flag is up: also where the thread that holds this fails.
pub struct Ends<'a>(pub &'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
