//! Loads a Task: its resource, its timeouts, and the name of its function.

use serde_json::{Map as Object, Value};

use crate::definition::{Kind, Resource, Task};
use crate::load::{Loader, escape};
use crate::template::Template;

const LAMBDA_INVOKE: &str = "arn:aws:states:::lambda:invoke";

type Fields = Object<String, Value>;

impl Loader {
    pub(crate) fn task(&mut self, place: &str, fields: &Fields) -> Option<Kind> {
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

    pub(crate) fn resource(&mut self, place: &str, fields: &Fields) -> Option<Resource> {
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

    /// Checks the arguments of `lambda:invoke`: they must name a function, and only `FunctionName`, `Payload` and
    /// `Qualifier` are allowed. `Qualifier` has no effect.
    pub(crate) fn invoke_arguments(
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
}

/// Returns the name inside `${name}`, if the text is exactly that.
fn placeholder(text: &str) -> Option<&str> {
    text.strip_prefix("${")?
        .strip_suffix('}')
        .filter(|name| !name.is_empty() && !name.contains('}'))
}

/// Returns the function name in a name, an ARN or a `${name}` without a value. A version or alias is removed.
pub fn function_name(text: &str) -> Option<String> {
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
