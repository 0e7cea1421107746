//! Which files are recordings: one rule per row, on MAT level 4 files made here byte by byte.

// Helpers of tests fail the test.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{double, flags, int16, int32, matrix, metadata, scalar, text};
use ecg_core::rules::{RULES, Rules};
use ecg_formats::{Layout, Signals};
use ecg_recording::{FileContext, Verdict, examine, profiles};

/// 0, 1, 2, …: a signal that changes.
fn ramp(count: usize) -> Vec<i16> {
    (0..count as i16).collect()
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

fn judge(file: &[u8], change: impl FnOnce(&mut FileContext)) -> Verdict {
    judge_by(file, &RULES, change)
}

fn judge_by(file: &[u8], rules: &Rules, change: impl FnOnce(&mut FileContext)) -> Verdict {
    let mut context = FileContext {
        key: "folder/file.mat".to_owned(),
        size: file.len() as u64,
        profiles: profiles::built_in().unwrap(),
        ..FileContext::default()
    };
    change(&mut context);
    examine(Cursor::new(file.to_vec()), &context, rules)
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
        "fs (double 1 x 1), gain (double 1 x 1)",
        limit,
        None,
    );
    let two = [
        int16("a", [1, 30], &ramp(30)),
        int16("b", [1, 30], &ramp(30)),
        calibration(),
    ]
    .concat();
    let verdict = judge(&two, |_| {});
    let found = "2 such matrices: a (int16 1 x 30), b (int16 1 x 30)";
    rejected(&verdict, "variable", found, limit, None);
    assert_eq!(verdict.reason.unwrap().try_flags.as_deref(), Some("--variable a"));
    let name = |name: &'static str| {
        move |about: &mut FileContext| drop(about.metadata.insert("ecg-variable".into(), name.into()))
    };
    assert_eq!(judge(&two, name("b")).recording.unwrap().signals.variable, "b");
    let found = "a (int16 1 x 30), b (int16 1 x 30), fs (double 1 x 1), gain (double 1 x 1)";
    let verdict = judge(&two, name("c"));
    rejected(&verdict, "variable", found, limit, None);
    assert_eq!(verdict.reason.unwrap().try_flags.as_deref(), Some("--variable a"));
    // The command line is asked before the metadata.
    let verdict = judge(&two, |about| {
        about.metadata.insert("ecg-variable".into(), "b".into());
        about.settings.variables = vec!["a".into()];
    });
    let recording = verdict.recording.unwrap();
    assert_eq!(
        (
            recording.signals.variable.as_str(),
            recording.calibration.source.as_str()
        ),
        ("a", "variables")
    );
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
            (
                recording.signals.layout,
                recording.signals.leads,
                recording.signals.samples
            ),
            (layout, leads, samples),
            "{dims:?}"
        );
        assert_eq!(recording.calibration.leads.len() as u64, leads);
    }
}

const CALIBRATION: &str = "sampling frequency, gain and baseline from the first source that has them";

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
    let fs = scalar("fs", 100.0);
    for incomplete in [
        vec![],
        vec![fs.clone()],
        vec![scalar("gain", 200.0)],
        // Not read as long as the sampling frequency is not known.
        vec![double("gain", [1, 17], &[200.0; 17]), scalar("units", 1.0)],
    ] {
        let verdict = judge(&with(&incomplete), |_| {});
        let reason = verdict.reason.as_ref().unwrap();
        assert!(reason.try_flags.is_some(), "{reason:?}");
        rejected(&verdict, "calibration", &reason.found, CALIBRATION, None);
    }
    // A setting that cannot be read is no reason to guess.
    for (unreadable, found) in [
        (double("fs", [1, 2], &[1.0, 2.0]), "double of 1 x 2"),
        (text("fs", "500"), "char of 1 x 3"),
    ] {
        // Not even with a profile that would say another one.
        let verdict = judge(&with(&[unreadable]), |about| about.key = "100m.mat".to_owned());
        rejected(&verdict, "calibration", found, CALIBRATION, Some(224));
        let reason = verdict.reason.unwrap();
        assert_eq!(
            (reason.subject.as_str(), reason.try_flags.as_deref()),
            ("fs", Some("--fs HZ"))
        );
    }
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

/// Judged under these flags.
fn flagged(file: &[u8], words: &str) -> Verdict {
    judge(file, |about| about.settings = flags(words))
}

