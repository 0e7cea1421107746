//! Step 3b: where P wave, QRS complex and T wave of each beat begin and end.
//!
//! Each beat is looked at by itself, between its neighbours; only where its P and its T wave are is taken from the mean of
//! the beats of its kind around it. So a beat waits for those of the next five seconds. How one wave is found is in `waves.rs`.

use std::collections::VecDeque;
use std::ops::Range;

use crate::beat_shape::{Shape, ShapeSampler};
use crate::filters::{BLOCK, MeanOfMeans, Signal, in_samples, odd_length};
use crate::measure_beats::Measurements;
use crate::median::median;
use crate::types::Beat;
use crate::wave_settings::WAVES;
use crate::waves::{PeakSearch, QrsEdgeLengths, Wave, Waves, largest, peak_of, qrs_edge, wave_edge};

/// Finds the waves of the beats of one lead, and measures them. Holds the signal of some twelve
/// seconds, up to twice as much until it is dropped, and the beats in it.
pub(crate) struct WaveFinder {
    sampling_frequency_hz: f64,
    lengths: Lengths,
    shapes: ShapeSampler,
    /// The stored signal in mV.
    mv: Latest,
    /// The same, with a straight line in the place of each QRS complex that is known: smoothing then does not spread it
    /// into its neighbours. Smoothed are the samples that no further line can change.
    without_qrs: Latest,
    /// `m20(m20(mv))`, of which the slopes of QRS complexes are taken.
    for_qrs: SmoothedTwice,
    /// `m25(m25(without_qrs))`, in which P and T waves are.
    for_waves: SmoothedTwice,
    missing: VecDeque<Range<u64>>,
    /// The beats that wait, and before them those that are still in the mean of one.
    beats: VecDeque<Waiting>,
    /// How many of the beats have been given...
    given: usize,
    /// ...and of how many the QRS complex is known.
    located: usize,
    /// Where the QRS complex of the latest given beat ended.
    previous_end: u64,
    /// The peak of its T wave.
    previous_t: Option<u64>,
    has_ended: bool,
}

/// A beat that waits for its waves.
struct Waiting {
    beat: Beat,
    /// Its kind: only beats of one kind have a mean.
    kind: u64,
    /// `None` until it is located.
    qrs: Option<Wave>,
}

/// Lengths in samples: see [`WAVES`].
struct Lengths {
    qrs_reach: u64,
    steepest_within: u64,
    edge: QrsEdgeLengths,
    mean_within: u64,
    p_within: u64,
    p_reach: u64,
    p_steepest_within: u64,
    p_prominence_within: u64,
    p_near: u64,
    t_after_r: u64,
    t_after_qrs: u64,
    t_end_after: u64,
    t_end_before_qrs: u64,
    t_steepest_within: u64,
    t_prominence_within: u64,
    t_near: u64,
    /// From an R peak to the last sample of its T wave.
    t_reach: u64,
}

impl Lengths {
    fn new(fs: f64) -> Self {
        let of = |seconds| in_samples(seconds, fs);
        Self {
            qrs_reach: of(WAVES.qrs_reach_s),
            steepest_within: of(WAVES.steepest_within_s),
            edge: QrsEdgeLengths {
                notch: of(WAVES.qrs_notch_s) as usize,
                quiet: of(WAVES.qrs_quiet_s).max(1) as usize,
                usual: of(WAVES.qrs_usual_s) as usize,
            },
            mean_within: of(WAVES.mean_within_s),
            p_within: of(WAVES.p_within_s),
            p_reach: of(WAVES.p_reach_s),
            p_steepest_within: of(WAVES.p_steepest_within_s),
            p_prominence_within: of(WAVES.p_prominence_within_s),
            p_near: of(WAVES.p_peak_near_s),
            t_after_r: of(WAVES.t_after_r_s),
            t_after_qrs: of(WAVES.t_after_qrs_s),
            t_end_after: of(WAVES.t_end_after_s),
            t_end_before_qrs: of(WAVES.t_end_before_qrs_s),
            t_steepest_within: of(WAVES.t_steepest_within_s),
            t_prominence_within: of(WAVES.t_prominence_within_s),
            t_near: of(WAVES.t_peak_near_s),
            t_reach: of(WAVES.t_peak_latest_s) + of(WAVES.t_end_after_s),
        }
    }
}

