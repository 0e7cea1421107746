//! What one execution records while it runs.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use asl_engine::{Checkpoint, HistoryEvent, Recorder};

use super::Closed;
use super::writer::{Close, Journal};

/// The first state of the failure branch in the workflow file.
const FAILURE_BRANCH: &str = "RecordFailure";

/// An execution that this process runs.
#[derive(Debug, Clone)]
pub struct OpenExecution {
    pub(super) journal: Journal,
    pub(super) id: i64,
    pub(super) name: String,
}

impl OpenExecution {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A recorder that goes on after the events that are kept.
    pub fn recorder(&self, kept: &[HistoryEvent]) -> ExecutionRecorder {
        ExecutionRecorder {
            execution: self.clone(),
            course: Mutex::new(Course::of(kept)),
        }
    }

    /// The events so far.
    pub fn history(&self) -> io::Result<Vec<HistoryEvent>> {
        self.journal.history(self.id)
    }

    /// Records the outcome. `left_over` are files that nobody needs then: they go once the outcome is in the journal, because
    /// an execution that is interrupted until then runs its last state again, which reads them.
    pub fn close(
        &self,
        outcome: &Closed,
        label: Option<String>,
        subject: Option<String>,
        left_over: Vec<PathBuf>,
    ) {
        self.journal.forget_name(&self.name);
        self.journal.change(self.id, |changes| {
            changes.close = Some(Close {
                outcome: outcome.clone(),
                label,
                subject,
                left_over,
            });
            outcome
                .output
                .as_ref()
                .map_or(0, |output| output.to_string().len())
        });
    }
}

/// Hands what happens to the journal.
pub struct ExecutionRecorder {
    execution: OpenExecution,
    course: Mutex<Course>,
}

impl Recorder for ExecutionRecorder {
    fn event(&self, event: &HistoryEvent) -> io::Result<()> {
        self.execution.journal.working()?;
        let mut course = self.course.lock().unwrap_or_else(PoisonError::into_inner);
        course.take(event);
        let course = course.clone();
        let text = serde_json::to_vec(event)?;
        self.execution.journal.change(self.execution.id, |changes| {
            changes.events.extend_from_slice(&text);
            changes.course = Some(course);
            text.len()
        });
        Ok(())
    }

    fn checkpoint(&self, checkpoint: &Checkpoint) -> io::Result<()> {
        self.execution.journal.working()?;
        let text = serde_json::to_string(checkpoint)?;
        self.execution.journal.change(self.execution.id, |changes| {
            let bytes = text.len();
            let last_event = checkpoint.last_event_id;
            changes
                .checkpoints
                .insert(checkpoint.state.clone(), (last_event, text));
            bytes
        });
        Ok(())
    }
}

/// What the list says of an execution, as far as its events tell it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Course {
    /// Seconds since the epoch.
    pub(super) started: Option<f64>,
    /// The time from each start or redrive to the last event before the next, in seconds: waiting for a redrive is no work.
    pub seconds: f64,
    pub(super) redrives: u64,
    /// The task state that was entered last before the failure branch, since the last redrive: the one that a redrive enters.
    pub(super) step: Option<Arc<str>>,
    in_failure_branch: bool,
    /// Of the events since the last start or redrive, the time of the first one, and the seconds before it.
    began: f64,
    seconds_before: f64,
}

impl Course {
    /// What these events tell.
    pub fn of(history: &[HistoryEvent]) -> Course {
        let mut course = Course::default();
        history.iter().for_each(|event| course.take(event));
        course
    }

    /// The task state that was entered last before the failure branch.
    pub fn step(&self) -> Option<String> {
        self.step.as_deref().map(str::to_owned)
    }

    fn take(&mut self, event: &HistoryEvent) {
        let redriven = event.event_type == "ExecutionRedriven";
        if redriven || self.started.is_none() {
            self.started.get_or_insert(event.timestamp);
            self.began = event.timestamp;
            self.seconds_before = self.seconds;
            self.redrives += u64::from(redriven);
            self.in_failure_branch = false;
        }
        self.seconds = self.seconds_before + (event.timestamp - self.began);
        let entered = event.details.get("stateEnteredEventDetails");
        let Some(name) = entered.and_then(|details| details.get("name")?.as_str()) else {
            return;
        };
        self.in_failure_branch |= name == FAILURE_BRANCH;
        if event.event_type == "TaskStateEntered" && !self.in_failure_branch {
            self.step = Some(name.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    fn event(timestamp: f64, event_type: &str, state: Option<&str>) -> HistoryEvent {
        let details = state.map(|name| ("stateEnteredEventDetails".to_owned(), json!({ "name": name })));
        HistoryEvent {
            timestamp,
            event_type: event_type.to_owned(),
            id: 1,
            previous_event_id: 0,
            details: Map::from_iter(details),
        }
    }

    #[test]
    fn the_failed_step_and_the_time_at_work_come_from_the_events() {
        let mut course = Course::default();
        for event in [
            event(10.0, "ExecutionStarted", None),
            event(10.5, "TaskStateEntered", Some("Validate")),
            event(11.0, "TaskStateEntered", Some("Parse")),
            event(12.0, "TaskStateEntered", Some("RecordFailure")),
            event(12.5, "TaskStateEntered", Some("Notify")),
            event(13.0, "ExecutionFailed", None),
        ] {
            course.take(&event);
        }
        assert_eq!(
            (course.started, course.seconds, course.redrives),
            (Some(10.0), 3.0, 0)
        );
        assert_eq!(course.step.as_deref(), Some("Parse"));
        for event in [
            event(100.0, "ExecutionRedriven", None),
            event(100.0, "TaskStateEntered", Some("Parse")),
            event(101.5, "TaskStateEntered", Some("Transform")),
        ] {
            course.take(&event);
        }
        assert_eq!(
            (course.started, course.seconds, course.redrives),
            (Some(10.0), 4.5, 1)
        );
        assert_eq!(course.step.as_deref(), Some("Transform"));
    }
}
