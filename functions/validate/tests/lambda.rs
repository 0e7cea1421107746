//! The real binary between a Lambda runtime and an S3 that this test plays on loopback.

// A test may stop at the first surprise.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::time::{Duration, Instant};

use ecg_testing::lambda::{Lambda, Run, S3};
use serde_json::{Value, json};

fn validate() -> Lambda {
    Lambda::new(env!("CARGO_BIN_EXE_validate"))
        .variable("WORK_BUCKET", "work")
        .variable("PROCESSED_BUCKET", "processed")
}

fn testdata(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    std::fs::read(folder.join(name)).unwrap()
}

fn event() -> Value {
    serde_json::from_str(include_str!("../../events/validate.json")).unwrap()
}

/// The example event, about another version of the object.
fn event_of(bucket: &str, version: &str) -> Value {
    let mut event = event();
    event["source"]["bucket"] = json!(bucket);
    event["source"]["version"] = json!(version);
    event
}

fn s3() -> S3 {
    let s3 = S3::default();
    s3.put(
        "raw",
        "header/two-leads.mat",
        &testdata("recordings/header/two-leads.mat"),
    );
    s3.put(
        "raw",
        "header/two-leads.hea",
        &testdata("recordings/header/two-leads.hea"),
    );
    s3
}

fn serve(lambda: Lambda, event: Value, s3: &S3) -> Run {
    let s3 = s3.clone();
    lambda.invoke([event], move |request| s3.answer(request))
}

#[test]
fn the_example_event_is_judged_and_said() {
    let s3 = s3();
    let run = serve(validate(), event(), &s3);
    let id = event()["recording_id"].as_str().unwrap().to_owned();
    let verdict_key = format!("{id}/verdict.json");
    assert_eq!(
        run.outcome(),
        &Ok(json!({ "recording_id": id, "verdict": "accepted", "verdict_key": verdict_key }))
    );
    let verdict: Value = serde_json::from_slice(&s3.get("work", &verdict_key).unwrap()).unwrap();
    assert_eq!(
        (&verdict["accepted"], &verdict["recording"]["leads"]),
        (&json!(true), &json!(2))
    );

    // The last line of the log says what it was about, how long it took, and the sizes.
    let [done] = run.logged("done")[..] else {
        panic!("{:?}", run.lines)
    };
    let span = json!({
        "name": "invocation", "step": "validate", "request_id": "r-1", "recording_id": id, "execution": id,
    });
    assert_eq!(done["span"], span);
    assert_eq!(done["source_bytes"], 28_824);
    assert_eq!(done["message_bytes"], event().to_string().len());
    assert_eq!(done["answer_bytes"], run.answers[0].len());
    assert!(done["duration_ms"].as_u64().unwrap() < 30_000);

    let [metrics] = run.metrics()[..] else {
        panic!("{:?}", run.lines)
    };
    assert_eq!(
        (&metrics["step"], &metrics["Rejects"]),
        (&json!("validate"), &json!(0))
    );
    assert_eq!(
        (&metrics["recording_id"], &metrics["request_id"]),
        (&json!(id), &json!("r-1"))
    );
    let latency = metrics["Latency"].as_f64().unwrap();
    assert!(latency > 0.0 && latency < 30_000.0, "{latency}");
}

#[test]
fn who_was_recorded_is_in_the_verdict_and_in_no_log() {
    let night = testdata("recordings/edf/night.edf");
    for (key, bytes, accepted) in [
        ("header/night.edf", &night[..], true),
        ("header/cut.edf", &night[..night.len() / 2], false),
        ("header/night.mat", &night[..], false),
    ] {
        let s3 = S3::default();
        let version = s3.put("raw", key, bytes);
        let mut event = event_of("raw", &version);
        event["source"]["key"] = json!(key);
        let run = serve(validate(), event.clone(), &s3);
        assert_eq!(run.outcome().is_ok(), accepted, "{key}: {:?}", run.outcome());
        let verdict = s3.get(
            "work",
            &format!("{}/verdict.json", event["recording_id"].as_str().unwrap()),
        );
        let verdict: Value = serde_json::from_slice(&verdict.unwrap()).unwrap();
        if accepted {
            assert_eq!(verdict["recording"]["origin"]["subject_id"], "P017");
        }
        let said = format!("{:?} {:?}", run.lines, run.answers);
        for personal in ["P017", "Recorder-12", "1951"] {
            assert!(!said.contains(personal), "{key}: {said}");
        }
    }
}

