//! Writers of small MAT files, for tests that need a file exactly so.
#![allow(dead_code)] // Each test binary uses some of them.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

pub(crate) fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A level 4 matrix of int16.
pub(crate) fn level4(name: &str, rows: i32, columns: i32, values: &[i16]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in [30, rows, columns, 0, name.len() as i32 + 1] {
        bytes.extend(i32::to_le_bytes(word));
    }
    bytes.extend(name.bytes().chain([0]));
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

/// The header of a level 5 file.
pub(crate) fn level5_header() -> Vec<u8> {
    let mut bytes = b"MATLAB 5.0 MAT-file, written for a test".to_vec();
    bytes.resize(124, b' ');
    bytes.extend([0, 1, b'I', b'M']);
    bytes
}

/// An element with its tag and padding.
pub(crate) fn element(kind: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = tag(kind, data.len() as u32);
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

pub(crate) fn tag(kind: u32, bytes: u32) -> Vec<u8> {
    [kind.to_le_bytes(), bytes.to_le_bytes()].concat()
}

/// A level 5 matrix element of int16, not compressed, with any dimensions.
pub(crate) fn level5_matrix(name: &str, dims: &[i32], values: &[i16]) -> Vec<u8> {
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    level5_matrix_of(10, 3, name, dims, &data)
}

/// A level 5 matrix element of the class with number `class`, stored as data type `stored`.
pub(crate) fn level5_matrix_of(class: u8, stored: u32, name: &str, dims: &[i32], data: &[u8]) -> Vec<u8> {
    let mut body = element(6, &[class, 0, 0, 0, 0, 0, 0, 0]);
    body.extend(element(
        5,
        &dims.iter().flat_map(|dim| dim.to_le_bytes()).collect::<Vec<u8>>(),
    ));
    body.extend(element(1, name.as_bytes()));
    body.extend(element(stored, data));
    element(14, &body)
}

/// A level 5 file of one matrix.
pub(crate) fn level5(matrix: &[u8]) -> Vec<u8> {
    [level5_header(), matrix.to_vec()].concat()
}

/// A level 5 file of one matrix, compressed.
pub(crate) fn level5_compressed(matrix: &[u8]) -> Vec<u8> {
    let packed = zlib(matrix);
    [level5_header(), tag(15, packed.len() as u32), packed].concat()
}
