//! The conformance suite of [`Store`]: every rule of the interface, one function each.

use std::sync::Arc;

use bytes::Bytes;

use ecg_store::{ListedVersion, Location, Store, StoreError};

/// A store under test, and what the suite may do to it.
#[derive(Debug, Clone)]
pub struct StoreSuite {
    /// The store; both buckets exist and are empty.
    pub store: Arc<dyn Store>,
    /// A bucket that does not keep versions.
    pub bucket: String,
    /// A bucket that keeps versions.
    pub versioned_bucket: String,
    /// How many objects the listing rule writes; more than 1000 crosses the page size of S3.
    pub many_objects: usize,
    /// Rules that this backend is known to break, by name: `(rule, reason)`.
    pub known_gaps: Vec<(&'static str, &'static str)>,
}

impl StoreSuite {
    /// Runs every rule and panics at the first that does not hold. Returns the names of the rules that ran.
    pub async fn run(&self) -> Vec<&'static str> {
        let mut ran = Vec::new();
        macro_rules! rules {
            ($($rule:ident),* $(,)?) => {$(
                if self.known_gaps.iter().all(|(name, _)| *name != stringify!($rule)) {
                    $rule(self).await;
                    ran.push(stringify!($rule));
                }
            )*};
        }
        rules!(
            round_trip,
            ranges,
            starts_and_ends,
            empty_object,
            missing_objects,
            unusable_locations,
            awkward_keys,
            overwrite_without_versions,
            overwrite_with_versions,
            put_if_absent_once,
            put_if_absent_race,
            put_if_unchanged,
            put_if_unchanged_race,
            deletes,
            copies,
            upload_of_30_mib,
            small_uploads,
            unfinished_uploads,
            list_prefixes,
            list_many,
            versions_and_purge,
            concurrent_writers,
        );
        ran
    }

    fn at(&self, key: &str) -> Location {
        Location::new(&self.bucket, key)
    }

    fn versioned(&self, key: &str) -> Location {
        Location::new(&self.versioned_bucket, key)
    }

    async fn keys(&self, prefix: &str) -> Vec<String> {
        let listed = self.store.list(&self.bucket, prefix).await.unwrap();
        listed.into_iter().map(|object| object.key).collect()
    }
}

const LIMIT: u64 = 64 << 20;

/// Bytes that differ from place to place, so that a shifted or repeated block shows.
fn pattern(length: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(2) | 1;
    let next = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next)
        .take(length)
        .collect::<Vec<u8>>()
        .into()
}

async fn copies(suite: &StoreSuite) {
    let store = &suite.store;
    // A key that has to be encoded where it is named as the source.
    let from = suite.versioned("copies/ä +%?&=#/1 (a).bin");
    let first = store.put(&from, pattern(9 << 20, 41)).await.unwrap();
    store.put(&from, pattern(10, 42)).await.unwrap();
    let to = suite.at("copies/to/b.bin");
    store.put(&to, pattern(20, 43)).await.unwrap();
    // The version that is named, over what is there.
    store.copy(&first.location, &to).await.unwrap();
    assert_eq!(store.get(&to, LIMIT).await.unwrap().1, pattern(9 << 20, 41));
    store.copy(&from, &to).await.unwrap();
    assert_eq!(store.get(&to, LIMIT).await.unwrap().1, pattern(10, 42));
    // Nothing is put in the place of what is there.
    for missing in [
        suite.at("copies/none"),
        first.location.with_version("0".repeat(32)),
    ] {
        let error = store.copy(&missing, &to).await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound(_)), "{error:?}");
    }
    assert_eq!(store.get(&to, LIMIT).await.unwrap().1, pattern(10, 42));
    let error = store.copy(&from, &first.location).await.unwrap_err();
    assert!(matches!(error, StoreError::Invalid(_)), "{error:?}");
}

