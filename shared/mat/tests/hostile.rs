//! Files made to hurt: each is refused with a typed error (or listed harmlessly) within 64 MB of memory.
//!
//! One test, because the allocator that counts is shared by everything in this binary.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::io::Cursor;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{element, level4, level5, level5_compressed, level5_header, level5_matrix, tag};
use ecg_mat::{Limits, MatError, MatErrorKind, MatFile};
use flate2::{Compress, Compression, FlushCompress};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const MEMORY: usize = 64 << 20;
const GIB: u32 = 1 << 30;

/// Opens the file and reads everything in it.
fn read_everything(file: Vec<u8>) -> Result<u64, MatError> {
    let mut file = MatFile::open(Cursor::new(file), Limits::default())?;
    let mut count = 0;
    for index in 0..file.variables().len() {
        file.text(index)?;
        if file.variables()[index].class.number_type().is_some() {
            file.read(index, &mut |values| {
                count += values.len() as u64;
                ControlFlow::Continue(())
            })?;
        }
    }
    Ok(count)
}

/// A compressed level 5 element: `start`, then a GiB of zeros. The GiB is never in memory: one deflated
/// MiB, which refers to nothing before it, is repeated.
fn bomb(start: &[u8]) -> Vec<u8> {
    let mut packed = vec![0x78, 0xda];
    packed.extend(deflated_for_repetition(start));
    packed.extend(deflated_for_repetition(&vec![0; 1 << 20]).repeat(GIB as usize >> 20));
    packed.extend([0x03, 0x00]);
    // Adler-32: `a` sums the bytes, `b` sums `a`.
    let modulus = 65521_u64;
    let (mut a, mut b) = (1, 0);
    for byte in start {
        a = (a + u64::from(*byte)) % modulus;
        b = (b + a) % modulus;
    }
    b = (b + a * u64::from(GIB)) % modulus;
    packed.extend(((b << 16 | a) as u32).to_be_bytes());
    [level5_header(), tag(15, packed.len() as u32), packed].concat()
}

fn deflated_for_repetition(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(bytes.len() + 64);
    let mut compress = Compress::new(Compression::best(), false);
    compress
        .compress_vec(bytes, &mut packed, FlushCompress::Full)
        .unwrap();
    assert_eq!(compress.total_in(), bytes.len() as u64);
    packed
}

/// The beginning of a matrix of this class up to the tag of its values, which declares `bytes`.
fn matrix_start(class: u8, dims: &[i32], bytes: u32) -> Vec<u8> {
    let mut body = element(6, &[class, 0, 0, 0, 0, 0, 0, 0]);
    body.extend(element(
        5,
        &dims.iter().flat_map(|dim| dim.to_le_bytes()).collect::<Vec<u8>>(),
    ));
    body.extend(element(1, b"val"));
    let declared = body.len() as u32 + 8 + bytes;
    [tag(14, declared), body, tag(2, bytes)].concat()
}

fn flags_and(rest: &[u8]) -> Vec<u8> {
    let body = [element(6, &[9, 0, 0, 0, 0, 0, 0, 0]), rest.to_vec()].concat();
    [tag(14, body.len() as u32 + 1024), body].concat()
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data")
            .join(name),
    )
    .unwrap()
}

/// The contiguous fixture with its 100 rows declared to be `rows`.
fn level73_rows(rows: u64) -> Vec<u8> {
    let mut file = fixture("contiguous.mat");
    let shape = [100_u64.to_le_bytes(), 2_u64.to_le_bytes()].concat();
    let places: Vec<usize> = (0..file.len() - shape.len())
        .filter(|place| file[*place..].starts_with(&shape))
        .collect();
    assert!(!places.is_empty());
    for place in places {
        file[place..place + 8].copy_from_slice(&rows.to_le_bytes());
    }
    file
}

