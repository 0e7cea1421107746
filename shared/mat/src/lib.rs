//! A streaming reader of MATLAB MAT files, levels 4, 5 and 7.3.
//!
//! [`MatFile::open`] detects the format from the bytes and lists the variables without reading their values.
//! [`MatFile::read`] streams the values of one variable in file order, which is MATLAB's column-major order, in
//! blocks of at most [`BLOCK_VALUES`]. Memory is bounded by [`Limits`]: every length in the file is checked before
//! an allocation.
//!
//! A read returns all values of a variable or an error. Cells, structures, objects and sparse matrices are listed,
//! but cannot be read. This crate has no ECG code.

mod error;
mod hdf5_source;
mod level4;
mod level5;
mod level73;
mod limits;
mod matrix;
mod slabs;
mod sniff;
mod source;
mod stream;
mod tag;
mod text;
mod values;
mod variable;

use std::io::{Read, Seek};
use std::ops::ControlFlow;

pub use error::{Finding, MatError, MatErrorKind};
pub use limits::Limits;
pub use matrix::Part;
pub use sniff::{Format, SNIFF_BYTES, sniff};
pub use values::{BLOCK_VALUES, Values};
pub use variable::{Class, NumberType, Variable, value_count};

use level73::{Level73, STOP};
use matrix::{Matrix, Request};
use source::Source;
use values::Sink;

/// An open MAT file. It lists the variables and reads their values on request.
pub struct MatFile<R> {
    format: Format,
    variables: Vec<Variable>,
    content: Content<R>,
    limits: Limits,
}

enum Content<R> {
    /// Levels 4 and 5. One matrix per variable, `None` for classes that are only listed.
    Flat {
        source: Source<R>,
        matrices: Vec<Option<Matrix>>,
    },
    /// Level 7.3.
    Hdf5(Box<Level73>),
}

