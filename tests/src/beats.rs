//! Detected beats against known ones.

/// How many beats were known, detected, and matched one to one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Score {
    /// Known beats with a detection of their own.
    pub matched: usize,
    /// Known beats.
    pub known: usize,
    /// Detected beats.
    pub detected: usize,
}

impl Score {
    /// Greedy matching in the order of time: the two beats at the head match if they are at most `tolerance` samples
    /// apart, else the earlier one has no partner. (The rule under which the reference numbers were measured, written
    /// a second time: the score of the code must not be computed by the code.)
    pub fn of(known: &[u64], detected: &[u64], tolerance: u64) -> Score {
        let (mut k, mut d, mut matched) = (0, 0, 0);
        while k < known.len() && d < detected.len() {
            if known[k].abs_diff(detected[d]) <= tolerance {
                (k, d, matched) = (k + 1, d + 1, matched + 1);
            } else if known[k] < detected[d] {
                k += 1;
            } else {
                d += 1;
            }
        }
        Score {
            matched,
            known: known.len(),
            detected: detected.len(),
        }
    }

    /// The score of two sets together.
    pub fn plus(self, other: Score) -> Score {
        Score {
            matched: self.matched + other.matched,
            known: self.known + other.known,
            detected: self.detected + other.detected,
        }
    }

    /// Known beats that were found, in percent.
    pub fn sensitivity(&self) -> f64 {
        100.0 * self.matched as f64 / self.known as f64
    }

    /// Detections that are beats, in percent.
    pub fn positive_predictivity(&self) -> f64 {
        100.0 * self.matched as f64 / self.detected as f64
    }
}
