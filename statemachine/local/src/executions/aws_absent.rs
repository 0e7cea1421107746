//! `--aws` in a build without the feature `aws`: says which one has it.

use std::process::ExitCode;

use crate::commands::backfill::BackfillArgs;
use crate::commands::redrive::RedriveArgs;
use crate::commands::rerun::RerunArgs;
use crate::commands::runs::RunsArgs;
use crate::commands::show::ShowArgs;

fn absent() -> Result<ExitCode, String> {
    Err(
        "this `ecg` was built without AWS, which few need; for one that has it:\n  \
         cargo install --path statemachine/local --features aws"
            .to_owned(),
    )
}

pub(crate) fn runs(_: &RunsArgs) -> Result<ExitCode, String> {
    absent()
}

pub(crate) fn show(_: &ShowArgs) -> Result<ExitCode, String> {
    absent()
}

pub(crate) fn redrive(_: &RedriveArgs) -> Result<ExitCode, String> {
    absent()
}

pub(crate) fn rerun(_: &RerunArgs) -> Result<ExitCode, String> {
    absent()
}

pub(crate) fn backfill(_: &BackfillArgs) -> Result<ExitCode, String> {
    absent()
}