impl WaveFinder {
    pub(crate) fn new(sampling_frequency_hz: f64) -> Self {
        let fs = sampling_frequency_hz;
        Self {
            sampling_frequency_hz,
            lengths: Lengths::new(fs),
            shapes: ShapeSampler::new(fs),
            mv: Latest::default(),
            without_qrs: Latest::default(),
            for_qrs: SmoothedTwice::new(odd_length(WAVES.qrs_smoothing_s, fs)),
            for_waves: SmoothedTwice::new(odd_length(WAVES.wave_smoothing_s, fs)),
            missing: VecDeque::new(),
            beats: VecDeque::new(),
            given: 0,
            located: 0,
            previous_end: 0,
            previous_t: None,
            has_ended: false,
        }
    }

    /// Takes the next samples.
    pub(crate) fn push(&mut self, mv: &[f32]) {
        let from = self.mv.end();
        self.mv.values.extend(mv.iter().map(|mv| f64::from(*mv)));
        self.without_qrs
            .values
            .extend_from_slice(self.mv.range(from..self.mv.end()));
        self.for_qrs.push(self.mv.range(from..self.mv.end()));
    }

    /// Says which samples are missing, in order.
    pub(crate) fn push_gap(&mut self, missing: Range<u64>) {
        match self.missing.back_mut() {
            Some(last) if last.end == missing.start => last.end = missing.end,
            _ => self.missing.push_back(missing),
        }
    }

    /// Takes the next beat, and its kind.
    pub(crate) fn push_beat(&mut self, beat: Beat, kind: u64) {
        self.beats.push_back(Waiting {
            beat,
            kind,
            qrs: None,
        });
    }

    /// All beats before this sample were given, if all before `beats_known_until` were taken.
    pub(crate) fn known_until(&self, beats_known_until: u64) -> u64 {
        self.beats.get(self.given).map_or(beats_known_until, |waiting| {
            waiting.beat.sample.min(beats_known_until)
        })
    }

    /// Gives the beats that have their waves now. All beats before `beats_known_until` were taken.
    pub(crate) fn advance(&mut self, beats_known_until: u64, found: &mut impl FnMut(Beat, Option<Shape>)) {
        self.locate_all(beats_known_until);
        let reach = self.lengths.qrs_reach;
        let settled = match self.beats.get(self.located) {
            Some(waiting) => waiting.beat.sample.min(beats_known_until).saturating_sub(reach),
            None => beats_known_until.saturating_sub(reach).min(self.mv.end()),
        };
        self.smooth_until(settled);
        self.give_all(beats_known_until, found);
        self.forget(beats_known_until);
    }

    /// Ends the lead, and gives the beats that are left.
    pub(crate) fn finish(&mut self, found: &mut impl FnMut(Beat, Option<Shape>)) {
        self.has_ended = true;
        self.for_qrs.finish();
        self.locate_all(u64::MAX);
        self.smooth_until(self.mv.end());
        self.for_waves.finish();
        self.give_all(u64::MAX, found);
    }

    fn locate_all(&mut self, beats_known_until: u64) {
        while let Some((r, next)) = self.next_to_locate(beats_known_until) {
            self.locate(r, next);
        }
    }

    fn give_all(&mut self, beats_known_until: u64, found: &mut impl FnMut(Beat, Option<Shape>)) {
        while let Some(around) = self.next_to_give(beats_known_until) {
            let (beat, shape) = self.find(&around);
            self.given += 1;
            found(beat, shape);
        }
    }

    // 10. QRS complex.

    /// The R peak of the next beat whose QRS complex can be located, and that of the beat after it if it is near.
    fn next_to_locate(&self, beats_known_until: u64) -> Option<(u64, Option<u64>)> {
        let r = self.beats.get(self.located)?.beat.sample;
        let next = self
            .beats
            .get(self.located + 1)
            .map(|waiting| waiting.beat.sample);
        let reach = self.lengths.qrs_reach;
        let neighbours_known = next.is_some() || beats_known_until > r + 2 * reach + 1;
        let smoothed = self.has_ended || self.for_qrs.latest.end() > r + reach + 1;
        (neighbours_known && smoothed).then_some((r, next))
    }

