//! The arguments of `ecg synth`. The comments of the fields are its help texts.

use crate::duration::{Span, parse_duration, parse_span};
use std::path::PathBuf;

/// Make a synthetic ECG recording whose beats are known.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  ecg synth one.mat
      Ten seconds, one lead, 360 Hz, with one.hea beside it.
  ecg synth day.mat --duration 24h --leads 2 --format mat5-compressed --beats day.json
      A day, streamed to disk; the sample of every R peak in day.json.
  ecg synth af.mat --rhythm atrial-fibrillation --noise-mv 0.03 --hum-mv 0.05 --wander-mv 0.2
      An irregular rhythm under noise, mains hum and a wandering baseline.
  ecg synth holes.mat --duration 1m --gap 5s+300ms --flat 20s+2s --saturate 0.8
      Missing samples, a flat line, and peaks cut at 0.8 mV.
  ecg synth record.dat --format wfdb212 --leads 2
      A WFDB record as PhysioNet has them: record.dat and record.hea.
  ecg synth octave.mat --format mat4 --class double --layout samples-x-leads --calibration variables
      Millivolts as doubles, one lead per column, fs and units inside the file.")]
pub struct SynthArgs {
    /// The file to write; its name ends in .mat, .dat (WFDB) or .edf
    #[arg(value_name = "OUT")]
    pub out: PathBuf,
    /// Duration: 24h, 30m, 10s, 500ms
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    pub duration: f64,
    /// Sampling frequency in Hz
    #[arg(long, default_value_t = 360.0, value_name = "HZ")]
    pub sampling_frequency: f64,
    /// Number of leads, 1 to 64 (the pipeline takes up to 16)
    #[arg(long, default_value_t = 1)]
    pub leads: usize,
    /// File format
    #[arg(long, value_enum, default_value_t = Format::Mat4)]
    pub format: Format,
    /// MATLAB class of the samples
    #[arg(long, value_enum, default_value_t = Class::Int16)]
    pub class: Class,
    /// Which dimension of the matrix is the leads
    #[arg(long, value_enum, default_value_t = Layout::LeadsXSamples)]
    pub layout: Layout,
    /// Byte order of the file
    #[arg(long, value_enum, default_value_t = ByteOrder::Little)]
    pub byte_order: ByteOrder,
    /// Name of the variable that holds the samples
    #[arg(long, default_value = "val")]
    pub variable: String,
    /// What the numbers are: ADC units, or millivolts (single and double only) [default: by class]
    #[arg(long, value_enum)]
    pub units: Option<Units>,
    /// ADC units per millivolt [default: 200; 40 for int8 and uint8]
    #[arg(long)]
    pub gain: Option<f64>,
    /// ADC value of 0 mV [default: 1024; 128 for uint8, 0 for int8]
    #[arg(long, allow_negative_numbers = true)]
    pub baseline: Option<i32>,
    /// Resolution of the ADC in bits; values end at its range [default: 11; 8 for int8 and uint8]
    #[arg(long)]
    pub adc_bits: Option<u32>,
    /// Where the calibration is stored
    #[arg(long, value_enum, default_value_t = Calibration::Header)]
    pub calibration: Calibration,
    /// The same seed gives the same bytes
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Rhythm
    #[arg(long, value_enum, default_value_t = RhythmName::Normal)]
    pub rhythm: RhythmName,
    /// Mean heart rate in beats per minute, 15 to 300 [default: by rhythm]
    #[arg(long, value_name = "BPM")]
    pub heart_rate: Option<f64>,
    /// White noise: standard deviation in mV
    #[arg(long, default_value_t = 0.01, value_name = "MV")]
    pub noise_mv: f64,
    /// Mains frequency in Hz, 50 or 60
    #[arg(long, default_value_t = 50.0, value_name = "HZ")]
    pub hum_hz: f64,
    /// Mains hum: amplitude in mV
    #[arg(long, default_value_t = 0.0, value_name = "MV")]
    pub hum_mv: f64,
    /// Baseline wander by breathing and movement: amplitude in mV
    #[arg(long, default_value_t = 0.0, value_name = "MV")]
    pub wander_mv: f64,
    /// Missing samples, may be repeated: -32768 in int16, NaN in single and double
    #[arg(long, value_name = "START+LENGTH", value_parser = parse_span)]
    pub gap: Vec<Span>,
    /// A flat line at the value before it, may be repeated
    #[arg(long, value_name = "START+LENGTH", value_parser = parse_span)]
    pub flat: Vec<Span>,
    /// Cut the signal at plus and minus this many mV
    #[arg(long, value_name = "MV")]
    pub saturate: Option<f64>,
    /// Write the samples of the R peaks to this JSON file
    #[arg(long, value_name = "FILE.json")]
    pub beats: Option<PathBuf>,
}

