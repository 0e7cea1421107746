//! The example events of `functions/events` are messages of the steps: one run of one recording, from one to the next.

// Helpers of tests fail the test.
#![allow(clippy::unwrap_used)]

use ecg_core::message::{NotifyInput, Source, StepInput, ValidateInput, WriteInput, WriteOutput};
use ecg_core::{layout, recording_id};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The message, which has to come back from its type as it stands in the file: no field is missing and none is ignored.
fn example<T: DeserializeOwned + Serialize>(text: &str) -> T {
    let value: Value = serde_json::from_str(text).unwrap();
    let message: T = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(serde_json::to_value(&message).unwrap(), value);
    message
}

#[test]
fn one_recording_goes_through_all_of_them() {
    let validate: ValidateInput = example(include_str!("../../../functions/events/validate.json"));
    let parse: StepInput = example(include_str!("../../../functions/events/parse.json"));
    let transform: StepInput = example(include_str!("../../../functions/events/transform.json"));
    let write: WriteInput = example(include_str!("../../../functions/events/write.json"));
    let notify: NotifyInput = example(include_str!("../../../functions/events/notify.json"));
    // Crawl is sent what write answered, and the name of the execution with it.
    let mut crawl: Value =
        serde_json::from_str(include_str!("../../../functions/events/crawl.json")).unwrap();
    let execution = crawl.as_object_mut().unwrap().remove("execution").unwrap();
    let crawl: WriteOutput = example(&crawl.to_string());

    let Source {
        bucket, key, version, ..
    } = &validate.input.source;
    let id = recording_id(bucket, key, version);
    for found in [
        &validate.input.recording_id,
        &parse.recording_id,
        &transform.recording_id,
        &write.recording_id,
        &crawl.recording_id,
        &notify.recording_id,
    ] {
        assert_eq!(*found, id);
    }
    for source in [&parse.source, &transform.source, &write.source, &notify.source] {
        assert_eq!(*source, validate.input.source);
    }
    for execution in [
        &validate.execution,
        &parse.execution,
        &transform.execution,
        &write.execution,
    ] {
        assert_eq!(execution.as_ref(), Some(&id));
    }
    assert_eq!(execution, id.as_str());
    assert!(notify.execution.ends_with(&id));
    assert_eq!(parse.from, layout::verdict_key(&id));
    assert_eq!(transform.from, layout::parsed_key(&id));
    let transformed = write.transformed.unwrap();
    assert_eq!(transformed.len(), crawl.objects.len());
    for (made, written) in transformed.iter().zip(&crawl.objects) {
        assert_eq!(made.key, layout::transformed_key(&id, &made.table));
        assert_eq!(written.key, layout::table_key(&made.table, &crawl.dt, &id));
        assert_eq!((&written.table, written.rows), (&made.table, made.rows));
        assert_eq!(written.staged, Some(layout::staged_key(&id, &made.table)));
    }
}
