//! Level 7.3: HDF5 after a 512-byte MATLAB header. The crate `hdf5-reader` reads the HDF5 data.
//!
//! MATLAB stores an array with reversed dimensions, so HDF5's row-major order is MATLAB's column-major order.
//! Sequential reads return the values in the same order as for the other levels. The attribute `MATLAB_class` is the
//! class. Empty arrays store their dimensions as data (`MATLAB_empty`). Complex arrays are compounds of `real` and
//! `imag`. Objects and cells are references into `#refs#`.

use std::io::{Read, Seek};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hdf5_reader::group::Group;
use hdf5_reader::messages::HdfMessage;
use hdf5_reader::messages::layout::DataLayout;
use hdf5_reader::object_header::ObjectHeader;
use hdf5_reader::{Attribute, Dataset, Datatype, H5Type, Hdf5File, OpenOptions};

use crate::error::MatError;
use crate::hdf5_source::{BudgetedStorage, guarded, mat_error};
use crate::limits::Limits;
use crate::matrix::{Part, Request};
use crate::slabs::Slabs;
use crate::source::Source;
use crate::values::{Number, Sink, deliver, with_number_type};
use crate::variable::{Class, NumberType, Variable, checked_product};

/// An open level 7.3 file, with its datasets in the order of the variables.
pub(crate) struct Level73 {
    datasets: Vec<Option<Dataset>>,
    file: Hdf5File,
    file_len: u64,
    budget: Arc<AtomicU64>,
}

/// Opens the file and lists its variables. Reads no values, except the dimensions of empty arrays.
pub(crate) fn open<R: Read + Seek + Send + 'static>(
    source: Source<R>,
    limits: &Limits,
) -> Result<(Level73, Vec<Variable>), MatError> {
    let (reader, file_len) = source.into_parts();
    let budget = Arc::new(AtomicU64::new(limits.max_directory_bytes));
    let storage = BudgetedStorage::new(reader, file_len, limits.max_chunk_bytes, Arc::clone(&budget));
    let options = OpenOptions::default()
        .with_chunk_cache_bytes(limits.max_chunk_bytes)
        .with_max_chunk_bytes(limits.max_chunk_bytes)
        .with_max_read_bytes(limits.max_chunk_bytes)
        .with_max_object_header_bytes(1 << 20);
    let file = guarded("HDF5 superblock", || {
        Hdf5File::from_storage_with_options(Arc::new(storage), options)
    })?;
    let superblock = file.superblock();
    let declared = superblock.eof_address;
    if declared > file_len {
        let expected = format!("{declared} bytes from the superblock");
        return Err(MatError::truncated(
            "file",
            expected,
            file_len.to_string(),
            file_len,
        ));
    }
    let root = guarded("root group", || file.root_group())?;
    let (groups, names) = guarded("root group", || root.member_names())?;
    if groups.len() + names.len() > limits.max_variables {
        let expected = format!("at most {} variables", limits.max_variables);
        return Err(MatError::limit(
            "file",
            expected,
            (groups.len() + names.len()).to_string(),
            None,
        ));
    }
    let base = superblock.base_address;
    let mut variables = Vec::new();
    let mut datasets = Vec::new();
    // `#refs#` and `#subsystem#` are internal groups of MATLAB.
    for name in names.iter().filter(|name| !name.starts_with('#')) {
        let dataset = guarded(name, || root.dataset(name))?;
        let variable = describe(&dataset, name, base, limits)?;
        datasets.push(readable(&variable).then_some(dataset));
        variables.push(variable);
    }
    for name in groups.iter().filter(|name| !name.starts_with('#')) {
        let group = guarded(name, || root.group(name))?;
        variables.push(describe_group(&group, name, base));
        datasets.push(None);
    }
    if variables.is_empty() {
        return Err(MatError::malformed(
            "file",
            "a variable in the root group",
            "none",
            None,
        ));
    }
    budget.store(u64::MAX, Ordering::Relaxed);
    Ok((
        Level73 {
            datasets,
            file,
            file_len,
            budget,
        },
        variables,
    ))
}

