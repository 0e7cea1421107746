//! The conformance suites on S3 and Glue, spoken to by the AWS SDK, played by the emulator `ministack`.
//!
//! Runs when `ECG_MINISTACK` names its executable (`pip install ministack==1.5.33`), else says that it was
//! skipped. The emulator listens on the loopback address only and is killed at the end.
//!
//! Where the emulator differs from AWS, and what follows for this suite:
//! * It has no `UpdatePartition` in Glue, only `BatchUpdatePartition`; the catalog uses the latter, which
//!   AWS has too.
//! * Its S3 ignores the range of a read that names a version id, and sends the whole object (HTTP allows
//!   that): the store cuts the range out.
//! * Its Glue lists all partitions on one page, so the paging of `GetPartitions` is not seen here.

// A test may stop at the first surprise; the helpers below are test code as much as the tests.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]
// The emulator's place is the test run's to say; it is no configuration of the pipeline.
#![allow(clippy::disallowed_methods)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use bytes::Bytes;
use ecg_store::{Catalog, CatalogError, GlueCatalog, Location, S3Store, Store, StoreError};
use ecg_testing::conformance::catalog::CatalogSuite;
use ecg_testing::conformance::store::StoreSuite;

struct Emulator {
    process: Child,
    endpoint: String,
    _folder: tempfile::TempDir,
}

