//! Checksums that a store keeps of a whole object, and the way to check bytes against one while they stream by.
//!
//! S3 computes one of each object that is uploaded, and tells it with the object's metadata; for a range it sends none. So
//! whoever reads an object in ranges from end to end can still know that it was the right bytes. A checksum *of the parts'
//! checksums* (type COMPOSITE) says nothing without the borders of the parts and is not one of these.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use crc_fast::CrcAlgorithm;
use sha2::{Digest, Sha256};

/// How a checksum is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChecksumAlgorithm {
    /// CRC-64/NVME: what S3 computes itself where the uploader sends none.
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
    /// How it is computed.
    pub algorithm: ChecksumAlgorithm,
    /// Its bytes, most significant first, in Base64: the form in which S3 tells it.
    pub base64: String,
}

impl Checksum {
    /// Begins a check.
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

/// Bytes on their way, checked against a [`Checksum`] at the end.
#[derive(Debug)]
pub struct Verifier {
    expected: Checksum,
    state: State,
}

#[derive(Debug)]
enum State {
    /// And how many bytes the checksum has.
    Crc(crc_fast::Digest, usize),
    Sha256(Sha256),
}

impl Verifier {
    /// Takes the next bytes of the object.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Crc(digest, _) => digest.update(bytes),
            State::Sha256(digest) => digest.update(bytes),
        }
    }

    /// Whether these were the bytes of the object.
    ///
    /// # Errors
    /// A sentence with both checksums.
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

    /// The check values of the catalogue of CRC algorithms (reveng.sourceforge.io) and of FIPS 180, for `123456789`.
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
                // In pieces, as they come.
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