#[test]
fn the_namespace_of_its_metrics_is_the_deployments() {
    let namespace = |lambda: Lambda| {
        let run = serve(lambda, event(), &s3());
        run.metrics()[0]["_aws"]["CloudWatchMetrics"][0]["Namespace"].clone()
    };
    assert_eq!(namespace(validate()), "ecg-pipeline");
    assert_eq!(
        namespace(validate().variable("METRICS_NAMESPACE", "ward-7")),
        "ward-7"
    );
}

/// CRC-32 of `two-leads.mat`, by zlib.
const CRC32: &str = "J87Ncw==";

#[test]
fn what_was_uploaded_is_what_is_judged() {
    let judged = |base64: &str| {
        let s3 = s3();
        s3.keep_checksum("raw", "header/two-leads.mat", "crc32", base64);
        serve(validate(), event(), &s3).outcome().clone()
    };
    assert_eq!(judged(CRC32).unwrap()["verdict"], "accepted");
    // Other bytes than those that S3 took a checksum of: not judged at all, and read again.
    let failure = judged("AAAAAA==").unwrap_err();
    assert_eq!(failure.error, "Transient", "{failure:?}");
    for part in ["raw/header/two-leads.mat", "checksum"] {
        assert!(failure.message.contains(part), "{failure:?}");
    }
}

/// Of what is read in ranges nobody but the step verifies the checksum. There is no verdict either, whatever the bytes.
#[test]
fn what_was_uploaded_in_pieces_is_what_is_judged() {
    let samples = 5_000_000_u32;
    let begin = [30, 1, samples, 0, 4].into_iter().flat_map(u32::to_le_bytes);
    let values = (0..samples).flat_map(|number| (number as i16).wrapping_mul(7).max(-30_000).to_le_bytes());
    let good: Vec<u8> = begin.chain(*b"val\0").chain(values).collect();
    let cut = good[..9 << 20].to_vec();
    for (bytes, error) in [(good, None), (cut, Some("Rejected"))] {
        let judged = |base64: &str| {
            let s3 = S3::default();
            let version = s3.put("versioned", "header/two-leads.mat", &bytes);
            let header = format!("two-leads 1 360 {samples}\ntwo-leads.mat 16 200 11 0 0 0 0 MLII\n");
            s3.put("versioned", "header/two-leads.hea", header.as_bytes());
            s3.keep_checksum("versioned", "header/two-leads.mat", "crc32", base64);
            let outcome = serve(validate(), event_of("versioned", &version), &s3)
                .outcome()
                .clone();
            (outcome, s3.keys("work").len())
        };
        let (outcome, verdicts) = judged("AAAAAA==");
        let failure = outcome.unwrap_err();
        assert_eq!(
            (failure.error.as_str(), verdicts),
            ("Transient", 0),
            "{failure:?}"
        );
        let (before, found) = failure.message.split_once(", found ").unwrap();
        assert!(before.contains("versioned/header/two-leads.mat"), "{failure:?}");
        assert!(
            before.ends_with("Crc32: expected AAAAAA== as the store keeps it"),
            "{failure:?}"
        );
        let (outcome, verdicts) = judged(found);
        assert_eq!(
            (outcome.err().map(|failure| failure.error).as_deref(), verdicts),
            (error, 1)
        );
    }
}

