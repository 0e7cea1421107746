//! What can go wrong while a recording is made.

use std::path::{Path, PathBuf};

/// Why no recording was written.
#[derive(Debug, thiserror::Error)]
pub enum SynthError {
    /// An argument has no meaning, alone or together with another one.
    #[error("{argument}: expected {expected}, found {found}")]
    Argument {
        /// The argument as written on the command line, such as `--leads`.
        argument: &'static str,
        /// What would be accepted.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A file could not be written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The answer of the operating system.
        source: std::io::Error,
    },
    /// The HDF5 library refused to write the file.
    #[error("{}: level 7.3 file not written: {reason}", path.display())]
    Hdf5 {
        /// The file.
        path: PathBuf,
        /// What the library said.
        reason: String,
    },
}

impl SynthError {
    pub(crate) fn argument(
        argument: &'static str,
        expected: impl Into<String>,
        found: impl ToString,
    ) -> Self {
        Self::Argument {
            argument,
            expected: expected.into(),
            found: found.to_string(),
        }
    }

    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}
