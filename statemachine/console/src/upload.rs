//! Files that a person drops on a page. A drop is one request: a line of JSON with names and sizes in bytes, such as
//! `[["a.mat", 28824], ["a.hea", 98]]`, then the bytes of these files. They are received into a folder of their own below `inbox` in the lake, then
//! one action runs the workflow for all. The folder is removed when the action has ended, was refused, or the request is cancelled.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ecg_core::layout;
use ecg_journal::Place;
use futures::StreamExt;
use tokio::io::AsyncWriteExt;

use crate::jobs::{self, What};
use crate::server::Shared;

/// Largest file that is received, in bytes: the largest that validate accepts.
const FILE_BYTES_MAX: u64 = ecg_core::rules::RULES.reject_bytes_above;

/// Longest line of names and sizes, in bytes.
const LINE_BYTES_MAX: usize = 1 << 20;

/// Longest name, in bytes: what file systems take.
const NAME_BYTES_MAX: usize = 240;

/// Receives files and begins the action that runs the workflow for them.
pub(crate) async fn receive(State(shared): State<Arc<Shared>>, body: Body) -> Response {
    let mut pieces = body.into_data_stream();
    let received = match shared.holder() {
        Some(holder) => Err((
            StatusCode::CONFLICT,
            format!("{holder} is working in this lake; drop files when it has ended"),
        )),
        None => {
            let received = files(&shared.lake, &mut pieces).await;
            received.map_err(|why| (StatusCode::UNPROCESSABLE_ENTITY, why))
        }
    };
    match received {
        Ok(received) => jobs::begin(&shared, What::Upload(received)),
        Err(refused) => {
            // A browser hears the answer when it has sent everything.
            while let Some(Ok(_)) = pieces.next().await {}
            refused.into_response()
        }
    }
}

/// The recordings of one drop, with their headers beside them. All are removed with this.
#[derive(Debug)]
pub(crate) struct Received {
    folder: PathBuf,
    pub(crate) recordings: Vec<PathBuf>,
    /// Keeps the sweep away.
    _inbox: File,
}

impl Drop for Received {
    fn drop(&mut self) {
        // What cannot be removed is left to the sweep.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Received {
    fn begin(lake: &Place) -> io::Result<Received> {
        let inbox = inbox(lake);
        fs::create_dir_all(&inbox)?;
        let _ = sweep(lake);
        let held = File::open(&inbox)?;
        held.lock_shared()?;
        let folder = inbox.join(format!("{:016x}", rand::random::<u64>()));
        fs::create_dir(&folder)?;
        Ok(Received {
            folder,
            recordings: Vec::new(),
            _inbox: held,
        })
    }
}

fn inbox(lake: &Place) -> PathBuf {
    lake.root().join("inbox")
}

/// Removes what consoles that were killed have left in the inbox of a lake. Nothing is removed while a console has files in it.
///
/// # Errors
/// What the file system says.
pub fn sweep(lake: &Place) -> io::Result<()> {
    let inbox = inbox(lake);
    let held = match File::open(&inbox) {
        Ok(held) => held,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    match held.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(()),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    for left in fs::read_dir(&inbox)? {
        let left = left?;
        match left.file_type()?.is_dir() {
            true => fs::remove_dir_all(left.path())?,
            false => fs::remove_file(left.path())?,
        }
    }
    Ok(())
}

/// Refuses what is no name of a recording or a header: a path, something hidden.
fn check(name: &str) -> Result<(), String> {
    let plain = !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && !name.starts_with('.')
        && !name.contains(|c: char| matches!(c, '/' | '\\') || c.is_control());
    if !plain {
        return Err(format!("`{name}`: expected the name of a file, without a folder"));
    }
    if !layout::is_recording(name) && !name.to_lowercase().ends_with(".hea") {
        return Err(format!(
            "{name}: expected a recording (a name that ends in {}) or its header (.hea)",
            layout::endings_in_words()
        ));
    }
    Ok(())
}

async fn files(lake: &Place, pieces: &mut BodyDataStream) -> Result<Received, String> {
    let text = |error: io::Error| error.to_string();
    let mut line = Vec::new();
    let end = loop {
        if let Some(end) = line.iter().position(|byte| *byte == b'\n') {
            break end;
        }
        match pieces.next().await {
            Some(Ok(piece)) if line.len() <= LINE_BYTES_MAX => line.extend_from_slice(&piece),
            _ => return Err("expected a line with the names and sizes of files".to_owned()),
        }
    };
    let named: Vec<(String, u64)> = serde_json::from_slice(line.get(..end).unwrap_or_default())
        .map_err(|error| format!("names and sizes of files: {error}"))?;
    for (name, size) in &named {
        check(name)?;
        if *size > FILE_BYTES_MAX {
            return Err(format!(
                "{name}: expected at most {FILE_BYTES_MAX} bytes, found {size}"
            ));
        }
    }
    if !named.iter().any(|(name, _)| layout::is_recording(name)) {
        return Err(
            "expected a recording, found only headers (.hea): drop each with its recording".to_owned(),
        );
    }
    let mut piece = Bytes::from(line.split_off(end + 1));
    let mut received = Received::begin(lake).map_err(text)?;
    for (name, size) in named {
        let fail = |error: io::Error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                format!("{name}: expected files of different names, found two of this one")
            }
            _ => format!("{name}: {error}"),
        };
        let file = received.folder.join(&name);
        let mut to = tokio::fs::File::create_new(&file).await.map_err(fail)?;
        let mut left = size;
        while left > 0 {
            if piece.is_empty() {
                let found = size - left;
                let none = || format!("{name}: expected {size} bytes, found {found}");
                let next = pieces.next().await.ok_or_else(none)?;
                piece = next.map_err(|error| format!("{name}: {error}"))?;
            }
            let of_file = piece.split_to(piece.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
            to.write_all(&of_file).await.map_err(fail)?;
            left -= of_file.len() as u64;
        }
        to.flush().await.map_err(fail)?;
        if layout::is_recording(&name) {
            received.recordings.push(file);
        }
    }
    if !piece.is_empty() || pieces.next().await.is_some() {
        return Err("expected the files of the first line, found more bytes behind them".to_owned());
    }
    Ok(received)
}
