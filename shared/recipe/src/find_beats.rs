//! Step 3, numbers 4 to 6: which candidates are beats.
//!
//! A candidate is a beat if it exceeds a threshold between the levels of the last beats and of the last noise. The
//! rules are those of Pan and Tompkins (1985) as restated by Hamilton (2002): see
//! [`detector_settings`](crate::detector_settings).

use std::collections::VecDeque;

use crate::adaptive_levels::{AdaptiveLevels, LastValues};
use crate::detector_settings::DETECTOR;
use crate::qrs_candidates::QrsCandidates;
use crate::types::Candidate;
use crate::unclear_candidates::UnclearCandidates;

/// Finds the beats of one lead. Its memory is bounded: about two seconds of signal, and candidates of at most
/// eight seconds.
#[derive(Debug, Clone)]
pub(crate) struct BeatFinder {
    candidates: QrsCandidates,
    unclear: UnclearCandidates,
    classifier: BeatClassifier,
    /// Samples of the lead so far.
    samples: u64,
}

impl BeatFinder {
    pub(crate) fn new(sampling_frequency_hz: f64) -> Self {
        Self {
            candidates: QrsCandidates::new(sampling_frequency_hz),
            unclear: UnclearCandidates::new(sampling_frequency_hz),
            classifier: BeatClassifier::new(sampling_frequency_hz),
            samples: 0,
        }
    }

    /// Takes the next samples. Then ask for the [`next_beat`](Self::next_beat).
    pub(crate) fn push(&mut self, mv: &[f32]) {
        self.samples += mv.len() as u64;
        let (unclear, classifier) = (&mut self.unclear, &mut self.classifier);
        let mut classify = |candidate| classifier.push(candidate);
        self.candidates
            .push(mv, &mut |candidate| unclear.push(candidate, &mut classify));
        unclear.advance_to(self.candidates.searched_until(), &mut classify);
        classifier.advance_to(unclear.known_until());
    }

    /// Ends the lead. Then ask for the remaining beats.
    pub(crate) fn finish(&mut self) {
        let (unclear, classifier) = (&mut self.unclear, &mut self.classifier);
        let mut classify = |candidate| classifier.push(candidate);
        self.candidates
            .finish(&mut |candidate| unclear.push(candidate, &mut classify));
        unclear.finish(&mut classify);
        classifier.finish(self.samples);
    }

    /// The candidate that is the next beat, if it is certain by now.
    pub(crate) fn next_beat(&mut self) -> Option<Candidate> {
        self.classifier.certain.pop_front()
    }

    /// The next beat of the second detector, a sample, if it is certain by now.
    pub(crate) fn next_beat_of_second(&mut self) -> Option<u64> {
        self.candidates.second_detector()?.next_beat()
    }

    /// No further beat of the second detector will be before this sample.
    pub(crate) fn second_known_until(&mut self) -> u64 {
        let second_detector = self.candidates.second_detector();
        second_detector.map_or(0, |second| second.known_until())
    }

    /// No further R peak will be before this sample.
    pub(crate) fn known_until(&self) -> u64 {
        self.classifier.known_until()
    }

    /// No further candidate that is a beat will be before this sample.
    pub(crate) fn candidates_known_until(&self) -> u64 {
        let known_until = self.classifier.known_until();
        known_until.saturating_sub(self.classifier.r_peak_within)
    }
}

/// Decides which candidates are beats, in the order of time.
#[derive(Debug, Clone)]
struct BeatClassifier {
    sampling_frequency_hz: f64,
    r_peak_within: u64,
    refractory: u64,
    t_wave: u64,
    /// The candidates from which the levels are being learned; `None` once they are.
    learning: Option<Vec<Candidate>>,
    levels: AdaptiveLevels,
    intervals: LastValues,
    /// The latest beat. Until it is certain a larger candidate may replace it.
    last: Option<Candidate>,
    last_is_certain: bool,
    /// Candidates since the latest beat that are no beats; a look back may still take one.
    rejected: VecDeque<Candidate>,
    /// The latest beat, or the start of learning if that was later.
    no_beat_since: u64,
    /// When to look back next.
    look_back_at: u64,
    /// All candidates before this sample have been pushed.
    now: u64,
    /// Beats that are certain and were not taken yet.
    certain: VecDeque<Candidate>,
}

