//! Step 1: fill gaps.
//!
//! A missing sample is replaced, never dropped, so that sample `n` of the output is sample `n` of the
//! recording. A gap may last hours: it is held as a count, not as samples.

use std::iter::repeat_n;

use crate::types::FilledSample;

/// Fills the gaps of one lead.
///
/// Formula, for a gap of `g` samples between the valid neighbours `a` and `b`, `k` from 1 to `g`:
/// `x[k] = a + (b - a) * k / (g + 1)`. At the ends of the recording the one neighbour is held; a lead
/// without any valid sample is filled with `value_if_all_missing`.
///
/// Source: linear interpolation, the usual choice for gaps shorter than a beat. It is kept for longer gaps
/// because a straight line has no energy in the QRS band, so it gives no beat.
#[derive(Debug, Clone)]
pub(crate) struct GapFiller {
    last_valid: Option<f64>,
    /// Missing samples since the last valid one.
    missing: u64,
    value_if_all_missing: f64,
}

impl GapFiller {
    /// `value_if_all_missing` is in ADC units.
    pub(crate) fn new(value_if_all_missing: f64) -> Self {
        Self {
            last_valid: None,
            missing: 0,
            value_if_all_missing,
        }
    }

    /// Takes the next sample in ADC units (`None` if missing) and gives the samples that are known now.
    pub(crate) fn push(&mut self, adu: Option<f64>) -> impl Iterator<Item = FilledSample> + use<> {
        let Some(right) = adu else {
            self.missing += 1;
            return straight_line(0.0, 0.0, 0).chain(None);
        };
        let left = self.last_valid.replace(right).unwrap_or(right);
        let gap = std::mem::take(&mut self.missing);
        straight_line(left, right, gap).chain(Some(FilledSample {
            adu: right,
            missing: false,
        }))
    }

    /// Ends the lead: a gap at the end holds the last valid value.
    pub(crate) fn finish(&mut self) -> impl Iterator<Item = FilledSample> + use<> {
        let held = FilledSample {
            adu: self.last_valid.unwrap_or(self.value_if_all_missing),
            missing: true,
        };
        repeat_n(held, std::mem::take(&mut self.missing) as usize)
    }
}

/// The samples of a gap between two valid neighbours.
fn straight_line(left: f64, right: f64, gap: u64) -> impl Iterator<Item = FilledSample> {
    (1..=gap).map(move |k| {
        let share = k as f64 / (gap + 1) as f64;
        FilledSample {
            adu: left + (right - left) * share,
            missing: true,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(input: &[Option<f64>]) -> Vec<(f64, bool)> {
        let mut filled = Vec::new();
        let mut filler = GapFiller::new(1024.0);
        for sample in input {
            filled.extend(filler.push(*sample));
        }
        filled.extend(filler.finish());
        filled.iter().map(|sample| (sample.adu, sample.missing)).collect()
    }

    #[test]
    fn inside_gaps_are_straight_lines() {
        assert_eq!(
            fill(&[Some(10.0), None, None, None, Some(30.0)]),
            [
                (10.0, false),
                (15.0, true),
                (20.0, true),
                (25.0, true),
                (30.0, false)
            ]
        );
    }

    #[test]
    fn gaps_at_the_ends_hold_the_neighbour() {
        assert_eq!(
            fill(&[None, None, Some(7.0), Some(8.0), None]),
            [(7.0, true), (7.0, true), (7.0, false), (8.0, false), (8.0, true)]
        );
    }

    #[test]
    fn a_lead_without_values_gets_the_agreed_value() {
        assert_eq!(fill(&[None, None]), [(1024.0, true), (1024.0, true)]);
        assert_eq!(fill(&[]), []);
    }
}
