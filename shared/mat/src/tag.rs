//! The tags of level 5: the data type, length and position of an element ("MAT-File Format", MathWorks).

use std::io::{Read, Seek};

use crate::error::MatError;
use crate::stream::Stream;
use crate::values::ByteOrder;
use crate::variable::NumberType;

pub(crate) const TAG_BYTES: u64 = 8;

pub(crate) const MI_INT8: u32 = 1;
pub(crate) const MI_UINT8: u32 = 2;
pub(crate) const MI_INT32: u32 = 5;
pub(crate) const MI_UINT32: u32 = 6;
pub(crate) const MI_MATRIX: u32 = 14;
pub(crate) const MI_COMPRESSED: u32 = 15;
pub(crate) const MI_UTF8: u32 = 16;
pub(crate) const MI_UTF16: u32 = 17;
const MI_UTF32: u32 = 18;

/// The tag of an element: its data type, its length and the position of its data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tag {
    pub(crate) kind: u32,
    pub(crate) bytes: u64,
    /// The position of the first data byte in the stream.
    pub(crate) data_at: u64,
    /// The position after the element and its padding.
    pub(crate) next: u64,
    pub(crate) file_offset: u64,
}

impl Tag {
    /// Reads a tag. In the small data element format, a tag of 8 bytes contains up to 4 data bytes.
    pub(crate) fn read<R: Read + Seek>(
        stream: &mut Stream<'_, R>,
        order: ByteOrder,
        what: &str,
    ) -> Result<Self, MatError> {
        let (start, file_offset) = (stream.position(), stream.file_offset());
        let mut word = [0; 4];
        stream.fill(&mut word, what)?;
        let first = order.u32(word);
        if first >> 16 != 0 {
            let bytes = u64::from(first >> 16);
            if bytes > 4 {
                let expected = "at most 4 bytes in a small element";
                return Err(MatError::malformed(
                    what,
                    expected,
                    bytes.to_string(),
                    file_offset,
                ));
            }
            let (data_at, next) = (start + 4, start + TAG_BYTES);
            return Ok(Self {
                kind: first & 0xffff,
                bytes,
                data_at,
                next,
                file_offset,
            });
        }
        stream.fill(&mut word, what)?;
        let bytes = u64::from(order.u32(word));
        let data_at = start + TAG_BYTES;
        Ok(Self {
            kind: first,
            bytes,
            data_at,
            next: data_at + bytes.next_multiple_of(8),
            file_offset,
        })
    }

    /// Returns the number type of the element.
    pub(crate) fn number_type(&self, what: &str) -> Result<NumberType, MatError> {
        Ok(match self.kind {
            MI_INT8 => NumberType::I8,
            MI_UINT8 | MI_UTF8 => NumberType::U8,
            3 => NumberType::I16,
            4 | MI_UTF16 => NumberType::U16,
            MI_INT32 => NumberType::I32,
            MI_UINT32 | MI_UTF32 => NumberType::U32,
            7 => NumberType::F32,
            9 => NumberType::F64,
            12 => NumberType::I64,
            13 => NumberType::U64,
            kind => {
                let found = format!("data type {kind}");
                return Err(MatError::malformed(
                    what,
                    "a numeric data type",
                    found,
                    self.file_offset,
                ));
            }
        })
    }

    /// Checks that the element has exactly `count` numbers.
    pub(crate) fn expect_bytes(&self, count: u64, storage: NumberType, what: &str) -> Result<(), MatError> {
        let needed = count.checked_mul(storage.size() as u64);
        if needed != Some(self.bytes) {
            let needed = needed.map_or_else(|| format!("{count} values"), |bytes| format!("{bytes} bytes"));
            let expected = format!("{needed} from the dimensions");
            return Err(MatError::malformed(
                what,
                expected,
                self.bytes.to_string(),
                self.file_offset,
            ));
        }
        Ok(())
    }
}
