//! How long the functions work on a recording: the binaries as they deploy, with an S3 in memory in front of them.
//!
//! ```sh
//! ecg synth day.mat --duration 24h --leads 2
//! cargo run --release -p ecg-testing --example work -- [FOLDER] day.mat
//! ```
//!
//! The folder has `<function>/bootstrap` in it, as `cargo lambda build` leaves them. A header beside the recording is put into
//! the bucket too. Prints a table of the times that the functions report themselves. Unlike `tests/cloud.sh --measure`, no emulator
//! of AWS takes part: with large recordings that one measures the emulator.

// A tool that may stop at the first surprise, and prints.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

use std::path::Path;

use ecg_testing::lambda::{Lambda, S3};
use md5::{Digest, Md5};
use serde_json::{Value, json};

const ID: &str = "work-0123456789abcdef01234567";

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let recording = arguments.pop().unwrap_or_else(|| usage());
    let folder = arguments.pop().unwrap_or_else(|| "target/lambda".to_owned());
    let bytes = std::fs::read(&recording).unwrap();
    let etag: String = Md5::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let s3 = S3::default();
    s3.put("raw", "recording.mat", &bytes);
    if let Ok(header) = std::fs::read(Path::new(&recording).with_extension("hea")) {
        s3.put("raw", "recording.hea", &header);
    }
    let source = json!({ "bucket": "raw", "key": "recording.mat", "version": etag, "etag": etag,
                         "size": bytes.len(), "uploaded_at_ms": 1_795_420_800_123_u64 });
    println!("| function | time |\n| --- | ---: |");
    // As the workflow file hands on what a step answered.
    let mut extra = json!({});
    for step in ["validate", "parse", "transform", "write"] {
        let mut event = json!({ "recording_id": ID, "source": source, "execution": ID });
        event
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        let served = s3.clone();
        let run = Lambda::new(&format!("{folder}/{step}/bootstrap"))
            .variable("WORK_BUCKET", "work")
            .variable("PROCESSED_BUCKET", "processed")
            .deadline_in(600_000)
            .invoke([event], move |request| served.answer(request));
        let answer = run.outcome().as_ref().unwrap().clone();
        println!(
            "| `{step}` | {:.0} ms |",
            run.metrics()[0]["Latency"].as_f64().unwrap()
        );
        extra = handed_on(step, &answer);
    }
}

fn handed_on(step: &str, answer: &Value) -> Value {
    match step {
        "validate" => json!({ "from": answer["verdict_key"] }),
        "parse" => json!({ "from": answer["parsed_key"] }),
        _ => json!({ "transformed": answer["transformed"] }),
    }
}

fn usage() -> ! {
    eprintln!("usage: work [FOLDER] RECORDING");
    std::process::exit(2)
}
