//! Step 1: fill gaps.
//!
//! A missing sample is replaced, never dropped, so that sample `n` of the output is sample `n` of the
//! recording. A gap may last hours: it is held as a count, not as samples.

use std::ops::Range;

/// Samples are checked so many at once: the processor compares several with one instruction.
const AT_ONCE: usize = 64;

/// Consecutive samples of a lead after gap filling.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Stretch<'a> {
    /// Recorded samples, in mV.
    Recorded(&'a [f32]),
    /// A gap.
    Gap(StraightLine),
}

/// The samples of a gap.
///
/// Formula, for a gap of `g` samples between the valid neighbours `a` and `b`, `k` from 1 to `g`:
/// `x[k] = a + (b - a) * k / (g + 1)`.
///
/// Source: linear interpolation, the usual choice for gaps shorter than a beat. It is kept for longer gaps
/// because a straight line has no energy in the QRS band, so it gives no beat.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct StraightLine {
    /// The valid neighbour before, in ADC units.
    left: f64,
    /// The valid neighbour after, in ADC units.
    right: f64,
    /// Samples of the gap.
    pub(crate) samples: u64,
}

impl StraightLine {
    /// Some of its samples in ADC units, numbered from 0.
    pub(crate) fn adu(self, samples: Range<u64>) -> impl Iterator<Item = f64> {
        samples.map(move |sample| {
            let share = (sample + 1) as f64 / (self.samples + 1) as f64;
            self.left + (self.right - self.left) * share
        })
    }
}

/// Finds the gaps of one lead. At the ends of the recording the one neighbour is held; a lead without any valid
/// sample is filled with `value_if_all_missing`.
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

    /// Takes the next samples, in ADC units and in mV, and gives what is known now. A sample is missing if its mV are
    /// NaN or infinite.
    pub(crate) fn push(&mut self, adu: &[f64], mv: &[f32], give: &mut impl FnMut(Stretch<'_>)) {
        let mut rest = mv;
        loop {
            let missing = rest.iter().take_while(|mv| !mv.is_finite()).count();
            self.missing += missing as u64;
            rest = &rest[missing..];
            let (recorded, later) = rest.split_at(finite_at_start(rest));
            let first = adu.len() - rest.len();
            let (Some(right), Some(last)) = (adu.get(first), adu[..adu.len() - later.len()].last()) else {
                return;
            };
            if self.missing > 0 {
                give(Stretch::Gap(StraightLine {
                    left: self.last_valid.unwrap_or(*right),
                    right: *right,
                    samples: std::mem::take(&mut self.missing),
                }));
            }
            give(Stretch::Recorded(recorded));
            self.last_valid = Some(*last);
            rest = later;
        }
    }

    /// Ends the lead: a gap at the end holds the last valid value.
    pub(crate) fn finish(&mut self) -> Option<StraightLine> {
        let held = self.last_valid.unwrap_or(self.value_if_all_missing);
        let samples = std::mem::take(&mut self.missing);
        (samples > 0).then_some(StraightLine {
            left: held,
            right: held,
            samples,
        })
    }
}

/// How many values there are before the first that is NaN or infinite.
fn finite_at_start(values: &[f32]) -> usize {
    let finite = |values: &&[f32]| {
        let others = values.iter().map(|value| u32::from(!value.is_finite()));
        others.sum::<u32>() == 0
    };
    let whole = values.chunks(AT_ONCE).take_while(finite).map(<[f32]>::len).sum();
    let rest: &[f32] = &values[whole..];
    whole + rest.iter().take_while(|value| value.is_finite()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(blocks: &[&[f64]]) -> Vec<(f64, bool)> {
        let mut filled = Vec::new();
        let mut filler = GapFiller::new(1024.0);
        for adu in blocks {
            let mv: Vec<f32> = adu.iter().map(|adu| *adu as f32).collect();
            filler.push(adu, &mv, &mut |stretch| match stretch {
                Stretch::Recorded(mv) => filled.extend(mv.iter().map(|mv| (f64::from(*mv), false))),
                Stretch::Gap(line) => filled.extend(line.adu(0..line.samples).map(|adu| (adu, true))),
            });
        }
        if let Some(line) = filler.finish() {
            filled.extend(line.adu(0..line.samples).map(|adu| (adu, true)));
        }
        filled
    }

    const NONE: f64 = f64::NAN;

    #[test]
    fn inside_gaps_are_straight_lines() {
        let expect = [
            (10.0, false),
            (15.0, true),
            (20.0, true),
            (25.0, true),
            (30.0, false),
        ];
        assert_eq!(fill(&[&[10.0, NONE, NONE, NONE, 30.0]]), expect);
        assert_eq!(fill(&[&[10.0, NONE], &[], &[NONE], &[NONE, 30.0]]), expect);
    }

    #[test]
    fn gaps_at_the_ends_hold_the_neighbour() {
        assert_eq!(
            fill(&[&[NONE, f64::INFINITY, 7.0], &[8.0, NONE]]),
            [(7.0, true), (7.0, true), (7.0, false), (8.0, false), (8.0, true)]
        );
    }

    #[test]
    fn a_lead_without_values_gets_the_agreed_value() {
        assert_eq!(fill(&[&[NONE, NONE]]), [(1024.0, true), (1024.0, true)]);
        assert_eq!(fill(&[]), []);
    }

    #[test]
    fn a_gap_is_found_wherever_it_is() {
        for place in 0..300 {
            let mut values = [1.0f32; 300];
            values[place] = f32::NAN;
            assert_eq!(finite_at_start(&values), place);
        }
        assert_eq!(finite_at_start(&[1.0; 300]), 300);
    }
}
