//! Step 3, second half: which candidates are beats.
//!
//! A candidate is a beat if it stands out from what the lead's beats and noise looked like lately. The
//! rules are those of Pan and Tompkins (1985, IEEE Trans Biomed Eng 32:230) as restated by Hamilton
//! (2002, "Open source ECG analysis", Computers in Cardiology 29:101): levels of signal and noise as
//! medians of the last eight, a refractory period, a rule against T waves, and a look back for a weaker
//! beat where one is overdue. All lengths are in seconds; there is nothing per record or per lead.

use std::collections::VecDeque;

use super::qrs_candidates::{Candidate, QrsCandidates};

/// How many beats, noise peaks and intervals the levels remember (Hamilton: 8).
const REMEMBERED: usize = 8;
/// The levels are learned from the first seconds that have candidates (Hamilton: 8).
const LEARNING_S: u64 = 8;
/// Of the candidates seen while learning, those below this share of the signal level are noise or T waves,
/// and their median is the first noise level. (Hamilton begins with 0; a ten-second recording is over
/// before that is corrected.)
const INITIAL_NOISE: f64 = 0.5;
/// The threshold stands this far from the noise level to the signal level (Pan and Tompkins: 0.25).
/// Lower, because the contrast of a candidate has been asked for already.
const THRESHOLD: f64 = 0.2;
/// Looking back, this share of the threshold is enough (Pan and Tompkins: 0.5).
const LOOK_BACK_THRESHOLD: f64 = 0.5;
/// A beat is overdue after this many median intervals (Pan and Tompkins: 1.66, Hamilton: 1.5).
const OVERDUE: f64 = 1.4;
/// Two beats are at least this far apart; of two candidates nearer, the larger one is the beat.
/// (Pan and Tompkins: 200 ms.) It must be more than twice the 120 ms of the refinement, so that refined
/// peaks stay in order.
const REFRACTORY_S: f64 = 0.25;
/// Up to this long after a beat a candidate may be its T wave (Pan and Tompkins: 360 ms)...
const T_WAVE_S: f64 = 0.36;
/// ...and is, if its steepest slope is below this share of the beat's (Pan and Tompkins: 0.5).
const T_WAVE_SLOPE: f64 = 0.4;
/// A beat raises the level as if it were at most this many times the level: one artefact or a salvo of
/// large extrasystoles does not hide the beats that follow.
const LEVEL_GROWTH: f64 = 1.5;
/// An interval longer than this is a pause or a missed beat, and says nothing about the next one.
const LONGEST_INTERVAL_S: f64 = 2.0;
/// Without a beat for so long, the level falls...
const PATIENCE_S: f64 = 2.5;
/// ...to this share of itself...
const LEVEL_DECAY: f64 = 0.8;
/// ...each time a look back found nothing, and these are so far apart.
const LOOK_BACK_AGAIN_S: f64 = 0.5;
/// Without a beat for so long, after a gap or a loose electrode, the levels are learned anew.
const LEARN_AGAIN_S: f64 = 10.0;
/// Candidates older than this are no longer looked back at, which bounds what is held.
const LOOK_BACK_REACH_S: f64 = 3.0;
/// Nothing below this is a beat, also when there is nothing else: in mV after the band-pass, where a QRS
/// complex has about a fifth of its peak-to-peak voltage. So 0.05 mV, half of what is labelled low.
const FLOOR_MV: f64 = 0.01;

/// Finds the beats of one lead. Bounded: holds about two seconds of signal, and candidates of at most
/// eight seconds.
#[derive(Debug, Clone)]
pub(super) struct BeatFinder {
    candidates: QrsCandidates,
    judge: Judge,
    received: u64,
}

impl BeatFinder {
    pub(super) fn new(sampling_frequency_hz: f64) -> Self {
        Self {
            candidates: QrsCandidates::new(sampling_frequency_hz),
            judge: Judge::new(sampling_frequency_hz),
            received: 0,
        }
    }

    /// Takes the next sample; gives the R peaks (samples, in order) that are certain now.
    pub(super) fn push(&mut self, mv: f32, beat: &mut impl FnMut(u64)) {
        self.received += 1;
        if let Some(candidate) = self.candidates.push(mv) {
            self.judge.judge_at_its_time(candidate, beat);
        }
        self.judge.pass_time(self.candidates.searched_until(), beat);
    }

    /// Every R peak before this sample has been given.
    pub(super) fn settled_until(&self) -> u64 {
        self.judge.settled_until()
    }

    /// Ends the lead: gives the remaining R peaks.
    pub(super) fn finish(&mut self, beat: &mut impl FnMut(u64)) {
        let judge = &mut self.judge;
        self.candidates
            .finish(&mut |candidate| judge.judge_at_its_time(candidate, beat));
        judge.finish(self.received, beat);
    }
}

