//! `docs/inputs.md` as a person follows it: each Python example is run, and each command below it does what the page says.
//!
//! The MATLAB and Octave examples are not run: neither is on the machines that test this. What stands for them is
//! SciPy, which writes the levels that `save -v7`, `-v6` and `-v4` write; `-v7.3` is the example with h5py.

// A test that cannot go on stops: unwrap, expect and panic are how.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::process::Command;

use ecg_tests::cli::{command, finish};
use ecg_tests::files::workspace;
use ecg_tests::lake::text;
use ecg_tests::python::python_with;

/// A fenced block of the page.
struct Block {
    section: String,
    language: String,
    text: String,
}

fn blocks() -> Vec<Block> {
    let page = std::fs::read_to_string(workspace().join("docs/inputs.md")).unwrap();
    let (mut found, mut section) = (Vec::new(), String::new());
    let mut open: Option<Block> = None;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some(block), None) => block.text.extend([line, "\n"]),
            (None, Some(language)) => {
                open = Some(Block {
                    section: section.clone(),
                    language: language.to_owned(),
                    text: String::new(),
                });
            }
            (None, None) if line.starts_with('#') => section = line.trim_matches(['#', ' ']).to_owned(),
            (None, None) => {}
        }
    }
    found
}

fn script(python: &PathBuf, folder: &Path, text: &str) {
    let mut command = Command::new(python);
    command.arg("-c").arg(text).current_dir(folder);
    finish(command).expect(0);
}

/// Runs commands one line each and gives what the last one printed.
fn commands(folder: &Path, lines: &str) -> String {
    let mut printed = String::new();
    for line in lines.lines() {
        assert!(!line.contains(['\'', '"', '\\', '|']), "no shell here: {line}");
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[0], "ecg", "{line}");
        let mut command = command(&words[1..]);
        command.current_dir(folder);
        printed = finish(command).expect(0).stdout;
    }
    printed
}

#[test]
fn every_python_example_is_read_as_the_page_says() {
    let Some(python) = python_with(&["scipy.io", "numpy", "h5py"]) else {
        return;
    };
    let blocks = blocks();
    let mut examples: Vec<&str> = Vec::new();
    for block in blocks.iter().filter(|block| block.language == "python") {
        examples.push(&block.section);
    }
    assert_eq!(examples.len(), 8, "{examples:?}");
    for example in examples {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let mut printed = String::new();
        let mut compared = 0;
        for block in blocks.iter().filter(|block| block.section == example) {
            match block.language.as_str() {
                "python" => script(&python, folder, &block.text),
                "toml" => {
                    // The first line is the name of the file, as a comment.
                    let name = block.text.lines().next().and_then(|line| line.strip_prefix("# "));
                    std::fs::write(folder.join(name.unwrap()), &block.text).unwrap();
                }
                "sh" => printed = commands(folder, &block.text),
                "text" => {
                    for line in block.text.lines() {
                        assert!(printed.contains(line), "{example}: no `{line}` in\n{printed}");
                        compared += 1;
                    }
                }
                other => panic!("{example}: a block of {other}"),
            }
        }
        assert!(compared > 0, "{example}: nothing was compared");
    }
}

#[test]
fn the_levels_that_octave_and_matlab_write_are_read_alike() {
    let Some(python) = python_with(&["scipy.io", "numpy"]) else {
        return;
    };
    // The variables of the Octave example, as -v7, -v6 and -v4 keep them.
    let made = "
import numpy as np
from scipy.io import savemat
t = np.arange(5000)[:, None] / 500
variables = {'ecg': np.hstack([np.sin(2 * np.pi * t), np.cos(2 * np.pi * t)]), 'fs': 500.0, 'units': 'mV'}
savemat('v7.mat', variables, do_compression=True)
savemat('v6.mat', variables)
savemat('v4.mat', variables, format='4')
";
    let folder = tempfile::tempdir().unwrap();
    script(&python, folder.path(), made);
    for name in ["v7.mat", "v6.mat", "v4.mat"] {
        let found = commands(folder.path(), &format!("ecg inspect {name} --json"));
        let found: serde_json::Value = serde_json::from_str(&found).unwrap();
        assert_eq!(found["verdict"], "accepted", "{name}: {found}");
        assert_eq!(
            (&found["leads"], &found["samples"]),
            (&2.into(), &5000.into()),
            "{name}"
        );
        assert_eq!(found["calibration"]["source"], "variables", "{name}");
    }
}

/// What is missing, and what of it the page says is missing.
#[test]
fn samples_that_are_missing_are_those_that_the_page_names() {
    let Some(python) = python_with(&["scipy.io", "numpy"]) else {
        return;
    };
    let made = "
import numpy as np
from scipy.io import savemat
wave = 1000 * np.sin(2 * np.pi * np.arange(5000) / 500)
floats = wave.copy()
floats[[10, 20, 30]] = np.nan, np.inf, -np.inf
for kind in ('float64', 'float32'):
    savemat(kind + '.mat', {'val': floats.astype(kind)[None, :]})
whole = np.round(wave)
whole[10] = -32768
for kind in ('int16', 'int32', 'float64'):
    savemat('lowest-' + kind + '.mat', {'val': whole.astype(kind)[None, :]})
";
    let folder = tempfile::tempdir().unwrap();
    script(&python, folder.path(), made);
    for (name, missing) in [
        ("float64.mat", 3),
        ("float32.mat", 3),
        ("lowest-int16.mat", 1),
        ("lowest-int32.mat", 0),
        ("lowest-float64.mat", 0),
    ] {
        let path = folder.path().join(name);
        let words = ["inspect", text(&path), "--json", "--fs", "500", "--gain", "200"];
        let found = finish(command(&words)).expect(0).json();
        assert_eq!(found["missing_samples"], missing, "{name}: {found}");
    }
}
