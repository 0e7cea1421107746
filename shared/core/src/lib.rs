//! What every step shares: the recording id, the error names, the messages between steps, the rules and the layout of the
//! objects.
//!
//! Nothing here does I/O.

pub mod day;
pub mod error;
pub mod id;
pub mod layout;
pub mod message;
pub mod rules;
pub mod settings;
pub mod statement;
mod wire_key;
mod words;

pub use error::{Details, StepError};
pub use id::{content_id, execution_arn, execution_name, recording_id};
pub use words::{counted, plain, shell_word};

/// Version of the pipeline and the commit that it was built from, such as `0.3.0+g1a2b3c4`; the version alone where there was
/// no repository. A column of `recordings` and `rejections`.
pub const PIPELINE_VERSION: &str = env!("PIPELINE_VERSION");
