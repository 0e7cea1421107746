//! From a MAT file to a recording: header, calibration, orientation, profiles, checks.
