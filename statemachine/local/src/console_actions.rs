//! What the console asks for, done in a lake.

use ecg_console::{Actions, Done, Upload};
use ecg_core::layout;
use ecg_journal::Place;

use crate::args::CalibrationArgs;
use crate::discover::Found;
use crate::executions::local::InLake;
use crate::profile_files::ProfileFiles;
use crate::run::Ran;
use crate::summary::why;
use crate::upload::Wanted;

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

    fn upload(&self, files: &[Upload], done: &dyn Fn(Done)) -> Result<(), String> {
        let choose = |_: &ecg_journal::Reader, place: &Place, _: &ecg_store::LocalStore| {
            let mut profiles = ProfileFiles::new(None, Some(place));
            // A header goes into the lake with its recording, beside which it lies.
            let recordings = files.iter().filter(|upload| layout::is_recording(&upload.key));
            let found = recordings.map(|upload| {
                let mut found = Found::new(&upload.file, upload.file.clone(), upload.key.clone());
                found.profile = profiles.find(&upload.file, &upload.key)?;
                Ok(found)
            });
            found.collect()
        };
        let wanted = Wanted {
            new_version: true,
            ..Wanted::default()
        };
        let ran = self.0.run_found(choose, wanted, &|ran| done(told(ran)));
        ran.map(|_| ())
    }
}

fn told(ran: &Ran) -> Done {
    Done {
        execution: ran.execution.clone(),
        key: ran.key.clone(),
        well: ran.settled(),
        message: (!ran.accepted()).then(|| why(ran)),
    }
}
