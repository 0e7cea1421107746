//! The start step.
