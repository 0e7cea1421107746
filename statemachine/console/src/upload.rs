//! Files that a person drops on a page. Each is received into the folder `inbox` of the lake, then one action runs the
//! workflow for all.

use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ecg_core::layout;
use futures::StreamExt;
use tokio::io::AsyncWriteExt;

use crate::actions::Upload;
use crate::jobs::{self, What};
use crate::server::Shared;

/// Largest file that is received, in bytes: the largest that validate accepts.
const FILE_BYTES_MAX: u64 = ecg_core::rules::RULES.reject_bytes_above;

/// The folder of the keys of uploads.
const PREFIX: &str = "uploads";

/// Longest name, in bytes: what file systems take.
const NAME_BYTES_MAX: usize = 240;

/// The file in the inbox for a name, if it is one: no path, nothing hidden, a recording or a header.
fn place(shared: &Shared, name: &str) -> Result<PathBuf, String> {
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
    Ok(shared.inbox.join(name))
}

/// Receives one file; answers with its name.
pub(crate) async fn receive(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    body: Body,
) -> Response {
    let file = match place(&shared, &name) {
        Ok(file) => file,
        Err(why) => return (StatusCode::UNPROCESSABLE_ENTITY, why).into_response(),
    };
    if let Some(holder) = shared.lake.holder() {
        let why = format!("{holder} is working in this lake; drop files when it has ended");
        return (StatusCode::CONFLICT, why).into_response();
    }
    match write(&file, body).await {
        Ok(()) => name.into_response(),
        Err(why) => {
            let _ = tokio::fs::remove_file(&file).await;
            (StatusCode::UNPROCESSABLE_ENTITY, format!("{name}: {why}")).into_response()
        }
    }
}

async fn write(file: &std::path::Path, body: Body) -> Result<(), String> {
    let text = |error: std::io::Error| error.to_string();
    if let Some(folder) = file.parent() {
        tokio::fs::create_dir_all(folder).await.map_err(text)?;
    }
    let mut to = tokio::fs::File::create(file).await.map_err(text)?;
    let mut pieces = body.into_data_stream();
    let mut received = 0_u64;
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| error.to_string())?;
        received += piece.len() as u64;
        if received > FILE_BYTES_MAX {
            return Err(format!("expected at most {FILE_BYTES_MAX} bytes, found more"));
        }
        to.write_all(&piece).await.map_err(text)?;
    }
    to.flush().await.map_err(text)
}

/// Runs the workflow for files that were received: the names, in a form as `file=…&file=…`.
pub(crate) async fn run(
    State(shared): State<Arc<Shared>>,
    axum::Form(names): axum::Form<Vec<(String, String)>>,
) -> Response {
    let mut files = Vec::new();
    for (_, name) in names {
        match place(&shared, &name) {
            Ok(file) if file.is_file() => files.push(Upload {
                key: format!("{PREFIX}/{name}"),
                file,
            }),
            Ok(_) => {
                return (
                    StatusCode::UNPROCESSABLE_ENTITY,
                    format!("{name}: was not received"),
                )
                    .into_response();
            }
            Err(why) => return (StatusCode::UNPROCESSABLE_ENTITY, why).into_response(),
        }
    }
    jobs::begin(&shared, What::Upload(files))
}
