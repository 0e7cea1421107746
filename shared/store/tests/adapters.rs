//! `ObjectReader`, `ObjectWriter` and `FaultyStore`: what a decoder on a blocking thread sees.

// A test may stop at the first surprise; the helpers below are test code as much as the tests.
#![allow(clippy::unwrap_used)]

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex};

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

/// Lets the object pass by while `act` reads: what passed, and how many chunks were fetched.
async fn passing(length: usize, act: impl FnOnce(&mut ObjectReader) + Send + 'static) -> (Vec<u8>, usize) {
    let store = store_with(length).await;
    let passed = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&passed);
    reading(&store, length as u64, move |reader| {
        reader.pass_to(move |bytes| sink.lock().unwrap().extend_from_slice(bytes));
        act(reader);
        reader.pass_rest().unwrap();
    })
    .await;
    let passed = passed.lock().unwrap().clone();
    (passed, store.operations().len())
}

fn read_at(reader: &mut ObjectReader, at: u64, length: usize) {
    reader.seek(SeekFrom::Start(at)).unwrap();
    let mut found = vec![0; length];
    reader.read_exact(&mut found).unwrap();
    assert_eq!(found, content(at as usize + length)[at as usize..]);
}

/// Each byte passes by once and in order, whatever the decoder reads; and how many chunks are fetched for it.
#[tokio::test]
async fn what_passes_by_is_the_object() {
    type Act = fn(&mut ObjectReader);
    let table: [(&str, Act, usize); 8] = [
        ("nothing is read", |_| {}, 20),
        ("all is read", |reader| read_at(reader, 0, 2000), 20),
        ("all but the end", |reader| read_at(reader, 0, 1234), 20),
        (
            "the beginning twice",
            |reader| {
                read_at(reader, 0, 300);
                read_at(reader, 0, 2000);
            },
            20,
        ),
        // As level 4 with variables behind the samples: their beginning is looked at first, and has left the memory
        // when its turn comes.
        (
            "the end, then all",
            |reader| {
                read_at(reader, 1950, 50);
                read_at(reader, 0, 1900);
            },
            21,
        ),
        // As level 5 with something before the samples that is not read: it is read before them.
        ("a gap, then the rest", |reader| read_at(reader, 1000, 1000), 21),
        ("a small gap", |reader| read_at(reader, 450, 1550), 20),
        // As HDF5: what is still in memory when its turn comes is not fetched again.
        (
            "chunks in disorder",
            |reader| {
                for four in 0..5 {
                    for chunk in [1, 3, 0, 2] {
                        read_at(reader, 100 * (4 * four + chunk), 100);
                    }
                }
            },
            20,
        ),
    ];
    for (what, act, fetches) in table {
        let (passed, fetched) = passing(2000, act).await;
        assert_eq!(passed, content(2000), "{what}");
        assert_eq!(fetched, fetches, "{what}");
    }
    // Whatever it reads.
    let (passed, _) = passing(1234, |reader| {
        let mut state = 7_u64;
        for _ in 0..300 {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            read_at(reader, (state >> 33) % 1000, ((state >> 50) % 230) as usize);
        }
    })
    .await;
    assert_eq!(passed, content(1234));
}

#[tokio::test]
async fn opening_reads_the_first_chunk_and_pins_it() {
    let store = Arc::new(store_with(1000).await);
    let (meta, mut reader) = ObjectReader::open(store.clone(), &location()).await.unwrap();
    assert_eq!((meta.size, reader.location()), (1000, &meta.location));
    assert!(meta.location.version.is_some());
    let mut found = Vec::new();
    let read = move || reader.read_to_end(&mut found).map(|_| found);
    let found = tokio::task::spawn_blocking(read).await.unwrap().unwrap();
    assert_eq!(found, content(1000));
    assert_eq!(store.operations(), ["get_start raw/object"]);
    // An answer that was cut off is no short object.
    store.fail_on(1, Fault::Truncated(40));
    let error = ObjectReader::open(store, &location()).await.unwrap_err();
    assert!(matches!(error, StoreError::Transient(_)), "{error}");
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
