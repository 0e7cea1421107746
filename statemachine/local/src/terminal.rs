//! The terminal: how wide it is, what of a text from outside it is given, and commands that can be pasted into it.

use std::borrow::Cow;

pub(crate) use ecg_core::shell_word;

/// Columns of the terminal on standard output; 80 where that is a file or a pipe.
pub(crate) fn columns() -> usize {
    let size = console::Term::stdout().size_checked();
    size.map_or(80, |(_, columns)| usize::from(columns))
}

/// The text with its control characters written out, as in `\u{1b}`: a name in a file must not move the cursor, end the
/// line or turn the direction of what stands beside it.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(obeyed) {
        return Cow::Borrowed(text);
    }
    let mut written = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if obeyed(c) {
            written.extend(c.escape_default());
        } else {
            written.push(c);
        }
    }
    Cow::Owned(written)
}

/// C0, DEL and C1; the separators of lines and paragraphs; the marks, embeddings, overrides and isolates of the Unicode
/// bidirectional algorithm.
fn obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `1 recording`, `2 recordings`.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    ecg_core::counted(count as u64, one, many)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        for (text, expected) in [
            ("\x1b[31mred", r"\u{1b}[31mred"),
            ("a\nb\tc\r", r"a\nb\tc\r"),
            ("bell\x07 delete\x7f", r"bell\u{7} delete\u{7f}"),
            // One character that begins a sequence on some terminals: CSI of C1.
            ("\u{9b}2J", r"\u{9b}2J"),
            ("\u{202e}tam.x", r"\u{202e}tam.x"),
            (
                "\u{2066}\u{2069}\u{200f}\u{61c}",
                r"\u{2066}\u{2069}\u{200f}\u{61c}",
            ),
            ("one\u{2028}two\u{2029}", r"one\u{2028}two\u{2029}"),
        ] {
            assert_eq!(plain(text), expected);
        }
    }

    #[test]
    fn other_texts_stay_as_they_are() {
        for text in ["", "1 NSR/100m (0).mat", r"C:\new\'x'", "日本 ü ö 👍", "עברית"] {
            assert!(
                matches!(plain(text), Cow::Borrowed(same) if same == text),
                "{text}"
            );
        }
    }
}
