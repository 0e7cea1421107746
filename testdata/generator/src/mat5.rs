//! MAT level 5: a 128-byte file header, then tagged elements, each of which may be zlib data.
//!
//! Source: "MAT-File Format", The MathWorks, chapter "Level 5 MAT-File Format". The crate `matfile`
//! reads this format but does not write it.

use crate::args::{ByteOrder, Class};
use crate::mat4::text_columns;
use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, TDEFLStatus, compress_to_output, create_comp_flags_from_zip_params,
};
use std::io::{self, Read, Seek, SeekFrom, Write};

const MI_INT8: u32 = 1;
const MI_UINT16: u32 = 4;
const MI_INT32: u32 = 5;
const MI_UINT32: u32 = 6;
const MI_MATRIX: u32 = 14;
const MI_COMPRESSED: u32 = 15;
/// Array class of text.
pub const MX_CHAR: u8 = 4;

/// Array class and storage type of numbers.
pub fn codes(class: Class) -> (u8, u32) {
    match class {
        Class::Double => (6, 9),
        Class::Single => (7, 7),
        Class::Int8 => (8, 1),
        Class::Uint8 => (9, 2),
        Class::Int16 => (10, 3),
        Class::Uint16 => (11, 4),
        Class::Int32 => (12, 5),
        Class::Uint32 => (13, 6),
        Class::Int64 => (14, 12),
        Class::Uint64 => (15, 13),
    }
}

/// Writes one level 5 file.
#[derive(Debug)]
pub struct Mat5Writer<W> {
    sink: W,
    order: ByteOrder,
    compressed: bool,
}

impl<W: Write + Seek> Mat5Writer<W> {
    /// Writes the file header.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn new(mut sink: W, order: ByteOrder, compressed: bool) -> io::Result<Self> {
        let mut header = [b' '; 128];
        let text = b"MATLAB 5.0 MAT-file, synthetic ECG recording by ecg-synth";
        header[..text.len()].copy_from_slice(text);
        // No subsystem data.
        header[116..124].fill(0);
        header[124..126].copy_from_slice(&bytes16(order, 0x0100));
        header[126..128].copy_from_slice(&bytes16(order, u16::from_be_bytes(*b"MI")));
        sink.write_all(&header)?;
        Ok(Self {
            sink,
            order,
            compressed,
        })
    }

    /// Writes a double scalar.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn double(&mut self, name: &str, value: f64) -> io::Result<()> {
        let mut bytes = Vec::new();
        crate::samples::encode(value, Class::Double, self.order, &mut bytes);
        self.matrix(name, Class::Double, &[1, 1], &mut bytes.as_slice())
    }

    /// Writes a text of one or more rows, each padded with blanks to the longest.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn text(&mut self, name: &str, rows: &[String]) -> io::Result<()> {
        let columns = rows.iter().map(String::len).max().unwrap_or(0);
        let data: Vec<u8> = text_columns(rows, columns)
            .into_iter()
            .flat_map(|character| bytes16(self.order, u16::from(character)))
            .collect();
        let dimensions = [rows.len() as u32, columns as u32];
        let bytes = data.len() as u32;
        self.array(
            name,
            u32::from(MX_CHAR),
            &dimensions,
            MI_UINT16,
            bytes,
            &mut data.as_slice(),
        )
    }

    /// Writes an array of numbers whose bytes, in the byte order of the file, are read from `data`.
    ///
    /// # Errors
    /// Those of the sink; `InvalidInput` if the array does not fit a 32-bit length.
    pub fn matrix(
        &mut self,
        name: &str,
        class: Class,
        dimensions: &[u64],
        data: &mut dyn Read,
    ) -> io::Result<()> {
        let too_large = || {
            let message = format!(
                "a level 5 array of {dimensions:?} {} does not fit 4 GiB",
                class.name()
            );
            io::Error::new(io::ErrorKind::InvalidInput, message)
        };
        let sizes: Vec<u32> = dimensions
            .iter()
            .map(|size| u32::try_from(*size).map_err(|_| too_large()))
            .collect::<Result<_, _>>()?;
        let count = dimensions
            .iter()
            .try_fold(1_u64, |product, size| product.checked_mul(*size));
        let bytes = count
            .and_then(|count| count.checked_mul(class.bytes() as u64))
            .filter(|bytes| *bytes < u64::from(u32::MAX) - 1024)
            .ok_or_else(too_large)? as u32;
        let (mx, mi) = codes(class);
        self.array(name, u32::from(mx), &sizes, mi, bytes, data)
    }

    /// Writes any array with one data element: `flags` is the class with flag bits (0x0800 is complex), and
    /// `data` gives `data_bytes` bytes. Nothing is checked: malformed fixtures are made with it.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn array(
        &mut self,
        name: &str,
        flags: u32,
        dimensions: &[u32],
        storage: u32,
        data_bytes: u32,
        data: &mut dyn Read,
    ) -> io::Result<()> {
        let order = self.order;
        let mut head = Vec::new();
        tag(&mut head, order, MI_UINT32, 8);
        head.extend(bytes32(order, flags));
        head.extend(bytes32(order, 0));
        tag(&mut head, order, MI_INT32, 4 * dimensions.len() as u32);
        head.extend(dimensions.iter().flat_map(|size| bytes32(order, *size)));
        pad(&mut head);
        tag(&mut head, order, MI_INT8, name.len() as u32);
        head.extend(name.as_bytes());
        pad(&mut head);
        tag(&mut head, order, storage, data_bytes);
        let padding = data_bytes.next_multiple_of(8) - data_bytes;
        let mut matrix = Vec::new();
        tag(
            &mut matrix,
            order,
            MI_MATRIX,
            head.len() as u32 + data_bytes + padding,
        );
        matrix.extend(head);
        let tail = [0_u8; 8];
        let mut whole = io::Cursor::new(matrix)
            .chain(data)
            .chain(&tail[..padding as usize]);
        self.element(&mut whole)
    }

    /// Writes an element that `bytes` holds with its tag, compressed if the file is.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn element(&mut self, bytes: &mut dyn Read) -> io::Result<()> {
        if !self.compressed {
            return io::copy(bytes, &mut self.sink).map(drop);
        }
        let start = self.sink.stream_position()?;
        let mut place = Vec::new();
        tag(&mut place, self.order, MI_COMPRESSED, 0);
        self.sink.write_all(&place)?;
        let written = deflate(bytes, &mut self.sink)?;
        let length = u32::try_from(written).map_err(|_| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{written} compressed bytes exceed 4 GiB"),
            )
        })?;
        // The length is known only now.
        self.sink.seek(SeekFrom::Start(start + 4))?;
        self.sink.write_all(&bytes32(self.order, length))?;
        self.sink.seek(SeekFrom::End(0)).map(drop)
    }

    /// The sink, at the end of the file.
    pub fn into_inner(self) -> W {
        self.sink
    }
}

