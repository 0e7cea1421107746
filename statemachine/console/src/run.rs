//! One run: its path through the workflow, what each state was given and gave, and why it failed.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use askama::Template;
use asl_engine::HistoryEvent;
use axum::extract::{Path as PathOf, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use ecg_core::{Details, shell_word};
use ecg_formats::Check;
use ecg_journal::{Execution, Filter, Order, PROCESSED, Place, Reader};
use ecg_recording::Verdict;
use serde::Deserialize;
use serde_json::Value;

use crate::chrome::{Chrome, Failure, NotFound, html};
use crate::course::{Attempt, Course, Mark, Visit};
use crate::graph::{Workflow, escaped};
use crate::recording::{Recordings, Signal};
use crate::runs::{REMOTE_ROWS, message, reason, run_page, status};
use crate::server::Shared;
use crate::time;

/// Events of a page.
const EVENTS: usize = 500;

/// Everything about one execution.
pub(crate) struct Detail {
    pub(crate) execution: Execution,
    pub(crate) status: &'static str,
    pub(crate) mark: Mark,
    pub(crate) input: Value,
    pub(crate) notification: Option<String>,
    pub(crate) events: Vec<HistoryEvent>,
    pub(crate) course: Course,
    pub(crate) logs: Vec<LogLine>,
    /// All runs of the recording.
    pub(crate) runs: Vec<Execution>,
    verdict: Option<Verdict>,
    /// The options with which `ecg` finds it.
    options: String,
}

/// One line that a step logged.
pub(crate) struct LogLine {
    step: String,
    attempt: u64,
    /// Since the epoch.
    seconds: f64,
    time: String,
    level: String,
    text: String,
}

impl LogLine {
    fn parse(line: &str) -> Option<LogLine> {
        let line: Value = serde_json::from_str(line).ok()?;
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let mut words = text("message");
        for (name, value) in line.as_object()? {
            if matches!(
                name.as_str(),
                "message" | "timestamp" | "level" | "target" | "step" | "attempt"
            ) {
                continue;
            }
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let _ = write!(words, " {name}={value}");
        }
        let seconds = line["timestamp"].as_f64().unwrap_or(0.0);
        Some(LogLine {
            step: text("step"),
            attempt: line["attempt"].as_u64().unwrap_or(0),
            seconds,
            time: time::clock(seconds),
            level: text("level"),
            text: words,
        })
    }
}

/// An object that a state read or wrote.
pub(crate) struct Object {
    what: &'static str,
    at: String,
    /// In bytes; `None` where it is not there any more.
    size: Option<u64>,
}

impl Object {
    fn size(&self) -> String {
        match self.size {
            Some(size) => bytes(size),
            None => "gone".to_owned(),
        }
    }
}

pub(crate) fn bytes(size: u64) -> String {
    match size {
        0..1_000 => format!("{size} B"),
        1_000..1_000_000 => format!("{:.1} kB", size as f64 / 1e3),
        _ => format!("{:.1} MB", size as f64 / 1e6),
    }
}

impl Detail {
    /// Reads everything about the execution of this name; `None` if there is none.
    pub(crate) fn load(
        journal: &Reader,
        lake: &Place,
        options: &str,
        name: &str,
    ) -> std::io::Result<Option<Detail>> {
        let Some(execution) = journal.named(name)? else {
            return Ok(None);
        };
        let input = serde_json::to_value(journal.input(&execution)?)?;
        let events = journal.history(&execution)?;
        Ok(Some(Detail {
            notification: journal.notification(&execution)?,
            logs: journal
                .logs(&execution)?
                .lines()
                .filter_map(LogLine::parse)
                .collect(),
            runs: journal.runs_of(&execution.recording_id)?,
            verdict: lake.verdict(&execution.name),
            ..Detail::of(execution, input, events, options, lake.at_work())
        }))
    }

    fn of(
        execution: Execution,
        input: Value,
        events: Vec<HistoryEvent>,
        options: &str,
        at_work: bool,
    ) -> Detail {
        let (status, mark) = status(&execution, at_work);
        Detail {
            status,
            mark,
            input,
            notification: None,
            course: Course::of(&events, execution.closed.is_some()),
            events,
            logs: Vec::new(),
            runs: vec![execution.clone()],
            verdict: None,
            options: options.to_owned(),
            execution,
        }
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

    fn command(&self, name: &str) -> String {
        format!("ecg {name} {}{}", shell_word(&self.execution.name), self.options)
    }

    /// Whether it failed and stands for its recording.
    fn can_redrive(&self) -> bool {
        self.execution.failed()
            && self
                .runs
                .last()
                .is_none_or(|last| last.name == self.execution.name)
    }

    fn rejected(&self) -> bool {
        let closed = self.execution.closed.as_ref();
        closed.is_some_and(|closed| closed.error.as_deref() == Some("Rejected"))
    }

    fn reason(&self) -> Option<String> {
        self.execution.failed().then(|| reason(&self.execution))
    }

    /// Expected, found and offset, where the cause says them.
    fn details(&self) -> Option<Details> {
        let closed = self
            .execution
            .closed
            .as_ref()
            .filter(|_| self.execution.failed())?;
        Details::parse(&message(closed.cause.as_deref()))
    }

    fn failed_state(&self) -> Option<&Visit> {
        self.course.root_cause().map(|(_, visit)| visit)
    }

    /// The waits for a retry that the open execution is in.
    fn waiting(&self) -> Option<&Visit> {
        let last = self.course.visits.last();
        last.filter(|visit| self.execution.closed.is_none() && visit.mark == Mark::Waiting)
    }

    /// What helps: in words, and the command to type.
    fn remedy(&self) -> Option<(String, String)> {
        let closed = self
            .execution
            .closed
            .as_ref()
            .filter(|_| self.execution.failed())?;
        if closed.error.as_deref() != Some("Rejected") {
            return Some(("When the reason has passed".to_owned(), self.command("redrive")));
        }
        let reason = self.verdict.as_ref().and_then(|verdict| verdict.reason.as_ref());
        let flags = reason.and_then(|reason| reason.try_flags.as_ref());
        let rerun = format!(
            "ecg rerun {}{}",
            shell_word(&self.execution.recording_id),
            self.options
        );
        Some(match flags {
            Some(flags) => (
                "If this is right, with the right value in place of each word in capitals".to_owned(),
                format!("{rerun} {flags}"),
            ),
            None => (
                "It needs another file. docs/inputs.md says what is read, and this what is in it".to_owned(),
                format!(
                    "ecg inspect {}",
                    shell_word(&self.execution.file.display().to_string())
                ),
            ),
        })
    }

    /// What validate looked at.
    fn checks(&self) -> &[Check] {
        self.verdict
            .as_ref()
            .map_or(&[], |verdict| verdict.checks.as_slice())
    }

    fn objects(&self, visit: &Visit, lake: &Place) -> Vec<Object> {
        let mut found = Vec::new();
        let source = &visit.input["source"];
        if let (Some(bucket), Some(key)) = (source["bucket"].as_str(), source["key"].as_str()) {
            found.push(Object {
                what: "read",
                at: format!("{bucket}/{key}"),
                size: source["size"].as_u64(),
            });
        }
        for (what, message) in [("read", &visit.input), ("written", &visit.output)] {
            texts(message, &mut |name, text| {
                let work = text.starts_with(&format!("{}/", self.execution.name));
                // Crawl puts into their places what the step before it has staged.
                let (what, at, file) = match (name, what) {
                    _ if work => (what, format!("work/{text}"), lake.work(text)),
                    ("key", "read") if text.contains("/dt=") => (
                        "written",
                        format!("{PROCESSED}/{text}"),
                        lake.processed().join(text),
                    ),
                    _ => return,
                };
                if within(lake.root(), &file) && !found.iter().any(|object: &Object| object.at == at) {
                    let size = std::fs::metadata(&file).ok().map(|found| found.len());
                    found.push(Object { what, at, size });
                }
            });
        }
        found
    }

    /// What was logged in a visit of a state.
    fn logs_of<'a>(&'a self, visit: &'a Visit) -> impl Iterator<Item = &'a LogLine> {
        let lines = self.logs.iter();
        lines.filter(|line| self.course.was_in(visit, &line.step, line.seconds))
    }

    fn visit_took(&self, visit: &Visit) -> String {
        self.between(&visit.entered, &visit.ended(self.course.ended))
    }

    fn between(&self, from: &f64, to: &f64) -> String {
        time::duration(to - from)
    }

    fn clock(&self, moment: &f64) -> String {
        time::clock(*moment)
    }

    /// Each visit, its attempts and the waits between, over the time at work.
    fn timeline(&self) -> String {
        timeline(&self.course)
    }
}

/// Whether a path stays below a folder.
fn within(root: &Path, path: &Path) -> bool {
    path.strip_prefix(root).is_ok_and(|rest| {
        rest.components()
            .all(|part| matches!(part, std::path::Component::Normal(_)))
    })
}

/// Every text in a value, with the name of its member.
fn texts(value: &Value, take: &mut dyn FnMut(&str, &str)) {
    fn walk(name: &str, value: &Value, take: &mut dyn FnMut(&str, &str)) {
        match value {
            Value::String(text) => take(name, text),
            Value::Array(items) => items.iter().for_each(|item| walk(name, item, take)),
            Value::Object(members) => members.iter().for_each(|(name, member)| walk(name, member, take)),
            _ => {}
        }
    }
    walk("", value, take);
}

fn timeline(course: &Course) -> String {
    const LEFT: f64 = 130.0;
    const WIDTH: f64 = 900.0;
    const ROW: f64 = 24.0;
    // Waiting for a redrive is no work: what lies between is cut out.
    let mut cuts: Vec<(f64, f64)> = Vec::new();
    for pair in course.visits.windows(2).filter(|pair| pair[1].redriven) {
        cuts.push((pair[1].entered, pair[1].entered - pair[0].ended(pair[0].entered)));
    }
    let at = |moment: f64| {
        moment
            - course.began
            - cuts
                .iter()
                .filter(|(from, _)| moment >= *from)
                .map(|(_, cut)| cut)
                .sum::<f64>()
    };
    let span = at(course.ended).max(0.001);
    let x = |moment: f64| LEFT + (at(moment) / span).clamp(0.0, 1.0) * (WIDTH - LEFT - 70.0);
    let height = ROW * course.visits.len() as f64 + 26.0;
    let mut svg = format!(
        "<svg class=\"timeline\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"Timeline\" \
         xmlns=\"http://www.w3.org/2000/svg\">"
    );
    for part in 0..=4 {
        let here = LEFT + (WIDTH - LEFT - 70.0) * f64::from(part) / 4.0;
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{here}\" x2=\"{here}\" y1=\"18\" y2=\"{height}\"/>\
             <text class=\"axis\" x=\"{here}\" y=\"11\" text-anchor=\"middle\">{}</text>",
            time::duration(span * f64::from(part) / 4.0)
        );
    }
    for (row, visit) in course.visits.iter().enumerate() {
        let y = 22.0 + ROW * row as f64;
        let (from, to) = (x(visit.entered), x(visit.ended(course.ended)));
        let name = escaped(&visit.state);
        let again = if visit.redriven { " (redriven)" } else { "" };
        let _ = write!(
            svg,
            "<text x=\"0\" y=\"{}\">{name}{again}</text><rect class=\"span\" x=\"{from:.1}\" y=\"{}\" width=\"{:.1}\" height=\"14\" rx=\"3\"/>",
            y + 14.0,
            y + 3.0,
            (to - from).max(2.0)
        );
        for (number, attempt) in visit.attempts.iter().enumerate() {
            let end = attempt.ended.unwrap_or(course.ended);
            let class = match (&attempt.error, attempt.ended) {
                (Some(_), _) => "bar failed",
                (None, Some(_)) => "bar",
                (None, None) => "bar running",
            };
            let (from, to) = (x(attempt.began), x(end));
            let _ = write!(
                svg,
                "<rect class=\"{class}\" x=\"{from:.1}\" y=\"{}\" width=\"{:.1}\" height=\"14\" rx=\"3\"><title>{name}, attempt {}: {}</title></rect>",
                y + 3.0,
                (to - from).max(2.5),
                attempt.number,
                time::duration(end - attempt.began)
            );
            if let Some(next) = visit.attempts.get(number + 1) {
                let _ = write!(
                    svg,
                    "<line class=\"wait\" x1=\"{to:.1}\" x2=\"{:.1}\" y1=\"{y2}\" y2=\"{y2}\"><title>waited {} for the next attempt</title></line>",
                    x(next.began),
                    time::duration(next.began - end),
                    y2 = y + 10.0
                );
            }
        }
        let _ = write!(
            svg,
            "<text class=\"axis\" x=\"{:.1}\" y=\"{}\">{}</text>",
            to + 7.0,
            y + 14.0,
            time::duration(visit.ended(course.ended) - visit.entered)
        );
    }
    svg.push_str("</svg>");
    svg
}

/// What of a run is asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    /// `graph`, `table` or `events`.
    view: String,
    /// The number of the visit that is looked at.
    state: Option<usize>,
}

