//! Files that the pipeline rejects, each for one reason.
//!
//! What is not under test is valid: a file whose samples are at fault has its calibration.

use ecg_synth::mat4::{Mat4Type, write_header};
use ecg_synth::mat5::{MX_CHAR, Mat5Writer, codes};
use ecg_synth::samples::{SampleBytes, encode};
use ecg_synth::{ByteOrder, Class, Settings, SynthArgs, header_text};
use std::error::Error;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

const LITTLE: ByteOrder = ByteOrder::Little;
/// A level 4 matrix of int16.
const INT16: Mat4Type = Mat4Type {
    machine: 0,
    precision: 3,
    kind: 0,
    imaginary: 0,
};
const NOT_MAT: &str = "not a MAT file";
const TRUNCATED: &str = "truncated";
const UNSUPPORTED: &str = "unsupported";
const CONTRADICTION: &str = "lengths and dimensions that cannot be true";

/// The folder, and what is expected of each file in it.
struct Corpus {
    folder: PathBuf,
    expected: serde_json::Map<String, serde_json::Value>,
}

/// Writes all files and `expected.json` into `folder`.
pub(crate) fn write(folder: &Path) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    let mut corpus = Corpus {
        folder: folder.to_owned(),
        expected: serde_json::Map::new(),
    };
    not_mat(&mut corpus)?;
    truncated(&mut corpus)?;
    unsupported(&mut corpus)?;
    variables(&mut corpus)?;
    sizes(&mut corpus)?;
    content(&mut corpus)?;
    signal_files(&mut corpus)?;
    let mut text = serde_json::to_string_pretty(&serde_json::Value::Object(corpus.expected))?;
    text.push('\n');
    std::fs::write(folder.join("expected.json"), text)?;
    Ok(())
}

impl Corpus {
    /// Notes what is expected of `name`: the rule it breaks and words that the message must contain.
    fn expect(&mut self, name: &str, rule: &str, words: &[&str]) -> PathBuf {
        let expected = serde_json::json!({ "rule": rule, "error": "Rejected", "message_contains": words });
        self.expected.insert(name.to_owned(), expected);
        self.folder.join(name)
    }

    /// A file of these bytes.
    fn bytes(&mut self, name: &str, rule: &str, words: &[&str], bytes: &[u8]) -> Result<(), Box<dyn Error>> {
        Ok(std::fs::write(self.expect(name, rule, words), bytes)?)
    }

    /// A recording as `ecg synth` makes it, whose bytes are then changed.
    fn changed(
        &mut self,
        name: &str,
        rule: &str,
        words: &[&str],
        arguments: &str,
        change: impl FnOnce(&mut Vec<u8>),
    ) -> Result<SynthArgs, Box<dyn Error>> {
        let path = self.expect(name, rule, words);
        let (args, _) = super::synth(&path, arguments)?;
        let mut bytes = std::fs::read(&path)?;
        change(&mut bytes);
        std::fs::write(&path, bytes)?;
        Ok(args)
    }

    /// A level 5 file with the calibration and what `add` adds.
    fn level5(
        &mut self,
        name: &str,
        rule: &str,
        words: &[&str],
        compressed: bool,
        add: impl FnOnce(&mut Mat5Writer<Cursor<Vec<u8>>>) -> std::io::Result<()>,
    ) -> Result<(), Box<dyn Error>> {
        let mut writer = Mat5Writer::new(Cursor::new(Vec::new()), LITTLE, compressed)?;
        for (variable, value) in [("fs", 360.0), ("gain", 200.0), ("baseline", 1024.0)] {
            writer.double(variable, value)?;
        }
        writer.text("units", &["mV".to_owned()])?;
        add(&mut writer)?;
        self.bytes(name, rule, words, &writer.into_inner().into_inner())
    }
}