/// Source, frequency, and name, gain, baseline of the first lead.
fn calibrated_by(verdict: Verdict) -> (String, f64, String, f64, f64) {
    let calibration = verdict
        .recording
        .unwrap_or_else(|| panic!("{:?}", verdict.reason))
        .calibration;
    let lead = calibration.leads[0].clone();
    (
        calibration.source,
        calibration.sampling_frequency_hz,
        lead.name,
        lead.gain,
        lead.baseline,
    )
}

#[test]
fn flags_complete_or_correct_the_first_source_that_makes_a_calibration_with_them() {
    let bare = int16("val", [1, 100], &ramp(100));
    let with = |settings: &[Vec<u8>]| [bare.clone(), settings.concat()].concat();
    let half = with(&[scalar("gain", 50.0), text("units", "uV"), scalar("baseline", 7.0)]);
    let frequency_only = with(&[scalar("fs", 250.0), scalar("baseline", 7.0)]);
    let whole = calibrated(bare.clone());
    let header = "r 1 500 100\nr.mat 16 1000(5)/mV 16 0 0 0 0 II\n";
    let known = "1 NSR/100m (0).mat";
    let metadata = metadata(&[("ecg-sampling-frequency", "250"), ("ecg-gain", "50")]);
    // File, flags, what stands beside it, and what comes of it.
    for (file, words, beside, expected) in [
        (
            &bare,
            "--fs 500 --units mV",
            "",
            ("flags", 500.0, "lead 0", 1.0, 0.0),
        ),
        (
            &bare,
            "--fs 500 --gain 200 --baseline 9",
            "",
            ("flags", 500.0, "lead 0", 200.0, 9.0),
        ),
        (
            &half,
            "--fs 500",
            "",
            ("flags, variables", 500.0, "lead 0", 50_000.0, 7.0),
        ),
        (
            &frequency_only,
            "--units mV",
            "",
            ("flags, variables", 250.0, "lead 0", 1.0, 7.0),
        ),
        (
            &frequency_only,
            "--units mV --fs 360 --baseline 0",
            "",
            ("flags", 360.0, "lead 0", 1.0, 0.0),
        ),
        (
            &whole,
            "--gain 100",
            "",
            ("flags, variables", 100.0, "lead 0", 100.0, 0.0),
        ),
        (
            &whole,
            "--lead-names V1",
            "",
            ("flags, variables", 100.0, "V1", 200.0, 0.0),
        ),
        (
            &whole,
            "--variable val",
            "",
            ("variables", 100.0, "lead 0", 200.0, 0.0),
        ),
        (
            &bare,
            "--gain 100",
            "header",
            ("flags, header", 500.0, "II", 100.0, 5.0),
        ),
        (
            &whole,
            "--units uV",
            "header",
            ("flags, header", 500.0, "II", 1_000_000.0, 5.0),
        ),
        (
            &bare,
            "--variable val",
            "header",
            ("header", 500.0, "II", 1000.0, 5.0),
        ),
        (
            &bare,
            "--gain 10",
            "metadata",
            ("flags, metadata", 250.0, "lead 0", 10.0, 0.0),
        ),
        (
            &bare,
            "--baseline 3",
            "metadata",
            ("flags, metadata", 250.0, "lead 0", 50.0, 3.0),
        ),
        // The variables make a calibration with the flag before the metadata are asked.
        (
            &frequency_only,
            "--gain 10",
            "metadata",
            ("flags, variables", 250.0, "lead 0", 10.0, 7.0),
        ),
        (
            &bare,
            "--fs 250",
            "profile",
            ("flags, profile:plawiak-2017", 250.0, "MLII", 200.0, 1024.0),
        ),
        // Flags that say all that is needed leave nothing to the profile.
        (
            &bare,
            "--fs 250 --units mV",
            "profile",
            ("flags", 250.0, "lead 0", 1.0, 0.0),
        ),
    ] {
        let verdict = judge(file, |about| {
            about.settings = flags(words);
            match beside {
                "header" => about.header = Some(header.to_owned()),
                "metadata" => about.metadata = metadata.clone(),
                "profile" => about.key = known.to_owned(),
                _ => {}
            }
        });
        let (source, frequency, name, gain, baseline) = calibrated_by(verdict);
        assert_eq!(
            (source.as_str(), frequency, name.as_str(), gain, baseline),
            expected,
            "{words} {beside}"
        );
    }
}

