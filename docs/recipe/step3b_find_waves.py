"""Step 3, numbers 10 to 13: where P wave, QRS complex and T wave begin and end, and what is measured from that.

Each beat is looked at by itself, between its neighbours; only where its P and its T wave are is taken from the mean of
the beats around it. Onsets and ends are where a slope has fallen to a share of its steepest value, as in Laguna, Jane
and Caminal (1994, Comput Biomed Res 27:45) and Martinez et al. (2004, IEEE Trans Biomed Eng 51:570), here on moving
means. The peaks of P and T are those with the largest prominence, as in Emrich et al. (2024, EUSIPCO, p. 1341).
"""

from typing import NamedTuple

import numpy as np

from step3_qrs_candidates import in_samples, moving_mean, odd_length

# 10. QRS complex.
# The moving mean of the slope of the QRS complex, applied twice, in s: one period of 50 Hz.
QRS_SMOOTHING_S = 0.020
# A QRS complex is at most so far on either side of its R peak, in s: twice the 120 ms that call it wide leave room.
QRS_REACH_S = 0.16
# Its steepest slope is at most so far from the R peak, in s.
STEEPEST_WITHIN_S = 0.08
# A slope above this share of the steepest belongs to the complex...
QRS_SLOPE = 0.2
# ...if it is at most so far from the next such slope, in s. A round peak or a notch is flat for as long.
QRS_NOTCH_S = 0.04
# The complex begins and ends where the slope stays below this share of the steepest...
QRS_QUIET_SLOPE = 0.08
# ...for so long, in s: longer than the slope is near 0 at an extreme...
QRS_QUIET_S = 0.014
# ...and if that is farther from the R peak than this, in s, where it stays below QRS_SLOPE: an ST segment may be as steep as
# the end of the complex.
QRS_USUAL_S = 0.10

# 11. P wave and T wave.
# The moving mean for P and T, applied twice, in s: that of the search for beats.
WAVE_SMOOTHING_S = 0.025
# The peaks of P and T are searched in the mean of the beats of the same kind (number 8) among so many on either side...
MEAN_BEATS = 4
# ...that are at most so far away, in s. A beat that follows later is as good as none.
MEAN_WITHIN_S = 5.0
# The P wave is searched in the mean of all of them if fewer than so many are of its kind: in the mean of one or two beats
# noise and f waves look like P waves.
LEAST_OF_KIND = 3
# The P wave lies at most so long before the QRS onset, in s. A PR interval above 200 ms is long, above 300 ms rare.
P_WITHIN_S = 0.30
# The peak of the T wave lies at least so long after the R peak, in s, and after the end of the QRS complex...
T_AFTER_R_S = 0.10
T_AFTER_QRS_S = 0.04
# ...and at most so long after it in a rhythm of 60 per minute; it grows with the root of the RR interval, as QT does in the
# formula of Bazett. A QT of 500 ms has its peak near 420 ms.
T_PEAK_WITHIN_S = 0.42
# At most, in s and as a share of the RR interval.
T_PEAK_LATEST_S = 0.6
T_PEAK_LATEST_RR = 0.65
# A T wave ends at most so long after the latest peak, in s, and so long before the next QRS onset.
T_END_AFTER_S = 0.15
T_END_BEFORE_QRS_S = 0.02
# The prominence of a peak is its height above the higher of the two lowest points within so many s on either side: less
# than the length of a wave is enough.
P_PROMINENCE_WITHIN_S = 0.10
T_PROMINENCE_WITHIN_S = 0.12
# The least prominence of a wave in the mean of the beats, in mV. In a single beat 20 uV are the least that the CSE working
# party calls a wave; the mean of nine beats has a third of the noise.
LEAST_WAVE_MV = 0.008
# A negative P wave needs so many times the prominence of a positive one: the dip between P and QRS is no wave.
NEGATIVE_P = 1.25
# In the beat itself the peak is at most so far from that in the mean, in s.
P_PEAK_NEAR_S = 0.03
T_PEAK_NEAR_S = 0.06
# There it has at least this share of the prominence in the mean.
OWN_PROMINENCE = 0.1
# In an irregular rhythm a P wave in the mean has at least this share of the largest prominence in the beat itself: f waves
# cancel in the mean...
P_AGREEMENT = 0.5
# ...and irregular is where the median change from one RR interval to the next, of these beats, is above this share of their
# median interval.
IRREGULAR = 0.10

