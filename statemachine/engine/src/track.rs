//! Where a line of states stands: the machine itself, each branch, each item of a Map. Kept outside the
//! futures that run them, so that it can still be read when one is dropped in the middle.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::history::{Event, History};

/// One line of states.
#[derive(Debug)]
pub(crate) struct Track {
    /// The event that the next one points back to.
    previous: AtomicU64,
    /// The Map and the index, if the line is one of its items.
    item: Option<(String, usize)>,
    /// The type of the state that is entered and not left.
    open: Mutex<Option<&'static str>>,
    /// The lines that the open state runs.
    children: Mutex<Vec<Arc<Track>>>,
}

/// What a line of states carries along.
pub(crate) struct Scope {
    pub(crate) variables: BTreeMap<String, Value>,
    pub(crate) track: Arc<Track>,
    /// `$states.context.Map`, inside a Map.
    pub(crate) item: Option<Value>,
    /// Whether this is the machine itself: only there are checkpoints taken.
    pub(crate) top: bool,
}

impl Track {
    pub(crate) fn root(previous: u64) -> Arc<Self> {
        Arc::new(Self::standing_at(previous, None))
    }

    /// A line that starts at the event `previous`.
    pub(crate) fn child(&self, previous: u64, item: Option<(String, usize)>) -> Arc<Self> {
        let child = Arc::new(Self::standing_at(previous, item));
        self.children
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::clone(&child));
        child
    }

    fn standing_at(previous: u64, item: Option<(String, usize)>) -> Self {
        Self {
            previous: AtomicU64::new(previous),
            item,
            open: Mutex::new(None),
            children: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn previous(&self) -> u64 {
        self.previous.load(Ordering::SeqCst)
    }

    pub(crate) fn set_previous(&self, id: u64) {
        self.previous.store(id, Ordering::SeqCst);
    }

    pub(crate) fn open(&self, state_type: &'static str) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(state_type);
    }

    /// The open state is left, and with it the lines that it ran.
    pub(crate) fn close(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.forget_children();
    }

    pub(crate) fn forget_children(&self) {
        self.children
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// A line that is over needs no abort any more.
    pub(crate) fn forget(&self, child: &Arc<Self>) {
        self.children
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|other| !Arc::ptr_eq(other, child));
    }

    fn take_children(&self) -> Vec<Arc<Self>> {
        std::mem::take(&mut *self.children.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Records that the lines under the open state are given up.
    pub(crate) fn abort_children(&self, history: &History, previous: u64) {
        for child in self.take_children() {
            if let Some((name, index)) = &child.item {
                let aborted = Event::MapIteration {
                    mark: "Aborted",
                    name,
                    index: *index,
                };
                history.add(previous, aborted);
            }
            child.abort_open(history, previous);
        }
    }

    /// Records that the open state is given up, and all that it runs. Only these types have such an event.
    pub(crate) fn abort_open(&self, history: &History, previous: u64) {
        self.abort_children(history, previous);
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(state_type @ ("Task" | "Wait" | "Map" | "Parallel")) = open {
            history.add(
                previous,
                Event::StateMark {
                    state_type,
                    mark: "Aborted",
                },
            );
        }
    }
}
