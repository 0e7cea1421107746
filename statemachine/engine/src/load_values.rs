//! Loads values: numbers with limits, and templates whose strings may be expressions or paths.

use serde_json::{Map as Object, Value};

use crate::load::{Loader, brief, escape};
use crate::template::{Expression, ReferencePath, Template, expression_source};

impl Loader {
    /// Loads a number within inclusive limits.
    pub(crate) fn number(
        &mut self,
        place: &str,
        value: &Value,
        least: f64,
        most: f64,
        whole: bool,
    ) -> Option<f64> {
        let kind = if whole { "a whole number" } else { "a number" };
        match value.as_f64() {
            Some(number) if (least..=most).contains(&number) && (!whole || number.fract() == 0.0) => {
                Some(number)
            }
            _ => {
                self.problem(
                    place,
                    format!("expected {kind} from {least} to {most}, found {}", brief(value)),
                );
                None
            }
        }
    }

    /// Loads a whole number within inclusive limits, or an expression that is evaluated at run time.
    pub(crate) fn number_or_expression(
        &mut self,
        place: &str,
        value: &Value,
        least: f64,
        most: f64,
    ) -> Option<Template> {
        if value
            .as_str()
            .is_some_and(|text| expression_source(text).is_some())
        {
            return self.template(place, value);
        }
        self.number(place, value, least, most, true)?;
        Some(Template::Literal(value.clone()))
    }

    /// Loads JSON whose strings may be expressions.
    pub(crate) fn template(&mut self, place: &str, value: &Value) -> Option<Template> {
        match value {
            Value::String(text) => match expression_source(text) {
                Some(source) => match Expression::parse(source) {
                    Ok(expression) => Some(Template::Expression(expression)),
                    Err(message) => {
                        self.problem(place, message);
                        None
                    }
                },
                None => Some(Template::Literal(value.clone())),
            },
            Value::Array(items) => {
                let items: Vec<_> = items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| self.template(&format!("{place}/{index}"), item))
                    .collect();
                Some(array_template(items.into_iter().collect::<Option<Vec<_>>>()?))
            }
            Value::Object(members) => {
                let members: Vec<_> = members
                    .iter()
                    .map(|(name, member)| {
                        let member = self.template(&format!("{place}/{}", escape(name)), member)?;
                        Some((name.clone(), member))
                    })
                    .collect();
                Some(object_template(members.into_iter().collect::<Option<Vec<_>>>()?))
            }
            _ => Some(Template::Literal(value.clone())),
        }
    }

    /// Loads the payload template of a JSONPath state. A member `name.$` contains a reference path.
    pub(crate) fn path_template(&mut self, place: &str, value: &Value) -> Option<Template> {
        match value {
            Value::Array(items) => {
                let items: Vec<_> = items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| self.path_template(&format!("{place}/{index}"), item))
                    .collect();
                Some(array_template(items.into_iter().collect::<Option<Vec<_>>>()?))
            }
            Value::Object(members) => {
                let members: Vec<_> = members
                    .iter()
                    .map(|(name, member)| {
                        self.path_member(&format!("{place}/{}", escape(name)), name, member)
                    })
                    .collect();
                Some(object_template(members.into_iter().collect::<Option<Vec<_>>>()?))
            }
            _ => Some(Template::Literal(value.clone())),
        }
    }

    fn path_member(&mut self, place: &str, name: &str, value: &Value) -> Option<(String, Template)> {
        let Some(bare) = name.strip_suffix(".$") else {
            return Some((name.to_string(), self.path_template(place, value)?));
        };
        match value.as_str().and_then(ReferencePath::parse) {
            Some(path) => Some((bare.to_string(), Template::Path(path))),
            None => {
                self.problem(
                    place,
                    format!(
                        "expected a plain path such as $.a.b, found {}: JSONPath beyond that is not implemented",
                        brief(value)
                    ),
                );
                None
            }
        }
    }
}

fn array_template(items: Vec<Template>) -> Template {
    let literals: Option<Vec<Value>> = items.iter().map(literal).collect();
    literals.map_or(Template::Array(items), |values| {
        Template::Literal(Value::Array(values))
    })
}

fn object_template(members: Vec<(String, Template)>) -> Template {
    let literals: Option<Object<String, Value>> = members
        .iter()
        .map(|(name, member)| Some((name.clone(), literal(member)?)))
        .collect();
    literals.map_or(Template::Object(members), |values| {
        Template::Literal(Value::Object(values))
    })
}

fn literal(template: &Template) -> Option<Value> {
    match template {
        Template::Literal(value) => Some(value.clone()),
        _ => None,
    }
}
