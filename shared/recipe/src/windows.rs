//! Step 6, second half: cut the lead into windows of five minutes.
//!
//! A window has [`WINDOW_S`] of whole segments, and the beats of these. An interval belongs to the window of the beat that
//! ends it, so that each is counted once. A row of the whole lead comes last; what is quadratic in the number of intervals, or
//! needs all of them at once, is `None` there.

use ecg_core::rules::Rules;

use crate::atrial_fibrillation::{MINUTE_S, Minute};
use crate::types::{Beat, BeatType};
use crate::variability::{LEAST_NN, NnInterval, TimeDomain, Variability, variability};

/// Length of a window in s (Task Force 1996: 5 minutes for short-term recordings).
pub const WINDOW_S: f64 = 300.0;
/// The least windows for SDANN and SDNN index (NeuroKit2 has the same).
const LEAST_WINDOWS: u64 = 3;
/// The least seconds in NN intervals for one to count: half a window. Our choice.
const LEAST_WINDOW_NN_S: f64 = 150.0;

/// A shorter lead has no windows, in s: no value of a spectrum rests on less, and its segments say the rest.
const LEAST_S: f64 = 60.0;

/// Whether a lead of so many samples has windows.
pub fn has_windows(samples: u64, sampling_frequency_hz: f64) -> bool {
    samples as f64 >= LEAST_S * sampling_frequency_hz
}

/// One row of `windows`: five minutes of a lead, of which the last may be shorter, or the whole lead.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// 0-based number of the window in the lead; `None` for the whole lead.
    pub index: Option<u32>,
    /// First sample, 0-based in the recording.
    pub start_sample: u64,
    /// Length in samples.
    pub samples: u64,
    /// Of these the usable ones, from 0 to 1.
    pub usable_share: f64,
    /// Beats whose R peak is in the window.
    pub beats: u64,
    /// Of these the normal ones.
    pub beats_n: u64,
    /// The supraventricular ectopic ones.
    pub beats_s: u64,
    /// The ventricular ectopic ones.
    pub beats_v: u64,
    /// The paced or unclassified ones.
    pub beats_q: u64,
    /// Known intervals that end with these beats.
    pub rr_intervals: u64,
    /// NN intervals / `rr_intervals`; `None` without any.
    pub nn_share: Option<f64>,
    /// `60,000 / mean rr_ms` in beats per minute, of all beats; `None` without an interval.
    pub heart_rate_bpm: Option<f64>,
    /// Seconds of the minutes in atrial fibrillation; `None` if it is known of none.
    pub af_s: Option<f64>,
    /// Seconds of the minutes of which it is known whether they are.
    pub af_known_s: f64,
    /// Standard deviation, with n - 1, of the mean NN intervals of the windows in ms. Of a whole lead only, and `None` below
    /// three windows of full length that have 20 NN intervals and 150 s in them.
    pub sdann_ms: Option<f64>,
    /// Mean of the `sdnn_ms` of these windows; `None` where `sdann_ms` is.
    pub sdnn_index_ms: Option<f64>,
    /// Heart rate variability.
    pub variability: Variability,
}

