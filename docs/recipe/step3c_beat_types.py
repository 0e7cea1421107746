"""Step 3, numbers 14 to 17: the type of each beat: N normal, S premature but of normal shape (supraventricular), V
ventricular, P paced, Q unclassified (the classes of ANSI/AAMI EC57, which counts paced beats as Q).

Beats of one shape form a group, whose mean shape is kept for minutes. The most frequent group that does not come early is
the basic rhythm. A beat that is unlike the basic rhythm, and early or wide, is ventricular. Groups that are learned while
they are used are those of Lagerholm et al. (2000, IEEE Trans Biomed Eng 47:838); the properties (shape, width, time,
P wave) those of Hamilton (2002, Open Source ECG Analysis) and de Chazal, O'Dwyer and Reilly (2004, IEEE Trans Biomed Eng
51:1196).
"""

import numpy as np

from step3_qrs_candidates import QRS_S, in_samples, moving_mean, odd_length
from step3b_find_waves import QRS_SMOOTHING_S, slope_of, smoothed_twice

# 14. Shape. The middle of its energy is at most so far from the R peak, in s. It moves less from beat to beat than the R
# peak, which may change from one wave of the complex to another.
MIDDLE_WITHIN_S = 0.06
# From so long before the middle to so long after it, in s: the QRS complex and most of the T wave, which points the other
# way in most ventricular beats...
SHAPE_BEFORE_S = 0.12
SHAPE_AFTER_S = 0.32
# ...one value in so many s: a QRS complex has little above 40 Hz.
SHAPE_STEP_S = 0.008
# What differs by less, relative to its largest value, is equal: rounding decides nothing.
NEARLY = 1e-9
# Two beats are moved against each other by at most so many steps.
SHAPE_SHIFT = 4
# Two beats that differ in size by at most this factor have the same size: breathing changes the size of a beat.
SAME_SIZE = 1.25

# A pacing spike is at most so far from the R peak, in s. It is a pulse: a sample far from the mean of those so many s before
# and after it. The pulse itself lasts 1 or 2 ms, but what records at 250 to 360 Hz makes it some 15 ms long.
SPIKE_WITHIN_S = 0.16
SPIKE_S = 0.010
# It is this many times the next largest pulse that is more than so many s away: no other wave is as narrow.
SPIKE = 3.0
SPIKE_APART_S = 0.022
# The level before the spike is the mean from so long before it to so long before it, in s. From there to the second time the
# signal leaves it by at most this share of the height of the spike: no wave begins as suddenly...
SPIKE_LEVEL_FROM_S = 0.060
SPIKE_LEVEL_TO_S = 0.030
SPIKE_BEGINS_S = 0.012
SPIKE_FLAT = 0.25
# ...and between these times after it, in s, it is away from the level by at least this share, in the mean: the QRS complex
# that the pacemaker made follows, and is wide.
SPIKE_THEN_FROM_S = 0.030
SPIKE_THEN_TO_S = 0.120
SPIKE_THEN = 0.15

# 15. Groups. At most so many; a new one takes the place of the lightest.
GROUPS = 8
# A beat at least this like the mean of a group belongs to it.
ALIKE = 0.95
# The mean, and the median width, are over the last so many beats (the mean with falling weights).
LEARN_BEATS = 16
# The weight of a beat falls to 1/e in so many s: a run of ventricular beats for a minute or two does not become the
# basic rhythm.
FORGET_S = 300.0
# The properties of a group count from so many beats on; before, those of the beat itself.
KNOWN_BEATS = 3
# A group can be of the basic rhythm from this share of all weights on.
BASIC_SHARE = 0.10

