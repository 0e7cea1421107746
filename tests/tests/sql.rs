//! `ecg query`: formats, refusals, and the views.

// A test that cannot go on stops: unwrap, expect and panic are how.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::fs;

use ecg_tests::files::{assert_same, recordings};
use ecg_tests::lake::TestLake;
use ecg_tests::mat4;
use serde_json::{Value, json};

fn filled() -> TestLake {
    let lake = TestLake::new();
    lake.run(&recordings(), 0);
    lake
}

#[test]
fn one_answer_in_three_formats() {
    let lake = filled();
    let sql = "select label, source_size, lead_names, source_sequencer from recordings where label = 'SBR'";
    let query = |format: &str| lake.ecg(&["query", sql, "--format", format]).expect(0).stdout;
    assert_eq!(
        query("csv"),
        "label,source_size,lead_names,source_sequencer\nSBR,7224,[MLII],\n"
    );
    let rows: Value = serde_json::from_str(&query("json")).unwrap();
    assert_eq!(
        rows,
        json!([{ "label": "SBR", "source_size": 7224, "lead_names": ["MLII"], "source_sequencer": null }])
    );
    let table = query("table");
    assert!(table.contains("| SBR   | 7224        | [MLII]     |"), "{table}");
    assert_eq!(
        lake.ecg(&["query", sql]).expect(0).stdout,
        table,
        "the table is the default"
    );
}

#[test]
fn an_empty_answer_is_still_an_answer() {
    let lake = filled();
    let sql = "select label, beats from recordings where false";
    for (format, expected) in [
        ("csv", "label,beats\n"),
        ("json", "[]\n"),
        (
            "table",
            "+-------+-------+\n| label | beats |\n+-------+-------+\n+-------+-------+\n",
        ),
        ("vertical", "no rows\n"),
    ] {
        let found = lake.ecg(&["query", sql, "--format", format]).expect(0).stdout;
        assert_eq!(found, expected, "{format}");
    }
    assert!(lake.query("select * from rejections").is_empty());
}

const ONLY_READS: &str = "a query only reads: expected select";

#[test]
fn a_table_that_is_not_there_is_told_with_those_that_are() {
    let lake = filled();
    for (sql, words) in [
        ("select * from nowhere", "no table or view `nowhere`; tables"),
        (
            "select * from recordigs",
            "no table or view `recordigs`, did you mean `recordings`?; tables",
        ),
        ("select * from beats b join sample s using (lead)", "`samples`?"),
        ("describe segment", "`segments`?"),
        ("with x as (select 1) select * from x, curent", "`current`?"),
    ] {
        let answer = lake.ecg(&["query", sql]).expect(2);
        assert!(answer.stderr.contains(words), "{sql}: {}", answer.stderr);
        assert!(
            answer.stderr.ends_with(
                "tables: recordings, segments, beats, windows, rejections, annotations; views: samples, current, unresolved\n"
            ),
            "{sql}: {}",
            answer.stderr
        );
    }
    lake.ecg(&["query", "select * from information_schema.tables"])
        .expect(0);
}

#[test]
fn a_wrong_query_is_told_and_nothing_can_be_written() {
    let lake = filled();
    let before = lake.everything();
    let outside = lake.beside("stolen.csv");
    let copy = format!("copy recordings to '{}'", outside.display());
    for (sql, words) in [
        ("selec 1", "selec"),
        ("select nothing from recordings", "nothing"),
        ("select * from '/etc/passwd'", "`/etc/passwd`"),
        ("create table x as select 1", ONLY_READS),
        (
            "create external table x stored as csv location '/tmp/'",
            ONLY_READS,
        ),
        ("drop table recordings", ONLY_READS),
        ("insert into recordings select * from recordings", ONLY_READS),
        (
            "explain analyze insert into recordings select * from recordings",
            ONLY_READS,
        ),
        ("update recordings set label = 'x'", ONLY_READS),
        ("set datafusion.execution.batch_size = 1", ONLY_READS),
        ("begin", ONLY_READS),
        (copy.as_str(), ONLY_READS),
    ] {
        let answer = lake.ecg(&["query", sql]).expect(2);
        assert!(
            answer.stderr.starts_with("ecg: ") && answer.stderr.contains(words),
            "{sql}: {}",
            answer.stderr
        );
        assert_eq!(answer.stdout, "", "{sql}");
    }
    assert!(!outside.exists());
    assert_same("the lake after queries", &before, &lake.everything());
}