#[derive(Template)]
#[template(path = "run.html", blocks = ["whole"])]
struct Page {
    chrome: Chrome,
    detail: Detail,
    view: &'static str,
    graph: String,
    selected: Option<usize>,
    objects: Vec<Object>,
}

impl Page {
    fn visit(&self) -> Option<(usize, &Visit)> {
        let at = self.selected?;
        Some((at, self.detail.course.visits.get(at)?))
    }

    fn at_view(&self, view: &str) -> String {
        self.at(view, self.selected)
    }

    fn at_state(&self, state: &usize) -> String {
        self.at("table", Some(*state))
    }

    fn at(&self, view: &str, state: Option<usize>) -> String {
        let mut address = format!("{}?view={view}", self.detail.link());
        if let Some(state) = state {
            let _ = write!(address, "&state={state}");
        }
        address
    }

    fn self_address(&self) -> String {
        self.at_view(self.view)
    }
}

/// JSON for people.
fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

/// The wait before an attempt.
fn waited(visit: &Visit, attempt: &Attempt) -> Option<String> {
    let before = visit.attempts.get(attempt.number.checked_sub(2)?)?;
    Some(time::duration(attempt.began - before.ended?))
}

/// The first lines of what an event says.
fn event_details(event: &HistoryEvent) -> String {
    let text = serde_json::to_string(&event.details).unwrap_or_default();
    match text.char_indices().nth(1200) {
        Some((at, _)) => format!("{} …", &text[..at]),
        None if event.details.is_empty() => String::new(),
        None => text,
    }
}

