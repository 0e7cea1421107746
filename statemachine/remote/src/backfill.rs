//! Running the pipeline for every recording below a prefix: `statemachine/backfill.asl.json`.

use aws_sdk_sfn::types::MapRunItemCounts;
use serde::Serialize;

use crate::error::service;
use crate::machine::listed;
use crate::{Error, Execution, Machine, Which};

/// The input of the backfill. What is left out has its default in the workflow file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Backfill {
    /// Prefix of the keys in the raw bucket.
    pub prefix: String,
    /// What is appended to the names of the executions, so that recordings which had one run again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
    /// Executions at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<u32>,
    /// Percentage of objects that may fail before the backfill stops.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerated_failure_percentage: Option<u8>,
}

/// How far a backfill is, in objects of the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Found so far.
    pub total: u64,
    /// Waiting or running.
    pub open: u64,
    /// Done: run, run before, or passed over.
    pub succeeded: u64,
    /// Failed, timed out or aborted.
    pub failed: u64,
}

impl Counts {
    fn of(counts: &MapRunItemCounts) -> Counts {
        let sum = |parts: &[i64]| u64::try_from(parts.iter().sum::<i64>()).unwrap_or(0);
        Counts {
            total: sum(&[counts.total]),
            open: sum(&[counts.pending, counts.running]),
            succeeded: sum(&[counts.succeeded]),
            failed: sum(&[counts.failed, counts.timed_out, counts.aborted]),
        }
    }
}

/// How far a backfill is, and where its children are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// ARN of its Map Run.
    pub map_run_arn: String,
    /// Its numbers.
    pub counts: Counts,
}

impl Machine {
    /// How far a backfill is; `None` until it has begun to list objects.
    ///
    /// # Errors
    /// Those of the service.
    pub async fn backfill_progress(&self, execution_arn: &str) -> Result<Option<Progress>, Error> {
        let runs = self
            .client
            .list_map_runs()
            .execution_arn(execution_arn)
            .send()
            .await;
        let Some(run) = runs.map_err(service("ListMapRuns"))?.map_runs.into_iter().next() else {
            return Ok(None);
        };
        let told = self
            .client
            .describe_map_run()
            .map_run_arn(&run.map_run_arn)
            .send()
            .await;
        let counts = told.map_err(service("DescribeMapRun"))?.item_counts;
        Ok(Some(Progress {
            map_run_arn: run.map_run_arn,
            counts: counts.as_ref().map(Counts::of).unwrap_or_default(),
        }))
    }

    /// The children that failed, at most so many.
    ///
    /// # Errors
    /// Those of the service.
    pub async fn backfill_failures(&self, map_run_arn: &str, limit: usize) -> Result<Vec<Execution>, Error> {
        let mut arns = Vec::new();
        for filter in Which::Failed.filters() {
            let request = self.client.list_executions().map_run_arn(map_run_arn);
            arns.extend(listed(request.set_status_filter(filter), limit).await?);
        }
        arns.truncate(limit);
        self.describe_all(arns).await
    }
}
