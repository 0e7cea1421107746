//! `ecg inspect` draws what the tables will hold, in the terminal and on paper.

// A test that cannot go on stops: unwrap, expect and panic are how.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::fs;
use std::path::Path;

use ecg_tests::cli::{command, ecg, finish};
use ecg_tests::files::{malformed, recordings, workspace};
use ecg_tests::lake::{TestLake, text};
use ecg_tests::mat4;
use ecg_tests::python;
use serde_json::Value;

const FS: f64 = 360.0;

/// The page of a committed recording, by its path from the root of the workspace.
fn page(path: &str, more: &[&str]) -> String {
    let mut command = command(&["inspect", path]);
    command.args(more).current_dir(workspace());
    finish(command).expect(0).stdout
}

#[test]
fn the_text_is_the_golden_one() {
    ecg_testing::golden::check(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/two-leads.inspect.txt"),
        &page("testdata/recordings/header/two-leads.mat", &[]),
    );
}

#[test]
fn the_picture_in_the_recipe_is_the_drawing_of_a_fixture() {
    let folder = TestLake::new();
    let svg = folder.beside("gap.svg");
    page("testdata/recordings/warn/gap.mat", &["--svg", text(&svg)]);
    ecg_testing::golden::check(
        workspace().join("docs/recipe-segment.svg"),
        &fs::read_to_string(&svg).unwrap(),
    );
}

/// Both drawings against the tables, in the first segment and across the border of two.
#[test]
fn what_is_drawn_is_what_the_tables_hold() {
    let lake = TestLake::new();
    let file = recordings().join("header/two-leads.mat");
    lake.run(&file, 0);
    for (at, start) in [("0", 0), ("5.5", 1980)] {
        let svg = lake.beside("segment.svg");
        let page = ecg(&["inspect", text(&file), "--at", at, "--svg", text(&svg)])
            .expect(0)
            .stdout;
        let svg = fs::read_to_string(&svg).unwrap();
        for lead in 0..2 {
            let range = format!(
                "lead = {lead} and sample >= {start} and sample < {}",
                start + 3600
            );
            let numbers = |sql: String, column: &str| -> Vec<f64> {
                let rows = lake.query(&sql);
                rows.iter().map(|row| row[column].as_f64().unwrap()).collect()
            };
            let beats = numbers(
                format!("select sample from beats where {range} order by sample"),
                "sample",
            );
            assert!(beats.len() > 8, "{beats:?}");
            let samples: Vec<f64> = points(&svg, "beats", lead)
                .iter()
                .map(|(x, _)| f64::from(start) + ((x - 20.0) / 25.0 * FS).round())
                .collect();
            assert_eq!(samples, beats, "lead {lead} at {at}: on paper");
            let cells: Vec<usize> = beats.iter().map(|beat| cell(beat - f64::from(start))).collect();
            assert_eq!(marks(&page, lead), cells, "lead {lead} at {at}: in the terminal");

            let mv = numbers(
                format!("select mv from samples where {range} order by sample"),
                "mv",
            );
            let curve = points(&svg, "curve", lead);
            assert_eq!((curve.len(), mv.len()), (3600, 3600));
            for (point, mv_there) in curve.iter().zip(&mv) {
                let drawn = (curve[0].1 - point.1) / 10.0;
                assert!(
                    (drawn - (mv_there - mv[0])).abs() < 0.002,
                    "{point:?}: {mv_there} mV"
                );
            }
        }
    }
}

/// Where a sample is in a plot of ten seconds over 80 columns, 9 of which are the scale.
fn cell(sample: f64) -> usize {
    (sample / 3600.0 * 71.0) as usize
}

/// The characters of the marks of beats above the curve of a lead, from the axis on.
fn marks(page: &str, lead: usize) -> Vec<usize> {
    let line = page
        .lines()
        .filter(|line| line.starts_with("     mV"))
        .nth(lead)
        .unwrap();
    let cells = line.chars().skip(9).enumerate();
    cells.filter(|(_, c)| *c == 'R').map(|(cell, _)| cell).collect()
}

