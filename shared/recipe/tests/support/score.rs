//! Comparison of detected beats with annotated ones.

/// What a detector found of the annotated beats, within one tolerance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Score {
    /// Annotated beats with a detection of their own.
    pub(crate) matched: u64,
    /// Annotated beats.
    pub(crate) annotated: u64,
    /// Detected beats.
    pub(crate) detected: u64,
}

impl Score {
    /// Matches sorted sample indices one to one, greedily in the order of time: of the two beats at the
    /// head, match them if they are at most `tolerance` samples apart, else drop the earlier one.
    pub(crate) fn of(annotated: &[u64], detected: &[u64], tolerance: u64) -> Self {
        let mut score = Self {
            matched: 0,
            annotated: annotated.len() as u64,
            detected: detected.len() as u64,
        };
        let (mut annotated, mut detected) = (annotated.iter().peekable(), detected.iter().peekable());
        while let (Some(a), Some(d)) = (annotated.peek(), detected.peek()) {
            if a.abs_diff(**d) <= tolerance {
                score.matched += 1;
                annotated.next();
                detected.next();
            } else if a < d {
                annotated.next();
            } else {
                detected.next();
            }
        }
        score
    }

    /// The score of several recordings together.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            matched: self.matched + other.matched,
            annotated: self.annotated + other.annotated,
            detected: self.detected + other.detected,
        }
    }

    /// Sensitivity in percent: matched / annotated. 100 if nothing was annotated.
    pub(crate) fn sensitivity(&self) -> f64 {
        percent(self.matched, self.annotated)
    }

    /// Positive predictivity in percent: matched / detected. 100 if nothing was detected.
    pub(crate) fn positive_predictivity(&self) -> f64 {
        percent(self.matched, self.detected)
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        100.0
    } else {
        100.0 * part as f64 / whole as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_beat_is_matched_once() {
        let score = Score::of(&[100, 200, 300], &[95, 105, 204, 500], 10);
        assert_eq!(
            score,
            Score {
                matched: 2,
                annotated: 3,
                detected: 4
            }
        );
        assert_eq!(score.positive_predictivity(), 50.0);
        assert!((score.sensitivity() - 200.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn the_tolerance_itself_is_within() {
        assert_eq!(Score::of(&[100], &[110], 10).matched, 1);
        assert_eq!(Score::of(&[100], &[111], 10).matched, 0);
    }

    #[test]
    fn nothing_against_nothing() {
        let score = Score::of(&[], &[], 10).plus(Score::of(&[5], &[], 10));
        assert_eq!(
            score,
            Score {
                matched: 0,
                annotated: 1,
                detected: 0
            }
        );
        assert_eq!((score.sensitivity(), score.positive_predictivity()), (0.0, 100.0));
    }
}
