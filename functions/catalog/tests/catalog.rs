//! What the function makes and in which order, with a local catalog and an Athena that this test plays.

// Helpers of tests fail the test.
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use ecg_core::StepError;
use ecg_core::statement::State;
use ecg_lake::Lake;
use ecg_store::{
    Catalog, CatalogError, ColumnSpec, LocalCatalog, Partition, TableChange, TableName, TableSpec,
};
use ecg_tables::{BEATS, RECORDINGS, TABLES, views};
use ecg_testing::MemoryStore;
use step_catalog::{Answer, Statements};

/// Most bytes of a statement: quota "Query string length" of Athena.
const STATEMENT_BYTES: usize = 262_144;

/// Athena as documented: a statement waits, runs, and keeps the state in which it ended; an id that it did not give is invalid.
#[derive(Default)]
struct Athena {
    started: RefCell<Vec<String>>,
    looked: RefCell<BTreeMap<String, u32>>,
    /// The view whose statements fail, the first so many of them, and whether they are retryable.
    failing: Option<(&'static str, usize, bool)>,
}

impl Athena {
    fn failing(view: &'static str, times: usize, retryable: bool) -> Athena {
        Athena {
            failing: Some((view, times, retryable)),
            ..Athena::default()
        }
    }

    /// The views whose statements were started.
    fn views(&self) -> Vec<String> {
        let name = |sql: &String| {
            let rest = sql.strip_prefix("CREATE OR REPLACE VIEW \"").unwrap();
            rest.split_once("\" AS\nSELECT ").unwrap().0.to_owned()
        };
        self.started.borrow().iter().map(name).collect()
    }
}

impl Statements for Athena {
    async fn start(&self, sql: &str) -> Result<String, StepError> {
        assert!(sql.len() <= STATEMENT_BYTES && !sql.contains(';'), "{sql}");
        let mut started = self.started.borrow_mut();
        started.push(sql.to_owned());
        Ok((started.len() - 1).to_string())
    }

    async fn state(&self, id: &str) -> Result<State, StepError> {
        let number: usize = id.parse().unwrap();
        let Some(name) = self.views().get(number).cloned() else {
            return Err(StepError::Internal(format!(
                "GetQueryExecution: InvalidRequestException: {id}"
            )));
        };
        let mut looked = self.looked.borrow_mut();
        let looked = looked.entry(id.to_owned()).or_default();
        *looked += 1;
        if *looked < 3 {
            return Ok(State::Running);
        }
        let attempts = self.views()[..=number]
            .iter()
            .filter(|view| **view == name)
            .count();
        Ok(match self.failing {
            Some((view, times, retryable)) if view == name && attempts <= times => State::Failed {
                reason: "Athena: FAILED: line 1:8: no such thing".to_owned(),
                retryable,
            },
            _ => State::Succeeded,
        })
    }
}

fn lake_of(catalog: Arc<dyn Catalog>) -> Lake {
    Lake {
        store: Arc::new(MemoryStore::default()),
        catalog: Some(catalog),
        work: "work".to_owned(),
        processed: "processed".to_owned(),
        database: "ecg".to_owned(),
    }
}

fn lake(folder: &Path) -> Lake {
    lake_of(Arc::new(LocalCatalog::open(folder).unwrap()))
}

/// Every file of the catalog with its text and the time of its last change.
fn files(folder: &Path) -> BTreeMap<String, (String, std::time::SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "json") {
            let text = std::fs::read_to_string(&path).unwrap();
            let changed = entry.metadata().unwrap().modified().unwrap();
            found.insert(path.display().to_string(), (text, changed));
        }
    }
    found
}

#[tokio::test(start_paused = true)]
async fn tables_then_views_and_a_second_run_changes_no_table() {
    let folder = tempfile::tempdir().unwrap();
    let (lake, athena) = (lake(folder.path()), Athena::default());
    let made = step_catalog::run(&lake, &athena).await.unwrap();
    let expected = Answer {
        tables: TABLES.map(|table| table.name).to_vec(),
        views: views::VIEW_NAMES.to_vec(),
        failed: None,
    };
    assert_eq!(made, expected);
    assert_eq!(athena.views(), views::VIEW_NAMES);
    for table in TABLES {
        let found = lake
            .catalog()
            .unwrap()
            .describe(&TableName::new("ecg", table.name))
            .await;
        assert_eq!(found.unwrap(), lake.table_spec(table));
    }
    let before = files(folder.path());
    assert_eq!(before.len(), 1 + TABLES.len());
    assert_eq!(step_catalog::run(&lake, &athena).await.unwrap(), expected);
    assert_eq!(files(folder.path()), before);
    assert_eq!(athena.views().len(), 2 * views::VIEW_NAMES.len());
}

