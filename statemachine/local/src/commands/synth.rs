//! `ecg synth`: make a synthetic recording whose beats are known.

use std::process::ExitCode;

use crate::output::print;
use crate::progress::Progress;
use crate::terminal::counted;

pub(crate) fn run(args: &ecg_synth::SynthArgs) -> Result<ExitCode, String> {
    let mut progress = None;
    let written = ecg_synth::run(args, &mut |done, total| {
        progress
            .get_or_insert_with(|| Progress::new(total, "bytes"))
            .set(done);
    })
    .map_err(|error| error.to_string())?;
    if let Some(progress) = progress {
        progress.finish();
    }
    let mut text = format!(
        "{}: {} bytes, {} s, {} of {} samples, {} beats\n",
        written.path.display(),
        written.bytes,
        written.duration_s,
        counted(written.leads, "lead", "leads"),
        written.samples,
        written.beats
    );
    for beside in written.header.iter().chain(&written.beats_file) {
        text.push_str(&format!("{}\n", beside.display()));
    }
    print(&format!("{text}next: {}\n", written.next))?;
    Ok(ExitCode::SUCCESS)
}
