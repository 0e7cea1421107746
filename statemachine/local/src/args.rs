//! The arguments that several commands have.

use std::path::{Path, PathBuf};

use clap::Args;
use ecg_core::settings::Settings;
use ecg_journal::Place;

use crate::terminal::shell_word;

/// The state machine that a command means where nobody names another.
pub(crate) const PIPELINE: &str = "ecg-pipeline";

/// The state machine of a backfill where nobody names another.
pub(crate) const BACKFILL: &str = "ecg-pipeline-backfill";

#[derive(Args)]
pub(crate) struct LakeArg {
    /// Directory of the lake
    #[arg(long, value_name = "DIR", default_value = "ecg-lake")]
    pub(crate) lake: PathBuf,
}

impl LakeArg {
    pub(crate) fn place(&self) -> Place {
        Place::new(&self.lake)
    }

    pub(crate) fn text(&self) -> String {
        self.lake.display().to_string()
    }
}

/// The pipeline on AWS in the place of a lake.
#[derive(Args)]
pub(crate) struct AwsArgs {
    /// Ask the pipeline on AWS, with region and credentials as the `aws` command finds them
    #[arg(long, conflicts_with = "lake")]
    pub(crate) aws: bool,
    /// The state machine, by name or ARN
    #[cfg_attr(not(feature = "aws"), allow(dead_code))]
    #[arg(long, value_name = "NAME_OR_ARN", default_value = PIPELINE)]
    pub(crate) state_machine: String,
}

/// What a person says of a file, on the command line. It counts before a header, variables of the file, metadata and profiles: docs/inputs.md.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Calibration (docs/inputs.md)")]
pub(crate) struct CalibrationArgs {
    /// Sampling frequency in Hz
    #[arg(long, value_name = "HZ", value_parser = positive)]
    pub(crate) fs: Option<f64>,
    /// ADC gain in adu per unit: one number, or one per lead
    #[arg(long, value_name = "G,...", value_delimiter = ',', allow_negative_numbers = true, value_parser = finite)]
    pub(crate) gain: Vec<f64>,
    /// ADC value at 0: one number, or one per lead
    #[arg(long, value_name = "B,...", value_delimiter = ',', allow_negative_numbers = true, value_parser = finite)]
    pub(crate) baseline: Vec<f64>,
    /// Physical unit: V, mV, uV or nV, for all leads or one per lead. Without a gain the numbers are in this unit
    #[arg(long, value_name = "UNIT,...", value_delimiter = ',')]
    pub(crate) units: Vec<String>,
    /// The variable that holds the samples, or several that hold a lead each
    #[arg(long = "variable", value_name = "NAME,...", value_delimiter = ',')]
    pub(crate) variables: Vec<String>,
    /// Names of the leads, in order
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub(crate) lead_names: Vec<String>,
    /// Profiles of data sets, as TOML; beside the recordings the name ecg-profiles.toml does without this option
    #[arg(long, value_name = "FILE")]
    pub(crate) profile: Option<PathBuf>,
}

impl CalibrationArgs {
    /// What was said; `None` if nothing was.
    pub(crate) fn settings(&self) -> Option<Settings> {
        let settings = Settings {
            sampling_frequency_hz: self.fs,
            gain: self.gain.clone(),
            baseline: self.baseline.clone(),
            units: self.units.clone(),
            leads: self.lead_names.clone(),
            variables: self.variables.clone(),
        };
        (!settings.is_empty()).then_some(settings)
    }

    /// The options as they would be typed, each with a blank before it.
    pub(crate) fn typed(&self) -> String {
        let settings = self.settings().unwrap_or_default();
        typed(&settings, "") + &self.typed_profile()
    }

    /// The option `--profile` as it would be typed, with a blank before it.
    pub(crate) fn typed_profile(&self) -> String {
        let profile = self.profile.iter();
        profile
            .map(|path| option("profile", &path.display().to_string()))
            .collect()
    }
}

/// Settings as they would be typed, each with a blank before it, without those that the options `but` replace.
pub(crate) fn typed(settings: &Settings, but: &str) -> String {
    let numbers = |numbers: &[f64]| numbers.iter().map(f64::to_string).collect::<Vec<_>>();
    let said = [
        ("fs", numbers(settings.sampling_frequency_hz.as_slice())),
        ("gain", numbers(&settings.gain)),
        ("baseline", numbers(&settings.baseline)),
        ("units", settings.units.clone()),
        ("variable", settings.variables.clone()),
        ("lead-names", settings.leads.clone()),
    ];
    let given = said.into_iter().filter(|(name, values)| {
        !values.is_empty() && !but.split(' ').any(|word| word.strip_prefix("--") == Some(name))
    });
    given
        .map(|(name, values)| option(name, &values.join(",")))
        .collect()
}

/// One option as it would be typed, with a blank before it.
fn option(name: &str, value: &str) -> String {
    // What begins with a hyphen would be the next option.
    let between = if value.starts_with('-') { '=' } else { ' ' };
    format!(" --{name}{between}{}", shell_word(value))
}

fn positive(text: &str) -> Result<f64, String> {
    finite(text).and_then(|number| {
        if number > 0.0 {
            Ok(number)
        } else {
            Err("expected a number above 0".to_owned())
        }
    })
}

fn finite(text: &str) -> Result<f64, String> {
    let number: f64 = text.trim().parse().map_err(|_| "expected a number".to_owned())?;
    if number.is_finite() {
        Ok(number)
    } else {
        Err("expected a finite number".to_owned())
    }
}

pub(crate) fn read_text(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
