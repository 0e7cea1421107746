//! The erasure as `statemachine/forget.asl.json` calls it. Between its tasks the list of recordings is in the work bucket, because a message is
//! small: `forget/<execution>.json`.

use std::collections::BTreeSet;

use aws_sdk_sfn::Client;
use aws_sdk_sfn::types::ExecutionStatus;
use ecg_core::{StepError, execution_arn};
use ecg_lake::{Lake, Waits, write_error};
use ecg_lambda::athena::Athena;
use ecg_lambda::call_error;
use serde::{Deserialize, Serialize};

use crate::{
    Erasure, LIST_BYTES_MAX, Left, Recording, Related, Row, Selection, bury, erase, executions, plan,
    purge_all,
};

/// Recordings of one call: each takes some 30 requests.
const BATCH: usize = 1000;

/// How long a function of the workflow may run, and a request may take, in milliseconds.
const INVOCATION_MS: i64 = 200_000;

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
        /// Whether they are erased next. Otherwise no list is kept.
        #[serde(default)]
        erase: bool,
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
        /// Executions that were under way within the last minutes, and are stopped.
        under_way: usize,
        /// Whether there are more recordings.
        more: bool,
    },
    /// To `erase`.
    Erased {
        /// How many recordings.
        recordings: usize,
        /// Days of which something is left for now: some of them.
        left: Vec<String>,
        /// Whether there are more recordings.
        more: bool,
    },
}

impl ecg_lambda::Counts for Answer {}

/// Does a task. `now_ms` is the time in milliseconds since 1970-01-01 UTC.
///
/// # Errors
/// `Throttled` while a day has to wait for a compaction, else what a service says.
pub async fn run(places: &Places, now_ms: i64, request: Request) -> Result<Answer, StepError> {
    let lake = &places.lake;
    match request {
        Request::Find {
            execution,
            selection,
            erase,
        } => {
            let rows = find(&places.athena, &selection).await?;
            let erasure = plan(lake, &places.raw, &rows, selection.key.as_deref()).await?;
            if erase {
                put(lake, &execution, &erasure).await?;
            }
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
            let mut erasure = get(lake, &execution).await?;
            let under_way = stop_all(places, bury(lake, &mut erasure, BATCH).await?, now_ms).await?;
            put(lake, &execution, &erasure).await?;
            Ok(Answer::Buried {
                under_way,
                more: erasure.buried < erasure.recordings.len(),
            })
        }
        Request::Erase { execution } => {
            let mut erasure = get(lake, &execution).await?;
            // A rerun may have begun since, unseen.
            let next = erasure.recordings.iter().skip(erasure.removed).take(BATCH);
            let next: Vec<Recording> = next.cloned().collect();
            if stop_all(places, &next, now_ms).await? > 0 {
                return Err(StepError::Throttled(
                    "an execution of the recording was under way a moment ago".to_owned(),
                ));
            }
            let erased = erase(lake, &mut erasure, &Waits::ON_AWS, now_ms, BATCH).await;
            // What it found and did has to be known next time.
            put(lake, &execution, &erasure).await?;
            let Left { more, days } = erased?;
            purge_all(lake, &places.results, RESULTS).await?;
            if days.is_empty() && !more {
                purge_all(lake, &lake.work, &list_key(&execution)).await?;
            }
            Ok(Answer::Erased {
                recordings: erasure.recordings.len(),
                left: days.into_iter().take(NAMED).collect(),
                more,
            })
        }
    }
}

/// Stops executions of recordings, and returns how many were under way within the last minutes: a function that they called may be at work.
async fn stop_all(places: &Places, recordings: &[Recording], now_ms: i64) -> Result<usize, StepError> {
    let mut under_way = 0;
    for name in executions(&places.lake, recordings).await? {
        let ended_ms = stop(&places.executions, &places.workflow, &name).await?;
        under_way += usize::from(ended_ms.is_some_and(|ended_ms| now_ms - ended_ms < INVOCATION_MS));
    }
    Ok(under_way)
}

/// What is selected, and what belongs to it.
async fn find(athena: &Athena, selection: &Selection) -> Result<Vec<Row>, StepError> {
    let mut statements = selection.sql();
    let (mut rows, mut related) = (BTreeSet::new(), Related::default());
    while let Some(sql) = statements.pop() {
        for columns in athena.query(&sql).await? {
            let columns: [Option<String>; 5] = columns.try_into().map_err(|found: Vec<_>| {
                StepError::Internal(format!("Athena: expected 5 columns, found {}", found.len()))
            })?;
            rows.insert(Row::of(columns));
        }
        statements.extend(related.sql(&rows));
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
    lake.read_long_json(&list_key(execution), LIST_BYTES_MAX).await
}

/// Stops an execution, if it runs. Returns when it was stopped or ran out of time, in milliseconds since 1970-01-01 UTC: then a function that it
/// called may still be at work. None for one that has ended by itself, and for none.
async fn stop(client: &Client, workflow: &str, name: &str) -> Result<Option<i64>, StepError> {
    let arn = execution_arn(workflow, name);
    let found = match client.describe_execution().execution_arn(&arn).send().await {
        Ok(found) => found,
        Err(error) => {
            return match error.as_service_error() {
                Some(said) if said.is_execution_does_not_exist() => Ok(None),
                _ => Err(call_error("DescribeExecution", &error)),
            };
        }
    };
    match found.status {
        ExecutionStatus::Running => {
            let stopped = client
                .stop_execution()
                .execution_arn(arn)
                .error("Erased")
                .send()
                .await;
            let stopped = stopped.map_err(|error| call_error("StopExecution", &error))?;
            Ok(stopped.stop_date.to_millis().ok())
        }
        ExecutionStatus::Aborted | ExecutionStatus::TimedOut => {
            Ok(found.stop_date.and_then(|ended| ended.to_millis().ok()))
        }
        _ => Ok(None),
    }
}
