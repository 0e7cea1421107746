//! An answer as text, written while it comes: what is held is a piece of it.

use std::fmt::Write as _;
use std::io::Write;
use std::vec;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use console::measure_text_width;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use parquet::errors::ParquetError;

use crate::output::{Stopped, unless_closed};
use crate::terminal::plain;

/// Rows that become text at a time: a segment is 30 KB of it.
const PIECE: usize = 256;

/// Without a terminal, the rows that decide how wide a table is.
const MEASURED: usize = 1000;

/// Rows that a terminal shows, however low its window.
const SHOWN: usize = 40;

/// Lines of a window that are no rows of a table: its head, its end, the note, the prompts.
const FRAME: usize = 8;

/// Rows beyond those shown are counted up to here: an answer may have a thousand million.
const COUNTED: usize = 1_000_000;

/// Elements of a list that people are shown.
const LIST_SHOWN: usize = 6;

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A table for people; long lists are cut
    Table,
    /// One line per column for people, `column | value`; long lists are cut
    Vertical,
    /// Comma-separated values with a header line
    Csv,
    /// A JSON array with one object per row
    Json,
    /// A Parquet file, for standard output that is a file or a pipe
    Parquet,
}

/// The size of a terminal in characters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    rows: usize,
    columns: usize,
}

impl Window {
    /// The terminal that standard output is; `None` where it is none.
    pub(crate) fn of_stdout() -> Option<Window> {
        let terminal = console::Term::stdout();
        let (rows, columns) = terminal.is_term().then(|| terminal.size())?;
        Some(Window {
            rows: rows.into(),
            columns: columns.into(),
        })
    }
}

impl From<DataFusionError> for Stopped {
    fn from(error: DataFusionError) -> Stopped {
        Stopped::Failed(ecg_query::words(&error))
    }
}

impl From<ParquetError> for Stopped {
    fn from(error: ParquetError) -> Stopped {
        Stopped::Failed(error.to_string())
    }
}

impl From<ArrowError> for Stopped {
    fn from(error: ArrowError) -> Stopped {
        Stopped::Failed(error.to_string())
    }
}

/// Prints an answer while it comes. `None` for the format is a table, or on a terminal that is too narrow for it the
/// vertical form.
///
/// # Errors
/// [`Stopped`].
pub(crate) async fn print(
    answer: SendableRecordBatchStream,
    format: Option<Format>,
    window: Option<Window>,
    to: &mut dyn Write,
) -> Result<(), Stopped> {
    let rows = Rows::new(answer);
    match format {
        Some(Format::Csv) => csv(rows, window, to).await?,
        Some(Format::Json) => json(rows, window, to).await?,
        Some(Format::Parquet) => parquet(rows.batches, window, to).await?,
        _ => for_people(rows, format, window, to).await?,
    }
    Ok(to.flush()?)
}

/// As a Parquet file, which is written row group by row group.
async fn parquet(
    mut batches: SendableRecordBatchStream,
    window: Option<Window>,
    to: &mut dyn Write,
) -> Result<(), Stopped> {
    if window.is_some() {
        return Err(Stopped::Failed(
            "--format parquet: expected standard output in a file or a pipe, found a terminal; add `> answer.parquet`".to_owned(),
        ));
    }
    let mut writer = ecg_query::parquet_writer(Vec::new(), batches.schema())?;
    while let Some(batch) = batches.next().await {
        writer.write(&batch?)?;
        to.write_all(&std::mem::take(writer.inner_mut()))?;
    }
    writer.finish()?;
    Ok(to.write_all(writer.inner())?)
}

