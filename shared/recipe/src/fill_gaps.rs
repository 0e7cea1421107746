//! Step 1: fill gaps.
//!
//! A missing sample is replaced, never dropped, so that sample `n` of the output is sample `n` of the
//! recording. A gap may last hours: it is held as a count, not as samples.

/// One sample after gap filling, in ADC units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FilledSample {
    /// The recorded value, or the interpolated one.
    pub adu: f64,
    /// Whether the recording had no value here.
    pub missing: bool,
}

/// Fills the gaps of one lead.
///
/// Formula, for a gap of `g` samples between the valid neighbours `a` and `b`, `k` from 1 to `g`:
/// `x[k] = a + (b - a) * k / (g + 1)`. At the ends of the recording the one neighbour is held; a lead
/// without any valid sample is filled with `value_if_all_missing`.
///
/// Source: linear interpolation, the usual choice for gaps shorter than a beat; for longer ones it is
/// chosen because it adds no energy in the QRS band, so no beat is invented.
#[derive(Debug, Clone)]
pub struct GapFiller {
    last_valid: Option<f64>,
    waiting: u64,
    value_if_all_missing: f64,
}

impl GapFiller {
    /// `value_if_all_missing` is in ADC units.
    pub fn new(value_if_all_missing: f64) -> Self {
        Self {
            last_valid: None,
            waiting: 0,
            value_if_all_missing,
        }
    }

    /// Takes the next sample in ADC units (`None` if missing) and hands on what is now known.
    pub fn push(&mut self, adu: Option<f64>, next: &mut impl FnMut(FilledSample)) {
        let Some(right) = adu else {
            self.waiting += 1;
            return;
        };
        if self.waiting > 0 {
            let gap = self.waiting;
            let left = self.last_valid.unwrap_or(right);
            for k in 1..=gap {
                let share = k as f64 / (gap + 1) as f64;
                next(FilledSample {
                    adu: left + (right - left) * share,
                    missing: true,
                });
            }
            self.waiting = 0;
        }
        self.last_valid = Some(right);
        next(FilledSample {
            adu: right,
            missing: false,
        });
    }

    /// Ends the lead: a gap at the end holds the last valid value.
    pub fn finish(&mut self, next: &mut impl FnMut(FilledSample)) {
        let held = self.last_valid.unwrap_or(self.value_if_all_missing);
        for _ in 0..self.waiting {
            next(FilledSample {
                adu: held,
                missing: true,
            });
        }
        self.waiting = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(input: &[Option<f64>]) -> Vec<(f64, bool)> {
        let mut filled = Vec::new();
        let mut filler = GapFiller::new(1024.0);
        for sample in input {
            filler.push(*sample, &mut |s| filled.push((s.adu, s.missing)));
        }
        filler.finish(&mut |s| filled.push((s.adu, s.missing)));
        filled
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