# 16. Time. A type is decided with the beats of the next so many s. The P waves of these are known 6 s after them.
AHEAD_S = 4.0
# Nothing is decided before so many s after the first beat: the groups have to be learned.
LEARN_S = 10.0
# The usual interval is a median over at most so many beats before, at most so many s before.
USUAL_BEATS = 16
USUAL_WITHIN_S = 16.0
# An interval below this share of the usual one, or of the next one, is early.
EARLY = 0.85
# Irregular: half of the changes between intervals of the basic rhythm are above this share of the usual interval.
IRREGULAR = 0.10
# After a premature atrial beat the sinus node starts anew: the intervals before and after it are together below this
# share of two usual ones. After most ventricular beats they are equal to two (compensatory pause)...
RESET = 0.80
# ...or to one (a beat between two others): no reset below this share.
BETWEEN = 0.60
# A group is reset from so many such beats on, if most of its early beats with a known pause are.
RESET_BEATS = 2

# 17. Type. A group is paced if at least this share of its beats have a spike.
SPIKE_SHARE = 0.5
# Wide: from so many ms on (the limit of bundle branch block), and this times the width of the basic rhythm; or not narrow, and
# the second times.
WIDE_MS = 120.0
WIDE = 1.3
MUCH_WIDER = 1.5
# A group without P wave: fewer than this share of its beats have one.
P_SHARE = 0.5
# An early beat is ventricular above this unlikeness (1 - alike); in an irregular rhythm, or if it is narrow, above the second;
# if wide above the third, which is where groups end.
UNLIKE = 0.2
UNLIKE_CLEARLY = 0.4
UNLIKE_WIDE = 0.05
# Narrow: below so many ms.
NARROW_MS = 100.0
# A wide beat that is neither early nor follows a P wave needs at least this; one that is not wide needs the second, in a
# regular rhythm: its shape has nearly nothing in common with the basic rhythm.
UNLIKE_ON_TIME = 0.3
UNLIKE_NARROW_ON_TIME = 0.8
# A basic rhythm itself is ventricular if it is regular, at least so many ms wide (no bundle branch block is), and fewer than
# this share of its beats have a P wave.
VENTRICULAR_MS = 200.0
VENTRICULAR_P_SHARE = 0.2
# A beat without a group needs so many times the unlikeness of the beats within so many s to their groups: noise. A beat that is
# larger than these is less changed by the same noise: the unlikeness goes with the energy of the noise relative to that of
# the beat.
NOISE = 10.0
NOISE_WITHIN_S = 5.0


def shapes(mv, r_samples, fs):
    """[beat, shift, value]: the smoothed signal around the middle of each beat, moved by each shift, less the straight line
    that fits it best: baseline wander. And which beats are not at the start or end of the lead, so that their middle is known;
    and which shapes are not cut off there.
    """
    length = odd_length(QRS_SMOOTHING_S, fs)
    smoothed = smoothed_twice(mv.astype(float), length)
    energy = moving_mean(slope_of(smoothed) ** 2, odd_length(QRS_S, fs))
    near = in_samples(MIDDLE_WITHIN_S, fs)
    around = [energy[max(r - near, 0) : r + near + 1] for r in r_samples]
    middle = np.array([max(r - near, 0) + np.argmax(e >= (1 - NEARLY) * e.max()) for r, e in zip(r_samples, around)])
    steps = np.arange(-int(round(SHAPE_BEFORE_S / SHAPE_STEP_S)), int(round(SHAPE_AFTER_S / SHAPE_STEP_S)) + 1)
    shifts = np.arange(-SHAPE_SHIFT, SHAPE_SHIFT + 1)
    samples = np.floor((shifts[:, None] + steps) * SHAPE_STEP_S * fs + 0.5).astype(int)
    shape = smoothed[np.clip(middle[:, None, None] + samples, 0, mv.size - 1)]
    shape -= shape.mean(axis=2, keepdims=True)
    line = steps - steps.mean()
    unshifted = middle[:, None] + samples[SHAPE_SHIFT]
    inside = (r_samples >= near) & (r_samples + near < mv.size)
    whole = (unshifted[:, 0] >= 0) & (unshifted[:, -1] < mv.size)
    return shape - (shape @ line)[:, :, None] * (line / (line @ line)), inside, whole


