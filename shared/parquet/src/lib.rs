//! Parquet objects of the tables.

mod encode;

pub use encode::{encode, encode_large, transcode};
