//! The write step.