# 12. Onset and end of P and T.
# A P wave is at most so long on either side of its peak, in s, and its steepest slope at most so far away.
P_REACH_S = 0.10
P_STEEPEST_WITHIN_S = 0.06
# The steepest slope of the T wave is at most so far from its peak, in s.
T_STEEPEST_WITHIN_S = 0.3
# A wave begins or ends where the slope has fallen to this share of the steepest one on that side.
P_ONSET_SLOPE = 0.2
P_END_SLOPE = 0.5
T_ONSET_SLOPE = 0.3
T_END_SLOPE = 0.3

# Values that differ by less than this, in mV, are equal: rounding decides nothing.
NEARLY_MV = 1e-9

# 13. Measurements.
# The ST level is measured so long after the end of the QRS complex, in s: J + 60 ms...
ST_AFTER_J_S = 0.06
# ...as the mean of so many s around it, less the mean of as many before the QRS onset.
LEVEL_S = 0.02


class Wave(NamedTuple):
    onset: int
    peak: int
    end: int


def smoothed_twice(x, length):
    """A moving mean applied twice; before and after the signal its end values are held."""
    twice = moving_mean(moving_mean(np.pad(x, length, mode="edge"), length), length)
    return twice[length : length + x.size]


def highest(values):
    """The place of the largest value, of equal ones the first."""
    return int(np.argmax(values >= values.max() - NEARLY_MV))


def slope_of(x):
    """Central difference, in mV per two samples; only its ratios are used."""
    return np.pad(x[2:] - x[:-2], 1) if x.size > 2 else np.zeros(x.size)


def prominence(x, within, candidates=None):
    """For each peak among the first `candidates` samples its height above the higher of the two lowest points within `within`
    samples before, and after; for each valley its depth, negative; 0 for what is neither. The last candidate counts as both:
    a wave whose peak is a little later is not lost.
    """
    before = np.lib.stride_tricks.sliding_window_view(np.pad(x, (within, 0), mode="edge"), within + 1)
    after = np.lib.stride_tricks.sliding_window_view(np.pad(x, (0, within), mode="edge"), within + 1)
    up = x - np.maximum(before.min(axis=1), after.min(axis=1))
    down = np.minimum(before.max(axis=1), after.max(axis=1)) - x
    rise = np.diff(x, prepend=x[0], append=x[-1])
    is_peak = (rise[:-1] >= -NEARLY_MV) & (rise[1:] <= NEARLY_MV)
    is_valley = (rise[:-1] <= NEARLY_MV) & (rise[1:] >= -NEARLY_MV)
    last = x.size if candidates is None else candidates
    is_peak[last - 1] = is_valley[last - 1] = True
    up, down = np.where(is_peak, up, 0.0), np.where(is_valley, down, 0.0)
    return np.where(up >= down, up, -down)[:last]


# 10. QRS complex.


def qrs_edge(steepness, r, step, last, steepest, fs):
    """From the R peak in the direction `step`, as far as steep slopes follow each other, and then until it is quiet."""
    edge, allowed = r, 2 * in_samples(QRS_NOTCH_S, fs)      # the R peak itself is flat on both sides
    for at in range(r, last + step, step):
        if steepness[at] >= QRS_SLOPE * steepest - NEARLY_MV:
            edge, allowed = at, in_samples(QRS_NOTCH_S, fs)
        elif abs(at - edge) > allowed:
            break

    def quiet_from(share):
        quiet, needed = 0, max(in_samples(QRS_QUIET_S, fs), 1)
        for at in range(edge, last, step):
            quiet = quiet + 1 if steepness[at] < share * steepest - NEARLY_MV else 0
            if quiet == needed:
                return at - step * (needed - 1)
        return None

    found = quiet_from(QRS_QUIET_SLOPE)
    if found is None or abs(found - r) > in_samples(QRS_USUAL_S, fs):
        found = quiet_from(QRS_SLOPE)
    return last if found is None else found