/// A small answer as a table.
///
/// # Errors
/// What went wrong, in words.
pub(crate) async fn table(answer: SendableRecordBatchStream) -> Result<String, String> {
    let mut bytes = Vec::new();
    unless_closed(print(answer, Some(Format::Table), None, &mut bytes).await)?;
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

/// The rows of an answer, a piece at a time.
struct Rows {
    batches: SendableRecordBatchStream,
    batch: RecordBatch,
    cells: vec::IntoIter<Vec<String>>,
}

impl Rows {
    fn new(batches: SendableRecordBatchStream) -> Rows {
        Rows {
            batch: RecordBatch::new_empty(batches.schema()),
            batches,
            cells: Vec::new().into_iter(),
        }
    }

    async fn piece(&mut self) -> Result<Option<RecordBatch>, Stopped> {
        while self.batch.num_rows() == 0 {
            match self.batches.next().await {
                Some(batch) => self.batch = batch?,
                None => return Ok(None),
            }
        }
        let rows = self.batch.num_rows().min(PIECE);
        let piece = self.batch.slice(0, rows);
        self.batch = self.batch.slice(rows, self.batch.num_rows() - rows);
        Ok(Some(piece))
    }

    /// The next row as people read it.
    async fn next(&mut self) -> Result<Option<Vec<String>>, Stopped> {
        loop {
            if let Some(row) = self.cells.next() {
                return Ok(Some(row));
            }
            match self.piece().await? {
                Some(piece) => self.cells = cells(&piece)?.into_iter(),
                None => return Ok(None),
            }
        }
    }

    /// How many rows are left; it stops counting after `most`.
    async fn left(mut self, most: usize) -> Result<usize, Stopped> {
        let mut left = self.cells.len() + self.batch.num_rows();
        while left <= most
            && let Some(batch) = self.batches.next().await
        {
            left += batch?.num_rows();
        }
        Ok(left)
    }
}

async fn csv(mut rows: Rows, window: Option<Window>, to: &mut dyn Write) -> Result<(), Stopped> {
    let mut piece = Some(rows.batch.clone());
    let mut header = true;
    while let Some(batch) = piece {
        let mut bytes = Vec::new();
        arrow::csv::WriterBuilder::new()
            .with_header(header)
            .build(&mut bytes)
            .write(&ecg_query::lists_as_text(&batch)?)?;
        for_programs(&bytes, window, to)?;
        header = false;
        piece = rows.piece().await?;
    }
    Ok(())
}

async fn json(mut rows: Rows, window: Option<Window>, to: &mut dyn Write) -> Result<(), Stopped> {
    let mut before = "[";
    while let Some(piece) = rows.piece().await? {
        let mut bytes = Vec::new();
        let mut writer = arrow::json::writer::WriterBuilder::new()
            .with_explicit_nulls(true)
            .build::<_, arrow::json::writer::LineDelimited>(&mut bytes);
        writer.write(&piece)?;
        writer.finish()?;
        drop(writer);
        // A row a line, so that a reader of lines gets the first at once; together they make one array.
        let mut text = Vec::with_capacity(bytes.len() + piece.num_rows());
        for line in bytes.trim_ascii_end().split(|byte| *byte == b'\n') {
            text.extend(before.as_bytes());
            text.extend(line);
            before = ",\n";
        }
        for_programs(&text, window, to)?;
    }
    let end = if before == "[" { "[]\n" } else { "]\n" };
    Ok(to.write_all(end.as_bytes())?)
}

/// Text that programs read is exact, but for a terminal, which would obey its control characters.
fn for_programs(bytes: &[u8], window: Option<Window>, to: &mut dyn Write) -> Result<(), Stopped> {
    if window.is_none() {
        return Ok(to.write_all(bytes)?);
    }
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<_> = text.split('\n').map(plain).collect();
    Ok(to.write_all(lines.join("\n").as_bytes())?)
}

async fn for_people(
    mut rows: Rows,
    format: Option<Format>,
    window: Option<Window>,
    to: &mut dyn Write,
) -> Result<(), Stopped> {
    let names: Vec<String> = rows
        .batch
        .schema()
        .fields()
        .iter()
        .map(|field| plain(field.name()).into_owned())
        .collect();
    let some = window.map_or(MEASURED, |window| SHOWN.max(window.rows.saturating_sub(FRAME)));
    let mut first = Vec::new();
    while first.len() < some
        && let Some(row) = rows.next().await?
    {
        first.push(row);
    }
    let form = Form::of(names, &first, format, window);
    to.write_all(form.head().as_bytes())?;
    let mut number = 0;
    for row in first {
        number += 1;
        to.write_all(form.row(number, &row).as_bytes())?;
    }
    if window.is_none() {
        while let Some(row) = rows.next().await? {
            number += 1;
            to.write_all(form.row(number, &row).as_bytes())?;
        }
    }
    to.write_all(form.end(number).as_bytes())?;
    let left = if window.is_some() {
        rows.left(COUNTED).await?
    } else {
        0
    };
    if left > 0 {
        let left = if left > COUNTED {
            format!("more than {COUNTED}")
        } else {
            left.to_string()
        };
        to.write_all(
            format!(
                "{left} rows more. To see all: `| less -S`, or --format csv > FILE; to ask for fewer: limit\n"
            )
            .as_bytes(),
        )?;
    }
    Ok(())
}

/// The two forms for people.
enum Form {
    Table { names: Vec<String>, widths: Vec<usize> },
    Vertical { names: Vec<String>, width: usize },
}

impl Form {
    fn of(names: Vec<String>, rows: &[Vec<String>], format: Option<Format>, window: Option<Window>) -> Form {
        let mut widths: Vec<usize> = names.iter().map(|name| measure_text_width(name)).collect();
        let width = widths.iter().copied().max().unwrap_or(0);
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = measure_text_width(cell).max(*width);
            }
        }
        let whole = 1 + widths.iter().map(|width| width + 3).sum::<usize>();
        let vertical = match format {
            Some(format) => format == Format::Vertical,
            None => window.is_some_and(|window| whole > window.columns),
        };
        if vertical {
            Form::Vertical { names, width }
        } else {
            Form::Table { names, widths }
        }
    }

    fn head(&self) -> String {
        match self {
            Form::Table { names, widths } => {
                let line = border(widths);
                format!("{line}{}{line}", table_line(names, widths))
            }
            Form::Vertical { .. } => String::new(),
        }
    }

    fn row(&self, number: usize, cells: &[String]) -> String {
        match self {
            Form::Table { widths, .. } => table_line(cells, widths),
            Form::Vertical { names, width } => {
                let mut text = format!("-[ row {number} ]-\n");
                for (name, cell) in names.iter().zip(cells) {
                    let _ = writeln!(text, "{} | {cell}", padded(name, *width));
                }
                text
            }
        }
    }

    fn end(&self, rows: usize) -> String {
        match self {
            Form::Table { widths, .. } => border(widths),
            Form::Vertical { .. } if rows == 0 => "no rows\n".to_owned(),
            Form::Vertical { .. } => String::new(),
        }
    }
}

