"""Scores the beats that the recipe finds in the first lead of annotated recordings: see README.md."""

import argparse
import json
from pathlib import Path

import numpy as np

from process import process
from read_mat import read_mat

TOLERANCES_MS = (150, 25)
SEGMENT_S = 10


def matched(annotated, found, tolerance):
    """Beats that both have, one to one, greedily in the order of time, at most `tolerance` samples apart."""
    a = f = count = 0
    while a < len(annotated) and f < len(found):
        if abs(annotated[a] - found[f]) <= tolerance:
            a, f, count = a + 1, f + 1, count + 1
        elif annotated[a] < found[f]:
            a += 1
        else:
            f += 1
    return count


def rmssd_ms(beats, fs, samples):
    """Of each ten seconds, over all intervals; NaN below three beats."""
    beats, length = np.asarray(beats), int(SEGMENT_S * fs)
    inside = [beats[(beats >= start) & (beats < start + length)] for start in range(0, samples - length + 1, length)]
    changes = [np.diff(its, 2) * 1000 / fs for its in inside]
    return np.array([np.sqrt(np.mean(of**2)) if of.size else np.nan for of in changes])


def main():
    parser = argparse.ArgumentParser(description="Sensitivity / positive predictivity in percent.")
    parser.add_argument("folder", type=Path, help="recordings, and beats.json: {file: {beats: [samples]}}")
    parser.add_argument("--fs", type=float, default=360.0, help="Hz, by default 360")
    parser.add_argument("--gain", type=float, default=200.0, help="adu/mV, by default 200")
    parser.add_argument("--baseline", type=float, default=1024.0, help="adu at 0 mV, by default 1024")
    arguments = parser.parse_args()

    def show(name, annotated, found, *matches):
        *matches, off_ms = matches
        scores = [f"{100 * m / max(annotated, 1):6.2f} / {100 * m / max(found, 1):6.2f}" for m in matches]
        print(f"{name:24} {annotated:9} {found:9}  {'  '.join(scores)}  {np.nanpercentile(off_ms, 95):8.1f}")

    print(f"{'recording':24} annotated     found  " + "  ".join(f"within {ms:4} ms " for ms in TOLERANCES_MS) + "  95 % of rMSSD within, ms")
    total, every = np.zeros(2 + len(TOLERANCES_MS), int), []
    for name, annotation in json.loads((arguments.folder / "beats.json").read_text()).items():
        leads, _ = read_mat(arguments.folder / name)
        segments, _ = process(leads[0], arguments.fs, arguments.gain, arguments.baseline)
        annotated, found = annotation["beats"], [beat["sample"] for segment in segments for beat in segment["beats"]]
        matches = [matched(annotated, found, int(ms * arguments.fs / 1000)) for ms in TOLERANCES_MS]
        counts = [len(annotated), len(found), *matches]
        every.append(np.abs(np.subtract(*(rmssd_ms(of, arguments.fs, leads[0].size) for of in (annotated, found)))))
        show(name, *counts, every[-1])
        total += counts
    show("all", *total, np.concatenate(every))


if __name__ == "__main__":
    main()
