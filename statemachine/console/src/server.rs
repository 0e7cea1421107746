//! The server: what it answers, and what its pages share.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use ecg_journal::{Place, Reader};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::actions::{Actions, Remote};
use crate::chrome::{Failure, NotFound};
use crate::graph::Workflow;
use crate::guard::Guard;
use crate::jobs::Jobs;
use crate::{assets, cohort, events, jobs, query, recording, run, runs, upload};

/// Largest body of a request but an upload, in bytes.
const BODY_BYTES_MAX: usize = 1 << 20;

/// What a console shows.
pub struct Console {
    /// The lake; it may not be there yet.
    pub lake: Place,
    /// The workflow file that runs there.
    pub workflow: String,
    /// What is shown in the place of the lake, where that is asked for.
    pub remote: Option<Arc<dyn Remote>>,
    /// Who does what a page asks for.
    pub actions: Arc<dyn Actions>,
    /// The options with which `ecg` finds what is shown, each with a blank before it, such as ` --lake L`.
    pub options: String,
}

/// What the answers to all requests share.
pub(crate) struct Shared {
    pub(crate) guard: Guard,
    pub(crate) lake: Place,
    pub(crate) remote: Option<Arc<dyn Remote>>,
    pub(crate) workflow: Workflow,
    pub(crate) options: String,
    pub(crate) jobs: Jobs,
    /// Counts the changes of the journal.
    pub(crate) changes: watch::Sender<u64>,
}

impl Shared {
    /// The command that writes the lake now. What is not in the lake, none keeps from being changed.
    pub(crate) fn holder(&self) -> Option<String> {
        self.remote.is_none().then(|| self.lake.holder()).flatten()
    }

    /// Asks what is shown in the place of a lake, on a thread that may wait.
    pub(crate) async fn remote<T: Send + 'static>(
        remote: &Arc<dyn Remote>,
        ask: impl FnOnce(&dyn Remote) -> Result<T, String> + Send + 'static,
    ) -> Result<T, Failure> {
        let remote = remote.clone();
        let asked = tokio::task::spawn_blocking(move || ask(remote.as_ref()));
        asked.await.map_err(Failure::from)?.map_err(Failure::Words)
    }

    /// Asks the journal on a thread that may wait; `None` where nothing was ever recorded.
    pub(crate) async fn journal<T: Send + 'static>(
        self: &Arc<Self>,
        ask: impl FnOnce(&Reader) -> io::Result<T> + Send + 'static,
    ) -> Result<Option<T>, Failure> {
        let shared = self.clone();
        let asked = tokio::task::spawn_blocking(move || {
            if !shared.lake.has_journal() {
                return Ok(None);
            }
            let reader = shared.lake.journal()?;
            ask(&reader).map(Some).map_err(|error| error.to_string())
        });
        asked.await.map_err(Failure::from)?.map_err(Failure::Words)
    }
}

/// Serves the console until the process ends. `ready` gets the address for the browser.
///
/// # Errors
/// The port is taken, or the workflow file is no state machine.
pub async fn serve(console: Console, port: u16, ready: impl FnOnce(&str)) -> Result<(), String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|error| format!("{address}: {error}; `--port 0` takes a free one"))?;
    let port = listener.local_addr().map_err(|error| error.to_string())?.port();
    let shared = Arc::new(Shared {
        guard: Guard::new(port),
        workflow: Workflow::parse(&console.workflow)?,
        lake: console.lake,
        remote: console.remote,
        options: console.options,
        jobs: Jobs::new(console.actions),
        changes: watch::Sender::new(0),
    });
    if shared.remote.is_none() {
        // What cannot be removed now, the next drop or `ecg forget` tries again.
        let _ = upload::sweep(&shared.lake);
        tokio::spawn(events::watch(shared.clone()));
    }
    ready(&shared.guard.address());
    axum::serve(listener, router(shared))
        .await
        .map_err(|error| error.to_string())
}

fn router(shared: Arc<Shared>) -> Router {
    let mut pages = Router::new()
        .route("/", get(async || Redirect::to("/runs")))
        .route("/runs", get(runs::page))
        .route("/failures", get(runs::failures))
        .route("/runs/{name}", get(run::page))
        .route("/runs/{name}/export", get(run::export))
        .route("/compare", get(run::compare))
        .route("/redrive", post(jobs::redrive))
        .route("/rerun", post(jobs::rerun))
        .route("/jobs", get(jobs::panel))
        .route("/jobs/close", post(jobs::close))
        .route("/events", get(events::stream))
        .route("/assets/{name}", get(assets::file));
    let mut uploads = Router::new();
    // What is in AWS's place, a lake that lies here has no part in.
    if shared.remote.is_none() {
        pages = pages
            .route("/query", get(query::page).post(query::answer))
            .route("/query/download", get(query::download))
            .route("/subjects", get(cohort::page))
            .merge(recording::routes(&shared));
        uploads = uploads.route("/uploads", post(upload::receive));
    }
    pages
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .merge(uploads.layer(DefaultBodyLimit::disable()))
        .fallback(async || -> Response { NotFound::page("this page").into_response() })
        .layer(middleware::from_fn_with_state(
            shared.clone(),
            crate::guard::guard,
        ))
        .with_state(shared)
}