    /// Finds onset and end of a QRS complex, and draws the line in its place.
    fn locate(&mut self, r: u64, next: Option<u64>) {
        let previous = self
            .located
            .checked_sub(1)
            .and_then(|number| self.beats.get(number));
        let reach = self.lengths.qrs_reach;
        let first = r
            .saturating_sub(reach)
            .max(previous.map_or(0, |waiting| (waiting.beat.sample + r) / 2));
        let mut last = r + reach;
        if let Some(next) = next {
            last = last.min((r + next) / 2);
        }
        if self.has_ended {
            last = last.min(self.mv.end().saturating_sub(1));
        }
        let mut steepness = self.slopes(&self.for_qrs.latest, first, last);
        steepness.iter_mut().for_each(|slope| *slope = slope.abs());
        let near = self.lengths.steepest_within;
        let (from, to) = (r.saturating_sub(near).max(first), (r + near).min(last));
        let steepest = largest(&steepness[(from - first) as usize..=(to - first) as usize]);
        let place = (r - first) as usize;
        let before = steepness[..=place].iter().rev().copied();
        let after = steepness[place..].iter().copied();
        let qrs = Wave {
            onset: r - qrs_edge(before, steepest, self.lengths.edge) as u64,
            peak: r,
            end: r + qrs_edge(after, steepest, self.lengths.edge) as u64,
        };

        let level = |at: u64| mean(self.mv.range(at.saturating_sub(1)..at + 2));
        let (from, to) = (level(qrs.onset), level(qrs.end));
        let line = self.without_qrs.range_mut(qrs.onset..qrs.end + 1);
        let steps = line.len().saturating_sub(1).max(1) as f64;
        for (n, value) in line.iter_mut().enumerate() {
            *value = from + (to - from) * n as f64 / steps;
        }
        if let Some(waiting) = self.beats.get_mut(self.located) {
            waiting.qrs = Some(qrs);
        }
        self.located += 1;
    }

    /// No line changes the samples before this one any more.
    fn smooth_until(&mut self, sample: u64) {
        let from = self.for_waves.taken;
        if sample > from {
            self.for_waves.push(self.without_qrs.range(from..sample));
        }
    }

    /// The slope at each of some samples: the difference of its neighbours, in mV per two samples; only its ratios are used. 0 at the
    /// ends of the lead.
    fn slopes(&self, signal: &Latest, first: u64, last: u64) -> Vec<f64> {
        let samples = (last + 1 - first) as usize;
        let inner = first.max(1)..(last + 1).min(self.mv.end().saturating_sub(1));
        let mut slopes = Vec::with_capacity(samples);
        slopes.resize((inner.start - first) as usize, 0.0);
        let earlier = signal.range(inner.start - 1..inner.end.saturating_sub(1));
        let later = signal.range(inner.start + 1..inner.end + 1);
        slopes.extend(later.iter().zip(earlier).map(|(later, earlier)| later - earlier));
        slopes.resize(samples, 0.0);
        slopes
    }

    // 11. P wave and T wave.

    /// The beats around the next beat to give, by their places, if all that it needs is known. Those of its kind are in its mean.
    fn next_to_give(&self, beats_known_until: u64) -> Option<Range<usize>> {
        let r = self.beats.get(self.given)?.beat.sample;
        let within = self.lengths.mean_within;
        let first = (self.given.saturating_sub(WAVES.mean_beats)..self.given)
            .find(|number| self.sample(*number) + within >= r)
            .unwrap_or(self.given);
        let end = self.beats.len().min(self.given + WAVES.mean_beats + 1);
        let last = (self.given..end)
            .rev()
            .find(|number| self.sample(*number) <= r + within)
            .unwrap_or(self.given);
        let all_known = last == self.given + WAVES.mean_beats || beats_known_until > r + within;
        let reach = self.sample(last) + self.lengths.t_reach + 2;
        let smoothed = self.has_ended || self.for_waves.latest.end() >= reach;
        (all_known && self.located > last && smoothed).then_some(first..last + 1)
    }

    fn sample(&self, number: usize) -> u64 {
        self.beats.get(number).map_or(0, |waiting| waiting.beat.sample)
    }

