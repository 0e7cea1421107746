//! Whose and when: each source, which of them counts, and that no value rejects a recording.

// Helpers of tests fail the test.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::Cursor;

use common::{int16, matrix, metadata, scalar, text};
use ecg_core::rules::RULES;
use ecg_formats::{Origin, Sex};
use ecg_recording::{FileContext, Recording, Verdict, examine, profiles};

/// A recording with these variables beside its samples.
fn file(variables: &[Vec<u8>]) -> Vec<u8> {
    let samples: Vec<i16> = (0..100).collect();
    let own = [
        int16("val", [1, 100], &samples),
        scalar("fs", 100.0),
        scalar("gain", 200.0),
    ];
    [own.concat(), variables.concat()].concat()
}

fn recording(file: &[u8], change: impl FnOnce(&mut FileContext)) -> Recording {
    let mut context = FileContext {
        key: "folder/file.mat".to_owned(),
        size: file.len() as u64,
        ..FileContext::default()
    };
    change(&mut context);
    let verdict = examine(Cursor::new(file.to_vec()), &context, &RULES)
        .unwrap()
        .verdict;
    assert!(verdict.accepted, "{:?}", verdict.reason);
    verdict.recording.unwrap()
}

fn origin(file: &[u8], change: impl FnOnce(&mut FileContext)) -> Origin {
    recording(file, change).origin
}

/// Subject, device, time, age and sex.
type Shown<'a> = (
    Option<&'a str>,
    Option<&'a str>,
    Option<String>,
    Option<i32>,
    Option<Sex>,
);

fn shown(origin: &Origin) -> Shown<'_> {
    (
        origin.subject_id.as_deref(),
        origin.device_id.as_deref(),
        origin.recorded_at(),
        origin.age,
        origin.sex,
    )
}

const HEADER: &str = "x 1 100 100 12:30:00 25/04/1989\nx.mat 16 200 12 0 0 0 0 II\n# 69 M 1085 1629 x1\n";
const FLEET: &str = "[[profile]]\nname = 'fleet'\npattern = '^(?P<device_id>[^/]+)/(?P<subject_id>[^/]+)/'\n\
                     sampling_frequency_hz = 100\ngain = 200\n";

#[test]
fn nobody_says_anything() {
    let found = recording(&file(&[]), |_| {});
    assert!(found.origin.is_empty());
    // So it is not in the verdict either, which a release before this one reads.
    assert_eq!(serde_json::to_value(&found).unwrap().get("origin"), None);
}

#[test]
fn variables_say_all_of_it() {
    let variables = [
        text("Subject_ID", "P017"),
        text("device_id", "holter 12"),
        text("recorded_at", "2026-11-23T22:05:00.5"),
        scalar("age", 51.0),
        text("sex", "female"),
    ];
    let found = origin(&file(&variables), |_| {});
    let start = Some("2026-11-23T22:05:00.500".to_owned());
    assert_eq!(
        shown(&found),
        (
            Some("P017"),
            Some("holter 12"),
            start,
            Some(51),
            Some(Sex::Female)
        )
    );
    // Numbers for ids, and text for an age.
    let found = origin(&file(&[scalar("subject_id", 17.0), text("age", "51")]), |_| {});
    assert_eq!(shown(&found), (Some("17"), None, None, Some(51), None));
}

#[test]
fn variables_that_cannot_be_read_reject_nothing() {
    let variables = [
        text("subject_id", &"p".repeat(5000)),
        int16("device_id", [1, 3], &[1, 2, 3]),
        text("recorded_at", "2026-13-40"),
        scalar("age", 230.0),
        // Complex numbers.
        matrix("sex", 0, false, [1, 1], true, &[0; 16]),
    ];
    let found = origin(&file(&variables), |_| {});
    assert_eq!(shown(&found), (None, None, None, None, None));
    let unread: Vec<String> = found.unread.iter().map(ToString::to_string).collect();
    assert_eq!(
        unread[1..],
        [
            "device_id: expected a text or a number, found `int16 of 1 x 3`",
            "recorded_at: expected a date and time such as 2026-11-23T22:05:00, found `2026-13-40`",
            "age: expected 0 to 125 years, found `230`",
            "sex: expected a text or a number, found `double of 1 x 1`",
        ]
    );
    assert!(unread[0].starts_with("subject_id: expected "), "{}", unread[0]);
}

#[test]
fn a_header_says_when_and_how_old() {
    let found = origin(&file(&[]), |context| context.header = Some(HEADER.to_owned()));
    let start = Some("1989-04-25T12:30:00.000".to_owned());
    assert_eq!(
        shown(&found),
        (None, None, start.clone(), Some(69), Some(Sex::Male))
    );
    // Also where the samples are read by it.
    let samples: Vec<u8> = (0..100_i16).flat_map(i16::to_le_bytes).collect();
    let found = origin(&samples, |context| {
        context.key = "folder/x.dat".to_owned();
        context.header = Some(HEADER.replace("x.mat", "x.dat"));
    });
    assert_eq!(shown(&found), (None, None, start, Some(69), Some(Sex::Male)));
}

