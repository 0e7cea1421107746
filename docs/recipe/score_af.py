"""Scores the minutes in atrial fibrillation against the rhythms of 24 half-hour records of the MIT-BIH Arrhythmia Database, and
the recordings of the PhysioNet/CinC Challenge 2017.

    python docs/recipe/score_af.py

A minute is in AF if more than half of it is annotated AFIB; minutes with more than 30 s of AFIB and AFL that are not are left out
and counted apart (flutter). First lead, the paced records left out, beats and types as found.
"""

import csv
import json

import numpy as np

from annotated import folder, halves, interval, read_recording
from process import process
from rules import RULES
from step6_atrial_fibrillation import MINUTE_S, minutes_of

PACED = ("102", "104", "107", "217")


def found_minutes(path):
    """True, False or None for each minute, and the AF burden; None if nothing is known."""
    samples, fs, gain, baseline = read_recording(path)
    segments = [{"samples": segment["mv"].size} | segment for segment in process(samples, fs, gain, baseline)[0]]
    minutes = [found for _, found in minutes_of(segments, round(MINUTE_S / RULES.segment_s))]
    known = [found for found in minutes if found is not None]
    return minutes, (sum(known) / len(known) if known else None)


def annotated_minutes(rhythm, minutes, fs=360.0):
    """True, False or None (flutter) for each minute."""
    seconds = np.zeros((minutes, 2))
    ends = [start for start, _ in rhythm[1:]] + [minutes * MINUTE_S * fs]
    for (start, name), end in zip(rhythm, ends):
        for number in range(minutes):
            inside = min(end / fs, (number + 1) * MINUTE_S) - max(start / fs, number * MINUTE_S)
            seconds[number] += max(inside, 0.0) * np.array([name == "AFIB", name in ("AFIB", "AFL")])
    return [True if af > MINUTE_S / 2 else None if both > MINUTE_S / 2 else False for af, both in seconds]


def main():
    mitdb, annotated = folder("ECG_DATA", "data", "mitdb-30min"), folder("ECG_ANNOTATED", "annotated", "cinc-2017")
    if mitdb is None or annotated is None:
        return
    truth = json.loads((annotated.parent / "mitdb-types.json").read_text())
    print("record   AF  found   other  false   flutter  found   burden")
    every = []
    for half, files in halves(truth).items():
        rows = []
        for file in files:
            if file[:3] in PACED:
                continue
            minutes, burden = found_minutes(mitdb / file)
            said = annotated_minutes(truth[file]["rhythm"], len(minutes))
            row = [count for kind in (True, False, None) for count in (
                said.count(kind), sum(found is True for found, its in zip(minutes, said) if its is kind))]
            rows.append(row)
            print(f"{file[:3]:6}" + " ".join(f"{value:6}" for value in row) + f"   {burden:.3f}", flush=True)
        every.append((half, rows))
    every.append(("all", every[0][1] + every[1][1]))
    for half, rows in every:
        for name, of in [("sensitivity", lambda r: 100 * np.sum(r, 0)[1] / max(np.sum(r, 0)[0], 1)),
                         ("specificity", lambda r: 100 - 100 * np.sum(r, 0)[3] / max(np.sum(r, 0)[2], 1))]:
            print(f"{half}: {name} %.1f %% (%.1f %.1f)" % interval(of, rows))
    reference = dict(row[:2] for row in csv.reader(open(annotated / "REFERENCE.csv")) if row)
    for half, names in halves(reference).items():
        found = {name: (found_minutes(annotated / f"{name}.mat")[1] or 0) >= 0.5 for name in names}
        counts = [f"{kind} {sum(found[n] for n in names if reference[n] == kind)} of "
                  f"{sum(reference[n] == kind for n in names)}" for kind in "ANO~"]
        print(f"Challenge 2017, {half}, found to be AF: " + ", ".join(counts))


if __name__ == "__main__":
    main()