async fn round_trip(suite: &StoreSuite) {
    let location = suite.at("round-trip/a.bin");
    let content = pattern(70_000, 1);
    let written = suite.store.put(&location, content.clone()).await.unwrap();
    assert_eq!(written.size, 70_000);
    let meta = suite.store.head(&location).await.unwrap();
    assert_eq!((meta.size, &meta.etag), (70_000, &written.etag));
    assert_eq!(
        meta.location, written.location,
        "a write and a look pin the same version"
    );
    assert!(
        !meta.etag.contains('"'),
        "an ETag comes without quotes: {}",
        meta.etag
    );
    let (again, bytes) = suite.store.get(&location, LIMIT).await.unwrap();
    assert_eq!((again, bytes), (meta.clone(), content.clone()));
    let (pinned, bytes) = suite.store.get(&meta.location, LIMIT).await.unwrap();
    assert_eq!((pinned, bytes), (meta, content));
    let refused = suite.store.get(&location, 69_999).await;
    assert!(
        matches!(refused, Err(StoreError::Invalid(_))),
        "the limit holds: {refused:?}"
    );
    assert!(suite.store.get(&location, 70_000).await.is_ok());
}

async fn ranges(suite: &StoreSuite) {
    let location = suite.at("ranges");
    let content = pattern(1000, 2);
    let written = suite.store.put(&location, content.clone()).await.unwrap();
    for (range, expected) in [
        (0..1, 0..1),
        (999..1000, 999..1000),
        (0..1000, 0..1000),
        (10..20, 10..20),
        (990..2000, 990..1000),
        (1000..1001, 0..0),
        (5000..6000, 0..0),
        (7..7, 0..0),
        (0..u64::MAX, 0..1000),
    ] {
        for location in [&location, &written.location] {
            let bytes = suite.store.get_range(location, range.clone()).await.unwrap();
            assert_eq!(
                bytes,
                content.slice(expected.clone()),
                "range {range:?} of {location}"
            );
        }
    }
}

async fn starts_and_ends(suite: &StoreSuite) {
    let location = suite.versioned("starts-and-ends");
    let content = pattern(300_000, 44);
    let written = suite.store.put(&location, content.clone()).await.unwrap();
    let meta = suite.store.head(&location).await.unwrap();
    suite.store.put(&location, pattern(10, 45)).await.unwrap();
    for most in [1, 299_999, 300_000, 300_001, 1 << 30] {
        let length = content.len().min(most as usize);
        let (start, bytes) = suite.store.get_start(&written.location, most).await.unwrap();
        assert_eq!(start, meta, "the first {most}");
        assert!(bytes == content.slice(..length), "the first {most}");
        let (end, bytes) = suite.store.get_end(&written.location, most).await.unwrap();
        let found = (&end.location, end.size, &end.etag, end.last_modified_ms);
        let expected = (&meta.location, meta.size, &meta.etag, meta.last_modified_ms);
        assert_eq!(found, expected, "the last {most}");
        assert!(
            bytes == content.slice(content.len() - length..),
            "the last {most}"
        );
    }
}

async fn empty_object(suite: &StoreSuite) {
    let location = suite.at("empty");
    suite.store.put(&location, Bytes::new()).await.unwrap();
    assert_eq!(suite.store.head(&location).await.unwrap().size, 0);
    assert_eq!(
        suite.store.get_range(&location, 0..1).await.unwrap(),
        Bytes::new()
    );
    assert_eq!(
        suite.store.get_range(&location, 0..0).await.unwrap(),
        Bytes::new()
    );
    assert_eq!(suite.store.get(&location, 0).await.unwrap().1, Bytes::new());
    for most in [1, 100] {
        let (meta, bytes) = suite.store.get_start(&location, most).await.unwrap();
        assert_eq!((meta.size, bytes), (0, Bytes::new()));
        let (meta, bytes) = suite.store.get_end(&location, most).await.unwrap();
        assert_eq!((meta.size, bytes), (0, Bytes::new()));
    }
}

