//! A deployed state machine, and its executions.

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_sfn::Client;
use aws_sdk_sfn::operation::list_executions::builders::ListExecutionsFluentBuilder;
use aws_sdk_sfn::types::ExecutionStatus;
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use tokio::sync::OnceCell;

use crate::error::service;
use crate::execution::name_of;
use crate::{Error, Execution};

/// Executions that are described at a time. DescribeExecution is limited to some 15 calls a second; the SDK waits when told.
const AT_A_TIME: usize = 4;

/// Name of the alias that executions are started by.
const ALIAS: &str = "live";

/// Names that are looked through for a part of one: ten pages of a listing.
const LOOKED_THROUGH: usize = 10_000;

/// A state machine.
#[derive(Debug, Clone)]
pub struct Machine {
    pub(crate) client: Client,
    pub(crate) arn: String,
    /// Asked for once: a group of failed executions is hundreds of times the same question.
    in_use: OnceCell<Vec<String>>,
}

/// Which executions are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// All.
    Any,
    /// Those that ended without success: failed, timed out, aborted.
    Failed,
}

impl Which {
    pub(crate) fn filters(self) -> Vec<Option<ExecutionStatus>> {
        match self {
            Which::Any => vec![None],
            Which::Failed => vec![
                Some(ExecutionStatus::Failed),
                Some(ExecutionStatus::TimedOut),
                Some(ExecutionStatus::Aborted),
            ],
        }
    }
}

impl Machine {
    /// The machine of this name or ARN, with region and credentials as the `aws` command finds them. An ARN brings its
    /// region along.
    ///
    /// # Errors
    /// `NotFound` if no machine has the name, `NoRegion`, and those of the service.
    pub async fn open(name_or_arn: &str) -> Result<Machine, Error> {
        if name_or_arn.starts_with("arn:") {
            let client = client(region_of(name_or_arn)).await?;
            let arn = name_or_arn.to_owned();
            return Ok(Machine::new(client, arn));
        }
        let client = client(None).await?;
        let mut pages = client.list_state_machines().into_paginator().items().send();
        while let Some(machine) = pages.next().await {
            let machine = machine.map_err(service("ListStateMachines"))?;
            if machine.name == name_or_arn {
                let arn = machine.state_machine_arn;
                return Ok(Machine::new(client, arn));
            }
        }
        let region = client.config().region().map(ToString::to_string);
        Err(Error::NotFound(format!(
            "no state machine `{name_or_arn}` in {}; name it with --state-machine, and the region with AWS_REGION",
            region.unwrap_or_default()
        )))
    }

    /// The machine of an execution's ARN.
    ///
    /// # Errors
    /// `NotFound` if this is no such ARN, and `NoRegion`.
    pub async fn of_execution(execution_arn: &str) -> Result<Machine, Error> {
        let arn = machine_of(execution_arn).ok_or_else(|| {
            Error::NotFound(format!(
                "expected the ARN of an execution, found `{execution_arn}`"
            ))
        })?;
        let client = client(region_of(execution_arn)).await?;
        Ok(Machine::new(client, arn))
    }

    fn new(client: Client, arn: String) -> Machine {
        Machine {
            client,
            arn,
            in_use: OnceCell::new(),
        }
    }

    /// Its ARN.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The versions that its alias starts executions with: one, or two during a gradual deployment; none without an alias.
    async fn versions_in_use(&self) -> Result<&[String], Error> {
        let versions = self.in_use.get_or_try_init(|| self.ask_versions_in_use()).await;
        versions.map(Vec::as_slice)
    }

    async fn ask_versions_in_use(&self) -> Result<Vec<String>, Error> {
        let request = self.client.describe_state_machine_alias();
        match request.state_machine_alias_arn(self.alias()).send().await {
            Ok(alias) => Ok(alias
                .routing_configuration
                .unwrap_or_default()
                .into_iter()
                .map(|part| part.state_machine_version_arn)
                .collect()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|said| said.is_resource_not_found()) =>
            {
                Ok(Vec::new())
            }
            Err(error) => Err(service("DescribeStateMachineAlias")(error)),
        }
    }

    /// Whether an execution that began with this version would begin with it again today.
    pub(crate) async fn is_in_use(&self, version: Option<&str>) -> Result<bool, Error> {
        let in_use = self.versions_in_use().await?;
        Ok(match version {
            Some(version) => in_use.iter().any(|other| other == version),
            None => in_use.is_empty(),
        })
    }

    /// What to start executions of: its alias, where there is one.
    pub(crate) async fn to_start(&self) -> Result<String, Error> {
        Ok(if self.versions_in_use().await?.is_empty() {
            self.arn.clone()
        } else {
            self.alias()
        })
    }

    /// The alias that a deployment points at its newest version.
    fn alias(&self) -> String {
        format!("{}:{ALIAS}", self.arn)
    }

    /// The ARN that an execution of this name has or would have.
    pub fn execution_arn(&self, name: &str) -> String {
        ecg_core::execution_arn(&self.arn, name)
    }

