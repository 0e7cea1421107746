//! What is needed at most to read a file does not depend on its length, nor on what its header says.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and reports what it saw"
)]

mod common;

use std::io::Cursor;
use std::ops::ControlFlow;

use common::{Part, edf};
use ecg_formats::edf::EdfFile;
use ecg_formats::wfdb::{Header, WfdbFile};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Most that the readers may hold: the header, a block as bytes and as numbers, and the same numbers by lead.
const BOUND: usize = 2 << 20;

fn peak(what: &str, read: impl FnOnce()) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    read();
    let peak = ALLOCATOR.peak_usage() - before;
    println!("{what}: {peak} bytes");
    assert!(peak < BOUND, "{what}: {peak} bytes");
}

// One test, because the counters are those of the process.
#[test]
fn memory_is_bounded() {
    // A thousand signals with more than a block each in a frame: every one of them fills blocks alone.
    let line = "x.dat 80x20000\n";
    let text = format!("x 1000 250 2\n{}", line.repeat(1000));
    let bytes = vec![0; 1000 * 20_000 * 2];
    peak("WFDB, 40 MB of a thousand signals", || {
        let header = Header::parse(&text).unwrap();
        let mut file = WfdbFile::open(Cursor::new(&bytes), &header, "x.dat").unwrap();
        let all: Vec<usize> = (0..1000).collect();
        let mut samples = 0;
        file.stream(&all, &mut |_, block| {
            samples += block.len();
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(samples, bytes.len());
    });
    peak("a header with more signals than lines", || {
        Header::parse("x 18446744073709551615 250 2\nx.dat 16\n").unwrap_err();
    });
    peak("a header of a thousand signals beside an empty file", || {
        let header = Header::parse(&text).unwrap();
        WfdbFile::open(Cursor::new(&[]), &header, "x.dat").unwrap_err();
    });

    // 99999999 data records of 99999999 samples.
    let parts = [
        Part::new("ECG", &[[1, 2]]),
        Part::annotations("EDF Annotations", 1),
    ];
    let mut file = edf(false, "EDF+C", &parts);
    file[236..244].fill(b'9');
    file[256 + 2 * 216..256 + 2 * 224].fill(b'9');
    peak("an EDF header of 20 PB", || {
        EdfFile::open(Cursor::new(&file)).unwrap_err();
    });
    // As many signals as there may be, in a file that ends behind the first part.
    file[184..192].copy_from_slice(b"262400  ");
    file[252..256].copy_from_slice(b"1024");
    peak("an EDF header of 1024 signals that are not there", || {
        let error = EdfFile::open(Cursor::new(&file)).unwrap_err().to_string();
        assert!(error.starts_with("truncated header"), "{error}");
    });
}