impl Emulator {
    /// Starts the emulator and waits until it answers; `None` if there is none on this machine.
    fn start() -> Option<Emulator> {
        let Ok(executable) = std::env::var("ECG_MINISTACK") else {
            println!("skipped: ECG_MINISTACK does not name the executable of ministack");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let endpoint = format!("http://127.0.0.1:{port}");
        let process = Command::new(executable)
            .env("GATEWAY_PORT", port.to_string())
            .env("BIND_HOST", "127.0.0.1")
            .env("MINISTACK_HOST", "127.0.0.1")
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env("TMPDIR", folder.path())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // From here on a panic kills the emulator.
        let emulator = Emulator {
            process,
            endpoint,
            _folder: folder,
        };
        for _ in 0..300 {
            if is_healthy(port) {
                return Some(emulator);
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!(
            "the emulator did not answer within a minute at {}",
            emulator.endpoint
        );
    }

    fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(&self.endpoint)
            .force_path_style(true);
        aws_sdk_s3::Client::from_conf(config.build())
    }

    fn glue(&self) -> aws_sdk_glue::Client {
        let config = aws_sdk_glue::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(&self.endpoint);
        aws_sdk_glue::Client::from_conf(config.build())
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn is_healthy(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let request = "GET /_ministack/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}

#[tokio::test(flavor = "multi_thread")]
async fn s3() {
    let Some(emulator) = Emulator::start() else { return };
    let client = emulator.s3();
    for bucket in ["lake", "raw"] {
        client.create_bucket().bucket(bucket).send().await.unwrap();
    }
    let versioning = VersioningConfiguration::builder()
        .status(BucketVersioningStatus::Enabled)
        .build();
    client
        .put_bucket_versioning()
        .bucket("raw")
        .versioning_configuration(versioning)
        .send()
        .await
        .unwrap();
    let store = Arc::new(S3Store::new(client.clone()));
    let suite = StoreSuite {
        store: store.clone(),
        bucket: "lake".to_owned(),
        versioned_bucket: "raw".to_owned(),
        many_objects: 1100,
        known_gaps: Vec::new(),
    };
    let ran = suite.run().await;
    assert_eq!(ran.len(), 22, "{ran:?}");

    // What the device said with the object.
    let location = Location::new("raw", "with-metadata.mat");
    let put = client.put_object().bucket("raw").key(&location.key);
    put.metadata("ecg-gain", "200").send().await.unwrap();
    let metadata = store.head(&location).await.unwrap().metadata;
    assert_eq!(
        metadata.into_iter().collect::<Vec<_>>(),
        [("ecg-gain".to_owned(), "200".to_owned())]
    );

    // What was dropped leaves no parts that somebody would pay for.
    let mut left = usize::MAX;
    for _ in 0..50 {
        left = client
            .list_multipart_uploads()
            .bucket("lake")
            .send()
            .await
            .unwrap()
            .uploads()
            .len();
        if left == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(left, 0, "unfinished multipart uploads");

    // A version that is a delete marker is not there, and neither is the key; the version before is.
    let location = Location::new("raw", "deleted.mat");
    let written = store.put(&location, Bytes::from_static(b"kept")).await.unwrap();
    let marker = client
        .delete_object()
        .bucket("raw")
        .key("deleted.mat")
        .send()
        .await
        .unwrap();
    for gone in [
        location.clone(),
        location.with_version(marker.version_id().unwrap()),
    ] {
        let answer = store.head(&gone).await;
        assert!(matches!(answer, Err(StoreError::NotFound(_))), "{answer:?}");
    }
    assert_eq!(store.get(&written.location, 10).await.unwrap().1, "kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn glue() {
    let Some(emulator) = Emulator::start() else { return };
    let client = emulator.glue();
    let catalog = Arc::new(GlueCatalog::new(client.clone()));
    let suite = CatalogSuite {
        catalog: catalog.clone(),
        database: "ecg".to_owned(),
        location: "s3://lake/processed".to_owned(),
        many_partitions: 200,
        knows_its_tables: false,
    };
    suite.run().await;

    // What Athena needs to read the table.
    let table = client
        .get_table()
        .database_name("ecg")
        .name("evolving")
        .send()
        .await
        .unwrap()
        .table
        .unwrap();
    assert_eq!(table.table_type(), Some("EXTERNAL_TABLE"));
    assert_eq!(table.parameters().unwrap()["classification"], "parquet");
    let storage = table.storage_descriptor().unwrap();
    assert_eq!(
        storage.serde_info().unwrap().serialization_library(),
        Some("org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe")
    );
    assert!(
        storage
            .input_format()
            .unwrap()
            .ends_with("MapredParquetInputFormat")
    );
    assert!(
        storage
            .output_format()
            .unwrap()
            .ends_with("MapredParquetOutputFormat")
    );
    assert_eq!(table.partition_keys()[0].r#type(), Some("date"));

    // A partition made before the table grew is brought up to date when it is ensured again.
    let columns = async || {
        let request = client.get_partition().database_name("ecg").table_name("evolving");
        let answer = request.partition_values("2024-05-01").send().await.unwrap();
        answer
            .partition
            .unwrap()
            .storage_descriptor
            .unwrap()
            .columns
            .unwrap()
            .len()
    };
    let name = ecg_store::TableName::new("ecg", "evolving");
    let partition = catalog.partitions(&name).await.unwrap().remove(0);
    assert_eq!(columns().await, 3);
    let grown = catalog.describe(&name).await.unwrap();
    catalog
        .ensure_partition(&grown, &partition.values, &partition.location)
        .await
        .unwrap();
    assert_eq!(columns().await, 4);

    // What others noted on a table survives our change of it.
    let mut changed = catalog.describe(&name).await.unwrap();
    let input = aws_sdk_glue::types::TableInput::builder()
        .name("evolving")
        .owner("somebody")
        .parameters("classification", "parquet")
        .parameters("theirs", "kept")
        .set_storage_descriptor(table.storage_descriptor.clone())
        .set_partition_keys(table.partition_keys.clone());
    client
        .update_table()
        .database_name("ecg")
        .table_input(input.build().unwrap())
        .send()
        .await
        .unwrap();
    changed.comment = "Changed".to_owned();
    catalog.ensure_table(&changed).await.unwrap();
    let table = client
        .get_table()
        .database_name("ecg")
        .name("evolving")
        .send()
        .await
        .unwrap()
        .table
        .unwrap();
    assert_eq!(
        (table.owner(), table.description()),
        (Some("somebody"), Some("Changed"))
    );
    assert_eq!(table.parameters().unwrap()["theirs"], "kept");

    // A crawler that runs already is as good as one that was started.
    let targets = aws_sdk_glue::types::CrawlerTargets::builder().build();
    let crawler = client
        .create_crawler()
        .name("lake")
        .role("role")
        .database_name("ecg")
        .targets(targets);
    crawler.send().await.unwrap();
    catalog.start_crawler("lake").await.unwrap();
    catalog.start_crawler("lake").await.unwrap();
    let missing = catalog.start_crawler("other").await;
    assert!(
        matches!(missing, Err(CatalogError::NotFound { .. })),
        "{missing:?}"
    );
}
