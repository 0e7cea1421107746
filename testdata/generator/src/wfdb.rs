//! WFDB signal files of format 212: samples of 12 bits, two in three bytes. (Format 16 is the samples as they are.)
//!
//! Source: signal(5) of the WFDB Applications Guide, <https://physionet.org/physiotools/wag/signal-5.htm>.

use std::io::{self, Read, Write};

/// The value of a missing sample.
const MISSING: i16 = -2048;

/// Packs samples of little-endian int16. An odd number of them ends with two bytes.
///
/// # Errors
/// Those of both sides.
pub fn write_212(sink: &mut dyn Write, data: &mut dyn Read) -> io::Result<()> {
    let sample = |bytes: &[u8]| match i16::from_le_bytes([bytes[0], bytes[1]]) {
        i16::MIN => MISSING,
        value => value,
    };
    let mut block = Vec::new();
    loop {
        block.clear();
        // Whole pairs; only the last block is shorter.
        Read::take(&mut *data, 1 << 14).read_to_end(&mut block)?;
        if block.is_empty() {
            return Ok(());
        }
        for pair in block.chunks(4) {
            let first = sample(&pair[..2]);
            match pair.get(2..4).map(sample) {
                Some(second) => {
                    let high = (first >> 8) & 0x0f | (second >> 4) & 0xf0;
                    sink.write_all(&[first as u8, high as u8, second as u8])?;
                }
                None => sink.write_all(&[first as u8, ((first >> 8) & 0x0f) as u8])?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_guide() {
        let packed = |samples: &[i16]| {
            let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            let mut file = Vec::new();
            write_212(&mut file, &mut bytes.as_slice()).unwrap();
            file
        };
        // The first bytes of record 100 of the MIT-BIH Arrhythmia Database.
        assert_eq!(packed(&[995, 1011]), [0xe3, 0x33, 0xf3]);
        assert_eq!(packed(&[1, -2, i16::MIN]), [0x01, 0xf0, 0xfe, 0x00, 0x08]);
        assert!(packed(&[]).is_empty());
    }
}
