//! Whose a recording is, with which device it was made, and when: what a source says of it, and what can be read of that.
//!
//! Nothing is guessed. What nobody says is `None`, and so is what is said and cannot be read, which rejects no recording. All of
//! it is personal data: it belongs in the verdict and in the tables, and in no log and no message. (What a profile takes from the
//! key is in ids and logs, as the key is: `docs/inputs.md` says to use pseudonyms there.)

use ecg_core::{Details, day};
use serde::{Deserialize, Serialize};

/// Oldest age that is read, in years.
const OLDEST: i32 = 125;

/// First and last year that are read: those that a timestamp in nanoseconds can hold, which pandas makes of one.
const YEARS: (i32, i32) = (1700, 2261);

/// Most characters of an id. A longer one is not read: two that begin alike would become one.
const LONGEST_ID: usize = 128;

/// What an EDF file has in place of a start that is not known.
const NO_START: Date = (1985, 1, 1);

/// Year, month and day.
type Date = (i32, u32, u32);

/// Whose, with what and when. The first source that says one of the values counts for it, also where that cannot be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Origin {
    /// Who was recorded, as the source calls them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_id: Option<String>,
    /// What recorded it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// Start of the recording on the clock of the source: milliseconds since the beginning of 1970 on that clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded_at_ms: Option<i64>,
    /// Age in whole years.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age: Option<i32>,
    /// Sex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sex: Option<Sex>,
    /// What is said and could not be read; the subject is the column. For the person who inspects the file.
    #[serde(skip)]
    pub unread: Vec<Details>,
}

/// Sex, as the tables have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Sex {
    Male,
    Female,
}

impl Sex {
    /// Its name in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Sex::Male => "male",
            Sex::Female => "female",
        }
    }
}

