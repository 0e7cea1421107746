//! What `ecg run` and `ecg redrive` say at the end.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::execute::reason;
use crate::inspect::shell_word;
use crate::run::{End, Ran};

/// Most rejected recordings that are listed one by one.
const LISTED: usize = 20;

/// The summary for people.
pub(crate) fn text(ran: &[Ran], took: Duration, lake: &str) -> String {
    let accepted = ran.iter().filter(|ran| ran.accepted()).count();
    let before = ran.iter().filter(|ran| matches!(ran.end, End::Before(_))).count();
    let mut text = String::new();
    let _ = write!(text, "{} recordings: {accepted} accepted, {} rejected", ran.len(), ran.len() - accepted);
    if before > 0 {
        let _ = write!(text, "; {before} of them were done before, nothing was done twice");
    }
    let _ = writeln!(text, "; {:.1} s; lake {lake}", took.as_secs_f64());
    let rejected: Vec<&Ran> = ran.iter().filter(|ran| !ran.accepted()).collect();
    for ran in rejected.iter().take(LISTED) {
        let _ = writeln!(text, "\n  {}\n    {}", ran.key, why(ran));
        if !ran.recording_id.is_empty() {
            let _ = writeln!(text, "    ecg show {}{}", ran.recording_id, lake_option(lake));
            // Its upload alone does not start a closed run again.
            if matches!(ran.end, End::Before(_)) {
                let _ = writeln!(text, "    ecg redrive {}{}   (when the reason is corrected)", ran.recording_id, lake_option(lake));
            }
        }
    }
    if rejected.len() > LISTED {
        let _ = writeln!(text, "\n  and {} more: ecg runs --failed{}", rejected.len() - LISTED, lake_option(lake));
    }
    text
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
    let accepted = ran.iter().filter(|ran| ran.accepted()).count();
    json!({
        "lake": lake,
        "accepted": accepted,
        "rejected": ran.len() - accepted,
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
    if lake == "ecg-lake" || lake == "./ecg-lake" { String::new() } else { format!(" --lake {}", shell_word(Path::new(lake))) }
}