async fn missing_objects(suite: &StoreSuite) {
    let missing = suite.at("missing/object");
    let no_bucket = Location::new("no-such-bucket-here", "key");
    let there = suite.at("missing/there");
    suite.store.put(&there, pattern(10, 3)).await.unwrap();
    let other_etag = there.with_version("0123456789abcdef0123456789abcdef");
    let other_id = there.with_version("no-such-version-id");
    let in_versioned = suite.versioned("missing/there");
    suite.store.put(&in_versioned, pattern(10, 3)).await.unwrap();
    let other_version = in_versioned.with_version("00000000-0000-4000-8000-000000000000");
    let version_of_missing = missing.with_version("0123456789abcdef0123456789abcdef");
    let outside = there.with_version("../../there");
    for location in [
        &missing,
        &no_bucket,
        &other_etag,
        &other_id,
        &other_version,
        &version_of_missing,
        &outside,
    ] {
        let answers = [
            suite.store.head(location).await.err(),
            suite.store.get(location, LIMIT).await.err(),
            suite.store.get_start(location, 5).await.err(),
            suite.store.get_end(location, 5).await.err(),
            suite.store.get_range(location, 0..5).await.err(),
            suite.store.get_range(location, 5..5).await.err(),
        ];
        for answer in answers {
            let Some(StoreError::NotFound(context)) = &answer else {
                panic!("expected NotFound for {location}, found {answer:?}");
            };
            assert_eq!(&context.location, location);
        }
    }
    assert_eq!(suite.keys("missing/none").await, Vec::<String>::new());
}

async fn unusable_locations(suite: &StoreSuite) {
    for location in [
        suite.at(""),
        suite.at(&"k".repeat(1025)),
        Location::new("", "key"),
        Location::new("..", "key"),
        Location::new("a/b", "key"),
    ] {
        let answers = [
            suite.store.head(&location).await.err(),
            suite.store.get_range(&location, 0..1).await.err(),
            suite.store.put(&location, Bytes::new()).await.err(),
            suite.store.put_if_absent(&location, Bytes::new()).await.err(),
            suite.store.begin_upload(&location).await.err(),
        ];
        for answer in answers {
            assert!(
                matches!(answer, Some(StoreError::Invalid(_))),
                "{location}: {answer:?}"
            );
        }
    }
    let pinned = suite.at("unusable/pinned").with_version("v");
    assert!(matches!(
        suite.store.put(&pinned, Bytes::new()).await,
        Err(StoreError::Invalid(_))
    ));
}

async fn awkward_keys(suite: &StoreSuite) {
    let long = format!("awkward/{}", "l".repeat(1024 - 8));
    let long_unicode = format!("awkward/{}", "µ".repeat(500));
    let keys = [
        "awkward/1 NSR/100m (0).mat",
        "awkward/a+b.mat",
        "awkward/a%2Bb.mat",
        "awkward/100%.mat",
        "awkward/ünï/心電図 ♥.mat",
        "awkward/../up.mat",
        "awkward/./here.mat",
        "awkward//double.mat",
        "awkward/.hidden/.tmp",
        "awkward/trailing/",
        "awkward/q?a=b&c#d.mat",
        "awkward/\"quotes'<&>",
        "awkward/back\\slash",
        "awkward/~tilde*!()",
        &long,
        &long_unicode,
    ];
    for (number, key) in keys.iter().enumerate() {
        let content = pattern(20 + number, 4);
        let location = suite.at(key);
        let written = suite.store.put(&location, content.clone()).await.unwrap();
        assert_eq!(
            suite.store.get(&written.location, LIMIT).await.unwrap().1,
            content,
            "{key}"
        );
    }
    // Each is an object of its own, and the listing gives the key back as it was.
    for (number, key) in keys.iter().enumerate() {
        assert_eq!(
            suite.store.head(&suite.at(key)).await.unwrap().size,
            20 + number as u64,
            "{key}"
        );
    }
    let mut sorted = keys.map(str::to_owned).to_vec();
    sorted.sort();
    assert_eq!(suite.keys("awkward/").await, sorted);
}

