"""Scores the types of beats against 24 half-hour records of the MIT-BIH Arrhythmia Database: see README.md.

    python docs/recipe/score_types.py [number of the lead, from 0]

The records are sorted by name and split alternately: the constants were to be chosen on the first half. (All 24 had been used
before, to choose the constants of the search for beats.) As in ANSI/AAMI EC57, the paced records 102, 104, 107 and 217 are left
out, beats are matched within 150 ms, and fusion (F) and unclassifiable (Q) beats count neither for nor against.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np

from read_mat import read_mat
from step2_calibrate import calibrate
from step3_find_beats import find_beats
from step3_qrs_candidates import find_candidates
from step3b_find_waves import find_waves
from step3c_beat_types import beat_types
from step4_features import beats_of

HERE = Path(__file__).resolve().parents[2]
ANNOTATED = Path(os.environ.get("ECG_ANNOTATED", HERE / "../shared/annotated"))
DATA = Path(os.environ.get("ECG_DATA", HERE / "../shared/data"))
FS, GAIN, BASELINE = 360.0, 200.0, 1024.0
PACED = ("102", "104", "107", "217")
TOLERANCE_S = 0.15
BOOTSTRAP = 2000


def matched(annotated, found, tolerance):
    """Pairs of numbers (annotated beat, found beat), one to one, in the order of time."""
    pairs, a, f = [], 0, 0
    while a < len(annotated) and f < len(found):
        if abs(annotated[a] - found[f]) <= tolerance:
            pairs.append((a, f))
            a, f = a + 1, f + 1
        elif annotated[a] < found[f]:
            a += 1
        else:
            f += 1
    return pairs


def types_of(path, lead):
    mv = calibrate(read_mat(path)[0][lead], GAIN, BASELINE)
    r_samples = [beat.r_sample for beat in find_beats(find_candidates(mv, FS), mv.size, FS)]
    missing = np.zeros(mv.size, bool)
    rr_ms = [beat["rr_ms"] for beat in beats_of(r_samples, [None] * len(r_samples), mv, missing, FS)]
    return r_samples, beat_types(mv, r_samples, find_waves(mv, missing, r_samples, FS), rr_ms, FS)


def figures(counts):
    """Sensitivity and predictivity of V and of S, false V among N and S: all in percent. Counts: annotated V, right V, false V,
    annotated S, right S, false S, annotated N and S.
    """
    v, right_v, false_v, s, right_s, false_s, others = np.sum(counts, axis=0)
    shares = [(right_v, v), (right_v, right_v + false_v), (false_v, others), (right_s, s), (right_s, right_s + false_s)]
    return np.array([100 * a / b if b else np.nan for a, b in shares])


def main():
    if not (ANNOTATED / "mitdb-types.json").exists() or not (DATA / "mitdb-30min").exists():
        print(f"skipped: no mitdb-types.json in {ANNOTATED} (ECG_ANNOTATED), or no mitdb-30min in {DATA} (ECG_DATA)")
        return
    lead = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    truth = json.loads((ANNOTATED / "mitdb-types.json").read_text())
    halves = {"chosen on": sorted(truth)[0::2], "held out": sorted(truth)[1::2]}
    names = ["V Se %", "V PPV %", "false V %", "S Se %", "S PPV %"]
    print("record     V   found  false   S   found  false   N and S")
    every = []
    for half, files in halves.items():
        counts = []
        for file in files:
            if file[:3] in PACED:
                continue
            r_samples, types = types_of(DATA / "mitdb-30min" / file, lead)
            aami = truth[file]["aami"]
            pairs = matched(truth[file]["sample"], r_samples, TOLERANCE_S * FS)

            def count(annotated, found):
                return sum(aami[a] in annotated and types[f] == found for a, f in pairs)

            counts.append([
                aami.count("V"), count("V", "V"), count("NS", "V"), aami.count("S"), count("S", "S"), count("NV", "S"),
                aami.count("N") + aami.count("S"),
            ])
            print(f"{file[:3]:6} " + " ".join(f"{value:6}" for value in counts[-1]), flush=True)
        every += counts
        report(half, counts, names)
    report("all", every, names)


def report(title, counts, names):
    generator = np.random.default_rng(1)
    drawn = generator.integers(0, len(counts), (BOOTSTRAP, len(counts)))
    low, high = np.nanpercentile([figures([counts[n] for n in one]) for one in drawn], [2.5, 97.5], axis=0)
    cells = [f"{name} {v:.2f} ({a:.2f} {b:.2f})" for name, v, a, b in zip(names, figures(counts), low, high)]
    print(f"{title} ({len(counts)} records, 95 % confidence intervals over records): " + ", ".join(cells), flush=True)


if __name__ == "__main__":
    main()
