//! Loading one state: which fields each type has, and what they may hold.

use serde_json::{Map as Object, Value};

use crate::definition::{
    Catcher, ChoiceRule, Flow, Kind, Map, Next, Resource, Retrier, State, Task, WaitFor,
};
use crate::load::{LONGEST_SECONDS, Loader, brief, escape};
use crate::template::{Expression, Template, expression_source};

/// The longest delay that a retrier may be capped at, in seconds (366 days, exclusive on AWS).
const LONGEST_DELAY_SECONDS: f64 = 31_622_399.0;
const LAMBDA_INVOKE: &str = "arn:aws:states:::lambda:invoke";
const COMMON: [&str; 3] = ["Type", "Comment", "QueryLanguage"];
const TRANSITION: [&str; 2] = ["Next", "End"];
const RESULT: [&str; 2] = ["Output", "Assign"];
const HANDLING: [&str; 2] = ["Retry", "Catch"];

type Fields = Object<String, Value>;

impl Loader {
    pub(crate) fn state(&mut self, place: &str, value: &Value, inherited_jsonata: bool) -> Option<State> {
        let fields = self.object(place, value)?;
        let jsonata = self.query_language(place, fields, inherited_jsonata);
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
            "Parallel" => self.parallel(place, fields, jsonata),
            _ => self.map(place, fields, jsonata),
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

    /// A JSONPath state beside JSONata ones: Pass, Task, Succeed and Fail, whose paths are plain.
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
        let known: Vec<&str> = COMMON.iter().chain(own).copied().collect();
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
            (None, Some(timestamp)) => {
                let at = format!("{place}/Timestamp");
                let text = self.text(&at, timestamp)?;
                let is_expression = expression_source(&text).is_some();
                if !is_expression && chrono::DateTime::parse_from_rfc3339(&text).is_err() {
                    self.problem(&at, format!("expected an RFC 3339 timestamp, found \"{text}\""));
                    return None;
                }
                WaitFor::Timestamp(self.template(&at, timestamp)?)
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

    fn task(&mut self, place: &str, fields: &Fields) -> Option<Kind> {
        let resource = self.resource(place, fields);
        let arguments = self.optional_template(place, fields, "Arguments");
        if fields.contains_key("Arguments") == arguments.is_some() {
            self.invoke_arguments(place, "Arguments", resource.as_ref(), arguments.as_ref());
        }
        let timeout_seconds = self.seconds(place, fields, "TimeoutSeconds");
        let heartbeat_seconds = self.seconds(place, fields, "HeartbeatSeconds");
        if let (Some(Template::Literal(timeout)), Some(Template::Literal(heartbeat))) =
            (&timeout_seconds, &heartbeat_seconds)
            && heartbeat.as_f64() >= timeout.as_f64()
        {
            self.problem(
                &format!("{place}/HeartbeatSeconds"),
                format!("expected less than TimeoutSeconds ({timeout}), found {heartbeat}"),
            );
        }
        Some(Kind::Task(Task {
            resource: resource?,
            arguments,
            timeout_seconds,
            heartbeat_seconds,
        }))
    }

    fn resource(&mut self, place: &str, fields: &Fields) -> Option<Resource> {
        let arn = self.required_text(place, fields, "Resource")?;
        if arn == LAMBDA_INVOKE {
            return Some(Resource::LambdaInvoke);
        }
        let names_a_function = arn.starts_with("arn:aws:lambda:") || placeholder(&arn).is_some();
        match function_name(&arn) {
            Some(name) if names_a_function => Some(Resource::Function { arn, name }),
            _ => {
                self.problem(
                    &format!("{place}/Resource"),
                    format!(
                        "expected {LAMBDA_INVOKE}, the ARN of a Lambda function or ${{name}}, found \"{arn}\": \
                         other integrations are not implemented"
                    ),
                );
                None
            }
        }
    }

    /// What `lambda:invoke` needs to know before it runs: which function, and nothing that is ignored.
    fn invoke_arguments(
        &mut self,
        place: &str,
        field: &str,
        resource: Option<&Resource>,
        arguments: Option<&Template>,
    ) {
        if resource != Some(&Resource::LambdaInvoke) {
            return;
        }
        let at = format!("{place}/{field}");
        let names: Vec<(&str, Option<&str>)> = match arguments {
            Some(Template::Object(members)) => members
                .iter()
                .map(|(name, member)| match member {
                    Template::Literal(value) => (name.as_str(), value.as_str()),
                    _ => (name.as_str(), None),
                })
                .collect(),
            Some(Template::Literal(Value::Object(members))) => members
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect(),
            Some(Template::Expression(_)) => return,
            _ => {
                self.problem(&at, "expected an object with FunctionName for lambda:invoke");
                return;
            }
        };
        for (name, _) in &names {
            if !["FunctionName", "Payload", "Qualifier"].contains(name) {
                self.problem(
                    &format!("{at}/{}", escape(name)),
                    format!("expected FunctionName, Payload or Qualifier, found {name}"),
                );
            }
        }
        match names.iter().find(|(name, _)| *name == "FunctionName") {
            None => self.problem(
                &format!("{at}/FunctionName"),
                "expected a function name, found nothing",
            ),
            Some((_, Some(text))) if function_name(text).is_none() => self.problem(
                &format!("{at}/FunctionName"),
                format!("expected a function name or the ARN of a function, found \"{text}\""),
            ),
            Some(_) => {}
        }
    }

    fn parallel(&mut self, place: &str, fields: &Fields, jsonata: bool) -> Option<Kind> {
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
            .map(|(index, branch)| self.flow(&format!("{at}/{index}"), branch, &[], jsonata))
            .collect();
        let arguments = self.optional_template(place, fields, "Arguments");
        Some(Kind::Parallel {
            arguments,
            branches: branches.into_iter().collect::<Option<_>>()?,
        })
    }

    fn map(&mut self, place: &str, fields: &Fields, jsonata: bool) -> Option<Kind> {
        let at = format!("{place}/ItemProcessor");
        let Some(processor) = fields.get("ItemProcessor") else {
            self.problem(&at, "expected an object with StartAt and States, found nothing");
            return None;
        };
        if let Some(config) = processor.get("ProcessorConfig") {
            self.processor_config(&format!("{at}/ProcessorConfig"), config);
        }
        let processor = self.flow(&at, processor, &["ProcessorConfig"], jsonata);
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

    fn optional_template(&mut self, place: &str, fields: &Fields, field: &str) -> Option<Template> {
        fields
            .get(field)
            .and_then(|value| self.template(&format!("{place}/{field}"), value))
    }

    fn seconds(&mut self, place: &str, fields: &Fields, field: &str) -> Option<Template> {
        let value = fields.get(field)?;
        self.number_or_expression(&format!("{place}/{field}"), value, 1.0, LONGEST_SECONDS)
    }

    fn assign(&mut self, place: &str, fields: &Fields) -> Vec<(String, Template)> {
        let at = format!("{place}/Assign");
        let Some(value) = fields.get("Assign") else {
            return Vec::new();
        };
        let Some(members) = self.object(&at, value) else {
            return Vec::new();
        };
        let mut assign = Vec::new();
        for (name, value) in members {
            let member_at = format!("{at}/{}", escape(name));
            let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
                && name.chars().all(|c| c.is_alphanumeric() || c == '_')
                && Expression::parse(&format!("${name}")).is_ok();
            if !is_name || name == "states" {
                self.problem(
                    &member_at,
                    format!("expected a variable name other than states, found \"{name}\""),
                );
            }
            if let Some(template) = self.template(&member_at, value) {
                assign.push((name.clone(), template));
            }
        }
        assign
    }

    fn retriers(&mut self, place: &str, fields: &Fields) -> Vec<Retrier> {
        let at = format!("{place}/Retry");
        let Some(value) = fields.get("Retry") else {
            return Vec::new();
        };
        let Some(entries) = self.array(&at, value) else {
            return Vec::new();
        };
        let last = entries.len().saturating_sub(1);
        entries
            .iter()
            .enumerate()
            .filter_map(|(index, entry)| self.retrier(&format!("{at}/{index}"), entry, index == last))
            .collect()
    }

    fn retrier(&mut self, place: &str, entry: &Value, is_last: bool) -> Option<Retrier> {
        let fields = self.object(place, entry)?;
        let known = [
            "ErrorEquals",
            "IntervalSeconds",
            "MaxAttempts",
            "BackoffRate",
            "MaxDelaySeconds",
            "JitterStrategy",
            "Comment",
        ];
        self.known_fields(place, fields, &known);
        let error_equals = self.error_equals(place, fields, is_last);
        let mut number = |field: &str, least: f64, most: f64, whole: bool| {
            fields
                .get(field)
                .and_then(|value| self.number(&format!("{place}/{field}"), value, least, most, whole))
        };
        let interval_seconds = number("IntervalSeconds", 1.0, LONGEST_SECONDS, true).unwrap_or(1.0);
        let max_attempts = number("MaxAttempts", 0.0, LONGEST_SECONDS, true).unwrap_or(3.0);
        let backoff_rate = number("BackoffRate", 1.0, f64::MAX, false).unwrap_or(2.0);
        let max_delay_seconds = number("MaxDelaySeconds", 1.0, LONGEST_DELAY_SECONDS, true);
        if let Some(cap) = max_delay_seconds
            && cap <= interval_seconds
        {
            self.problem(
                &format!("{place}/MaxDelaySeconds"),
                format!("expected more than IntervalSeconds ({interval_seconds}), found {cap}"),
            );
        }
        let full_jitter = match fields.get("JitterStrategy").map(|value| (value.as_str(), value)) {
            None | Some((Some("NONE"), _)) => false,
            Some((Some("FULL"), _)) => true,
            Some((_, other)) => {
                self.problem(
                    &format!("{place}/JitterStrategy"),
                    format!("expected \"FULL\" or \"NONE\", found {}", brief(other)),
                );
                false
            }
        };
        Some(Retrier {
            error_equals: error_equals?,
            interval_seconds,
            max_attempts: max_attempts as u64,
            backoff_rate,
            max_delay_seconds,
            full_jitter,
        })
    }

    fn catchers(&mut self, place: &str, fields: &Fields) -> Vec<Catcher> {
        let at = format!("{place}/Catch");
        let Some(value) = fields.get("Catch") else {
            return Vec::new();
        };
        let Some(entries) = self.array(&at, value) else {
            return Vec::new();
        };
        let last = entries.len().saturating_sub(1);
        entries
            .iter()
            .enumerate()
            .filter_map(|(index, entry)| self.catcher(&format!("{at}/{index}"), entry, index == last))
            .collect()
    }

    fn catcher(&mut self, place: &str, entry: &Value, is_last: bool) -> Option<Catcher> {
        let fields = self.object(place, entry)?;
        self.known_fields(
            place,
            fields,
            &["ErrorEquals", "Next", "Output", "Assign", "Comment"],
        );
        let error_equals = self.error_equals(place, fields, is_last);
        let next = self.required_text(place, fields, "Next");
        let output = self.optional_template(place, fields, "Output");
        let assign = self.assign(place, fields);
        Some(Catcher {
            error_equals: error_equals?,
            next: next?,
            output,
            assign,
        })
    }

    fn error_equals(&mut self, place: &str, fields: &Fields, is_last: bool) -> Option<Vec<String>> {
        let at = format!("{place}/ErrorEquals");
        let Some(value) = fields.get("ErrorEquals") else {
            self.problem(&at, "expected an array of error names, found nothing");
            return None;
        };
        let entries = self.array(&at, value)?;
        if entries.is_empty() {
            self.problem(&at, "expected at least one error name, found none");
        }
        let names: Option<Vec<String>> = entries
            .iter()
            .enumerate()
            .map(|(index, name)| self.text(&format!("{at}/{index}"), name))
            .collect();
        let names = names?;
        if let Some(index) = names.iter().position(|name| name == "States.ALL")
            && (names.len() > 1 || !is_last)
        {
            self.problem(
                &format!("{at}/{index}"),
                "expected States.ALL alone, and in the last entry",
            );
        }
        for (index, name) in names.iter().enumerate() {
            if name.starts_with("States.") && !crate::error::STATES_ERRORS.contains(&name.as_str()) {
                self.problem(
                    &format!("{at}/{index}"),
                    format!("expected a known States.* error or a name of your own, found \"{name}\""),
                );
            }
        }
        Some(names)
    }
}

/// The name inside `${name}`, when the text is that and nothing else.
fn placeholder(text: &str) -> Option<&str> {
    text.strip_prefix("${")?
        .strip_suffix('}')
        .filter(|name| !name.is_empty() && !name.contains('}'))
}

/// The function that a name, an ARN or a `${name}` without a value means; a version or alias is dropped.
pub(crate) fn function_name(text: &str) -> Option<String> {
    if let Some(name) = placeholder(text) {
        return Some(name.to_string());
    }
    let name = match text.split_once(":function:") {
        Some((before, rest)) if before.starts_with("arn:") || before.chars().all(|c| c.is_ascii_digit()) => {
            rest
        }
        Some(_) => return None,
        None if text.starts_with("arn:") => return None,
        None => text,
    };
    let name = match placeholder(name) {
        Some(name) => name,
        None => name.split(':').next().unwrap_or_default(),
    };
    (!name.is_empty()).then(|| name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_names() {
        for (text, name) in [
            (
                "arn:aws:lambda:eu-west-1:111111111111:function:parse",
                Some("parse"),
            ),
            (
                "arn:aws:lambda:eu-west-1:111111111111:function:parse:7",
                Some("parse"),
            ),
            ("111111111111:function:parse", Some("parse")),
            ("parse", Some("parse")),
            ("parse:$LATEST", Some("parse")),
            ("${parse}", Some("parse")),
            (
                "arn:aws:lambda:eu-west-1:111111111111:function:${parse}",
                Some("parse"),
            ),
            ("arn:aws:sqs:eu-west-1:111111111111:queue", None),
            ("arn:aws:lambda:eu-west-1:111111111111:function:", None),
        ] {
            assert_eq!(function_name(text).as_deref(), name, "{text}");
        }
    }
}
