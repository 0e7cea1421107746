//! What the test files share: functions made of closures, and one way to run a definition.

// Each test file uses its part; a definition that does not load ends the test.
#![allow(dead_code, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::Arc;

use asl_engine::{
    Clock, ExecutionSettings, FunctionError, FunctionHandler, HistoryEvent, Invocation, MemoryRecorder,
    Outcome, Runtime, SimulatedClock, StateMachine, run,
};
use async_trait::async_trait;
use chrono::DateTime;
use futures::future::BoxFuture;
use serde_json::Value;

type Answer = Result<Value, FunctionError>;

/// A handler made of one async closure that also gets the clock.
pub(crate) struct Functions<F> {
    pub(crate) clock: Arc<SimulatedClock>,
    pub(crate) answer: F,
}

#[async_trait]
impl<F> FunctionHandler for Functions<F>
where
    F: Fn(Invocation, Arc<SimulatedClock>) -> BoxFuture<'static, Answer> + Send + Sync,
{
    async fn invoke(&self, invocation: Invocation) -> Answer {
        (self.answer)(invocation, Arc::clone(&self.clock)).await
    }
}

/// Everything a test looks at after a run.
pub(crate) struct Bench {
    pub(crate) machine: StateMachine,
    pub(crate) settings: ExecutionSettings,
    pub(crate) runtime: Runtime,
    pub(crate) recorder: Arc<MemoryRecorder>,
    pub(crate) clock: Arc<SimulatedClock>,
}

/// A definition on a wound clock with the functions given.
pub(crate) fn bench<F>(definition: Value, input: Value, answer: F) -> Bench
where
    F: Fn(Invocation, Arc<SimulatedClock>) -> BoxFuture<'static, Answer> + Send + Sync + 'static,
{
    let start = DateTime::UNIX_EPOCH;
    let clock = Arc::new(SimulatedClock::starting_at(start));
    let recorder = Arc::new(MemoryRecorder::default());
    Bench {
        machine: machine(definition),
        settings: ExecutionSettings {
            name: "one".into(),
            execution_arn: "arn:aws:states:eu-west-1:111111111111:execution:test:one".into(),
            role_arn: "arn:aws:iam::111111111111:role/test".into(),
            machine_arn: "arn:aws:states:eu-west-1:111111111111:stateMachine:test".into(),
            start,
            input,
        },
        runtime: Runtime {
            handler: Arc::new(Functions {
                clock: Arc::clone(&clock),
                answer,
            }),
            clock: Arc::clone(&clock) as Arc<_>,
            recorder: Arc::clone(&recorder) as Arc<_>,
            seed: 7,
        },
        recorder,
        clock,
    }
}

impl Bench {
    pub(crate) async fn run(&self) -> Outcome {
        run(&self.machine, &self.settings, &self.runtime).await
    }

    pub(crate) fn events(&self) -> Vec<HistoryEvent> {
        self.recorder.events()
    }

    pub(crate) fn types(&self) -> Vec<String> {
        self.events().into_iter().map(|event| event.event_type).collect()
    }

    /// Virtual seconds since the start.
    pub(crate) fn elapsed(&self) -> f64 {
        (self.clock.now() - self.settings.start).num_milliseconds() as f64 / 1000.0
    }
}

/// Loads a definition that must load.
pub(crate) fn machine(definition: Value) -> StateMachine {
    StateMachine::parse(definition.to_string(), &BTreeMap::new())
        .unwrap_or_else(|error| panic!("the definition is refused:\n{error}"))
}

pub(crate) fn failure(error: &str) -> Answer {
    Err(FunctionError {
        error: error.into(),
        cause: format!("{error} happened"),
    })
}

/// A Task state that calls the function of that name.
pub(crate) fn task(function: &str, more: Value) -> Value {
    let mut state = serde_json::json!({
        "Type": "Task",
        "Resource": format!("arn:aws:lambda:eu-west-1:111111111111:function:{function}"),
    });
    if let (Some(state), Some(more)) = (state.as_object_mut(), more.as_object()) {
        state.extend(more.clone());
    }
    state
}