fn readable(variable: &Variable) -> bool {
    variable.class.number_type().is_some() || variable.class == Class::Char
}

fn class_attribute(attributes: &[Attribute]) -> Option<String> {
    let class = attributes
        .iter()
        .find(|attribute| attribute.name == "MATLAB_class")?;
    class.read_string().ok()
}

fn has_attribute(attributes: &[Attribute], name: &str) -> bool {
    attributes.iter().any(|attribute| attribute.name == name)
}

fn class_of(attributes: &[Attribute], stored: Option<NumberType>) -> Class {
    if has_attribute(attributes, "MATLAB_sparse") {
        return Class::Sparse;
    }
    if has_attribute(attributes, "MATLAB_object_decode") {
        return Class::Opaque;
    }
    match class_attribute(attributes).as_deref() {
        Some("char") => Class::Char,
        Some("logical") => Class::Logical,
        Some("cell") => Class::Cell,
        Some("struct") => Class::Struct,
        Some("function_handle") => Class::Function,
        Some(name) => match (NumberType::from_matlab(name), stored) {
            (Some(class), Some(_)) => Class::Number(class),
            _ => Class::Opaque,
        },
        // Another HDF5 library wrote the data after a MATLAB header. The stored type is the class.
        None => stored.map_or(Class::Opaque, Class::Number),
    }
}

fn describe_group(group: &Group, name: &str, base: u64) -> Variable {
    // A group without readable attributes is listed as a structure.
    let attributes = guarded(name, || group.attributes()).unwrap_or_default();
    let class = match class_of(&attributes, None) {
        Class::Opaque if class_attribute(&attributes).is_none() => Class::Struct,
        class => class,
    };
    let offset = base.saturating_add(group.address());
    Variable {
        name: name.to_owned(),
        class,
        dims: Vec::new(),
        complex: false,
        compressed: false,
        offset,
    }
}

fn describe(dataset: &Dataset, name: &str, base: u64, limits: &Limits) -> Result<Variable, MatError> {
    let offset = base.saturating_add(dataset.address());
    if name.len() as u64 > limits.max_name_bytes {
        let expected = format!("a name of at most {} bytes", limits.max_name_bytes);
        return Err(MatError::limit(
            "variable name",
            expected,
            name.len().to_string(),
            offset,
        ));
    }
    if dataset.ndim() > limits.max_rank {
        let expected = format!("at most {} dimensions", limits.max_rank);
        return Err(MatError::limit(
            name,
            expected,
            dataset.ndim().to_string(),
            offset,
        ));
    }
    let attributes = guarded(name, || Ok(dataset.attributes()))?;
    let (stored, complex) = stored_type(dataset.dtype());
    let class = class_of(&attributes, stored);
    let mut dims: Vec<u64> = dataset.shape().iter().rev().copied().collect();
    if has_attribute(&attributes, "MATLAB_empty") {
        dims = empty_dims(dataset, name, limits, offset)?;
    }
    // A MATLAB array has at least two dimensions. A one-dimensional dataset is a column vector.
    while dims.len() < 2 {
        dims.push(1);
    }
    if checked_product(&dims).is_none() {
        let found = format!("{dims:?}");
        return Err(MatError::malformed(
            name,
            "dimensions whose product fits 64 bits",
            found,
            offset,
        ));
    }
    let compressed = dataset.chunks().is_some();
    Ok(Variable {
        name: name.to_owned(),
        class,
        dims,
        complex,
        compressed,
        offset,
    })
}

