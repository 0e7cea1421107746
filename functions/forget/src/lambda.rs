//! The erasure as `statemachine/forget.asl.json` calls it. Between its tasks the list of recordings is in the work bucket, because a message is
//! small: `forget/<execution>.json`.

use std::collections::BTreeSet;

use aws_sdk_sfn::Client;
use aws_sdk_sfn::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use ecg_core::StepError;
use ecg_lake::{Lake, Waits, write_error};
use ecg_lambda::athena::Athena;
use ecg_lambda::service_error;
use serde::{Deserialize, Serialize};

use crate::{Erasure, Left, Row, Selection, bury, erase, executions, plan, purge, related_sql, versions};

/// Largest list of recordings in bytes.
const LIST_BYTES_MAX: u64 = 256 << 20;

/// Most recordings, and days, that an answer names.
const NAMED: usize = 10;

/// Where results of queries are: what an analyst has asked may have rows of an erased recording.
const RESULTS: &str = "results/";

/// The places, and who runs statements and executions.
#[derive(Debug)]
pub struct Places {
    /// The lake.
    pub lake: Lake,
    /// The bucket of the uploads.
    pub raw: String,
    /// The bucket of the results of queries.
    pub results: String,
    /// The database.
    pub athena: Athena,
    /// Step Functions.
    pub executions: Client,
    /// ARN of the workflow, or of its alias.
    pub workflow: String,
}

/// A task. `execution` is the name of the execution of the erasure.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Request {
    /// Finds the recordings, and keeps the list.
    Find {
        /// Its execution.
        execution: String,
        /// What a person named.
        #[serde(flatten)]
        selection: Selection,
    },
    /// Leaves tombstones and stops executions.
    Bury {
        /// Its execution.
        execution: String,
    },
    /// Removes what can be removed now.
    Erase {
        /// Its execution.
        execution: String,
    },
}

/// The answer to a task.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To `find`.
    Found {
        /// How many recordings.
        recordings: usize,
        /// Size of their uploads.
        bytes: u64,
        /// Some of their ids.
        some: Vec<String>,
        /// Objects with results of queries, all of which are removed.
        results: usize,
    },
    /// To `bury`.
    Buried {
        /// Executions that were running and are stopped.
        stopped: usize,
    },
    /// To `erase`.
    Erased {
        /// How many recordings.
        recordings: usize,
        /// Days of which something is left for now: some of them.
        left: Vec<String>,
    },
}

impl ecg_lambda::Counts for Answer {}

/// Does a task.
///
/// # Errors
/// `Throttled` while a day has to wait for a compaction, else what a service says.
pub async fn run(places: &Places, request: Request) -> Result<Answer, StepError> {
    let lake = &places.lake;
    match request {
        Request::Find { execution, selection } => {
            let rows = find(&places.athena, &selection).await?;
            let erasure = plan(lake, &places.raw, &rows, selection.key.as_deref()).await?;
            put(lake, &execution, &erasure).await?;
            Ok(Answer::Found {
                recordings: erasure.recordings.len(),
                bytes: erasure.recordings.iter().map(|recording| recording.bytes).sum(),
                some: (erasure.recordings.iter().take(NAMED))
                    .map(|recording| recording.recording_id.clone())
                    .collect(),
                results: lake
                    .store
                    .list(&places.results, RESULTS)
                    .await
                    .map_err(|error| write_error(&error))?
                    .len(),
            })
        }
        Request::Bury { execution } => {
            let erasure = get(lake, &execution).await?;
            bury(lake, &erasure).await?;
            let mut stopped = 0;
            for name in executions(lake, &erasure).await? {
                stopped += usize::from(stop(&places.executions, &places.workflow, &name).await?);
            }
            Ok(Answer::Buried { stopped })
        }
        Request::Erase { execution } => {
            let mut erasure = get(lake, &execution).await?;
            let erased = erase(lake, &mut erasure, &Waits::ON_AWS).await;
            // The generations that it found have to be known next time.
            put(lake, &execution, &erasure).await?;
            let Left { days } = erased?;
            purge(
                lake,
                &places.results,
                versions(lake, &places.results, RESULTS).await?,
            )
            .await?;
            if days.is_empty() {
                purge(
                    lake,
                    &lake.work,
                    versions(lake, &lake.work, &list_key(&execution)).await?,
                )
                .await?;
            }
            Ok(Answer::Erased {
                recordings: erasure.recordings.len(),
                left: days.into_iter().take(NAMED).collect(),
            })
        }
    }
}

/// What is selected, and what belongs to it.
async fn find(athena: &Athena, selection: &Selection) -> Result<Vec<Row>, StepError> {
    let mut statements = selection.sql();
    let mut rows = BTreeSet::new();
    let mut asked = BTreeSet::new();
    while let Some(sql) = statements.pop() {
        if !asked.insert(sql.clone()) {
            continue;
        }
        let before = rows.len();
        for columns in athena.query(&sql).await? {
            let columns: [Option<String>; 5] = columns.try_into().map_err(|found: Vec<_>| {
                StepError::Internal(format!("Athena: expected 5 columns, found {}", found.len()))
            })?;
            rows.insert(Row::of(columns));
        }
        if rows.len() > before {
            statements.extend(related_sql(&rows));
        }
    }
    Ok(rows.into_iter().collect())
}

fn list_key(execution: &str) -> String {
    format!("forget/{execution}.json")
}

async fn put(lake: &Lake, execution: &str, erasure: &Erasure) -> Result<(), StepError> {
    lake.write_json(&list_key(execution), erasure).await
}

async fn get(lake: &Lake, execution: &str) -> Result<Erasure, StepError> {
    let location = lake.work(&list_key(execution));
    let (_, bytes) = (lake.store.get(&location, LIST_BYTES_MAX).await)
        .map_err(|error| lake.error_at(&location, &error))?;
    serde_json::from_slice(&bytes).map_err(|error| StepError::Internal(format!("{location}: {error}")))
}

/// Stops an execution, if it runs. Returns whether it did.
async fn stop(client: &Client, workflow: &str, name: &str) -> Result<bool, StepError> {
    let machine: Vec<&str> = workflow.splitn(8, ':').take(7).collect();
    let arn = format!(
        "{}:{name}",
        machine.join(":").replacen(":stateMachine:", ":execution:", 1)
    );
    let found = client.describe_execution().execution_arn(&arn).send().await;
    match found {
        Ok(execution) if execution.status.as_str() == "RUNNING" => {}
        Ok(_) => return Ok(false),
        Err(error) => {
            return match error.as_service_error() {
                Some(said) if said.is_execution_does_not_exist() => Ok(false),
                _ => Err(failed("DescribeExecution", &error)),
            };
        }
    }
    let stopped = client
        .stop_execution()
        .execution_arn(arn)
        .error("Erased")
        .send()
        .await;
    stopped.map_err(|error| failed("StopExecution", &error))?;
    Ok(true)
}

fn failed<E>(operation: &str, error: &SdkError<E, aws_sdk_sfn::config::http::HttpResponse>) -> StepError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match error.as_service_error() {
        Some(said) => service_error(operation, said.code(), said.message()),
        // The service did not answer, so it may next time.
        None => StepError::Transient(format!("{operation}: {}", DisplayErrorContext(error))),
    }
}
