//! Evaluation of templates. JSONata values cannot be sent between threads, so all functions here are synchronous.
//! They take JSON and return JSON, and keep no JSONata values.

use std::cell::LazyCell;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use jsonata_core::evaluator::{Context, Evaluator, EvaluatorOptions};
use jsonata_core::value::JValue;
use serde_json::{Map, Value};

use crate::functions;
use crate::random::Random;
use crate::template::{Expression, ReferencePath, Template};

/// The time limit for one evaluation, in milliseconds of real time. Without it, an endless recursion in a
/// definition would block the engine.
const EVALUATION_LIMIT_MS: u64 = 10_000;

/// The data that an expression can use: `$states` and the variables.
pub(crate) struct Scene<'s> {
    pub(crate) states: States<'s>,
    pub(crate) variables: &'s BTreeMap<String, Value>,
    /// The value of `$` in a JSONPath state.
    pub(crate) path_root: &'s Value,
    pub(crate) now: DateTime<Utc>,
    pub(crate) random: &'s Random,
}

/// `$states`, which is built when the first expression needs it.
pub(crate) type States<'s> = LazyCell<JValue, Box<dyn FnOnce() -> JValue + 's>>;

/// The reason why a template has no value. `location` is the field, for example `Output/result`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) location: Option<String>,
    pub(crate) message: String,
    /// Whether the error is `States.Runtime`, which no Catch handles: a JSONPath that matches nothing.
    pub(crate) is_runtime: bool,
}

/// The type that a field requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    Any,
    Boolean,
    Number,
    String,
    Array,
}

/// Evaluates one template. All expressions of the template use the same evaluator.
pub(crate) fn evaluate(
    template: &Template,
    field: &str,
    expected: Expected,
    scene: &Scene<'_>,
) -> Result<Value, Fault> {
    if let Template::Literal(value) = template {
        return Ok(value.clone());
    }
    let mut context = Context::new();
    context.bind("states".to_string(), (*scene.states).clone());
    for (name, value) in scene.variables {
        context.bind(name.clone(), JValue::from(value.clone()));
    }
    let options = EvaluatorOptions {
        timeout_ms: Some(EVALUATION_LIMIT_MS),
        ..EvaluatorOptions::default()
    };
    let mut evaluator = Evaluator::with_options(context, options);
    functions::register(&mut evaluator, scene.now, scene.random).map_err(|error| Fault {
        location: None,
        message: error.to_string(),
        is_runtime: false,
    })?;
    value_of(template, field, expected, scene, &mut evaluator)
}

/// Evaluates `Assign`. Every expression uses the values that the variables had before.
pub(crate) fn evaluate_assign(
    assign: &[(String, Template)],
    field: &str,
    scene: &Scene<'_>,
) -> Result<Map<String, Value>, Fault> {
    assign
        .iter()
        .map(|(name, template)| {
            let value = evaluate(template, &format!("{field}/{name}"), Expected::Any, scene)?;
            Ok((name.clone(), value))
        })
        .collect()
}

fn value_of(
    template: &Template,
    field: &str,
    expected: Expected,
    scene: &Scene<'_>,
    evaluator: &mut Evaluator,
) -> Result<Value, Fault> {
    match template {
        Template::Literal(value) => Ok(value.clone()),
        Template::Expression(expression) => expression_value(expression, field, expected, evaluator),
        Template::Path(path) => path_value(path, field, scene.path_root),
        Template::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| {
                value_of(
                    item,
                    &format!("{field}[{index}]"),
                    Expected::Any,
                    scene,
                    evaluator,
                )
            })
            .collect::<Result<Vec<_>, _>>()
            .map(Value::Array),
        Template::Object(members) => members
            .iter()
            .map(|(name, member)| {
                let value = value_of(
                    member,
                    &format!("{field}/{name}"),
                    Expected::Any,
                    scene,
                    evaluator,
                )?;
                Ok((name.clone(), value))
            })
            .collect::<Result<Map<_, _>, _>>()
            .map(Value::Object),
    }
}

fn expression_value(
    expression: &Expression,
    field: &str,
    expected: Expected,
    evaluator: &mut Evaluator,
) -> Result<Value, Fault> {
    let fault = |what: String| Fault {
        location: Some(field.to_string()),
        message: format!(
            "The JSONata expression '{}' specified for the field '{field}' {what}",
            expression.source
        ),
        is_runtime: false,
    };
    let value = evaluator
        .evaluate(&expression.tree, &JValue::Undefined)
        .map_err(|error| fault(format!("threw an error during evaluation. {}", error.message())))?;
    if value.is_undefined() {
        return Err(fault("returned nothing (undefined).".to_string()));
    }
    if value.is_function() || value.is_regex() {
        return Err(fault("returned an unsupported result type.".to_string()));
    }
    let value = serde_json::to_value(&value)
        .map_err(|error| fault(format!("returned an unsupported result type. {error}")))?;
    let found = type_name(&value);
    if let Some(wanted) = expected.name()
        && wanted != found
    {
        let what = format!(
            "returned an unexpected result type. Expected '{wanted}', but was '{found}' for value: {value}"
        );
        return Err(fault(what));
    }
    Ok(value)
}

fn path_value(path: &ReferencePath, field: &str, root: &Value) -> Result<Value, Fault> {
    path.find(root).cloned().ok_or_else(|| {
        let name = field.rsplit('/').next().unwrap_or(field);
        Fault {
            location: None,
            message: format!(
                "The JSONPath '{}' specified for the field '{name}.$' could not be found in the input '{root}'",
                path.source
            ),
            is_runtime: true,
        }
    })
}

impl Expected {
    fn name(self) -> Option<&'static str> {
        match self {
            Self::Any => None,
            Self::Boolean => Some("boolean"),
            Self::Number => Some("number"),
            Self::String => Some("string"),
            Self::Array => Some("array"),
        }
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Returns `$states` with its reserved members. `result` and `errorOutput` are omitted where they do not exist,
/// so an expression that uses them gets undefined.
pub(crate) fn states<'s>(
    input: &'s Value,
    context: impl FnOnce() -> Value + 's,
    result: Option<&'s Value>,
    error: Option<&'s Value>,
) -> States<'s> {
    LazyCell::new(Box::new(move || {
        let mut states = Map::new();
        states.insert("input".to_string(), input.clone());
        states.insert("context".to_string(), context());
        if let Some(result) = result {
            states.insert("result".to_string(), result.clone());
        }
        if let Some(error) = error {
            states.insert("errorOutput".to_string(), error.clone());
        }
        JValue::from(Value::Object(states))
    }))
}
