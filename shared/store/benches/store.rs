//! What the local store and catalog take, beside the bare calls of the operating system; and the hashes of an upload beside one pass
//! over memory: `cargo bench -p ecg-store --bench store`.
//!
//! `tests/bench.sh` makes a table of it. A group is one job; the benchmark that begins with `floor` is the least that the job needs.
#![allow(clippy::unwrap_used, reason = "a measurement stops at the first surprise")]

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{Read, Write};
use std::path::Path;

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use ecg_store::{
    Catalog, Checksum, ChecksumAlgorithm, ColumnSpec, LocalCatalog, LocalStore, Location, Store, TableSpec,
};
use md5::{Digest, Md5};
use sha2::Sha256;
use tokio::runtime::Runtime;

/// A recording of ten seconds and one lead.
const SMALL: usize = 7_224;

/// A part of a day's recording.
const LARGE: usize = 16 << 20;

/// In what pieces large objects are read and written.
const PIECE: usize = 1 << 20;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = Runtime::new().unwrap();
    hashes(&mut criterion);
    small_objects(&mut criterion, &runtime);
    large_objects(&mut criterion, &runtime);
    catalog(&mut criterion, &runtime);
    criterion.final_summary();
}

fn hashes(criterion: &mut Criterion) {
    let bytes = pattern(LARGE);
    let mut group = criterion.benchmark_group("hash");
    group.throughput(Throughput::Bytes(LARGE as u64));
    group.bench_function("MD5", |bencher| bencher.iter(|| Md5::digest(black_box(&bytes))));
    group.bench_function("SHA-256", |bencher| {
        bencher.iter(|| Sha256::digest(black_box(&bytes)));
    });
    let checksum = Checksum {
        algorithm: ChecksumAlgorithm::Crc64Nvme,
        base64: String::new(),
    };
    group.bench_function("CRC-64/NVME", |bencher| {
        bencher.iter(|| {
            let mut verifier = checksum.verifier();
            verifier.update(black_box(&bytes));
            verifier.finish().is_ok()
        });
    });
    group.bench_function("floor: one memory pass", |bencher| {
        bencher.iter(|| {
            let (words, _) = black_box(&bytes).as_chunks::<8>();
            words
                .iter()
                .fold(0_u64, |sum, word| sum.wrapping_add(u64::from_le_bytes(*word)))
        });
    });
    group.finish();
}

fn small_objects(criterion: &mut Criterion, runtime: &Runtime) {
    let folder = tempfile::tempdir().unwrap();
    let bytes = pattern(SMALL);
    for (bucket, versioned) in [("work", false), ("local", true)] {
        let store = LocalStore::open(folder.path().join("lake"), ["local"]).unwrap();
        let location = Location::new(bucket, "recording/object");
        let name = if versioned {
            "put 7 KB, versioned"
        } else {
            "put 7 KB"
        };
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(1));
        group.bench_function("local store", |bencher| {
            bencher.iter(|| runtime.block_on(store.put(&location, bytes.clone())).unwrap());
        });
        group.bench_function("floor: write, rename", |bencher| {
            bencher.iter(|| write_and_rename(folder.path(), &bytes));
        });
        group.finish();

        let name = if versioned {
            "get 7 KB, versioned"
        } else {
            "get 7 KB"
        };
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(1));
        group.bench_function("local store", |bencher| {
            bencher.iter(|| runtime.block_on(store.get(&location, u64::MAX)).unwrap());
        });
        write_and_rename(folder.path(), &bytes);
        group.bench_function("floor: read a file", |bencher| {
            bencher.iter(|| fs::read(folder.path().join("file")).unwrap());
        });
        group.finish();
    }
}

fn large_objects(criterion: &mut Criterion, runtime: &Runtime) {
    let folder = tempfile::tempdir().unwrap();
    let bytes = pattern(LARGE);
    let store = LocalStore::open(folder.path().join("lake"), ["local"]).unwrap();
    let location = Location::new("work", "recording/object");
    let mut group = criterion.benchmark_group("write 16 MB in pieces");
    group.throughput(Throughput::Bytes(LARGE as u64));
    group.bench_function("local store", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let mut upload = store.begin_upload(&location).await.unwrap();
                for from in (0..LARGE).step_by(PIECE) {
                    upload.write(bytes.slice(from..from + PIECE)).await.unwrap();
                }
                upload.finish().await.unwrap()
            })
        });
    });
    group.bench_function("floor: write, rename", |bencher| {
        bencher.iter(|| write_and_rename(folder.path(), &bytes));
    });
    group.finish();

    let mut group = criterion.benchmark_group("read 16 MB in pieces");
    group.throughput(Throughput::Bytes(LARGE as u64));
    group.bench_function("local store", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let pinned = store.head(&location).await.unwrap().location;
                for from in (0..LARGE as u64).step_by(PIECE) {
                    let piece = store.get_range(&pinned, from..from + PIECE as u64).await;
                    assert_eq!(piece.unwrap().len(), PIECE);
                }
            });
        });
    });
    group.bench_function("floor: read a file", |bencher| {
        let mut piece = vec![0; PIECE];
        bencher.iter(|| {
            let mut file = File::open(folder.path().join("file")).unwrap();
            while file.read(&mut piece).unwrap() > 0 {}
        });
    });
    group.finish();
}

fn catalog(criterion: &mut Criterion, runtime: &Runtime) {
    let folder = tempfile::tempdir().unwrap();
    let catalog = LocalCatalog::open(folder.path().join("catalog")).unwrap();
    let column = |name: &str| ColumnSpec::new(name, "string", "a column");
    let spec = TableSpec {
        database: "ecg".to_owned(),
        name: "segments".to_owned(),
        comment: "a table".to_owned(),
        columns: (0..40)
            .map(|number| column(&format!("column_{number}")))
            .collect(),
        partition_keys: vec![column("dt")],
        location: "processed/segments".to_owned(),
    };
    let (values, location) = (["2026-11-26".to_owned()], "processed/segments/dt=2026-11-26");
    runtime
        .block_on(catalog.ensure_tables("ecg", "a database", std::slice::from_ref(&spec)))
        .unwrap();
    runtime
        .block_on(catalog.ensure_partition(&spec, &values, location))
        .unwrap();
    let mut group = criterion.benchmark_group("catalog: a known partition");
    group.throughput(Throughput::Elements(1));
    group.bench_function("local catalog", |bencher| {
        bencher.iter(|| {
            let known = runtime.block_on(catalog.has_partition(&spec, &values));
            assert!(known.unwrap());
        });
    });
    write_and_rename(folder.path(), &pattern(SMALL));
    group.bench_function("floor: read a file", |bencher| {
        bencher.iter(|| fs::read(folder.path().join("file")).unwrap());
    });
    group.finish();
}

/// Bytes that no compression of a file system makes small.
fn pattern(bytes: usize) -> Bytes {
    let mut state = 1_u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

/// What a write that is whole or not at all takes at least; the file `file` of the folder holds the bytes then.
fn write_and_rename(folder: &Path, bytes: &[u8]) {
    let temporary = folder.join("temporary");
    let mut file = File::create(&temporary).unwrap();
    file.write_all(bytes).unwrap();
    fs::rename(&temporary, folder.join("file")).unwrap();
}
