//! Streaming reader of MATLAB MAT files, levels 4, 5 and 7.3.
