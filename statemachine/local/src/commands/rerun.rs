//! `ecg rerun`: run an upload again from the start.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use ecg_core::layout;
use ecg_store::Location;

use crate::args::{AwsArgs, CalibrationArgs, LakeArg};
use crate::discover::Found;
use crate::executions::aws;
use crate::executions::local::{find, finish};
use crate::place::BUCKET;
use crate::profile_files::ProfileFiles;
use crate::progress::Progress;
use crate::run::{self, Wanted, executor, workflow};
use crate::runtime::{processors, runtime};
use crate::upload::{Known, Uploads};

#[derive(Args)]
#[command(after_help = "\
The same upload runs again as a new execution, under the recording id and -r1, -r2, …, with the header that stands beside its
file now, the profile that reads its key now, and the options that are given (without any, those of the run before). When it
has succeeded, its rows replace the old ones; until then the old ones answer.

Examples:
  ecg rerun 100m                      after its .hea was corrected
  ecg rerun 100m --fs 360 --gain 200
  ecg run recordings/ --again         all of a folder
  ecg rerun --aws ID                  on AWS, after aws s3 cp 100m.hea s3://RAW-BUCKET/...")]
pub(crate) struct RerunArgs {
    /// The execution, as `ecg show` takes it
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) aws: AwsArgs,
    /// Another workflow file than the built-in one
    #[arg(long, value_name = "FILE", conflicts_with = "aws")]
    pub(crate) workflow: Option<PathBuf>,
    /// Print the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) lake: LakeArg,
    // Last, because its heading holds for what follows.
    #[command(flatten)]
    pub(crate) calibration: CalibrationArgs,
}

pub(crate) fn rerun_command(args: &RerunArgs) -> Result<ExitCode, String> {
    if args.aws.aws {
        return aws::rerun(args);
    }
    let started = Instant::now();
    let machine = workflow(args.workflow.as_deref())?;
    let place = args.lake.place().existing()?;
    let text = |error: std::io::Error| error.to_string();
    let journal = find(&place, &args.id)?;
    let (input, file) = (journal.input().map_err(text)?, journal.file().map_err(text)?);
    let (Some(input), Some(file)) = (input, file) else {
        return Err(format!(
            "{}: expected an execution with an input, found none",
            journal.name()
        ));
    };
    let (lake, store, _lock) = place.open()?;
    let mut found = Found::new(&file, file.clone(), input.source.key.clone());
    found.before = Some(input);
    let key = layout::header_key(&found.key).filter(|_| !file.exists());
    if let Some(key) = key {
        // Without the file, the header that came with it is the last one that is known.
        found.header = store
            .path_of(&Location::new(BUCKET, key))
            .map_err(|error| error.to_string())?;
    }
    found.profile =
        ProfileFiles::new(args.calibration.profile.as_deref(), Some(&place)).find(&file, &found.key)?;
    let uploads = Uploads {
        executor: executor(machine, lake, &place)?,
        place: place.clone(),
        store,
    };
    let wanted = Wanted {
        settings: args.calibration.settings(),
        again: true,
        new_version: true,
    };
    let known = Known::new(&[], &[]).map_err(text)?;
    let progress = Progress::new(1, "executions");
    let running = run::run(vec![found], uploads, known, wanted, 1, &progress);
    let ran = runtime(processors())?.block_on(running);
    progress.finish();
    finish(&ran, started, &place, args.json)
}
