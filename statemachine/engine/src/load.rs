//! Loads a definition: converts JSON to a [`StateMachine`], or reports every problem with its JSON pointer.
//!
//! A field, state type, resource or query language that the engine does not implement is reported here. A run
//! never ignores one. This file loads the fields of the machine, and checks names and transitions.
//! [`crate::load_state`] loads the fields of each state type, [`crate::load_task`] those of a Task,
//! [`crate::load_handling`] Retry, Catch and Assign, and [`crate::load_values`] templates and numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map as Object, Value};

use crate::definition::{Flow, Kind, Next, StateMachine};

/// The reason why a definition could not be loaded. It lists all problems that were found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", list(.problems))]
pub struct LoadError {
    /// All problems, in the order in which they were found; never empty.
    pub problems: Vec<LoadProblem>,
}

/// One problem of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadProblem {
    /// JSON pointer (RFC 6901) to the invalid member, for example `/States/Parse/Retry/0/BackOffRate`.
    pub place: String,
    /// The value that was expected there and the value that was found.
    pub message: String,
}

impl fmt::Display for LoadProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.place.is_empty() { "/" } else { &self.place };
        write!(formatter, "{place}: {}", self.message)
    }
}

fn list(problems: &[LoadProblem]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

impl StateMachine {
    /// Loads a definition. Each `${name}` inside a string is replaced by its value in `substitutions`
    /// (CloudFormation's `DefinitionSubstitutions`). A `${name}` without a value is not replaced. As a resource or
    /// function name it means the function `name`.
    ///
    /// # Errors
    /// If the text is not JSON, or contains anything that the engine does not implement.
    pub fn parse(
        definition: impl AsRef<[u8]>,
        substitutions: &BTreeMap<String, String>,
    ) -> Result<Self, LoadError> {
        let mut document: Value = serde_json::from_slice(definition.as_ref()).map_err(|error| LoadError {
            problems: vec![LoadProblem {
                place: String::new(),
                message: format!("expected JSON, found: {error}"),
            }],
        })?;
        substitute(&mut document, substitutions);
        let mut loader = Loader::default();
        let machine = loader.machine(&document);
        match machine {
            Some(machine) if loader.problems.is_empty() => Ok(machine),
            _ => Err(LoadError {
                problems: loader.problems,
            }),
        }
    }
}

/// Builds a [`StateMachine`] and collects problems.
#[derive(Debug, Default)]
pub(crate) struct Loader {
    pub(crate) problems: Vec<LoadProblem>,
    /// Whether the query language of the machine is JSONata. It applies to every state without a `QueryLanguage`.
    jsonata: bool,
    /// Whether the machine or any of its states is JSONata. JSONPath states are accepted only in such a machine.
    pub(crate) mixed: bool,
    /// The state names so far. They are unique in the whole machine, including branches.
    names: BTreeSet<String>,
}

const MACHINE_FIELDS: [&str; 6] = [
    "Comment",
    "QueryLanguage",
    "StartAt",
    "States",
    "TimeoutSeconds",
    "Version",
];
const FLOW_FIELDS: [&str; 3] = ["Comment", "StartAt", "States"];
const LONGEST_NAME: usize = 80;
/// The longest timeout that AWS accepts, in seconds.
pub(crate) const LONGEST_SECONDS: f64 = 99_999_999.0;

impl Loader {
    fn machine(&mut self, document: &Value) -> Option<StateMachine> {
        let fields = self.object("", document)?;
        self.known_fields("", fields, &MACHINE_FIELDS);
        if let Some(version) = fields.get("Version")
            && version != "1.0"
        {
            self.problem("/Version", format!("expected \"1.0\", found {version}"));
        }
        self.jsonata = self.query_language("", fields);
        self.mixed = self.jsonata || any_state_is_jsonata(document);
        if !self.mixed {
            self.problem(
                "/QueryLanguage",
                "expected \"JSONata\" on the machine or on its states, found none: JSONPath machines are not \
                 implemented",
            );
        }
        let timeout_seconds = fields
            .get("TimeoutSeconds")
            .and_then(|value| self.number("/TimeoutSeconds", value, 1.0, LONGEST_SECONDS, true));
        let flow = self.flow_body("", fields)?;
        Some(StateMachine {
            flow,
            timeout_seconds,
        })
    }

    /// Loads a branch or the processor of a Map. `extra` lists the additional fields that are allowed.
    pub(crate) fn flow(&mut self, place: &str, value: &Value, extra: &[&str]) -> Option<Flow> {
        let fields = self.object(place, value)?;
        let known: Vec<&str> = FLOW_FIELDS.iter().chain(extra).copied().collect();
        self.known_fields(place, fields, &known);
        self.flow_body(place, fields)
    }

    fn flow_body(&mut self, place: &str, fields: &Object<String, Value>) -> Option<Flow> {
        let start_at = self.required_text(place, fields, "StartAt");
        let states_place = format!("{place}/States");
        let Some(states) = fields.get("States") else {
            self.problem(&states_place, "expected an object of states, found nothing");
            return None;
        };
        let states = self.object(&states_place, states)?;
        if states.is_empty() {
            self.problem(&states_place, "expected at least one state, found none");
        }
        let mut loaded = BTreeMap::new();
        for (name, state) in states {
            let state_place = format!("{states_place}/{}", escape(name));
            if name.is_empty() || name.chars().count() > LONGEST_NAME {
                self.problem(
                    &state_place,
                    format!("expected a name of 1 to {LONGEST_NAME} characters"),
                );
            }
            if !self.names.insert(name.clone()) {
                self.problem(
                    &state_place,
                    "expected a name that no other state of the machine has",
                );
            }
            if let Some(state) = self.state(&state_place, state) {
                loaded.insert(name.clone(), state);
            }
        }
        let start_at = start_at?;
        let flow = Flow {
            start_at,
            states: loaded,
        };
        self.check_transitions(place, &flow, states);
        Some(flow)
    }

    /// Checks that every target of a transition exists and that every state can be reached from `StartAt`.
    fn check_transitions(&mut self, place: &str, flow: &Flow, declared: &Object<String, Value>) {
        let target = |loader: &mut Self, at: String, name: &str| {
            if !declared.contains_key(name) {
                loader.problem(
                    &at,
                    format!("expected the name of a state beside it, found \"{name}\""),
                );
            }
        };
        target(self, format!("{place}/StartAt"), &flow.start_at);
        let mut edges: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, state) in &flow.states {
            let at = format!("{place}/States/{}", escape(name));
            let mut out = Vec::new();
            if let Next::State(next) = &state.next {
                target(self, format!("{at}/Next"), next);
                out.push(next.as_str());
            }
            if let Kind::Choice { rules, default } = &state.kind {
                for (index, rule) in rules.iter().enumerate() {
                    target(self, format!("{at}/Choices/{index}/Next"), &rule.next);
                    out.push(&rule.next);
                }
                if let Some(default) = default {
                    target(self, format!("{at}/Default"), default);
                    out.push(default);
                }
            }
            for (index, catcher) in state.catchers.iter().enumerate() {
                target(self, format!("{at}/Catch/{index}/Next"), &catcher.next);
                out.push(&catcher.next);
            }
            edges.insert(name, out);
        }
        // The transitions of a state that failed to load are unknown, so reachability cannot be checked.
        if edges.len() != declared.len() || !declared.contains_key(&flow.start_at) {
            return;
        }
        let mut reached = BTreeSet::new();
        let mut todo = vec![flow.start_at.as_str()];
        while let Some(name) = todo.pop() {
            if reached.insert(name) {
                todo.extend(edges.get(name).into_iter().flatten());
            }
        }
        for name in declared.keys().filter(|name| !reached.contains(name.as_str())) {
            self.problem(
                &format!("{place}/States/{}", escape(name)),
                "expected a state that some transition leads to, found none that does",
            );
        }
    }

    // ---- helpers for all parts of the loader ----

    pub(crate) fn problem(&mut self, place: &str, message: impl Into<String>) {
        self.problems.push(LoadProblem {
            place: place.to_string(),
            message: message.into(),
        });
    }

    pub(crate) fn object<'v>(&mut self, place: &str, value: &'v Value) -> Option<&'v Object<String, Value>> {
        let object = value.as_object();
        if object.is_none() {
            self.problem(place, format!("expected an object, found {}", brief(value)));
        }
        object
    }

    pub(crate) fn array<'v>(&mut self, place: &str, value: &'v Value) -> Option<&'v [Value]> {
        let array = value.as_array();
        if array.is_none() {
            self.problem(place, format!("expected an array, found {}", brief(value)));
        }
        array.map(Vec::as_slice)
    }

    pub(crate) fn text(&mut self, place: &str, value: &Value) -> Option<String> {
        match value.as_str() {
            Some(text) if !text.is_empty() => Some(text.to_string()),
            _ => {
                self.problem(
                    place,
                    format!("expected a string that is not empty, found {}", brief(value)),
                );
                None
            }
        }
    }

    pub(crate) fn required_text(
        &mut self,
        place: &str,
        fields: &Object<String, Value>,
        field: &str,
    ) -> Option<String> {
        let at = format!("{place}/{field}");
        match fields.get(field) {
            Some(value) => self.text(&at, value),
            None => {
                self.problem(&at, "expected a string, found nothing");
                None
            }
        }
    }

    pub(crate) fn known_fields(&mut self, place: &str, fields: &Object<String, Value>, known: &[&str]) {
        for field in fields.keys().filter(|field| !known.contains(&field.as_str())) {
            let at = format!("{place}/{}", escape(field));
            let message = if JSONPATH_FIELDS.contains(&field.as_str()) {
                format!("{field} is a field of JSONPath, which is not implemented: expected JSONata fields")
            } else if field == "QueryLanguage" {
                "expected QueryLanguage only on the machine and on each state inside, found it here"
                    .to_string()
            } else {
                format!("expected one of {}, found the field {field}", known.join(", "))
            };
            self.problem(&at, message);
        }
    }

    /// Reports the JSONPath fields of a state that is rejected as a whole, so that one run shows everything that
    /// must be changed.
    pub(crate) fn jsonpath_fields(&mut self, place: &str, fields: &Object<String, Value>) {
        let others: Vec<&str> = fields
            .keys()
            .map(String::as_str)
            .filter(|field| !JSONPATH_FIELDS.contains(field))
            .collect();
        self.known_fields(place, fields, &others);
    }

    /// Whether a state, or the machine itself, is JSONata. As on AWS, a state without `QueryLanguage` uses the query
    /// language of the machine, also inside a Map or Parallel that names another one.
    pub(crate) fn query_language(&mut self, place: &str, fields: &Object<String, Value>) -> bool {
        match fields.get("QueryLanguage") {
            None => self.jsonata,
            Some(Value::String(language)) if language == "JSONata" => true,
            Some(Value::String(language)) if language == "JSONPath" => {
                if self.jsonata {
                    let at = format!("{place}/QueryLanguage");
                    self.problem(
                        &at,
                        "expected \"JSONata\" inside a JSONata machine, found \"JSONPath\"",
                    );
                }
                false
            }
            Some(other) => {
                self.problem(
                    &format!("{place}/QueryLanguage"),
                    format!("expected \"JSONata\", found {}", brief(other)),
                );
                self.jsonata
            }
        }
    }
}

