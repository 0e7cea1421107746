//! Every format, class, layout and byte order is read by software that is not ours: SciPy and h5py, wfdb and pyedflib by
//! the Python named in `ECG_PYTHON`, and the crate `matfile` for level 5.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "a test is told by the environment which Python to use"
)]

use clap::{Parser as _, ValueEnum as _};
use ecg_synth::samples::{StoredLead, encode};
use ecg_synth::{ByteOrder, Class, Format, Layout, Settings, SynthArgs, run};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

#[derive(clap::Parser)]
struct Command {
    #[command(flatten)]
    args: SynthArgs,
}

fn args(out: &Path, words: &str) -> SynthArgs {
    let out = out.to_str().unwrap();
    Command::parse_from(["synth", out].into_iter().chain(words.split_whitespace())).args
}

/// The bytes of the matrix, column by column, little-endian, made from the leads one by one.
fn expected_bytes(settings: &Settings) -> Vec<u8> {
    let samples = settings.samples as usize;
    let leads: Vec<Vec<f64>> = (0..settings.leads)
        .map(|lead| {
            let mut numbers = vec![0.0; samples];
            StoredLead::new(settings, lead).fill(&mut numbers);
            numbers
        })
        .collect();
    let mut bytes = Vec::new();
    let mut put = |lead: usize, sample: usize| {
        encode(leads[lead][sample], settings.class, ByteOrder::Little, &mut bytes);
    };
    match settings.layout {
        Layout::LeadsXSamples => {
            (0..samples).for_each(|sample| (0..settings.leads).for_each(|lead| put(lead, sample)));
        }
        Layout::SamplesXLeads => {
            (0..settings.leads).for_each(|lead| (0..samples).for_each(|sample| put(lead, sample)));
        }
    }
    bytes
}

/// Makes a MAT file of every combination that can be made: 2 leads, 11.5 s (more than one block), with missing
/// samples where the class can say so.
fn every_file(folder: &Path) -> Vec<(PathBuf, Settings)> {
    let mut files = Vec::new();
    let formats = Format::value_variants().iter();
    for format in formats.filter(|format| format.extension() == "mat") {
        for class in Class::value_variants() {
            for layout in Layout::value_variants() {
                for byte_order in ByteOrder::value_variants() {
                    let gap = if *class == Class::Int16 || class.is_float() {
                        "--gap 3s+100ms"
                    } else {
                        ""
                    };
                    let words =
                        format!("--leads 2 --duration 11500ms --calibration variables --hum-mv 0.1 {gap}");
                    let name = format!("{format:?}-{class:?}-{layout:?}-{byte_order:?}.mat");
                    let mut args = args(&folder.join(name), &words);
                    (args.format, args.class, args.layout, args.byte_order) =
                        (*format, *class, *layout, *byte_order);
                    match run(&args, &mut |_, _| ()) {
                        Ok(written) => files.push((written.path, Settings::new(&args).unwrap())),
                        Err(error) => {
                            let impossible = *format == Format::Mat4 || *byte_order == ByteOrder::Big;
                            assert!(impossible, "{:?}: {error}", args.out);
                        }
                    }
                }
            }
        }
    }
    // Level 4: 6 classes, level 5 plain and compressed: 10, each in 2 layouts and 2 byte orders;
    // level 7.3: 10 classes, 2 layouts.
    assert_eq!(files.len(), 6 * 4 + 2 * 10 * 4 + 10 * 2);
    files
}

