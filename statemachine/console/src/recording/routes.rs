//! What the page of a recording asks for, below `/recordings/{id}`. Samples travel as little-endian floats, the rest as JSON.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use ecg_core::day::rfc3339;
use ecg_journal::{Annotation, Annotations, NewAnnotation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Failure, Recording, Recordings, page};
use crate::server::Shared;

/// What the routes of recordings share.
#[derive(Clone)]
pub(crate) struct Lake {
    pub(crate) shared: Arc<Shared>,
    pub(crate) recordings: Arc<Recordings>,
}

/// The addresses below `/recordings`.
pub(crate) fn routes(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    let lake = Lake {
        recordings: Arc::new(Recordings::new(&shared.lake)),
        shared: shared.clone(),
    };
    Router::new()
        .route("/recordings", get(page::list))
        .route("/recordings/{id}", get(page::page))
        .route("/recordings/{id}/head", get(head))
        .route("/recordings/{id}/segments", get(segments))
        .route("/recordings/{id}/beats", get(beats))
        .route("/recordings/{id}/samples", get(samples))
        .route("/recordings/{id}/envelope", get(envelope))
        .route("/recordings/{id}/marks", get(marks))
        .route("/recordings/{id}/annotations", post(annotate))
        .route("/recordings/{id}/annotations/{annotation}/remove", post(remove))
        .route("/recordings/{id}/annotations/{annotation}/restore", post(restore))
        .with_state(lake)
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, words) = match self {
            Failure::NotFound(words) => (StatusCode::NOT_FOUND, words),
            Failure::Refused(words) => (StatusCode::BAD_REQUEST, words),
            Failure::Internal(words) => (StatusCode::INTERNAL_SERVER_ERROR, words),
        };
        (status, words).into_response()
    }
}

#[derive(Deserialize)]
struct OfLead {
    lead: u32,
}

#[derive(Deserialize)]
struct Stretch {
    lead: Option<u32>,
    from: u64,
    to: u64,
}

#[derive(Deserialize)]
struct Drawn {
    lead: u32,
    from: u64,
    to: u64,
    buckets: u64,
}

impl Stretch {
    fn range(&self) -> Range<u64> {
        self.from..self.to
    }
}

/// JSON without a second copy of what is large.
fn json_of(value: &impl Serialize) -> Result<Response, Failure> {
    let bytes = serde_json::to_vec(value).map_err(|error| Failure::Internal(error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], bytes).into_response())
}

fn bytes(bytes: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response()
}

fn of_lead(recording: &Recording, lead: u32) -> Result<u32, Failure> {
    if lead < recording.leads {
        return Ok(lead);
    }
    Err(Failure::Refused(format!(
        "expected a lead from 0 to {}, found {lead}",
        recording.leads.saturating_sub(1)
    )))
}

async fn head(State(lake): State<Lake>, Path(id): Path<String>) -> Result<Response, Failure> {
    let recording = lake.recordings.in_tables(&id).await?;
    let annotations = lake
        .recordings
        .place()
        .journal()?
        .annotations(Some(&recording.id));
    let annotations = annotations.map_err(|error| Failure::Internal(error.to_string()))?;
    json_of(&json!({
        "recording": recording.row,
        "annotations": told(&annotations),
    }))
}

async fn segments(
    State(lake): State<Lake>,
    Path(id): Path<String>,
    Query(asked): Query<OfLead>,
) -> Result<Response, Failure> {
    let recording = lake.recordings.in_tables(&id).await?;
    json_of(
        &lake
            .recordings
            .segments(&recording, of_lead(&recording, asked.lead)?)
            .await?,
    )
}

async fn beats(
    State(lake): State<Lake>,
    Path(id): Path<String>,
    Query(asked): Query<OfLead>,
) -> Result<Response, Failure> {
    let recording = lake.recordings.in_tables(&id).await?;
    Ok(bytes(
        lake.recordings
            .beats(&recording, of_lead(&recording, asked.lead)?)
            .await?,
    ))
}

