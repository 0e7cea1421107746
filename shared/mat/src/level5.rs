//! Level 5: a 128-byte header and a sequence of tagged elements. An element is a matrix (`miMATRIX`) or a
//! zlib stream that inflates to a matrix (`miCOMPRESSED`). A matrix is a sequence of tagged elements:
//! flags, dimensions, name, real values, imaginary values ("MAT-File Format", MathWorks).
//!
//! Cells, structures and other nested arrays are listed, but their content is skipped, so there is no recursion.

use std::io::{Read, Seek};

use crate::error::MatError;
use crate::limits::Limits;
use crate::matrix::{Imaginary, Matrix};
use crate::source::Source;
use crate::stream::{Span, Stream};
use crate::tag::{
    MI_COMPRESSED, MI_INT8, MI_INT32, MI_MATRIX, MI_UINT8, MI_UINT32, MI_UTF8, MI_UTF16, TAG_BYTES, Tag,
};
use crate::values::ByteOrder;
use crate::variable::{Class, NumberType, Variable, checked_product};

const HEADER_BYTES: u64 = 128;

/// Lists the variables of a level 5 file, without reading their values. Only the beginning of a compressed element is
/// inflated.
pub(crate) fn directory<R: Read + Seek>(
    source: &mut Source<R>,
    limits: &Limits,
) -> Result<Vec<(Variable, Option<Matrix>)>, MatError> {
    let mut mark = [0; 2];
    source.read_exact_at(126, &mut mark, "file header")?;
    let order = if &mark == b"IM" {
        ByteOrder::Little
    } else {
        ByteOrder::Big
    };
    let mut variables = Vec::new();
    let mut offset = HEADER_BYTES;
    if source.len() == HEADER_BYTES {
        return Err(MatError::truncated(
            "file",
            "a variable after the header",
            "the end of the file",
            offset,
        ));
    }
    while offset < source.len() {
        if variables.len() == limits.max_variables {
            let expected = format!("at most {} variables", limits.max_variables);
            return Err(MatError::limit("file", expected, "one more", offset));
        }
        let mut tag = [0; 8];
        source.read_exact_at(offset, &mut tag, "element tag")?;
        let [a, b, c, d, e, f, g, h] = tag;
        let (kind, bytes) = (order.u32([a, b, c, d]), u64::from(order.u32([e, f, g, h])));
        let data_at = offset + TAG_BYTES;
        if !matches!(kind, MI_MATRIX | MI_COMPRESSED) {
            let found = format!("element type {kind}");
            return Err(MatError::malformed(
                "element tag",
                "a matrix, compressed or not",
                found,
                offset,
            ));
        }
        if bytes > source.len() - data_at {
            let expected = format!("{bytes} bytes from the element's tag");
            let found = (source.len() - data_at).to_string();
            return Err(MatError::truncated("element", expected, found, data_at));
        }
        let compressed = kind == MI_COMPRESSED;
        // In both cases the stream begins with the tag of the matrix.
        let span = if compressed {
            Span {
                offset: data_at,
                len: bytes,
                compressed,
            }
        } else {
            Span {
                offset,
                len: TAG_BYTES + bytes,
                compressed,
            }
        };
        variables.push(read_matrix(
            &mut Stream::new(source, span, limits),
            span,
            order,
            offset,
            limits,
        )?);
        offset = data_at + bytes;
    }
    Ok(variables)
}

