//! What `ecg run` and `ecg redrive` say at the end.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};

use crate::execute::reason;
use crate::run::{End, Ran};

/// Most rejected recordings that are listed one by one.
const LISTED: usize = 20;

/// How the runs ended: rejected is the input's fault, failed is not.
struct Counts {
    accepted: usize,
    rejected: usize,
    failed: usize,
}

impl Counts {
    fn of(ran: &[Ran]) -> Counts {
        let accepted = ran.iter().filter(|ran| ran.accepted()).count();
        let rejected = ran.iter().filter(|ran| ran.error() == Some("Rejected")).count();
        Counts {
            accepted,
            rejected,
            failed: ran.len() - accepted - rejected,
        }
    }
}

/// The summary for people.
pub(crate) fn text(ran: &[Ran], took: Duration, lake: &str) -> String {
    let Counts {
        accepted,
        rejected,
        failed,
    } = Counts::of(ran);
    let before = ran.iter().filter(|ran| matches!(ran.end, End::Before(_))).count();
    let mut text = String::new();
    let _ = write!(
        text,
        "{}: {accepted} accepted, {rejected} rejected",
        recordings(ran.len())
    );
    if failed > 0 {
        let _ = write!(text, ", {failed} failed for another reason");
    }
    if before > 0 {
        let _ = write!(text, "; done before and not done again: {before}");
    }
    let _ = writeln!(text, "; {:.1} s; lake {lake}", took.as_secs_f64());
    let unaccepted: Vec<&Ran> = ran.iter().filter(|ran| !ran.accepted()).collect();
    for ran in unaccepted.iter().take(LISTED) {
        let _ = writeln!(text, "\n  {}\n    {}", ran.key, why(ran));
        if !ran.recording_id.is_empty() {
            let _ = writeln!(text, "    ecg show {}{}", ran.recording_id, lake_option(lake));
            // Its upload alone does not start a closed run again.
            if matches!(ran.end, End::Before(_)) {
                let _ = writeln!(
                    text,
                    "    ecg redrive {}{}   (when the reason is corrected)",
                    ran.recording_id,
                    lake_option(lake)
                );
            }
        }
    }
    if unaccepted.len() > LISTED {
        let _ = writeln!(
            text,
            "\n  and {} more: ecg runs --failed{}",
            unaccepted.len() - LISTED,
            lake_option(lake)
        );
    }
    text
}

fn recordings(count: usize) -> String {
    format!("{count} recording{}", if count == 1 { "" } else { "s" })
}

/// The summary for scripts.
pub(crate) fn json(ran: &[Ran], took: Duration, lake: &str) -> Value {
    let recordings: Vec<Value> = ran
        .iter()
        .map(|ran| {
            json!({
                "key": ran.key,
                "recording_id": ran.recording_id,
                "accepted": ran.accepted(),
                "done_before": matches!(ran.end, End::Before(_)),
                "reason": if ran.accepted() { None } else { Some(why(ran)) },
                "seconds": ran.took.as_secs_f64(),
            })
        })
        .collect();
    let Counts {
        accepted,
        rejected,
        failed,
    } = Counts::of(ran);
    json!({
        "lake": lake,
        "accepted": accepted,
        "rejected": rejected,
        "failed": failed,
        "seconds": took.as_secs_f64(),
        "recordings": recordings,
    })
}

/// Why a recording was not accepted, in one line.
pub(crate) fn why(ran: &Ran) -> String {
    match &ran.end {
        End::Now(closed) | End::Before(closed) => reason(closed),
        End::Broken(message) => message.clone(),
    }
}

/// ` --lake L`, or nothing for the default lake.
pub(crate) fn lake_option(lake: &str) -> String {
    if lake == "ecg-lake" || lake == "./ecg-lake" {
        String::new()
    } else {
        format!(" --lake {}", shell_word(lake))
    }
}

/// A word as a shell takes it.
pub(crate) fn shell_word(text: &str) -> String {
    let plain = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "/._-+=:,@".contains(c));
    if plain && !text.is_empty() {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_can_be_pasted() {
        assert_eq!(shell_word("a/b-c.mat"), "a/b-c.mat");
        assert_eq!(shell_word("1 NSR/x (0).mat"), "'1 NSR/x (0).mat'");
        assert_eq!(shell_word("it's"), "'it'\\''s'");
        assert_eq!(lake_option("my lake"), " --lake 'my lake'");
        assert_eq!(lake_option("ecg-lake"), "");
    }
}
