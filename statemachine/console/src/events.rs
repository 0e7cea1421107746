//! Server-sent events: that the journal changed, or an action went on. Pages then ask again for what they show.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use ecg_journal::Reader;
use futures::stream::{self, Stream};

use crate::server::Shared;

/// Between two looks at the journal.
const LOOK_EVERY: Duration = Duration::from_millis(400);

/// Looks whether the journal changed.
pub(crate) async fn watch(shared: Arc<Shared>) {
    let mut reader: Option<Reader> = None;
    let mut seen = None;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let lake = shared.lake.clone();
        let looked = tokio::task::spawn_blocking(move || {
            if reader.is_none() && lake.has_journal() {
                reader = lake.journal().ok();
            }
            let found = reader.as_ref().and_then(|reader| reader.changes().ok());
            // A file that was removed, or written anew, is opened again.
            (found.and(reader), found, lake.at_work())
        });
        let Ok((again, found, at_work)) = looked.await else {
            return;
        };
        reader = again;
        // That a command began or ended changes what an open execution is: running or interrupted.
        let now = Some((found, at_work));
        if seen.is_some() && seen != now {
            shared.changes.send_modify(|count| *count += 1);
        }
        seen = now;
    }
}

/// `runs`: the journal changed. `jobs`: an action went on.
pub(crate) async fn stream(
    State(shared): State<Arc<Shared>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let receivers = (shared.changes.subscribe(), shared.jobs.changes.subscribe());
    let events = stream::unfold(receivers, |(mut runs, mut jobs)| async move {
        let name = tokio::select! {
            changed = runs.changed() => changed.map(|()| "runs"),
            changed = jobs.changed() => changed.map(|()| "jobs"),
        };
        let event = Event::default().event(name.ok()?).data("changed");
        Some((Ok(event), (runs, jobs)))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}
