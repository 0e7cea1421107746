//! The function catalog: makes the database and the tables, then makes each view again, through Athena.
//!
//! A deployment calls it before the functions of its release write rows. What exists is adopted: columns are only added. A
//! view of an older release names its columns and does not mind a new one. Running it twice changes nothing.

#[cfg(feature = "lambda")]
mod deployment;

use std::future::Future;
use std::time::Duration;

use ecg_core::StepError;
use ecg_core::statement::State;
use ecg_lake::{Lake, catalog_error};
use ecg_store::CatalogError;
use ecg_tables::TABLES;
use ecg_tables::views::{View, views};
use serde::Serialize;
use tokio::time::sleep;

#[cfg(feature = "lambda")]
pub use deployment::Request;

/// How long to wait before a statement is looked at again.
const POLL: Duration = Duration::from_millis(300);

/// Most attempts for a view whose statement Athena calls retryable.
const ATTEMPTS: u32 = 3;

/// How often it is tried again where the catalog denies permission, and the pause before that. A role that was made a moment
/// ago counts some seconds later.
const GRANTS: u32 = 10;
const GRANT_PAUSE: Duration = Duration::from_secs(3);

/// Runs statements of SQL in the database of the tables.
pub trait Statements {
    /// Starts a statement and returns its id.
    fn start(&self, sql: &str) -> impl Future<Output = Result<String, StepError>>;

    /// How far the statement with this id is.
    fn state(&self, id: &str) -> impl Future<Output = Result<State, StepError>>;
}

#[cfg(feature = "lambda")]
impl Statements for ecg_lambda::athena::Athena {
    async fn start(&self, sql: &str) -> Result<String, StepError> {
        self.start(sql).await
    }

    async fn state(&self, id: &str) -> Result<State, StepError> {
        self.state(id).await
    }
}

/// What is there now.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Names of the tables.
    pub tables: Vec<&'static str>,
    /// Names of the views, in the order in which they were made.
    pub views: Vec<&'static str>,
    /// Why a deployment failed, which was told to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

#[cfg(feature = "lambda")]
impl ecg_lambda::Counts for Answer {}

/// Makes the database, the tables and the views.
///
/// # Errors
/// What the catalog says: `Internal` names a table that additions cannot make ours. Of a view that cannot be made its name, and
/// what Athena says. What was made before it stays.
pub async fn run(lake: &Lake, statements: &impl Statements) -> Result<Answer, StepError> {
    ensure_tables(lake).await?;
    let views = views();
    for view in &views {
        make(view, statements).await?;
    }
    Ok(Answer {
        tables: TABLES.map(|table| table.name).to_vec(),
        views: views.map(|view| view.name).to_vec(),
        failed: None,
    })
}

async fn ensure_tables(lake: &Lake) -> Result<(), StepError> {
    let catalog = lake.catalog()?;
    let mut denied = 0;
    loop {
        match lake.ensure_tables(catalog).await {
            Err(CatalogError::PermissionDenied { .. }) if denied < GRANTS => denied += 1,
            done => return done.map_err(|error| catalog_error(&error)),
        }
        sleep(GRANT_PAUSE).await;
    }
}

/// Makes a view, in the place of the one of that name.
async fn make(view: &View, statements: &impl Statements) -> Result<(), StepError> {
    let sql = format!("CREATE OR REPLACE VIEW \"{}\" AS{}", view.name, view.athena);
    let mut attempt = 1;
    loop {
        let ended = end_of(&sql, statements).await;
        match ended.map_err(|error| of_view(view.name, error))? {
            None => return Ok(()),
            Some((_, true)) if attempt < ATTEMPTS => attempt += 1,
            Some((reason, _)) => return Err(of_view(view.name, StepError::Internal(reason))),
        }
    }
}

/// Runs a statement to its end. Where it failed: the reason, and whether it is retryable.
async fn end_of(sql: &str, statements: &impl Statements) -> Result<Option<(String, bool)>, StepError> {
    let id = statements.start(sql).await?;
    loop {
        match statements.state(&id).await? {
            State::Running => sleep(POLL).await,
            State::Succeeded => return Ok(None),
            State::Failed { reason, retryable } => return Ok(Some((reason, retryable))),
        }
    }
}

/// The error with the name of the view in it.
fn of_view(name: &str, error: StepError) -> StepError {
    let text = |text: String| format!("making the view `{name}`: {text}");
    match error {
        StepError::Throttled(said) => StepError::Throttled(text(said)),
        StepError::Transient(said) => StepError::Transient(text(said)),
        other => StepError::Internal(text(other.to_string())),
    }
}
