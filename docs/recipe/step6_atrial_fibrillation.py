"""Step 6, number 18: whether each minute is in atrial fibrillation (AF): irregular intervals, and beats without P wave.

Irregular: the median change from an interval to the next, the share of it that Lake and Moorman (2011, Am J Physiol Heart
Circ Physiol 300:H319) and Petrenas, Marozas and Sornmo (2015, Comput Biol Med 65:184) measure in other ways. Ectopic beats
repeat: in bigeminy every second interval is alike, in trigeminy every third. So the least change counts, to the next, the second
next or the third next interval. P waves: Babaeizadeh et al. (2009, J Electrocardiol 42:522).
"""

import numpy as np

# A minute is so many s of whole segments, from the first on; the last may be shorter.
MINUTE_S = 60.0
# Intervals are compared with the next so many.
LAGS = 3
# Fewer known intervals than this say nothing: None.
LEAST_INTERVALS = 10
# AF: the irregularity is above this share of the median interval...
IRREGULAR_AF = 0.08
# ...and fewer than this share of the beats have a P wave.
P_SHARE_AF = 0.5


def irregularity(rr_ms):
    """The least, over the lags, median change between intervals, as a share of the median interval; NaN where unknown."""
    known = ~np.isnan(rr_ms)
    if known.sum() < LEAST_INTERVALS:
        return None
    medians = []
    for lag in range(1, LAGS + 1):
        change = np.abs(rr_ms[lag:] - rr_ms[:-lag])
        change = change[~np.isnan(change)]
        if change.size >= LEAST_INTERVALS / 2:
            medians.append(np.median(change))
    return min(medians) / np.median(rr_ms[known]) if medians else None


def is_af(beats):
    """For the beats of one minute; None if too few intervals are known. The intervals of ventricular and paced beats do not count."""
    types = np.array([beat["beat_type"] for beat in beats])
    rr = np.array([np.nan if beat["rr_ms"] is None else beat["rr_ms"] for beat in beats], float)
    of_ventricles = np.isin(types, ["V", "P"])
    rr[of_ventricles | np.append(False, of_ventricles[:-1])] = np.nan
    irregular = irregularity(rr)
    has_p = [beat["p_peak"] is not None for beat in beats]
    return None if irregular is None else bool(irregular > IRREGULAR_AF and np.mean(has_p) < P_SHARE_AF)


def minutes_of(segments, segments_per_minute):
    """For each minute of a lead its samples, and whether it is in AF."""
    parts = [segments[start : start + segments_per_minute] for start in range(0, len(segments), segments_per_minute)]
    return [
        (sum(segment["samples"] for segment in part), is_af([beat for segment in part for beat in segment["beats"]]))
        for part in parts
    ]


def af_time(minutes, sampling_frequency_hz):
    """Seconds in AF, None if nothing is known, and seconds of the minutes that are known. The AF burden is their ratio."""
    known = sum(samples for samples, found in minutes if found is not None)
    af = sum(samples for samples, found in minutes if found)
    return {"af_s": af / sampling_frequency_hz if known else None, "af_known_s": known / sampling_frequency_hz}
