//! An upload as `std::io::Write`, for encoders that run on a blocking thread.

use std::io::{self, Write};

use bytes::{Bytes, BytesMut};
use tokio::runtime::Handle;

use crate::error::StoreError;
use crate::store::{Upload, WrittenObject};

/// Bytes that are collected before they go to the upload.
const BLOCK_BYTES: usize = 1 << 20;

/// Writes one object. To be used off the runtime's own threads (`spawn_blocking`).
///
/// The object exists only after [`ObjectWriter::finish`]; dropping the writer leaves nothing behind. A
/// failure comes out as an [`io::Error`] with the [`StoreError`] inside: see [`StoreError::from_io`].
pub struct ObjectWriter {
    upload: Box<dyn Upload>,
    runtime: Handle,
    block: BytesMut,
}

impl ObjectWriter {
    /// A writer into an upload that was just begun.
    pub fn new(upload: Box<dyn Upload>, runtime: Handle) -> ObjectWriter {
        ObjectWriter {
            upload,
            runtime,
            block: BytesMut::new(),
        }
    }

    /// Sends what is left and makes the object visible.
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
            // Reuses the last block's memory once the upload has let go of it.
            self.block.reserve(BLOCK_BYTES);
        }
        self.block.extend_from_slice(&bytes[..length]);
        if self.block.len() == BLOCK_BYTES {
            self.send()?;
        }
        Ok(length)
    }

    /// Does nothing: nothing is visible before [`ObjectWriter::finish`], and small writes to S3 cost
    /// requests.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
