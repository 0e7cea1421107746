//! The steps as local functions: what Lambda is on AWS.

use asl_engine::{FunctionError, FunctionHandler, Invocation};
use async_trait::async_trait;
use ecg_core::StepError;
use ecg_core::message::{CrawlOutput, NotifyInput, NotifyOutput, ValidateInput, ValidateOutput, WriteOutput};
use ecg_journal::{Journal, Place};
use ecg_lake::{Lake, Waits};
use ecg_recording::profiles::Profile;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use step_notify::{Links, Slack};

use crate::compact::{self, Compaction};
use crate::lake_store::LakeStore;
use crate::logs::Attempt;
use crate::progress::tell;

/// Largest input or output of a step in bytes: messages point at objects, they do not carry them.
const MESSAGE_BYTES_MAX: usize = 4096;

/// The functions that the workflow file calls by name.
pub(crate) struct Steps {
    pub(crate) lake: Lake,
    /// The store of `lake`.
    pub(crate) objects: LakeStore,
    /// The built-in profiles.
    pub(crate) profiles: Vec<Profile>,
    pub(crate) slack: Option<Slack>,
    pub(crate) links: Links,
    pub(crate) place: Place,
    /// Keeps the message of a failed run.
    pub(crate) journal: Journal,
    /// One compaction at a time.
    pub(crate) compacting: tokio::sync::Mutex<()>,
}

#[async_trait]
impl FunctionHandler for Steps {
    async fn invoke(&self, invocation: Invocation) -> Result<Value, FunctionError> {
        let attempt = Attempt::begin(&self.journal, &invocation.function, &invocation.payload);
        let outcome = attempt
            .log(self.step(&invocation.function, invocation.payload))
            .await;
        outcome.map_err(|error| FunctionError {
            error: error.name().to_owned(),
            cause: error.cause(),
        })
    }
}

// `Steps::step`, from a name and a message to the answer, as build.rs makes it from functions/steps.json.
include!(concat!(env!("OUT_DIR"), "/steps.rs"));

impl Steps {
    async fn validate(&self, input: ValidateInput) -> Result<ValidateOutput, StepError> {
        step_validate::run(&self.lake, &self.profiles, input).await
    }

    /// What crawl has to wait for, the compaction of a day, nobody else does here.
    async fn crawl(&self, input: WriteOutput) -> Result<CrawlOutput, StepError> {
        let mut crawled = step_crawl::run(&self.lake, input.clone()).await;
        while let Err(StepError::Throttled(_)) = crawled {
            let _one = self.compacting.lock().await;
            crawled = step_crawl::settle(&self.lake, input.clone()).await;
            if let Err(StepError::Throttled(_)) = crawled {
                let compacted = self.compaction().run(compact::of_day(&input.dt)).await;
                compacted.map_err(|why| {
                    tell(&format!(
                        "{}: waits, because its day cannot be compacted: {why}",
                        input.recording_id
                    ));
                    StepError::Throttled(why)
                })?;
                crawled = step_crawl::settle(&self.lake, input.clone()).await;
            }
        }
        crawled
    }

    fn compaction(&self) -> Compaction {
        Compaction::new(self.lake.clone(), self.journal.clone(), Waits::LOCAL)
    }

    async fn notify(&self, input: NotifyInput) -> Result<NotifyOutput, StepError> {
        let text = step_notify::text(&input, &self.links);
        self.journal
            .notify(input.execution_name(), format!("{text}\n"))
            .map_err(|error| StepError::Internal(error.to_string()))?;
        // Without Slack nothing is printed: the command says at its end what failed, and `ecg show` has the message.
        step_notify::run(self.slack.as_ref(), &self.links, input, |_| {}).await
    }
}

/// From JSON to JSON around a step, as Lambda's runtime does it.
async fn call<I, O, F>(payload: Value, step: impl FnOnce(I) -> F) -> Result<Value, StepError>
where
    I: DeserializeOwned,
    O: Serialize,
    F: Future<Output = Result<O, StepError>>,
{
    let internal = |error: serde_json::Error| StepError::Internal(format!("message of a step: {error}"));
    small("input", &payload)?;
    let input = serde_json::from_value(payload).map_err(internal)?;
    let output = serde_json::to_value(step(input).await?).map_err(internal)?;
    small("output", &output)?;
    Ok(output)
}

fn small(what: &str, message: &Value) -> Result<(), StepError> {
    let bytes = message.to_string().len();
    if bytes <= MESSAGE_BYTES_MAX {
        return Ok(());
    }
    Err(StepError::Internal(format!(
        "{what} of a step: expected at most {MESSAGE_BYTES_MAX} bytes, found {bytes}"
    )))
}