/// Returns the number type of a dataset, and whether it is complex (a compound of two numbers). The type is `None` for
/// references, strings and other data that are not numbers.
fn stored_type(datatype: &Datatype) -> (Option<NumberType>, bool) {
    match datatype {
        Datatype::FixedPoint { size, signed, .. } => (integer(*size, *signed), false),
        Datatype::FloatingPoint { size: 4, .. } => (Some(NumberType::F32), false),
        Datatype::FloatingPoint { size: 8, .. } => (Some(NumberType::F64), false),
        Datatype::Enum { base, .. } => (stored_type(base).0, false),
        Datatype::Compound { fields, .. } => match fields.as_slice() {
            [real, imaginary] if real.name == "real" && imaginary.name == "imag" => {
                (stored_type(&real.datatype).0, true)
            }
            _ => (None, false),
        },
        _ => (None, false),
    }
}

fn integer(size: u8, signed: bool) -> Option<NumberType> {
    Some(match (size, signed) {
        (1, true) => NumberType::I8,
        (1, false) => NumberType::U8,
        (2, true) => NumberType::I16,
        (2, false) => NumberType::U16,
        (4, true) => NumberType::I32,
        (4, false) => NumberType::U32,
        (8, true) => NumberType::I64,
        (8, false) => NumberType::U64,
        _ => return None,
    })
}

/// Reads the dimensions of an empty array, which MATLAB stores as its data.
fn empty_dims(dataset: &Dataset, name: &str, limits: &Limits, offset: u64) -> Result<Vec<u64>, MatError> {
    let wrong = |found: String| MatError::malformed(name, "the dimensions of an empty array", found, offset);
    let count = dataset.num_elements().map_err(|error| mat_error(error, name))?;
    if count > limits.max_rank as u64 {
        return Err(wrong(format!("{count} numbers")));
    }
    let dims = guarded(name, || dataset.read_array::<u64>())?;
    let dims: Vec<u64> = dims.iter().copied().collect();
    if checked_product(&dims) == Some(0) {
        Ok(dims)
    } else {
        Err(wrong(format!("{dims:?}")))
    }
}

impl Level73 {
    /// Streams the values of variable `index`.
    pub(crate) fn read(
        &mut self,
        index: usize,
        limits: &Limits,
        what: Request<'_>,
        sink: Sink<'_>,
    ) -> Result<(), MatError> {
        let Some(Some(dataset)) = self.datasets.get(index) else {
            return Err(MatError::unsupported(
                what.name,
                "a dense array",
                "another kind",
                None,
            ));
        };
        if what.count == 0 {
            return Ok(());
        }
        self.refuse_absent(dataset, limits, what)?;
        // The budget is 128 times the length of the file: up to 64 reads of each chunk, and the rest for HDF5 metadata.
        self.budget.store(
            self.file_len.saturating_mul(128).saturating_add(1 << 20),
            Ordering::Relaxed,
        );
        let slabs = Slabs::new(dataset, limits, what)?;
        let (Some(stored), complex) = stored_type(dataset.dtype()) else {
            return Err(MatError::unsupported(
                what.name,
                "numbers",
                "another HDF5 type",
                None,
            ));
        };
        let mut delivered = 0;
        for slab in slabs {
            let flow = if complex {
                with_number_type!(stored, S => {
                    let pairs = guarded(what.name, || dataset.read_slice::<Pair<S>>(&slab))?;
                    let part: Vec<S> = pairs.iter().map(|pair| match what.part {
                        Part::Real => pair.real,
                        Part::Imaginary => pair.imaginary,
                    }).collect();
                    delivered += part.len() as u64;
                    deliver(&part, what.class, what.name, sink)?
                })
            } else {
                with_number_type!(stored, S => {
                    let values = guarded(what.name, || dataset.read_slice::<S>(&slab))?;
                    delivered += values.len() as u64;
                    let values = values.as_slice().unwrap_or_default();
                    deliver(values, what.class, what.name, sink)?
                })
            };
            if flow.is_break() {
                return Ok(());
            }
        }
        if delivered != what.count {
            let expected = format!("{} values from the dimensions", what.count);
            return Err(MatError::malformed(
                what.name,
                expected,
                delivered.to_string(),
                None,
            ));
        }
        Ok(())
    }