/// Decides on candidates in the order of time.
#[derive(Debug, Clone)]
struct Judge {
    sampling_frequency_hz: f64,
    refine: u64,
    refractory: u64,
    t_wave: u64,
    /// Candidates of the learning phase; `None` once it is over.
    learning: Option<Vec<Candidate>>,
    signal: Recent,
    noise: Recent,
    intervals: Recent,
    /// The latest beat; until `last_given` a larger candidate may still take its place.
    last: Option<Candidate>,
    last_given: bool,
    rejected: VecDeque<Candidate>,
    /// The latest beat, or where learning began if that was later.
    quiet_since: u64,
    /// When to look back next.
    look_back_at: u64,
    now: u64,
}

impl Judge {
    fn new(fs: f64) -> Self {
        Self {
            sampling_frequency_hz: fs,
            refine: QrsCandidates::refine_samples(fs),
            refractory: (REFRACTORY_S * fs).ceil() as u64,
            t_wave: (T_WAVE_S * fs).round() as u64,
            learning: Some(Vec::new()),
            signal: Recent::default(),
            noise: Recent::default(),
            intervals: Recent::default(),
            last: None,
            last_given: false,
            rejected: VecDeque::new(),
            quiet_since: 0,
            look_back_at: u64::MAX,
            now: 0,
        }
    }

    fn samples(&self, seconds: f64) -> u64 {
        (seconds * self.sampling_frequency_hz).round() as u64
    }

    /// Takes a candidate, later than all before.
    fn judge_at_its_time(&mut self, candidate: Candidate, beat: &mut impl FnMut(u64)) {
        self.pass_time(candidate.at, beat);
        match self.learning.as_mut() {
            Some(stash) => stash.push(candidate),
            None => self.judge(candidate, beat),
        }
    }

    /// Says that there are no further candidates before `now`.
    fn pass_time(&mut self, now: u64, beat: &mut impl FnMut(u64)) {
        self.now = self.now.max(now);
        let learned_at = match self.learning.as_ref().map(|stash| stash.first()) {
            Some(Some(first)) => first.at + self.samples(LEARNING_S as f64),
            Some(None) => return,
            None => 0,
        };
        if now < learned_at {
            return;
        }
        self.end_learning(beat);
        while self.look_back_at < now {
            self.look_back(beat);
        }
        if self.last.is_some_and(|last| now > last.at + self.refractory) {
            self.give_last(beat);
        }
    }

    fn finish(&mut self, end: u64, beat: &mut impl FnMut(u64)) {
        self.end_learning(beat);
        self.pass_time(end, beat);
        self.give_last(beat);
    }

    fn settled_until(&self) -> u64 {
        let undecided = match &self.learning {
            Some(stash) => stash.first(),
            None => self.rejected.front(),
        };
        let candidates = undecided
            .map_or(self.now, |first| first.at.min(self.now))
            .saturating_sub(self.refine);
        match self.last {
            Some(last) if !self.last_given => candidates.min(last.r_sample),
            _ => candidates,
        }
    }

    /// Sets the first signal level, the median over the seconds that have candidates of the largest
    /// amplitude in each, and then judges what was held back.
    fn end_learning(&mut self, beat: &mut impl FnMut(u64)) {
        let Some(stash) = self.learning.take() else { return };
        let Some(first) = stash.first().copied() else {
            return;
        };
        let mut largest = [0.0f64; LEARNING_S as usize];
        for candidate in &stash {
            let second = ((candidate.at - first.at) as f64 / self.sampling_frequency_hz) as usize;
            if let Some(largest) = largest.get_mut(second) {
                *largest = largest.max(candidate.amplitude);
            }
        }
        let mut level = Recent::default();
        largest
            .into_iter()
            .filter(|amplitude| *amplitude > 0.0)
            .for_each(|amplitude| level.push(amplitude));
        let level = level.median().unwrap_or(FLOOR_MV).max(FLOOR_MV);
        let mut small: Vec<f64> = stash
            .iter()
            .map(|candidate| candidate.amplitude)
            .filter(|a| *a < INITIAL_NOISE * level)
            .collect();
        small.sort_by(f64::total_cmp);
        self.signal = Recent::filled(level);
        self.noise = Recent::filled(small.get(small.len() / 2).copied().unwrap_or(0.0));
        self.quiet_since = first.at;
        self.look_back_at = first.at + self.overdue();
        for candidate in stash {
            while self.look_back_at < candidate.at {
                self.look_back(beat);
            }
            self.judge(candidate, beat);
        }
    }

    fn signal_level(&self) -> f64 {
        self.signal.median().unwrap_or(FLOOR_MV).max(FLOOR_MV)
    }

    fn threshold(&self) -> f64 {
        let noise = self.noise.median().unwrap_or(0.0);
        (noise + THRESHOLD * (self.signal_level() - noise)).max(FLOOR_MV)
    }

