//! Names the commit that is built, so that a row of a table can be traced to the code that wrote it.

// What a build script is told is in the environment, and what it tells Cargo it prints.
#![allow(clippy::disallowed_methods, clippy::print_stdout)]

use std::env;
use std::process::Command;

/// Where a build without a repository is told its commit: CodeBuild.
const COMMIT_VARIABLE: &str = "CODEBUILD_RESOLVED_SOURCE_VERSION";

fn main() {
    // Written with each commit and each checkout.
    match git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        Some(path) => println!("cargo:rerun-if-changed={path}"),
        None => println!("cargo:rerun-if-changed=build.rs"),
    }
    println!("cargo:rerun-if-env-changed={COMMIT_VARIABLE}");
    let told = env::var(COMMIT_VARIABLE)
        .ok()
        .filter(|told| told.len() >= 7 && told.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let commit = git(&["rev-parse", "HEAD"]).or(told);
    let commit = commit.map_or_else(String::new, |commit| format!("+g{}", &commit[..7]));
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    println!("cargo:rustc-env=PIPELINE_VERSION={version}{commit}");
}

fn git(arguments: &[&str]) -> Option<String> {
    let answer = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(answer.stdout).ok()?;
    (answer.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}
