//! Step 3c, numbers 15 to 17: the type of each beat.
//!
//! Beats of one shape form a group, whose mean shape is kept for minutes. The most frequent group that does not come early is
//! the basic rhythm. A beat that is unlike the basic rhythm, and early or wide, is ventricular. See
//! [`type_settings`](crate::type_settings) for the sources.

use std::collections::VecDeque;

use crate::beat_shape::{MeanShape, Shape, UNSHIFTED};
use crate::median::median;
use crate::type_settings::TYPES;
use crate::types::{Beat, BeatType};

/// Groups of beats, at most.
const GROUPS: usize = 8;

/// Gives the beats of one lead their types. A beat waits for those of the next four seconds, the first ones for ten.
#[derive(Default)]
pub(crate) struct TypeFinder {
    groups: [Group; GROUPS],
    /// The beats that wait, in order; with those that have a QRS complex their places in `taken` are.
    waiting: VecDeque<Beat>,
    /// The latest beats with a QRS complex.
    taken: VecDeque<Taken>,
    /// How many of them are decided.
    decided: usize,
    /// Beats with a QRS complex so far.
    number: u64,
    /// Time of the first of them, in s.
    first_s: f64,
    /// Whether the latest beat of all has a QRS complex.
    latest_has_qrs: bool,
    /// The type of the latest beat that was given.
    given: Option<BeatType>,
}

/// A beat with a QRS complex.
struct Taken {
    time_s: f64,
    /// The interval before it in s; NaN where it is unknown.
    rr_s: f64,
    qrs_ms: f64,
    has_p: bool,
    /// Whether it has a pacing spike.
    has_spike: bool,
    shape: Box<Shape>,
    /// Its group...
    group: usize,
    /// ...and the number of the beat with which that began, which tells whether it was replaced since.
    began: u64,
    /// How alike it was to its group, or to the nearest one if it began one.
    alike: f64,
    beat_type: BeatType,
}

/// Beats of one shape. All numbers from `weight` on fall to 1/e in [`TYPES`]`.forget_s`.
#[derive(Default)]
struct Group {
    /// `None` before its first beat.
    mean: Option<MeanShape>,
    beats: u64,
    began: u64,
    /// Widths of its latest beats, in ms.
    widths_ms: VecDeque<f64>,
    /// Their median.
    width_ms: f64,
    /// Its beats.
    weight: f64,
    /// Those with a P wave.
    p: f64,
    /// Those with a pacing spike.
    spikes: f64,
    /// Those of which it is known whether they come early.
    timed: f64,
    /// Those that do.
    early: f64,
    /// Early ones whose pause is known.
    paused: f64,
    /// Those after which the sinus node started anew.
    reset: f64,
}

impl Group {
    fn is_early(&self) -> bool {
        self.early >= 0.5 * self.timed.max(f64::MIN_POSITIVE)
    }

    fn has_p(&self) -> bool {
        self.p >= TYPES.p_share * self.weight
    }

    fn is_paced(&self) -> bool {
        self.beats >= TYPES.known_beats && self.spikes >= TYPES.spike_share * self.weight
    }

    fn resets(&self) -> bool {
        self.reset > 0.5 * self.paused
    }

    fn forget(&mut self, share: f64) {
        for sum in [
            &mut self.weight,
            &mut self.p,
            &mut self.spikes,
            &mut self.timed,
            &mut self.early,
            &mut self.paused,
            &mut self.reset,
        ] {
            *sum *= share;
        }
    }
}

/// The groups of the basic rhythm.
struct Basic {
    is_basic: [bool; GROUPS],
    /// The main one.
    main: usize,
    /// Its width in ms.
    width_ms: f64,
}

impl Basic {
    fn is_wide(&self, width_ms: f64) -> bool {
        is_wide(width_ms, self.width_ms)
    }
}

fn is_wide(width_ms: f64, basic_width_ms: f64) -> bool {
    (width_ms >= TYPES.wide_ms && width_ms > TYPES.wide * basic_width_ms)
        || (width_ms >= TYPES.narrow_ms && width_ms > TYPES.much_wider * basic_width_ms)
}

