//! The storage interface of the HDF5 crate, with a read budget. The crate allocates memory for what it reads, so a
//! limit on the reads also limits the memory, for any file.

use std::io::{self, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use hdf5_reader::error::Error;
use hdf5_reader::{Storage, StorageBuffer};

use crate::error::MatError;

/// Positioned reads of a shared file, with a limit for one read and a budget for all reads.
pub(crate) struct BudgetedStorage<R> {
    reader: Mutex<R>,
    len: u64,
    largest: u64,
    budget: Arc<AtomicU64>,
}

impl<R: Read + Seek + Send> BudgetedStorage<R> {
    /// Creates the storage. `largest` is the limit for one read in bytes. Every read reduces `budget`, which may be set
    /// again.
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
        // After a panic in another read only the position is unknown, and every read seeks first.
        let mut reader = self
            .reader
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        reader.seek(SeekFrom::Start(offset))?;
        reader.read_exact(&mut bytes)?;
        Ok(StorageBuffer::from_vec(bytes))
    }
}

/// Calls the HDF5 crate and converts a panic to an error. The crate checks its input, but it multiplies some declared
/// dimensions without an overflow check, which panics in a debug build.
pub(crate) fn guarded<T>(
    what: &str,
    call: impl FnOnce() -> hdf5_reader::error::Result<T>,
) -> Result<T, MatError> {
    // The call does not change our data, and the locks of the crate are not poisoned by a panic.
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

/// Converts an error of the HDF5 crate. Its offsets are relative to the end of the 512-byte MATLAB header or to the
/// start of a structure, so they are part of the message and not the offset of the error.
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