    /// Finds the waves of the next beat to give, and measures them; with its shape, if it has a QRS complex.
    fn find(&mut self, around: &Range<usize>) -> (Beat, Option<Shape>) {
        let number = self.given;
        let Waiting { beat, kind, qrs } = self.beats[number];
        let Some(qrs) = qrs else {
            return (beat, None);
        };
        let located = || {
            let around = self.beats.range(around.clone());
            around.filter_map(|other| Some((other.kind, other.qrs?)))
        };
        let of_kind = located().filter(|(other, _)| *other == kind);
        let near: Vec<Wave> = of_kind.map(|(_, qrs)| qrs).collect();
        let all: Vec<Wave> = located().map(|(_, qrs)| qrs).collect();
        let next = around
            .contains(&(number + 1))
            .then(|| self.beats[number + 1].qrs)
            .flatten();
        let for_p = if near.len() >= WAVES.least_of_kind {
            &near
        } else {
            &all
        };
        let p = self.find_p(&qrs, for_p, is_irregular(&all));
        let t = self.find_t(&qrs, next.as_ref(), &near);
        self.previous_end = qrs.end;
        self.previous_t = t.map(|(wave, _)| wave.peak);

        let recorded = |wave: &Wave| !self.any_missing(wave.onset..wave.end + 1);
        let t = t.filter(|(wave, _)| recorded(wave));
        let waves = Waves {
            p: p.filter(recorded),
            qrs: Some(qrs).filter(recorded),
            t: t.map(|(wave, _)| wave),
            t_is_up: t.map(|(_, is_up)| is_up),
        };
        let level = |first: i64, last: i64| {
            let first = u64::try_from(first).ok()?;
            let samples = first..u64::try_from(last).ok()? + 1;
            let is_inside = samples.end <= self.mv.end();
            (is_inside && !self.any_missing(samples.clone())).then(|| mean(self.mv.range(samples)))
        };
        let measured = Measurements::of(&waves, beat.rr_ms, self.sampling_frequency_hz, level);
        let shape = waves.qrs.map(|qrs| {
            let last = self.has_ended.then(|| self.mv.end().saturating_sub(1));
            let smoothed = &self.for_qrs.latest;
            let slopes = |first, last| self.slopes(smoothed, first, last);
            self.shapes.sample(qrs.peak, last, slopes, |at| smoothed.at(at))
        });
        (
            Beat {
                waves,
                measured,
                ..beat
            },
            shape,
        )
    }

    fn find_p(&self, qrs: &Wave, near: &[Wave], is_irregular: bool) -> Option<Wave> {
        let lengths = &self.lengths;
        let onset = qrs.onset;
        // After the T wave of the beat before, but 100 ms are always looked at.
        let mut first = onset.saturating_sub(lengths.p_within).max(self.previous_end);
        if let Some(previous_t) = self.previous_t {
            let after_t = previous_t + lengths.p_steepest_within;
            first = first.max(after_t.min(onset.saturating_sub(lengths.p_reach)));
        }
        if onset <= first + lengths.p_steepest_within {
            return None;
        }
        let starts = near
            .iter()
            .map(|other| other.onset as i64 - (onset - first) as i64);
        let mean = self.mean_of_beats(starts, (onset - first + 1) as usize);
        let search = PeakSearch {
            prominence_within: lengths.p_prominence_within as usize,
            near: lengths.p_near as usize,
            negative: WAVES.negative_p,
            agreement: if is_irregular { WAVES.p_agreement } else { 0.0 },
            candidates: usize::MAX,
        };
        let edges = |peak: u64| {
            let earliest = peak.saturating_sub(lengths.p_reach).max(first);
            let latest = (peak + lengths.p_reach).min(onset);
            [(earliest, WAVES.p_onset_slope), (latest, WAVES.p_end_slope)]
        };
        let found = self.wave(first..onset + 1, &mean, search, lengths.p_steepest_within, edges);
        found.map(|(wave, _)| wave)
    }