/// Ten seconds of one lead as int16.
fn samples(seed: u64) -> Result<Vec<u8>, Box<dyn Error>> {
    use clap::Parser as _;
    let args = super::Synth::try_parse_from(["synth", "x.mat", "--seed", &seed.to_string()])?.args;
    let mut bytes = Vec::new();
    SampleBytes::new(&Settings::new(&args)?).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn not_mat(corpus: &mut Corpus) -> Result<(), Box<dyn Error>> {
    corpus.bytes("empty.mat", NOT_MAT, &["size", "found 0 bytes"], b"")?;
    let text = "time,ecg\n".to_owned() + &"0.000,0.12\n".repeat(40);
    corpus.bytes("text.mat", NOT_MAT, &["MAT"], text.as_bytes())?;
    let mut picture = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    picture.extend((0..600_u32).map(|index| (index * 7 % 251) as u8));
    corpus.bytes("picture.mat", NOT_MAT, &["MAT"], &picture)
}

fn truncated(corpus: &mut Corpus) -> Result<(), Box<dyn Error>> {
    let cut = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() * 2 / 3);
    for (name, arguments) in [
        ("truncated-level4.mat", "--seed 920"),
        (
            "truncated-level5.mat",
            "--seed 921 --format mat5 --calibration variables",
        ),
        (
            "truncated-level5-compressed.mat",
            "--seed 922 --format mat5-compressed --calibration variables",
        ),
        (
            "truncated-level73.mat",
            "--seed 923 --format mat73 --calibration variables",
        ),
    ] {
        corpus.changed(
            name,
            TRUNCATED,
            &["truncated", "expected", "found"],
            arguments,
            cut,
        )?;
    }
    Ok(())
}

fn unsupported(corpus: &mut Corpus) -> Result<(), Box<dyn Error>> {
    // The first field of a level 4 file: thousands digit 2 is VAX D-float.
    let vax = |bytes: &mut Vec<u8>| bytes[..4].copy_from_slice(&2030_i32.to_le_bytes());
    corpus.changed("level4-vax.mat", UNSUPPORTED, &["VAX"], "--seed 924", vax)?;

    let mut builder = hdf5_pure::FileBuilder::new();
    let numbers: Vec<i16> = (0..720).map(|index| 1000 + index % 50).collect();
    builder
        .create_dataset("val")
        .with_i16_data(&numbers)
        .with_shape(&[720, 1]);
    corpus.bytes(
        "hdf5-without-matlab-header.mat",
        UNSUPPORTED,
        &["HDF5"],
        &builder.finish()?,
    )
}

