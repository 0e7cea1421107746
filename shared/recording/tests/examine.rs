//! Which files are recordings: one rule per row, on MAT level 4 files made here byte by byte.

// Helpers of tests fail the test.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::Cursor;

use ecg_core::rules::{RULES, Rules};
use ecg_recording::{Layout, Surroundings, Verdict, examine, profiles};

/// One level 4 matrix. `number` is the stored type: 0 double, 3 int16, 2 int32; `text` makes it a char array.
fn matrix(name: &str, number: u32, text: bool, dims: [usize; 2], complex: bool, data: &[u8]) -> Vec<u8> {
    let header = [
        number * 10 + u32::from(text),
        dims[0] as u32,
        dims[1] as u32,
        u32::from(complex),
        name.len() as u32 + 1,
    ];
    let mut bytes: Vec<u8> = header.into_iter().flat_map(u32::to_le_bytes).collect();
    bytes.extend(name.as_bytes());
    bytes.push(0);
    bytes.extend(data);
    bytes
}

fn int16(name: &str, dims: [usize; 2], values: &[i16]) -> Vec<u8> {
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    matrix(name, 3, false, dims, false, &data)
}

fn int32(name: &str, dims: [usize; 2], values: &[i32]) -> Vec<u8> {
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    matrix(name, 2, false, dims, false, &data)
}

fn double(name: &str, dims: [usize; 2], values: &[f64]) -> Vec<u8> {
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    matrix(name, 0, false, dims, false, &data)
}

fn text(name: &str, value: &str) -> Vec<u8> {
    let data: Vec<u8> = value
        .bytes()
        .flat_map(|byte| f64::from(byte).to_le_bytes())
        .collect();
    matrix(name, 0, true, [1, value.len()], false, &data)
}

/// 0, 1, 2, …: a signal that changes.
fn ramp(count: usize) -> Vec<i16> {
    (0..count as i16).collect()
}

fn scalar(name: &str, value: f64) -> Vec<u8> {
    double(name, [1, 1], &[value])
}

/// `fs` of 100 Hz and `gain` of 200 adu/mV.
fn calibration() -> Vec<u8> {
    [scalar("fs", 100.0), scalar("gain", 200.0)].concat()
}

fn calibrated(samples: Vec<u8>) -> Vec<u8> {
    [samples, calibration()].concat()
}

fn good() -> Vec<u8> {
    calibrated(int16("val", [1, 100], &ramp(100)))
}

fn judge(file: &[u8], change: impl FnOnce(&mut Surroundings)) -> Verdict {
    judge_by(file, &RULES, change)
}

fn judge_by(file: &[u8], rules: &Rules, change: impl FnOnce(&mut Surroundings)) -> Verdict {
    let mut surroundings = Surroundings {
        key: "folder/file.mat".to_owned(),
        size: file.len() as u64,
        profiles: profiles::built_in().unwrap(),
        ..Surroundings::default()
    };
    change(&mut surroundings);
    examine(Cursor::new(file.to_vec()), &surroundings, rules)
        .unwrap()
        .verdict
}

/// The checks that an accepted recording has passed, in order.
const CHECKS: [&str; 13] = [
    "size",
    "format",
    "variable",
    "val: class",
    "val: numbers",
    "val: dimensions",
    "val: samples",
    "val: leads",
    "val: values",
    "calibration",
    "sampling frequency",
    "val: data",
    "val: missing samples",
];

/// Rejected by this check, with this value and limit, and this offset.
#[track_caller]
fn rejected(verdict: &Verdict, check: &str, value: &str, limit: &str, offset: Option<u64>) {
    assert!(!verdict.accepted, "{check}");
    let (last, before) = verdict.checks.split_last().unwrap();
    assert_eq!((last.name.as_str(), last.passed), (check, false));
    assert!(before.iter().all(|check| check.passed));
    assert_eq!((last.value.as_str(), last.limit.as_str()), (value, limit));
    let reason = verdict.reason.as_ref().unwrap();
    assert_eq!(reason.offset, offset);
    assert_eq!(reason.found, value);
    assert!(reason.message.contains(&reason.expected) && reason.message.contains(&reason.found));
    // What was checked before is what an accepted recording passes, so nothing was left out.
    let order = CHECKS.iter().chain(&["val: signal"]);
    for (check, expected) in verdict.checks.iter().zip(order) {
        let own_name = check
            .name
            .split_once(": ")
            .map_or(check.name.clone(), |(_, rest)| format!("val: {rest}"));
        assert_eq!(own_name, *expected);
    }
}

