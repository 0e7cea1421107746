//! What the catalog says after a crawl, held by golden files (`UPDATE_GOLDEN=1 cargo test -p step-crawl`), and what a
//! crawl refuses.

// Helpers of tests fail the test.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use ecg_core::StepError;
use ecg_core::message::{TableObject, WriteOutput};
use ecg_lake::Lake;
use ecg_store::{LocalCatalog, Location, TableName};
use ecg_tables::{BEATS, RECORDINGS, TABLES};
use ecg_testing::MemoryStore;
use parquet::arrow::ArrowWriter;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

async fn lake(catalog: &Path) -> Lake {
    let lake = without_tables(catalog);
    lake.ensure_tables(lake.catalog().unwrap()).await.unwrap();
    lake
}

fn without_tables(catalog: &Path) -> Lake {
    Lake {
        store: Arc::new(MemoryStore::default()),
        catalog: Some(Arc::new(LocalCatalog::open(catalog).unwrap())),
        work: "work".to_owned(),
        processed: "processed".to_owned(),
        database: "ecg".to_owned(),
    }
}

/// A Parquet object without rows.
fn object(schema: SchemaRef) -> Vec<u8> {
    let mut bytes = Vec::new();
    let batch = RecordBatch::new_empty(schema.clone());
    let mut writer = ArrowWriter::try_new(&mut bytes, schema, None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

async fn put(lake: &Lake, key: &str, bytes: Vec<u8>) {
    lake.store
        .put(&Location::new("processed", key), bytes.into())
        .await
        .unwrap();
}

fn written(objects: &[(&str, &str, u64)]) -> WriteOutput {
    let object = |(table, key, rows): &(&str, &str, u64)| TableObject {
        table: (*table).to_owned(),
        key: (*key).to_owned(),
        rows: *rows,
        staged: None,
    };
    WriteOutput {
        recording_id: "id".to_owned(),
        dt: "2026-11-23".to_owned(),
        objects: objects.iter().map(object).collect(),
    }
}

/// Every file below a folder with its text, in the order of the paths.
fn files(folder: &Path, prefix: &str, found: &mut String) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(Result::unwrap).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{prefix}/{name}");
        if entry.path().is_dir() {
            files(&entry.path(), &path, found);
        } else {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            found.push_str(&format!("== {path}\n{}\n", text.trim_end()));
        }
    }
}

#[tokio::test]
async fn the_catalog_tells_every_table_and_a_second_crawl_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path()).await;
    let mut objects = Vec::new();
    for table in TABLES {
        put(&lake, table.name, object(ecg_tables::arrow::schema(table))).await;
        objects.push((table.name, table.name, 0));
    }
    let output = step_crawl::run(&lake, written(&objects)).await.unwrap();
    assert_eq!(output.tables, TABLES.map(|table| table.name));
    let mut catalog = String::new();
    files(folder.path(), "", &mut catalog);
    ecg_testing::golden::check(format!("{GOLDEN}/catalog.txt"), &catalog);

    step_crawl::run(&lake, written(&objects)).await.unwrap();
    let mut again = String::new();
    files(folder.path(), "", &mut again);
    assert_eq!(again, catalog);
}

/// Crawls one object of `beats` and gives the error.
async fn refused(bytes: Option<Vec<u8>>, rows: u64) -> StepError {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path()).await;
    if let Some(bytes) = bytes {
        put(&lake, "k", bytes).await;
    }
    let error = step_crawl::run(&lake, written(&[("beats", "k", rows)]))
        .await
        .unwrap_err();
    // What is not true does not get into the catalog.
    let beats = TableName::new("ecg", "beats");
    assert_eq!(lake.catalog().unwrap().partitions(&beats).await, Ok(Vec::new()));
    error
}

#[tokio::test]
async fn what_is_not_what_write_said_is_refused() {
    let schema = ecg_tables::arrow::schema(&BEATS);
    let good = object(schema.clone());
    let rows = refused(Some(good.clone()), 1).await;
    assert_eq!(
        rows,
        StepError::Internal("processed/k: expected 1 rows, found 0".to_owned())
    );

    // The write of the release before had one column less.
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path()).await;
    let recordings = ecg_tables::arrow::schema(&RECORDINGS);
    let before = Schema::new(recordings.fields()[..recordings.fields().len() - 1].to_vec());
    put(&lake, "k", object(Arc::new(before))).await;
    step_crawl::run(&lake, written(&[("recordings", "k", 0)]))
        .await
        .unwrap();

    let needed = schema.fields().iter().filter(|field| field.name() != "r_mv");
    let without_needed = Schema::new(needed.cloned().collect::<Vec<_>>());
    let mut fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| field.as_ref().clone())
        .collect();
    fields[3] = Field::new("sample", DataType::Int32, false);
    for (other, told) in [
        (without_needed, "rr_ms Float64"),
        (Schema::new(fields), "sample Int32"),
    ] {
        let error = refused(Some(object(Arc::new(other))), 0).await;
        assert_eq!(error.name(), "Internal");
        let message = error.to_string();
        assert!(
            message.starts_with("processed/k: expected the columns recording_id Utf8, "),
            "{message}"
        );
        assert!(
            message.rsplit(", found ").next().unwrap().contains(told),
            "{message}"
        );
    }

    let damaged = refused(Some(good[..good.len() - 1].to_vec()), 0).await;
    assert_eq!(damaged.name(), "Internal");
    assert!(damaged.to_string().contains("PAR1"));
    let gone = "processed/k: expected what the step before wrote, found none";
    assert_eq!(refused(None, 0).await, StepError::Internal(gone.to_owned()));
}

#[tokio::test]
async fn a_table_that_nobody_knows_is_a_bug() {
    let folder = tempfile::tempdir().unwrap();
    let error = step_crawl::run(&lake(folder.path()).await, written(&[("nope", "k", 0)]))
        .await
        .unwrap_err();
    assert_eq!(
        error,
        StepError::Internal("crawl: there is no table `nope`".to_owned())
    );
}

#[tokio::test]
async fn who_makes_a_table_that_is_missing_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let lake = without_tables(folder.path());
    put(&lake, "k", object(ecg_tables::arrow::schema(&BEATS))).await;
    let input = || written(&[("beats", "k", 0)]);
    let error = step_crawl::run(&lake, input()).await.unwrap_err();
    assert_eq!(error.name(), "Internal");
    let told = "expected the table ecg.beats, which the function `catalog` makes";
    assert!(error.to_string().contains(told), "{error}");
    assert!(!folder.path().join("ecg").exists(), "crawl makes no table");

    lake.ensure_tables(lake.catalog().unwrap()).await.unwrap();
    step_crawl::run(&lake, input()).await.unwrap();
}

/// A crawl that fails must not leave the row that says that everything is there.
#[tokio::test]
async fn who_can_not_start_the_crawler_leaves_no_row() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path()).await;
    let staged = Location::new("work", "id/recordings.parquet");
    lake.store.put(&staged, vec![1].into()).await.unwrap();
    let mut input = written(&[("recordings", "recordings/dt=2026-11-23/id.parquet", 1)]);
    input.objects[0].staged = Some(staged.key.clone());
    // The local catalog has no crawlers.
    let error = step_crawl::start_crawler(&lake, "nobody", input)
        .await
        .unwrap_err();
    assert_eq!(error.name(), "Internal");
    assert!(error.to_string().contains("nobody"), "{error}");
    let row = Location::new("processed", "recordings/dt=2026-11-23/id.parquet");
    assert!(lake.store.head(&row).await.is_err(), "the row is there");
}
