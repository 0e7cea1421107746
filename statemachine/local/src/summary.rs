//! What `ecg run`, `ecg rerun` and `ecg redrive` say at the end.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use ecg_core::layout;
use ecg_core::settings::Settings;
use ecg_journal::{Place, lake_option};
use ecg_recording::Verdict;
use serde_json::{Value, json};

use crate::args::{CalibrationArgs, typed};
use crate::discover::{Discovery, Problem, ProblemKind};
use crate::execute::reason;
use crate::output::Answer;
use crate::run::Ran;
use crate::terminal::{counted, plain};
use crate::upload::{End, header_beside};

/// Most entries of a kind that are listed one by one.
const LISTED: usize = 20;

/// What to say where no command helps.
const ANOTHER_FILE: &str = "needs another file; what is read: docs/inputs.md";

/// How a command ended that ran executions.
pub(crate) struct Summary {
    pub(crate) ran: Vec<Ran>,
    pub(crate) discovery: Discovery,
    pub(crate) took: Duration,
    pub(crate) place: Place,
    /// What the command said of its files.
    pub(crate) said: CalibrationArgs,
}

/// How the runs ended: rejected is the input's fault, failed is not.
#[derive(Default)]
struct Counts {
    accepted: usize,
    rejected: usize,
    failed: usize,
    before: usize,
    elsewhere: usize,
    erased: usize,
}

impl Summary {
    fn lake(&self) -> String {
        self.place.root().display().to_string()
    }

    fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for ran in &self.ran {
            counts.before += usize::from(matches!(ran.end, End::Before(..)));
            match (&ran.end, ran.closed()) {
                (End::Elsewhere(_), _) => counts.elsewhere += 1,
                (End::Erased, _) => counts.erased += 1,
                _ if ran.accepted() => counts.accepted += 1,
                (_, Some(closed)) if closed.error.as_deref() == Some("Rejected") => counts.rejected += 1,
                _ => counts.failed += 1,
            }
        }
        counts
    }

    /// What to do about a recording that was not accepted: commands, each alone on its line, and words on lines of their own.
    fn next(&self, ran: &Ran) -> Vec<String> {
        let Some(closed) = ran.closed() else {
            return Vec::new();
        };
        let mut lines = vec![self.command("show", &ran.execution)];
        if let Some((_, what)) = changed(ran) {
            lines.push(format!("{what} since then; run it again with"));
            lines.push(self.rerun_as_now(ran));
        } else if closed.error.as_deref() != Some("Rejected") {
            lines.push("when the reason has passed".to_owned());
            lines.push(self.command("redrive", &ran.execution));
        } else {
            lines.extend(self.remedy(ran));
        }
        lines
    }

    /// What helps a recording that was rejected.
    fn remedy(&self, ran: &Ran) -> Vec<String> {
        let verdict = self.place.verdict(&ran.execution);
        let Some(reason) = verdict.as_ref().and_then(|verdict| verdict.reason.as_ref()) else {
            return vec![ANOTHER_FILE.to_owned()];
        };
        let (settings, file) = self.run_with(ran).unwrap_or_default();
        let rerun = |but: &str| {
            let (rerun, profile) = (
                self.command("rerun", &ran.recording_id),
                self.said.typed_profile(),
            );
            format!("{rerun}{}{profile}", typed(&settings, but))
        };
        let header = layout::header_key(&ran.key).map(|_| header_beside(&file));
        let of_header = reason.subject.contains("header (.hea)") || reason.subject == "header";
        let broken = verdict.as_ref().and_then(Verdict::broken_rule);
        let mut lines = Vec::new();
        if let Some(flags) = &reason.try_flags {
            lines.push(
                match flags.as_str() {
                    flags if flags.starts_with("--variable") => {
                        "with the names of the variables or signals that are the leads"
                    }
                    flags if flags.split(' ').any(to_fill_in) => {
                        "with the right value in place of each word in capitals"
                    }
                    _ => "if this is right",
                }
                .to_owned(),
            );
            lines.push(format!("{} {flags}", rerun(flags)));
            if broken.is_none() && !flags.starts_with("--variable") && header.is_some() {
                lines.push("or with a header (.hea) beside the file: docs/inputs.md".to_owned());
            }
        } else if let Some(header) = header.filter(|_| of_header) {
            let to_do = if header.is_file() { "correct" } else { "write" };
            lines.push(format!("{to_do} the header {}, then", header.display()));
            lines.push(rerun(""));
        } else if reason.subject == "flags" {
            lines.push("with other values than these".to_owned());
            lines.push(rerun(""));
        } else if reason.subject.starts_with("profile:") {
            lines.push("correct the profile, then".to_owned());
            lines.push(rerun(""));
        } else if broken.is_none() {
            lines.push(ANOTHER_FILE.to_owned());
        }
        if let Some(rule) = broken {
            let or = if lines.is_empty() {
                "needs another file, or"
            } else {
                "or"
            };
            lines.push(format!(
                "{or} another limit: {rule} in shared/core/src/rules.rs, and with the `ecg` that is built then"
            ));
            lines.push(self.command("redrive", &ran.execution));
        }
        lines
    }

    /// The command that runs a recording again as this command would have.
    fn rerun_as_now(&self, ran: &Ran) -> String {
        self.command("rerun", &ran.recording_id) + &self.said.typed()
    }

    /// The options that a run began with, and the file that it was of.
    fn run_with(&self, ran: &Ran) -> Option<(Settings, PathBuf)> {
        let journal = self.place.journal().ok()?;
        let execution = journal.named(&ran.execution).ok()??;
        let input = journal.input(&execution).ok()?;
        Some((input.settings.unwrap_or_default(), execution.file))
    }

    fn command(&self, name: &str, id: &str) -> String {
        format!("ecg {name} {id}{}", lake_option(&self.lake()))
    }
}

