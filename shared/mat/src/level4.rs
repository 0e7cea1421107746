//! Level 4: a sequence of matrices. Each has a 20-byte header, a name, the real values and the imaginary values.
//!
//! The header has five 32-bit integers `type, mrows, ncols, imagf, namlen`. The decimal digits of `type` are MOPT: M is
//! the machine, O is 0, P the number type, T the kind of matrix ("MAT-File Level 4 Format", MathWorks).

use std::io::{Read, Seek};

use crate::error::MatError;
use crate::limits::Limits;
use crate::matrix::{Imaginary, Matrix};
use crate::source::Source;
use crate::stream::Span;
use crate::values::ByteOrder;
use crate::variable::{Class, NumberType, Variable};

const HEADER_BYTES: usize = 20;

/// The integers of a header, and their byte order.
struct Header {
    order: ByteOrder,
    machine: u32,
    zero: u32,
    number: u32,
    kind: u32,
    rows: i32,
    columns: i32,
    imaginary: i32,
    name_bytes: i32,
}

impl Header {
    /// Parses a header. The byte order is the one in which MOPT is less than 5000, because the format has no other
    /// mark of it.
    fn parse(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let (words, _) = bytes.as_chunks::<4>();
        let [mopt, rows, columns, imaginary, name_bytes] = words else {
            return None;
        };
        let order = [ByteOrder::Little, ByteOrder::Big]
            .into_iter()
            .find(|order| order.u32(*mopt) < 5000)?;
        let mopt = order.u32(*mopt);
        Some(Self {
            order,
            machine: mopt / 1000,
            zero: mopt / 100 % 10,
            number: mopt / 10 % 10,
            kind: mopt % 10,
            rows: order.i32(*rows),
            columns: order.i32(*columns),
            imaginary: order.i32(*imaginary),
            name_bytes: order.i32(*name_bytes),
        })
    }

    fn is_plausible(&self) -> bool {
        self.zero == 0
            && self.number <= 5
            && self.kind <= 2
            && self.rows >= 0
            && self.columns >= 0
            && matches!(self.imaginary, 0 | 1)
            && (1..=4096).contains(&self.name_bytes)
    }
}

/// Whether these are the first bytes of a level 4 matrix, also of one that cannot be read (VAX, Cray).
pub(crate) fn looks_like_header(first_bytes: &[u8]) -> bool {
    let Some((bytes, name)) = first_bytes.split_first_chunk::<HEADER_BYTES>() else {
        return false;
    };
    Header::parse(bytes).is_some_and(|header| {
        // Random bytes seldom have a plausible header and a name that does not begin with a control character.
        let name_bytes = usize::try_from(header.name_bytes).unwrap_or(0);
        let name = &name[..name.len().min(name_bytes)];
        header.is_plausible() && name.first().is_none_or(|first| !first.is_ascii_control())
    })
}

/// Lists the matrices of a level 4 file, without reading their values.
pub(crate) fn directory<R: Read + Seek>(
    source: &mut Source<R>,
    limits: &Limits,
) -> Result<Vec<(Variable, Option<Matrix>)>, MatError> {
    let mut variables = Vec::new();
    let mut offset = 0;
    while offset < source.len() {
        if variables.len() == limits.max_variables {
            let expected = format!("at most {} variables", limits.max_variables);
            return Err(MatError::limit("file", expected, "one more", offset));
        }
        let (variable, matrix, end) = read_header(source, offset, limits)?;
        variables.push((variable, matrix));
        offset = end;
    }
    Ok(variables)
}

fn read_header<R: Read + Seek>(
    source: &mut Source<R>,
    offset: u64,
    limits: &Limits,
) -> Result<(Variable, Option<Matrix>, u64), MatError> {
    let mut bytes = [0; HEADER_BYTES];
    source.read_exact_at(offset, &mut bytes, "matrix header")?;
    let header = Header::parse(&bytes);
    let Some(header) = header.filter(Header::is_plausible) else {
        let found = format!("the bytes {bytes:02x?}");
        return Err(MatError::malformed(
            "matrix header",
            "a level 4 matrix header",
            found,
            offset,
        ));
    };
    let machine_order = match header.machine {
        0 => ByteOrder::Little,
        1 => ByteOrder::Big,
        machine => {
            let name = ["", "", "VAX D-float", "VAX G-float", "Cray"]
                .get(machine as usize)
                .unwrap_or(&"unknown");
            let expected = "numbers in IEEE format (machine 0 or 1)";
            return Err(MatError::unsupported(
                "matrix header",
                expected,
                format!("machine {machine} ({name})"),
                offset,
            ));
        }
    };
    if machine_order != header.order {
        let found = format!("machine {} in {:?} byte order", header.machine, header.order);
        return Err(MatError::malformed(
            "matrix header",
            "a machine that fits the byte order",
            found,
            offset,
        ));
    }
    let name_bytes = u64::try_from(header.name_bytes).unwrap_or(0);
    if name_bytes > limits.max_name_bytes {
        let expected = format!("a name of at most {} bytes", limits.max_name_bytes);
        return Err(MatError::limit(
            "matrix header",
            expected,
            name_bytes.to_string(),
            offset,
        ));
    }
    let mut name = vec![0; usize::try_from(name_bytes).unwrap_or(0)];
    source.read_exact_at(offset + HEADER_BYTES as u64, &mut name, "variable name")?;
    let name: Vec<u8> = name.into_iter().take_while(|byte| *byte != 0).collect();
    let name = String::from_utf8_lossy(&name).into_owned();

    let storage = match header.number {
        0 => NumberType::F64,
        1 => NumberType::F32,
        2 => NumberType::I32,
        3 => NumberType::I16,
        4 => NumberType::U16,
        _ => NumberType::U8,
    };
    let class = match header.kind {
        0 => Class::Number(storage),
        1 => Class::Char,
        _ => Class::Sparse,
    };
    let dims = [header.rows, header.columns].map(|dim| u64::try_from(dim).unwrap_or(0));
    let complex = header.imaginary == 1;
    let data_at = HEADER_BYTES as u64 + name_bytes;
    // Two 31-bit dimensions times 8 bytes times 2 can overflow 64 bits.
    let data_bytes = dims[0]
        .checked_mul(dims[1])
        .and_then(|count| count.checked_mul(storage.size() as u64));
    let part_bytes = data_bytes.and_then(|bytes| bytes.checked_mul(1 + u64::from(complex)));
    let end = part_bytes.and_then(|bytes| bytes.checked_add(offset + data_at));
    let (Some(data_bytes), Some(part_bytes), Some(end)) = (data_bytes, part_bytes, end) else {
        let found = format!("{} x {}", dims[0], dims[1]);
        return Err(MatError::malformed(
            &name,
            "dimensions that fit a file",
            found,
            offset,
        ));
    };
    if end > source.len() {
        let found = (source.len() - (offset + data_at)).to_string();
        let expected = format!("{part_bytes} bytes from the header");
        return Err(MatError::truncated(&name, expected, found, offset + data_at));
    }
    let matrix = Matrix {
        span: Span {
            offset,
            len: end - offset,
            compressed: false,
        },
        order: header.order,
        storage,
        utf: false,
        data_at,
        data_bytes,
        imaginary: if complex {
            Imaginary::At(data_at + data_bytes)
        } else {
            Imaginary::None
        },
        stream_bytes: end - offset,
    };
    let variable = Variable {
        name,
        class,
        dims: dims.to_vec(),
        complex,
        compressed: false,
        offset,
    };
    Ok((variable, (class != Class::Sparse).then_some(matrix), end))
}
