//! A store's object as `std::io::Read + Seek`, for decoders that run on a blocking thread.
//!
//! The object is fetched in chunks of a fixed size, which the store chooses ([`Store::chunk_bytes`]). A handful stay in
//! memory, so that a reader that jumps back and forth (HDF5) does not fetch the same chunk again and again; while chunks are
//! asked for in order, the next ones are fetched ahead. Memory is bounded by
//! `(CHUNKS_KEPT + CHUNKS_AHEAD) * chunk size`: 8 MiB for files, 64 MiB for S3.
//!
//! Who needs every byte of the object besides, in order, as a hash does, lets the chunks [pass by](ObjectReader::pass_to) on
//! their way to the decoder. No chunk is fetched for that alone but those that the decoder never asks for, and those that it
//! asked for too early and that have left the memory when their turn comes.

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
    passing: Option<Passing>,
}

/// Takes consecutive bytes of the object.
type Sink = Box<dyn FnMut(&[u8]) + Send>;

/// Where the chunks pass by.
struct Passing {
    sink: Sink,
    /// The chunk that is next: all before it have passed.
    next: u64,
}

impl fmt::Debug for Passing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Passing {{ next: {} }}", self.next)
    }
}

impl ObjectReader {
    /// Looks an object up and reads its first chunk with the same request. The reader is at its start and pinned to the
    /// version that was found.
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

    /// A reader at the start of an object of `size` bytes that has read nothing of it, with another size of chunks in bytes
    /// (at least 1). `location` should name a version: otherwise an overwrite in between mixes two contents.
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

    /// Size of the object in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The object that is read.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// From now on hands the bytes of the object to `sink`, each once and in order, as they are read for whatever reason;
    /// those that were not read, [`ObjectReader::pass_rest`] reads. To be called before the first read.
    pub fn pass_to(&mut self, sink: impl FnMut(&[u8]) + Send + 'static) {
        self.passing = Some(Passing {
            sink: Box::new(sink),
            next: 0,
        });
    }

    /// Reads what has not passed by yet. The position stays.
    ///
    /// # Errors
    /// As a read.
    pub fn pass_rest(&mut self) -> Result<(), StoreError> {
        self.pass_until(self.size.div_ceil(self.chunk_bytes))
    }

    /// Lets the chunks before `end` pass by.
    fn pass_until(&mut self, end: u64) -> Result<(), StoreError> {
        self.pass_kept();
        while let Some(number) = self.passing.as_ref().map(|passing| passing.next)
            && number < end
        {
            // Which lets it pass by, and what is kept behind it.
            self.chunk(number)?;
        }
        Ok(())
    }

    /// Lets pass by what is in memory and whose turn it is.
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
        // A decoder that jumped and now goes on from there will not come back for what lies before: it has to pass by first,
        // or all that follows would be fetched again at the end.
        if in_order {
            self.pass_until(number)?;
        }
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
        self.pass_kept();
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
