//! The real binary between a Lambda runtime and an S3 that this test plays on loopback.

// A test may stop at the first surprise.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::Cursor;
use std::path::Path;

use ecg_core::rules::RULES;
use ecg_recording::{FileContext, Verdict, examine};
use ecg_testing::lambda::{Lambda, S3};
use serde_json::Value;

#[test]
fn the_example_event_counts_the_beats_that_were_generated() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/recordings/header");
    let bytes = std::fs::read(folder.join("two-leads.mat")).unwrap();
    let context = FileContext {
        key: "header/two-leads.mat".into(),
        size: bytes.len() as u64,
        header: Some(std::fs::read_to_string(folder.join("two-leads.hea")).unwrap()),
        ..FileContext::default()
    };
    let verdict = Verdict {
        content_sha256: Some("0".repeat(64)),
        ..examine(Cursor::new(bytes.clone()), &context, &RULES)
            .unwrap()
            .verdict
    };
    let recording = verdict.recording.clone().unwrap();
    let mut file = ecg_formats::open(Cursor::new(bytes), "x.mat", None, RULES.reject_values_above).unwrap();
    let mut parsed = Vec::new();
    step_parse::decode(file.as_mut(), &recording, &verdict, RULES.segment_s, &mut parsed).unwrap();

    let event: Value = serde_json::from_str(include_str!("../../events/transform.json")).unwrap();
    let next: Value = serde_json::from_str(include_str!("../../events/write.json")).unwrap();
    let s3 = S3::default();
    s3.put("work", event["from"].as_str().unwrap(), &parsed);
    let service = s3.clone();
    let run = Lambda::new(env!("CARGO_BIN_EXE_transform"))
        .variable("WORK_BUCKET", "work")
        .variable("PROCESSED_BUCKET", "processed")
        .invoke([event], move |request| service.answer(request));

    // What it answers is what write's example was made of.
    let answer = run.outcome().clone().unwrap();
    assert_eq!(answer["transformed"], next["transformed"]);
    for made in answer["transformed"].as_array().unwrap() {
        assert!(s3.get("work", made["key"].as_str().unwrap()).is_some(), "{made}");
    }
    // 20 beats were generated in each of the two leads.
    let beats: Value = serde_json::from_slice(&std::fs::read(folder.join("../beats.json")).unwrap()).unwrap();
    let generated = beats["header/two-leads.mat"]["beats"].as_array().unwrap().len();
    assert_eq!(run.metrics()[0]["Beats"], 2 * generated);
}
