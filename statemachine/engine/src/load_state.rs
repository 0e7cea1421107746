//! Loads one state: checks the fields of its type and their values.

use serde_json::{Map as Object, Value};

use crate::definition::{ChoiceRule, Flow, Kind, Map, Next, State, Task, WaitFor};
use crate::load::{LONGEST_SECONDS, Loader, brief};
use crate::template::{Template, expression_source};
use crate::timestamp;

const COMMON: [&str; 3] = ["Type", "Comment", "QueryLanguage"];
const TRANSITION: [&str; 2] = ["Next", "End"];
const RESULT: [&str; 2] = ["Output", "Assign"];
const HANDLING: [&str; 2] = ["Retry", "Catch"];
/// Fields that exist only in JSONata, for the state types that can be JSONPath.
const JSONATA_FIELDS: [&str; 2] = ["Arguments", "Output"];

type Fields = Object<String, Value>;

impl Loader {
    pub(crate) fn state(&mut self, place: &str, value: &Value) -> Option<State> {
        let fields = self.object(place, value)?;
        let jsonata = self.query_language(place, fields);
        let kind = self.required_text(place, fields, "Type")?;
        if !jsonata {
            return self.path_state(place, fields, &kind);
        }
        let (own, parts): (&[&str], &[&[&str]]) = match kind.as_str() {
            "Pass" => (&[], &[&TRANSITION, &RESULT]),
            "Succeed" => (&["Output"], &[]),
            "Fail" => (&["Error", "Cause"], &[]),
            "Wait" => (&["Seconds", "Timestamp"], &[&TRANSITION, &RESULT]),
            "Choice" => (&["Choices", "Default"], &[&RESULT]),
            "Task" => (
                &["Resource", "Arguments", "TimeoutSeconds", "HeartbeatSeconds"],
                &[&TRANSITION, &RESULT, &HANDLING],
            ),
            "Parallel" => (&["Branches", "Arguments"], &[&TRANSITION, &RESULT, &HANDLING]),
            "Map" => (
                &[
                    "Items",
                    "ItemSelector",
                    "ItemProcessor",
                    "MaxConcurrency",
                    "ToleratedFailureCount",
                    "ToleratedFailurePercentage",
                ],
                &[&TRANSITION, &RESULT, &HANDLING],
            ),
            _ => {
                self.unknown_type(place, &kind);
                return None;
            }
        };
        let known: Vec<&str> = COMMON
            .iter()
            .chain(own)
            .chain(parts.iter().copied().flatten())
            .copied()
            .collect();
        self.known_fields(place, fields, &known);
        let kind = match kind.as_str() {
            "Pass" => Some(Kind::Pass),
            "Succeed" => Some(Kind::Succeed),
            "Fail" => Some(self.fail(place, fields)),
            "Wait" => self.wait(place, fields),
            "Choice" => self.choice(place, fields),
            "Task" => self.task(place, fields),
            "Parallel" => self.parallel(place, fields),
            _ => self.map(place, fields),
        };
        let next = self.transition(place, fields, known.contains(&"Next"));
        let output = self.optional_template(place, fields, "Output");
        let assign = self.assign(place, fields);
        let retriers = self.retriers(place, fields);
        let catchers = self.catchers(place, fields);
        Some(State {
            kind: kind?,
            next: next?,
            output,
            assign,
            retriers,
            catchers,
        })
    }

    fn unknown_type(&mut self, place: &str, kind: &str) {
        self.problem(
            &format!("{place}/Type"),
            format!("expected Task, Pass, Choice, Wait, Succeed, Fail, Parallel or Map, found \"{kind}\""),
        );
    }