impl Answer for Summary {
    fn text(&self) -> String {
        let counts = self.counts();
        let mut text = format!(
            "{}: {} accepted, {} rejected",
            counted(self.ran.len(), "recording", "recordings"),
            counts.accepted,
            counts.rejected
        );
        if counts.failed > 0 {
            let _ = write!(text, ", {} failed for another reason", counts.failed);
        }
        if counts.before > 0 {
            let _ = write!(text, "; done before and not done again: {}", counts.before);
        }
        if counts.elsewhere > 0 {
            let _ = write!(text, "; in the lake under another key: {}", counts.elsewhere);
        }
        if counts.erased > 0 {
            let _ = write!(text, "; erased with `ecg forget` and left out: {}", counts.erased);
        }
        let problems = &self.discovery.problems;
        for (kind, what) in [
            (ProblemKind::Unreadable, "could not be read"),
            (
                ProblemKind::KeyTaken,
                "left out, because another file has the key",
            ),
        ] {
            let count = problems.iter().filter(|problem| problem.kind == kind).count();
            if count > 0 {
                let _ = write!(text, "; {what}: {count}");
            }
        }
        let _ = writeln!(
            text,
            "; {:.1} s; lake {}",
            self.took.as_secs_f64(),
            plain(&self.lake())
        );

        let unsettled: Vec<&Ran> = self.ran.iter().filter(|ran| !ran.settled()).collect();
        list(
            &mut text,
            &unsettled,
            "ecg runs --failed",
            &self.place,
            |text, ran| {
                let _ = writeln!(text, "\n  {}\n    {}", plain(&ran.key), plain(&why(ran)));
                for line in self.next(ran) {
                    let _ = writeln!(text, "    {}", plain(&line));
                }
            },
        );
        let changed: Vec<(&Ran, &String)> = self
            .ran
            .iter()
            .filter(|ran| ran.accepted())
            .filter_map(changed)
            .collect();
        list(
            &mut text,
            &changed,
            "the same command with --again",
            &self.place,
            |text, (ran, what)| {
                let _ = writeln!(
                    text,
                    "\n  {}\n    {what} since it was done; run it again with",
                    plain(&ran.key)
                );
                let _ = writeln!(text, "    {}", plain(&self.rerun_as_now(ran)));
            },
        );
        let elsewhere: Vec<(&str, &str)> = self.ran.iter().filter_map(elsewhere).collect();
        list(&mut text, &elsewhere, "", &self.place, |text, (key, known)| {
            let _ = writeln!(
                text,
                "\n  {}\n    passed over: it is in the lake as {}",
                plain(key),
                plain(known)
            );
        });
        list(
            &mut text,
            &problems.iter().collect::<Vec<_>>(),
            "",
            &self.place,
            |text, problem| {
                let _ = writeln!(text, "\n  {}", problem.text());
            },
        );
        if self.discovery.passed_over > 0 {
            let _ = writeln!(
                text,
                "\nfiles passed over because their names do not end in {}: {}",
                layout::endings_in_words(),
                self.discovery.passed_over
            );
        }
        text
    }

