//! Configuration from environment variables, read once at the start of a process.
//!
//! The rest of the workspace is not allowed to read the environment (`clippy.toml`), so this module shows
//! everything that can be configured from outside. `functions/steps.json` says which Lambda takes what.
#![allow(clippy::disallowed_methods)]

/// The bucket that devices upload to.
pub const RAW_BUCKET: &str = "RAW_BUCKET";
/// The bucket of what one step leaves for the next.
pub const WORK_BUCKET: &str = "WORK_BUCKET";
/// The bucket of the tables.
pub const PROCESSED_BUCKET: &str = "PROCESSED_BUCKET";
/// The bucket of the results of queries.
pub const RESULTS_BUCKET: &str = "RESULTS_BUCKET";
/// The database of the catalog; `ecg` where it is not set.
pub const GLUE_DATABASE: &str = "GLUE_DATABASE";
/// A Glue crawler to start instead of registering partitions.
pub const GLUE_CRAWLER: &str = "GLUE_CRAWLER";
/// Athena's workgroup, in which views are made.
pub const ATHENA_WORKGROUP: &str = "ATHENA_WORKGROUP";
/// The ARN of the workflow.
pub const STATE_MACHINE_ARN: &str = "STATE_MACHINE_ARN";
/// The name or ARN of the secret that holds the way to Slack; without it the message is only logged.
pub const SLACK_SECRET: &str = "SLACK_SECRET";
/// The namespace of the metrics; `ecg-pipeline` where it is not set.
pub const METRICS_NAMESPACE: &str = "METRICS_NAMESPACE";
/// What is logged: `info` where it is not set, or such as `info,step_parse=debug`.
pub const LOG_FILTER: &str = "RUST_LOG";
/// Lambda's own variable: where its runtime is asked for the next event.
pub const LAMBDA_RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// Where values come from: [`optional`] in a process, a table in tests.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The places of the lake on AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LakeSettings {
    /// [`WORK_BUCKET`].
    pub work_bucket: String,
    /// [`PROCESSED_BUCKET`].
    pub processed_bucket: String,
    /// [`GLUE_DATABASE`].
    pub database: String,
}

impl LakeSettings {
    /// Reads them.
    ///
    /// # Errors
    /// A sentence that names the variable that is missing.
    pub fn read(lookup: Lookup<'_>) -> Result<LakeSettings, String> {
        Ok(LakeSettings {
            work_bucket: required_in(lookup, WORK_BUCKET)?,
            processed_bucket: required_in(lookup, PROCESSED_BUCKET)?,
            database: lookup(GLUE_DATABASE).unwrap_or_else(|| "ecg".to_owned()),
        })
    }
}

/// What start needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartSettings {
    /// [`RAW_BUCKET`].
    pub raw_bucket: String,
    /// [`STATE_MACHINE_ARN`].
    pub state_machine_arn: String,
}

impl StartSettings {
    /// Reads them, and refuses a pipeline that would feed on its own output: every object that a run writes
    /// would start the next run.
    ///
    /// # Errors
    /// A sentence that names the variable and what was expected of it.
    pub fn read(lookup: Lookup<'_>) -> Result<StartSettings, String> {
        let raw_bucket = required_in(lookup, RAW_BUCKET)?;
        for name in [WORK_BUCKET, PROCESSED_BUCKET] {
            if required_in(lookup, name)? == raw_bucket {
                return Err(format!(
                    "environment variable {name}: expected another bucket than {RAW_BUCKET}, found the same, \
                     `{raw_bucket}`: what a run writes would start further runs"
                ));
            }
        }
        Ok(StartSettings {
            raw_bucket,
            state_machine_arn: required_in(lookup, STATE_MACHINE_ARN)?,
        })
    }
}

/// The value of a variable that may be missing; empty counts as missing.
pub fn optional(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The value of a variable that has to be there.
///
/// # Errors
/// A sentence that names it.
pub fn required(name: &str) -> Result<String, String> {
    required_in(&optional, name)
}

fn required_in(lookup: Lookup<'_>, name: &str) -> Result<String, String> {
    lookup(name).ok_or_else(|| format!("environment variable {name}: expected a value, found none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table<'a>(values: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| {
            values
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn a_missing_variable_is_named() {
        let found = LakeSettings::read(&table(&[(WORK_BUCKET, "w")]));
        assert_eq!(
            found,
            Err("environment variable PROCESSED_BUCKET: expected a value, found none".to_owned())
        );
        let found = LakeSettings::read(&table(&[(WORK_BUCKET, "w"), (PROCESSED_BUCKET, "p")])).unwrap();
        assert_eq!(found.database, "ecg");
    }

    #[test]
    fn a_pipeline_that_feeds_on_its_own_output_is_refused() {
        for (work, processed, refused) in [
            ("w", "p", None),
            ("w", "w", None),
            ("raw", "p", Some(WORK_BUCKET)),
            ("w", "raw", Some(PROCESSED_BUCKET)),
        ] {
            let values = [
                (RAW_BUCKET, "raw"),
                (WORK_BUCKET, work),
                (PROCESSED_BUCKET, processed),
                (STATE_MACHINE_ARN, "arn"),
            ];
            match (StartSettings::read(&table(&values)), refused) {
                (Ok(settings), None) => assert_eq!(settings.raw_bucket, "raw"),
                (Err(message), Some(name)) => {
                    assert!(message.contains(name) && message.contains("`raw`"), "{message}")
                }
                (found, _) => panic!("{work} {processed}: {found:?}"),
            }
        }
    }
}
