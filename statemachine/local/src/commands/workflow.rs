//! `ecg workflow`: try a workflow file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use asl_engine::mock::{MockAnswer, MockRun, Mocks, run_with_mocks};
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::args::read_text;
use crate::execute::{load, now};
use crate::output::{exit_code, print, print_json};
use crate::runtime::runtime;

#[derive(Subcommand)]
pub(crate) enum WorkflowCommand {
    /// Run a workflow file with mocked functions and print status, output, error, cause and events as JSON
    Run(WorkflowRunArgs),
    /// Load a workflow file and say what the engine would refuse
    Check {
        /// The Amazon States Language file
        file: PathBuf,
    },
}

#[derive(Args)]
#[command(after_help = "\
A mock file is a JSON array of answers that the function of that name gives in turn, the last one repeating:
  [{\"error\": \"Transient\", \"cause\": \"try again\"}, {\"payload\": {\"verdict\": \"accepted\"}}]

Example:
  ecg workflow run statemachine/ecg-pipeline.asl.json --input '{\"recording_id\": \"x\", \"source\": {}}' \\
      --mock validate=validate.json --mock write=write.json --mock crawl=crawl.json --mock notify=notify.json

Exit status: 0 if the execution succeeded, 1 if it did not, 2 if the file cannot be loaded.")]
pub(crate) struct WorkflowRunArgs {
    /// The Amazon States Language file
    pub(crate) file: PathBuf,
    /// The input: JSON, or @FILE
    #[arg(long, value_name = "JSON")]
    pub(crate) input: String,
    /// Answers of a function
    #[arg(long = "mock", value_name = "NAME=FILE")]
    pub(crate) mocks: Vec<String>,
    /// Let Waits and retry delays take their time; otherwise they pass at once
    #[arg(long)]
    pub(crate) real_time: bool,
}

pub(crate) fn run(command: &WorkflowCommand) -> Result<ExitCode, String> {
    match command {
        WorkflowCommand::Run(args) => run_with_mocked_functions(args),
        WorkflowCommand::Check { file } => check(file),
    }
}

fn check(file: &Path) -> Result<ExitCode, String> {
    let definition = read_text(file)?;
    load(&definition).map_err(|error| format!("{}: {error}", file.display()))?;
    print(&format!("{}: the engine runs it\n", file.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn run_with_mocked_functions(args: &WorkflowRunArgs) -> Result<ExitCode, String> {
    let definition = read_text(&args.file)?;
    let input = match args.input.strip_prefix('@') {
        Some(path) => read_text(Path::new(path))?,
        None => args.input.clone(),
    };
    let input: Value =
        serde_json::from_str(&input).map_err(|error| format!("--input: expected JSON, {error}"))?;
    let mut names = BTreeSet::new();
    function_names(&serde_json::from_str(&definition).unwrap_or_default(), &mut names);
    // What an expression names is only known at run time.
    let (computed, functions): (BTreeSet<_>, BTreeSet<_>) = names
        .into_iter()
        .partition(|name| name.starts_with("{%") || name.starts_with("$."));
    let mut mocks = Mocks::new();
    for mock in &args.mocks {
        let (name, path) = mock
            .split_once('=')
            .ok_or_else(|| format!("--mock {mock}: expected NAME=FILE"))?;
        if computed.is_empty() && !functions.contains(name) {
            let known: Vec<&str> = functions.iter().map(String::as_str).collect();
            return Err(format!(
                "--mock {mock}: expected a function that the workflow calls ({}), found `{name}`",
                known.join(", ")
            ));
        }
        let text = read_text(Path::new(path))?;
        let answers: Value =
            serde_json::from_str(&text).map_err(|error| format!("{path}: expected JSON, {error}"))?;
        mocks.insert(
            name.to_owned(),
            MockAnswer::list(&answers).map_err(|error| format!("{path}: {error}"))?,
        );
    }
    let start = now();
    let seed = start.timestamp_micros().unsigned_abs();
    let how = MockRun {
        real_time: args.real_time,
        start,
        seed,
        substitutions: BTreeMap::new(),
    };
    let report = runtime(1)?
        .block_on(run_with_mocks(&definition, input, mocks, how))
        .map_err(|error| format!("{}: {error}", args.file.display()))?;
    print_json(&report)?;
    Ok(exit_code(report["status"] == "SUCCEEDED"))
}

/// The functions that the Task states of a definition call: the names that `--mock` takes.
fn function_names(part: &Value, names: &mut BTreeSet<String>) {
    if part["Type"] == "Task" {
        let called = [
            &part["Resource"],
            &part["Arguments"]["FunctionName"],
            &part["Parameters"]["FunctionName"],
            &part["Parameters"]["FunctionName.$"],
        ];
        for text in called
            .into_iter()
            .filter_map(Value::as_str)
            .filter(|text| !text.starts_with("arn:aws:states:"))
        {
            let name = text
                .split(":function:")
                .last()
                .and_then(|name| name.split(':').next())
                .unwrap_or(text);
            names.insert(name.trim_start_matches("${").trim_end_matches('}').to_owned());
        }
    }
    let inside: Vec<&Value> = match part {
        Value::Object(members) => members.values().collect(),
        Value::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    };
    inside.into_iter().for_each(|part| function_names(part, names));
}
