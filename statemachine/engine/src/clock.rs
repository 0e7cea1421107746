//! The clock of the engine. Waits, retry delays, timeouts and timestamps all use a [`Clock`], so a run can
//! take real time or simulated time.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

/// A source of the current time and of delays.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Returns the current time.
    fn now(&self) -> DateTime<Utc>;

    /// Sleeps for `duration`. Used by Wait states, retry delays and handlers that simulate work.
    async fn sleep(&self, duration: Duration);

    /// Waits until `duration` has passed, for timeouts. A simulated clock does not advance because of a limit alone.
    async fn limit(&self, duration: Duration) {
        self.sleep(duration).await;
    }
}

/// The system clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealClock;

#[async_trait]
impl Clock for RealClock {
    // The only place where the engine reads the system clock.
    #[allow(clippy::disallowed_methods)]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// A simulated clock. When all tasks that use it are sleeping, it advances to the earliest deadline, of a sleep
/// or of a limit. A sleep takes no real time, and concurrent sleeps and limits end in the order of their deadlines.
///
/// The clock assumes that every task either completes at once or sleeps on this clock. If a handler does real
/// work while another branch sleeps, the simulated time limit of the handler may expire.
#[derive(Debug)]
pub struct SimulatedClock {
    state: Mutex<SimulatedTime>,
}

#[derive(Debug)]
struct SimulatedTime {
    now: DateTime<Utc>,
    next_ticket: u64,
    /// The number of changes: the clock advanced, or a sleep or limit began or ended. While the number does not
    /// change, all other tasks are assumed to sleep.
    turns: u64,
    pending: BTreeMap<(DateTime<Utc>, u64), Option<Waker>>,
}

/// The number of polls without a change after which a sleep assumes that all other tasks sleep. Other tasks run
/// between the polls.
const PATIENCE: u32 = 16;

impl SimulatedClock {
    /// Creates a clock whose current time is `start`.
    pub fn starting_at(start: DateTime<Utc>) -> Self {
        let state = SimulatedTime {
            now: start,
            next_ticket: 0,
            turns: 0,
            pending: BTreeMap::new(),
        };
        Self {
            state: Mutex::new(state),
        }
    }

    fn lock(&self) -> MutexGuard<'_, SimulatedTime> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn wait(&self, duration: Duration, winds: bool) {
        let key = {
            let mut state = self.lock();
            let duration = TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX);
            let deadline = state
                .now
                .checked_add_signed(duration)
                .unwrap_or(DateTime::<Utc>::MAX_UTC);
            state.next_ticket += 1;
            state.turns += 1;
            let key = (deadline, state.next_ticket);
            state.pending.insert(key, None);
            key
        };
        // Removes the entry when the wait ends: its deadline was reached, or its future was dropped.
        let _entry = Entry { clock: self, key };
        let mut seen = (0, 0);
        poll_fn(|context| {
            let mut state = self.lock();
            if state.now >= key.0 {
                return Poll::Ready(());
            }
            if !winds {
                state.pending.insert(key, Some(context.waker().clone()));
                return Poll::Pending;
            }
            seen = if seen.0 == state.turns {
                (seen.0, seen.1 + 1)
            } else {
                (state.turns, 0)
            };
            if seen.1 >= PATIENCE
                && let Some(((earliest, _), _)) = state.pending.first_key_value()
            {
                state.now = (*earliest).max(state.now);
                state.turns += 1;
                state
                    .pending
                    .values_mut()
                    .filter_map(Option::take)
                    .for_each(Waker::wake);
                if state.now >= key.0 {
                    return Poll::Ready(());
                }
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

struct Entry<'c> {
    clock: &'c SimulatedClock,
    key: (DateTime<Utc>, u64),
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let mut state = self.clock.lock();
        state.pending.remove(&self.key);
        state.turns += 1;
    }
}

#[async_trait]
impl Clock for SimulatedClock {
    fn now(&self) -> DateTime<Utc> {
        self.lock().now
    }

    async fn sleep(&self, duration: Duration) {
        self.wait(duration, true).await;
    }

    async fn limit(&self, duration: Duration) {
        self.wait(duration, false).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> SimulatedClock {
        SimulatedClock::starting_at(DateTime::UNIX_EPOCH)
    }

    fn elapsed(clock: &SimulatedClock) -> i64 {
        (clock.now() - DateTime::UNIX_EPOCH).num_seconds()
    }

    #[tokio::test]
    async fn sleeps_side_by_side_overlap() {
        let clock = clock();
        let order = Mutex::new(Vec::new());
        let nap = async |seconds: u64| {
            clock.sleep(Duration::from_secs(seconds)).await;
            order.lock().unwrap().push((seconds, elapsed(&clock)));
        };
        tokio::join!(nap(30), nap(10), nap(20));
        assert_eq!(*order.lock().unwrap(), [(10, 10), (20, 20), (30, 30)]);
    }

    #[tokio::test]
    async fn a_limit_ends_a_longer_sleep_and_not_a_shorter_one() {
        let clock = clock();
        for (work, limit, expect) in [(10, 5, 5), (3, 5, 3)] {
            let before = elapsed(&clock);
            tokio::select! {
                () = clock.sleep(Duration::from_secs(work)) => {}
                () = clock.limit(Duration::from_secs(limit)) => {}
            }
            assert_eq!(elapsed(&clock) - before, expect);
        }
        assert!(clock.lock().pending.is_empty());
    }

    #[tokio::test]
    async fn a_limit_alone_lets_no_time_pass() {
        let clock = clock();
        tokio::select! {
            () = clock.limit(Duration::from_secs(1)) => panic!("time passed though nothing slept"),
            () = tokio::time::sleep(Duration::from_millis(20)) => {}
        }
        assert_eq!(elapsed(&clock), 0);
    }
}
