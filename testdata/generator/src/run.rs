//! `ecg synth`: from arguments to files.

use crate::args::{Calibration, Format, SynthArgs};
use crate::rhythm::known_beats;
use crate::samples::SampleBytes;
use crate::settings::{CALIBRATION_VARIABLES, Settings};
use crate::{SynthError, edf, header_text, mat4, mat5, mat73, waves, wfdb};
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// What was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The recording.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// The WFDB header, if there is one.
    pub header: Option<PathBuf>,
    /// The file of the beats, if one was asked for.
    pub beats_file: Option<PathBuf>,
    /// Number of beats that can be seen.
    pub beats: u64,
    /// Number of leads.
    pub leads: usize,
    /// Samples per lead.
    pub samples: u64,
    /// Duration in seconds.
    pub duration_s: f64,
    /// A command to try next.
    pub next: String,
}

/// Makes the recording, its header and the list of its beats. `progress` gets the bytes of samples that are
/// done and their total.
///
/// A recording is written under a temporary name beside its place and renamed when it is complete.
///
/// # Errors
/// [`SynthError::Argument`] before anything is written, [`SynthError::Io`] or [`SynthError::Hdf5`] when
/// writing fails.
pub fn run(args: &SynthArgs, progress: &mut dyn FnMut(u64, u64)) -> Result<Written, SynthError> {
    let settings = Settings::new(args)?;
    let path = args.out.as_path();
    let ending = settings.format.extension();
    let file_name = match path.file_name().and_then(|name| name.to_str()) {
        Some(name) if path.extension().is_some_and(|extension| extension == ending) => name,
        _ => {
            return Err(SynthError::argument(
                "OUT",
                format!("a file name that ends in .{ending}, or --format"),
                path.display(),
            ));
        }
    };
    let has_header = settings.calibration == Calibration::Header && settings.format != Format::Edf;
    let header = has_header.then(|| path.with_extension("hea"));
    if header.is_some() && file_name.contains(char::is_whitespace) {
        return Err(SynthError::argument(
            "--calibration",
            "variables or none, as a WFDB header cannot name a file with blanks",
            format!("header for `{file_name}`"),
        ));
    }

    let partial = path.with_extension(format!("{ending}.partial"));
    let result = write_file(&settings, &partial, progress)
        .and_then(|()| std::fs::rename(&partial, path).map_err(|error| SynthError::io(path, error)));
    if let Err(error) = result {
        // Half a file is of no use; the first error is the one to report.
        let _ = std::fs::remove_file(&partial);
        return Err(error);
    }
    if let Some(header) = &header {
        std::fs::write(header, header_text(&settings, file_name))
            .map_err(|error| SynthError::io(header, error))?;
    }
    if let Some(beats) = &args.beats {
        write_beats(&settings, file_name, beats).map_err(|error| SynthError::io(beats, error))?;
    }
    Ok(Written {
        path: path.to_owned(),
        bytes: std::fs::metadata(path)
            .map_err(|error| SynthError::io(path, error))?
            .len(),
        header,
        beats_file: args.beats.clone(),
        beats: known_beats(&settings).count() as u64,
        leads: settings.leads,
        samples: settings.samples,
        duration_s: settings.samples as f64 / settings.sampling_frequency_hz,
        next: format!("ecg run {}", quoted(path)),
    })
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    if text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
    {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

fn write_file(
    settings: &Settings,
    path: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), SynthError> {
    let io_error = |error| SynthError::io(path, error);
    let mut sink = BufWriter::with_capacity(1 << 18, File::create(path).map_err(io_error)?);
    match settings.format {
        Format::Wfdb16 | Format::Wfdb212 => {
            let mut data = Progress::new(SampleBytes::new(settings), settings, progress);
            let written = match settings.format {
                Format::Wfdb212 => wfdb::write_212(&mut sink, &mut data),
                _ => io::copy(&mut data, &mut sink).map(drop),
            };
            written.map_err(io_error)?;
        }
        Format::Edf => {
            let mut counted = Progress::new(&mut sink, settings, progress);
            edf::write(settings, &mut counted).map_err(io_error)?;
        }
        Format::Mat4 => write_mat4(settings, &mut sink, progress).map_err(io_error)?,
        Format::Mat5 => write_mat5(settings, &mut sink, false, progress).map_err(io_error)?,
        Format::Mat5Compressed => write_mat5(settings, &mut sink, true, progress).map_err(io_error)?,
        Format::Mat73 => write_mat73(settings, &mut sink, progress).map_err(|error| SynthError::Hdf5 {
            path: path.to_owned(),
            reason: error.to_string(),
        })?,
    }
    sink.flush().map_err(io_error)
}

fn write_mat4(
    settings: &Settings,
    sink: &mut dyn Write,
    progress: &mut dyn FnMut(u64, u64),
) -> io::Result<()> {
    let order = settings.byte_order;
    if settings.calibration == Calibration::Variables {
        let calibration = CalibrationValues::new(settings);
        for (name, value) in calibration.numbers {
            mat4::write_double(sink, order, name, value)?;
        }
        for (name, rows) in &calibration.texts {
            mat4::write_text(sink, order, name, rows)?;
        }
    }
    let mut data = Progress::new(SampleBytes::new(settings), settings, progress);
    mat4::write_matrix(
        sink,
        order,
        &settings.variable,
        settings.class,
        settings.dimensions(),
        &mut data,
    )
}

fn write_mat5(
    settings: &Settings,
    sink: impl Write + io::Seek,
    compressed: bool,
    progress: &mut dyn FnMut(u64, u64),
) -> io::Result<()> {
    let mut writer = mat5::Mat5Writer::new(sink, settings.byte_order, compressed)?;
    if settings.calibration == Calibration::Variables {
        let calibration = CalibrationValues::new(settings);
        for (name, value) in calibration.numbers {
            writer.double(name, value)?;
        }
        for (name, rows) in &calibration.texts {
            writer.text(name, rows)?;
        }
    }
    let (rows, columns) = settings.dimensions();
    let mut data = Progress::new(SampleBytes::new(settings), settings, progress);
    writer.matrix(&settings.variable, settings.class, &[rows, columns], &mut data)
}

fn write_mat73(
    settings: &Settings,
    sink: &mut dyn Write,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), hdf5_pure::mat::MatError> {
    let mut builder = mat73::builder();
    if settings.calibration == Calibration::Variables {
        let calibration = CalibrationValues::new(settings);
        for (name, value) in calibration.numbers {
            builder.write_scalar_f64(name, value)?;
        }
        for (name, rows) in &calibration.texts {
            mat73::add_text(&mut builder, name, rows)?;
        }
    }
    // Here the library pulls the samples, so what is counted are the bytes that it writes.
    mat73::write(builder, settings, &mut Progress::new(sink, settings, progress))
}

/// What the variables beside the samples say, the same for all leads.
struct CalibrationValues {
    numbers: [(&'static str, f64); 3],
    texts: [(&'static str, Vec<String>); 2],
}

impl CalibrationValues {
    fn new(settings: &Settings) -> Self {
        let [fs, gain, baseline, units, lead_names] = CALIBRATION_VARIABLES;
        let names = (0..settings.leads).map(waves::lead_name).collect();
        Self {
            numbers: [
                (fs, settings.sampling_frequency_hz),
                (gain, settings.gain),
                (baseline, f64::from(settings.baseline)),
            ],
            texts: [(units, vec!["mV".to_owned()]), (lead_names, names)],
        }
    }
}

/// Reports the bytes that pass, at most a thousand times.
struct Progress<'p, T> {
    inner: T,
    done: u64,
    total: u64,
    reported: u64,
    report: &'p mut dyn FnMut(u64, u64),
}

impl<'p, T> Progress<'p, T> {
    fn new(inner: T, settings: &Settings, report: &'p mut dyn FnMut(u64, u64)) -> Self {
        Self {
            inner,
            done: 0,
            total: settings.data_bytes(),
            reported: 0,
            report,
        }
    }

    fn passed(&mut self, bytes: usize) {
        self.done = (self.done + bytes as u64).min(self.total);
        if self.done - self.reported > self.total / 1000 || (self.done == self.total && bytes > 0) {
            self.reported = self.done;
            (self.report)(self.done, self.total);
        }
    }
}

impl<T: Read> Read for Progress<'_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.passed(count);
        Ok(count)
    }
}

impl<T: Write> Write for Progress<'_, T> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(buffer)?;
        self.passed(count);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// `{"name.mat":{"beats":[…]}}`, written beat by beat.
fn write_beats(settings: &Settings, file_name: &str, path: &Path) -> io::Result<()> {
    let mut sink = BufWriter::new(File::create(path)?);
    write!(sink, "{{{}:{{\"beats\":[", serde_json::Value::from(file_name))?;
    for (index, beat) in known_beats(settings).enumerate() {
        let comma = if index == 0 { "" } else { "," };
        write!(sink, "{comma}{beat}")?;
    }
    writeln!(sink, "]}}}}")?;
    sink.flush()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        args: SynthArgs,
    }

    fn args(out: &str, words: &str) -> SynthArgs {
        Command::parse_from(["synth", out].into_iter().chain(words.split_whitespace())).args
    }

    /// The settings of a command line.
    pub(crate) fn settings(words: &str) -> Settings {
        Settings::new(&args("x.mat", words)).unwrap()
    }

    #[test]
    fn arguments_that_cannot_be_met() {
        for (words, name, expected) in [
            ("--leads 0", "--leads", "1 to 64"),
            ("--duration 0s", "--duration", "0.001"),
            ("--sampling-frequency 5", "--sampling-frequency", "20"),
            ("--heart-rate 500", "--heart-rate", "300"),
            ("--heart-rate NaN", "--heart-rate", "300"),
            ("--class int8", "--class", "level 4"),
            ("--class uint8 --adc-bits 11", "--class", "-896"),
            ("--class uint16 --gap 1s+1s", "--gap", "int16"),
            ("--gap 10s+1s", "--gap", "before the end"),
            ("--units mv", "--units", "adu"),
            ("--class double --gain 100", "--gain", "--units adu"),
            ("--gain 0", "--gain", "above 0"),
            ("--format mat73 --byte-order big", "--byte-order", "little"),
            (
                "--format mat5 --class double --duration 24h --leads 20",
                "--format",
                "mat73",
            ),
            (
                "--duration 24h --sampling-frequency 50000",
                "--duration",
                "2147483647",
            ),
            ("--variable 1x", "--variable", "MATLAB name"),
            (
                "--variable fs --calibration variables",
                "--variable",
                "other than",
            ),
            ("--hum-hz 200 --hum-mv 0.1", "--hum-hz", "180"),
            ("--format wfdb16 --class int32", "--class", "int16"),
            (
                "--format edf --layout samples-x-leads",
                "--layout",
                "leads-x-samples",
            ),
            ("--format wfdb16 --byte-order big", "--byte-order", "little"),
            ("--format wfdb212 --calibration none", "--calibration", "header"),
            ("--format wfdb212 --adc-bits 12", "--adc-bits", "-1024 to 3071"),
            (
                "--format edf --sampling-frequency 250.5",
                "--sampling-frequency",
                "whole",
            ),
            ("--format edf --duration 1500ms", "--duration", "whole seconds"),
            ("--format edf --gap 1s+1s", "--gap", "missing"),
            ("--format edf --gain 300", "--gain", "8 characters"),
        ] {
            let error = Settings::new(&args("x.mat", words))
                .err()
                .map(|error| error.to_string());
            let message = error.unwrap_or_else(|| panic!("{words} was accepted"));
            assert!(
                message.starts_with(name) && message.contains(expected),
                "{words}: {message}"
            );
        }
    }

    #[test]
    fn slow_sampling_needs_no_word_about_hum() {
        assert_eq!(settings("--sampling-frequency 50 --duration 10s").samples, 500);
    }

    #[test]
    fn names_that_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |name: &str| {
            let out = folder.path().join(name);
            run(&args(out.to_str().unwrap(), ""), &mut |_, _| ())
                .unwrap_err()
                .to_string()
        };
        assert!(refused("x.txt").contains(".mat"));
        assert!(refused("x.dat").contains(".mat"));
        assert!(refused("900m (0).mat").contains("blanks"));
        assert!(refused("no/such/folder.mat").contains("folder.mat.partial"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_written_and_reported() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("a b.mat");
        let beats = folder.path().join("beats.json");
        let words = "--calibration none --duration 1m --beats";
        let mut args = args(out.to_str().unwrap(), &format!("{words} {}", beats.display()));
        for format in [Format::Mat4, Format::Mat5, Format::Mat5Compressed, Format::Mat73] {
            args.format = format;
            let mut reports = Vec::new();
            let written = run(&args, &mut |done, total| reports.push((done, total))).unwrap();
            assert_eq!(reports.last(), Some(&(43_200, 43_200)), "{format:?}");
            assert_eq!(
                (written.samples, written.duration_s, written.leads),
                (21_600, 60.0, 1)
            );
            assert_eq!(written.bytes, std::fs::metadata(&out).unwrap().len());
            assert_eq!(written.header, None);
            assert!(written.next.starts_with("ecg run '"), "{}", written.next);
            let text = std::fs::read_to_string(&beats).unwrap();
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            let list = json["a b.mat"]["beats"].as_array().unwrap();
            assert_eq!(list.len() as u64, written.beats);
            assert!((55..=65).contains(&list.len()));
        }
    }
}
