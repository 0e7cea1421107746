//! `ecg forget`: nothing of a recording is left in the lake, it does not come back, and nobody else's rows are touched.

// A test that cannot go on stops: unwrap, expect and panic are how.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

use arrow::array::AsArray;
use ecg_tables::TABLES;
use ecg_tests::cli::{ecg, paste, proposed, start};
use ecg_tests::files::{copy_file, files_below, malformed, recordings};
use ecg_tests::lake::{Ends, TestLake, text};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const ROUNDS: usize = 30;

/// A recording long enough for each table.
fn synth(file: &Path, seed: u64, duration: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let seed = seed.to_string();
    ecg(&["synth", text(file), "--duration", duration, "--seed", &seed]).expect(0);
}

/// Where one of these words is found below the lake: in a name, in bytes, or in a column of a table.
fn found(lake: &TestLake, words: &[&str]) -> Vec<String> {
    let mut places = Vec::new();
    for path in files_below(&lake.path()) {
        let bytes = fs::read(&path).unwrap();
        for word in words {
            let has = |bytes: &[u8]| bytes.windows(word.len()).any(|window| window == word.as_bytes());
            let in_a_row =
                || path.extension().is_some_and(|ending| ending == "parquet") && has(&texts(&path));
            if has(text(&path).as_bytes()) || has(&bytes) || in_a_row() {
                places.push(format!("{word} in {}", path.display()));
            }
        }
    }
    places
}

/// All columns of text of a Parquet file.
fn texts(path: &Path) -> Vec<u8> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let mut all = Vec::new();
    for batch in reader.build().unwrap() {
        for column in batch.unwrap().columns() {
            if let Some(texts) = column.as_string_opt::<i32>() {
                texts
                    .iter()
                    .flatten()
                    .for_each(|text| all.extend_from_slice(text.as_bytes()));
            }
        }
    }
    all
}

/// The rows of a recording by table.
fn rows_of(lake: &TestLake, condition: &str) -> Vec<u64> {
    let tables = TABLES.iter();
    tables
        .map(|table| lake.count(&format!("select count(*) from {} where {condition}", table.name)))
        .collect()
}

#[test]
fn no_byte_is_left_in_any_table_whatever_was_compacted() {
    let lake = TestLake::new();
    let uploads = lake.beside("uploads");
    let (gone, stays) = (uploads.join("zq7/gone.mat"), uploads.join("zq8/stays.mat"));
    synth(&gone, 1, "70s");
    synth(&stays, 2, "70s");
    lake.run(&uploads, 0);
    // A second version of the upload, a failed run of it, and a rerun; the same bytes under another key, rejected without a header.
    let first = fs::read(&gone).unwrap();
    synth(&gone, 3, "70s");
    lake.run(&uploads, 0);
    fs::write(&gone, &first[..first.len() / 2]).unwrap();
    lake.run(&uploads, 1);
    let twin = uploads.join("zq9/twin.mat");
    fs::create_dir_all(twin.parent().unwrap()).unwrap();
    fs::write(&twin, &first).unwrap();
    lake.run(&uploads, 1);
    let id = lake
        .runs()
        .iter()
        .find(|run| run["key"] == "uploads/zq7/gone.mat")
        .unwrap()["execution"]
        .as_str()
        .unwrap()
        .to_owned();
    lake.ecg(&["rerun", &id]).expect(0);
    // The row of a failed rerun has a name of its own.
    let rerun_what_failed = || {
        let runs = lake.runs();
        let failed = runs
            .iter()
            .find(|run| run["key"] == "uploads/zq7/gone.mat" && run["status"] == "FAILED");
        let failed = failed.unwrap()["execution"].as_str().unwrap();
        lake.ecg(&["rerun", failed]).expect(1);
    };
    rerun_what_failed();
    let gone_rows = rows_of(&lake, "recording_id like '%gone%'");
    assert!(
        gone_rows.iter().all(|rows| *rows > 0),
        "each table has rows: {gone_rows:?}"
    );
    let others = "recording_id like '%stays%'";
    let before = rows_of(&lake, others);

    for (keep, seals) in [(None, false), (Some("30"), false), (Some("0"), true)] {
        if let Some(keep) = keep {
            lake.ecg(&["compact", "--keep-days", keep]).expect(0);
            if seals {
                lake.ecg(&["compact", "--keep-days", keep]).expect(0);
            }
        }
        // Without --yes nothing happens.
        let everything = lake.tables();
        let dry = lake.ecg(&["forget", "--key", "uploads/zq7/"]).expect(0);
        assert!(dry.stdout.contains("would erase 4 recordings"), "{dry:?}");
        assert!(
            dry.stdout
                .contains("uploads/zq9/twin.mat  (the same bytes as uploads/zq7/gone.mat)"),
            "{dry:?}"
        );
        assert_eq!(lake.tables(), everything);

        let command = proposed(&dry.stdout).pop().unwrap();
        let erased = paste(&command).expect(0);
        assert!(erased.stdout.contains("erased 4 recordings"), "{erased:?}");
        let words = ["zq7", "zq9", "gone", "twin"];
        assert_eq!(found(&lake, &words), Vec::<String>::new(), "keep {keep:?}");
        let signal = &first[first.len() / 3..][..64];
        for file in files_below(&lake.path()) {
            let bytes = fs::read(&file).unwrap();
            assert!(
                !bytes.windows(64).any(|window| window == signal),
                "{}",
                file.display()
            );
        }
        assert_eq!(rows_of(&lake, others), before);
        assert_eq!(rows_of(&lake, "recording_id not like '%stays%'"), [0; 5]);

        // It does not come back, under this key or another one.
        let run = lake.ecg(&["run", text(&uploads)]).expect(0);
        assert!(run.stdout.contains("left out: 2"), "{run:?}");
        let renamed = lake.beside("renamed/other.mat");
        copy_file(&twin, &renamed);
        let run = lake.ecg(&["run", text(&renamed)]).expect(0);
        assert!(run.stdout.contains("left out: 1"), "{run:?}");
        assert_eq!(rows_of(&lake, "recording_id not like '%stays%'"), [0; 5]);
        lake.ecg(&["rerun", &id]).expect(2);
        lake.ecg(&["redrive", &id]).expect(2);

        // For the next form of the day: other bytes under the same keys.
        let seed = 10 + before.len() as u64 + keep.map_or(0, |keep| 1 + keep.len() as u64);
        synth(&gone, seed, "70s");
        lake.run(&uploads, 0);
        let more: Vec<u8> = fs::read(&gone).unwrap();
        fs::write(&twin, &more).unwrap();
        // The twin has no header, and is rejected.
        lake.run(&uploads, 1);
        fs::write(&gone, &more[..more.len() / 2]).unwrap();
        lake.run(&uploads, 1);
        fs::write(&gone, &more[..more.len() / 3]).unwrap();
        lake.run(&uploads, 1);
        rerun_what_failed();
    }
}

