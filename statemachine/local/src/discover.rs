//! Which files become recordings, and under which keys.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, FileType, Metadata};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use ecg_core::layout;
use ecg_core::message::ExecutionInput;
use ecg_journal::Place;

use crate::terminal::plain;

/// A file that is to be put into the lake.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    /// The file, as it was reached from the given path.
    pub(crate) path: PathBuf,
    /// The file itself, without links: which file it is.
    pub(crate) file: PathBuf,
    /// Key of the object.
    pub(crate) key: String,
    /// Where its WFDB header is. `None`: beside it, the file of the same name that ends in `.hea`.
    pub(crate) header: Option<PathBuf>,
    /// The profile of a person that reads its key, as TOML: see `profile_files.rs`.
    pub(crate) profile: Option<String>,
    /// Where it is an upload of another lake: the input of its last run there. Boxed: there may be 100,000 of these, and few have it.
    pub(crate) before: Option<Box<ExecutionInput>>,
}

impl Found {
    pub(crate) fn new(path: &Path, file: PathBuf, key: String) -> Found {
        Found {
            path: path.to_owned(),
            file,
            key,
            header: None,
            profile: None,
            before: None,
        }
    }
}

/// Something that could not be looked at, or has no place in the lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) path: PathBuf,
    pub(crate) what: String,
    pub(crate) kind: ProblemKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProblemKind {
    /// It cannot be read, or its name cannot be a key.
    Unreadable,
    /// Another file that was found has its key.
    KeyTaken,
}

impl Problem {
    /// Both in one line, with nothing in it that a terminal would obey.
    pub(crate) fn text(&self) -> String {
        plain(&format!("{}: {}", self.path.display(), self.what)).into_owned()
    }
}

/// What a search found.
#[derive(Debug, Default)]
pub(crate) struct Discovery {
    /// The recordings in the order of their keys.
    pub(crate) recordings: Vec<Found>,
    /// What could not be read; the rest of its folder is among the recordings.
    pub(crate) problems: Vec<Problem>,
    /// How many other files were passed over.
    pub(crate) passed_over: usize,
}

/// Every recording (by the ending of its name) among the paths: files as they are, folders with everything
/// below them. Hidden files and folders and other lakes are passed over.
///
/// The key of a recording is `prefix`, the name of the folder that was given (of a file that was given: of the folder it
/// stands in), and the path from there. So two folders with files of equal names are kept apart, and a folder's files have the
/// same keys as its files given one by one.
///
/// # Errors
/// A given path that is not there, or a given file that is not named as a recording: nothing of the command is meant then. A link
/// that leads nowhere is there.
pub(crate) fn discover(paths: &[&PathBuf], prefix: Option<&str>) -> Result<Discovery, String> {
    let mut search = Search::default();
    for path in paths {
        let found = match fs::metadata(path) {
            Ok(found) => found,
            Err(error) if fs::symlink_metadata(path).is_ok() => {
                search.unreadable(path, reason(path, &error));
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(format!(
                    "{}: expected a recording, or a folder of recordings, found none",
                    path.display()
                ));
            }
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        let folder = if found.is_dir() {
            Some(path.as_path())
        } else {
            path.parent()
        };
        let begin = folder.map(folder_name).transpose()?.unwrap_or_default();
        let begin = [prefix, Some(&begin)]
            .into_iter()
            .flatten()
            .filter(|part| !part.is_empty());
        let begin: String = begin.map(|part| format!("{part}/")).collect();
        if found.is_dir() {
            search.walk(path, &begin, &mut Vec::new());
        } else if layout::is_recording(&path.to_string_lossy()) {
            search.entry(path, &found, &begin);
        } else {
            return Err(format!(
                "{}: expected a recording (a name that ends in {}) or a folder",
                path.display(),
                layout::endings_in_words()
            ));
        }
    }
    let mut discovery = search.discovery;
    discovery.recordings = search.found.into_values().collect();
    Ok(discovery)
}

/// Name of a folder; none for the root of the file system. `.` and `..` have the name of the folder that they stand for.
fn folder_name(folder: &Path) -> Result<String, String> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let fail = |error: io::Error| format!("{}: {error}", folder.display());
    let mut whole = std::path::absolute(folder).map_err(fail)?;
    if whole.file_name().is_none() {
        whole = fs::canonicalize(folder).map_err(fail)?;
    }
    let name = whole.file_name().unwrap_or_default();
    name.to_str()
        .map(str::to_owned)
        .ok_or_else(|| format!("{}: expected a folder whose name is UTF-8", whole.display()))
}