/// Tables of an older release or of a newer one that was taken back, with comments that somebody changed.
#[tokio::test(start_paused = true)]
async fn tables_that_exist_are_adopted_and_no_column_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path());
    let wanted = lake.table_spec(&RECORDINGS);
    let mut existing = wanted.clone();
    existing.comment = "of somebody".to_owned();
    let missing = existing.columns.pop().unwrap();
    existing.columns[1].comment = "of somebody".to_owned();
    let extra = ColumnSpec::new("of_a_newer_release", "double", "Kept");
    existing.columns.push(extra.clone());
    let catalog = lake.catalog().unwrap();
    catalog.ensure_database("ecg", "of somebody").await.unwrap();
    catalog.ensure_table(&existing).await.unwrap();

    step_catalog::run(&lake, &Athena::default()).await.unwrap();
    let found = catalog
        .describe(&TableName::new("ecg", "recordings"))
        .await
        .unwrap();
    let mut columns = wanted.columns.clone();
    columns.pop();
    columns.extend([extra, missing]);
    assert_eq!(found, TableSpec { columns, ..wanted });
}

#[tokio::test(start_paused = true)]
async fn a_column_of_another_type_is_named_and_no_view_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let (lake, athena) = (lake(folder.path()), Athena::default());
    let mut spec = lake.table_spec(&BEATS);
    spec.columns[3].hive_type = "int".to_owned();
    let catalog = lake.catalog().unwrap();
    catalog.ensure_database("ecg", "").await.unwrap();
    catalog.ensure_table(&spec).await.unwrap();
    let error = step_catalog::run(&lake, &athena).await.unwrap_err();
    assert_eq!(error.name(), "Internal");
    let said = "the type of column `sample` should be `bigint`, found `int`";
    assert!(error.to_string().contains(said), "{error}");
    assert_eq!(athena.views(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_view_that_fails_is_named_with_the_words_of_athena() {
    let refused = "making the view `current`: Athena: FAILED: line 1:8: no such thing";
    for (failing, views, outcome) in [
        (
            Athena::failing("current", 9, false),
            vec!["samples", "current"],
            Err(refused),
        ),
        (
            Athena::failing("current", 9, true),
            vec!["samples", "current", "current", "current"],
            Err(refused),
        ),
        (
            Athena::failing("current", 2, true),
            vec!["samples", "current", "current", "current", "unresolved"],
            Ok(()),
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let made = step_catalog::run(&lake(folder.path()), &failing).await;
        let made = made
            .map(|_| ())
            .map_err(|error| (error.name(), error.to_string()));
        assert_eq!(made, outcome.map_err(|words| ("Internal", words.to_owned())));
        assert_eq!(failing.views(), views);
    }
}

/// A catalog that denies the first requests: the rights of a new role do not count at once.
#[derive(Debug)]
struct Denies(LocalCatalog, AtomicU32);

#[async_trait]
impl Catalog for Denies {
    async fn ensure_database(&self, database: &str, comment: &str) -> Result<(), CatalogError> {
        let left = |left: u32| left.checked_sub(1);
        if self
            .1
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, left)
            .is_ok()
        {
            return Err(CatalogError::PermissionDenied {
                operation: "creating the database".to_owned(),
                object: database.to_owned(),
                message: "not authorized to perform: glue:GetTables".to_owned(),
            });
        }
        self.0.ensure_database(database, comment).await
    }

    async fn ensure_table(&self, spec: &TableSpec) -> Result<TableChange, CatalogError> {
        self.0.ensure_table(spec).await
    }

    async fn has_partition(&self, spec: &TableSpec, values: &[String]) -> Result<bool, CatalogError> {
        self.0.has_partition(spec, values).await
    }

    async fn move_partition(
        &self,
        spec: &TableSpec,
        values: &[String],
        location: &str,
    ) -> Result<(), CatalogError> {
        self.0.move_partition(spec, values, location).await
    }

    async fn partition_location(
        &self,
        table: &TableName,
        values: &[String],
    ) -> Result<Option<String>, CatalogError> {
        self.0.partition_location(table, values).await
    }

    async fn ensure_partition(
        &self,
        spec: &TableSpec,
        values: &[String],
        location: &str,
    ) -> Result<(), CatalogError> {
        self.0.ensure_partition(spec, values, location).await
    }

    async fn describe(&self, table: &TableName) -> Result<TableSpec, CatalogError> {
        self.0.describe(table).await
    }

    async fn partitions(&self, table: &TableName) -> Result<Vec<Partition>, CatalogError> {
        self.0.partitions(table).await
    }

    async fn start_crawler(&self, name: &str) -> Result<(), CatalogError> {
        self.0.start_crawler(name).await
    }
}

#[tokio::test(start_paused = true)]
async fn rights_that_do_not_count_yet_are_waited_for_and_those_that_are_missing_are_told() {
    for (denied, works) in [(10, true), (11, false)] {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Denies(LocalCatalog::open(folder.path()).unwrap(), AtomicU32::new(denied));
        let outcome = step_catalog::run(&lake_of(Arc::new(catalog)), &Athena::default()).await;
        match outcome {
            Ok(_) => assert!(works),
            Err(error) => {
                assert!(!works && error.name() == "Internal", "{error}");
                assert!(error.to_string().contains("glue:GetTables"), "{error}");
            }
        }
    }
}
