//! The arguments after all checks: what is in a [`Settings`] can be made.

use crate::args::{ByteOrder, Calibration, Class, Format, Layout, RhythmName, SynthArgs, Units};
use crate::{Span, SynthError, edf};
use std::ops::Range;

/// A recording that can be made.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Samples per lead.
    pub samples: u64,
    /// Number of leads.
    pub leads: usize,
    /// Sampling frequency in Hz.
    pub sampling_frequency_hz: f64,
    /// File format.
    pub format: Format,
    /// Class of the stored numbers.
    pub class: Class,
    /// Orientation.
    pub layout: Layout,
    /// Byte order of the file.
    pub byte_order: ByteOrder,
    /// Name of the variable with the samples.
    pub variable: String,
    /// What the stored numbers mean.
    pub units: Units,
    /// Stored units per mV: ADC units, or 1 when the numbers are mV.
    pub gain: f64,
    /// Stored value of 0 mV: ADC units, or 0 when the numbers are mV.
    pub baseline: i32,
    /// Resolution of the ADC in bits; 0 when the numbers are mV.
    pub adc_bits: u32,
    /// Smallest and largest value of the ADC.
    pub adc_range: (f64, f64),
    /// Where the calibration is stored.
    pub calibration: Calibration,
    /// Seed.
    pub seed: u64,
    /// Rhythm.
    pub rhythm: RhythmName,
    /// Mean heart rate in beats per minute.
    pub heart_rate_bpm: f64,
    /// Standard deviation of the noise in mV.
    pub noise_mv: f64,
    /// Mains frequency in Hz.
    pub hum_hz: f64,
    /// Amplitude of the hum in mV.
    pub hum_mv: f64,
    /// Amplitude of the baseline wander in mV.
    pub wander_mv: f64,
    /// Missing samples, as ranges of sample indices.
    pub gaps: Vec<Range<u64>>,
    /// Flat lines, as ranges of sample indices.
    pub flats: Vec<Range<u64>>,
    /// The signal is cut at plus and minus this many mV.
    pub saturate_mv: Option<f64>,
}

impl Settings {
    /// Checks the arguments alone and against each other.
    ///
    /// # Errors
    /// [`SynthError::Argument`] with the first argument that cannot be met.
    pub fn new(args: &SynthArgs) -> Result<Self, SynthError> {
        let within = |name, value: f64, low: f64, high: f64, unit: &str| {
            if value >= low && value <= high {
                Ok(value)
            } else {
                Err(SynthError::argument(
                    name,
                    format!("{low} to {high}{unit}"),
                    format!("{value}{unit}"),
                ))
            }
        };
        let sampling_frequency_hz = within(
            "--sampling-frequency",
            args.sampling_frequency,
            20.0,
            100_000.0,
            " Hz",
        )?;
        let duration_s = within("--duration", args.duration, 0.001, 31.0 * 86_400.0, " s")?;
        let samples = (duration_s * sampling_frequency_hz).round() as u64;
        if samples == 0 {
            return Err(SynthError::argument(
                "--duration",
                "at least one sample",
                format!("{duration_s} s"),
            ));
        }
        if !(1..=64).contains(&args.leads) {
            return Err(SynthError::argument("--leads", "1 to 64", args.leads));
        }
        let default_rate = match args.rhythm {
            RhythmName::Normal => 60.0,
            RhythmName::Bradycardia => 42.0,
            RhythmName::Tachycardia => 130.0,
            RhythmName::AtrialFibrillation => 90.0,
            RhythmName::Ectopic => 72.0,
        };
        let heart_rate = args.heart_rate.unwrap_or(default_rate);
        let StoredNumbers {
            units,
            gain,
            baseline,
            adc_bits,
            adc_range,
        } = stored_numbers(args)?;
        let gaps = sample_ranges("--gap", &args.gap, sampling_frequency_hz, samples)?;
        if !(gaps.is_empty() || args.class == Class::Int16 || args.class.is_float()) {
            return Err(SynthError::argument(
                "--gap",
                "--class int16, single or double, which have a value for a missing sample",
                format!("--class {}", args.class.name()),
            ));
        }
        let settings = Self {
            samples,
            leads: args.leads,
            sampling_frequency_hz,
            format: args.format,
            class: args.class,
            layout: args.layout,
            byte_order: args.byte_order,
            variable: variable_name(args)?,
            units,
            gain,
            baseline,
            adc_bits,
            adc_range,
            calibration: args.calibration,
            seed: args.seed,
            rhythm: args.rhythm,
            heart_rate_bpm: within("--heart-rate", heart_rate, 15.0, 300.0, " per minute")?,
            noise_mv: within("--noise-mv", args.noise_mv, 0.0, 100.0, " mV")?,
            // The default of 50 Hz is no mistake where there is no hum and sampling is slow.
            hum_hz: if args.hum_mv > 0.0 {
                within("--hum-hz", args.hum_hz, 1.0, sampling_frequency_hz / 2.0, " Hz")?
            } else {
                args.hum_hz
            },
            hum_mv: within("--hum-mv", args.hum_mv, 0.0, 100.0, " mV")?,
            wander_mv: within("--wander-mv", args.wander_mv, 0.0, 100.0, " mV")?,
            gaps,
            flats: sample_ranges("--flat", &args.flat, sampling_frequency_hz, samples)?,
            saturate_mv: match args.saturate {
                Some(limit) => Some(within("--saturate", limit, 0.001, 1_000.0, " mV")?),
                None => None,
            },
        };
        settings.check_format()?;
        Ok(settings)
    }

