//! Runs a workflow with mocked functions, for `ecg workflow run`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::clock::{Clock, RealClock, SimulatedClock};
use crate::definition::StateMachine;
use crate::execution::{ExecutionSettings, Outcome, Runtime, run};
use crate::handler::{FunctionError, FunctionHandler, Invocation};
use crate::history::{HistoryEvent, MemoryRecorder};
use crate::load::LoadError;

/// One response of a mocked function.
#[derive(Debug, Clone, PartialEq)]
pub enum MockAnswer {
    /// The function succeeds with this payload.
    Payload(Value),
    /// The function fails with this error.
    Error(FunctionError),
}

/// The responses by function name. They are returned in order; the last one is repeated.
pub type Mocks = BTreeMap<String, Vec<MockAnswer>>;

impl MockAnswer {
    /// Parses a mock file: a JSON array of `{"payload": …}` and `{"error": "Name", "cause": "…"}`. A cause that is not
    /// a string is converted to JSON text, because Lambda returns causes as JSON text.
    ///
    /// # Errors
    /// A message with the expected value, the value that was found, and its JSON pointer.
    pub fn list(file: &Value) -> Result<Vec<Self>, String> {
        let answers = file
            .as_array()
            .ok_or_else(|| format!("expected an array of answers, found {file}"))?;
        answers
            .iter()
            .enumerate()
            .map(|(index, answer)| Self::parse(&format!("/{index}"), answer))
            .collect()
    }

    fn parse(place: &str, answer: &Value) -> Result<Self, String> {
        let expected = "expected {\"payload\": …} or {\"error\": \"Name\", \"cause\": \"…\"}";
        let wrong = || format!("{place}: {expected}, found {answer}");
        let members = answer.as_object().ok_or_else(wrong)?;
        if members
            .keys()
            .any(|name| !["payload", "error", "cause"].contains(&name.as_str()))
        {
            return Err(wrong());
        }
        match (members.get("payload"), members.get("error"), members.get("cause")) {
            (Some(payload), None, None) => Ok(Self::Payload(payload.clone())),
            (None, Some(Value::String(error)), cause) => {
                let cause = match cause {
                    None => String::new(),
                    Some(Value::String(text)) => text.clone(),
                    Some(other) => other.to_string(),
                };
                Ok(Self::Error(FunctionError {
                    error: error.clone(),
                    cause,
                }))
            }
            _ => Err(wrong()),
        }
    }
}

/// The settings of a run with mocked functions.
#[derive(Debug, Clone)]
pub struct MockRun {
    /// Whether Wait states and retry delays take real time. Otherwise the time is simulated.
    pub real_time: bool,
    /// The start time of the execution. Simulated time starts here.
    pub start: DateTime<Utc>,
    /// The seed of the random numbers.
    pub seed: u64,
    /// The values for `${name}` in the definition.
    pub substitutions: BTreeMap<String, String>,
}

/// Runs a definition with mocked functions and returns
/// `{"status", "output", "error", "cause", "events"}`. A member without a value is null. `events` are in the JSON
/// format of `GetExecutionHistory`.
///
/// # Errors
/// If the definition cannot be loaded.
pub async fn run_with_mocks(
    definition: &str,
    input: Value,
    mocks: Mocks,
    how: MockRun,
) -> Result<Value, LoadError> {
    let machine = StateMachine::parse(definition, &how.substitutions)?;
    let recorder = Arc::new(MemoryRecorder::default());
    let clock: Arc<dyn Clock> = match how.real_time {
        true => Arc::new(RealClock),
        false => Arc::new(SimulatedClock::starting_at(how.start)),
    };
    let runtime = Runtime {
        handler: Arc::new(MockHandler::new(mocks)),
        clock,
        recorder: Arc::clone(&recorder) as Arc<_>,
        seed: how.seed,
    };
    let settings = ExecutionSettings {
        name: "mock".to_string(),
        execution_arn: "arn:aws:states:us-east-1:000000000000:execution:workflow:mock".to_string(),
        role_arn: "arn:aws:iam::000000000000:role/workflow".to_string(),
        machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:workflow".to_string(),
        start: how.start,
        input,
    };
    let outcome = run(&machine, &settings, &runtime).await;
    Ok(report(&outcome, &recorder.events()))
}

fn report(outcome: &Outcome, events: &[HistoryEvent]) -> Value {
    json!({
        "status": outcome.status,
        "output": outcome.output,
        "error": outcome.error,
        "cause": outcome.cause,
        "events": events,
    })
}

/// A handler that returns mocked responses. A function without a response fails, and its cause shows the option to
/// add.
#[derive(Debug)]
pub struct MockHandler {
    mocks: Mocks,
    given: Mutex<BTreeMap<String, usize>>,
}

impl MockHandler {
    /// Creates a handler that starts with the first response of each function.
    pub fn new(mocks: Mocks) -> Self {
        Self {
            mocks,
            given: Mutex::new(BTreeMap::new()),
        }
    }
}

#[async_trait]
impl FunctionHandler for MockHandler {
    async fn invoke(&self, invocation: Invocation) -> Result<Value, FunctionError> {
        let name = invocation.function;
        let answers = self.mocks.get(&name).map(Vec::as_slice).unwrap_or_default();
        let turn = {
            let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = given.entry(name.clone()).or_default();
            *turn += 1;
            *turn - 1
        };
        match answers.get(turn).or_else(|| answers.last()) {
            Some(MockAnswer::Payload(payload)) => Ok(payload.clone()),
            Some(MockAnswer::Error(error)) => Err(error.clone()),
            None => Err(FunctionError {
                error: "Lambda.ResourceNotFoundException".to_string(),
                cause: format!("the function {name} has no answer: add --mock {name}=FILE"),
            }),
        }
    }
}
