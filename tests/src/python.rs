//! The independent reader: Python with SciPy.

use std::path::PathBuf;
use std::process::Command;

/// A Python that has these modules (`ECG_PYTHON`, else `python3`), or `None` after saying that the test is skipped.
pub fn python_with(modules: &[&str]) -> Option<PathBuf> {
    let python: PathBuf = std::env::var_os("ECG_PYTHON")
        .unwrap_or_else(|| "python3".into())
        .into();
    let imports = format!("import {}", modules.join(", "));
    let works = Command::new(&python)
        .args(["-c", &imports])
        .output()
        .is_ok_and(|answer| answer.status.success());
    if works {
        return Some(python);
    }
    println!(
        "skipped: {} has no {}; set ECG_PYTHON",
        python.display(),
        modules.join(", ")
    );
    None
}

/// What a script prints.
pub fn run(python: &PathBuf, script: &str, args: &[&str]) -> String {
    let output = Command::new(python)
        .arg("-c")
        .arg(script)
        .args(args)
        .output()
        .expect("starting Python");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8 from Python")
}