def have_spike(mv, r_samples, fs):
    """Which beats have a pacing spike. Before and after the lead its end values are held."""
    mv = mv.astype(float)

    def at(samples):
        return mv[np.clip(samples, 0, mv.size - 1)]

    def around(middle, first, last):
        return middle[:, None] + np.arange(first, last + 1)

    def of(seconds):
        return in_samples(seconds, fs)

    samples = around(np.asarray(r_samples), -of(SPIKE_WITHIN_S), of(SPIKE_WITHIN_S))
    side = max(of(SPIKE_S), 1)
    away = at(samples) - (at(samples - side) + at(samples + side)) / 2
    pulse = np.abs(away)
    largest = pulse.max(axis=1)
    place = (pulse >= (1 - NEARLY) * largest[:, None]).argmax(axis=1)
    far = np.abs(np.arange(samples.shape[1]) - place[:, None]) > of(SPIKE_APART_S)
    next_largest = np.where(far, pulse, 0.0).max(axis=1)
    spike, points = samples[np.arange(len(samples)), place], np.sign(away[np.arange(len(samples)), place])
    level = at(around(spike, -of(SPIKE_LEVEL_FROM_S), -of(SPIKE_LEVEL_TO_S))).mean(axis=1)
    height = (at(spike) - level) * points      # a corner, as where a signal is cut off, does not point away from the level
    before = np.abs(at(around(spike, -of(SPIKE_LEVEL_FROM_S), -of(SPIKE_BEGINS_S))) - level[:, None]).max(axis=1)
    then = np.abs(at(around(spike, of(SPIKE_THEN_FROM_S), of(SPIKE_THEN_TO_S))) - level[:, None]).mean(axis=1)
    is_alone = (height > NEARLY) & (largest >= SPIKE * next_largest)
    return is_alone & (before <= SPIKE_FLAT * height) & (then >= SPIKE_THEN * height)


def alikeness(shape, means):
    """How alike a beat (all shifts) is to each mean, and at which shift: the largest c * 2 q / (1 + q^2), where c is their
    correlation and q >= 1 the ratio of their sizes, of which SAME_SIZE is taken off. 1 for equal beats.
    """
    size, mean_size = np.sqrt((shape**2).sum(axis=1)), np.sqrt((means**2).sum(axis=1))[:, None]
    tiny = np.finfo(float).tiny
    correlation = (means @ shape.T) / np.maximum(mean_size * size, tiny)
    ratio = np.maximum(np.maximum(size, mean_size), tiny) / np.maximum(np.minimum(size, mean_size), tiny)
    ratio = np.maximum(ratio / SAME_SIZE, 1.0)
    flat = np.minimum(size, mean_size) == 0
    ratio = np.where(flat, 1.0, ratio)
    alike = np.where(flat, 0.0, correlation * 2 * ratio / (1 + ratio**2))
    shift = (alike >= alike.max(axis=1, keepdims=True) - NEARLY).argmax(axis=1)
    return alike[np.arange(len(means)), shift], shift


