//! The list of runs, and their failures by cause.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::Response;
use ecg_core::message::Failure as Told;
use ecg_journal::{Execution, FailureGroup, Filter, FilterColumn, Order, Overview, Reader};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::actions::Remote;
use crate::chrome::{Chrome, Failure, html, is_part};
use crate::course::{Course, Mark};
use crate::server::Shared;
use crate::time;

/// Rows of a page.
const ROWS: usize = 50;

/// Executions of a state machine that are looked through: each is a request to AWS, which allows some 15 a second.
pub(crate) const REMOTE_ROWS: usize = 100;

/// Groups of failures that are listed.
const GROUPS: usize = 200;

/// What the address asks for. What is empty restricts nothing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    status: String,
    step: String,
    error: String,
    label: String,
    subject: String,
    key: String,
    since: String,
    until: String,
    text: String,
    group: String,
    sort: String,
    /// The number of the execution before the first row.
    after: Option<i64>,
}

impl Asked {
    fn filter(&self) -> Result<Filter, String> {
        let some = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        let time = |name: &str, text: &str| {
            match some(text) {
            None => Ok(None),
            Some(text) => time::parse(&text).map(Some).ok_or_else(|| {
                format!("{name}: expected a day such as 2026-11-01, or a time such as 2026-11-01T12:00, found `{text}`")
            }),
        }
        };
        Ok(Filter {
            failed: self.status == "FAILED",
            status: some(&self.status).filter(|status| status != "FAILED"),
            step: some(&self.step),
            error: some(&self.error),
            label: some(&self.label),
            subject: some(&self.subject),
            key: some(&self.key),
            since: time("since", &self.since)?,
            until: time("until", &self.until)?,
            text: some(&self.text),
            group: some(&self.group),
        })
    }

    fn order(&self) -> Order {
        match self.sort.as_str() {
            "failed" => Order::FailedFirst,
            "oldest" => Order::Oldest,
            "longest" => Order::Longest,
            _ => Order::Newest,
        }
    }

    fn parts(&self) -> [(&'static str, &str); 11] {
        [
            ("status", &self.status),
            ("step", &self.step),
            ("error", &self.error),
            ("label", &self.label),
            ("subject", &self.subject),
            ("key", &self.key),
            ("since", &self.since),
            ("until", &self.until),
            ("text", &self.text),
            ("group", &self.group),
            ("sort", &self.sort),
        ]
    }

    /// The address of what is asked for with other values for some names, without what is empty.
    fn with(&self, others: &[(&str, &str)]) -> String {
        let parts = self.parts().into_iter().map(|(name, value)| {
            let other = others.iter().find(|(other, _)| *other == name);
            (name, other.map_or(value, |(_, value)| *value))
        });
        address("/runs", parts)
    }

    fn address(&self) -> String {
        self.with(&[])
    }

    /// Whether anything is restricted but the status.
    fn restricts(&self) -> bool {
        self.parts()
            .iter()
            .any(|(name, value)| !value.is_empty() && !matches!(*name, "status" | "sort"))
    }
}

/// An address with those parts of a query that are not empty.
pub(crate) fn address<'a>(path: &str, parts: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut address = path.to_owned();
    for (name, value) in parts.filter(|(_, value)| !value.is_empty()) {
        address.push(if address.len() == path.len() { '?' } else { '&' });
        address.push_str(name);
        address.push('=');
        address.push_str(&encoded(value));
    }
    address
}

/// The page of a run.
pub(crate) fn run_page(name: &str) -> String {
    format!("/runs/{}", encoded(name))
}

/// Percent-encoding of a value of a query or of a part of a path.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// All but what RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// One row.
pub(crate) struct Row {
    pub(crate) execution: Execution,
    pub(crate) status: &'static str,
    pub(crate) mark: Mark,
    /// A mark for each step.
    cells: Vec<(String, Mark)>,
    pub(crate) reason: Option<String>,
}