async fn overwrite_without_versions(suite: &StoreSuite) {
    let location = suite.at("overwrite");
    let first = suite.store.put(&location, pattern(100, 5)).await.unwrap();
    let second = suite.store.put(&location, pattern(50, 6)).await.unwrap();
    assert_ne!(first.location, second.location);
    assert_eq!(suite.store.get(&location, LIMIT).await.unwrap().1, pattern(50, 6));
    assert_eq!(
        suite.store.get_range(&second.location, 0..100).await.unwrap(),
        pattern(50, 6)
    );
    let gone = suite.store.get_range(&first.location, 0..10).await;
    assert!(
        matches!(gone, Err(StoreError::NotFound(_))),
        "never another version's bytes: {gone:?}"
    );
    let gone = suite.store.head(&first.location).await;
    assert!(
        matches!(gone, Err(StoreError::NotFound(_))),
        "never another version's facts: {gone:?}"
    );
}

async fn overwrite_with_versions(suite: &StoreSuite) {
    let location = suite.versioned("overwrite/kept.mat");
    let first = suite.store.put(&location, pattern(100, 7)).await.unwrap();
    let mut upload = suite.store.begin_upload(&location).await.unwrap();
    upload.write(pattern(50, 8)).await.unwrap();
    let second = upload.finish().await.unwrap();
    let third = suite.store.put(&location, pattern(75, 9)).await.unwrap();
    for (written, content) in [
        (&first, pattern(100, 7)),
        (&second, pattern(50, 8)),
        (&third, pattern(75, 9)),
    ] {
        let (meta, bytes) = suite.store.get(&written.location, LIMIT).await.unwrap();
        assert_eq!(bytes, content);
        assert_eq!(
            (meta.size, &meta.location),
            (content.len() as u64, &written.location)
        );
        let range = suite.store.get_range(&written.location, 40..1000).await.unwrap();
        assert_eq!(range, content.slice(40..));
    }
    assert_eq!(
        suite.store.head(&location).await.unwrap().location,
        third.location
    );
    let listed = suite
        .store
        .list(&suite.versioned_bucket, "overwrite/")
        .await
        .unwrap();
    assert_eq!(listed.len(), 1, "only the current version is listed: {listed:?}");
    assert_eq!(listed[0].size, 75);
}

async fn put_if_absent_once(suite: &StoreSuite) {
    let location = suite.at("if-absent/once");
    suite
        .store
        .put_if_absent(&location, pattern(10, 11))
        .await
        .unwrap();
    let second = suite.store.put_if_absent(&location, pattern(20, 12)).await;
    assert!(matches!(second, Err(StoreError::AlreadyExists(_))), "{second:?}");
    assert_eq!(
        suite.store.get(&location, LIMIT).await.unwrap().1,
        pattern(10, 11)
    );
}

async fn put_if_absent_race(suite: &StoreSuite) {
    for round in 0..5 {
        let location = suite.at(&format!("if-absent/race-{round}"));
        let racers = (0..8).map(|racer| {
            let (store, location) = (Arc::clone(&suite.store), location.clone());
            tokio::spawn(async move {
                (
                    racer,
                    store
                        .put_if_absent(&location, pattern(1000 + racer, racer as u64))
                        .await,
                )
            })
        });
        let mut winners = Vec::new();
        for racer in racers.collect::<Vec<_>>() {
            match racer.await.unwrap() {
                (racer, Ok(written)) => winners.push((racer, written)),
                (_, Err(StoreError::AlreadyExists(_) | StoreError::Conflict(_))) => {}
                (_, Err(other)) => panic!("expected AlreadyExists or Conflict, found {other}"),
            }
        }
        let [(racer, written)] = winners.as_slice() else {
            panic!("expected one winner, found {winners:?}");
        };
        let (meta, bytes) = suite.store.get(&location, LIMIT).await.unwrap();
        assert_eq!(bytes, pattern(1000 + racer, *racer as u64));
        assert_eq!(meta.location, written.location);
    }
}