impl<R: Read + Seek + Send + 'static> MatFile<R> {
    /// Opens a file and lists its variables. Every declared length is compared with the length of the file, so this
    /// returns an error for a truncated file.
    ///
    /// # Errors
    /// Any variant of [`MatError`].
    pub fn open(reader: R, limits: Limits) -> Result<Self, MatError> {
        let mut source = Source::new(reader)?;
        let head = source.head(SNIFF_BYTES)?;
        let format = sniff(&head).ok_or_else(|| sniff::not_mat(&head))?;
        let entries = match format {
            Format::Mat4 => level4::directory(&mut source, &limits)?,
            Format::Mat5 => level5::directory(&mut source, &limits)?,
            Format::Mat73 => {
                let (file, variables) = level73::open(source, &limits)?;
                return Ok(Self {
                    format,
                    variables,
                    content: Content::Hdf5(Box::new(file)),
                    limits,
                });
            }
        };
        let (variables, matrices) = entries.into_iter().unzip();
        Ok(Self {
            format,
            variables,
            content: Content::Flat { source, matrices },
            limits,
        })
    }

    /// Returns the level of the file.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Returns the variables in the order of the file. For level 7.3 it is the order of the root group, with datasets
    /// (arrays) before groups (structures).
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// Streams the values of variable `index` in column-major order. Calls `block` with each block of values until it
    /// returns `Break`. If it never does and the result is `Ok`, the number of values is exactly the product of the
    /// dimensions. For a complex variable these are the real parts.
    ///
    /// # Errors
    /// [`MatError::Unsupported`] for classes that are only listed, and any other variant of [`MatError`].
    pub fn read(
        &mut self,
        index: usize,
        block: &mut dyn FnMut(Values<'_>) -> ControlFlow<()>,
    ) -> Result<(), MatError> {
        self.read_part(index, Part::Real, block)
    }

    /// Streams the real or the imaginary part of a variable, as [`MatFile::read`] does.
    ///
    /// # Errors
    /// As [`MatFile::read`]; [`MatError::Unsupported`] for the imaginary part of a real variable.
    pub fn read_part(
        &mut self,
        index: usize,
        part: Part,
        block: &mut dyn FnMut(Values<'_>) -> ControlFlow<()>,
    ) -> Result<(), MatError> {
        let variable = self.variable(index)?.clone();
        let Some(class) = variable.class.number_type() else {
            let found = format!("a {}", variable.class);
            return Err(MatError::unsupported(
                &variable.name,
                "a numeric array",
                found,
                variable.offset,
            ));
        };
        let count = self.count_to_read(&variable, self.limits.max_values)?;
        self.stream(
            index,
            Request {
                name: &variable.name,
                class,
                count,
                part,
            },
            block,
        )
    }

    /// Returns the numbers of a variable of at most `max` values, in column-major order. Returns `None` if the variable
    /// is not numeric, is complex or has more values.
    ///
    /// # Errors
    /// As [`MatFile::read`].
    pub fn small_vector(&mut self, index: usize, max: usize) -> Result<Option<Vec<f64>>, MatError> {
        let variable = self.variable(index)?;
        let is_small = variable.value_count().is_some_and(|count| count <= max as u64);
        if variable.complex || variable.class.number_type().is_none() || !is_small {
            return Ok(None);
        }
        let mut numbers = Vec::new();
        self.read(index, &mut |values| {
            values.to_f64(&mut numbers);
            ControlFlow::Continue(())
        })?;
        Ok(Some(numbers))
    }

    /// Returns the text of a `char` variable, with one line per row. Returns `None` for another class.
    ///
    /// # Errors
    /// [`MatError::LimitExceeded`] above [`Limits::max_text_characters`], and as [`MatFile::read`].
    pub fn text(&mut self, index: usize) -> Result<Option<String>, MatError> {
        let variable = self.variable(index)?.clone();
        if variable.class != Class::Char {
            return Ok(None);
        }
        let limit = self.limits.max_text_characters;
        let mut count = self.count_to_read(&variable, limit)?;
        let mut rows = variable.dims.first().copied().unwrap_or(0);
        let mut is_utf8 = false;
        // `f64` can hold every code unit: code units have at most 32 bits, and level 4 stores them as doubles.
        let mut class = NumberType::F64;
        match &self.content {
            Content::Flat { matrices, .. } => {
                if let Some(Some(matrix)) = matrices.get(index) {
                    class = matrix.storage;
                    if matrix.utf {
                        count = matrix.data_bytes / matrix.storage.size() as u64;
                        is_utf8 = matrix.storage == NumberType::U8;
                        // If characters have different lengths, the units cannot be split into rows.
                        if count != variable.value_count().unwrap_or(0) {
                            rows = 1;
                        }
                    }
                }
            }
            Content::Hdf5(_) => {}
        }
        if count > limit.saturating_mul(4) {
            let expected = format!("at most {limit} characters");
            return Err(MatError::limit(
                &variable.name,
                expected,
                count.to_string(),
                variable.offset,
            ));
        }
        let mut units = Vec::new();
        let request = Request {
            name: &variable.name,
            class,
            count,
            part: Part::Real,
        };
        self.stream(index, request, &mut |values| {
            text::append_units(values, &mut units);
            if units.len() as u64 > limit.saturating_mul(4) {
                STOP
            } else {
                ControlFlow::Continue(())
            }
        })?;
        Ok(Some(text::decode(&units, rows, is_utf8)))
    }

    fn variable(&self, index: usize) -> Result<&Variable, MatError> {
        self.variables.get(index).ok_or_else(|| {
            let expected = format!("one of {} variables", self.variables.len());
            MatError::unsupported("variable", expected, format!("number {index}"), None)
        })
    }

    fn count_to_read(&self, variable: &Variable, limit: u64) -> Result<u64, MatError> {
        match variable.value_count() {
            Some(count) if count <= limit => Ok(count),
            _ => {
                let found = format!("dimensions {:?}", variable.dims);
                let expected = format!("at most {limit} values");
                Err(MatError::limit(&variable.name, expected, found, variable.offset))
            }
        }
    }

    fn stream(&mut self, index: usize, what: Request<'_>, sink: Sink<'_>) -> Result<(), MatError> {
        match &mut self.content {
            Content::Flat { source, matrices } => match matrices.get(index) {
                Some(Some(matrix)) => matrix.read(source, &self.limits, what, sink),
                _ => Err(MatError::unsupported(
                    what.name,
                    "a dense array",
                    "another kind",
                    None,
                )),
            },
            Content::Hdf5(file) => file.read(index, &self.limits, what, sink),
        }
    }
}
