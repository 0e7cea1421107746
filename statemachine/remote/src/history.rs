//! The history as Step Functions sends it.
//!
//! The engine writes its history in the JSON of GetExecutionHistory, and `ecg show` reads that. The types of the SDK are
//! not serde types, and know only the events of their day; so the text of the answer is kept as it comes, and read once
//! more.

use std::sync::{Arc, Mutex, PoisonError};

use asl_engine::HistoryEvent;
use aws_sdk_sfn::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_sfn::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sfn::error::BoxError;
use serde::Deserialize;

use crate::error::service;
use crate::{Error, Machine};

const OPERATION: &str = "GetExecutionHistory";

/// The body of the last answer. It is in memory once the SDK has read it.
#[derive(Debug, Clone, Default)]
struct LastBody(Arc<Mutex<Vec<u8>>>);

impl LastBody {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Intercept for LastBody {
    fn name(&self) -> &'static str {
        "LastBody"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().unwrap_or_default();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = body.to_vec();
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    events: Vec<HistoryEvent>,
    #[serde(default)]
    next_token: Option<String>,
}

impl Machine {
    /// All events of an execution, oldest first.
    ///
    /// # Errors
    /// Those of the service, and an answer that is not the documented JSON.
    pub async fn history(&self, execution_arn: &str) -> Result<Vec<HistoryEvent>, Error> {
        let body = LastBody::default();
        let mut events = Vec::new();
        let mut token = None;
        loop {
            let request = self.client.get_execution_history().execution_arn(execution_arn);
            let request = request.max_results(1_000).set_next_token(token);
            let sent = request.customize().interceptor(body.clone()).send().await;
            sent.map_err(service(OPERATION))?;
            let page: Page = serde_json::from_slice(&body.take()).map_err(|error| Error::Answer {
                operation: OPERATION,
                reason: error.to_string(),
            })?;
            events.extend(page.events);
            token = page.next_token;
            if token.is_none() {
                return Ok(events);
            }
        }
    }
}
