//! Words of messages: numbers with their nouns, words that a shell takes as they are meant, and what of a text from outside is given.

use std::borrow::Cow;

/// `1 recording`, `2 recordings`.
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A word as a shell takes it: between quotes where it has to be.
pub fn shell_word(text: &str) -> String {
    let plain = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "/._-+=:,@".contains(c));
    if plain && !text.is_empty() {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// The text with its control characters written out, as in `\u{1b}`: a name in a file must not move the cursor, end the
/// line or turn the direction of what stands beside it.
pub fn plain(text: &str) -> Cow<'_, str> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_can_be_pasted() {
        assert_eq!(shell_word("a/b-c.mat"), "a/b-c.mat");
        assert_eq!(shell_word("1 NSR/x (0).mat"), "'1 NSR/x (0).mat'");
        assert_eq!(shell_word("it's"), "'it'\\''s'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn one_is_no_plural() {
        assert_eq!(counted(1, "lead", "leads"), "1 lead");
        assert_eq!(counted(0, "lead", "leads"), "0 leads");
    }

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
