"""Holds the windows of the recipe (docs/recipe/step6_windows.py) to NeuroKit2 on the same NN intervals: within 1 %.

    neurokit_windows.py make       writes the golden file; needs `pip install neurokit2==0.2.13 astropy`
    neurokit_windows.py compare    compares the recipe in Python with it; needs NumPy only
    neurokit_windows.py refresh    after a change of the recipe: leaves NeuroKit2's values as they are
    neurokit_windows.py rows       prints what the recipe in Python makes of the series that come on standard input

The golden file has random series of NN intervals (seeded), what NeuroKit2 makes of them with the options below, and what the
recipe in Python makes of them. The recipe in Rust is compared with both (shared/recipe/tests/windows.rs).

Where NeuroKit2 has another definition on purpose:
* Power: `normalize=True` (its default) divides by the largest value; without, it is in ms^2 * (n - 1) / (2 T), where T is the
  time from the first to the last interval. TP has frequencies above 0.4 Hz, and LFn, HFn are shares of TP with VLF; the Task
  Force takes LF + HF. Its default lowest frequency is 2 * (median interval) / (n / 2), which is above 0.0033 Hz.
* DFA: its default for alpha 1 are 4 to 11 beats.
* pNN: it compares in ms, where one of exactly 50 (18 samples at 360 Hz) may be above 50 by rounding; we compare in samples.
* Triangular index: its last bin includes its upper end, so the two last bins are one if the longest interval is on an edge, as
  always at 128 Hz. It matters if one of them is the fullest.
* Where intervals are missing, it joins what is left for sample entropy and DFA, and divides pNN by differences + 1.
* SDANN, SDNN index: its windows are of summed NN time, it leaves out the last interval of each, and rounds their number.
"""

import json
import sys
from pathlib import Path

import numpy as np

WORKSPACE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(WORKSPACE / "docs/recipe"))

from step6_windows import nn_intervals, variability, windows_of  # noqa: E402

GOLDEN = WORKSPACE / "tests/tests/golden/neurokit_windows.json"
NEUROKIT = "0.2.13"
OPTIONS = {
    "hrv_time": {},
    "hrv_frequency": {
        "psd_method": "lomb", "interpolation_rate": None, "normalize": False, "min_frequency": 0.0033, "vhf": [0.4, 0.4],
    },
    "hrv_nonlinear": {"dfa_windows": [[4, 16], [17, None]]},
}
# Relative: to NeuroKit2, and to the recipe's own values.
TO_NEUROKIT, TO_REFERENCE = 0.01, 1e-9
SEGMENT_S, SEGMENTS_PER_WINDOW, SEGMENTS_PER_MINUTE = 10, 30, 6


# Series.

def series():
    """Intervals in samples for each name, negative if they are not NN, and the sampling frequency in Hz."""
    random = np.random.default_rng(300)

    def rhythm(count, mean_s, fs, low=0.0, high=0.0, noise=0.0, slow=0.0, fall=0.0):
        """A mean interval with waves at 0.1 and 0.25 Hz, noise, slow noise (a random walk) and a fall, all in s."""
        out, at, drift = [], 0.0, 0.0
        for number in range(count):
            drift = 0.97 * drift + random.normal(0, slow) if slow else 0.0
            interval = mean_s - fall * number / count + drift + random.normal(0, noise)
            interval += low * np.sin(2 * np.pi * 0.1 * at) + high * np.sin(2 * np.pi * 0.25 * at)
            out.append(max(round(interval * fs), round(0.3 * fs)))
            at += out[-1] / fs
        return out

    irregular = [round(s * 360) for s in np.clip(random.gamma(16, 0.65 / 16, 450), 0.3, 1.6)]
    ectopic = rhythm(360, 0.85, 360, low=0.02, high=0.03, noise=0.01, slow=0.004)
    for place in [20, 21, 77, 140, 141, 142, 143, 200, 260, 261, 330]:
        ectopic[place] = -ectopic[place]
    return {
        "steady": (rhythm(375, 0.8, 1000, noise=0.008, low=0.004, high=0.004), 1000.0),
        "respiratory": (rhythm(330, 0.9, 250, low=0.02, high=0.06, noise=0.01), 250.0),
        "trending": (rhythm(420, 0.8, 360, low=0.02, high=0.02, noise=0.012, slow=0.004, fall=0.15), 360.0),
        "irregular": (irregular, 360.0),
        "ectopic": (ectopic, 360.0),
        "half an hour": (rhythm(2250, 0.85, 128, low=0.02, high=0.03, noise=0.012, slow=0.008, fall=0.1), 128.0),
        "coarse": (rhythm(380, 0.78, 125, noise=0.004), 125.0),
    }


# NeuroKit2.

