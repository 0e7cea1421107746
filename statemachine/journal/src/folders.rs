//! The journals of lakes of format 1 and 2: a folder an execution. Only what a new lake needs of them is read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ecg_core::message::ExecutionInput;
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Deserialize)]
struct SourceFile {
    path: PathBuf,
}

/// The input of each execution, and where its upload came from where that is known.
pub fn uploads(executions: &Path) -> io::Result<Vec<(ExecutionInput, Option<PathBuf>)>> {
    let mut folders: Vec<PathBuf> = fs::read_dir(executions)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    folders.sort();
    let mut uploads = Vec::new();
    for folder in folders {
        let Some(input) = read(&folder.join("input.json"))? else {
            continue;
        };
        let file: Option<SourceFile> = read(&folder.join("file.json"))?;
        uploads.push((input, file.map(|file| file.path)));
    }
    Ok(uploads)
}

fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| io::Error::other(format!("{}: {error}", path.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
