//! `ecg`: runs the workflow on one machine and answers SQL over the result.
//!
//! The commands print, through `output.rs`; what they do is in the modules, each of which returns values.

mod args;
#[cfg(feature = "aws")]
mod backfill;
mod commands;
mod compact;
mod console_actions;
mod discover;
mod execute;
mod executions;
mod forget;
mod inspect;
mod lake_store;
mod logs;
mod net;
mod open_lake;
mod output;
mod profile_files;
mod progress;
mod query;
mod report;
mod run;
mod runtime;
mod steps;
mod summary;
mod terminal;
mod upload;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = commands::Cli::parse();
    match cli.command.run() {
        Ok(code) => code,
        Err(message) => {
            // A name that somebody typed may be in it.
            let lines: Vec<_> = message.lines().map(terminal::plain).collect();
            progress::tell(&format!("ecg: {}", lines.join("\n")));
            ExitCode::from(2)
        }
    }
}