impl BeatClassifier {
    fn new(sampling_frequency_hz: f64) -> Self {
        Self {
            sampling_frequency_hz,
            r_peak_within: QrsCandidates::r_peak_within(sampling_frequency_hz),
            refractory: (DETECTOR.refractory_s * sampling_frequency_hz).ceil() as u64,
            t_wave: (DETECTOR.t_wave_s * sampling_frequency_hz).round() as u64,
            learning: Some(Vec::new()),
            levels: AdaptiveLevels::default(),
            intervals: LastValues::default(),
            last: None,
            last_is_certain: false,
            rejected: VecDeque::new(),
            no_beat_since: 0,
            look_back_at: u64::MAX,
            now: 0,
            certain: VecDeque::new(),
        }
    }

    /// Decides whether a candidate is a beat. The numbers are those of `docs/recipe.md`, chapter 3.
    fn classify(&mut self, candidate: Candidate) {
        // 4. Adaptive threshold.
        let above_threshold = candidate.amplitude_mv > self.levels.threshold();
        // 5. T wave: soon after a beat, and less steep.
        let is_t_wave = self.last.is_some_and(|last| {
            candidate.at.saturating_sub(last.at) < self.t_wave
                && candidate.slope < DETECTOR.t_wave_slope * last.slope
        });
        // 5. Refractory period: of two nearer candidates the larger one is the beat.
        if let Some(last) = self.last
            && candidate.r_sample < last.r_sample + self.refractory
        {
            let is_larger = above_threshold && !is_t_wave && candidate.amplitude_mv > last.amplitude_mv;
            // R peaks stay in the order of their candidates.
            let is_later = candidate.r_sample >= last.r_sample;
            if is_larger && is_later && !self.last_is_certain {
                self.replace_last(candidate);
            }
            return;
        }
        if above_threshold && !is_t_wave {
            self.accept(candidate);
            return;
        }
        // A T wave is not noise: large ones would raise the threshold above the beats.
        if !is_t_wave {
            self.levels.add_noise(candidate.amplitude_mv);
        }
        self.rejected.push_back(candidate);
    }

    /// 6. Look back, where a beat is overdue: the largest rejected candidate is one if it exceeds half the threshold.
    fn look_back(&mut self) {
        let threshold = self.levels.look_back_threshold();
        let from = self.last.map_or(0, |last| last.at + self.t_wave);
        let mut largest: Option<(usize, Candidate)> = None;
        for (place, candidate) in self.rejected.iter().enumerate() {
            let is_largest = largest.is_none_or(|(_, largest)| candidate.amplitude_mv > largest.amplitude_mv);
            if candidate.at >= from && candidate.amplitude_mv > threshold && is_largest {
                largest = Some((place, *candidate));
            }
        }
        if let Some((place, beat)) = largest {
            self.levels.add_beat_of_look_back(beat.amplitude_mv);
            self.set_last(beat);
            self.rejected.drain(..=place);
        } else {
            self.after_look_back_without_beat();
        }
    }

    /// 6. No beat for a while: look back again soon, then also lower the signal level, then learn the levels again.
    fn after_look_back_without_beat(&mut self) {
        let now = self.look_back_at;
        self.look_back_at = now + self.samples(DETECTOR.look_back_again_s).max(1);
        if now > self.no_beat_since + self.samples(DETECTOR.learn_again_after_s) {
            self.make_last_certain();
            self.rejected.clear();
            self.look_back_at = u64::MAX;
            self.learning = Some(Vec::new());
            return;
        }
        if now > self.no_beat_since + self.samples(DETECTOR.lower_level_after_s) {
            self.levels.lower_signal_level();
        }
        let reach = self.samples(DETECTOR.look_back_reach_s);
        self.rejected.retain(|candidate| candidate.at + reach > now);
    }