fn read_matrix<R: Read + Seek>(
    stream: &mut Stream<'_, R>,
    span: Span,
    order: ByteOrder,
    offset: u64,
    limits: &Limits,
) -> Result<(Variable, Option<Matrix>), MatError> {
    let outer = Tag::read(stream, order, "element")?;
    if outer.kind != MI_MATRIX || outer.data_at != TAG_BYTES {
        let found = format!("element type {}", outer.kind);
        return Err(MatError::malformed("element", "a matrix", found, offset));
    }
    let stream_bytes = TAG_BYTES + outer.bytes;
    let mut variable = Variable {
        name: String::new(),
        class: Class::Opaque,
        dims: Vec::new(),
        complex: false,
        compressed: span.compressed,
        offset,
    };
    // MATLAB writes an element without content for a variable that it cannot save.
    if outer.bytes == 0 {
        return Ok((variable, None));
    }
    let flags_tag = expect_tag(stream, order, "array flags", &[MI_UINT32, MI_INT32], 8, None)?;
    let mut word = [0; 4];
    stream.fill(&mut word, "array flags")?;
    let flags = order.u32(word);
    stream.skip_to(flags_tag.next, "array flags")?;
    variable.complex = flags & 0x0800 != 0;
    let logical = flags & 0x0200 != 0;
    variable.class = match flags & 0xff {
        1 => Class::Cell,
        2 => Class::Struct,
        3 => Class::Object,
        4 => Class::Char,
        5 => Class::Sparse,
        9 if logical => Class::Logical,
        6 => Class::Number(NumberType::F64),
        7 => Class::Number(NumberType::F32),
        8 => Class::Number(NumberType::I8),
        9 => Class::Number(NumberType::U8),
        10 => Class::Number(NumberType::I16),
        11 => Class::Number(NumberType::U16),
        12 => Class::Number(NumberType::I32),
        13 => Class::Number(NumberType::U32),
        14 => Class::Number(NumberType::I64),
        15 => Class::Number(NumberType::U64),
        16 => Class::Function,
        17 => Class::Opaque,
        class => {
            let found = format!("class {class}");
            return Err(MatError::malformed(
                "array flags",
                "an array class",
                found,
                flags_tag.file_offset,
            ));
        }
    };
    // Opaque arrays have no dimensions between the flags and the name.
    if flags & 0xff != 17 {
        variable.dims = read_dims(stream, order, limits)?;
    }
    variable.name = read_name(stream, order, limits)?;
    // MATLAB stores the content of objects in an array without a name. It is not a variable of the user.
    if variable.name.is_empty() {
        variable.class = Class::Opaque;
    }
    if variable.class.number_type().is_none() && variable.class != Class::Char {
        return Ok((variable, None));
    }
    let Some(count) = checked_product(&variable.dims) else {
        let found = format!("{:?}", variable.dims);
        return Err(MatError::malformed(
            &variable.name,
            "dimensions whose product fits 64 bits",
            found,
            offset,
        ));
    };
    let matrix = Matrix {
        span,
        order,
        storage: NumberType::U8,
        utf: false,
        data_at: stream.position(),
        data_bytes: 0,
        imaginary: Imaginary::None,
        stream_bytes,
    };
    // Some writers omit the values element of an empty array.
    if count == 0 && stream.position() >= stream_bytes {
        return Ok((variable, Some(matrix)));
    }
    let tag = Tag::read(stream, order, &variable.name)?;
    if tag.data_at + tag.bytes > stream_bytes {
        let expected = format!("{} bytes from the tag of its values", tag.bytes);
        let found = format!(
            "{} left in the variable",
            stream_bytes.saturating_sub(tag.data_at)
        );
        return Err(MatError::malformed(
            &variable.name,
            expected,
            found,
            tag.file_offset,
        ));
    }
    let storage = if count == 0 && tag.bytes == 0 {
        NumberType::U8
    } else {
        tag.number_type(&variable.name)?
    };
    // A character in UTF-8 or UTF-16 may have several units, so the length is known only for other types.
    let utf = matches!(tag.kind, MI_UTF8 | MI_UTF16);
    if !(utf && variable.class == Class::Char) {
        tag.expect_bytes(count, storage, &variable.name)?;
    }
    let imaginary = if variable.complex {
        Imaginary::TagAt(tag.next)
    } else {
        Imaginary::None
    };
    let matrix = Matrix {
        storage,
        utf,
        data_at: tag.data_at,
        data_bytes: tag.bytes,
        imaginary,
        ..matrix
    };
    Ok((variable, Some(matrix)))
}

/// Reads the tag of an element that must have one of the given types. Its length must be exactly `bytes`, or at most
/// `bytes` if `limit` is given. `limit` is the expectation in the error.
fn expect_tag<R: Read + Seek>(
    stream: &mut Stream<'_, R>,
    order: ByteOrder,
    what: &str,
    kinds: &[u32],
    bytes: u64,
    limit: Option<String>,
) -> Result<Tag, MatError> {
    let tag = Tag::read(stream, order, what)?;
    if !kinds.contains(&tag.kind) {
        let (expected, found) = (format!("data type {}", kinds[0]), tag.kind.to_string());
        return Err(MatError::malformed(what, expected, found, tag.file_offset));
    }
    match limit {
        Some(limit) if tag.bytes > bytes => Err(MatError::limit(
            what,
            limit,
            format!("{} bytes", tag.bytes),
            tag.file_offset,
        )),
        None if tag.bytes != bytes => Err(MatError::malformed(
            what,
            format!("{bytes} bytes"),
            tag.bytes.to_string(),
            tag.file_offset,
        )),
        _ => Ok(tag),
    }
}

fn read_dims<R: Read + Seek>(
    stream: &mut Stream<'_, R>,
    order: ByteOrder,
    limits: &Limits,
) -> Result<Vec<u64>, MatError> {
    let most = 4 * limits.max_rank as u64;
    let limit = Some(format!("at most {} dimensions", limits.max_rank));
    let tag = expect_tag(stream, order, "dimensions", &[MI_INT32, MI_UINT32], most, limit)?;
    if tag.bytes % 4 != 0 || tag.bytes < 8 {
        let (expected, found) = (
            "two dimensions or more of 4 bytes",
            format!("{} bytes", tag.bytes),
        );
        return Err(MatError::malformed(
            "dimensions",
            expected,
            found,
            tag.file_offset,
        ));
    }
    let mut dims = Vec::new();
    for _ in 0..tag.bytes / 4 {
        let mut word = [0; 4];
        stream.fill(&mut word, "dimensions")?;
        let dim = order.i32(word);
        dims.push(u64::try_from(dim).map_err(|_| {
            MatError::malformed(
                "dimensions",
                "dimensions of 0 or more",
                dim.to_string(),
                tag.file_offset,
            )
        })?);
    }
    stream.skip_to(tag.next, "dimensions")?;
    Ok(dims)
}

fn read_name<R: Read + Seek>(
    stream: &mut Stream<'_, R>,
    order: ByteOrder,
    limits: &Limits,
) -> Result<String, MatError> {
    let limit = Some(format!("a name of at most {} bytes", limits.max_name_bytes));
    let kinds = [MI_INT8, MI_UINT8, MI_UTF8];
    let tag = expect_tag(
        stream,
        order,
        "variable name",
        &kinds,
        limits.max_name_bytes,
        limit,
    )?;
    let mut name = vec![0; usize::try_from(tag.bytes).unwrap_or(0)];
    stream.fill(&mut name, "variable name")?;
    stream.skip_to(tag.next, "variable name")?;
    let name: Vec<u8> = name.into_iter().take_while(|byte| *byte != 0).collect();
    Ok(String::from_utf8_lossy(&name).into_owned())
}
