//! What all pages have around them, and the pages for what is not there or cannot be read.

use std::sync::Arc;

use askama::Template;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use crate::assets;
use crate::server::Shared;

/// What is around a page.
#[derive(Debug, Clone)]
pub(crate) struct Chrome {
    /// In the title of the window.
    pub(crate) title: String,
    /// The entry of the navigation that is lit.
    pub(crate) tab: &'static str,
    /// The folder of the lake, or the name of the state machine.
    pub(crate) lake: String,
    /// It is a state machine on AWS, which has no tables here.
    pub(crate) remote: bool,
    pub(crate) version: &'static str,
}

impl Chrome {
    pub(crate) fn new(shared: &Arc<Shared>, tab: &'static str, title: impl Into<String>) -> Chrome {
        Chrome {
            title: title.into(),
            tab,
            lake: match &shared.remote {
                Some(remote) => remote.name(),
                None => shared.lake.root().display().to_string(),
            },
            remote: shared.remote.is_some(),
            version: &assets::VERSION,
        }
    }
}

/// Whether only a part of the page was asked for, by htmx.
pub(crate) fn is_part(headers: &HeaderMap) -> bool {
    headers.contains_key("hx-request") && !headers.contains_key("hx-history-restore-request")
}

/// A template as an answer.
pub(crate) fn html(template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => Failure::Words(error.to_string()).into_response(),
    }
}

/// Why a page cannot be made.
#[derive(Debug)]
pub(crate) enum Failure {
    /// In words for people.
    Words(String),
    /// What was asked for is not there.
    NotFound(NotFound),
}

impl From<tokio::task::JoinError> for Failure {
    fn from(error: tokio::task::JoinError) -> Failure {
        Failure::Words(error.to_string())
    }
}

impl From<String> for Failure {
    fn from(words: String) -> Failure {
        Failure::Words(words)
    }
}

#[derive(Template)]
#[template(path = "trouble.html")]
struct Trouble<'a> {
    title: &'a str,
    words: &'a str,
    version: &'a str,
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let words = match self {
            Failure::Words(words) => words,
            Failure::NotFound(what) => return what.into_response(),
        };
        trouble(StatusCode::INTERNAL_SERVER_ERROR, "Cannot be shown", &words)
    }
}

/// That something is not there.
#[derive(Debug)]
pub(crate) struct NotFound(String);

impl NotFound {
    pub(crate) fn page(what: impl Into<String>) -> NotFound {
        NotFound(what.into())
    }
}

impl From<NotFound> for Failure {
    fn from(what: NotFound) -> Failure {
        Failure::NotFound(what)
    }
}

impl IntoResponse for NotFound {
    fn into_response(self) -> Response {
        trouble(
            StatusCode::NOT_FOUND,
            "Not found",
            &format!("{} is not here.", self.0),
        )
    }
}

fn trouble(status: StatusCode, title: &str, words: &str) -> Response {
    let page = Trouble {
        title,
        words,
        version: &assets::VERSION,
    };
    let text = page.render().unwrap_or_else(|error| error.to_string());
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response()
}