/// The key that a single file gets.
pub(crate) fn key_of_file(path: &Path) -> String {
    let folder = path
        .parent()
        .and_then(|folder| folder_name(folder).ok())
        .unwrap_or_default();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if folder.is_empty() {
        name.into_owned()
    } else {
        format!("{folder}/{name}")
    }
}

#[derive(Default)]
struct Search {
    found: BTreeMap<String, Found>,
    discovery: Discovery,
}

impl Search {
    /// Everything below a folder. `above` are the folders on the way to it, themselves.
    fn walk(&mut self, folder: &Path, begin: &str, above: &mut Vec<PathBuf>) {
        let itself = match fs::canonicalize(folder) {
            Ok(itself) => itself,
            Err(error) => return self.unreadable(folder, error.to_string()),
        };
        if above.contains(&itself) {
            return self.unreadable(
                folder,
                format!("a link back to {}, a folder above it", itself.display()),
            );
        }
        // What is in it are copies of files that lie elsewhere.
        if Place::new(folder).is_lake() {
            return;
        }
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.unreadable(folder, error.to_string()),
        };
        let mut names = Vec::new();
        for entry in entries {
            match entry {
                Ok(entry) => names.push(entry.file_name()),
                Err(error) => self.unreadable(folder, error.to_string()),
            }
        }
        // The order of a directory is chance; which of two links to a file is taken should not be.
        names.sort();
        above.push(itself);
        for name in names {
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let path = folder.join(&name);
            // Follows links, as a person who made the link would expect.
            match fs::metadata(&path) {
                Err(error) => self.unreadable(&path, reason(&path, &error)),
                Ok(found) if found.is_dir() => match name.to_str() {
                    Some(name) => self.walk(&path, &format!("{begin}{name}/"), above),
                    None => self.unreadable(&path, NOT_UTF_8.into()),
                },
                Ok(found) => self.entry(&path, &found, begin),
            }
        }
        above.pop();
    }

    /// One file: a recording, or something else.
    fn entry(&mut self, path: &Path, metadata: &Metadata, begin: &str) {
        let name = path.file_name().unwrap_or(OsStr::new(""));
        if !layout::is_recording(&name.to_string_lossy()) {
            let is_header = path
                .extension()
                .is_some_and(|ending| ending.eq_ignore_ascii_case("hea"));
            self.discovery.passed_over += usize::from(!is_header);
            return;
        }
        let Some(name) = name.to_str() else {
            return self.unreadable(path, NOT_UTF_8.into());
        };
        // Whoever opens a named pipe waits for somebody who writes into it.
        if !metadata.is_file() {
            return self.unreadable(
                path,
                format!("expected a file, found {}", kind(metadata.file_type())),
            );
        }
        let file = match fs::canonicalize(path) {
            Ok(file) => file,
            Err(error) => return self.unreadable(path, error.to_string()),
        };
        let key = format!("{begin}{name}");
        match self.found.get(&key) {
            // The same file given twice is one file.
            Some(other) if other.file == file => {}
            Some(other) => {
                let what = format!(
                    "it would have the key `{key}`, which {} has; run it by itself with `--prefix NAME`",
                    other.path.display()
                );
                self.problem(path, what, ProblemKind::KeyTaken);
            }
            None => {
                self.found.insert(key.clone(), Found::new(path, file, key));
            }
        }
    }

    fn unreadable(&mut self, path: &Path, what: String) {
        self.problem(path, what, ProblemKind::Unreadable);
    }

    fn problem(&mut self, path: &Path, what: String, kind: ProblemKind) {
        let path = path.to_owned();
        self.discovery.problems.push(Problem { path, what, kind });
    }
}

/// What something is that is no file and no folder.
fn kind(found: FileType) -> &'static str {
    if found.is_fifo() {
        "a named pipe"
    } else if found.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

const NOT_UTF_8: &str = "expected a name in UTF-8, as keys are";

/// "Too many levels of symbolic links", on Linux and on macOS.
const ELOOP: i32 = if cfg!(target_os = "macos") { 62 } else { 40 };

