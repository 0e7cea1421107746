//! `tests/bench.sh`: its parts in Python work, on two recordings and one round. What the numbers are is no test's business.

// A test that cannot go on stops.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::process::Command;

use ecg_tests::cli::{binary, finish};
use ecg_tests::files::workspace;
use ecg_tests::lake::text;
use ecg_tests::python::python_with;
use tempfile::tempdir;

#[test]
fn whole_processes_take_their_turns_and_every_table_has_its_rows() {
    let Some(python) = python_with(&["numpy", "scipy.io", "pyarrow.parquet", "pandas"]) else {
        return;
    };
    let cache = tempdir().unwrap();
    let mut command = Command::new(python);
    command
        .args([
            "-B",
            "tests/bench/measure.py",
            text(&binary()),
            text(cache.path()),
        ])
        .args(["--size", "tiny", "--binary", text(&binary())])
        .current_dir(workspace());
    let printed = finish(command).expect(0).stdout;
    for row in [
        "| 2 of 10 s | lean | ",
        "| 2 of 10 s | pandas | ",
        "| 2 of 10 s | other ecg | ",
        "| 2 of 10 s | ours | ",
        "| work | one recording | Validate | Parse | Transform | Write | Crawl |",
        "* processor: ",
    ] {
        assert!(printed.contains(row), "expected {row}, found\n{printed}");
    }
    // Each state of the workflow has its share.
    let steps = printed.rsplit("| 2 of 10 s | ").next().unwrap();
    assert_eq!(steps.matches('%').count(), 7, "{steps}");
}

#[test]
fn the_benchmarks_become_times_of_one_and_multiples_of_their_floors() {
    let Some(python) = python_with(&["sys"]) else {
        return;
    };
    let folder = tempdir().unwrap();
    for (name, nanoseconds) in [("level 4", 3000.0), ("floor: one memory pass", 1500.0)] {
        let place = folder.path().join("decode MAT").join(name).join("new");
        fs::create_dir_all(&place).unwrap();
        let benchmark = serde_json::json!({
            "group_id": "decode MAT", "function_id": name, "value_str": null,
            "throughput": {"ElementsAndBytes": {"elements": 1000, "bytes": 2000}},
        });
        fs::write(place.join("benchmark.json"), benchmark.to_string()).unwrap();
        let estimates = serde_json::json!({"median": {"point_estimate": nanoseconds}});
        fs::write(place.join("estimates.json"), estimates.to_string()).unwrap();
    }
    let mut command = Command::new(python);
    command
        .args(["-B", "tests/bench/stages.py", text(folder.path())])
        .current_dir(workspace());
    let printed = finish(command).expect(0).stdout;
    for row in [
        "| decode MAT | level 4 | 3.00 ns | 667 MB/s | 2.0 |",
        "| decode MAT | floor: one memory pass | 1.50 ns | 1,333 MB/s | 1 |",
    ] {
        assert!(printed.contains(row), "expected {row}, found\n{printed}");
    }
}
