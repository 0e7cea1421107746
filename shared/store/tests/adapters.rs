//! `ObjectReader`, `ObjectWriter` and `FaultyStore`: what a decoder on a blocking thread sees.

// A test may stop at the first surprise; the helpers below are test code as much as the tests.
#![allow(clippy::unwrap_used)]

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use bytes::Bytes;
use ecg_store::{ErrorContext, Location, ObjectReader, ObjectWriter, Store, StoreError};
use ecg_testing::{Fault, FaultyStore, MemoryStore};
use tokio::runtime::Handle;

const CHUNK: u64 = 100;

fn content(length: usize) -> Bytes {
    (0..length)
        .map(|at| (at * 31 % 251) as u8)
        .collect::<Vec<u8>>()
        .into()
}

fn location() -> Location {
    Location::new("raw", "object")
}

async fn store_with(length: usize) -> FaultyStore {
    let memory = MemoryStore::new(["raw"]);
    memory.put(&location(), content(length)).await.unwrap();
    FaultyStore::new(Arc::new(memory))
}

/// Runs `act` on a blocking thread with a reader of an object of `length` bytes in chunks of 100.
async fn reading<T: Send + 'static>(
    store: &FaultyStore,
    length: u64,
    act: impl FnOnce(&mut ObjectReader) -> T + Send + 'static,
) -> T {
    let (store, runtime) = (Arc::new(store.clone()), Handle::current());
    let act = move || {
        act(&mut ObjectReader::with_chunk_bytes(
            store,
            location(),
            length,
            runtime,
            CHUNK,
        ))
    };
    tokio::task::spawn_blocking(act).await.unwrap()
}

#[tokio::test]
async fn reads_everything_once_and_in_order() {
    for length in [0, 1, 99, 100, 101, 250, 1000, 1234] {
        let store = store_with(length).await;
        let found = reading(&store, length as u64, |reader| {
            let mut found = Vec::new();
            reader.read_to_end(&mut found).map(|_| found)
        });
        assert_eq!(found.await.unwrap(), content(length), "{length} bytes");
        assert_eq!(
            store.operations().len(),
            length.div_ceil(100),
            "each chunk is fetched once"
        );
    }
}

#[tokio::test]
async fn jumps_like_a_cursor() {
    let store = store_with(1234).await;
    let same = reading(&store, 1234, |reader| {
        let all = content(1234);
        let mut cursor = io::Cursor::new(&all);
        let mut state = 1_u64;
        for step in 0..2000 {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            let number = (state >> 33) as i64;
            let to = match number % 4 {
                0 => SeekFrom::Start((number % 1400) as u64),
                1 => SeekFrom::Current(number % 500 - 250),
                2 => SeekFrom::End(-(number % 1400)),
                _ => SeekFrom::Current(0),
            };
            let (ours, theirs) = (reader.seek(to), cursor.seek(to));
            assert_eq!(ours.is_ok(), theirs.is_ok(), "step {step}: {to:?}");
            assert_eq!(reader.stream_position().unwrap(), cursor.position());
            let mut ours = vec![0; (number % 230) as usize];
            let mut theirs = ours.clone();
            let filled = read_fully(reader, &mut ours);
            assert_eq!(filled, read_fully(&mut cursor, &mut theirs), "step {step}");
            assert_eq!(ours, theirs, "step {step}");
        }
        true
    });
    assert!(same.await);
}

fn read_fully(from: &mut impl Read, buffer: &mut [u8]) -> usize {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]).unwrap() {
            0 => break,
            length => filled += length,
        }
    }
    filled
}

#[tokio::test]
async fn a_few_chunks_stay_in_memory() {
    let store = store_with(10_000).await;
    reading(&store, 10_000, |reader| {
        // As HDF5 does: the same few places again and again.
        for _ in 0..50 {
            for place in [5000, 300, 9000, 2500] {
                reader.seek(SeekFrom::Start(place)).unwrap();
                reader.read_exact(&mut [0; 50]).unwrap();
            }
        }
    })
    .await;
    assert_eq!(store.operations().len(), 4, "{:?}", store.operations());
}

