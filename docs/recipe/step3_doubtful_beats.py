"""Step 3, number 9b: which of the beats found are noise after all, where the signal is noisy.

Motion of an electrode looks like a beat to a detector of energy. What it lacks is steepness, and the rhythm does not need
it. How much of either is asked for depends on the noise: its power, as a share of that of the beats, is about 1 less the
correlation of a beat with the template of its kind (number 8). Of two signals with powers 1 and n, which are independent,
the correlation of their sum with the first one is 1 / sqrt(1 + n).
"""

from collections import deque

from step3_find_beats import REMEMBERED, upper_median

# Only a beat less steep than this share of the usual slope may be noise...
DOUBTFUL_SLOPE = 0.8
# ...and only if its slope over its amplitude is at most so many times the usual one: a QRS complex that is small beside
# large extrasystoles is sharp, the motion of an electrode is not.
DOUBTFUL_SHARPNESS = 1.2
# Nor may it fill an interval longer than so many usual ones: nearer to two than to one.
LONGEST_INTERVAL = 1.5
# It is noise if the square of its share of the usual slope, times the square of the interval that it splits in usual ones,
# is below so many times the share of the noise...
NOISE_FACTOR = 6.0
# ...but at most below this.
LARGEST_SHARE = 0.6
# A beat is decided on at most so long after the last one that is certain, in s.
DOUBTFUL_WITHIN_S = 3.0
# Intervals longer than this, in s, are pauses.
LONGEST_USUAL_S = 2.0


def without_noise(beats, correlations, kinds, sampling_frequency_hz):
    """Of the beats of a lead, given as candidates with their `template_correlations` and kinds, those that are no noise, with
    the same.
    """
    fs = sampling_frequency_hz
    slopes, sharpness, intervals, unlike = (deque(maxlen=REMEMBERED) for _ in range(4))
    certain, doubtful = [], []

    def accept(beat):
        candidate, correlation, _ = beat
        if certain:
            interval = candidate.r_sample - certain[-1][0].r_sample
            if interval < LONGEST_USUAL_S * fs:
                intervals.append(interval)
        slopes.append(candidate.slope)
        sharpness.append(candidate.slope / candidate.amplitude)
        if correlation is not None:
            unlike.append(1.0 - correlation)
        certain.append(beat)

    def needed(beats, start, end):
        """Of doubtful beats between two R peaks those that are no noise: if the steepest one is none, those on either
        side of it are judged again, each within its shorter interval.
        """
        if not beats:
            return []
        steepest = max(range(len(beats)), key=lambda n: beats[n][0].slope)
        interval = (end - start) / upper_median(intervals)
        share = (beats[steepest][0].slope / upper_median(slopes) * interval) ** 2
        if interval < LONGEST_INTERVAL and share < min(NOISE_FACTOR * upper_median(unlike), LARGEST_SHARE):
            return []
        middle = beats[steepest][0].r_sample
        return [*needed(beats[:steepest], start, middle), beats[steepest], *needed(beats[steepest + 1 :], middle, end)]

    for beat in zip(beats, correlations, kinds):
        candidate = beat[0]
        if doubtful and candidate.r_sample - certain[-1][0].r_sample > DOUBTFUL_WITHIN_S * fs:
            for other in doubtful:
                accept(other)
            doubtful = []
        is_known = all(len(values) == REMEMBERED for values in (slopes, intervals, unlike))
        if (
            is_known
            and candidate.slope < DOUBTFUL_SLOPE * upper_median(slopes)
            and candidate.slope / candidate.amplitude < DOUBTFUL_SHARPNESS * upper_median(sharpness)
        ):
            doubtful.append(beat)
            continue
        if doubtful:
            for other in needed(doubtful, certain[-1][0].r_sample, candidate.r_sample):
                accept(other)
            doubtful = []
        accept(beat)
    certain += doubtful
    return tuple([beat[n] for beat in certain] for n in range(3))
