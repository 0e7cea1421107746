//! What each step gives to the next, and what is in the tables: held by golden files
//! (`UPDATE_GOLDEN=1 cargo test -p ecg-tests --test contracts_steps`), and equal in every store.

// Helpers of tests fail the test; where Python is comes from the environment.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use ecg_core::message::{
    ExecutionInput, Failure, ParseOutput, Source, StepInput, TransformOutput, ValidateInput, ValidateOutput,
    WriteInput, WriteOutput,
};
use ecg_core::{Details, PIPELINE_VERSION, StepError, layout, recording_id};
use ecg_lake::Lake;
use ecg_recording::profiles::built_in;
use ecg_store::{LocalCatalog, LocalStore, Location, Store};
use ecg_tables::{Kind, TABLES};
use ecg_testing::MemoryStore;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, Encoding};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
const TESTDATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata");

/// Largest message in bytes.
const MOST_BYTES: usize = 4096;

/// A lake with nothing in it, and the folder that keeps its catalog.
struct Fresh {
    lake: Lake,
    folder: tempfile::TempDir,
}

async fn fresh(store: impl FnOnce(&Path) -> Arc<dyn Store>) -> Fresh {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake {
        store: store(folder.path()),
        catalog: Some(Arc::new(
            LocalCatalog::open(folder.path().join("catalog")).unwrap(),
        )),
        work: "work".to_owned(),
        processed: "processed".to_owned(),
        database: "ecg".to_owned(),
    };
    lake.ensure_tables(lake.catalog().unwrap()).await.unwrap();
    Fresh { lake, folder }
}

async fn in_memory() -> Fresh {
    fresh(|_| Arc::new(MemoryStore::default())).await
}

async fn on_disk() -> Fresh {
    fresh(|folder| Arc::new(LocalStore::open(folder, ["local"]).unwrap())).await
}

impl Fresh {
    /// Puts a file, and the header beside it, into the bucket of the uploads.
    async fn upload(&self, file: &str, key: &str) -> ExecutionInput {
        let path = PathBuf::from(format!("{TESTDATA}/{file}"));
        if let Ok(header) = std::fs::read(path.with_extension("hea")) {
            let header_key = layout::header_key(key).unwrap();
            self.lake
                .store
                .put(&Location::new("local", header_key), header.into())
                .await
                .unwrap();
        }
        self.upload_bytes(std::fs::read(path).unwrap(), key).await
    }

    async fn upload_bytes(&self, bytes: Vec<u8>, key: &str) -> ExecutionInput {
        let location = Location::new("local", key);
        let written = self.lake.store.put(&location, bytes.into()).await.unwrap();
        let source = Source {
            bucket: "local".to_owned(),
            key: key.to_owned(),
            version: written.etag.clone(),
            etag: written.etag,
            size: written.size,
            uploaded_at_ms: 1_795_435_200_123,
            sequencer: None,
        };
        ExecutionInput::new(recording_id("local", key, &source.version), source)
    }

    async fn object(&self, bucket: &str, key: &str) -> Bytes {
        let location = Location::new(bucket, key);
        self.lake.store.get(&location, 1 << 30).await.unwrap().1
    }
}

