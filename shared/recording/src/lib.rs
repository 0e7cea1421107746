//! From a MAT file to a recording: header, calibration, orientation, profiles.

pub mod calibration;
pub mod header;
pub mod profiles;
