//! `ecg`: runs the workflow on one machine and answers SQL over the result.
//!
//! The commands print; what they do is in the modules, each of which returns values.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod args;
#[cfg(feature = "aws")]
mod aws;
#[cfg(not(feature = "aws"))]
#[path = "aws_absent.rs"]
mod aws;
mod commands;
mod discover;
mod execute;
mod inspect;
mod journal;
mod net;
mod place;
mod profile_files;
mod progress;
mod query;
mod report;
mod run;
mod steps;
mod summary;
mod terminal;
mod upload;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = args::Cli::parse();
    match cli.command.run() {
        Ok(code) => code,
        Err(message) => {
            progress::tell(&format!("ecg: {message}"));
            ExitCode::from(2)
        }
    }
}
