//! `ecg compact`: the tables answer as before, whatever happens meanwhile.

// A test that cannot go on stops: unwrap, expect and panic are how.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

use ecg_tests::cli::{ecg, start};
use ecg_tests::files::{malformed, recordings};
use ecg_tests::lake::{Ends, TestLake, text};
use ecg_tests::python::{python_with, run};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

const KILLS: usize = 200;

/// Kills that have to land while a command is at work.
const LANDED_AT_LEAST: usize = 80;

/// Every table, in an order of its own.
fn tables(lake: &TestLake) -> Vec<Vec<Value>> {
    let queries = [
        "select * from recordings order by recording_id",
        "select * from segments order by recording_id, lead, segment",
        "select * from beats order by recording_id, lead, sample",
        "select * from rejections order by execution",
        "select * from current order by recording_id",
        "select * from unresolved order by execution",
        "select dt, count(*) from segments group by dt order by dt",
    ];
    queries.iter().map(|sql| lake.query(sql)).collect()
}

fn files(lake: &TestLake, below: &str) -> usize {
    let mut folders = vec![lake.path().join("processed").join(below)];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path)
            } else {
                files += 1
            }
        }
    }
    files
}

fn synth(lake: &TestLake, folder: &str, numbers: std::ops::Range<usize>) -> PathBuf {
    let folder = lake.beside(folder);
    fs::create_dir_all(&folder).unwrap();
    for number in numbers {
        let file = folder.join(format!("r{number:03}.mat"));
        ecg(&[
            "synth",
            text(&file),
            "--duration",
            "10s",
            "--seed",
            &number.to_string(),
        ])
        .expect(0);
    }
    folder
}

/// Makes all that the registers wait for a thing of the past.
fn let_a_day_pass(lake: &TestLake) {
    for entry in fs::read_dir(lake.path().join("processed/compact/days")).unwrap() {
        let path = entry.unwrap().path();
        let mut register: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let earlier = |time: &mut Value| *time = json!(time.as_i64().unwrap() - 24 * 3_600_000);
        earlier(&mut register["since_ms"]);
        if let Some(left) = register.get_mut("left").and_then(Value::as_object_mut) {
            left.values_mut().for_each(earlier);
        }
        fs::write(&path, register.to_string()).unwrap();
    }
}

#[test]
fn the_tables_answer_as_before_from_a_few_files() {
    let lake = TestLake::new();
    lake.run(&recordings(), 0);
    lake.run(&malformed(), 1);
    let before = tables(&lake);
    let small = files(&lake, "");
    let answer = lake.ecg(&["compact"]).expect(0);
    assert!(
        answer.stdout.contains("files of") && answer.stdout.contains("The tables answer as before"),
        "{answer:?}"
    );
    assert_eq!(tables(&lake), before);
    let large = files(&lake, "compact") - files(&lake, "compact/days");
    assert!(
        small > 80 && large <= 15,
        "{small} small files, {large} large ones"
    );

    // A day with one object only.
    let one = TestLake::new();
    one.run(&malformed().join("truncated-level4.mat"), 1);
    let rejected = one.query("select * from rejections");
    one.ecg(&["compact"]).expect(0);
    assert_eq!(
        (one.query("select * from rejections"), rejected.len()),
        (rejected.clone(), 1)
    );

    // Again: nothing to do.
    let again = lake.ecg(&["compact", "--json"]).expect(0).json();
    assert_eq!(again, json!({ "days": [] }));

    // A rerun moves its day back, and replaces its rows.
    let id = before[0][0]["recording_id"].as_str().unwrap().to_owned();
    lake.ecg(&["rerun", &id]).expect(0);
    let run =
        |lake: &TestLake| lake.count(&format!("select run from recordings where recording_id = '{id}'"));
    assert_eq!((run(&lake), tables(&lake)[1].len()), (1, before[1].len()));
    lake.ecg(&["compact"]).expect(0);
    assert_eq!((run(&lake), tables(&lake)[1].len()), (1, before[1].len()));
}

