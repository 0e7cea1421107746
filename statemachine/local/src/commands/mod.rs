//! The command line: one file for each command, with its arguments, its help and its run.

mod backfill;
mod compact;
mod console;
mod forget;
mod inspect;
mod query;
mod redrive;
mod rerun;
mod run;
mod runs;
mod show;
mod synth;
mod views;
mod workflow;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::backfill::BackfillArgs;
use self::compact::CompactArgs;
use self::console::ConsoleArgs;
use self::forget::ForgetArgs;
use self::inspect::InspectArgs;
use self::query::QueryArgs;
use self::redrive::RedriveArgs;
use self::rerun::RerunArgs;
use self::run::RunArgs;
use self::runs::RunsArgs;
use self::show::ShowArgs;
use self::views::ViewsArgs;
use self::workflow::WorkflowCommand;

/// From ECG recordings to a table that answers SQL, on one machine.
#[derive(Parser)]
#[command(
    name = "ecg",
    version = ecg_core::PIPELINE_VERSION,
    max_term_width = 120,
    after_help = "Start with:\n  ecg run testdata/recordings\n  ecg query 'select label, count(*) from recordings group by label'"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Put recordings into the lake and run the workflow for each
    Run(RunArgs),
    /// Answer SQL over the tables and views
    Query(QueryArgs),
    /// List the executions
    Runs(RunsArgs),
    /// Show one execution: steps, attempts, inputs, outputs, error
    Show(ShowArgs),
    /// Look at runs, recordings and tables in a browser
    Console(ConsoleArgs),
    /// Run a failed execution again from the step that failed
    Redrive(RedriveArgs),
    /// Run an upload again from the start, with a changed header, profile or options
    Rerun(RerunArgs),
    /// Make few large files of the many small ones of each day
    Compact(CompactArgs),
    /// Erase recordings for good: uploads, rows, and everything that is recorded of them
    Forget(ForgetArgs),
    /// On AWS: run the pipeline for every recording below a prefix of the raw bucket
    Backfill(BackfillArgs),
    /// Make a synthetic recording whose beats are known
    Synth(ecg_synth::SynthArgs),
    /// Tell what a file is, and how it would be judged
    Inspect(InspectArgs),
    /// Print the SQL that makes tables and views over the lake in DuckDB, Athena or DataFusion
    Views(ViewsArgs),
    /// Try a workflow file
    #[command(subcommand)]
    Workflow(WorkflowCommand),
}

impl Command {
    pub(crate) fn run(self) -> Result<ExitCode, String> {
        match self {
            Command::Run(args) => run::run(&args),
            Command::Query(args) => query::run(&args),
            Command::Runs(args) => runs::run(&args),
            Command::Show(args) => show::run(&args),
            Command::Console(args) => console::run(&args),
            Command::Redrive(args) => redrive::run(&args),
            Command::Rerun(args) => rerun::run(&args),
            Command::Compact(args) => compact::run(&args),
            Command::Forget(args) => forget::run(&args),
            Command::Backfill(args) => backfill::run(&args),
            Command::Synth(args) => synth::run(&args),
            Command::Inspect(args) => inspect::run(&args),
            Command::Views(args) => views::run(&args),
            Command::Workflow(command) => workflow::run(&command),
        }
    }
}