/// What the intervals around a beat say.
struct Rhythm {
    /// The usual interval in s; NaN if none is known.
    usual_s: f64,
    /// Whether it is that of the basic rhythm.
    is_of_basic: bool,
    is_irregular: bool,
}

/// When a beat comes.
struct Timing {
    rhythm: Rhythm,
    is_early: bool,
    /// Whether the intervals around it are those after which the sinus node started anew.
    resets: bool,
}

impl TypeFinder {
    /// Takes the next beat; if it has a QRS complex its shape, and whether it has a pacing spike.
    pub(crate) fn push(&mut self, beat: Beat, shape: Option<Shape>, has_spike: bool) {
        self.waiting.push_back(beat);
        let (Some(qrs_ms), Some(shape)) = (beat.measured.qrs_ms, shape) else {
            self.latest_has_qrs = false;
            return;
        };
        let rr_s = beat
            .rr_ms
            .filter(|_| self.latest_has_qrs)
            .map_or(f64::NAN, |rr_ms| rr_ms / 1000.0);
        self.latest_has_qrs = true;
        if self.number == 0 {
            self.first_s = beat.time_s;
        }
        self.decide_until(beat.time_s);
        self.taken.push_back(Taken {
            time_s: beat.time_s,
            rr_s,
            qrs_ms,
            has_p: beat.waves.p.is_some(),
            has_spike,
            shape: Box::new(shape),
            group: 0,
            began: 0,
            alike: 0.0,
            beat_type: BeatType::Normal,
        });
        self.look_back_at_time();
        self.join();
        self.number += 1;
    }

    /// Gives the beats whose type is certain: no further beat is before `known_until_s`.
    pub(crate) fn advance(&mut self, known_until_s: f64, found: &mut impl FnMut(Beat)) {
        self.decide_until(known_until_s);
        self.give(found);
    }

    /// Ends the lead, and gives the beats that are left.
    pub(crate) fn finish(&mut self, found: &mut impl FnMut(Beat)) {
        self.decide_until(f64::INFINITY);
        self.give(found);
    }

    /// All beats before this sample were given, if all before `taken_until` were taken.
    pub(crate) fn known_until(&self, taken_until: u64) -> u64 {
        let waiting = self.waiting.front().map(|beat| beat.sample);
        waiting.map_or(taken_until, |sample| sample.min(taken_until))
    }

    /// Gives the beats that wait for nothing.
    fn give(&mut self, found: &mut impl FnMut(Beat)) {
        let undecided = self.taken.get(self.decided);
        let undecided_s = undecided.map_or(f64::INFINITY, |taken| taken.time_s);
        let waiting = self
            .waiting
            .iter()
            .take_while(|beat| beat.time_s < undecided_s)
            .count();
        let with_qrs = self
            .waiting
            .iter()
            .take(waiting)
            .filter(|beat| beat.measured.qrs_ms.is_some());
        let mut place = self.decided - with_qrs.count();
        for beat in self.waiting.drain(..waiting) {
            let mut beat_type = BeatType::Unclassified;
            if beat.measured.qrs_ms.is_some() {
                beat_type = self.taken[place].beat_type;
                place += 1;
            }
            let is_nn = beat_type == BeatType::Normal && self.given == Some(BeatType::Normal);
            self.given = Some(beat_type);
            found(Beat {
                beat_type,
                nn_ms: beat.rr_ms.filter(|_| is_nn),
                ..beat
            });
        }
        while self.decided > TYPES.usual_beats + 1 {
            self.taken.pop_front();
            self.decided -= 1;
        }
    }

    // 15. Groups.

    /// Before the latest beat joins a group: whether the one before it was early is known now.
    fn look_back_at_time(&mut self) {
        let Some(before) = self.taken.len().checked_sub(2) else {
            return;
        };
        let (latest, last) = (&self.taken[before + 1], &self.taken[before]);
        let share = libm::exp(-(latest.time_s - last.time_s) / TYPES.forget_s);
        self.groups.iter_mut().for_each(|group| group.forget(share));
        let usual_s = self.usual_before_latest();
        let group = &mut self.groups[last.group];
        if group.began == last.began && !last.rr_s.is_nan() && latest.rr_s <= TYPES.ahead_s {
            group.timed += 1.0;
            if last.rr_s < TYPES.early * latest.rr_s.max(usual_s) {
                group.early += 1.0;
            }
        }
    }

