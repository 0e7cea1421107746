"""Scores the types of beats against 24 half-hour records of the MIT-BIH Arrhythmia Database: see README.md.

    python docs/recipe/score_types.py [number of the lead, from 0 [cut into pieces of so many seconds]]

The records are sorted by name and split alternately: the constants were to be chosen on the first half. (All 24 had been used
before, to choose the constants of the search for beats.) As in ANSI/AAMI EC57, the paced records 102, 104, 107 and 217 are left
out of the figures of V and S, beats are matched within 150 ms, and fusion (F) and unclassifiable (Q) beats count neither for
nor against. Paced beats are counted by themselves, in all records.
"""

import json
import sys

import numpy as np

from annotated import folder, halves, read_recording
from process import beats_and_kinds
from step2_calibrate import calibrate
from step3b_find_waves import find_waves
from step3c_beat_types import beat_types
from step4_features import beats_of

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


def types_of(path, lead, piece_s=None):
    """R peaks and types of a lead, of each piece by itself; and the sampling frequency."""
    adu, fs, gain, baseline = read_recording(path, lead)
    whole = calibrate(adu, gain, baseline)
    length = round(piece_s * fs) if piece_s else whole.size
    r_samples, types = [], []
    for start in range(0, whole.size, length):
        mv = whole[start : start + length]
        beats, _, kinds = beats_and_kinds(mv, fs)
        r_of_piece = [beat.r_sample for beat in beats]
        missing = np.zeros(mv.size, bool)
        rr_ms = [beat["rr_ms"] for beat in beats_of(r_of_piece, [None] * len(r_of_piece), mv, missing, fs)]
        types += beat_types(mv, r_of_piece, find_waves(mv, missing, r_of_piece, kinds, fs), rr_ms, fs)
        r_samples += [start + r for r in r_of_piece]
    return r_samples, types, fs


def figures(counts):
    """Sensitivity and predictivity of V and of S, false V among N and S: all in percent. Counts: annotated V, right V, false V,
    annotated S, right S, false S, annotated N and S.
    """
    v, right_v, false_v, s, right_s, false_s, others = np.sum(counts, axis=0)
    shares = [(right_v, v), (right_v, right_v + false_v), (false_v, others), (right_s, s), (right_s, right_s + false_s)]
    return np.array([100 * a / b if b else np.nan for a, b in shares])


def main():
    mitdb, annotated = folder("ECG_DATA", "data", "mitdb-30min"), folder("ECG_ANNOTATED", "annotated", "cinc-2017")
    if mitdb is None or annotated is None:
        return
    lead = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    truth = json.loads((annotated.parent / "mitdb-types.json").read_text())
    piece_s = float(sys.argv[2]) if len(sys.argv) > 2 else None
    names = ["V Se %", "V PPV %", "false V %", "S Se %", "S PPV %"]
    print("record     V   found  false   S   found  false   N and S")
    every, all_paced = [], []
    for half, files in halves(truth).items():
        counts, paced_counts = [], []
        for file in files:
            r_samples, types, fs = types_of(mitdb / file, lead, piece_s)
            aami = truth[file]["aami"]
            pairs = matched(truth[file]["sample"], r_samples, TOLERANCE_S * fs)
            paced = [types[f] == "P" for _, f in pairs]
            is_paced = [truth[file]["type"][a] == "/" for a, _ in pairs]
            may_not_be = [aami[a] in "NSVF" for a, _ in pairs]
            paced_counts.append([
                truth[file]["type"].count("/"), np.logical_and(paced, is_paced).sum(), np.logical_and(paced, may_not_be).sum(),
            ])
            if paced_counts[-1][0] or paced_counts[-1][2]:
                print(f"{file[:3]:6} " + "paced {}, found {}, false {}".format(*paced_counts[-1]), flush=True)
            if file[:3] in PACED:
                continue

            def count(annotated, found):
                return sum(aami[a] in annotated and types[f] == found for a, f in pairs)

            counts.append([
                aami.count("V"), count("V", "V"), count("NS", "V"), aami.count("S"), count("S", "S"), count("NV", "S"),
                aami.count("N") + aami.count("S"),
            ])
            print(f"{file[:3]:6} " + " ".join(f"{value:6}" for value in counts[-1]), flush=True)
        every += counts
        all_paced += paced_counts
        report(half, counts, names)
    report("all", every, names)
    annotated_paced, right, wrong = np.sum(all_paced, axis=0)
    print(f"paced: Se % {100 * right / annotated_paced:.2f}, PPV % {100 * right / (right + wrong):.2f}")


def report(title, counts, names):
    generator = np.random.default_rng(1)
    drawn = generator.integers(0, len(counts), (BOOTSTRAP, len(counts)))
    low, high = np.nanpercentile([figures([counts[n] for n in one]) for one in drawn], [2.5, 97.5], axis=0)
    cells = [f"{name} {v:.2f} ({a:.2f} {b:.2f})" for name, v, a, b in zip(names, figures(counts), low, high)]
    print(f"{title} ({len(counts)} records, 95 % confidence intervals over records): " + ", ".join(cells), flush=True)


if __name__ == "__main__":
    main()
