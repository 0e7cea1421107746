//! Task states: one call of a function, its timeouts and its events.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::FutureExt;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::definition::{Resource, Task};
use crate::error::StateError;
use crate::execution::{Execution, check_size, seconds_duration};
use crate::expression::Expected;
use crate::handler::{FunctionError, Invocation};
use crate::history::Event;
use crate::load_task::function_name;
use crate::run::Visit;
use crate::track::Scope;

/// One call of a function, with its timeouts in seconds.
struct Call {
    invocation: Invocation,
    timeout: Option<f64>,
    heartbeat: Option<f64>,
}

impl Execution<'_> {
    /// Calls the function once and returns the value of `$states.result`.
    pub(crate) async fn task(
        &self,
        task: &Task,
        visit: &Visit<'_>,
        scope: &Scope,
    ) -> Result<Value, StateError> {
        let arguments = match &task.arguments {
            Some(template) => self.value(template, "Arguments", Expected::Any, visit, scope)?,
            None => visit.input.clone(),
        };
        let limit = |template: &Option<_>, field| match template {
            Some(template) => self.number(template, field, visit, scope).map(Some),
            None => Ok(None),
        };
        let timeout = limit(&task.timeout_seconds, "TimeoutSeconds")?;
        let heartbeat = limit(&task.heartbeat_seconds, "HeartbeatSeconds")?;
        check_size(&arguments, &format!("The state/task '{}'", visit.name))?;
        let call = |function: String, payload: Value| Call {
            invocation: Invocation {
                function,
                payload,
                execution_name: self.settings.name.clone(),
                state_name: visit.name.to_string(),
                retry_count: visit.retry_count,
                heartbeat: Arc::new(Notify::new()),
            },
            timeout,
            heartbeat,
        };
        match &task.resource {
            Resource::Function { arn, name } => {
                self.record(
                    scope,
                    Event::FunctionScheduled {
                        resource: arn,
                        input: &arguments,
                        timeout,
                    },
                );
                self.record(scope, Event::FunctionStarted);
                let answer = self.call(call(name.clone(), arguments), arn).await;
                match answer {
                    Ok(output) => {
                        self.record(scope, Event::FunctionSucceeded { output: &output });
                        Ok(output)
                    }
                    Err((error, timed_out)) => {
                        self.record(
                            scope,
                            Event::FunctionFailed {
                                timed_out,
                                error: &error,
                            },
                        );
                        Err(error)
                    }
                }
            }
            Resource::LambdaInvoke => {
                let region = self.settings.machine_arn.split(':').nth(3).unwrap_or_default();
                let scheduled = Event::TaskScheduled {
                    region,
                    parameters: &arguments,
                    timeout,
                    heartbeat,
                };
                self.record(scope, scheduled);
                self.record(scope, Event::TaskStarted);
                let answer = match arguments
                    .get("FunctionName")
                    .and_then(Value::as_str)
                    .and_then(function_name)
                {
                    Some(name) => {
                        let payload = arguments.get("Payload").cloned().unwrap_or_else(|| json!({}));
                        self.call(call(name, payload), "arn:aws:states:::lambda:invoke")
                            .await
                    }
                    None => {
                        let found = arguments.get("FunctionName").unwrap_or(&Value::Null);
                        let cause = format!("expected the name of a function as FunctionName, found {found}");
                        Err((StateError::new("Lambda.ValidationException", cause), false))
                    }
                };
                match answer {
                    Ok(payload) => {
                        let output = wrapped(payload, &self.random.uuid(), self.clock.now());
                        self.record(scope, Event::TaskSucceeded { output: &output });
                        Ok(output)
                    }
                    Err((error, timed_out)) => {
                        self.record(
                            scope,
                            Event::TaskFailed {
                                timed_out,
                                error: &error,
                            },
                        );
                        Err(error)
                    }
                }
            }
        }
    }

    /// Adds an event to the history. The next event of the same track has it as `previousEventId`.
    pub(crate) fn record(&self, scope: &Scope, event: Event<'_>) {
        let id = self.history.add(scope.track.previous(), event);
        scope.track.set_previous(id);
    }

    /// Calls the function and returns its response. With an error, the flag says whether a timeout expired.
    async fn call(&self, call: Call, resource: &str) -> Result<Value, (StateError, bool)> {
        let beats = Arc::clone(&call.invocation.heartbeat);
        // `invoke` is called inside the future, so a panic in the call itself is also caught.
        let handler = Arc::clone(&self.handler);
        let answer = AssertUnwindSafe(async move { handler.invoke(call.invocation).await }).catch_unwind();
        let limited = |seconds: Option<f64>| async move {
            match seconds {
                Some(seconds) => self.clock.limit(seconds_duration(seconds)).await,
                None => std::future::pending().await,
            }
        };
        let silent = async {
            loop {
                tokio::select! {
                    biased;
                    () = beats.notified() => {}
                    () = limited(call.heartbeat) => return,
                }
            }
        };
        let timed_out = |error: &str| {
            (
                StateError {
                    error: Some(error.to_string()),
                    cause: None,
                },
                true,
            )
        };
        let answer = tokio::select! {
            biased;
            answer = answer => answer,
            () = limited(call.timeout) => return Err(timed_out("States.Timeout")),
            () = silent => return Err(timed_out("States.HeartbeatTimeout")),
        };
        match answer {
            Ok(Ok(value)) => {
                check_size(&value, &format!("The state/task '{resource}'"))
                    .map_err(|error| (error, false))?;
                Ok(value)
            }
            Ok(Err(FunctionError { error, cause })) => Err((StateError::new(&error, cause), false)),
            Err(panic) => {
                let message = panic
                    .downcast_ref::<&str>()
                    .map(|text| (*text).to_string())
                    .or_else(|| panic.downcast_ref::<String>().cloned())
                    .unwrap_or_else(|| "the function panicked".to_string());
                let payload = json!({ "errorMessage": message });
                let cause = format!(
                    "The cause could not be determined because Lambda did not return an error type. \
                     Returned payload: {payload}"
                );
                Err((StateError::new("Lambda.Unknown", cause), false))
            }
        }
    }
}

/// Returns the result of `lambda:invoke`: the response of the Lambda API, with the function's response as `Payload`.
fn wrapped(payload: Value, request_id: &str, now: DateTime<Utc>) -> Value {
    let length = payload.to_string().len().to_string();
    let date = now.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let trace: String = request_id
        .chars()
        .filter(char::is_ascii_hexdigit)
        .take(24)
        .collect();
    let trace = format!("root=1-{:08x}-{trace};sampled=0", now.timestamp());
    let headers = [
        ("X-Amz-Executed-Version", "$LATEST"),
        ("x-amzn-Remapped-Content-Length", "0"),
        ("Connection", "keep-alive"),
        ("x-amzn-RequestId", request_id),
        ("Content-Length", &length),
        ("Date", &date),
        ("X-Amzn-Trace-Id", &trace),
        ("Content-Type", "application/json"),
    ];
    let all: serde_json::Map<String, Value> = headers
        .iter()
        .map(|(name, value)| ((*name).to_string(), json!([value])))
        .collect();
    let first: serde_json::Map<String, Value> = headers
        .iter()
        .map(|(name, value)| ((*name).to_string(), json!(value)))
        .collect();
    json!({
        "ExecutedVersion": "$LATEST",
        "Payload": payload,
        "SdkHttpMetadata": { "AllHttpHeaders": all, "HttpHeaders": first, "HttpStatusCode": 200 },
        "SdkResponseMetadata": { "RequestId": request_id },
        "StatusCode": 200,
    })
}
