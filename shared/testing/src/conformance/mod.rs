//! What every backend must do, as tests that any crate can run on any store or catalog.

// This module is test code that lives in the library so that other crates can run it too.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

pub mod catalog;
pub mod store;
