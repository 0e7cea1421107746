//! Small files of each format, cut at every byte and damaged at every byte.
//!
//! A cut file is a typed error: never a panic, never a success with less. A damaged byte may go
//! unnoticed where the format has no checksum, but what is delivered must still be complete.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::io::Cursor;
use std::ops::ControlFlow;
use std::panic::catch_unwind;
use std::path::Path;

use common::{level4, level5, level5_compressed, level5_matrix};
use ecg_mat::{Format, Limits, MatError, MatErrorKind, MatFile};

const VALUES: usize = 200;

fn files() -> Vec<(&'static str, Format, Vec<u8>)> {
    let values: Vec<i16> = (-100..100).collect();
    let matrix = level5_matrix("val", &[2, 100], &values);
    let fixture = |name: &str| {
        std::fs::read(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/data")
                .join(name),
        )
        .unwrap()
    };
    vec![
        ("level 4", Format::Mat4, level4("val", 2, 100, &values)),
        ("level 5", Format::Mat5, level5(&matrix)),
        ("level 5 compressed", Format::Mat5, level5_compressed(&matrix)),
        ("level 7.3 contiguous", Format::Mat73, fixture("contiguous.mat")),
        ("level 7.3 deflate", Format::Mat73, fixture("deflate.mat")),
    ]
}

/// Reads every variable and says how many values came. A variable that comes short fails the test.
fn read_everything(bytes: Vec<u8>) -> Result<u64, MatError> {
    let mut file = MatFile::open(Cursor::new(bytes), Limits::default())?;
    let mut total = 0;
    for index in 0..file.variables().len() {
        file.text(index)?;
        if file.variables()[index].class.number_type().is_none() {
            continue;
        }
        let mut count = 0;
        file.read(index, &mut |values| {
            count += values.len() as u64;
            ControlFlow::Continue(())
        })?;
        assert_eq!(
            Some(count),
            file.variables()[index].value_count(),
            "{:?}",
            file.variables()[index]
        );
        total += count;
    }
    Ok(total)
}

#[test]
fn the_whole_files_are_read() {
    for (name, format, bytes) in files() {
        let file = MatFile::open(Cursor::new(bytes.clone()), Limits::default()).unwrap();
        assert_eq!(file.format(), format, "{name}");
        assert_eq!(file.variables()[0].dims, [2, 100], "{name}");
        assert_eq!(read_everything(bytes).unwrap(), VALUES as u64, "{name}");
    }
}

#[test]
fn a_file_cut_at_any_byte_is_an_error() {
    for (name, _, bytes) in files() {
        let mut kinds = std::collections::BTreeMap::new();
        for length in 0..bytes.len() {
            let cut = bytes[..length].to_vec();
            let result = catch_unwind(|| read_everything(cut))
                .unwrap_or_else(|_| panic!("{name} cut to {length} bytes panicked"));
            let error = result
                .map(|count| format!("{name} cut to {length}: {count} values"))
                .unwrap_err();
            assert!(!error.is_transient(), "{name} cut to {length}: {error}");
            *kinds.entry(format!("{:?}", error.kind())).or_insert(0) += 1;
        }
        println!("{name}: {kinds:?}");
    }
}

#[test]
fn a_damaged_byte_never_panics() {
    for (name, _, bytes) in files() {
        let (mut refused, mut read) = (0, 0);
        for place in 0..bytes.len() {
            let damages = [
                0x00,
                0xff,
                !bytes[place],
                bytes[place] ^ 0x01,
                bytes[place] ^ 0x80,
                bytes[place].wrapping_add(1),
            ];
            for damage in damages {
                let mut damaged = bytes.clone();
                damaged[place] = damage;
                let result = catch_unwind(|| read_everything(damaged))
                    .unwrap_or_else(|_| panic!("{name} with {damage:#04x} at {place} panicked"));
                match result {
                    Ok(_) => read += 1,
                    Err(error) => {
                        assert_ne!(
                            error.kind(),
                            MatErrorKind::Io,
                            "{name}, {damage:#04x} at {place}: {error}"
                        );
                        refused += 1;
                    }
                }
            }
        }
        println!("{name}: {refused} refused, {read} read");
    }
}

#[test]
fn several_damages_at_once_never_panic() {
    // Deterministic, so that a failure names a seed that fails again.
    for (name, _, bytes) in files() {
        for seed in 0..4000_u64 {
            let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let mut next = || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state
            };
            let mut damaged = bytes.clone();
            for _ in 0..1 + next() % 8 {
                let place = (next() % damaged.len() as u64) as usize;
                damaged[place] = next() as u8;
            }
            catch_unwind(|| read_everything(damaged).is_ok())
                .unwrap_or_else(|_| panic!("{name}, seed {seed}"));
        }
    }
}
