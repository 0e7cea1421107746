//! A MAT level 4 file with one int16 matrix, read and written without any code of the pipeline.
//!
//! Layout: five little-endian 32-bit integers (type 0030 = little-endian int16 full matrix, rows, columns, imaginary
//! flag, length of the name with its zero byte), the name, then the values column by column. Source: "MAT-File
//! Format", chapter 2, The MathWorks.

const TYPE_INT16: u32 = 30;

/// A matrix of 16-bit integers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// The values column by column.
    pub values: Vec<i16>,
}

impl Matrix {
    /// The values of one row.
    pub fn row(&self, row: usize) -> Vec<i16> {
        self.values.iter().skip(row).step_by(self.rows).copied().collect()
    }
}

/// The first matrix of a file.
pub fn parse(bytes: &[u8]) -> Matrix {
    let number = |at: usize| u32::from_le_bytes(bytes[at * 4..at * 4 + 4].try_into().expect("four bytes"));
    assert_eq!(
        (number(0), number(3)),
        (TYPE_INT16, 0),
        "expected a real little-endian int16 matrix"
    );
    let (rows, columns) = (number(1) as usize, number(2) as usize);
    let start = 20 + number(4) as usize;
    let values = bytes[start..start + rows * columns * 2]
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    Matrix {
        rows,
        columns,
        values,
    }
}

/// A file with the signal `val`, one row per lead.
pub fn write(leads: &[Vec<i16>]) -> Vec<u8> {
    let samples = leads.first().map_or(0, Vec::len);
    assert!(
        leads.iter().all(|lead| lead.len() == samples),
        "leads of one length"
    );
    let mut bytes = Vec::new();
    for number in [TYPE_INT16, leads.len() as u32, samples as u32, 0, 4] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(b"val\0");
    for sample in 0..samples {
        bytes.extend(leads.iter().flat_map(|lead| lead[sample].to_le_bytes()));
    }
    bytes
}