#[test]
fn by_subject_and_by_a_part_of_an_id_and_the_own_file_stays() {
    let lake = TestLake::new();
    lake.run(&recordings(), 0);
    let all = lake.count("select count(*) from recordings");
    let subject =
        lake.query("select subject_id, count(*) n from recordings where subject_id is not null group by 1");
    let (subject, many) = (
        subject[0]["subject_id"].as_str().unwrap(),
        subject[0]["n"].as_u64().unwrap(),
    );
    lake.ecg(&["forget", "--subject", subject, "--yes"]).expect(0);
    assert_eq!(lake.count("select count(*) from recordings"), all - many);

    // Rejected ones as well.
    let ward = lake.beside("ward");
    copy_file(
        &recordings().join("header/two-leads.mat"),
        &ward.join("P018/cut.mat"),
    );
    let cut = fs::read(ward.join("P018/cut.mat")).unwrap();
    fs::write(ward.join("P018/cut.mat"), &cut[..cut.len() / 2]).unwrap();
    fs::write(
        ward.join("ecg-profiles.toml"),
        "[[profile]]\nname = 'ward'\npattern = '(?P<subject_id>P[0-9]+)/'\nsampling_frequency_hz = 360\ngain = 200\n",
    )
    .unwrap();
    lake.run(&ward, 1);
    let rejected =
        "select source_key from rejections where subject_id = 'P018' and content_sha256 is not null";
    assert_eq!(lake.query(rejected).len(), 1);
    lake.ecg(&["forget", "--subject", "P018", "--yes"]).expect(0);
    assert_eq!(lake.query(rejected).len(), 0);
    assert_eq!(found(&lake, &["P018"]), Vec::<String>::new());

    // The header goes with its recording, and the file that was linked stays where it came from.
    let own = lake.beside("own/one.mat");
    copy_file(&recordings().join("header/two-leads.mat"), &own);
    copy_file(
        &recordings().join("header/two-leads.hea"),
        &own.with_extension("hea"),
    );
    fs::write(&own, [fs::read(&own).unwrap(), vec![0; 8]].concat()).unwrap();
    lake.ecg(&["run", text(&own), "--link", "--prefix", "mine"]);
    let answer = lake
        .ecg(&["forget", "mine-own-one", "--yes", "--json"])
        .expect(0)
        .json();
    assert_eq!(answer["recordings"][0]["key"], "mine/own/one.mat");
    assert_eq!(answer["own_files"].as_array().unwrap().len(), 2, "{answer}");
    assert!(own.is_file() && own.with_extension("hea").is_file());
    assert_eq!(found(&lake, &["mine"]), Vec::<String>::new());
    assert!(!lake.path().join("local/mine").exists());

    // What is not there, and what would be everything.
    let none = lake.ecg(&["forget", "--subject", "nobody", "--yes"]).expect(2);
    assert!(none.stderr.contains("found none"), "{none:?}");
    lake.ecg(&["forget", "--key", "", "--yes"]).expect(2);
    lake.ecg(&["forget", "no-such-id", "--yes"]).expect(2);
}

