//! The header of an EDF or BDF file: fields of fixed width in ASCII, 256 bytes for the file and 256 for each signal.

use std::fmt;

use ecg_core::{Details, counted};

use crate::frames::Encoding;
use crate::text_of;

/// Bytes of the part that describes the file, and of the part that describes one signal.
pub(super) const FIRST_PART: usize = 256;

/// Most signals of a file. Their part of the header is held in memory.
const MOST_SIGNALS: usize = 1024;

/// What a file says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of the formats")]
pub enum Kind {
    Edf,
    EdfPlus,
    Bdf,
    BdfPlus,
}

impl Kind {
    /// EDF or BDF, by the first eight bytes of a file. Whether it is EDF+ or BDF+ stands further behind.
    ///
    /// # Errors
    /// It is neither.
    pub fn of(begin: &[u8]) -> Result<Kind, Details> {
        match begin.get(..8) {
            Some(b"0       ") => Ok(Kind::Edf),
            Some(b"\xffBIOSEMI") => Ok(Kind::Bdf),
            _ => {
                let shown = &begin[..begin.len().min(8)];
                let found = match shown {
                    [] => "no bytes".to_owned(),
                    shown => format!("bytes that begin with {}", shown.escape_ascii()),
                };
                let expected = "an EDF or BDF file, which begins with `0` and seven blanks or with `BIOSEMI`";
                Err(Details::new("file", expected, found).at(Some(0)))
            }
        }
    }

    pub(super) fn encoding(self) -> Encoding {
        match self {
            Kind::Edf | Kind::EdfPlus => Encoding::Bits16,
            Kind::Bdf | Kind::BdfPlus => Encoding::Bits24,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Edf => "EDF",
            Kind::EdfPlus => "EDF+",
            Kind::Bdf => "BDF",
            Kind::BdfPlus => "BDF+",
        })
    }
}

/// The first part of a header.
#[derive(Debug)]
pub(super) struct Start {
    kind: Kind,
    /// Data records; `None` where the recorder did not say.
    records: Option<u64>,
    record_duration_s: f64,
    origin: [String; 4],
    /// Number of signals.
    pub(super) signals: usize,
}

/// A whole header.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) records: Option<u64>,
    pub(super) record_duration_s: f64,
    /// Patient, recording, date and time of the start.
    pub(super) origin: [String; 4],
    pub(super) signals: Vec<SignalPart>,
}

/// What a header says of one signal.
#[derive(Debug)]
pub(super) struct SignalPart {
    pub(super) label: String,
    pub(super) units: String,
    /// Whether it holds annotations and no samples.
    pub(super) annotations: bool,
    pub(super) samples_per_record: u64,
    /// ADC gain in adu per physical unit, and the ADC value at 0; or what is wrong with the fields that say it, which is the
    /// file's fault only if the signal is a lead.
    pub(super) scale: Result<(f64, f64), Details>,
}

impl Start {
    pub(super) fn parse(bytes: &[u8; FIRST_PART]) -> Result<Start, Details> {
        let kind = Kind::of(bytes)?;
        let field = |place: usize, width: usize| Field {
            bytes: &bytes[place..place + width],
            offset: place,
        };
        let reserved = field(192, 44);
        let kind = match (kind, reserved.bytes.get(..5)) {
            (Kind::Edf, Some(b"EDF+C")) => Kind::EdfPlus,
            (Kind::Bdf, Some(b"BDF+C")) => Kind::BdfPlus,
            (Kind::Edf, Some(b"EDF+D")) | (Kind::Bdf, Some(b"BDF+D")) => {
                let expected = "a continuous recording (EDF+C or BDF+C)";
                let found = format!(
                    "{}, which may have gaps between its records",
                    &reserved.text()[..5]
                );
                return Err(reserved.wrong("unsupported file", expected, found));
            }
            (kind, _) => kind,
        };
        let signals: usize = field(252, 4).number("number of signals", "a whole number")?;
        if !(1..=MOST_SIGNALS).contains(&signals) {
            let expected = format!("1 to {MOST_SIGNALS}");
            return Err(field(252, 4).wrong("number of signals", expected, signals.to_string()));
        }
        let header_bytes: usize = field(184, 8).number("length of the header", "a whole number")?;
        let expected = (signals + 1) * FIRST_PART;
        if header_bytes != expected {
            let expected = format!(
                "{expected} bytes for {}",
                counted(signals as u64, "signal", "signals")
            );
            return Err(field(184, 8).wrong("length of the header", expected, header_bytes.to_string()));
        }
        let records: i64 = field(236, 8).number("number of data records", "a whole number")?;
        if records < -1 {
            let found = records.to_string();
            return Err(field(236, 8).wrong("number of data records", "-1 (not known) or more", found));
        }
        let duration: f64 = field(244, 8).number("duration of a data record", "a number of seconds")?;
        if !(duration.is_finite() && duration > 0.0) {
            let found = duration.to_string();
            return Err(field(244, 8).wrong("duration of a data record", "more than 0 s", found));
        }
        Ok(Start {
            kind,
            records: u64::try_from(records).ok(),
            record_duration_s: duration,
            origin: [(8, 80), (88, 80), (168, 8), (176, 8)].map(|(place, width)| field(place, width).text()),
            signals,
        })
    }
}

