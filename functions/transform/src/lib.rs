//! The transform step.
//!
//! [`recipe`] is what a data scientist reads: the steps from raw ADC values to strips in millivolts with
//! beats, features and quality labels. It does no input or output.

pub mod recipe;