    /// Rows and columns of the matrix.
    pub fn dimensions(&self) -> (u64, u64) {
        match self.layout {
            Layout::LeadsXSamples => (self.leads as u64, self.samples),
            Layout::SamplesXLeads => (self.samples, self.leads as u64),
        }
    }

    /// Bytes of all stored numbers.
    pub fn data_bytes(&self) -> u64 {
        self.samples * self.leads as u64 * self.class.bytes() as u64
    }

    /// What a format cannot express.
    fn check_format(&self) -> Result<(), SynthError> {
        match self.format {
            Format::Mat4 => {
                let known = [
                    Class::Uint8,
                    Class::Int16,
                    Class::Uint16,
                    Class::Int32,
                    Class::Single,
                    Class::Double,
                ];
                if !known.contains(&self.class) {
                    return Err(SynthError::argument(
                        "--class",
                        "uint8, int16, uint16, int32, single or double, the classes of level 4",
                        self.class.name(),
                    ));
                }
                if self.samples > i32::MAX as u64 {
                    return Err(SynthError::argument(
                        "--duration",
                        "at most 2147483647 samples in a level 4 file",
                        format!("{} samples", self.samples),
                    ));
                }
            }
            Format::Mat5 | Format::Mat5Compressed => {
                // A 32-bit length holds the array and about a hundred bytes of description; compressed
                // data that do not compress grow a little.
                let limit = u64::from(u32::MAX) - (1 << 24);
                if self.data_bytes() > limit {
                    return Err(SynthError::argument(
                        "--format",
                        format!("at most {limit} bytes of samples in a level 5 file (mat73 holds more)"),
                        format!("{} bytes", self.data_bytes()),
                    ));
                }
            }
            Format::Wfdb16 | Format::Wfdb212 | Format::Edf => self.check_signal_file()?,
            Format::Mat73 => {
                if self.byte_order == ByteOrder::Big {
                    return Err(SynthError::argument(
                        "--byte-order",
                        "little, as level 7.3 is written",
                        "big",
                    ));
                }
            }
        }
        Ok(())
    }

    /// What a WFDB or EDF file cannot express.
    fn check_signal_file(&self) -> Result<(), SynthError> {
        let only = |name, expected: &str, as_expected: bool, found: &str| match as_expected {
            true => Ok(()),
            false => Err(SynthError::argument(
                name,
                format!("{expected} in a WFDB or EDF file"),
                found,
            )),
        };
        only("--class", "int16", self.class == Class::Int16, self.class.name())?;
        let interleaved = self.layout == Layout::LeadsXSamples;
        only("--layout", "leads-x-samples", interleaved, "samples-x-leads")?;
        only(
            "--byte-order",
            "little",
            self.byte_order == ByteOrder::Little,
            "big",
        )?;
        if self.format == Format::Edf {
            return edf::check(self);
        }
        if self.calibration != Calibration::Header {
            return Err(SynthError::argument(
                "--calibration",
                "header, without which nobody can read a WFDB file",
                "another one",
            ));
        }
        let (low, high) = self.adc_range;
        if self.format == Format::Wfdb212 && (low <= -2048.0 || high > 2047.0) {
            return Err(SynthError::argument(
                "--adc-bits",
                "ADC values of -2047 to 2047 in format 212 (see --baseline)",
                format!("{low} to {high}"),
            ));
        }
        Ok(())
    }
}

/// What a stored number means; the fields are those of [`Settings`].
struct StoredNumbers {
    units: Units,
    gain: f64,
    baseline: i32,
    adc_bits: u32,
    adc_range: (f64, f64),
}