    /// Loads a JSONPath state of a machine that also has JSONata states: a Pass, Task, Succeed or Fail state with
    /// plain paths.
    fn path_state(&mut self, place: &str, fields: &Fields, kind: &str) -> Option<State> {
        let own: &[&str] = match (kind, self.mixed) {
            ("Pass", true) => &["Next", "End", "Assign", "Parameters", "OutputPath"],
            ("Pass", false) => &["Next", "End", "Assign"],
            ("Task", true) => &[
                "Next",
                "End",
                "Assign",
                "Parameters",
                "OutputPath",
                "Resource",
                "TimeoutSeconds",
                "Retry",
            ],
            ("Task", false) => &["Next", "End", "Assign", "Resource", "TimeoutSeconds", "Retry"],
            ("Succeed", _) => &[],
            ("Fail", _) => &["Error", "Cause"],
            ("Choice" | "Wait" | "Parallel" | "Map", _) => {
                self.problem(
                    &format!("{place}/QueryLanguage"),
                    format!("expected \"JSONata\" for a {kind} state: JSONPath is not implemented there"),
                );
                self.jsonpath_fields(place, fields);
                return None;
            }
            _ => {
                self.unknown_type(place, kind);
                return None;
            }
        };
        for field in JSONATA_FIELDS.iter().filter(|field| fields.contains_key(**field)) {
            self.problem(
                &format!("{place}/{field}"),
                format!(
                    "{field} is a field of JSONata, and this state is JSONPath: expected \"QueryLanguage\": \
                     \"JSONata\" beside it, which a Map or Parallel does not hand down"
                ),
            );
        }
        let known: Vec<&str> = COMMON.iter().chain(own).chain(&JSONATA_FIELDS).copied().collect();
        self.known_fields(place, fields, &known);
        if let Some(path) = fields.get("OutputPath")
            && self.mixed
            && path != "$"
        {
            self.problem(
                &format!("{place}/OutputPath"),
                format!(
                    "expected \"$\", found {}: JSONPath beyond that is not implemented",
                    brief(path)
                ),
            );
        }
        let parameters = match fields.get("Parameters") {
            Some(value) if self.mixed => self.path_template(&format!("{place}/Parameters"), value),
            _ => None,
        };
        let assign = match fields.get("Assign") {
            Some(value) => self.path_assign(&format!("{place}/Assign"), value),
            None => Vec::new(),
        };
        let next = self.transition(place, fields, matches!(kind, "Pass" | "Task"));
        let retriers = self.retriers(place, fields);
        let (kind, output) = match kind {
            "Pass" => (Kind::Pass, parameters),
            "Succeed" => (Kind::Succeed, None),
            "Fail" => {
                let literal = |field: &str| fields.get(field).cloned().map(Template::Literal);
                (
                    Kind::Fail {
                        error: literal("Error"),
                        cause: literal("Cause"),
                    },
                    None,
                )
            }
            _ => {
                let resource = self.resource(place, fields);
                self.invoke_arguments(place, "Parameters", resource.as_ref(), parameters.as_ref());
                let timeout_seconds = self.seconds(place, fields, "TimeoutSeconds");
                let task = Task {
                    resource: resource?,
                    arguments: parameters,
                    timeout_seconds,
                    heartbeat_seconds: None,
                };
                (Kind::Task(task), None)
            }
        };
        Some(State {
            kind,
            next: next?,
            output,
            assign,
            retriers,
            catchers: Vec::new(),
        })
    }

    fn path_assign(&mut self, place: &str, value: &Value) -> Vec<(String, Template)> {
        match self.path_template(place, value) {
            Some(Template::Object(members)) => members,
            Some(Template::Literal(Value::Object(members))) => members
                .into_iter()
                .map(|(name, value)| (name, Template::Literal(value)))
                .collect(),
            _ => Vec::new(),
        }
    }

    fn fail(&mut self, place: &str, fields: &Fields) -> Kind {
        let mut text = |field: &str| {
            let value = fields.get(field)?;
            let at = format!("{place}/{field}");
            if !value.is_string() {
                self.problem(&at, format!("expected a string, found {}", brief(value)));
                return None;
            }
            self.template(&at, value)
        };
        Kind::Fail {
            error: text("Error"),
            cause: text("Cause"),
        }
    }

    fn wait(&mut self, place: &str, fields: &Fields) -> Option<Kind> {
        let wait = match (fields.get("Seconds"), fields.get("Timestamp")) {
            (Some(seconds), None) => WaitFor::Seconds(self.number_or_expression(
                &format!("{place}/Seconds"),
                seconds,
                0.0,
                LONGEST_SECONDS,
            )?),
            (None, Some(value)) => {
                let at = format!("{place}/Timestamp");
                let text = self.text(&at, value)?;
                if expression_source(&text).is_none() && !timestamp::is_literal(&text) {
                    self.problem(
                        &at,
                        format!(
                            "expected an RFC 3339 timestamp such as 2026-03-14T01:59:00Z or \
                             2026-03-14T01:59:00+01:00, with T and Z uppercase, found \"{text}\""
                        ),
                    );
                    return None;
                }
                WaitFor::Timestamp(self.template(&at, value)?)
            }
            _ => {
                self.problem(place, "expected exactly one of Seconds and Timestamp");
                return None;
            }
        };
        Some(Kind::Wait(wait))
    }

    fn choice(&mut self, place: &str, fields: &Fields) -> Option<Kind> {
        let at = format!("{place}/Choices");
        let Some(choices) = fields.get("Choices") else {
            self.problem(&at, "expected an array of rules, found nothing");
            return None;
        };
        let choices = self.array(&at, choices)?;
        if choices.is_empty() {
            self.problem(&at, "expected at least one rule, found none");
        }
        let rules: Vec<_> = choices
            .iter()
            .enumerate()
            .map(|(index, rule)| self.choice_rule(&format!("{at}/{index}"), rule))
            .collect();
        let default = match fields.get("Default") {
            Some(value) => Some(self.text(&format!("{place}/Default"), value)?),
            None => None,
        };
        Some(Kind::Choice {
            rules: rules.into_iter().collect::<Option<_>>()?,
            default,
        })
    }

