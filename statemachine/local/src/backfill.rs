//! `ecg backfill`: starts a backfill, waits for it, and says how it ended.

use std::fmt::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use asl_engine::Status;
use ecg_core::execution_name;
use ecg_remote::backfill::{Backfill, Counts};
use ecg_remote::{Error, Execution, Machine};
use serde_json::Value;

use crate::args::{BACKFILL, PIPELINE};
use crate::execute::{now, reason_of};
use crate::executions::aws::{block_on, why};
use crate::output::{exit_code, print};
use crate::progress::Progress;
use crate::terminal::shell_word;

/// Failed recordings of a backfill that are listed one by one.
const FAILURES_LISTED: usize = 20;

/// How often a backfill is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Starts it, and if `wait` goes on until it has ended.
pub(crate) fn run(state_machine: &str, asked: &Backfill, wait: bool) -> Result<ExitCode, String> {
    // Said here, before a hundred thousand children say it.
    execution_name("", asked.suffix.as_deref().unwrap_or_default())?;
    let started = Instant::now();
    let name = format!("backfill-{}", now().format("%Y%m%dT%H%M%SZ"));
    let (machine, arn) = block_on(async {
        let machine = Machine::open(state_machine).await?;
        let arn = machine.start(&name, asked).await?;
        Ok((machine, arn))
    })?;
    let link = step_notify::execution_link(&arn);
    if !wait {
        print(&format!("started: {name}\n{link}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let progress = Progress::new(0, "objects");
    progress.line(&format!("{link}\n(it goes on without this command)"));
    let ended = block_on(until_ended(&machine, &arn, &progress));
    progress.finish();
    let (execution, counts, failures) = ended?;
    let ended = Ended {
        state_machine,
        asked,
        execution: &execution,
        counts,
        failures: &failures,
        took: started.elapsed(),
    };
    print(&ended.text())?;
    let all_well = execution.status == Some(Status::Succeeded) && counts.failed == 0;
    Ok(exit_code(all_well))
}

/// Until the backfill ends: its execution, its numbers, and the first of its failed children.
async fn until_ended(
    machine: &Machine,
    arn: &str,
    progress: &Progress,
) -> Result<(Execution, Counts, Vec<Execution>), Error> {
    loop {
        // The execution first: once it has ended, the numbers are final.
        let execution = machine.describe(arn).await?;
        let execution = execution.ok_or_else(|| Error::NotFound(format!("`{arn}`: no execution")))?;
        let told = machine.backfill_progress(arn).await?;
        if let Some(told) = &told {
            progress.set_total(told.counts.total);
            progress.set(told.counts.succeeded + told.counts.failed);
        }
        if execution.status.is_some() {
            return Ok(match told {
                None => (execution, Counts::default(), Vec::new()),
                Some(told) => {
                    let failures = machine
                        .backfill_failures(&told.map_run_arn, FAILURES_LISTED)
                        .await?;
                    (execution, told.counts, failures)
                }
            });
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The end of a backfill.
struct Ended<'e> {
    state_machine: &'e str,
    asked: &'e Backfill,
    execution: &'e Execution,
    counts: Counts,
    failures: &'e [Execution],
    took: Duration,
}

impl Ended<'_> {
    /// For people.
    fn text(&self) -> String {
        let Counts {
            total,
            open,
            succeeded,
            failed,
        } = self.counts;
        let mut text = format!(
            "{total} objects below `{}`: {succeeded} succeeded, {failed} failed",
            self.asked.prefix
        );
        if open > 0 {
            let _ = write!(text, ", {open} not run");
        }
        let _ = writeln!(text, "; {:.1} s", self.took.as_secs_f64());
        if let Some(why) = why(self.execution) {
            let _ = writeln!(text, "the backfill ended early: {why}");
        }
        let machine = self.machine_option();
        for child in self.failures {
            let (key, name, why) = told(child);
            let _ = writeln!(text, "\n  {key}\n    {why}");
            if let Some(name) = name {
                let _ = writeln!(text, "    ecg show --aws {}{machine}", shell_word(name));
            }
        }
        let more = failed.saturating_sub(self.failures.len() as u64);
        if more > 0 {
            let _ = writeln!(text, "\n  and {more} more");
        }
        text.push_str(&self.archived());
        if failed > 0 {
            let _ = writeln!(
                text,
                "\nnext:\n  ecg runs --aws --failed{machine}\n  \
                 when the reasons are corrected\n  \
                 ecg redrive --aws --all{machine}"
            );
        }
        text
    }

    /// How many archived objects were passed over, and the commands that bring them back and run them. The state machine
    /// counts them, see `backfill.asl.json`.
    fn archived(&self) -> String {
        let output = self.execution.output.as_ref();
        let told = |field: &str| output.and_then(|output| output.get(field));
        let count = told("archived").and_then(Value::as_u64).unwrap_or(0);
        if count == 0 {
            return String::new();
        }
        let bucket = told("bucket").and_then(Value::as_str).unwrap_or("RAW_BUCKET");
        let prefix = shell_word(&self.asked.prefix);
        let mut options = match self.state_machine {
            BACKFILL => String::new(),
            other => format!(" --state-machine {}", shell_word(other)),
        };
        if let Some(suffix) = &self.asked.suffix {
            let _ = write!(options, " --suffix {suffix}");
        }
        format!(
            "\n{count} of them are archived and were passed over. To restore them for a week, which takes hours:\n  \
             aws s3api list-objects-v2 --bucket {bucket} --prefix {prefix} --output text \\\n    \
             --query 'Contents[?StorageClass==`GLACIER` || StorageClass==`DEEP_ARCHIVE`].[Key]' | while IFS= read -r key; do\n    \
             aws s3api restore-object --bucket {bucket} --key \"$key\" --restore-request Days=7; done\n  \
             once they are there\n  \
             ecg backfill {prefix} --aws{options}\n"
        )
    }

    /// ` --state-machine M` where the pipeline is not the usual one. It is called as its backfill without the ending.
    fn machine_option(&self) -> String {
        let machine = self.state_machine;
        match machine.strip_suffix("-backfill").unwrap_or(machine) {
            PIPELINE => String::new(),
            other => format!(" --state-machine {}", shell_word(other)),
        }
    }
}

/// Key, execution and reason of a child that failed. The cause of one that got as far as the pipeline begins with
/// `KEY (NAME): `, see `backfill.asl.json`.
fn told(child: &Execution) -> (&str, Option<&str>, String) {
    let key = child.input["key"].as_str().unwrap_or(&child.name);
    let cause = child.cause.as_deref().unwrap_or_default();
    let named = (cause.strip_prefix(key))
        .and_then(|rest| rest.strip_prefix(" ("))
        .and_then(|rest| rest.split_once("): "));
    let status = child.status.unwrap_or(Status::Failed);
    match named {
        Some((name, cause)) => (
            key,
            Some(name),
            reason_of(status, child.error.as_deref(), Some(cause)),
        ),
        None => (
            key,
            None,
            reason_of(status, child.error.as_deref(), child.cause.as_deref()),
        ),
    }
}
