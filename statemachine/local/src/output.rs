//! What a command leaves behind: text on standard output, and an exit status.
//!
//! A reader of standard output that goes away (`| head`) has what it wants: that is no error.

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::Value;

/// What a command answers.
pub(crate) trait Answer {
    /// For people.
    fn text(&self) -> String;

    /// For scripts.
    fn json(&self) -> Value;

    /// Whether the exit status is 0.
    fn well(&self) -> bool;
}

/// Prints an answer in the form that was asked for.
pub(crate) fn print_answer(answer: &dyn Answer, json: bool) -> Result<ExitCode, String> {
    if json {
        print_json(&answer.json())?;
    } else {
        print(&answer.text())?;
    }
    Ok(exit_code(answer.well()))
}

/// 0, or 1 where the command did its work and something of it did not end well.
pub(crate) fn exit_code(well: bool) -> ExitCode {
    if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

pub(crate) fn print(text: &str) -> Result<(), String> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    unless_closed(written.map_err(Stopped::from))
}

pub(crate) fn print_json(value: &Value) -> Result<(), String> {
    print(&format!("{value:#}\n"))
}

/// Why output was not written to its end.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// The reader went away.
    Closed,
    /// What went wrong, in words.
    Failed(String),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Stopped {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Stopped::Closed
        } else {
            Stopped::Failed(format!("standard output: {error}"))
        }
    }
}

impl From<String> for Stopped {
    fn from(message: String) -> Stopped {
        Stopped::Failed(message)
    }
}

/// For a command that writes piece by piece.
pub(crate) fn unless_closed(written: Result<(), Stopped>) -> Result<(), String> {
    match written {
        Err(Stopped::Failed(message)) => Err(message),
        Err(Stopped::Closed) | Ok(()) => Ok(()),
    }
}
