"""Step 6: windows of five minutes, and the whole lead: heart rate variability.

NN intervals are those between two adjacent normal beats. They are counted in samples, and each of them is in the window of
the beat that ends it. Two NN intervals are adjacent if one begins where the other ends; whatever compares neighbours
(differences, Poincare plot, sample entropy, DFA) never does so across a gap or an ectopic beat. What is undefined, or rests
on too few intervals, is None.

Sources: Task Force of the ESC and NASPE (1996), "Heart rate variability", Circulation 93:1043, unless a function names its own.
"""

import numpy as np

from step4_features import beats_of_each_type
from step6_atrial_fibrillation import af_time, minutes_of

# Length of a window in s (Task Force 1996: 5 minutes for short-term recordings).
WINDOW_S = 300.0
# Percentiles of the NN intervals, in %.
PERCENTILES = (5, 25, 50, 75, 95)
# An NN interval this long, in s, is not resolved by the histogram, which has one bin for each sample: a limit of memory.
HISTOGRAM_S = 4.0
# Bins per second of the histogram for the triangular index (Task Force 1996: bins of 1/128 s).
TRIANGULAR_BINS_PER_S = 128.0
# Two adjacent intervals that differ by more than this, in ms, count for pNN20 and pNN50.
PNN_MS = (20.0, 50.0)
# Bands in Hz; the lower end is included, the upper one is not.
BANDS_HZ = {"vlf": (0.0033, 0.04), "lf": (0.04, 0.15), "hf": (0.15, 0.4)}
# Frequencies are 1 / (5 * length) apart: five for each peak of the spectrum (VanderPlas 2018, ApJS 236:16).
FREQUENCIES_PER_PEAK = 5
# Box lengths of DFA in beats (Peng et al. 1995: 4 to 16 for alpha 1).
DFA_BEATS = range(4, 17)
# A determinant of the fit of a wave that only rounding leaves.
NO_WAVE = 1e-12
# A mean square, in samples^2, that only rounding leaves.
NOTHING_LEFT = 1e-8
# Tolerance of sample entropy, as a share of the standard deviation (Richman and Moorman 2000).
ENTROPY_TOLERANCE = 0.2

# A shorter lead has no windows, in s: no value of a spectrum rests on less, and its segments say the rest.
LEAST_S = 60.0

# The least that a value rests on.
# NN intervals for percentiles, triangular index, spectrum, and a window of SDANN: of fewer, 5 % are less than one. Our choice.
LEAST_NN = 20
# NN intervals for sample entropy (Yentes et al. 2013, Ann Biomed Eng 41:349).
LEAST_NN_ENTROPY = 200
# NN intervals for DFA: four times the longest box (the limit that PhysioNet's program `dfa` has).
LEAST_NN_DFA = 64
# Seconds in NN intervals for the power of a band. Task Force 1996: 1 min for HF, 2 min for LF; for VLF, and with it the
# total, it wants 5 min, of which we ask four fifths.
LEAST_NN_S = {"vlf": 240.0, "lf": 120.0, "hf": 60.0}
# Windows for SDANN and SDNN index (NeuroKit2: 3), and seconds in NN intervals for one to count: half a window, our choice.
LEAST_WINDOWS = 3
LEAST_WINDOW_NN_S = 150.0


def standard_deviation(values, factor=1.0):
    """With n - 1, times a factor; None below two values."""
    return np.std(values, ddof=1) * factor if len(values) > 1 else None


