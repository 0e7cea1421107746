//! WFDB headers (`.hea`): the record line and one line per signal.
//!
//! Source of the rules: the WFDB Applications Guide, header(5). Sampling frequency missing: 250 Hz. Gain missing or 0:
//! 200 adu per unit, uncalibrated. Baseline missing: the ADC zero. Units missing: mV. Of the signal lines, ADC resolution,
//! initial value, checksum and block size are passed over: nothing that is read depends on them.

use ecg_core::Details;
use ecg_core::settings::Settings;

use crate::Origin;

/// Largest header that is read, in bytes. Real ones have a few hundred.
pub const MAX_HEADER_BYTES: u64 = 64 * 1024;

/// Sampling frequency of a header that does not give one, in Hz.
const DEFAULT_SAMPLING_FREQUENCY_HZ: f64 = 250.0;

/// Gain of a signal that does not give one, in adu per physical unit.
const DEFAULT_GAIN: f64 = 200.0;

/// A WFDB header.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// Name of the record.
    pub record: String,
    /// Frames per second in Hz: the sampling frequency of a signal with one sample a frame.
    pub sampling_frequency_hz: f64,
    /// Whether the header says it. What it does not say is 250 Hz.
    pub says_frequency: bool,
    /// Frames, where the header says: the samples of a signal with one sample a frame.
    pub samples: Option<u64>,
    /// The signals in order.
    pub signals: Vec<SignalLine>,
    /// What the record line and the comments say of when and whose it is.
    pub origin: Origin,
}

/// One signal line of a header.
#[derive(Debug, Clone, PartialEq)]
pub struct SignalLine {
    /// File that holds the signal.
    pub file: String,
    /// Number of the format that the samples have in the file.
    pub format: u32,
    /// Samples in a frame, at least 1.
    pub samples_per_frame: u64,
    /// Frames by which the signal is stored too late in the file.
    pub skew: u64,
    /// Byte of the file at which the samples begin.
    pub byte_offset: u64,
    /// ADC gain in adu per physical unit, never 0.
    pub gain: f64,
    /// ADC value at 0 physical units.
    pub baseline: f64,
    /// Physical unit.
    pub units: String,
    /// What the signal is: the lead's name.
    pub description: Option<String>,
}

impl Header {
    /// Parses the text of a header.
    ///
    /// # Errors
    /// What was expected and found, with the byte offset of the line.
    pub fn parse(text: &str) -> Result<Header, Details> {
        let mut lines = content_lines(text);
        let (offset, line) = lines.next().ok_or_else(|| {
            Details::new(
                "header (.hea)",
                "a record line such as `100 2 360 650000`",
                "no line that is not a comment",
            )
            .at(Some(0))
        })?;
        let (mut header, count) = parse_record_line(line).map_err(|details| details.at(Some(offset)))?;
        for number in 0..count {
            let (offset, line) = lines.next().ok_or_else(|| {
                Details::new(
                    "header (.hea)",
                    format!("{count} signal lines"),
                    number.to_string(),
                )
                .at(Some(text.len() as u64))
            })?;
            header
                .signals
                .push(parse_signal_line(line).map_err(|details| details.at(Some(offset)))?);
        }
        for comment in text.lines().filter_map(|line| line.trim().strip_prefix('#')) {
            header.origin.say_wfdb_comment(comment);
        }
        Ok(header)
    }

    /// What the header says of leads with these names, or of unnamed ones: in the order of the header, unless it
    /// describes every one of the names.
    pub fn settings(&self, names: &[String]) -> Settings {
        let described = |name: &String| {
            self.signals.iter().find(|signal| {
                let description = signal.description.as_deref();
                description.is_some_and(|description| description.eq_ignore_ascii_case(name))
            })
        };
        let by_name: Option<Vec<&SignalLine>> = names.iter().map(described).collect();
        let signals = by_name
            .filter(|found| !found.is_empty())
            .unwrap_or_else(|| self.signals.iter().collect());
        let name = |signal: &&SignalLine| signal.description.clone().unwrap_or_default();
        Settings {
            sampling_frequency_hz: Some(self.sampling_frequency_hz),
            gain: signals.iter().map(|signal| signal.gain).collect(),
            baseline: signals.iter().map(|signal| signal.baseline).collect(),
            units: signals.iter().map(|signal| signal.units.clone()).collect(),
            leads: signals.iter().map(name).collect(),
            variables: Vec::new(),
        }
    }
}