    fn find_t(&self, qrs: &Wave, next: Option<&Wave>, near: &[Wave]) -> Option<(Wave, bool)> {
        let lengths = &self.lengths;
        let (r, fs) = (qrs.peak, self.sampling_frequency_hz);
        let last_sample = if self.has_ended {
            self.mv.end().saturating_sub(1)
        } else {
            u64::MAX
        };
        let rr = next.map_or(fs, |next| (next.peak - r) as f64);
        let first = (qrs.end + lengths.t_after_qrs).max(r + lengths.t_after_r);
        let latest_s = (WAVES.t_peak_within_s * (rr / fs).sqrt())
            .min(WAVES.t_peak_latest_s)
            .min(WAVES.t_peak_latest_rr * rr / fs);
        let latest = (r + in_samples(latest_s, fs)).min(last_sample);
        let mut last = (latest + lengths.t_end_after).min(last_sample);
        if let Some(next) = next {
            last = last.min(next.onset.saturating_sub(lengths.t_end_before_qrs));
        }
        if latest <= first + lengths.t_after_qrs || last <= latest {
            return None;
        }
        let starts = near.iter().map(|other| (other.peak + first - r) as i64);
        let mean = self.mean_of_beats(starts, (last - first + 1) as usize);
        let search = PeakSearch {
            prominence_within: lengths.t_prominence_within as usize,
            near: lengths.t_near as usize,
            negative: 1.0,
            agreement: 0.0,
            candidates: (latest - first + 1) as usize,
        };
        let edges = |_| [(qrs.end, WAVES.t_onset_slope), (last, WAVES.t_end_slope)];
        self.wave(first..last + 1, &mean, search, lengths.t_steepest_within, edges)
    }

    /// The wave in some samples of a beat, of which `mean` is the mean of the beats, and whether it points up. `edges` gives for
    /// its peak how far its onset and its end may be, each with the share of the steepest slope at which it is.
    fn wave(
        &self,
        samples: Range<u64>,
        mean: &[f64],
        search: PeakSearch,
        steepest_within: u64,
        edges: impl FnOnce(u64) -> [(u64, f64); 2],
    ) -> Option<(Wave, bool)> {
        let x = &self.for_waves.latest;
        let first = samples.start;
        let (place, is_up) = peak_of(x.range(samples), mean, search)?;
        let peak = first + place as u64;
        let [(first, onset_share), (last, end_share)] = edges(peak);
        // Rising before the peak of a wave that points up, falling after it.
        let rising = if is_up { 1.0 } else { -1.0 };
        let slopes = self.slopes(x, first, last);
        let place = (peak - first) as usize;
        let before = slopes[..=place].iter().rev().map(|slope| rising * slope);
        let after = slopes[place..].iter().map(|slope| -rising * slope);
        let within = steepest_within as usize;
        let wave = Wave {
            onset: peak - wave_edge(before, within, onset_share) as u64,
            peak,
            end: peak + wave_edge(after, within, end_share) as u64,
        };
        Some((wave, is_up))
    }

    /// The mean of so many samples from each start on. Before and after the lead its end values are held.
    fn mean_of_beats(&self, starts: impl Iterator<Item = i64>, samples: usize) -> Vec<f64> {
        let x = &self.for_waves.latest;
        let mut sum = vec![0.0; samples];
        let mut beats = 0.0;
        for start in starts {
            let is_inside = start >= 0 && start as u64 + samples as u64 <= x.end();
            if is_inside {
                let its = x.range(start as u64..start as u64 + samples as u64);
                sum.iter_mut().zip(its).for_each(|(sum, value)| *sum += value);
            } else {
                let held = (start..).map(|at| x.at((at.max(0) as u64).min(x.end().saturating_sub(1))));
                sum.iter_mut().zip(held).for_each(|(sum, value)| *sum += value);
            }
            beats += 1.0;
        }
        sum.iter_mut().for_each(|sum| *sum /= beats);
        sum
    }

    fn any_missing(&self, samples: Range<u64>) -> bool {
        let first = self.missing.partition_point(|gap| gap.end <= samples.start);
        self.missing.get(first).is_some_and(|gap| gap.start < samples.end)
    }

