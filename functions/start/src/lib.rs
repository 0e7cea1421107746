//! The start step: from uploads, as the queue delivers them, to executions of the workflow.
//!
//! Every version of an object becomes one execution under its recording id, however often its event arrives: a
//! second start under the same name is answered with what is there already. A message that cannot be dealt with
//! is named in the answer, comes back, and ends in the dead letter queue; its neighbours go on, and so do the good
//! records inside it.
//!
//! A backfill asks it for no more than a name: which execution belongs to an object that lies there ([`Request::Stored`]).

mod event;
mod named;
mod request;
#[cfg(feature = "lambda")]
mod step_functions;

use std::collections::BTreeMap;
use std::future::Future;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use ecg_core::StepError;
use ecg_core::layout::{self, SMOKE_TEST};
use ecg_core::message::ExecutionInput;
use ecg_lake::Lake;
use futures::future::join_all;
use serde::Serialize;

pub use event::{Contents, read};
pub use named::{Head, Named, Stored};
pub use request::{Answer, Request};
#[cfg(feature = "lambda")]
pub use step_functions::StepFunctions;

/// What a request to start an execution led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// It runs now, or the very same request had started it before and it still runs.
    Running,
    /// There was one of this name before.
    Before,
}

/// Whoever starts and remembers executions of the workflow.
pub trait Executions {
    /// Starts one execution under its recording id.
    fn start(&self, input: &ExecutionInput) -> impl Future<Output = Result<Started, StepError>>;

    /// The input of the execution of that name as JSON text; `None` where there is none, or none that is remembered.
    fn input_of(&self, name: &str) -> impl Future<Output = Result<Option<String>, StepError>>;
}

/// What start works with.
#[derive(Debug)]
pub struct Starter<W> {
    /// The bucket whose uploads start executions; an event from another one is a fault.
    pub raw_bucket: String,
    /// The workflow.
    pub workflow: W,
    /// Where it is said which recordings were erased.
    pub lake: Lake,
}

/// What became of a batch. As JSON it is the answer that Lambda reads, and nothing else.
#[derive(Debug, Default, Serialize)]
pub struct Batch {
    /// Which messages have to come back.
    #[serde(flatten)]
    pub answer: SqsBatchResponse,
    /// Size in bytes of each upload whose execution was started, by its recording id. (An execution that still runs is
    /// started once more for all that Step Functions says, so a repeated event may count again.)
    #[serde(skip)]
    pub started: BTreeMap<String, u64>,
    /// Messages that cannot be read: they come back, and nothing but a correction helps.
    #[serde(skip)]
    pub faults: u64,
}

#[cfg(feature = "lambda")]
impl ecg_lambda::Counts for Batch {
    fn counts(&self) -> Vec<(ecg_lambda::Metric, u64)> {
        vec![
            (ecg_lambda::Metric::Files, self.started.len() as u64),
            (ecg_lambda::Metric::Bytes, self.started.values().sum()),
            (ecg_lambda::Metric::Faults, self.faults),
        ]
    }
}

/// Answers a request.
///
/// # Errors
/// Those of [`run`] for a batch. For a stored object: `Rejected` if it is no recording, `Internal` if it is not described as
/// HeadObject does it, and what Step Functions answers.
pub async fn answer<W: Executions>(starter: &Starter<W>, request: Request) -> Result<Answer, StepError> {
    match request {
        Request::Batch(event) => run(starter, event).await.map(Answer::Batch),
        Request::Stored(stored) => named::name(starter, stored)
            .await
            .map(|named| Answer::Named(Box::new(named))),
    }
}

/// Starts what the messages ask for, and names those that have to come back.
///
/// # Errors
/// `Internal` if a message that has to come back has no id to name it by: then all of them come back.
pub async fn run<W: Executions>(starter: &Starter<W>, event: SqsEvent) -> Result<Batch, StepError> {
    let outcomes = join_all(event.records.iter().map(|message| start_all(starter, message))).await;
    let mut batch = Batch::default();
    for (message, outcome) in event.records.iter().zip(outcomes) {
        batch.started.extend(outcome.started);
        batch.faults += u64::from(outcome.fault);
        if !outcome.whole {
            let id = message.message_id.as_ref();
            let id = id.ok_or_else(|| {
                StepError::Internal("message of the queue: expected a messageId, found none".into())
            })?;
            batch.answer.add_failure(id);
        }
    }
    Ok(batch)
}

/// What became of a message.
struct Outcome {
    /// Whether something in it cannot be read.
    fault: bool,
    /// Whether everything that it asks for is started, now or before.
    whole: bool,
    /// What was started now: recording id and size in bytes.
    started: Vec<(String, u64)>,
}

