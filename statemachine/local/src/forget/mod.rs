//! `ecg forget`: what it does in a lake, and what it asks of AWS.

#[cfg(feature = "aws")]
mod aws;
mod lake;

use std::fmt::Write;

use step_forget::Selection;

use crate::terminal::{counted, plain, shell_word};

#[cfg(feature = "aws")]
pub(crate) use aws::on_aws;
pub(crate) use lake::in_lake;

/// Most recordings, and files, that are named one by one.
const NAMED: usize = 10;

/// The first of them, each on its line, and how many more there are.
fn list(text: &mut String, all: &[String], total: usize) {
    for one in all.iter().take(NAMED) {
        let _ = writeln!(text, "  {}", plain(one));
    }
    let shown = all.len().min(NAMED);
    if total > shown {
        let _ = writeln!(text, "  and {} more", total - shown);
    }
}

/// `3 recordings, 1.2 MB of uploads`.
fn sum(recordings: usize, bytes: u64) -> String {
    let size = match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    };
    format!(
        "{}, {size} of uploads",
        counted(recordings, "recording", "recordings")
    )
}

/// The selection as it would be typed, each part with a blank before it.
fn typed(selection: &Selection) -> String {
    let mut typed: String = selection
        .ids
        .iter()
        .map(|id| format!(" {}", shell_word(id)))
        .collect();
    for (option, value) in [("key", &selection.key), ("subject", &selection.subject)] {
        if let Some(value) = value {
            let _ = write!(typed, " --{option} {}", shell_word(value));
        }
    }
    typed
}
