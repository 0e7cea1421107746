//! A recording is streamed: what is needed at most does not grow with its duration.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

use clap::Parser as _;
use ecg_synth::{SynthArgs, run};
use peak_alloc::PeakAlloc;

/// Counts the bytes that are allocated now and the most that ever were.
#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

#[derive(clap::Parser)]
struct Command {
    #[command(flatten)]
    args: SynthArgs,
}

/// Most bytes allocated at once, above what was allocated before.
fn most_bytes(words: &str) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let ending = ["wfdb", "edf"]
        .into_iter()
        .position(|format| words.contains(format));
    let ending = ["mat", "dat", "edf"][ending.map_or(0, |place| place + 1)];
    let out = folder.path().join(format!("x.{ending}"));
    let beats = folder.path().join("x.json");
    let words = format!(
        "synth {} --leads 2 --beats {} {words}",
        out.display(),
        beats.display()
    );
    let args = Command::parse_from(words.split_whitespace()).args;
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    run(&args, &mut |_, _| ()).unwrap();
    ALLOCATOR.peak_usage() - before
}

// One test, because the counters are those of the process.
#[test]
fn memory_does_not_grow_with_the_duration() {
    for words in [
        "--format mat4",
        "--format mat4 --layout samples-x-leads",
        "--format mat5",
        "--format mat5-compressed",
        "--format mat73",
        "--format mat73 --layout samples-x-leads --class double",
        "--format wfdb16",
        "--format wfdb212",
        "--format edf",
    ] {
        let short = most_bytes(&format!("{words} --duration 20m"));
        let long = most_bytes(&format!("{words} --duration 2h"));
        println!("{words}: {short} bytes for 20 minutes, {long} bytes for 2 hours");
        assert!(long < 8 << 20, "{words}: {long} bytes");
        assert!(
            long <= short + (1 << 16),
            "{words}: {short} bytes for 20 minutes, {long} for 2 hours"
        );
    }
}
