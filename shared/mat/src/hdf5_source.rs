//! The file as the HDF5 crate wants it, with a budget: the crate allocates what it reads, so a bound on
//! what it may read is a bound on memory whatever the file says.

use std::io::{self, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use hdf5_reader::error::Error;
use hdf5_reader::{Storage, StorageBuffer};

use crate::error::MatError;

/// Shared, budgeted, positioned reads.
pub(crate) struct BudgetedStorage<R> {
    reader: Mutex<R>,
    len: u64,
    largest: u64,
    budget: Arc<AtomicU64>,
}

impl<R: Read + Seek + Send> BudgetedStorage<R> {
    /// `largest` bounds one read. `budget` is counted down by every read and may be set anew.
    pub(crate) fn new(reader: R, len: u64, largest: usize, budget: Arc<AtomicU64>) -> Self {
        Self {
            reader: Mutex::new(reader),
            len,
            largest: largest as u64,
            budget,
        }
    }
}

impl<R: Read + Seek + Send> Storage for BudgetedStorage<R> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_range(&self, offset: u64, len: usize) -> hdf5_reader::error::Result<StorageBuffer> {
        let needed = len as u64;
        let available = self.len.saturating_sub(offset);
        if needed > available {
            return Err(Error::UnexpectedEof {
                offset,
                needed,
                available,
            });
        }
        if needed > self.largest {
            return Err(Error::ResourceLimit(format!(
                "one read of {needed} bytes, at most {}",
                self.largest
            )));
        }
        let spent = self
            .budget
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(needed)
            });
        if spent.is_err() {
            return Err(Error::ResourceLimit(
                "more bytes of structure than the reader will follow".to_owned(),
            ));
        }
        let mut bytes = vec![0; len];
        // A panic while the lock was held cannot leave the reader worse than anywhere: we seek first.
        let mut reader = self
            .reader
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        reader.seek(SeekFrom::Start(offset))?;
        reader.read_exact(&mut bytes)?;
        Ok(StorageBuffer::from_vec(bytes))
    }
}

/// Calls the HDF5 crate. It is careful with hostile files, but it multiplies some declared dimensions
/// without a check, which panics in a development build: that is an answer about the file, too.
pub(crate) fn guarded<T>(
    what: &str,
    call: impl FnOnce() -> hdf5_reader::error::Result<T>,
) -> Result<T, MatError> {
    // Nothing of ours is changed by the call, and the crate's locks do not poison.
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|error| mat_error(error, what)),
        Err(_) => {
            let found = "a structure that the HDF5 reader fails on";
            Err(MatError::unsupported(
                what,
                "HDF5 features of MATLAB files",
                found,
                None,
            ))
        }
    }
}

/// Sorts an error of the HDF5 crate by what the caller can do. Its offsets count from the end of the
/// 512-byte MATLAB header or from the start of some structure, so they are told but not passed on as
/// the file's.
pub(crate) fn mat_error(error: Error, what: &str) -> MatError {
    match error {
        Error::Context { source, .. } => mat_error(*source, what),
        Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            MatError::truncated(what, "more bytes", "the end of the file", None)
        }
        Error::Io(error) => MatError::Io(error),
        Error::UnexpectedEof {
            offset,
            needed,
            available,
        } => {
            let expected = format!("{needed} bytes at {offset} of its HDF5 structure");
            MatError::truncated(what, expected, available.to_string(), None)
        }
        Error::OffsetOutOfBounds(address) => {
            let found = format!("a reference to {address:#x}");
            MatError::malformed(what, "HDF5 references within the file", found, None)
        }
        Error::ResourceLimit(found) => MatError::limit(what, "what the limits allow", found, None),
        error @ (Error::UnsupportedSuperblockVersion(_)
        | Error::UnsupportedObjectHeaderVersion(_)
        | Error::UnsupportedDatatypeClass(_)
        | Error::UnsupportedLayoutClass(_)
        | Error::UnsupportedLayoutVersion(_)
        | Error::UnsupportedFilterPipelineVersion(_)
        | Error::UnsupportedLinkType(_)
        | Error::UnsupportedChunkIndexType(_)
        | Error::UnsupportedFilter(_)
        | Error::UnsupportedEncoding(_)) => {
            MatError::unsupported(what, "HDF5 features of MATLAB files", error.to_string(), None)
        }
        error => MatError::malformed(what, "valid HDF5", error.to_string(), None),
    }
}
