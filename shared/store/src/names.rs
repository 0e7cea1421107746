//! Conversion of keys to file names and back.
//!
//! A key is split at `/`. Each segment becomes a file or directory name without changes, except:
//!
//! * `%` and ASCII control characters are written as `%XX` (uppercase hexadecimal digits of the byte).
//! * A leading `.` is written as `%2E`, so `.` and `..` are not special, and every name that begins with a dot is an
//!   internal file of the store.
//! * An empty segment (`a//b`, a leading or trailing `/`) is written as `%`.
//! * A segment of more than [`NAME_BYTES_MAX`] bytes after escaping is split into nested directories whose names end in
//!   `%+`.
//!
//! The mapping is one-to-one. A file whose name does not correspond to a key is not an object.

use std::path::{Path, PathBuf};

/// The maximum length of a part of a segment in one file name, in bytes. File systems allow 255 bytes.
const NAME_BYTES_MAX: usize = 200;
const CONTINUES: &str = "%+";
const EMPTY: &str = "%";

/// Returns the relative path of a key.
pub(crate) fn key_to_path(key: &str) -> PathBuf {
    let mut path = PathBuf::new();
    for segment in key.split('/') {
        push_segment(&mut path, segment);
    }
    path
}

/// Returns the key of a relative path, or `None` if no key has this path.
pub(crate) fn path_to_key(relative: &Path) -> Option<String> {
    let mut key = String::new();
    let mut first = true;
    let mut continued = false;
    for name in relative.iter() {
        let name = name.to_str()?;
        if !first && !continued {
            key.push('/');
        }
        first = false;
        match name.strip_suffix(CONTINUES) {
            Some(piece) => {
                continued = true;
                unescape_into(&mut key, piece)?;
            }
            None => {
                continued = false;
                if name != EMPTY {
                    unescape_into(&mut key, name)?;
                }
            }
        }
    }
    // Only the path that `key_to_path` returns is valid for the key.
    (!continued && key_to_path(&key) == relative).then_some(key)
}

fn push_segment(path: &mut PathBuf, segment: &str) {
    if segment.is_empty() {
        path.push(EMPTY);
        return;
    }
    let mut name = String::new();
    for (at, character) in segment.char_indices() {
        let mut is_escaped =
            character == '%' || character.is_ascii_control() || (at == 0 && character == '.');
        let length = if is_escaped { 3 } else { character.len_utf8() };
        if name.len() + length > NAME_BYTES_MAX {
            path.push(format!("{name}{CONTINUES}"));
            name.clear();
            // The next name must not begin with a dot either.
            is_escaped |= character == '.';
        }
        if is_escaped {
            name.push_str(&format!("%{:02X}", u32::from(character)));
        } else {
            name.push(character);
        }
    }
    path.push(name);
}

fn unescape_into(key: &mut String, name: &str) -> Option<()> {
    let mut rest = name;
    while let Some(at) = rest.find('%') {
        key.push_str(&rest[..at]);
        let code = u8::from_str_radix(rest.get(at + 1..at + 3)?, 16)
            .ok()
            .filter(u8::is_ascii)?;
        key.push(char::from(code));
        rest = &rest[at + 3..];
    }
    key.push_str(rest);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_keys_are_their_own_path() {
        assert_eq!(
            key_to_path("processed/segments/dt=2024-05-01/100m_3f.parquet"),
            Path::new("processed/segments/dt=2024-05-01/100m_3f.parquet")
        );
        assert_eq!(key_to_path("1 NSR/100m (0).mat"), Path::new("1 NSR/100m (0).mat"));
    }

    #[test]
    fn every_key_comes_back_and_no_two_share_a_path() {
        let long = "x".repeat(1024);
        let long_unicode = "é%/".repeat(200);
        let dots = ".".repeat(700);
        let late_dot = format!("{}.hidden", "a".repeat(200));
        let keys = [
            "a",
            "a/b",
            "a//b",
            "/a",
            "a/",
            "//",
            "..",
            "../../etc/passwd",
            "./a",
            ".tmp/x",
            "a/.versions/b",
            "100%",
            "100%25",
            "%",
            "%+",
            "%00",
            "a%+",
            "\0",
            "a\nb",
            "\u{7f}",
            "ü/ß",
            "é",
            "+ +",
            "a\\b",
            &long,
            &long_unicode,
            &dots,
            &late_dot,
        ];
        let mut seen = std::collections::BTreeSet::new();
        for key in keys {
            let path = key_to_path(key);
            assert_eq!(path_to_key(&path).as_deref(), Some(key));
            assert!(seen.insert(path.clone()), "{key:?} shares its path");
            for name in path.iter() {
                assert!(
                    !name.to_string_lossy().starts_with('.'),
                    "{key:?} gives a hidden name"
                );
                assert!(name.len() < 255, "{key:?} gives a long name");
            }
        }
    }

    #[test]
    fn other_spellings_are_not_objects() {
        for name in ["%41", "a%2Eb", "%zz", "%e9", "%2", "a%", "open%+", "%é"] {
            assert_eq!(path_to_key(Path::new(name)), None, "{name}");
        }
    }
}
