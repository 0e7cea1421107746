//! What people see, held by golden files: `UPDATE_GOLDEN=1 cargo test -p step-notify`.

use ecg_core::message::{Failure, NotifyInput, Source};
use ecg_core::{Details, StepError};
use step_notify::{Links, slack_payload, text};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

fn input(key: &str, error: &StepError, recorded: bool) -> NotifyInput {
    NotifyInput {
        recording_id: "MLII-1-NSR-100m-0-0123456789abcdef01234567".into(),
        source: Source {
            bucket: "ecg-uploads".into(),
            key: key.into(),
            version: "3sL4kqtJlcpXroDTDmJ".into(),
            etag: "9b2cf535f27731c974343645a3985328".into(),
            size: 7224,
            uploaded_at_ms: 1_795_400_000_000,
            sequencer: None,
        },
        failure: Failure {
            step: "validate".into(),
            error: error.name().into(),
            cause: error.cause(),
            attempts: 1,
        },
        execution: "arn:aws:states:eu-central-1:123456789012:execution:ecg-pipeline:MLII-1-NSR-100m-0-0123"
            .into(),
        recorded,
    }
}

/// As on AWS.
fn links() -> Links {
    Links::step_functions(
        "arn:aws:states:eu-central-1:123456789012:execution:ecg-pipeline:MLII-1-NSR-100m-0-0123",
    )
}

fn rejected() -> StepError {
    StepError::Rejected(Details::new("val", "7224 bytes from the header", "4096").at(Some(24)))
}

fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

#[test]
fn a_rejected_file() {
    let input = input("MLII/1 NSR/100m (0).mat", &rejected(), true);
    ecg_testing::golden::check(
        format!("{GOLDEN}/text.txt"),
        &(text(&input, &Links::local("ecg-lake")) + "\n"),
    );
    ecg_testing::golden::check(
        format!("{GOLDEN}/slack.json"),
        &pretty(&slack_payload(&input, &links())),
    );
}

#[test]
fn a_failure_that_could_not_be_recorded() {
    let error = StepError::Transient("writing processed/x: failed for now: slow down & <wait>".into());
    let input = input("a <b> & c.mat", &error, false);
    ecg_testing::golden::check(
        format!("{GOLDEN}/text-unrecorded.txt"),
        &(text(&input, &Links::local("L")) + "\n"),
    );
    ecg_testing::golden::check(
        format!("{GOLDEN}/slack-unrecorded.json"),
        &pretty(&slack_payload(&input, &links())),
    );
}

#[test]
fn slack_takes_every_message() {
    for worst in ["&", "é", "x"] {
        let long = worst.repeat(5_000);
        let mut input = input(
            &worst.repeat(1024 / worst.len()),
            &StepError::Internal(long.clone()),
            false,
        );
        input.failure.error = long;
        let payload = slack_payload(&input, &links());
        let characters = |pointer: &str| {
            let text = payload.pointer(pointer).and_then(|text| text.as_str());
            text.map(|text| text.chars().count())
        };
        // https://api.slack.com/reference/block-kit/blocks: 150 for a header, 3,000 for a section.
        assert!(characters("/blocks/0/text/text").is_some_and(|count| (1..=150).contains(&count)));
        assert!(characters("/blocks/1/text/text").is_some_and(|count| (1..=3_000).contains(&count)));
        // What was cut was not cut in the middle of an entity.
        let section = payload["blocks"][1]["text"]["text"].to_string();
        assert!(!section.contains("&a…") && !section.contains("&…") && !section.contains("&am…"));
        assert!(section.contains("ecg redrive --aws arn:"));
    }
}
