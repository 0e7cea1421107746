//! The real recordings of four public data sets, where their folder is present.
#![allow(
    clippy::disallowed_methods,
    reason = "a test is configured by its environment"
)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking and reports what it saw"
)]

use std::fs::{self, File};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use ecg_mat::{Class, Format, Limits, MatFile, NumberType, Values};

fn data_folder() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = std::env::var_os("ECG_DATA").map_or_else(|| workspace.join("../shared/data"), PathBuf::from);
    if !folder.is_dir() {
        println!("skipped: real recordings not found at {}", folder.display());
        return None;
    }
    Some(folder)
}

fn mat_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            mat_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "mat") {
            found.push(path);
        }
    }
}

/// Checks a file's only variable and gives its values.
fn read(path: &Path) -> (Vec<u64>, Vec<i16>) {
    let mut file = MatFile::open(File::open(path).unwrap(), Limits::default()).unwrap();
    assert_eq!(file.format(), Format::Mat4, "{path:?}");
    let [variable] = file.variables() else {
        panic!("{path:?}: {:?}", file.variables())
    };
    assert_eq!(
        (variable.name.as_str(), variable.class),
        ("val", Class::Number(NumberType::I16)),
        "{path:?}"
    );
    let dims = variable.dims.clone();
    let mut samples = Vec::new();
    file.read(0, &mut |values| {
        let Values::I16(block) = values else {
            panic!("{path:?}: {values:?}")
        };
        samples.extend_from_slice(block);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(samples.len() as u64, dims.iter().product::<u64>(), "{path:?}");
    (dims, samples)
}

#[test]
fn every_recording_is_read() {
    let Some(folder) = data_folder() else { return };
    // Folder, number of files, dimensions where they are all the same.
    let sets = [
        ("plawiak-2017", 483, Some([1, 3600])),
        ("physiobank-atm", 16, Some([1, 21_600])),
        ("mitdb-30min", 24, Some([2, 650_000])),
        ("cinc-2017", 4, None),
    ];
    for (set, count, expected_dims) in sets {
        let mut files = Vec::new();
        mat_files(&folder.join(set), &mut files);
        assert_eq!(files.len(), count, "{set}");
        let mut range = (i16::MAX, i16::MIN);
        for path in &files {
            let (dims, samples) = read(path);
            if let Some(expected) = expected_dims {
                assert_eq!(dims, expected, "{path:?}");
            }
            for sample in samples {
                range = (range.0.min(sample), range.1.max(sample));
            }
        }
        println!("{set}: {count} files, values {range:?}");
        if set == "plawiak-2017" {
            // What SciPy reads from the same 483 files. The range in the description of the data set,
            // 403..1778, is that of all 1,000 fragments.
            assert_eq!(range, (463, 1555));
        }
    }
}

#[test]
fn the_first_samples_are_those_of_the_header() {
    let Some(folder) = data_folder() else { return };
    // 100m.hea gives the first sample of each lead: 995 and 1011.
    let (_, samples) = read(&folder.join("mitdb-30min/100m.mat"));
    assert_eq!(samples[..2], [995, 1011]);
    let (_, samples) = read(&folder.join("cinc-2017/A00001.mat"));
    assert_eq!(samples[0], -127);
}
