//! The command line under test.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// What a command answered.
#[derive(Debug)]
pub struct Answer {
    /// What was typed.
    pub command: String,
    /// Exit status; -1 where a signal ended it.
    pub status: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Answer {
    /// The same, if it ended with this exit status.
    pub fn expect(self, status: i32) -> Answer {
        assert_eq!(
            self.status, status,
            "{}\nstdout:\n{}\nstderr:\n{}",
            self.command, self.stdout, self.stderr
        );
        // Whatever the status, a panic is never the way to it.
        assert!(
            !self.stderr.contains("panicked"),
            "{}\n{}",
            self.command,
            self.stderr
        );
        self
    }

    /// Standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("{}: expected JSON, {error}, found\n{}", self.command, self.stdout)
        })
    }
}

/// The binary: `ECG_BIN`, else what `cargo build -p ecg` leaves beside the test executables.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("ECG_BIN") {
        return path.into();
    }
    // <target>/<profile>/deps/<test>-<hash>
    let test = std::env::current_exe().expect("the path of this test");
    let path = test.ancestors().nth(2).expect("a target directory").join("ecg");
    assert!(
        path.is_file(),
        "expected the binary {}, found none; run `cargo build -p ecg` first",
        path.display()
    );
    path
}

/// A command of `ecg`, with the environment of a user who has no Slack.
pub fn command<S: AsRef<OsStr>>(args: &[S]) -> Command {
    let mut command = Command::new(binary());
    command.args(args).stdin(Stdio::null());
    for name in ["SLACK_WEBHOOK_URL", "SLACK_BOT_TOKEN", "SLACK_CHANNEL"] {
        command.env_remove(name);
    }
    command
}

/// Runs `ecg` to its end.
pub fn ecg<S: AsRef<OsStr>>(args: &[S]) -> Answer {
    finish(command(args))
}

/// Runs a command to its end.
pub fn finish(mut command: Command) -> Answer {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    Answer {
        command: format!("{command:?}"),
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).expect("standard output in UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("standard error in UTF-8"),
    }
}

/// The commands that an answer tells to type: each is alone on its line.
pub fn proposed(shown: &str) -> Vec<String> {
    let lines = shown.lines().map(str::trim);
    lines
        .filter(|line| line.starts_with("ecg "))
        .map(str::to_owned)
        .collect()
}

/// What a person does who copies a line into a shell, as it is.
pub fn paste(line: &str) -> Answer {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("ecg() {{ \"$ECG_OF_TEST\" \"$@\"; }}\n{line}")])
        .env("ECG_OF_TEST", binary())
        .stdin(Stdio::null());
    for name in ["SLACK_WEBHOOK_URL", "SLACK_BOT_TOKEN", "SLACK_CHANNEL"] {
        shell.env_remove(name);
    }
    finish(shell)
}

/// A command of `ecg` for which the permissions of files hold, also where the superuser runs the tests: without the capabilities
/// to pass them over. `None`, with a line, where there is nothing that takes these away.
pub fn with_permissions<S: AsRef<OsStr>>(args: &[S]) -> Option<Command> {
    let superuser = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    if !superuser {
        return Some(command(args));
    }
    if Command::new("setpriv").arg("--version").output().is_err() {
        println!("skipped: there is no setpriv, which takes capabilities from the superuser");
        return None;
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--bounding-set=-dac_override,-dac_read_search", "--"])
        .arg(binary())
        .args(args);
    Some(command)
}

/// Starts `ecg` and does not wait; what it prints goes to `log`.
pub fn start<S: AsRef<OsStr>>(args: &[S], log: File) -> Child {
    let errors = log.try_clone().expect("a second handle of the log");
    command(args)
        .stdout(log)
        .stderr(errors)
        .spawn()
        .expect("starting ecg")
}

/// Watches a process until it ends: its highest resident size, as Linux counts it, in MB. (The kernel keeps the peak,
/// so looking now and then misses only what happens after the last look.)
pub fn peak_resident_mb(process: &mut Child) -> f64 {
    let status = format!("/proc/{}/status", process.id());
    let mut peak_kb: f64 = 0.0;
    while process.try_wait().expect("the state of the process").is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        if let Some(kb) = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok()) {
            peak_kb = peak_kb.max(kb);
        }
        thread::sleep(Duration::from_millis(10));
    }
    peak_kb / 1024.0
}
