//! `ecg backfill`: on AWS, run the pipeline for every recording below a prefix of the raw bucket.

use std::process::ExitCode;

use clap::Args;

use crate::args::BACKFILL;

#[derive(Args)]
#[command(after_help = "\
A recording whose execution is known to Step Functions (90 days) is not run again without a suffix; with one, each runs again under its recording id and that suffix, and overwrites its rows.

Examples:
  ecg backfill 'ward 7/' --aws
      What was uploaded before the pipeline was there.
  ecg backfill 2026/ --suffix v2 --aws --max-concurrency 20 --tolerated-failure-percentage 5
      Everything below 2026/ again, with new rules.

Exit status: 0 if every recording was accepted, 1 if any failed, 2 if the backfill could not be run.")]
#[cfg_attr(not(feature = "aws"), allow(dead_code))]
pub(crate) struct BackfillArgs {
    /// Beginning of the keys in the raw bucket; an empty one ('') means all
    pub(crate) prefix: String,
    /// Run again what ran before, under names with this suffix: up to 7 of 0-9 A-Z a-z _ -
    #[arg(long, value_name = "S")]
    pub(crate) suffix: Option<String>,
    /// Executions at a time [default: 40]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) max_concurrency: Option<u32>,
    /// Stop when more than this percentage of the objects failed [default: 10]
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) tolerated_failure_percentage: Option<u8>,
    /// Start it and return at once
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// A backfill is for AWS; on one machine there is `ecg run`
    #[arg(long, required = true)]
    pub(crate) aws: bool,
    /// The state machine of the backfill, by name or ARN
    #[arg(long, value_name = "NAME_OR_ARN", default_value = BACKFILL)]
    pub(crate) state_machine: String,
}

#[cfg(feature = "aws")]
pub(crate) fn run(args: &BackfillArgs) -> Result<ExitCode, String> {
    let asked = ecg_remote::backfill::Backfill {
        prefix: args.prefix.clone(),
        suffix: args.suffix.clone(),
        max_concurrency: args.max_concurrency,
        tolerated_failure_percentage: args.tolerated_failure_percentage,
    };
    crate::backfill::run(&args.state_machine, &asked, !args.no_wait)
}

#[cfg(not(feature = "aws"))]
pub(crate) fn run(_: &BackfillArgs) -> Result<ExitCode, String> {
    Err(crate::executions::WITHOUT_AWS.to_owned())
}
