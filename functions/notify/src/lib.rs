//! The notify step.
