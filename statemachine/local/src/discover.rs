//! Which files become recordings, and under which keys.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use ecg_core::layout;
use ecg_recording::profiles::{self, Profile};

/// A file that is to be put into the lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    /// Key of the object: the path below the given folder, or the file's name.
    pub(crate) key: String,
}

/// What a search found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Discovery {
    /// The recordings in the order of their keys.
    pub(crate) recordings: Vec<Found>,
    /// How many other files were passed over.
    pub(crate) passed_over: usize,
}

/// Every recording (a file whose name ends in `.mat`) among the paths: files as they are, folders with everything
/// below them. Hidden files and folders are passed over.
///
/// # Errors
/// A path that is not there or can not be read, a file that is not named as a recording, or two files with one key.
pub(crate) fn discover(paths: &[PathBuf]) -> Result<Discovery, String> {
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut passed_over = 0;
    let profiles = profiles::built_in()?;
    for path in paths {
        let metadata = fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
        if metadata.is_dir() {
            let mut files = Vec::new();
            walk(path, "", &mut files)?;
            for (key, file) in files {
                if layout::is_recording(&key) {
                    add(&mut found, key, file)?;
                } else {
                    passed_over += usize::from(layout::header_key(&key).is_none() && !key.ends_with(".hea"));
                }
            }
        } else {
            if !layout::is_recording(&path.to_string_lossy()) {
                return Err(format!(
                    "{}: expected a recording (a name that ends in .mat) or a folder",
                    path.display()
                ));
            }
            add(&mut found, key_of_file(path, &profiles), path.clone())?;
        }
    }
    let recordings = found.into_iter().map(|(key, path)| Found { path, key }).collect();
    Ok(Discovery {
        recordings,
        passed_over,
    })
}

/// The key of a file that is given by itself: its name, with as many of the folders above it as a dataset profile needs
/// to recognise it (`1 NSR/100m (0).mat` is a known fragment, `100m (0).mat` is not).
pub(crate) fn key_of_file(path: &Path, profiles: &[Profile]) -> String {
    const MOST_FOLDERS: usize = 4;
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let names: Vec<String> = absolute
        .components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
            _ => None,
        })
        .collect();
    let key = |folders: usize| names[names.len().saturating_sub(folders + 1)..].join("/");
    let known = |key: &String| profiles::matching(profiles, key).is_some();
    (0..=MOST_FOLDERS).map(key).find(known).unwrap_or_else(|| key(0))
}

fn add(found: &mut BTreeMap<String, PathBuf>, key: String, path: PathBuf) -> Result<(), String> {
    match found.get(&key) {
        // The same file given twice is one file.
        Some(other) if fs::canonicalize(other).ok() == fs::canonicalize(&path).ok() => Ok(()),
        Some(other) => Err(format!(
            "{} and {} would both get the key `{key}`; give the folder above them, so that keys tell them apart",
            other.display(),
            path.display()
        )),
        None => {
            found.insert(key, path);
            Ok(())
        }
    }
}

fn walk(directory: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) -> Result<(), String> {
    let fail = |error: std::io::Error| format!("{}: {error}", directory.display());
    for entry in fs::read_dir(directory).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            return Err(format!("{}: expected a name in UTF-8", entry.path().display()));
        };
        if name.starts_with('.') {
            continue;
        }
        let key = format!("{prefix}{name}");
        // Follows links, as a person who made the link would expect.
        let metadata =
            fs::metadata(entry.path()).map_err(|error| format!("{}: {error}", entry.path().display()))?;
        if metadata.is_dir() {
            walk(&entry.path(), &format!("{key}/"), files)?;
        } else {
            files.push((key, entry.path()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_file_keeps_the_folders_that_a_profile_reads() {
        let profiles = profiles::built_in().unwrap();
        let key = |path: &str| key_of_file(Path::new(path), &profiles);
        assert_eq!(key("/data/x/1 NSR/100m (0).mat"), "1 NSR/100m (0).mat");
        assert_eq!(key("/data/x/100m.mat"), "100m.mat");
        assert_eq!(key("/data/1 NSR/other.mat"), "other.mat");
        assert_eq!(key("other.mat"), "other.mat");
    }

    #[test]
    fn folders_keep_relative_keys_and_collisions_are_refused() {
        let root = tempfile::tempdir().unwrap();
        for name in [
            "a/1 NSR/x.mat",
            "b/x.mat",
            "a/x.hea",
            "a/notes.txt",
            "a/.hidden/y.mat",
            "z.MAT",
        ] {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let found = discover(&[root.path().to_owned()]).unwrap();
        let keys: Vec<&str> = found.recordings.iter().map(|found| found.key.as_str()).collect();
        assert_eq!(keys, ["a/1 NSR/x.mat", "b/x.mat", "z.MAT"]);
        assert_eq!(found.passed_over, 1);

        let collision = discover(&[root.path().join("a/1 NSR"), root.path().join("b")]).unwrap_err();
        assert!(collision.contains("both get the key `x.mat`"), "{collision}");
        let twice = discover(&[root.path().join("b"), root.path().join("b/x.mat")]).unwrap();
        assert_eq!(twice.recordings.len(), 1);
        assert!(
            discover(&[root.path().join("a/notes.txt")])
                .unwrap_err()
                .contains("ends in .mat")
        );
        assert!(discover(&[root.path().join("nowhere")]).is_err());
    }
}
