//! Athena as the one that runs statements.

use aws_sdk_athena::Client;
use aws_sdk_athena::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_athena::types::{QueryExecutionContext, QueryExecutionState};
use ecg_core::StepError;
use ecg_lambda::service_error;

use crate::{State, Statements};

/// A database, and the workgroup in which statements run.
#[derive(Debug, Clone)]
pub struct Athena {
    client: Client,
    workgroup: String,
    database: String,
}

impl Athena {
    /// A database of the Glue catalog and a workgroup that says where results go.
    pub fn new(client: Client, workgroup: String, database: String) -> Athena {
        Athena {
            client,
            workgroup,
            database,
        }
    }
}

impl Statements for Athena {
    async fn start(&self, sql: &str) -> Result<String, StepError> {
        let context = QueryExecutionContext::builder().database(&self.database);
        let request = (self.client.start_query_execution())
            .work_group(&self.workgroup)
            .query_execution_context(context.build());
        let started = request.query_string(sql).send().await;
        let started = started.map_err(|error| failed("StartQueryExecution", &error))?;
        let no_id = || StepError::Internal("StartQueryExecution: expected an id, found none".to_owned());
        started.query_execution_id.ok_or_else(no_id)
    }

    async fn state(&self, id: &str) -> Result<State, StepError> {
        let found = self
            .client
            .get_query_execution()
            .query_execution_id(id)
            .send()
            .await;
        let found = found.map_err(|error| failed("GetQueryExecution", &error))?;
        let status = found.query_execution.and_then(|execution| execution.status);
        let status = status.ok_or_else(|| {
            StepError::Internal(format!(
                "GetQueryExecution: expected a status of {id}, found none"
            ))
        })?;
        Ok(match status.state {
            Some(QueryExecutionState::Succeeded) => State::Succeeded,
            Some(state @ (QueryExecutionState::Failed | QueryExecutionState::Cancelled)) => State::Failed {
                reason: format!(
                    "Athena: {state}: {}",
                    status.state_change_reason.as_deref().unwrap_or("no reason")
                ),
                retryable: status.athena_error.is_some_and(|error| error.retryable),
            },
            _ => State::Running,
        })
    }
}

fn failed<E>(operation: &str, error: &SdkError<E, aws_sdk_athena::config::http::HttpResponse>) -> StepError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match error.as_service_error() {
        Some(said) => service_error(operation, said.code(), said.message()),
        // The service did not answer, so it may next time.
        None => StepError::Transient(format!("{operation}: {}", DisplayErrorContext(error))),
    }
}