#[test]
fn every_read_of_the_upload_is_pinned() {
    let s3 = s3();
    let etag = event()["source"]["etag"].as_str().unwrap().to_owned();
    let first = s3.put(
        "versioned",
        "header/two-leads.mat",
        &testdata("recordings/header/two-leads.mat"),
    );
    s3.put("versioned", "header/two-leads.mat", b"something else by now");
    s3.put(
        "versioned",
        "header/two-leads.hea",
        &testdata("recordings/header/two-leads.hea"),
    );
    for (bucket, version, pin) in [
        ("raw", etag.as_str(), format!("if-match \"{etag}\"")),
        ("versioned", first.as_str(), format!("versionId={first}")),
    ] {
        let run = serve(validate(), event_of(bucket, version), &s3);
        assert_eq!(run.outcome().as_ref().unwrap()["verdict"], "accepted", "{bucket}");
        let reads: Vec<_> = (run.requests.iter())
            .filter(|request| request.path.ends_with("two-leads.mat"))
            .collect();
        assert_eq!(
            reads.len(),
            1,
            "one request says what it is and what is in it: {reads:?}"
        );
        for read in reads {
            let pinned = match read.header("if-match") {
                Some(etag) => format!("if-match {etag}"),
                None => read
                    .query
                    .split('&')
                    .find(|part| part.starts_with("versionId"))
                    .unwrap_or("nothing")
                    .to_owned(),
            };
            assert_eq!(pinned, pin, "{read:?}");
        }
    }
    // And a version that is gone is not another one.
    s3.put("raw", "header/two-leads.mat", b"something else by now");
    let run = serve(validate(), event(), &s3);
    assert_eq!(run.outcome().clone().unwrap_err().error, "Rejected");
    assert_eq!(run.metrics()[0]["Rejects"], 1);
}

#[test]
fn what_is_wrong_with_a_file_is_a_verdict_and_an_error_and_counts_as_a_reject() {
    let s3 = S3::default();
    let version = s3.put(
        "versioned",
        "header/two-leads.mat",
        &testdata("malformed/text.mat"),
    );
    let run = serve(validate(), event_of("versioned", &version), &s3);
    let failure = run.outcome().clone().unwrap_err();
    assert_eq!(failure.error, "Rejected");
    // The verdict has what the row of the failure needs, so nothing else is left.
    let keys = s3.keys("work");
    assert!(keys.len() == 1 && keys[0].ends_with("/verdict.json"), "{keys:?}");
    let verdict: Value = serde_json::from_slice(&s3.get("work", &keys[0]).unwrap()).unwrap();
    assert_eq!(
        (&verdict["accepted"], verdict["reason"]["message"].as_str()),
        (&json!(false), Some(failure.message.as_str()))
    );
    assert_eq!(run.metrics()[0]["Rejects"], 1);
}

#[test]
fn a_slow_s3_is_given_up_before_the_deadline() {
    let s3 = s3();
    let begun = Instant::now();
    let run = validate().deadline_in(1_500).invoke([event()], move |request| {
        std::thread::sleep(Duration::from_secs(10));
        s3.answer(request)
    });
    let failure = run.outcome().clone().unwrap_err();
    assert_eq!(failure.error, "Sandbox.Timedout", "{failure:?}");
    let waited = begun.elapsed();
    assert!(waited < Duration::from_millis(1_500), "{waited:?}");
    assert_eq!(run.logged("failed")[0]["error"], "Sandbox.Timedout");
    assert_eq!(run.metrics()[0].get("Rejects"), None);
}

#[test]
fn a_missing_setting_is_named_and_nothing_is_done() {
    let lambda = Lambda::new(env!("CARGO_BIN_EXE_validate"))
        .variable("WORK_BUCKET", "")
        .variable("PROCESSED_BUCKET", "processed");
    let run = serve(lambda, event(), &s3());
    let failure = run.outcome().clone().unwrap_err();
    assert_eq!(failure.error, "Internal");
    assert!(failure.message.contains("WORK_BUCKET"), "{failure:?}");
    assert!(run.requests.is_empty(), "{:?}", run.requests);
}

#[test]
fn a_message_that_is_none_is_internal_and_the_next_one_is_served() {
    let mut large = event();
    large["source"]["key"] = json!("x".repeat(5_000));
    let mut incomplete = event();
    incomplete["source"].as_object_mut().unwrap().remove("key");
    let s3 = s3();
    let run = validate().invoke([large, incomplete, event()], move |request| s3.answer(request));
    let [Err(large), Err(incomplete), Ok(_)] = &run.outcomes[..] else {
        panic!("{:?}", run.outcomes)
    };
    assert!(
        large.error == "Internal" && large.message.contains("at most 4096 bytes"),
        "{large:?}"
    );
    assert!(
        incomplete.error == "Internal" && incomplete.message.contains("`key`"),
        "{incomplete:?}"
    );
    assert_eq!(run.metrics().len(), 3);
}