fn variables(corpus: &mut Corpus) -> Result<(), Box<dyn Error>> {
    corpus.level5(
        "no-samples-variable.mat",
        "variable missing",
        &["variable"],
        false,
        |_| Ok(()),
    )?;

    let data = samples(925)?;
    let sample_count = (data.len() / 2) as u32;
    let (int16, storage) = codes(Class::Int16);

    let path = corpus.expect("complex-level4.mat", "complex", &["complex"]);
    super::synth(&path, "--seed 925")?;
    let mut bytes = Vec::new();
    let complex = Mat4Type {
        imaginary: 1,
        ..INT16
    };
    write_header(&mut bytes, LITTLE, complex, (1, sample_count as i32), "val")?;
    bytes.extend(&data);
    bytes.extend(&data);
    std::fs::write(&path, bytes)?;

    // Complex level 5: the flag, and a second data element after the first.
    corpus.level5("complex-level5.mat", "complex", &["complex"], false, |writer| {
        let real = data.len() as u32;
        let mut whole = Vec::new();
        let name_and_dimensions = 16 + 16 + 8 + 8;
        for field in [
            14,
            name_and_dimensions + 2 * (8 + real),
            6,
            8,
            u32::from(int16) | 0x0800,
            0,
        ] {
            whole.extend(field.to_le_bytes());
        }
        for field in [5, 8, 1, sample_count, 1, 3] {
            whole.extend(u32::to_le_bytes(field));
        }
        whole.extend(b"val\0\0\0\0\0");
        for _ in 0..2 {
            whole.extend([storage, real].into_iter().flat_map(u32::to_le_bytes));
            whole.extend(&data);
        }
        writer.element(&mut whole.as_slice())
    })?;

    corpus.level5("text-variable.mat", "non-numeric", &["char"], false, |writer| {
        let characters: Vec<u8> = b"no samples here!".iter().flat_map(|byte| [*byte, 0]).collect();
        let bytes = characters.len() as u32;
        writer.array(
            "val",
            u32::from(MX_CHAR),
            &[1, bytes / 2],
            4,
            bytes,
            &mut characters.as_slice(),
        )
    })?;

    // A 1 x 1 structure with one field `a`, an empty double.
    corpus.level5("structure.mat", "non-numeric", &["struct"], false, |writer| {
        let mut whole = Vec::new();
        for field in [14, 128_u32, 6, 8, 2, 0, 5, 8, 1, 1, 1, 3] {
            whole.extend(field.to_le_bytes());
        }
        whole.extend(b"val\0\0\0\0\0");
        // The length of a field name as a small element, and the only field name.
        for field in [(4_u32 << 16) | 5, 8, 1, 8] {
            whole.extend(field.to_le_bytes());
        }
        whole.extend(b"a\0\0\0\0\0\0\0");
        for field in [14, 48_u32, 6, 8, 6, 0, 5, 8, 0, 0, 1, 0, 9, 0] {
            whole.extend(field.to_le_bytes());
        }
        writer.element(&mut whole.as_slice())
    })?;

    corpus.level5(
        "three-dimensions.mat",
        "wrong rank",
        &["dimension"],
        false,
        |writer| writer.matrix("val", Class::Int16, &[2, 30, 60], &mut data.as_slice()),
    )?;

    let second = samples(926)?;
    corpus.level5(
        "two-candidates.mat",
        "variable ambiguous",
        &["lead_a", "lead_b"],
        false,
        |writer| {
            writer.matrix(
                "lead_a",
                Class::Int16,
                &[1, u64::from(sample_count)],
                &mut data.as_slice(),
            )?;
            writer.matrix(
                "lead_b",
                Class::Int16,
                &[1, u64::from(sample_count)],
                &mut second.as_slice(),
            )
        },
    )
}

fn sizes(corpus: &mut Corpus) -> Result<(), Box<dyn Error>> {
    let args = corpus.changed(
        "zero-samples.mat",
        "zero samples",
        &["sample"],
        "--seed 927",
        |bytes| {
            bytes[8..12].fill(0);
            bytes.truncate(24);
        },
    )?;
    // The header agrees with the file, so that it is not the header that is at fault.
    let none = Settings {
        samples: 0,
        ..Settings::new(&args)?
    };
    std::fs::write(
        corpus.folder.join("zero-samples.hea"),
        header_text(&none, "zero-samples.mat"),
    )?;
    corpus.changed(
        "seventeen-leads.mat",
        "more than 16 leads",
        &["16", "17"],
        "--seed 928 --leads 17 --duration 2s --sampling-frequency 100",
        |_| (),
    )?;
    corpus.changed(
        "negative-dimension-level4.mat",
        CONTRADICTION,
        &["expected", "found"],
        "--seed 929",
        |bytes| {
            bytes[4..8].copy_from_slice(&(-1_i32).to_le_bytes());
        },
    )?;
    // 2147483647 x 2147483647 doubles: their bytes do not fit 64 bits.
    corpus.changed(
        "overflowing-dimensions-level4.mat",
        CONTRADICTION,
        &["2147483647"],
        "--seed 930",
        |bytes| {
            bytes[..4].fill(0);
            bytes[4..8].copy_from_slice(&i32::MAX.to_le_bytes());
            bytes[8..12].copy_from_slice(&i32::MAX.to_le_bytes());
        },
    )?;
    let data = samples(931)?;
    let (int16, storage) = codes(Class::Int16);
    let huge = i32::MAX as u32;
    corpus.level5(
        "overflowing-dimensions-level5.mat",
        CONTRADICTION,
        &["9223372028264841218", "7200"],
        false,
        |writer| {
            let dimensions = [huge, huge];
            writer.array(
                "val",
                int16.into(),
                &dimensions,
                storage,
                data.len() as u32,
                &mut data.as_slice(),
            )
        },
    )?;
    // The data element of a valid file claims 100 MiB; its matrix and its dimensions say 7200 bytes.
    corpus.changed(
        "lying-length.mat",
        CONTRADICTION,
        &["104857600"],
        "--seed 932 --format mat5 --calibration variables",
        |bytes| {
            let length_field = bytes.len() - 7200 - 4;
            bytes[length_field..length_field + 4].copy_from_slice(&(100_u32 << 20).to_le_bytes());
        },
    )?;
    // 100 MiB of zeros in about 100 kB.
    let values = 50_u64 << 20;
    corpus.level5(
        "zlib-bomb.mat",
        "above the size caps",
        &["expected", "found"],
        true,
        |writer| {
            writer.matrix(
                "val",
                Class::Int16,
                &[1, values],
                &mut std::io::repeat(0).take(2 * values),
            )
        },
    )
}

