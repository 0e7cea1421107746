//! Erasure in a lake on one machine.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::process::ExitCode;

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use ecg_core::day::utc_day;
use ecg_core::layout;
use ecg_journal::{BUCKET, Filter, Place, lake_option};
use ecg_lake::{Lake, Waits};
use futures::TryStreamExt;
use serde_json::{Value, json};
use step_forget::{Erasure, Left, Related, Row, Selection};

use super::{NAMED, list, sum, typed};
use crate::compact::{Compaction, of_day};
use crate::execute::now;
use crate::executions::local::find;
use crate::open_lake::OpenLake;
use crate::output::{Answer, print_answer};
use crate::runtime::{processors, runtime};
use crate::upload::header_beside;

/// In the work bucket: an erasure that has begun. Where one was interrupted, the next one ends it.
const UNFINISHED: &str = "forget/unfinished.json";

/// How often the days are compacted that have rows in large objects.
const ROUNDS: usize = 3;

/// Nobody else is at work in the lake.
const ALONE: Waits = Waits {
    query_ms: 0,
    ..Waits::LOCAL
};

/// Finds recordings, and with `yes` erases them.
pub(crate) fn in_lake(
    place: &Place,
    selection: Selection,
    yes: bool,
    json: bool,
) -> Result<ExitCode, String> {
    place.existing()?;
    let open = OpenLake::open(place)?;
    if yes {
        // Whose files a killed console has left, nobody can tell.
        ecg_console::sweep_inbox(place).map_err(|error| error.to_string())?;
    }
    let done = runtime(processors())?.block_on(forget(place, &open, selection, yes));
    open.journal.close().map_err(|error| error.to_string())?;
    print_answer(&done?, json)
}

async fn forget(place: &Place, open: &OpenLake, selection: Selection, yes: bool) -> Result<Done, String> {
    let typed = typed(&selection);
    let mut erasure = find_all(place, open, selection).await?;
    let known = open.lake.store.list(&open.lake.work, UNFINISHED).await;
    if !known.map_err(|error| error.to_string())?.is_empty() {
        let unfinished = open
            .lake
            .read_long_json(UNFINISHED, step_forget::LIST_BYTES_MAX)
            .await;
        erasure.take_over(unfinished.map_err(|error| error.to_string())?);
    }
    if erasure.recordings.is_empty() {
        return Err(format!(
            "expected recordings to erase, found none; look for them with `ecg runs{}`",
            lake_option(&place.root().display().to_string())
        ));
    }
    let own_files = own_files(open, &erasure)?;
    let left = match yes {
        true => Some(erase(open, &mut erasure).await?),
        false => None,
    };
    Ok(Done {
        erasure,
        own_files,
        left,
        again: format!(
            "ecg forget{typed} --yes{}",
            lake_option(&place.root().display().to_string())
        ),
    })
}

/// The recordings that are meant, from the journal and the tables.
async fn find_all(place: &Place, open: &OpenLake, selection: Selection) -> Result<Erasure, String> {
    let text = |error: std::io::Error| error.to_string();
    let mut rows = BTreeSet::new();
    let mut ids = Vec::new();
    {
        let journal = open.journal.reader();
        let mut known = Vec::new();
        for id in &selection.ids {
            known.push(find(&journal, place, id)?);
        }
        if let Some(key) = &selection.key {
            let below = Filter {
                key: Some(key.clone()),
                ..Filter::default()
            };
            known.extend(journal.list(&below, None).map_err(text)?);
        }
        for execution in known {
            let input = journal.input(&execution).map_err(text)?;
            ids.push(execution.recording_id.clone());
            rows.insert(Row {
                recording_id: execution.recording_id,
                key: execution.key,
                version: execution.version,
                sha256: None,
                day: utc_day(input.source.uploaded_at_ms).unwrap_or_default(),
            });
        }
    }
    let named = Selection {
        ids,
        key: selection.key,
        subject: selection.subject,
    };
    let mut statements = named.sql();
    let mut related = Related::default();
    statements.extend(related.sql(&rows));
    while let Some(sql) = statements.pop() {
        rows.extend(ask(place, &sql).await?);
        statements.extend(related.sql(&rows));
    }
    let rows: Vec<Row> = rows.into_iter().collect();
    let erasure = step_forget::plan(&open.lake, BUCKET, &rows, named.key.as_deref()).await;
    erasure.map_err(|error| error.to_string())
}

async fn ask(place: &Place, sql: &str) -> Result<Vec<Row>, String> {
    let batches = ecg_query::ask(place.root(), sql, true).await?;
    let batches: Vec<_> = batches.try_collect().await.map_err(|error| error.to_string())?;
    let mut rows = Vec::new();
    for batch in batches {
        let texts = batch.columns().iter().map(|column| cast(column, &DataType::Utf8));
        let texts = texts
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| error.to_string())?;
        for row in 0..batch.num_rows() {
            rows.push(Row::of(std::array::from_fn(|column| {
                let values = texts[column].as_string::<i32>();
                values.is_valid(row).then(|| values.value(row).to_owned())
            })));
        }
    }
    Ok(rows)
}

