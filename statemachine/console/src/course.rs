//! What happened in an execution: the states that were entered, in order, each with its attempts and the waits between them.

use asl_engine::HistoryEvent;
use serde_json::Value;

/// How something ended, or where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Succeeded,
    Failed,
    /// It failed, and a Catch led on.
    Caught,
    Running,
    /// Between two attempts.
    Waiting,
    NotReached,
}

impl Mark {
    /// As a class of the style sheet.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Mark::Succeeded => "ok",
            Mark::Failed => "failed",
            Mark::Caught => "caught",
            Mark::Running => "running",
            Mark::Waiting => "waiting",
            Mark::NotReached => "none",
        }
    }

    /// For people.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Mark::Succeeded => "succeeded",
            Mark::Failed => "failed",
            Mark::Caught => "caught error",
            Mark::Running => "running",
            Mark::Waiting => "waiting for a retry",
            Mark::NotReached => "not reached",
        }
    }
}

/// One attempt of a task.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Attempt {
    pub(crate) number: usize,
    pub(crate) began: f64,
    pub(crate) ended: Option<f64>,
    pub(crate) error: Option<String>,
    pub(crate) cause: Option<String>,
}

/// One visit of a state.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Visit {
    pub(crate) state: String,
    /// `Task`, `Choice`, …
    pub(crate) kind: String,
    /// The function that it calls. Several states may call one.
    pub(crate) function: Option<String>,
    pub(crate) entered: f64,
    pub(crate) exited: Option<f64>,
    /// What the task was given, or the input of the state.
    pub(crate) input: Value,
    pub(crate) output: Value,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) mark: Mark,
    /// It is the first one after a redrive.
    pub(crate) redriven: bool,
}

impl Visit {
    /// The error of its last attempt.
    pub(crate) fn error(&self) -> Option<&Attempt> {
        self.attempts.last().filter(|attempt| attempt.error.is_some())
    }

    pub(crate) fn ended(&self, until: f64) -> f64 {
        // The history has no exit of a state that ends the execution as failed.
        let at_once = (self.kind == "Fail").then_some(self.entered);
        self.exited
            .or_else(|| self.attempts.last().and_then(|attempt| attempt.ended))
            .or(at_once)
            .unwrap_or(until)
    }
}

/// The course of an execution.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Course {
    pub(crate) visits: Vec<Visit>,
    /// Times of first and last event.
    pub(crate) began: f64,
    pub(crate) ended: f64,
}

impl Course {
    /// `closed`: the execution has ended.
    pub(crate) fn of(history: &[HistoryEvent], closed: bool) -> Course {
        let mut course = Course {
            began: history.first().map_or(0.0, |event| event.timestamp),
            ended: history.last().map_or(0.0, |event| event.timestamp),
            ..Course::default()
        };
        let mut redriven = false;
        for event in history {
            redriven |= event.event_type == "ExecutionRedriven";
            if let Some(kind) = event.event_type.strip_suffix("StateEntered") {
                course.leave(false);
                course.visits.push(Visit {
                    state: text(event, "name").unwrap_or_default(),
                    kind: kind.to_owned(),
                    function: None,
                    entered: event.timestamp,
                    exited: None,
                    input: json(event, "input"),
                    output: Value::Null,
                    attempts: Vec::new(),
                    mark: Mark::Running,
                    redriven,
                });
                redriven = false;
            } else if let Some(visit) = course.visits.last_mut() {
                visit.take(event);
            }
        }
        course.leave(!closed);
        course
    }

    /// Settles the last visit when another state is entered, or the history ends.
    fn leave(&mut self, open: bool) {
        let Some(visit) = self.visits.last_mut() else {
            return;
        };
        let failed = visit
            .attempts
            .last()
            .is_some_and(|attempt| attempt.error.is_some());
        visit.mark = match (visit.exited.is_some(), failed) {
            (true, true) => Mark::Caught,
            (true, false) => Mark::Succeeded,
            (false, true) if open => Mark::Waiting,
            (false, false) if open => Mark::Running,
            // States without an exit event.
            (false, false) if visit.kind == "Succeed" => Mark::Succeeded,
            (false, _) => Mark::Failed,
        };
    }

