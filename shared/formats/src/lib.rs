//! Files that hold recordings, behind one trait.
//!
//! [`open`] tells the format and gives a [`SignalFile`]: what the file holds, which part of it is the recording, what it says
//! of its calibration, and the samples in blocks of ADC units. Everything that works on recordings speaks of this trait; what
//! is special to a format stays in its module. A new format is a module here and a line in [`open`].
//!
//! Nothing here knows a bucket, a clock or millivolts.

mod checks;
pub mod edf;
mod error;
mod frames;
mod lead_names;
mod leads;
mod mat;
pub mod names;
mod origin;
mod side_by_side;
mod signal;
pub mod wfdb;

use std::io::{Read, Seek};
use std::ops::ControlFlow;

use ecg_core::Details;
use ecg_core::settings::Settings;
use ecg_mat::NumberType;
use serde::{Deserialize, Serialize};

pub use checks::{Check, Checks};
pub use ecg_mat::{Part, Values};
pub use error::{FormatError, Refused};
pub use leads::{Choice, LeftOut};
pub use mat::to_adu;
pub use origin::{Origin, Sex};
pub use signal::{SignalInfo, units_per_millivolt};

/// The bytes of a file.
pub trait Bytes: Read + Seek + Send {}

impl<T: Read + Seek + Send> Bytes for T {}

/// Takes consecutive samples of one lead: `(lead, samples)`, lead from 0, samples in ADC units, NaN where one is missing. A
/// break ends the reading.
pub type Sink<'a> = &'a mut dyn FnMut(usize, &[f64]) -> ControlFlow<()>;

/// A file that has leads, maybe a calibration, and streams samples in blocks.
pub trait SignalFile: Send {
    /// Name of the format, such as `MAT level 4`.
    fn format(&self) -> String;

    /// Everything the file holds, in its order.
    fn contents(&self) -> &[Content];

