//! MAT level 4 files made byte by byte, and what stands beside them.

// Not every suite uses every helper; helpers of tests fail the test.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use ecg_core::settings::Settings;

/// One level 4 matrix. `number` is the stored type: 0 double, 3 int16, 2 int32; `text` makes it a char array.
pub(crate) fn matrix(
    name: &str,
    number: u32,
    text: bool,
    dims: [usize; 2],
    complex: bool,
    data: &[u8],
) -> Vec<u8> {
    let header = [
        number * 10 + u32::from(text),
        dims[0] as u32,
        dims[1] as u32,
        u32::from(complex),
        name.len() as u32 + 1,
    ];
    let mut bytes: Vec<u8> = header.into_iter().flat_map(u32::to_le_bytes).collect();
    bytes.extend(name.as_bytes());
    bytes.push(0);
    bytes.extend(data);
    bytes
}

pub(crate) fn int16(name: &str, dims: [usize; 2], values: &[i16]) -> Vec<u8> {
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    matrix(name, 3, false, dims, false, &data)
}

pub(crate) fn int32(name: &str, dims: [usize; 2], values: &[i32]) -> Vec<u8> {
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    matrix(name, 2, false, dims, false, &data)
}

pub(crate) fn double(name: &str, dims: [usize; 2], values: &[f64]) -> Vec<u8> {
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    matrix(name, 0, false, dims, false, &data)
}

pub(crate) fn text(name: &str, value: &str) -> Vec<u8> {
    let data: Vec<u8> = value
        .bytes()
        .flat_map(|byte| f64::from(byte).to_le_bytes())
        .collect();
    matrix(name, 0, true, [1, value.len()], false, &data)
}

pub(crate) fn scalar(name: &str, value: f64) -> Vec<u8> {
    double(name, [1, 1], &[value])
}

/// Flags as the command line gives them.
pub(crate) fn flags(words: &str) -> Settings {
    let mut flags = Settings::default();
    let words: Vec<&str> = words.split_whitespace().collect();
    for pair in words.chunks(2) {
        let numbers = || pair[1].split(',').map(|number| number.parse().unwrap()).collect();
        let texts = || pair[1].split(',').map(str::to_owned).collect();
        match pair[0] {
            "--fs" => flags.sampling_frequency_hz = Some(pair[1].parse().unwrap()),
            "--gain" => flags.gain = numbers(),
            "--baseline" => flags.baseline = numbers(),
            "--units" => flags.units = texts(),
            "--lead-names" => flags.leads = texts(),
            "--variable" => flags.variables = texts(),
            other => panic!("{other}"),
        }
    }
    flags
}

pub(crate) fn metadata(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}
