//! The files that pages load. They are in the program: nothing comes from another host.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use axum::extract::{Path, RawQuery};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Name, type and content of each.
const FILES: &[(&str, &str, &[u8])] = &[
    ("console.css", CSS, include_bytes!("../assets/console.css")),
    ("console.js", JAVASCRIPT, include_bytes!("../assets/console.js")),
    ("icon.svg", SVG, include_bytes!("../assets/icon.svg")),
    (
        "htmx.js",
        JAVASCRIPT,
        include_bytes!("../assets/htmx-2.0.11.min.js"),
    ),
    (
        "viewer-beats.js",
        JAVASCRIPT,
        include_bytes!("../assets/viewer-beats.js"),
    ),
    (
        "viewer-canvas.js",
        JAVASCRIPT,
        include_bytes!("../assets/viewer-canvas.js"),
    ),
    (
        "viewer-data.js",
        JAVASCRIPT,
        include_bytes!("../assets/viewer-data.js"),
    ),
    (
        "viewer-overview.js",
        JAVASCRIPT,
        include_bytes!("../assets/viewer-overview.js"),
    ),
    (
        "viewer-pages.js",
        JAVASCRIPT,
        include_bytes!("../assets/viewer-pages.js"),
    ),
    (
        "viewer-paper.js",
        JAVASCRIPT,
        include_bytes!("../assets/viewer-paper.js"),
    ),
    (
        "viewer-segments.js",
        JAVASCRIPT,
        include_bytes!("../assets/viewer-segments.js"),
    ),
    (
        "viewer-units.js",
        JAVASCRIPT,
        include_bytes!("../assets/viewer-units.js"),
    ),
    ("viewer.css", CSS, include_bytes!("../assets/viewer.css")),
    ("viewer.js", JAVASCRIPT, include_bytes!("../assets/viewer.js")),
];

/// Changes with the files: pages ask for `/assets/NAME?v=VERSION`, which a browser may keep.
pub(crate) static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = DefaultHasher::new();
    FILES.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
});

/// What a page asks for with its version never changes. Modules ask for each other without one.
pub(crate) async fn file(Path(name): Path<String>, RawQuery(query): RawQuery) -> Response {
    let kept = match query {
        Some(query) if query == format!("v={}", *VERSION) => "private, max-age=31536000, immutable",
        _ => "no-cache",
    };
    match FILES.iter().find(|(known, ..)| *known == name) {
        Some((_, content_type, content)) => (
            [
                (header::CONTENT_TYPE, *content_type),
                (header::CACHE_CONTROL, kept),
            ],
            *content,
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