/// Lines that are neither empty nor comments, with their byte offsets.
fn content_lines(text: &str) -> impl Iterator<Item = (u64, &str)> {
    let mut offset = 0;
    text.split_inclusive('\n')
        .map(move |line| {
            let start = offset;
            offset += line.len() as u64;
            (start, line.trim())
        })
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// `name[/segments] signals [frequency[/counter frequency[(base)]] [samples [time [date]]]]`
fn parse_record_line(line: &str) -> Result<(Header, usize), Details> {
    let mut words = line.split_whitespace();
    let name = words.next().unwrap_or_default();
    if let Some((_, segments)) = name.split_once('/') {
        return Err(Details::new(
            "header (.hea)",
            "a record of one segment",
            format!("{segments} segments"),
        ));
    }
    let count = number_of::<usize>(words.next(), "number of signals")?.ok_or_else(|| {
        Details::new(
            "header (.hea)",
            "a number of signals after the record name, which has no blanks",
            format!("`{line}`"),
        )
    })?;
    let frequency = words
        .next()
        .map(|word| word.split(['/', '(']).next().unwrap_or_default());
    let said = number_of::<f64>(frequency, "sampling frequency in Hz")?;
    let frequency = said.unwrap_or(DEFAULT_SAMPLING_FREQUENCY_HZ);
    if !(frequency.is_finite() && frequency > 0.0) {
        return Err(Details::new(
            "header (.hea)",
            "a sampling frequency above 0 Hz",
            frequency.to_string(),
        ));
    }
    // A number of samples of 0 means that the header does not say.
    let samples = number_of::<u64>(words.next(), "number of samples")?.filter(|samples| *samples > 0);
    let mut origin = Origin::default();
    origin.say_wfdb_start(&words.collect::<Vec<_>>().join(" "));
    let header = Header {
        record: name.to_owned(),
        sampling_frequency_hz: frequency,
        says_frequency: said.is_some(),
        samples,
        signals: Vec::new(),
        origin,
    };
    Ok((header, count))
}

/// `file format[xN][:skew][+offset] [gain[(baseline)][/units] [resolution [zero [initial [checksum [block [description]]]]]]]`
fn parse_signal_line(line: &str) -> Result<SignalLine, Details> {
    let mut words = line.split_whitespace();
    let file = words.next().unwrap_or_default().to_owned();
    let format = words.next().ok_or_else(|| {
        Details::new(
            "header (.hea)",
            "a signal line `file format gain ...`",
            format!("`{line}`"),
        )
    })?;
    let (format, samples_per_frame, skew, byte_offset) = parse_format(format)?;
    let gain_word = words.next().unwrap_or_default();
    let _resolution = words.next();
    let adc_zero = number_of::<f64>(words.next(), "ADC zero")?.unwrap_or(0.0);
    let _initial_checksum_block = (words.next(), words.next(), words.next());
    // Some writers put a comma behind each name; with it no flag could say the name.
    let description = words.collect::<Vec<_>>().join(" ");
    let description = description.trim_end_matches([',', ';']).to_owned();

    let (gain_word, units) = match gain_word.split_once('/') {
        Some((gain, units)) if !units.is_empty() => (gain, units),
        _ => (gain_word.trim_end_matches('/'), "mV"),
    };
    let (gain_word, baseline_word) = match gain_word.split_once('(') {
        Some((gain, baseline)) => {
            let baseline = baseline.trim_end_matches(')');
            (gain, Some(baseline).filter(|word| !word.is_empty()))
        }
        None => (gain_word, None),
    };
    let gain = number_of::<f64>(Some(gain_word).filter(|word| !word.is_empty()), "ADC gain")?.unwrap_or(0.0);
    let baseline = number_of::<f64>(baseline_word, "baseline")?.unwrap_or(adc_zero);
    if !gain.is_finite() || !baseline.is_finite() {
        return Err(Details::new(
            "header (.hea)",
            "a finite gain and baseline",
            format!("`{line}`"),
        ));
    }
    Ok(SignalLine {
        file,
        format,
        samples_per_frame,
        skew,
        byte_offset,
        gain: if gain == 0.0 { DEFAULT_GAIN } else { gain },
        baseline,
        units: units.to_owned(),
        description: Some(description).filter(|text| !text.is_empty()),
    })
}

/// `format[xN][:skew][+offset]`: the number of the format, samples per frame, skew and byte offset.
fn parse_format(word: &str) -> Result<(u32, u64, u64, u64), Details> {
    let wrong = || {
        Details::new(
            "header (.hea)",
            "a format such as 212, 16+24, 16x4 or 16:2",
            format!("`{word}`"),
        )
    };
    let marker = |c: char| matches!(c, 'x' | ':' | '+');
    let digits = |text: &str| -> Result<u64, Details> {
        // Parsing a number takes a sign, which has a meaning of its own here.
        let text = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        text.and_then(|text| text.parse().ok()).ok_or_else(wrong)
    };
    let (format, mut rest) = word.split_at(word.find(marker).unwrap_or(word.len()));
    let mut given = [None; 3];
    while let Some(mark) = rest.chars().next() {
        let end = rest[1..].find(marker).map_or(rest.len(), |end| end + 1);
        let place = match mark {
            'x' => 0,
            ':' => 1,
            _ => 2,
        };
        if given[place].replace(digits(&rest[1..end])?).is_some() {
            return Err(wrong());
        }
        rest = &rest[end..];
    }
    let samples_per_frame = given[0].unwrap_or(1);
    if samples_per_frame == 0 {
        return Err(wrong());
    }
    let format = u32::try_from(digits(format)?).map_err(|_| wrong())?;
    Ok((
        format,
        samples_per_frame,
        given[1].unwrap_or(0),
        given[2].unwrap_or(0),
    ))
}

/// A number, `None` where the word is missing.
fn number_of<T: std::str::FromStr>(word: Option<&str>, what: &str) -> Result<Option<T>, Details> {
    match word {
        None => Ok(None),
        Some(word) => word.parse().map(Some).map_err(|_| {
            Details::new(
                "header (.hea)",
                format!("a number as {what}"),
                format!("`{word}`"),
            )
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_of_two_leads() {
        let text = "# made by hand\r\n100m 2 360 650000\r\n100m.mat 16+24 200(1024)/mV 11 1024 995 0 0 MLII\r\n\
                    100m.mat 16+24 400(-5)/uV 11 1024 1011 0 0 V5 lower\r\n# a comment\r\n";
        let header = Header::parse(text).unwrap();
        assert_eq!(
            (
                header.record.as_str(),
                header.sampling_frequency_hz,
                header.samples
            ),
            ("100m", 360.0, Some(650_000))
        );
        assert_eq!(header.signals[0].gain, 200.0);
        assert_eq!(header.signals[0].baseline, 1024.0);
        assert_eq!(header.signals[0].description.as_deref(), Some("MLII"));
        let second = &header.signals[1];
        assert_eq!(
            (second.gain, second.baseline, second.units.as_str()),
            (400.0, -5.0, "uV")
        );
        assert_eq!(second.description.as_deref(), Some("V5 lower"));
    }

    #[test]
    fn what_is_missing_has_a_default() {
        let header = Header::parse("x 3\nx.dat 16\nx.dat 16 0 12 7\nx.dat 16 100 12 -3 0 0 0 II\n").unwrap();
        assert_eq!((header.sampling_frequency_hz, header.samples), (250.0, None));
        let signals: Vec<_> = header
            .signals
            .iter()
            .map(|s| (s.gain, s.baseline, s.units.as_str()))
            .collect();
        assert_eq!(
            signals,
            [(200.0, 0.0, "mV"), (200.0, 7.0, "mV"), (100.0, -3.0, "mV")]
        );
        assert_eq!(header.signals[0].description, None);
        let empty = Header::parse("x 1\nx.dat 16 200()/mV 12 7 0 0 0 II,\n").unwrap();
        assert_eq!((empty.signals[0].gain, empty.signals[0].baseline), (200.0, 7.0));
        assert_eq!(empty.signals[0].description.as_deref(), Some("II"));
        let counters = Header::parse("x 0 360/50(3) 0").unwrap();
        assert_eq!((counters.sampling_frequency_hz, counters.samples), (360.0, None));
    }

    #[test]
    fn a_format_has_samples_per_frame_skew_and_offset() {
        let format = |word: &str| {
            let header = Header::parse(&format!("x 1 100\nx.dat {word} 200\n"));
            header.map(|header| {
                let signal = &header.signals[0];
                (
                    signal.format,
                    signal.samples_per_frame,
                    signal.skew,
                    signal.byte_offset,
                )
            })
        };
        assert_eq!(format("212"), Ok((212, 1, 0, 0)));
        assert_eq!(format("16+24"), Ok((16, 1, 0, 24)));
        assert_eq!(format("16x4:3+512"), Ok((16, 4, 3, 512)));
        assert_eq!(format("80:3x2"), Ok((80, 2, 3, 0)));
        for word in [
            "x",
            "16x",
            "16x0",
            "16:",
            "16:-1",
            "16+",
            "16++2",
            "16x2x2",
            "+16",
            "-16",
            "16.5",
            "16y4",
            "4294967296",
            "16+18446744073709551616",
            "µ",
        ] {
            let details = format(word).unwrap_err();
            assert_eq!(
                details.to_string(),
                format!(
                    "header (.hea): expected a format such as 212, 16+24, 16x4 or 16:2, found `{word}`, at offset 8"
                )
            );
        }
    }

    #[test]
    fn a_header_says_the_same_of_named_leads_in_any_order() {
        let header =
            Header::parse("x 2 500\nx.dat 16 100/mV 16 0 0 0 0 V1\nx.dat 16 200/uV 16 5 0 0 0 II\n").unwrap();
        let gains = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let said = header.settings(&names);
            (
                said.leads.join(" "),
                said.gain,
                said.baseline,
                said.units.join(" "),
            )
        };
        let as_written = (
            "V1 II".to_owned(),
            vec![100.0, 200.0],
            vec![0.0, 5.0],
            "mV uV".to_owned(),
        );
        assert_eq!(gains(&[]), as_written);
        assert_eq!(gains(&["ch1", "ch2"]), as_written);
        assert_eq!(
            gains(&["ii", "v1"]),
            (
                "II V1".to_owned(),
                vec![200.0, 100.0],
                vec![5.0, 0.0],
                "uV mV".to_owned()
            )
        );
    }

    #[test]
    fn bad_headers_say_what_and_where() {
        for (text, expected) in [
            ("", "a record line"),
            ("# only a comment\n", "a record line"),
            ("100", "a number of signals"),
            ("100/3 2 360", "one segment"),
            ("100 two", "number of signals"),
            ("100 1 abc", "sampling frequency"),
            ("100 1 -4", "above 0 Hz"),
            ("100 2 360\na.mat 16\n", "2 signal lines"),
            ("100 1 360\na.mat\n", "a signal line"),
            ("100 1 360\na.mat 16 x/mV\n", "ADC gain"),
            ("100 1 360\na.mat 16 inf/mV\n", "finite"),
            ("100 99999999999999999999 360", "number of signals"),
        ] {
            let details = Header::parse(text).unwrap_err();
            assert!(details.to_string().contains(expected), "{text:?}: {details}");
            assert!(details.offset.is_some(), "{text:?}");
        }
        assert_eq!(Header::parse("100 1 360\na.mat\n").unwrap_err().offset, Some(10));
        assert!(
            Header::parse("x 1000000000000\n").is_err(),
            "the count decides no allocation"
        );
    }
}
