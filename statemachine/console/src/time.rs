//! Times and sizes for people.

use chrono::{DateTime, Utc};

/// `2026-11-27 07:15:03`, in UTC, of seconds since the epoch.
pub(crate) fn moment(seconds: f64) -> String {
    formatted(seconds, "%Y-%m-%d %H:%M:%S")
}

/// `07:15:03.123`.
pub(crate) fn clock(seconds: f64) -> String {
    formatted(seconds, "%H:%M:%S%.3f")
}

fn formatted(seconds: f64, format: &str) -> String {
    DateTime::<Utc>::from_timestamp_millis((seconds * 1000.0).round() as i64)
        .map_or_else(String::new, |moment| moment.format(format).to_string())
}

/// `8 ms`, `1.25 s`, `3 min 20 s`, `2 h 5 min`.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    if seconds < 0.9995 {
        format!("{:.0} ms", seconds.max(0.0) * 1000.0)
    } else if seconds < 60.0 {
        format!("{seconds:.2} s")
    } else if whole < 3600 {
        format!("{} min {} s", whole / 60, whole % 60)
    } else {
        format!("{} h {} min", whole / 3600, whole % 3600 / 60)
    }
}

/// Seconds since the epoch of a day (`2026-11-27`) or of a time in UTC (`2026-11-27T07:15`, with or without seconds and `Z`).
pub(crate) fn parse(text: &str) -> Option<f64> {
    let text = text.trim_end_matches('Z');
    let whole = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        16 => format!("{text}:00Z"),
        _ => format!("{text}Z"),
    };
    let moment = DateTime::parse_from_rfc3339(&whole).ok()?;
    Some(moment.timestamp_millis() as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        for (seconds, expected) in [
            (0.0, "0 ms"),
            (0.0084, "8 ms"),
            (0.9999, "1.00 s"),
            (59.2, "59.20 s"),
            (200.0, "3 min 20 s"),
            (7500.0, "2 h 5 min"),
        ] {
            assert_eq!(duration(seconds), expected);
        }
    }

    #[test]
    fn days_and_times_are_read() {
        for (text, expected) in [
            ("1970-01-02", Some(86_400.0)),
            ("1970-01-01T00:01", Some(60.0)),
            ("1970-01-01T00:00:01Z", Some(1.0)),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
        assert_eq!(moment(86_400.0), "1970-01-02 00:00:00");
    }
}