async fn upload_of_30_mib(suite: &StoreSuite) {
    let location = suite.at("uploads/30-mib");
    let content = pattern(30 << 20, 13);
    let mut upload = suite.store.begin_upload(&location).await.unwrap();
    // Pieces that fit neither pages nor parts.
    let mut at = 0;
    for length in [1, 3_000_001, 0, 5 << 20, usize::MAX] {
        let end = content.len().min(at + length.min(content.len()));
        upload.write(content.slice(at..end)).await.unwrap();
        at = end;
    }
    let written = upload.finish().await.unwrap();
    assert_eq!(written.size, 30 << 20);
    let (meta, bytes) = suite.store.get(&location, LIMIT).await.unwrap();
    assert!(bytes == content, "the content of the upload differs");
    assert_eq!((&meta.location, meta.size), (&written.location, 30 << 20));
    let middle = suite
        .store
        .get_range(&written.location, (24 << 20) - 10..(24 << 20) + 10)
        .await
        .unwrap();
    assert_eq!(middle, content.slice((24 << 20) - 10..(24 << 20) + 10));
}

async fn small_uploads(suite: &StoreSuite) {
    for length in [0, 1, 1000] {
        let location = suite.at(&format!("uploads/small-{length}"));
        let mut upload = suite.store.begin_upload(&location).await.unwrap();
        if length > 0 {
            upload.write(pattern(length, 14)).await.unwrap();
        }
        upload.finish().await.unwrap();
        assert_eq!(
            suite.store.get(&location, LIMIT).await.unwrap().1,
            pattern(length, 14)
        );
    }
}

async fn unfinished_uploads(suite: &StoreSuite) {
    let location = suite.at("unfinished/object");
    let not_there = async |when: &str| {
        let found = suite.store.head(&location).await;
        assert!(matches!(found, Err(StoreError::NotFound(_))), "{when}: {found:?}");
        assert_eq!(suite.keys("unfinished/").await, Vec::<String>::new(), "{when}");
    };
    for length in [1000, 25 << 20] {
        let mut upload = suite.store.begin_upload(&location).await.unwrap();
        not_there("before the first write").await;
        upload.write(pattern(length, 15)).await.unwrap();
        not_there("before finish").await;
        drop(upload);
        not_there("after drop").await;
    }
    // An overwrite that is dropped keeps what is there.
    let kept = suite.at("uploads/kept");
    suite.store.put(&kept, pattern(10, 17)).await.unwrap();
    let mut upload = suite.store.begin_upload(&kept).await.unwrap();
    upload.write(pattern(20, 18)).await.unwrap();
    drop(upload);
    assert_eq!(suite.store.get(&kept, LIMIT).await.unwrap().1, pattern(10, 17));
}

async fn put_if_unchanged(suite: &StoreSuite) {
    for location in [
        suite.at("unchanged/plain"),
        suite.versioned("unchanged/versioned"),
    ] {
        suite.store.put(&location, pattern(10, 31)).await.unwrap();
        let seen = suite.store.head(&location).await.unwrap();
        suite
            .store
            .put_if_unchanged(&location, &seen.etag, pattern(20, 32))
            .await
            .unwrap();
        let late = suite
            .store
            .put_if_unchanged(&location, &seen.etag, pattern(30, 33))
            .await;
        assert!(
            matches!(late, Err(StoreError::AlreadyExists(_))),
            "{location}: {late:?}"
        );
        let (now, bytes) = suite.store.get(&location, LIMIT).await.unwrap();
        assert_eq!(bytes, pattern(20, 32), "{location}");
        suite.store.delete(&location).await.unwrap();
        let gone = suite
            .store
            .put_if_unchanged(&location, &now.etag, pattern(30, 33))
            .await;
        assert!(
            matches!(gone, Err(StoreError::NotFound(_))),
            "{location}: {gone:?}"
        );
    }
}