fn reason(path: &Path, error: &io::Error) -> String {
    match fs::read_link(path) {
        Ok(target) if error.kind() == io::ErrorKind::NotFound => {
            format!("a link to {}, which is not there", target.display())
        }
        // Rust has no stable name for this kind.
        Ok(_) if error.raw_os_error() == Some(ELOOP) => "a link that leads back to itself".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for name in names {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        root
    }

    fn found(paths: &[PathBuf]) -> Result<Discovery, String> {
        discover(&paths.iter().collect::<Vec<_>>(), None)
    }

    fn keys(paths: &[PathBuf], prefix: Option<&str>) -> Vec<String> {
        let found = discover(&paths.iter().collect::<Vec<_>>(), prefix).unwrap();
        assert_eq!(found.problems, []);
        found.recordings.into_iter().map(|found| found.key).collect()
    }

    #[test]
    fn keys_begin_with_the_folder_that_was_given() {
        let root = folder(&[
            "p/a/1 NSR/x.mat",
            "p/b/x.mat",
            "p/a/x.hea",
            "p/a/notes.txt",
            "p/a/.hidden/y.mat",
            "p/z.MAT",
        ]);
        let at = |path: &str| root.path().join(path);
        let all = ["p/a/1 NSR/x.mat", "p/b/x.mat", "p/z.MAT"];
        assert_eq!(keys(&[at("p")], None), all);
        assert_eq!(keys(&[at("p/.")], None), all);
        assert_eq!(keys(&[at("p/b/..")], None), all);
        assert_eq!(keys(&[at("p/a")], None), ["a/1 NSR/x.mat"]);
        assert_eq!(keys(&[at("p/a/1 NSR")], None), ["1 NSR/x.mat"]);
        assert_eq!(keys(&[at("p/a/1 NSR/x.mat")], None), ["1 NSR/x.mat"]);
        assert_eq!(
            keys(&[at("p/b/x.mat"), at("p/b")], Some("ward 7/new")),
            ["ward 7/new/b/x.mat"]
        );
        assert_eq!(found(&[at("p")]).unwrap().passed_over, 1);
        assert_eq!(key_of_file(&at("p/a/1 NSR/x.mat")), "1 NSR/x.mat");
        assert_eq!(key_of_file(Path::new("/x.mat")), "x.mat");
        assert!(
            found(&[at("p/a/notes.txt")])
                .unwrap_err()
                .contains("ends in .bdf, .dat, .edf or .mat)")
        );
        assert!(found(&[at("nowhere")]).is_err());
        symlink(at("nowhere"), at("p/dangling.mat")).unwrap();
        let beside = found(&[at("p/dangling.mat"), at("p/b/x.mat")]).unwrap();
        assert_eq!((beside.problems.len(), beside.recordings.len()), (1, 1));
        assert!(found(&[at("p/b/x.mat"), at("nowhere.mat")]).is_err());
    }

    #[test]
    fn one_bad_entry_is_named_and_the_rest_is_found() {
        let root = folder(&[
            "p/a/x.mat",
            "p/c/good.mat",
            "q/a/x.mat",
            "lake/lake.json",
            "lake/local/u.mat",
        ]);
        let at = |path: &str| root.path().join(path);
        symlink(at("nowhere"), at("p/dangling.mat")).unwrap();
        symlink(at("p"), at("p/c/loop")).unwrap();
        symlink("self.mat", at("p/self.mat")).unwrap();
        symlink(at("lake"), at("p/lake")).unwrap();
        symlink("/dev/null", at("p/null.mat")).unwrap();
        fs::write(at("p").join(OsStr::from_bytes(b"\xff.mat")), "x").unwrap();
        let found_all = found(&[at("p"), at("q/a")]).unwrap();
        let keys: Vec<&str> = found_all
            .recordings
            .iter()
            .map(|found| found.key.as_str())
            .collect();
        assert_eq!(keys, ["a/x.mat", "p/a/x.mat", "p/c/good.mat"]);
        let whats: Vec<&str> = found_all
            .problems
            .iter()
            .map(|problem| problem.what.as_str())
            .collect();
        assert_eq!(whats.len(), 5, "{whats:?}");
        for (what, expected) in whats.iter().zip([
            "a folder above it",
            "which is not there",
            "found a device",
            "leads back to itself",
            "UTF-8",
        ]) {
            assert!(what.contains(expected), "{what}");
        }
        let twice = found(&[at("p/a"), at("q/a")]).unwrap();
        assert_eq!(twice.recordings.len(), 1);
        assert_eq!(twice.problems[0].kind, ProblemKind::KeyTaken);
        assert!(
            twice.problems[0].what.contains("the key `a/x.mat`"),
            "{:?}",
            twice.problems
        );
    }
}