    fn choice_rule(&mut self, place: &str, value: &Value) -> Option<ChoiceRule> {
        let fields = self.object(place, value)?;
        self.known_fields(
            place,
            fields,
            &["Condition", "Next", "Output", "Assign", "Comment"],
        );
        let at = format!("{place}/Condition");
        let condition = match fields.get("Condition") {
            Some(Value::Bool(constant)) => Some(Template::Literal(Value::Bool(*constant))),
            Some(Value::String(text)) if expression_source(text).is_some() => {
                self.template(&at, &Value::String(text.clone()))
            }
            Some(other) => {
                self.problem(
                    &at,
                    format!("expected a boolean or an expression, found {}", brief(other)),
                );
                None
            }
            None => {
                self.problem(&at, "expected a boolean or an expression, found nothing");
                None
            }
        };
        let next = self.required_text(place, fields, "Next");
        let output = self.optional_template(place, fields, "Output");
        let assign = self.assign(place, fields);
        Some(ChoiceRule {
            condition: condition?,
            next: next?,
            output,
            assign,
        })
    }

    fn parallel(&mut self, place: &str, fields: &Fields) -> Option<Kind> {
        let at = format!("{place}/Branches");
        let Some(branches) = fields.get("Branches") else {
            self.problem(&at, "expected an array of branches, found nothing");
            return None;
        };
        let branches = self.array(&at, branches)?;
        if branches.is_empty() {
            self.problem(&at, "expected at least one branch, found none");
        }
        let branches: Vec<Option<Flow>> = branches
            .iter()
            .enumerate()
            .map(|(index, branch)| self.flow(&format!("{at}/{index}"), branch, &[]))
            .collect();
        let arguments = self.optional_template(place, fields, "Arguments");
        Some(Kind::Parallel {
            arguments,
            branches: branches.into_iter().collect::<Option<_>>()?,
        })
    }

    fn map(&mut self, place: &str, fields: &Fields) -> Option<Kind> {
        let at = format!("{place}/ItemProcessor");
        let Some(processor) = fields.get("ItemProcessor") else {
            self.problem(&at, "expected an object with StartAt and States, found nothing");
            return None;
        };
        if let Some(config) = processor.get("ProcessorConfig") {
            self.processor_config(&format!("{at}/ProcessorConfig"), config);
        }
        let processor = self.flow(&at, processor, &["ProcessorConfig"]);
        let items = self.items(place, fields);
        let item_selector = self.optional_template(place, fields, "ItemSelector");
        let mut limit = |field: &str, most: f64| {
            let value = fields.get(field)?;
            self.number_or_expression(&format!("{place}/{field}"), value, 0.0, most)
        };
        let max_concurrency = limit("MaxConcurrency", LONGEST_SECONDS);
        let tolerated_failure_count = limit("ToleratedFailureCount", LONGEST_SECONDS);
        let tolerated_failure_percentage = limit("ToleratedFailurePercentage", 100.0);
        Some(Kind::Map(Box::new(Map {
            items,
            item_selector,
            max_concurrency,
            tolerated_failure_count,
            tolerated_failure_percentage,
            processor: processor?,
        })))
    }

    fn processor_config(&mut self, place: &str, config: &Value) {
        let Some(fields) = self.object(place, config) else {
            return;
        };
        self.known_fields(place, fields, &["Mode"]);
        if let Some(mode) = fields.get("Mode")
            && mode != "INLINE"
        {
            self.problem(
                &format!("{place}/Mode"),
                format!(
                    "expected \"INLINE\", found {}: other modes are not implemented",
                    brief(mode)
                ),
            );
        }
    }

    fn items(&mut self, place: &str, fields: &Fields) -> Option<Template> {
        let value = fields.get("Items")?;
        let at = format!("{place}/Items");
        let is_expression = value
            .as_str()
            .is_some_and(|text| expression_source(text).is_some());
        if !value.is_array() && !is_expression {
            self.problem(
                &at,
                format!("expected an array or an expression, found {}", brief(value)),
            );
            return None;
        }
        self.template(&at, value)
    }

    fn transition(&mut self, place: &str, fields: &Fields, has_transition: bool) -> Option<Next> {
        if !has_transition {
            return Some(Next::End);
        }
        let end = match fields.get("End") {
            None => false,
            Some(Value::Bool(end)) => *end,
            Some(other) => {
                self.problem(
                    &format!("{place}/End"),
                    format!("expected a boolean, found {}", brief(other)),
                );
                return None;
            }
        };
        match (fields.get("Next"), end) {
            (None, true) => Some(Next::End),
            (Some(next), false) => self.text(&format!("{place}/Next"), next).map(Next::State),
            (None, false) => {
                self.problem(
                    place,
                    "expected exactly one of Next and \"End\": true, found neither",
                );
                None
            }
            (Some(_), true) => {
                self.problem(
                    place,
                    "expected exactly one of Next and \"End\": true, found both",
                );
                None
            }
        }
    }

    pub(crate) fn optional_template(
        &mut self,
        place: &str,
        fields: &Fields,
        field: &str,
    ) -> Option<Template> {
        fields
            .get(field)
            .and_then(|value| self.template(&format!("{place}/{field}"), value))
    }

    pub(crate) fn seconds(&mut self, place: &str, fields: &Fields, field: &str) -> Option<Template> {
        let value = fields.get(field)?;
        self.number_or_expression(&format!("{place}/{field}"), value, 1.0, LONGEST_SECONDS)
    }
}
