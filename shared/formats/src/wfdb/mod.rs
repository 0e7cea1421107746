//! WFDB signal files (`.dat`), described by a header (`.hea`).
//!
//! Source of the rules: the WFDB Applications Guide, signal(5) and header(5).
//!
//! A record may have several signal files; each is opened by itself, with the header of all. Read are formats of plain
//! numbers: 16, 24, 32, 61, 80 and 212. Refused, with the number: first differences (8), offset binary of 16 bits (160),
//! three samples in 32 bits (310, 311), FLAC (508, 516, 524).

mod header;

use std::io::{Read, Seek};

use ecg_core::{Details, counted};

use crate::frames::{Encoding, Frames, Slot, length, truncated};
use crate::leads::{self, Choice, LeftOut, Unnamed};
use crate::{FormatError, Named, Refused, SignalInfo, Sink};

pub use header::{Header, MAX_HEADER_BYTES, SignalLine};

/// An open signal file.
///
/// ```
/// use ecg_formats::wfdb::{Header, WfdbFile};
/// use std::ops::ControlFlow;
///
/// let header = Header::parse("a 2 360\na.dat 16 200/mV 12 0 0 0 0 MLII\na.dat 16 200/mV 12 0 0 0 0 V5\n")?;
/// let bytes = std::io::Cursor::new([1, 0, 2, 0, 3, 0, 0, 0x80]);
/// let mut file = WfdbFile::open(bytes, &header, "a.dat")?;
/// assert_eq!(file.signals()[1].name, "V5");
/// let mut leads = [Vec::new(), Vec::new()];
/// file.stream(&[0, 1], &mut |lead, samples| {
///     leads[lead].extend_from_slice(samples);
///     ControlFlow::Continue(())
/// })?;
/// assert_eq!(leads[0], [1.0, 3.0]);
/// assert!(leads[1][0] == 2.0 && leads[1][1].is_nan());
/// # Ok::<(), ecg_formats::FormatError>(())
/// ```
#[derive(Debug)]
pub struct WfdbFile<R> {
    source: R,
    format: u32,
    signals: Vec<SignalInfo>,
    frames: Frames,
    /// The signals that the header puts into other files.
    elsewhere: Vec<LeftOut>,
}

impl<R: Read + Seek> WfdbFile<R> {
    /// Opens the file of this name, without its folder, with the header of its record.
    ///
    /// # Errors
    /// The header does not describe this file or puts something into it that is not read; or the file is shorter or longer
    /// than the header says.
    pub fn open(mut source: R, header: &Header, name: &str) -> Result<Self, FormatError> {
        let (here, there): (Vec<_>, Vec<_>) = header
            .signals
            .iter()
            .enumerate()
            .partition(|(_, signal)| signal.file == name);
        let [(first_line, first), ..] = here.as_slice() else {
            return Err(wrong(format!("a signal line for the file `{name}`"), files(header)).into());
        };
        let format = first.format;
        let encoding = match format {
            16 => Encoding::Bits16,
            24 => Encoding::Bits24,
            32 => Encoding::Bits32,
            61 => Encoding::Bits16BigEndian,
            80 => Encoding::Bits8Offset,
            212 => Encoding::Bits12,
            other => {
                let subject = format!("unsupported format of {name}");
                let expected = "WFDB format 16, 24, 32, 61, 80 or 212";
                return Err(Details::new(subject, expected, other.to_string()).into());
            }
        };
        for (place, (line, signal)) in here.iter().enumerate() {
            if *line != first_line + place {
                let expected = format!("the signals of {name} on lines without others between them");
                return Err(wrong(expected, files(header)).into());
            }
            let layout = |signal: &SignalLine| format!("{}+{}", signal.format, signal.byte_offset);
            if layout(signal) != layout(first) {
                let expected = format!("one format and one byte offset for {name}, {}", layout(first));
                return Err(wrong(expected, layout(signal)).into());
            }
        }

        let slots: Vec<Slot> = here
            .iter()
            .map(|(_, signal)| Slot {
                samples: signal.samples_per_frame,
                skew: signal.skew,
            })
            .collect();
        let mut frames = Frames {
            first_byte: first.byte_offset,
            encoding,
            lowest_is_missing: true,
            frames: 0,
            slots,
        };
        frames.frames = match header.samples {
            Some(declared) => declared,
            None => whole_frames(&frames, length(&mut source)?, name)?,
        };
        agree(&frames, length(&mut source)?, name)?;
        for (_, signal) in &here {
            if signal.skew > frames.frames {
                let expected = format!(
                    "a skew of at most {}",
                    counted(frames.frames, "sample", "samples")
                );
                return Err(wrong(expected, signal.skew.to_string()).into());
            }
        }

        let signals = here.iter().map(|(_, signal)| SignalInfo {
            name: signal.description.clone().unwrap_or_default(),
            // No overflow: there are as many in the file.
            samples: frames.frames * signal.samples_per_frame,
            sampling_frequency_hz: header.sampling_frequency_hz * signal.samples_per_frame as f64,
            bits: encoding.bits(),
            gain: signal.gain,
            baseline: signal.baseline,
            units: signal.units.clone(),
        });
        let elsewhere = there.iter().map(|(_, signal)| LeftOut {
            name: signal.description.clone().unwrap_or_default(),
            reason: format!("in the file {}", signal.file),
        });
        Ok(Self {
            source,
            format,
            signals: signals.collect(),
            frames,
            elsewhere: elsewhere.collect(),
        })
    }