impl Origin {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Origin::default()
    }

    /// The start of the recording as `YYYY-MM-DDTHH:MM:SS.mmm`, without a time zone.
    pub fn recorded_at(&self) -> Option<String> {
        self.recorded_at_ms.and_then(day::without_zone)
    }

    /// A source says who was recorded.
    pub fn say_subject_id(&mut self, said: &str) {
        keep(&mut self.subject_id, &mut self.unread, "subject_id", said, ID, id);
    }

    /// A source says what recorded it.
    pub fn say_device_id(&mut self, said: &str) {
        keep(&mut self.device_id, &mut self.unread, "device_id", said, ID, id);
    }

    /// A source says when the recording begins, in ISO 8601: `2026-11-23T22:05:00`, also with a blank in place of the `T`,
    /// without seconds, with a fraction of them, and with a time zone, which is passed over.
    pub fn say_recorded_at(&mut self, said: &str) {
        let expected = "a date and time such as 2026-11-23T22:05:00";
        self.say_start(said, expected, |text| {
            let (date, time) = text.split_once(['T', ' '])?;
            moment(iso_date(date)?, clock(without_zone(time), ':', 2)?)
        });
    }

    /// A source says the age, in years.
    pub fn say_age(&mut self, said: &str) {
        let expected = format!("0 to {OLDEST} years");
        keep(&mut self.age, &mut self.unread, "age", said, &expected, |text| {
            let years: f64 = text.parse().ok()?;
            (0.0..=f64::from(OLDEST)).contains(&years).then_some(years as i32)
        });
    }

    /// A source says the sex.
    pub fn say_sex(&mut self, said: &str) {
        let expected = "M, male, F or female";
        keep(
            &mut self.sex,
            &mut self.unread,
            "sex",
            said,
            expected,
            |text| match text.to_ascii_lowercase().as_str() {
                "m" | "male" => Some(Sex::Male),
                "f" | "female" => Some(Sex::Female),
                _ => None,
            },
        );
    }

    /// A source says something that has no text, of the class `found`.
    pub(crate) fn say_unreadable(&mut self, column: &'static str, expected: &str, found: &str) {
        let nothing: &mut Option<()> = &mut None;
        keep(nothing, &mut self.unread, column, found, expected, |_| None);
    }

    /// The base time and the base date of the record line of a WFDB header: `12:30:00 25/04/1989` after header(5), or with
    /// the date first, as in the headers of the CinC Challenge 2017: `2014-05-08 05:05:15`.
    pub(crate) fn say_wfdb_start(&mut self, words: &str) {
        let expected = "a base time and a base date such as 12:30:00 25/04/1989";
        self.say_start(words, expected, |words| {
            let (first, second) = words.split_once(' ')?;
            let (date, time) = match iso_date(first) {
                Some(date) => (date, second),
                None => (wfdb_date(second)?, first),
            };
            moment(date, clock(time, ':', 3)?)
        });
    }

    /// A comment of a WFDB header, without the `#`. Read are `69 M 1085 1629 x1` (MIT-BIH), and `Age: 69`, `<sex>: M` (other
    /// data sets of PhysioNet), one of them or both in a line. Any other text is passed over.
    pub(crate) fn say_wfdb_comment(&mut self, comment: &str) {
        let words: Vec<&str> = comment.split_whitespace().collect();
        if let [age, sex @ ("M" | "F"), rest @ ..] = words.as_slice()
            && age.parse::<i32>().is_ok()
            && rest.iter().all(|word| {
                word.trim_start_matches('x')
                    .starts_with(|c: char| c.is_ascii_digit())
            })
        {
            self.say_age(age);
            self.say_sex(sex);
            return;
        }
        let mut rest = comment.trim();
        while let Some((key, behind)) = named_value(rest) {
            // The value goes on to the next name, so that `6 months` is not taken for 6 years.
            let mut after_blank = false;
            let mut is_word =
                |c: char| std::mem::replace(&mut after_blank, c.is_whitespace()) && !c.is_whitespace();
            let next = behind
                .char_indices()
                .find(|(place, c)| is_word(*c) && named_value(&behind[*place..]).is_some());
            let (value, others) = behind.split_at(next.map_or(behind.len(), |(place, _)| place));
            match key {
                "age" => self.say_age(value),
                _ => self.say_sex(value),
            }
            rest = others;
        }
    }

    /// The four fields of an EDF header: patient, recording, date (`dd.mm.yy`) and time (`hh.mm.ss`). `plus` is whether it is
    /// EDF+ or BDF+, where the first two have a form.
    ///
    /// Years of two digits are 1985 to 2084. EDF+ has the whole date in the recording's field, which counts. The beginning of
    /// 1985 stands for an unknown start.
    pub(crate) fn say_edf(&mut self, plus: bool, [patient, recording, date, time]: [&str; 4]) {
        fn words(text: &str) -> Vec<&str> {
            text.split_whitespace().collect()
        }
        let (patient, recording) = match plus {
            true => (words(patient), words(recording)),
            false => (Vec::new(), Vec::new()),
        };
        let word = |words: &[&str], index: usize| words.get(index).copied().unwrap_or_default().to_owned();
        let recording = match recording.first() {
            Some(&"Startdate") => recording,
            _ => Vec::new(),
        };
        let whole = Some(word(&recording, 1)).filter(|whole| !is_unknown(whole));
        let start = whole.as_deref().map_or_else(|| short_date(date), long_date);
        let clock = clock(time, '.', 3);
        if !(start == Some(NO_START) && clock == Some(0)) {
            let said = format!("{} {time}", whole.as_deref().unwrap_or(date));
            let expected = "a date and a time such as 23.11.26 22.05.00";
            self.say_start(&said, expected, |_| moment(start?, clock?));
        }
        self.say_subject_id(&word(&patient, 0));
        self.say_sex(&word(&patient, 1));
        self.say_device_id(&word(&recording, 4));
        let born = word(&patient, 2);
        if let (Some(start), Some(_)) = (start, self.recorded_at_ms) {
            let expected =
                format!("a date of birth such as 02-MAY-1951, at most {OLDEST} years before the start");
            keep(&mut self.age, &mut self.unread, "age", &born, &expected, |born| {
                let born = long_date(born).filter(|date| moment(*date, 0).is_some())?;
                let birthday_to_come = (start.1, start.2) < (born.1, born.2);
                let age = start.0 - born.0 - i32::from(birthday_to_come);
                (0..=OLDEST).contains(&age).then_some(age)
            });
        }
    }

    fn say_start(&mut self, said: &str, expected: &str, read: impl FnOnce(&str) -> Option<i64>) {
        keep(
            &mut self.recorded_at_ms,
            &mut self.unread,
            "recorded_at",
            said,
            expected,
            read,
        );
    }
}

