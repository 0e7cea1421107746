//! An upload as `std::io::Write`, for encoders that run on a blocking thread.

use std::io::{self, Write};

use bytes::{Bytes, BytesMut};
use tokio::runtime::Handle;

use crate::error::StoreError;
use crate::store::{Upload, WrittenObject};

/// The number of bytes that are buffered before they are passed to the upload.
const BLOCK_BYTES: usize = 1 << 20;

/// A writer of one object. Use it on a blocking thread (`spawn_blocking`).
///
/// The object exists only after [`ObjectWriter::finish`]. If the writer is dropped before, no object is written. An
/// error is returned as an [`io::Error`] that contains the [`StoreError`]: see [`StoreError::from_io`].
pub struct ObjectWriter {
    upload: Box<dyn Upload>,
    runtime: Handle,
    block: BytesMut,
}

impl ObjectWriter {
    /// Creates a writer for a new upload.
    pub fn new(upload: Box<dyn Upload>, runtime: Handle) -> ObjectWriter {
        ObjectWriter {
            upload,
            runtime,
            block: BytesMut::new(),
        }
    }

    /// Sends the buffered bytes and makes the object visible.
    pub fn finish(mut self) -> Result<WrittenObject, StoreError> {
        self.send()?;
        self.runtime.block_on(self.upload.finish())
    }

    fn send(&mut self) -> Result<(), StoreError> {
        if self.block.is_empty() {
            return Ok(());
        }
        let bytes: Bytes = self.block.split().freeze();
        self.runtime.block_on(self.upload.write(bytes))
    }
}

impl Write for ObjectWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = bytes.len().min(BLOCK_BYTES - self.block.len());
        if self.block.is_empty() {
            // Reuses the memory of the last block, if the upload has released it.
            self.block.reserve(BLOCK_BYTES);
        }
        self.block.extend_from_slice(&bytes[..length]);
        if self.block.len() == BLOCK_BYTES {
            self.send()?;
        }
        Ok(length)
    }

    /// Does nothing, because no byte is visible before [`ObjectWriter::finish`], and small writes to S3 would cost
    /// extra requests.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