    /// Number of the format.
    pub fn format(&self) -> u32 {
        self.format
    }

    /// The signals in this file, in its order.
    pub fn signals(&self) -> &[SignalInfo] {
        &self.signals
    }

    /// Chooses the leads: the signals that are named, or without names all that have a unit of voltage and are not named as
    /// something else, of one sampling frequency.
    ///
    /// # Errors
    /// There are none, or those that were named are not there.
    pub fn choose(&self, named: &Named<'_>) -> Result<Choice, Refused> {
        let mut choice = leads::choose(&self.signals, named, Unnamed::Leads)?;
        choice.left_out.extend(self.elsewhere.iter().cloned());
        Ok(choice)
    }

    /// Streams these signals (different ones; lead 0 is the first) as they lie in the file, in blocks of bounded size. If
    /// the sink never breaks and the result is `Ok`, each lead got all its samples.
    ///
    /// # Errors
    /// The file could not be read, or is shorter than when it was opened.
    pub fn stream(&mut self, leads: &[usize], sink: Sink<'_>) -> Result<(), FormatError> {
        self.frames.stream(&mut self.source, leads, sink)
    }
}

/// The frames of a file whose header does not say how many.
fn whole_frames(frames: &Frames, length: u64, name: &str) -> Result<u64, FormatError> {
    let per_frame = Frames::samples_per_frame(&frames.slots).ok_or_else(|| overflow(name))?;
    let samples = frames.encoding.samples(length.saturating_sub(frames.first_byte));
    let rest = samples % per_frame;
    // Pairs are written whole: an odd number of samples has one more behind it.
    if rest == 0 || (rest == 1 && frames.encoding == Encoding::Bits12 && samples.is_multiple_of(2)) {
        return Ok(samples / per_frame);
    }
    Err(truncated(
        name,
        format!("whole frames of {per_frame} samples (the header does not say how many)"),
        format!("{} frames and {rest} samples", samples / per_frame),
        length,
    ))
}

/// The length of the file against what the header says. Less than a frame too much may be padding.
fn agree(frames: &Frames, length: u64, name: &str) -> Result<(), FormatError> {
    let bytes = frames.bytes().ok_or_else(|| overflow(name))?;
    if length < frames.first_byte {
        let expected = format!("{} bytes before the samples", frames.first_byte);
        return Err(truncated(name, expected, length.to_string(), 0));
    }
    let found = length.saturating_sub(frames.first_byte);
    let expected = || format!("{bytes} bytes of samples from the header (.hea)");
    if found < bytes {
        return Err(truncated(name, expected(), found.to_string(), frames.first_byte));
    }
    let per_frame = Frames::samples_per_frame(&frames.slots).unwrap_or(u64::MAX);
    if frames.encoding.samples(found - bytes) >= per_frame {
        let details = Details::new(name, expected(), found.to_string());
        return Err(details.at(Some(frames.first_byte)).into());
    }
    Ok(())
}