#[test]
fn a_header_stays_as_long_as_another_recording_needs_it() {
    let lake = TestLake::new();
    let folder = lake.beside("pair");
    for ending in ["mat", "hea"] {
        copy_file(
            &recordings().join(format!("header/two-leads.{ending}")),
            &folder.join(format!("two-leads.{ending}")),
        );
    }
    copy_file(
        &malformed().join("truncated-level4.mat"),
        &folder.join("two-leads.dat"),
    );
    lake.ecg(&["run", text(&folder)]);
    let header = lake.path().join("local/pair/two-leads.hea");
    lake.ecg(&["forget", "--key", "pair/two-leads.dat", "--yes"])
        .expect(0);
    assert!(header.is_file());
    lake.ecg(&["forget", "--key", "pair/two-leads.mat", "--yes"])
        .expect(0);
    assert!(!header.exists());
    assert_eq!(found(&lake, &["two-leads"]), Vec::<String>::new());
}

/// Killed at any moment it goes on where it was, and whoever reads meanwhile gets all other rows once, or is told that a file went.
#[test]
fn kills_and_a_reader_of_the_other_rows() {
    let lake = TestLake::new();
    let mut chance = StdRng::seed_from_u64(27);
    let kept = lake.beside("kept");
    for number in 0..3 {
        synth(&kept.join(format!("k{number}.mat")), number, "10s");
    }
    lake.run(&kept, 0);
    let each = lake.count("select count(*) from segments") / 3;
    let (ends, mut landed) = (AtomicBool::new(false), 0);
    let mut answers = (0, 0);
    scope(|threads| {
        let reader = threads.spawn(|| {
            let (mut right, mut refused) = (0, 0);
            let sql = "select count(*) s, count(distinct recording_id) d from segments where recording_id like 'kept-%'";
            while !ends.load(Ordering::Relaxed) {
                let answer = lake.ecg(&["query", sql, "--format", "json"]);
                if answer.status != 0 {
                    assert!(answer.stderr.contains("not found"), "{answer:?}");
                    refused += 1;
                    continue;
                }
                let row = &answer.json()[0];
                assert_eq!((row["s"].as_u64(), row["d"].as_u64()), (Some(3 * each), Some(3)), "{row}");
                right += 1;
            }
            (right, refused)
        });
        // The reader ends, too, where this thread fails.
        let at_the_end = Ends(&ends);
        for round in 0..ROUNDS {
            let gone: PathBuf = lake.beside(&format!("gone{round}"));
            for number in 0..2 {
                synth(
                    &gone.join(format!("g{number}.mat")),
                    100 + round as u64 * 2 + number,
                    "10s",
                );
            }
            lake.run(&gone, 0);
            match chance.random_range(0..4) {
                0 => {}
                1 => _ = lake.ecg(&["compact"]).expect(0),
                _ => _ = lake.ecg(&["compact", "--keep-days", "0"]).expect(0),
            }
            let prefix = format!("gone{round}/");
            let args = lake.args(&["forget", "--key", &prefix, "--yes"]);
            for _ in 0..2 {
                let mut command = start(&args, File::create(lake.beside("log")).unwrap());
                sleep(Duration::from_millis(chance.random_range(1..150)));
                landed += usize::from(command.try_wait().unwrap().is_none());
                command.kill().unwrap();
                command.wait().unwrap();
            }
            // Either it was done, and nothing is found, or this does the rest.
            let last = lake.ecg(&["forget", "--key", &prefix, "--yes"]);
            assert!(last.status == 0 || last.stderr.contains("found none"), "{last:?}");
            assert_eq!(
                found(&lake, &[&format!("gone{round}")]),
                Vec::<String>::new(),
                "round {round}"
            );
        }
        drop(at_the_end);
        answers = reader.join().unwrap();
    });
    println!(
        "{landed} kills landed; the reader got {} answers and was refused {} times",
        answers.0, answers.1
    );
    assert!(landed >= ROUNDS / 3, "only {landed} kills landed");
    assert!(answers.0 >= 20, "only {} answers", answers.0);
    assert_eq!(lake.count("select count(*) from recordings"), 3);
}
