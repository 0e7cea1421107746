//! How many requests to S3 a recording makes: the steps over the real store of S3, whose requests arrive at an S3 in memory
//! and are counted there.
//!
//! As S3 bills them, a copy is a write, and so is each request of an upload in parts; an answer "not found" is a read.

// A test that cannot go on stops: unwrap, expect and panic are how.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use ecg_core::message::{ExecutionInput, Source, StepInput, WriteInput};
use ecg_lake::Lake;
use ecg_recording::profiles::built_in;
use ecg_store::{LocalCatalog, Location, S3Store, Store};
use ecg_testing::lambda::{S3, listen};
use ecg_testing::{FaultyStore, MemoryStore};
use ecg_tests::cli::ecg;
use ecg_tests::lake::text;

const ID: &str = "recording-0123";

/// The methods and paths that S3 was asked for, in order.
type Asked = Arc<Mutex<Vec<String>>>;

/// A store whose requests arrive at an S3 in memory.
fn store(s3: S3, asked: Asked) -> S3Store {
    let endpoint = listen(move |request| {
        let copy = request.header("x-amz-copy-source").map_or("", |_| " copy");
        let line = format!("{} {} {}{copy}", request.method, request.path, request.query);
        asked.lock().unwrap().push(line);
        s3.answer(request)
    });
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(endpoint)
        .force_path_style(true);
    S3Store::new(aws_sdk_s3::Client::from_conf(config.build()))
}

/// The writes and reads of a recording, from validate to crawl. It is the first of its day: one write of crawl says so, and it reads
/// once more whether the day is sealed.
async fn requests(file: &Path) -> (usize, usize) {
    let (s3, asked) = (S3::default(), Asked::default());
    s3.put("uploads", "a/b.mat", &fs::read(file).unwrap());
    if let Ok(header) = fs::read(file.with_extension("hea")) {
        s3.put("uploads", "a/b.hea", &header);
    }
    let catalog = tempfile::tempdir().unwrap();
    let lake = Lake {
        store: Arc::new(store(s3, asked.clone())),
        catalog: Some(Arc::new(LocalCatalog::open(catalog.path()).unwrap())),
        work: "work".to_owned(),
        processed: "processed".to_owned(),
        database: "ecg".to_owned(),
    };
    lake.ensure_tables(lake.catalog().unwrap()).await.unwrap();
    let source = source(&lake, "a/b.mat").await;
    asked.lock().unwrap().clear();
    run(&lake, &source).await;
    let asked = asked.lock().unwrap();
    println!("{}", asked.join("\n"));
    let reads = |line: &&String| line.starts_with("GET ") || line.starts_with("HEAD ");
    let reads = asked.iter().filter(reads).count();
    (asked.len() - reads, reads)
}

async fn source(lake: &Lake, key: &str) -> Source {
    let location = Location::new("uploads", key);
    let upload = lake.store.head(&location).await.unwrap();
    Source {
        bucket: "uploads".to_owned(),
        key: key.to_owned(),
        version: upload.version().to_owned(),
        etag: upload.etag.clone(),
        size: upload.size,
        uploaded_at_ms: 1_700_000_000_000,
        sequencer: None,
    }
}

fn step_input(source: &Source, from: String) -> StepInput {
    StepInput {
        recording_id: ID.to_owned(),
        source: source.clone(),
        from,
        execution: None,
        run: 0,
    }
}

/// Every step in order, as the workflow file calls them.
async fn run(lake: &Lake, source: &Source) {
    let input = ExecutionInput::new(ID.to_owned(), source.clone());
    let validated = step_validate::run(lake, &built_in().unwrap(), input.into()).await;
    let parsed = step_parse::run(lake, step_input(source, validated.unwrap().verdict_key)).await;
    let transformed = step_transform::run(lake, step_input(source, parsed.unwrap().parsed_key)).await;
    let input = WriteInput {
        recording_id: ID.to_owned(),
        source: source.clone(),
        transformed: Some(transformed.unwrap().transformed),
        failure: None,
        execution: None,
        run: 0,
    };
    let written = step_write::run(lake, input).await;
    step_crawl::run(lake, written.unwrap()).await.unwrap();
}

async fn synthetic(arguments: &[&str]) -> (usize, usize) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("synthetic.mat");
    ecg(&[&["synth", text(&file)], arguments].concat()).expect(0);
    requests(&file).await
}

/// What one request takes is asked for once: an object that a step reads is a read, one that it leaves is a write. Of the writes
/// are 3 of transform and 3 of write, an object for each table, and 3 copies into the places of these.
#[tokio::test(flavor = "multi_thread")]
async fn what_fits_into_one_request() {
    // Half an hour has windows, too: one more table.
    for (duration, leads, expected) in [("10s", "1", (11 + 1, 14 + 1)), ("30m", "2", (14 + 1, 16 + 1))] {
        let found = synthetic(&["--duration", duration, "--leads", leads]).await;
        assert_eq!(found, expected, "{duration}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_two_leads() {
    let (writes, reads) = synthetic(&["--duration", "24h", "--leads", "2"]).await;
    assert!(writes <= 40 && reads <= 150, "{writes} writes, {reads} reads");
}

/// Of every format, in chunks of 1 MiB, of which six stay in memory: how often validate and parse read one.
#[tokio::test(flavor = "multi_thread")]
async fn validate_and_parse_read_an_upload_once() {
    let folder = tempfile::tempdir().unwrap();
    let table: [(&str, &[&str]); 8] = [
        ("level4.mat", &["--format", "mat4"]),
        ("variables.mat", &["--calibration", "variables"]),
        ("tall.mat", &["--layout", "samples-x-leads"]),
        ("level5.mat", &["--format", "mat5"]),
        (
            "compressed.mat",
            &["--format", "mat5-compressed", "--noise-mv", "0.1"],
        ),
        ("level73.mat", &["--format", "mat73"]),
        ("signals.dat", &["--format", "wfdb212"]),
        ("signals.edf", &["--format", "edf"]),
    ];
    for (name, arguments) in table {
        let file = folder.path().join(name);
        let common = ["synth", text(&file), "--duration", "2h", "--leads", "3"];
        ecg(&[&common[..], arguments].concat()).expect(0);
        let memory = MemoryStore::default();
        for path in [file.clone(), file.with_extension("hea")] {
            if let Ok(bytes) = fs::read(&path) {
                let key = format!("a/{}", path.file_name().unwrap().display());
                memory
                    .put(&Location::new("uploads", key), bytes.into())
                    .await
                    .unwrap();
            }
        }
        let store = FaultyStore::new(Arc::new(memory));
        let lake = Lake {
            store: Arc::new(store.clone()),
            catalog: None,
            work: "work".to_owned(),
            processed: "processed".to_owned(),
            database: "ecg".to_owned(),
        };
        let key = format!("a/{name}");
        let source = source(&lake, &key).await;
        let chunks = source.size.div_ceil(store.chunk_bytes()) as usize;
        let reads = || {
            let operations = store.operations();
            let of_it = |line: &&String| line.starts_with("get_") && line.ends_with(&key);
            operations.iter().filter(of_it).count()
        };
        let input = ExecutionInput::new(ID.to_owned(), source.clone());
        let validated = step_validate::run(&lake, &built_in().unwrap(), input.into()).await;
        let first = reads();
        let verdict_key = validated.unwrap().verdict_key;
        step_parse::run(&lake, step_input(&source, verdict_key))
            .await
            .unwrap();
        let (validate, parse) = (first, reads() - first);
        assert!(chunks > 8, "{name}");
        assert_eq!((validate, parse), (chunks, chunks), "{name}");
    }
}