/// What an id has to be.
const ID: &str = "an id of one line";

/// Keeps what a source says, unless another has said it before.
fn keep<T>(
    place: &mut Option<T>,
    unread: &mut Vec<Details>,
    column: &'static str,
    said: &str,
    expected: &str,
    read: impl FnOnce(&str) -> Option<T>,
) {
    let said = said.trim();
    if is_unknown(said) || place.is_some() || unread.iter().any(|details| details.subject == column) {
        return;
    }
    *place = read(said);
    if place.is_none() {
        let shown: String = said.chars().take(LONGEST_ID).collect();
        unread.push(Details::new(column, expected, format!("`{shown}`")));
    }
}

/// Whether a text says that nothing is known.
fn is_unknown(said: &str) -> bool {
    let unknown = ["", "x", "?", "nan", "n/a", "unknown"];
    unknown.iter().any(|word| said.eq_ignore_ascii_case(word))
}

fn id(text: &str) -> Option<String> {
    let fits = text.chars().count() <= LONGEST_ID && !text.contains(char::is_control);
    fits.then(|| text.to_owned())
}

/// `age` or `sex`, and what stands behind its colon.
fn named_value(text: &str) -> Option<(&'static str, &str)> {
    let forms = [
        ("age", "age:"),
        ("age", "<age>:"),
        ("sex", "sex:"),
        ("sex", "<sex>:"),
    ];
    forms.into_iter().find_map(|(name, form)| {
        let begin = text.get(..form.len())?;
        begin
            .eq_ignore_ascii_case(form)
            .then(|| (name, &text[form.len()..]))
    })
}

/// The milliseconds of a date and of a time of day; `None` if there is no such day.
fn moment((year, month, day): Date, clock_ms: i64) -> Option<i64> {
    let within = (YEARS.0..=YEARS.1).contains(&year);
    day::day_ms(year, month, day)
        .filter(|_| within)
        .map(|day_ms| day_ms + clock_ms)
}

/// The time of day in milliseconds: hours, minutes, and seconds with or without a fraction, of which more than milliseconds is
/// cut off. At least so many of the three have to be there.
fn clock(text: &str, separator: char, least: usize) -> Option<i64> {
    let parts: Vec<&str> = text.split(separator).collect();
    if !(least..=3).contains(&parts.len()) {
        return None;
    }
    let hours = digits(parts[0], 1..=2).filter(|hours| *hours < 24)?;
    let minutes = digits(parts[1], 1..=2).filter(|minutes| *minutes < 60)?;
    let (seconds, fraction) = match parts.get(2) {
        None => ("0", "0"),
        Some(text) => text.split_once('.').unwrap_or((text, "0")),
    };
    let seconds = digits(seconds, 1..=2).filter(|seconds| *seconds < 60)?;
    digits(fraction, 1..=9)?;
    let thousandths: i64 = format!("{fraction:0<3}")[..3].parse().ok()?;
    Some(i64::from((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths)
}

/// A time without `Z`, `+01:00` or the like behind it.
fn without_zone(time: &str) -> &str {
    let end = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let zone = &time[end..];
    let known = zone.is_empty() || zone == "Z" || clock_zone(&zone[1..]);
    if known { time[..end].trim_end() } else { "" }
}

fn clock_zone(text: &str) -> bool {
    let text = text.replacen(':', "", 1);
    matches!(text.len(), 2 | 4) && digits(&text, 1..=4).is_some()
}

fn iso_date(text: &str) -> Option<Date> {
    let [year, month, day] = three(text, '-')?;
    Some((
        digits(year, 4..=4)? as i32,
        digits(month, 2..=2)?,
        digits(day, 2..=2)?,
    ))
}

fn wfdb_date(text: &str) -> Option<Date> {
    let [day, month, year] = three(text, '/')?;
    Some((
        digits(year, 4..=4)? as i32,
        digits(month, 1..=2)?,
        digits(day, 1..=2)?,
    ))
}

/// `dd.mm.yy`
fn short_date(text: &str) -> Option<Date> {
    let [day, month, year] = three(text, '.')?;
    let year = digits(year, 2..=2)? as i32;
    let century = if year < 85 { 2000 } else { 1900 };
    Some((century + year, digits(month, 2..=2)?, digits(day, 2..=2)?))
}

/// `dd-MMM-yyyy`
fn long_date(text: &str) -> Option<Date> {
    const MONTHS: [&str; 12] = [
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
    ];
    let [day, month, year] = three(text, '-')?;
    let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))?;
    Some((digits(year, 4..=4)? as i32, month as u32 + 1, digits(day, 1..=2)?))
}