impl Header {
    /// Parses the part of the signals: for each field one column with an entry per signal.
    pub(super) fn parse(start: Start, bytes: &[u8]) -> Result<Header, Details> {
        let count = start.signals;
        let signals = (0..count).map(|index| {
            let field = |before: usize, width: usize| {
                let place = before * count + index * width;
                Field {
                    bytes: &bytes[place..place + width],
                    offset: FIRST_PART + place,
                }
            };
            parse_signal(start.kind, index, field)
        });
        let signals = signals.collect::<Result<Vec<SignalPart>, Details>>()?;
        if signals.iter().all(|signal| signal.annotations) {
            let details = Details::new("signals", "at least one with samples", "annotations only");
            return Err(details.at(Some(FIRST_PART as u64)));
        }
        Ok(Header {
            kind: start.kind,
            records: start.records,
            record_duration_s: start.record_duration_s,
            origin: start.origin,
            signals,
        })
    }
}

/// One signal. `field` takes the bytes that the fields before it have together, and its width.
fn parse_signal<'b>(
    kind: Kind,
    index: usize,
    field: impl Fn(usize, usize) -> Field<'b>,
) -> Result<SignalPart, Details> {
    let label = field(0, 16).text();
    let subject = |what: &str| format!("{what} of signal {} ({label})", index + 1);
    let samples = field(216, 8);
    let samples_per_record: u64 = samples.number(&subject("samples per data record"), "a whole number")?;
    if samples_per_record == 0 {
        return Err(samples.wrong(subject("samples per data record"), "at least 1", "0"));
    }
    let annotations = matches!(label.as_str(), "EDF Annotations" | "BDF Annotations");
    let scale = match annotations {
        true => Ok((1.0, 0.0)),
        false => scale(kind, &subject, &field),
    };
    Ok(SignalPart {
        annotations,
        units: field(96, 8).text(),
        samples_per_record,
        scale,
        label,
    })
}

/// ADC gain in adu per physical unit, and the ADC value at 0, of a signal.
fn scale<'b>(
    kind: Kind,
    subject: &impl Fn(&str) -> String,
    field: &impl Fn(usize, usize) -> Field<'b>,
) -> Result<(f64, f64), Details> {
    let physical = |before: usize, what: &str| -> Result<f64, Details> {
        let field = field(before, 8);
        let number: f64 = field.number(&subject(what), "a number")?;
        match number.is_finite() {
            true => Ok(number),
            false => Err(field.wrong(subject(what), "a finite number", number.to_string())),
        }
    };
    let physical_minimum = physical(104, "physical minimum")?;
    let physical_maximum = physical(112, "physical maximum")?;
    let most = 1_i64 << (kind.encoding().bits() - 1);
    let digital = |before: usize, what: &str| -> Result<i64, Details> {
        let field = field(before, 8);
        let text = field.text();
        // Some writers put `-32768.0`.
        let whole = text.trim_end_matches('0').strip_suffix('.').unwrap_or(&text);
        let number: i64 = whole
            .parse()
            .map_err(|_| field.wrong(subject(what), "a whole number", format!("`{text}`")))?;
        match (-most..most).contains(&number) {
            true => Ok(number),
            false => Err(field.wrong(
                subject(what),
                format!("{} to {}", -most, most - 1),
                number.to_string(),
            )),
        }
    };
    let digital_minimum = digital(120, "digital minimum")?;
    let digital_maximum = digital(128, "digital maximum")?;
    if digital_maximum <= digital_minimum {
        let expected = format!("more than the minimum of {digital_minimum}");
        let found = digital_maximum.to_string();
        return Err(field(128, 8).wrong(subject("digital maximum"), expected, found));
    }
    // Physical maximum below minimum is allowed: the signal is stored upside down.
    let gain = (digital_maximum - digital_minimum) as f64 / (physical_maximum - physical_minimum);
    let baseline = digital_maximum as f64 - physical_maximum * gain;
    if !(gain.is_finite() && baseline.is_finite()) || gain == 0.0 {
        let expected = format!("a number that differs from the physical minimum, {physical_minimum}");
        let found = physical_maximum.to_string();
        return Err(field(112, 8).wrong(subject("physical maximum"), expected, found));
    }
    Ok((gain, baseline))
}

/// A field of the header, and where it is in the file.
struct Field<'b> {
    bytes: &'b [u8],
    offset: usize,
}

impl Field<'_> {
    /// Its text without what fills it up: blanks, or the zeros and tabs of some writers. The standard wants ASCII, and `µV` is a unit all
    /// the same.
    fn text(&self) -> String {
        text_of(self.bytes).trim_matches([' ', '\0', '\t']).to_owned()
    }

    fn number<T: std::str::FromStr>(&self, what: &str, expected: &str) -> Result<T, Details> {
        let text = self.text();
        text.parse()
            .map_err(|_| self.wrong(what, expected, format!("`{text}`")))
    }

    fn wrong(
        &self,
        what: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Details {
        Details::new(what, expected, found).at(Some(self.offset as u64))
    }
}