/// Fields that exist only in JSONPath. For these the message names JSONPath instead of listing the known fields.
const JSONPATH_FIELDS: [&str; 16] = [
    "CausePath",
    "ErrorPath",
    "HeartbeatSecondsPath",
    "InputPath",
    "ItemsPath",
    "MaxConcurrencyPath",
    "OutputPath",
    "Parameters",
    "Result",
    "ResultPath",
    "ResultSelector",
    "SecondsPath",
    "TimeoutSecondsPath",
    "TimestampPath",
    "ToleratedFailureCountPath",
    "ToleratedFailurePercentagePath",
];

/// Formats a JSON value for a message, shortened to 60 characters.
pub(crate) fn brief(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = value.to_string();
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST).chain("…".chars()).collect()
}

/// Escapes a member name for a JSON pointer.
pub(crate) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn substitute(value: &mut Value, substitutions: &BTreeMap<String, String>) {
    match value {
        Value::String(text) => {
            for (name, replacement) in substitutions {
                let placeholder = format!("${{{name}}}");
                if text.contains(&placeholder) {
                    *text = text.replace(&placeholder, replacement);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| substitute(item, substitutions)),
        Value::Object(members) => members
            .values_mut()
            .for_each(|member| substitute(member, substitutions)),
        _ => {}
    }
}

/// Whether any state, at any depth, has `"QueryLanguage": "JSONata"`.
fn any_state_is_jsonata(flow: &Value) -> bool {
    let states = flow.get("States").and_then(Value::as_object);
    states.into_iter().flatten().any(|(_, state)| {
        let branches = state.get("Branches").and_then(Value::as_array);
        state.get("QueryLanguage").is_some_and(|name| name == "JSONata")
            || branches.into_iter().flatten().any(any_state_is_jsonata)
            || state.get("ItemProcessor").is_some_and(any_state_is_jsonata)
    })
}
