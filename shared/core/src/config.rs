//! Configuration from environment variables, read once at the start of a process.
//!
//! The rest of the workspace is not allowed to read the environment (`clippy.toml`), so this module shows
//! everything that can be configured from outside.
#![allow(clippy::disallowed_methods)]

/// The value of a variable that has to be there.
pub fn required(name: &str) -> Result<String, String> {
    match optional(name) {
        Some(value) => Ok(value),
        None => Err(format!(
            "environment variable {name}: expected a value, found none"
        )),
    }
}

/// The value of a variable that may be missing; empty counts as missing.
pub fn optional(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
