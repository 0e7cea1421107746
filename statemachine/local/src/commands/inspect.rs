//! `ecg inspect`: tell what a file is, and how it would be judged.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::args::CalibrationArgs;
use crate::output::{exit_code, print, print_json, unless_closed};
use crate::{inspect, terminal};

#[derive(Args)]
#[command(after_help = "\
Examples:
  ecg inspect 'testdata/recordings/1 NSR/900m (0).mat'
      Every check with its value and limit, and the first ten seconds of two leads with the beats that the recipe finds.
  ecg inspect file.mat --at 3600
      The ten seconds from there.
  ecg inspect file.mat --svg segment.svg
      The same ten seconds of every lead to print: 25 mm/s, 10 mm/mV.
  ecg inspect file.mat --json
  ecg inspect file.mat --variable val --csv > val.csv

Exit status: 0 if the file would be accepted, 1 if it would be rejected.")]
pub(crate) struct InspectArgs {
    /// The file
    pub(crate) file: PathBuf,
    /// Print JSON
    #[arg(long, conflicts_with = "csv")]
    pub(crate) json: bool,
    /// Where the drawn segment begins, in seconds from the start of the recording
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, allow_negative_numbers = true, conflicts_with_all = ["json", "csv"])]
    pub(crate) at: f64,
    /// Also draw the segment as an SVG, at the scale of ECG paper: a name that ends in .svg
    #[arg(long, value_name = "FILE", value_parser = svg_name, conflicts_with_all = ["json", "csv"])]
    pub(crate) svg: Option<PathBuf>,
    /// Print the numbers of --variable at full precision, one matrix row a line
    #[arg(long, requires = "variables")]
    pub(crate) csv: bool,
    // Last, because its heading holds for what follows.
    #[command(flatten)]
    pub(crate) calibration: CalibrationArgs,
}

/// A recording cannot be overwritten by a slip such as `--svg *.mat`.
fn svg_name(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.extension() {
        Some(end) if end.eq_ignore_ascii_case("svg") => Ok(path),
        _ => Err("expected a name that ends in .svg".to_owned()),
    }
}

pub(crate) fn run(args: &InspectArgs) -> Result<ExitCode, String> {
    if let Some(name) = args.calibration.variables.first().filter(|_| args.csv) {
        let mut out = io::BufWriter::new(io::stdout().lock());
        unless_closed(inspect::csv(&args.file, name, &mut out))?;
        return Ok(ExitCode::SUCCESS);
    }
    let examined = inspect::judge(&args.file, &args.calibration)?;
    if args.json {
        print_json(&inspect::json(&args.file, &examined))?;
    } else {
        print(&inspect::page(&args.file, &examined, &args.calibration))?;
        let columns = terminal::columns();
        let svg = args.svg.as_deref();
        print(&inspect::segment(&args.file, &examined, args.at, svg, columns)?)?;
    }
    Ok(exit_code(examined.verdict.accepted))
}
