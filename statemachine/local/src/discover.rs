//! Which files become recordings, and under which keys.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ecg_core::layout;

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
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            if !layout::is_recording(&name) {
                return Err(format!(
                    "{}: expected a recording (a name that ends in .mat) or a folder",
                    path.display()
                ));
            }
            add(&mut found, name, path.clone())?;
        }
    }
    let recordings = found.into_iter().map(|(key, path)| Found { path, key }).collect();
    Ok(Discovery {
        recordings,
        passed_over,
    })
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
