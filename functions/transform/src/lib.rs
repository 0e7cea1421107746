//! The transform step.
