//! Readers of files that hold recordings: which signals they have, how these are calibrated, and the samples in blocks of
//! ADC units.
//!
//! Nothing here knows a bucket, a clock or millivolts.

pub mod edf;
mod error;
mod frames;
mod lead_names;
mod leads;
mod signal;
pub mod wfdb;

pub use error::FormatError;
pub use leads::{Choice, LeftOut};
pub use signal::{Signal, Sink, units_per_millivolt};