#[test]
fn a_good_file_passes_every_check_in_order() {
    let verdict = judge(&good(), |_| {});
    assert!(verdict.accepted && verdict.reason.is_none());
    let shown: Vec<(&str, &str, &str)> = verdict
        .checks
        .iter()
        .map(|c| (c.name.as_str(), c.value.as_str(), c.limit.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            ("size", "288 bytes", "1 to 4294967296 bytes"),
            ("format", "MAT level 4", "MAT level 4, 5 or 7.3, whole"),
            ("variable", "val", "one that holds the samples"),
            ("val: class", "int16", "a numeric class"),
            ("val: numbers", "real", "real"),
            ("val: dimensions", "2 (1 x 100)", "2"),
            ("val: samples", "100", "at least 1"),
            ("val: leads", "1", "1 to 16"),
            ("val: values", "1 x 100", "at most 2000000000 values"),
            (
                "calibration",
                "variables: 100 Hz; lead 0: 200 adu/mV, baseline 0",
                "sampling frequency, gain and baseline from the first source that has them"
            ),
            ("sampling frequency", "100 Hz", "50 to 20000 Hz"),
            ("val: data", "100 values", "100 values"),
            (
                "val: missing samples",
                "0.000 % (0 of 100)",
                most_missing().as_str()
            ),
            ("val: signal", "0 to 99 adu", "a signal that changes"),
        ]
    );
    assert!(verdict.checks.iter().all(|check| check.passed));
    let samples = verdict.samples.unwrap();
    assert_eq!(
        (samples.missing_samples, samples.min_adu, samples.max_adu),
        (0, Some(0.0), Some(99.0))
    );
}

#[test]
fn files_that_are_no_files() {
    let size = "1 to 4294967296 bytes";
    rejected(&judge(b"", |_| {}), "size", "0 bytes", size, None);
    let large = judge(&good(), |about| about.size = (4 << 30) + 1);
    rejected(&large, "size", "4294967297 bytes", size, None);
    let text = judge(b"time,mv\n0,1\n0,2\n0,3\n0,4\n", |_| {});
    assert_eq!(text.checks.last().unwrap().name, "format");
    assert!(text.reason.unwrap().message.contains("MAT"));
    // A file that ends early is found out before anything of it is used, at whichever byte it ends.
    let whole = good();
    for length in 1..whole.len() {
        let verdict = judge(&whole[..length], |_| {});
        assert!(!verdict.accepted, "the first {length} bytes of {}", whole.len());
        // Where a matrix ends, a shorter whole file remains.
        let failed = verdict.checks.last().unwrap().name.clone();
        assert!(
            failed == "format" || (failed == "calibration" && [224, 255].contains(&length)),
            "{length}: {failed}"
        );
    }
    let cut = judge(&whole[..124], |_| {});
    rejected(&cut, "format", "100", "MAT level 4, 5 or 7.3, whole", Some(24));
    assert_eq!(
        cut.reason.unwrap().message,
        "truncated val: expected 200 bytes from the header, found 100, at offset 24"
    );
}

#[test]
fn which_variable_it_is() {
    let limit = "one that holds the samples";
    rejected(
        &judge(&calibration(), |_| {}),
        "variable",
        "fs (double), gain (double)",
        limit,
        None,
    );
    let two = [
        int16("a", [1, 30], &ramp(30)),
        int16("b", [1, 30], &ramp(30)),
        calibration(),
    ]
    .concat();
    rejected(
        &judge(&two, |_| {}),
        "variable",
        "2 numeric matrices: a, b",
        limit,
        None,
    );
    let name = |name: &'static str| {
        move |about: &mut Surroundings| drop(about.metadata.insert("ecg-variable".into(), name.into()))
    };
    assert_eq!(judge(&two, name("b")).recording.unwrap().variable, "b");
    let found = "a (int16), b (int16), fs (double), gain (double)";
    rejected(&judge(&two, name("c")), "variable", found, limit, None);
}

