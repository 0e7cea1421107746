//! The object of a slice.

use std::collections::VecDeque;
use std::iter;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::ArrowError;
use arrow_select::concat::concat_batches;
use ecg_core::{StepError, layout};
use ecg_lake::{Generation, Lake, blocking, codec_error, step_error};
use ecg_store::{Location, StoreError};
use ecg_tables::Table;
use futures::{StreamExt, stream};
use tokio::sync::mpsc;

use crate::source::{BATCH_ROWS, Source, batches, conform};
use crate::{Answer, Slice, name_column};

/// A larger object is read piece by piece.
const WHOLE_BYTES: u64 = 4 << 20;

/// Small objects that are read at a time.
const AHEAD: usize = 24;

/// A small object with its name; `None` if it is gone.
type Small = (String, Result<Option<Source>, StepError>);

/// Makes the object, and compares the names in it and the rows of each with what was read.
pub(crate) async fn run(
    lake: &Lake,
    day: &str,
    generation: &Generation,
    slice: &Slice,
    target: &str,
) -> Result<Answer, StepError> {
    let table = ecg_tables::table(&slice.table)
        .ok_or_else(|| StepError::Internal(format!("compact: there is no table `{}`", slice.table)))?;
    let base = match &slice.base {
        Some(base) => Some(open(lake, &lake.processed(base)).await?),
        None => None,
    };
    let (send, receive) = mpsc::channel::<Small>(AHEAD);
    let objects = slice.objects.clone();
    let (reading, from) = (lake.clone(), (table.name.to_owned(), day.to_owned()));
    let reader = tokio::spawn(async move {
        let read = |(name, size): (String, u64)| {
            let location = reading.processed(&layout::table_key(&from.0, &from.1, &name));
            let lake = &reading;
            async move { (name, small(lake, &location, size).await) }
        };
        let mut read = stream::iter(objects).map(read).buffered(AHEAD);
        while let Some(small) = read.next().await {
            if send.send(small).await.is_err() {
                return;
            }
        }
    });
    let erased = generation.erased.clone();
    let location = lake.processed(target);
    let mut writer = lake.writer(&location).await?;
    let (expected, objects, bytes) = blocking(move || {
        let mut merge = Merge {
            table,
            base: base
                .map(|base| batches(base, None))
                .transpose()
                .map_err(|error| codec_error(&error))?,
            small: Receiver { receive, next: None },
            is_erased: Box::new(move |name| {
                !erased.is_empty()
                    && table
                        .erased_by
                        .recordings(name)
                        .any(|id| erased.contains(&layout::tombstone(id)))
            }),
            replaced: None,
            ready: VecDeque::new(),
            rows: Vec::new(),
            objects: 0,
            error: None,
        };
        let batches = iter::from_fn(|| merge.next_batch().transpose());
        let encoded = ecg_parquet::encode_large(table, batches, &mut writer);
        if let Some(error) = merge.error.take() {
            return Err(error);
        }
        encoded.map_err(|error| codec_error(&error))?;
        let written = writer.finish().map_err(|error| codec_error(&error))?;
        Ok((merge.rows, merge.objects, written.size))
    })
    .await?;
    // One that panicked would look like the end of the objects.
    let read = reader.await;
    read.map_err(|error| StepError::Internal(format!("{location}: reading its objects: {error}")))?;
    let found = names_in(lake, table, &location).await?;
    if found != expected {
        let wrong = expected
            .iter()
            .zip(&found)
            .find(|(expected, found)| expected != found);
        return Err(StepError::Internal(format!(
            "{location}: expected the rows of {} names, found {}; the first difference: {wrong:?}",
            expected.len(),
            found.len()
        )));
    }
    let rows = expected.iter().map(|(_, rows)| rows).sum();
    Ok(Answer::Merged { objects, rows, bytes })
}

/// The names in an object, in its order, each with its number of rows.
pub(crate) async fn names_in(
    lake: &Lake,
    table: &'static Table,
    location: &Location,
) -> Result<Vec<(String, u64)>, StepError> {
    let source = open(lake, location).await?;
    blocking(move || {
        let mut names = Vec::new();
        let column = name_column(table);
        for batch in batches(source, Some(column)).map_err(|error| codec_error(&error))? {
            let batch = batch.map_err(|error| codec_error(&error))?;
            for (name, rows) in runs(&batch, column).map_err(|error| codec_error(&error))? {
                count(&mut names, &name, rows as u64);
            }
        }
        Ok(names)
    })
    .await
}

async fn small(lake: &Lake, location: &Location, size: u64) -> Result<Option<Source>, StepError> {
    if size > WHOLE_BYTES {
        return match lake.store.head(location).await {
            Ok(_) => open(lake, location).await.map(Some),
            Err(StoreError::NotFound(_)) => Ok(None),
            Err(error) => Err(step_error(&error)),
        };
    }
    match lake.store.get(location, 2 * WHOLE_BYTES).await {
        Ok((_, bytes)) => Ok(Some(Source::Whole(bytes))),
        // Erased since it was listed. That cancels the generation.
        Err(StoreError::NotFound(_)) => Ok(None),
        Err(error) => Err(step_error(&error)),
    }
}

