//! What the tests of several crates share. No crate that ships depends on it.
//!
//! * [`golden`]: golden files and the switch that refreshes them.
//! * [`MemoryStore`] and [`FaultyStore`]: objects in memory, and a store that fails on purpose.
//! * [`conformance`]: the rules that every store and every catalog has to follow.
//! * [`lambda`]: a Lambda's real binary between a runtime and services that the test plays on loopback.

// Code of tests: it may stop at the first surprise.
#![allow(clippy::unwrap_used, clippy::panic, clippy::missing_panics_doc)]

pub mod conformance;
mod faulty;
pub mod golden;
pub mod lambda;
mod memory;

pub use faulty::{Fault, FaultyStore};
pub use memory::MemoryStore;
