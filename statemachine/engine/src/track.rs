//! The current position of each running sequence of states: the machine itself, a branch of a Parallel, an item of
//! a Map. It is stored outside the futures that run them, so it can still be read after a future was dropped.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::history::{Event, History};

/// The position of one running sequence of states.
#[derive(Debug)]
pub(crate) struct Track {
    /// The `previousEventId` of the next event.
    previous: AtomicU64,
    /// The name of the Map and the index, if the sequence is an item of a Map.
    item: Option<(String, usize)>,
    /// The type of the state that has been entered and not yet exited.
    open: Mutex<Option<&'static str>>,
    /// The sequences that the open state runs.
    children: Mutex<Vec<Arc<Track>>>,
}

/// The data of one running sequence of states.
pub(crate) struct Scope {
    pub(crate) variables: BTreeMap<String, Value>,
    pub(crate) track: Arc<Track>,
    /// The value of `$states.context.Map`, inside a Map.
    pub(crate) item: Option<Value>,
    /// Whether this is the machine itself. Checkpoints are recorded only there.
    pub(crate) top: bool,
}

impl Track {
    pub(crate) fn root(previous: u64) -> Arc<Self> {
        Arc::new(Self::standing_at(previous, None))
    }

    /// Adds a child sequence that starts after the event `previous`.
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

    /// Marks the open state as exited and removes its children.
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

    /// Removes a child that has ended, so no abort is recorded for it.
    pub(crate) fn forget(&self, child: &Arc<Self>) {
        self.children
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|other| !Arc::ptr_eq(other, child));
    }

    fn take_children(&self) -> Vec<Arc<Self>> {
        std::mem::take(&mut *self.children.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Records the abort of the sequences that the open state runs.
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

    /// Records the abort of the open state and of its children. Only Task, Wait, Map and Parallel have an `Aborted`
    /// event.
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