impl Row {
    fn of(execution: Execution, journal: &Reader, steps: &[String], at_work: bool) -> std::io::Result<Row> {
        let (status, mark) = status(&execution, at_work);
        let cells: Vec<(String, Mark)> = match (&execution.closed, &execution.step) {
            (Some(_), _) if !execution.failed() => {
                steps.iter().map(|step| (step.clone(), Mark::Succeeded)).collect()
            }
            (None, _) => {
                let course = Course::of(&journal.history(&execution)?, false);
                steps
                    .iter()
                    .map(|step| (step.clone(), course.mark(step)))
                    .collect()
            }
            (Some(_), failed) => {
                let at = failed
                    .as_ref()
                    .and_then(|failed| steps.iter().position(|step| step == failed));
                let mark = |here: usize| match at {
                    Some(at) if here < at => Mark::Succeeded,
                    Some(at) if here == at => Mark::Failed,
                    _ => Mark::NotReached,
                };
                steps
                    .iter()
                    .enumerate()
                    .map(|(here, step)| (step.clone(), mark(here)))
                    .collect()
            }
        };
        let waiting = cells.iter().any(|(_, mark)| *mark == Mark::Waiting);
        Ok(Row {
            status: if waiting && at_work { "RETRYING" } else { status },
            mark: if waiting && at_work { Mark::Waiting } else { mark },
            cells,
            reason: execution.failed().then(|| reason(&execution)),
            execution,
        })
    }

    fn link(&self) -> String {
        run_page(&self.execution.name)
    }

    fn started(&self) -> String {
        self.execution.started.map(time::moment).unwrap_or_default()
    }

    fn took(&self) -> String {
        time::duration(self.execution.seconds)
    }

    fn failed_step(&self) -> &str {
        self.execution
            .step
            .as_deref()
            .filter(|_| self.execution.failed())
            .unwrap_or_default()
    }
}

/// Status of an execution for people, and its mark.
pub(crate) fn status(execution: &Execution, at_work: bool) -> (&'static str, Mark) {
    match &execution.closed {
        Some(closed) if execution.failed() => (closed.status.name(), Mark::Failed),
        Some(closed) => (closed.status.name(), Mark::Succeeded),
        None if at_work => ("RUNNING", Mark::Running),
        None => ("INTERRUPTED", Mark::Waiting),
    }
}

/// Error and cause of a failed execution in one line.
pub(crate) fn reason(execution: &Execution) -> String {
    let closed = execution.closed.as_ref();
    let error = closed.and_then(|closed| closed.error.clone());
    let error = error.unwrap_or_else(|| "States.Timeout".to_owned());
    match message(closed.and_then(|closed| closed.cause.as_deref())) {
        message if message.is_empty() => error,
        message => format!("{error}: {message}"),
    }
}

/// A cause in one line: the `errorMessage` of a Lambda's cause, or the text itself.
pub(crate) fn message(cause: Option<&str>) -> String {
    let told = Told {
        step: String::new(),
        error: String::new(),
        cause: cause.unwrap_or_default().to_owned(),
        attempts: 1,
    };
    told.message()
}

/// What the list shows, asked of the journal.
struct Listed {
    rows: Vec<Row>,
    overview: Overview,
    steps: Vec<String>,
    errors: Vec<String>,
    labels: Vec<String>,
}

#[derive(Template)]
#[template(path = "runs.html", blocks = ["list"])]
struct Page {
    chrome: Chrome,
    asked: Asked,
    problem: Option<String>,
    rows: Vec<Row>,
    overview: Overview,
    steps: Vec<String>,
    errors: Vec<String>,
    labels: Vec<String>,
    /// The address of the rows after these.
    more: Option<String>,
    /// Nothing was ever recorded.
    empty: bool,
    options: String,
}

impl Page {
    fn durations(&self) -> Option<(String, String)> {
        let durations = self.overview.durations?;
        Some((time::duration(durations.median), time::duration(durations.p95)))
    }