    /// The median interval in s of the latest beat and of those before it; NaN if none is known.
    fn usual_before_latest(&self) -> f64 {
        let latest = self.taken.len() - 1;
        let near = self.near(latest);
        let mut known = Vec::with_capacity(near.len());
        known.extend(near.map(|n| self.taken[n].rr_s).filter(|rr_s| !rr_s.is_nan()));
        median(&mut known).unwrap_or(f64::NAN)
    }

    /// The places of a beat, of those before it, at most so many and so long before, and of all after it.
    fn near(&self, place: usize) -> std::ops::Range<usize> {
        let from_s = self.taken[place].time_s - TYPES.usual_within_s;
        let first = (place.saturating_sub(TYPES.usual_beats)..place)
            .find(|n| self.taken[*n].time_s >= from_s)
            .unwrap_or(place);
        first..self.taken.len()
    }

    /// The latest beat joins its group, or begins one in the place of the lightest.
    fn join(&mut self) {
        let Some(beat) = self.taken.back_mut() else { return };
        let mut most_alike: Option<(usize, f64, usize)> = None;
        for (number, group) in self.groups.iter().enumerate() {
            let Some(mean) = &group.mean else { continue };
            let (alike, shift) = mean.alike(&beat.shape);
            if most_alike.is_none_or(|(_, most, _)| alike > most + TYPES.nearly) {
                most_alike = Some((number, alike, shift));
            }
        }
        beat.alike = most_alike.map_or(0.0, |(_, alike, _)| alike);
        let joined = most_alike.filter(|(_, alike, _)| *alike >= TYPES.alike - TYPES.nearly);
        beat.group = match joined {
            Some((number, _, shift)) => {
                let group = &mut self.groups[number];
                group.beats += 1;
                let share = 1.0 / group.beats.min(TYPES.learn_beats as u64) as f64;
                if let Some(mean) = &mut group.mean {
                    mean.approach(&beat.shape.values(shift), share);
                }
                number
            }
            None => {
                let weight = |group: &Group| if group.mean.is_some() { group.weight } else { -1.0 };
                let lightest = (1..GROUPS).fold(0, |lightest, number| {
                    let is_lighter = weight(&self.groups[number]) < weight(&self.groups[lightest]);
                    if is_lighter { number } else { lightest }
                });
                self.groups[lightest] = Group {
                    mean: Some(MeanShape::of(beat.shape.values(UNSHIFTED))),
                    beats: 1,
                    began: self.number,
                    ..Group::default()
                };
                lightest
            }
        };
        let group = &mut self.groups[beat.group];
        beat.began = group.began;
        group.widths_ms.push_back(beat.qrs_ms);
        if group.widths_ms.len() > TYPES.learn_beats {
            group.widths_ms.pop_front();
        }
        let mut widths_ms: Vec<f64> = group.widths_ms.iter().copied().collect();
        group.width_ms = median(&mut widths_ms).unwrap_or(f64::NAN);
        group.weight += 1.0;
        group.p += f64::from(u8::from(beat.has_p));
        group.spikes += f64::from(u8::from(beat.has_spike));
    }

    fn basic(&self) -> Basic {
        let groups = &self.groups;
        let total: f64 = groups.iter().map(|group| group.weight).sum();
        let frequent =
            |group: &Group| group.beats >= TYPES.known_beats && group.weight >= TYPES.basic_share * total;
        let mut chosen = groups
            .each_ref()
            .map(|group| frequent(group) && !group.is_early());
        if !chosen.contains(&true) {
            chosen = groups.each_ref().map(frequent);
        }
        if !chosen.contains(&true) {
            chosen = groups.each_ref().map(|group| group.mean.is_some());
        }
        let mut main = 0;
        let mut heaviest = f64::NEG_INFINITY;
        for (number, group) in groups.iter().enumerate() {
            if chosen[number] && group.weight > heaviest {
                (main, heaviest) = (number, group.weight);
            }
        }
        let width_ms = groups[main].width_ms;
        for (number, group) in groups.iter().enumerate() {
            chosen[number] &= number == main || !is_wide(group.width_ms, width_ms) || group.has_p();
        }
        Basic {
            is_basic: chosen,
            main,
            width_ms,
        }
    }