fn three(text: &str, separator: char) -> Option<[&str; 3]> {
    let parts: Vec<&str> = text.split(separator).collect();
    parts.try_into().ok()
}

/// A number of so many digits, and nothing else.
fn digits(text: &str, count: std::ops::RangeInclusive<usize>) -> Option<u32> {
    let only = count.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| only)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(say: impl FnOnce(&mut Origin)) -> Origin {
        let mut origin = Origin::default();
        say(&mut origin);
        origin
    }

    /// The columns that could not be read.
    fn unread(origin: &Origin) -> Vec<&str> {
        origin
            .unread
            .iter()
            .map(|details| details.subject.as_str())
            .collect()
    }

    #[test]
    fn the_start_in_iso_8601() {
        for (text, expected) in [
            ("2026-11-23T22:05:00", "2026-11-23T22:05:00.000"),
            (" 2026-11-23 22:05 ", "2026-11-23T22:05:00.000"),
            ("2024-02-29T00:00:59.5", "2024-02-29T00:00:59.500"),
            ("1969-12-31T23:59:59.123456789", "1969-12-31T23:59:59.123"),
            // The clock of the recorder, wherever it stood.
            ("2026-11-23T22:05:00Z", "2026-11-23T22:05:00.000"),
            ("2026-11-23T22:05:00.25+01:00", "2026-11-23T22:05:00.250"),
            ("2026-11-23T22:05:00-0330", "2026-11-23T22:05:00.000"),
        ] {
            let origin = said(|origin| origin.say_recorded_at(text));
            assert_eq!(origin.recorded_at().as_deref(), Some(expected), "{text}");
        }
        for text in [
            "2026-13-40T00:00:00",
            "2026-02-29T00:00:00",
            "2026-11-23",
            "22:05:00",
            "23/11/2026 22:05:00",
            "26-11-23T22:05:00",
            "2026-11-23T24:00:00",
            "2026-11-23T22:60:00",
            "2026-11-23T22:05:60",
            "2026-11-23T22:05:00.",
            "2026-11-23T22:05:00.1234567890",
            "2026-11-23T22:05:00 CET",
            "2026-11-23T22:05:00+one",
            "2026-11-23T22:05:00+\u{e9}",
            "2026-11-23T22",
            "1600-01-01T00:00:00",
            "+2026-11-23T22:05:00",
            "yesterday",
        ] {
            let origin = said(|origin| origin.say_recorded_at(text));
            assert_eq!(origin.recorded_at_ms, None, "{text}");
            assert_eq!(unread(&origin), ["recorded_at"], "{text}");
            assert_eq!(origin.unread[0].found, format!("`{text}`"));
        }
    }

    #[test]
    fn ages_and_sexes() {
        for (text, expected) in [
            ("69", Some(69)),
            ("0.5", Some(0)),
            ("69.9", Some(69)),
            ("125", Some(125)),
        ] {
            let origin = said(|origin| origin.say_age(text));
            assert_eq!((origin.age, unread(&origin).len()), (expected, 0), "{text}");
        }
        for text in ["230", "-1", "126", "old", "6 months", "1e9", "inf"] {
            let origin = said(|origin| origin.say_age(text));
            assert_eq!((origin.age, unread(&origin).len()), (None, 1), "{text}");
        }
        for (text, expected) in [
            ("M", Some(Sex::Male)),
            ("male", Some(Sex::Male)),
            ("F", Some(Sex::Female)),
            ("FEMALE", Some(Sex::Female)),
        ] {
            assert_eq!(said(|origin| origin.say_sex(text)).sex, expected, "{text}");
        }
        for text in ["1", "W", "other", "MF"] {
            let origin = said(|origin| origin.say_sex(text));
            assert_eq!((origin.sex, unread(&origin).len()), (None, 1), "{text}");
        }
    }

    #[test]
    fn who_says_that_nothing_is_known_says_nothing() {
        for text in ["", "  ", "X", "?", "NaN", "n/a", "Unknown"] {
            let origin = said(|origin| {
                origin.say_subject_id(text);
                origin.say_device_id(text);
                origin.say_recorded_at(text);
                origin.say_age(text);
                origin.say_sex(text);
            });
            assert!(origin.is_empty(), "{text}: {origin:?}");
        }
    }

    #[test]
    fn the_first_who_says_it_counts_also_where_it_cannot_be_read() {
        let origin = said(|origin| {
            origin.say_age("230");
            origin.say_age("23");
            origin.say_subject_id("X");
            origin.say_subject_id("P 17");
            origin.say_subject_id("other");
        });
        assert_eq!((origin.age, origin.subject_id.as_deref()), (None, Some("P 17")));
        assert_eq!(unread(&origin), ["age"]);
    }

    #[test]
    fn an_id_is_kept_whole_or_not_at_all() {
        let longest = "\u{e9}".repeat(LONGEST_ID);
        for (text, kept) in [
            (longest.clone(), true),
            (format!("{longest}x"), false),
            ("a\nb".to_owned(), false),
            ("a\u{1b}[31m".to_owned(), false),
        ] {
            let origin = said(|origin| origin.say_subject_id(&text));
            assert_eq!(origin.subject_id, kept.then_some(text.clone()));
            assert_eq!(unread(&origin).len(), usize::from(!kept));
        }
    }

    #[test]
    fn the_base_time_and_date_of_a_header() {
        for (words, expected) in [
            ("12:30:00 25/04/1989", Some("1989-04-25T12:30:00.000")),
            ("13:5:0 1/1/2001", Some("2001-01-01T13:05:00.000")),
            ("10:10:14.123 19/05/2105", Some("2105-05-19T10:10:14.123")),
            ("2014-05-08 05:05:15", Some("2014-05-08T05:05:15.000")),
            ("08:04:00", None),
            ("12:30:00 04/25/1989", None),
            ("12:30:00 25/04/89", None),
            ("30:00 25/04/1989", None),
        ] {
            let origin = said(|origin| origin.say_wfdb_start(words));
            assert_eq!(origin.recorded_at().as_deref(), expected, "{words}");
            assert_eq!(unread(&origin).is_empty(), expected.is_some(), "{words}");
        }
        assert!(said(|origin| origin.say_wfdb_start("")).is_empty());
    }

    #[test]
    fn the_comments_of_physionet() {
        let (m, f) = (Some(Sex::Male), Some(Sex::Female));
        for (comment, age, sex) in [
            (" 69 M 1085 1629 x1", Some(69), m),
            (" 32 F", Some(32), f),
            (" Age: 69", Some(69), None),
            ("<age>: 51", Some(51), None),
            ("<sex>: F", None, f),
            (" age: 81  ", Some(81), None),
            (" Age: 62  Sex: M", Some(62), m),
            ("Sex: Female Age: NaN", None, f),
            (" Aldomet, Inderal", None, None),
            (" 10 M cable", None, None),
            ("Average: 50", None, None),
            ("Diagnosis: at the age: 50", None, None),
            (" 69 X 1085", None, None),
            ("\u{2003}\u{e9}: 1", None, None),
        ] {
            let origin = said(|origin| origin.say_wfdb_comment(comment));
            assert_eq!((origin.age, origin.sex), (age, sex), "{comment}");
            assert!(origin.unread.is_empty(), "{comment}");
        }
        for (comment, columns) in [
            (" Age: 6 months Sex: M", vec!["age"]),
            (" -1 M 1085", vec!["age"]),
            ("Age: 230 Sex: neither", vec!["age", "sex"]),
        ] {
            assert_eq!(unread(&said(|origin| origin.say_wfdb_comment(comment))), columns);
        }
    }

    #[test]
    fn the_fields_of_edf() {
        let read = |plus: bool, fields: [&str; 4]| said(|origin| origin.say_edf(plus, fields));
        let patient = "MCH-0234567 F 02-MAY-1951 Haagse_Harry";
        let recording = "Startdate 02-MAR-2002 EMG561 BK/JOP Sony.MNC R";
        let plus = read(true, [patient, recording, "02.03.02", "22.05.00"]);
        assert_eq!(plus.subject_id.as_deref(), Some("MCH-0234567"));
        assert_eq!(plus.device_id.as_deref(), Some("Sony.MNC"));
        assert_eq!(plus.recorded_at().as_deref(), Some("2002-03-02T22:05:00.000"));
        assert_eq!(
            (plus.age, plus.sex, plus.unread.len()),
            (Some(50), Some(Sex::Female), 0)
        );

        // The same fields of a plain file are free text.
        let plain = read(false, [patient, recording, "02.03.02", "22.05.00"]);
        let only_start = Origin {
            recorded_at_ms: plus.recorded_at_ms,
            ..Origin::default()
        };
        assert_eq!(plain, only_start);
        for (date, year) in [("31.12.84", "2084"), ("01.02.85", "1985"), ("01.01.00", "2000")] {
            let start = read(false, ["", "", date, "00.00.00"]).recorded_at().unwrap();
            assert!(start.starts_with(year), "{date}: {start}");
        }

        for unknown in [
            read(true, ["X X X X", "Startdate X X X X", "01.01.85", "00.00.00"]),
            read(false, ["", "", "01.01.85", "00.00.00"]),
            read(true, ["", "", "01.01.85", "00.00.00"]),
        ] {
            assert!(unknown.is_empty(), "{unknown:?}");
        }
        // Behind 2084 only the whole date is one.
        let late = read(
            true,
            ["X X X", "Startdate 02-mar-2090 X X X", "02.03.yy", "22.05.00"],
        );
        assert_eq!(late.recorded_at().as_deref(), Some("2090-03-02T22:05:00.000"));
        assert_eq!(
            unread(&read(false, ["", "", "02.03.yy", "22.05.00"])),
            ["recorded_at"]
        );
        assert_eq!(
            unread(&read(false, ["", "", "30.02.20", "22.05.00"])),
            ["recorded_at"]
        );
        assert_eq!(unread(&read(false, ["", "", "", "22.05.00"])), ["recorded_at"]);
    }

    #[test]
    fn the_age_at_the_start() {
        let age = |born: &str| {
            let patient = format!("X X {born} X");
            let origin = said(|origin| origin.say_edf(true, [&patient, "", "02.03.02", "22.05.00"]));
            (origin.age, origin.unread.len())
        };
        assert_eq!(age("02-MAR-1951"), (Some(51), 0));
        assert_eq!(age("03-MAR-1951"), (Some(50), 0));
        assert_eq!(age("02-MAR-2002"), (Some(0), 0));
        assert_eq!(age("X"), (None, 0));
        for wrong in ["03-MAR-2002", "02-MAR-1800", "31-FEB-1951", "1951", "02-MRZ-1951"] {
            assert_eq!(age(wrong), (None, 1), "{wrong}");
        }
        // Without a start there is no age.
        let origin = said(|origin| origin.say_edf(true, ["X X 02-MAR-1951 X", "", "01.01.85", "00.00.00"]));
        assert!(origin.is_empty());
    }
}
