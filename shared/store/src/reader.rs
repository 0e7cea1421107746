//! A store's object as `std::io::Read + Seek`, for decoders that run on a blocking thread.
//!
//! The object is fetched in chunks of a fixed size. A handful stay in memory, so that a reader that jumps
//! back and forth (HDF5) does not fetch the same chunk again and again; while chunks are asked for in order,
//! the next ones are fetched ahead. Memory is bounded by
//! `(CHUNKS_KEPT + CHUNKS_AHEAD) * chunk size`, 8 MiB by default.

use std::collections::VecDeque;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::error::{ErrorContext, StoreError};
use crate::location::Location;
use crate::store::Store;

/// Size of a fetched chunk unless told otherwise, in bytes.
pub const CHUNK_BYTES: u64 = 1 << 20;
/// Chunks that stay in memory after use, the longest unused leaving first.
pub const CHUNKS_KEPT: usize = 6;
/// Chunks that are fetched ahead of a reader that goes in order.
pub const CHUNKS_AHEAD: usize = 2;

/// Reads one object. To be used off the runtime's own threads (`spawn_blocking`): a read blocks until its
/// chunk is there.
///
/// A failed fetch comes out as an [`io::Error`] with the [`StoreError`] inside: see
/// [`StoreError::from_io`].
#[derive(Debug)]
pub struct ObjectReader {
    store: Arc<dyn Store>,
    location: Location,
    size: u64,
    runtime: Handle,
    chunk_bytes: u64,
    position: u64,
    /// Chunk number and content, the one used last at the back.
    kept: VecDeque<(u64, Bytes)>,
    /// Chunk number and the fetch under way, in order.
    ahead: VecDeque<(u64, JoinHandle<Result<Bytes, StoreError>>)>,
    last_chunk: Option<u64>,
}

impl ObjectReader {
    /// A reader at the start of an object of `size` bytes. `location` should name a version (as
    /// [`crate::ObjectMeta::location`] does): otherwise an overwrite in between mixes two contents.
    pub fn new(store: Arc<dyn Store>, location: Location, size: u64, runtime: Handle) -> ObjectReader {
        ObjectReader::with_chunk_bytes(store, location, size, runtime, CHUNK_BYTES)
    }

    /// The same with another chunk size in bytes (at least 1): larger for S3 over a slow line, smaller
    /// where many readers share little memory.
    pub fn with_chunk_bytes(
        store: Arc<dyn Store>,
        location: Location,
        size: u64,
        runtime: Handle,
        chunk_bytes: u64,
    ) -> ObjectReader {
        ObjectReader {
            store,
            location,
            size,
            runtime,
            chunk_bytes: chunk_bytes.max(1),
            position: 0,
            kept: VecDeque::new(),
            ahead: VecDeque::new(),
            last_chunk: None,
        }
    }

    /// Size of the object in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The object that is read.
    pub fn location(&self) -> &Location {
        &self.location
    }

    fn chunk(&mut self, number: u64) -> Result<Bytes, StoreError> {
        let kept = self.kept.iter().position(|(kept, _)| *kept == number);
        if let Some((_, bytes)) = kept.and_then(|at| self.kept.remove(at)) {
            self.kept.push_back((number, bytes.clone()));
            return Ok(bytes);
        }
        let in_order = self
            .last_chunk
            .map_or(number == 0, |last| last.checked_add(1) == Some(number));
        self.last_chunk = Some(number);
        // What was fetched ahead for a place that the reader has left is of no use.
        while self.ahead.front().is_some_and(|(ahead, _)| *ahead != number) {
            if let Some((_, fetch)) = self.ahead.pop_front() {
                fetch.abort();
            }
        }
        let fetched = match self.ahead.pop_front() {
            Some((_, fetch)) => {
                self.fetch_ahead(number);
                self.runtime.block_on(fetch).unwrap_or_else(|error| {
                    let context = ErrorContext::new("reading ahead in", &self.location, error.to_string());
                    Err(StoreError::Other(context))
                })
            }
            None => {
                if in_order {
                    self.fetch_ahead(number);
                }
                let range = self.range(number);
                self.runtime.block_on(self.store.get_range(&self.location, range))
            }
        };
        let bytes = self.check_length(number, fetched?)?;
        if self.kept.len() >= CHUNKS_KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back((number, bytes.clone()));
        Ok(bytes)
    }

    /// Starts to fetch what follows `number`.
    fn fetch_ahead(&mut self, number: u64) {
        let next = self.ahead.back().map_or(number, |(last, _)| *last) + 1;
        let wanted = CHUNKS_AHEAD - self.ahead.len().min(CHUNKS_AHEAD);
        for number in (next..).take(wanted) {
            let range = self.range(number);
            if range.is_empty() || self.kept.iter().any(|(kept, _)| *kept == number) {
                return;
            }
            let store = Arc::clone(&self.store);
            let location = self.location.clone();
            let fetch = self
                .runtime
                .spawn(async move { store.get_range(&location, range).await });
            self.ahead.push_back((number, fetch));
        }
    }

    fn range(&self, number: u64) -> std::ops::Range<u64> {
        let start = number.saturating_mul(self.chunk_bytes);
        start..start.saturating_add(self.chunk_bytes).min(self.size)
    }

    fn check_length(&self, number: u64, bytes: Bytes) -> Result<Bytes, StoreError> {
        let range = self.range(number);
        let expected = range.end - range.start;
        if bytes.len() as u64 == expected {
            return Ok(bytes);
        }
        let operation = format!("reading bytes {}..{} of", range.start, range.end);
        let message = format!("expected {expected} bytes, found {}", bytes.len());
        // Cut off on the way, or replaced by a shorter object: a new attempt looks it up again.
        Err(StoreError::Transient(ErrorContext::new(
            operation,
            &self.location,
            message,
        )))
    }
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.position >= self.size {
            return Ok(0);
        }
        let bytes = self.chunk(self.position / self.chunk_bytes)?;
        // Both fit: they are at most the length of a chunk in memory.
        let within = (self.position % self.chunk_bytes) as usize;
        let length = buffer.len().min(bytes.len() - within);
        buffer[..length].copy_from_slice(&bytes[within..within + length]);
        self.position += length as u64;
        Ok(length)
    }
}

impl Seek for ObjectReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
            SeekFrom::End(offset) => self.size.checked_add_signed(offset),
        };
        self.position = target.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("seeking to {to:?} in {}", self.location),
            )
        })?;
        Ok(self.position)
    }
}

impl Drop for ObjectReader {
    fn drop(&mut self) {
        for (_, fetch) in &self.ahead {
            fetch.abort();
        }
    }
}