/// What a query would need, if the small files were gone at once, is kept for a while.
#[test]
fn of_a_sealed_day_only_large_files_are_left_and_what_comes_late_is_compacted_at_once() {
    let lake = TestLake::new();
    lake.run(&synth(&lake, "first", 0..6), 0);
    let before = tables(&lake);
    lake.ecg(&["compact", "--keep-days", "0"]).expect(0);
    lake.ecg(&["compact", "--keep-days", "0"]).expect(0);
    assert_eq!(files(&lake, "segments"), 6, "an hour long a query may read them");
    let_a_day_pass(&lake);
    lake.ecg(&["compact", "--keep-days", "0"]).expect(0);
    assert_eq!((files(&lake, "segments"), files(&lake, "recordings")), (0, 0));
    assert_eq!(tables(&lake), before);

    let late = synth(&lake, "late", 6..9);
    lake.run(&late, 0);
    assert_eq!(lake.count("select count(distinct recording_id) from segments"), 9);
    assert_eq!(lake.count("select count(*) from recordings"), 9);
    let id = before[0][0]["recording_id"].as_str().unwrap().to_owned();
    lake.ecg(&["rerun", &id]).expect(0);
    assert_eq!(
        lake.count(&format!("select run from recordings where recording_id = '{id}'")),
        1
    );
    assert_eq!(lake.count("select count(*) from recordings"), 9);
    let_a_day_pass(&lake);
    lake.ecg(&["compact"]).expect(0);
    assert_eq!(lake.count("select count(*) from recordings"), 9);
    assert_eq!(
        (files(&lake, "segments"), files(&lake, "compact/segments")),
        (0, 1)
    );
}

/// Another engine reads the tables through the locations of the catalog, before and after.
#[test]
fn duckdb_gives_the_same_answers_through_the_views() {
    let Some(python) = python_with(&["duckdb"]) else {
        return;
    };
    let lake = TestLake::new();
    lake.run(&synth(&lake, "some", 0..3), 0);
    lake.run(&malformed(), 1);
    let script = "import duckdb, sys\n\
                  duckdb.sql(open(sys.argv[1]).read())\n\
                  print([duckdb.sql(sql).fetchall()[0] for sql in sys.argv[2:]])";
    let queries = [
        "select count(*), count(distinct dt), min(dt) < '2100' from segments",
        "select count(*), count(heart_rate_bpm) from recordings",
        "select count(*), sum(sample) from beats",
        "select count(*), count(cause) from rejections",
        "select count(*), round(sum(mv), 6), round(sum(ecg_data), 6), sum(missing::int) from samples",
        "select count(*) from current",
        "select count(*) from unresolved",
        "select count(*) from windows",
    ];
    let answers = |when: &str| {
        let file = lake.beside("lake.sql");
        fs::write(&file, lake.ecg(&["views"]).expect(0).stdout).unwrap();
        let answers = run(&python, script, &[&[text(&file)][..], &queries].concat());
        assert!(answers.contains("(3, 1, True)"), "{when}: {answers}");
        answers
    };
    let before = answers("before");
    lake.ecg(&["compact", "--keep-days", "0"]).expect(0);
    assert_eq!(answers("after"), before);
    let counted = lake.count("select count(*) from samples");
    assert!(before.contains(&format!("({counted}, ")), "{before}");
    let athena = lake
        .ecg(&["views", "--engine", "athena", "--at", "s3://bucket/processed/"])
        .expect(0)
        .stdout;
    assert!(
        athena.contains("SET LOCATION 's3://bucket/processed/compact/beats/dt="),
        "{athena}"
    );
    let refused = lake.ecg(&["views", "--engine", "athena"]).expect(2);
    assert!(refused.stderr.contains("--at"), "{refused:?}");
}