async fn open(lake: &Lake, location: &Location) -> Result<Source, StepError> {
    let (meta, reader) = lake.open(location).await?;
    Ok(Source::pieces(reader, meta.size))
}

/// Small objects as they are read.
struct Receiver {
    receive: mpsc::Receiver<Small>,
    next: Option<Small>,
}

impl Receiver {
    fn peek(&mut self) -> Option<&str> {
        if self.next.is_none() {
            self.next = self.receive.blocking_recv();
        }
        self.next.as_ref().map(|(name, _)| name.as_str())
    }
}

/// Rows of the generation before and of small objects, in the order of their names.
struct Merge<B> {
    table: &'static Table,
    base: Option<B>,
    small: Receiver,
    is_erased: Box<dyn Fn(&str) -> bool + Send>,
    /// The small object that was passed on last: its rows take the place of those of the same name in the generation before.
    replaced: Option<String>,
    ready: VecDeque<RecordBatch>,
    /// What was passed on.
    rows: Vec<(String, u64)>,
    objects: u64,
    /// An error of the store, which an error of Arrow cannot carry.
    error: Option<StepError>,
}

impl<B: Iterator<Item = Result<RecordBatch, ArrowError>>> Merge<B> {
    /// Some hundred rows at a time: each batch has some hundred buffers, and a recording of ten seconds one row.
    fn next_batch(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        let (mut batches, mut rows) = (Vec::new(), 0);
        while rows < BATCH_ROWS
            && let Some(batch) = self.next_piece()?
        {
            rows += batch.num_rows();
            batches.push(batch);
        }
        match batches.first() {
            None => Ok(None),
            Some(first) => concat_batches(&first.schema(), &batches).map(Some),
        }
    }

    fn next_piece(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        while self.ready.is_empty() {
            match self.base.as_mut().and_then(Iterator::next).transpose()? {
                Some(batch) => self.take_over(&batch)?,
                None => {
                    self.base = None;
                    if self.small.peek().is_none() {
                        return Ok(None);
                    }
                    self.pass_small()?;
                }
            }
        }
        Ok(self.ready.pop_front())
    }

    /// Rows of the generation before, with the small objects that belong before or in the place of them.
    fn take_over(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let mut at = 0;
        for (name, rows) in runs(batch, name_column(self.table))? {
            while self.small.peek().is_some_and(|small| *small <= *name) {
                self.pass_small()?;
            }
            if self.replaced.as_ref() != Some(&name) && !(self.is_erased)(&name) {
                self.pass(&name, batch.slice(at, rows))?;
            }
            at += rows;
        }
        Ok(())
    }

    fn pass_small(&mut self) -> Result<(), ArrowError> {
        let Some((name, source)) = self.small.next.take() else {
            return Ok(());
        };
        let source = source.map_err(|error| {
            let text = error.to_string();
            self.error = Some(error);
            ArrowError::ComputeError(text)
        })?;
        let Some(source) = source else {
            return Ok(());
        };
        let at = |error: &dyn std::fmt::Display| {
            ArrowError::ComputeError(format!("{}, {name}: {error}", self.table.name))
        };
        let mut found = Vec::new();
        for batch in batches(source, None).map_err(|error| at(&error))? {
            found.push(batch.map_err(|error| at(&error))?);
        }
        if (self.is_erased)(&name) {
            return Ok(());
        }
        for batch in found {
            if let Some((other, _)) = runs(&batch, name_column(self.table))?
                .iter()
                .find(|(found, _)| *found != name)
            {
                return Err(at(&format!("expected its rows only, found some of {other}")));
            }
            self.pass(&name, batch)?;
        }
        self.objects += 1;
        self.replaced = Some(name);
        Ok(())
    }

    fn pass(&mut self, name: &str, batch: RecordBatch) -> Result<(), ArrowError> {
        count(&mut self.rows, name, batch.num_rows() as u64);
        self.ready.push_back(conform(&batch, self.table)?);
        Ok(())
    }
}

fn count(names: &mut Vec<(String, u64)>, name: &str, rows: u64) {
    match names.last_mut() {
        _ if rows == 0 => {}
        Some((last, counted)) if last == name => *counted += rows,
        _ => names.push((name.to_owned(), rows)),
    }
}

/// The names of a batch, each with the number of rows that follow one another.
fn runs(batch: &RecordBatch, column: &str) -> Result<Vec<(String, usize)>, ArrowError> {
    let names = batch
        .column_by_name(column)
        .and_then(|names| names.as_string_opt::<i32>());
    let names =
        names.ok_or_else(|| ArrowError::SchemaError(format!("expected the column {column} with texts")))?;
    let mut runs: Vec<(String, usize)> = Vec::new();
    for row in 0..names.len() {
        match runs.last_mut() {
            Some((last, rows)) if last == names.value(row) => *rows += 1,
            _ => runs.push((names.value(row).to_owned(), 1)),
        }
    }
    Ok(runs)
}
