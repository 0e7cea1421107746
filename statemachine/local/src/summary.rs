//! What `ecg run`, `ecg rerun` and `ecg redrive` say at the end.

use std::fmt::Write;
use std::time::Duration;

use ecg_core::layout;
use serde_json::{Value, json};

use crate::discover::{Discovery, Problem};
use crate::execute::reason;
use crate::output::Answer;
use crate::place::Place;
use crate::run::Ran;
use crate::terminal::{counted, lake_option, plain};
use crate::upload::End;

/// Most entries of a kind that are listed one by one.
const LISTED: usize = 20;

/// How a command ended that ran executions.
pub(crate) struct Summary {
    pub(crate) ran: Vec<Ran>,
    pub(crate) discovery: Discovery,
    pub(crate) took: Duration,
    pub(crate) place: Place,
}

/// How the runs ended: rejected is the input's fault, failed is not.
#[derive(Default)]
struct Counts {
    accepted: usize,
    rejected: usize,
    failed: usize,
    before: usize,
    elsewhere: usize,
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
                _ if ran.accepted() => counts.accepted += 1,
                (_, Some(closed)) if closed.error.as_deref() == Some("Rejected") => counts.rejected += 1,
                _ => counts.failed += 1,
            }
        }
        counts
    }

    /// What to type about a recording that was not accepted.
    fn next(&self, ran: &Ran) -> Vec<String> {
        let Some(closed) = ran.closed() else {
            return Vec::new();
        };
        let mut lines = vec![self.command("show", &ran.execution)];
        let rerun = self.command("rerun", &ran.recording_id);
        if let Some((_, what)) = changed(ran) {
            lines.push(format!("{rerun}   ({what} since then)"));
        } else if closed.error.as_deref() != Some("Rejected") {
            lines.push(format!(
                "{}   (when the reason has passed)",
                self.command("redrive", &ran.execution)
            ));
        } else if let Some(flags) = self
            .place
            .verdict(&ran.execution)
            .and_then(|verdict| verdict.reason?.try_flags)
        {
            lines.push(format!(
                "{rerun} {flags}   (or with a header, see docs/inputs.md)"
            ));
        } else if let Some(rule) = self
            .place
            .verdict(&ran.execution)
            .and_then(|verdict| verdict.broken_rule())
        {
            lines.push(format!(
                "needs another file, or another limit: {rule} in shared/core/src/rules.rs, then {}",
                self.command("redrive", &ran.execution)
            ));
        } else {
            lines.push("needs another file; what is read: docs/inputs.md".to_owned());
        }
        lines
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
        let problems = &self.discovery.problems;
        if !problems.is_empty() {
            let _ = write!(text, "; could not be read: {}", problems.len());
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
                    let _ = writeln!(text, "    {line}");
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
                let _ = writeln!(text, "    {}", self.command("rerun", &ran.recording_id));
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
fn why(ran: &Ran) -> String {
    match &ran.end {
        End::Now(closed) | End::Before(closed, _) => reason(closed),
        End::Broken(message) => message.clone(),
        End::Elsewhere(key) => key.clone(),
    }
}
