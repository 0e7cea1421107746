//! What the directory of a MAT file says about a variable.

use std::fmt;

/// One variable of a MAT file, as listed without reading its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// The name it had in MATLAB. Bytes that are not UTF-8 are replaced.
    pub name: String,
    /// What kind of array it is.
    pub class: Class,
    /// Dimensions in MATLAB's order (rows, columns, …). Empty for kinds that have none.
    pub dims: Vec<u64>,
    /// Whether every value has an imaginary part.
    pub complex: bool,
    /// Whether its bytes are compressed in the file.
    pub compressed: bool,
    /// Byte offset in the file at which its header begins.
    pub offset: u64,
}

impl Variable {
    /// Product of the dimensions: the number of values. None where it overflows or there are no dimensions.
    pub fn value_count(&self) -> Option<u64> {
        value_count(&self.dims)
    }
}

/// Product of the dimensions: the number of values. None where it overflows or there are no dimensions.
pub fn value_count(dims: &[u64]) -> Option<u64> {
    match dims {
        [] => None,
        dims => checked_product(dims),
    }
}

/// The product of dimensions. A zero anywhere makes it zero, however large the others are.
pub(crate) fn checked_product(dims: &[u64]) -> Option<u64> {
    if dims.contains(&0) {
        return Some(0);
    }
    dims.iter()
        .try_fold(1_u64, |product, dim| product.checked_mul(*dim))
}

/// What kind of array a variable is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Numbers: `double`, `single`, `int8` … `uint64`.
    Number(NumberType),
    /// Truth values, read as `uint8`.
    Logical,
    /// Text.
    Char,
    /// Sparse matrix. Listed only.
    Sparse,
    /// Structure array. Listed only.
    Struct,
    /// Cell array. Listed only.
    Cell,
    /// Object of a class. Listed only.
    Object,
    /// Function handle. Listed only.
    Function,
    /// Anything else: `table`, `datetime`, `string`, MATLAB's own workspace. Listed only.
    Opaque,
}

impl Class {
    /// The type of the values that reading gives, or None for kinds that are only listed and for text.
    pub fn number_type(self) -> Option<NumberType> {
        match self {
            Self::Number(number) => Some(number),
            Self::Logical => Some(NumberType::U8),
            _ => None,
        }
    }
}

impl fmt::Display for Class {
    /// MATLAB's name of the class.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number(number) => return number.fmt(f),
            Self::Logical => "logical",
            Self::Char => "char",
            Self::Sparse => "sparse",
            Self::Struct => "struct",
            Self::Cell => "cell",
            Self::Object => "object",
            Self::Function => "function",
            Self::Opaque => "opaque",
        })
    }
}

/// The type of one number, of a class in MATLAB or as stored in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NumberType {
    /// 8-bit signed integer.
    I8,
    /// 8-bit unsigned integer.
    U8,
    /// 16-bit signed integer.
    I16,
    /// 16-bit unsigned integer.
    U16,
    /// 32-bit signed integer.
    I32,
    /// 32-bit unsigned integer.
    U32,
    /// 64-bit signed integer.
    I64,
    /// 64-bit unsigned integer.
    U64,
    /// IEEE 754 single.
    F32,
    /// IEEE 754 double.
    F64,
}

impl NumberType {
    /// Bytes of one number.
    pub fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }

    /// The type that MATLAB calls by this name.
    pub(crate) fn from_matlab(name: &str) -> Option<Self> {
        Some(match name {
            "int8" => Self::I8,
            "uint8" => Self::U8,
            "int16" => Self::I16,
            "uint16" => Self::U16,
            "int32" => Self::I32,
            "uint32" => Self::U32,
            "int64" => Self::I64,
            "uint64" => Self::U64,
            "single" => Self::F32,
            "double" => Self::F64,
            _ => return None,
        })
    }
}

impl fmt::Display for NumberType {
    /// MATLAB's name of the type.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::I8 => "int8",
            Self::U8 => "uint8",
            Self::I16 => "int16",
            Self::U16 => "uint16",
            Self::I32 => "int32",
            Self::U32 => "uint32",
            Self::I64 => "int64",
            Self::U64 => "uint64",
            Self::F32 => "single",
            Self::F64 => "double",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zero_dimension_wins_over_an_overflow() {
        assert_eq!(checked_product(&[u64::MAX, 2, 0]), Some(0));
        assert_eq!(checked_product(&[u64::MAX, 2]), None);
        assert_eq!(checked_product(&[2, 650_000]), Some(1_300_000));
    }
}
