//! Values equal SciPy's, bit for bit: on generated files of every class, layout, compression and byte
//! order, on the files that ship inside the SciPy wheel, and on level 7.3 files written by h5py.
//!
//! Needs a Python with scipy, numpy and h5py: its path in the environment variable `ECG_PYTHON`.
#![allow(
    clippy::disallowed_methods,
    reason = "a test is configured by its environment"
)]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and reports what it saw"
)]

use std::collections::HashMap;
use std::fmt::Write;
use std::fs::{self, File};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

use ecg_mat::{Class, Limits, MatError, MatErrorKind, MatFile, Part};

#[test]
fn values_equal_scipy() {
    let Ok(python) = std::env::var("ECG_PYTHON") else {
        println!("skipped: ECG_PYTHON does not name a Python with scipy, numpy and h5py");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scipy_files.py");
    let status = Command::new(python)
        .arg(script)
        .arg(folder.path())
        .status()
        .unwrap();
    assert!(status.success(), "the script that writes the files failed");

    let mut files: Vec<PathBuf> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "mat"));
    files.sort();
    let (mut compared, mut arrays, mut failures) = (0, 0, Vec::new());
    for path in &files {
        let expected = path.with_extension("mat.expected");
        let Ok(expected) = fs::read_to_string(expected) else {
            // SciPy refuses this one. Anything but a panic is an answer.
            let answer = dump(path);
            if path.ends_with("wheel_testhdf5_7.4_GLNX86.mat") {
                // A level 7.3 file of MATLAB 7.4 (2007): see `level73::refuse_old_layout`.
                let kind = answer.as_ref().map_err(MatError::kind).map(|_| ());
                assert_eq!(kind, Err(MatErrorKind::Unsupported), "{answer:?}");
            }
            continue;
        };
        compared += 1;
        match dump(path) {
            Ok(found) => {
                for line in expected.lines().filter(|line| !line.is_empty()) {
                    arrays += 1;
                    let name = line.split('\t').next().unwrap();
                    if found.get(name).map(String::as_str) != Some(line) {
                        let found = found.get(name).map(|line| &line[..line.len().min(200)]);
                        failures.push(format!("{path:?}: {} is {found:?}", &line[..line.len().min(200)]));
                    }
                }
            }
            Err(error) => failures.push(format!("{path:?}: {error}")),
        }
    }
    println!("{arrays} arrays of {compared} files of {}", files.len());
    assert!(
        failures.is_empty(),
        "{} of {arrays}:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(
        arrays >= 1290 && compared >= 1320,
        "only {arrays} arrays of {compared} files were compared"
    );
}

/// Every numeric and text variable as the script writes it down.
fn dump(path: &Path) -> Result<HashMap<String, String>, MatError> {
    let mut file = MatFile::open(File::open(path).unwrap(), Limits::default())?;
    let mut lines = HashMap::new();
    for index in 0..file.variables().len() {
        let variable = file.variables()[index].clone();
        let dims: Vec<String> = variable.dims.iter().map(u64::to_string).collect();
        let line = if variable.class == Class::Char {
            let text = file.text(index)?.unwrap();
            format!("{}\tchar\t-\t{}\t-", variable.name, hex(text.as_bytes()))
        } else if variable.class.number_type().is_some() {
            let real = hex(&bytes(&mut file, index, Part::Real)?);
            let imaginary = if variable.complex {
                hex(&bytes(&mut file, index, Part::Imaginary)?)
            } else {
                "-".to_owned()
            };
            format!(
                "{}\t{}\t{}\t{real}\t{imaginary}",
                variable.name,
                variable.class,
                dims.join("x")
            )
        } else {
            continue;
        };
        lines.insert(variable.name, line);
    }
    Ok(lines)
}

fn bytes(file: &mut MatFile<File>, index: usize, part: Part) -> Result<Vec<u8>, MatError> {
    let mut out = Vec::new();
    let mut count = 0;
    file.read_part(index, part, &mut |values| {
        count += values.len() as u64;
        values.to_le_bytes(&mut out);
        ControlFlow::Continue(())
    })?;
    assert_eq!(Some(count), file.variables()[index].value_count());
    Ok(out)
}

fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "none".to_owned();
    }
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