class Groups:
    """Up to GROUPS groups of beats. Every sum but `beats` falls to 1/e in FORGET_S."""

    def __init__(self, values):
        self.mean = np.zeros((GROUPS, values))
        self.beats = np.zeros(GROUPS, int)      # since the group began
        self.began = np.full(GROUPS, -1)        # number of the first beat: tells whether a group was replaced
        self.width_ms = np.full(GROUPS, np.nan)
        self.widths = [[] for _ in range(GROUPS)]
        # Weights of all beats, of those with a P wave, a spike; of those whose time is known, early ones; pauses known, reset.
        self.sums = np.zeros((7, GROUPS))
        self.weight, self.p, self.spikes, self.timed, self.early, self.paused, self.reset = self.sums

    def forget(self, seconds):
        self.sums *= np.exp(-seconds / FORGET_S)

    def add(self, number, shape, width_ms, has_p, has_spike):
        """Adds a beat to its group, or begins one. Returns the group and how alike they are."""
        used = np.flatnonzero(self.beats > 0)
        alike, shift = alikeness(shape, self.mean[used]) if used.size else (np.zeros(1), None)
        best = int((alike >= alike.max() - NEARLY).argmax())
        if alike[best] >= ALIKE - NEARLY:
            group = used[best]
            self.beats[group] += 1
            share = 1 / min(self.beats[group], LEARN_BEATS)
            self.mean[group] += share * (shape[shift[best]] - self.mean[group])
        else:
            group = int(np.argmin(np.where(self.beats > 0, self.weight, -1)))
            self.beats[group], self.began[group] = 1, number
            self.mean[group], self.widths[group] = shape[SHAPE_SHIFT], []
            self.sums[:, group] = 0
        self.widths[group] = (self.widths[group] + [width_ms])[-LEARN_BEATS:]
        self.width_ms[group] = np.median(self.widths[group])
        self.weight[group] += 1
        self.p[group] += has_p
        self.spikes[group] += has_spike
        return group, alike[best]

    def is_paced(self):
        return (self.beats >= KNOWN_BEATS) & (self.spikes >= SPIKE_SHARE * self.weight)

    def is_early(self):
        return self.early >= 0.5 * np.maximum(self.timed, np.finfo(float).tiny)

    def basic(self):
        """The main group of the basic rhythm, and for each group whether it belongs to the basic rhythm."""
        frequent = (self.beats >= KNOWN_BEATS) & (self.weight >= BASIC_SHARE * self.weight.sum())
        on_time = frequent & ~self.is_early()
        if not on_time.any():
            on_time = frequent if frequent.any() else self.beats > 0
        main = int(np.argmax(np.where(on_time, self.weight, -1)))
        basic = on_time & ~(self.is_wide(self.width_ms, main) & (self.p < P_SHARE * self.weight))
        basic[main] = True
        return main, basic

    def is_wide(self, width_ms, main):
        wider, much_wider = width_ms > WIDE * self.width_ms[main], width_ms > MUCH_WIDER * self.width_ms[main]
        return ((width_ms >= WIDE_MS) & wider) | ((width_ms >= NARROW_MS) & much_wider)


def beat_types(mv, r_samples, waves, rr_ms, fs):
    """N, S, V, P or Q for each beat. `waves` are those of step 3b; `rr_ms` is the interval before each beat, or None."""
    known = np.flatnonzero([its["qrs"] is not None for its in waves])
    types = np.full(len(r_samples), "Q")
    if known.size:
        # An interval that begins at a beat without a QRS complex is not used.
        rr = np.array([np.nan if value is None else value / 1000.0 for value in rr_ms], float)[known]
        rr[np.diff(known, prepend=known[0]) != 1] = np.nan
        r = np.asarray(r_samples)[known]
        types[known] = types_of(
            r / fs, *shapes(mv, r, fs), rr,
            np.array([(waves[n]["qrs"].end - waves[n]["qrs"].onset) * 1000.0 / fs for n in known]),
            np.array([waves[n]["p"] is not None for n in known]), have_spike(mv, r, fs),
        )
    return types.tolist()


