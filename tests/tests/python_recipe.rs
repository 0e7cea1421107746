//! The recipe in Python (`docs/recipe`) and the one in Rust give the same, through the real binary: on the fixtures, on
//! random recordings, and on some of the real ones where they are at hand (`ECG_DATA`).

// A test that cannot go on stops: unwrap, expect and panic are how.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use ecg_tests::cli::finish;
use ecg_tests::files::{copy_file, real_data, recordings, recordings_below, workspace};
use ecg_tests::lake::{TestLake, text};
use ecg_tests::python::python_with;

/// What a command in the root of the workspace prints. Python is told to leave no compiled modules beside the recipe.
fn run(mut command: Command) -> String {
    command
        .current_dir(workspace())
        .env("PYTHONPATH", "docs/recipe")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    finish(command).expect(0).stdout
}

/// Every fourth of the minutes and half hours and of the classes with few fragments, every thirtieth of the others; with
/// their headers. All of them would take two minutes.
fn some_of(data: &Path) -> Vec<PathBuf> {
    let folders: BTreeSet<PathBuf> = recordings_below(data)
        .into_iter()
        .map(|file| file.parent().unwrap().to_owned())
        .collect();
    let mut files = Vec::new();
    for folder in folders {
        let all = recordings_below(&folder);
        let every = if all.len() > 30 { 30 } else { 4 };
        for file in all.into_iter().step_by(every) {
            files.push(file.with_extension("hea"));
            files.push(file);
        }
    }
    files.retain(|file| file.is_file());
    files
}

#[test]
fn features_equal_scipy() {
    let Some(interpreter) = python_with(&["numpy", "scipy.signal"]) else {
        return;
    };
    let mut command = Command::new(&interpreter);
    command.arg("tests/python/features_equal.py");
    println!("{}", run(command));
}

#[test]
fn windows_equal_neurokit() {
    let Some(interpreter) = python_with(&["numpy"]) else {
        return;
    };
    let mut command = Command::new(&interpreter);
    command.args(["tests/python/neurokit_windows.py", "compare"]);
    println!("{}", run(command));
}

#[test]
fn the_recipe_in_python_gives_what_the_one_in_rust_gives() {
    let Some(interpreter) = python_with(&["numpy", "scipy.io", "pyarrow.parquet", "h5py"]) else {
        return;
    };
    let recipe_equals = |what: &str, folder: &Path| {
        let mut command = Command::new(&interpreter);
        command.args(["tests/python/recipe_equals.py", what, text(folder)]);
        run(command)
    };
    let lake = TestLake::new();
    let mut accepted = 0;
    let mut take = |folder: &Path| accepted += lake.run(folder, 0)["accepted"].as_u64().unwrap();
    take(&recordings());
    // Only MAT files are compared: the recipe knows no formats.
    let others = recordings_below(&recordings())
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end != "mat"));
    let others = others.count() as u64;

    let random = lake.beside("random");
    recipe_equals("make", &random);
    take(&random);

    if let Some(data) = real_data() {
        let real = lake.beside("real");
        for file in some_of(&data) {
            copy_file(&file, &real.join(file.strip_prefix(&data).unwrap()));
        }
        take(&real);
    }
    let compared = recipe_equals("compare", &lake.path());
    println!("{compared}");
    assert!(compared.starts_with(&format!("{} recordings, ", accepted - others)));
}

/// The fenced blocks of its README in a language.
fn blocks<'a>(readme: &'a str, language: &str) -> Vec<&'a str> {
    let begin = format!("\n```{language}\n");
    let rests = readme.split(begin.as_str()).skip(1);
    rests.map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn the_examples_of_its_readme_run() {
    let Some(interpreter) = python_with(&["numpy", "scipy.io"]) else {
        return;
    };
    let readme = std::fs::read_to_string(workspace().join("docs/recipe/README.md")).unwrap();

    let (commands, printed) = (blocks(&readme, "sh"), blocks(&readme, "text"));
    assert_eq!((commands.len(), printed.len()), (1, 1));
    let command = commands[0].replacen("python ", &format!("'{}' ", interpreter.display()), 1);
    let mut shell = Command::new("sh");
    shell.args(["-c", &command]);
    assert_eq!(run(shell), printed[0]);

    let examples = blocks(&readme, "python");
    assert_eq!(examples.len(), 2);
    let mut script = Command::new(&interpreter);
    script.args(["-c", &examples.concat()]);
    assert!(run(script).starts_with("25 75.0 ['saturated']\n"));
}