#[tokio::test]
async fn a_failed_fetch_comes_out_with_the_store_error_inside() {
    let slow = StoreError::Transient(ErrorContext::new("reading", &location(), "slow down"));
    // The chunk that was asked for, and one that was fetched ahead.
    for number in [0, 1, 2, 5] {
        let store = store_with(1000).await;
        store.fail_on(number, Fault::Error(slow.clone()));
        let error = reading(&store, 1000, |reader| {
            reader.read_to_end(&mut Vec::new()).unwrap_err()
        })
        .await;
        assert_eq!(StoreError::from_io(&error), Some(&slow));
    }
}

#[tokio::test]
async fn a_truncated_fetch_is_an_error_and_not_an_end() {
    for number in [0, 3, 9] {
        let store = store_with(1000).await;
        store.fail_on(number, Fault::Truncated(40));
        let error = reading(&store, 1000, |reader| {
            reader.read_to_end(&mut Vec::new()).unwrap_err()
        })
        .await;
        let inside = StoreError::from_io(&error).unwrap();
        assert!(
            matches!(inside, StoreError::Transient(_))
                && inside.to_string().contains("expected 100 bytes, found 40"),
            "{inside}"
        );
    }
    // The same when the object is shorter than its size said.
    let store = store_with(1000).await;
    let error = reading(&store, 1001, |reader| {
        reader.read_to_end(&mut Vec::new()).unwrap_err()
    })
    .await;
    assert!(StoreError::from_io(&error).is_some(), "{error}");
}

#[tokio::test]
async fn writes_what_it_was_given_and_nothing_before_finish() {
    let store = Arc::new(MemoryStore::new(["raw"]));
    let all = content(3_500_000);
    for piece in [1 << 20, 333_333, 7_000_000] {
        let upload = store.begin_upload(&location()).await.unwrap();
        let (runtime, given) = (Handle::current(), all.clone());
        let written = tokio::task::spawn_blocking(move || {
            let mut writer = ObjectWriter::new(upload, runtime);
            for piece in given.chunks(piece) {
                writer.write_all(piece).unwrap();
            }
            writer.flush().unwrap();
            writer.finish().unwrap()
        });
        assert_eq!(written.await.unwrap().size, 3_500_000);
        assert_eq!(store.get(&location(), 1 << 30).await.unwrap().1, all);
    }
    let dropped = Location::new("raw", "dropped");
    let upload = store.begin_upload(&dropped).await.unwrap();
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || ObjectWriter::new(upload, runtime).write_all(b"half").unwrap())
        .await
        .unwrap();
    assert!(matches!(store.head(&dropped).await, Err(StoreError::NotFound(_))));
}

#[tokio::test]
async fn a_failed_write_comes_out_with_the_store_error_inside() {
    let full = StoreError::PermissionDenied(ErrorContext::new("writing", &location(), "read only"));
    let store = store_with(0).await;
    // 0 begins the upload, 1 is its first write, 2 its end.
    for number in [1, 2] {
        let store = FaultyStore::new(Arc::new(store.clone()));
        store.fail_on(number, Fault::Error(full.clone()));
        let upload = store.begin_upload(&location()).await.unwrap();
        let runtime = Handle::current();
        let error = tokio::task::spawn_blocking(move || {
            let mut writer = ObjectWriter::new(upload, runtime);
            match writer.write_all(&[7; 1 << 20]) {
                Err(error) => StoreError::from_io(&error).cloned(),
                Ok(()) => writer.finish().err(),
            }
        });
        assert_eq!(error.await.unwrap(), Some(full.clone()), "operation {number}");
        assert_eq!(
            store.head(&location()).await.unwrap().size,
            0,
            "the old object stays"
        );
    }
}

#[tokio::test]
async fn a_lost_answer_leaves_the_write_done() {
    let store = store_with(10).await;
    let lost = StoreError::Transient(ErrorContext::new("writing", &location(), "connection reset"));
    store.fail_on(0, Fault::ErrorAfter(lost.clone()));
    assert_eq!(store.put(&location(), content(20)).await, Err(lost));
    assert_eq!(store.head(&location()).await.unwrap().size, 20);
    assert_eq!(store.operations(), ["put raw/object", "head raw/object"]);
}
