//! What the end-to-end suites share. Each file of `tests/` is one subject; `README.md` is the map.
//!
//! The suites drive the real binary in temporary lakes: what a user types, what a user sees, and what lies on the
//! disk afterwards.

// Only tests use this crate: a helper that cannot go on stops the test, and the environment says where things are.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods
)]

pub mod beats;
pub mod cli;
pub mod files;
pub mod lake;
pub mod mat4;
pub mod python;