fn bytes16(order: ByteOrder, value: u16) -> [u8; 2] {
    match order {
        ByteOrder::Little => value.to_le_bytes(),
        ByteOrder::Big => value.to_be_bytes(),
    }
}

fn bytes32(order: ByteOrder, value: u32) -> [u8; 4] {
    match order {
        ByteOrder::Little => value.to_le_bytes(),
        ByteOrder::Big => value.to_be_bytes(),
    }
}

fn tag(out: &mut Vec<u8>, order: ByteOrder, kind: u32, bytes: u32) {
    out.extend(bytes32(order, kind));
    out.extend(bytes32(order, bytes));
}

fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(8), 0);
}

/// Compresses all of `source` into zlib data and returns their length. Memory is bounded.
fn deflate(source: &mut dyn Read, sink: &mut dyn Write) -> io::Result<u64> {
    // On noisy samples level 3 is smaller than 6 and more than twice as fast.
    const LEVEL: i32 = 3;
    const ZLIB_WINDOW_BITS: i32 = 15;
    const DEFAULT_STRATEGY: i32 = 0;
    let flags = create_comp_flags_from_zip_params(LEVEL, ZLIB_WINDOW_BITS, DEFAULT_STRATEGY);
    let mut compressor = Box::new(CompressorOxide::new(flags));
    let mut buffer = vec![0_u8; 1 << 16];
    let mut written = 0_u64;
    let mut result = Ok(());
    loop {
        let count = source.read(&mut buffer)?;
        let flush = if count == 0 {
            TDEFLFlush::Finish
        } else {
            TDEFLFlush::None
        };
        let (status, _) = compress_to_output(&mut compressor, &buffer[..count], flush, |bytes| {
            written += bytes.len() as u64;
            result = sink.write_all(bytes);
            result.is_ok()
        });
        std::mem::replace(&mut result, Ok(()))?;
        match status {
            TDEFLStatus::Done => return Ok(written),
            TDEFLStatus::Okay if count > 0 => {}
            other => return Err(io::Error::other(format!("deflate stopped with {other:?}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(order: ByteOrder, compressed: bool) -> Vec<u8> {
        let mut writer = Mat5Writer::new(io::Cursor::new(Vec::new()), order, compressed).unwrap();
        writer.double("fs", 360.0).unwrap();
        let mut data = Vec::new();
        for number in [1.0, -2.0, 300.0] {
            crate::samples::encode(number, Class::Int16, order, &mut data);
        }
        writer
            .matrix("val", Class::Int16, &[1, 3], &mut data.as_slice())
            .unwrap();
        writer.into_inner().into_inner()
    }

    #[test]
    fn an_independent_reader_agrees() {
        for order in [ByteOrder::Little, ByteOrder::Big] {
            for compressed in [false, true] {
                let read = matfile::MatFile::parse(file(order, compressed).as_slice()).unwrap();
                let values = read.find_by_name("val").unwrap();
                assert_eq!(*values.size(), [1, 3]);
                let matfile::NumericData::Int16 { real, imag: None } = values.data() else {
                    panic!("{order:?} {compressed}: {:?}", values.data())
                };
                assert_eq!(*real, [1, -2, 300]);
                let matfile::NumericData::Double { real, .. } = read.find_by_name("fs").unwrap().data()
                else {
                    panic!("fs is not double")
                };
                assert_eq!(*real, [360.0]);
            }
        }
    }

    #[test]
    fn elements_are_multiples_of_eight_bytes() {
        assert_eq!(file(ByteOrder::Little, false).len() % 8, 0);
    }

    #[test]
    fn an_array_above_four_gigabytes_is_refused() {
        let mut writer = Mat5Writer::new(io::Cursor::new(Vec::new()), ByteOrder::Little, false).unwrap();
        let error = writer
            .matrix("val", Class::Double, &[2, 300_000_000], &mut io::empty())
            .unwrap_err();
        assert!(error.to_string().contains("4 GiB"), "{error}");
    }
}