#[test]
fn what_a_flag_replaces_is_not_read() {
    let long = double("gain", [1, 17], &[200.0; 17]);
    let file = [int16("val", [1, 100], &ramp(100)), scalar("fs", 100.0), long].concat();
    assert!(!flagged(&file, "--baseline 1").accepted);
    assert_eq!(calibrated_by(flagged(&file, "--gain 200")).3, 200.0);
    // With the frequency from outside a setting that cannot be read is an error, as with one inside.
    let file = [
        int16("val", [1, 100], &ramp(100)),
        scalar("gain", 1.0),
        scalar("units", 1.0),
    ]
    .concat();
    let verdict = flagged(&file, "--fs 500");
    rejected(
        &verdict,
        "calibration",
        "double of 1 x 1",
        CALIBRATION,
        Some(224 + 33),
    );
    assert!(flagged(&file, "--fs 500 --units mV").accepted);
}

#[test]
fn a_bad_flag_is_named() {
    let file = good();
    for (words, message) in [
        (
            "--fs 0",
            "flags: expected a sampling frequency above 0 Hz, found 0",
        ),
        (
            "--gain 1,2",
            "flags: expected one gain, or one per lead (1), found 2",
        ),
        (
            "--units mmHg",
            "flags: expected units of V, mV, uV or nV, found `mmHg`",
        ),
        ("--baseline inf", "flags: expected a finite baseline, found inf"),
        (
            "--lead-names I,II",
            "flags: expected at most 1 name of a lead, one per lead of the file, found 2",
        ),
        (
            "--fs 10",
            "sampling frequency: expected 50 to 20000 Hz, found 10 Hz",
        ),
    ] {
        assert_eq!(flagged(&file, words).reason.unwrap().message, message, "{words}");
    }
    // Flags do not make a header of another file right.
    let verdict = judge(&file, |about| {
        about.settings = flags("--fs 100 --gain 1 --baseline 0 --units mV --lead-names I");
        about.header = Some("r 2 360\nr.mat 16\nr.mat 16\n".to_owned());
    });
    rejected(&verdict, "calibration", "2", CALIBRATION, None);
}

/// Flags that are proposed, and what the message says was found.
#[track_caller]
fn proposes(verdict: &Verdict, expected: &str, found: &str) {
    let reason = verdict.reason.as_ref().unwrap();
    assert_eq!(reason.try_flags.as_deref(), Some(expected), "{reason:?}");
    assert!(reason.found.starts_with(found), "{reason:?}");
    assert!(
        reason.expected.ends_with(&format!("as the flags {expected}")),
        "{reason:?}"
    );
    assert!(reason.message.len() < 800, "{} bytes", reason.message.len());
}

