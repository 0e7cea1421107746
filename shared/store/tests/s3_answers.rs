//! What `S3Store` makes of answers that an emulator does not give: damaged bodies, throttling, refusals.
//!
//! A few lines of HTTP on the loopback address play S3.

// A test may stop at the first surprise; the helpers below are test code as much as the tests.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use bytes::Bytes;
use ecg_store::{Location, ObjectReader, S3Store, Store, StoreError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A store whose every request gets the same answer.
async fn answering(answer: String) -> S3Store {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = vec![0; 64 << 10];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    store_at(&endpoint)
}

fn store_at(endpoint: &str) -> S3Store {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .timeout_config(
            TimeoutConfig::builder()
                .operation_timeout(Duration::from_secs(5))
                .build(),
        )
        .endpoint_url(endpoint)
        .force_path_style(true);
    S3Store::new(aws_sdk_s3::Client::from_conf(config.build()))
}

fn refusal(status: &str, code: &str) -> String {
    let body = format!("<Error><Code>{code}</Code><Message>in words</Message></Error>");
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn object(length: usize, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nETag: \"d41d8cd98f00b204e9800998ecf8427e\"\r\nContent-Length: {length}\r\n{headers}\
         Connection: close\r\n\r\n{body}"
    )
}

fn location() -> Location {
    Location::new("raw", "a b.mat")
}

#[tokio::test]
async fn refusals_are_sorted_by_what_the_caller_can_do() {
    type Expected = fn(&StoreError) -> bool;
    let table: [(&str, &str, Expected); 10] = [
        ("404 Not Found", "NoSuchKey", |error| {
            matches!(error, StoreError::NotFound(_))
        }),
        ("404 Not Found", "NoSuchBucket", |error| {
            matches!(error, StoreError::NotFound(_))
        }),
        ("403 Forbidden", "AccessDenied", |error| {
            matches!(error, StoreError::PermissionDenied(_))
        }),
        ("400 Bad Request", "ExpiredToken", |error| {
            matches!(error, StoreError::PermissionDenied(_))
        }),
        ("503 Slow Down", "SlowDown", |error| {
            matches!(error, StoreError::Throttled(_))
        }),
        ("500 Internal Server Error", "InternalError", |error| {
            matches!(error, StoreError::Transient(_))
        }),
        ("400 Bad Request", "RequestTimeout", |error| {
            matches!(error, StoreError::Transient(_))
        }),
        ("429 Too Many Requests", "", |error| {
            matches!(error, StoreError::Throttled(_))
        }),
        ("409 Conflict", "OperationAborted", |error| {
            matches!(error, StoreError::Conflict(_))
        }),
        ("400 Bad Request", "EntityTooLarge", |error| {
            matches!(error, StoreError::Other(_))
        }),
    ];
    for (status, code, expected) in table {
        let store = answering(refusal(status, code)).await;
        let read = store.get_range(&location(), 0..10).await.unwrap_err();
        let written = store
            .put(&location(), Bytes::from_static(b"x"))
            .await
            .unwrap_err();
        for error in [read, written] {
            assert!(expected(&error), "{status} {code}: {error:?}");
            let said = error.to_string();
            assert!(
                said.contains("raw/a b.mat") && said.contains("in words") || code.is_empty(),
                "{said}"
            );
        }
    }
}

#[tokio::test]
async fn conditional_writes_tell_a_lost_race_from_an_open_one() {
    let lost = answering(refusal("412 Precondition Failed", "PreconditionFailed")).await;
    let error = lost.put_if_absent(&location(), Bytes::new()).await.unwrap_err();
    assert!(matches!(error, StoreError::AlreadyExists(_)), "{error}");
    let open = answering(refusal("409 Conflict", "ConditionalRequestConflict")).await;
    let error = open.put_if_absent(&location(), Bytes::new()).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict(_)), "{error}");
}

#[tokio::test]
async fn a_version_id_that_s3_never_made_is_not_there() {
    let body = "<Error><Code>InvalidArgument</Code><Message>Invalid version id specified</Message></Error>";
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let store = answering(answer).await;
    for error in [
        store
            .get_range(&location().with_version("nonsense"), 0..10)
            .await
            .unwrap_err(),
        store
            .head(&location().with_version("nonsense"))
            .await
            .unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::NotFound(_)), "{error}");
    }
}

#[tokio::test]
async fn a_damaged_body_is_noticed() {
    // CRC32 of "hello" in base64 is NhCmhg==.
    let right = answering(object(5, "x-amz-checksum-crc32: NhCmhg==\r\n", "hello")).await;
    assert_eq!(right.get(&location(), 10).await.unwrap().1, "hello");
    let damaged = answering(object(5, "x-amz-checksum-crc32: NhCmhg==\r\n", "hallo")).await;
    let error = damaged.get(&location(), 10).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Transient(_)) && error.to_string().contains("checksum"),
        "{error}"
    );
}

#[tokio::test]
async fn a_body_that_ends_early_is_noticed() {
    let store = answering(object(10, "", "hello")).await;
    let error = store.get(&location(), 10).await.unwrap_err();
    assert!(matches!(error, StoreError::Transient(_)), "{error}");
    let error = store.get_range(&location(), 0..10).await.unwrap_err();
    assert!(matches!(error, StoreError::Transient(_)), "{error}");
    for most in [4, 10, 20] {
        let error = store.get_start(&location(), most).await;
        // What was asked for came before the end.
        assert_eq!(error.is_ok(), most == 4, "{most}: {error:?}");
    }
    let part = answering(object(10, "Content-Range: bytes 5-14/100\r\n", "hello")).await;
    let error = part.get_range(&location(), 5..15).await.unwrap_err();
    assert!(matches!(error, StoreError::Transient(_)), "{error}");
    let error = part.get_end(&location(), 10).await.unwrap_err();
    assert!(matches!(error, StoreError::Transient(_)), "{error}");
    // Through a reader the error arrives whole.
    let runtime = tokio::runtime::Handle::current();
    let read = tokio::task::spawn_blocking(move || {
        let mut reader = ObjectReader::with_chunk_bytes(Arc::new(store), location(), 10, runtime, 10);
        std::io::Read::read(&mut reader, &mut [0; 10])
    });
    let error = read.await.unwrap().unwrap_err();
    assert!(
        matches!(StoreError::from_io(&error), Some(StoreError::Transient(_))),
        "{error}"
    );
}

#[tokio::test]
async fn a_range_that_was_ignored_is_cut_out_and_another_one_refused() {
    let whole = answering(object(10, "", "0123456789")).await;
    assert_eq!(whole.get_range(&location(), 3..5).await.unwrap(), "34");
    assert_eq!(whole.get_range(&location(), 8..20).await.unwrap(), "89");
    assert_eq!(whole.get_range(&location(), 10..20).await.unwrap(), "");
    let (meta, bytes) = whole.get_end(&location(), 3).await.unwrap();
    assert_eq!((meta.size, bytes.as_ref()), (10, &b"789"[..]));
    let other = answering(object(2, "Content-Range: bytes 4-5/10\r\n", "45")).await;
    let error = other.get_range(&location(), 3..5).await.unwrap_err();
    assert!(matches!(error, StoreError::Other(_)), "{error}");
}

#[tokio::test]
async fn nobody_listening_is_transient() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = store_at(&endpoint).head(&location()).await.unwrap_err();
    assert!(matches!(error, StoreError::Transient(_)), "{error}");
}

#[tokio::test]
async fn silence_is_transient() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let error = store_at(&endpoint).head(&location()).await.unwrap_err();
    assert!(matches!(error, StoreError::Transient(_)), "{error}");
    drop(listener);
}
