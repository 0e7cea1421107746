//! Whichever operation of a step fails: every upload ends in the data tables or in the `rejections` table.
//!
//! The real workflow file and the real steps run in-process over a store in memory. Each operation that an undisturbed
//! run does fails once, in each way: for a moment (retried, and the tables are those of the undisturbed run), for good
//! (a failed execution and a row of `rejections`), or with its answer lost (carried out, then repeated).

// A test that cannot go on stops: unwrap, expect and panic are how.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use asl_engine::{
    ExecutionSettings, FunctionError, FunctionHandler, Invocation, MemoryRecorder, Outcome, Runtime,
    SimulatedClock, StateMachine, Status, run,
};
use async_trait::async_trait;
use chrono::DateTime;
use ecg_core::StepError;
use ecg_core::message::{ExecutionInput, Source};
use ecg_lake::Lake;
use ecg_recording::profiles::built_in;
use ecg_store::{ErrorContext, LocalCatalog, Location, Store, StoreError};
use ecg_testing::{Fault, FaultyStore, MemoryStore};
use ecg_tests::files::{malformed, recordings, workflow};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use step_notify::Links;
use tempfile::TempDir;

const ID: &str = "recording-0123";

/// The steps without command line, Lambda or network.
struct Steps(Lake);

#[async_trait]
impl FunctionHandler for Steps {
    async fn invoke(&self, call: Invocation) -> Result<Value, FunctionError> {
        let (lake, payload) = (&self.0, call.payload);
        let links = Links::local("");
        let profiles = built_in().unwrap();
        let answer = match call.function.as_str() {
            "validate" => step(payload, |input| step_validate::run(lake, &profiles, input)).await,
            "parse" => step(payload, |input| step_parse::run(lake, input)).await,
            "transform" => step(payload, |input| step_transform::run(lake, input)).await,
            "write" => step(payload, |input| step_write::run(lake, input)).await,
            "crawl" => step(payload, |input| step_crawl::run(lake, input)).await,
            "notify" => step(payload, |input| step_notify::run(None, &links, input, |_| ())).await,
            other => panic!("the workflow calls {other}"),
        };
        answer.map_err(|error| FunctionError {
            error: error.name().to_owned(),
            cause: error.cause(),
        })
    }
}

async fn step<I: DeserializeOwned, O: Serialize, F: Future<Output = Result<O, StepError>>>(
    payload: Value,
    step: impl FnOnce(I) -> F,
) -> Result<Value, StepError> {
    let output = step(serde_json::from_value(payload).unwrap()).await?;
    Ok(serde_json::to_value(output).unwrap())
}

/// What an execution left behind.
struct Ended {
    outcome: Outcome,
    /// Every store operation, in the order in which they began.
    operations: Vec<String>,
    /// Every object of the tables.
    tables: BTreeMap<String, Vec<u8>>,
}

impl Ended {
    fn rows_of(&self, table: &str) -> usize {
        self.tables
            .keys()
            .filter(|key| key.starts_with(&format!("{table}/")))
            .count()
    }
}

/// Runs the workflow over one upload, with faults at the operations of these numbers.
async fn execute(file: &[u8], faults: &[(usize, Fault)]) -> Ended {
    let memory = MemoryStore::default();
    let upload = memory
        .put(&Location::new("uploads", "a/b.mat"), file.to_vec().into())
        .await
        .unwrap();
    let store = FaultyStore::new(Arc::new(memory.clone()));
    for (number, fault) in faults {
        store.fail_on(*number, fault.clone());
    }
    let catalog: TempDir = tempfile::tempdir().unwrap();
    let lake = Lake {
        store: Arc::new(store.clone()),
        catalog: Some(Arc::new(LocalCatalog::open(catalog.path()).unwrap())),
        work: "work".to_owned(),
        processed: "processed".to_owned(),
        database: "ecg".to_owned(),
    };
    lake.ensure_tables(lake.catalog().unwrap()).await.unwrap();
    let input = ExecutionInput::new(
        ID.to_owned(),
        Source {
            bucket: "uploads".to_owned(),
            key: "a/b.mat".to_owned(),
            version: upload.location.version.clone().unwrap(),
            etag: upload.etag.clone(),
            size: upload.size,
            uploaded_at_ms: 1_700_000_000_000,
            sequencer: None,
        },
    );
    let outcome = run(&machine(), &settings(&input), &runtime(Steps(lake))).await;
    let operations = store.operations();
    let mut tables = BTreeMap::new();
    for object in memory.list("processed", "").await.unwrap() {
        let (_, bytes) = memory
            .get(&Location::new("processed", &object.key), u64::MAX)
            .await
            .unwrap();
        tables.insert(object.key, bytes.to_vec());
    }
    Ended {
        outcome,
        operations,
        tables,
    }
}