#[test]
fn samples_has_one_row_per_sample_from_0_to_1() {
    let lake = filled();
    let rows = lake.query(
        "select r.source_key as key, s.lead as lead, max(r.samples) as expected, count(*) as n,                 min(s.ecg_data) as low, max(s.ecg_data) as high, max(s.sample) as last,                 max(abs(s.time_s - s.sample / r.sampling_frequency_hz)) as late,                 sum(case when s.missing then 1 else 0 end) as missing          from samples s join recordings r using (recording_id) group by 1, 2",
    );
    assert_eq!(rows.len(), 25, "20 recordings, 5 of them with two leads");
    for row in rows {
        assert_eq!(row["n"], row["expected"], "{row}");
        assert_eq!(
            row["last"].as_u64().unwrap() + 1,
            row["n"].as_u64().unwrap(),
            "{row}"
        );
        assert_eq!(
            (row["low"].as_f64(), row["high"].as_f64(), row["late"].as_f64()),
            (Some(0.0), Some(1.0), Some(0.0)),
            "{row}"
        );
        let gaps = [
            (json!("recordings/warn/gap.mat"), json!(0)),
            (json!("recordings/wfdb/format16.dat"), json!(0)),
        ];
        let missing = if gaps.contains(&(row["key"].clone(), row["lead"].clone())) {
            108
        } else {
            0
        };
        assert_eq!(row["missing"], json!(missing), "{row}");
    }
}

#[test]
fn samples_normalises_each_lead_over_the_whole_recording() {
    let lake = filled();
    let rows = lake.query(
        "select s.lead as lead, s.mv as mv, s.ecg_data as ecg_data from samples s join recordings r using (recording_id)          where r.source_key = 'recordings/header/two-leads.mat' order by s.lead, s.sample",
    );
    for lead in 0..2 {
        let rows: Vec<(f64, f64)> = rows
            .iter()
            .filter(|row| row["lead"] == json!(lead))
            .map(|row| (row["mv"].as_f64().unwrap(), row["ecg_data"].as_f64().unwrap()))
            .collect();
        let low = rows.iter().map(|row| row.0).fold(f64::INFINITY, f64::min);
        let high = rows.iter().map(|row| row.0).fold(f64::NEG_INFINITY, f64::max);
        assert_eq!(rows.len(), 7200);
        for (mv, ecg_data) in rows {
            // The table's float32 extremes are exact; the division is that of doubles.
            assert!(
                (ecg_data - (mv - low) / (high - low)).abs() < 1e-6,
                "lead {lead}: {mv} mV gave {ecg_data}"
            );
        }
    }
}

#[test]
fn a_flat_lead_is_0_and_not_a_division_by_zero() {
    let lake = TestLake::new();
    let wave: Vec<i16> = (0..3600).map(|n: i16| 1024 + (n % 300) - 150).collect();
    let folder = lake.beside("folder");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("half.mat"), mat4::write(&[wave, vec![1000; 3600]])).unwrap();
    fs::write(
        folder.join("half.hea"),
        "half 2 360 3600\nhalf.mat 16 200 11 1024 0 0 0 I\nhalf.mat 16 200 11 1024 0 0 0 II\n",
    )
    .unwrap();
    lake.run(&folder, 0);
    let flat = lake.query(
        "select count(*) as n, min(ecg_data) as low, max(ecg_data) as high from samples where lead = 1",
    );
    assert_eq!(flat, [json!({ "n": 3600, "low": 0.0, "high": 0.0 })]);
    let mv = lake.query("select min(mv) as low, max(mv) as high from samples where lead = 1");
    assert_eq!(
        mv[0]["low"].as_f64().unwrap() as f32,
        (1000.0 - 1024.0) as f32 / 200.0
    );
    assert_eq!(mv[0]["low"], mv[0]["high"]);
}

#[test]
fn a_query_from_standard_input() {
    use std::io::Write as _;
    use std::process::Stdio;
    let lake = filled();
    let mut command = ecg_tests::cli::command(&lake.args(&["query", "-", "--format", "csv"]));
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"select count(*) as n\nfrom recordings\n")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "n\n20\n");
}