    /// Decides which contents are the recording, without reading samples. Notes the checks that only this format has.
    ///
    /// # Errors
    /// Why there is none, or several that could be meant.
    fn choose(&self, named: &Named<'_>, checks: &mut Checks) -> Result<Signals, Refused>;

    /// What the file itself says of the calibration of these signals. `flags` is what a person said: values that it
    /// replaces are not looked at.
    ///
    /// # Errors
    /// A value that cannot be read.
    fn settings(&mut self, signals: &Signals, flags: &Settings) -> Result<Settings, FormatError>;

    /// What `recordings.calibration_source` calls [`SignalFile::settings`].
    fn settings_source(&self) -> &'static str;

    /// Adds what the file itself says of its origin. What it says and cannot be read is noted there.
    ///
    /// # Errors
    /// The file could not be read. What is wrong with it is none.
    fn origin(&mut self, signals: &Signals, origin: &mut Origin) -> Result<(), FormatError>;

    /// Streams the samples of all leads, in the order of the file and in blocks of bounded size. If the sink never breaks and
    /// the result is `Ok`, it was given exactly `leads x samples` values.
    ///
    /// # Errors
    /// The file is not what it says, or could not be read.
    fn stream(&mut self, signals: &Signals, sink: Sink<'_>) -> Result<(), FormatError>;

    /// Streams the numbers of one of the [`SignalFile::contents`] as they are stored, in the order of the file.
    ///
    /// # Errors
    /// It has no numbers; else as [`SignalFile::stream`].
    fn read(
        &mut self,
        index: usize,
        part: Part,
        block: &mut dyn FnMut(Values<'_>) -> ControlFlow<()>,
    ) -> Result<(), FormatError>;
}

/// A way to read files, told by the ending of their names. Which of the formats of a kind it is, the bytes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Mat,
    Wfdb,
    Edf,
}

/// The kind of a file by its name; what has none of the other endings is read as MAT.
fn kind(key: &str) -> Kind {
    let ending = key
        .rsplit_once('.')
        .map(|(_, ending)| ending.to_ascii_lowercase());
    match ending.as_deref() {
        Some("dat") => Kind::Wfdb,
        Some("edf" | "bdf") => Kind::Edf,
        _ => Kind::Mat,
    }
}

/// What the check of the format expects of a file of this key.
pub fn expected(key: &str) -> &'static str {
    match kind(key) {
        Kind::Mat => "MAT level 4, 5 or 7.3, whole",
        Kind::Wfdb => "WFDB signals as the header says, whole",
        Kind::Edf => "EDF, EDF+, BDF or BDF+, whole",
    }
}

/// Opens a file. `key` is its name, with its folder or without; `header` is the text of the WFDB header beside it, which only
/// a WFDB file needs; `max_values` bounds the values that one of its contents may have.
///
/// ```
/// use std::ops::ControlFlow;
/// use ecg_formats::{Checks, Named};
///
/// // WFDB format 16: two signals side by side, two samples each.
/// let header = "a 2 250 2\na.dat 16 200/mV 12 0 0 0 0 I\na.dat 16 200/mV 12 0 0 0 0 II\n";
/// let bytes: Vec<u8> = [1_i16, 2, 3, 4].into_iter().flat_map(i16::to_le_bytes).collect();
/// let mut file = ecg_formats::open(std::io::Cursor::new(bytes), "ward/a.dat", Some(header), 1_000)?;
/// let signals = file.choose(&Named::default(), &mut Checks::default()).map_err(|refused| refused.details)?;
/// let mut leads = [Vec::new(), Vec::new()];
/// file.stream(&signals, &mut |lead, samples| {
///     leads[lead].extend_from_slice(samples);
///     ControlFlow::Continue(())
/// })?;
/// assert_eq!(leads, [[1.0, 3.0], [2.0, 4.0]]);
/// # Ok::<(), ecg_formats::FormatError>(())
/// ```
///
/// # Errors
/// The file is of no format that its name lets expect, or not whole.
pub fn open(
    bytes: impl Bytes + 'static,
    key: &str,
    header: Option<&str>,
    max_values: u64,
) -> Result<Box<dyn SignalFile>, FormatError> {
    let bytes = Box::new(bytes);
    Ok(match kind(key) {
        Kind::Mat => Box::new(mat::MatRecording::open(bytes, max_values)?),
        Kind::Wfdb => {
            let name = key.rsplit('/').next().unwrap_or(key);
            Box::new(side_by_side::SideBySide::wfdb(bytes, name, header)?)
        }
        Kind::Edf => Box::new(side_by_side::SideBySide::edf(bytes)?),
    })
}

/// Holds a file against the signals that were chosen in it before.
///
/// # Errors
/// What differs.
pub fn hold(file: &dyn SignalFile, signals: &Signals) -> Result<(), Details> {
    let told = |name: &str, class: &str, dims: &[u64]| format!("{name}: {class} of {dims:?}");
    for (name, index) in signals.variables() {
        let content = file.contents().get(index);
        let dims = match signals.layout {
            Layout::LeadsBySamples => [signals.leads, signals.samples],
            Layout::SamplesByLeads => [signals.samples, signals.leads],
            // A row or a column.
            Layout::LeadPerVariable => match content.map(|content| content.dims.as_slice()) {
                Some([_, 1]) => [signals.samples, 1],
                _ => [1, signals.samples],
            },
        };
        let expected = told(name, signals.class.name(), &dims);
        let found = match content {
            Some(content) => told(&content.name, &content.class, &content.dims),
            None => format!("{} variables", file.contents().len()),
        };
        if found != expected {
            return Err(Details::new(
                format!("variable {index}"),
                format!("what its verdict says, {expected}"),
                found,
            ));
        }
    }
    Ok(())
}

/// The text of a header: UTF-8, or else Latin-1, in which older programs write `µV`.
pub fn text_of(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// Names of the contents that hold the samples, where somebody said them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Named<'a> {
    /// The names; none where nobody said.
    pub names: &'a [String],
    /// Who said so, for messages: `--variable`.
    pub by: &'static str,
}

/// One thing in a file: a variable, or a signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Its name.
    pub name: String,
    /// The kind of its values, such as `int16`, `char` or `struct`.
    pub class: String,
    /// Type of the numbers; none where it holds no numbers.
    pub numbers: Option<SampleClass>,
    /// Dimensions.
    pub dims: Vec<u64>,
    /// Whether every value has an imaginary part.
    pub complex: bool,
    /// Whether its bytes are compressed in the file.
    pub compressed: bool,
    /// Byte offset in the file at which it begins.
    pub offset: u64,
}

