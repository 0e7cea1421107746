//! How fast each level is read from memory, beside what the bytes cost at least: `cargo bench -p ecg-mat --bench readers`.
//!
//! `tests/bench.sh` makes a table of it. A group is one job; the benchmark that begins with `floor` is the least that the job needs.
#![allow(clippy::unwrap_used, reason = "a measurement stops at the first surprise")]

use std::hint::black_box;
use std::io::{Cursor, Read};
use std::ops::ControlFlow;
use std::sync::Arc;

use clap::Parser;
use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use ecg_mat::{Limits, MatFile};
use ecg_synth::SynthArgs;
use flate2::read::ZlibDecoder;

/// Samples of int16: 20 minutes of 2 leads at 360 Hz.
const SAMPLES: u64 = 2 * 20 * 60 * 360;

/// Where the stream of a level 5 file begins that holds one compressed variable: the header of the file, the tag of the variable.
const ZLIB_AT: usize = 128 + 8;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: SynthArgs,
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();

    let mut group = group(&mut criterion, "decode MAT");
    for (name, format) in [("level 4", "mat4"), ("level 5", "mat5"), ("level 7.3", "mat73")] {
        let file = recording(format);
        group.bench_function(name, |bencher| bencher.iter(|| read(&file)));
    }
    let numbers: Vec<i16> = (0..SAMPLES).map(|at| (at % 2048) as i16).collect();
    group.bench_function("floor: one memory pass", |bencher| {
        bencher.iter(|| {
            black_box(&numbers)
                .iter()
                .fold(0, |sum: i16, value| sum.wrapping_add(*value))
        });
    });
    group.finish();

    let mut group = self::group(&mut criterion, "decode MAT, compressed");
    let file = recording("mat5-compressed");
    group.bench_function("level 5", |bencher| bencher.iter(|| read(&file)));
    group.bench_function("floor: inflate", |bencher| {
        let mut block = vec![0; 64 * 1024];
        bencher.iter(|| inflate(&file[ZLIB_AT..], &mut block));
    });
    group.finish();
    criterion.final_summary();
}

fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::ElementsAndBytes {
        elements: SAMPLES,
        bytes: 2 * SAMPLES,
    });
    group
}

/// The bytes of a synthetic recording.
fn recording(format: &str) -> Arc<[u8]> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording.mat");
    let words = "--duration 20m --leads 2 --calibration none --format";
    let command = ["synth", path.to_str().unwrap()]
        .into_iter()
        .chain(words.split(' '))
        .chain([format]);
    ecg_synth::run(&Command::parse_from(command).args, &mut |_, _| {}).unwrap();
    std::fs::read(path).unwrap().into()
}

/// Streams every value.
fn read(file: &Arc<[u8]>) {
    let mut mat = MatFile::open(Cursor::new(Arc::clone(file)), Limits::default()).unwrap();
    let mut count = 0;
    mat.read(0, &mut |values| {
        count += black_box(values).len() as u64;
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(count, SAMPLES);
}

fn inflate(stream: &[u8], block: &mut [u8]) -> usize {
    let mut decoder = ZlibDecoder::new(stream);
    let mut bytes = 0;
    loop {
        match decoder.read(block).unwrap() {
            0 => break,
            length => bytes += length,
        }
    }
    assert!(bytes as u64 >= 2 * SAMPLES);
    bytes
}