/// Cuts one lead into windows. It holds the NN intervals of one window.
///
/// ```
/// use ecg_core::rules::RULES;
/// use ecg_recipe::{BeatType, Beat, WindowCutter};
///
/// // 310 s at 100 Hz, a beat each second.
/// let mut cutter = WindowCutter::new(100.0, 1000, &RULES);
/// let mut windows = Vec::new();
/// for segment in 0..31 {
///     let beats: Vec<Beat> = (0..10)
///         .map(|n| {
///             let rr_ms = (segment + n > 0).then_some(1000.0);
///             let sample = 1000 * segment + 100 * n;
///             Beat { sample, rr_ms, nn_ms: rr_ms, beat_type: BeatType::Normal, ..Beat::default() }
///         })
///         .collect();
///     windows.extend(cutter.push_segment(1000, 900, &beats));
/// }
/// windows.extend(cutter.finish());
/// assert_eq!(windows.iter().map(|row| (row.index, row.samples)).collect::<Vec<_>>(),
///     [(Some(0), 30_000), (Some(1), 1000), (None, 31_000)]);
/// assert_eq!((windows[0].beats, windows[0].heart_rate_bpm, windows[2].usable_share), (300, Some(60.0), 0.9));
/// assert_eq!(windows[0].variability.nn_intervals + windows[1].variability.nn_intervals, 309);
/// ```
pub struct WindowCutter {
    sampling_frequency_hz: f64,
    window_samples: u64,
    next_index: u32,
    /// Of the window that is being collected.
    part: Part,
    nn: Vec<NnInterval>,
    /// Of the minute that is being collected.
    minute: Minute,
    minute_samples: u64,
    samples_per_minute: u64,
    /// Of the whole lead.
    whole: Part,
    time_domain: TimeDomain,
    means: Deviation,
    deviations_sum: f64,
}

impl WindowCutter {
    /// For a lead whose segments have `segment_samples`; the last one may be shorter.
    pub fn new(sampling_frequency_hz: f64, segment_samples: u64, rules: &Rules) -> Self {
        let segments = |seconds: f64| ((seconds / rules.segment_s).round() as u64).max(1);
        Self {
            sampling_frequency_hz,
            window_samples: segments(WINDOW_S) * segment_samples,
            next_index: 0,
            part: Part::default(),
            nn: Vec::new(),
            minute: Minute::default(),
            minute_samples: 0,
            samples_per_minute: segments(MINUTE_S) * segment_samples,
            whole: Part::default(),
            time_domain: TimeDomain::new(sampling_frequency_hz),
            means: Deviation::default(),
            deviations_sum: 0.0,
        }
    }

    /// Takes the next segment: its samples, how many of them are usable, and its beats in order. Gives the window that it
    /// completes.
    pub fn push_segment(&mut self, samples: u64, usable_samples: u64, beats: &[Beat]) -> Option<Window> {
        self.part.push_signal(samples, usable_samples);
        self.whole.push_signal(samples, usable_samples);
        self.minute_samples += samples;
        for beat in beats {
            self.minute.push(beat);
            let in_samples = |ms: f64| (ms * self.sampling_frequency_hz / 1000.0).round() as u32;
            let rr_samples = beat.rr_ms.map(in_samples);
            self.part.push_beat(beat.beat_type, rr_samples);
            self.whole.push_beat(beat.beat_type, rr_samples);
            if let Some(nn_ms) = beat.nn_ms {
                let interval = NnInterval {
                    end_sample: beat.sample,
                    samples: in_samples(nn_ms),
                };
                self.nn.push(interval);
                self.time_domain.push(interval);
            }
        }
        if self.minute_samples >= self.samples_per_minute {
            self.end_minute();
        }
        (self.part.samples >= self.window_samples).then(|| self.cut())
    }

    fn end_minute(&mut self) {
        if let Some(is_af) = self.minute.end() {
            self.part.push_minute(self.minute_samples, is_af);
            self.whole.push_minute(self.minute_samples, is_af);
        }
        self.minute_samples = 0;
    }

    /// Ends the lead and gives the last window, if it is shorter, and the row of the whole lead. Nothing for a short lead:
    /// [`has_windows`].
    pub fn finish(mut self) -> Vec<Window> {
        let mut windows = Vec::new();
        if !has_windows(self.whole.samples, self.sampling_frequency_hz) {
            return windows;
        }
        if self.part.samples > 0 {
            windows.push(self.cut());
        }
        if self.whole.samples > 0 {
            let variability = self.time_domain.variability();
            let enough = self.means.n >= LEAST_WINDOWS;
            windows.push(Window {
                sdann_ms: enough.then(|| self.means.standard_deviation()),
                sdnn_index_ms: enough.then(|| self.deviations_sum / self.means.n as f64),
                ..self
                    .whole
                    .window(None, 0, variability, self.sampling_frequency_hz)
            });
        }
        windows
    }