/// The absolute points of a path of the drawing, of the lead of this number.
fn points(svg: &str, class: &str, lead: usize) -> Vec<(f64, f64)> {
    let class = format!("<path class=\"{class}\" d=\"");
    let path = svg
        .split(&class)
        .nth(lead + 1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let point = |piece: &str| {
        let (x, y) = piece.split_once(' ').unwrap();
        let y = y.split('l').next().unwrap();
        (x.parse().unwrap(), y.parse().unwrap())
    };
    path.split(['M', 'L']).skip(1).map(point).collect()
}

/// The beats that a fixture is made with: not what the recipe says of itself.
#[test]
fn marks_stand_over_the_known_beats() {
    let known: Value = serde_json::from_slice(&fs::read(recordings().join("beats.json")).unwrap()).unwrap();
    for name in ["1 NSR/900m (0).mat", "7 PVC/902m (0).mat", "warn/gap.mat"] {
        let page = page(&format!("testdata/recordings/{name}"), &[]);
        let beats = known[name]["beats"].as_array().unwrap();
        let cells: Vec<usize> = beats.iter().map(|beat| cell(beat.as_f64().unwrap())).collect();
        assert_eq!(marks(&page, 0), cells, "{name}\n{page}");
    }
}

/// What XML cannot hold and what a terminal would obey.
#[test]
fn hostile_names_are_harmless_everywhere() {
    const HOSTILE: &str = "<b>&\"'\u{1b}[31m\u{202e}\u{9b}\u{ffff}]]>";
    let lake = TestLake::new();
    let file = lake.beside(&format!("{HOSTILE}.mat"));
    fs::copy(recordings().join("warn/gap.mat"), &file).unwrap();
    let header = format!("gap 1 360 3600\ngap.mat 16+24 200(1024)/mV 11 1024 1026 0 0 {HOSTILE}\n");
    fs::write(file.with_extension("hea"), header).unwrap();
    let svg = lake.beside("segment.svg");
    let answer = ecg(&["inspect", text(&file), "--svg", text(&svg)]).expect(0);
    assert_harmless(&answer.stdout);
    assert!(
        answer.stdout.contains(r"\u{1b}[31m\u{202e}\u{9b}"),
        "{}",
        answer.stdout
    );
    for command in [
        ecg(&["inspect", text(&file), "--at", "11"]),
        ecg(&["inspect", text(&file), "--variable", HOSTILE, "--csv"]),
        ecg(&["inspect", text(&file.with_extension("\u{1b}[31m"))]),
        ecg(&["inspect", text(&file), "--svg", text(&file.join("\u{1b}.svg"))]),
    ] {
        let answer = command.expect(2);
        assert_harmless(&answer.stdout);
        assert_harmless(&answer.stderr);
    }

    let variable = lake.beside("variable.mat");
    let mut bytes = fs::read(recordings().join("formats/level5.mat")).unwrap();
    let place = bytes.windows(4).position(|name| name == b"gain").unwrap();
    bytes[place..place + 4].copy_from_slice("\u{1b}\n\u{9b}".as_bytes());
    fs::write(&variable, bytes).unwrap();
    let answer = ecg(&["inspect", text(&variable)]);
    assert_harmless(&answer.stdout);
    assert!(answer.stdout.contains(r"  \u{1b}\n\u{9b} "), "{}", answer.stdout);

    let drawn = fs::read_to_string(&svg).unwrap();
    assert_harmless(&drawn);
    if let Some(python) = python::python_with(&["xml.etree.ElementTree"]) {
        let script = "import sys, xml.etree.ElementTree as tree\n\
                      root = tree.parse(sys.argv[1]).getroot()\n\
                      for e in root.iter():\n\
                      \x20   if (e.text or '').strip(): print(ascii(e.text))";
        let texts = python::run(&python, script, &[text(&svg)]);
        let shown = r#"'<b>&"\'\\u{1b}[31m\\u{202e}\\u{9b}\ufffd]]>"#;
        let whole = |end: &str| texts.lines().any(|line| line == format!("{shown}{end}'"));
        assert!(whole("") && whole(".mat"), "{texts}");
    }
}

fn assert_harmless(printed: &str) {
    let bad = printed
        .chars()
        .find(|c| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c));
    assert_eq!(bad, None, "{printed:?}");
}

