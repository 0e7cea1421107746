//! What is particular to `LocalStore`: files that people put there, names, times, and being killed.

// A test may stop at the first surprise; the helpers below are test code as much as the tests.
#![allow(clippy::unwrap_used)]
// The child process of the kill test is told its folder through the environment.
#![allow(clippy::disallowed_methods)]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use ecg_store::{LocalStore, Location, Store, StoreError};

fn open(root: &Path) -> LocalStore {
    LocalStore::open(root, ["raw"]).unwrap()
}

#[tokio::test]
async fn put_file_copies_and_keeps_the_time() {
    let root = tempfile::tempdir().unwrap();
    let source = root.path().join("source.mat");
    fs::write(&source, b"hello").unwrap();
    let modified = UNIX_EPOCH + Duration::from_millis(1_493_640_000_123);
    fs::File::options()
        .write(true)
        .open(&source)
        .unwrap()
        .set_modified(modified)
        .unwrap();
    let store = open(&root.path().join("lake"));
    let location = Location::new("raw", "MLII/1 NSR/100m (0).mat");
    let written = store.put_file(&location, &source).unwrap();
    assert_eq!(written.etag, "5d41402abc4b2a76b9719d911017c592", "MD5 of hello");
    let meta = store.head(&location).await.unwrap();
    assert_eq!((meta.last_modified_ms, meta.size), (1_493_640_000_123, 5));
    assert_eq!(meta.location, written.location);
    assert!(root.path().join("lake/raw/MLII/1 NSR/100m (0).mat").is_file());
    let missing = store.put_file(&location, &root.path().join("none")).unwrap_err();
    assert!(
        matches!(missing, StoreError::NotFound(_)) && missing.to_string().contains("none"),
        "{missing}"
    );
}

#[tokio::test]
async fn times_before_1970_are_times() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let location = Location::new("raw", "old");
    store.put(&location, Bytes::new()).await.unwrap();
    let file = fs::File::options()
        .write(true)
        .open(store.path_of(&location).unwrap())
        .unwrap();
    file.set_modified(UNIX_EPOCH - Duration::from_micros(1500))
        .unwrap();
    assert_eq!(
        store.head(&location).await.unwrap().last_modified_ms,
        -2,
        "rounded down"
    );
}

#[tokio::test]
async fn files_put_there_by_hand_are_objects() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let location = Location::new("raw", "by/hand.mat");
    let path = store.path_of(&location).unwrap();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, b"first").unwrap();
    let first = store.head(&location).await.unwrap();
    // Overwriting it through the store keeps the version, though the store did not write it.
    store.put(&location, Bytes::from_static(b"second")).await.unwrap();
    assert_eq!(store.get(&first.location, 10).await.unwrap().1, "first");
    // Changing it behind the store's back is seen, also with the same size and time.
    let before = store.head(&location).await.unwrap();
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, b"SECOND").unwrap();
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(time)
        .unwrap();
    let after = store.head(&location).await.unwrap();
    assert_eq!(
        (before.size, before.last_modified_ms),
        (after.size, after.last_modified_ms)
    );
    assert_ne!(before.etag, after.etag);
}

#[tokio::test]
async fn other_names_are_never_listed() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    store
        .put(&Location::new("raw", "a"), Bytes::from_static(b"1"))
        .await
        .unwrap();
    store
        .put(&Location::new("raw", "a"), Bytes::from_static(b"2"))
        .await
        .unwrap();
    for name in [".DS_Store", "bad%name", "%41"] {
        fs::write(root.path().join("raw").join(name), b"x").unwrap();
    }
    let keys: Vec<String> = store
        .list("raw", "")
        .await
        .unwrap()
        .into_iter()
        .map(|o| o.key)
        .collect();
    assert_eq!(keys, ["a"]);
    for key in [".versions/a", ".tmp", ".DS_Store", "../raw/a"] {
        let found = store.head(&Location::new("raw", key)).await;
        assert!(matches!(found, Err(StoreError::NotFound(_))), "{key}: {found:?}");
    }
}

