//! An object of a store as `std::io::Read + Seek`, for decoders that run on a blocking thread.
//!
//! The object is fetched in chunks of a fixed size, by default [`Store::chunk_bytes`]. The reader keeps
//! [`CHUNKS_KEPT`] chunks in memory, so a decoder that seeks often (HDF5) does not fetch the same chunk repeatedly. If
//! chunks are read in order, the next [`CHUNKS_AHEAD`] chunks are prefetched. Memory is bounded by
//! `(CHUNKS_KEPT + CHUNKS_AHEAD) * chunk size`: 2 MiB for files, 64 MiB for S3.
//!
//! [`ObjectReader::pass_to`] passes every byte of the object to a sink, in order, for example to compute a hash. The
//! sink gets the chunks that are fetched for the decoder. Extra requests are needed only for chunks that the decoder
//! does not read, and for chunks that it read out of order and that are no longer in memory when the sink needs them.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::error::{ErrorContext, StoreError};
use crate::location::Location;
use crate::store::{ObjectMeta, Store};

/// The number of chunks that are kept in memory. The least recently used chunk is removed first.
pub const CHUNKS_KEPT: usize = 6;
/// The number of chunks that are prefetched if chunks are read in order.
pub const CHUNKS_AHEAD: usize = 2;

/// A reader of one object. Use it on a blocking thread (`spawn_blocking`), because a read blocks until its chunk is
/// available.
///
/// A failed request is returned as an [`io::Error`] that contains the [`StoreError`]: see [`StoreError::from_io`].
#[derive(Debug)]
pub struct ObjectReader {
    store: Arc<dyn Store>,
    location: Location,
    size: u64,
    runtime: Handle,
    chunk_bytes: u64,
    position: u64,
    /// Chunk numbers and contents. The most recently used chunk is at the back.
    kept: VecDeque<(u64, Bytes)>,
    /// Chunk numbers and pending requests, in order.
    ahead: VecDeque<(u64, JoinHandle<Result<Bytes, StoreError>>)>,
    last_chunk: Option<u64>,
    passing: Option<Passing>,
}

/// A function that receives consecutive bytes of the object.
type Sink = Box<dyn FnMut(&[u8]) + Send>;

/// The sink and its position.
struct Passing {
    sink: Sink,
    /// The number of the next chunk for the sink. All chunks before it have been passed.
    next: u64,
}

impl fmt::Debug for Passing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Passing {{ next: {} }}", self.next)
    }
}

impl ObjectReader {
    /// Opens an object and reads its first chunk with one call of [`Store::get_start`]. The reader is at the start of
    /// the object, and reads only the version that was found.
    ///
    /// # Errors
    /// As [`Store::get_start`].
    pub async fn open(
        store: Arc<dyn Store>,
        location: &Location,
    ) -> Result<(ObjectMeta, ObjectReader), StoreError> {
        let chunk_bytes = store.chunk_bytes();
        let (meta, first) = store.get_start(location, chunk_bytes).await?;
        let mut reader = ObjectReader::with_chunk_bytes(
            store,
            meta.location.clone(),
            meta.size,
            Handle::current(),
            chunk_bytes,
        );
        let first = reader.check_length(0, first)?;
        reader.last_chunk = Some(0);
        reader.kept.push_back((0, first));
        Ok((meta, reader))
    }

    /// Creates a reader at the start of an object of `size` bytes, with a chunk size in bytes (at least 1). Reads
    /// nothing. `location` should name a version. Otherwise the reader mixes two contents if the object is
    /// overwritten.
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
            passing: None,
        }
    }

    /// Returns the size of the object in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the location of the object.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Sets the sink that receives all bytes of the object, each once and in order, while they are read.
    /// [`ObjectReader::pass_rest`] reads the bytes that were not read. Call this before the first read.
    pub fn pass_to(&mut self, sink: impl FnMut(&[u8]) + Send + 'static) {
        self.passing = Some(Passing {
            sink: Box::new(sink),
            next: 0,
        });
    }

    /// Reads the bytes that the sink has not received yet. Does not change the position.
    ///
    /// # Errors
    /// As [`Store::get_range`].
    pub fn pass_rest(&mut self) -> Result<(), StoreError> {
        self.pass_until(self.size.div_ceil(self.chunk_bytes))
    }

    /// Passes the chunks before `end` to the sink.
    fn pass_until(&mut self, end: u64) -> Result<(), StoreError> {
        self.pass_kept();
        while let Some(number) = self.passing.as_ref().map(|passing| passing.next)
            && number < end
        {
            // This passes the chunk to the sink, and the chunks after it that are in memory.
            self.chunk(number)?;
        }
        Ok(())
    }

    /// Passes the next chunks to the sink, as far as they are in memory.
    fn pass_kept(&mut self) {
        let Some(passing) = &mut self.passing else { return };
        while let Some((_, bytes)) = self.kept.iter().find(|(number, _)| *number == passing.next) {
            (passing.sink)(bytes);
            passing.next += 1;
        }
    }

    fn chunk(&mut self, number: u64) -> Result<Bytes, StoreError> {
        let kept = self.kept.iter().position(|(kept, _)| *kept == number);
        if let Some((_, bytes)) = kept.and_then(|at| self.kept.remove(at)) {
            self.kept.push_back((number, bytes.clone()));
            self.pass_kept();
            return Ok(bytes);
        }
        let in_order = self
            .last_chunk
            .map_or(number == 0, |last| last.checked_add(1) == Some(number));
        // A decoder that skipped chunks and now reads in order will probably not read the skipped chunks. They are
        // passed to the sink first. Otherwise all chunks after them would be fetched again at the end.
        if in_order {
            self.pass_until(number)?;
        }
        self.last_chunk = Some(number);
        // Prefetched chunks before `number` are not needed any more.
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
        self.pass_kept();
        Ok(bytes)
    }

    /// Starts requests for the chunks after `number`.
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
        // The response was truncated, or the object was replaced by a shorter one. A new attempt looks it up again.
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
        // The values fit into `usize`, because they are at most the length of a chunk in memory.
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
