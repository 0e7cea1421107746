//! The validator of the States Language, which is not ours.

#![allow(clippy::print_stdout)]

use std::process::Command;

/// It accepts the file. Where it is not installed, that is reported as skipped.
pub(crate) fn assert_valid(file: &str) {
    let Some(validator) = std::env::var_os("ECG_ASL_VALIDATOR") else {
        println!(
            "skipped: the environment variable ECG_ASL_VALIDATOR does not name asl-validator 4.0.0 (npm)"
        );
        return;
    };
    let answer = Command::new(&validator)
        .args(["--json-path", file])
        .output()
        .unwrap();
    let told =
        String::from_utf8_lossy(&answer.stdout).into_owned() + &String::from_utf8_lossy(&answer.stderr);
    assert!(answer.status.success() && told.contains('✓'), "{told}");
}