async fn start_all<W: Executions>(starter: &Starter<W>, message: &SqsMessage) -> Outcome {
    let message_id = message.message_id.as_deref();
    let contents = event::read(message.body.as_deref().unwrap_or_default(), &starter.raw_bucket);
    for fault in &contents.faults {
        tracing::error!(message_id, fault, "message not understood");
    }
    let mut outcome = Outcome {
        fault: !contents.faults.is_empty(),
        whole: contents.faults.is_empty(),
        started: Vec::new(),
    };
    for input in &contents.uploads {
        let (recording_id, key) = (&input.recording_id, &input.source.key);
        match start_one(starter, input).await {
            // A line that names it would outlive its erasure.
            Err(StepError::Erased) => {
                tracing::info!(
                    message_id,
                    tombstone = layout::tombstone(recording_id),
                    "erased, not started"
                );
            }
            Ok(started) => {
                tracing::info!(
                    message_id,
                    recording_id,
                    key,
                    size = input.source.size,
                    ?started,
                    "execution"
                );
                // What only tries out a deployment is nobody's upload.
                if started == Started::Running && !key.starts_with(SMOKE_TEST) {
                    outcome.started.push((recording_id.clone(), input.source.size));
                }
            }
            Err(error) => {
                outcome.whole = false;
                tracing::error!(message_id, recording_id, key, error = error.name(), cause = %error, "not started");
            }
        }
    }
    outcome
}