async fn samples(
    State(lake): State<Lake>,
    Path(id): Path<String>,
    Query(asked): Query<Stretch>,
) -> Result<Response, Failure> {
    let recording = lake.recordings.in_tables(&id).await?;
    let lead = asked.lead.map(|lead| of_lead(&recording, lead)).transpose()?;
    Ok(bytes(
        lake.recordings.samples(&recording, lead, asked.range()).await?,
    ))
}

async fn envelope(
    State(lake): State<Lake>,
    Path(id): Path<String>,
    Query(asked): Query<Drawn>,
) -> Result<Response, Failure> {
    let recording = lake.recordings.in_tables(&id).await?;
    let lead = of_lead(&recording, asked.lead)?;
    Ok(bytes(
        lake.recordings
            .envelope(&recording, lead, asked.from..asked.to, asked.buckets)
            .await?,
    ))
}

async fn marks(
    State(lake): State<Lake>,
    Path(id): Path<String>,
    Query(asked): Query<Stretch>,
) -> Result<Response, Failure> {
    let recording = lake.recordings.in_tables(&id).await?;
    json_of(&lake.recordings.marks(&recording, asked.range()).await?)
}

async fn annotate(
    State(lake): State<Lake>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    let recording = lake.recordings.in_tables(&id).await?;
    let noted: NewAnnotation =
        serde_json::from_slice(&body).map_err(|error| Failure::Refused(format!("annotation: {error}")))?;
    let of = (
        recording.samples,
        recording.leads,
        recording.sampling_frequency_hz,
    );
    changed(lake, recording, move |annotations, id| {
        annotations.add(id, of, &noted, now()).map(|_| true)
    })
    .await
}

async fn remove(
    State(lake): State<Lake>,
    Path((id, annotation)): Path<(String, i64)>,
) -> Result<Response, Failure> {
    let recording = lake.recordings.in_tables(&id).await?;
    changed(lake, recording, move |annotations, id| {
        annotations.set_removed(id, annotation, Some(now()))
    })
    .await
}

async fn restore(
    State(lake): State<Lake>,
    Path((id, annotation)): Path<(String, i64)>,
) -> Result<Response, Failure> {
    let recording = lake.recordings.in_tables(&id).await?;
    changed(lake, recording, move |annotations, id| {
        annotations.set_removed(id, annotation, None)
    })
    .await
}

/// Changes the annotations of a recording and answers with those that stand then. A run that writes the journal may be waited
/// for, so it is done on a thread that may block.
async fn changed(
    lake: Lake,
    recording: Arc<Recording>,
    change: impl FnOnce(&Annotations, &str) -> io::Result<bool> + Send + 'static,
) -> Result<Response, Failure> {
    let work = move || -> Result<Vec<Annotation>, Failure> {
        let internal = |error: io::Error| match error.kind() {
            io::ErrorKind::InvalidInput => Failure::Refused(error.to_string()),
            _ => Failure::Internal(error.to_string()),
        };
        let annotations = Annotations::open(&lake.recordings.place().journal_file()).map_err(internal)?;
        if !change(&annotations, &recording.id).map_err(internal)? {
            return Err(Failure::NotFound(
                "no such annotation of this recording".to_owned(),
            ));
        }
        lake.recordings
            .place()
            .journal()?
            .annotations(Some(&recording.id))
            .map_err(internal)
    };
    let standing = tokio::task::spawn_blocking(work).await;
    let standing = standing.map_err(|error| Failure::Internal(error.to_string()))??;
    json_of(&told(&standing))
}

/// Seconds since the epoch.
#[expect(
    clippy::disallowed_methods,
    reason = "an annotation has the time at which a person makes it"
)]
fn now() -> f64 {
    chrono::Utc::now().timestamp_millis() as f64 / 1000.0
}

fn told(annotations: &[Annotation]) -> Vec<Value> {
    let told = annotations.iter().map(
        |Annotation {
             id, created, noted, ..
         }| {
            json!({
                "id": id,
                "lead": noted.lead,
                "start_sample": noted.start_sample,
                "end_sample": noted.end_sample,
                "label": noted.label,
                "author": noted.author,
                "created": rfc3339((created * 1000.0) as i64),
            })
        },
    );
    told.collect()
}
