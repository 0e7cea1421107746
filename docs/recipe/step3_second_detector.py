"""Step 3, number 9: a second detector of beats, only for the quality index bsqi.

It looks at the length of the curve instead of its energy (Zong, Moody and Jiang 2003, "A robust open-source algorithm to
detect onset and duration of QRS complexes", Computers in Cardiology 30:737), and asks neither for contrast nor for
slopes. Where both detectors find the same beats, the beats are clear; noise excites them at different times.
"""

import numpy as np
from scipy.ndimage import maximum_filter1d

from step3_qrs_candidates import LOW_PASS_S, moving_mean, odd_length

# The low-pass is that of the band-pass of the first detector. Zong: 16 Hz.
# The local baseline, in s. Zong: none; without it T waves are as long as QRS complexes.
CURVE_BASELINE_S = 0.1
# The length is taken over this, in s: the widest QRS complex. Zong: 0.13.
CURVE_S = 0.13
# A peak of the length is a beat above this share of the level. Zong: 1 / 3.
CURVE_THRESHOLD = 1 / 3
# Least time between two beats, in s. Zong: 0.25.
CURVE_REFRACTORY_S = 0.25
# A peak this soon after a beat, in s, is its T wave, or a second part of it, if it is below this share of its length. Pan and
# Tompkins: 0.36 and, for slopes, 0.5. Zong: none.
CURVE_T_WAVE_S = 0.36
CURVE_T_WAVE = 0.6
# A beat moves the level by this share of the difference. Zong: 0.1.
CURVE_LEVEL_STEP = 1 / 8
# A beat counts for the level as if it were at most so many times the level. Not published; against artefacts.
CURVE_LARGEST = 2.0
# The first level is the median of the largest lengths in each of the first seconds, from the first peak on. Zong: from
# the mean of 8 s.
CURVE_LEARNING_S = 8
# After so many seconds without a beat it is learned again, as by the first detector. Not published.
CURVE_LEARN_AGAIN_AFTER_S = 10.0
# After so many seconds without a beat, and again after each CURVE_LOWER_AGAIN_S, the level falls. Zong: 2.5.
CURVE_LOWER_AFTER_S = 2.5
CURVE_LOWER_AGAIN_S = 0.5
CURVE_LOWER_BY = 0.8
# Of lengths that differ by less than this share the first one counts: rounding must not decide where on a plateau, as of
# a spike in a flat line, the beat is.
CURVE_EQUAL = 1e-9
# A peak is longer than this, in mV per sample: less is the rounding of sums.
CURVE_FLAT_MV = 1e-9
# Beats of both detectors are the same if they are at most so far apart, in s. Li, Mark and Clifford: 0.15.
SAME_BEAT_S = 0.15


def find_beats_by_length(mv, sampling_frequency_hz):
    """The samples of the beats: where the length of the curve is highest."""
    fs = sampling_frequency_hz
    if mv.size == 0:
        return np.zeros(0, int)
    around = int(np.ceil(fs))
    x = np.pad(mv.astype(float), around, mode="edge")
    for _ in range(2):
        x = moving_mean(x, odd_length(LOW_PASS_S, fs))
    x = x - moving_mean(x, odd_length(CURVE_BASELINE_S, fs))
    length = moving_mean(np.abs(np.diff(x, prepend=x[0])), odd_length(CURVE_S, fs))[around : around + mv.size]

    # Peaks: the largest within half the refractory period on both sides.
    refractory = int(np.ceil(CURVE_REFRACTORY_S * fs))
    largest = maximum_filter1d(length, 2 * (refractory // 2) + 1)
    peaks = np.flatnonzero((length * (1 + CURVE_EQUAL) >= largest) & (length > CURVE_FLAT_MV))

    second = max(int(fs), 1)
    beats, level, learn_again_after = [], None, 0
    for at in peaks:
        if level is None or at > learn_again_after:
            first = length[at : at + CURVE_LEARNING_S * second]
            level = np.median([first[n : n + second].max() for n in range(0, first.size, second)])
            lower_after, learn_again_after = at + int(CURVE_LOWER_AFTER_S * fs), at + int(CURVE_LEARN_AGAIN_AFTER_S * fs)
        while at > lower_after:
            level *= CURVE_LOWER_BY
            lower_after += max(int(CURVE_LOWER_AGAIN_S * fs), 1)
        if length[at] <= CURVE_THRESHOLD * level:
            continue
        if beats and at - beats[-1] < refractory:
            if length[at] > length[beats[-1]] * (1 + CURVE_EQUAL):
                beats[-1] = at
            continue
        if beats and at - beats[-1] < CURVE_T_WAVE_S * fs and length[at] < CURVE_T_WAVE * length[beats[-1]]:
            continue
        beats.append(at)
        level += CURVE_LEVEL_STEP * (min(length[at], CURVE_LARGEST * level) - level)
        lower_after, learn_again_after = at + int(CURVE_LOWER_AFTER_S * fs), at + int(CURVE_LEARN_AGAIN_AFTER_S * fs)
    return np.array(beats, int)


def agreement(first, second, sampling_frequency_hz):
    """The samples of the beats that both detectors found, at the place of the first one, and of those that only one found.

    Beats are matched one to one, greedily in the order of time.
    """
    tolerance = int(SAME_BEAT_S * sampling_frequency_hz)
    by_both, by_one = [], []
    a = b = 0
    while a < len(first) and b < len(second):
        if abs(first[a] - second[b]) <= tolerance:
            by_both.append(first[a])
            a, b = a + 1, b + 1
        elif first[a] < second[b]:
            by_one.append(first[a])
            a += 1
        else:
            by_one.append(second[b])
            b += 1
    return np.array(by_both, int), np.array([*by_one, *first[a:], *second[b:]], int)
