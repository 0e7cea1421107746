//! MAT level 4: a matrix is a header of five 32-bit numbers, its name and its numbers.
//!
//! Source: "MAT-File Format", The MathWorks, chapter "Level 4 MAT-File Format".

use crate::args::{ByteOrder, Class};
use std::io::{self, Read, Write};

/// The fields of a matrix header that are not sizes.
#[derive(Debug, Clone, Copy)]
pub struct Mat4Type {
    /// Thousands digit: 0 little-endian, 1 big-endian, 2 to 4 VAX and Cray.
    pub machine: i32,
    /// Tens digit: 0 double, 1 single, 2 int32, 3 int16, 4 uint16, 5 uint8.
    pub precision: i32,
    /// Units digit: 0 numbers, 1 text, 2 sparse.
    pub kind: i32,
    /// 1 if an imaginary part follows the real one.
    pub imaginary: i32,
}

/// The precision digit of a class; none for the classes that level 4 does not have.
pub fn precision(class: Class) -> Option<i32> {
    match class {
        Class::Double => Some(0),
        Class::Single => Some(1),
        Class::Int32 => Some(2),
        Class::Int16 => Some(3),
        Class::Uint16 => Some(4),
        Class::Uint8 => Some(5),
        Class::Int8 | Class::Uint32 | Class::Int64 | Class::Uint64 => None,
    }
}

/// Bytes before the numbers of a matrix called `name`.
pub fn header_bytes(name: &str) -> u64 {
    20 + name.len() as u64 + 1
}

/// Writes the header of a matrix. The numbers follow, column by column.
///
/// # Errors
/// Those of the sink.
pub fn write_header(
    sink: &mut dyn Write,
    order: ByteOrder,
    kind: Mat4Type,
    (rows, columns): (i32, i32),
    name: &str,
) -> io::Result<()> {
    let code = kind.machine * 1000 + kind.precision * 10 + kind.kind;
    for field in [code, rows, columns, kind.imaginary, name.len() as i32 + 1] {
        sink.write_all(&match order {
            ByteOrder::Little => field.to_le_bytes(),
            ByteOrder::Big => field.to_be_bytes(),
        })?;
    }
    sink.write_all(name.as_bytes())?;
    sink.write_all(&[0])
}

fn numbers(order: ByteOrder, precision: i32) -> Mat4Type {
    let machine = i32::from(order == ByteOrder::Big);
    Mat4Type {
        machine,
        precision,
        kind: 0,
        imaginary: 0,
    }
}

/// Writes a double scalar.
///
/// # Errors
/// Those of the sink.
pub fn write_double(sink: &mut dyn Write, order: ByteOrder, name: &str, value: f64) -> io::Result<()> {
    write_header(sink, order, numbers(order, 0), (1, 1), name)?;
    sink.write_all(&match order {
        ByteOrder::Little => value.to_le_bytes(),
        ByteOrder::Big => value.to_be_bytes(),
    })
}

/// Writes a text of one or more rows, each padded with blanks to the longest.
///
/// # Errors
/// Those of the sink.
pub fn write_text(sink: &mut dyn Write, order: ByteOrder, name: &str, rows: &[String]) -> io::Result<()> {
    let columns = rows.iter().map(String::len).max().unwrap_or(0);
    let kind = Mat4Type {
        kind: 1,
        ..numbers(order, 5)
    };
    write_header(sink, order, kind, (rows.len() as i32, columns as i32), name)?;
    sink.write_all(&text_columns(rows, columns))
}

/// The characters of `rows`, column by column, padded with blanks.
pub(crate) fn text_columns(rows: &[String], columns: usize) -> Vec<u8> {
    let character = |row: &String, column| row.as_bytes().get(column).copied().unwrap_or(b' ');
    (0..columns)
        .flat_map(|column| rows.iter().map(move |row| character(row, column)))
        .collect()
}

/// Writes a matrix of numbers whose bytes are read from `data`.
///
/// # Errors
/// Those of the sink; `InvalidInput` for a class that level 4 does not have or dimensions above 2^31 - 1.
pub fn write_matrix(
    sink: &mut dyn Write,
    order: ByteOrder,
    name: &str,
    class: Class,
    (rows, columns): (u64, u64),
    data: &mut dyn Read,
) -> io::Result<()> {
    let invalid = |message: String| io::Error::new(io::ErrorKind::InvalidInput, message);
    let precision =
        precision(class).ok_or_else(|| invalid(format!("level 4 has no class {}", class.name())))?;
    let dimension = |value: u64| {
        i32::try_from(value).map_err(|_| invalid(format!("level 4 has no dimension of {value}")))
    };
    write_header(
        sink,
        order,
        numbers(order, precision),
        (dimension(rows)?, dimension(columns)?),
        name,
    )?;
    io::copy(data, sink).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_a_physionet_export() {
        // The first 24 bytes of record 100 of the MIT-BIH Arrhythmia Database, exported, and two samples.
        let mut file = Vec::new();
        let data = [995_i16.to_le_bytes(), 1011_i16.to_le_bytes()].concat();
        let sizes = (2, 650_000);
        write_matrix(
            &mut file,
            ByteOrder::Little,
            "val",
            Class::Int16,
            sizes,
            &mut data.as_slice(),
        )
        .unwrap();
        assert_eq!(
            file[..24],
            *b"\x1e\0\0\0\x02\0\0\0\x10\xeb\x09\0\0\0\0\0\x04\0\0\0val\0"
        );
        assert_eq!(file[24..], data);
        assert_eq!(header_bytes("val"), 24);
    }

    #[test]
    fn big_endian_says_so() {
        let mut file = Vec::new();
        write_double(&mut file, ByteOrder::Big, "fs", 360.0).unwrap();
        assert_eq!(file[..4], 1000_i32.to_be_bytes());
        assert_eq!(file[23..], 360_f64.to_be_bytes());
    }

    #[test]
    fn classes_and_sizes_that_level_4_lacks() {
        let mut none: &[u8] = &[];
        let order = ByteOrder::Little;
        let error = write_matrix(&mut io::sink(), order, "x", Class::Int8, (1, 1), &mut none).unwrap_err();
        assert!(error.to_string().contains("int8"));
        let error =
            write_matrix(&mut io::sink(), order, "x", Class::Int16, (1, 1 << 31), &mut none).unwrap_err();
        assert!(error.to_string().contains("2147483648"));
    }
}
