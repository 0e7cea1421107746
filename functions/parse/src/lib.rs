//! The parse step.