fn border(widths: &[usize]) -> String {
    let line: String = widths
        .iter()
        .map(|width| format!("{}+", "-".repeat(width + 2)))
        .collect();
    format!("+{line}\n")
}

fn table_line(cells: &[String], widths: &[usize]) -> String {
    let cells = cells.iter().zip(widths);
    let line: String = cells
        .map(|(cell, width)| format!(" {} |", padded(cell, *width)))
        .collect();
    format!("|{line}\n")
}

fn padded(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(measure_text_width(text));
    format!("{text}{}", " ".repeat(missing))
}

/// The rows of a piece as people read them.
fn cells(piece: &RecordBatch) -> Result<Vec<Vec<String>>, ArrowError> {
    let options = FormatOptions::default();
    let mut rows = vec![Vec::with_capacity(piece.num_columns()); piece.num_rows()];
    for column in piece.columns() {
        let formatter = ArrayFormatter::try_new(column, &options)?;
        for (index, row) in rows.iter_mut().enumerate() {
            let text = match shortened(column, index)? {
                Some(text) => text,
                None => formatter.value(index).to_string(),
            };
            row.push(plain(&text).into_owned());
        }
    }
    Ok(rows)
}

/// The beginning of a list that is too long for people.
fn shortened(column: &ArrayRef, row: usize) -> Result<Option<String>, ArrowError> {
    let Some(list) = column.as_list_opt::<i32>().filter(|list| !list.is_null(row)) else {
        return Ok(None);
    };
    let values = list.value(row);
    if values.len() <= LIST_SHOWN {
        return Ok(None);
    }
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(values.as_ref(), &options)?;
    let first: Vec<String> = (0..LIST_SHOWN)
        .map(|index| formatter.value(index).to_string())
        .collect();
    Ok(Some(format!("[{}, … {} values]", first.join(", "), values.len())))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use arrow::array::{Float32Builder, Int32Array, ListBuilder, StringArray};
    use datafusion::physical_plan::stream::RecordBatchStreamAdapter;

    async fn printed(batch: &RecordBatch, format: Option<Format>, window: Option<Window>) -> String {
        let batches = futures::stream::iter([Ok(batch.clone())]);
        let answer = Box::pin(RecordBatchStreamAdapter::new(batch.schema(), batches));
        let mut bytes = Vec::new();
        print(answer, format, window, &mut bytes).await.unwrap();
        String::from_utf8(bytes).unwrap()
    }

    fn texts<'a>(name: &str, values: impl IntoIterator<Item = &'a str>) -> RecordBatch {
        let column: ArrayRef = Arc::new(StringArray::from_iter_values(values));
        RecordBatch::try_from_iter([(name, column)]).unwrap()
    }

    const WINDOW: Option<Window> = Some(Window {
        rows: 24,
        columns: 80,
    });

    #[tokio::test]
    async fn long_lists_are_cut_for_people_and_whole_for_programs() {
        let mut lists = ListBuilder::new(Float32Builder::new());
        lists.append_value((0..100).map(|value| Some(value as f32)));
        lists.append_value([Some(0.5)]);
        lists.append(false);
        let column: ArrayRef = Arc::new(lists.finish());
        let batch = RecordBatch::try_from_iter([("mv", column)]).unwrap();
        for format in [Format::Table, Format::Vertical] {
            let text = printed(&batch, Some(format), None).await;
            assert!(
                text.contains("| [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, … 100 values]"),
                "{text}"
            );
            assert!(text.contains("| [0.5]"), "{text}");
        }
        let csv = printed(&batch, Some(Format::Csv), None).await;
        assert!(csv.contains("98.0, 99.0]\""), "{csv}");
        let json: serde_json::Value =
            serde_json::from_str(&printed(&batch, Some(Format::Json), None).await).unwrap();
        assert_eq!(json[0]["mv"].as_array().unwrap().len(), 100);
        assert!(json[2]["mv"].is_null());
    }

    #[tokio::test]
    async fn control_characters_do_not_reach_a_terminal() {
        let batch = texts("a\u{7}b", ["\u{1b}[31mred\nnext\u{9b}1m"]);
        for window in [None, WINDOW] {
            for format in [Format::Table, Format::Vertical] {
                let text = printed(&batch, Some(format), window).await;
                assert!(text.contains("\\u{1b}[31mred\\nnext\\u{9b}1m"), "{text:?}");
                assert!(text.contains("a\\u{7}b"), "{text:?}");
                assert!(!text.replace('\n', "").contains(char::is_control), "{text:?}");
            }
        }
        for format in [Format::Csv, Format::Json] {
            let text = printed(&batch, Some(format), WINDOW).await;
            assert!(!text.replace('\n', "").contains(char::is_control), "{text:?}");
        }
        let csv = printed(&batch, Some(Format::Csv), None).await;
        assert_eq!(csv, "a\u{7}b\n\"\u{1b}[31mred\nnext\u{9b}1m\"\n");
        let json = printed(&batch, Some(Format::Json), None).await;
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json[0]["a\u{7}b"], "\u{1b}[31mred\nnext\u{9b}1m");
    }

    #[tokio::test]
    async fn pieces_make_one_answer() {
        let rows = 2 * PIECE + 1;
        let column: ArrayRef = Arc::new(Int32Array::from_iter_values(0..rows as i32));
        let batch = RecordBatch::try_from_iter([("n", column)]).unwrap();
        let json = printed(&batch, Some(Format::Json), None).await;
        let json: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
        assert_eq!(json.len(), rows);
        assert_eq!(json[rows - 1]["n"], rows - 1);
        let csv = printed(&batch, Some(Format::Csv), None).await;
        assert_eq!(csv.lines().count(), 1 + rows, "one header");
        let vertical = printed(&batch, Some(Format::Vertical), None).await;
        assert!(
            vertical.ends_with(&format!("-[ row {rows} ]-\nn | {}\n", rows - 1)),
            "{vertical}"
        );
    }

    #[tokio::test]
    async fn a_wide_cell_behind_the_measured_rows_is_printed_whole() {
        let rows = std::iter::repeat_n("short", MEASURED).chain(["as long as it is", "after"]);
        let table = printed(&texts("text", rows), Some(Format::Table), None).await;
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 3 + MEASURED + 2 + 1);
        assert_eq!(lines[0], "+-------+");
        assert_eq!(
            lines[lines.len() - 3..],
            ["| as long as it is |", "| after |", "+-------+"]
        );
    }

    #[tokio::test]
    async fn widths_are_those_on_the_screen() {
        let table = printed(&texts("text", ["é日本", ""]), Some(Format::Table), None).await;
        assert_eq!(
            table,
            "+-------+\n| text  |\n+-------+\n| é日本 |\n|       |\n+-------+\n"
        );
    }

    #[tokio::test]
    async fn a_terminal_shows_what_fits_and_how_much_more_there_is() {
        let batch = texts("text", std::iter::repeat_n("row", SHOWN + 60));
        let table = printed(&batch, None, WINDOW).await;
        assert_eq!(table.matches("| row").count(), SHOWN);
        assert!(table.contains("\n60 rows more. To see all: "), "{table}");
        let high = Some(Window {
            rows: SHOWN + 30,
            columns: 80,
        });
        let table = printed(&batch, None, high).await;
        assert_eq!(table.matches("| row").count(), SHOWN + 30 - FRAME);
        let all = printed(&batch.slice(0, SHOWN), None, WINDOW).await;
        assert!(!all.contains("more"), "{all}");
        let csv = printed(&batch, Some(Format::Csv), WINDOW).await;
        assert_eq!(csv.lines().count(), 1 + SHOWN + 60);
    }

    #[tokio::test]
    async fn a_row_too_wide_for_the_terminal_is_vertical() {
        for (length, vertical) in [(76, false), (77, true)] {
            let long = "x".repeat(length);
            let batch = texts("text", [long.as_str()]);
            let text = printed(&batch, None, WINDOW).await;
            assert_eq!(
                text == format!("-[ row 1 ]-\ntext | {long}\n"),
                vertical,
                "{text}"
            );
            assert!(printed(&batch, None, None).await.starts_with("+-"), "no terminal");
            assert!(
                printed(&batch, Some(Format::Table), WINDOW)
                    .await
                    .starts_with("+-")
            );
        }
    }
}
