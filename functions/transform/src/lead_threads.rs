//! The recipes of the leads, each on a thread of its own.

use std::io::{Read, Seek};
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{ScopedJoinHandle, scope};

use arrow_array::RecordBatch;
use arrow_ipc::reader::FileReader;
use arrow_schema::ArrowError;
use ecg_recipe::{LeadRecipe, Segment, Window};

use crate::parsed_rows::{lead_of, samples_of};
use crate::transform::TransformError;

/// So many batches a recipe may be ahead of what is written: the leads take turns in being the slower one, and none waits for
/// another at each batch.
const BATCHES_AHEAD: usize = 2;

/// What is complete after a batch.
pub(crate) struct Complete {
    /// Segments with their leads, in the order of the rows.
    pub(crate) segments: Vec<(usize, Segment)>,
    /// Windows with their leads, in the order of the leads.
    pub(crate) windows: Vec<(usize, Vec<Window>)>,
}

/// What is complete of one lead: segments with the row of the batch that completed them.
type OfLead = (Vec<(usize, Segment)>, Vec<Window>);

/// Gives all rows to the recipes of their leads, and what is complete after each batch to `take`, while the recipes have the
/// next ones.
///
/// # Errors
/// The rows are not what parse writes, or what `take` says.
pub(crate) fn push_all<R: Read + Seek>(
    leads: &mut [LeadRecipe],
    batches: FileReader<R>,
    mut take: impl FnMut(Complete) -> Result<(), ArrowError>,
) -> Result<(), TransformError> {
    // What fits into one batch is not worth threads.
    if batches.num_batches() < 2 {
        for batch in batches {
            let batch = batch?;
            let rows = rows_of_leads(&batch, leads.len()).map_err(TransformError::Parsed)?;
            let in_batch = leads.iter_mut().zip(rows);
            let pushed = in_batch.map(|(lead, rows)| push(lead, &batch, &rows));
            let pushed = pushed
                .collect::<Result<Vec<_>, _>>()
                .map_err(TransformError::Parsed)?;
            take(together(pushed))?;
        }
        return Ok(());
    }
    scope(|scope| {
        let mut threads: Vec<LeadThread<'_>> = leads
            .iter_mut()
            .map(|lead| {
                let (batches, taken) = channel::<(RecordBatch, Vec<usize>)>();
                let (done, complete) = channel();
                let work = move || {
                    for (batch, rows) in taken {
                        if done.send(push(lead, &batch, &rows)).is_err() {
                            return;
                        }
                    }
                };
                LeadThread {
                    batches,
                    complete,
                    thread: scope.spawn(work),
                }
            })
            .collect();
        let mut ahead = 0;
        for batch in batches {
            let batch = batch?;
            let rows = rows_of_leads(&batch, threads.len()).map_err(TransformError::Parsed)?;
            for (thread, rows) in threads.iter().zip(rows) {
                // It fails only if the thread has ended, which is seen where its answer is missed.
                let _ = thread.batches.send((batch.clone(), rows));
            }
            ahead += 1;
            if ahead > BATCHES_AHEAD {
                take(next_complete(&mut threads)?)?;
                ahead -= 1;
            }
        }
        for _ in 0..ahead {
            take(next_complete(&mut threads)?)?;
        }
        Ok(())
    })
}

/// The recipe of one lead at work.
struct LeadThread<'scope> {
    batches: Sender<(RecordBatch, Vec<usize>)>,
    complete: Receiver<Result<OfLead, String>>,
    thread: ScopedJoinHandle<'scope, ()>,
}

/// What is complete after the oldest batch that was not asked for.
fn next_complete(threads: &mut Vec<LeadThread<'_>>) -> Result<Complete, TransformError> {
    let mut pushed = Vec::with_capacity(threads.len());
    for number in 0..threads.len() {
        match threads[number].complete.recv() {
            Ok(complete) => pushed.push(complete.map_err(TransformError::Parsed)?),
            // It has ended although there is a batch for it: a panic, which is one of this thread, too.
            Err(_) => match threads.swap_remove(number).thread.join() {
                Err(panic) => resume_unwind(panic),
                Ok(()) => return Err(TransformError::Parsed("a lead ended before its rows".into())),
            },
        }
    }
    Ok(together(pushed))
}

/// The rows of each lead. An error says what was expected.
fn rows_of_leads(batch: &RecordBatch, leads: usize) -> Result<Vec<Vec<usize>>, String> {
    let mut rows = vec![Vec::new(); leads];
    for row in 0..batch.num_rows() {
        rows[lead_of(batch, row, leads)?].push(row);
    }
    Ok(rows)
}

/// Gives rows of a batch to the recipe of their lead. An error says what was expected.
fn push(lead: &mut LeadRecipe, batch: &RecordBatch, rows: &[usize]) -> Result<OfLead, String> {
    let mut segments = Vec::new();
    for row in rows {
        let samples = samples_of(batch, *row)?;
        lead.push(&samples, &mut |segment| segments.push((*row, segment)));
    }
    Ok((segments, lead.take_windows()))
}

/// The same for all leads.
fn together(leads: Vec<OfLead>) -> Complete {
    let mut segments = Vec::new();
    let mut windows = Vec::new();
    for (number, (of_lead, windows_of_lead)) in leads.into_iter().enumerate() {
        segments.extend(of_lead.into_iter().map(|(row, segment)| (row, number, segment)));
        windows.push((number, windows_of_lead));
    }
    // Stable: a row may complete several segments of its lead.
    segments.sort_by_key(|(row, _, _)| *row);
    let segments = segments
        .into_iter()
        .map(|(_, number, segment)| (number, segment))
        .collect();
    Complete { segments, windows }
}