    /// Rejects a dataset without stored values, for which HDF5 would return fill values. Also rejects a dataset that
    /// declares more bytes than the limits allow for the size of the file.
    fn refuse_absent(&self, dataset: &Dataset, limits: &Limits, what: Request<'_>) -> Result<(), MatError> {
        let header = guarded(what.name, || self.file.get_or_parse_header(dataset.address()))?;
        let absent = header.messages.iter().any(|message| match message {
            HdfMessage::DataLayout(layout) => match &layout.layout {
                DataLayout::Contiguous { address, size } => *address == u64::MAX || *size == 0,
                DataLayout::Chunked { address, .. } => *address == u64::MAX,
                DataLayout::Compact { data } => data.is_empty(),
            },
            HdfMessage::ExternalFiles(_) => true,
            _ => false,
        });
        if absent {
            let expected = format!("{} stored values", what.count);
            return Err(MatError::truncated(
                what.name,
                expected,
                "no data in the file",
                None,
            ));
        }
        let size = dataset
            .raw_element_size()
            .map_err(|error| mat_error(error, what.name))? as u64;
        let bytes = what.count.saturating_mul(size);
        refuse_old_layout(&header, bytes, what.name)?;
        let allowed = self
            .file_len
            .saturating_mul(limits.max_inflation_ratio)
            .max(limits.free_inflated_bytes);
        if bytes > allowed.min(limits.max_inflated_bytes) {
            let expected = format!(
                "at most {} inflated bytes, and {} per byte of the file",
                limits.max_inflated_bytes, limits.max_inflation_ratio
            );
            let found = format!("{bytes} bytes declared in a file of {}", self.file_len);
            return Err(MatError::limit(what.name, expected, found, None));
        }
        Ok(())
    }
}

/// Rejects version 2 of the layout message, which the HDF5 library of MATLAB 7.4 (2007) wrote. `hdf5-reader` 0.12 reads
/// it two bytes too early, so every number is shifted by 16 bits. HDF5 1.8 and later write version 3.
fn refuse_old_layout(header: &ObjectHeader, bytes: u64, name: &str) -> Result<(), MatError> {
    let is_shifted = header.messages.iter().any(|message| match message {
        HdfMessage::DataLayout(layout) => match &layout.layout {
            DataLayout::Contiguous { size, .. } => *size != bytes && size.is_multiple_of(1 << 16),
            _ => false,
        },
        _ => false,
    });
    if is_shifted {
        let expected =
            "an HDF5 data layout of version 3 or later (load and save the file with a newer MATLAB)";
        return Err(MatError::unsupported(
            name,
            expected,
            "what looks like version 2",
            None,
        ));
    }
    Ok(())
}

/// A complex number in the HDF5 format of MATLAB.
#[derive(Debug, Clone, Copy)]
struct Pair<S> {
    real: S,
    imaginary: S,
}

impl<S: H5Type + Number + Send> H5Type for Pair<S> {
    fn hdf5_type() -> Datatype {
        S::hdf5_type()
    }

    fn from_bytes(bytes: &[u8], datatype: &Datatype) -> hdf5_reader::error::Result<Self> {
        let mismatch = || hdf5_reader::error::Error::InvalidData("not a pair of real and imag".to_owned());
        let Datatype::Compound { fields, .. } = datatype else {
            return Err(mismatch());
        };
        let [real, imaginary] = fields.as_slice() else {
            return Err(mismatch());
        };
        let part = |field: &hdf5_reader::CompoundField| {
            let bytes = bytes.get(field.byte_offset as usize..).ok_or_else(mismatch)?;
            S::from_bytes(bytes, &field.datatype)
        };
        Ok(Self {
            real: part(real)?,
            imaginary: part(imaginary)?,
        })
    }

    fn element_size(datatype: &Datatype) -> usize {
        match datatype {
            Datatype::Compound { size, .. } => *size as usize,
            _ => 2 * size_of::<S>(),
        }
    }
}

/// Stops a read: the caller needs no more values.
pub(crate) const STOP: ControlFlow<()> = ControlFlow::Break(());