#[test]
fn a_missing_calibration_proposes_the_flags_for_this_file() {
    let wave = |scale: f64| -> Vec<f64> { (0..100).map(|n| scale * (f64::from(n) / 7.0).sin()).collect() };
    let samples = |scale: f64| double("val", [1, 100], &wave(scale));
    let counts = |offset: i16| {
        int16(
            "val",
            [1, 100],
            &ramp(100).iter().map(|n| n + offset).collect::<Vec<i16>>(),
        )
    };
    let none = "none of them; the key is `folder/file.mat`, which no profile matches: \
                plawiak-2017 (such as `1 NSR/100m (0).mat`), physiobank-mitdb (such as `100m.mat`)";
    for (samples, expected) in [
        (counts(-50), "--fs HZ --gain ADU_PER_MV"),
        (counts(1000), "--fs HZ --gain ADU_PER_MV --baseline ADU_AT_0_MV"),
        (samples(1.5), "--fs HZ --units mV"),
        (samples(1500.0), "--fs HZ --units uV"),
        (samples(0.0015), "--fs HZ --units V"),
        (samples(0.0), "--fs HZ --units UNITS"),
        // Counts that were stored as doubles.
        (
            double(
                "val",
                [1, 100],
                &(0..100).map(|n| f64::from(n) - 50.0).collect::<Vec<f64>>(),
            ),
            "--fs HZ --gain ADU_PER_MV",
        ),
        (double("val", [1, 100], &[f64::NAN; 100]), "--fs HZ --units UNITS"),
    ] {
        proposes(&judge(&samples, |_| {}), expected, none);
    }

    let with = |settings: &[Vec<u8>]| [samples(1.5), settings.concat()].concat();
    proposes(
        &judge(&with(&[scalar("Fs", 500.0)]), |_| {}),
        "--units mV",
        "a sampling frequency of 500 Hz (variable Fs) and neither a gain nor units",
    );
    proposes(
        &judge(&with(&[scalar("adc_gain", 200.0)]), |_| {}),
        "--fs HZ",
        "a gain (variable adc_gain) and no sampling frequency",
    );
    proposes(
        &judge(&with(&[text("units", "mV")]), |_| {}),
        "--fs HZ",
        "units (variable units) and no sampling frequency",
    );
    proposes(
        &flagged(&samples(1.5), "--fs 500"),
        "--units mV",
        "a sampling frequency of 500 Hz (flags) and neither",
    );
    proposes(
        &judge(&samples(1.5), |about| {
            about.metadata = metadata(&[("ecg-sampling-frequency", "250")])
        }),
        "--units mV",
        "a sampling frequency of 250 Hz (object metadata) and neither",
    );
    // A baseline that is known is not asked for.
    proposes(
        &flagged(&counts(1000), "--baseline 1024"),
        "--fs HZ --gain ADU_PER_MV",
        "none",
    );

    // A vector of times knows the frequency, where it counts seconds, even rounded ones.
    let times = |name: &str, step: f64| {
        double(
            name,
            [100, 1],
            &(0..100).map(|n| f64::from(n) * step).collect::<Vec<f64>>(),
        )
    };
    proposes(
        &judge(&with(&[times("time", 0.002)]), |_| {}),
        "--fs 500 --units mV",
        "none of them; times in time at 500 Hz",
    );
    let rounded: Vec<f64> = (0..100)
        .map(|n| (f64::from(n) / 360.0 * 1e3).round() / 1e3)
        .collect();
    proposes(
        &judge(&with(&[double("t", [1, 100], &rounded)]), |_| {}),
        "--fs 360 --units mV",
        "none",
    );
    for other in [
        times("t", 2.0),
        times("t", -0.002),
        times("t", 0.0),
        double("t", [1, 2], &[0.0, 0.002]),
    ] {
        proposes(&judge(&with(&[other]), |_| {}), "--fs HZ --units mV", none);
    }
}

#[test]
fn the_message_of_a_missing_calibration_stays_short() {
    let verdict = judge(&int16("val", [1, 100], &ramp(100)), |about| {
        about.key = format!("{}/x.mat", "long folder ".repeat(80));
        let profile = |number: usize| {
            format!(
                "[[profile]]\nname = 'family-{number}'\npattern = '^{number}'\nsampling_frequency_hz = 1\ngain = 1\n"
            )
        };
        let text: String = (0..50).map(profile).collect();
        about.profiles = profiles::parse(&text, "mine.toml").unwrap();
    });
    let message = verdict.reason.unwrap().message;
    assert!(message.len() < 700, "{} bytes: {message}", message.len());
    assert!(
        message.contains("/x.mat`") && message.contains("family-2, 47 more"),
        "{message}"
    );
}

/// Counts the bytes that are read.
struct Counted(Cursor<Vec<u8>>, Arc<AtomicUsize>);

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.read(into)?;
        self.1.fetch_add(count, Ordering::Relaxed);
        Ok(count)
    }
}

