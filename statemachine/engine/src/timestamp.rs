//! Timestamps of a Wait state: the formats that are accepted at run time and in a definition.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

/// The largest offset from UTC that Java accepts, in seconds.
const FURTHEST_OFFSET_SECONDS: u32 = 18 * 3600;

/// Parses a timestamp to whole seconds, because AWS drops the fraction. Returns `None` for a text that Java's
/// `DateTimeFormatter.ISO_OFFSET_DATE_TIME`, which AWS uses, does not accept. The year must have four digits.
/// Java also accepts longer years with a sign.
pub(crate) fn parse(text: &str) -> Option<DateTime<Utc>> {
    let (date, rest) = text.split_once(['T', 't'])?;
    let (time, offset) = rest.split_at(rest.find(['Z', 'z', '+', '-'])?);
    let date = match date.split('-').collect::<Vec<_>>()[..] {
        [year, month, day] => NaiveDate::from_ymd_opt(
            digits(year, 4)?.try_into().ok()?,
            digits(month, 2)?,
            digits(day, 2)?,
        )?,
        _ => return None,
    };
    let (time, fraction) = match time.split_once('.') {
        Some((time, fraction)) => (time, Some(fraction)),
        None => (time, None),
    };
    let (hour, minute, second) = match (&pairs(time)?[..], fraction) {
        ([hour, minute], None) => (*hour, *minute, 0),
        ([hour, minute, second], fraction) if fraction.is_none_or(is_fraction) => (*hour, *minute, *second),
        _ => return None,
    };
    let local = date.and_hms_opt(hour, minute, second)?.and_utc();
    local.checked_sub_signed(offset_from_utc(offset)?)
}

/// Whether AWS accepts the text as the literal `Timestamp` of a definition. AWS rejects other texts because they do
/// not match RFC 3339, and its documentation requires an uppercase `T` and `Z`. At run time AWS accepts more.
pub(crate) fn is_literal(text: &str) -> bool {
    DateTime::parse_from_rfc3339(text).is_ok() && parse(text).is_some() && !text.contains(['t', 'z'])
}

/// Parses an offset: `Z`, `+01`, `+01:30` or `+01:30:15`.
fn offset_from_utc(text: &str) -> Option<TimeDelta> {
    if text.eq_ignore_ascii_case("Z") {
        return Some(TimeDelta::zero());
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hours, minutes, seconds) = match pairs(text.get(1..)?)?[..] {
        [hours] => (hours, 0, 0),
        [hours, minutes] => (hours, minutes, 0),
        [hours, minutes, seconds] => (hours, minutes, seconds),
        _ => return None,
    };
    let total = hours * 3600 + minutes * 60 + seconds;
    (minutes < 60 && seconds < 60 && total <= FURTHEST_OFFSET_SECONDS)
        .then(|| TimeDelta::seconds(sign * i64::from(total)))
}

/// Parses numbers of two digits, separated by colons.
fn pairs(text: &str) -> Option<Vec<u32>> {
    text.split(':').map(|part| digits(part, 2)).collect()
}

fn digits(text: &str, count: usize) -> Option<u32> {
    let fits = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

/// Whether the text is 0 to 9 digits. Java accepts a point without digits after it.
fn is_fraction(text: &str) -> bool {
    text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_and_what_a_definition_may_hold() {
        let moment = "2016-12-05T21:29:29+00:00";
        let minute = "2016-12-05T21:29:00+00:00";
        for (text, read, literal) in [
            ("2016-12-05T21:29:29Z", Some(moment), true),
            ("2016-12-05T21:29:29.1Z", Some(moment), true),
            ("2016-12-05T21:29:29.243167252Z", Some(moment), true),
            ("2016-12-05T22:29:29+01:00", Some(moment), true),
            ("2016-12-05T15:59:29-05:30", Some(moment), true),
            ("2016-12-06T15:29:29+18:00", Some(moment), true),
            ("2016-12-05T21:29:29-00:00", Some(moment), true),
            ("2016-02-29T00:00:00Z", Some("2016-02-29T00:00:00+00:00"), true),
            (
                "0000-01-01T00:00:00+00:01",
                Some("-0001-12-31T23:59:00+00:00"),
                true,
            ),
            // Accepted at run time, but not RFC 3339 with an uppercase T and Z.
            ("2016-12-05t21:29:29Z", Some(moment), false),
            ("2016-12-05T21:29:29z", Some(moment), false),
            ("2016-12-05T21:29Z", Some(minute), false),
            ("2016-12-05T22:29+01:00", Some(minute), false),
            ("2016-12-05T21:29:29.Z", Some(moment), false),
            ("2016-12-05T22:29:29+01", Some(moment), false),
            ("2016-12-05T22:29:30+01:00:01", Some(moment), false),
            // Accepted neither at run time nor in a definition.
            ("2016-12-05 21:29:29Z", None, false),
            ("2016-12-05T 21:29:29Z", None, false),
            (" 2016-12-05T21:29:29Z", None, false),
            ("2016-12-05T21:29:29Z ", None, false),
            ("2016-12-05T21:29:29 +01:00", None, false),
            ("2016-12-05_21:29:29Z", None, false),
            ("2016-12-05T21:29:29", None, false),
            ("2016-12-05T21:29:29.243167252", None, false),
            ("2016-12-05T21:29:29.2431672520Z", None, false),
            ("2016-12-05T21:29:29,5Z", None, false),
            ("2016-12-05T21:29.5Z", None, false),
            ("2016-12-05T21Z", None, false),
            ("2016-12-05", None, false),
            ("2016-13-05T21:29:29Z", None, false),
            ("2016-02-30T21:29:29Z", None, false),
            ("2015-02-29T21:29:29Z", None, false),
            ("2016-12-05T25:29:29Z", None, false),
            ("2016-12-05T24:00:00Z", None, false),
            ("2016-12-05T21:60:29Z", None, false),
            ("2016-12-05T21:29:60Z", None, false),
            ("05-12-2016T21:29:29Z", None, false),
            ("2016-1-05T21:29:29Z", None, false),
            ("2016-12-05T9:29:29Z", None, false),
            ("20161205T212929Z", None, false),
            ("2016-12-05T21:29:29+0100", None, false),
            ("2016-12-05T21:29:29+1:00", None, false),
            ("2016-12-05T21:29:29+01:", None, false),
            ("2016-12-05T21:29:29+01:60", None, false),
            ("2016-12-05T21:29:29+18:01", None, false),
            ("2016-12-05T21:29:29+24:00", None, false),
            ("2016-12-05T21:29:29+", None, false),
            ("2016-12-05T21:29:29-é", None, false),
            ("2016-12-05T21:29:29ZZ", None, false),
            ("2016-12-05T21:29:29Z[UTC]", None, false),
            ("2016-12-05T٢١:29:29Z", None, false),
            ("1480973369", None, false),
            ("", None, false),
        ] {
            let found = parse(text).map(|moment| moment.to_rfc3339());
            assert_eq!((found.as_deref(), is_literal(text)), (read, literal), "{text:?}");
        }
    }
}
