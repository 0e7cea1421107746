//! Sequential reads of the bytes of one variable of a level 4 or level 5 file. Compressed bytes are inflated within the
//! limits.

use std::io::{Read, Seek};

use flate2::{Decompress, FlushDecompress, Status};

use crate::error::MatError;
use crate::limits::Limits;
use crate::source::Source;

/// The number of compressed bytes in one read.
const INPUT_BYTES: usize = 64 << 10;

/// The position of the bytes of a variable in the file, and whether they are compressed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    /// The offset of the first byte of the stream in the file.
    pub(crate) offset: u64,
    /// The length of the stream in the file, in bytes.
    pub(crate) len: u64,
    /// Whether the stream is compressed with zlib.
    pub(crate) compressed: bool,
}

/// A sequential reader of a [`Span`]. Positions are offsets in the inflated bytes.
pub(crate) struct Stream<'a, R> {
    source: &'a mut Source<R>,
    span: Span,
    position: u64,
    inflater: Option<Inflater>,
}

struct Inflater {
    state: Decompress,
    input: Vec<u8>,
    /// Start and `end` of the part of `input` that is not yet inflated.
    start: usize,
    end: usize,
    /// The number of bytes of the span that are not yet read into `input`.
    unread: u64,
    ended: bool,
    max_bytes: u64,
    max_ratio: u64,
    free_bytes: u64,
}

impl<'a, R: Read + Seek> Stream<'a, R> {
    pub(crate) fn new(source: &'a mut Source<R>, span: Span, limits: &Limits) -> Self {
        let inflater = span.compressed.then(|| Inflater {
            state: Decompress::new(true),
            input: Vec::new(),
            start: 0,
            end: 0,
            unread: span.len,
            ended: false,
            max_bytes: limits.max_inflated_bytes,
            max_ratio: limits.max_inflation_ratio,
            free_bytes: limits.free_inflated_bytes,
        });
        Self {
            source,
            span,
            position: 0,
            inflater,
        }
    }

    /// Returns the number of bytes read or skipped so far.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Returns the offset in the file of the next byte, for errors. It is exact for an uncompressed stream. For a
    /// compressed stream it is the end of the compressed bytes that were used.
    pub(crate) fn file_offset(&self) -> u64 {
        self.span.offset.saturating_add(match &self.inflater {
            Some(inflater) => inflater.state.total_in(),
            None => self.position,
        })
    }

