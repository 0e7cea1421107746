//! What goes into each Lambda: the SDK crates that it calls and no other, because they cost start-up time and size.

// A test may stop at the first surprise.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// The crates of a function as it deploys, each with its features.
fn crates_of(step: &str) -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "--edges",
            "normal",
            "--prefix",
            "none",
        ])
        .args(["--format", "{p} [{f}]", "--features", "lambda", "--package"])
        .arg(format!("step-{step}"))
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut crates = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        // `name v1.2.3 (path) [features]`
        let name = line.split(' ').next().unwrap().to_owned();
        let features = line.split_once('[').unwrap().1.split_once(']').unwrap().0;
        crates.insert(name, features.split(',').map(str::to_owned).collect());
    }
    assert!(crates.contains_key("lambda_runtime"), "{crates:?}");
    crates
}

#[test]
fn each_function_links_the_services_that_it_calls() {
    let file: Value = serde_json::from_str(include_str!("../../../functions/steps.json")).unwrap();
    for (step, entry) in file["steps"].as_object().unwrap() {
        // Those that it has a right to, and their crates. Lambda itself polls the queue.
        let services: BTreeSet<&str> = (entry["rights"].as_object().unwrap().values())
            .flat_map(|actions| actions.as_array().unwrap())
            .map(|action| action.as_str().unwrap().split(':').next().unwrap())
            .filter(|service| *service != "sqs")
            .map(|service| if service == "states" { "sfn" } else { service })
            .collect();
        let crates = crates_of(step);
        let found: BTreeSet<&str> = (crates.keys())
            .filter_map(|name| name.strip_prefix("aws-sdk-"))
            // `aws-config` cannot be had without it.
            .filter(|service| *service != "sts")
            .collect();
        assert_eq!(found, services, "{step}");
        assert!(!crates["aws-config"].contains(&"sso".to_owned()), "{step}");
        assert!(!crates["aws-sigv4"].contains(&"sigv4a".to_owned()), "{step}");
        for unwanted in ["datafusion", "clap", "p256", "openssl"] {
            assert!(!crates.contains_key(unwanted), "{step} links {unwanted}");
        }
    }
}

/// `cargo lambda build --release` would make it `abort`, where the manifest does not say otherwise.
#[test]
fn a_panic_can_be_caught_in_a_release_build() {
    let manifest = include_str!("../../../Cargo.toml");
    let release = manifest.split_once("[profile.release]\n").unwrap().1;
    let release = release.split_once("\n[").map_or(release, |(ours, _)| ours);
    assert!(
        release.lines().any(|line| line == "panic = \"unwind\""),
        "{release}"
    );
}