    fn cut(&mut self) -> Window {
        if self.minute_samples > 0 {
            self.end_minute();
        }
        let part = std::mem::take(&mut self.part);
        let variability = variability(&self.nn, self.sampling_frequency_hz);
        if part.samples == self.window_samples
            && self.nn.len() >= LEAST_NN
            && let (Some(mean_ms), Some(sdnn_ms)) = (variability.nn_mean_ms, variability.sdnn_ms)
            && samples_of(&self.nn) as f64 / self.sampling_frequency_hz >= LEAST_WINDOW_NN_S
        {
            self.means.push(mean_ms);
            self.deviations_sum += sdnn_ms;
        }
        self.nn.clear();
        let index = self.next_index;
        self.next_index += 1;
        let start_sample = self.whole.samples - part.samples;
        part.window(Some(index), start_sample, variability, self.sampling_frequency_hz)
    }
}

fn samples_of(nn: &[NnInterval]) -> u64 {
    nn.iter().map(|interval| u64::from(interval.samples)).sum()
}

/// Counts of a stretch of the lead.
#[derive(Default)]
struct Part {
    samples: u64,
    usable_samples: u64,
    /// In the order of [`BeatType::ALL`].
    beats: [u64; BeatType::ALL.len()],
    rr_intervals: u64,
    /// Their sum in samples.
    rr_samples: u64,
    /// Samples of the minutes that are known to be in AF or not to be.
    af_known_samples: u64,
    /// Of these, those in AF.
    af_samples: u64,
}

impl Part {
    fn push_signal(&mut self, samples: u64, usable_samples: u64) {
        self.samples += samples;
        self.usable_samples += usable_samples;
    }

    fn push_minute(&mut self, samples: u64, is_af: bool) {
        self.af_known_samples += samples;
        self.af_samples += if is_af { samples } else { 0 };
    }

    fn push_beat(&mut self, beat_type: BeatType, rr_samples: Option<u32>) {
        self.beats[beat_type as usize] += 1;
        if let Some(samples) = rr_samples {
            self.rr_intervals += 1;
            self.rr_samples += u64::from(samples);
        }
    }

    fn window(
        self,
        index: Option<u32>,
        start_sample: u64,
        variability: Variability,
        sampling_frequency_hz: f64,
    ) -> Window {
        let [beats_n, beats_s, beats_v, beats_p, beats_unclassified] = self.beats;
        let rr_intervals = self.rr_intervals as f64;
        let has_intervals = self.rr_samples > 0;
        let seconds = |samples: u64| samples as f64 / sampling_frequency_hz;
        Window {
            index,
            start_sample,
            samples: self.samples,
            usable_share: self.usable_samples as f64 / self.samples as f64,
            beats: self.beats.iter().sum(),
            beats_n,
            beats_s,
            beats_v,
            beats_q: beats_p + beats_unclassified,
            rr_intervals: self.rr_intervals,
            nn_share: has_intervals.then(|| variability.nn_intervals as f64 / rr_intervals),
            heart_rate_bpm: has_intervals
                .then(|| 60.0 * sampling_frequency_hz * rr_intervals / self.rr_samples as f64),
            af_s: (self.af_known_samples > 0).then(|| seconds(self.af_samples)),
            af_known_s: seconds(self.af_known_samples),
            sdann_ms: None,
            sdnn_index_ms: None,
            variability,
        }
    }
}

/// A standard deviation of values that come one by one (Welford 1962, Technometrics 4:419).
#[derive(Default)]
struct Deviation {
    n: u64,
    mean: f64,
    squares: f64,
}

impl Deviation {
    fn push(&mut self, value: f64) {
        self.n += 1;
        let difference = value - self.mean;
        self.mean += difference / self.n as f64;
        self.squares += difference * (value - self.mean);
    }

    /// With n - 1; there are at least two values.
    fn standard_deviation(&self) -> f64 {
        (self.squares / (self.n - 1) as f64).sqrt()
    }
}