/// Erases, and returns the days of which something is left.
async fn erase(open: &OpenLake, erasure: &mut Erasure) -> Result<Vec<String>, String> {
    let lake = &open.lake;
    let text = |error: ecg_core::StepError| error.to_string();
    lake.write_json(UNFINISHED, erasure).await.map_err(text)?;
    step_forget::bury(lake, erasure, usize::MAX).await.map_err(text)?;
    let compaction = Compaction::new(lake.clone(), open.journal.clone(), ALONE);
    let mut left = remove(lake, erasure).await?;
    for _ in 0..ROUNDS {
        // Large objects are made anew without the rows.
        for day in &left.days {
            compaction.run(of_day(day)).await?;
        }
        if left.days.is_empty() {
            break;
        }
        left = remove(lake, erasure).await?;
    }
    let ids = erasure
        .recordings
        .iter()
        .map(|recording| recording.recording_id.clone());
    open.journal
        .erase(&ids.collect())
        .map_err(|error| error.to_string())?;
    if left.days.is_empty() {
        let removed = step_forget::purge_all(lake, &lake.work, UNFINISHED).await;
        removed.map_err(|error| error.to_string())?;
    }
    Ok(left.days.into_iter().collect())
}

async fn remove(lake: &Lake, erasure: &mut Erasure) -> Result<Left, String> {
    let now_ms = now().timestamp_millis();
    let left = step_forget::erase(lake, erasure, &ALONE, now_ms, usize::MAX).await;
    left.map_err(|error| error.to_string())
}

/// The files that the uploads were copied from, as far as they are there, with their headers.
fn own_files(open: &OpenLake, erasure: &Erasure) -> Result<Vec<String>, String> {
    let journal = open.journal.reader();
    let mut files = BTreeSet::new();
    for recording in &erasure.recordings {
        for execution in journal
            .of_key(&recording.key)
            .map_err(|error| error.to_string())?
        {
            let header = layout::header_key(&recording.key).map(|_| header_beside(&execution.file));
            let own = std::iter::once(execution.file).chain(header);
            files.extend(
                own.filter(|file| file.is_file())
                    .map(|file| file.display().to_string()),
            );
        }
    }
    Ok(files.into_iter().collect())
}

struct Done {
    erasure: Erasure,
    own_files: Vec<String>,
    /// `None`: nothing was removed. Else days of which something is left.
    left: Option<Vec<String>>,
    /// What erases it.
    again: String,
}

impl Answer for Done {
    fn text(&self) -> String {
        let recordings = &self.erasure.recordings;
        let sum = sum(
            recordings.len(),
            recordings.iter().map(|recording| recording.bytes).sum(),
        );
        let mut text = match self.left {
            None => format!("would erase {sum}:\n"),
            Some(_) => format!("erased {sum}\n"),
        };
        if self.left.is_none() {
            let keys: Vec<String> = (recordings.iter().take(NAMED))
                .map(|recording| {
                    let twin = recordings.iter().find(|other| {
                        other.key != recording.key
                            && other.sha256.is_some()
                            && other.sha256 == recording.sha256
                    });
                    let why =
                        twin.map_or_else(String::new, |twin| format!("  (the same bytes as {})", twin.key));
                    format!("{}  {}{why}", recording.recording_id, recording.key)
                })
                .collect();
            list(&mut text, &keys, recordings.len());
        }
        if !self.own_files.is_empty() {
            let _ = writeln!(text, "\nYour own files are not touched; remove them yourself:");
            list(&mut text, &self.own_files, self.own_files.len());
        }
        text.push_str(
            "\nNot in the lake and not erased: copies and backups of the lake, what you exported from it, the history of your shell, \
             and blocks of removed files until the file system uses them again.\n",
        );
        match &self.left {
            None => {
                let _ = writeln!(text, "\nNothing was removed. This erases it:\n  {}", self.again);
            }
            Some(left) if !left.is_empty() => {
                let _ = writeln!(
                    text,
                    "\nSomething is left of the days {}; this goes on:\n  {}",
                    left.join(", "),
                    self.again
                );
            }
            Some(_) => {}
        }
        text
    }

    fn json(&self) -> Value {
        let recordings = self.erasure.recordings.iter();
        json!({
            "erased": self.left.is_some(),
            "recordings": recordings.map(|recording| json!({
                "recording_id": recording.recording_id,
                "key": recording.key,
                "bytes": recording.bytes,
            })).collect::<Vec<_>>(),
            "own_files": self.own_files,
            "left": self.left,
        })
    }

    fn well(&self) -> bool {
        self.left.as_ref().is_none_or(Vec::is_empty)
    }
}