/// The messages of a run, by name.
#[derive(Default)]
struct Messages(Vec<(&'static str, Value)>);

impl Messages {
    fn keep<T: Serialize + Clone>(&mut self, name: &'static str, message: &T) {
        let value = serde_json::to_value(message).unwrap();
        let bytes = value.to_string().len();
        assert!(bytes <= MOST_BYTES, "{name}: {bytes} bytes: {value}");
        self.0.push((name, value));
    }

    fn text(&self) -> String {
        let object: serde_json::Map<String, Value> = self
            .0
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        format!("{:#}\n", Value::Object(object))
    }
}

struct Done {
    messages: Messages,
    parsed: ParseOutput,
    transformed: TransformOutput,
    written: WriteOutput,
}

async fn validate(lake: &Lake, input: &ExecutionInput, messages: &mut Messages) -> ValidateOutput {
    messages.keep("validate input", input);
    let verdict = step_validate::run(lake, &built_in().unwrap(), input.clone().into())
        .await
        .unwrap();
    messages.keep("validate output", &verdict);
    verdict
}

/// Every step in order, as the workflow file calls them.
async fn run(lake: &Lake, input: &ExecutionInput) -> Done {
    let mut messages = Messages::default();
    let verdict = validate(lake, input, &mut messages).await;
    let step_input = |from: String| StepInput {
        recording_id: input.recording_id.clone(),
        source: input.source.clone(),
        from,
        execution: None,
        run: 0,
    };
    let from = step_input(verdict.verdict_key);
    messages.keep("parse input", &from);
    let parsed = step_parse::run(lake, from).await.unwrap();
    messages.keep("parse output", &parsed);
    let from = step_input(parsed.parsed_key.clone());
    messages.keep("transform input", &from);
    let transformed = step_transform::run(lake, from).await.unwrap();
    messages.keep("transform output", &transformed);
    let write = WriteInput {
        recording_id: input.recording_id.clone(),
        source: input.source.clone(),
        transformed: Some(transformed.transformed.clone()),
        failure: None,
        execution: None,
        run: 0,
    };
    messages.keep("write input", &write);
    let written = step_write::run(lake, write).await.unwrap();
    messages.keep("write output", &written);
    let crawled = step_crawl::run(lake, written.clone()).await.unwrap();
    messages.keep("crawl output", &crawled);
    Done {
        messages,
        parsed,
        transformed,
        written,
    }
}

/// The message with an unknown field in each of its objects: what a later release may send.
fn with_more(message: &Value) -> Value {
    match message {
        Value::Object(members) => {
            let mut more: serde_json::Map<String, Value> = members
                .iter()
                .map(|(name, value)| (name.clone(), with_more(value)))
                .collect();
            more.insert("of_a_later_release".to_owned(), json!({ "any": ["thing"] }));
            Value::Object(more)
        }
        Value::Array(items) => Value::Array(items.iter().map(with_more).collect()),
        other => other.clone(),
    }
}

/// The message itself, with fields that it does not have yet, and without each of its optional fields.
fn releases(message: &Value, optional: &[&str]) -> Vec<Value> {
    let mut all = vec![message.clone(), with_more(message)];
    for name in optional {
        let mut less = message.clone();
        let removed = less.as_object_mut().unwrap().remove(*name);
        assert!(removed.is_some(), "{name} is not in {message}");
        all.push(less);
    }
    all
}

/// During a deployment the functions of two releases talk to each other.
#[tokio::test(flavor = "multi_thread")]
async fn every_step_understands_the_release_before_and_the_next_one() {
    let place = in_memory().await;
    let lake = &place.lake;
    let file = "recordings/header/two-leads.mat";
    let input = place.upload(file, file).await;
    let id = input.recording_id.clone();
    let header = layout::header_key(file).unwrap();
    let header = lake.store.head(&Location::new("local", header)).await.unwrap();
    let profile = "[[profile]]\nname='x'\ncomment=''\npattern='x'\nsampling_frequency_hz=1.0\ngain=1.0\nbaseline=0.0\nleads=[]";
    let profiles = layout::profiles_key("0");
    lake.store
        .put(&Location::new("work", &profiles), profile.into())
        .await
        .unwrap();
    let source = json!(input.source);
    let base = json!({ "recording_id": id, "source": source, "execution": id });
    let message = |more: Value| {
        let mut message = base.clone();
        let fields = more.as_object().unwrap().clone();
        message.as_object_mut().unwrap().extend(fields);
        message
    };
    macro_rules! each {
        ($step:expr, $message:expr, $optional:expr) => {{
            let mut answers = Vec::new();
            for message in releases(&$message, $optional) {
                let read = serde_json::from_value(message.clone()).unwrap();
                let answer = $step(read)
                    .await
                    .unwrap_or_else(|error| panic!("{message}: {error}"));
                answers.push(serde_json::to_value(answer).unwrap());
            }
            assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:#?}");
            answers.remove(0)
        }};
    }
    let known = built_in().unwrap();
    let asked = message(json!({
        "settings": { "leads": ["I", "II"] }, "header": { "version": header.version() }, "profiles": profiles,
        "rerun": { "number": 1, "reason": "asked for" }
    }));
    let optional = ["settings", "header", "profiles", "rerun", "execution"];
    let verdict = each!(|read| step_validate::run(lake, &known, read), asked, &optional);
    let from = message(json!({ "from": verdict["verdict_key"], "run": 1 }));
    let parsed = each!(|read| step_parse::run(lake, read), from, &["execution", "run"]);
    // Number 0, since a rerun leaves an object of windows even without rows.
    let from = message(json!({ "from": parsed["parsed_key"], "run": 0 }));
    let made = each!(
        |read| step_transform::run(lake, read),
        from,
        &["execution", "run"]
    );
    let tables = message(json!({ "transformed": made["transformed"], "run": 1 }));
    let written = each!(|read| step_write::run(lake, read), tables, &["execution", "run"]);
    each!(|read| step_crawl::run(lake, read), written, &[]);
    let failure = json!({ "step": "parse", "error": "Internal", "cause": "why", "attempts": 2 });
    let failed = message(json!({ "failure": failure, "run": 1 }));
    each!(|read| step_write::run(lake, read), failed, &["execution", "run"]);
    let links = step_notify::Links::local("");
    let told = message(json!({ "failure": failure, "recorded": true }));
    each!(
        |read| step_notify::run(None, &links, read, |_| ()),
        told,
        &["recorded"]
    );
}

/// Schema and first rows; long values are cut.
fn dump(title: &str, batches: &[RecordBatch], text: &mut String) {
    const ROWS: usize = 2;
    const CHARACTERS: usize = 120;
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let _ = writeln!(text, "== {title}: {rows} rows");
    let Some(first) = batches.first() else { return };
    for (field, column) in first.schema().fields().iter().zip(first.columns()) {
        let null = if field.is_nullable() { "null" } else { "not null" };
        let _ = writeln!(text, "{}: {} {null}", field.name(), field.data_type());
        let options = FormatOptions::default().with_null("(null)");
        let formatter = ArrayFormatter::try_new(column, &options).unwrap();
        for row in 0..ROWS.min(first.num_rows()) {
            // The version has the commit in it.
            let value = formatter
                .value(row)
                .to_string()
                .replace(PIPELINE_VERSION, "(version)");
            let length = value.chars().count();
            let shown: String = value.chars().take(CHARACTERS).collect();
            let cut = if length > CHARACTERS {
                format!("… ({length} characters)")
            } else {
                String::new()
            };
            let _ = writeln!(text, "    {shown}{cut}");
        }
    }
}

fn arrow_batches(bytes: Bytes) -> Vec<RecordBatch> {
    let reader = arrow_ipc::reader::FileReader::try_new(std::io::Cursor::new(bytes), None).unwrap();
    reader.map(Result::unwrap).collect()
}

fn parquet_batches(bytes: Bytes) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes)
        .unwrap()
        .build()
        .unwrap();
    reader.map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_steps_leave() {
    for (name, file) in [
        ("one-lead", "recordings/1 NSR/900m (0).mat"),
        ("two-leads", "recordings/header/two-leads.mat"),
    ] {
        let place = in_memory().await;
        let input = place.upload(file, file).await;
        let done = run(&place.lake, &input).await;
        ecg_testing::golden::check(format!("{GOLDEN}/{name}.messages.json"), &done.messages.text());
        let verdict = place
            .object("work", &layout::verdict_key(&input.recording_id))
            .await;
        ecg_testing::golden::check(
            format!("{GOLDEN}/{name}.verdict.json"),
            std::str::from_utf8(&verdict).unwrap(),
        );

        let mut text = String::new();
        dump(
            "parsed.arrow",
            &arrow_batches(place.object("work", &done.parsed.parsed_key).await),
            &mut text,
        );
        for object in &done.transformed.transformed {
            let batches = arrow_batches(place.object("work", &object.key).await);
            dump(
                &format!("transformed-{}.arrow", object.table),
                &batches,
                &mut text,
            );
        }
        ecg_testing::golden::check(format!("{GOLDEN}/{name}.work.txt"), &text);

        // Parquet has the same rows, in the columns of the table.
        for (from, to) in done.transformed.transformed.iter().zip(&done.written.objects) {
            let before = arrow_batches(place.object("work", &from.key).await);
            let after = parquet_batches(place.object("processed", &to.key).await);
            let schema = ecg_tables::arrow::schema(ecg_tables::table(&to.table).unwrap());
            let joined = |batches: &[RecordBatch]| arrow::compute::concat_batches(&schema, batches).unwrap();
            assert_eq!(joined(&before), joined(&after), "{}", to.table);
            assert_eq!(joined(&after).num_rows() as u64, to.rows);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_rejected_recording_leaves() {
    let place = in_memory().await;
    let input = place.upload("malformed/constant.mat", "a/constant.mat").await;
    let mut messages = Messages::default();
    let execution = format!("{}-r2", input.recording_id);
    let judge = ValidateInput {
        input: input.clone(),
        execution: Some(execution.clone()),
    };
    messages.keep("validate input", &judge);
    let rejected = step_validate::run(&place.lake, &built_in().unwrap(), judge)
        .await
        .unwrap_err();
    let verdict_key = layout::verdict_key(&execution);
    let json = place.object("work", &verdict_key).await;
    ecg_testing::golden::check(
        format!("{GOLDEN}/rejected.verdict.json"),
        std::str::from_utf8(&json).unwrap(),
    );

    // Parse does not go on with it.
    let from = StepInput {
        recording_id: input.recording_id.clone(),
        source: input.source.clone(),
        from: verdict_key,
        execution: None,
        run: 0,
    };
    assert_eq!(
        step_parse::run(&place.lake, from).await.unwrap_err().name(),
        "Rejected"
    );

    let record = WriteInput {
        recording_id: input.recording_id.clone(),
        source: input.source.clone(),
        transformed: None,
        failure: Some(Failure {
            step: "validate".to_owned(),
            error: rejected.name().to_owned(),
            cause: rejected.cause(),
            attempts: 1,
        }),
        execution: Some(execution),
        run: 0,
    };
    messages.keep("write input", &record);
    let written = step_write::run(&place.lake, record).await.unwrap();
    messages.keep("write output", &written);
    messages.keep(
        "crawl output",
        &step_crawl::run(&place.lake, written.clone()).await.unwrap(),
    );
    ecg_testing::golden::check(format!("{GOLDEN}/rejected.messages.json"), &messages.text());
    let mut text = String::new();
    dump(
        "rejections",
        &parquet_batches(place.object("processed", &written.objects[0].key).await),
        &mut text,
    );
    ecg_testing::golden::check(format!("{GOLDEN}/rejected.rows.txt"), &text);
}

/// What parse found wrong reaches the columns of the row as it was said, not out of the sentence; and only where it is about
/// the failure that is recorded.
#[tokio::test(flavor = "multi_thread")]
async fn a_reason_reaches_the_row_field_by_field() {
    let place = in_memory().await;
    let file = "recordings/1 NSR/900m (0).mat";
    let mut input = place.upload(file, "1 NSR/900m (0).mat").await;
    let mut messages = Messages::default();
    let from = validate(&place.lake, &input, &mut messages).await.verdict_key;
    // Gone since, under a name that looks like the sentence.
    input.source.key = "a: expected b, found c.mat".to_owned();
    let parse = StepInput {
        recording_id: input.recording_id.clone(),
        source: input.source.clone(),
        from,
        execution: None,
        run: 0,
    };
    let error = step_parse::run(&place.lake, parse).await.unwrap_err();
    assert_eq!(error.name(), "Rejected");
    let columns = async |input: &ExecutionInput, error: &StepError| {
        let record = WriteInput {
            recording_id: input.recording_id.clone(),
            source: input.source.clone(),
            transformed: None,
            failure: Some(Failure {
                step: "parse".to_owned(),
                error: error.name().to_owned(),
                cause: error.cause(),
                attempts: 1,
            }),
            execution: None,
            run: 0,
        };
        let written = step_write::run(&place.lake, record).await.unwrap();
        let rows = parquet_batches(place.object("processed", &written.objects[0].key).await);
        let text = |name: &str| {
            let column = rows[0].column_by_name(name).unwrap();
            let column = column.as_any().downcast_ref::<arrow::array::StringArray>();
            column.unwrap().iter().next().unwrap().map(str::to_owned)
        };
        (text("expected"), text("found"))
    };
    let said = (Some("an object".to_owned()), Some("none".to_owned()));
    assert_eq!(columns(&input, &error).await, said);
    // An attempt before left it.
    let other = StepError::Rejected(Details::new("val", "7", "3"));
    assert_eq!(columns(&input, &other).await, (None, None));
    // Whoever reads it has to know its form.
    let bytes = place
        .object("work", &layout::error_key(&input.recording_id))
        .await;
    let left: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(
        (&left["reason"]["expected"], &left["reason"]["found"]),
        (&json!("an object"), &json!("none"))
    );
    // So does what is not there yet.
    let samples = std::fs::read(format!("{TESTDATA}/recordings/wfdb/format16.dat")).unwrap();
    let waiting = place.upload_bytes(samples, "format16.dat").await;
    let profiles = built_in().unwrap();
    let error = step_validate::run(&place.lake, &profiles, waiting.clone().into());
    let error = error.await.unwrap_err();
    assert_eq!(error.name(), "Incomplete");
    let said = (
        Some("an object `format16.hea` beside it".to_owned()),
        Some("none".to_owned()),
    );
    assert_eq!(columns(&waiting, &error).await, said);
}

/// SHA-256 of every object that a run left.
async fn hashes(place: &Fresh, done: &Done) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let work = done
        .transformed
        .transformed
        .iter()
        .map(|object| ("work", object.key.clone()));
    let processed = done
        .written
        .objects
        .iter()
        .map(|object| ("processed", object.key.clone()));
    let verdict = layout::verdict_key(&done.parsed.recording_id);
    let rest = [("work", done.parsed.parsed_key.clone()), ("work", verdict)];
    for (bucket, key) in work.chain(processed).chain(rest) {
        let digest = Sha256::digest(place.object(bucket, &key).await);
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        found.insert(format!("{bucket}/{key}"), hex);
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_input_gives_the_same_bytes_in_every_store() {
    for file in [
        "recordings/4 AFIB/901m (0).mat",
        "recordings/formats/level73.mat",
        "recordings/header/two-leads.mat",
    ] {
        let mut all = Vec::new();
        for place in [in_memory().await, in_memory().await, on_disk().await] {
            let input = place.upload(file, file).await;
            let done = run(&place.lake, &input).await;
            let first = hashes(&place, &done).await;
            // Again in the same place: every object is overwritten with itself.
            let again = run(&place.lake, &input).await;
            assert_eq!(hashes(&place, &again).await, first, "{file}");
            assert_eq!(again.messages.text(), done.messages.text(), "{file}");
            all.push(first);
        }
        assert_eq!(all[0].len(), 8);
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{file}: {all:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_small_for_the_longest_key_and_sixteen_leads() {
    // 16 leads of 11 s at 100 Hz, int16, level 4.
    let (leads, samples) = (16_u32, 1100_u32);
    let header = [30, leads, samples, 0, 4].into_iter().flat_map(u32::to_le_bytes);
    let values = (0..leads * samples).flat_map(|n| ((n * 7919 % 2048) as i16).to_le_bytes());
    let bytes: Vec<u8> = header.chain(*b"val\0").chain(values).collect();
    let mut key = "記録".repeat(170);
    key.push_str(".mat");
    assert_eq!(key.len(), 1024);
    let place = in_memory().await;
    let signal = "r.mat 16 200 12 0 0 0 0 ableitung mit einem langen namen\n";
    let header = format!("r {leads} 100 {samples}\n{}", signal.repeat(leads as usize));
    let beside = Location::new("local", key.replace(".mat", ".hea"));
    place.lake.store.put(&beside, header.into()).await.unwrap();
    let input = place.upload_bytes(bytes, &key).await;
    let done = run(&place.lake, &input).await;
    assert_eq!(done.parsed.rows, 16 * 2);
    // `Messages::keep` has measured every one of them.
    assert_eq!(done.messages.0.len(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_is_what_athena_reads_well() {
    let place = in_memory().await;
    let input = place
        .upload("recordings/header/two-leads.mat", "two-leads.mat")
        .await;
    let done = run(&place.lake, &input).await;
    for object in &done.written.objects {
        let bytes = place.object("processed", &object.key).await;
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
        let file = reader.metadata().file_metadata();
        assert!(
            file.created_by()
                .is_some_and(|by| by.starts_with("ecg-pipeline "))
        );
        for group in reader.metadata().row_groups() {
            for column in group.columns() {
                let place = format!("{}.{}", object.table, column.column_path().string());
                // These objects have few rows.
                let is_signal = place == "segments.mv.list.element";
                let has_zstd = matches!(column.compression(), Compression::ZSTD(_));
                let has_dictionary = column.dictionary_page_offset().is_some();
                assert_eq!((has_zstd, has_dictionary), (is_signal, is_signal), "{place}");
                let encodings: Vec<Encoding> = column.encodings().collect();
                assert!(
                    !encodings.contains(&Encoding::BYTE_STREAM_SPLIT),
                    "{place}: {encodings:?}"
                );
            }
        }
    }
}

/// What pyarrow calls the type of a column.
fn pyarrow_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "string",
        Kind::Int => "int32",
        Kind::BigInt => "int64",
        Kind::Float => "float",
        Kind::Double => "double",
        Kind::Timestamp => "timestamp[ms]",
        Kind::Texts => "list<element: string not null>",
        Kind::Ints => "list<element: int32 not null>",
        Kind::Floats => "list<element: float not null>",
        Kind::Doubles => "list<element: double not null>",
    }
}

const READ_WITH_PYARROW: &str = "
import json, sys
import pyarrow.parquet as parquet
found = {}
for path in sys.argv[1:]:
    table = parquet.ParquetFile(path).read()
    row = table.slice(0, 1).to_pylist()[0]
    found[path] = {
        'columns': [[field.name, str(field.type), field.nullable] for field in table.schema],
        'rows': table.num_rows,
        'first': {name: value for name, value in row.items() if isinstance(value, (str, int, float))},
        'mv': sum(sum(values) for values in table.column('mv').to_pylist()) if 'mv' in table.column_names else None,
    }
print(json.dumps(found))
";

#[tokio::test(flavor = "multi_thread")]
async fn pyarrow_reads_the_tables() {
    let Some(python) = std::env::var_os("ECG_PYTHON") else {
        println!("skipped: the environment variable ECG_PYTHON does not name a Python with pyarrow");
        return;
    };
    let place = on_disk().await;
    let input = place.upload("recordings/warn/gap.mat", "gap.mat").await;
    let done = run(&place.lake, &input).await;
    let processed = place.folder.path().join("processed");
    let paths: Vec<PathBuf> = done
        .written
        .objects
        .iter()
        .map(|object| processed.join(&object.key))
        .collect();
    let answer = Command::new(python)
        .args(["-c", READ_WITH_PYARROW])
        .args(&paths)
        .output()
        .unwrap();
    assert!(
        answer.status.success(),
        "{}",
        String::from_utf8_lossy(&answer.stderr)
    );
    let found: Value = serde_json::from_slice(&answer.stdout).unwrap();
    for (object, path) in done.written.objects.iter().zip(&paths) {
        let told = &found[path.to_str().unwrap()];
        let table = ecg_tables::table(&object.table).unwrap();
        let columns: Vec<Value> = table
            .columns
            .iter()
            .map(|c| json!([c.name, pyarrow_type(c.kind), c.nullable]))
            .collect();
        assert_eq!(told["columns"], Value::from(columns), "{}", table.name);
        assert_eq!(told["rows"], object.rows, "{}", table.name);
        assert_eq!(
            told["first"]["recording_id"], input.recording_id,
            "{}",
            table.name
        );
    }
    let segments = &found[paths[0].to_str().unwrap()];
    let batches = parquet_batches(place.object("processed", &done.written.objects[0].key).await);
    let mv = batches[0].column_by_name("mv").unwrap();
    let values = arrow::array::AsArray::as_list::<i32>(mv).value(0);
    let floats = arrow::array::AsArray::as_primitive::<arrow::datatypes::Float32Type>(&values);
    let sum: f64 = floats.values().iter().map(|value| f64::from(*value)).sum();
    assert!((segments["mv"].as_f64().unwrap() - sum).abs() < 1e-6);
    assert!(segments["first"]["missing_samples"].as_u64().unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_refuse_what_the_step_before_did_not_write() {
    let place = in_memory().await;
    let input = place
        .upload("recordings/1 NSR/900m (0).mat", "1 NSR/900m (0).mat")
        .await;
    let from = |from: &str| StepInput {
        recording_id: input.recording_id.clone(),
        source: input.source.clone(),
        from: from.to_owned(),
        execution: None,
        run: 0,
    };
    let put = async |key: &str, bytes: &'static [u8]| {
        let location = Location::new("work", key);
        place
            .lake
            .store
            .put(&location, Bytes::from_static(bytes))
            .await
            .unwrap();
    };
    put("text", b"no verdict and no Arrow file").await;
    put("verdict", b"{\"accepted\":true,\"checks\":[]}").await;
    let name = |error: StepError| (error.name(), error.to_string());

    let (error, message) = name(step_parse::run(&place.lake, from("text")).await.unwrap_err());
    assert_eq!(error, "Internal");
    assert!(message.starts_with("work/text: "), "{message}");
    assert_eq!(
        step_parse::run(&place.lake, from("verdict"))
            .await
            .unwrap_err()
            .name(),
        "Rejected"
    );
    assert_eq!(
        step_parse::run(&place.lake, from("nowhere"))
            .await
            .unwrap_err()
            .name(),
        "Internal"
    );
    assert_eq!(
        step_transform::run(&place.lake, from("text"))
            .await
            .unwrap_err()
            .name(),
        "Internal"
    );
    assert_eq!(
        step_transform::run(&place.lake, from("nowhere"))
            .await
            .unwrap_err()
            .name(),
        "Internal"
    );

    // A verdict on another object: the same key, other dimensions.
    let mut messages = Messages::default();
    let verdict = validate(&place.lake, &input, &mut messages).await;
    let json = place.object("work", &verdict.verdict_key).await;
    let mut other: Value = serde_json::from_slice(&json).unwrap();
    other["recording"]["samples"] = json!(1800);
    other["recording"]["layout"] = json!("samples x leads");
    let bytes = Bytes::from(other.to_string());
    place
        .lake
        .store
        .put(&Location::new("work", "other"), bytes)
        .await
        .unwrap();
    let (error, message) = name(step_parse::run(&place.lake, from("other")).await.unwrap_err());
    assert_eq!(error, "Rejected");
    assert_eq!(
        message,
        "variable 0: expected what its verdict says, val: int16 of [1800, 1], found val: int16 of [1, 3600]"
    );

    let both = |transformed, failure| WriteInput {
        recording_id: input.recording_id.clone(),
        source: input.source.clone(),
        transformed,
        failure,
        execution: None,
        run: 0,
    };
    assert_eq!(
        step_write::run(&place.lake, both(None, None))
            .await
            .unwrap_err()
            .name(),
        "Internal"
    );
    let unknown = ecg_core::message::TableObject {
        table: "samples".to_owned(),
        key: "text".to_owned(),
        rows: 1,
        staged: None,
    };
    let error = step_write::run(&place.lake, both(Some(vec![unknown.clone()]), None))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "write: there is no table `samples`");
    for table in TABLES {
        let table = ecg_core::message::TableObject {
            table: table.name.to_owned(),
            ..unknown.clone()
        };
        let error = step_write::run(&place.lake, both(Some(vec![table]), None))
            .await
            .unwrap_err();
        assert_eq!(error.name(), "Internal");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn validate_looks_at_the_upload_and_its_header() {
    let place = in_memory().await;
    let file = "recordings/header/two-leads.mat";
    let input = place.upload(file, "x/two-leads.mat").await;
    let mut messages = Messages::default();
    let put_header = async |bytes: Vec<u8>| {
        let location = Location::new("local", "x/two-leads.hea");
        place.lake.store.put(&location, bytes.into()).await.unwrap();
    };
    // Too large to be a header: whoever uploaded it is at fault.
    put_header(vec![b'#'; 64 * 1024 + 1]).await;
    let error = step_validate::run(&place.lake, &built_in().unwrap(), input.clone().into())
        .await
        .unwrap_err();
    assert_eq!(error.name(), "Rejected");
    assert!(
        error
            .to_string()
            .starts_with("header (.hea): expected at most 65536 bytes, found "),
        "{error}"
    );
    // Not UTF-8, but only in a comment.
    let header = std::fs::read(format!("{TESTDATA}/recordings/header/two-leads.hea")).unwrap();
    put_header([b"# \xff\n".to_vec(), header].concat()).await;
    validate(&place.lake, &input, &mut messages).await;
    put_header(b"two-leads 1 360\n".to_vec()).await;
    let error = step_validate::run(&place.lake, &built_in().unwrap(), input.clone().into())
        .await
        .unwrap_err();
    assert_eq!(error.name(), "Rejected");
    assert!(error.to_string().contains("signal lines"), "{error}");

    // The version is pinned: what was overwritten since is gone.
    let gone = ExecutionInput {
        source: Source {
            version: "0".repeat(32),
            ..input.source.clone()
        },
        ..input
    };
    assert_eq!(
        step_validate::run(&place.lake, &built_in().unwrap(), gone.into())
            .await
            .unwrap_err()
            .name(),
        "Rejected"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sequencer_orders_the_versions_of_a_key() {
    let place = on_disk().await;
    // Of one moment, and worked on out of order: only the sequencer tells which is the newest. A longer one is not less
    // than a shorter one that begins alike, and `9` comes before `A`.
    for (file, sequencer) in [
        ("recordings/1 NSR/900m (1).mat", Some("0055AED6DCD902A1E501")),
        ("recordings/18 SBR/903m (0).mat", Some("0055AED6DCD902A1E5")),
        ("recordings/1 NSR/900m (0).mat", Some("0055AED6DCD90291E5FFFF")),
        ("recordings/4 AFIB/901m (0).mat", None),
    ] {
        let mut input = place.upload(file, "1 NSR/900m (0).mat").await;
        input.source.sequencer = sequencer.map(str::to_owned);
        run(&place.lake, &input).await;
    }
    // What makes a folder a lake for `ecg`.
    std::fs::write(place.folder.path().join("lake.json"), r#"{"format": 3}"#).unwrap();
    let lake = place.folder.path().to_str().unwrap();
    let query = |sql: &str| {
        ecg_tests::cli::ecg(&["query", "--lake", lake, "--format", "csv", sql])
            .expect(0)
            .stdout
    };
    let all = query("select count(*) as versions, count(source_sequencer) as ordered from recordings");
    assert_eq!(all, "versions,ordered\n4,3\n");
    // Nor is it the one that sorts last by its id, which is how ties end.
    let last = query("select source_sequencer from recordings order by recording_id desc limit 1");
    assert_ne!(last, "source_sequencer\n0055AED6DCD902A1E501\n");
    let current = query("select source_sequencer from current");
    assert_eq!(current, "source_sequencer\n0055AED6DCD902A1E501\n");
}