async fn put_if_unchanged_race(suite: &StoreSuite) {
    let location = suite.at("unchanged/race");
    for round in 0..5 {
        suite.store.put(&location, pattern(10, round)).await.unwrap();
        let seen = suite.store.head(&location).await.unwrap();
        let racers = (0..8).map(|racer| {
            let (store, location, etag) = (Arc::clone(&suite.store), location.clone(), seen.etag.clone());
            tokio::spawn(async move {
                store
                    .put_if_unchanged(&location, &etag, pattern(1000 + racer, racer as u64))
                    .await
            })
        });
        let mut winners = 0;
        for racer in racers.collect::<Vec<_>>() {
            match racer.await.unwrap() {
                Ok(_) => winners += 1,
                Err(StoreError::AlreadyExists(_) | StoreError::Conflict(_)) => {}
                Err(other) => panic!("expected AlreadyExists or Conflict, found {other}"),
            }
        }
        assert_eq!(winners, 1);
    }
}

async fn deletes(suite: &StoreSuite) {
    for location in [suite.at("deleted/a"), suite.versioned("deleted/a")] {
        let beside = Location::new(&location.bucket, "deleted/ab");
        for location in [&location, &beside] {
            suite.store.put(location, pattern(10, 41)).await.unwrap();
        }
        let first = suite.store.head(&location).await.unwrap();
        suite.store.put(&location, pattern(10, 42)).await.unwrap();
        // Only what was seen is removed.
        let kept = suite.store.delete(&location.with_version(&first.etag)).await;
        assert!(
            matches!(kept, Err(StoreError::AlreadyExists(_))),
            "{location}: {kept:?}"
        );
        let now = suite.store.head(&location).await.unwrap();
        suite
            .store
            .delete(&location.with_version(&now.etag))
            .await
            .unwrap();
        let gone = suite.store.head(&location).await;
        assert!(
            matches!(gone, Err(StoreError::NotFound(_))),
            "{location}: {gone:?}"
        );
        // Once more, and without a version.
        suite
            .store
            .delete(&location.with_version(&now.etag))
            .await
            .unwrap();
        suite.store.delete(&location).await.unwrap();
        let listed = suite.store.list(&location.bucket, "deleted/").await.unwrap();
        let keys: Vec<&str> = listed.iter().map(|object| object.key.as_str()).collect();
        assert_eq!(keys, ["deleted/ab"], "{location}");
        suite.store.delete(&beside).await.unwrap();
    }
}

async fn list_prefixes(suite: &StoreSuite) {
    let all = [
        "list/a/x", "list/a/y", "list/a-b", "list/ab", "list/b/a", "list/é", "list/z",
    ];
    for key in all.iter().rev() {
        suite
            .store
            .put(&suite.at(key), pattern(key.len(), 19))
            .await
            .unwrap();
    }
    for (prefix, expected) in [
        (
            "list/",
            &[
                "list/a-b", "list/a/x", "list/a/y", "list/ab", "list/b/a", "list/z", "list/é",
            ][..],
        ),
        ("list/a/", &["list/a/x", "list/a/y"]),
        ("list/a", &["list/a-b", "list/a/x", "list/a/y", "list/ab"]),
        ("list/ab", &["list/ab"]),
        ("list/ab/", &[]),
        ("list/a/x", &["list/a/x"]),
        ("list/é", &["list/é"]),
        ("list/nothing", &[]),
    ] {
        assert_eq!(suite.keys(prefix).await, expected, "prefix {prefix}");
    }
    let sizes = suite.store.list(&suite.bucket, "list/a/").await.unwrap();
    assert_eq!(sizes.iter().map(|object| object.size).collect::<Vec<_>>(), [8, 8]);
    let everything = suite.keys("").await;
    assert!(everything.is_sorted(), "sorted by key");
    assert!(all.iter().all(|key| everything.iter().any(|found| found == key)));
}

async fn list_many(suite: &StoreSuite) {
    let expected: Vec<String> = (0..suite.many_objects)
        .map(|number| format!("many/{number:05}"))
        .collect();
    let mut writers = tokio::task::JoinSet::new();
    for key in &expected {
        let (store, location) = (Arc::clone(&suite.store), suite.at(key));
        writers.spawn(async move { store.put(&location, Bytes::from_static(b"x")).await });
        if writers.len() >= 16 {
            writers.join_next().await.unwrap().unwrap().unwrap();
        }
    }
    while let Some(written) = writers.join_next().await {
        written.unwrap().unwrap();
    }
    assert_eq!(suite.keys("many/").await, expected);
}