async fn load(shared: &Arc<Shared>, name: &str) -> Result<Detail, Failure> {
    let (lake, options, wanted) = (shared.lake.clone(), shared.options.clone(), name.to_owned());
    let missing = || NotFound::page(format!("The run `{name}`"));
    if let Some(remote) = &shared.remote {
        let shown = Shared::remote(remote, move |remote| remote.show(&wanted)).await?;
        let (execution, input, events) = shown.ok_or_else(missing)?;
        return Ok(Detail::of(execution, input, events, &options, true));
    }
    let loaded = shared
        .journal(move |journal| Detail::load(journal, &lake, &options, &wanted))
        .await?;
    loaded.flatten().ok_or_else(|| missing().into())
}

pub(crate) async fn page(
    State(shared): State<Arc<Shared>>,
    PathOf(name): PathOf<String>,
    Query(asked): Query<Asked>,
    headers: axum::http::HeaderMap,
) -> Result<Response, Failure> {
    let detail = load(&shared, &name).await?;
    let view = match asked.view.as_str() {
        "table" => "table",
        "events" => "events",
        _ => "graph",
    };
    let last = detail.course.visits.len().checked_sub(1);
    let selected = asked.state.filter(|at| *at < detail.course.visits.len());
    let selected = selected.or(detail.course.root_cause().map(|(at, _)| at)).or(last);
    let visit = selected.and_then(|at| detail.course.visits.get(at));
    let objects = visit
        .map(|visit| detail.objects(visit, &shared.lake))
        .unwrap_or_default();
    let link = detail.link();
    let graph = shared.workflow.svg(
        &detail.course,
        visit.map(|visit| visit.state.as_str()),
        &|state| {
            let at = detail
                .course
                .visits
                .iter()
                .rposition(|visit| visit.state == state)?;
            Some(format!("{link}?view=graph&state={at}"))
        },
    );
    let page = Page {
        chrome: Chrome::new(&shared, "runs", detail.execution.key.clone()),
        graph,
        view,
        selected,
        objects,
        detail,
    };
    Ok(if crate::chrome::is_part(&headers) {
        html(&page.as_whole())
    } else {
        html(&page)
    })
}

