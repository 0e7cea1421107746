//! How many states a second the engine runs, over the real workflow file and functions that answer at once:
//! `cargo bench -p asl-engine --bench engine`.
//!
//! `tests/bench.sh` makes a table of it. A group is one job; the benchmark that begins with `floor` is the least that the job needs.
#![allow(clippy::unwrap_used, reason = "a measurement stops at the first surprise")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use asl_engine::mock::{MockAnswer, MockHandler};
use asl_engine::{ExecutionSettings, MemoryRecorder, Runtime, SimulatedClock, StateMachine, Status, run};
use chrono::DateTime;
use criterion::{Criterion, Throughput};
use serde_json::{Value, json};

const WORKFLOW: &str = include_str!("../../ecg-pipeline.asl.json");

/// Of a recording that is accepted: Validate, Parse, Transform, Write, Crawl.
const STATES: u64 = 5;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let tokio = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let machine = load();
    let input = json!({
        "recording_id": "header-two-leads-89268e6343c5355902b6d03f",
        "source": {
            "bucket": "raw", "key": "header/two-leads.mat", "version": "76baf086a861bf4e7fc4777fbd65f817",
            "etag": "76baf086a861bf4e7fc4777fbd65f817", "size": 28824, "uploaded_at_ms": 1_795_420_800_123_u64,
        },
    });
    // The events also tell which states these are.
    let (recorder, status) = tokio.block_on(execute(&machine, &input));
    assert_eq!(status, Status::Succeeded);
    let events = recorder.events();
    let entered = events
        .iter()
        .filter(|event| event.event_type.ends_with("StateEntered"));
    assert_eq!(entered.count() as u64, STATES);

    let mut group = criterion.benchmark_group("engine: an execution of the workflow, by state");
    group.throughput(Throughput::Elements(STATES));
    group.bench_function("engine", |bencher| {
        bencher.iter(|| tokio.block_on(execute(&machine, &input)).1);
    });
    group.bench_function("floor: its events as JSON, once", |bencher| {
        bencher.iter(|| serde_json::to_vec(black_box(&events)).unwrap().len());
    });
    group.finish();

    let mut group = criterion.benchmark_group("engine: loading the workflow file");
    group.throughput(Throughput::Bytes(WORKFLOW.len() as u64));
    group.bench_function("engine", |bencher| bencher.iter(load));
    group.bench_function("floor: reading its JSON", |bencher| {
        bencher.iter(|| serde_json::from_str::<Value>(black_box(WORKFLOW)).unwrap());
    });
    group.finish();
    criterion.final_summary();
}

fn load() -> StateMachine {
    StateMachine::parse(WORKFLOW, &BTreeMap::new()).unwrap()
}

/// One execution of a recording that is accepted.
async fn execute(machine: &StateMachine, input: &Value) -> (Arc<MemoryRecorder>, Status) {
    let id = &input["recording_id"];
    let answers = [
        (
            "validate",
            json!({ "recording_id": id, "verdict": "accepted", "verdict_key": "id/verdict.json" }),
        ),
        (
            "parse",
            json!({ "recording_id": id, "parsed_key": "id/parsed.arrow", "rows": 4 }),
        ),
        (
            "transform",
            json!({ "recording_id": id, "quality": "good", "transformed": [
                { "table": "segments", "key": "id/transformed-segments.arrow", "rows": 4 },
                { "table": "beats", "key": "id/transformed-beats.arrow", "rows": 40 },
                { "table": "recordings", "key": "id/transformed-recordings.arrow", "rows": 1 },
            ] }),
        ),
        (
            "write",
            json!({ "recording_id": id, "dt": "2026-11-23", "objects": [
                { "table": "segments", "key": "segments/dt=2026-11-23/id.parquet", "rows": 4, "staged": "id/segments.parquet" },
                { "table": "beats", "key": "beats/dt=2026-11-23/id.parquet", "rows": 40, "staged": "id/beats.parquet" },
                { "table": "recordings", "key": "recordings/dt=2026-11-23/id.parquet", "rows": 1, "staged": "id/recordings.parquet" },
            ] }),
        ),
        (
            "crawl",
            json!({ "recording_id": id, "tables": ["segments", "beats", "recordings"] }),
        ),
    ];
    let mocks = answers
        .into_iter()
        .map(|(name, answer)| (name.to_owned(), vec![MockAnswer::Payload(answer)]))
        .collect();
    let start = DateTime::UNIX_EPOCH;
    let recorder = Arc::new(MemoryRecorder::default());
    let runtime = Runtime {
        handler: Arc::new(MockHandler::new(mocks)),
        clock: Arc::new(SimulatedClock::starting_at(start)),
        recorder: recorder.clone(),
        seed: 1,
    };
    let settings = ExecutionSettings {
        name: "first".into(),
        execution_arn: "arn:aws:states:local:000000000000:execution:ecg-pipeline:first".into(),
        role_arn: "arn:aws:iam::000000000000:role/local".into(),
        machine_arn: "arn:aws:states:local:000000000000:stateMachine:ecg-pipeline".into(),
        start,
        input: input.clone(),
    };
    let outcome = run(machine, &settings, &runtime).await;
    (recorder, outcome.status)
}
