//! The samples of a recording, lead by lead, in blocks.

use std::ops::ControlFlow;

use ecg_mat::{MatFile, Values};

use crate::{Bytes, FormatError, Layout, Signals, Sink};

/// The WFDB mark of an invalid sample in an int16 signal.
const SENTINEL: i16 = i16::MIN;

/// Streams the samples of the recording in ADC units, in the order of the file (variable after variable where each holds
/// one lead).
///
/// Each block is `(lead, values)`: consecutive samples of one lead. A missing sample (NaN, infinite, or the WFDB
/// sentinel -32768 of int16) is NaN. Leads x samples comes interleaved in small blocks, anything else lead after lead.
/// Memory does not depend on the length of the signals.
///
/// # Errors
/// What the reader says; the number of values is exactly leads x samples otherwise.
pub(super) fn stream(
    file: &mut MatFile<Box<dyn Bytes>>,
    signals: &Signals,
    sink: Sink<'_>,
) -> Result<(), FormatError> {
    let leads = signals.leads as usize;
    let mut block = Vec::new();
    let mut lead_values = Vec::new();
    // Position of the next value in the file's order.
    let mut position: u64 = 0;
    let mut stopped = false;
    for (number, (_, index)) in signals.variables().enumerate() {
        file.read(index, &mut |values| {
            block.clear();
            to_adu(values, &mut block);
            let first = position;
            position += block.len() as u64;
            let flow = match signals.layout {
                Layout::LeadPerVariable => sink(number, &block),
                Layout::LeadsBySamples if leads == 1 => sink(0, &block),
                Layout::LeadsBySamples => deal(&block, first, leads, &mut lead_values, sink),
                Layout::SamplesByLeads => cut(&block, first, signals.samples, sink),
            };
            stopped = flow.is_break();
            flow
        })?;
        if stopped {
            break;
        }
    }
    Ok(())
}

/// A block that holds lead 0, lead 1, ... of one sample, then of the next, and so on.
fn deal(
    block: &[f64],
    first: u64,
    leads: usize,
    lead_values: &mut Vec<f64>,
    sink: Sink<'_>,
) -> ControlFlow<()> {
    for lead in 0..leads {
        let offset = (lead as u64 + leads as u64 - first % leads as u64) % leads as u64;
        lead_values.clear();
        lead_values.extend(block.iter().skip(offset as usize).step_by(leads));
        if !lead_values.is_empty() {
            sink(lead, lead_values)?;
        }
    }
    ControlFlow::Continue(())
}

/// A block of one lead after the other.
fn cut(block: &[f64], first: u64, samples: u64, sink: Sink<'_>) -> ControlFlow<()> {
    let mut rest = block;
    let mut at = first;
    while !rest.is_empty() {
        let left_in_lead = usize::try_from(samples - at % samples).unwrap_or(usize::MAX);
        let (values, others) = rest.split_at(rest.len().min(left_in_lead));
        sink((at / samples) as usize, values)?;
        rest = others;
        at += values.len() as u64;
    }
    ControlFlow::Continue(())
}

/// Converts to `f64`, missing samples to NaN.
pub fn to_adu(values: Values<'_>, block: &mut Vec<f64>) {
    match values {
        Values::I16(values) => {
            block.extend(values.iter().map(|value| {
                if *value == SENTINEL {
                    f64::NAN
                } else {
                    f64::from(*value)
                }
            }));
        }
        other => {
            other.to_f64(block);
            for value in block.iter_mut().filter(|value| value.is_infinite()) {
                *value = f64::NAN;
            }
        }
    }
}