def neurokit(intervals, fs):
    """NeuroKit2's values under the names of our columns."""
    import neurokit2 as nk

    assert nk.__version__ == NEUROKIT
    intervals = np.array(intervals)
    normal = intervals > 0
    ends_s = np.cumsum(np.abs(intervals)) / fs
    peaks = {"RRI": intervals[normal] * 1000.0 / fs, "RRI_Time": ends_s[normal]}
    whole = bool(normal.all())
    if whole:
        peaks = np.concatenate([[0], np.cumsum(intervals)])
    options = OPTIONS["hrv_frequency"]
    time = nk.hrv_time(peaks, sampling_rate=fs).iloc[0]
    power = nk.hrv_frequency(peaks, sampling_rate=fs, **options).iloc[0]
    nonlinear = nk.hrv_nonlinear(peaks, sampling_rate=fs, **OPTIONS["hrv_nonlinear"]).iloc[0]

    seconds = ends_s[normal][-1] - ends_s[normal][0]
    to_ms2 = 2 * seconds / (normal.sum() - 1)
    vlf, lf, hf = (power[f"HRV_{name}"] * to_ms2 for name in ["VLF", "LF", "HF"])
    values = {
        "nn_mean_ms": time["HRV_MeanNN"],
        "sdnn_ms": time["HRV_SDNN"],
        "rmssd_ms": time["HRV_RMSSD"],
        "nn_p50_ms": time["HRV_MedianNN"],
        "triangular_index": time["HRV_HTI"],
        "sd1_ms": nonlinear["HRV_SD1"],
        "sd2_ms": nonlinear["HRV_SD2"],
        "vlf_ms2": vlf,
        "lf_ms2": lf,
        "hf_ms2": hf,
        "total_ms2": power["HRV_TP"] * to_ms2,
        "lf_hf": power["HRV_LFHF"],
        "lf_nu": 100 * lf / (lf + hf),
        "hf_nu": 100 * hf / (lf + hf),
    }
    if whole:
        values |= {
            "pnn50": time["HRV_pNN50"],
            "pnn20": time["HRV_pNN20"],
            "sample_entropy": nonlinear["HRV_SampEn"],
            "dfa_alpha1": nonlinear["HRV_DFA_alpha1"],
        }
    if seconds > 900:
        values = {name: value for name, value in values.items() if variability_is_cheap(name)}
        values |= {"sdann_ms": time["HRV_SDANN5"], "sdnn_index_ms": time["HRV_SDNNI5"]}
    return {name: float(value) for name, value in values.items()}


def variability_is_cheap(name):
    """Whether the row of a whole lead has it."""
    return not name.endswith(("ms2", "_nu")) and name not in ("lf_hf", "sample_entropy", "dfa_alpha1")


# The recipe.

def beats_of(intervals, fs):
    """The first beat is at sample 0. An interval that is not NN ends with a ventricular beat."""
    samples = np.concatenate([[0], np.cumsum(np.abs(intervals))])
    beats = [{"sample": 0, "rr_ms": None, "nn_ms": None, "beat_type": "N", "p_peak": None}]
    for sample, interval in zip(samples[1:].tolist(), intervals):
        rr_ms = abs(interval) * 1000.0 / fs
        nn_ms, beat_type = (rr_ms, "N") if interval > 0 else (None, "V")
        beats.append({"sample": sample, "rr_ms": rr_ms, "nn_ms": nn_ms, "beat_type": beat_type, "p_peak": None})
    return beats


def recipe(intervals, fs):
    """The rows of the recipe in Python: one of variability, or for more than one window all rows."""
    beats = beats_of(intervals, fs)
    length = int(SEGMENT_S * fs)
    if beats[-1]["sample"] <= 1.5 * SEGMENTS_PER_WINDOW * length:
        rows = [variability(*nn_intervals(beats, fs), fs)]
    else:
        segments = [
            {
                "start_sample": start,
                "samples": length,
                # Of every seventh segment half.
                "usable_samples": length // 2 if start // length % 7 == 0 else length,
                "beats": [beat for beat in beats if start <= beat["sample"] < start + length],
            }
            for start in range(0, beats[-1]["sample"] + 1, length)
        ]
        rows = windows_of(segments, fs, SEGMENTS_PER_WINDOW, SEGMENTS_PER_MINUTE)
    return [{name: None if value is None else float(value) for name, value in row.items()} for row in rows]


# The golden file.

def write(all_series):
    head = {"neurokit2": NEUROKIT, "options": OPTIONS}
    lines = [json.dumps(head)[:-1], *(f"{json.dumps(name)}: {json.dumps(one)}" for name, one in all_series.items())]
    GOLDEN.write_text(lines[0] + ', "series": {\n' + ",\n".join(lines[1:]) + "\n}}\n")


def make():
    write({
        name: {
            "sampling_frequency_hz": fs, "intervals": intervals, "neurokit": neurokit(intervals, fs),
            "recipe": recipe(intervals, fs),
        }
        for name, (intervals, fs) in series().items()
    })


def refresh():
    all_series = json.loads(GOLDEN.read_text())["series"]
    for one in all_series.values():
        one["recipe"] = recipe(one["intervals"], one["sampling_frequency_hz"])
    write(all_series)


def rows():
    all_series = json.load(sys.stdin)
    made = {name: recipe(one["intervals"], one["sampling_frequency_hz"]) for name, one in all_series.items()}
    json.dump(made, sys.stdout, allow_nan=False)


def away(found, expected):
    """How far two values are from each other, relative."""
    if found is None or expected is None:
        return 0.0 if found is expected else np.inf
    return abs(found - expected) / max(abs(expected), 1e-12) if found != expected else 0.0


def compare():
    golden = json.loads(GOLDEN.read_text())
    failed, worst = [], {}
    for name, one in golden["series"].items():
        rows = recipe(one["intervals"], one["sampling_frequency_hz"])
        for number, (row, stored) in enumerate(zip(rows, one["recipe"], strict=True)):
            for column in row | stored:
                if away(row.get(column), stored.get(column)) > TO_REFERENCE:
                    failed.append(f"{name}, row {number}, {column}: {row.get(column)}, in the golden file {stored.get(column)}")
        for column, value in one["neurokit"].items():
            distance = away(rows[-1][column], value)
            worst[column] = max(worst.get(column, 0.0), distance)
            if distance > TO_NEUROKIT:
                failed.append(f"{name}, {column}: {rows[-1][column]}, NeuroKit2 {value}")
    print("farthest from NeuroKit2, %: " + ", ".join(f"{name} {100 * value:.2g}" for name, value in worst.items()))
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    {"make": make, "refresh": refresh, "compare": compare, "rows": rows}[sys.argv[1]]()
