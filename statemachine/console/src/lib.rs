//! Pages over a lake.

mod recording;

/// The routes of the recordings of a lake.
pub fn routes(lake: &std::path::Path) -> axum::Router {
    recording::routes(lake)
}