#[test]
fn what_can_not_be_drawn_says_why() {
    let lake = TestLake::new();
    let svg = lake.beside("segment.svg");
    for (name, drawn) in [
        ("no-calibration.mat", false),
        ("truncated-level4.mat", false),
        // Rejected for what the samples are, which is to be seen.
        ("six-percent-missing.mat", true),
        ("constant.mat", true),
    ] {
        let file = malformed().join(name);
        let page = ecg(&["inspect", text(&file), "--svg", text(&svg)])
            .expect(1)
            .stdout;
        assert_eq!(page.contains("\nsegment\n"), drawn, "{page}");
        assert_eq!(
            page.contains("not drawn: a segment needs a calibration"),
            !drawn,
            "{page}"
        );
        assert_eq!(svg.exists(), drawn, "{name}");
        let _ = fs::remove_file(&svg);
    }
    let file = malformed().join("no-calibration.mat");
    let page = ecg(&["inspect", text(&file)]).expect(1).stdout;
    let next = page
        .lines()
        .find(|line| line.starts_with("next: ecg inspect "))
        .unwrap();
    assert!(next.contains("no-calibration.mat --fs"), "{next}");

    let file = recordings().join("warn/gap.mat");
    for (more, expected) in [
        (
            &["--at", "10"][..],
            "expected 0 or more and less than 10, the length of the recording in seconds, found 10",
        ),
        (&["--at=-1"], "found -1"),
        (&["--at", "NaN"], "found NaN"),
        (&["--svg", "other.mat"], "expected a name that ends in .svg"),
        (&["--svg", "nowhere/segment.svg"], "nowhere/segment.svg"),
        (&["--svg", "segment.svg", "--json"], "cannot be used with"),
    ] {
        let answer = finish({
            let mut command = command(&["inspect", text(&file)]);
            command.args(more).current_dir(lake.beside(""));
            command
        });
        let answer = answer.expect(2);
        assert!(answer.stderr.contains(expected), "{more:?}: {}", answer.stderr);
    }
    assert_eq!(
        fs::read_dir(lake.beside("")).unwrap().count(),
        0,
        "nothing is left behind"
    );
}

#[test]
fn more_leads_than_fit_are_told_and_all_are_on_paper() {
    let lake = TestLake::new();
    let file = lake.beside("twelve.mat");
    let leads: Vec<Vec<i16>> = (0..12)
        .map(|lead| (0..4000).map(|n| (n % 300) * (lead + 1)).collect())
        .collect();
    fs::write(&file, mat4::write(&leads)).unwrap();
    let names = (1..=12).map(|lead| format!("twelve.mat 16+24 1000(0)/mV 16 0 0 0 0 L{lead}\n"));
    let header = format!("twelve 12 500 4000\n{}", names.collect::<String>());
    fs::write(file.with_extension("hea"), header).unwrap();
    let svg = lake.beside("twelve.svg");
    let page = ecg(&["inspect", text(&file), "--svg", text(&svg)])
        .expect(0)
        .stdout;
    assert!(page.contains("\nL2: ") && !page.contains("\nL3: "), "{page}");
    assert!(
        page.contains("\nand 10 more leads: --svg FILE draws all\n"),
        "{page}"
    );
    let drawn = fs::read_to_string(&svg).unwrap();
    assert_eq!(drawn.matches("class=\"curve\"").count(), 12);
    let without = ecg(&["inspect", text(&file)]).expect(0).stdout;
    assert_eq!(
        page.replace(&format!("\ndrawn: {}\n", svg.display()), ""),
        without
    );
}
