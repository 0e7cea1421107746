//! Dataset profiles of a person: files named `ecg-profiles.toml`, and the one that `--profile` names.
//!
//! An execution is given the one profile that reads its key, as a file of its own named by its content: so a redrive
//! gives the same bytes, and a change of one profile is no change for the recordings of another.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ecg_journal::Place;
use ecg_recording::profiles;
use step_validate::MAX_PROFILES_BYTES;

/// Name of such a file, beside recordings, above them, or in the lake.
const NAME: &str = "ecg-profiles.toml";

/// The profiles that a command can use.
pub(crate) struct ProfileFiles {
    named: Option<PathBuf>,
    lake: Option<PathBuf>,
    /// What was read already. A file that is not there has no profiles.
    read: HashMap<PathBuf, Arc<Vec<String>>>,
}

impl ProfileFiles {
    /// `named` is the file of `--profile`.
    pub(crate) fn new(named: Option<&Path>, place: Option<&Place>) -> ProfileFiles {
        ProfileFiles {
            named: named.map(Path::to_owned),
            lake: place.map(|place| place.root().join(NAME)),
            read: HashMap::new(),
        }
    }

    /// The first profile that reads the key, as TOML with this one profile: from the named file, else from the folder of the
    /// recording or one above it, else from the lake.
    ///
    /// # Errors
    /// A file of profiles that cannot be read, with the reason.
    pub(crate) fn find(&mut self, recording: &Path, key: &str) -> Result<Option<String>, String> {
        let beside = recording.ancestors().skip(1).map(|folder| folder.join(NAME));
        let files: Vec<PathBuf> = self
            .named
            .iter()
            .cloned()
            .chain(beside)
            .chain(self.lake.clone())
            .collect();
        for path in files {
            for text in self.profiles_in(&path)?.iter() {
                if profiles::matching(&profiles::parse(text, &path.display().to_string())?, key).is_some() {
                    return Ok(Some(text.clone()));
                }
            }
        }
        Ok(None)
    }

    fn profiles_in(&mut self, path: &Path) -> Result<Arc<Vec<String>>, String> {
        if let Some(read) = self.read.get(path) {
            return Ok(read.clone());
        }
        let fail = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = match fs::metadata(path) {
            Ok(found) if found.len() > MAX_PROFILES_BYTES => {
                return Err(fail(&format!(
                    "expected at most {MAX_PROFILES_BYTES} bytes, found {}",
                    found.len()
                )));
            }
            // Whoever opens a named pipe waits; one that is named by `--profile` has somebody who writes into it.
            Ok(found) if !found.is_file() && self.named.as_deref() != Some(path) => {
                return Err(fail(&"expected a file"));
            }
            Ok(_) => fs::read_to_string(path).map_err(|error| fail(&error))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.named.as_deref() != Some(path) => {
                String::new()
            }
            Err(error) => return Err(fail(&error)),
        };
        let mut each = Vec::new();
        if !text.is_empty() {
            // The whole file first: its messages name the place.
            profiles::parse(&text, &path.display().to_string())?;
            let table: toml::Table = text.parse().map_err(|error| fail(&error))?;
            let entries = table.get("profile").and_then(toml::Value::as_array);
            for entry in entries.into_iter().flatten() {
                let one =
                    toml::Table::from_iter([("profile".to_owned(), toml::Value::Array(vec![entry.clone()]))]);
                each.push(toml::to_string(&one).map_err(|error| fail(&error))?);
            }
        }
        let each = Arc::new(each);
        self.read.insert(path.to_owned(), each.clone());
        Ok(each)
    }
}