    /// Starts an execution under this name and gives its ARN.
    ///
    /// # Errors
    /// Those of the service.
    pub async fn start(&self, name: &str, input: &impl Serialize) -> Result<String, Error> {
        let input = serde_json::to_string(input).map_err(|error| Error::Refused(error.to_string()))?;
        let request = self.client.start_execution().state_machine_arn(&self.arn);
        let started = request.name(name).input(input).send().await;
        Ok(started.map_err(service("StartExecution"))?.execution_arn)
    }

    /// The execution of this ARN, if it is there and not forgotten (after 90 days).
    ///
    /// # Errors
    /// Those of the service.
    pub async fn describe(&self, execution_arn: &str) -> Result<Option<Execution>, Error> {
        match self
            .client
            .describe_execution()
            .execution_arn(execution_arn)
            .send()
            .await
        {
            Ok(told) => Execution::of(told).map(Some),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|said| said.is_execution_does_not_exist()) =>
            {
                Ok(None)
            }
            Err(error) => Err(service("DescribeExecution")(error)),
        }
    }

    /// The newest executions, newest first, at most so many of each way to end that is asked for.
    ///
    /// # Errors
    /// Those of the service.
    pub async fn list(&self, which: Which, limit: usize) -> Result<Vec<Execution>, Error> {
        let mut arns = Vec::new();
        for filter in which.filters() {
            let request = self.client.list_executions().state_machine_arn(&self.arn);
            arns.extend(listed(request.set_status_filter(filter), limit).await?);
        }
        let mut executions = self.describe_all(arns).await?;
        executions.sort_by(|a, b| b.started.total_cmp(&a.started));
        executions.truncate(limit);
        Ok(executions)
    }

    pub(crate) async fn describe_all(&self, arns: Vec<String>) -> Result<Vec<Execution>, Error> {
        let described = stream::iter(arns)
            .map(|arn| async move { self.describe(&arn).await })
            .buffered(AT_A_TIME);
        let described: Vec<Option<Execution>> = described.try_collect().await?;
        Ok(described.into_iter().flatten().collect())
    }

    /// The one execution that is meant: by its ARN, its name (which is the recording id), or a part of a name.
    ///
    /// # Errors
    /// `NotFound` if none fits, or more than one.
    pub async fn find(&self, id: &str) -> Result<Execution, Error> {
        if id.starts_with("arn:") {
            let found = self.describe(id).await?;
            return found.ok_or_else(|| Error::NotFound(format!("`{id}`: no execution")));
        }
        let plain = id
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if plain
            && !id.is_empty()
            && id.len() <= 80
            && let Some(found) = self.describe(&self.execution_arn(id)).await?
        {
            return Ok(found);
        }
        let request = self.client.list_executions().state_machine_arn(&self.arn);
        let arns = listed(request, LOOKED_THROUGH).await?;
        let fitting: Vec<&String> = arns.iter().filter(|arn| name_of(arn).contains(id)).collect();
        match fitting.as_slice() {
            [one] => {
                let found = self.describe(one).await?;
                found.ok_or_else(|| Error::NotFound(format!("`{id}`: no execution")))
            }
            [] => Err(Error::NotFound(format!(
                "`{id}`: no execution among the newest {}; list them with `ecg runs --aws`",
                arns.len()
            ))),
            many => {
                let names: Vec<&str> = many.iter().take(5).map(|arn| name_of(arn)).collect();
                Err(Error::NotFound(format!(
                    "`{id}` fits {} executions, such as {}",
                    many.len(),
                    names.join(", ")
                )))
            }
        }
    }
}

/// The ARNs of the first so many of a listing.
pub(crate) async fn listed(request: ListExecutionsFluentBuilder, limit: usize) -> Result<Vec<String>, Error> {
    let mut items = request.into_paginator().page_size(1_000).items().send();
    let mut arns = Vec::new();
    while arns.len() < limit
        && let Some(item) = items.next().await
    {
        arns.push(item.map_err(service("ListExecutions"))?.execution_arn);
    }
    Ok(arns)
}

async fn client(region: Option<String>) -> Result<Client, Error> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(8));
    if let Some(region) = region {
        loader = loader.region(Region::new(region));
    }
    let config = loader.load().await;
    if config.region().is_none() {
        return Err(Error::NoRegion);
    }
    Ok(Client::new(&config))
}

/// The fourth part of an ARN.
fn region_of(arn: &str) -> Option<String> {
    arn.split(':')
        .nth(3)
        .filter(|region| !region.is_empty())
        .map(str::to_owned)
}

fn machine_of(execution_arn: &str) -> Option<String> {
    let (machine, _) = execution_arn.rsplit_once(':')?;
    machine
        .contains(":execution:")
        .then(|| machine.replacen(":execution:", ":stateMachine:", 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:states:eu-central-1:123456789012:execution:ecg-pipeline:a-1-r1";

    #[test]
    fn an_arn_says_machine_and_region() {
        let machine = "arn:aws:states:eu-central-1:123456789012:stateMachine:ecg-pipeline";
        assert_eq!(machine_of(ARN).as_deref(), Some(machine));
        assert_eq!(region_of(ARN).as_deref(), Some("eu-central-1"));
        assert_eq!((name_of(ARN), machine_of(machine)), ("a-1-r1", None));
        assert_eq!((machine_of("a-1"), region_of("a-1")), (None, None));
    }
}
