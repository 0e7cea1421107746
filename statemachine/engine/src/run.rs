//! The loop over the states: enter a state, run it, retry or catch an error, exit, go to the next state.

use chrono::{DateTime, SecondsFormat, Utc};
use futures::future::BoxFuture;
use serde_json::{Map, Value, json};

use crate::checkpoint::Checkpoint;
use crate::definition::{Flow, Kind, Next, State, WaitFor};
use crate::error::StateError;
use crate::execution::{Execution, check_size, seconds_duration};
use crate::expression::{Expected, Fault, Scene, evaluate, evaluate_assign, states};
use crate::history::{Event, MOST_EVENTS};
use crate::retry::Retries;
use crate::template::Template;
use crate::timestamp;
use crate::track::Scope;

/// One visit to a state, from its Entered event to its Exited event, including retries.
pub(crate) struct Visit<'v> {
    pub(crate) name: &'v str,
    pub(crate) input: Value,
    pub(crate) retry_count: u64,
    entered_id: u64,
    /// The `previousEventId` of the Entered event.
    entered_previous: u64,
    entered_time: DateTime<Utc>,
    /// Whether the context object has `RetryCount`. Only state types that can have a Retry have it.
    counts_retries: bool,
}

/// The result of a state: its output, its assigned variables and its transition.
struct Exit {
    output: Value,
    assigned: Map<String, Value>,
    next: Next,
}