#[test]
fn what_the_variable_must_be() {
    let char_array = calibrated(text("val", "not a signal"));
    rejected(
        &judge(&char_array, |_| {}),
        "val: class",
        "char",
        "a numeric class",
        None,
    );
    let complex = calibrated(matrix("val", 3, false, [1, 20], true, &[0; 80]));
    rejected(&judge(&complex, |_| {}), "val: numbers", "complex", "real", None);
    let three = include_bytes!("../../../testdata/malformed/three-dimensions.mat");
    rejected(
        &judge(three, |_| {}),
        "val: dimensions",
        "3 (2 x 30 x 60)",
        "2",
        None,
    );
    for dims in [[1, 0], [0, 100], [0, 0]] {
        let empty = calibrated(int16("val", dims, &[]));
        rejected(&judge(&empty, |_| {}), "val: samples", "0", "at least 1", None);
    }
    for dims in [[17, 20], [20, 17]] {
        let wide = calibrated(int16("val", dims, &ramp(340)));
        rejected(&judge(&wide, |_| {}), "val: leads", "17", "1 to 16", None);
    }
    for dims in [[16, 20], [20, 16]] {
        assert!(judge(&calibrated(int16("val", dims, &ramp(320))), |_| {}).accepted);
    }
    let few = Rules {
        reject_values_above: 99,
        ..RULES
    };
    let verdict = judge_by(&good(), &few, |_| {});
    rejected(&verdict, "val: values", "1 x 100", "at most 99 values", None);
    assert!(
        judge_by(
            &good(),
            &Rules {
                reject_values_above: 100,
                ..RULES
            },
            |_| {}
        )
        .accepted
    );
}

#[test]
fn the_shorter_dimension_is_leads() {
    for (dims, layout, leads, samples) in [
        ([2, 100], Layout::LeadsBySamples, 2, 100),
        ([100, 2], Layout::SamplesByLeads, 2, 100),
        ([100, 1], Layout::SamplesByLeads, 1, 100),
        ([3, 3], Layout::LeadsBySamples, 3, 3),
    ] {
        let verdict = judge(&calibrated(int16("val", dims, &ramp(dims[0] * dims[1]))), |_| {});
        let recording = verdict.recording.unwrap();
        assert_eq!(
            (recording.layout, recording.leads, recording.samples),
            (layout, leads, samples),
            "{dims:?}"
        );
        assert_eq!(recording.calibration.leads.len() as u32, leads);
    }
}

const CALIBRATION: &str = "sampling frequency, gain and baseline from the first source that has them";