fn machine() -> StateMachine {
    StateMachine::parse(fs::read_to_string(workflow()).unwrap(), &BTreeMap::new()).unwrap()
}

fn runtime(steps: Steps) -> Runtime {
    Runtime {
        handler: Arc::new(steps),
        clock: Arc::new(SimulatedClock::starting_at(DateTime::UNIX_EPOCH)),
        recorder: Arc::new(MemoryRecorder::default()),
        seed: 1,
    }
}

fn settings(input: &ExecutionInput) -> ExecutionSettings {
    ExecutionSettings {
        name: ID.to_owned(),
        execution_arn: format!("arn:aws:states:local:000000000000:execution:ecg-pipeline:{ID}"),
        role_arn: "arn:aws:iam::000000000000:role/local".to_owned(),
        machine_arn: "arn:aws:states:local:000000000000:stateMachine:ecg-pipeline".to_owned(),
        start: DateTime::UNIX_EPOCH,
        input: serde_json::to_value(input).unwrap(),
    }
}

fn context() -> Box<ErrorContext> {
    ErrorContext::new("doing something to", &Location::new("bucket", "key"), "injected")
}

fn good_file() -> Vec<u8> {
    fs::read(recordings().join("formats/level5-compressed.mat")).unwrap()
}

/// What an undisturbed run does and leaves.
async fn undisturbed() -> Ended {
    let ended = execute(&good_file(), &[]).await;
    assert_eq!(
        ended.outcome.status,
        Status::Succeeded,
        "{:?}",
        ended.outcome.cause
    );
    assert_eq!(ended.tables.len(), 3, "{:?}", ended.tables.keys());
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn the_undisturbed_run_touches_the_store_in_every_step() {
    let operations = undisturbed().await.operations;
    for expected in [
        "get_start uploads/a/b.mat",
        "put work/recording-0123/verdict.json",
        "get work/recording-0123/verdict.json",
        "upload finish work/recording-0123/parsed.arrow",
        "upload finish work/recording-0123/transformed-segments.arrow",
        "upload finish work/recording-0123/segments.parquet",
        "upload finish work/recording-0123/recordings.parquet",
        "get_end work/recording-0123/segments.parquet",
        "copy processed/segments/dt=2023-11-14/recording-0123.parquet",
        "copy processed/recordings/dt=2023-11-14/recording-0123.parquet",
    ] {
        assert!(
            operations.iter().any(|operation| operation == expected),
            "{expected} is not among {operations:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_a_moment_changes_no_byte() {
    let expected = undisturbed().await;
    for (number, operation) in expected.operations.iter().enumerate() {
        for fault in [
            Fault::Error(StoreError::Transient(context())),
            Fault::ErrorAfter(StoreError::Transient(context())),
        ] {
            let what = format!("{fault:?} at {number} ({operation})");
            let ended = execute(&good_file(), &[(number, fault)]).await;
            assert_eq!(
                ended.outcome.status,
                Status::Succeeded,
                "{what}: {:?}",
                ended.outcome.cause
            );
            assert!(
                ended.tables == expected.tables,
                "{what}: other tables: {:?}",
                ended.tables.keys()
            );
            assert!(
                ended.operations.len() > expected.operations.len(),
                "{what}: nothing was tried again"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_for_good_ends_in_rejections() {
    let expected = undisturbed().await;
    let is_last = |operation: &String| operation.starts_with("copy processed/recordings/");
    let published = expected.operations.iter().position(is_last).unwrap();
    for (number, operation) in expected.operations.iter().enumerate() {
        for error in [
            StoreError::PermissionDenied(context()),
            StoreError::Other(context()),
            StoreError::Conflict(context()),
        ] {
            let what = format!("{error:?} at {number} ({operation})");
            let ended = execute(&good_file(), &[(number, Fault::Error(error))]).await;
            // The row of `recordings` is there: the execution waits, and does not fail any more.
            if number > published {
                assert_eq!(ended.outcome.status, Status::Succeeded, "{what}");
                assert!(ended.tables == expected.tables, "{what}");
                continue;
            }
            assert_eq!(ended.outcome.status, Status::Failed, "{what}");
            let error = ended.outcome.error.as_deref().unwrap();
            assert!(
                StepError::NAMES.contains(&error) && error != "Rejected",
                "{what}: {error}: the recording is not at fault"
            );
            assert!(
                ended.outcome.cause.as_deref().unwrap().contains("injected"),
                "{what}: {:?}",
                ended.outcome.cause
            );
            ends_in_rejections(&ended, &what);
        }
    }
}

/// A failed run has one row of `rejections` and none of `recordings`, wherever the fault came: that row is put into its
/// place last of all.
fn ends_in_rejections(ended: &Ended, what: &str) {
    assert_eq!(ended.rows_of("rejections"), 1, "{what}");
    assert_eq!(ended.rows_of("recordings"), 0, "{what}");
}

/// A read that gives fewer bytes without an error must never become a shorter recording.
#[tokio::test(flavor = "multi_thread")]
async fn a_short_read_is_noticed() {
    let expected = undisturbed().await;
    let reads = |operation: &str| operation.starts_with("get");
    assert!(expected.operations.iter().any(|operation| reads(operation)));
    for (number, operation) in expected
        .operations
        .iter()
        .enumerate()
        .filter(|(_, operation)| reads(operation))
    {
        for length in [0, 1, 100] {
            let what = format!("{length} bytes at {number} ({operation})");
            let ended = execute(&good_file(), &[(number, Fault::Truncated(length))]).await;
            match ended.outcome.status {
                Status::Succeeded => assert!(ended.tables == expected.tables, "{what}: other tables"),
                _ => ends_in_rejections(&ended, &what),
            }
        }
    }
}

/// Where even the record of a failure cannot be written, the execution still carries the first error.
#[tokio::test(flavor = "multi_thread")]
async fn a_failure_of_the_failure_branch_does_not_hide_the_first() {
    let bad = fs::read(malformed().join("structure.mat")).unwrap();
    let rejected = execute(&bad, &[]).await;
    assert_eq!((rejected.rows_of("rejections"), rejected.tables.len()), (1, 1));
    let (error, cause) = (rejected.outcome.error.clone(), rejected.outcome.cause.clone());
    assert_eq!(error.as_deref(), Some("Rejected"));
    assert!(
        cause
            .as_deref()
            .unwrap()
            .contains("expected a numeric class, found struct"),
        "{cause:?}"
    );
    // The verdict is the last that validate does.
    let verdict = rejected
        .operations
        .iter()
        .position(|operation| operation.contains("verdict.json"))
        .unwrap();
    for number in verdict + 1..rejected.operations.len() {
        let what = &rejected.operations[number];
        let fault = Fault::Error(StoreError::PermissionDenied(context()));
        let ended = execute(&bad, &[(number, fault)]).await;
        assert_eq!(
            (ended.outcome.status, &ended.outcome.error, &ended.outcome.cause),
            (Status::Failed, &error, &cause),
            "{what}"
        );
        // For a moment only: the row is written in the end, once, with the same bytes.
        let fault = Fault::Error(StoreError::Transient(context()));
        let ended = execute(&bad, &[(number, fault)]).await;
        assert_eq!(
            (&ended.outcome.error, &ended.outcome.cause),
            (&error, &cause),
            "{what}"
        );
        assert!(ended.tables == rejected.tables, "{what}: another row");
    }
}

/// However many attempts are needed, within what the workflow allows: the same bytes; beyond it: a row of rejections.
#[tokio::test(flavor = "multi_thread")]
async fn retries_end_where_the_workflow_says() {
    let transient = || Fault::Error(StoreError::Transient(context()));
    let expected = undisturbed().await;
    // The first operation of all is the read of the upload; a failed attempt of validate ends right there.
    let five: Vec<(usize, Fault)> = (0..5).map(|number| (number, transient())).collect();
    let ended = execute(&good_file(), &five).await;
    assert_eq!(ended.outcome.status, Status::Succeeded);
    assert!(ended.tables == expected.tables);
    let six: Vec<(usize, Fault)> = (0..6).map(|number| (number, transient())).collect();
    let ended = execute(&good_file(), &six).await;
    assert_eq!(
        (ended.outcome.status, ended.outcome.error.as_deref()),
        (Status::Failed, Some("Transient"))
    );
    assert_eq!((ended.tables.len(), ended.rows_of("rejections")), (1, 1));
}