    /// After how many samples without a beat one is overdue.
    fn overdue(&self) -> u64 {
        let interval = self.intervals.median().unwrap_or(self.sampling_frequency_hz);
        (OVERDUE * interval).round() as u64
    }

    fn judge(&mut self, candidate: Candidate, beat: &mut impl FnMut(u64)) {
        let stands_out = candidate.amplitude > self.threshold();
        let Some(last) = self.last else {
            return if stands_out {
                self.accept(candidate, beat)
            } else {
                self.reject(candidate)
            };
        };
        let since_last = candidate.at.saturating_sub(last.at);
        if since_last < self.refractory {
            if stands_out && candidate.amplitude > last.amplitude && !self.last_given {
                self.last = Some(candidate);
                self.signal
                    .replace_latest(candidate.amplitude.min(LEVEL_GROWTH * self.signal_level()));
                self.look_back_at = candidate.at + self.overdue();
            }
            return;
        }
        let t_wave = since_last < self.t_wave && candidate.slope < T_WAVE_SLOPE * last.slope;
        if stands_out && !t_wave {
            self.accept(candidate, beat)
        } else {
            self.reject(candidate)
        }
    }

    fn accept(&mut self, candidate: Candidate, beat: &mut impl FnMut(u64)) {
        let level = self.signal_level();
        self.signal.push(candidate.amplitude.min(LEVEL_GROWTH * level));
        self.make_last(candidate, beat);
        self.rejected.clear();
    }

    fn reject(&mut self, candidate: Candidate) {
        self.noise.push(candidate.amplitude);
        self.rejected.push_back(candidate);
    }

    fn make_last(&mut self, candidate: Candidate, beat: &mut impl FnMut(u64)) {
        self.give_last(beat);
        if let Some(last) = self.last {
            let interval = candidate.at.saturating_sub(last.at) as f64;
            if interval < LONGEST_INTERVAL_S * self.sampling_frequency_hz {
                self.intervals.push(interval);
            }
        }
        self.last = Some(candidate);
        self.last_given = false;
        self.quiet_since = candidate.at;
        self.look_back_at = candidate.at + self.overdue();
    }

    fn give_last(&mut self, beat: &mut impl FnMut(u64)) {
        if let Some(last) = self.last
            && !self.last_given
        {
            beat(last.r_sample);
            self.last_given = true;
        }
    }

    /// A beat is overdue: the strongest rejected candidate is one if it reaches half the threshold.
    fn look_back(&mut self, beat: &mut impl FnMut(u64)) {
        let enough = (LOOK_BACK_THRESHOLD * self.threshold()).max(FLOOR_MV);
        let from = self.last.map_or(0, |last| last.at + self.t_wave);
        let mut best: Option<(usize, Candidate)> = None;
        for (place, candidate) in self.rejected.iter().enumerate() {
            let strongest = best.is_none_or(|(_, best)| candidate.amplitude > best.amplitude);
            if candidate.at >= from && candidate.amplitude > enough && strongest {
                best = Some((place, *candidate));
            }
        }
        if let Some((place, found)) = best {
            let level = self.signal_level();
            self.signal.push(found.amplitude.max(LOOK_BACK_THRESHOLD * level));
            self.make_last(found, beat);
            self.rejected.drain(..=place);
            return;
        }
        let now = self.look_back_at;
        self.look_back_at = now + self.samples(LOOK_BACK_AGAIN_S).max(1);
        if now > self.quiet_since + self.samples(LEARN_AGAIN_S) {
            self.give_last(beat);
            self.rejected.clear();
            self.look_back_at = u64::MAX;
            self.learning = Some(Vec::new());
            return;
        }
        if now > self.quiet_since + self.samples(PATIENCE_S) {
            self.signal.scale(LEVEL_DECAY);
        }
        let reach = self.samples(LOOK_BACK_REACH_S);
        self.rejected.retain(|candidate| candidate.at + reach > now);
    }
}

/// The last few values of something, oldest first.
#[derive(Debug, Clone, Default)]
struct Recent {
    values: VecDeque<f64>,
}

impl Recent {
    fn filled(value: f64) -> Self {
        Self {
            values: VecDeque::from([value; REMEMBERED]),
        }
    }

    fn push(&mut self, value: f64) {
        if self.values.len() == REMEMBERED {
            self.values.pop_front();
        }
        self.values.push_back(value);
    }

    fn replace_latest(&mut self, value: f64) {
        if let Some(latest) = self.values.back_mut() {
            *latest = value;
        }
    }

    fn scale(&mut self, factor: f64) {
        self.values.iter_mut().for_each(|value| *value *= factor);
    }

    /// The upper median; `None` without values.
    fn median(&self) -> Option<f64> {
        let mut sorted = [0.0; REMEMBERED];
        let sorted = sorted.get_mut(..self.values.len())?;
        sorted
            .iter_mut()
            .zip(&self.values)
            .for_each(|(place, value)| *place = *value);
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied()
    }
}