#[test]
fn hostile_files_are_refused_within_64_megabytes() {
    use MatErrorKind::{LimitExceeded, Malformed, Truncated};
    type Case = (&'static str, fn() -> Vec<u8>, Option<MatErrorKind>);
    let cases: &[Case] = &[
        (
            "a bomb that says so",
            || bomb(&matrix_start(9, &[1, GIB as i32], GIB)),
            Some(LimitExceeded),
        ),
        (
            "a bomb behind one value",
            || bomb(&level5_matrix("val", &[1, 1], &[7])),
            Some(Malformed),
        ),
        (
            "a bomb of text",
            || bomb(&matrix_start(4, &[1, GIB as i32], GIB)),
            Some(LimitExceeded),
        ),
        (
            "a bomb in a cell is listed, not read",
            || bomb(&matrix_start(1, &[1, 1], GIB)),
            None,
        ),
        (
            "a bomb for a name",
            || bomb(&flags_and(&[element(5, &[0; 8]), tag(1, GIB)].concat())),
            Some(LimitExceeded),
        ),
        (
            "a bomb of dimensions",
            || bomb(&flags_and(&tag(5, GIB))),
            Some(LimitExceeded),
        ),
        (
            "level 4 dimensions of 2^31",
            || level4("val", i32::MAX, i32::MAX, &[1]),
            Some(Truncated),
        ),
        (
            "level 4 name of 2^31",
            || {
                let mut file = level4("val", 1, 1, &[1]);
                file[16..20].copy_from_slice(&i32::MAX.to_le_bytes());
                file
            },
            Some(MatErrorKind::NotMat),
        ),
        (
            "second level 4 name of 4000",
            || {
                let mut second = level4("val", 1, 1, &[1]);
                second[16..20].copy_from_slice(&4000_i32.to_le_bytes());
                [level4("a", 1, 1, &[1]), second].concat()
            },
            Some(LimitExceeded),
        ),
        (
            "a hundred thousand variables",
            || level4("v", 1, 1, &[1]).repeat(100_000),
            Some(LimitExceeded),
        ),
        (
            "dimensions that overflow",
            || level5(&level5_matrix("val", &[i32::MAX; 4], &[1])),
            Some(Malformed),
        ),
        (
            "negative dimensions",
            || level5(&level5_matrix("val", &[-1, 1], &[1])),
            Some(Malformed),
        ),
        (
            "a million dimensions",
            || level5(&level5_matrix("val", &vec![1; 1_000_000], &[1])),
            Some(LimitExceeded),
        ),
        (
            "fewer values than dimensions",
            || level5(&level5_matrix("val", &[2, 2], &[1])),
            Some(Malformed),
        ),
        (
            "more values than dimensions",
            || level5(&level5_matrix("val", &[1, 1], &[1, 2])),
            Some(Malformed),
        ),
        (
            "an element of 4 GB",
            || [level5_header(), tag(14, u32::MAX)].concat(),
            Some(Truncated),
        ),
        (
            "values of 4 GB",
            || {
                let mut file = level5(&level5_matrix("val", &[1, 9], &[1; 9]));
                let place = file.len() - 24 - 4;
                assert_eq!(file[place..place + 4], 18_u32.to_le_bytes());
                file[place..place + 4].copy_from_slice(&u32::MAX.to_le_bytes());
                file
            },
            Some(Malformed),
        ),
        (
            "compressed in compressed",
            || level5_compressed(&element(15, &level5_matrix("val", &[1, 1], &[1]))),
            Some(Malformed),
        ),
        (
            "cells a thousand deep are listed",
            || {
                let mut inner = level5_matrix("val", &[1, 1], &[1]);
                for _ in 0..1000 {
                    let mut body = element(6, &[1, 0, 0, 0, 0, 0, 0, 0]);
                    body.extend(element(5, &[1, 0, 0, 0, 1, 0, 0, 0]));
                    body.extend(element(1, b"cell"));
                    body.extend(inner);
                    inner = element(14, &body);
                }
                level5(&inner)
            },
            None,
        ),
        (
            "HDF5 of 10^18 values",
            || fixture("absurd_dimensions.mat"),
            Some(LimitExceeded),
        ),
        (
            "HDF5 of two billion zeros",
            || fixture("two_billion_zeros.mat"),
            Some(LimitExceeded),
        ),
        (
            "HDF5 with a chunk of 16 MiB",
            || fixture("large_chunk.mat"),
            Some(LimitExceeded),
        ),
        ("HDF5 never written", || fixture("unwritten.mat"), Some(Truncated)),
        (
            "HDF5 rows beyond the file",
            || level73_rows(100_000),
            Some(Malformed),
        ),
        ("HDF5 rows of 2^40", || level73_rows(1 << 40), Some(LimitExceeded)),
        (
            "HDF5 rows that overflow",
            || level73_rows(u64::MAX),
            Some(Malformed),
        ),
    ];
    let mut failures = Vec::new();
    for (name, build, expected) in cases {
        let file = build();
        let before = ALLOCATOR.current_usage();
        ALLOCATOR.reset_peak_usage();
        let start = Instant::now();
        let result = read_everything(file);
        let (memory, elapsed) = (ALLOCATOR.peak_usage().saturating_sub(before), start.elapsed());
        println!(
            "{name}: {} kB, {elapsed:?}: {:?}",
            memory >> 10,
            result.as_ref().map_err(ToString::to_string)
        );
        if result.as_ref().err().map(MatError::kind) != *expected {
            failures.push(format!("{name}: {result:?}, expected {expected:?}"));
        }
        if memory > MEMORY || elapsed > Duration::from_secs(10) {
            failures.push(format!("{name}: {memory} bytes, {elapsed:?}"));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