impl Execution<'_> {
    /// Runs the states of a flow from `start_at` to the end, and returns the output of the last state.
    pub(crate) fn run_flow<'f>(
        &'f self,
        flow: &'f Flow,
        start_at: &'f str,
        input: Value,
        scope: &'f mut Scope,
    ) -> BoxFuture<'f, Result<Value, StateError>> {
        Box::pin(async move {
            let (mut name, mut input) = (start_at, input);
            loop {
                // This does not happen: every name was checked when the definition was loaded.
                let Some(state) = flow.states.get(name) else {
                    return Err(StateError::new(
                        "States.Runtime",
                        format!("there is no state '{name}'"),
                    ));
                };
                self.check_history()?;
                let state_type = state.type_name();
                let entered_previous = scope.track.previous();
                let entered = Event::StateEntered {
                    state_type,
                    name,
                    input: &input,
                };
                let entered_id = self.history.add(entered_previous, entered);
                scope.track.set_previous(entered_id);
                scope.track.open(state_type);
                let mut visit = Visit {
                    name,
                    input,
                    retry_count: 0,
                    entered_id,
                    entered_previous,
                    entered_time: self.clock.now(),
                    counts_retries: matches!(
                        state.kind,
                        Kind::Task(_) | Kind::Parallel { .. } | Kind::Map(_)
                    ),
                };
                let exit = self.run_state(state, &mut visit, scope).await?;
                let exited = Event::StateExited {
                    state_type,
                    name,
                    output: &exit.output,
                    assigned: &exit.assigned,
                };
                let exited_id = self.history.add(scope.track.previous(), exited);
                scope.track.set_previous(exited_id);
                scope.track.close();
                scope.variables.extend(exit.assigned);
                match exit.next {
                    Next::End => return Ok(exit.output),
                    Next::State(next) => {
                        if scope.top {
                            self.history.checkpoint(&Checkpoint {
                                state: next.clone(),
                                input: exit.output.clone(),
                                variables: scope.variables.clone(),
                                previous_event_id: exited_id,
                                last_event_id: self.history.last_id(),
                                redrive_count: self.redrive_count,
                            });
                        }
                        let Some((known, _)) = flow.states.get_key_value(&next) else {
                            return Err(StateError::new(
                                "States.Runtime",
                                format!("there is no state '{next}'"),
                            ));
                        };
                        name = known;
                        input = exit.output;
                    }
                }
            }
        })
    }

    /// Returns `States.Runtime` if the history could not be recorded or has reached the maximum number of events.
    fn check_history(&self) -> Result<(), StateError> {
        if let Some(failure) = self.history.failure() {
            return Err(StateError::new("States.Runtime", failure));
        }
        // One event is reserved for the end of the execution.
        if self.history.last_id() + 1 >= MOST_EVENTS {
            let cause =
                format!("The execution reached the maximum number of history events ({MOST_EVENTS}).");
            return Err(StateError::new("States.Runtime", cause));
        }
        Ok(())
    }

    async fn run_state(
        &self,
        state: &State,
        visit: &mut Visit<'_>,
        scope: &mut Scope,
    ) -> Result<Exit, StateError> {
        let mut retries = Retries::new(&state.retriers);
        let error = loop {
            match self.attempt(state, visit, scope).await {
                Ok(exit) => return Ok(exit),
                Err(error) if error.is_runtime() => return Err(error),
                Err(error) => match retries.next(&error, &self.random) {
                    Some(delay) => {
                        self.clock.sleep(delay).await;
                        self.check_history()?;
                        visit.retry_count += 1;
                    }
                    None => break error,
                },
            }
        };
        self.record_state_failed(state, scope);
        let caught = state
            .catchers
            .iter()
            .position(|catcher| error.matches(&catcher.error_equals));
        let Some((index, catcher)) = caught.and_then(|index| Some((index, state.catchers.get(index)?)))
        else {
            return Err(error);
        };
        let error_output = error.output();
        let field = format!("Catch[{index}]");
        let scene = self.scene(visit, scope, None, Some(&error_output));
        let result = self
            .exit(
                &catcher.output,
                &error_output,
                &catcher.assign,
                &field,
                visit.name,
                &scene,
            )
            .map(|(output, assigned)| Exit {
                output,
                assigned,
                next: Next::State(catcher.next.clone()),
            });
        result.map_err(|problem| {
            let error = self.explain(problem, visit, scope);
            self.record_state_failed(state, scope);
            error
        })
    }

    /// Records the `Failed` event of a Map or Parallel. A Task has already recorded the failure of its last attempt.
    fn record_state_failed(&self, state: &State, scope: &Scope) {
        if matches!(state.kind, Kind::Parallel { .. } | Kind::Map(_)) {
            let failed = Event::StateMark {
                state_type: state.type_name(),
                mark: "Failed",
            };
            let id = self.history.add(scope.track.previous(), failed);
            scope.track.set_previous(id);
            scope.track.close();
        }
    }

    /// Runs the state once.
    async fn attempt(&self, state: &State, visit: &Visit<'_>, scope: &mut Scope) -> Result<Exit, StateError> {
        let result = match &state.kind {
            Kind::Pass | Kind::Succeed => None,
            Kind::Fail { error, cause } => return Err(self.fail(error, cause, visit, scope)),
            Kind::Wait(wait) => {
                self.wait(wait, visit, scope).await?;
                None
            }
            Kind::Choice { .. } => return self.choose(state, visit, scope),
            Kind::Task(task) => Some(self.task(task, visit, scope).await?),
            Kind::Parallel { arguments, branches } => {
                Some(self.parallel(arguments.as_ref(), branches, visit, scope).await?)
            }
            Kind::Map(map) => Some(self.map(map, visit, scope).await?),
        };
        let default = result.as_ref().unwrap_or(&visit.input);
        let scene = self.scene(visit, scope, result.as_ref(), None);
        let (output, assigned) = self
            .exit(&state.output, default, &state.assign, "", visit.name, &scene)
            .map_err(|problem| self.explain(problem, visit, scope))?;
        Ok(Exit {
            output,
            assigned,
            next: state.next.clone(),
        })
    }

    fn fail(
        &self,
        error: &Option<Template>,
        cause: &Option<Template>,
        visit: &Visit<'_>,
        scope: &Scope,
    ) -> StateError {
        let text = |template: &Option<Template>, field: &str| match template {
            None => Ok(None),
            Some(template) => {
                let value = self.value(template, field, Expected::String, visit, scope)?;
                Ok(value.as_str().map(str::to_string))
            }
        };
        match text(error, "Error").and_then(|error| Ok((error, text(cause, "Cause")?))) {
            Ok((error, cause)) => StateError { error, cause },
            Err(evaluation) => evaluation,
        }
    }

    async fn wait(&self, wait: &WaitFor, visit: &Visit<'_>, scope: &Scope) -> Result<(), StateError> {
        let seconds = match wait {
            WaitFor::Seconds(template) => self.number(template, "Seconds", visit, scope)?,
            WaitFor::Timestamp(template) => {
                let value = self.value(template, "Timestamp", Expected::String, visit, scope)?;
                let text = value.as_str().unwrap_or_default();
                let Some(until) = timestamp::parse(text) else {
                    let cause = self.cause(
                        visit,
                        &format!(
                            "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time \
                             format string: {text}"
                        ),
                    );
                    // As observed on AWS: the expression had a value, so `previousEventId` is the Entered event.
                    let previous = scope.track.previous();
                    return Err(self.evaluation_failed(cause, Some("Timestamp"), previous, visit, scope));
                };
                let milliseconds = (until - self.clock.now()).num_milliseconds();
                milliseconds as f64 / 1000.0
            }
        };
        self.clock.sleep(seconds_duration(seconds)).await;
        Ok(())
    }

    fn choose(&self, state: &State, visit: &Visit<'_>, scope: &Scope) -> Result<Exit, StateError> {
        let Kind::Choice { rules, default } = &state.kind else {
            return Err(StateError::new("States.Runtime", "expected a Choice state"));
        };
        let scene = self.scene(visit, scope, None, None);
        let leave = |output, assign, field: &str, next: &str| {
            self.exit(output, &visit.input, assign, field, visit.name, &scene)
                .map(|(output, assigned)| Exit {
                    output,
                    assigned,
                    next: Next::State(next.to_string()),
                })
                .map_err(|problem| self.explain(problem, visit, scope))
        };
        for (index, rule) in rules.iter().enumerate() {
            let field = format!("Choices[{index}]");
            let condition_field = format!("{field}/Condition");
            let condition = self.value(&rule.condition, &condition_field, Expected::Boolean, visit, scope)?;
            if condition == Value::Bool(true) {
                return leave(&rule.output, &rule.assign, &field, &rule.next);
            }
        }
        match default {
            Some(next) => leave(&state.output, &state.assign, "", next),
            None => Err(StateError::new(
                "States.NoChoiceMatched",
                self.cause(
                    visit,
                    "Failed to transition out of the state. The state does not point to a next state.",
                ),
            )),
        }
    }

    /// Evaluates Output and Assign. Neither of them uses the result of the other.
    fn exit(
        &self,
        output: &Option<Template>,
        default: &Value,
        assign: &[(String, Template)],
        field: &str,
        state_name: &str,
        scene: &Scene<'_>,
    ) -> Result<(Value, Map<String, Value>), Problem> {
        let within = |name: &str| {
            if field.is_empty() {
                name.to_string()
            } else {
                format!("{field}/{name}")
            }
        };
        let output = match output {
            Some(template) => evaluate(template, &within("Output"), Expected::Any, scene)?,
            None => default.clone(),
        };
        let assigned = evaluate_assign(assign, &within("Assign"), scene)?;
        check_size(&output, &format!("The state/task '{state_name}'"))?;
        Ok((output, assigned))
    }

    // ---- evaluation and its events ----

    pub(crate) fn scene<'s>(
        &'s self,
        visit: &'s Visit<'_>,
        scope: &'s Scope,
        result: Option<&'s Value>,
        error: Option<&'s Value>,
    ) -> Scene<'s> {
        Scene {
            states: states(
                &visit.input,
                || self.context(visit, scope.item.as_ref()),
                result,
                error,
            ),
            variables: &scope.variables,
            path_root: result.unwrap_or(&visit.input),
            now: self.clock.now(),
            random: &self.random,
        }
    }

    /// Returns the value of a field of the state, or the error of its evaluation.
    pub(crate) fn value(
        &self,
        template: &Template,
        field: &str,
        expected: Expected,
        visit: &Visit<'_>,
        scope: &Scope,
    ) -> Result<Value, StateError> {
        let scene = self.scene(visit, scope, None, None);
        evaluate(template, field, expected, &scene)
            .map_err(|fault| self.explain(Problem::Fault(fault), visit, scope))
    }

    /// Returns the value of a field that must be a number of 0 or more: seconds, a count or a percentage.
    pub(crate) fn number(
        &self,
        template: &Template,
        field: &str,
        visit: &Visit<'_>,
        scope: &Scope,
    ) -> Result<f64, StateError> {
        let value = self.value(template, field, Expected::Number, visit, scope)?;
        value.as_f64().filter(|number| *number >= 0.0).ok_or_else(|| {
            let message =
                format!("The value {value} specified for the field '{field}' must not be negative.");
            let fault = Fault {
                location: Some(field.to_string()),
                message,
                is_runtime: false,
            };
            self.explain(Problem::Fault(fault), visit, scope)
        })
    }

    /// Converts a problem to the error of the state. Records an `EvaluationFailed` event if an evaluation failed.
    pub(crate) fn explain(&self, problem: Problem, visit: &Visit<'_>, scope: &Scope) -> StateError {
        let fault = match problem {
            Problem::Error(error) => return error,
            Problem::Fault(fault) => fault,
        };
        let cause = self.cause(visit, &fault.message);
        if fault.is_runtime {
            return StateError::new("States.Runtime", cause);
        }
        // As observed on AWS: if the state has recorded only its Entered event, `previousEventId` is that of the
        // Entered event and not the Entered event itself.
        let previous = match scope.track.previous() {
            entered if entered == visit.entered_id => visit.entered_previous,
            other => other,
        };
        self.evaluation_failed(cause, fault.location.as_deref(), previous, visit, scope)
    }

    /// Records an `EvaluationFailed` event after `previous` and returns its error.
    fn evaluation_failed(
        &self,
        cause: String,
        location: Option<&str>,
        previous: u64,
        visit: &Visit<'_>,
        scope: &Scope,
    ) -> StateError {
        let error = StateError::new("States.QueryEvaluationError", cause);
        let event = Event::EvaluationFailed {
            error: &error,
            location,
            state: visit.name,
        };
        scope.track.set_previous(self.history.add(previous, event));
        error
    }

    fn cause(&self, visit: &Visit<'_>, what: &str) -> String {
        format!(
            "An error occurred while executing the state '{}' (entered at the event id #{}). {what}",
            visit.name, visit.entered_id
        )
    }

    /// Returns the context object, `$states.context`.
    pub(crate) fn context(&self, visit: &Visit<'_>, item: Option<&Value>) -> Value {
        let settings = self.settings;
        let machine_name = settings.machine_arn.rsplit(':').next().unwrap_or_default();
        let mut context = json!({
            "Execution": {
                "Id": settings.execution_arn,
                "Input": null,
                "StartTime": iso(settings.start),
                "Name": settings.name,
                "RoleArn": settings.role_arn,
                "RedriveCount": self.redrive_count,
            },
            "StateMachine": { "Id": settings.machine_arn, "Name": machine_name },
            "State": { "Name": visit.name, "EnteredTime": iso(visit.entered_time) },
        });
        context["Execution"]["Input"] = settings.input.clone();
        if visit.counts_retries {
            context["State"]["RetryCount"] = json!(visit.retry_count);
        }
        if let Some(item) = item {
            context["Map"] = item.clone();
        }
        context
    }
}

/// A failed evaluation of a template, or an error in the use of its value.
pub(crate) enum Problem {
    Fault(Fault),
    Error(StateError),
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<StateError> for Problem {
    fn from(error: StateError) -> Self {
        Self::Error(error)
    }
}

fn iso(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}
