//! Detects the format of a file from its first bytes. The file name is not used.

use std::fmt;

use crate::error::{Finding, MatError};
use crate::level4;

/// The levels of MAT files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Level 4: a sequence of matrices without a file header. PhysioNet exports this level.
    Mat4,
    /// Level 5 (MATLAB 5 to 7.2): tagged elements, optionally compressed.
    Mat5,
    /// Level 7.3: HDF5 after a 512-byte MATLAB header.
    Mat73,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mat4 => "MAT level 4",
            Self::Mat5 => "MAT level 5",
            Self::Mat73 => "MAT level 7.3",
        })
    }
}

/// The number of bytes that [`sniff`] needs at most.
pub const SNIFF_BYTES: usize = 128;

const HDF5_SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";

/// Returns the format of a file that begins with these bytes, or `None` if it is not a MAT file. `first_bytes` should
/// be the first [`SNIFF_BYTES`] bytes, or the whole file if it is shorter.
pub fn sniff(first_bytes: &[u8]) -> Option<Format> {
    // Levels 5 and 7.3 have a 128-byte header that ends in a version and the characters "MI" as a 16-bit
    // number. The first four bytes of level 4 contain a zero. The text of this header does not.
    if let (Some(&[a, b, c, d]), Some(start)) = (first_bytes.get(124..128), first_bytes.get(..4))
        && !start.contains(&0)
    {
        match (&[a, b, c, d], [c, d]) {
            ([0x00, 0x01, ..], [b'I', b'M']) | ([0x01, 0x00, ..], [b'M', b'I']) => return Some(Format::Mat5),
            ([0x00, 0x02, ..], [b'I', b'M']) | ([0x02, 0x00, ..], [b'M', b'I']) => {
                return Some(Format::Mat73);
            }
            _ => {}
        }
    }
    level4::looks_like_header(first_bytes).then_some(Format::Mat4)
}

/// Returns the error for a file that is not a MAT file, with a description of its first bytes.
pub(crate) fn not_mat(first_bytes: &[u8]) -> MatError {
    let printable = |byte: &u8| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let found = if first_bytes.is_empty() {
        "an empty file".to_owned()
    } else if first_bytes.starts_with(HDF5_SIGNATURE) {
        "an HDF5 file without a MATLAB header".to_owned()
    } else if first_bytes.starts_with(b"PK\x03\x04") {
        "a ZIP archive".to_owned()
    } else if first_bytes.starts_with(b"\x1f\x8b") {
        "a gzip file".to_owned()
    } else if first_bytes.starts_with(b"0       ") {
        // The next bytes say who was recorded, which is nothing for a message.
        "an EDF file".to_owned()
    } else if first_bytes.starts_with(b"\xffBIOSEMI") {
        "a BDF file".to_owned()
    } else if first_bytes.starts_with(b"MATLAB") {
        let version = first_bytes.get(124..128);
        match version {
            Some(bytes) => format!("a MATLAB header with the version bytes {bytes:02x?}"),
            None => format!("a MATLAB header cut off after {} bytes", first_bytes.len()),
        }
    } else if first_bytes.iter().all(printable) {
        let start: Vec<u8> = first_bytes.iter().take(32).copied().collect();
        format!("text that begins with {:?}", String::from_utf8_lossy(&start))
    } else {
        let start = &first_bytes[..first_bytes.len().min(16)];
        format!("bytes that begin with {start:02x?}")
    };
    let finding = Finding::new("file", "a MATLAB MAT file of level 4, 5 or 7.3", found, 0);
    if first_bytes.starts_with(b"MATLAB") && first_bytes.len() < SNIFF_BYTES {
        return MatError::Truncated(finding);
    }
    MatError::NotMat(finding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(tail: [u8; 4]) -> Vec<u8> {
        let mut bytes = b"MATLAB 5.0 MAT-file".to_vec();
        bytes.resize(124, b' ');
        bytes.extend(tail);
        bytes
    }

    #[test]
    fn formats_are_told_from_bytes() {
        assert_eq!(sniff(&header([0, 1, b'I', b'M'])), Some(Format::Mat5));
        assert_eq!(sniff(&header([1, 0, b'M', b'I'])), Some(Format::Mat5));
        assert_eq!(sniff(&header([0, 2, b'I', b'M'])), Some(Format::Mat73));
        assert_eq!(sniff(&header([0, 3, b'I', b'M'])), None);
        let little = [
            30, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, b'v', b'a', b'l', 0,
        ];
        assert_eq!(sniff(&little), Some(Format::Mat4));
        assert_eq!(sniff(b"time,ecg\n0,0.1\n"), None);
        assert_eq!(sniff(&[0; 128]), None);
    }

    #[test]
    fn what_is_not_a_mat_file_is_described() {
        let found = |bytes: &[u8]| not_mat(bytes).found();
        assert_eq!(found(b""), "an empty file");
        assert_eq!(found(b"PK\x03\x04rest"), "a ZIP archive");
        assert_eq!(found(b"0       P017 F 02-MAY-1951"), "an EDF file");
        assert_eq!(found(b"\xffBIOSEMIP017 F 02-MAY-1951"), "a BDF file");
        assert_eq!(
            found(b"time,ecg\n0,0.1\n"),
            "text that begins with \"time,ecg\\n0,0.1\\n\""
        );
        assert_eq!(
            found(b"\x89HDF\r\n\x1a\n"),
            "an HDF5 file without a MATLAB header"
        );
        assert_eq!(found(b"MATLAB 5.0"), "a MATLAB header cut off after 10 bytes");
        assert_eq!(found(&[0xff, 0xd8, 0xff]), "bytes that begin with [ff, d8, ff]");
    }
}