#[test]
fn metadata_of_the_object_with_the_prefix_or_without() {
    for prefix in ["ecg-", ""] {
        let name = |name: &str| format!("{prefix}{name}");
        let found = origin(&file(&[]), |context| {
            context.metadata = metadata(&[
                (&name("subject-id"), "P017"),
                (&name("device-id"), "H12"),
                (&name("recorded-at"), "2026-11-23T22:05:00"),
                (&name("age"), "51"),
                (&name("sex"), "F"),
            ]);
        });
        let start = Some("2026-11-23T22:05:00.000".to_owned());
        assert_eq!(
            shown(&found),
            (Some("P017"), Some("H12"), start, Some(51), Some(Sex::Female))
        );
    }
}

#[test]
fn a_profile_reads_subject_and_device_from_the_key() {
    let found = recording(&file(&[]), |context| {
        context.profiles = profiles::parse(FLEET, "fleet.toml").unwrap();
        context.key = "holter-12/P017/a.mat".to_owned();
    });
    assert_eq!(
        shown(&found.origin),
        (Some("P017"), Some("holter-12"), None, None, None)
    );
}

#[test]
fn each_value_is_from_the_first_source_that_says_it() {
    let variables = [
        text("age", "old"),
        text("device_id", "from variables"),
        text("sex", "X"),
    ];
    let found = origin(&file(&variables), |context| {
        context.header = Some(HEADER.replace("# 69 M 1085 1629 x1\n", ""));
        context.metadata = metadata(&[
            ("ecg-age", "51"),
            ("ecg-sex", "F"),
            ("ecg-device-id", "from metadata"),
            ("ecg-recorded-at", "2026-11-23T22:05:00"),
        ]);
        context.profiles = profiles::parse(FLEET, "fleet.toml").unwrap();
        context.key = "from key/P017/a.mat".to_owned();
    });
    // The age of the variables cannot be read, and that of the metadata does not replace it.
    let start = Some("1989-04-25T12:30:00.000".to_owned());
    assert_eq!(
        shown(&found),
        (
            Some("P017"),
            Some("from variables"),
            start,
            None,
            Some(Sex::Female)
        )
    );
    assert_eq!(found.unread.len(), 1);
}

#[test]
fn of_a_rejected_recording_it_is_told_whose_it_is_as_far_as_that_can_be_told() {
    let judged = |file: &[u8], change: &dyn Fn(&mut FileContext)| {
        let mut context = FileContext {
            key: "holter-3/P018/x.mat".to_owned(),
            size: file.len() as u64,
            ..FileContext::default()
        };
        change(&mut context);
        let examined = examine(Cursor::new(file.to_vec()), &context, &RULES);
        let verdict = examined.unwrap().verdict;
        assert!(!verdict.accepted);
        verdict.subject_id().map(str::to_owned)
    };
    let flat = [
        int16("val", [1, 100], &[7; 100]),
        scalar("fs", 100.0),
        scalar("gain", 200.0),
        text("subject_id", "P017"),
    ]
    .concat();
    let metadata = |context: &mut FileContext| context.metadata = metadata(&[("ecg-subject-id", "P019")]);
    let fleet = |context: &mut FileContext| context.profiles = profiles::parse(FLEET, "fleet").unwrap();
    // What it is could be told, and by the file whose.
    assert_eq!(judged(&flat, &metadata).as_deref(), Some("P017"));
    let cut = &flat[..150];
    assert_eq!(judged(cut, &|_| {}), None);
    assert_eq!(judged(cut, &metadata).as_deref(), Some("P019"));
    assert_eq!(judged(cut, &fleet).as_deref(), Some("P018"));
}

#[test]
fn it_travels_in_the_verdict_but_for_what_was_not_read() {
    let found = recording(&file(&[text("subject_id", "P017"), scalar("age", 230.0)]), |_| {});
    let verdict = Verdict {
        accepted: true,
        checks: Vec::new(),
        reason: None,
        recording: Some(found),
        subject_id: None,
        content_sha256: None,
        samples: None,
    };
    let json = serde_json::to_string(&verdict).unwrap();
    assert!(json.contains(r#""origin":{"subject_id":"P017"}"#), "{json}");
    assert!(!json.contains("230"), "{json}");
    let read: Verdict = serde_json::from_str(&json).unwrap();
    assert_eq!(read.recording.unwrap().origin.subject_id.as_deref(), Some("P017"));
    // A verdict from before.
    let old = json.replace(r#","origin":{"subject_id":"P017"}"#, "");
    assert_ne!(old, json);
    let read: Verdict = serde_json::from_str(&old).unwrap();
    assert!(read.recording.unwrap().origin.is_empty());
}
