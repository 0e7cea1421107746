//! Positioned reads from the file. The length of the file is known, so declared lengths are checked before they are
//! used.

use std::io::{ErrorKind, Read, Seek, SeekFrom};

use crate::error::MatError;

/// A reader of a file and the length of the file in bytes.
pub(crate) struct Source<R> {
    reader: R,
    len: u64,
    position: u64,
}

impl<R: Read + Seek> Source<R> {
    pub(crate) fn new(mut reader: R) -> Result<Self, MatError> {
        let len = reader.seek(SeekFrom::End(0)).map_err(MatError::Io)?;
        Ok(Self {
            reader,
            len,
            position: len,
        })
    }

    /// Returns the length of the file in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn into_parts(self) -> (R, u64) {
        (self.reader, self.len)
    }

    /// Fills `bytes` from `offset`. `what` is the name of the data for an error.
    pub(crate) fn read_exact_at(
        &mut self,
        offset: u64,
        bytes: &mut [u8],
        what: &str,
    ) -> Result<(), MatError> {
        let available = self.len.saturating_sub(offset);
        if (bytes.len() as u64) > available {
            let expected = format!("{} more bytes", bytes.len());
            return Err(MatError::truncated(what, expected, available.to_string(), offset));
        }
        if self.position != offset {
            self.reader.seek(SeekFrom::Start(offset)).map_err(MatError::Io)?;
        }
        // After a failed read the position is unknown, so the next read must seek.
        self.position = u64::MAX;
        self.reader
            .read_exact(bytes)
            .map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof => MatError::truncated(
                    what,
                    format!("{} more bytes", bytes.len()),
                    "the end of the file",
                    offset,
                ),
                _ => MatError::Io(error),
            })?;
        self.position = offset + bytes.len() as u64;
        Ok(())
    }

    /// Returns the first `most` bytes of the file, or all bytes if it has fewer.
    pub(crate) fn head(&mut self, most: usize) -> Result<Vec<u8>, MatError> {
        let mut bytes = vec![0; usize::try_from(self.len).unwrap_or(most).min(most)];
        self.read_exact_at(0, &mut bytes, "file")?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::MatErrorKind;
    use std::io::{self, Cursor};

    /// A reader that reports a larger length than it has, like a file that shrinks while it is read.
    struct Shrinking(Cursor<Vec<u8>>);

    impl Read for Shrinking {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            self.0.read(bytes)
        }
    }

    impl Seek for Shrinking {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            if matches!(to, SeekFrom::End(_)) {
                Ok(1000)
            } else {
                self.0.seek(to)
            }
        }
    }

    #[test]
    fn a_short_read_is_a_truncation_and_not_an_io_error() {
        let mut source = Source::new(Shrinking(Cursor::new(vec![0; 10]))).unwrap();
        let error = source.read_exact_at(4, &mut [0; 100], "val").unwrap_err();
        assert_eq!((error.kind(), error.offset()), (MatErrorKind::Truncated, Some(4)));
    }

    #[test]
    fn reads_are_positioned() {
        let mut source = Source::new(Cursor::new((0..10).collect::<Vec<u8>>())).unwrap();
        let mut two = [0; 2];
        source.read_exact_at(7, &mut two, "x").unwrap();
        assert_eq!(two, [7, 8]);
        source.read_exact_at(0, &mut two, "x").unwrap();
        assert_eq!(two, [0, 1]);
        assert_eq!(source.read_exact_at(9, &mut two, "x").unwrap_err().found(), "1");
    }
}
