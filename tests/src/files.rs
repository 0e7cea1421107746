//! Where test files are, and what a folder holds.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ecg_core::layout;
use sha2::{Digest, Sha256};

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace above this crate")
        .to_owned()
}

/// The committed recordings, all good.
pub fn recordings() -> PathBuf {
    workspace().join("testdata/recordings")
}

/// The committed files that must be rejected.
pub fn malformed() -> PathBuf {
    workspace().join("testdata/malformed")
}

/// The workflow as it deploys.
pub fn workflow() -> PathBuf {
    workspace().join("statemachine/ecg-pipeline.asl.json")
}

/// The folder of real recordings (`ECG_DATA`, else beside the workspace), or `None` after saying that the test is
/// skipped.
pub fn real_data() -> Option<PathBuf> {
    let folder = match std::env::var_os("ECG_DATA") {
        Some(folder) => PathBuf::from(folder),
        None => workspace().join("../shared/data"),
    };
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: real recordings not found at {}", folder.display());
    None
}

/// Every file below a folder with the SHA-256 of its content, by its path from there.
pub fn hashes(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for path in files_below(folder) {
        let name = path
            .strip_prefix(folder)
            .expect("a path below the folder")
            .to_string_lossy()
            .into_owned();
        let hash =
            Sha256::digest(fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
        found.insert(name, hash.iter().map(|byte| format!("{byte:02x}")).collect());
    }
    found
}

/// Every file below a folder, sorted.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("an entry of the folder").path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Recordings (`.mat`) below a folder.
pub fn recordings_below(folder: &Path) -> Vec<PathBuf> {
    files_below(folder)
        .into_iter()
        .filter(|path| layout::is_recording(&path.to_string_lossy()))
        .collect()
}

/// Copies a folder with everything below it; modification times, which are the times of upload, are kept.
pub fn copy_folder(from: &Path, to: &Path) {
    for path in files_below(from) {
        copy_file(
            &path,
            &to.join(path.strip_prefix(from).expect("a path below the folder")),
        );
    }
}

/// Copies one file, its modification time included, and makes the folders above it.
pub fn copy_file(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().expect("a folder above the file")).expect("making a folder");
    fs::copy(from, to).unwrap_or_else(|error| panic!("{} to {}: {error}", from.display(), to.display()));
    let modified = fs::metadata(from)
        .and_then(|found| found.modified())
        .expect("the time of the file");
    let copy = fs::File::options()
        .append(true)
        .open(to)
        .expect("opening the copy");
    copy.set_modified(modified).expect("setting the time of the copy");
}

/// The same set of files with the same bytes, with a message that names the first difference only.
pub fn assert_same(what: &str, expected: &BTreeMap<String, String>, found: &BTreeMap<String, String>) {
    let missing: Vec<&String> = expected
        .keys()
        .filter(|name| !found.contains_key(*name))
        .collect();
    let added: Vec<&String> = found
        .keys()
        .filter(|name| !expected.contains_key(*name))
        .collect();
    let changed: Vec<&String> = expected
        .iter()
        .filter(|(name, hash)| found.get(*name).is_some_and(|other| other != *hash))
        .map(|(n, _)| n)
        .collect();
    assert!(
        missing.is_empty() && added.is_empty() && changed.is_empty(),
        "{what}: missing {missing:?}, added {added:?}, changed {changed:?}"
    );
}
