//! `ecg run` is killed (SIGKILL) at twenty random moments and run again to the end: the tables and the catalog are
//! byte for byte those of an undisturbed run, and every recording is accounted for once.

// A test that cannot go on stops: unwrap, expect and panic are how.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use ecg_tests::cli::{ecg, start};
use ecg_tests::files::{assert_same, copy_folder, malformed, recordings};
use ecg_tests::lake::{TestLake, text};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

const KILLS: usize = 20;

/// One test at a time: the other one's work would stretch the duration that the kills are spread over.
static ALONE: Mutex<()> = Mutex::new(());

/// Kills that have to land while the run is under way, neither before its first execution nor after its last.
const LANDED_AT_LEAST: usize = 10;

/// Good and bad recordings, among them long ones, so that a kill finds every step at work.
fn input(folder: &Path) -> PathBuf {
    let input = folder.join("input");
    copy_folder(&recordings(), &input.join("good"));
    copy_folder(&malformed(), &input.join("bad"));
    for (number, format) in ["mat4", "mat5-compressed", "mat4", "mat5"].iter().enumerate() {
        let file = input.join(format!("long/{number}.mat"));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let seed = number.to_string();
        let args = [
            "synth",
            text(&file),
            "--duration",
            "1h",
            "--leads",
            "2",
            "--format",
            format,
            "--seed",
            &seed,
        ];
        ecg(&args).expect(0);
    }
    input
}

#[test]
fn twenty_kills_leave_no_trace_in_the_tables() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let undisturbed = TestLake::new();
    let input = input(&undisturbed.beside(""));
    let began = Instant::now();
    undisturbed.run(&input, 1);
    let duration = began.elapsed();
    let expected = undisturbed.tables();
    let rows = |lake: &TestLake| {
        (
            lake.count("select count(*) from recordings"),
            lake.count("select count(*) from rejections"),
        )
    };
    let accounted = rows(&undisturbed);
    assert_eq!(accounted, (24, 32));
    let executions = undisturbed.runs().len();
    assert_eq!(executions, 24 + 32);

    // A fixed seed: a failure can be repeated, as far as the machine's timing allows.
    let mut chance = StdRng::seed_from_u64(20);
    let mut landed = 0;
    for number in 0..KILLS {
        let lake = TestLake::new();
        // Spread over the whole duration, one kill in each twentieth of it.
        let moment = duration.mul_f64((number as f64 + chance.random::<f64>()) / KILLS as f64);
        let closed = kill_after(&lake, &input, moment);
        landed += usize::from(closed.is_some_and(|closed| closed < executions));
        lake.run(&input, 1);
        assert_same(
            &format!("kill {number} after {moment:?}"),
            &expected,
            &lake.tables(),
        );
        assert_eq!(rows(&lake), accounted, "kill {number} after {moment:?}");
        let statuses: Vec<_> = lake.runs().iter().map(|run| run["status"].clone()).collect();
        assert_eq!(
            statuses
                .iter()
                .filter(|status| **status == json!("SUCCEEDED"))
                .count(),
            24
        );
        assert_eq!(
            statuses
                .iter()
                .filter(|status| **status == json!("FAILED"))
                .count(),
            32
        );
    }
    println!("{landed} of {KILLS} kills landed in the midst of a run of {duration:?}");
    assert!(
        landed >= LANDED_AT_LEAST,
        "only {landed} of {KILLS} kills landed in the midst of a run"
    );
}

#[test]
fn one_lake_survives_kill_after_kill() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let undisturbed = TestLake::new();
    let input = input(&undisturbed.beside(""));
    let began = Instant::now();
    undisturbed.run(&input, 1);
    let duration = began.elapsed();

    let lake = TestLake::new();
    let mut chance = StdRng::seed_from_u64(7);
    for _ in 0..8 {
        kill_after(&lake, &input, duration.mul_f64(chance.random_range(0.05..0.3)));
    }
    lake.run(&input, 1);
    assert_same(
        "the tables after many kills",
        &undisturbed.tables(),
        &lake.tables(),
    );
}

/// Starts a run and kills it: how many executions were closed then, or `None` if none had begun.
fn kill_after(lake: &TestLake, input: &Path, moment: Duration) -> Option<usize> {
    let log = File::create(lake.beside("log")).unwrap();
    let mut run = start(&lake.args(&["run", text(input)]), log);
    sleep(moment);
    // On Unix this is SIGKILL. A run that has ended by itself is no error.
    run.kill().unwrap();
    run.wait().unwrap();
    // A run that was killed before it had made the lake has none.
    let runs = lake.ecg(&["runs", "--json"]);
    let runs = (runs.status == 0).then(|| runs.json())?;
    let runs = runs.as_array()?;
    let closed = runs.iter().filter(|run| run["status"] != "INTERRUPTED").count();
    (!runs.is_empty()).then_some(closed)
}
