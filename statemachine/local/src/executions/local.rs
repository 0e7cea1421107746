//! The executions of a lake.

use std::process::ExitCode;
use std::time::Instant;

use asl_engine::Status;

use crate::discover::Discovery;
use crate::journal::Journal;
use crate::output::print;
use crate::place::Place;
use crate::run::Ran;
use crate::summary::Summary;
use crate::terminal::lake_option;

pub(crate) fn journals(place: &Place) -> Result<Vec<Journal>, String> {
    Journal::all(&place.executions()).map_err(|error| format!("{}: {error}", place.executions().display()))
}

pub(crate) fn failed(journal: &Journal) -> Result<bool, String> {
    let closed = journal.outcome().map_err(|error| error.to_string())?;
    Ok(closed.is_some_and(|closed| closed.status != Status::Succeeded))
}

/// The one execution that is meant: by its name, or by a part of its name or of its file's key.
pub(crate) fn find(place: &Place, id: &str) -> Result<Journal, String> {
    let exact = Journal::new(&place.executions(), id);
    let plain = !id.is_empty()
        && id
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if plain && exact.input().map_err(|error| error.to_string())?.is_some() {
        return Ok(exact);
    }
    let mut fitting = Vec::new();
    for journal in journals(place)? {
        let key = journal
            .input()
            .map_err(|error| error.to_string())?
            .map(|input| input.source.key);
        if journal.name().contains(id) || key.is_some_and(|key| key.contains(id)) {
            fitting.push(journal);
        }
    }
    match fitting.len() {
        1 => Ok(fitting.remove(0)),
        0 => Err(format!(
            "`{id}`: no execution; list them with `ecg runs{}`",
            lake_option(&place.root().display().to_string())
        )),
        many => {
            let names: Vec<String> = fitting.iter().take(5).map(Journal::name).collect();
            Err(format!(
                "`{id}` fits {many} executions, such as {}",
                names.join(", ")
            ))
        }
    }
}

/// Says how executions ended that were chosen by their ids.
pub(crate) fn finish(ran: &[Ran], started: Instant, place: &Place, json: bool) -> Result<ExitCode, String> {
    let summary = Summary {
        ran,
        discovery: &Discovery::default(),
        took: started.elapsed(),
        place,
    };
    let text = if json {
        format!("{:#}\n", summary.json())
    } else {
        summary.text()
    };
    print(&text)?;
    Ok(summary.exit_code())
}
