//! The threads of a command.

use std::num::NonZeroUsize;

/// A runtime for so many tasks at a time. A task reads and writes files on its own thread; one thread more has time for signals
/// and time limits meanwhile.
pub(crate) fn runtime(tasks: usize) -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(tasks + 1)
        // One for the step of each task, and some for steps that were out of time and still run.
        .max_blocking_threads(tasks * 2 + 8)
        .enable_all()
        .build()
        .map_err(|error| error.to_string())
}

pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}
