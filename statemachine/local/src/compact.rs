//! Compaction in a lake on one machine: `compact.asl.json`, the file that deploys, in the engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use asl_engine::{
    ExecutionSettings, FunctionError, FunctionHandler, Invocation, MemoryRecorder, RealClock, Runtime,
    StateMachine, Status,
};
use async_trait::async_trait;
use ecg_core::StepError;
use ecg_journal::Journal;
use ecg_lake::{Lake, Waits};
use serde_json::{Value, json};
use step_compact::{Answer, Request};
use tokio::sync::Semaphore;

use crate::execute::{MACHINE_ARN, ROLE_ARN, now};

/// Slices that are merged at a time.
const MERGING: usize = 2;

const WORKFLOW: &str = include_str!("../../compact.asl.json");

/// What compacts the days of a lake.
#[derive(Clone)]
pub(crate) struct Compaction {
    lake: Lake,
    journal: Journal,
    waits: Waits,
    /// See [`MERGING`].
    merging: Arc<Semaphore>,
}

impl Compaction {
    pub(crate) fn new(lake: Lake, journal: Journal, waits: Waits) -> Compaction {
        Compaction {
            lake,
            journal,
            waits,
            merging: Arc::new(Semaphore::new(MERGING)),
        }
    }

    /// Runs the workflow, and returns what it answers of each day.
    ///
    /// # Errors
    /// What failed, on which days.
    pub(crate) async fn run(&self, input: Value) -> Result<Value, String> {
        let machine = StateMachine::parse(WORKFLOW, &BTreeMap::new()).map_err(|error| error.to_string())?;
        let start = now();
        let name = format!("compact-{}", start.timestamp_micros());
        let settings = ExecutionSettings {
            execution_arn: format!(
                "{}:{name}",
                MACHINE_ARN.replace("stateMachine:ecg-pipeline", "execution:ecg-pipeline-compact")
            ),
            machine_arn: format!("{MACHINE_ARN}-compact"),
            role_arn: ROLE_ARN.to_owned(),
            name,
            start,
            input,
        };
        let runtime = Runtime {
            handler: Arc::new(self.clone()),
            clock: Arc::new(RealClock),
            recorder: Arc::new(MemoryRecorder::default()),
            seed: 0,
        };
        let outcome = asl_engine::run(&machine, &settings, &runtime).await;
        match outcome.status {
            Status::Succeeded => Ok(outcome.output.unwrap_or_default()),
            _ => Err(outcome.cause.or(outcome.error).unwrap_or_default()),
        }
    }

    async fn task(&self, payload: Value) -> Result<Answer, StepError> {
        let internal = |error: &dyn std::fmt::Display| StepError::Internal(error.to_string());
        let request: Request = serde_json::from_value(payload).map_err(|error| internal(&error))?;
        if let Request::Move { .. } = request {
            // A power cut must take neither the large objects nor what they were made of: then the partitions could move.
            self.journal
                .finish()
                .and_then(|()| self.journal.sync())
                .map_err(|error| internal(&error))?;
        }
        let _turn = match request {
            Request::Merge { .. } => Some(self.merging.acquire().await.map_err(|error| internal(&error))?),
            _ => None,
        };
        step_compact::run(&self.lake, &self.waits, now().timestamp_millis(), request).await
    }
}

#[async_trait]
impl FunctionHandler for Compaction {
    async fn invoke(&self, invocation: Invocation) -> Result<Value, FunctionError> {
        let answer = self
            .task(invocation.payload)
            .await
            .map_err(|error| FunctionError {
                error: error.name().to_owned(),
                cause: error.cause(),
            })?;
        serde_json::to_value(answer).map_err(|error| FunctionError {
            error: "Internal".to_owned(),
            cause: error.to_string(),
        })
    }
}

/// The input of the workflow for one day.
pub(crate) fn of_day(day: &str) -> Value {
    json!({ "day": day })
}
