//! What timed out or was aborted reaches no Catch. As on AWS, `net.asl.json` records it and tells people.
//!
//! The engine calls functions. What the file asks of Step Functions, S3 and SNS is here a function of that name, which answers
//! from the journal and the lake as the documentation of the service says, and refuses what the service would refuse.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use asl_engine::{
    ExecutionSettings, FunctionError, FunctionHandler, HistoryEvent, Invocation, MemoryRecorder, RealClock,
    Runtime, StateMachine, Status,
};
use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat};
use ecg_journal::{Closed, OpenExecution};
use ecg_store::StoreError;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::execute::{MACHINE_ARN, now};
use crate::steps::Steps;

const NET: &str = include_str!("../../net.asl.json");

/// What the ARN of each integration begins with.
const INTEGRATION: &str = "arn:aws:states:::";

/// Nobody reads it on one machine: where the net fails, the command says so itself.
const TOPIC: &str = "arn:aws:sns:local:000000000000:ecg-pipeline";

/// Records and tells what ended without the workflow's failure branch. `execution` is who ended.
pub(crate) async fn run(
    steps: Arc<Steps>,
    open: &OpenExecution,
    execution: ExecutionSettings,
    closed: &Closed,
) -> io::Result<()> {
    let machine = load(&steps.lake.processed)?;
    let event = json!({
        "executionArn": execution.execution_arn, "stateMachineArn": execution.machine_arn, "name": execution.name,
        "status": closed.status, "startDate": execution.start.timestamp_millis(), "stopDate": now().timestamp_millis(),
        "input": execution.input.to_string(), "output": null, "error": closed.error, "cause": closed.cause,
    });
    let settings = ExecutionSettings {
        execution_arn: execution
            .execution_arn
            .replace(":ecg-pipeline:", ":ecg-pipeline-net:"),
        machine_arn: format!("{MACHINE_ARN}-net"),
        start: now(),
        input: event,
        ..execution.clone()
    };
    let runtime = Runtime {
        handler: Arc::new(Services {
            steps,
            open: open.clone(),
            execution_arn: execution.execution_arn,
        }),
        clock: Arc::new(RealClock),
        recorder: Arc::new(MemoryRecorder::default()),
        seed: 0,
    };
    let outcome = asl_engine::run(&machine, &settings, &runtime).await;
    if outcome.status == Status::Succeeded {
        return Ok(());
    }
    let (error, cause) = (
        outcome.error.unwrap_or_default(),
        outcome.cause.unwrap_or_default(),
    );
    Err(io::Error::other(format!(
        "{}: it did not end in time, and that could not be recorded and told: {error}: {cause}",
        settings.name
    )))
}

/// The file as it deploys, with a function in the place of each other integration.
fn load(processed: &str) -> io::Result<StateMachine> {
    let mut definition: Value = serde_json::from_str(NET)?;
    for state in definition["States"].as_object_mut().into_iter().flatten() {
        let resource = state
            .1
            .get("Resource")
            .and_then(Value::as_str)
            .unwrap_or_default();
        match resource.strip_prefix(INTEGRATION) {
            None | Some("lambda:invoke") => {}
            Some(name) => state.1["Resource"] = format!("${{{name}}}").into(),
        }
    }
    let values = [
        ("pipeline", MACHINE_ARN),
        ("processed_bucket", processed),
        ("topic", TOPIC),
    ];
    let values: BTreeMap<String, String> = values
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    StateMachine::parse(definition.to_string(), &values).map_err(io::Error::other)
}

/// What AWS has beside the steps.
struct Services {
    steps: Arc<Steps>,
    open: OpenExecution,
    /// The one execution that is known here.
    execution_arn: String,
}

