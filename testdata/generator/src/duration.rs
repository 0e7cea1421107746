//! Durations as people write them: `24h`, `1h30m`, `10s`, `500ms`, `12.5` (seconds).

/// A part of a recording, in seconds from its start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// Start in seconds.
    pub start_s: f64,
    /// Length in seconds.
    pub length_s: f64,
}

/// Reads a duration and returns seconds. A number without a unit is in seconds.
///
/// # Errors
/// A sentence that says what was expected, for an empty text, an unknown unit or a number that is not one.
pub fn parse_duration(text: &str) -> Result<f64, String> {
    let expected = || format!("expected a duration such as 24h, 1h30m, 10s, 500ms or 12.5, found `{text}`");
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(expected());
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let factor = match unit {
            "h" => 3600.0,
            "m" | "min" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            "" if number.len() == text.trim().len() => 1.0,
            _ => return Err(expected()),
        };
        let number: f64 = number.parse().map_err(|_| expected())?;
        seconds += number * factor;
        rest = after;
    }
    Ok(seconds)
}

/// Reads `START+LENGTH`, two durations.
///
/// # Errors
/// A sentence that says what was expected.
pub fn parse_span(text: &str) -> Result<Span, String> {
    let (start, length) = text
        .split_once('+')
        .ok_or_else(|| format!("expected START+LENGTH such as 5s+300ms, found `{text}`"))?;
    let span = Span {
        start_s: parse_duration(start)?,
        length_s: parse_duration(length)?,
    };
    if span.length_s > 0.0 {
        Ok(span)
    } else {
        Err(format!("expected a length above 0 after the `+`, found `{text}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_people_write_them() {
        for (text, seconds) in [
            ("24h", 86_400.0),
            ("1h30m", 5_400.0),
            ("10s", 10.0),
            ("500ms", 0.5),
            ("12.5", 12.5),
            ("2min", 120.0),
            ("1m30", f64::NAN),
            ("", f64::NAN),
            ("h", f64::NAN),
            ("-3s", f64::NAN),
            ("1.2.3s", f64::NAN),
            ("3 days", f64::NAN),
        ] {
            match parse_duration(text) {
                Ok(found) => assert_eq!(found, seconds, "{text}"),
                Err(message) => {
                    assert!(seconds.is_nan(), "{text}: {message}");
                    assert!(message.contains(&format!("`{text}`")), "{message}");
                }
            }
        }
    }

    #[test]
    fn spans() {
        assert_eq!(
            parse_span("5s+300ms"),
            Ok(Span {
                start_s: 5.0,
                length_s: 0.3
            })
        );
        assert_eq!(
            parse_span("1m+2"),
            Ok(Span {
                start_s: 60.0,
                length_s: 2.0
            })
        );
        for bad in ["5s", "5s+", "+1s", "5s+0s", "a+b"] {
            assert!(parse_span(bad).is_err(), "{bad}");
        }
    }
}
