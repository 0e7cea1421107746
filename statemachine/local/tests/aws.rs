//! `--aws`, from the command line to the requests: the real binary against a Step Functions that this test plays.

// Helpers of tests fail the test.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "aws/played.rs"]
mod played;

use std::io::{BufRead, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output};

use ecg_testing::golden::check;
use played::{Played, execution, failed_history};
use serde_json::{Value, json};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/aws");
const ARN: &str = "arn:aws:states:eu-central-1:123456789012:execution:ecg-pipeline";

fn ecg(played: &Played, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ecg"))
        .args(arguments)
        .env_clear()
        .env("AWS_REGION", "eu-central-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_ENDPOINT_URL", played.url())
        .output()
        .unwrap()
}

/// Standard output of a command that ends with this status.
fn said(played: &Played, status: i32, arguments: &[&str]) -> String {
    let output = ecg(played, arguments);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Standard error of a command that cannot be run.
fn refused(played: &Played, arguments: &[&str]) -> String {
    let output = ecg(played, arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// Five recordings: one good, one rejected, one that ran out of time, one whose rerun succeeded, one whose rerun failed.
fn some() -> Played {
    let rejected =
        json!({ "errorType": "Rejected", "errorMessage": "val: expected 2 leads, found 0" }).to_string();
    let failed = |name: &str, minute: u32| {
        let mut execution = execution(name, "FAILED", minute);
        execution["error"] = json!("Rejected");
        execution["cause"] = json!(rejected);
        // What AWS says of a caught failure, and what would not help.
        execution["redriveStatus"] = json!("REDRIVABLE");
        execution
    };
    let mut late = execution("late-3", "TIMED_OUT", 3);
    late["redriveStatus"] = json!("REDRIVABLE");
    Played::new(vec![
        execution("good-1", "SUCCEEDED", 1),
        failed("bad-2", 2),
        late,
        failed("mended-4", 4),
        failed("twice-5", 5),
        execution("mended-4-r1", "SUCCEEDED", 6),
        failed("twice-5-r1", 7),
        execution("now-8", "RUNNING", 8),
    ])
}

#[test]
fn executions_are_listed() {
    let played = some();
    check(
        format!("{GOLDEN}/runs.txt"),
        &said(&played, 0, &["runs", "--aws"]),
    );
    let failed = said(&played, 0, &["runs", "--aws", "--failed"]);
    check(format!("{GOLDEN}/runs-failed.txt"), &failed);
    let newest = said(
        &played,
        0,
        &["runs", "--aws", "--failed", "--limit", "1", "--json"],
    );
    check(format!("{GOLDEN}/runs-newest-failed.json"), &newest);
    assert_eq!(
        said(&Played::new(vec![]), 0, &["runs", "--aws"]),
        "no executions\n"
    );
}

#[test]
fn an_execution_is_shown() {
    let played = some();
    let page = said(&played, 0, &["show", "--aws", "bad-2"]);
    check(format!("{GOLDEN}/show.txt"), &page);
    // By a part of the name, and by its ARN, which says machine and region itself.
    assert_eq!(said(&played, 0, &["show", "--aws", "ad-"]), page);
    let arn = format!("{ARN}:bad-2");
    let by_arn = ["show", "--aws", &arn, "--state-machine", "another"];
    assert_eq!(said(&played, 0, &by_arn), page);
    check(
        format!("{GOLDEN}/show.json"),
        &said(&played, 0, &["show", "--aws", "bad-2", "--json"]),
    );

    let history: Value =
        serde_json::from_str(&said(&played, 0, &["show", "--aws", "bad-2", "--history"])).unwrap();
    assert_eq!(
        history,
        json!({ "events": failed_history() }),
        "the events are those that were sent, in two pages"
    );

    for (id, told) in [
        ("ed-4", "`ed-4` fits 2 executions, such as mended-4-r1, mended-4"),
        ("nowhere", "`nowhere`: no execution among the newest 8"),
        (&format!("{ARN}:gone"), "no execution"),
    ] {
        let message = refused(&played, &["show", "--aws", id]);
        assert!(message.contains(told), "{message}");
    }
}

#[test]
fn a_failed_step_is_started_again_and_what_stopped_goes_on() {
    let played = some();
    let input = |name: &str| execution(name, "FAILED", 0)["input"].clone();

    let told = said(&played, 0, &["redrive", "--aws", &format!("{ARN}:bad-2")]);
    assert_eq!(
        told,
        format!("started again: bad-2-r1\n  ecg show --aws {ARN}:bad-2-r1\n")
    );
    let machine = "arn:aws:states:eu-central-1:123456789012:stateMachine:ecg-pipeline:live";
    let start = json!({ "stateMachineArn": machine, "name": "bad-2-r1", "input": input("bad-2") });
    assert_eq!(played.writes(), [("StartExecution".to_owned(), start)]);
    // It runs now.
    let message = refused(&played, &["redrive", "--aws", "bad-2"]);
    assert!(
        message.contains("bad-2-r1: expected a failed execution, found one that still runs"),
        "{message}"
    );

    let told = said(&played, 0, &["redrive", "--aws", "late-3"]);
    assert_eq!(
        told,
        "goes on where it stopped: late-3\n  ecg show --aws late-3\n"
    );
    let (operation, asked) = played.writes().remove(1);
    assert_eq!(
        (operation.as_str(), &asked["executionArn"]),
        ("RedriveExecution", &json!(format!("{ARN}:late-3")))
    );

    // Stopped as well, but after a step had failed: it would only record and tell that again.
    let mut caught = execution("caught-9", "TIMED_OUT", 9);
    caught["redriveStatus"] = json!("REDRIVABLE");
    let other = Played::new(vec![caught]);
    assert!(said(&other, 0, &["redrive", "--aws", "caught-9"]).starts_with("started again: caught-9-r1\n"));

    // Stopped as well, but in a version that is not in use any more: the reason may have been in it.
    for version in [
        json!("arn:aws:states:eu-central-1:123456789012:stateMachine:ecg-pipeline:1"),
        Value::Null,
    ] {
        let mut old = execution("old-10", "TIMED_OUT", 9);
        old["redriveStatus"] = json!("REDRIVABLE");
        old["stateMachineVersionArn"] = version;
        let other = Played::new(vec![old]);
        assert!(said(&other, 0, &["redrive", "--aws", "old-10"]).starts_with("started again: old-10-r1\n"));
    }

    // A deployment from before there were versions.
    let mut unversioned = execution("old-11", "TIMED_OUT", 9);
    unversioned["redriveStatus"] = json!("REDRIVABLE");
    unversioned["stateMachineVersionArn"] = Value::Null;
    let arn = format!("{}:old-11", ARN.replace(":ecg-pipeline", ":without-alias"));
    unversioned["executionArn"] = json!(arn);
    let other = Played::new(vec![unversioned]);
    assert!(said(&other, 0, &["redrive", "--aws", &arn]).starts_with("goes on where it stopped: old-11\n"));

    assert!(said(&played, 0, &["redrive", "--aws", "twice-5"]).starts_with("started again: twice-5-r2\n"));
    let last = played.writes().pop().unwrap().1;
    assert_eq!(
        (&last["name"], &last["input"]),
        (&json!("twice-5-r2"), &input("twice-5"))
    );

    for (id, found) in [
        (
            "good-1",
            "good-1: expected a failed execution, found one that succeeded",
        ),
        ("mended-4", "mended-4-r1: "),
    ] {
        let message = refused(&played, &["redrive", "--aws", id]);
        assert!(message.contains(found), "{message}");
    }
    assert_eq!(played.writes().len(), 3);
}

#[test]
fn all_that_failed_is_run_again_once() {
    let played = some();
    check(
        format!("{GOLDEN}/redrive-all.txt"),
        &said(&played, 0, &["redrive", "--aws", "--all"]),
    );
    let names: Vec<String> = (played.writes().iter())
        .map(|(operation, asked)| format!("{operation} {}{}", asked["name"], asked["executionArn"]))
        .collect();
    assert_eq!(names.len(), 3, "{names:?}");
    let again = said(&played, 0, &["redrive", "--aws", "--all", "--json"]);
    check(format!("{GOLDEN}/redrive-all-again.json"), &again);
    assert_eq!(played.writes().len(), 3, "what is under way is left alone");
}

/// As the message about a flood says it.
#[test]
fn a_group_that_failed_for_one_cause_is_run_again() {
    let failed = |name: &str, minute: u32, cause: &str| {
        let mut execution = execution(name, "FAILED", minute);
        execution["error"] = json!("Internal");
        execution["cause"] = json!(json!({ "errorType": "Internal", "errorMessage": cause }).to_string());
        execution
    };
    let denied = |name: &str, minute: u32| {
        let cause =
            format!("writing processed/rejections/dt=2026-11-23/{name}.parquet: permission denied: no");
        failed(name, minute, &cause)
    };
    let played = Played::new(vec![
        denied("ward-a-1", 1),
        failed("ward-b-2", 2, "a bug in line 7"),
        denied("ward-c-3", 3),
        failed("ward-d-4", 4, "a bug in line 12"),
    ]);
    let told = |group: &str| {
        said(
            &played,
            0,
            &["redrive", "--aws", "--all", "--json", "--group", group],
        )
    };
    assert_eq!(told("00000000"), "[]\n");
    let input: ecg_core::message::ExecutionInput =
        serde_json::from_str(denied("ward-a-1", 1)["input"].as_str().unwrap()).unwrap();
    let failure = ecg_core::message::Failure {
        step: "write".to_owned(),
        error: "Internal".to_owned(),
        cause: denied("ward-a-1", 1)["cause"].as_str().unwrap().to_owned(),
        attempts: 1,
    };
    let ran = told(&failure.group(&input.recording_id, &input.source));
    let ran: Vec<Value> = serde_json::from_str(&ran).unwrap();
    let names: Vec<&str> = ran.iter().map(|one| one["runs_as"].as_str().unwrap()).collect();
    assert_eq!(names, ["ward-c-3-r1", "ward-a-1-r1"]);
}

#[test]
fn a_backfill_is_started_and_waited_for() {
    let mut child = execution("child-1", "FAILED", 1);
    child["input"] = json!({ "key": "ward/b c.mat", "suffix": "v2" })
        .to_string()
        .into();
    child["error"] = json!("Rejected");
    child["cause"] = json!("ward/b c.mat (b-c-0-v2): val: expected 2 leads, found 0");
    let mut before = execution("child-2", "FAILED", 2);
    before["input"] = json!({ "key": "ward/old.mat", "suffix": "v2" })
        .to_string()
        .into();
    before["error"] = json!("S3.NoSuchKeyException");
    before["cause"] = json!("404");
    let played = Played::new(vec![]).with_children(vec![child, before]);
    let arguments = [
        "backfill",
        "ward/",
        "--suffix",
        "v2",
        "--max-concurrency",
        "7",
        "--aws",
    ];
    let told = said(&played, 1, &arguments);
    let (counted, rest) = told.split_once("; ").unwrap();
    check(
        format!("{GOLDEN}/backfill.txt"),
        &format!("{counted}; (time) s\n{}", rest.split_once('\n').unwrap().1),
    );
    let (operation, asked) = played.writes().remove(0);
    assert_eq!(operation, "StartExecution");
    assert!(
        asked["stateMachineArn"]
            .as_str()
            .unwrap()
            .ends_with(":stateMachine:ecg-pipeline-backfill")
    );
    assert!(asked["name"].as_str().unwrap().starts_with("backfill-2"));
    let input: Value = serde_json::from_str(asked["input"].as_str().unwrap()).unwrap();
    assert_eq!(
        input,
        json!({ "prefix": "ward/", "suffix": "v2", "max_concurrency": 7 })
    );

    let told = said(
        &played,
        0,
        &[
            "backfill",
            "",
            "--tolerated-failure-percentage",
            "0",
            "--aws",
            "--no-wait",
        ],
    );
    assert!(
        told.starts_with("started: backfill-2") && told.contains("https://eu-central-1.console"),
        "{told}"
    );
    let input: Value = serde_json::from_str(played.writes()[1].1["input"].as_str().unwrap()).unwrap();
    assert_eq!(input, json!({ "prefix": "", "tolerated_failure_percentage": 0 }));

    let message = refused(&played, &["backfill", "ward/", "--suffix", "too-long", "--aws"]);
    assert!(message.contains("at most 7 characters"), "{message}");
    assert_eq!(played.writes().len(), 2);
}

#[test]
fn archived_objects_are_counted_and_how_to_restore_them_is_said() {
    let played = Played::new(vec![]).with_children(vec![]);
    let told = said(&played, 0, &["backfill", "ward 7/", "--suffix", "v2", "--aws"]);
    let (counted, rest) = told.split_once("; ").unwrap();
    check(
        format!("{GOLDEN}/backfill-archived.txt"),
        &format!("{counted}; (time) s\n{}", rest.split_once('\n').unwrap().1),
    );
}

#[test]
fn what_is_missing_is_named() {
    let played = some();
    let message = refused(&played, &["runs", "--aws", "--state-machine", "elsewhere"]);
    assert!(
        message.contains("no state machine `elsewhere` in eu-central-1"),
        "{message}"
    );
    let message = refused(&played, &["runs", "--aws", "--lake", "l"]);
    assert!(message.contains("cannot be used with"), "{message}");
    let nowhere = Command::new(env!("CARGO_BIN_EXE_ecg"))
        .args(["runs", "--aws"])
        .env_clear()
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .unwrap();
    let message = String::from_utf8(nowhere.stderr).unwrap();
    assert!(message.contains("no AWS region: set AWS_REGION"), "{message}");
}

/// A console over the machine, as long as this is there.
struct Console {
    child: std::process::Child,
    host: String,
    token: String,
    /// Where it was started.
    folder: tempfile::TempDir,
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Console {
    fn over(played: &Played) -> Console {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_ecg"))
            .args(["console", "--aws", "--port", "0", "--no-open"])
            .current_dir(folder.path())
            .env_clear()
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_ENDPOINT_URL", played.url())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        std::io::BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut address)
            .unwrap();
        let (host, token) = address.trim().split_once("/?token=").unwrap();
        Console {
            child,
            host: host.strip_prefix("http://").unwrap().to_owned(),
            token: token.to_owned(),
            folder,
        }
    }

    fn ask(&self, line: &str, form: &str) -> String {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        let port = self.host.rsplit(':').next().unwrap();
        let (host, token, length) = (&self.host, &self.token, form.len());
        let request = format!(
            "{line} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nConnection: close\r\nCookie: \
             ecg_console_{port}={token}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: \
             {length}\r\n\r\n{form}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The panel of the last action, when it has ended.
    fn ended(&self) -> String {
        for _ in 0..200 {
            let panel = self.ask("GET /jobs", "");
            if panel.contains("/jobs/close") {
                return panel;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("the action did not end");
    }
}

#[test]
fn the_console_shows_executions_and_starts_them_again() {
    let played = some();
    let console = Console::over(&played);
    let runs = console.ask("GET /runs", "");
    for name in ["good-1", "bad-2", "late-3", "now-8"] {
        assert!(runs.contains(&format!("/runs/{name}\"")), "{name}");
    }
    assert!(runs.contains("expected 2 leads, found 0") && !runs.contains("id=\"drop\""));
    let failed = console.ask("GET /runs?status=FAILED&text=bad", "");
    assert!(failed.contains("/runs/bad-2\"") && !failed.contains("/runs/good-1\""));
    let groups = console.ask("GET /failures", "");
    assert!(groups.contains("Redrive these "), "{groups}");

    let page = console.ask("GET /runs/bad-2", "");
    for shown in [
        "<dt>Found</dt><dd>0</dd>",
        "RecordFailure</text>",
        "ecg rerun bad-2 --aws",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(console.ask("GET /runs/nothing", "").starts_with("HTTP/1.1 404"));

    // No lake is asked or written, also where one lies and another command works in it.
    let lake = console.folder.path().join("ecg-lake");
    std::fs::create_dir(&lake).unwrap();
    let lock = std::fs::File::create(lake.join(".lock")).unwrap();
    lock.lock().unwrap();
    std::fs::write(lake.join(".lock"), "`ecg run`, process 4242\n").unwrap();
    let dropped = console.ask("POST /uploads", "[[\"a.mat\", 1]]\nx");
    assert!(dropped.starts_with("HTTP/1.1 404"), "{dropped}");
    for of_a_lake in ["/query", "/subjects", "/recordings", "/recordings/bad-2"] {
        let answer = console.ask(&format!("GET {of_a_lake}"), "");
        assert!(answer.starts_with("HTTP/1.1 404"), "{of_a_lake}: {answer}");
    }
    assert_eq!(std::fs::read_dir(&lake).unwrap().count(), 1);
    console.ask("POST /redrive", "execution=bad-2");
    let panel = console.ended();
    assert!(panel.contains("bad-2-r1"), "{panel}");
    let started: Vec<String> = played
        .writes()
        .into_iter()
        .map(|(operation, _)| operation)
        .collect();
    assert_eq!(started, ["StartExecution"]);
}