#[derive(Template)]
#[template(path = "run_export.html")]
struct Export<'a> {
    detail: &'a Detail,
    graph: String,
    objects: Vec<(&'a Visit, Vec<Object>)>,
    /// What is in the tables by this run.
    signal: Option<Signal>,
    style: &'static str,
    version: &'static str,
}

/// A run and its recording as one HTML file, which needs nothing else: for a ticket. The signal is drawn from each of the places `at` on, in
/// seconds, and where something is odd.
///
/// # Errors
/// There is no such execution, a place is not within its recording, or the lake cannot be read.
pub async fn run_html(
    lake: &Place,
    options: &str,
    workflow: &str,
    name: &str,
    at: &[f64],
) -> Result<String, String> {
    let loaded = Detail::load(&lake.journal()?, lake, options, name).map_err(|error| error.to_string())?;
    let detail = loaded.ok_or_else(|| format!("`{name}`: no execution"))?;
    exported(&detail, lake, &Workflow::parse(workflow)?, at).await
}

async fn exported(detail: &Detail, lake: &Place, workflow: &Workflow, at: &[f64]) -> Result<String, String> {
    let export = Export {
        signal: Recordings::new(lake).signal(&detail.execution.name, at).await?,
        detail,
        graph: workflow.svg(&detail.course, None, &|_| None),
        objects: detail
            .course
            .visits
            .iter()
            .map(|visit| (visit, detail.objects(visit, lake)))
            .collect(),
        style: include_str!("../assets/console.css"),
        version: ecg_core::PIPELINE_VERSION,
    };
    export.render().map_err(|error| error.to_string())
}

