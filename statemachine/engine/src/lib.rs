//! Runs an Amazon States Language file in-process. Knows nothing of ECG.

mod checkpoint;
mod clock;
mod definition;
mod error;
mod execution;
mod expression;
mod functions;
mod handler;
mod history;
mod load;
mod load_state;
mod map_parallel;
pub mod mock;
mod random;
mod retry;
mod run;
mod task;
mod template;
mod track;

pub use checkpoint::Checkpoint;
pub use clock::{Clock, RealClock, WoundClock};
pub use definition::StateMachine;
pub use error::PAYLOAD_LIMIT_BYTES;
pub use execution::{ExecutionSettings, Outcome, Runtime, Status, redrive, resume, run};
pub use handler::{FunctionError, FunctionHandler, Invocation};
pub use history::{HistoryEvent, MOST_EVENTS, MemoryRecorder, Recorder};
pub use load::{LoadError, LoadProblem};