#[async_trait]
impl FunctionHandler for Services {
    async fn invoke(&self, invocation: Invocation) -> Result<Value, FunctionError> {
        match invocation.function.as_str() {
            "aws-sdk:sfn:getExecutionHistory" => self.history(arguments(invocation.payload)?),
            "aws-sdk:s3:listObjectsV2" => self.list(arguments(invocation.payload)?).await,
            "sns:publish" => publish(&arguments(invocation.payload)?),
            // Only a store that refuses calls for load leads to them, and the store of a lake on one machine does not.
            other if other.starts_with("aws-sdk:") => Err(error(
                "States.Runtime",
                format!("there is no {other} on one machine"),
            )),
            _ => self.steps.invoke(invocation).await,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetExecutionHistory {
    execution_arn: String,
    #[serde(default)]
    max_results: usize,
    #[serde(default)]
    reverse_order: bool,
    next_token: Option<String>,
    #[serde(default = "yes")]
    include_execution_data: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ListObjectsV2 {
    bucket: String,
    #[serde(default)]
    prefix: String,
    #[serde(default = "thousand")]
    max_keys: usize,
}

fn thousand() -> usize {
    1000
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Publish {
    topic_arn: String,
    message: Value,
}

impl Services {
    /// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html>
    fn history(&self, asked: GetExecutionHistory) -> Result<Value, FunctionError> {
        if asked.execution_arn != self.execution_arn {
            let cause = format!("Execution Does Not Exist: '{}'", asked.execution_arn);
            return Err(error("Sfn.ExecutionDoesNotExistException", cause));
        }
        let most = match asked.max_results {
            0 => 100,
            most @ 1..=1000 => most,
            most => {
                let cause = format!("maxResults: expected at most 1000, found {most}");
                return Err(error("Sfn.SfnException", cause));
            }
        };
        let mut events =
            (self.open.history()).map_err(|failed| error("Sfn.SfnException", failed.to_string()))?;
        if asked.reverse_order {
            events.reverse();
        }
        let from = match &asked.next_token {
            None => 0,
            Some(token) => (token.parse().ok())
                .filter(|from| (1..events.len()).contains(from))
                .ok_or_else(|| error("Sfn.InvalidTokenException", format!("Invalid Token: '{token}'")))?,
        };
        let page: Vec<Value> = events[from..]
            .iter()
            .take(most)
            .map(|event| as_sdk_event(event, asked.include_execution_data))
            .collect();
        let next = from + page.len();
        let mut answer = json!({ "Events": page });
        if next < events.len() {
            answer["NextToken"] = next.to_string().into();
        }
        Ok(answer)
    }

    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>
    async fn list(&self, asked: ListObjectsV2) -> Result<Value, FunctionError> {
        let listed = self.steps.lake.store.list(&asked.bucket, &asked.prefix).await;
        let listed = listed.map_err(|failed| match failed {
            StoreError::NotFound(_) => error("S3.NoSuchBucketException", failed.to_string()),
            _ => error("S3.S3Exception", failed.to_string()),
        })?;
        let most = asked.max_keys.min(thousand());
        let contents: Vec<Value> = listed
            .iter()
            .take(most)
            .map(|object| {
                json!({ "Key": object.key, "Size": object.size, "LastModified": moment(object.last_modified_ms) })
            })
            .collect();
        let mut answer = json!({
            "Name": asked.bucket, "Prefix": asked.prefix, "MaxKeys": asked.max_keys, "KeyCount": contents.len(),
            "IsTruncated": contents.len() < listed.len(),
        });
        // Without an object there is no such member.
        if !contents.is_empty() {
            answer["Contents"] = contents.into();
        }
        Ok(answer)
    }
}

/// <https://docs.aws.amazon.com/step-functions/latest/dg/connect-sns.html>
fn publish(asked: &Publish) -> Result<Value, FunctionError> {
    if asked.topic_arn != TOPIC {
        let cause = format!("Topic does not exist: {}", asked.topic_arn);
        return Err(error("SNS.NotFoundException", cause));
    }
    if asked.message.as_str() == Some("") {
        return Err(error("SNS.InvalidParameterException", "Empty message".to_owned()));
    }
    Ok(json!({ "MessageId": "00000000-0000-0000-0000-000000000000" }))
}

/// An event as the SDK integration gives it: names in Pascal case, times as text.
fn as_sdk_event(event: &HistoryEvent, with_data: bool) -> Value {
    let mut found = Map::from_iter([
        ("Id".to_owned(), event.id.into()),
        ("PreviousEventId".to_owned(), event.previous_event_id.into()),
        ("Type".to_owned(), event.event_type.clone().into()),
        ("Timestamp".to_owned(), moment((event.timestamp * 1000.0) as i64)),
    ]);
    for (name, details) in &event.details {
        let members = details.as_object().into_iter().flatten();
        // What went in and came out, and what became of it.
        let data = ["input", "output", "parameters", "assignedVariables"];
        let members = members.filter(|(name, _)| with_data || !data.contains(&name.as_str()));
        let members: Map<String, Value> = members
            .map(|(name, value)| (pascal(name), value.clone()))
            .collect();
        found.insert(pascal(name), members.into());
    }
    found.into()
}

fn pascal(name: &str) -> String {
    let (first, rest) = name.split_at(name.chars().next().map_or(0, char::len_utf8));
    first.to_uppercase() + rest
}

fn moment(milliseconds: i64) -> Value {
    let moment = DateTime::from_timestamp_millis(milliseconds);
    moment
        .map(|moment| moment.to_rfc3339_opts(SecondsFormat::Millis, true))
        .into()
}

/// What Step Functions does with arguments that an integration does not have.
fn arguments<T: DeserializeOwned>(payload: Value) -> Result<T, FunctionError> {
    serde_json::from_value(payload).map_err(|refused| error("States.Runtime", refused.to_string()))
}

fn error(error: &str, cause: String) -> FunctionError {
    FunctionError {
        error: error.to_owned(),
        cause,
    }
}