impl Seek for Counted {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn a_missing_calibration_costs_no_pass_over_the_samples() {
    let file = int16("val", [1, 4_000_000], &vec![7; 4_000_000]);
    let context = FileContext {
        size: file.len() as u64,
        ..FileContext::default()
    };
    let count = Arc::new(AtomicUsize::new(0));
    let source = Counted(Cursor::new(file), count.clone());
    let verdict = examine(source, &context, &RULES).unwrap().verdict;
    assert_eq!(verdict.checks.last().unwrap().name, "calibration");
    let read = count.load(Ordering::Relaxed);
    assert!(read < 100_000, "{read} bytes");
}

/// The samples of a recording, lead by lead.
fn leads_of(file: &[u8], signals: &Signals) -> Vec<Vec<f64>> {
    let mut file = ecg_formats::open(
        Cursor::new(file.to_vec()),
        "x.mat",
        None,
        RULES.reject_values_above,
    )
    .unwrap();
    let mut leads = vec![Vec::new(); signals.leads as usize];
    file.stream(signals, &mut |lead, values| {
        leads[lead].extend(values);
        ControlFlow::Continue(())
    })
    .unwrap();
    leads
}

/// `V1`, `II` and `I` of 20,000 samples, more than two blocks, each lead with values of its own.
fn three_leads() -> Vec<u8> {
    let lead = |first: i16| (0..20_000).map(|n| first + n % 100).collect::<Vec<i16>>();
    [
        int16("V1", [1, 20_000], &lead(300)),
        int16("II", [20_000, 1], &lead(200)),
        int16("I", [1, 20_000], &lead(100)),
        double("t", [1, 20_000], &vec![0.0; 20_000]),
    ]
    .concat()
}

#[test]
fn leads_in_variables_of_their_own_are_one_recording() {
    let file = calibrated(three_leads());
    let verdict = judge(&file, |_| {});
    assert!(verdict.accepted, "{:?}", verdict.reason);
    let recording = verdict.recording.unwrap();
    assert_eq!(
        (
            recording.signals.layout,
            recording.signals.leads,
            recording.signals.samples
        ),
        (Layout::LeadPerVariable, 3, 20_000)
    );
    assert_eq!(
        recording.signals.variables().collect::<Vec<_>>(),
        [("I", 2), ("II", 1), ("V1", 0)]
    );
    let names: Vec<&str> = recording
        .calibration
        .leads
        .iter()
        .map(|lead| lead.name.as_str())
        .collect();
    assert_eq!(
        (names, recording.calibration.source.as_str()),
        (vec!["I", "II", "V1"], "variables")
    );
    for (lead, first) in leads_of(&file, &recording.signals)
        .iter()
        .zip([100.0, 200.0, 300.0])
    {
        assert_eq!(lead.len(), 20_000);
        assert!(
            lead.iter()
                .enumerate()
                .all(|(n, value)| *value == first + (n % 100) as f64)
        );
    }
    let shown: Vec<(&str, &str)> = verdict
        .checks
        .iter()
        .filter(|check| check.name.contains("I to V1") || check.name == "variable")
        .map(|check| (check.name.as_str(), check.value.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            ("variable", "I, II, V1"),
            ("I to V1: class", "int16"),
            ("I to V1: numbers", "real"),
            ("I to V1: dimensions", "2 (1 x 20000)"),
            ("I to V1: samples", "20000"),
            ("I to V1: leads", "3"),
            ("I to V1: values", "3 x 1 x 20000"),
            ("I to V1: data", "60000 values"),
            ("I to V1: missing samples", "0.000 % (0 of 60000)"),
            ("I to V1: signal", "100 to 399 adu"),
        ]
    );
}

#[test]
fn a_sink_that_stops_stops_between_variables_too() {
    let file = calibrated(three_leads());
    let recording = judge(&file, |_| {}).recording.unwrap();
    let mut file = ecg_formats::open(Cursor::new(file), "x.mat", None, RULES.reject_values_above).unwrap();
    let mut seen = Vec::new();
    file.stream(&recording.signals, &mut |lead, _| {
        seen.push(lead);
        ControlFlow::Break(())
    })
    .unwrap();
    assert_eq!(seen, [0]);
}

#[test]
fn names_of_leads_in_variables_of_their_own() {
    let names = |verdict: Verdict| {
        let leads = verdict
            .recording
            .unwrap_or_else(|| panic!("{:?}", verdict.reason))
            .calibration
            .leads;
        leads
            .into_iter()
            .map(|lead| lead.name)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let file = three_leads();
    assert_eq!(names(flagged(&file, "--fs 100 --units mV")), "I II V1");
    assert_eq!(
        names(flagged(&file, "--fs 100 --units mV --lead-names a,b,c")),
        "a b c"
    );
    // In the order in which they are named.
    assert_eq!(
        names(flagged(&file, "--fs 100 --units mV --variable V1,I")),
        "V1 I"
    );
    // The command line had no other part in it.
    let verdict = flagged(&calibrated(file.clone()), "--variable V1,I");
    assert_eq!(verdict.recording.unwrap().calibration.source, "variables");
    assert_eq!(
        names(judge(&calibrated(file.clone()), |about| about.metadata =
            metadata(&[("ecg-variable", "II, I")]))),
        "II I"
    );
    // The names of the variables count more than a list beside them, a header more than both.
    let listed = [calibrated(file.clone()), text("lead_names", "a, b, c")].concat();
    assert_eq!(names(judge(&listed, |_| {})), "I II V1");
    let header = |lines: &str| {
        let header = format!("r 3 500 20000\n{lines}");
        judge(&file, |about| about.header = Some(header))
    };
    let other = header("r 16 100 16 0 0 0 0 A\nr 16 200 16 0 0 0 0\nr 16 300 16 0 0 0 0 C\n");
    assert_eq!(names(other), "A II C");
    // A header that describes the variables finds them whatever the order.
    let same = header("r 16 300 16 0 0 0 0 V1\nr 16 200 16 0 0 0 0 II\nr 16 100 16 0 0 0 0 I\n");
    let gains: Vec<(String, f64)> = same
        .recording
        .unwrap()
        .calibration
        .leads
        .into_iter()
        .map(|lead| (lead.name, lead.gain))
        .collect();
    assert_eq!(
        gains,
        [("I".into(), 100.0), ("II".into(), 200.0), ("V1".into(), 300.0)]
    );
}

#[test]
fn limits_hold_for_leads_in_variables_of_their_own() {
    let many: Vec<u8> = (1..=17)
        .flat_map(|n| int16(&format!("ch{n}"), [1, 20], &ramp(20)))
        .collect();
    let verdict = flagged(&many, "--fs 100 --units mV");
    rejected(&verdict, "ch1 to ch17: leads", "17", "1 to 16", None);
    let few = Rules {
        reject_values_above: 39,
        ..RULES
    };
    let two = [int16("I", [1, 20], &ramp(20)), int16("II", [1, 20], &ramp(20))].concat();
    let verdict = judge_by(&two, &few, |about| about.settings = flags("--fs 100 --units mV"));
    rejected(
        &verdict,
        "I to II: values",
        "2 x 1 x 20",
        "at most 39 values",
        None,
    );
    let uneven = [int16("I", [1, 20], &ramp(20)), int16("II", [1, 21], &ramp(21))].concat();
    let verdict = flagged(&uneven, "--fs 100 --units mV");
    rejected(
        &verdict,
        "variable",
        "I (int16 1 x 20), II (int16 1 x 21)",
        "one that holds the samples",
        None,
    );
    let empty = [int16("a", [1, 0], &[]), int16("b", [1, 0], &[])].concat();
    let verdict = flagged(&empty, "--fs 100 --units mV --variable a,b");
    rejected(&verdict, "a to b: samples", "0", "at least 1", None);
}

/// A verdict of one release is read by the one before and the one after it.
#[test]
fn the_verdict_on_one_variable_has_the_fields_that_it_always_had() {
    let verdict = judge(&good(), |_| {});
    let json: toml::Value = toml::Value::try_from(verdict.recording.as_ref().unwrap()).unwrap();
    let mut fields: Vec<&str> = json.as_table().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "calibration",
            "class",
            "format",
            "layout",
            "leads",
            "samples",
            "variable",
            "variable_index"
        ]
    );
    let back: ecg_recording::Recording = json.try_into().unwrap();
    assert_eq!(Some(back), verdict.recording);
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

#[test]
fn a_header_of_another_file_beside_it_does_not_count() {
    // An export: `100.mat` in millivolts beside `100.dat` and `100.hea`.
    let exported = [
        double("val", [1, 4], &[0.0, 0.5, 1.0, 0.5]),
        scalar("fs", 250.0),
        text("units", "mV"),
    ]
    .concat();
    let calibrated = |file: &str| {
        let header = format!("r 1 500 4\n{file} 16 200(1024)/mV 16 0 0 0 0 II\n");
        calibrated_by(judge(&exported, |about| about.header = Some(header)))
    };
    assert_eq!(
        calibrated("r.dat"),
        ("variables".to_owned(), 250.0, "lead 0".to_owned(), 1.0, 0.0)
    );
    for its_own in ["r.mat", "other.MAT", "r", "s"] {
        assert_eq!(
            calibrated(its_own),
            ("header".to_owned(), 500.0, "II".to_owned(), 200.0, 1024.0)
        );
    }
    let bare = int16("val", [1, 100], &ramp(100));
    let verdict = judge(&bare, |about| {
        about.header = Some("r 1 500 100\nr.dat 16 200/mV\n".to_owned())
    });
    let found = verdict.reason.unwrap().found;
    assert!(
        found.contains("the header (.hea) beside the file describes r.dat"),
        "{found}"
    );
}

#[test]
fn formats_with_an_offset_have_it_in_a_mat_file_too() {
    let bytes: Vec<u8> = (100..200).collect();
    let file = matrix("val", 5, false, [1, 100], false, &bytes);
    let baseline = |format: &str| {
        let header = format!("r 1 125 100\nr.mat {format} 50(3)/mV 8 0 0 0 0 II\n");
        calibrated_by(judge(&file, |about| about.header = Some(header))).4
    };
    assert_eq!((baseline("80+24"), baseline("16+24")), (131.0, 3.0));
}

#[test]
fn a_header_without_a_frequency_does_not_replace_that_of_the_file() {
    let file = calibrated(int16("val", [1, 100], &ramp(100)));
    let with = |record: &str, words: &str| {
        judge(&file, |about| {
            about.settings = flags(words);
            about.header = Some(format!("{record}\nr.mat 16 1000/mV 16 0 0 0 0 II\n"));
        })
    };
    let verdict = with("r 1", "");
    let limit = "a sampling frequency, since the file says 100 Hz";
    let reason = verdict.reason.as_ref().unwrap();
    assert_eq!(reason.expected, limit);
    assert_eq!(
        (reason.subject.as_str(), reason.try_flags.as_deref()),
        ("header (.hea)", Some("--fs 100"))
    );
    assert_eq!(calibrated_by(with("r 1", "--fs 100")).1, 100.0);
    // What it says counts.
    assert_eq!(calibrated_by(with("r 1 500", "")).1, 500.0);
    // Whatever else is wrong in the file, and where its frequency cannot be read.
    for (fs, flag) in [
        (scalar("fs", 100.0), "--fs 100"),
        (text("fs", "100"), "--fs HZ"),
        (scalar("fs", 0.0), "--fs HZ"),
    ] {
        let file = [int16("val", [1, 100], &ramp(100)), fs, scalar("units", 1.0)].concat();
        let header = "r 1\nr.mat 16 1000/mV 16 0 0 0 0 II\n".to_owned();
        let reason = judge(&file, |about| about.header = Some(header)).reason.unwrap();
        assert_eq!(reason.try_flags.as_deref(), Some(flag), "{}", reason.message);
    }
}

#[test]
fn a_profile_does_not_count_against_what_the_file_says() {
    let volts = |settings: &[Vec<u8>]| {
        let samples = double("val", [1, 4], &[0.0, 0.5, 1.0, 0.5]);
        [samples, settings.concat()].concat()
    };
    let counts = |settings: &[Vec<u8>]| {
        let samples = int16("val", [1, 100], &ramp(100));
        [samples, settings.concat()].concat()
    };
    let of_the_database = |file: &[u8]| judge(file, |about| about.key = "100m.mat".to_owned());
    for (file, why) in [
        (volts(&[]), "it is one of integers, and the samples are double"),
        (
            counts(&[scalar("fs", 128.0)]),
            "it says 360 Hz, and the file says 128 Hz",
        ),
        (counts(&[scalar("gain", 100.0)]), "the file says another gain"),
        (
            counts(&[scalar("baseline", 0.0)]),
            "the file says another baseline",
        ),
    ] {
        let reason = of_the_database(&file).reason.unwrap();
        let why = format!("the profile physiobank-mitdb matches the key, but {why}");
        assert!(reason.found.contains(&why), "{}", reason.found);
        assert!(reason.try_flags.is_some());
    }
    let microvolts = |gain: f64| counts(&[scalar("gain", gain), text("units", "uV")]);
    assert!(!of_the_database(&microvolts(200.0)).accepted);
    for file in [
        counts(&[]),
        counts(&[scalar("fs", 360.0), scalar("baseline", 1024.0)]),
        // The same in another form; what is no voltage, or empty, says nothing; and counts stay counts.
        counts(&[
            double("gain", [1, 1], &[200.0]),
            double("baseline", [1, 1], &[1024.0]),
        ]),
        microvolts(0.2),
        counts(&[text("units", "adu")]),
        counts(&[text("units", "uV")]),
        counts(&[double("fs", [0, 0], &[])]),
    ] {
        assert_eq!(
            calibrated_by(of_the_database(&file)).0,
            "profile:physiobank-mitdb"
        );
    }
    let reason = of_the_database(&counts(&[scalar("fs", 0.0)])).reason.unwrap();
    assert_eq!(reason.try_flags.as_deref(), Some("--fs HZ"));
    // A profile of one's own may be of other numbers.
    let own = |units: &str| {
        let text = format!(
            "[[profile]]\nname = \"own\"\npattern = \"file\"\nsampling_frequency_hz = 250.0\n{units}\n"
        );
        profiles::parse(&text, "own.toml").unwrap()
    };
    let with = |file: &[u8], units: &str| judge(file, |about| about.profiles = own(units));
    assert_eq!(calibrated_by(with(&volts(&[]), "gain = 2.0")).3, 2.0);
    // Gain 1 and baseline 0 are what a profile says that does not say others.
    for (said, why) in [("gain", "another gain"), ("baseline", "another baseline")] {
        let reason = with(&counts(&[scalar(said, 200.0)]), "units = \"mV\"")
            .reason
            .unwrap();
        assert!(reason.found.contains(why), "{}", reason.found);
    }
    let in_mv = volts(&[text("units", "mV")]);
    assert_eq!(calibrated_by(with(&in_mv, "units = \"mV\"")).3, 1.0);
    for other in ["gain = 2.0", "units = \"uV\""] {
        let reason = with(&in_mv, other).reason.unwrap();
        assert!(
            reason.found.contains("the file says that the samples are in mV"),
            "{}",
            reason.found
        );
    }
}

#[test]
fn a_wrong_variable_has_the_flag_that_replaces_it() {
    let samples = || int16("val", [2, 50], &ramp(100));
    for (settings, flag) in [
        (vec![scalar("fs", 500.0), text("units", "mVolt")], "--units UNITS"),
        (
            vec![scalar("fs", 500.0), text("gain", "200")],
            "--gain ADU_PER_MV",
        ),
        (vec![scalar("fs", 0.0), text("units", "mV")], "--fs HZ"),
        (vec![scalar("fs", 500.0), scalar("units", 1.0)], "--units UNITS"),
        (
            vec![
                scalar("fs", 500.0),
                text("units", "mV"),
                text("leads", "I, II, III"),
            ],
            "--lead-names NAME",
        ),
    ] {
        let file = [samples(), settings.concat()].concat();
        let reason = judge(&file, |_| {}).reason.unwrap();
        assert_eq!(reason.try_flags.as_deref(), Some(flag), "{}", reason.message);
    }
    // As many words as leads are names, too.
    let file = [
        samples(),
        scalar("fs", 500.0),
        text("units", "mV"),
        text("leads", "I II"),
    ]
    .concat();
    let leads = judge(&file, |_| {}).recording.unwrap().calibration.leads;
    assert_eq!((leads[0].name.as_str(), leads[1].name.as_str()), ("I", "II"));
}

#[test]
fn times_beside_the_samples_in_a_matrix_are_no_lead() {
    let times = |unit: f64| (0..300).map(move |n| 2.0 + unit * f64::from(n) / 250.0);
    let samples = (0..300).map(|n| (f64::from(n) / 10.0).sin());
    let judged = |times: Vec<f64>, class: u32| {
        let matrix = samples.clone().zip(times).flat_map(|(mv, time)| [mv, time]);
        let file = match class {
            0 => double("ecg", [2, 300], &matrix.collect::<Vec<_>>()),
            _ => int16(
                "ecg",
                [2, 300],
                &matrix.map(|value| value as i16).collect::<Vec<_>>(),
            ),
        };
        judge(&file, |about| about.settings = flags("--fs 250 --units mV"))
    };
    for unit in [1.0, 1000.0] {
        // Also rounded to milliseconds, and from HH:MM:SS on.
        let rounded = times(unit).map(|time| (time * 1000.0 / unit).round() / 1000.0 * unit);
        for times in [times(unit).collect(), rounded.collect::<Vec<_>>()] {
            let reason = judged(times, 0).reason.unwrap();
            assert_eq!(
                reason.message,
                "ecg: signal: expected a signal that changes, found the times of the samples in row or column 2 of 2"
            );
        }
    }
    // Rising otherwise, or with a jump, or as counts.
    let mut jump: Vec<f64> = times(1.0).collect();
    jump[299] += 1.0;
    assert!(judged(times(3.0).collect(), 0).accepted && judged(jump, 0).accepted);
    assert!(judged(times(1000.0).collect(), 3).accepted);
}
