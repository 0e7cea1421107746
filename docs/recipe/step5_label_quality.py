"""Step 5: label what looks odd. A label is stored beside the segment and never drops it; the limits are in rules.py."""

import numpy as np


def warnings(features, duration_s, rules):
    """The warnings of a segment of `duration_s` seconds. An undefined feature gives none of its own."""
    f = features
    lowest, highest = float(f["min_mv"]), float(f["max_mv"])
    # A shorter segment is asked for fewer beats.
    beats_expected = np.floor(rules.label_beats_below * min(duration_s / rules.segment_s, 1.0) + 1e-9)

    def below(name, limit):
        return f[name] is not None and f[name] < limit

    def above(name, limit):
        return f[name] is not None and f[name] > limit

    found = {
        "flat_line": f["flat_ms"] > 0,
        "saturated": f["saturated_samples"] > 0,
        "missing_samples": f["missing_samples"] > 0,
        "amplitude": max(abs(lowest), abs(highest)) > rules.label_amplitude_mv_above,
        "low_amplitude": highest - lowest < rules.label_peak_to_peak_mv_below,
        "high_amplitude": highest - lowest > rules.label_peak_to_peak_mv_above,
        "few_beats": f["beats"] < beats_expected,
        "heart_rate": below("heart_rate_bpm", rules.label_heart_rate_bpm_below)
        or above("heart_rate_bpm", rules.label_heart_rate_bpm_above),
        "ksqi": below("ksqi", rules.label_ksqi_below),
        "psqi": below("psqi", rules.label_psqi_below) or above("psqi", rules.label_psqi_above),
        "bassqi": below("bassqi", rules.label_bassqi_below),
        "noisy": below("sqi", rules.label_sqi_below),
    }
    return [name for name, holds in found.items() if holds]


def quality(warnings):
    return "warn" if warnings else "good"
