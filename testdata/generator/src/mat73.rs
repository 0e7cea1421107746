//! MAT level 7.3: HDF5 behind a 512-byte MATLAB header, written by the crate `hdf5-pure`.
//!
//! The samples are contiguous and uncompressed, because that is what the crate can write without holding
//! them: it asks for one block of 1 MiB after the other.

use crate::args::Class;
use crate::samples::SampleBytes;
use crate::settings::Settings;
use hdf5_pure::mat::{Block, DataProducer, MatBuilder, MatError, Options};
use std::io::{Read as _, Write};
use std::sync::Mutex;

/// Makes a builder, to which variables are added; [`MatBuilder::finish_to`] writes the file.
pub fn builder() -> MatBuilder {
    MatBuilder::new(Options::default())
}

/// Adds a text of one or more rows, each padded with blanks to the longest.
///
/// # Errors
/// Those of the library.
pub fn add_text(builder: &mut MatBuilder, name: &str, rows: &[String]) -> Result<(), MatError> {
    // One row for each lead would need a two-dimensional char array, which the library does not write:
    // the rows are joined by commas.
    builder.write_char(name, &rows.join(",")).map(drop)
}

/// Adds the samples of `settings`, made while the file is written, and returns when all is on `sink`.
///
/// # Errors
/// Those of the library and of the sink.
pub fn write(mut builder: MatBuilder, settings: &Settings, sink: &mut dyn Write) -> Result<(), MatError> {
    let (rows, columns) = settings.dimensions();
    let dimensions = [rows as usize, columns as usize];
    let name = settings.variable.as_str();
    let producer = Box::new(Producer(Mutex::new(SampleBytes::new(settings))));
    match settings.class {
        Class::Int8 => builder.write_blocks::<i8>(name, &dimensions, producer),
        Class::Uint8 => builder.write_blocks::<u8>(name, &dimensions, producer),
        Class::Int16 => builder.write_blocks::<i16>(name, &dimensions, producer),
        Class::Uint16 => builder.write_blocks::<u16>(name, &dimensions, producer),
        Class::Int32 => builder.write_blocks::<i32>(name, &dimensions, producer),
        Class::Uint32 => builder.write_blocks::<u32>(name, &dimensions, producer),
        Class::Int64 => builder.write_blocks::<i64>(name, &dimensions, producer),
        Class::Uint64 => builder.write_blocks::<u64>(name, &dimensions, producer),
        Class::Single => builder.write_blocks::<f32>(name, &dimensions, producer),
        Class::Double => builder.write_blocks::<f64>(name, &dimensions, producer),
    }?;
    builder.finish_to(sink)
}

/// Gives the library the samples block by block.
struct Producer(Mutex<SampleBytes>);

impl DataProducer for Producer {
    fn block_bytes(&self, block: Block, out: &mut Vec<u8>) -> Result<(), MatError> {
        let mut samples = self
            .0
            .lock()
            .map_err(|_| MatError::Custom("a block failed before".to_owned()))?;
        // Blocks are asked for in order, once each, so reading on is enough.
        out.resize(block.len(), 0);
        samples
            .read_exact(out)
            .map_err(|error| MatError::Custom(error.to_string()))
    }
}