    // 16. Time.

    /// Decides the beats that are more than four seconds before this time, which no beat that was not taken is before. Not in
    /// the first ten seconds.
    fn decide_until(&mut self, time_s: f64) {
        while let Some(next) = self.taken.get(self.decided)
            && time_s - next.time_s > TYPES.ahead_s
            && time_s - self.first_s > TYPES.learn_s
        {
            self.decide(self.decided);
            self.decided += 1;
        }
    }

    /// Whether the group of a beat is still the one that it joined.
    fn group_of(&self, beat: &Taken) -> Option<&Group> {
        Some(&self.groups[beat.group]).filter(|group| group.began == beat.began)
    }

    fn rhythm(&self, near: &std::ops::Range<usize>, basic: &Basic) -> Rhythm {
        let is_basic = |beat: &Taken| basic.is_basic[beat.group] && self.group_of(beat).is_some();
        let [mut of_basic, mut known, mut changes] = [(); 3].map(|()| Vec::<f64>::with_capacity(near.len()));
        let mut before: Option<(bool, Option<f64>)> = None;
        for beat in self.taken.range(near.clone()) {
            let is_basic = is_basic(beat);
            let both = is_basic && before.is_some_and(|(was_basic, _)| was_basic) && !beat.rr_s.is_nan();
            if !beat.rr_s.is_nan() {
                known.push(beat.rr_s);
            }
            if both {
                of_basic.push(beat.rr_s);
                if let Some((_, Some(rr_s))) = before {
                    changes.push((beat.rr_s - rr_s).abs());
                }
            }
            before = Some((is_basic, both.then_some(beat.rr_s)));
        }
        let is_of_basic = of_basic.len() >= 3;
        // In bigeminy one interval is short and the next one long.
        let mut of_two: Vec<f64> = known.windows(2).map(|two| (two[1] + two[0]) / 2.0).collect();
        let values = match (is_of_basic, known.len() > 1) {
            (true, _) => &mut of_basic,
            (false, true) => &mut of_two,
            (false, false) => &mut known,
        };
        let usual_s = median(values).unwrap_or(f64::NAN);
        let is_irregular = changes.len() >= 3
            && median(&mut changes).is_some_and(|change| change > TYPES.irregular * usual_s);
        Rhythm {
            usual_s,
            is_of_basic,
            is_irregular,
        }
    }

    /// Decides the type of a beat.
    fn decide(&mut self, place: usize) {
        let near = self.near(place);
        let basic = self.basic();
        let rhythm = self.rhythm(&near, &basic);
        let beat = &self.taken[place];
        let early_s = TYPES.early * rhythm.usual_s;
        let is_early = beat.rr_s < early_s;
        let after_s = self.taken.get(place + 1).map_or(f64::NAN, |next| next.rr_s);

        // Whether the sinus node starts anew after it.
        let there = self.group_of(beat).is_some();
        let is_paused = is_early && after_s >= early_s && rhythm.is_of_basic && !rhythm.is_irregular;
        let share = (beat.rr_s + after_s) / (2.0 * rhythm.usual_s);
        let resets = is_paused && TYPES.between < share && share < TYPES.reset;
        if there && is_paused {
            let group = &mut self.groups[beat.group];
            group.paused += 1.0;
            group.reset += f64::from(u8::from(resets));
        }

        // 17. Type.
        let timing = Timing {
            rhythm,
            is_early,
            resets,
        };
        let beat = &self.taken[place];
        let before = place.checked_sub(1).and_then(|before| self.taken.get(before));
        let follows_early = before.is_some_and(|before| before.beat_type == BeatType::Supraventricular);
        let faster = !before.is_some_and(|before| beat.rr_s >= TYPES.early * before.rr_s);
        let beat_type = if self.is_paced(beat) {
            BeatType::Paced
        } else if self.is_ventricular(place, &timing, &basic, near) {
            BeatType::Ventricular
        } else if is_early && !timing.rhythm.is_irregular && (follows_early || faster) {
            BeatType::Supraventricular
        } else {
            BeatType::Normal
        };
        self.taken[place].beat_type = beat_type;
    }

