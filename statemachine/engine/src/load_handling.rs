//! Loads the Retry, Catch and Assign fields of a state.

use serde_json::{Map as Object, Value};

use crate::definition::{Catcher, Retrier};
use crate::error::STATES_ERRORS;
use crate::load::{LONGEST_SECONDS, Loader, brief, escape};
use crate::template::{Expression, Template};

/// The maximum value of `MaxDelaySeconds`. On AWS it must be less than 366 days (31,622,400 seconds).
const LONGEST_DELAY_SECONDS: f64 = 31_622_399.0;

type Fields = Object<String, Value>;

impl Loader {
    pub(crate) fn assign(&mut self, place: &str, fields: &Fields) -> Vec<(String, Template)> {
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

    pub(crate) fn retriers(&mut self, place: &str, fields: &Fields) -> Vec<Retrier> {
        self.each_in_order(place, fields, "Retry", Self::retrier)
    }

    /// Reads each entry of a list with `read`, which gets the JSON pointer of the entry, the entry, and whether it is
    /// the last one. Only the last entry may contain `States.ALL`.
    fn each_in_order<T>(
        &mut self,
        place: &str,
        fields: &Fields,
        name: &str,
        read: fn(&mut Self, &str, &Value, bool) -> Option<T>,
    ) -> Vec<T> {
        let at = format!("{place}/{name}");
        let Some(value) = fields.get(name) else {
            return Vec::new();
        };
        let Some(entries) = self.array(&at, value) else {
            return Vec::new();
        };
        let last = entries.len().saturating_sub(1);
        entries
            .iter()
            .enumerate()
            .filter_map(|(index, entry)| read(self, &format!("{at}/{index}"), entry, index == last))
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

    pub(crate) fn catchers(&mut self, place: &str, fields: &Fields) -> Vec<Catcher> {
        self.each_in_order(place, fields, "Catch", Self::catcher)
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
            if name.starts_with("States.") && !STATES_ERRORS.contains(&name.as_str()) {
                self.problem(
                    &format!("{at}/{index}"),
                    format!("expected a known States.* error or a name of your own, found \"{name}\""),
                );
            }
        }
        Some(names)
    }
}