fn overflow(name: &str) -> FormatError {
    wrong(
        format!("numbers of samples that fit a file, for {name}"),
        "more bytes than 64 bits can count",
    )
    .into()
}

fn wrong(expected: impl Into<String>, found: impl Into<String>) -> Details {
    Details::new("header (.hea)", expected, found)
}

/// The files that a header names, in the order of its lines.
fn files(header: &Header) -> String {
    const SHOWN: usize = 8;
    let mut names: Vec<&str> = header.signals.iter().map(|signal| signal.file.as_str()).collect();
    names.dedup();
    let shown: Vec<&str> = names.iter().take(SHOWN).copied().collect();
    match names.len().saturating_sub(SHOWN) {
        0 if names.is_empty() => "no signals".to_owned(),
        0 => shown.join(", "),
        more => format!("{}, {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::ops::ControlFlow;

    use super::*;

    /// All signals of `x.dat`, a missing sample as `None`.
    type Samples = Vec<Vec<Option<i64>>>;

    fn open(header: &str, bytes: &[u8]) -> Result<WfdbFile<Cursor<Vec<u8>>>, String> {
        let header = Header::parse(header).unwrap();
        WfdbFile::open(Cursor::new(bytes.to_vec()), &header, "x.dat").map_err(|error| error.to_string())
    }

    fn read(header: &str, bytes: &[u8]) -> Result<Samples, String> {
        let mut file = open(header, bytes)?;
        let all: Vec<usize> = (0..file.signals().len()).collect();
        let mut leads = vec![Vec::new(); all.len()];
        let outcome = file.stream(&all, &mut |lead, samples| {
            let number = |sample: &f64| (!sample.is_nan()).then_some(*sample as i64);
            leads[lead].extend(samples.iter().map(number));
            ControlFlow::Continue(())
        });
        outcome.map_err(|error| error.to_string())?;
        Ok(leads)
    }

    fn lead(samples: &[i64]) -> Vec<Option<i64>> {
        samples.iter().copied().map(Some).collect()
    }

    #[test]
    fn every_format_with_its_extremes() {
        for (format, bits, bytes, expected) in [
            (
                "16",
                16,
                &b"\x01\x00\xfe\xff\xff\x7f\x01\x80"[..],
                [1, -2, 32767, -32767],
            ),
            (
                "61",
                16,
                b"\x00\x01\xff\xfe\x7f\xff\x80\x01",
                [1, -2, 32767, -32767],
            ),
            ("80", 8, b"\x81\x7e\xff\x01", [1, -2, 127, -127]),
            (
                "24",
                24,
                b"\x01\x00\x00\xfe\xff\xff\xff\xff\x7f\x01\x00\x80",
                [1, -2, 8_388_607, -8_388_607],
            ),
            (
                "32",
                32,
                b"\x01\x00\x00\x00\xfe\xff\xff\xff\xff\xff\xff\x7f\x01\x00\x00\x80",
                [1, -2, 2_147_483_647, -2_147_483_647],
            ),
            // 001 and ffe, 7ff and 801: the upper four bits of both samples share the middle byte.
            ("212", 12, b"\x01\xf0\xfe\xff\x87\x01", [1, -2, 2047, -2047]),
        ] {
            let header = format!("x 1 100 4\nx.dat {format}\n");
            assert_eq!(read(&header, bytes).unwrap(), [lead(&expected)], "{format}");
            assert_eq!(open(&header, bytes).unwrap().signals()[0].bits, bits);
        }
    }

    #[test]
    fn the_lowest_value_is_a_missing_sample() {
        for (format, bytes) in [
            ("16", &b"\x00\x80\x05\x00"[..]),
            ("61", b"\x80\x00\x00\x05"),
            ("80", b"\x00\x85"),
            ("24", b"\x00\x00\x80\x05\x00\x00"),
            ("32", b"\x00\x00\x00\x80\x05\x00\x00\x00"),
            ("212", b"\x00\x08\x05"),
        ] {
            let header = format!("x 1 100 2\nx.dat {format}\n");
            assert_eq!(read(&header, bytes).unwrap(), [[None, Some(5)]], "{format}");
        }
    }

    #[test]
    fn signals_lie_side_by_side() {
        let header =
            "x 3 100 2\nx.dat 80x2+3 0 8 0 0 0 0 II\nx.dat 80+3 50(4)/uV 8 0 0 0 0 V1\nx.dat 80x1+3\n";
        let bytes = [b"abc".as_slice(), &[129, 130, 131, 132, 133, 134, 135, 136]].concat();
        let expected = [lead(&[1, 2, 5, 6]), lead(&[3, 7]), lead(&[4, 8])];
        assert_eq!(read(header, &bytes).unwrap(), expected);
        let mut file = open(header, &bytes).unwrap();
        let [first, second, third] = file.signals() else {
            panic!("three signals");
        };
        assert_eq!(
            *second,
            SignalInfo {
                name: "V1".into(),
                samples: 2,
                sampling_frequency_hz: 100.0,
                bits: 8,
                gain: 50.0,
                baseline: 4.0,
                units: "uV".into()
            }
        );
        assert_eq!((first.samples, first.sampling_frequency_hz), (4, 200.0));
        assert_eq!(
            (third.name.as_str(), third.gain, third.units.as_str()),
            ("", 200.0, "mV")
        );
        // Only some, in another order.
        let mut parts = Vec::new();
        let sink = &mut |lead: usize, samples: &[f64]| {
            parts.push((lead, samples.to_vec()));
            ControlFlow::Continue(())
        };
        file.stream(&[2, 0], sink).unwrap();
        assert_eq!(parts, [(0, vec![4.0, 8.0]), (1, vec![1.0, 2.0, 5.0, 6.0])]);
    }

    #[test]
    fn skew_moves_a_signal_to_its_time() {
        let header = "x 3 100 4\nx.dat 80\nx.dat 80:1\nx.dat 80:4x2\n";
        let bytes: Vec<u8> = (128..144).collect();
        let expected = [
            lead(&[0, 4, 8, 12]),
            vec![Some(5), Some(9), Some(13), None],
            vec![None; 8],
        ];
        assert_eq!(read(header, &bytes).unwrap(), expected);
        assert_eq!(
            read("x 1 100 2\nx.dat 80:3\n", &[1, 2]).unwrap_err(),
            "header (.hea): expected a skew of at most 2 samples, found 3"
        );
    }

    #[test]
    fn an_odd_number_of_samples_of_12_bits() {
        let one = "x 1 100 3\nx.dat 212\n";
        // As the WFDB library ends it, and as the Python package does, which fills up the pair.
        for bytes in [&b"\x01\x20\x03\x04\x00"[..], b"\x01\x20\x03\x04\x00\x00"] {
            assert_eq!(read(one, bytes).unwrap(), [lead(&[1, 515, 4])]);
        }
        let three = "x 3 100\nx.dat 212\nx.dat 212\nx.dat 212\n";
        for bytes in [&b"\x01\x00\x02\x03\x00"[..], b"\x01\x00\x02\x03\x00\x00"] {
            assert_eq!(read(three, bytes).unwrap(), [lead(&[1]), lead(&[2]), lead(&[3])]);
        }
    }

    #[test]
    fn samples_that_the_header_does_not_count() {
        let two = "x 2 100\nx.dat 16+2\nx.dat 16+2\n";
        let bytes: Vec<u8> = (0..10).collect();
        assert_eq!(
            read(two, &bytes).unwrap(),
            [lead(&[770, 1798]), lead(&[1284, 2312])]
        );
        assert_eq!(read(two, &[0; 2]).unwrap(), [lead(&[]), lead(&[])]);
        assert_eq!(
            read(two, &[0; 1]).unwrap_err(),
            "truncated x.dat: expected 2 bytes before the samples, found 1, at offset 0"
        );
        assert_eq!(
            read(two, &bytes[..8]).unwrap_err(),
            "truncated x.dat: expected whole frames of 2 samples (the header does not say how many), found 1 frames \
             and 1 samples, at offset 8"
        );
    }

    #[test]
    fn the_length_agrees_with_the_header() {
        let header = "x 2 100 3\nx.dat 16+4\nx.dat 16+4\n";
        let bytes = [0; 24];
        assert!(read(header, &bytes[..16]).is_ok());
        assert_eq!(
            read(header, &bytes[..15]).unwrap_err(),
            "truncated x.dat: expected 12 bytes of samples from the header (.hea), found 11, at offset 4"
        );
        assert!(
            read(header, &bytes[..19]).is_ok(),
            "less than a frame may be padding"
        );
        assert_eq!(
            read(header, &bytes[..20]).unwrap_err(),
            "x.dat: expected 12 bytes of samples from the header (.hea), found 16, at offset 4"
        );
    }

    #[test]
    fn what_a_header_may_not_say_of_a_file() {
        for (header, message) in [
            (
                "x 1 100 1\nx.dat 8\n",
                "unsupported format of x.dat: expected WFDB format 16, 24, 32, 61, 80 or 212, found 8",
            ),
            (
                "x 2 100 1\nx.dat 16\nx.dat 212\n",
                "header (.hea): expected one format and one byte offset for x.dat, 16+0, found 212+0",
            ),
            (
                "x 2 100 1\nx.dat 16+24\nx.dat 16\n",
                "header (.hea): expected one format and one byte offset for x.dat, 16+24, found 16+0",
            ),
            (
                "x 3 100 1\nx.dat 16\ny.dat 16\nx.dat 16\n",
                "header (.hea): expected the signals of x.dat on lines without others between them, found x.dat, y.dat, \
                 x.dat",
            ),
            (
                "x 2 100 1\nX.dat 16\ny.dat 16\n",
                "header (.hea): expected a signal line for the file `x.dat`, found X.dat, y.dat",
            ),
            (
                "x 0 100 1\n",
                "header (.hea): expected a signal line for the file `x.dat`, found no signals",
            ),
            (
                "x 1 100 18446744073709551615\nx.dat 16x3\n",
                "header (.hea): expected numbers of samples that fit a file, for x.dat, found more bytes than 64 bits \
                 can count",
            ),
            (
                "x 2 100\nx.dat 16x18446744073709551615\nx.dat 16\n",
                "header (.hea): expected numbers of samples that fit a file, for x.dat, found more bytes than 64 bits \
                 can count",
            ),
            (
                "x 1 100 1\nx.dat 16+18446744073709551615\n",
                "truncated x.dat: expected 18446744073709551615 bytes before the samples, found 16, at offset 0",
            ),
        ] {
            assert_eq!(open(header, &[0; 16]).unwrap_err(), message, "{header}");
        }
    }

    #[test]
    fn a_record_of_several_files() {
        let header =
            "x 3 100 2\nx.dat 16 0 0 0 0 0 0 I\ny.dat 212 0 0 0 0 0 0 VX\ny.dat 212 0/mmHg 0 0 0 0 0 ABP\n";
        let file = open(header, &[0; 4]).unwrap();
        let left_out = |name: &str| LeftOut {
            name: name.into(),
            reason: "in the file y.dat".into(),
        };
        let choice = file.choose(&Named::default()).unwrap();
        assert_eq!(choice.leads, [0]);
        assert_eq!(choice.left_out, [left_out("VX"), left_out("ABP")]);
        let named = |name: &str| {
            let names = [name.to_owned()];
            let named = Named {
                names: &names,
                by: "--variable",
            };
            file.choose(&named)
        };
        assert!(named("VX").is_err());
        assert_eq!(named("i").unwrap().leads, [0]);
    }

    #[test]
    fn a_long_file_comes_in_blocks_and_stops_on_demand() {
        let header = "x 2 100\nx.dat 212\nx.dat 212x20000\n";
        let bytes = vec![0; 20_001 * 3];
        let mut file = open(header, &bytes).unwrap();
        let mut counts = [0, 0];
        let count = &mut |lead: usize, samples: &[f64]| {
            assert!(samples.len() <= 16_384);
            counts[lead] += samples.len();
            ControlFlow::Continue(())
        };
        file.stream(&[0, 1], count).unwrap();
        assert_eq!(counts, [2, 40_000]);
        let mut blocks = 0;
        let once = &mut |_: usize, _: &[f64]| {
            blocks += 1;
            ControlFlow::Break(())
        };
        file.stream(&[0, 1], once).unwrap();
        assert_eq!(blocks, 1);
    }
}
