//! EDF files made by hand, byte for byte: what is read of them, and what is said of wrong ones.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::io::Cursor;
use std::ops::ControlFlow;

use common::{Part, edf};
use ecg_formats::edf::EdfFile;
use ecg_formats::{FormatError, Named, SignalInfo};

fn open(file: &[u8]) -> Result<EdfFile<Cursor<Vec<u8>>>, FormatError> {
    EdfFile::open(Cursor::new(file.to_vec()))
}

/// Why a file is none.
fn message(file: &[u8]) -> String {
    open(file).unwrap_err().to_string()
}

/// The leads of a file that are named so.
fn chosen(file: &[u8], name: &str) -> Result<Vec<usize>, String> {
    let names = [name.to_owned()];
    let named = Named {
        names: &names,
        by: "--variable",
    };
    let choice = open(file).map_err(|error| error.to_string())?.choose(&named);
    choice
        .map(|choice| choice.leads)
        .map_err(|refused| refused.details.to_string())
}

fn read(file: &[u8]) -> Vec<Vec<f64>> {
    let mut file = open(file).unwrap();
    let all: Vec<usize> = (0..file.signals().len()).collect();
    let mut leads = vec![Vec::new(); all.len()];
    let sink = &mut |lead: usize, samples: &[f64]| {
        leads[lead].extend_from_slice(samples);
        ControlFlow::Continue(())
    };
    file.stream(&all, sink).unwrap();
    leads
}

/// The file with other text in the field at this place.
fn with(file: &[u8], place: usize, width: usize, text: &str) -> Vec<u8> {
    let mut changed = file.to_vec();
    changed[place..place + width].copy_from_slice(format!("{text:width$}").as_bytes());
    changed
}

fn two_leads() -> [Part; 2] {
    let second = Part {
        records: vec![vec![7], vec![-32768]],
        ..Part::new("ECG II", &[])
    };
    [Part::new("ECG I", &[[1, -2], [32767, -32768]]), second]
}

#[test]
fn two_leads_of_edf() {
    let file = edf(false, "", &two_leads());
    // -32768 is a value: EDF has no mark of a missing sample.
    let expected = [vec![1.0, -2.0, 32767.0, -32768.0], vec![7.0, -32768.0]];
    assert_eq!(read(&file), expected);
    let opened = open(&file).unwrap();
    assert_eq!(opened.kind().to_string(), "EDF");
    assert_eq!(
        opened.signals()[0],
        SignalInfo {
            name: "ECG I".into(),
            samples: 4,
            sampling_frequency_hz: 80.0,
            bits: 16,
            gain: 100.0,
            baseline: -50.0,
            units: "mV".into()
        }
    );
    let second = &opened.signals()[1];
    assert_eq!((second.samples, second.sampling_frequency_hz), (2, 40.0));
}

#[test]
fn bdf_has_24_bits() {
    let file = edf(
        true,
        "24BIT",
        &[Part::new("ECG", &[[-8_388_608, 8_388_607], [-1, 258]])],
    );
    assert_eq!(read(&file), [[-8_388_608.0, 8_388_607.0, -1.0, 258.0]]);
    let opened = open(&file).unwrap();
    assert_eq!(
        (opened.kind().to_string().as_str(), opened.signals()[0].bits),
        ("BDF", 24)
    );
}

#[test]
fn annotations_are_passed_over_wherever_they_lie() {
    for (bdf, reserved, kind, label) in [
        (false, "EDF+C", "EDF+", "EDF Annotations"),
        (true, "BDF+C", "BDF+", "BDF Annotations"),
    ] {
        let parts = [
            Part::annotations(label, 2),
            Part::new("ECG", &[[1, 2], [3, 4]]),
            Part::annotations(label, 2),
            Part::new("V1", &[[5, 6], [7, 8]]),
        ];
        let file = edf(bdf, reserved, &parts);
        let opened = open(&file).unwrap();
        assert_eq!(opened.kind().to_string(), kind);
        assert_eq!(opened.choose(&Named::default()).unwrap().leads, [0, 1]);
        assert_eq!(read(&file), [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]);
        let only = edf(bdf, reserved, &[Part::annotations(label, 2)]);
        assert_eq!(
            message(&only),
            "signals: expected at least one with samples, found annotations only, at offset 256"
        );
    }
}

