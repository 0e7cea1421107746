//! Dates: always from the event, never from a clock.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

/// The UTC day of a moment as `YYYY-MM-DD`: the `dt` partition. `None` outside the calendar.
pub fn utc_day(epoch_ms: i64) -> Option<String> {
    DateTime::<Utc>::from_timestamp_millis(epoch_ms).map(|moment| moment.format("%Y-%m-%d").to_string())
}

/// A moment as RFC 3339 in UTC with milliseconds.
pub fn rfc3339(epoch_ms: i64) -> Option<String> {
    DateTime::<Utc>::from_timestamp_millis(epoch_ms).map(|m| m.to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// Milliseconds since the epoch of an RFC 3339 text, such as the `eventTime` of an S3 event.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|moment| moment.timestamp_millis())
}

/// Milliseconds since the epoch of a date as HTTP headers have it, such as `Last-Modified`.
pub fn parse_http_date(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc2822(text)
        .ok()
        .map(|moment| moment.timestamp_millis())
}

/// Milliseconds from the beginning of 1970 to that of a day, on one and the same clock. `None` if there is no such day.
pub fn day_ms(year: i32, month: u32, day: u32) -> Option<i64> {
    let day = NaiveDate::from_ymd_opt(year, month, day)?;
    Some(day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis())
}

/// Such milliseconds as `YYYY-MM-DDTHH:MM:SS.mmm`: a time on a clock whose time zone is not known.
pub fn without_zone(clock_ms: i64) -> Option<String> {
    let moment = DateTime::<Utc>::from_timestamp_millis(clock_ms)?;
    Some(moment.format("%Y-%m-%dT%H:%M:%S%.3f").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_utc() {
        assert_eq!(utc_day(0).as_deref(), Some("1970-01-01"));
        assert_eq!(utc_day(-1).as_deref(), Some("1969-12-31"));
        let late = parse_rfc3339("2026-11-23T23:30:00.000-02:00").unwrap();
        assert_eq!(utc_day(late).as_deref(), Some("2026-11-24"));
        assert_eq!(rfc3339(late).as_deref(), Some("2026-11-24T01:30:00.000Z"));
        assert_eq!(utc_day(i64::MAX), None);
        assert_eq!(
            parse_http_date("Tue, 24 Nov 2026 01:30:00 GMT").and_then(rfc3339),
            rfc3339(late)
        );
        assert_eq!(parse_http_date("yesterday"), None);
    }

    #[test]
    fn times_on_a_clock_of_their_own() {
        assert_eq!(day_ms(1970, 1, 2), Some(86_400_000));
        assert_eq!(day_ms(1969, 12, 31), Some(-86_400_000));
        assert_eq!((day_ms(2026, 2, 29), day_ms(2026, 13, 1)), (None, None));
        assert_eq!(without_zone(-1).as_deref(), Some("1969-12-31T23:59:59.999"));
        assert_eq!(without_zone(i64::MAX), None);
    }
}