    fn json(&self) -> Value {
        let recordings: Vec<Value> = self
            .ran
            .iter()
            .map(|ran| {
                json!({
                    "key": ran.key,
                    "recording_id": ran.recording_id,
                    "execution": ran.execution,
                    "accepted": ran.accepted(),
                    "done_before": matches!(ran.end, End::Before(..)),
                    "changed_since": changed(ran).map(|(_, what)| what),
                    "erased": matches!(ran.end, End::Erased),
                    "in_the_lake_as": elsewhere(ran).map(|(_, key)| key),
                    "reason": if ran.settled() { None } else { Some(why(ran)) },
                    "seconds": ran.took.as_secs_f64(),
                })
            })
            .collect();
        let counts = self.counts();
        let problems = self.discovery.problems.iter();
        json!({
            "lake": self.lake(),
            "accepted": counts.accepted,
            "rejected": counts.rejected,
            "failed": counts.failed,
            "problems": problems.map(Problem::text).collect::<Vec<_>>(),
            "seconds": self.took.as_secs_f64(),
            "recordings": recordings,
        })
    }

    /// Whether every recording is in the tables.
    fn well(&self) -> bool {
        self.ran.iter().all(Ran::settled) && self.discovery.problems.is_empty()
    }
}

/// Whether a word stands for a value that only a person knows, such as `ADU_PER_MV`.
fn to_fill_in(word: &str) -> bool {
    word.len() > 1
        && word
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'_' || byte.is_ascii_digit())
}

/// The first entries, and where the rest is.
fn list<T: Copy>(text: &mut String, all: &[T], rest: &str, place: &Place, each: impl Fn(&mut String, T)) {
    for one in all.iter().take(LISTED) {
        each(text, *one);
    }
    if all.len() > LISTED {
        let _ = write!(text, "\n  and {} more", all.len() - LISTED);
        let option = lake_option(&place.root().display().to_string());
        let _ = match rest {
            "" => writeln!(text),
            command if command.starts_with("ecg ") => writeln!(text, ": {command}{option}"),
            words => writeln!(text, ": {words}"),
        };
    }
}

fn changed(ran: &Ran) -> Option<(&Ran, &String)> {
    match &ran.end {
        End::Before(_, Some(what)) => Some((ran, what)),
        _ => None,
    }
}

fn elsewhere(ran: &Ran) -> Option<(&str, &str)> {
    match &ran.end {
        End::Elsewhere(key) => Some((&ran.key, key)),
        _ => None,
    }
}

/// Why a recording was not accepted, in one line.
pub(crate) fn why(ran: &Ran) -> String {
    match &ran.end {
        End::Now(closed) | End::Before(closed, _) => reason(closed),
        End::Broken(message) => message.clone(),
        End::Elsewhere(key) => key.clone(),
        End::Erased => "erased".to_owned(),
    }
}
