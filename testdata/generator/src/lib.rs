//! Synthetic ECG recordings with known beats, in every supported format.
//!
//! [`run`] turns [`SynthArgs`] (what `ecg synth` takes) into a MAT, WFDB or EDF file, a WFDB header and a list
//! of beats. It streams: memory does not grow with the duration. The same arguments give the same bytes on
//! every machine. It makes test input, so it knows the formats but nothing of the pipeline that reads
//! them: the readers are tested against an independent writer.
//!
//! The way of a sample: [`rhythm`] says when beats happen, [`signal`] adds their waves and the
//! disturbances up in millivolts, [`samples`] makes numbers of a MATLAB class out of them, and the
//! writers put these into a file.

mod args;
mod duration;
mod error;
mod header;
mod random;
mod run;
mod settings;

pub mod edf;
pub mod mat4;
pub mod mat5;
pub mod mat73;
pub mod rhythm;
pub mod samples;
pub mod signal;
pub mod waves;
pub mod wfdb;

pub use args::{ByteOrder, Calibration, Class, Format, Layout, RhythmName, SynthArgs, Units};
pub use duration::{Span, parse_duration, parse_span};
pub use error::SynthError;
pub use header::header_text;
pub use run::{Written, run};
pub use settings::Settings;
