//! The conformance suite of `Catalog` on the backend that needs nothing but this machine.

// A test may stop at the first surprise; the helpers below are test code as much as the tests.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ecg_store::{Catalog, ColumnSpec, LocalCatalog, TableSpec};
use ecg_testing::conformance::catalog::CatalogSuite;

#[tokio::test(flavor = "multi_thread")]
async fn local_directory() {
    let root = tempfile::tempdir().unwrap();
    let catalog = LocalCatalog::open(root.path().join("catalog")).unwrap();
    let suite = CatalogSuite {
        catalog: Arc::new(catalog),
        database: "ecg".to_owned(),
        location: "/lake/processed".to_owned(),
        many_partitions: 1100,
        knows_its_tables: true,
    };
    suite.run().await;
}

#[tokio::test]
async fn the_same_calls_make_the_same_bytes() {
    let files = async |days: &[&str]| {
        let root = tempfile::tempdir().unwrap();
        let catalog = LocalCatalog::open(root.path()).unwrap();
        let spec = TableSpec {
            database: "ecg".to_owned(),
            name: "beats".to_owned(),
            comment: "One row per beat".to_owned(),
            columns: vec![ColumnSpec::new("r_mv", "float", "Height of the R peak in mV")],
            partition_keys: vec![ColumnSpec::new("dt", "date", "UTC day of the upload")],
            location: "processed/beats".to_owned(),
        };
        catalog.ensure_database("ecg", "ECG recordings").await.unwrap();
        catalog.ensure_table(&spec).await.unwrap();
        for day in days {
            let place = format!("processed/beats/dt={day}");
            catalog
                .ensure_partition(&spec, &[(*day).to_owned()], &place)
                .await
                .unwrap();
        }
        let mut found = BTreeMap::new();
        collect(root.path(), root.path(), &mut found);
        found
    };
    let one = files(&["2024-05-01", "2024-05-02"]).await;
    let other = files(&["2024-05-02", "2024-05-01", "2024-05-02"]).await;
    assert_eq!(one, other);
    assert!(
        one.contains_key("ecg/beats/partitions/2024-05-01.json"),
        "{:?}",
        one.keys()
    );
}

fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else {
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            found.insert(name, std::fs::read(&path).unwrap());
        }
    }
}