async fn versions_and_purge(suite: &StoreSuite) {
    let store = &suite.store;
    let key = "purge/ä b/1%+.bin";
    let (plain, versioned) = (suite.at(key), suite.versioned(key));
    for location in [&plain, &versioned] {
        for seed in [61, 62] {
            store
                .put(location, pattern(100 + seed as usize, seed))
                .await
                .unwrap();
        }
        let neighbour = Location::new(&location.bucket, format!("{key}2"));
        store.put(&neighbour, pattern(7, 63)).await.unwrap();
    }
    let of = async |location: &Location| {
        let found = store.versions(&location.bucket, "purge/").await.unwrap();
        assert!(found.is_sorted_by_key(|version| version.key.clone()));
        found
            .into_iter()
            .filter(|version| version.key == location.key)
            .collect::<Vec<_>>()
    };
    let sizes = |found: &[ListedVersion]| {
        let mut sizes: Vec<(bool, u64)> = found.iter().map(|one| (one.is_current, one.size)).collect();
        sizes.sort_unstable();
        sizes
    };
    assert_eq!(sizes(&of(&plain).await), [(true, 162)]);
    let both = of(&versioned).await;
    assert_eq!(sizes(&both), [(false, 161), (true, 162)]);
    // What is named is gone, and nothing else.
    let (current, old): (Vec<_>, Vec<_>) = both.into_iter().partition(|version| version.is_current);
    store.purge(&versioned.bucket, &old).await.unwrap();
    assert_eq!(sizes(&of(&versioned).await), [(true, 162)]);
    let pinned = versioned.with_version(&old[0].version);
    let error = store.get(&pinned, LIMIT).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound(_)), "{error:?}");
    assert_eq!(store.get(&versioned, LIMIT).await.unwrap().1, pattern(162, 62));
    store.purge(&versioned.bucket, &current).await.unwrap();
    assert_eq!(of(&versioned).await, []);
    // A second time, as after a lost answer.
    store.purge(&versioned.bucket, &current).await.unwrap();
    let found = of(&plain).await;
    store.purge(&plain.bucket, &found).await.unwrap();
    assert_eq!(of(&plain).await, []);
    // What was removed with `delete` is there as a version.
    store.put(&versioned, pattern(5, 64)).await.unwrap();
    store.delete(&versioned).await.unwrap();
    let left = of(&versioned).await;
    assert!(
        left.iter()
            .any(|version| version.size == 5 && !version.is_current)
    );
    store.purge(&versioned.bucket, &left).await.unwrap();
    assert_eq!(of(&versioned).await, []);
    for location in [&plain, &versioned] {
        let neighbour = Location::new(&location.bucket, format!("{key}2"));
        assert_eq!(store.get(&neighbour, LIMIT).await.unwrap().1, pattern(7, 63));
    }
}

async fn concurrent_writers(suite: &StoreSuite) {
    for location in [
        suite.at("concurrent/plain"),
        suite.versioned("concurrent/versioned"),
    ] {
        let contents: Vec<Bytes> = (0..8)
            .map(|writer| pattern(200_000 + writer, writer as u64))
            .collect();
        let writers = contents.iter().cloned().map(|content| {
            let (store, location) = (Arc::clone(&suite.store), location.clone());
            tokio::spawn(async move { store.put(&location, content).await })
        });
        let mut written = Vec::new();
        for writer in writers.collect::<Vec<_>>() {
            written.push(writer.await.unwrap().unwrap());
        }
        let (_, bytes) = suite.store.get(&location, LIMIT).await.unwrap();
        assert!(
            contents.contains(&bytes),
            "a mixture of two contents in {location}"
        );
        if location.bucket == suite.versioned_bucket {
            for (written, content) in written.iter().zip(&contents) {
                assert_eq!(
                    &suite.store.get(&written.location, LIMIT).await.unwrap().1,
                    content
                );
            }
        }
    }
}
