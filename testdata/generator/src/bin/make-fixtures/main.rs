//! Writes the fixtures that are committed under `testdata`: good recordings and malformed ones.
//!
//! `cargo run -p ecg-synth --bin make-fixtures` refreshes them in place; a test makes them in a temporary
//! folder and compares the bytes.

mod malformed;
mod recordings;

use clap::Parser;
use ecg_synth::{SynthArgs, Written, run};
use std::error::Error;
use std::path::{Path, PathBuf};

/// Write the fixtures under testdata.
#[derive(Parser)]
struct Arguments {
    /// Folder for `recordings` and `malformed`
    #[arg(default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/.."))]
    folder: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    recordings::write(&arguments.folder.join("recordings"))?;
    malformed::write(&arguments.folder.join("malformed"))?;
    Ok(())
}

/// The command line of `ecg synth`.
#[derive(Parser)]
struct Synth {
    #[command(flatten)]
    args: SynthArgs,
}

/// Makes `path` with the words of an `ecg synth` command line.
fn synth(path: &Path, words: &str) -> Result<(SynthArgs, Written), Box<dyn Error>> {
    let words = ["synth".as_ref(), path.as_os_str()]
        .into_iter()
        .chain(words.split_whitespace().map(AsRef::as_ref));
    let args = Synth::try_parse_from(words)?.args;
    let written = run(&args, &mut |_, _| ())?;
    Ok((args, written))
}