    /// What is to be seen of a state: its last visit.
    pub(crate) fn mark(&self, state: &str) -> Mark {
        let last = self.visits.iter().rev().find(|visit| visit.state == state);
        last.map_or(Mark::NotReached, |visit| visit.mark)
    }

    /// Whether a function did something at a moment in a visit, and not in another one.
    pub(crate) fn was_in(&self, visit: &Visit, function: &str, moment: f64) -> bool {
        let end = |visit: &Visit| {
            let entered = self.visits.iter().map(|other| other.entered);
            // One that was interrupted has no end of its own.
            entered
                .filter(|entered| *entered > visit.entered)
                .fold(visit.ended(self.ended), f64::min)
        };
        // A state may be entered in the millisecond in which the one before it ends.
        let mut before = self.visits.iter().filter(|other| other.entered < visit.entered);
        visit.function.as_deref() == Some(function)
            && (visit.entered..=end(visit)).contains(&moment)
            && !before.any(|other| other.function == visit.function && moment <= end(other))
    }

    /// The first visit that failed since the last redrive: the root cause.
    pub(crate) fn root_cause(&self) -> Option<(usize, &Visit)> {
        let since = self.visits.iter().rposition(|visit| visit.redriven).unwrap_or(0);
        let mut visits = self.visits.iter().enumerate().skip(since);
        visits.find(|(_, visit)| matches!(visit.mark, Mark::Caught | Mark::Failed))
    }
}

impl Visit {
    fn take(&mut self, event: &HistoryEvent) {
        match event.event_type.as_str() {
            "TaskScheduled" | "LambdaFunctionScheduled" => {
                let mut given = json(event, "parameters");
                let called = given["FunctionName"].as_str().map(str::to_owned);
                let called = called.or_else(|| text(event, "resource"));
                self.function = called.and_then(|name| asl_engine::function_name(&name));
                // What the step was given says more than what the state was.
                if let Some(payload) = given.get_mut("Payload") {
                    self.input = payload.take();
                }
                self.attempts.push(Attempt {
                    number: self.attempts.len() + 1,
                    began: event.timestamp,
                    ended: None,
                    error: None,
                    cause: None,
                });
            }
            "TaskSucceeded" | "LambdaFunctionSucceeded" => {
                if let Some(attempt) = self.attempts.last_mut() {
                    attempt.ended = Some(event.timestamp);
                }
            }
            "TaskFailed" | "TaskTimedOut" | "LambdaFunctionFailed" | "LambdaFunctionTimedOut" => {
                if let Some(attempt) = self.attempts.last_mut() {
                    attempt.ended = Some(event.timestamp);
                    attempt.error = Some(text(event, "error").unwrap_or_else(|| "no error name".to_owned()));
                    attempt.cause = text(event, "cause");
                }
            }
            kind if kind.ends_with("StateExited") => {
                self.exited = Some(event.timestamp);
                self.output = json(event, "output");
            }
            _ => {}
        }
    }
}

fn detail<'a>(event: &'a HistoryEvent, name: &str) -> Option<&'a Value> {
    event.details.values().next()?.get(name)
}

fn text(event: &HistoryEvent, name: &str) -> Option<String> {
    detail(event, name)?.as_str().map(str::to_owned)
}

