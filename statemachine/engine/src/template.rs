//! Values of the definition that may contain expressions: `Arguments`, `Output`, `Assign` and others. Expressions
//! are parsed at load time, so a syntax error is reported before a run.

use jsonata_core::ast::AstNode;
use serde_json::Value;

/// JSON in which strings can be expressions.
#[derive(Debug)]
pub(crate) enum Template {
    /// JSON without expressions.
    Literal(Value),
    Expression(Expression),
    /// A path of a JSONPath state in a mixed machine (`"name.$": "$.a.b"`).
    Path(ReferencePath),
    Array(Vec<Template>),
    Object(Vec<(String, Template)>),
}

/// A parsed expression, `{% … %}`.
#[derive(Debug)]
pub(crate) struct Expression {
    /// The text between the delimiters, without leading and trailing white space, for messages.
    pub(crate) source: String,
    pub(crate) tree: AstNode,
}

/// A reference path such as `$`, `$.a.b` or `$['a'][0]`: the subset of JSONPath that selects one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReferencePath {
    pub(crate) source: String,
    pub(crate) steps: Vec<PathStep>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PathStep {
    Member(String),
    Index(usize),
}

/// Returns the text inside `{% %}`, if the string is an expression.
pub(crate) fn expression_source(text: &str) -> Option<&str> {
    text.strip_prefix("{%")
        .and_then(|rest| rest.strip_suffix("%}"))
        .map(str::trim)
}

impl Expression {
    /// Parses the text between the delimiters. The error contains the message of the JSONata parser.
    pub(crate) fn parse(source: &str) -> Result<Self, String> {
        let tree = jsonata_core::parser::parse(source)
            .map_err(|error| format!("expected a JSONata expression, found `{source}`: {error}"))?;
        if mentions_eval(&tree) {
            return Err(format!(
                "expected an expression without $eval, which is forbidden, found `{source}`"
            ));
        }
        Ok(Self {
            source: source.to_string(),
            tree,
        })
    }
}

/// Whether the expression uses `$eval` anywhere, as a call or as a value. The function walks the serialized tree,
/// which contains the nodes of every kind, so no node kind can be missed.
fn mentions_eval(tree: &AstNode) -> bool {
    fn walk(node: &Value) -> bool {
        match node {
            Value::Object(members) => members.iter().any(|(kind, inner)| {
                let named = match kind.as_str() {
                    "Variable" => inner.as_str() == Some("eval"),
                    "Function" => {
                        inner.get("name").and_then(Value::as_str) == Some("eval")
                            && inner.get("is_builtin").and_then(Value::as_bool) == Some(true)
                    }
                    _ => false,
                };
                named || walk(inner)
            }),
            Value::Array(items) => items.iter().any(walk),
            _ => false,
        }
    }
    serde_json::to_value(tree).is_ok_and(|value| walk(&value))
}

impl ReferencePath {
    /// Parses a reference path. Returns `None` for other JSONPath (filters, `..`, `$$`, functions).
    pub(crate) fn parse(source: &str) -> Option<Self> {
        let mut rest = source.strip_prefix('$')?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix("['") {
                let (name, after) = after.split_once("']")?;
                steps.push(PathStep::Member(name.to_string()));
                rest = after;
            } else if let Some(after) = rest.strip_prefix('[') {
                let (index, after) = after.split_once(']')?;
                steps.push(PathStep::Index(index.parse().ok()?));
                rest = after;
            } else {
                let after = rest.strip_prefix('.')?;
                let end = after.find(['.', '[']).unwrap_or(after.len());
                let (name, after) = after.split_at(end);
                if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-') {
                    return None;
                }
                steps.push(PathStep::Member(name.to_string()));
                rest = after;
            }
        }
        Some(Self {
            source: source.to_string(),
            steps,
        })
    }

    /// Returns the value at the path, if there is one.
    pub(crate) fn find<'v>(&self, root: &'v Value) -> Option<&'v Value> {
        self.steps.iter().try_fold(root, |value, step| match step {
            PathStep::Member(name) => value.get(name),
            PathStep::Index(index) => value.get(index),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_expression_is_a_string_between_the_delimiters() {
        assert_eq!(expression_source("{% $a %}"), Some("$a"));
        assert_eq!(expression_source("{%1%}"), Some("1"));
        assert_eq!(expression_source(" {% 1 %}"), None);
        assert_eq!(expression_source("text"), None);
    }

    #[test]
    fn eval_is_found_wherever_it_hides() {
        for source in [
            "$eval('1')",
            "[1, {'a': $eval('1')}]",
            "($f := $eval; $f('1'))",
            "$map([1], $eval)",
        ] {
            assert!(Expression::parse(source).is_err(), "{source} was accepted");
        }
        assert!(Expression::parse("$states.input.eval").is_ok());
        assert!(Expression::parse("'$eval'").is_ok());
    }

    #[test]
    fn reference_paths_name_one_place() {
        let value = json!({"a": {"b-c": [10, 20]}});
        let found = |path: &str| ReferencePath::parse(path).and_then(|path| path.find(&value).cloned());
        assert_eq!(found("$"), Some(value.clone()));
        assert_eq!(found("$.a['b-c'][1]"), Some(json!(20)));
        assert_eq!(found("$.a.missing"), None);
        for richer in [
            "$..a",
            "$$.Execution",
            "$.a[*]",
            "$.a[?(@.b)]",
            "States.Format('x')",
            "$.a.",
        ] {
            assert_eq!(ReferencePath::parse(richer), None, "{richer}");
        }
    }
}