fn content(corpus: &mut Corpus) -> Result<(), Box<dyn Error>> {
    let calibration = &["calibration", ".hea"];
    corpus.changed(
        "no-calibration.mat",
        "no calibration",
        calibration,
        "--seed 933 --calibration none",
        |_| (),
    )?;
    let gap = "--seed 934 --gap 4s+600ms";
    corpus.changed(
        "six-percent-missing.mat",
        "more than 5 % missing",
        &["missing"],
        gap,
        |_| (),
    )?;
    corpus.changed(
        "constant.mat",
        "the whole signal constant",
        &["constant"],
        "--seed 935",
        |bytes| {
            let mut value = Vec::new();
            encode(1024.0, Class::Int16, LITTLE, &mut value);
            for pair in bytes[24..].chunks_exact_mut(2) {
                pair.copy_from_slice(&value);
            }
        },
    )?;
    // The header of two leads beside a file of one.
    let rule = "header contradicts the file";
    let args = corpus.changed("header-of-two-leads.mat", rule, &["2", "1"], "--seed 936", |_| ())?;
    let two_leads = SynthArgs { leads: 2, ..args };
    let text = header_text(&Settings::new(&two_leads)?, "header-of-two-leads.mat");
    Ok(std::fs::write(
        corpus.folder.join("header-of-two-leads.hea"),
        text,
    )?)
}

/// WFDB and EDF files.
fn signal_files(corpus: &mut Corpus) -> Result<(), Box<dyn Error>> {
    let cut = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() * 2 / 3);
    let words = ["truncated", "expected", "found"];
    let wfdb = "--seed 940 --format wfdb212";
    corpus.changed("truncated-wfdb.dat", TRUNCATED, &words, wfdb, cut)?;
    corpus.changed("truncated.edf", TRUNCATED, &words, "--seed 941 --format edf", cut)?;

    let name = "format-310.dat";
    let wfdb = "--seed 942 --format wfdb16";
    let args = corpus.changed(name, UNSUPPORTED, &["unsupported", "212", "310"], wfdb, |_| ())?;
    let text = header_text(&Settings::new(&args)?, name).replace(" 16 ", " 310 ");
    std::fs::write(corpus.folder.join("format-310.hea"), text)?;

    let edf = "--seed 943 --format edf";
    corpus.changed(
        "discontinuous.edf",
        UNSUPPORTED,
        &["unsupported", "EDF+C", "EDF+D"],
        edf,
        |bytes| bytes[192..197].copy_from_slice(b"EDF+D"),
    )?;
    corpus.changed(
        "no-ecg.edf",
        "variable missing",
        &["EEG Fpz-Cz", "named as an ECG"],
        "--seed 944 --format edf",
        |bytes| bytes[256..272].copy_from_slice(b"EEG Fpz-Cz      "),
    )?;
    Ok(())
}
