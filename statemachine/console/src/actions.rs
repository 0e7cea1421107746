use std::path::PathBuf;

use asl_engine::HistoryEvent;
use ecg_journal::Execution;
use serde_json::Value;

/// Executions that are in no lake: those of a state machine on AWS. What a list there does not tell is `None`.
pub trait Remote: Send + Sync {
    /// What is shown, in few words, such as the name of the state machine.
    fn name(&self) -> String;

    /// The newest executions, newest first; only those that failed, if that is asked for.
    ///
    /// # Errors
    /// What the service says.
    fn list(&self, failed: bool, limit: usize) -> Result<Vec<Execution>, String>;

    /// The execution of this name, with its input and its events; `None` if there is none.
    ///
    /// # Errors
    /// What the service says.
    fn show(&self, name: &str) -> Result<Option<(Execution, Value, Vec<HistoryEvent>)>, String>;
}

/// What the console asks the command line to do. Each call returns when it is done; one is made at a time.
pub trait Actions: Send + Sync {
    /// Runs failed executions again, from the state that failed. `done` hears of each as it ends.
    ///
    /// # Errors
    /// Why none could be run, such as that another command holds the lake.
    fn redrive(&self, executions: &[String], done: &dyn Fn(Done)) -> Result<(), String>;

    /// Runs the recording of an execution again from the start, as a new execution.
    ///
    /// # Errors
    /// Why it could not be run.
    fn rerun(&self, execution: &str, done: &dyn Fn(Done)) -> Result<(), String>;

    /// Puts recordings, with the headers beside them, into the lake and runs the workflow for each recording. Afterwards the
    /// files are removed.
    ///
    /// # Errors
    /// Why none could be put there.
    fn upload(&self, recordings: &[PathBuf], done: &dyn Fn(Done)) -> Result<(), String>;
}

/// How one execution ended that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Name of the execution; empty where there is none.
    pub execution: String,
    /// Key of the upload.
    pub key: String,
    /// Whether it succeeded.
    pub well: bool,
    /// What there is to say: the error, or why nothing was done.
    pub message: Option<String>,
}