    fn statuses(&self) -> [(&'static str, &'static str, u64, &'static str); 4] {
        let counts = &self.overview;
        [
            ("", "All", counts.succeeded + counts.failed + counts.open, "all"),
            ("FAILED", "Failed", counts.failed, "failed"),
            ("OPEN", "Running", counts.open, "running"),
            ("SUCCEEDED", "Succeeded", counts.succeeded, "ok"),
        ]
    }

    fn sorts(&self) -> [(&'static str, &'static str); 4] {
        [
            ("", "Newest"),
            ("failed", "Failed first"),
            ("longest", "Longest"),
            ("oldest", "Oldest"),
        ]
    }
}

pub(crate) async fn page(
    State(shared): State<Arc<Shared>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    if let Some(remote) = &shared.remote {
        return remote_page(&shared, remote, asked, &headers).await;
    }
    let (filter, problem) = match asked.filter() {
        Ok(filter) => (filter, None),
        Err(problem) => (Filter::default(), Some(problem)),
    };
    let steps = shared.workflow.steps.clone();
    let at_work = shared.lake.at_work();
    let (order, after) = (asked.order(), asked.after);
    let listed = shared
        .journal(move |journal| {
            let rows = journal.page(&filter, order, after, ROWS + 1)?;
            let rows: std::io::Result<Vec<Row>> = rows
                .into_iter()
                .map(|execution| Row::of(execution, journal, &steps, at_work))
                .collect();
            Ok(Listed {
                rows: rows?,
                overview: journal.overview(&filter)?,
                steps: journal.values(FilterColumn::Step)?,
                errors: journal.values(FilterColumn::Error)?,
                labels: journal.values(FilterColumn::Label)?,
            })
        })
        .await?;
    let empty = listed.as_ref().is_none_or(|listed| listed.rows.is_empty())
        && !asked.restricts()
        && asked.status.is_empty();
    let mut listed = listed.unwrap_or_else(|| Listed {
        rows: Vec::new(),
        overview: Overview::default(),
        steps: Vec::new(),
        errors: Vec::new(),
        labels: Vec::new(),
    });
    let more = listed.rows.len() > ROWS;
    listed.rows.truncate(ROWS);
    let more = listed.rows.last().filter(|_| more).map(|last| {
        let address = asked.address();
        let and = if address.contains('?') { '&' } else { '?' };
        format!("{address}{and}after={}", last.execution.id)
    });
    let part = is_part(&headers);
    let address = asked.address();
    let page = Page {
        chrome: Chrome::new(&shared, "runs", "Runs"),
        asked,
        problem,
        rows: listed.rows,
        overview: listed.overview,
        steps: listed.steps,
        errors: listed.errors,
        labels: listed.labels,
        more,
        empty,
        options: shared.options.clone(),
    };
    let mut response = if part { html(&page.as_list()) } else { html(&page) };
    // The address of a form has what is empty, too; one that refreshes itself leaves the address alone.
    if part
        && headers.get("hx-trigger").is_some_and(|id| id == "filters")
        && !headers
            .get("hx-current-url")
            .and_then(|url| url.to_str().ok())
            .is_some_and(|url| url.ends_with(&address))
        && let Ok(value) = address.parse()
    {
        response
            .headers_mut()
            .insert(HeaderName::from_static("hx-push-url"), value);
    }
    response
        .headers_mut()
        .insert(header::VARY, header::HeaderValue::from_static("hx-request"));
    Ok(response)
}

/// The newest executions of a state machine; which of these are shown, the console chooses itself.
async fn remote_page(
    shared: &Arc<Shared>,
    remote: &Arc<dyn Remote>,
    asked: Asked,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    let failed = asked.status == "FAILED";
    let listed = Shared::remote(remote, move |remote| remote.list(failed, REMOTE_ROWS)).await?;
    let mut overview = Overview::default();
    for execution in &listed {
        match &execution.closed {
            None => overview.open += 1,
            Some(_) if execution.failed() => overview.failed += 1,
            Some(_) => overview.succeeded += 1,
        }
    }
    let fits = |execution: &Execution| {
        let status = match &execution.closed {
            None => "OPEN",
            Some(closed) => closed.status.name(),
        };
        let reason = execution.failed().then(|| reason(execution));
        let texts = [
            execution.name.as_str(),
            &execution.key,
            reason.as_deref().unwrap_or_default(),
        ];
        (failed || asked.status.is_empty() || asked.status == status)
            && (asked.group.is_empty() || execution.cause_group.as_deref() == Some(&asked.group))
            && texts.iter().any(|text| text.contains(asked.text.trim()))
    };
    let rows = listed.into_iter().filter(fits).map(|execution| {
        let (status, mark) = status(&execution, true);
        Row {
            status,
            mark,
            cells: Vec::new(),
            reason: execution.failed().then(|| reason(&execution)),
            execution,
        }
    });
    let page = Page {
        chrome: Chrome::new(shared, "runs", "Runs"),
        problem: None,
        rows: rows.collect(),
        overview,
        steps: Vec::new(),
        errors: Vec::new(),
        labels: Vec::new(),
        more: None,
        empty: false,
        options: shared.options.clone(),
        asked,
    };
    Ok(if is_part(headers) {
        html(&page.as_list())
    } else {
        html(&page)
    })
}

/// The failures of each cause, the largest group first.
async fn remote_groups(remote: &Arc<dyn Remote>) -> Result<Vec<FailureGroup>, Failure> {
    let mut groups: Vec<FailureGroup> = Vec::new();
    for execution in Shared::remote(remote, |remote| remote.list(true, REMOTE_ROWS)).await? {
        let Some(group) = execution.cause_group.clone() else {
            continue;
        };
        match groups.iter_mut().find(|known| known.group == group) {
            Some(known) => known.count += 1,
            None => groups.push(FailureGroup {
                group,
                error: execution.closed.as_ref().and_then(|closed| closed.error.clone()),
                step: None,
                count: 1,
                newest: execution,
            }),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    Ok(groups)
}

#[derive(Template)]
#[template(path = "failures.html", blocks = ["list"])]
struct Failures {
    chrome: Chrome,
    groups: Vec<Group>,
    failed: u64,
}

struct Group {
    of: FailureGroup,
    message: String,
    link: String,
    example: String,
    newest: String,
}

impl Group {
    fn of(of: FailureGroup) -> Group {
        let cause = of
            .newest
            .closed
            .as_ref()
            .and_then(|closed| closed.cause.as_deref());
        Group {
            message: message(cause),
            link: address(
                "/runs",
                [
                    ("status", "FAILED"),
                    ("step", of.step.as_deref().unwrap_or_default()),
                    ("group", &of.group),
                ]
                .into_iter(),
            ),
            example: run_page(&of.newest.name),
            newest: of.newest.started.map(time::moment).unwrap_or_default(),
            of,
        }
    }

    fn rejected(&self) -> bool {
        self.of.error.as_deref() == Some("Rejected")
    }
}

pub(crate) async fn failures(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let groups = match &shared.remote {
        Some(remote) => remote_groups(remote).await?,
        None => {
            let groups = shared.journal(|journal| {
                let failed = Filter {
                    failed: true,
                    ..Filter::default()
                };
                journal.failure_groups(&failed, GROUPS)
            });
            groups.await?.unwrap_or_default()
        }
    };
    let groups: Vec<Group> = groups.into_iter().map(Group::of).collect();
    let page = Failures {
        chrome: Chrome::new(&shared, "failures", "Failures"),
        failed: groups.iter().map(|group| group.of.count).sum(),
        groups,
    };
    Ok(if is_part(&headers) {
        html(&page.as_list())
    } else {
        html(&page)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_what_is_asked_for_and_no_more() {
        let asked = Asked {
            status: "FAILED".into(),
            text: "a&b=<c>".into(),
            ..Asked::default()
        };
        assert_eq!(asked.address(), "/runs?status=FAILED&text=a%26b%3D%3Cc%3E");
        assert_eq!(
            asked.with(&[("status", ""), ("sort", "longest")]),
            "/runs?text=a%26b%3D%3Cc%3E&sort=longest"
        );
        assert_eq!(Asked::default().address(), "/runs");
        let wrong = Asked {
            since: "yesterday".into(),
            ..Asked::default()
        };
        assert!(wrong.filter().unwrap_err().contains("since: expected a day"));
    }
}
