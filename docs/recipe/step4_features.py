"""Step 4: cut segments and compute their features.

A feature that is undefined is None. To add one: write a function with its formula, unit and source, and give its value a
name in `features`; the column of the table gets the same name.
"""

import numpy as np

# A gap this long, in s, can hide a beat. Pan and Tompkins: 0.2, the refractory period of a heart.
HIDING_GAP_S = 0.2
# Bands of the spectrum in Hz, both ends included, as Li, Mark and Clifford (2008) and Clifford et al. (2012) have them.
QRS_BAND_HZ = (5.0, 15.0)
QRS_AND_MUSCLE_HZ = (5.0, 40.0)
BASELINE_BAND_HZ = (0.0, 1.0)
ECG_BAND_HZ = (0.0, 40.0)
# The types of beats (step 3c).
# The classes of ANSI/AAMI EC57 that are counted; Q has the paced beats, too.
BEAT_CLASSES = ("N", "S", "V", "Q")
# What is measured of each beat (step 3b) and has its median, over the beats that have a value, among the features.
MEASURED = ("pr_ms", "qrs_ms", "qt_ms", "qtc_bazett_ms", "qtc_fridericia_ms", "st_mv", "t_polarity")
# Two adjacent intervals that differ by more than this, in ms, count for pNN50 (Task Force 1996: 50).
PNN50_MS = 50.0


def round_half_up(value):
    return int(np.floor(value + 0.5))


def runs(mv, missing):
    """For each sample, how many equal samples its run has. A missing sample ends a run and belongs to none: 0."""
    if mv.size == 0:
        return np.zeros(0, int)
    begins = np.concatenate([[True], (mv[1:] != mv[:-1]) | missing[1:] | missing[:-1]])
    lengths = np.diff(np.append(np.flatnonzero(begins), mv.size))
    return np.where(missing, 0, np.repeat(lengths, lengths))


def beats_of(r_samples, template_corrs, mv, missing, sampling_frequency_hz):
    """For each R peak its sample, time, interval since the previous beat, the stored signal there, and its correlation with
    the templates.

    `rr_ms` is None for the first beat, and where a gap of HIDING_GAP_S or more since the previous beat could hide another.
    """
    hiding = max(round_half_up(HIDING_GAP_S * sampling_frequency_hz), 1)
    edges = np.flatnonzero(np.diff(missing, prepend=False, append=False))
    starts, ends = edges[::2], edges[1::2]
    # A gap can hide a beat from its sample number `hiding` on.
    hides_from = starts[ends - starts >= hiding] + hiding - 1
    gaps_before = np.searchsorted(hides_from, r_samples)
    beats = []
    for number, sample in enumerate(r_samples):
        known = number > 0 and gaps_before[number] == gaps_before[number - 1]
        rr_ms = (sample - r_samples[number - 1]) * 1000.0 / sampling_frequency_hz if known else None
        beats.append({
            "sample": sample,
            "time_s": sample / sampling_frequency_hz,
            "rr_ms": rr_ms,
            "r_mv": mv[sample],
            "template_corr": template_corrs[number],
        })
    return beats


def heart_rate_bpm(rr_ms):
    """60,000 / mean rr, in beats per minute."""
    return 60_000.0 / np.mean(rr_ms) if len(rr_ms) else None


def rr_statistics(rr_ms):
    """Of the intervals between the beats of one segment, NaN where unknown."""
    known = rr_ms[~np.isnan(rr_ms)]
    return {
        "rr_intervals": known.size,
        "heart_rate_bpm": heart_rate_bpm(known),
        "rr_mean_ms": np.mean(known) if known.size else None,
    }


def nn_statistics(nn_ms, sampling_frequency_hz):
    """Of the same intervals, NaN also where one of the two beats is not normal. Such an interval also separates its
    neighbours, which are then not adjacent. pNN50 compares in whole samples: in ms a difference of exactly 50 could be above it
    by rounding.

    Task Force of the ESC and NASPE (1996), "Heart rate variability", Circulation 93:1043, table 1.
    """
    known = nn_ms[~np.isnan(nn_ms)]
    differences = np.diff(nn_ms)
    differences = differences[~np.isnan(differences)]
    nn50 = np.round(np.abs(differences) * sampling_frequency_hz / 1000.0) > PNN50_MS * sampling_frequency_hz / 1000.0
    return {
        "nn_intervals": known.size,
        "sdnn_ms": np.std(known, ddof=1) if known.size > 1 else None,
        "rmssd_ms": np.sqrt(np.mean(differences**2)) if differences.size else None,
        "pnn50": 100.0 * np.sum(nn50) / known.size if differences.size else None,
    }


def beats_of_each_type(beats):
    classes = ["Q" if beat["beat_type"] == "P" else beat["beat_type"] for beat in beats]
    return {f"beats_{name.lower()}": classes.count(name) for name in BEAT_CLASSES}


def medians(beats):
    """The median of each measurement over the beats that have a value; None where none has. `t_polarity` is 0 where as
    many T waves point up as down.
    """
    values = {name: [beat[name] for beat in beats if beat[name] is not None] for name in MEASURED}
    return {name: float(np.median(known)) if known else None for name, known in values.items()}