pub(crate) async fn export(
    State(shared): State<Arc<Shared>>,
    PathOf(name): PathOf<String>,
) -> Result<Response, Failure> {
    let detail = load(&shared, &name).await?;
    let text = exported(&detail, &shared.lake, &shared.workflow, &[]).await?;
    // Its name is an id of letters, digits, `-` and `_`.
    let disposition = format!("attachment; filename=\"{}.html\"", detail.execution.name);
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, text).into_response())
}

/// Two runs beside each other.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Compared {
    a: String,
    b: String,
}

/// How a line of the comparison begins that is about the input.
const INPUT: &str = "input: ";

/// A line of the comparison: a state, or what it was given or gave.
struct Line {
    what: String,
    a: String,
    b: String,
    differs: bool,
}

#[derive(Template)]
#[template(path = "compare.html")]
struct Compare {
    chrome: Chrome,
    a: Detail,
    b: Detail,
    lines: Vec<Line>,
    /// Where they part first.
    parts: Option<usize>,
}

pub(crate) async fn compare(
    State(shared): State<Arc<Shared>>,
    Query(asked): Query<Compared>,
) -> Result<Response, Failure> {
    let a = load(&shared, &asked.a).await?;
    let other = match asked.b.is_empty() {
        false => asked.b,
        true => {
            let of = a.execution.clone();
            let good = match &shared.remote {
                Some(remote) => {
                    let listed = Shared::remote(remote, |remote| remote.list(false, REMOTE_ROWS)).await?;
                    let mut good = listed
                        .into_iter()
                        .filter(|run| run.closed.is_some() && !run.failed());
                    good.find(|run| run.name != of.name).map(|run| run.name)
                }
                None => shared
                    .journal(move |journal| good_run(journal, &of))
                    .await?
                    .flatten(),
            };
            good.ok_or_else(|| NotFound::page("A run that succeeded, to compare with,"))?
        }
    };
    let b = load(&shared, &other).await?;
    let lines = compared(&a, &b);
    let same = a.execution.recording_id == b.execution.recording_id;
    Ok(html(&Compare {
        chrome: Chrome::new(&shared, "runs", "Compare"),
        // Of two recordings, that their files differ says nothing.
        parts: lines
            .iter()
            .position(|line| line.differs && (same || !line.what.starts_with(INPUT))),
        lines,
        a,
        b,
    }))
}

