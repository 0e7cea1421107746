//! What the console asks for, done in a lake.

use std::path::PathBuf;

use ecg_console::{Actions, Done};
use ecg_journal::Place;
use ecg_store::LocalStore;

use crate::args::CalibrationArgs;
use crate::discover::Found;
use crate::executions::local::{InLake, header_in_lake};
use crate::profile_files::ProfileFiles;
use crate::run::Ran;
use crate::summary::why;
use crate::upload::{End, Wanted, header_beside};

/// Runs executions in a lake with the built-in workflow.
pub(crate) struct ConsoleActions(InLake);

impl ConsoleActions {
    pub(crate) fn new(place: Place) -> ConsoleActions {
        ConsoleActions(InLake {
            place,
            workflow: None,
        })
    }
}

impl Actions for ConsoleActions {
    fn redrive(&self, executions: &[String], done: &dyn Fn(Done)) -> Result<(), String> {
        let choose = |journal: &ecg_journal::Reader, _: &Place| {
            let mut chosen = Vec::new();
            for name in executions {
                let execution = journal.named(name).map_err(|error| error.to_string())?;
                chosen.push(execution.ok_or_else(|| format!("`{name}`: no execution"))?);
            }
            Ok(chosen)
        };
        let ran = self.0.redrive_chosen(choose, &|ran| done(told(ran)));
        ran.map(|_| ())
    }

    fn rerun(&self, execution: &str, done: &dyn Fn(Done)) -> Result<(), String> {
        let said = CalibrationArgs::default();
        let ran = self.0.rerun_one(execution, &said, &|ran| done(told(ran)));
        ran.map(|_| ())
    }

    fn upload(&self, recordings: &[PathBuf], done: &dyn Fn(Done)) -> Result<(), String> {
        let choose = |_: &ecg_journal::Reader, place: &Place, store: &LocalStore| {
            let mut profiles = ProfileFiles::new(None, Some(place));
            // A header goes into the lake with its recording, beside which it lies.
            let names = recordings
                .iter()
                .filter_map(|file| Some((file, file.file_name()?.to_str()?)));
            let found = names.map(|(file, name)| {
                // Files of different people often have one name, and a key belongs to one recording: so its content is in the key.
                let (md5, _) = store
                    .version_of_file(file)
                    .map_err(|error| format!("{name}: {error}"))?;
                let mut found = Found::new(file, file.clone(), format!("uploads/{md5:.12}/{name}"));
                if !header_beside(file).is_file() {
                    found.header = header_in_lake(store, &found.key)?;
                }
                found.profile = profiles.find(file, &found.key)?;
                Ok(found)
            });
            found.collect()
        };
        let ran = self
            .0
            .run_found(choose, Wanted::default(), &|ran| done(told(ran)));
        ran.map(|_| ())
    }
}

fn told(ran: &Ran) -> Done {
    let mut words = Vec::new();
    if let End::Before(_, changed) = &ran.end {
        words.push("in the lake already, not run again".to_owned());
        let changed = changed.as_ref();
        words.extend(changed.map(|what| format!("{what} since: Run again takes that into account")));
    }
    if !ran.accepted() {
        words.push(why(ran));
    }
    Done {
        execution: ran.execution.clone(),
        key: ran.key.clone(),
        well: ran.settled(),
        message: (!words.is_empty()).then(|| words.join("; ")),
    }
}
