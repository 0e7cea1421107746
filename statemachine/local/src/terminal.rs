//! The terminal: how wide it is, what of a text from outside it is given, and commands that can be pasted into it.

pub(crate) use ecg_core::{plain, shell_word};

/// Columns of the terminal on standard output; 80 where that is a file or a pipe.
pub(crate) fn columns() -> usize {
    let size = console::Term::stdout().size_checked();
    size.map_or(80, |(_, columns)| usize::from(columns))
}

/// `1 recording`, `2 recordings`.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    ecg_core::counted(count as u64, one, many)
}
