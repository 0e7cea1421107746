//! What people note of recordings. Annotations are no result of a run: a recording that is run again keeps them, and they change
//! neither beats nor any other table.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use crate::{check, failed};

/// Most characters of a label, and of an author.
const TEXT_MAX: usize = 100;

/// What a person notes of a recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAnnotation {
    /// Number of the lead, from 0; `None` for all of them.
    pub lead: Option<u32>,
    /// First sample in the recording, from 0.
    pub start_sample: u64,
    /// Last sample. That of a beat is its first one.
    pub end_sample: u64,
    /// What it is.
    pub label: String,
    /// Who says so.
    pub author: String,
}

/// An annotation that stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Annotation {
    /// Its number in the lake.
    pub id: i64,
    /// The recording.
    pub recording_id: String,
    /// Sampling frequency of the recording in Hz.
    pub sampling_frequency_hz: f64,
    /// When it was noted, in seconds since the epoch.
    pub created: f64,
    /// What was noted.
    pub noted: NewAnnotation,
}

/// The annotations of a lake. They need no lock of the lake: each change is one short transaction beside those of a run.
#[derive(Debug)]
pub struct Annotations {
    connection: Connection,
    file: PathBuf,
}

impl Annotations {
    /// Opens a journal for its annotations.
    ///
    /// # Errors
    /// What SQLite says, or that the file is no journal.
    pub fn open(file: &Path) -> io::Result<Annotations> {
        let fail = |error: rusqlite::Error| failed(file, &error);
        let connection =
            Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(fail)?;
        connection.busy_timeout(Duration::from_secs(30)).map_err(fail)?;
        check(&connection, file)?;
        // Nobody can run an annotation again: each is on the disk before it is answered.
        connection
            .pragma_update(None, "synchronous", "full")
            .map_err(fail)?;
        Ok(Annotations {
            connection,
            file: file.to_owned(),
        })
    }

    /// Notes something, and gives its number. `samples` and `leads` are those of the recording, `now` is in seconds since the epoch.
    ///
    /// # Errors
    /// `InvalidInput` says what is wrong with it; else what SQLite says.
    pub fn add(
        &self,
        recording_id: &str,
        (samples, leads, sampling_frequency_hz): (u64, u32, f64),
        noted: &NewAnnotation,
        now: f64,
    ) -> io::Result<i64> {
        let refused = |words: String| Err(io::Error::new(io::ErrorKind::InvalidInput, words));
        for (name, text) in [("label", &noted.label), ("author", &noted.author)] {
            let length = text.chars().count();
            if text.trim().is_empty() || length > TEXT_MAX || text.chars().any(char::is_control) {
                return refused(format!(
                    "{name}: expected 1 to {TEXT_MAX} characters without control characters, found {length}"
                ));
            }
        }
        if noted.start_sample > noted.end_sample || noted.end_sample >= samples {
            return refused(format!(
                "expected a stretch within samples 0 to {}, found {} to {}",
                samples.saturating_sub(1),
                noted.start_sample,
                noted.end_sample
            ));
        }
        if let Some(lead) = noted.lead.filter(|lead| *lead >= leads) {
            return refused(format!(
                "expected a lead from 0 to {}, found {lead}",
                leads.saturating_sub(1)
            ));
        }
        let insert = "insert into annotations (recording_id, lead, start_sample, end_sample, sampling_frequency_hz, label, author, created) \
                      values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let values = params![
            recording_id,
            noted.lead,
            noted.start_sample as i64,
            noted.end_sample as i64,
            sampling_frequency_hz,
            noted.label.trim(),
            noted.author.trim(),
            now
        ];
        self.connection
            .execute(insert, values)
            .map_err(|error| self.failed(&error))?;
        Ok(self.connection.last_insert_rowid())
    }

    /// Takes an annotation of a recording back, or (`removed` is `None`) brings it again. Gives whether there is such an annotation.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn set_removed(&self, recording_id: &str, id: i64, removed: Option<f64>) -> io::Result<bool> {
        let update = "update annotations set removed = ?3 where id = ?1 and recording_id = ?2";
        let changed = self
            .connection
            .execute(update, params![id, recording_id, removed]);
        Ok(changed.map_err(|error| self.failed(&error))? > 0)
    }

    fn failed(&self, error: &rusqlite::Error) -> io::Error {
        failed(&self.file, error)
    }
}

const COLUMNS: &str =
    "id, recording_id, lead, start_sample, end_sample, sampling_frequency_hz, label, author, created";