#[tokio::test]
async fn a_linked_file_is_an_object_until_it_is_changed_in_place() {
    let root = tempfile::tempdir().unwrap();
    let own = root.path().join("own.mat");
    fs::write(&own, b"mine").unwrap();
    let store = open(&root.path().join("store"));
    let location = Location::new("raw", "a/own.mat");
    let linked = store.link_file(&location, &own).unwrap();
    assert_eq!(fs::metadata(&own).unwrap().nlink(), 2, "no copy");
    let again = store.link_file(&location, &own).unwrap();
    assert_eq!((again, fs::metadata(&own).unwrap().nlink()), (linked.clone(), 2));
    assert_eq!(store.get_range(&linked.location, 0..4).await.unwrap(), "mine");
    // What is written under the key replaces the name, and neither the file nor the version.
    store.put(&location, Bytes::from_static(b"other")).await.unwrap();
    assert_eq!(fs::read(&own).unwrap(), b"mine");
    assert_eq!(store.get_range(&linked.location, 0..4).await.unwrap(), "mine");
    fs::write(&own, b"edit").unwrap();
    let changed = store.get_range(&linked.location, 0..4).await;
    assert!(matches!(changed, Err(StoreError::NotFound(_))), "{changed:?}");
    assert!(store.link_file(&location, &root.path().join("nothing")).is_err());
    let left = fs::read_dir(root.path().join("store/raw/.tmp")).unwrap().count();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_key_below_an_object_is_refused_by_type() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let put = async |key: &str| {
        store
            .put(&Location::new("lake", key), Bytes::from_static(b"x"))
            .await
    };
    put("a").await.unwrap();
    put("d/e").await.unwrap();
    for key in ["a/b", "a/b/c", "d"] {
        let refused = put(key).await;
        assert!(
            matches!(refused, Err(StoreError::Invalid(_))),
            "{key}: {refused:?}"
        );
    }
    for key in ["a/b", "d"] {
        let missing = store.head(&Location::new("lake", key)).await;
        assert!(
            matches!(missing, Err(StoreError::NotFound(_))),
            "{key}: {missing:?}"
        );
    }
    assert_eq!(store.list("lake", "").await.unwrap().len(), 2);
    assert_eq!(fs::read_dir(root.path().join("lake/.tmp")).unwrap().count(), 0);
}

/// An object that can tell whether it is whole: each 8-byte word is the seed plus its place.
fn self_describing(seed: u64) -> Bytes {
    let words = 20_000 + seed % 7 * 1000;
    (0..words)
        .flat_map(|at| (seed + at).to_le_bytes())
        .collect::<Vec<u8>>()
        .into()
}

fn is_whole(bytes: &Bytes) -> bool {
    let seed = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    *bytes == self_describing(seed)
}

const CHILD_FOLDER: &str = "ECG_STORE_TEST_CHILD_FOLDER";