def time_domain(nn, ends, sampling_frequency_hz):
    """Statistics of NN intervals `nn`, in samples, that end at the samples `ends`. Results in ms, or % where named so.

    pNN compares in whole samples. SD1 and SD2: Brennan et al. (2001), IEEE Trans Biomed Eng 48:1342.
    """
    to_ms = 1000.0 / sampling_frequency_hz
    adjacent = ends[1:] - nn[1:] == ends[:-1]
    before, after = nn[:-1][adjacent], nn[1:][adjacent]
    differences = after - before
    out = {
        "nn_intervals": nn.size,
        "nn_mean_ms": np.mean(nn) * to_ms if nn.size else None,
        "sdnn_ms": standard_deviation(nn, to_ms),
        "rmssd_ms": np.sqrt(np.mean(differences**2)) * to_ms if differences.size else None,
    }
    for ms in PNN_MS:
        above = np.sum(np.abs(differences) > ms * sampling_frequency_hz / 1000.0)
        out[f"pnn{ms:.0f}"] = 100.0 * above / nn.size if differences.size else None
    out["sd1_ms"] = standard_deviation(after - before, to_ms / np.sqrt(2))
    out["sd2_ms"] = standard_deviation(after + before, to_ms / np.sqrt(2))
    return out | distribution(nn, sampling_frequency_hz)


def distribution(nn, sampling_frequency_hz):
    """Percentiles (between two intervals on a straight line) in ms, and the triangular index: all intervals / those in the
    fullest bin of 1/128 s.
    """
    enough = nn.size >= LEAST_NN
    limit = np.ceil(HISTOGRAM_S * sampling_frequency_hz)
    out = {}
    for percent in PERCENTILES:
        name = f"nn_p{percent:02}_ms"
        # The largest interval that takes part has to be in the histogram.
        known = enough and np.percentile(nn, percent, method="higher") < limit
        out[name] = np.percentile(nn, percent) * 1000.0 / sampling_frequency_hz if known else None
    bins = np.floor(nn[nn < limit] * TRIANGULAR_BINS_PER_S / sampling_frequency_hz).astype(int)
    out["triangular_index"] = nn.size / np.bincount(bins).max() if enough and bins.size else None
    return out


def lomb_scargle(time_s, y, hz):
    """Power density in y^2 / Hz at the frequencies `hz`, one-sided: its integral is the variance. `y` has the mean 0.

    The least squares fit of a sine, a cosine and a constant to y (Zechmeister and Kuerster 2009, A&A 496:577, equations 4 to
    15, equal weights): p is the part of the mean square that it explains. p * T, where T is the length of the series, is
    the density, since the peak of a sine is 1 / T wide.
    """
    n = time_s.size
    angle = 2 * np.pi * np.outer(hz, time_s - time_s[0])
    cos, sin = np.cos(angle), np.sin(angle)
    c, s = np.mean(cos, axis=1), np.mean(sin, axis=1)
    yc, ys = np.mean(y * cos, axis=1), np.mean(y * sin, axis=1)
    cc, cs = np.mean(cos * cos, axis=1), np.mean(cos * sin, axis=1)
    cc, ss, cs = cc - c * c, (1.0 - cc) - s * s, cs - c * s
    # At half the rate of a perfectly regular rhythm sine and cosine are constants: nothing can be fitted.
    determinant = cc * ss - cs**2
    fits = determinant > NO_WAVE
    p = np.where(fits, (ss * yc**2 + cc * ys**2 - 2 * cs * yc * ys) / np.where(fits, determinant, 1.0), 0.0)
    return p * (time_s[-1] - time_s[0]) * n / (n - 1)


def frequency_domain(nn, ends, sampling_frequency_hz):
    """Power of the bands in ms^2, from the NN intervals at the times where they end: nothing is interpolated.

    The integral is that of trapezoids between the frequencies of a band. LFnu and HFnu in %: of LF + HF, as the Task Force
    has it (total - VLF).
    """
    nn_s = np.sum(nn) / sampling_frequency_hz
    power = dict.fromkeys(BANDS_HZ)
    if nn.size >= LEAST_NN and nn_s >= min(LEAST_NN_S.values()):
        time_s = (ends - ends[0]) / sampling_frequency_hz
        step_hz = 1.0 / (FREQUENCIES_PER_PEAK * time_s[-1])
        lowest_hz, highest_hz = BANDS_HZ["vlf"][0], BANDS_HZ["hf"][1]
        hz = lowest_hz + step_hz * np.arange(np.ceil((highest_hz - lowest_hz) / step_hz) + 1)
        density = lomb_scargle(time_s, (nn - np.mean(nn)) * 1000.0 / sampling_frequency_hz, hz)
        for name, (low_hz, high_hz) in BANDS_HZ.items():
            if nn_s >= LEAST_NN_S[name]:
                inside = (hz >= low_hz) & (hz < high_hz)
                power[name] = step_hz * np.sum((density[inside][1:] + density[inside][:-1]) / 2)
    vlf, lf, hf = power.values()
    positive = lf is not None and lf > 0 and hf > 0
    return {
        "vlf_ms2": vlf,
        "lf_ms2": lf,
        "hf_ms2": hf,
        "total_ms2": None if vlf is None else vlf + lf + hf,
        "lf_hf": lf / hf if positive else None,
        "lf_nu": 100.0 * lf / (lf + hf) if positive else None,
        "hf_nu": 100.0 * hf / (lf + hf) if positive else None,
    }


