//! Progress: a bar on a terminal, plain lines otherwise, on standard error.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Without a terminal, at most one line in this time, and one at the end.
const PLAIN_LINE_EVERY: Duration = Duration::from_secs(5);

/// A line on standard error. A reader that went away (`2>&1 | head`) misses it, and the work goes on.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Progress over a known number of things.
pub(crate) struct Progress {
    bar: ProgressBar,
    what: &'static str,
    failed: AtomicU64,
    plain: Option<Mutex<Plain>>,
}

struct Plain {
    what: &'static str,
    last: Instant,
}

impl Progress {
    pub(crate) fn new(total: u64, what: &'static str) -> Progress {
        let terminal = std::io::stderr().is_terminal();
        let target = if terminal {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        if let Ok(style) =
            ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} {elapsed} (about {eta} left)")
        {
            bar.set_style(style);
        }
        bar.set_message(what);
        bar.enable_steady_tick(Duration::from_millis(200));
        let plain = (!terminal).then(|| {
            Mutex::new(Plain {
                what,
                last: Instant::now(),
            })
        });
        Progress {
            bar,
            what,
            failed: AtomicU64::new(0),
            plain,
        }
    }

    /// So much there is to do, where it is only found on the way.
    #[cfg_attr(not(feature = "aws"), allow(dead_code))]
    pub(crate) fn set_total(&self, total: u64) {
        self.bar.set_length(total);
    }

    /// So much is done.
    pub(crate) fn set(&self, done: u64) {
        self.bar.set_position(done);
        self.plain_line();
    }

    /// How much is done.
    pub(crate) fn done(&self) -> u64 {
        self.bar.position()
    }

    /// One more is done, well or not.
    pub(crate) fn step(&self, well: bool) {
        if !well {
            let failed = self.failed.fetch_add(1, Ordering::Relaxed) + 1;
            self.bar
                .set_message(format!("{}, {failed} not accepted", self.what));
        }
        self.bar.inc(1);
        self.plain_line();
    }

    fn plain_line(&self) {
        let Some(plain) = &self.plain else { return };
        let mut plain = plain.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if plain.last.elapsed() >= PLAIN_LINE_EVERY {
            plain.last = Instant::now();
            tell(&format!(
                "{}/{} {}",
                self.bar.position(),
                self.bar.length().unwrap_or_default(),
                plain.what
            ));
        }
    }

    /// A line for people, above the bar.
    pub(crate) fn line(&self, text: &str) {
        self.bar.suspend(|| tell(text));
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