fn stored_numbers(args: &SynthArgs) -> Result<StoredNumbers, SynthError> {
    let class = args.class;
    let units = args
        .units
        .unwrap_or(if class.is_float() { Units::Mv } else { Units::Adu });
    if units == Units::Mv {
        if !class.is_float() {
            return Err(SynthError::argument(
                "--units",
                "adu, as whole numbers are too coarse for millivolts",
                format!("mv with --class {}", class.name()),
            ));
        }
        for (name, given) in [
            ("--gain", args.gain.is_some()),
            ("--baseline", args.baseline.is_some()),
            ("--adc-bits", args.adc_bits.is_some()),
        ] {
            if given {
                return Err(SynthError::argument(name, "--units adu with it", "--units mv"));
            }
        }
        return Ok(StoredNumbers {
            units,
            gain: 1.0,
            baseline: 0,
            adc_bits: 0,
            adc_range: (f64::NEG_INFINITY, f64::INFINITY),
        });
    }
    let (default_gain, default_baseline, default_bits) = match class {
        Class::Int8 => (40.0, 0, 8),
        Class::Uint8 => (40.0, 128, 8),
        _ => (200.0, 1024, 11),
    };
    let gain = args.gain.unwrap_or(default_gain);
    if !(gain.is_finite() && gain > 0.0) {
        return Err(SynthError::argument("--gain", "a number above 0", gain));
    }
    let baseline = args.baseline.unwrap_or(default_baseline);
    let bits = args.adc_bits.unwrap_or(default_bits);
    if !(4..=24).contains(&bits) {
        return Err(SynthError::argument("--adc-bits", "4 to 24", bits));
    }
    let half = f64::from(1_u32 << (bits - 1));
    let mut low = f64::from(baseline) - half;
    let high = f64::from(baseline) + half - 1.0;
    if class == Class::Int16 && low == f64::from(i16::MIN) {
        // The smallest int16 marks a missing sample.
        low += 1.0;
    }
    let (smallest, largest) = match class {
        Class::Int8 => (-128.0, 127.0),
        Class::Uint8 => (0.0, 255.0),
        Class::Int16 => (-32_767.0, 32_767.0),
        Class::Uint16 => (0.0, 65_535.0),
        Class::Uint32 | Class::Uint64 => (0.0, 4_294_967_295.0),
        Class::Int32 | Class::Int64 => (-2_147_483_648.0, 2_147_483_647.0),
        // Whole numbers that a single holds exactly.
        Class::Single | Class::Double => (-16_777_216.0, 16_777_216.0),
    };
    if low < smallest || high > largest {
        return Err(SynthError::argument(
            "--class",
            format!("a class that holds the ADC values {low} to {high} (see --baseline and --adc-bits)"),
            class.name(),
        ));
    }
    Ok(StoredNumbers {
        units,
        gain,
        baseline,
        adc_bits: bits,
        adc_range: (low, high),
    })
}

/// Ranges of sample indices, in order, overlapping ones made one.
fn sample_ranges(
    name: &'static str,
    spans: &[Span],
    sampling_frequency_hz: f64,
    samples: u64,
) -> Result<Vec<Range<u64>>, SynthError> {
    let mut ranges = Vec::new();
    for span in spans {
        let start = (span.start_s * sampling_frequency_hz).round();
        let end = ((span.start_s + span.length_s) * sampling_frequency_hz).round();
        if start >= samples as f64 {
            return Err(SynthError::argument(
                name,
                format!(
                    "a start before the end at {} s",
                    samples as f64 / sampling_frequency_hz
                ),
                format!("{} s", span.start_s),
            ));
        }
        ranges.push(start as u64..(end as u64).min(samples));
    }
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    Ok(merged)
}

/// Names of the variables that hold the calibration.
pub(crate) const CALIBRATION_VARIABLES: [&str; 5] = ["fs", "gain", "baseline", "units", "lead_names"];

fn variable_name(args: &SynthArgs) -> Result<String, SynthError> {
    let name = &args.variable;
    let mut characters = name.chars();
    let valid = characters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && characters.all(|other| other.is_ascii_alphanumeric() || other == '_')
        && name.len() <= 63;
    if !valid {
        return Err(SynthError::argument(
            "--variable",
            "a MATLAB name: a letter, then letters, digits and `_`, at most 63",
            format!("`{name}`"),
        ));
    }
    if args.calibration == Calibration::Variables && CALIBRATION_VARIABLES.contains(&name.as_str()) {
        return Err(SynthError::argument(
            "--variable",
            format!("a name other than {}", CALIBRATION_VARIABLES.join(", ")),
            format!("`{name}`"),
        ));
    }
    Ok(name.clone())
}
