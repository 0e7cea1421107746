//! The real binary between a Lambda runtime and an S3 that this test plays on loopback: a recording that is too large
//! for one request goes in and out in pieces.

// A test may stop at the first surprise.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::Cursor;

use ecg_core::rules::RULES;
use ecg_recording::{FileContext, examine};
use ecg_testing::lambda::{Lambda, Response, Run, S3};
use serde_json::{Value, json};

const SAMPLES: u32 = 14_000_000;
const MIB: usize = 1 << 20;

/// A recording of noise, which does not compress: 28 MB, as level 4 with one lead of int16.
fn noise() -> Vec<u8> {
    let mut file = Vec::new();
    for word in [30, 1, SAMPLES, 0, 4] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    file.extend_from_slice(b"val\0");
    let mut state = 1_u64;
    for _ in 0..SAMPLES {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // Between -16384 and 16383: the sentinel for a missing sample is not among them.
        let sample = i16::try_from(state >> 49).unwrap() - 16_384;
        file.extend_from_slice(&sample.to_le_bytes());
    }
    file
}

/// An S3 with the recording and its verdict, and the event.
fn uploaded() -> (S3, Value) {
    let bytes = noise();
    let context = FileContext {
        key: "noise.mat".into(),
        size: bytes.len() as u64,
        header: Some(format!(
            "noise 1 360 {SAMPLES}\nnoise.mat 16 200 11 0 0 0 0 MLII\n"
        )),
        ..FileContext::default()
    };
    let verdict = examine(Cursor::new(bytes.clone()), &context, &RULES)
        .unwrap()
        .verdict;
    assert!(verdict.accepted, "{:?}", verdict.reason);
    let s3 = S3::default();
    let version = s3.put("versioned", "noise.mat", &bytes);
    s3.put(
        "work",
        "noise-1/verdict.json",
        &serde_json::to_vec(&verdict).unwrap(),
    );
    let event = json!({
        "recording_id": "noise-1", "from": "noise-1/verdict.json",
        "source": {
            "bucket": "versioned", "key": "noise.mat", "version": version, "etag": "e", "size": bytes.len(),
            "uploaded_at_ms": 0,
        },
    });
    (s3, event)
}

fn parse() -> Lambda {
    Lambda::new(env!("CARGO_BIN_EXE_parse"))
        .variable("WORK_BUCKET", "work")
        .variable("PROCESSED_BUCKET", "processed")
}

fn asked<'r>(run: &'r Run, method: &str) -> Vec<&'r ecg_testing::lambda::Request> {
    run.requests
        .iter()
        .filter(|request| request.method == method)
        .collect()
}

#[test]
fn a_large_recording_goes_in_and_out_in_pieces() {
    let (s3, event) = uploaded();
    let service = s3.clone();
    let run = parse().invoke([event], move |request| service.answer(request));
    let rows = SAMPLES.div_ceil(3_600);
    assert_eq!(
        run.outcome(),
        &Ok(json!({ "recording_id": "noise-1", "parsed_key": "noise-1/parsed.arrow", "rows": rows }))
    );

    // In: chunks of at most 8 MiB of the one version, each once. The first request asks for the whole, to be told all that is
    // known of it, and is read no further than its first chunk.
    let reads: Vec<_> = asked(&run, "GET")
        .into_iter()
        .filter(|read| read.path.ends_with(".mat"))
        .collect();
    let mut ranges: Vec<Option<&str>> = Vec::new();
    for read in reads {
        assert_eq!(read.asked("versionId").as_deref(), Some("v.1"));
        ranges.push(read.header("range"));
    }
    ranges.sort();
    let chunks = [
        "bytes=16777216-25165823",
        "bytes=25165824-28000023",
        "bytes=8388608-16777215",
    ];
    assert_eq!(ranges, [&[None][..], &chunks.map(Some)].concat());
    assert_eq!(asked(&run, "HEAD").len(), 0);

    // Out: parts of 24 MiB, each with its checksum, then the whole.
    let parts = asked(&run, "PUT");
    let sizes: Vec<usize> = parts.iter().map(|part| part.body.len()).collect();
    assert!(
        sizes.len() >= 2 && sizes[..sizes.len() - 1].iter().all(|size| *size == 24 * MIB),
        "{sizes:?}"
    );
    for part in parts {
        assert!(
            part.header("x-amz-checksum-crc32")
                .is_some_and(|sum| sum.len() == 8),
            "{:?}",
            part.headers
        );
    }
    assert_eq!(s3.uploads(), (1, 0), "begun, left over");
    let whole = s3.get("work", "noise-1/parsed.arrow").unwrap();
    assert_eq!(whole.len(), sizes.iter().sum::<usize>());
    assert!(whole.starts_with(b"ARROW1") && whole.ends_with(b"ARROW1"));
    assert_eq!(s3.keys("work"), ["noise-1/parsed.arrow", "noise-1/verdict.json"]);
}

#[test]
fn a_part_that_fails_leaves_nothing_behind() {
    for failing in ["partNumber=2", "complete"] {
        let (s3, event) = uploaded();
        let service = s3.clone();
        let run = parse().invoke([event], move |request| {
            let completing = request.method == "POST" && request.asked("uploadId").is_some();
            if request.query.contains(failing) || (completing && failing == "complete") {
                let body = "<Error><Code>SlowDown</Code><Message>reduce your rate</Message></Error>";
                return Response::new(503, body);
            }
            service.answer(request)
        });
        let failure = run.outcome().clone().unwrap_err();
        assert_eq!(failure.error, "Throttled", "{failure:?}");
        // Aborted before the answer: after it, Lambda stops the process.
        assert_eq!(s3.uploads(), (1, 0), "{failing}: begun, left over");
        assert_eq!(s3.keys("work"), ["noise-1/verdict.json"]);
    }
}