#[test]
fn a_file_with_gaps_is_refused() {
    for (bdf, reserved) in [(false, "EDF+D"), (true, "BDF+D")] {
        assert_eq!(
            message(&edf(bdf, reserved, &two_leads())),
            format!(
                "unsupported file: expected a continuous recording (EDF+C or BDF+C), found {reserved}, which may have \
                 gaps between its records, at offset 192"
            )
        );
    }
}

#[test]
fn gain_and_baseline_come_from_the_ranges() {
    let signal = |units, physical, digital| {
        let part = Part {
            units,
            physical,
            digital,
            ..Part::new("ECG", &[[0, 0]])
        };
        let opened = open(&edf(false, "", &[part])).unwrap();
        let signal = opened.signals()[0].clone();
        (signal.gain, signal.baseline, signal.units)
    };
    let full = ("-32768", "32767");
    assert_eq!(
        signal("uV", ("-3276.8", "3276.7"), full),
        (10.0, 0.0, "uV".to_owned())
    );
    assert_eq!(
        signal("mV", ("0", "10"), ("0", "1000")),
        (100.0, 0.0, "mV".to_owned())
    );
    // Stored upside down.
    assert_eq!(
        signal("", ("5", "-5"), ("-500", "500")),
        (-100.0, 0.0, String::new())
    );
    // 0 units lie between two ADC values.
    assert_eq!(signal("V", ("-1", "1"), ("-2", "1")).1, -0.5);
}

#[test]
fn a_unit_in_latin_1_and_a_field_filled_with_zeros() {
    let mut file = edf(false, "", &[Part::new("ECG", &[[0, 0]])]);
    file[256 + 96..256 + 104].copy_from_slice(b"\xb5V\0\0\0\0\0\0");
    assert_eq!(open(&file).unwrap().signals()[0].units, "µV");
}

#[test]
fn a_length_that_the_recorder_did_not_say() {
    let file = edf(false, "", &two_leads());
    let unknown = with(&file, 236, 8, "-1");
    assert_eq!(read(&unknown), read(&file));
    assert_eq!(
        message(&unknown[..unknown.len() - 1]),
        "truncated file: expected whole data records of 6 bytes (the header does not say how many), found 11, at offset \
         768"
    );
    assert_eq!(read(&unknown[..768]), [vec![0.0; 0], vec![]]);
}

#[test]
fn the_length_agrees_with_the_header() {
    let file = edf(false, "", &two_leads());
    assert_eq!(
        message(&file[..file.len() - 1]),
        "truncated file: expected 12 bytes for 2 data records of 6 bytes, found 11, at offset 768"
    );
    let longer = [file.as_slice(), &[0]].concat();
    assert_eq!(
        message(&longer),
        "file: expected 12 bytes for 2 data records of 6 bytes, found 13, at offset 768"
    );
    assert_eq!(
        message(&file[..700]),
        "truncated header: expected 768 bytes for 2 signals, found 700, at offset 0"
    );
    assert_eq!(
        message(&file[..200]),
        "truncated header: expected 256 bytes, found 200, at offset 0"
    );
}

#[test]
fn what_is_no_edf() {
    let expected =
        "file: expected an EDF or BDF file, which begins with `0` and seven blanks or with `BIOSEMI`, found";
    assert_eq!(message(b""), format!("{expected} no bytes, at offset 0"));
    assert_eq!(
        message(b"\x89PNG"),
        format!("{expected} bytes that begin with \\x89PNG, at offset 0")
    );
    let other = with(&edf(false, "", &two_leads()), 0, 8, "1");
    let begin = "bytes that begin with 1       ";
    assert_eq!(message(&other), format!("{expected} {begin}, at offset 0"));
}