    /// Fills `bytes` with the next bytes. `what` is the name of the data for an error.
    pub(crate) fn fill(&mut self, bytes: &mut [u8], what: &str) -> Result<(), MatError> {
        if self.inflater.is_some() {
            let got = self.inflate(bytes, what)?;
            if got < bytes.len() {
                let expected = format!("{} more bytes", bytes.len());
                let found = format!("the end of the compressed data after {got}");
                return Err(MatError::truncated(what, expected, found, self.file_offset()));
            }
            return Ok(());
        }
        let left = self.span.len.saturating_sub(self.position);
        if bytes.len() as u64 > left {
            let expected = format!("{} more bytes", bytes.len());
            let found = format!("{left} left in the variable");
            return Err(MatError::malformed(what, expected, found, self.file_offset()));
        }
        self.source.read_exact_at(self.file_offset(), bytes, what)?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    /// Skips bytes up to `position`. For a compressed stream `position` must not be before the current position.
    pub(crate) fn skip_to(&mut self, position: u64, what: &str) -> Result<(), MatError> {
        if self.inflater.is_none() {
            if position > self.span.len {
                let expected = format!("{position} bytes");
                return Err(MatError::malformed(
                    what,
                    expected,
                    self.span.len.to_string(),
                    self.span.offset,
                ));
            }
            self.position = position;
            return Ok(());
        }
        let mut scratch = [0; 4096];
        while self.position < position {
            let step = usize::try_from(position - self.position)
                .unwrap_or(usize::MAX)
                .min(scratch.len());
            self.fill(&mut scratch[..step], what)?;
        }
        Ok(())
    }

    /// Checks that a compressed variable ends at `position`, that its checksum is correct, and that fewer than 8 bytes
    /// follow. An uncompressed variable is not checked.
    pub(crate) fn finish_at(&mut self, position: u64, what: &str) -> Result<(), MatError> {
        if self.inflater.is_none() {
            return Ok(());
        }
        self.skip_to(position, what)?;
        // zlib reads and verifies the checksum only when more output is requested.
        if self.inflate(&mut [0; 1], what)? != 0 {
            let found = "more inflated bytes";
            return Err(MatError::malformed(
                what,
                format!("{position} bytes"),
                found,
                self.file_offset(),
            ));
        }
        let left = self.span.len
            - self
                .file_offset()
                .saturating_sub(self.span.offset)
                .min(self.span.len);
        if left >= 8 {
            let found = format!("{left} bytes after it");
            return Err(MatError::malformed(
                what,
                "the end of the zlib stream",
                found,
                self.file_offset(),
            ));
        }
        Ok(())
    }

    /// Inflates until `bytes` is full or the zlib stream has ended without an error. Returns the number of inflated
    /// bytes.
    fn inflate(&mut self, bytes: &mut [u8], what: &str) -> Result<usize, MatError> {
        let Some(inflater) = &mut self.inflater else {
            return Ok(0);
        };
        let mut filled = 0;
        while filled < bytes.len() && !inflater.ended {
            if inflater.start == inflater.end && inflater.unread > 0 {
                let step = usize::try_from(inflater.unread)
                    .unwrap_or(usize::MAX)
                    .min(INPUT_BYTES);
                inflater.input.resize(step, 0);
                let offset = self.span.offset + (self.span.len - inflater.unread);
                self.source.read_exact_at(offset, &mut inflater.input, what)?;
                (inflater.start, inflater.end) = (0, step);
                inflater.unread -= step as u64;
            }
            let (before_in, before_out) = (inflater.state.total_in(), inflater.state.total_out());
            let input = &inflater.input[inflater.start..inflater.end];
            let status = inflater
                .state
                .decompress(input, &mut bytes[filled..], FlushDecompress::None);
            let used = inflater.state.total_in() - before_in;
            let made = inflater.state.total_out() - before_out;
            inflater.start += usize::try_from(used).unwrap_or(0);
            filled += usize::try_from(made).unwrap_or(0);
            self.position += made;
            let offset = self.span.offset + inflater.state.total_in();
            match status {
                Ok(Status::StreamEnd) => inflater.ended = true,
                Ok(_) if used == 0 && made == 0 && inflater.unread == 0 => {
                    let found = format!("the end of its {} bytes", self.span.len);
                    return Err(MatError::truncated(
                        what,
                        "the rest of the zlib stream",
                        found,
                        offset,
                    ));
                }
                Ok(_) => {}
                Err(_) => {
                    let found = "corrupt data or a wrong checksum";
                    return Err(MatError::malformed(what, "a valid zlib stream", found, offset));
                }
            }
            let (total_in, total_out) = (inflater.state.total_in(), inflater.state.total_out());
            if total_out > inflater.max_bytes {
                let expected = format!("at most {} inflated bytes", inflater.max_bytes);
                return Err(MatError::limit(
                    what,
                    expected,
                    format!("{total_out} and more"),
                    offset,
                ));
            }
            if total_out > inflater.free_bytes && total_out / inflater.max_ratio > total_in {
                let expected = format!(
                    "at most {} inflated bytes per compressed byte",
                    inflater.max_ratio
                );
                let found = format!("{total_out} bytes out of {total_in}");
                return Err(MatError::limit(what, expected, found, offset));
            }
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::MatErrorKind;
    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use std::io::{Cursor, Write};

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read_all(file: Vec<u8>, expect: usize) -> Result<Vec<u8>, MatError> {
        let span = Span {
            offset: 0,
            len: file.len() as u64,
            compressed: true,
        };
        let mut source = Source::new(Cursor::new(file)).unwrap();
        let mut stream = Stream::new(&mut source, span, &Limits::default());
        let mut out = vec![0; expect];
        stream.fill(&mut out, "val")?;
        stream.finish_at(expect as u64, "val")?;
        Ok(out)
    }

    #[test]
    fn inflates_and_checks_the_end() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|n| (n.wrapping_mul(n) >> 7) as u8).collect();
        assert_eq!(read_all(zlib(&bytes), bytes.len()).unwrap(), bytes);
        assert_eq!(
            read_all(zlib(&bytes), bytes.len() - 1).unwrap_err().kind(),
            MatErrorKind::Malformed
        );
        assert_eq!(
            read_all(zlib(&bytes), bytes.len() + 1).unwrap_err().kind(),
            MatErrorKind::Truncated
        );
    }

    #[test]
    fn inflating_stops_at_the_ratio_and_at_the_size() {
        let file = zlib(&vec![0; 1_000_000]);
        let stop = |limits: Limits| {
            let span = Span {
                offset: 0,
                len: file.len() as u64,
                compressed: true,
            };
            let mut source = Source::new(Cursor::new(file.clone())).unwrap();
            let mut stream = Stream::new(&mut source, span, &limits);
            (
                stream.skip_to(1_000_000, "val").unwrap_err().kind(),
                stream.position(),
            )
        };
        let (kind, position) = stop(Limits {
            free_inflated_bytes: 50_000,
            ..Limits::default()
        });
        assert_eq!(kind, MatErrorKind::LimitExceeded);
        assert!((50_000..60_000).contains(&position), "stopped at {position}");
        let (kind, position) = stop(Limits {
            max_inflated_bytes: 10_000,
            ..Limits::default()
        });
        assert_eq!(kind, MatErrorKind::LimitExceeded);
        assert!((10_000..20_000).contains(&position), "stopped at {position}");
    }

    #[test]
    fn a_wrong_checksum_is_found() {
        let mut file = zlib(b"0123456789");
        *file.last_mut().unwrap() ^= 1;
        assert_eq!(read_all(file, 10).unwrap_err().kind(), MatErrorKind::Malformed);
    }

    #[test]
    fn a_missing_checksum_is_found() {
        let mut file = zlib(b"0123456789");
        file.truncate(file.len() - 2);
        assert_eq!(read_all(file, 10).unwrap_err().kind(), MatErrorKind::Truncated);
    }
}