/// File formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// MAT level 4
    Mat4,
    /// MAT level 5, uncompressed
    Mat5,
    /// MAT level 5, zlib
    Mat5Compressed,
    /// MAT level 7.3 (HDF5)
    Mat73,
    /// WFDB signal file of format 16, with its header
    Wfdb16,
    /// WFDB signal file of format 212, with its header
    Wfdb212,
    /// EDF, which has its calibration inside
    Edf,
}

impl Format {
    /// The ending of a file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Mat4 | Self::Mat5 | Self::Mat5Compressed | Self::Mat73 => "mat",
            Self::Wfdb16 | Self::Wfdb212 => "dat",
            Self::Edf => "edf",
        }
    }
}

/// MATLAB classes that samples can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[expect(missing_docs, reason = "the variants are MATLAB's own names")]
pub enum Class {
    Int8,
    Uint8,
    Int16,
    Uint16,
    Int32,
    Uint32,
    Int64,
    Uint64,
    #[value(alias = "f32")]
    Single,
    #[value(alias = "f64")]
    Double,
}

impl Class {
    /// MATLAB's name of the class.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Uint8 => "uint8",
            Self::Int16 => "int16",
            Self::Uint16 => "uint16",
            Self::Int32 => "int32",
            Self::Uint32 => "uint32",
            Self::Int64 => "int64",
            Self::Uint64 => "uint64",
            Self::Single => "single",
            Self::Double => "double",
        }
    }

    /// Bytes of one value.
    pub fn bytes(self) -> usize {
        match self {
            Self::Int8 | Self::Uint8 => 1,
            Self::Int16 | Self::Uint16 => 2,
            Self::Int32 | Self::Uint32 | Self::Single => 4,
            Self::Int64 | Self::Uint64 | Self::Double => 8,
        }
    }

    /// Whether the class is single or double.
    pub fn is_float(self) -> bool {
        matches!(self, Self::Single | Self::Double)
    }
}

/// Orientation of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Layout {
    /// One row per lead, as PhysioNet exports do
    LeadsXSamples,
    /// One column per lead
    SamplesXLeads,
}

/// Byte order of the numbers in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ByteOrder {
    /// Least significant byte first
    Little,
    /// Most significant byte first
    Big,
}

/// What a stored number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Units {
    /// ADC units
    Adu,
    /// Millivolts
    Mv,
}

/// Where the calibration of a recording is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Calibration {
    /// A WFDB header (.hea) beside the file
    Header,
    /// Variables fs, gain, baseline, units and lead_names inside the file
    Variables,
    /// Nowhere
    None,
}

/// Rhythms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum RhythmName {
    /// Sinus rhythm, 60 per minute
    Normal,
    /// Slow sinus rhythm, 42 per minute
    #[value(alias = "brady")]
    Bradycardia,
    /// Fast sinus rhythm, 130 per minute
    #[value(alias = "tachy")]
    Tachycardia,
    /// Irregular intervals, no P waves, fibrillatory waves, 90 per minute
    #[value(alias = "irregular", alias = "af")]
    AtrialFibrillation,
    /// Sinus rhythm with premature ventricular beats, 72 per minute
    #[value(alias = "pvc")]
    Ectopic,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        args: SynthArgs,
    }

    #[test]
    fn the_examples_of_the_help_are_valid() {
        let help = <Command as clap::CommandFactory>::command()
            .render_long_help()
            .to_string();
        let examples: Vec<&str> = help
            .lines()
            .filter(|line| line.starts_with("  ecg synth "))
            .collect();
        assert_eq!(examples.len(), 6, "{help}");
        for example in examples {
            let words = example.split_whitespace().skip(1);
            let args = Command::try_parse_from(words)
                .unwrap_or_else(|error| panic!("{example}: {error}"))
                .args;
            crate::Settings::new(&args).unwrap_or_else(|error| panic!("{example}: {error}"));
        }
    }

    #[test]
    fn bad_words_name_the_argument() {
        let message = |words: &[&str]| {
            Command::try_parse_from([&["synth", "x.mat"], words].concat())
                .err()
                .map(|e| e.to_string())
        };
        let duration = message(&["--duration", "ten"]).unwrap();
        assert!(
            duration.contains("--duration") && duration.contains("24h"),
            "{duration}"
        );
        assert!(message(&["--gap", "5s"]).unwrap().contains("START+LENGTH"));
        assert!(message(&["--class", "int12"]).unwrap().contains("int16"));
    }
}