/// The annotations that stand, of one recording or of all, by recording and start.
pub(crate) fn standing(
    connection: &Connection,
    recording_id: Option<&str>,
) -> rusqlite::Result<Vec<Annotation>> {
    let of = if recording_id.is_some() {
        "recording_id = ?1"
    } else {
        "?1 is null"
    };
    let sql = format!(
        "select {COLUMNS} from annotations where removed is null and {of} order by recording_id, start_sample, id"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_map([recording_id], annotation)?.collect()
}

fn annotation(row: &Row<'_>) -> rusqlite::Result<Annotation> {
    Ok(Annotation {
        id: row.get("id")?,
        recording_id: row.get("recording_id")?,
        sampling_frequency_hz: row.get("sampling_frequency_hz")?,
        created: row.get("created")?,
        noted: NewAnnotation {
            lead: row.get("lead")?,
            start_sample: row.get::<_, i64>("start_sample")? as u64,
            end_sample: row.get::<_, i64>("end_sample")? as u64,
            label: row.get("label")?,
            author: row.get("author")?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Journal, Reader};

    fn noted(start_sample: u64, label: &str) -> NewAnnotation {
        NewAnnotation {
            lead: Some(0),
            start_sample,
            end_sample: start_sample + 10,
            label: label.to_owned(),
            author: "A. Nurse".to_owned(),
        }
    }

    fn labels(reader: &Reader, recording_id: Option<&str>) -> Vec<String> {
        let found = reader.annotations(recording_id).unwrap();
        found
            .into_iter()
            .map(|annotation| annotation.noted.label)
            .collect()
    }

    const RECORDING: (u64, u32, f64) = (1000, 2, 360.0);

    #[test]
    fn annotations_are_kept_taken_back_and_erased() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("journal.sqlite");
        // A run that goes on, with the lake's one writer.
        let journal = Journal::open(&file, "boot", |_| Ok(())).unwrap();
        let annotations = Annotations::open(&file).unwrap();
        let late = annotations
            .add("r1", RECORDING, &noted(500, "late"), 3.0)
            .unwrap();
        annotations
            .add("r1", RECORDING, &noted(100, "  early \u{1fac0} <b>'\""), 4.0)
            .unwrap();
        annotations.add("r2", RECORDING, &noted(0, "other"), 5.0).unwrap();
        let reader = Reader::open(&file).unwrap();
        assert_eq!(labels(&reader, Some("r1")), ["early \u{1fac0} <b>'\"", "late"]);
        assert_eq!(labels(&reader, None).len(), 3);
        assert_eq!(reader.annotations(Some("r1")).unwrap()[1].created, 3.0);

        assert!(annotations.set_removed("r1", late, Some(6.0)).unwrap());
        assert_eq!(labels(&reader, Some("r1")).len(), 1);
        assert!(annotations.set_removed("r1", late, None).unwrap());
        assert_eq!(labels(&reader, Some("r1")).len(), 2);
        // One of another recording cannot be taken back from here.
        assert!(!annotations.set_removed("r2", late, Some(6.0)).unwrap());

        annotations.set_removed("r1", late, Some(6.0)).unwrap();
        journal.erase(&["r1".to_owned()].into()).unwrap();
        assert_eq!(labels(&reader, None), ["other"]);
        let next = annotations.add("r1", RECORDING, &noted(0, "new"), 7.0).unwrap();
        assert!(next > late, "the number {late} was given again");
        journal.close().unwrap();
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_was_expected() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("journal.sqlite");
        Journal::open(&file, "boot", |_| Ok(())).unwrap().close().unwrap();
        let annotations = Annotations::open(&file).unwrap();
        let refused = |change: fn(&mut NewAnnotation)| {
            let mut annotation = noted(0, "x");
            change(&mut annotation);
            let error = annotations.add("r", RECORDING, &annotation, 0.0).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            error.to_string()
        };
        assert!(refused(|annotation| annotation.label = "  ".into()).contains("label: expected 1 to 100"));
        assert!(refused(|annotation| annotation.author = "x".repeat(101)).contains("found 101"));
        assert!(refused(|annotation| annotation.label = "a\u{1b}[2J".into()).contains("control"));
        assert!(refused(|annotation| annotation.end_sample = 1000).contains("0 to 999, found 0 to 1000"));
        assert!(refused(|annotation| annotation.start_sample = 11).contains("found 11 to 10"));
        assert!(refused(|annotation| annotation.lead = Some(2)).contains("0 to 1, found 2"));
        assert!(labels(&Reader::open(&file).unwrap(), None).is_empty());
    }

    #[test]
    fn a_journal_of_version_2_gets_the_table_with_the_next_run() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("journal.sqlite");
        let old = Connection::open(&file).unwrap();
        old.execute_batch(include_str!("schema.sql")).unwrap();
        old.pragma_update(None, "application_id", crate::APPLICATION)
            .unwrap();
        old.pragma_update(None, "user_version", 2).unwrap();
        drop(old);
        let refused = Annotations::open(&file).unwrap_err().to_string();
        assert!(
            refused.contains("found version 2; the next command that writes"),
            "{refused}"
        );
        Journal::open(&file, "boot", |_| Ok(())).unwrap().close().unwrap();
        Annotations::open(&file)
            .unwrap()
            .add("r", RECORDING, &noted(0, "x"), 0.0)
            .unwrap();
        // Opened again, it stays as it is.
        Journal::open(&file, "boot", |_| Ok(())).unwrap().close().unwrap();
        assert_eq!(labels(&Reader::open(&file).unwrap(), None), ["x"]);
    }
}
