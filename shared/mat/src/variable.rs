//! The description of a variable in the directory of a MAT file.

use std::fmt;

/// One variable of a MAT file, listed without its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// The name. Bytes that are not UTF-8 are replaced by U+FFFD.
    pub name: String,
    /// The class of the array.
    pub class: Class,
    /// The dimensions in MATLAB's order (rows, columns, …). Empty for classes without dimensions.
    pub dims: Vec<u64>,
    /// Whether the values are complex numbers.
    pub complex: bool,
    /// Whether the variable is compressed in the file. For level 7.3, whether it is stored in chunks, which may be
    /// compressed.
    pub compressed: bool,
    /// The byte offset of its header in the file.
    pub offset: u64,
}

impl Variable {
    /// Returns the number of values: the product of the dimensions. `None` if it overflows or if there are no
    /// dimensions.
    pub fn value_count(&self) -> Option<u64> {
        value_count(&self.dims)
    }
}

/// Returns the number of values: the product of the dimensions. `None` if it overflows or if there are no dimensions.
pub fn value_count(dims: &[u64]) -> Option<u64> {
    match dims {
        [] => None,
        dims => checked_product(dims),
    }
}

/// Returns the product of the dimensions. It is 0 if any dimension is 0, even if the product of the others overflows.
pub(crate) fn checked_product(dims: &[u64]) -> Option<u64> {
    if dims.contains(&0) {
        return Some(0);
    }
    dims.iter()
        .try_fold(1_u64, |product, dim| product.checked_mul(*dim))
}

/// The class of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Numbers: `double`, `single`, `int8` … `uint64`.
    Number(NumberType),
    /// Logical values, read as `uint8`.
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
    /// Any other class: `table`, `datetime`, `string`, internal data of MATLAB. Listed only.
    Opaque,
}

impl Class {
    /// Returns the type of the values of a read, or `None` for text and for classes that are only listed.
    pub fn number_type(self) -> Option<NumberType> {
        match self {
            Self::Number(number) => Some(number),
            Self::Logical => Some(NumberType::U8),
            _ => None,
        }
    }
}

impl fmt::Display for Class {
    /// Writes MATLAB's name of the class.
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

/// A number type: of a MATLAB class, or of the numbers in a file.
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
    /// IEEE 754 single precision.
    F32,
    /// IEEE 754 double precision.
    F64,
}

impl NumberType {
    /// Returns the size of one number in bytes.
    pub fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }

    /// Returns the type with this MATLAB name.
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
    /// Writes MATLAB's name of the type.
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