    /// Takes a candidate, later than all before.
    fn push(&mut self, candidate: Candidate) {
        self.advance_to(candidate.at);
        match self.learning.as_mut() {
            Some(candidates) => candidates.push(candidate),
            None => self.classify(candidate),
        }
    }

    /// Says that no further candidate is before `now`, and does what is due by then.
    fn advance_to(&mut self, now: u64) {
        self.now = self.now.max(now);
        let learned_at = match self.learning.as_ref().map(|candidates| candidates.first()) {
            Some(Some(first)) => first.at + self.samples(DETECTOR.learning_s as f64),
            Some(None) => return,
            None => 0,
        };
        if now < learned_at {
            return;
        }
        self.end_learning();
        while self.look_back_at < now {
            self.look_back();
        }
        if self
            .last
            .is_some_and(|last| now > last.r_sample + self.refractory + self.r_peak_within)
        {
            self.make_last_certain();
        }
    }

    fn finish(&mut self, end: u64) {
        self.end_learning();
        self.advance_to(end);
        self.make_last_certain();
    }

    fn known_until(&self) -> u64 {
        let undecided = match &self.learning {
            Some(candidates) => candidates.first(),
            None => self.rejected.front(),
        };
        let candidates = undecided
            .map_or(self.now, |first| first.at.min(self.now))
            .saturating_sub(self.r_peak_within);
        match self.last {
            Some(last) if !self.last_is_certain => candidates.min(last.r_sample),
            _ => candidates,
        }
    }

    /// Sets the first levels, and then classifies the candidates from which they were learned.
    fn end_learning(&mut self) {
        let Some(candidates) = self.learning.take() else {
            return;
        };
        let Some(first) = candidates.first() else { return };
        self.levels = AdaptiveLevels::learn(&candidates, self.sampling_frequency_hz);
        self.no_beat_since = first.at;
        self.look_back_at = first.at + self.overdue_after();
        for candidate in candidates {
            while self.look_back_at < candidate.at {
                self.look_back();
            }
            self.classify(candidate);
        }
    }

    fn accept(&mut self, candidate: Candidate) {
        self.levels.add_beat(candidate.amplitude_mv);
        self.set_last(candidate);
        self.rejected.clear();
    }

    /// The latest beat is this candidate instead.
    fn replace_last(&mut self, candidate: Candidate) {
        self.levels.replace_latest_beat(candidate.amplitude_mv);
        self.last = Some(candidate);
        self.look_back_at = candidate.at + self.overdue_after();
    }

    fn set_last(&mut self, beat: Candidate) {
        self.make_last_certain();
        if let Some(last) = self.last {
            let interval = beat.at.saturating_sub(last.at) as f64;
            if interval < DETECTOR.longest_interval_s * self.sampling_frequency_hz {
                self.intervals.push(interval);
            }
        }
        self.last = Some(beat);
        self.last_is_certain = false;
        self.no_beat_since = beat.at;
        self.look_back_at = beat.at + self.overdue_after();
    }

    fn make_last_certain(&mut self) {
        if let Some(last) = self.last
            && !self.last_is_certain
        {
            self.certain.push_back(last);
            self.last_is_certain = true;
        }
    }

    /// After how many samples without a beat one is overdue. Before the first interval it is taken to be 1 s.
    fn overdue_after(&self) -> u64 {
        let interval = self.intervals.median().unwrap_or(self.sampling_frequency_hz);
        (DETECTOR.overdue_intervals * interval).round() as u64
    }

    fn samples(&self, seconds: f64) -> u64 {
        (seconds * self.sampling_frequency_hz).round() as u64
    }
}
