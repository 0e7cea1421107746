//! The time of day: Lambda gives its deadline as one, and a metric says when it was measured. Nothing that a step
//! writes depends on it, and no step gets it but notify, which counts its messages by it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970-01-01 UTC.
#[allow(clippy::disallowed_methods)]
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