impl Compare {
    fn is_part(&self, at: &usize) -> bool {
        self.parts == Some(*at)
    }
}

/// Another run of the recording that succeeded, or else the newest run that did.
fn good_run(journal: &Reader, of: &Execution) -> std::io::Result<Option<String>> {
    let runs = journal.runs_of(&of.recording_id)?;
    let other = runs
        .iter()
        .rev()
        .find(|run| run.name != of.name && run.closed.is_some() && !run.failed());
    if let Some(other) = other {
        return Ok(Some(other.name.clone()));
    }
    let succeeded = Filter {
        status: Some("SUCCEEDED".to_owned()),
        ..Filter::default()
    };
    let newest = journal.page(&succeeded, Order::Newest, None, 2)?;
    Ok(newest
        .into_iter()
        .map(|run| run.name)
        .find(|name| *name != of.name))
}

fn compared(a: &Detail, b: &Detail) -> Vec<Line> {
    let mut lines = Vec::new();
    for (name, pointer) in [
        ("key", "/source/key"),
        ("version", "/source/version"),
        ("size", "/source/size"),
        ("header", "/header/version"),
        ("options", "/settings"),
        ("profile", "/profiles"),
    ] {
        let text = |detail: &Detail| detail.input.pointer(pointer).map(plain).unwrap_or_default();
        let (one, other) = (text(a), text(b));
        if !(one.is_empty() && other.is_empty()) {
            lines.push(Line::new(format!("{INPUT}{name}"), one, other));
        }
    }
    let states = a.course.visits.len().max(b.course.visits.len());
    for at in 0..states {
        let (one, other) = (a.course.visits.get(at), b.course.visits.get(at));
        let name = |visit: Option<&Visit>| visit.map(|visit| visit.state.clone()).unwrap_or_default();
        let told = |visit: Option<&Visit>| {
            visit.map_or_else(
                || "not reached".to_owned(),
                |visit| {
                    let error = visit.error().map(|attempt| {
                        format!(
                            ": {} {}",
                            attempt.error.as_deref().unwrap_or_default(),
                            message(attempt.cause.as_deref())
                        )
                    });
                    format!(
                        "{} {}{}",
                        visit.state,
                        visit.mark.words(),
                        error.unwrap_or_default()
                    )
                },
            )
        };
        let what = if name(one).is_empty() {
            name(other)
        } else {
            name(one)
        };
        lines.push(Line::new(what.clone(), told(one), told(other)));
        // From here on they go ways of their own.
        if name(one) != name(other) || one.map(|visit| visit.mark) != other.map(|visit| visit.mark) {
            let rest = |course: &Course| -> Vec<String> {
                course
                    .visits
                    .iter()
                    .skip(at + 1)
                    .map(|visit| visit.state.clone())
                    .collect()
            };
            let (one, other) = (rest(&a.course).join(", "), rest(&b.course).join(", "));
            if !(one.is_empty() && other.is_empty()) {
                lines.push(Line::new("then".to_owned(), one, other));
            }
            break;
        }
        if let (Some(one), Some(other)) = (one, other) {
            let attempts = |visit: &Visit| visit.attempts.len().to_string();
            if attempts(one) != attempts(other) {
                lines.push(Line::new(
                    format!("{what}: attempts"),
                    attempts(one),
                    attempts(other),
                ));
            }
            // What is named after the execution differs, and means the same.
            let output = |visit: &Visit, detail: &Detail| {
                plain(&visit.output)
                    .replace(&detail.execution.name, "EXECUTION")
                    .replace(&detail.execution.recording_id, "RECORDING")
            };
            let (one, other) = (output(one, a), output(other, b));
            if one != other {
                lines.push(Line::new(format!("{what}: output"), one, other));
            }
        }
    }
    lines
}

impl Line {
    fn new(what: String, a: String, b: String) -> Line {
        Line {
            differs: a != b,
            what,
            a,
            b,
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
