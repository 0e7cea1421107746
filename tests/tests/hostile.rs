//! Odd names, odd folders, odd moments: nothing panics, nothing is silently left out.

// A test that cannot go on stops: unwrap, expect and panic are how.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ecg_tests::cli::{binary, command, ecg, finish, start, with_permissions};
use ecg_tests::files::{copy_file, malformed, recordings};
use ecg_tests::lake::{TestLake, text};
use serde_json::json;

#[test]
fn odd_names_are_keys_like_any_other() {
    let lake = TestLake::new();
    let folder = lake.beside("odd");
    let deep = "d/".repeat(60);
    let mut keys = vec![
        "with space.mat".to_owned(),
        "a+b.mat".to_owned(),
        "100%.mat".to_owned(),
        "%2B.mat".to_owned(),
        "日本/ü ö.mat".to_owned(),
        "quote'\"$(x);.mat".to_owned(),
        "-leading.mat".to_owned(),
        "a=b&c=d.mat".to_owned(),
        "dt=2020-01-01/x.mat".to_owned(),
        "upper.MAT".to_owned(),
        format!("{deep}deep.mat"),
        format!("{}.mat", "n".repeat(200)),
    ];
    for key in &keys {
        copy_file(&recordings().join("formats/level5.mat"), &folder.join(key));
    }
    let summary = lake.run(&folder, 0);
    assert_eq!(summary["accepted"], json!(keys.len()));
    let mut found: Vec<String> = lake
        .query("select source_key from recordings")
        .iter()
        .map(|row| row["source_key"].as_str().unwrap().to_owned())
        .collect();
    found.sort();
    keys.sort();
    let keys: Vec<String> = keys.iter().map(|key| format!("odd/{key}")).collect();
    assert_eq!(found, keys);
    assert_eq!(
        lake.count("select count(distinct recording_id) from segments"),
        keys.len() as u64
    );
    // And again: the keys are found again.
    assert!(
        lake.run(&folder, 0)["recordings"]
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["done_before"] == json!(true))
    );
}

