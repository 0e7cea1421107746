//! The threads of a command.

use std::num::NonZeroUsize;

pub(crate) fn runtime(threads: usize) -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        // For reads and writes of files, which wait for nothing but the disk. Steps have threads of their own: `ecg_lake::blocking`.
        .max_blocking_threads(threads * 2 + 8)
        .enable_all()
        .build()
        .map_err(|error| error.to_string())
}

pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}