    /// Forgets what no beat needs any more.
    fn forget(&mut self, beats_known_until: u64) {
        let next = self.beats.get(self.given).map(|waiting| waiting.beat.sample);
        let next = next.unwrap_or(beats_known_until).min(beats_known_until);
        while self.given > 0
            && let Some(oldest) = self.beats.front()
            && (self.given > WAVES.mean_beats || oldest.beat.sample + self.lengths.mean_within < next)
        {
            self.beats.pop_front();
            self.given -= 1;
            self.located -= 1;
        }
        let oldest = self
            .beats
            .front()
            .map_or(next, |oldest| oldest.beat.sample.min(next));
        let lengths = &self.lengths;
        let needed = oldest.saturating_sub(lengths.qrs_reach + lengths.p_within + 2);
        self.mv.forget_before(needed);
        self.for_qrs.latest.forget_before(needed);
        self.for_waves.latest.forget_before(needed);
        self.without_qrs.forget_before(self.for_waves.taken);
        while self.missing.pop_front_if(|gap| gap.end <= needed).is_some() {}
    }
}

/// Whether the intervals of some beats change by more than a share of their median from one to the next.
fn is_irregular(beats: &[Wave]) -> bool {
    let mut intervals: Vec<f64> = beats
        .windows(2)
        .map(|pair| (pair[1].peak - pair[0].peak) as f64)
        .collect();
    let mut changes: Vec<f64> = intervals
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).abs())
        .collect();
    intervals.len() > 2
        && median(&mut changes)
            .zip(median(&mut intervals))
            .is_some_and(|(change, interval)| change > WAVES.irregular * interval)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The latest values of a signal.
#[derive(Default)]
struct Latest {
    /// Number of the first value that is held.
    first: u64,
    values: Vec<f64>,
}

impl Latest {
    /// Values of the signal so far.
    fn end(&self) -> u64 {
        self.first + self.values.len() as u64
    }

    fn at(&self, sample: u64) -> f64 {
        let place = sample.saturating_sub(self.first) as usize;
        self.values.get(place).copied().unwrap_or(0.0)
    }

    /// The values of some samples; of those that are not held, none.
    fn range(&self, samples: Range<u64>) -> &[f64] {
        &self.values[self.places(samples)]
    }

    fn range_mut(&mut self, samples: Range<u64>) -> &mut [f64] {
        let places = self.places(samples);
        &mut self.values[places]
    }

    fn places(&self, samples: Range<u64>) -> Range<usize> {
        let place = |sample: u64| (sample.saturating_sub(self.first) as usize).min(self.values.len());
        place(samples.start)..place(samples.end)
    }

    /// Values before this sample are not asked for again. They go when they are as many as those that stay.
    fn forget_before(&mut self, sample: u64) {
        let places = self.places(self.first..sample);
        if 2 * places.len() > self.values.len() {
            self.first += places.len() as u64;
            self.values.drain(places);
        }
    }
}

/// A moving mean, applied twice, of a signal that comes in parts. Before and after the signal its end values are held.
struct SmoothedTwice {
    length: usize,
    /// `None` before the first value.
    filters: Option<Filters>,
    /// Values taken.
    taken: u64,
    last: f64,
    /// The smoothed signal.
    latest: Latest,
}

struct Filters {
    means: MeanOfMeans,
    signal: Signal,
    /// So many values still come before the first one of the signal.
    early: usize,
}

impl SmoothedTwice {
    fn new(length: usize) -> Self {
        Self {
            length,
            filters: None,
            taken: 0,
            last: 0.0,
            latest: Latest::default(),
        }
    }

    fn push(&mut self, values: &[f64]) {
        let (Some(first), Some(last)) = (values.first(), values.last()) else {
            return;
        };
        (self.taken, self.last) = (self.taken + values.len() as u64, *last);
        let length = self.length;
        let filters = self.filters.get_or_insert_with(|| Filters::new(length, *first));
        values
            .chunks(BLOCK)
            .for_each(|values| filters.push(values, &mut self.latest.values));
    }

    fn finish(&mut self) {
        if let Some(filters) = &mut self.filters {
            let held = vec![self.last; filters.means.delay()];
            filters.push(&held, &mut self.latest.values);
        }
    }
}

impl Filters {
    fn new(length: usize, before: f64) -> Self {
        let means = MeanOfMeans::new(length, before);
        Self {
            early: means.delay(),
            means,
            signal: Signal::new(length, before),
        }
    }

