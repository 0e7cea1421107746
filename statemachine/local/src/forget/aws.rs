//! Erasure on AWS: starts `statemachine/forget.asl.json`, and says what it found and what is left.

use std::fmt::Write;
use std::process::ExitCode;
use std::time::Duration;

use ecg_remote::{Error, Execution, Machine};
use serde::Deserialize;
use serde_json::{Value, json};
use step_forget::Selection;

use super::{list, sum, typed};
use crate::args::PIPELINE;
use crate::execute::now;
use crate::executions::aws::{block_on, why};
use crate::output::{Answer, print_answer};
use crate::progress::Progress;
use crate::terminal::shell_word;

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What the services of AWS keep, and for how long. docs/erasure.md says the same with what to do about each.
const KEPT: &str = "\
Not erased, and until when it is there:
  histories of executions, this one too: 90 days after their end (Step Functions); the list of statements 45 days (Athena)
  logs of functions and workflows, access logs of the buckets: the setting logDays; the audit trail: auditDays
  lists of backfills in the work bucket: the setting workDays
  events that could not be read: 14 days in the dead letter queue; traces: 30 days (X-Ray)
  messages in Slack: until somebody removes them
  the second copy, if there is one, and what was downloaded: remove it there (docs/erasure.md)
";

/// What the task Find answers.
#[derive(Debug, Default, Deserialize)]
struct Found {
    recordings: usize,
    bytes: u64,
    some: Vec<String>,
    results: usize,
}

/// What the task Erase answers.
#[derive(Debug, Default, Deserialize)]
struct Erased {
    left: Vec<String>,
    more: bool,
}

/// Starts the erasure of a pipeline, or with `yes` false only finds what it would erase, and waits until that is known.
pub(crate) fn on_aws(
    pipeline: &str,
    selection: Selection,
    yes: bool,
    json: bool,
) -> Result<ExitCode, String> {
    let name = format!("forget-{}", now().format("%Y%m%dT%H%M%S%3fZ"));
    let machine = format!("{pipeline}-forget");
    let mut input = json!(selection);
    input["erase"] = json!(yes);
    let progress = Progress::new(0, "");
    let ended = block_on(async {
        let machine = Machine::open(&machine).await?;
        let arn = machine.start(&name, &input).await?;
        progress.line(&format!(
            "{}\n(it goes on without this command)",
            step_notify::execution_link(&arn)
        ));
        until_known(&machine, &arn).await
    });
    progress.finish();
    let (execution, found, erased) = ended?;
    if execution.failed() {
        let link = step_notify::execution_link(&execution.arn);
        return Err(format!("{}\n{link}", why(&execution).unwrap_or_default()));
    }
    let done = Done {
        pipeline,
        selection: &selection,
        found,
        erased,
        arn: &execution.arn,
    };
    if done.found.recordings == 0 {
        return Err(
            "expected recordings to erase, found none in the tables and the bucket of uploads".to_owned(),
        );
    }
    print_answer(&done, json)
}

/// Until it has ended, or the first removal is done and what is left has to wait for hours.
async fn until_known(machine: &Machine, arn: &str) -> Result<(Execution, Found, Option<Erased>), Error> {
    loop {
        let execution = machine.describe(arn).await?;
        let execution = execution.ok_or_else(|| Error::NotFound(format!("`{arn}`: no execution")))?;
        let history = machine.history(arn).await?;
        let output = |state: &str| {
            let exits = history
                .iter()
                .filter_map(|event| event.details.get("stateExitedEventDetails"));
            let mut outputs = exits
                .filter(|exit| exit["name"] == state)
                .filter_map(|exit| exit["output"].as_str());
            outputs.next_back().map(str::to_owned)
        };
        let found = output("Find").and_then(|output| serde_json::from_str(&output).ok());
        let erased: Option<Erased> = output("Erase").and_then(|output| serde_json::from_str(&output).ok());
        let erased = erased.filter(|erased| !erased.more);
        if execution.status.is_some() || erased.is_some() {
            return Ok((execution, found.unwrap_or_default(), erased));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

struct Done<'d> {
    pipeline: &'d str,
    selection: &'d Selection,
    found: Found,
    erased: Option<Erased>,
    arn: &'d str,
}

impl Answer for Done<'_> {
    fn text(&self) -> String {
        let Found {
            recordings,
            bytes,
            some,
            results,
        } = &self.found;
        let sum = sum(*recordings, *bytes);
        let mut text = match &self.erased {
            None => format!("would erase {sum}:\n"),
            Some(_) => format!("erased {sum}\n"),
        };
        if self.erased.is_none() {
            list(&mut text, some, *recordings);
            let _ = writeln!(
                text,
                "and all {results} objects with results of queries: nobody can tell which of them have rows of these"
            );
        }
        if let Some(Erased { left, .. }) = &self.erased
            && !left.is_empty()
        {
            let _ = writeln!(
                text,
                "\nLarge objects of the days {} have rows of them until the next compaction, and are kept for another day, because a \
                 query may still read them. The execution goes on until they are gone:\n  ecg show --aws {}",
                left.join(", "),
                self.arn
            );
        }
        let _ = write!(text, "\n{KEPT}");
        if self.erased.is_none() {
            let _ = writeln!(
                text,
                "\nNothing was removed. This erases it:\n  {}",
                self.command()
            );
        }
        text
    }

    fn json(&self) -> Value {
        json!({
            "erased": self.erased.is_some(),
            "recordings": self.found.recordings,
            "bytes": self.found.bytes,
            "some": self.found.some,
            "results": self.found.results,
            "left": self.erased.as_ref().map(|erased| &erased.left),
            "execution": self.arn,
        })
    }

    fn well(&self) -> bool {
        true
    }
}

impl Done<'_> {
    fn command(&self) -> String {
        let mut command = format!("ecg forget --aws{}", typed(self.selection));
        command.push_str(" --yes");
        if self.pipeline != PIPELINE {
            let _ = write!(command, " --state-machine {}", shell_word(self.pipeline));
        }
        command
    }
}