/// Lets a script of this folder read the files: it leaves what it found beside each.
fn read_by(python: &OsStr, script: &str, files: &[(PathBuf, Settings)]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/independent_readers");
    let output = std::process::Command::new(python)
        .arg(folder.join(script))
        .args(files.iter().map(|(path, _)| path))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn scipy_and_h5py_read_equal_values() {
    let Some(python) = std::env::var_os("ECG_PYTHON") else {
        println!("skipped: ECG_PYTHON does not name a Python with scipy and h5py");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let files = every_file(folder.path());
    read_by(&python, "read.py", &files);
    for (path, settings) in &files {
        let beside = |ending: &str| format!("{}.{ending}", path.display());
        let raw = std::fs::read(beside("raw")).unwrap();
        assert!(raw == expected_bytes(settings), "{} differs", path.display());
        let text = std::fs::read_to_string(beside("txt")).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        let kind = match settings.class {
            Class::Single => "float32",
            Class::Double => "float64",
            whole => whole.name(),
        };
        let (rows, columns) = settings.dimensions();
        let names = if settings.format == Format::Mat73 {
            "1 MLII,V5"
        } else {
            "2 MLII/V5"
        };
        let expected = [
            format!("baseline float64 1 1 {:.1}", f64::from(settings.baseline)),
            "fs float64 1 1 360.0".to_owned(),
            format!("gain float64 1 1 {:.1}", settings.gain),
            format!("lead_names text {names}"),
            "units text 1 mV".to_owned(),
            format!("val {kind} {rows} {columns}"),
        ];
        assert_eq!(lines, expected, "{}", path.display());
    }
}

#[test]
fn wfdb_and_pyedflib_read_equal_values() {
    let Some(python) = std::env::var_os("ECG_PYTHON") else {
        println!("skipped: ECG_PYTHON does not name a Python with wfdb and pyedflib");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<(PathBuf, Settings)> = [
        ("a.dat", "--format wfdb16 --leads 3 --gap 3s+100ms"),
        (
            "b.dat",
            "--format wfdb212 --leads 3 --duration 11003ms --gap 3s+100ms",
        ),
        ("c.dat", "--format wfdb212 --leads 1 --duration 31m"),
        (
            "d.edf",
            "--format edf --leads 3 --duration 31m --gain 160 --baseline 0",
        ),
    ]
    .into_iter()
    .map(|(name, words)| {
        let args = args(&folder.path().join(name), words);
        let written = run(&args, &mut |_, _| ()).unwrap();
        (written.path, Settings::new(&args).unwrap())
    })
    .collect();
    read_by(&python, "read_signals.py", &files);
    for (path, settings) in &files {
        let raw = std::fs::read(format!("{}.raw", path.display())).unwrap();
        assert!(raw == expected_bytes(settings), "{} differs", path.display());
        let found = std::fs::read_to_string(format!("{}.txt", path.display())).unwrap();
        let prefix = if settings.format == Format::Edf {
            "ECG "
        } else {
            ""
        };
        let lines = ["MLII", "V5", "V1"].map(|name| {
            format!(
                "{prefix}{name} 360.0 mV {:.6} {:.6}\n",
                settings.gain,
                f64::from(settings.baseline)
            )
        });
        assert_eq!(found, lines[..settings.leads].concat(), "{}", path.display());
    }
}

#[test]
fn matfile_reads_equal_values_of_level_5() {
    use matfile::NumericData as Data;
    let folder = tempfile::tempdir().unwrap();
    let mut compared = 0;
    for (path, settings) in every_file(folder.path()) {
        // What `matfile` 0.5 cannot do: other levels, and int32 (its parser fails on the whole file).
        let level5 = matches!(settings.format, Format::Mat5 | Format::Mat5Compressed);
        if !level5 || settings.class == Class::Int32 {
            continue;
        }
        let file = matfile::MatFile::parse(std::fs::File::open(&path).unwrap()).unwrap();
        let array = file
            .find_by_name("val")
            .unwrap_or_else(|| panic!("{}: no val", path.display()));
        let (rows, columns) = settings.dimensions();
        assert_eq!(
            *array.size(),
            [rows as usize, columns as usize],
            "{}",
            path.display()
        );
        macro_rules! little {
            ($values:expr) => {
                $values
                    .iter()
                    .flat_map(|value| value.to_le_bytes())
                    .collect::<Vec<u8>>()
            };
        }
        let bytes = match array.data() {
            Data::Int8 { real, .. } => little!(real),
            Data::UInt8 { real, .. } => little!(real),
            Data::Int16 { real, .. } => little!(real),
            Data::UInt16 { real, .. } => little!(real),
            Data::Int32 { real, .. } => little!(real),
            Data::UInt32 { real, .. } => little!(real),
            Data::Int64 { real, .. } => little!(real),
            Data::UInt64 { real, .. } => little!(real),
            Data::Single { real, .. } => little!(real),
            Data::Double { real, .. } => little!(real),
        };
        assert!(bytes == expected_bytes(&settings), "{} differs", path.display());
        compared += 1;
    }
    assert_eq!(compared, 2 * 9 * 4);
}

#[test]
fn the_same_arguments_give_the_same_bytes_and_another_seed_others() {
    let folder = tempfile::tempdir().unwrap();
    for format in Format::value_variants() {
        let bytes = |name: &str, words: &str| {
            let name = format!("{name}.{}", format.extension());
            let mut args = args(&folder.path().join(name), words);
            args.format = *format;
            std::fs::read(run(&args, &mut |_, _| ()).unwrap().path).unwrap()
        };
        let first = bytes("a", "--duration 30s --leads 2 --rhythm ectopic");
        assert!(
            first == bytes("b", "--duration 30s --leads 2 --rhythm ectopic"),
            "{format:?}"
        );
        assert!(
            first != bytes("c", "--duration 30s --leads 2 --rhythm ectopic --seed 2"),
            "{format:?}"
        );
    }
}
