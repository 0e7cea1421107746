//! Statements of SQL in Athena.

use std::time::Duration;

use aws_sdk_athena::Client;
use aws_sdk_athena::types::{QueryExecutionContext, QueryExecutionState};
use ecg_core::StepError;
use ecg_core::statement::State;

use crate::call_error;

/// Between two looks at a statement that runs.
const LOOK_EVERY: Duration = Duration::from_millis(500);

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

    /// Starts a statement and returns its id.
    ///
    /// # Errors
    /// What Athena says.
    pub async fn start(&self, sql: &str) -> Result<String, StepError> {
        let context = QueryExecutionContext::builder().database(&self.database);
        let request = (self.client.start_query_execution())
            .work_group(&self.workgroup)
            .query_execution_context(context.build());
        let started = request.query_string(sql).send().await;
        let started = started.map_err(|error| call_error("StartQueryExecution", &error))?;
        let no_id = || StepError::Internal("StartQueryExecution: expected an id, found none".to_owned());
        started.query_execution_id.ok_or_else(no_id)
    }

    /// How far a statement is.
    ///
    /// # Errors
    /// What Athena says.
    pub async fn state(&self, id: &str) -> Result<State, StepError> {
        let found = self
            .client
            .get_query_execution()
            .query_execution_id(id)
            .send()
            .await;
        let found = found.map_err(|error| call_error("GetQueryExecution", &error))?;
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

    /// Runs a query and returns the rows of its answer, without the names of the columns. It waits as long as the query takes.
    ///
    /// # Errors
    /// What Athena says.
    pub async fn query(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, StepError> {
        let id = self.start(sql).await?;
        loop {
            match self.state(&id).await? {
                State::Succeeded => break,
                State::Failed { reason, retryable } if retryable => return Err(StepError::Transient(reason)),
                State::Failed { reason, .. } => return Err(StepError::Internal(reason)),
                State::Running => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
        let (mut rows, mut token) = (Vec::new(), None);
        loop {
            let page = self.client.get_query_results().query_execution_id(&id);
            let page = page.set_next_token(token).send().await;
            let page = page.map_err(|error| call_error("GetQueryResults", &error))?;
            for row in page.result_set.and_then(|set| set.rows).unwrap_or_default() {
                let values = row.data.unwrap_or_default().into_iter();
                rows.push(values.map(|value| value.var_char_value).collect());
            }
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        // The first row is the names.
        rows.drain(..rows.len().min(1));
        Ok(rows)
    }
}