def types_of(time, shape, inside, whole, rr, width_ms, has_p, has_spike):
    """The types of beats that have a QRS complex. `time` and `rr` in s."""
    count = len(time)
    groups = Groups(shape.shape[2])
    group, began, alike = np.zeros(count, int), np.zeros(count, int), np.zeros(count)
    types = np.full(count, "N")
    energy = (shape[:, SHAPE_SHIFT] ** 2).sum(axis=1)

    def usual_before(last):
        """The median interval of the beat `last` and those before."""
        near = slice(max(last - USUAL_BEATS, 0), last + 1)
        values = rr[near][time[near] >= time[last] - USUAL_WITHIN_S]
        values = values[~np.isnan(values)]
        return np.median(values) if values.size else np.nan

    def decide(k, end):
        """The type of beat k from the beats before `end`."""
        near = np.arange(max(k - USUAL_BEATS, 0), end)
        near = near[time[near] >= time[k] - USUAL_WITHIN_S]
        main, basic = groups.basic()
        is_basic = basic[group[near]] & (groups.began[group[near]] == began[near])

        # The usual interval: of the basic rhythm, if three are known. Else of the means of two intervals in succession: in
        # bigeminy one is short and the next one long.
        both = is_basic & np.append(False, is_basic[:-1]) & ~np.isnan(rr[near])
        known = rr[near][~np.isnan(rr[near])]
        values = rr[near][both] if both.sum() >= 3 else (known[1:] + known[:-1]) / 2 if known.size > 1 else known
        usual = np.median(values) if values.size else np.nan
        change = np.abs(np.diff(rr[near]))[both[1:] & both[:-1]]
        irregular = change.size >= 3 and np.median(change) > IRREGULAR * usual
        is_early = rr[k] < EARLY * usual
        after = rr[k + 1] if k + 1 < end else np.nan

        its = group[k]
        there = groups.began[its] == began[k]
        paused = is_early and after >= EARLY * usual and both.sum() >= 3 and not irregular
        resets = paused and BETWEEN < (rr[k] + after) / (2 * usual) < RESET
        if there and paused:
            groups.paused[its] += 1
            groups.reset[its] += resets

        # Spike, shape, width, time, P wave.
        unlike = 1 - alikeness(shape[k], groups.mean[basic])[0].max()
        grouped = there and groups.beats[its] >= KNOWN_BEATS
        paced = groups.is_paced()
        group_is_early = grouped and groups.is_early()[its]
        width = groups.width_ms[its] if grouped else width_ms[k]
        is_wide = groups.is_wide(width, main)
        p = groups.p[its] >= P_SHARE * groups.weight[its] if grouped else has_p[k]
        noise = 0.0
        if not grouped:
            others = near[(np.abs(time[near] - time[k]) <= NOISE_WITHIN_S) & (near != k)]
            if others.size:
                smaller = min(np.median(energy[others]) / max(energy[k], np.finfo(float).tiny), 1.0)
                noise = NOISE * smaller * np.median(1 - alike[others])
        limit = min(max(UNLIKE_CLEARLY if irregular or width < NARROW_MS else UNLIKE, noise), 1.0)
        if is_early or group_is_early:
            ventricular = unlike > limit or (is_wide and unlike > max(UNLIKE_WIDE, noise))
        elif is_wide:
            ventricular = not p and unlike > max(limit, UNLIKE_ON_TIME)
        else:
            ventricular = not p and whole[k] and not irregular and unlike > max(limit, UNLIKE_NARROW_ON_TIME)
        ventricular = ventricular and inside[k]
        if there and groups.paused[its] >= RESET_BEATS:
            resets = groups.reset[its] > 0.5 * groups.paused[its]
        else:
            resets = resets and unlike < UNLIKE_CLEARLY
        if there and basic[its]:
            without_p = groups.p[main] < VENTRICULAR_P_SHARE * groups.weight[main]
            is_escape = groups.width_ms[main] >= VENTRICULAR_MS and without_p
            ventricular = its == main and grouped and not irregular and is_escape
            resets = False
        if paced[its] if grouped else has_spike[k] and paced.any():
            types[k] = "P"
        elif ventricular and not resets:
            types[k] = "V"
        elif is_early and not irregular and (types[k - 1] == "S" or not rr[k] >= EARLY * rr[k - 1]):
            types[k] = "S"

    decided = 0
    for k in range(count):
        while decided < k and time[k] - time[decided] > AHEAD_S and time[k] - time[0] > LEARN_S:
            decide(decided, k)
            decided += 1
        if k:
            groups.forget(time[k] - time[k - 1])
            # Whether the beat before was early is known now.
            its = group[k - 1]
            if groups.began[its] == began[k - 1] and not np.isnan(rr[k - 1]) and rr[k] <= AHEAD_S:
                groups.timed[its] += 1
                groups.early[its] += rr[k - 1] < EARLY * max(rr[k], usual_before(k))
        group[k], alike[k] = groups.add(k, shape[k], width_ms[k], has_p[k], has_spike[k])
        began[k] = groups.began[group[k]]
    for k in range(decided, count):
        decide(k, count)
    return types


def normal_to_normal(types, rr_ms):
    """The interval before each beat, None unless it is between two normal beats."""
    return [
        rr if number > 0 and types[number - 1] == types[number] == "N" else None for number, rr in enumerate(rr_ms)
    ]
