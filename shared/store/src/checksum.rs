//! Checksums of whole objects that a store keeps, and the verification of streamed bytes against them.
//!
//! S3 stores a checksum of each uploaded object and returns it with the metadata of the object, but not for a range
//! request. A caller that reads all ranges of an object in order can verify them against this checksum. A COMPOSITE
//! checksum, computed from the checksums of the parts, is not supported, because it requires the sizes of the parts.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use crc_fast::CrcAlgorithm;
use sha2::{Digest, Sha256};

/// The algorithm of a checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChecksumAlgorithm {
    /// CRC-64/NVME. S3 computes it if the upload has no checksum.
    Crc64Nvme,
    /// CRC-32 as in zlib (ISO-HDLC).
    Crc32,
    /// CRC-32C (Castagnoli, iSCSI).
    Crc32c,
    /// SHA-256.
    Sha256,
}

/// A checksum of a whole object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum {
    /// The algorithm.
    pub algorithm: ChecksumAlgorithm,
    /// The bytes of the checksum, most significant first, in Base64, as S3 returns it.
    pub base64: String,
}

impl Checksum {
    /// Creates a verifier for this checksum.
    pub fn verifier(&self) -> Verifier {
        let state = match self.algorithm {
            ChecksumAlgorithm::Crc64Nvme => State::Crc(crc_fast::Digest::new(CrcAlgorithm::Crc64Nvme), 8),
            ChecksumAlgorithm::Crc32 => State::Crc(crc_fast::Digest::new(CrcAlgorithm::Crc32IsoHdlc), 4),
            ChecksumAlgorithm::Crc32c => State::Crc(crc_fast::Digest::new(CrcAlgorithm::Crc32Iscsi), 4),
            ChecksumAlgorithm::Sha256 => State::Sha256(Sha256::new()),
        };
        Verifier {
            expected: self.clone(),
            state,
        }
    }
}

/// Verifies streamed bytes against a [`Checksum`].
#[derive(Debug)]
pub struct Verifier {
    expected: Checksum,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The digest, and the length of the checksum in bytes.
    Crc(crc_fast::Digest, usize),
    Sha256(Sha256),
}

impl Verifier {
    /// Adds the next bytes of the object.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Crc(digest, _) => digest.update(bytes),
            State::Sha256(digest) => digest.update(bytes),
        }
    }

    /// Verifies that the bytes have the expected checksum.
    ///
    /// # Errors
    /// A message with both checksums, if they differ.
    pub fn finish(self) -> Result<(), String> {
        let found = match self.state {
            State::Crc(digest, length) => {
                BASE64_STANDARD.encode(&digest.finalize().to_be_bytes()[8 - length..])
            }
            State::Sha256(digest) => BASE64_STANDARD.encode(digest.finalize()),
        };
        let Checksum { algorithm, base64 } = self.expected;
        if found == base64 {
            Ok(())
        } else {
            Err(format!(
                "{algorithm:?}: expected {base64} as the store keeps it, found {found}"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check values for `123456789`: from the catalogue of CRC algorithms (reveng.sourceforge.io), and SHA-256.
    #[test]
    fn known_values() {
        for (algorithm, base64) in [
            (ChecksumAlgorithm::Crc64Nvme, "rosUhgp5mIg="),
            (ChecksumAlgorithm::Crc32, "y/Q5Jg=="),
            (ChecksumAlgorithm::Crc32c, "4waSgw=="),
            (
                ChecksumAlgorithm::Sha256,
                "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
            ),
        ] {
            let check = |bytes: &[u8]| {
                let mut verifier = Checksum {
                    algorithm,
                    base64: base64.to_owned(),
                }
                .verifier();
                // In several pieces, as in a stream.
                for piece in bytes.chunks(4) {
                    verifier.update(piece);
                }
                verifier.finish()
            };
            assert_eq!(check(b"123456789"), Ok(()), "{algorithm:?}");
            let wrong = check(b"123456788").unwrap_err();
            assert!(wrong.contains(base64), "{wrong}");
        }
    }
}
