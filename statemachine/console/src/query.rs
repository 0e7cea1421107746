//! SQL over the tables: a box, the tables' columns and frequent questions beside it.

use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float32Type, Int32Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use askama::Template;
use axum::body::{Body, Bytes};
use axum::extract::{Form, Query, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use ecg_core::shell_word;
use ecg_tables::{TABLES, views};
use futures::StreamExt;
use serde::Deserialize;

use crate::chrome::{Chrome, Failure, html};
use crate::runs::{address, encoded, run_page};
use crate::server::Shared;

/// Rows that a page shows; a file has all.
const ROWS: usize = 500;

/// Values of a list that are shown as text; more of them are a line.
const LISTED: usize = 16;

/// Frequent questions, and their SQL.
const QUESTIONS: &str = include_str!("../../../docs/queries.md");

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    sql: String,
    format: String,
}

struct Question {
    title: &'static str,
    link: String,
}

/// The first query of each section of the page of queries.
fn questions() -> Vec<Question> {
    let sections = QUESTIONS.split("\n## ").skip(1);
    let found = sections.filter_map(|section| {
        let title = section.lines().next()?;
        let (_, query) = section.split_once("```sql\n")?;
        let (query, _) = query.split_once("\n```")?;
        Some(Question {
            title,
            link: address("/query", [("sql", query)].into_iter()),
        })
    });
    found
        .filter(|question| question.title.starts_with(|c: char| c.is_ascii_digit()))
        .collect()
}

#[derive(Template)]
#[template(path = "query.html")]
struct Page {
    chrome: Chrome,
    sql: String,
    questions: Vec<Question>,
}

pub(crate) async fn page(State(shared): State<Arc<Shared>>, Query(asked): Query<Asked>) -> Response {
    html(&Page {
        chrome: Chrome::new(&shared, "query", "Query"),
        sql: asked.sql,
        questions: questions(),
    })
}

/// What stands in a cell.
enum Cell {
    Null,
    Text(String),
    /// The text, and where it leads.
    Link(String, String),
    /// Many numbers, as a path within 150 x 30.
    Line(String, usize),
}

#[derive(Template)]
#[template(path = "query_answer.html")]
struct Answer {
    sql: String,
    columns: Vec<(String, String)>,
    rows: Vec<Vec<Cell>>,
    /// There are more rows than these.
    more: bool,
    problem: Option<String>,
    command: String,
    python: String,
    took: String,
}

pub(crate) async fn answer(State(shared): State<Arc<Shared>>, Form(asked): Form<Asked>) -> Response {
    let began = std::time::Instant::now();
    let sql = asked.sql.trim().to_owned();
    let lake = shared.lake.root().display().to_string();
    let mut answer = Answer {
        command: format!("ecg query {}{}", shell_word(&sql), shared.options),
        python: python(&sql, &lake),
        columns: Vec::new(),
        rows: Vec::new(),
        more: false,
        problem: None,
        took: String::new(),
        sql,
    };
    answer.problem = fill(&shared, &mut answer).await.err();
    answer.took = crate::time::duration(began.elapsed().as_secs_f64());
    let address = address("/query", [("sql", answer.sql.as_str())].into_iter());
    let mut response = html(&answer);
    // A very long address would be refused by the next server that sees it.
    if address.len() < 6_000
        && let Ok(value) = HeaderValue::from_str(&address)
    {
        response
            .headers_mut()
            .insert(HeaderName::from_static("hx-push-url"), value);
    }
    response
}

async fn fill(shared: &Shared, answer: &mut Answer) -> Result<(), String> {
    if answer.sql.is_empty() {
        return Err("expected a query, such as `select * from current limit 10`".to_owned());
    }
    let mut batches = ecg_query::ask(shared.lake.root(), &answer.sql, true).await?;
    let schema = batches.schema();
    answer.columns = schema
        .fields()
        .iter()
        .map(|field| (field.name().clone(), kind(field.data_type())))
        .collect();
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(|error| ecg_query::words(&error))?;
        let left = ROWS - answer.rows.len();
        answer.more = batch.num_rows() > left;
        let rows = cells(&batch.slice(0, left.min(batch.num_rows())));
        answer.rows.extend(rows.map_err(|error| error.to_string())?);
        if answer.more {
            break;
        }
    }
    Ok(())
}

