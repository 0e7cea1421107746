"""The recipe: from the samples of one lead in ADC units to segments in millivolts, with beats, features and labels.

As a command it prints what it makes of a file: see README.md.
"""

import argparse

import numpy as np

from read_mat import read_mat
from rules import RULES
from step1_fill_gaps import fill_gaps, missing_samples
from step2_calibrate import calibrate
from step3_doubtful_beats import without_noise
from step3_find_beats import find_beats
from step3_qrs_candidates import find_candidates
from step3_second_detector import agreement, find_beats_by_length
from step3_templates import template_correlations
from step3b_find_waves import find_waves, measurements
from step3c_beat_types import beat_types, normal_to_normal
from step4_features import beats_of, cut_segments, heart_rate_bpm, round_half_up
from step5_label_quality import quality, warnings
from step6_atrial_fibrillation import MINUTE_S
from step6_windows import WINDOW_S, windows_of

# Rises with each change of a value beyond rounding; the column `recipe_version`.
RECIPE_VERSION = 3


def beats_and_kinds(mv, sampling_frequency_hz):
    """The beats of a lead as candidates, the correlation of each with the template of its kind, and its kind."""
    found = find_beats(find_candidates(mv, sampling_frequency_hz), mv.size, sampling_frequency_hz)
    correlations, kinds = template_correlations(found, mv, sampling_frequency_hz)
    return without_noise(found, correlations, kinds, sampling_frequency_hz)


def process(samples, sampling_frequency_hz, gain, baseline, rules=RULES):
    """Applies the recipe to one lead. `samples` are in ADC units, NaN where missing; `gain` is in adu/mV.

    Returns the segments, and a summary of the lead; both are dictionaries with the names of the tables' columns.
    """
    lowest_hz, highest_hz = rules.reject_sampling_frequency_hz_below, rules.reject_sampling_frequency_hz_above
    if not lowest_hz <= sampling_frequency_hz <= highest_hz:
        raise ValueError(f"sampling frequency: expected {lowest_hz} to {highest_hz} Hz, found {sampling_frequency_hz} Hz")
    if not (np.isfinite(gain) and gain != 0 and np.isfinite(baseline)):
        raise ValueError(
            f"calibration: expected a finite gain other than 0 adu/mV and a finite baseline, found {gain} and {baseline}"
        )
    adu = np.asarray(samples, float)
    # 1. Fill gaps.
    missing = missing_samples(adu, gain, baseline)
    filled = fill_gaps(adu, missing, value_if_all_missing=baseline)
    # 2. Calibrate.
    mv = calibrate(filled, gain, baseline)
    # 3. Find beats.
    found, correlations, kinds = beats_and_kinds(mv, sampling_frequency_hz)
    beats = beats_of([beat.r_sample for beat in found], correlations, mv, missing, sampling_frequency_hz)
    by_both, by_one = agreement(
        [beat.at for beat in found], find_beats_by_length(mv, sampling_frequency_hz), sampling_frequency_hz
    )
    # 3b. Find waves.
    r_samples = [beat["sample"] for beat in beats]
    found_waves = find_waves(mv, missing, r_samples, kinds, sampling_frequency_hz)
    for beat, waves in zip(beats, found_waves):
        for name in ("p", "qrs", "t"):
            wave = waves[name]
            beat[f"{name}_onset"], beat[f"{name}_end"] = (wave.onset, wave.end) if wave else (None, None)
            if name != "qrs":
                beat[f"{name}_peak"] = wave.peak if wave else None
        beat |= measurements(waves, beat["rr_ms"], mv, missing, sampling_frequency_hz)
    # 3c. Type of each beat.
    rr_ms = [beat["rr_ms"] for beat in beats]
    types = beat_types(mv, r_samples, found_waves, rr_ms, sampling_frequency_hz)
    for beat, its_type, nn_ms in zip(beats, types, normal_to_normal(types, rr_ms)):
        beat["beat_type"], beat["nn_ms"] = its_type, nn_ms
    # 4. Cut segments and compute features.
    segments = cut_segments(mv, missing, beats, by_both, by_one, sampling_frequency_hz, rules)
    # 5. Label quality.
    for segment in segments:
        segment["warnings"] = warnings(segment["features"], segment["mv"].size / sampling_frequency_hz, rules)
        segment["quality"] = quality(segment["warnings"])

    of_any = {warning for segment in segments for warning in segment["warnings"]}
    summary = {
        "samples": mv.size,
        "missing_samples": int(missing.sum()),
        "segments": len(segments),
        "beats": len(beats),
        "heart_rate_bpm": heart_rate_bpm([beat["rr_ms"] for beat in beats if beat["rr_ms"] is not None]),
        "warnings": sorted(of_any),
        "quality": quality(of_any),
    }
    return segments, summary


def windows(segments, sampling_frequency_hz, rules=RULES):
    """Step 6: the rows of the table `windows` of a lead, from its segments as `process` gives them."""
    parts = []
    for segment in segments:
        features, samples = segment["features"], segment["mv"].size
        flat = round(features["flat_ms"] * sampling_frequency_hz / 1000.0)
        usable = 0 if "noisy" in segment["warnings"] else samples - flat - features["missing_samples"]
        parts.append({
            "start_sample": segment["start_sample"], "samples": samples, "usable_samples": int(usable), "beats": segment["beats"],
        })
    segments_of = [max(round_half_up(seconds / rules.segment_s), 1) for seconds in (WINDOW_S, MINUTE_S)]
    return windows_of(parts, sampling_frequency_hz, *segments_of)


def main():
    parser = argparse.ArgumentParser(description="Applies the recipe to a MAT file of level 4 or 5.")
    parser.add_argument("file")
    for name, meaning in [("fs", "sampling frequency in Hz"), ("gain", "adu/mV"), ("baseline", "adu at 0 mV")]:
        parser.add_argument(f"--{name}", type=float, help=f"{meaning}; else the variable {name} of the file")
    arguments = parser.parse_args()
    leads, variables = read_mat(arguments.file)

    def setting(name):
        """One number for each lead."""
        given = getattr(arguments, name)
        if given is None and name not in variables:
            parser.error(f"expected a variable {name} in {arguments.file}, found none; add --{name} NUMBER")
        return np.broadcast_to(variables[name].ravel() if given is None else given, len(leads))

    def text(values):
        rate = values["heart_rate_bpm"]
        return (
            f"beats {values['beats']}, heart_rate_bpm {'unknown' if rate is None else round(float(rate), 1)}, "
            f"quality {values['quality']}, {' '.join(values['warnings']) or 'no warnings'}"
        )

    for lead, calibration in enumerate(zip(setting("fs"), setting("gain"), setting("baseline"))):
        segments, summary = process(leads[lead], *calibration)
        counts = ", ".join(f"{name} {summary[name]}" for name in ["samples", "missing_samples", "segments"])
        print(f"lead {lead}: {counts}, {text(summary)}")
        for segment in segments:
            print(f"  segment {segment['segment']}: {text(segment | segment['features'])}")


if __name__ == "__main__":
    main()