def sample_entropy(nn, ends):
    """-ln(A / B): of the pairs of places whose two intervals are alike (B), those whose third ones are alike, too (A). Alike
    are two intervals that differ by at most 0.2 standard deviations.

    Richman and Moorman (2000), Am J Physiol 278:H2039, m = 2.
    """
    if nn.size < LEAST_NN_ENTROPY:
        return None
    adjacent = ends[1:] - nn[1:] == ends[:-1]
    places = np.flatnonzero(adjacent[1:] & adjacent[:-1])
    alike = [
        np.abs(nn[places + shift, None] - nn[None, places + shift]) <= ENTROPY_TOLERANCE * np.std(nn, ddof=1)
        for shift in range(3)
    ]
    # Each place is like itself, which does not count.
    b = np.sum(alike[0] & alike[1]) - places.size
    a = np.sum(alike[0] & alike[1] & alike[2]) - places.size
    return np.log(b / a) if a > 0 else None


def dfa_alpha1(nn, ends):
    """Short-term scaling exponent: the slope of ln F(n) over ln n, for boxes of n = 4 to 16 beats.

    F(n) is the root mean square of what is left of the profile (the cumulative sum of nn - mean) in the boxes, after a
    straight line was taken from each. Boxes overlap by half, and lie within adjacent intervals.

    Peng et al. (1995), Chaos 5:82; the overlap is that of NeuroKit2, and so is that two kinds of boxes do not count: one that
    ends with the last interval, and one in which nothing is left.
    """
    if nn.size < LEAST_NN_DFA:
        return None
    stretches = np.split(nn - np.mean(nn), 1 + np.flatnonzero(ends[1:] - nn[1:] != ends[:-1]))
    profiles = [np.cumsum(stretch) for stretch in stretches]
    fluctuations = []
    for beats in DFA_BEATS:
        x = np.arange(beats) - (beats - 1) / 2
        boxes = [
            profile[start : start + beats]
            for profile in profiles
            for start in range(0, profile.size - beats, beats // 2)
        ]
        if not boxes:
            return None
        y = np.array(boxes) - np.mean(boxes, axis=1, keepdims=True)
        rest = y - np.outer(y @ x / (x @ x), x)
        squares = np.mean(rest**2, axis=1)
        squares = squares[squares > NOTHING_LEFT]
        if squares.size == 0:
            return None
        fluctuations.append(np.sqrt(np.mean(squares)))
    x = np.log(DFA_BEATS) - np.mean(np.log(DFA_BEATS))
    return x @ np.log(fluctuations) / (x @ x)


LONG_TERM = ("sdann_ms", "sdnn_index_ms")


def variability(nn, ends, sampling_frequency_hz):
    """All columns of a window that rest on NN intervals: of `nn` samples, ending at the samples `ends`."""
    return (
        time_domain(nn, ends, sampling_frequency_hz)
        | frequency_domain(nn, ends, sampling_frequency_hz)
        | {"sample_entropy": sample_entropy(nn, ends), "dfa_alpha1": dfa_alpha1(nn, ends)}
        | dict.fromkeys(LONG_TERM)
    )


def long_term(windows, sampling_frequency_hz):
    """SDANN, the standard deviation of the mean NN intervals of the windows, and SDNN index, the mean of their standard
    deviations, in ms.

    `windows` has the NN intervals, in samples, of each window of full length.
    """
    counted = [
        (np.mean(nn), np.std(nn, ddof=1))
        for nn in windows
        if nn.size >= LEAST_NN and np.sum(nn) / sampling_frequency_hz >= LEAST_WINDOW_NN_S
    ]
    if len(counted) < LEAST_WINDOWS:
        return dict.fromkeys(LONG_TERM)
    means, deviations = np.array(counted).T * 1000.0 / sampling_frequency_hz
    return {"sdann_ms": np.std(means, ddof=1), "sdnn_index_ms": np.mean(deviations)}


def nn_intervals(beats, sampling_frequency_hz):
    """The NN intervals of these beats and the samples where they end, both in samples."""
    normal = [beat for beat in beats if beat["nn_ms"] is not None]
    nn = [round(beat["nn_ms"] * sampling_frequency_hz / 1000.0) for beat in normal]
    return np.array(nn, int), np.array([beat["sample"] for beat in normal], int)


def about(segments, beats, sampling_frequency_hz):
    """The columns that do not rest on NN intervals alone, of consecutive segments and their beats."""
    samples = sum(segment["samples"] for segment in segments)
    rr_ms = [beat["rr_ms"] for beat in beats if beat["rr_ms"] is not None]
    nn_count = sum(beat["nn_ms"] is not None for beat in beats)
    return {
        "start_s": segments[0]["start_sample"] / sampling_frequency_hz,
        "duration_s": samples / sampling_frequency_hz,
        "usable_share": sum(segment["usable_samples"] for segment in segments) / samples,
        "beats": len(beats),
        **beats_of_each_type(beats),
        "rr_intervals": len(rr_ms),
        "nn_share": nn_count / len(rr_ms) if rr_ms else None,
        "heart_rate_bpm": 60_000.0 / np.mean(rr_ms) if rr_ms else None,
    }


def windows_of(segments, sampling_frequency_hz, segments_per_window, segments_per_minute):
    """The rows of the table `windows` of one lead: one for every `segments_per_window` segments (the last window may be
    shorter), then one of the whole lead, whose number is None. No rows for a lead shorter than LEAST_S.

    Of each segment: `start_sample`, `samples`, `usable_samples`, and its `beats` in order, with `sample`, `rr_ms`,
    `beat_type` and `nn_ms`.
    """
    rows, all_beats, full, all_minutes = [], [], [], []
    if sum(segment["samples"] for segment in segments) < LEAST_S * sampling_frequency_hz:
        return rows
    for number, start in enumerate(range(0, len(segments), segments_per_window)):
        part = segments[start : start + segments_per_window]
        beats = [beat for segment in part for beat in segment["beats"]]
        nn, ends = nn_intervals(beats, sampling_frequency_hz)
        rows.append({
            "window_index": number,
            **about(part, beats, sampling_frequency_hz),
            **variability(nn, ends, sampling_frequency_hz),
            **af_time(minutes_of(part, segments_per_minute), sampling_frequency_hz),
        })
        all_beats += beats
        all_minutes += minutes_of(part, segments_per_minute)
        if sum(segment["samples"] for segment in part) == segments_per_window * segments[0]["samples"]:
            full.append(nn)
    nn, ends = nn_intervals(all_beats, sampling_frequency_hz)
    rows.append({
        "window_index": None,
        **about(segments, all_beats, sampling_frequency_hz),
        # What takes a time that is quadratic in the number of intervals, or needs all of them at once, stays None.
        **dict.fromkeys(variability(nn[:0], ends[:0], sampling_frequency_hz)),
        **time_domain(nn, ends, sampling_frequency_hz),
        **long_term(full, sampling_frequency_hz),
        **af_time(all_minutes, sampling_frequency_hz),
    })
    return rows
