//! Blocks of values, and the conversion of stored numbers to the class of a variable.
//!
//! MATLAB stores an array in the smallest type that can hold its values, so a `double` may be stored as `uint8`. The
//! caller always gets values of the class. A stored value that an integer class cannot hold is an error. A
//! floating-point class rounds.

use std::ops::ControlFlow;

use crate::error::MatError;
use crate::variable::NumberType;

/// The maximum number of values in one block.
pub const BLOCK_VALUES: usize = 8192;

/// The function of the caller that receives each block and returns whether to continue.
pub(crate) type Sink<'s> = &'s mut dyn FnMut(Values<'_>) -> ControlFlow<()>;

/// One block of consecutive values of a variable, in the variable's class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Values<'a> {
    /// `int8`
    I8(&'a [i8]),
    /// `uint8` and `logical`
    U8(&'a [u8]),
    /// `int16`
    I16(&'a [i16]),
    /// `uint16`
    U16(&'a [u16]),
    /// `int32`
    I32(&'a [i32]),
    /// `uint32`
    U32(&'a [u32]),
    /// `int64`
    I64(&'a [i64]),
    /// `uint64`
    U64(&'a [u64]),
    /// `single`
    F32(&'a [f32]),
    /// `double`
    F64(&'a [f64]),
}

/// Runs the same expression on the slice of every variant.
macro_rules! for_each_type {
    ($values:expr, $slice:ident => $body:expr) => {
        match $values {
            Values::I8($slice) => $body,
            Values::U8($slice) => $body,
            Values::I16($slice) => $body,
            Values::U16($slice) => $body,
            Values::I32($slice) => $body,
            Values::U32($slice) => $body,
            Values::I64($slice) => $body,
            Values::U64($slice) => $body,
            Values::F32($slice) => $body,
            Values::F64($slice) => $body,
        }
    };
}

impl Values<'_> {
    /// Returns the number of values in the block.
    pub fn len(&self) -> usize {
        for_each_type!(self, slice => slice.len())
    }

    /// Whether the block is empty. The reader never returns an empty block.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends the values to `out` as `f64`. The conversion is exact except for integers above 2^53.
    pub fn to_f64(&self, out: &mut Vec<f64>) {
        for_each_type!(self, slice => out.extend(slice.iter().map(|value| value.as_f64())));
    }

    /// Appends the values to `out` as little-endian bytes.
    pub fn to_le_bytes(&self, out: &mut Vec<u8>) {
        for_each_type!(self, slice => slice.iter().for_each(|value| out.extend(value.to_le_bytes())));
    }
}

/// The byte order of the numbers in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    pub(crate) fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    pub(crate) fn i32(self, bytes: [u8; 4]) -> i32 {
        match self {
            Self::Little => i32::from_le_bytes(bytes),
            Self::Big => i32::from_be_bytes(bytes),
        }
    }
}

/// An intermediate value for a conversion, which can hold a number of any type.
pub(crate) enum Wide {
    Integer(i128),
    Float(f64),
}

/// A number type of MAT files.
pub(crate) trait Number: Copy + PartialEq + Default + 'static {
    const TYPE: NumberType;
    fn wrap(slice: &[Self]) -> Values<'_>;
    fn as_f64(self) -> f64;
    fn widen(self) -> Wide;
    /// Converts a number to this type. Returns `None` if an integer type cannot hold it. A float type rounds.
    fn narrow(wide: Wide) -> Option<Self>;
    fn decode(bytes: &[u8], order: ByteOrder, out: &mut Vec<Self>);
}

macro_rules! number {
    ($type:ty, $variant:ident, $widen:expr, $narrow:expr) => {
        impl Number for $type {
            const TYPE: NumberType = NumberType::$variant;
            fn wrap(slice: &[Self]) -> Values<'_> {
                Values::$variant(slice)
            }
            fn as_f64(self) -> f64 {
                self as f64
            }
            fn widen(self) -> Wide {
                $widen(self)
            }
            fn narrow(wide: Wide) -> Option<Self> {
                $narrow(wide)
            }
            fn decode(bytes: &[u8], order: ByteOrder, out: &mut Vec<Self>) {
                let (numbers, _) = bytes.as_chunks::<{ size_of::<$type>() }>();
                out.clear();
                match order {
                    ByteOrder::Little => out.extend(numbers.iter().map(|n| <$type>::from_le_bytes(*n))),
                    ByteOrder::Big => out.extend(numbers.iter().map(|n| <$type>::from_be_bytes(*n))),
                }
            }
        }
    };
}

macro_rules! integer {
    ($type:ty, $variant:ident) => {
        number!(
            $type,
            $variant,
            |value| Wide::Integer(i128::from(value)),
            |wide| match wide {
                Wide::Integer(value) => <$type>::try_from(value).ok(),
                // A float outside `i128` saturates, and then does not fit into the type.
                Wide::Float(value) if value.fract() == 0.0 => <$type>::try_from(value as i128).ok(),
                Wide::Float(_) => None,
            }
        );
    };
}

integer!(i8, I8);
integer!(u8, U8);
integer!(i16, I16);
integer!(u16, U16);
integer!(i32, I32);
integer!(u32, U32);
integer!(i64, I64);
integer!(u64, U64);
number!(f32, F32, |value| Wide::Float(f64::from(value)), |wide| Some(
    match wide {
        Wide::Integer(value) => value as f32,
        Wide::Float(value) => value as f32,
    }
));
number!(f64, F64, Wide::Float, |wide| Some(match wide {
    Wide::Integer(value) => value as f64,
    Wide::Float(value) => value,
}));

/// Runs the same generic code for the Rust type of a [`NumberType`].
macro_rules! with_number_type {
    ($number_type:expr, $name:ident => $body:expr) => {
        match $number_type {
            $crate::variable::NumberType::I8 => {
                type $name = i8;
                $body
            }
            $crate::variable::NumberType::U8 => {
                type $name = u8;
                $body
            }
            $crate::variable::NumberType::I16 => {
                type $name = i16;
                $body
            }
            $crate::variable::NumberType::U16 => {
                type $name = u16;
                $body
            }
            $crate::variable::NumberType::I32 => {
                type $name = i32;
                $body
            }
            $crate::variable::NumberType::U32 => {
                type $name = u32;
                $body
            }
            $crate::variable::NumberType::I64 => {
                type $name = i64;
                $body
            }
            $crate::variable::NumberType::U64 => {
                type $name = u64;
                $body
            }
            $crate::variable::NumberType::F32 => {
                type $name = f32;
                $body
            }
            $crate::variable::NumberType::F64 => {
                type $name = f64;
                $body
            }
        }
    };
}
pub(crate) use with_number_type;

/// Converts stored numbers to the class of the variable and passes them to the sink in blocks.
pub(crate) fn deliver<S: Number>(
    stored: &[S],
    class: NumberType,
    name: &str,
    sink: Sink<'_>,
) -> Result<ControlFlow<()>, MatError> {
    for block in stored.chunks(BLOCK_VALUES) {
        let flow = if S::TYPE == class {
            sink(S::wrap(block))
        } else if class == NumberType::F64 {
            let converted: Vec<f64> = block.iter().map(|value| value.as_f64()).collect();
            sink(Values::F64(&converted))
        } else {
            with_number_type!(class, C => sink(C::wrap(&convert::<S, C>(block, name)?)))
        };
        if flow.is_break() {
            return Ok(flow);
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn convert<S: Number, C: Number>(block: &[S], name: &str) -> Result<Vec<C>, MatError> {
    block
        .iter()
        .map(|value| {
            C::narrow(value.widen()).ok_or_else(|| {
                let (class, found) = (C::TYPE, value.as_f64());
                MatError::malformed(name, format!("values of class {class}"), format!("{found}"), None)
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn as_class<S: Number>(stored: &[S], class: NumberType) -> Result<Vec<f64>, MatError> {
        let mut out = Vec::new();
        let flow = deliver(stored, class, "val", &mut |values| {
            values.to_f64(&mut out);
            ControlFlow::Continue(())
        })?;
        assert!(flow.is_continue());
        Ok(out)
    }

    #[test]
    fn narrow_storage_becomes_the_class() {
        assert_eq!(as_class(&[1_u8, 255], NumberType::F64).unwrap(), [1.0, 255.0]);
        assert_eq!(as_class(&[1_i16, -7], NumberType::F32).unwrap(), [1.0, -7.0]);
        assert_eq!(as_class(&[200_i32], NumberType::U8).unwrap(), [200.0]);
    }

    #[test]
    fn a_value_that_the_class_can_not_hold_is_an_error() {
        assert!(as_class(&[300_i32], NumberType::U8).is_err());
        assert!(as_class(&[-1_i8], NumberType::U64).is_err());
        assert!(as_class(&[0.5_f64], NumberType::I16).is_err());
        assert!(as_class(&[f64::NAN], NumberType::I16).is_err());
        assert!(as_class(&[f64::INFINITY], NumberType::I64).is_err());
    }

    #[test]
    fn blocks_are_bounded_and_a_break_stops() {
        let stored = vec![0_i16; 3 * BLOCK_VALUES];
        let mut sizes = Vec::new();
        let flow = deliver(&stored, NumberType::I16, "val", &mut |values| {
            sizes.push(values.len());
            if sizes.len() == 2 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        assert!(flow.unwrap().is_break());
        assert_eq!(sizes, [BLOCK_VALUES; 2]);
    }
}
