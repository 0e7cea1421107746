//! The conformance suite of `Store` on the backends that need nothing but this machine.

// A test may stop at the first surprise; the helpers below are test code as much as the tests.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use ecg_store::{LocalStore, Store};
use ecg_testing::MemoryStore;
use ecg_testing::conformance::store::StoreSuite;

fn suite(store: Arc<dyn Store>) -> StoreSuite {
    StoreSuite {
        store,
        bucket: "lake".to_owned(),
        versioned_bucket: "raw".to_owned(),
        many_objects: 1100,
        known_gaps: Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memory() {
    assert_eq!(suite(Arc::new(MemoryStore::new(["raw"]))).run().await.len(), 22);
}

#[tokio::test(flavor = "multi_thread")]
async fn local_directory() {
    let root = tempfile::tempdir().unwrap();
    let suite = suite(Arc::new(LocalStore::open(root.path(), ["raw"]).unwrap()));
    assert_eq!(suite.run().await.len(), 22);
    // A second process on the same directory finds everything as it was left.
    let again = StoreSuite {
        store: Arc::new(LocalStore::open(root.path(), ["raw"]).unwrap()),
        ..suite
    };
    let before = again.store.list("lake", "").await.unwrap();
    assert!(before.len() > 1100);
    assert_eq!(
        std::fs::read_dir(root.path().join("lake/.tmp")).unwrap().count(),
        0,
        "nothing left behind"
    );
    assert_eq!(
        std::fs::read_dir(root.path().join("raw/.tmp")).unwrap().count(),
        0,
        "nothing left behind"
    );
}
