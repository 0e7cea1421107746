//! The pipeline on AWS as a person at a terminal needs it: list executions, look into one, run a failed one again, and
//! run a prefix of the bucket again. Everything is asked of Step Functions; nothing here touches S3 or prints.
//!
//! * [`Machine`] is a deployed state machine, found by name or ARN.
//! * [`Execution`] is one execution in the words of the engine; [`Machine::history`] gives its events in the wire form that
//!   the engine writes too, so the same code shows both.
//! * [`redrive`] decides how a failed execution is run again, [`backfill`] runs a prefix.

pub mod backfill;
mod error;
mod execution;
mod history;
mod machine;
pub mod redrive;

pub use error::Error;
pub use execution::Execution;
pub use machine::{Machine, Which};
