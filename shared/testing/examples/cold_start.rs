//! How long each Lambda takes from the spawn of its process to its first request for an event, and how large it is.
//!
//! ```sh
//! cargo run --release -p ecg-testing --example cold_start -- [FOLDER] [SPAWNS]
//! ```
//!
//! The folder has `<function>/bootstrap` in it, as `cargo lambda build` leaves them: `target/lambda` where nothing else
//! is said. Prints a table. This is the part of a cold start that is ours; Lambda's own (a machine, the download of the
//! code) comes on top and can only be measured there.

// A tool that may stop at the first surprise, and prints.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use serde_json::Value;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| "target/lambda".to_owned());
    let spawns: usize = arguments.next().map_or(30, |spawns| spawns.parse().unwrap());
    assert!(spawns > 0, "expected at least one spawn");
    let file: Value = serde_json::from_str(include_str!("../../../functions/steps.json")).unwrap();
    let functions: Vec<&String> = file["steps"].as_object().unwrap().keys().collect();
    let binaries: Vec<_> = (functions.iter())
        .map(|name| Path::new(&folder).join(name).join("bootstrap"))
        .collect();
    let mut times = vec![Vec::new(); functions.len()];
    // One of each in turn, so that a busy moment of the machine does not fall on one function. The first round only
    // fetches the files into memory.
    for round in 0..=spawns {
        for (binary, times) in binaries.iter().zip(&mut times) {
            let time = to_first_poll(binary);
            if round > 0 {
                times.push(time);
            }
        }
    }
    println!("| function | binary | median | fastest | slowest |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    for ((name, binary), mut times) in functions.iter().zip(&binaries).zip(times) {
        times.sort();
        let bytes = std::fs::metadata(binary).unwrap().len() as f64;
        let ms = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1_000.0);
        println!(
            "| `{name}` | {:.1} MB | {} | {} | {} |",
            bytes / 1e6,
            ms(median(&times)),
            ms(times[0]),
            ms(times[times.len() - 1])
        );
    }
}

fn median(sorted: &[Duration]) -> Duration {
    let middle = sorted.len() / 2;
    match sorted.len() % 2 {
        0 => (sorted[middle - 1] + sorted[middle]) / 2,
        _ => sorted[middle],
    }
}

/// From the spawn of the process to the end of its first request's first line.
fn to_first_poll(binary: &Path) -> Duration {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut command = Command::new(binary);
    command
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", &address)
        .env("AWS_LAMBDA_FUNCTION_NAME", "function")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("RAW_BUCKET", "raw")
        .env("WORK_BUCKET", "work")
        .env("PROCESSED_BUCKET", "processed")
        .env("SLACK_SECRET", "slack")
        .env(
            "STATE_MACHINE_ARN",
            "arn:aws:states:us-east-1:000000000000:stateMachine:ecg-pipeline",
        )
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let begun = Instant::now();
    let mut process = command
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
    let (sender, polled) = channel();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        let _ = sender.send((begun.elapsed(), line));
    });
    let polled = polled.recv_timeout(Duration::from_secs(10));
    process.kill().unwrap();
    process.wait().unwrap();
    let (time, line) =
        polled.unwrap_or_else(|_| panic!("{}: expected a request, found none", binary.display()));
    assert!(
        line.starts_with("GET ") && line.contains("/invocation/next"),
        "{line}"
    );
    time
}