async fn start_one<W: Executions>(
    starter: &Starter<W>,
    input: &ExecutionInput,
) -> Result<Started, StepError> {
    if starter.lake.is_erased(&input.recording_id).await? {
        return Err(StepError::Erased);
    }
    starter.workflow.start(input).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use ecg_testing::MemoryStore;

    /// A workflow that knows the names it has seen, as Step Functions does, and throttles on demand.
    #[derive(Default)]
    struct Fake {
        executions: RefCell<BTreeMap<String, String>>,
        throttled: &'static str,
    }

    impl Executions for Fake {
        async fn start(&self, input: &ExecutionInput) -> Result<Started, StepError> {
            if input.source.key == self.throttled {
                return Err(StepError::Transient("ThrottlingException".into()));
            }
            let text = serde_json::to_string(input).unwrap();
            match self
                .executions
                .borrow_mut()
                .insert(input.recording_id.clone(), text)
            {
                None => Ok(Started::Running),
                Some(_) => Ok(Started::Before),
            }
        }

        async fn input_of(&self, name: &str) -> Result<Option<String>, StepError> {
            Ok(self.executions.borrow().get(name).cloned())
        }
    }

    fn record(key: &str) -> Value {
        json!({
            "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "eventTime": "2026-11-23T08:00:00.123Z",
            "s3": { "bucket": { "name": "raw" }, "object": { "key": key, "size": 7240, "eTag": "0f", "sequencer": "00" } },
        })
    }

    fn batch(messages: &[(&str, String)]) -> SqsEvent {
        let records: Vec<Value> = messages
            .iter()
            .map(|(id, body)| json!({ "messageId": id, "body": body, "eventSource": "aws:sqs" }))
            .collect();
        serde_json::from_value(json!({ "Records": records })).unwrap()
    }

    fn body(keys: &[&str]) -> String {
        json!({ "Records": keys.iter().map(|key| record(key)).collect::<Vec<_>>() }).to_string()
    }

    async fn check(throttled: &'static str, messages: &[(&str, String)], keys: &[&str], answer: &str) {
        let starter = Starter {
            raw_bucket: "raw".into(),
            lake: lake(),
            workflow: Fake {
                throttled,
                ..Fake::default()
            },
        };
        let response = run(&starter, batch(messages)).await.unwrap();
        assert_eq!(serde_json::to_string(&response).unwrap(), answer, "{messages:?}");
        let mut started: Vec<String> = (starter.workflow.executions.borrow().values())
            .map(|input| serde_json::from_str::<ExecutionInput>(input).unwrap().source.key)
            .collect();
        started.sort();
        assert_eq!(started, keys, "{messages:?}");
    }

    /// A lake in which nothing was erased.
    pub(crate) fn lake() -> Lake {
        Lake {
            store: Arc::new(MemoryStore::default()),
            catalog: None,
            work: "work".into(),
            processed: "processed".into(),
            database: "ecg".into(),
        }
    }

    #[tokio::test]
    async fn what_was_erased_is_not_started() {
        let starter = Starter {
            raw_bucket: "raw".into(),
            workflow: Fake::default(),
            lake: lake(),
        };
        // The version of the object is its ETag here.
        let erased = ecg_core::recording_id("raw", "a.mat", "0f");
        let tombstone = starter.lake.processed(&layout::tombstone_key(&erased));
        starter.lake.store.put(&tombstone, "{}".into()).await.unwrap();
        let messages = [("m1", body(&["a.mat", "b.mat"])), ("m2", body(&["a.mat"]))];
        let response = run(&starter, batch(&messages)).await.unwrap();
        assert_eq!(serde_json::to_string(&response).unwrap(), NONE);
        assert_eq!(response.started.len(), 1);
        assert!(!starter.workflow.executions.borrow().contains_key(&erased));
    }

    const NONE: &str = r#"{"batchItemFailures":[]}"#;
    const SECOND: &str = r#"{"batchItemFailures":[{"itemIdentifier":"m2"}]}"#;

    #[tokio::test]
    async fn batches() {
        let test_event =
            json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "raw" }).to_string();
        let half_bad = json!({ "Records": [record("b.mat"), { "eventSource": "aws:s3", "eventName": "ObjectCreated:Put" }] });

        check("", &[], &[], NONE).await;
        check(
            "",
            &[("m1", test_event), ("m2", body(&["a.mat"]))],
            &["a.mat"],
            NONE,
        )
        .await;
        check(
            "",
            &[("m1", body(&["a.mat", "b.mat"])), ("m2", body(&["c.mat"]))],
            &["a.mat", "b.mat", "c.mat"],
            NONE,
        )
        .await;
        check("", &[("m1", body(&["a.hea", "a.txt"]))], &[], NONE).await;
        // The same event twice, in one message and in two, is one execution.
        check(
            "",
            &[("m1", body(&["a.mat", "a.mat"])), ("m2", body(&["a.mat"]))],
            &["a.mat"],
            NONE,
        )
        .await;
        // One bad message among good ones; a bad record beside a good one.
        for bad in [
            "",
            "{",
            "[]",
            "null",
            "{}",
            r#"{"Records":7}"#,
            r#"{"Records":[7]}"#,
        ] {
            let messages = [
                ("m1", body(&["a.mat"])),
                ("m2", bad.to_owned()),
                ("m3", body(&["c.mat"])),
            ];
            check("", &messages, &["a.mat", "c.mat"], SECOND).await;
        }
        check(
            "",
            &[("m1", body(&["a.mat"])), ("m2", half_bad.to_string())],
            &["a.mat", "b.mat"],
            SECOND,
        )
        .await;
        check(
            "b.mat",
            &[("m1", body(&["a.mat"])), ("m2", body(&["b.mat", "c.mat"]))],
            &["a.mat", "c.mat"],
            SECOND,
        )
        .await;
    }

    #[tokio::test]
    async fn what_was_started_is_counted_once() {
        let starter = Starter {
            raw_bucket: "raw".into(),
            lake: lake(),
            workflow: Fake {
                throttled: "busy.mat",
                ..Fake::default()
            },
        };
        let keys = ["a.mat", "b.mat", "b.mat", "busy.mat", "a.hea"];
        let messages = [("m1", body(&keys)), ("m2", "no".to_owned())];
        let response = run(&starter, batch(&messages)).await.unwrap();
        assert_eq!(response.started.len(), 2);
        assert_eq!(response.started.values().sum::<u64>(), 2 * 7240);
        // All of it comes a second time: nothing is started.
        let again = run(&starter, batch(&messages)).await.unwrap();
        assert!(again.started.is_empty(), "{again:?}");
    }

    #[tokio::test]
    async fn the_answer_is_exactly_what_lambda_reads() {
        let starter = Starter {
            raw_bucket: "raw".into(),
            lake: lake(),
            workflow: Fake::default(),
        };
        let messages = [
            ("id-1", "no".to_owned()),
            ("id-2", body(&["a.mat"])),
            ("id-3", "no".to_owned()),
        ];
        let response = run(&starter, batch(&messages)).await.unwrap();
        let golden = r#"{"batchItemFailures":[{"itemIdentifier":"id-1"},{"itemIdentifier":"id-3"}]}"#;
        assert_eq!(serde_json::to_string(&response).unwrap(), golden);
    }

    #[tokio::test]
    async fn what_can_not_be_named_takes_the_batch_back() {
        let starter = Starter {
            raw_bucket: "raw".into(),
            lake: lake(),
            workflow: Fake::default(),
        };
        let event = serde_json::from_value(json!({ "Records": [{ "body": "no" }] })).unwrap();
        let error = run(&starter, event).await.unwrap_err();
        assert_eq!(error.name(), "Internal");
    }
}