#[test]
fn a_wrong_field_is_named_with_its_place() {
    let file = edf(false, "", &two_leads());
    // In the part of the signals each field is a column with one entry per signal.
    let second = |before: usize, width: usize| 256 + 2 * before + width;
    for (place, width, text, expected) in [
        (
            252,
            4,
            "x",
            "number of signals: expected a whole number, found `x`, at offset 252",
        ),
        (
            252,
            4,
            "0",
            "number of signals: expected 1 to 1024, found 0, at offset 252",
        ),
        (
            252,
            4,
            "9999",
            "number of signals: expected 1 to 1024, found 9999, at offset 252",
        ),
        (
            252,
            4,
            "-1",
            "number of signals: expected a whole number, found `-1`, at offset 252",
        ),
        (
            184,
            8,
            "512",
            "length of the header: expected 768 bytes for 2 signals, found 512, at offset 184",
        ),
        (
            236,
            8,
            "",
            "number of data records: expected a whole number, found ``, at offset 236",
        ),
        (
            236,
            8,
            "-2",
            "number of data records: expected -1 (not known) or more, found -2, at offset 236",
        ),
        (
            236,
            8,
            "99999999",
            "truncated file: expected 599999994 bytes for 99999999 data records of 6 bytes, found 12, at offset 768",
        ),
        (
            244,
            8,
            "0",
            "duration of a data record: expected more than 0 s, found 0, at offset 244",
        ),
        (
            244,
            8,
            "1,5",
            "duration of a data record: expected a number of seconds, found `1,5`, at offset 244",
        ),
        (
            244,
            8,
            "inf",
            "duration of a data record: expected more than 0 s, found inf, at offset 244",
        ),
        (
            second(104, 8),
            8,
            "much",
            "physical minimum of signal 2 (ECG II): expected a number, found `much`, at offset 472",
        ),
        (
            second(112, 8),
            8,
            "nan",
            "physical maximum of signal 2 (ECG II): expected a finite number, found NaN, at offset 488",
        ),
        (
            second(112, 8),
            8,
            "-1.5",
            "physical maximum of signal 2 (ECG II): expected a number that differs from the physical minimum, -1.5, \
             found -1.5, at offset 488",
        ),
        (
            second(120, 8),
            8,
            "-32769",
            "digital minimum of signal 2 (ECG II): expected -32768 to 32767, found -32769, at offset 504",
        ),
        (
            second(128, 8),
            8,
            "-200",
            "digital maximum of signal 2 (ECG II): expected more than the minimum of -200, found -200, at offset 520",
        ),
        (
            second(216, 8),
            8,
            "0",
            "samples per data record of signal 2 (ECG II): expected at least 1, found 0, at offset 696",
        ),
    ] {
        assert_eq!(
            chosen(&with(&file, place, width, text), "ECG II").unwrap_err(),
            expected
        );
    }
}

#[test]
fn what_is_wrong_with_a_signal_that_is_no_lead_rejects_no_recording() {
    let file = edf(
        false,
        "",
        &[Part::new("ECG I", &[[1, 2]]), Part::new("EEG Fpz", &[[3, 4]])],
    );
    let second = |before: usize, width: usize| 256 + 2 * before + width;
    // Physical minimum.
    let file = with(&file, second(104, 8), 8, "much");
    let choice = open(&file).unwrap().choose(&Named::default()).unwrap();
    assert_eq!(choice.leads, [0]);
    assert_eq!(
        chosen(&file, "EEG Fpz").unwrap_err(),
        "physical minimum of signal 2 (EEG Fpz): expected a number, found `much`, at offset 472"
    );
}

#[test]
fn digital_values_may_have_a_point_and_units_be_utf_8() {
    let file = edf(false, "", &two_leads());
    let first = |before: usize| 256 + 2 * before;
    let pointed = with(&file, first(120), 8, "-200.0");
    assert_eq!(open(&pointed).unwrap().signals(), open(&file).unwrap().signals());
    for micro in ["\u{b5}V".as_bytes(), b"\xb5V"] {
        let mut file = file.clone();
        file[first(96)..first(96) + 8].fill(b' ');
        file[first(96)..first(96) + micro.len()].copy_from_slice(micro);
        assert_eq!(open(&file).unwrap().signals()[0].units, "\u{b5}V");
    }
}