impl Content {
    /// Product of the dimensions; none where it overflows or there are no dimensions.
    pub fn value_count(&self) -> Option<u64> {
        ecg_mat::value_count(&self.dims)
    }

    /// Dimensions in words, such as `1 x 9`.
    pub fn shape(&self) -> String {
        shape(&self.dims)
    }
}

pub(crate) fn shape(dims: &[u64]) -> String {
    dims.iter().map(u64::to_string).collect::<Vec<_>>().join(" x ")
}

/// Which part of a file is the recording, and how it lies there: what parse needs to read what validate has judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signals {
    /// File format, such as `MAT level 4`.
    pub format: String,
    /// Name of the variable or signal that holds the samples, or the first lead of them.
    pub variable: String,
    /// Its index among the contents of the file.
    pub variable_index: usize,
    /// The contents that hold the other leads in order, where each lead is one of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further_variables: Vec<LeadVariable>,
    /// Class of the samples.
    pub class: SampleClass,
    /// Which dimension is leads.
    pub layout: Layout,
    /// Number of leads.
    pub leads: u64,
    /// Samples per lead.
    pub samples: u64,
    /// Signals of the file that are not read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// Text of the WFDB header that says how the samples lie in the file, where they are read by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
}

impl Signals {
    /// Name and index of the contents that hold the samples: one, or one per lead in order.
    pub fn variables(&self) -> impl Iterator<Item = (&str, usize)> {
        let further = self.further_variables.iter();
        let further = further.map(|variable| (variable.name.as_str(), variable.index));
        std::iter::once((self.variable.as_str(), self.variable_index)).chain(further)
    }

    /// What messages call the samples: the name of what holds them, or `I to V6`.
    pub fn subject(&self) -> String {
        subject(&self.variable, &self.further_variables)
    }
}

fn subject(variable: &str, further: &[LeadVariable]) -> String {
    match further.last() {
        None => variable.to_owned(),
        Some(last) => format!("{variable} to {}", last.name),
    }
}

/// The first of the chosen contents, and the further ones.
fn first_and_further(contents: &[Content], chosen: &[usize]) -> (LeadVariable, Vec<LeadVariable>) {
    let mut variables = chosen.iter().map(|index| LeadVariable {
        name: contents[*index].name.clone(),
        index: *index,
    });
    (variables.next().unwrap_or_default(), variables.collect())
}

/// The names of the chosen contents.
fn names_of(contents: &[Content], chosen: &[usize]) -> String {
    let names: Vec<&str> = chosen
        .iter()
        .map(|index| contents[*index].name.as_str())
        .collect();
    names.join(", ")
}

/// One of the contents of a file, which holds one lead.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeadVariable {
    /// Its name.
    pub name: String,
    /// Its index among the contents of the file.
    pub index: usize,
}

/// How the samples lie. Of a matrix the shorter dimension is leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Layout {
    /// One row per lead.
    #[serde(rename = "leads x samples")]
    LeadsBySamples,
    /// One column per lead.
    #[serde(rename = "samples x leads")]
    SamplesByLeads,
    /// One variable or signal per lead.
    #[serde(rename = "one variable per lead")]
    LeadPerVariable,
}

impl std::fmt::Display for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Layout::LeadsBySamples => "leads x samples",
            Layout::SamplesByLeads => "samples x leads",
            Layout::LeadPerVariable => "one variable per lead",
        })
    }
}

/// Type of the samples. MATLAB's names where MATLAB has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it: kind of number and bits")]
pub enum SampleClass {
    Int8,
    Uint8,
    Int12,
    Int16,
    Uint16,
    Int24,
    Int32,
    Uint32,
    Int64,
    Uint64,
    Single,
    Double,
}