/// The value of a JSON text of an event, or the text itself.
fn json(event: &HistoryEvent, name: &str) -> Value {
    match detail(event, name) {
        Some(Value::String(text)) => {
            serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()))
        }
        Some(other) => other.clone(),
        None => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    fn event(timestamp: f64, event_type: &str, details: Value) -> HistoryEvent {
        HistoryEvent {
            timestamp,
            event_type: event_type.to_owned(),
            id: 1,
            previous_event_id: 0,
            details: Map::from_iter([("details".to_owned(), details)]),
        }
    }

    fn history() -> Vec<HistoryEvent> {
        vec![
            event(1.0, "ExecutionStarted", json!({})),
            event(
                1.0,
                "TaskStateEntered",
                json!({"name": "Parse", "input": "{\"a\": 1}"}),
            ),
            event(
                1.0,
                "TaskScheduled",
                json!({"parameters": "{\"Payload\": {\"b\": 2}}"}),
            ),
            event(2.0, "TaskFailed", json!({"error": "Transient", "cause": "lost"})),
            event(5.0, "TaskScheduled", json!({})),
        ]
    }

    #[test]
    fn attempts_and_waits_are_told_apart() {
        let mut events = history();
        let course = Course::of(&events, false);
        assert_eq!(course.mark("Parse"), Mark::Running);
        assert_eq!(course.mark("Write"), Mark::NotReached);
        assert_eq!(course.visits[0].input, json!({"b": 2}));
        assert_eq!(Course::of(&events[..4], false).mark("Parse"), Mark::Waiting);
        events.push(event(6.0, "TaskSucceeded", json!({})));
        events.push(event(
            6.0,
            "TaskStateExited",
            json!({"name": "Parse", "output": "{}"}),
        ));
        let course = Course::of(&events, true);
        assert_eq!(course.mark("Parse"), Mark::Succeeded);
        assert_eq!(course.root_cause(), None);
        let times: Vec<_> = course.visits[0]
            .attempts
            .iter()
            .map(|one| (one.began, one.ended))
            .collect();
        assert_eq!(times, [(1.0, Some(2.0)), (5.0, Some(6.0))]);
    }

    #[test]
    fn what_a_function_logs_is_in_the_visit_that_called_it() {
        let called = |entered: f64, state: &str, function: &str, ended: f64, how: &str| {
            let parameters = format!("{{\"FunctionName\": \"{function}\", \"Payload\": {{}}}}");
            [
                event(entered, "TaskStateEntered", json!({"name": state})),
                event(entered, "TaskScheduled", json!({"parameters": parameters})),
                event(ended, how, json!({"error": "Internal"})),
                event(ended, "TaskStateExited", json!({"name": state})),
            ]
        };
        let mut events = called(1.0, "Write", "${write}", 2.0, "TaskFailed").to_vec();
        events.extend(called(2.0, "RecordFailure", "${write}", 3.0, "TaskSucceeded"));
        events.extend(called(
            3.0,
            "RegisterFailure",
            "arn:aws:lambda:eu-west-1:1:function:crawl:7",
            4.0,
            "TaskSucceeded",
        ));
        events.push(event(9.0, "ExecutionRedriven", json!({})));
        // Interrupted, and begun again.
        events.extend(
            called(9.0, "Write", "${write}", 9.5, "TaskSucceeded")
                .into_iter()
                .take(2),
        );
        events.extend(called(12.0, "Write", "${write}", 13.0, "TaskSucceeded"));
        let course = Course::of(&events, true);
        let visit_of = |function: &str, moment: f64| {
            let mut visits =
                (0..course.visits.len()).filter(|at| course.was_in(&course.visits[*at], function, moment));
            (visits.next(), visits.next())
        };
        for (function, moment, expected) in [
            ("write", 1.5, Some(0)),
            ("write", 2.0, Some(0)),
            ("write", 2.001, Some(1)),
            ("crawl", 3.0, Some(2)),
            ("write", 3.5, None),
            ("write", 9.2, Some(3)),
            ("write", 12.5, Some(4)),
            ("notify", 3.5, None),
        ] {
            assert_eq!(
                visit_of(function, moment),
                (expected, None),
                "{function} at {moment}"
            );
        }
    }

    #[test]
    fn an_error_is_caught_or_ends_the_execution() {
        let mut events = history();
        events.push(event(6.0, "TaskFailed", json!({"error": "Rejected"})));
        assert_eq!(Course::of(&events, true).mark("Parse"), Mark::Failed);
        events.push(event(6.0, "TaskStateExited", json!({"name": "Parse"})));
        events.push(event(6.0, "FailStateEntered", json!({"name": "Failed"})));
        let course = Course::of(&events, true);
        assert_eq!(
            (course.mark("Parse"), course.mark("Failed")),
            (Mark::Caught, Mark::Failed)
        );
        assert_eq!(
            course.root_cause().map(|(at, visit)| (at, visit.state.as_str())),
            Some((0, "Parse"))
        );
        events.push(event(9.0, "ExecutionRedriven", json!({})));
        events.push(event(9.0, "TaskStateEntered", json!({"name": "Parse"})));
        let course = Course::of(&events, false);
        assert_eq!((course.mark("Parse"), course.root_cause()), (Mark::Running, None));
    }
}