def find_qrs(mv, r_samples, fs):
    """Onset, R peak and end of each QRS complex."""
    steepness = np.abs(slope_of(smoothed_twice(mv, odd_length(QRS_SMOOTHING_S, fs))))
    reach, near = in_samples(QRS_REACH_S, fs), in_samples(STEEPEST_WITHIN_S, fs)
    found = []
    for number, r in enumerate(r_samples):
        first = max(r - reach, (r_samples[number - 1] + r) // 2 if number else 0)
        last = min(r + reach, (r + r_samples[number + 1]) // 2 if number + 1 < len(r_samples) else mv.size - 1)
        steepest = steepness[max(r - near, first) : min(r + near, last) + 1].max()
        found.append(Wave(
            qrs_edge(steepness, r, -1, first, steepest, fs), r, qrs_edge(steepness, r, 1, last, steepest, fs)
        ))
    return found


# 11. P wave and T wave.


def without_qrs(mv, qrs):
    """A straight line in the place of each QRS complex, so that smoothing does not spread it into its neighbours."""
    x = mv.copy()
    for wave in qrs:
        ends = [mv[max(at - 1, 0) : at + 2].mean() for at in (wave.onset, wave.end)]
        x[wave.onset : wave.end + 1] = np.linspace(*ends, wave.end - wave.onset + 1)
    return x


def beats_around(r_samples, number, fs):
    """The numbers of the beats around beat `number`; those of its kind are in its mean."""
    around = range(max(number - MEAN_BEATS, 0), min(number + MEAN_BEATS + 1, len(r_samples)))
    return [other for other in around if abs(r_samples[other] - r_samples[number]) <= in_samples(MEAN_WITHIN_S, fs)]


def mean_of_beats(x, starts, first, length):
    """The mean of `length` samples from `first` samples after each start; edge values are held."""
    return np.mean([x[np.clip(np.arange(start + first, start + first + length), 0, x.size - 1)] for start in starts], axis=0)


def is_irregular(r_samples):
    rr = np.diff(r_samples)
    return rr.size > 2 and np.median(np.abs(np.diff(rr))) > IRREGULAR * np.median(rr)


def peak_of(x, first, last, mean, within, near, negative, agreement=0.0, candidates=None):
    """The peak of a wave between two samples of x and whether it points up (1) or down (-1); None if there is none. It is
    the most prominent point of the mean of the beats, and then the most prominent one near it in the beat itself. Only
    the first `candidates` samples may be the peak.
    """
    of_mean = prominence(mean, within, candidates)
    of_beat = prominence(x[first : last + 1], within, candidates)
    expected = highest(np.maximum(of_mean, -of_mean / negative))
    polarity = 1 if of_mean[expected] > 0 else -1
    start = max(expected - near, 0)
    own = polarity * of_beat[start : expected + near + 1]
    height = abs(of_mean[expected])
    if height < LEAST_WAVE_MV or own.max() < OWN_PROMINENCE * height or height < agreement * np.abs(of_beat).max():
        return None
    return first + start + highest(own), polarity


def wave_edge(slope, peak, polarity, step, last, steepest_within, share):
    """Where the slope has fallen to a share of the steepest one between the peak and `last`."""
    path = np.arange(peak, last + step, step)
    falling = -polarity * step * slope[path]
    steepest = highest(falling[: steepest_within + 1])
    below = np.flatnonzero(falling[steepest:] < share * falling[steepest] - NEARLY_MV)
    return int(path[steepest + below[0]] if below.size else path[-1])


def find_waves(mv, missing, r_samples, kinds, fs):
    """For each beat, given as its R peak and its kind, a dictionary: `p`, `qrs` and `t`, each a Wave or None, and `t_polarity`,
    1 or -1 or None. A wave with missing samples is None.
    """
    if len(r_samples) == 0:
        return []
    mv = mv.astype(float)
    qrs = find_qrs(mv, r_samples, fs)
    x = smoothed_twice(without_qrs(mv, qrs), odd_length(WAVE_SMOOTHING_S, fs))
    slope = slope_of(x)

    def of(seconds):
        return in_samples(seconds, fs)

    before = of(P_WITHIN_S)
    p_starts, t_starts = [w.onset - before for w in qrs], [w.peak for w in qrs]
    found, latest_t = [], None
    for number, (onset, r, end) in enumerate(qrs):
        p = t = polarity = None
        previous_end = qrs[number - 1].end if number else 0
        around = beats_around(r_samples, number, fs)
        near = [other for other in around if kinds[other] == kinds[number]]
        next_beat = qrs[number + 1] if number + 1 in around else None

        # The P wave: after the T wave of the beat before, but 100 ms are always looked at.
        first = max(onset - before, previous_end)
        if latest_t is not None:
            first = max(first, min(latest_t + of(P_STEEPEST_WITHIN_S), onset - of(P_REACH_S)))
        if onset - first > of(P_STEEPEST_WITHIN_S):
            for_p = near if len(near) >= LEAST_OF_KIND else around
            mean = mean_of_beats(x, [p_starts[other] for other in for_p], first - p_starts[number], onset - first + 1)
            agreement = P_AGREEMENT if is_irregular([r_samples[other] for other in around]) else 0.0
            peak = peak_of(x, first, onset, mean, of(P_PROMINENCE_WITHIN_S), of(P_PEAK_NEAR_S), NEGATIVE_P, agreement)
            if peak is not None:
                at, p_polarity = peak
                edges = [
                    wave_edge(slope, at, p_polarity, step, last, of(P_STEEPEST_WITHIN_S), share)
                    for step, last, share in [
                        (-1, max(at - of(P_REACH_S), first), P_ONSET_SLOPE), (1, min(at + of(P_REACH_S), onset), P_END_SLOPE)
                    ]
                ]
                p = Wave(edges[0], at, edges[1])

        # The T wave.
        rr = next_beat.peak - r if next_beat else fs
        first = max(end + of(T_AFTER_QRS_S), r + of(T_AFTER_R_S))
        latest_s = min(T_PEAK_LATEST_S, T_PEAK_WITHIN_S * np.sqrt(rr / fs), T_PEAK_LATEST_RR * rr / fs)
        latest = min(r + of(latest_s), mv.size - 1)
        last = min(latest + of(T_END_AFTER_S), mv.size - 1, next_beat.onset - of(T_END_BEFORE_QRS_S) if next_beat else mv.size)
        latest_t = None
        if latest - first > of(T_AFTER_QRS_S) and last > latest:
            mean = mean_of_beats(x, [t_starts[other] for other in near], first - r, last - first + 1)
            within = of(T_PROMINENCE_WITHIN_S)
            peak = peak_of(x, first, last, mean, within, of(T_PEAK_NEAR_S), 1.0, 0.0, latest - first + 1)
            if peak is not None:
                at, polarity = peak
                steepest = of(T_STEEPEST_WITHIN_S)
                t = Wave(
                    wave_edge(slope, at, polarity, -1, end, steepest, T_ONSET_SLOPE), at,
                    wave_edge(slope, at, polarity, 1, last, steepest, T_END_SLOPE),
                )
                latest_t = at
        waves = {"p": p, "qrs": qrs[number], "t": t, "t_polarity": polarity}
        for name in ("p", "qrs", "t"):
            if waves[name] is not None and missing[waves[name].onset : waves[name].end + 1].any():
                waves[name] = None
        if waves["t"] is None:
            waves["t_polarity"] = None
        found.append(waves)
    return found


# 13. Measurements.


def level(mv, missing, first, last):
    """The mean of the samples from `first` to `last`, None where one is missing or outside."""
    if first < 0 or last >= mv.size or missing[first : last + 1].any():
        return None
    return float(np.mean(mv[first : last + 1], dtype=float))


def measurements(waves, rr_ms, mv, missing, fs):
    """What is measured of one beat; None where a wave it needs is not there. `rr_ms` is the interval before the beat."""
    p, qrs, t = waves["p"], waves["qrs"], waves["t"]

    def ms(first, last):
        return (last - first) * 1000.0 / fs

    qt = ms(qrs.onset, t.end) if qrs and t else None
    corrected = qt is not None and rr_ms is not None
    st = None
    if qrs:
        width, j60 = max(in_samples(LEVEL_S, fs), 1), qrs.end + in_samples(ST_AFTER_J_S, fs)
        baseline = level(mv, missing, qrs.onset - width, qrs.onset - 1)
        above = level(mv, missing, j60 - width // 2, j60 + width // 2)
        st = above - baseline if baseline is not None and above is not None else None
    return {
        "pr_ms": ms(p.onset, qrs.onset) if p and qrs else None,
        "qrs_ms": ms(qrs.onset, qrs.end) if qrs else None,
        "qt_ms": qt,
        "qtc_bazett_ms": qt / (rr_ms / 1000.0) ** (1 / 2) if corrected else None,
        "qtc_fridericia_ms": qt / (rr_ms / 1000.0) ** (1 / 3) if corrected else None,
        "st_mv": st,
        "t_polarity": waves["t_polarity"],
    }