    /// The group of a beat if its properties count.
    fn known_group_of(&self, beat: &Taken) -> Option<&Group> {
        self.group_of(beat)
            .filter(|group| group.beats >= TYPES.known_beats)
    }

    /// Whether a beat is paced: its group says so, or else its own spike, where other beats are paced.
    fn is_paced(&self, beat: &Taken) -> bool {
        match self.known_group_of(beat) {
            Some(group) => group.is_paced(),
            None => beat.has_spike && self.groups.iter().any(Group::is_paced),
        }
    }

    /// Whether a beat is ventricular. How alike it is to the basic rhythm is asked last: that takes longest.
    fn is_ventricular(
        &self,
        place: usize,
        timing: &Timing,
        basic: &Basic,
        near: std::ops::Range<usize>,
    ) -> bool {
        let beat = &self.taken[place];
        let group = self.group_of(beat);
        let known = self.known_group_of(beat);
        let is_irregular = timing.rhythm.is_irregular;
        if group.is_some() && basic.is_basic[beat.group] {
            return beat.group == basic.main
                && !is_irregular
                && known.is_some_and(|main| {
                    main.width_ms >= TYPES.ventricular_ms && main.p < TYPES.ventricular_p_share * main.weight
                });
        }
        if !beat.shape.is_inside {
            return false;
        }
        let with_pauses = group.filter(|group| group.paused >= TYPES.reset_beats);
        if with_pauses.is_some_and(Group::resets) {
            return false;
        }
        let is_early = timing.is_early || known.is_some_and(Group::is_early);
        let width_ms = known.map_or(beat.qrs_ms, |group| group.width_ms);
        let is_wide = basic.is_wide(width_ms);
        let has_p = known.map_or(beat.has_p, Group::has_p);
        let may_be_on_time = !has_p && (is_wide || (beat.shape.is_whole && !is_irregular));
        if !is_early && !may_be_on_time {
            return false;
        }
        let unlike = self.unlike(beat, basic);
        if with_pauses.is_none() && timing.resets && unlike < TYPES.unlike_clearly {
            return false;
        }
        let noise = if known.is_some() {
            0.0
        } else {
            TYPES.noise * self.noise(place, near)
        };
        let unlike_from = if is_irregular || width_ms < TYPES.narrow_ms {
            TYPES.unlike_clearly
        } else {
            TYPES.unlike
        };
        let limit = unlike_from.max(noise).min(1.0);
        if is_early {
            unlike > limit || (is_wide && unlike > TYPES.unlike_wide.max(noise))
        } else if is_wide {
            unlike > limit.max(TYPES.unlike_on_time)
        } else {
            unlike > limit.max(TYPES.unlike_narrow_on_time)
        }
    }

    /// How unlike a beat is to the basic rhythm: 1 less the largest likeness.
    fn unlike(&self, beat: &Taken, basic: &Basic) -> f64 {
        let groups = self.groups.iter().zip(basic.is_basic);
        let means = groups.filter_map(|(group, is_basic)| group.mean.as_ref().filter(|_| is_basic));
        let alike = means
            .map(|mean| mean.alike(&beat.shape).0)
            .fold(f64::NEG_INFINITY, f64::max);
        1.0 - alike
    }

