//! Parallel and Map states: run several sequences of states concurrently, and abort the others when one fails.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use serde_json::{Value, json};

use crate::definition::{Flow, Map};
use crate::error::StateError;
use crate::execution::Execution;
use crate::expression::{Expected, Fault, Scene, evaluate, states};
use crate::history::Event;
use crate::run::{Problem, Visit};
use crate::template::Template;
use crate::track::{Scope, Track};

/// A sequence of states that has ended: its index, its track and its result.
type Ended = (usize, Arc<Track>, Result<Value, StateError>);

impl Execution<'_> {
    /// Runs every branch with the same input. The result is the array of their outputs.
    pub(crate) async fn parallel(
        &self,
        arguments: Option<&Template>,
        branches: &[Flow],
        visit: &Visit<'_>,
        scope: &Scope,
    ) -> Result<Value, StateError> {
        let input = match arguments {
            Some(template) => self.value(template, "Arguments", Expected::Any, visit, scope)?,
            None => visit.input.clone(),
        };
        self.record(
            scope,
            Event::StateMark {
                state_type: "Parallel",
                mark: "Started",
            },
        );
        let started = scope.track.previous();
        scope.track.forget_children();
        let mut running: FuturesUnordered<BoxFuture<'_, Ended>> = branches
            .iter()
            .enumerate()
            .map(|(index, branch)| {
                let track = scope.track.child(started, None);
                self.line(
                    index,
                    branch,
                    input.clone(),
                    track,
                    scope.variables.clone(),
                    scope.item.clone(),
                )
            })
            .collect();
        let mut outputs = vec![Value::Null; branches.len()];
        let mut last = started;
        while let Some((index, track, result)) = running.next().await {
            scope.track.forget(&track);
            match result {
                Ok(output) => {
                    last = last.max(track.previous());
                    if let Some(slot) = outputs.get_mut(index) {
                        *slot = output;
                    }
                }
                Err(error) => {
                    drop(running);
                    return Err(self.give_up(&track, scope, error));
                }
            }
        }
        scope.track.set_previous(last);
        self.history.add(
            last,
            Event::StateMark {
                state_type: "Parallel",
                mark: "Succeeded",
            },
        );
        Ok(Value::Array(outputs))
    }

    /// Runs the processor for every item, with at most `MaxConcurrency` items at once. The result is the array of the
    /// outputs of the items that succeeded.
    pub(crate) async fn map(&self, map: &Map, visit: &Visit<'_>, scope: &Scope) -> Result<Value, StateError> {
        let items = self.items(map, visit, scope)?;
        let limit = |template: &Option<Template>, field| match template {
            Some(template) => self.number(template, field, visit, scope).map(Some),
            None => Ok(None),
        };
        let at_once = match limit(&map.max_concurrency, "MaxConcurrency")? {
            Some(most) if most >= 1.0 => most as usize,
            _ => usize::MAX,
        };
        let tolerance = Tolerance {
            count: limit(&map.tolerated_failure_count, "ToleratedFailureCount")?,
            percentage: limit(&map.tolerated_failure_percentage, "ToleratedFailurePercentage")?,
            items: items.len(),
        };
        self.record(scope, Event::MapStarted { length: items.len() });
        let started = scope.track.previous();
        scope.track.forget_children();

        let mut running: FuturesUnordered<BoxFuture<'_, Ended>> = FuturesUnordered::new();
        let mut outputs: Vec<Option<Value>> = vec![None; items.len()];
        let mut waiting = items.iter().enumerate();
        // The `previousEventId` of the next `MapIterationStarted`: the start of the Map, later the last event of the
        // item that ended before.
        let mut leads = started;
        let mut last = started;
        let mut failed = 0;
        loop {
            while running.len() < at_once
                && let Some((index, item)) = waiting.next()
            {
                let place = json!({ "Item": { "Index": index, "Value": item } });
                let input = match self.select(map, item, &place, visit, scope) {
                    Ok(input) => input,
                    Err(error) => {
                        drop(running);
                        scope.track.abort_children(&self.history, scope.track.previous());
                        return Err(error);
                    }
                };
                let begun = Event::MapIteration {
                    mark: "Started",
                    name: visit.name,
                    index,
                };
                let begun = self.history.add(leads, begun);
                let track = scope.track.child(begun, Some((visit.name.to_string(), index)));
                let variables = scope.variables.clone();
                running.push(self.line(index, &map.processor, input, track, variables, Some(place)));
            }
            let Some((index, track, result)) = running.next().await else {
                break;
            };
            leads = track.previous();
            scope.track.forget(&track);
            let ended = |mark| Event::MapIteration {
                mark,
                name: visit.name,
                index,
            };
            match result {
                Ok(output) => {
                    last = self.history.add(leads, ended("Succeeded"));
                    if let Some(slot) = outputs.get_mut(index) {
                        *slot = Some(output);
                    }
                }
                Err(error) if error.is_runtime() => {
                    drop(running);
                    return Err(self.give_up(&track, scope, error));
                }
                Err(error) => {
                    failed += 1;
                    last = self.history.add(leads, ended("Failed"));
                    if let Some(error) = tolerance.exceeded(failed, error) {
                        drop(running);
                        return Err(self.give_up(&track, scope, error));
                    }
                    track.abort_open(&self.history, leads);
                }
            }
        }
        scope.track.set_previous(last);
        self.history.add(
            last,
            Event::StateMark {
                state_type: "Map",
                mark: "Succeeded",
            },
        );
        Ok(Value::Array(outputs.into_iter().flatten().collect()))
    }

    fn items(&self, map: &Map, visit: &Visit<'_>, scope: &Scope) -> Result<Vec<Value>, StateError> {
        let items = match &map.items {
            Some(template) => self.value(template, "Items", Expected::Array, visit, scope)?,
            None => visit.input.clone(),
        };
        match items {
            Value::Array(items) => Ok(items),
            other => {
                let message = format!("Map state input must be an array but was: {other}");
                let fault = Fault {
                    location: None,
                    message,
                    is_runtime: false,
                };
                Err(self.explain(Problem::Fault(fault), visit, scope))
            }
        }
    }

    /// Returns the input of one item.
    fn select(
        &self,
        map: &Map,
        item: &Value,
        place: &Value,
        visit: &Visit<'_>,
        scope: &Scope,
    ) -> Result<Value, StateError> {
        let Some(selector) = &map.item_selector else {
            return Ok(item.clone());
        };
        let scene = Scene {
            states: states(&visit.input, || self.context(visit, Some(place)), None, None),
            ..self.scene(visit, scope, None, None)
        };
        evaluate(selector, "ItemSelector", Expected::Any, &scene)
            .map_err(|fault| self.explain(Problem::Fault(fault), visit, scope))
    }

    /// Returns a future that runs one sequence of states and returns its index, track and result.
    fn line<'l>(
        &'l self,
        index: usize,
        flow: &'l Flow,
        input: Value,
        track: Arc<Track>,
        variables: BTreeMap<String, Value>,
        item: Option<Value>,
    ) -> BoxFuture<'l, Ended> {
        Box::pin(async move {
            let mut scope = Scope {
                variables,
                track: Arc::clone(&track),
                item,
                top: false,
            };
            let result = self.run_flow(flow, &flow.start_at, input, &mut scope).await;
            (index, track, result)
        })
    }

    /// Handles a failed sequence: records the abort of its open states and of the other sequences, and continues the
    /// history of the enclosing state from the last event of the failed sequence. For `States.Runtime` no abort is
    /// recorded.
    fn give_up(&self, failed: &Track, scope: &Scope, error: StateError) -> StateError {
        let previous = failed.previous();
        if !error.is_runtime() {
            failed.abort_open(&self.history, previous);
            scope.track.abort_children(&self.history, previous);
        }
        scope.track.set_previous(previous);
        error
    }
}

/// The number or percentage of items that may fail before the Map fails.
struct Tolerance {
    count: Option<f64>,
    percentage: Option<f64>,
    items: usize,
}

impl Tolerance {
    /// Returns the error of the Map if `failed` items are more than tolerated. `error` is the error of the last one.
    fn exceeded(&self, failed: usize, error: StateError) -> Option<StateError> {
        let failed = failed as f64;
        let percent = failed * 100.0 / self.items.max(1) as f64;
        if self.count.is_none() && self.percentage.is_none() {
            return Some(error);
        }
        let over = self.count.is_some_and(|most| failed > most)
            || self.percentage.is_some_and(|most| percent > most);
        over.then(|| {
            StateError::new(
                "States.ExceedToleratedFailureThreshold",
                "The specified tolerated failure threshold was exceeded",
            )
        })
    }
}
