//! The checks that a file has to pass: each with its value and its limit.

use ecg_core::Details;
use serde::{Deserialize, Serialize};

use crate::Refused;

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Name of the check.
    pub name: String,
    /// What was found.
    pub value: String,
    /// What is allowed.
    pub limit: String,
    /// Whether the value is within the limit.
    pub passed: bool,
}

/// The checks made so far.
#[derive(Debug, Default)]
pub struct Checks(Vec<Check>);

impl Checks {
    /// Notes a check and fails if it did not pass.
    ///
    /// # Errors
    /// The check as details, with `name` as subject, the limit as expected and the value as found.
    pub fn check(
        &mut self,
        name: &str,
        value: impl ToString,
        limit: impl ToString,
        passed: bool,
    ) -> Result<(), Details> {
        let (value, limit) = (value.to_string(), limit.to_string());
        let outcome = if passed {
            Ok(())
        } else {
            Err(Details::new(name, limit.clone(), value.clone()))
        };
        self.0.push(Check {
            name: name.to_owned(),
            value,
            limit,
            passed,
        });
        outcome
    }

    /// Notes the outcome of something that either gives a value or says itself what is wrong.
    ///
    /// # Errors
    /// The given error.
    pub fn outcome<T>(
        &mut self,
        name: &str,
        limit: &str,
        outcome: Result<T, Details>,
        value: impl Fn(&T) -> String,
    ) -> Result<T, Details> {
        let (shown, passed) = match &outcome {
            Ok(found) => (value(found), true),
            Err(details) => (details.found.clone(), false),
        };
        self.0.push(Check {
            name: name.to_owned(),
            value: shown,
            limit: limit.to_owned(),
            passed,
        });
        outcome
    }

    /// As [`Checks::outcome`], for a choice of what the leads are.
    ///
    /// # Errors
    /// The given refusal.
    pub(crate) fn choice<T>(
        &mut self,
        name: &str,
        limit: &str,
        choice: Result<T, Refused>,
        value: impl Fn(&T) -> String,
    ) -> Result<T, Refused> {
        let mut try_flags = None;
        let outcome = choice.map_err(|refused| {
            try_flags = refused.try_flags;
            refused.details
        });
        self.outcome(name, limit, outcome, value)
            .map_err(|details| Refused { details, try_flags })
    }

    /// The checks in order.
    pub fn into_vec(self) -> Vec<Check> {
        self.0
    }
}
