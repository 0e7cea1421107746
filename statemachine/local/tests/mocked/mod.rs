//! Runs a definition in the engine with mocks for everything that it calls; what AWS has beyond the engine is replaced
//! by the caller.

use std::collections::BTreeMap;

use asl_engine::mock::{MockAnswer, MockRun, Mocks, run_with_mocks};
use chrono::DateTime;
use serde_json::Value;

/// Runs a definition; the functions answer in turn. The report has status, output, error, cause and events.
pub(crate) async fn mocked(definition: &str, input: Value, answers: &[(&str, Value)]) -> Value {
    let mocks: Mocks = (answers.iter())
        .map(|(function, answers)| ((*function).to_owned(), MockAnswer::list(answers).unwrap()))
        .collect();
    let how = MockRun {
        real_time: false,
        start: DateTime::from_timestamp_millis(0).unwrap(),
        seed: 1,
        substitutions: BTreeMap::new(),
    };
    run_with_mocks(definition, input, mocks, how).await.unwrap()
}

/// What each function was given, in order.
pub(crate) fn given(report: &Value) -> Vec<Value> {
    (report["events"].as_array().unwrap().iter())
        .filter_map(|event| {
            let details = &event["taskScheduledEventDetails"]["parameters"];
            let details = details
                .as_str()
                .or(event["lambdaFunctionScheduledEventDetails"]["input"].as_str())?;
            serde_json::from_str(details).ok()
        })
        .collect()
}