#[test]
fn what_can_not_be_read_is_said_and_the_rest_goes_on() {
    let lake = TestLake::new();
    let folder = lake.beside("locked");
    for name in ["good.mat", "locked.mat"] {
        copy_file(&recordings().join("formats/level5.mat"), &folder.join(name));
    }
    copy_file(
        &recordings().join("formats/level5.mat"),
        &folder.join("closed/inside.mat"),
    );
    let Some(run) = with_permissions(&lake.args(&["run", text(&folder), "--json"])) else {
        return;
    };
    let set_mode = |name: &str, mode| {
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    set_mode("locked.mat", 0o000);
    set_mode("closed", 0o000);
    let answer = finish(run);
    // So that the folder can be removed.
    set_mode("closed", 0o700);
    let summary = answer.expect(1).json();
    let problem = summary["problems"][0].as_str().unwrap();
    assert!(
        problem.contains("closed: ") && problem.contains("denied"),
        "{problem}"
    );
    assert_eq!(
        (&summary["accepted"], &summary["rejected"], &summary["failed"]),
        (&json!(1), &json!(0), &json!(1))
    );
    let reason = summary["recordings"][1]["reason"].as_str().unwrap();
    assert!(
        reason.contains("locked.mat") && reason.contains("denied"),
        "{reason}"
    );
}

#[test]
fn nothing_to_run_is_an_error_that_says_what_was_expected() {
    let lake = TestLake::new();
    let folder = lake.beside("empty");
    fs::create_dir_all(&folder).unwrap();
    let answer = lake.ecg(&["run", text(&folder)]).expect(2);
    assert!(
        answer.stderr.contains(
            "no recording found: expected files whose names end in .bdf, .dat, .edf or .mat, found none; make one"
        ),
        "{}",
        answer.stderr
    );
    let nowhere = lake.ecg(&["run", text(&lake.beside("nowhere"))]).expect(2);
    assert!(nowhere.stderr.contains("nowhere"), "{}", nowhere.stderr);
    let unnamed = lake
        .ecg(&["run", text(&recordings().join("beats.json"))])
        .expect(2);
    assert!(
        unnamed.stderr.contains("ends in .bdf, .dat, .edf or .mat"),
        "{}",
        unnamed.stderr
    );
    assert!(!lake.path().exists(), "what cannot run makes no lake");
}

#[test]
fn a_lake_that_is_not_there_is_an_error_that_says_what_to_type() {
    let lake = TestLake::new();
    for args in [
        &["query", "select 1"][..],
        &["runs"],
        &["show", "x"],
        &["redrive", "x"],
    ] {
        let answer = lake.ecg(args).expect(2);
        assert!(
            answer.stderr.contains("expected a lake, found none") && answer.stderr.contains("ecg run PATH"),
            "{args:?}: {}",
            answer.stderr
        );
    }
    assert!(!lake.path().exists(), "looking makes no lake");
}

#[test]
fn a_second_run_in_the_same_lake_is_refused() {
    let lake = TestLake::new();
    let long = lake.beside("long.mat");
    ecg(&["synth", text(&long), "--duration", "3h"]).expect(0);
    let mut first = start(
        &lake.args(&["run", text(&long)]),
        File::create(lake.beside("log")).unwrap(),
    );
    // The lock stands before the first execution does.
    lake.wait_for_an_execution();
    let second = lake.ecg(&["run", text(&recordings())]);
    let still_running = first.try_wait().unwrap().is_none();
    // Reading is allowed beside a run.
    lake.ecg(&["query", "select count(*) from recordings"]).expect(0);
    assert!(first.wait().unwrap().success());
    assert!(still_running, "the first run ended too early for this test");
    assert_eq!(second.status, 2, "{second:?}");
    assert!(
        second.stderr.contains("another `ecg` is working in this lake"),
        "{}",
        second.stderr
    );
    assert_eq!(lake.count("select count(*) from recordings"), 1);
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let lake = TestLake::new();
    lake.run(&recordings(), 0);
    let folder = recordings();
    let file = folder.join("header/two-leads.mat");
    let all: [Vec<std::ffi::OsString>; 4] = [
        lake.args(&["query", "select * from samples"]),
        lake.args(&["query", "select * from samples", "--format", "json"]),
        lake.args(&["run", text(&folder)]),
        ["inspect", text(&file), "--variable", "val", "--csv"]
            .map(Into::into)
            .to_vec(),
    ];
    for args in all {
        let mut child = command(&args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Closed before a byte was read, as by `| head -0`.
        drop(child.stdout.take());
        let mut errors = String::new();
        child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        child.wait().unwrap();
        assert!(
            !errors.contains("panicked") && !errors.to_lowercase().contains("broken pipe"),
            "{args:?}: {errors}"
        );
    }
}

#[test]
fn a_directory_named_as_a_recording_is_a_folder() {
    let lake = TestLake::new();
    let folder = lake.beside("tricky");
    copy_file(
        &recordings().join("formats/level5.mat"),
        &folder.join("folder.mat/inside.mat"),
    );
    let summary = lake.run(&folder, 0);
    assert_eq!(
        summary["recordings"][0]["key"],
        json!("tricky/folder.mat/inside.mat")
    );
}

/// What is printed to be typed can be typed.
#[test]
fn a_lake_with_a_space_in_its_name_is_quoted() {
    let folder = TestLake::new();
    let lake = folder.beside("my lake");
    let file = malformed().join("constant.mat");
    let answer = ecg(&["run", text(&file), "--lake", text(&lake)]).expect(1);
    let quoted = format!("--lake '{}'", lake.display());
    let lines: Vec<&str> = answer
        .stdout
        .lines()
        .filter(|line| line.contains("ecg show malformed-constant-"))
        .collect();
    assert!(
        !lines.is_empty() && lines.iter().all(|line| line.ends_with(&quoted)),
        "{lines:?}"
    );
}

#[test]
fn a_query_takes_the_name_of_a_lake_as_it_is_and_makes_no_folder() {
    let folder = TestLake::new();
    let lake = folder.beside("L [x]* %20?");
    let file = recordings().join("formats/level5.mat");
    ecg(&["run", text(&file), "--lake", text(&lake)]).expect(0);
    let count = |table: &str| {
        let sql = format!("select count(*) as n from {table}");
        let answer = ecg(&["query", &sql, "--format", "csv", "--lake", text(&lake)]).expect(0);
        answer.stdout.lines().last().map(str::to_owned)
    };
    assert_eq!(count("recordings").as_deref(), Some("1"));
    assert_eq!(count("rejections").as_deref(), Some("0"));
    assert_eq!(count("unresolved").as_deref(), Some("0"));
    assert!(!lake.join("processed/rejections").exists());
}

/// No step waits for what only the end of another step would free: any number of executions at a time ends, and says so where
/// it is less than was asked for.
#[test]
fn any_number_of_jobs_ends_on_one_and_two_processors() {
    if Command::new("taskset").arg("--version").output().is_err() {
        println!("skipped: there is no taskset, which gives a process fewer processors");
        return;
    }
    for processors in ["0", "0,1"] {
        for jobs in ["1", "2", "16", "64", "1000"] {
            let lake = TestLake::new();
            let mut limited = Command::new("taskset");
            limited.args(["-c", processors]).arg(binary());
            limited.args(lake.args(&["run", text(&recordings()), "--jobs", jobs]));
            let (status, output) = within(Duration::from_secs(120), limited);
            assert_eq!(
                status,
                Some(0),
                "{jobs} jobs on processors {processors}: {output}"
            );
            let capped = output.contains(&format!("--jobs {jobs}: 32 at a time"));
            assert_eq!(capped, jobs == "64" || jobs == "1000", "{output}");
            assert_eq!(lake.count("select count(*) from recordings"), 20);
        }
    }
}

/// Runs a command with both outputs together; no status if it had to be stopped.
fn within(limit: Duration, mut command: Command) -> (Option<i32>, String) {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut child = command
        .stdout(writer.try_clone().unwrap())
        .stderr(writer)
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    drop(command);
    let text = std::thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    });
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        if began.elapsed() > limit {
            child.kill().unwrap();
            child.wait().unwrap();
            break None;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    (status, text.join().unwrap())
}

/// `2>&1 | head -1`: the work goes on, and the exit status tells of the work.
#[test]
fn work_goes_on_when_the_reader_of_its_messages_went_away() {
    let lake = TestLake::new();
    let whole = TestLake::new();
    let ended = whole.ecg(&["run", text(&malformed())]).expect(1);
    let redriven = whole.ecg(&["redrive", "--all"]).expect(1);
    assert!(!ended.stdout.is_empty() && !redriven.stdout.is_empty());
    for args in [vec!["run", text(&malformed())], vec!["redrive", "--all"]] {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut command = command(&lake.args(&args));
        let mut child = command
            .stdout(writer.try_clone().unwrap())
            .stderr(writer)
            .spawn()
            .unwrap();
        drop(command);
        let mut first = [0; 1];
        let _ = reader.read(&mut first).unwrap();
        drop(reader);
        assert_eq!(child.wait().unwrap().code(), Some(1), "{args:?}");
    }
    let ends = |lake: &TestLake| {
        let mut ends: Vec<(String, String, u64)> = lake
            .runs()
            .iter()
            .map(|run| {
                let text = |name: &str| run[name].as_str().unwrap().to_owned();
                (
                    text("execution"),
                    text("status"),
                    run["redrives"].as_u64().unwrap(),
                )
            })
            .collect();
        ends.sort();
        ends
    };
    assert_eq!(ends(&lake), ends(&whole));
    assert!(
        ends(&lake)
            .iter()
            .all(|(_, status, redrives)| status == "FAILED" && *redrives == 1)
    );
}

#[test]
fn one_bad_entry_does_not_stop_a_folder() {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    let lake = TestLake::new();
    let folder = lake.beside("folder");
    copy_file(
        &recordings().join("formats/level5.mat"),
        &folder.join("sub/good.mat"),
    );
    symlink("nowhere.mat", folder.join("dangling.mat")).unwrap();
    symlink("..", folder.join("sub/loop")).unwrap();
    fs::write(folder.join(std::ffi::OsStr::from_bytes(b"\xff.mat")), "x").unwrap();
    fs::write(folder.join("bell\u{7}\u{1b}[31m.mat"), "x").unwrap();
    let answer = lake.ecg(&["run", text(&folder)]).expect(1);
    let shown = &answer.stdout;
    assert!(
        shown.contains("2 recordings: 1 accepted, 1 rejected; could not be read: 3;"),
        "{shown}"
    );
    for expected in [
        "dangling.mat: a link to nowhere.mat",
        "sub/loop: a link back to",
        "expected a name in UTF-8",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    let printed = format!("{shown}{}", answer.stderr);
    assert!(
        !printed.contains('\u{1b}') && !printed.contains('\u{7}'),
        "{printed}"
    );
    assert_eq!(lake.count("select count(*) from recordings"), 1);
    let json = lake.run(&folder, 1);
    assert_eq!(json["problems"].as_array().unwrap().len(), 3);
}

/// Whoever opens a named pipe waits for a writer. Neither it nor a device nor a link that leads nowhere stops the others.
#[test]
fn what_is_no_file_is_counted_and_the_rest_runs() {
    use std::os::unix::fs::symlink;

    let lake = TestLake::new();
    let folder = lake.beside("folder");
    copy_file(&recordings().join("formats/level5.mat"), &folder.join("good.mat"));
    for name in ["pipe.mat", "good.hea"] {
        let made = Command::new("mkfifo").arg(folder.join(name)).status();
        assert!(made.unwrap().success());
    }
    symlink("/dev/zero", folder.join("zero.mat")).unwrap();
    symlink("nowhere.mat", folder.join("dangling.mat")).unwrap();
    let given = ["dangling.mat", "good.mat", "pipe.mat", "zero.mat"].map(|name| folder.join(name));
    let mut each = vec!["run"];
    each.extend(given.iter().map(|path| text(path)));
    for args in [&["run", text(&folder)][..], &each] {
        let (status, printed) = within(Duration::from_secs(60), command(&lake.args(args)));
        assert_eq!(status, Some(1), "{args:?}: {printed}");
        assert!(
            printed.contains("1 recording: 1 accepted, 0 rejected")
                && printed.contains("could not be read: 3;"),
            "{args:?}: {printed}"
        );
        for expected in [
            "pipe.mat: expected a file, found a named pipe",
            "zero.mat: expected a file, found a device",
            "dangling.mat: a link to nowhere.mat, which is not there",
        ] {
            assert!(printed.contains(expected), "{expected}: {printed}");
        }
    }
    // Nothing of the command is meant where a path is not there at all.
    let nowhere = folder.join("nowhere.mat");
    lake.ecg(&["run", text(&given[1]), text(&nowhere)]).expect(2);
}

/// Two files of one key in one command: the second one can be read, so that is not what is said.
#[test]
fn a_key_that_comes_twice_is_called_so() {
    let lake = TestLake::new();
    let (one, other) = (lake.beside("a/ward"), lake.beside("b/ward"));
    copy_file(&recordings().join("formats/level5.mat"), &one.join("x.mat"));
    copy_file(
        &recordings().join("formats/level5-compressed.mat"),
        &other.join("x.mat"),
    );
    let shown = lake.ecg(&["run", text(&one), text(&other)]).expect(1).stdout;
    assert!(
        shown.contains("left out, because another file has the key: 1;")
            && !shown.contains("could not be read")
            && shown.contains("--prefix"),
        "{shown}"
    );
}

/// What somebody typed comes back with its control characters written out.
#[test]
fn control_characters_of_arguments_do_not_reach_the_terminal() {
    let lake = TestLake::new();
    lake.run(&recordings().join("formats/level5.mat"), 0);
    let text_in_red = "\u{1b}[31m";
    let file = format!("nosuch{text_in_red}.mat");
    for args in [
        &["run", file.as_str()][..],
        &["show", text_in_red],
        &["rerun", text_in_red],
        &["redrive", text_in_red],
        &["query", text_in_red],
    ] {
        let answer = lake.ecg(args).expect(2);
        assert!(
            !answer.stderr.contains('\u{1b}') && answer.stderr.contains(r"\u{1b}"),
            "{args:?}: {:?}",
            answer.stderr
        );
    }
}

/// Each rejection is told once, with the command that can help and without one that cannot.
#[test]
fn a_rejection_is_told_once() {
    let lake = TestLake::new();
    let answer = lake
        .ecg(&["run", text(&malformed().join("constant.mat"))])
        .expect(1);
    let all = format!("{}{}", answer.stdout, answer.stderr);
    assert_eq!(all.matches("a signal that changes").count(), 1, "{all}");
    assert!(
        !all.contains("ecg redrive") && all.contains("needs another file; what is read: docs/inputs.md"),
        "{all}"
    );
    assert!(all.contains("1 recording: 0 accepted, 1 rejected"), "{all}");
}

/// Ctrl-C ends a run with a word about what the next one does.
#[test]
fn an_interrupted_run_says_that_the_next_one_goes_on() {
    let lake = TestLake::new();
    let long = lake.beside("long.mat");
    ecg(&["synth", text(&long), "--duration", "3h"]).expect(0);
    let log = lake.beside("log");
    let mut child = start(&lake.args(&["run", text(&long)]), File::create(&log).unwrap());
    lake.wait_for_an_execution();
    let interrupt = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(interrupt.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let said = fs::read_to_string(&log).unwrap();
    assert!(
        said.contains("the same command goes on where this one stopped"),
        "{said}"
    );
    lake.ecg(&["run", text(&long)]).expect(0);
}