    /// What noise can make a beat unlike: the median unlikeness of the beats around to their groups, less if it is larger than
    /// these: times the ratio of the energies. 0 without any.
    fn noise(&self, place: usize, near: std::ops::Range<usize>) -> f64 {
        let beat = &self.taken[place];
        let others: Vec<&Taken> = near
            .filter(|other| *other != place)
            .map(|other| &self.taken[other])
            .filter(|other| (other.time_s - beat.time_s).abs() <= TYPES.noise_within_s)
            .collect();
        let median_of = |of: fn(&Taken) -> f64| {
            let mut values: Vec<f64> = others.iter().map(|other| of(other)).collect();
            median(&mut values).unwrap_or(0.0)
        };
        let energy = beat.shape.energy().max(f64::MIN_POSITIVE);
        let smaller = (median_of(|other| other.shape.energy()) / energy).min(1.0);
        smaller * median_of(|other| 1.0 - other.alike)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::beat_shape::testing::{bell, shape_of};
    use crate::measure_beats::Measurements;
    use crate::waves::{Wave, Waves};

    /// What a beat of a test is: the interval before it in ms, its QRS duration in ms, whether it points down, whether it has a P
    /// wave, and a pacing spike.
    #[derive(Clone, Copy)]
    struct Made {
        rr_ms: f64,
        qrs_ms: f64,
        is_down: bool,
        has_p: bool,
        has_spike: bool,
    }

    const NORMAL: Made = Made {
        rr_ms: 800.0,
        qrs_ms: 90.0,
        is_down: false,
        has_p: true,
        has_spike: false,
    };
    /// Early, wide, of another shape.
    const ECTOPIC: Made = Made {
        rr_ms: 500.0,
        qrs_ms: 150.0,
        is_down: true,
        has_p: false,
        has_spike: false,
    };

    fn found(beats: &[Option<Made>]) -> Vec<Beat> {
        let mut finder = TypeFinder::default();
        let mut found = Vec::new();
        let mut time_s = 0.0;
        let mut sample = 0;
        for (number, made) in beats.iter().enumerate() {
            let beat_made = made.unwrap_or(NORMAL);
            time_s += beat_made.rr_ms / 1000.0;
            sample += beat_made.rr_ms as u64;
            let p = Wave {
                onset: 0,
                peak: 0,
                end: 0,
            };
            let beat = Beat {
                sample,
                time_s,
                rr_ms: (number > 0).then_some(beat_made.rr_ms),
                waves: Waves {
                    p: beat_made.has_p.then_some(p),
                    ..Waves::default()
                },
                measured: Measurements {
                    qrs_ms: made.map(|made| made.qrs_ms),
                    ..Measurements::default()
                },
                ..Beat::default()
            };
            let half_s = beat_made.qrs_ms / 4000.0;
            let height = if beat_made.is_down { -1.2 } else { 1.0 };
            let shape =
                made.map(|_| shape_of(|s| bell(s, height, half_s) + bell(s - 0.25, -0.3 * height, 0.06)));
            finder.push(beat, shape, beat_made.has_spike);
            finder.advance(time_s, &mut |beat| found.push(beat));
            let first = found.len();
            let waits = first <= number;
            assert_eq!(
                finder.known_until(sample + 1),
                if waits {
                    found_sample(beats, first)
                } else {
                    sample + 1
                }
            );
        }
        finder.finish(&mut |beat| found.push(beat));
        found
    }

    fn found_sample(beats: &[Option<Made>], place: usize) -> u64 {
        beats[..=place]
            .iter()
            .map(|made| made.unwrap_or(NORMAL).rr_ms as u64)
            .sum()
    }

    fn types(beats: &[Option<Made>]) -> String {
        found(beats).iter().map(|beat| beat.beat_type.name()).collect()
    }

    /// So many normal beats, some of them replaced.
    fn normal_but(beats: usize, others: &[(usize, Option<Made>)]) -> Vec<Option<Made>> {
        let mut made = vec![Some(NORMAL); beats];
        others.iter().for_each(|(place, other)| made[*place] = *other);
        made
    }

    #[test]
    fn an_early_wide_beat_of_another_shape_is_ventricular() {
        let pause = Made {
            rr_ms: 1100.0,
            ..NORMAL
        };
        let beats = normal_but(12, &[(7, Some(ECTOPIC)), (8, Some(pause))]);
        assert_eq!(types(&beats), "NNNNNNNVNNNN");
    }

    #[test]
    fn an_early_beat_of_the_usual_shape_is_supraventricular() {
        let early = Made {
            rr_ms: 550.0,
            ..NORMAL
        };
        assert_eq!(types(&normal_but(12, &[(7, Some(early))])), "NNNNNNNSNNNN");
    }

    #[test]
    fn on_time_a_beat_of_another_shape_is_ventricular_without_a_p_wave() {
        let down = Made {
            is_down: true,
            ..NORMAL
        };
        assert_eq!(types(&normal_but(12, &[(7, Some(down))])), "N".repeat(12));
        let without_p = Made { has_p: false, ..down };
        assert_eq!(types(&normal_but(12, &[(7, Some(without_p))])), "NNNNNNNVNNNN");
        // Wide: an escape of the ventricles.
        let escape = Made {
            rr_ms: 800.0,
            ..ECTOPIC
        };
        assert_eq!(types(&normal_but(12, &[(7, Some(escape))])), "NNNNNNNVNNNN");
    }

    #[test]
    fn a_very_wide_regular_rhythm_without_p_waves_is_ventricular() {
        let slow = Made {
            qrs_ms: 220.0,
            has_p: false,
            ..NORMAL
        };
        assert_eq!(types(&[Some(slow); 12]), "V".repeat(12));
        assert_eq!(types(&[Some(Made { has_p: true, ..slow }); 12]), "N".repeat(12));
        let varying: Vec<Option<Made>> = (0..12)
            .map(|n| {
                Some(Made {
                    rr_ms: if n % 2 == 0 { 700.0 } else { 900.0 },
                    ..slow
                })
            })
            .collect();
        assert_eq!(types(&varying), "N".repeat(12), "irregular: atrial fibrillation");
    }

    #[test]
    fn beats_with_a_spike_are_paced_where_their_group_is() {
        let paced = Made {
            has_spike: true,
            ..ECTOPIC
        };
        // In a group most beats count; alone a beat needs other paced ones.
        let mut beats = [Some(paced); 12];
        beats[5] = Some(ECTOPIC);
        assert_eq!(types(&beats), "P".repeat(12));
        let fusion = Made {
            has_spike: true,
            ..NORMAL
        };
        beats[8] = Some(fusion);
        assert_eq!(types(&beats), "P".repeat(12));
        assert_eq!(types(&normal_but(12, &[(7, Some(fusion))])), "N".repeat(12));
    }

    #[test]
    fn wide_beats_that_are_usual_are_normal() {
        // A bundle branch block.
        let wide = Made {
            qrs_ms: 150.0,
            ..NORMAL
        };
        assert_eq!(types(&[Some(wide); 20]), "N".repeat(20));
    }

    #[test]
    fn a_beat_without_a_qrs_complex_is_unclassified_and_no_interval_of_it_is_normal() {
        let pause = Made {
            rr_ms: 1100.0,
            ..NORMAL
        };
        let beats = normal_but(14, &[(4, None), (9, Some(ECTOPIC)), (10, Some(pause))]);
        assert_eq!(types(&beats), "NNNNQNNNNVNNNN");
        let nn: Vec<bool> = found(&beats).iter().map(|beat| beat.nn_ms.is_some()).collect();
        let without: Vec<usize> = (0..14).filter(|place| !nn[*place]).collect();
        assert_eq!(without, [0, 4, 5, 9, 10]);
    }

    #[test]
    fn bigeminy_is_not_the_basic_rhythm() {
        let pause = Made {
            rr_ms: 1100.0,
            ..NORMAL
        };
        let beats: Vec<Option<Made>> = (0..20)
            .map(|n| Some(if n % 2 == 1 { ECTOPIC } else { pause }))
            .collect();
        assert_eq!(types(&beats), "NV".repeat(10));
    }

    #[test]
    fn a_type_waits_for_four_seconds_and_the_first_ten() {
        let mut finder = TypeFinder::default();
        let mut given = 0;
        for n in 0..40u32 {
            let beat = Beat {
                time_s: f64::from(n),
                rr_ms: Some(1000.0),
                measured: Measurements {
                    qrs_ms: Some(90.0),
                    ..Measurements::default()
                },
                ..Beat::default()
            };
            finder.push(beat, Some(shape_of(|s| bell(s, 1.0, 0.02))), false);
            finder.advance(f64::from(n) + 0.5, &mut |_| given += 1);
            // At 10.5 s those up to 6 s; little is held.
            assert_eq!(given, if n < 10 { 0 } else { n - 3 });
            assert!(finder.taken.len() <= 16 + 1 + 11, "{}", finder.taken.len());
        }
    }
}