fn metadata(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn the_first_calibration_wins() {
    let bare = int16("val", [1, 100], &ramp(100));
    let file = calibrated(bare.clone());
    let header = "r 1 500 100\nr.mat 16 1000(5)/mV 16 0 0 0 0 II\n";
    let given = metadata(&[("ecg-sampling-frequency", "250"), ("ecg-gain", "50")]);
    let found = |file: &[u8], header: Option<&str>, metadata: &BTreeMap<String, String>, key: &str| {
        let recording = judge(file, |about| {
            about.header = header.map(str::to_owned);
            about.metadata = metadata.clone();
            about.key = key.to_owned();
        })
        .recording
        .unwrap();
        let lead = recording.calibration.leads[0].clone();
        let frequency = recording.calibration.sampling_frequency_hz;
        (
            recording.calibration.source,
            frequency,
            lead.name,
            lead.gain,
            lead.baseline,
            recording.record,
        )
    };
    let known = "1 NSR/100m (0).mat";
    let none = BTreeMap::new();
    let record = Some("100".to_owned());
    let lead = "lead 0".to_owned();
    assert_eq!(
        found(&file, Some(header), &given, known),
        ("header".into(), 500.0, "II".into(), 1000.0, 5.0, record.clone())
    );
    assert_eq!(
        found(&file, None, &given, known),
        (
            "variables".into(),
            100.0,
            lead.clone(),
            200.0,
            0.0,
            record.clone()
        )
    );
    assert_eq!(
        found(&bare, None, &given, known),
        ("metadata".into(), 250.0, lead, 50.0, 0.0, record.clone())
    );
    assert_eq!(
        found(&bare, None, &none, known),
        (
            "profile:plawiak-2017".into(),
            360.0,
            "MLII".into(),
            200.0,
            1024.0,
            record
        )
    );
    assert_eq!(found(&file, Some(header), &none, "x.mat").5.as_deref(), Some("r"));
    // What does not count is not even read, so bad metadata does no harm.
    let bad = metadata(&[("ecg-gain", "much")]);
    assert_eq!(found(&file, None, &bad, known).0, "variables");
    assert_eq!(found(&file, Some(header), &bad, known).0, "header");
}

#[test]
fn no_calibration_or_a_wrong_one() {
    let bare = int16("val", [1, 100], &ramp(100));
    let with = |settings: &[Vec<u8>]| [bare.clone(), settings.concat()].concat();
    rejected(
        &judge(&bare, |_| {}),
        "calibration",
        "none of them",
        CALIBRATION,
        None,
    );
    let fs = scalar("fs", 100.0);
    for incomplete in [
        vec![fs.clone()],
        vec![scalar("gain", 200.0)],
        vec![double("fs", [1, 2], &[1.0, 2.0])],
    ] {
        rejected(
            &judge(&with(&incomplete), |_| {}),
            "calibration",
            "none of them",
            CALIBRATION,
            None,
        );
    }
    // A setting that can not be read is no reason to guess.
    let long = double("gain", [1, 17], &[200.0; 17]);
    let verdict = judge(&with(&[fs.clone(), long, text("units", "mV")]), |_| {});
    rejected(
        &verdict,
        "calibration",
        "double of 1 x 17",
        CALIBRATION,
        Some(224 + 31),
    );
    let verdict = judge(
        &with(&[fs.clone(), scalar("gain", 1.0), scalar("units", 1.0)]),
        |_| {},
    );
    rejected(
        &verdict,
        "calibration",
        "double of 1 x 1",
        CALIBRATION,
        Some(224 + 31 + 33),
    );
    for (settings, found) in [
        (vec![fs.clone(), scalar("gain", f64::INFINITY)], "inf"),
        (
            vec![fs.clone(), scalar("gain", 1e-323), text("units", "V")],
            "1e-323 per V",
        ),
        (
            vec![fs.clone(), scalar("gain", 1e308), text("units", "uV")],
            "1e308 per uV",
        ),
        (vec![fs.clone(), double("gain", [1, 2], &[1.0, 2.0])], "2"),
        (
            vec![fs.clone(), scalar("gain", 1.0), text("units", "mmHg")],
            "`mmHg`",
        ),
        (vec![scalar("fs", 0.0), scalar("gain", 1.0)], "0"),
        (vec![scalar("fs", f64::NAN), scalar("gain", 1.0)], "NaN"),
    ] {
        let verdict = judge(&with(&settings), |_| {});
        let last = verdict.checks.last().unwrap();
        assert_eq!(last.name, "calibration");
        assert!(
            last.value.starts_with(found),
            "expected {found}, found {}",
            last.value
        );
    }
    let verdict = judge(&bare, |about| about.metadata = metadata(&[("ecg-gain", "much")]));
    rejected(&verdict, "calibration", "`much`", CALIBRATION, None);
}

#[test]
fn a_header_is_held_against_the_file() {
    let file = int16("val", [1, 100], &ramp(100));
    let with = |header: &'static str| judge(&file, move |about| about.header = Some(header.to_owned()));
    assert!(with("r 1 360 100\nr.mat 16\n").accepted);
    assert!(with("r 1 360\nr.mat 16 0 16 1024\n").accepted);
    rejected(
        &with("r 2 360\nr.mat 16\nr.mat 16\n"),
        "calibration",
        "2",
        CALIBRATION,
        None,
    );
    rejected(
        &with("r 1 360 99\nr.mat 16\n"),
        "calibration",
        "99",
        CALIBRATION,
        None,
    );
    // The offset is that of the line in the header.
    rejected(
        &with("# comment\nr one 360\n"),
        "calibration",
        "`one`",
        CALIBRATION,
        Some(10),
    );
}

#[test]
fn names_of_leads() {
    let names = |text_of_leads: &str| {
        let file = [
            int16("val", [2, 50], &ramp(100)),
            calibration(),
            text("leads", text_of_leads),
        ]
        .concat();
        let leads = judge(&file, |_| {}).recording.unwrap().calibration.leads;
        leads.into_iter().map(|lead| lead.name).collect::<Vec<_>>()
    };
    assert_eq!(names("I, II"), ["I", "II"]);
    assert_eq!(names("V1"), ["V1", "lead 1"]);
    assert_eq!(names(";aVR"), ["lead 0", "aVR"]);
    assert_eq!(names(&"x".repeat(5000))[0].len(), 64);
}

#[test]
fn the_sampling_frequency_has_limits() {
    let judge = |fs: f64| {
        let file = [
            int16("val", [1, 100], &ramp(100)),
            scalar("fs", fs),
            scalar("gain", 1.0),
        ]
        .concat();
        judge(&file, |_| {})
    };
    let limit = "50 to 20000 Hz";
    rejected(&judge(49.9), "sampling frequency", "49.9 Hz", limit, None);
    rejected(&judge(20000.5), "sampling frequency", "20000.5 Hz", limit, None);
    assert!(judge(50.0).accepted && judge(20000.0).accepted);
}

/// The limit as a verdict words it.
fn most_missing() -> String {
    format!("at most {} %", RULES.reject_missing_share_above * 100.0)
}

#[test]
fn missing_samples_are_counted_up_to_the_limit() {
    let most = (RULES.reject_missing_share_above * 100.0).round() as usize;
    let mut enough = ramp(100);
    enough[10..10 + most].fill(i16::MIN);
    let verdict = judge(&calibrated(int16("val", [1, 100], &enough)), |_| {});
    assert!(verdict.accepted);
    assert_eq!(verdict.samples.unwrap().missing_samples, most as u64);
    let mut more = enough.clone();
    more[99] = i16::MIN;
    let verdict = judge(&calibrated(int16("val", [1, 100], &more)), |_| {});
    let found = format!("{}.000 % ({} of 100)", most + 1, most + 1);
    rejected(&verdict, "val: missing samples", &found, &most_missing(), None);
    assert_eq!(verdict.samples.unwrap().missing_samples, most as u64 + 1);

    // The share is that of all leads together.
    let mut two_leads = ramp(100);
    (0..most).for_each(|sample| two_leads[2 * sample] = i16::MIN);
    assert!(judge(&calibrated(int16("val", [2, 50], &two_leads)), |_| {}).accepted);

    for missing in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut values: Vec<f64> = (0..100).map(f64::from).collect();
        values[3] = missing;
        let facts = judge(&calibrated(double("val", [1, 100], &values)), |_| {})
            .samples
            .unwrap();
        assert_eq!(
            (facts.missing_samples, facts.min_adu, facts.max_adu),
            (1, Some(0.0), Some(99.0)),
            "{missing}"
        );
    }
    // -32768 is the mark of int16 only.
    let mut wide: Vec<i32> = (0..100).collect();
    wide[3] = -32768;
    let facts = judge(&calibrated(int32("val", [1, 100], &wide)), |_| {})
        .samples
        .unwrap();
    assert_eq!((facts.missing_samples, facts.min_adu), (0, Some(-32768.0)));
}

#[test]
fn a_signal_changes() {
    let limit = "a signal that changes";
    let constant = judge(&calibrated(int16("val", [1, 100], &[7; 100])), |_| {});
    rejected(&constant, "val: signal", "constant at 7", limit, None);
    let mut with_gap = [7; 100];
    with_gap[50] = i16::MIN;
    let verdict = judge(&calibrated(int16("val", [1, 100], &with_gap)), |_| {});
    rejected(&verdict, "val: signal", "constant at 7", limit, None);
    // One flat lead of two is a label, not a rejection.
    let mut one_flat = [7; 100];
    (0..50).for_each(|sample| one_flat[2 * sample] = sample as i16);
    assert!(judge(&calibrated(int16("val", [2, 50], &one_flat)), |_| {}).accepted);
    // Two flat leads are a constant signal, though their values differ.
    let both: Vec<i16> = (0..100).map(|index| 7 + index % 2).collect();
    let verdict = judge(&calibrated(int16("val", [2, 50], &both)), |_| {});
    assert_eq!(verdict.checks.last().unwrap().name, "val: signal");
    assert!(!verdict.accepted);
}
