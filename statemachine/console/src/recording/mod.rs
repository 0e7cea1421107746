//! The page of a recording.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;

use crate::chrome::{Chrome, html};
use crate::server::Shared;

/// The addresses below `/recordings`.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/recordings/{id}", get(page))
}

#[derive(Template)]
#[template(path = "recording.html")]
struct Page {
    chrome: Chrome,
    recording_id: String,
}

async fn page(State(shared): State<Arc<Shared>>, Path(recording_id): Path<String>) -> Response {
    html(&Page {
        chrome: Chrome::new(&shared, "runs", recording_id.clone()),
        recording_id,
    })
}