def moments(mv):
    """kSQI = m4 / m2^2 (Pearson's kurtosis, 3 for a normal distribution) and sSQI = m3 / m2^1.5, with
    mk = mean (x - mean)^k.

    Li, Mark and Clifford (2008), Physiol Meas 29:15; Clifford et al. (2012), Physiol Meas 33:1419.
    """
    if np.all(mv == mv[0]):
        return {"ksqi": None, "ssqi": None}
    d = mv.astype(float) - np.mean(mv, dtype=float)
    m2, m3, m4 = np.mean(d**2), np.mean(d**3), np.mean(d**4)
    return {"ksqi": m4 / m2**2, "ssqi": m3 / m2**1.5}


def spectral_shares(mv, sampling_frequency_hz):
    """pSQI = P(5 to 15 Hz) / P(5 to 40 Hz) and basSQI = 1 - P(0 to 1 Hz) / P(0 to 40 Hz). P is the one-sided periodogram of
    the segment, its mean removed, under a Hann window: 0 Hz and half the sampling frequency exist once, all others twice.

    Li, Mark and Clifford (2008), Physiol Meas 29:15; Clifford et al. (2012), Physiol Meas 33:1419.
    """
    if np.all(mv == mv[0]):
        return {"psqi": None, "bassqi": None}
    n = mv.size
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(n) + 0.5) / n)
    power = np.abs(np.fft.rfft(hann * (mv.astype(float) - np.mean(mv, dtype=float)))) ** 2
    power[1 : (n + 1) // 2] *= 2
    step_hz = sampling_frequency_hz / n

    def band(hz):
        return power[int(np.ceil(hz[0] / step_hz)) : int(np.floor(hz[1] / step_hz)) + 1].sum()

    def share(part, whole):
        return band(part) / band(whole) if band(whole) > 0 else None

    wander = share(BASELINE_BAND_HZ, ECG_BAND_HZ)
    return {
        "psqi": share(QRS_BAND_HZ, QRS_AND_MUSCLE_HZ),
        "bassqi": None if wander is None else 1.0 - wander,
    }


def quality_indices(template_corrs, by_both, by_one):
    """bSQI = beats that both detectors found / beats that either found (Li, Mark and Clifford 2008, Physiol Meas 29:15).
    template_corr = median correlation of the beats with the templates of earlier beats, below 0 as 0 (after Orphanidou et
    al. 2015, IEEE J Biomed Health Inform 19:832, who take the mean; the median lets one new kind of beat pass).
    sqi = bSQI * template_corr, from 0 to 1. The product is ours: in noise one of the two may stay high by chance.
    """
    bsqi = by_both / (by_both + by_one) if by_both + by_one else None
    known = [max(corr, 0.0) for corr in template_corrs if corr is not None]
    template_corr = np.median(known) if known else None
    if bsqi is None or bsqi == 0:
        # Whatever the templates say: no beat is clear, or none was found.
        sqi = bsqi
    else:
        sqi = None if template_corr is None else bsqi * template_corr
    return {"template_corr": template_corr, "bsqi": bsqi, "sqi": sqi}


def features(mv, missing, run_lengths, beats, by_both, by_one, sampling_frequency_hz, rules):
    """The features of one segment, named as the columns of the table `segments`. `run_lengths` are its part of those of
    the whole lead: a run that crosses a border is judged in full, and each segment counts its own part. `by_both` and
    `by_one` are numbers of beats: see `agreement`.
    """
    flat_from = max(int(np.ceil(rules.label_flat_s_from * sampling_frequency_hz - 1e-9)), 2)
    at_an_extreme = (mv == mv.min()) | (mv == mv.max())
    rr_ms, nn_ms = (
        np.array([np.nan if beat[name] is None else beat[name] for beat in beats[1:]], float) for name in ("rr_ms", "nn_ms")
    )
    return {
        "min_mv": mv.min(),
        "max_mv": mv.max(),
        "rms_mv": np.sqrt(np.mean(mv.astype(float) ** 2)),
        "beats": len(beats),
        **beats_of_each_type(beats),
        **rr_statistics(rr_ms),
        **nn_statistics(nn_ms, sampling_frequency_hz),
        **medians(beats),
        **moments(mv),
        **spectral_shares(mv, sampling_frequency_hz),
        **quality_indices([beat["template_corr"] for beat in beats], by_both, by_one),
        "flat_ms": np.sum(run_lengths >= flat_from) * 1000.0 / sampling_frequency_hz,
        "saturated_samples": np.sum((run_lengths >= rules.label_saturated_run_from) & at_an_extreme),
        "missing_samples": np.sum(missing),
    }


def cut_segments(mv, missing, beats, by_both, by_one, sampling_frequency_hz, rules):
    """Segment i has round(segment_s * fs) samples from i * round(segment_s * fs); the last one may be shorter. `by_both` and
    `by_one` are samples: see `agreement`.
    """
    length = max(round_half_up(rules.segment_s * sampling_frequency_hz), 1)
    run_lengths = runs(mv, missing)
    segments = []
    for number, start in enumerate(range(0, mv.size, length)):
        part = slice(start, min(start + length, mv.size))
        its_beats = [beat for beat in beats if part.start <= beat["sample"] < part.stop]
        agreeing = [int(np.sum((samples >= part.start) & (samples < part.stop))) for samples in (by_both, by_one)]
        segments.append({
            "segment": number,
            "start_sample": start,
            "mv": mv[part],
            "missing_at": np.flatnonzero(missing[part]),
            "beats": its_beats,
            "features": features(
                mv[part], missing[part], run_lengths[part], its_beats, *agreeing, sampling_frequency_hz, rules
            ),
        })
    return segments