    /// Takes at most [`BLOCK`] values.
    fn push(&mut self, values: &[f64], smoothed: &mut Vec<f64>) {
        let samples = values.len();
        self.signal.next_block(samples).copy_from_slice(values);
        let from = smoothed.len();
        smoothed.resize(from + samples, 0.0);
        self.means.push(&self.signal, &mut smoothed[from..]);
        let early = self.early.min(samples);
        self.early -= early;
        smoothed.drain(from..from + early);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HZ: f64 = 500.0;

    /// A wave of 100 ms around a time in s: half a period of a cosine, lifted.
    fn add(mv: &mut [f32], at_s: f64, height_mv: f64, half_s: f64) {
        for (n, mv) in mv.iter_mut().enumerate() {
            let distance = (n as f64 / HZ - at_s) / half_s;
            if distance.abs() < 1.0 {
                *mv += (height_mv * (0.5 + 0.5 * (std::f64::consts::PI * distance).cos())) as f32;
            }
        }
    }

    /// Beats at these times in s, with a QRS complex of 80 ms, a P wave of 100 ms 0.18 s before, and a T wave of 200 ms 0.3 s after.
    fn lead(seconds: f64, r_s: &[f64], t_mv: f64) -> (Vec<f32>, Vec<u64>) {
        let mut mv = vec![0.0; (seconds * HZ) as usize];
        for r_s in r_s {
            add(&mut mv, r_s - 0.18, 0.15, 0.05);
            add(&mut mv, *r_s, 1.0, 0.04);
            add(&mut mv, r_s + 0.3, t_mv, 0.1);
        }
        (mv, r_s.iter().map(|r_s| (r_s * HZ).round() as u64).collect())
    }

    fn beat(sample: u64) -> Beat {
        Beat {
            sample,
            time_s: sample as f64 / HZ,
            ..Beat::default()
        }
    }

    /// The beats with their waves; all are of one kind.
    fn waves(mv: &[f32], r: &[u64], missing: Range<u64>) -> Vec<Beat> {
        waves_of_kinds(mv, r, missing, &|_| 1)
    }

    /// A beat is certain one second after its R peak.
    fn waves_of_kinds(mv: &[f32], r: &[u64], missing: Range<u64>, kind: &dyn Fn(u64) -> u64) -> Vec<Beat> {
        let mut finder = WaveFinder::new(HZ);
        let mut found = Vec::new();
        let mut beats = r.iter().copied().peekable();
        finder.push_gap(missing);
        for (number, samples) in mv.chunks(100).enumerate() {
            finder.push(samples);
            let known_until = (100 * (number as u64 + 1)).saturating_sub(HZ as u64);
            while let Some(r) = beats.next_if(|r| *r < known_until) {
                finder.push_beat(beat(r), kind(r));
            }
            finder.advance(known_until, &mut |beat, _| found.push(beat));
            let waits = r
                .iter()
                .find(|r| **r >= known_until || !found.iter().any(|beat| beat.sample == **r));
            assert_eq!(
                finder.known_until(known_until),
                known_until.min(waits.copied().unwrap_or(u64::MAX))
            );
        }
        beats.for_each(|r| finder.push_beat(beat(r), kind(r)));
        finder.finish(&mut |beat, _| found.push(beat));
        found
    }

    fn near(found: u64, expect_s: f64) -> bool {
        (found as f64 / HZ - expect_s).abs() <= 0.012
    }

    #[test]
    fn waves_are_where_they_were_put() {
        let r_s: Vec<f64> = (0..14).map(|n| 0.6 + 0.9 * f64::from(n)).collect();
        for t_mv in [0.3, -0.3] {
            let (mv, r) = lead(13.0, &r_s, t_mv);
            let found = waves(&mv, &r, 0..0);
            assert_eq!(found.iter().map(|beat| beat.sample).collect::<Vec<_>>(), r);
            for (beat, r_s) in found.iter().zip(&r_s) {
                let Waves { p, qrs, t, t_is_up } = beat.waves;
                let (p, qrs, t) = (p.unwrap(), qrs.unwrap(), t.unwrap());
                assert!(
                    near(p.peak, r_s - 0.18) && near(p.onset, r_s - 0.225) && near(p.end, r_s - 0.145),
                    "{p:?} {r_s}"
                );
                assert!(
                    qrs.peak == beat.sample && near(qrs.onset, r_s - 0.045) && near(qrs.end, r_s + 0.045),
                    "{qrs:?} {r_s}"
                );
                assert!(
                    near(t.peak, r_s + 0.3) && near(t.onset, r_s + 0.21) && near(t.end, r_s + 0.39),
                    "{t:?} {r_s}"
                );
                assert_eq!(t_is_up, Some(t_mv > 0.0));
                assert!((beat.measured.st_mv.unwrap()).abs() < 0.02);
            }
        }
    }

    #[test]
    fn a_wave_with_missing_samples_is_none_and_the_others_stay() {
        let (mv, r) = lead(8.0, &[1.0, 2.0, 3.0, 4.0, 5.0], 0.3);
        let at = |seconds: f64| (seconds * HZ) as u64;
        let found = waves(&mv, &r, at(3.28)..at(3.32));
        let third = found[2].waves;
        assert!(third.p.is_some() && third.qrs.is_some() && third.t.is_none() && third.t_is_up.is_none());
        assert!(found[1].waves.t.is_some() && found[3].waves.t.is_some());
        assert!(found[2].measured.qt_ms.is_none() && found[2].measured.qrs_ms.is_some());
    }

    #[test]
    fn the_mean_is_of_beats_of_one_kind() {
        // Every third beat has a T wave that points down, so large that none is left in the mean of all.
        let r_s: Vec<f64> = (0..12).map(|n| 0.6 + 0.9 * f64::from(n)).collect();
        let (mut mv, r) = lead(12.0, &r_s, 0.2);
        r_s.iter()
            .step_by(3)
            .for_each(|r_s| add(&mut mv, r_s + 0.3, -0.6, 0.1));
        let is_third = |r: u64| (((r as f64 / HZ - 0.6) / 0.9).round() as u64).is_multiple_of(3);
        for beat in waves_of_kinds(&mv, &r, 0..0, &|r| u64::from(is_third(r))) {
            assert_eq!(beat.waves.t_is_up, Some(!is_third(beat.sample)), "{beat:?}");
        }
        let of_one_kind = waves(&mv, &r, 0..0);
        assert!(of_one_kind.iter().any(|beat| beat.waves.t.is_none()));
    }

    #[test]
    fn without_p_waves_none_is_found() {
        let mut mv = vec![0.0; 5000];
        let r_s: Vec<f64> = (1..10).map(f64::from).collect();
        r_s.iter().for_each(|r_s| add(&mut mv, *r_s, 1.0, 0.04));
        let r: Vec<u64> = r_s.iter().map(|r_s| (r_s * HZ) as u64).collect();
        for beat in waves(&mv, &r, 0..0) {
            assert_eq!((beat.waves.p, beat.waves.t), (None, None));
        }
    }

    #[test]
    fn a_beat_waits_for_four_more_or_for_five_seconds() {
        let (mv, r) = lead(20.0, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 0.3);
        let mut finder = WaveFinder::new(HZ);
        finder.push(&mv);
        let mut found = Vec::new();
        r.iter().for_each(|r| finder.push_beat(beat(*r), 1));
        // The first two have four more each.
        finder.advance((7.0 * HZ) as u64, &mut |beat, _| found.push(beat.sample));
        assert_eq!(found, r[..2]);
        finder.advance((8.5 * HZ) as u64, &mut |beat, _| found.push(beat.sample));
        assert_eq!(found, r[..3]);
        finder.advance((20.0 * HZ) as u64, &mut |beat, _| found.push(beat.sample));
        assert_eq!(found, r);
    }

    #[test]
    fn little_is_held() {
        let mut finder = WaveFinder::new(HZ);
        let mut given = 0;
        let mut most = 0;
        for second in 0..2000u64 {
            finder.push(&[0.1; 500]);
            if second % 2 == 0 {
                finder.push_gap(500 * second + 10..500 * second + 20);
                finder.push_beat(beat(500 * second + 100), 1);
            }
            finder.advance(500 * second, &mut |_, _| given += 1);
            most = most.max(finder.mv.values.len() + finder.missing.len() + finder.beats.len());
        }
        assert_eq!(given, 997);
        assert!(most < 11 * 500 + BLOCK, "{most}");
    }
}
