//! What the documents promise to whoever clicks or copies: links lead somewhere, and nothing was left to be filled in.

// Helpers of tests fail the test.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every Markdown file that is ours, with its text.
fn documents(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir()
            && !name.starts_with('.')
            && !["node_modules", "target", "ecg-lake"].contains(&name.as_str())
        {
            documents(&path, found);
        } else if name.ends_with(".md") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
}

fn all() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    documents(&repository(), &mut found);
    assert!(found.len() > 20, "{found:?}");
    found
}

/// What GitHub makes of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
    kept.collect::<String>().replace(' ', "-")
}

#[test]
fn every_relative_link_leads_somewhere() {
    let mut broken = Vec::new();
    for (path, text) in all() {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") || link.contains(' ') {
                continue;
            }
            let (file, place) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => path.clone(),
                file => path.parent().unwrap().join(file),
            };
            let there = target.exists()
                && (place.is_empty()
                    || target.is_dir()
                    || std::fs::read_to_string(&target)
                        .unwrap()
                        .lines()
                        .filter(|line| line.starts_with('#'))
                        .any(|line| anchor(line.trim_start_matches('#').trim()) == place));
            if !there {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn nothing_is_left_to_be_filled_in() {
    for (path, text) in all() {
        for mark in ["TODO", "TBD", "FIXME"] {
            assert!(!text.contains(mark), "{}: {mark}", path.display());
        }
        let between =
            |piece: &str| piece.len() > 1 && piece.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        let left = text.split('@').skip(1).find(|piece| between(piece));
        assert_eq!(left, None, "{}", path.display());
    }
}

/// The limit that the README of the infrastructure takes as its example is one that there is.
#[test]
fn the_limit_in_the_example_is_one_of_the_rules() {
    let readme = std::fs::read_to_string(repository().join("infra/README.md")).unwrap();
    let section = readme.split("## Change a quality rule").nth(1).unwrap();
    let words = section.split("say `").nth(1).unwrap();
    let (name, rest) = words.split_once('`').unwrap();
    let value = rest.split_whitespace().nth(1).unwrap();
    let rules = std::fs::read_to_string(repository().join("shared/core/src/rules.rs")).unwrap();
    assert!(rules.contains(&format!("{name}: {value},")), "{name}: {value}");
}
