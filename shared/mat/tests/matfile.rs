//! Agreement with the crate `matfile`, an independent reader of level 5, where it reads at all.
//! (It knows no level 4, no 7.3, and fails on a whole file that holds an int32 array.)
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::io::Cursor;
use std::ops::ControlFlow;

use common::{level5, level5_compressed, level5_matrix_of};
use ecg_mat::{Limits, MatFile};
use matfile::NumericData;

/// Class and stored data type of level 5, by number.
const CLASSES: &[(&str, u8, u32, usize)] = &[
    ("double", 6, 9, 8),
    ("single", 7, 7, 4),
    ("int8", 8, 1, 1),
    ("uint8", 9, 2, 1),
    ("int16", 10, 3, 2),
    ("uint16", 11, 4, 2),
    ("uint32", 13, 6, 4),
    ("int64", 14, 12, 8),
    ("uint64", 15, 13, 8),
    ("double stored as uint8", 6, 2, 1),
    ("double stored as int16", 6, 3, 2),
];

fn bits_by_matfile(file: &[u8]) -> (Vec<usize>, Vec<u64>) {
    let file = matfile::MatFile::parse(file).unwrap();
    let array = file.find_by_name("val").unwrap();
    fn bits<T: Copy>(values: &[T], bits: fn(T) -> u64) -> Vec<u64> {
        values.iter().map(|value| bits(*value)).collect()
    }
    let values = match array.data() {
        NumericData::Int8 { real, .. } => bits(real, |value| value as u64),
        NumericData::UInt8 { real, .. } => bits(real, u64::from),
        NumericData::Int16 { real, .. } => bits(real, |value| value as u64),
        NumericData::UInt16 { real, .. } => bits(real, u64::from),
        NumericData::Int32 { real, .. } => bits(real, |value| value as u64),
        NumericData::UInt32 { real, .. } => bits(real, u64::from),
        NumericData::Int64 { real, .. } => bits(real, |value| value as u64),
        NumericData::UInt64 { real, .. } => real.clone(),
        NumericData::Single { real, .. } => bits(real, |value| u64::from(value.to_bits())),
        NumericData::Double { real, .. } => bits(real, f64::to_bits),
    };
    (array.size().clone(), values)
}

fn bits_by_us(file: &[u8]) -> (Vec<usize>, Vec<u64>) {
    use ecg_mat::Values::{F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};
    let mut file = MatFile::open(Cursor::new(file.to_vec()), Limits::default()).unwrap();
    let dims = file.variables()[0].dims.iter().map(|dim| *dim as usize).collect();
    let mut bits: Vec<u64> = Vec::new();
    file.read(0, &mut |values| {
        match values {
            I8(values) => bits.extend(values.iter().map(|value| *value as u64)),
            U8(values) => bits.extend(values.iter().map(|value| u64::from(*value))),
            I16(values) => bits.extend(values.iter().map(|value| *value as u64)),
            U16(values) => bits.extend(values.iter().map(|value| u64::from(*value))),
            I32(values) => bits.extend(values.iter().map(|value| *value as u64)),
            U32(values) => bits.extend(values.iter().map(|value| u64::from(*value))),
            I64(values) => bits.extend(values.iter().map(|value| *value as u64)),
            U64(values) => bits.extend(values),
            F32(values) => bits.extend(values.iter().map(|value| u64::from(value.to_bits()))),
            F64(values) => bits.extend(values.iter().map(|value| value.to_bits())),
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    (dims, bits)
}

#[test]
fn values_equal_those_of_matfile() {
    for (name, class, stored, size) in CLASSES {
        for dims in [[2, 9000], [9000, 2], [1, 1], [3, 5]] {
            let count = (dims[0] * dims[1]) as usize;
            // Every byte value, so that sign, width and order show. No NaN: its bits may change on a copy.
            let data: Vec<u8> = (0..count * size)
                .map(|n| (n.wrapping_mul(37) >> 3) as u8 & 0x7f | (0x80 * (n % 2) as u8))
                .collect();
            let matrix = level5_matrix_of(*class, *stored, "val", &dims, &data);
            for file in [level5(&matrix), level5_compressed(&matrix)] {
                let ours = bits_by_us(&file);
                assert_eq!(ours.1.len(), count, "{name} {dims:?}");
                assert!(ours == bits_by_matfile(&file), "{name} {dims:?}");
            }
        }
    }
}
