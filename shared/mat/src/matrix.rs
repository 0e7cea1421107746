//! A dense array of a level 4 or level 5 file: the position of its values, and the code that streams them.

use std::io::{Read, Seek};
use std::ops::ControlFlow;

use crate::error::MatError;
use crate::limits::Limits;
use crate::source::Source;
use crate::stream::{Span, Stream};
use crate::tag::Tag;
use crate::values::{BLOCK_VALUES, ByteOrder, Number, Sink, deliver, with_number_type};
use crate::variable::NumberType;

/// The position of the values of a dense array. Positions are byte offsets in the (inflated) stream of `span`.
#[derive(Debug, Clone)]
pub(crate) struct Matrix {
    pub(crate) span: Span,
    pub(crate) order: ByteOrder,
    /// The number type of the stored real part.
    pub(crate) storage: NumberType,
    /// Whether the stored numbers are UTF-8 or UTF-16 code units. A character may have several of them.
    pub(crate) utf: bool,
    pub(crate) data_at: u64,
    pub(crate) data_bytes: u64,
    pub(crate) imaginary: Imaginary,
    /// The length of the inflated stream in bytes.
    pub(crate) stream_bytes: u64,
}

/// The position of the imaginary part.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Imaginary {
    /// The array is real.
    None,
    /// The position of the values, which have the number type of the real part (level 4).
    At(u64),
    /// The position of the tag (level 5).
    TagAt(u64),
}

/// A part of a complex array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The real part. A real variable has only this part.
    Real,
    /// The imaginary part of a complex variable.
    Imaginary,
}

impl Matrix {
    /// Streams the values that `what` requests.
    pub(crate) fn read<R: Read + Seek>(
        &self,
        source: &mut Source<R>,
        limits: &Limits,
        what: Request<'_>,
        sink: Sink<'_>,
    ) -> Result<(), MatError> {
        self.refuse_bomb(limits, what.name)?;
        let mut stream = Stream::new(source, self.span, limits);
        let (storage, start) = match (what.part, self.imaginary) {
            (Part::Real, _) => (self.storage, self.data_at),
            (Part::Imaginary, Imaginary::At(position)) => (self.storage, position),
            (Part::Imaginary, Imaginary::TagAt(position)) => {
                stream.skip_to(position, what.name)?;
                let tag = Tag::read(&mut stream, self.order, what.name)?;
                let storage = tag.number_type(what.name)?;
                tag.expect_bytes(what.count, storage, what.name)?;
                (storage, tag.data_at)
            }
            (Part::Imaginary, Imaginary::None) => {
                let found = "a real variable";
                return Err(MatError::unsupported(
                    what.name,
                    "a complex variable",
                    found,
                    self.span.offset,
                ));
            }
        };
        stream.skip_to(start, what.name)?;
        let flow = with_number_type!(storage, S => self.stream_values::<S, R>(&mut stream, what, sink)?);
        if flow.is_continue() {
            stream.finish_at(self.stream_bytes, what.name)?;
        }
        Ok(())
    }

    /// Rejects a compressed variable that declares more bytes than the limits allow, before it is inflated.
    fn refuse_bomb(&self, limits: &Limits, name: &str) -> Result<(), MatError> {
        let allowed = self
            .span
            .len
            .saturating_mul(limits.max_inflation_ratio)
            .max(limits.free_inflated_bytes);
        if self.span.compressed && self.stream_bytes > allowed.min(limits.max_inflated_bytes) {
            let expected = format!(
                "at most {} inflated bytes, and {} per compressed byte",
                limits.max_inflated_bytes, limits.max_inflation_ratio
            );
            let found = format!("{} bytes declared for {}", self.stream_bytes, self.span.len);
            return Err(MatError::limit(name, expected, found, self.span.offset));
        }
        Ok(())
    }

    fn stream_values<S: Number, R: Read + Seek>(
        &self,
        stream: &mut Stream<'_, R>,
        what: Request<'_>,
        sink: Sink<'_>,
    ) -> Result<ControlFlow<()>, MatError> {
        let block = usize::try_from(what.count)
            .unwrap_or(usize::MAX)
            .min(BLOCK_VALUES);
        let mut bytes = vec![0; block * size_of::<S>()];
        let mut stored = Vec::with_capacity(block);
        let mut left = what.count;
        while left > 0 {
            let step = usize::try_from(left).unwrap_or(usize::MAX).min(block);
            let bytes = &mut bytes[..step * size_of::<S>()];
            stream.fill(bytes, what.name)?;
            S::decode(bytes, self.order, &mut stored);
            if deliver(&stored, what.class, what.name, sink)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            left -= step as u64;
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// A request for the values of a variable: its name, the class and the number of the values, and the part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'n> {
    pub(crate) name: &'n str,
    pub(crate) class: NumberType,
    pub(crate) count: u64,
    pub(crate) part: Part,
}