/// Not a test of its own: in the child process it writes until it is killed.
#[tokio::test]
async fn child_that_writes_for_ever() {
    let Ok(root) = std::env::var(CHILD_FOLDER) else {
        return;
    };
    let store = open(Path::new(&root));
    let start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64 >> 8;
    for seed in start.. {
        for bucket in ["raw", "lake"] {
            let key = format!("folder/{}", seed % 3);
            store
                .put(&Location::new(bucket, key), self_describing(seed))
                .await
                .unwrap();
            let mut upload = store
                .begin_upload(&Location::new(bucket, "upload"))
                .await
                .unwrap();
            for piece in self_describing(seed).chunks(50_000) {
                upload.write(Bytes::copy_from_slice(piece)).await.unwrap();
            }
            upload.finish().await.unwrap();
            let once = Location::new(bucket, format!("once/{seed}"));
            store.put_if_absent(&once, self_describing(seed)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_killed_writer_leaves_whole_objects_only() {
    let root = tempfile::tempdir().unwrap();
    let mut objects = 0;
    for round in 0..12_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_writes_for_ever"])
            .env(CHILD_FOLDER, root.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(60 + round * 23 % 70));
        child.kill().unwrap();
        child.wait().unwrap();

        let store = open(root.path());
        for bucket in ["raw", "lake"] {
            let temporary = root.path().join(bucket).join(".tmp");
            let left = fs::read_dir(temporary).map(Iterator::count).unwrap_or(0);
            assert_eq!(left, 0, "opening removes what the killed process left");
            for object in store.list(bucket, "").await.unwrap() {
                let (meta, bytes) = store
                    .get(&Location::new(bucket, &object.key), 1 << 20)
                    .await
                    .unwrap();
                assert!(is_whole(&bytes), "{bucket}/{} is not whole", object.key);
                assert_eq!(meta.size, object.size);
                objects += 1;
            }
        }
    }
    assert!(objects > 0, "the child wrote something");
    // Every version that is kept is whole, too, and is what its name says.
    let versions = fs::read_dir(root.path().join("raw/.versions/upload")).unwrap();
    let store = open(root.path());
    for version in versions {
        let name = version.unwrap().file_name().into_string().unwrap();
        let location = Location::new("raw", "upload").with_version(name.strip_prefix(".v-").unwrap());
        assert!(is_whole(&store.get(&location, 1 << 20).await.unwrap().1));
    }
}

/// Of what nobody verifies no MD5 is computed; a read that is pinned finds that the file was replaced all the same.
#[tokio::test]
async fn without_versions_an_object_is_its_file() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path());
    let location = Location::new("work", "a/b.arrow");
    let written = store.put(&location, Bytes::from_static(b"first")).await.unwrap();
    assert_ne!(written.etag, "8b04d5e3775d298e78455efc5ca404d5", "MD5 of first");
    let meta = store.head(&location).await.unwrap();
    assert_eq!((&meta.location, &meta.etag), (&written.location, &written.etag));
    // Another process, and another store, see the same object.
    assert_eq!(open(root.path()).head(&location).await.unwrap(), meta);
    let path = store.path_of(&location).unwrap();
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    let by_hand = |content: &[u8]| {
        fs::write(&path, content).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(time).unwrap();
    };
    let gone = async |what: &str| {
        for pinned in [
            store.head(&meta.location).await.err(),
            store.get(&meta.location, 10).await.err(),
        ] {
            assert!(
                matches!(pinned, Some(StoreError::NotFound(_))),
                "{what}: {pinned:?}"
            );
        }
    };
    // The clock of a file system has ticks.
    std::thread::sleep(Duration::from_millis(20));
    by_hand(b"FIRST");
    gone("the same file with other bytes of the same length and time").await;
    fs::remove_file(&path).unwrap();
    by_hand(b"FIRST");
    gone("another file").await;
    store.put(&location, Bytes::from_static(b"first")).await.unwrap();
    gone("the same content, written again").await;
}

#[tokio::test]
async fn a_file_that_changed_after_its_version_was_told_keeps_its_own() {
    let root = tempfile::tempdir().unwrap();
    let source = root.path().join("source.mat");
    fs::write(&source, b"hello").unwrap();
    let store = open(&root.path().join("lake"));
    let location = Location::new("raw", "a.mat");
    let (version, size) = store.version_of_file(&source).unwrap();
    assert_eq!((version.as_str(), size), ("5d41402abc4b2a76b9719d911017c592", 5));
    let written = store.put_file(&location, &source).unwrap();
    assert_eq!((&written.etag, written.size), (&version, 5));
    // Whoever knows nothing of it finds the same.
    let again = open(&root.path().join("lake"));
    assert_eq!(again.head(&location).await.unwrap().etag, version);
    store.version_of_file(&source).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    fs::write(&source, b"HELLO").unwrap();
    let other = store.put_file(&location, &source).unwrap();
    assert_eq!(other.etag, "eb61eead90e3b899c6bcbe27ac581660", "MD5 of HELLO");
    assert_eq!(store.get(&written.location, 10).await.unwrap().1, "hello");
}
