//! Retry: selects the retrier for an error and computes its delay.

use std::time::Duration;

use crate::definition::Retrier;
use crate::error::StateError;
use crate::random::Random;

/// The number of retries by each retrier since the state was entered.
pub(crate) struct Retries<'r> {
    retriers: &'r [Retrier],
    used: Vec<u64>,
}

impl<'r> Retries<'r> {
    pub(crate) fn new(retriers: &'r [Retrier]) -> Self {
        Self {
            retriers,
            used: vec![0; retriers.len()],
        }
    }

    /// Returns the delay before the next attempt, or `None` if there is no further attempt. Only the first retrier
    /// that matches the error is used, even if it has no attempts left.
    pub(crate) fn next(&mut self, error: &StateError, random: &Random) -> Option<Duration> {
        let index = self
            .retriers
            .iter()
            .position(|retrier| error.matches(&retrier.error_equals))?;
        let (retrier, used) = (self.retriers.get(index)?, self.used.get_mut(index)?);
        if *used >= retrier.max_attempts {
            return None;
        }
        let delay = delay_seconds(retrier, *used);
        *used += 1;
        let delay = if retrier.full_jitter {
            delay * random.unit()
        } else {
            delay
        };
        Some(Duration::try_from_secs_f64(delay).unwrap_or(Duration::MAX))
    }
}

/// Returns `IntervalSeconds * BackoffRate ^ used`, in seconds, at most `MaxDelaySeconds`.
fn delay_seconds(retrier: &Retrier, used: u64) -> f64 {
    let exponent = i32::try_from(used).unwrap_or(i32::MAX);
    let delay = retrier.interval_seconds * retrier.backoff_rate.powi(exponent);
    retrier.max_delay_seconds.map_or(delay, |cap| delay.min(cap))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retrier(error: &str, max_attempts: u64) -> Retrier {
        Retrier {
            error_equals: vec![error.to_string()],
            interval_seconds: 2.0,
            max_attempts,
            backoff_rate: 3.0,
            max_delay_seconds: Some(20.0),
            full_jitter: false,
        }
    }

    fn delays(retriers: &[Retrier], errors: &[&str]) -> Vec<Option<f64>> {
        let random = Random::seeded(1);
        let mut retries = Retries::new(retriers);
        errors
            .iter()
            .map(|error| {
                retries
                    .next(&StateError::new(error, ""), &random)
                    .map(|delay| delay.as_secs_f64())
            })
            .collect()
    }

    #[test]
    fn delays_grow_up_to_the_cap_and_end() {
        let found = delays(&[retrier("A", 4)], &["A"; 5]);
        assert_eq!(found, [Some(2.0), Some(6.0), Some(18.0), Some(20.0), None]);
    }

    #[test]
    fn each_retrier_counts_for_itself() {
        let found = delays(
            &[retrier("A", 1), retrier("States.ALL", 2)],
            &["A", "B", "B", "A"],
        );
        // The first retrier matches the last error and has no attempts left. The second one is not used.
        assert_eq!(found, [Some(2.0), Some(2.0), Some(6.0), None]);
    }

    #[test]
    fn full_jitter_stays_between_nothing_and_the_delay() {
        let jittered = Retrier {
            full_jitter: true,
            ..retrier("A", 200)
        };
        let found: Vec<f64> = delays(&[jittered], &["A"; 200])
            .into_iter()
            .flatten()
            .skip(3)
            .collect();
        assert!(found.iter().all(|delay| (0.0..20.0).contains(delay)), "{found:?}");
        let mean = found.iter().sum::<f64>() / found.len() as f64;
        assert!(
            (8.0..12.0).contains(&mean),
            "mean delay {mean} of a uniform 0 to 20"
        );
    }
}