#[test]
fn two_hundred_kills_and_a_reader_that_never_counts_wrong() {
    let lake = TestLake::new();
    let mut chance = StdRng::seed_from_u64(13);
    lake.run(&synth(&lake, "start", 0..4), 0);
    let rows_each = lake.count("select count(*) from segments") / 4;
    // Recordings whose execution has succeeded, and those that were begun.
    let known = Mutex::new((4_u64, 4_u64));
    let (ends, mut landed, mut made) = (AtomicBool::new(false), 0, 4);
    let mut reads = 0;
    scope(|threads| {
        let reader = threads.spawn(|| {
            let mut reads = 0;
            while !ends.load(Ordering::Relaxed) {
                let least = known.lock().unwrap().0;
                let found = &lake.query(
                    "select (select count(*) from recordings) r, (select count(distinct recording_id) from recordings) rd, \
                     (select count(*) from segments) s, (select count(distinct recording_id) from segments) sd",
                )[0];
                let most = known.lock().unwrap().1;
                let [r, rd, s, sd] = ["r", "rd", "s", "sd"].map(|name| found[name].as_u64().unwrap());
                assert_eq!((r, s), (rd, sd * rows_each), "no row twice: {found}");
                assert!((least..=most).contains(&r) && (least..=most).contains(&sd), "{least} to {most}: {found}");
                reads += 1;
            }
            reads
        });
        // The reader ends, too, where this thread fails.
        let at_the_end = Ends(&ends);
        for kill in 0..KILLS {
            let late = lake.beside("late");
            let args: Vec<String> = match chance.random_range(0..4) {
                0 => {
                    let more = chance.random_range(1..3);
                    synth(&lake, "late", made..made + more);
                    made += more;
                    known.lock().unwrap().1 = made as u64;
                    vec!["run".into(), text(&late).into()]
                }
                1 => {
                    let ids: BTreeSet<String> = lake
                        .runs()
                        .iter()
                        .map(|run| run["key"].as_str().unwrap().to_owned())
                        .collect();
                    let ids: Vec<String> = ids.into_iter().collect();
                    vec!["rerun".into(), ids.choose(&mut chance).unwrap().clone()]
                }
                _ => {
                    let keep = if chance.random_bool(0.3) { "0" } else { "30" };
                    vec!["compact".into(), "--keep-days".into(), keep.into()]
                }
            };
            let words: Vec<&str> = args.iter().map(String::as_str).collect();
            let mut command = start(&lake.args(&words), fs::File::create(lake.beside("log")).unwrap());
            sleep(Duration::from_millis(chance.random_range(1..250)));
            landed += usize::from(command.try_wait().unwrap().is_none());
            command.kill().unwrap();
            command.wait().unwrap();
            if kill % 20 == 19 {
                // What was interrupted goes on.
                if late.is_dir() {
                    lake.run(&late, 0);
                }
                lake.ecg(&["compact"]).expect(0);
                if kill % 60 == 59 {
                    let_a_day_pass(&lake);
                }
            }
            let succeeded: BTreeSet<String> = lake
                .runs()
                .iter()
                .filter(|run| run["status"] == "SUCCEEDED")
                .map(|run| run["key"].as_str().unwrap().to_owned())
                .collect();
            known.lock().unwrap().0 = succeeded.len() as u64;
        }
        drop(at_the_end);
        reads = reader.join().unwrap();
    });
    println!("{landed} of {KILLS} kills landed, {reads} answers, {made} recordings");
    assert!(landed >= LANDED_AT_LEAST, "only {landed} kills landed");
    assert!(reads >= 50, "only {reads} answers");
    if lake.beside("late").is_dir() {
        lake.run(&lake.beside("late"), 0);
    }
    assert_eq!(lake.count("select count(*) from recordings"), made as u64);
    assert_eq!(
        lake.count("select count(distinct recording_id) from recordings"),
        made as u64
    );
}