/// A type in few words.
fn kind(of: &DataType) -> String {
    match of {
        DataType::List(element) => format!("list of {}", kind(element.data_type())),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".to_owned(),
        DataType::Timestamp(..) => "time".to_owned(),
        other => other.to_string().to_lowercase(),
    }
}

fn cells(batch: &RecordBatch) -> Result<Vec<Vec<Cell>>, arrow::error::ArrowError> {
    let options = FormatOptions::default();
    let mut rows: Vec<Vec<Cell>> = (0..batch.num_rows()).map(|_| Vec::new()).collect();
    let places = places(batch);
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let formatter = ArrayFormatter::try_new(column, &options)?;
        for (at, row) in rows.iter_mut().enumerate() {
            row.push(if column.is_null(at) {
                Cell::Null
            } else if let Some(line) = line(column, at) {
                line
            } else {
                let text = formatter.value(at).to_string();
                match places.get(at) {
                    Some(place) if field.name() == "recording_id" => {
                        let link = format!("/recordings/{}{place}", encoded(&text));
                        Cell::Link(text, link)
                    }
                    _ if field.name() == "execution" => {
                        let link = run_page(&text);
                        Cell::Link(text, link)
                    }
                    _ => Cell::Text(text),
                }
            });
        }
    }
    Ok(rows)
}

/// Where in its recording each row is, for the address of the strip.
fn places(batch: &RecordBatch) -> Vec<String> {
    let seconds = ["time_s", "start_s"]
        .iter()
        .find_map(|name| batch.column_by_name(name));
    let segment = batch.column_by_name("segment");
    let seconds = seconds.and_then(|column| column.as_primitive_opt::<arrow::datatypes::Float64Type>());
    let segment = segment.and_then(|column| column.as_primitive_opt::<Int32Type>());
    (0..batch.num_rows())
        .map(|at| match (seconds, segment) {
            (Some(seconds), _) if seconds.is_valid(at) => format!("?t={}", seconds.value(at)),
            (_, Some(segment)) if segment.is_valid(at) => {
                format!(
                    "?t={}",
                    f64::from(segment.value(at)) * ecg_core::rules::RULES.segment_s
                )
            }
            _ => String::new(),
        })
        .collect()
}

/// A long list of numbers as a line.
fn line(column: &dyn Array, at: usize) -> Option<Cell> {
    let values = column.as_list_opt::<i32>()?.value(at);
    if values.len() <= LISTED {
        return None;
    }
    let values = values.as_primitive_opt::<Float32Type>()?.values().to_vec();
    let (low, high) = values
        .iter()
        .filter(|value| value.is_finite())
        .fold((f32::MAX, f32::MIN), |(low, high), value| {
            (low.min(*value), high.max(*value))
        });
    let y = |value: f32| 28.0 - 26.0 * (value - low) / (high - low).max(f32::EPSILON);
    let mut path = String::new();
    // Smallest and largest value of each pixel: no peak is lost.
    for (x, pixel) in values.chunks(values.len().div_ceil(150)).enumerate() {
        let finite = pixel.iter().filter(|value| value.is_finite());
        let ends = finite.fold(None, |ends: Option<(f32, f32)>, value| match ends {
            None => Some((*value, *value)),
            Some((low, high)) => Some((low.min(*value), high.max(*value))),
        });
        if let Some((low, high)) = ends {
            let command = if path.is_empty() { 'M' } else { 'L' };
            let _ = write!(path, "{command}{x} {:.1}L{x} {:.1}", y(low), y(high));
        }
    }
    Some(Cell::Line(path, values.len()))
}