impl SampleClass {
    /// Its name, as in messages and in the verdict.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Uint8 => "uint8",
            Self::Int12 => "int12",
            Self::Int16 => "int16",
            Self::Uint16 => "uint16",
            Self::Int24 => "int24",
            Self::Int32 => "int32",
            Self::Uint32 => "uint32",
            Self::Int64 => "int64",
            Self::Uint64 => "uint64",
            Self::Single => "single",
            Self::Double => "double",
        }
    }

    /// Whether every value is an integer of at most 16 bits.
    pub fn fits_int16(self) -> bool {
        matches!(self, Self::Int8 | Self::Uint8 | Self::Int12 | Self::Int16)
    }

    /// Whether the values are floating-point numbers.
    pub fn is_floating(self) -> bool {
        matches!(self, Self::Single | Self::Double)
    }
}

impl From<NumberType> for SampleClass {
    fn from(number: NumberType) -> SampleClass {
        match number {
            NumberType::I8 => Self::Int8,
            NumberType::U8 => Self::Uint8,
            NumberType::I16 => Self::Int16,
            NumberType::U16 => Self::Uint16,
            NumberType::I32 => Self::Int32,
            NumberType::U32 => Self::Uint32,
            NumberType::I64 => Self::Int64,
            NumberType::U64 => Self::Uint64,
            NumberType::F32 => Self::Single,
            NumberType::F64 => Self::Double,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// A level 4 matrix of bytes.
    fn matrix(name: &str, rows: u32, columns: u32) -> Vec<u8> {
        let header = [50, rows, columns, 0, name.len() as u32 + 1];
        let bytes = header.into_iter().flat_map(u32::to_le_bytes);
        let values = (0..rows * columns).map(|n| n as u8);
        bytes.chain(name.bytes()).chain([0]).chain(values).collect()
    }

    fn opened(bytes: &[u8]) -> Box<dyn SignalFile> {
        open(Cursor::new(bytes.to_vec()), "x.mat", None, 1_000).unwrap()
    }

    #[test]
    fn every_ending_of_a_recording_has_a_reader() {
        for ending in ecg_core::layout::ENDINGS.keys() {
            let kind = kind(&format!("folder/A{}", ending.to_uppercase()));
            assert_eq!(kind == Kind::Mat, ending == ".mat", "{ending}");
        }
    }

    #[test]
    fn what_fits_into_16_bits() {
        let fits = |name: &str| {
            let class: SampleClass = serde_json::from_value(name.into()).unwrap();
            assert_eq!(class.name(), name);
            class.fits_int16()
        };
        for name in ["int8", "uint8", "int12", "int16"] {
            assert!(fits(name), "{name}");
        }
        for name in [
            "uint16", "int24", "int32", "uint32", "int64", "uint64", "single", "double",
        ] {
            assert!(!fits(name), "{name}");
        }
    }

    #[test]
    fn a_file_is_held_against_the_signals_that_were_chosen() {
        let check = |judged: &[u8], parsed: &[u8]| {
            let chosen = opened(judged).choose(&Named::default(), &mut Checks::default());
            hold(opened(parsed).as_ref(), &chosen.unwrap()).map_err(|error| error.to_string())
        };
        let wide = matrix("val", 2, 20);
        let tall = matrix("val", 20, 2);
        let two = [matrix("I", 1, 20), matrix("II", 20, 1)].concat();
        for good in [&wide, &tall, &two] {
            assert_eq!(check(good, good), Ok(()));
        }
        let error = check(&wide, &tall).unwrap_err();
        assert_eq!(
            error,
            "variable 0: expected what its verdict says, val: uint8 of [2, 20], found val: uint8 of [20, 2]"
        );
        for (other, found) in [
            (
                matrix("I", 1, 20),
                "variable 1: expected what its verdict says, II: uint8 of [1, 20], found 1 variables",
            ),
            (
                [matrix("I", 1, 20), matrix("II", 21, 1)].concat(),
                "variable 1: expected what its verdict says, II: uint8 of [20, 1], found II: uint8 of [21, 1]",
            ),
            (
                [matrix("I", 1, 20), matrix("III", 1, 20)].concat(),
                "variable 1: expected what its verdict says, II: uint8 of [1, 20], found III: uint8 of [1, 20]",
            ),
        ] {
            assert_eq!(check(&two, &other), Err(found.to_owned()));
        }
    }
}
