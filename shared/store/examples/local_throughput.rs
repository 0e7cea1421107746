//! How fast a 124 MB object streams out of and into a local store, in a bucket that keeps versions and in one that does not:
//! `cargo run --release -p ecg-store --example local_throughput`.

// A program for the terminal; the figures are its output, and the set-up cannot usefully fail.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Instant;

use ecg_store::{LocalStore, Location, ObjectReader, ObjectWriter, Store};
use tokio::runtime::Handle;

const BYTES: usize = 124_000_000;

#[tokio::main]
async fn main() {
    let root = std::env::temp_dir().join(format!("ecg-store-throughput-{}", std::process::id()));
    let block: Vec<u8> = (0..1 << 16).map(|at| (at % 251) as u8).collect();

    for (round, bucket) in [1, 2, 3]
        .into_iter()
        .flat_map(|round| [(round, "raw"), (round, "work")])
    {
        let location = Location::new(bucket, "day.mat");
        let store = Arc::new(LocalStore::open(&root, ["raw"]).unwrap());
        let runtime = Handle::current();
        let upload = store.begin_upload(&location).await.unwrap();
        let started = Instant::now();
        let pieces = block.clone();
        let write = move || {
            let mut writer = ObjectWriter::new(upload, runtime);
            for _ in 0..BYTES / pieces.len() {
                writer.write_all(&pieces).unwrap();
            }
            writer.finish().unwrap()
        };
        tokio::task::spawn_blocking(write).await.unwrap();
        report(round, bucket, "write and fsync", started);

        // A new store has no MD5 in memory.
        let store = Arc::new(LocalStore::open(&root, ["raw"]).unwrap());
        let started = Instant::now();
        let meta = store.head(&location).await.unwrap();
        report(round, bucket, "first look", started);

        for (what, pinned) in [
            ("read, any version", &location),
            ("read, pinned version", &meta.location),
        ] {
            let started = Instant::now();
            let (store, pinned, runtime) = (store.clone(), pinned.clone(), Handle::current());
            let read = move || {
                let mut reader = ObjectReader::with_chunk_bytes(store, pinned, meta.size, runtime, 1 << 20);
                let mut buffer = vec![0; 1 << 16];
                let mut sum = 0_usize;
                loop {
                    match reader.read(&mut buffer).unwrap() {
                        0 => return sum,
                        length => sum += length,
                    }
                }
            };
            let sum = tokio::task::spawn_blocking(read).await.unwrap();
            assert_eq!(sum as u64, meta.size);
            report(round, bucket, what, started);
        }
    }
    std::fs::remove_dir_all(&root).unwrap();
}

fn report(round: usize, bucket: &str, what: &str, started: Instant) {
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "round {round}, {bucket}: {what}: {:.0} MB/s",
        BYTES as f64 / 1e6 / seconds
    );
}