/// The same question in Python.
fn python(sql: &str, lake: &str) -> String {
    format!(
        "import io, subprocess\nimport pandas as pd\n\nsql = {}\nlake = {}\n\
         answer = subprocess.run([\"ecg\", \"query\", sql, \"--format\", \"csv\", \"--lake\", lake], check=True, capture_output=True)\n\
         frame = pd.read_csv(io.BytesIO(answer.stdout))\nprint(frame)\n",
        python_text(sql),
        python_text(lake)
    )
}

/// A text as Python writes it. JSON's form is one of Python's.
fn python_text(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

/// A buffer that the writer of Parquet and we share.
#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn take(&self) -> Bytes {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }
}

impl std::io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// All rows as a file, written while they come.
pub(crate) async fn download(
    State(shared): State<Arc<Shared>>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let parquet = asked.format == "parquet";
    let mut batches = ecg_query::ask(shared.lake.root(), &asked.sql, true).await?;
    let (send, receive) = tokio::sync::mpsc::channel::<Result<Bytes, String>>(4);
    let schema = batches.schema();
    let buffer = Buffer::default();
    let mut writer = match parquet {
        true => Some(ecg_query::parquet_writer(buffer.clone(), schema).map_err(|error| error.to_string())?),
        false => {
            // The header stands also where no row comes.
            csv(&RecordBatch::new_empty(schema), true, buffer.clone())?;
            None
        }
    };
    tokio::spawn(async move {
        while let Some(batch) = batches.next().await {
            let written =
                batch
                    .map_err(|error| ecg_query::words(&error))
                    .and_then(|batch| match &mut writer {
                        Some(writer) => writer.write(&batch).map_err(|error| error.to_string()),
                        None => csv(&batch, false, buffer.clone()),
                    });
            if send.send(written.map(|()| buffer.take())).await.is_err() {
                return;
            }
        }
        let end = match writer {
            Some(writer) => writer.close().map(|_| ()).map_err(|error| error.to_string()),
            None => Ok(()),
        };
        let _ = send.send(end.map(|()| buffer.take())).await;
    });
    let body = futures::stream::unfold(receive, |mut receive| async move {
        receive.recv().await.map(|piece| (piece, receive))
    });
    let (content_type, name) = match parquet {
        true => ("application/vnd.apache.parquet", "answer.parquet"),
        false => ("text/csv; charset=utf-8", "answer.csv"),
    };
    let headers = [
        (header::CONTENT_TYPE, content_type.to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
    ];
    Ok((
        headers,
        Body::from_stream(body.map(|piece| piece.map_err(std::io::Error::other))),
    )
        .into_response())
}

fn csv(batch: &RecordBatch, header: bool, to: Buffer) -> Result<(), String> {
    let batch = ecg_query::lists_as_text(batch).map_err(|error| error.to_string())?;
    let mut writer = arrow::csv::WriterBuilder::new().with_header(header).build(to);
    writer.write(&batch).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_of_the_page_is_offered() {
        let offered = questions();
        assert!(offered.len() >= 15, "{}", offered.len());
        assert!(
            offered
                .iter()
                .all(|question| question.link.starts_with("/query?sql="))
        );
    }

    #[test]
    fn a_line_keeps_each_peak() {
        let mut values = vec![0.0_f32; 3600];
        values[1777] = 5.0;
        let list = arrow::array::ListArray::from_iter_primitive::<Float32Type, _, _>([Some(
            values.into_iter().map(Some).collect::<Vec<_>>(),
        )]);
        let Some(Cell::Line(path, count)) = line(&list, 0) else {
            panic!("expected a line");
        };
        assert_eq!(count, 3600);
        assert!(path.contains("L74 2.0"), "{path}");
    }

    #[test]
    fn texts_of_python_keep_quotes_and_line_feeds() {
        assert_eq!(python_text("a \"b\"\n'c'"), r#""a \"b\"\n'c'""#);
    }
}
