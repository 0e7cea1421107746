//! Golden files: what the pipeline shows to the outside (tables, messages, histories), kept as text under version
//! control, so that a change of it is seen in review. For tests only.
//!
//! ```sh
//! UPDATE_GOLDEN=1 cargo test       # writes the files anew; then look at `git diff`
//! ```
//!
//! There are two kinds. [`check`] holds any text. [`check_appended`] holds a list that may only grow at its end, such
//! as the columns of a table: a removed, renamed, moved or retyped line fails even while refreshing, because data in
//! that form are out in the world. Whoever means it deletes the golden file by hand.

// The switch is the one variable that tests read.
#![allow(clippy::disallowed_methods)]

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// The variable that refreshes golden files.
pub const SWITCH: &str = "UPDATE_GOLDEN";

/// Compares a text with a golden file.
///
/// # Panics
/// With the first line that differs, and how to refresh the file.
#[track_caller]
pub fn check(path: impl AsRef<Path>, text: &str) {
    if let Err(message) = compare(path.as_ref(), text, refreshing()) {
        panic!("{message}");
    }
}

/// Compares a list with a golden file that may only grow at its end. `identity` is the part of a line that must not
/// change; the rest of it (a comment) may.
///
/// # Panics
/// As [`check`]; and, even while refreshing, if a line of the golden file is gone, moved or another one.
#[track_caller]
pub fn check_appended(path: impl AsRef<Path>, text: &str, identity: impl Fn(&str) -> &str) {
    if let Err(message) = compare_appended(path.as_ref(), text, identity, refreshing()) {
        panic!("{message}");
    }
}

fn refreshing() -> bool {
    std::env::var_os(SWITCH).is_some_and(|value| !value.is_empty() && value != "0")
}

fn compare(path: &Path, text: &str, refresh: bool) -> Result<(), String> {
    let golden = read(path)?;
    if golden.as_deref() == Some(text) {
        return Ok(());
    }
    if refresh {
        return write(path, text);
    }
    let Some(golden) = golden else {
        return Err(format!(
            "{}: there is no such golden file; make it with {SWITCH}=1 cargo test",
            path.display()
        ));
    };
    Err(format!(
        "{}: {}\nIf the change is meant, refresh the file with {SWITCH}=1 cargo test and look at git diff.",
        path.display(),
        first_difference(&golden, text)
    ))
}

fn compare_appended(
    path: &Path,
    text: &str,
    identity: impl Fn(&str) -> &str,
    refresh: bool,
) -> Result<(), String> {
    if let Some(golden) = read(path)? {
        let mut lines = text.lines();
        for (number, old) in golden.lines().map(&identity).enumerate() {
            let new = lines.next().map(&identity);
            if new != Some(old) {
                return Err(format!(
                    "{}: not additive: line {} was `{old}` and is {}. Lines may only be appended: what was written \
                     under the old form stays in place. If it is meant all the same, delete the file and refresh.",
                    path.display(),
                    number + 1,
                    new.map_or("gone".to_owned(), |new| format!("now `{new}`")),
                ));
            }
        }
    }
    compare(path, text, refresh)
}

fn read(path: &Path) -> Result<Option<String>, String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|error| format!("{}: {error}", path.display()))
}

fn first_difference(golden: &str, text: &str) -> String {
    let (mut old, mut new) = (golden.lines(), text.lines());
    let mut number = 0;
    loop {
        number += 1;
        match (old.next(), new.next()) {
            (None, None) => return "the ends of the files differ".to_owned(),
            (old, new) if old != new => {
                let shown =
                    |line: Option<&str>| line.map_or("(the end)".to_owned(), |line| format!("`{line}`"));
                return format!("line {number}: expected {}, found {}", shown(old), shown(new));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(line: &str) -> &str {
        line.split(" # ").next().unwrap_or(line)
    }

    #[test]
    fn a_difference_is_shown_and_refreshed_on_request() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deeper/golden.txt");
        assert!(
            compare(&path, "a\nb\n", false)
                .unwrap_err()
                .contains("UPDATE_GOLDEN=1")
        );
        compare(&path, "a\nb\n", true).unwrap();
        compare(&path, "a\nb\n", false).unwrap();
        let message = compare(&path, "a\nc\n", false).unwrap_err();
        assert!(message.contains("line 2: expected `b`, found `c`"), "{message}");
        assert!(
            compare(&path, "a\n", false)
                .unwrap_err()
                .contains("line 2: expected `b`, found (the end)")
        );
        assert!(
            compare(&path, "a\nb", false)
                .unwrap_err()
                .contains("the ends of the files differ")
        );
        compare(&path, "a\nc\n", true).unwrap();
        compare(&path, "a\nc\n", false).unwrap();
    }

    #[test]
    fn a_list_only_grows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("golden.txt");
        compare_appended(&path, "a int # old\nb text\n", name, true).unwrap();
        for (text, told) in [
            ("a int # old\n", "line 2 was `b text` and is gone"),
            ("b text\na int # old\n", "line 1 was `a int` and is now `b text`"),
            (
                "a int # old\nb float\n",
                "line 2 was `b text` and is now `b float`",
            ),
            (
                "a int # old\nnew int\nb text\n",
                "line 2 was `b text` and is now `new int`",
            ),
        ] {
            for refresh in [false, true] {
                let message = compare_appended(&path, text, name, refresh).unwrap_err();
                assert!(
                    message.contains("not additive") && message.contains(told),
                    "{message}"
                );
            }
        }
        let longer = "a int # new words\nb text\nc int\n";
        assert!(
            compare_appended(&path, longer, name, false)
                .unwrap_err()
                .contains("If the change is meant")
        );
        compare_appended(&path, longer, name, true).unwrap();
        compare_appended(&path, longer, name, false).unwrap();
    }
}
