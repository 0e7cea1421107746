"""Annotated recordings for the scores: where they are, their halves, and confidence intervals."""

import os
from pathlib import Path

import numpy as np

from read_mat import read_mat


def folder(variable, default, name):
    """The folder `name` below what the environment variable names, else below ../shared; None, with a message, if absent.
    """
    root = Path(os.environ.get(variable, Path(__file__).resolve().parents[3] / "shared" / default))
    if not (root / name).is_dir():
        print(f"skipped: {root / name} is absent (set {variable})")
        return None
    return root / name


def read_recording(path, lead=0):
    """Samples of a lead in ADC units, sampling frequency in Hz, gain in adu/mV and baseline in adu (WFDB header(5))."""
    header = path.with_suffix(".hea").read_text().splitlines()
    lines = [line.split() for line in header if line.strip() and line[0] != "#"]
    gain = lines[1 + lead][2].split("/")[0]
    zero = int(lines[1 + lead][4])
    gain, _, baseline = gain.partition("(")
    leads, _ = read_mat(path)
    baseline = float(baseline.rstrip(")")) if baseline else float(zero)
    return leads[lead], float(lines[0][2].split("/")[0]), float(gain), baseline


def halves(names):
    """Constants are chosen on every other record, in the order of their names; the others are held out."""
    ordered = sorted(names)
    return {"choose": ordered[::2], "held out": ordered[1::2]}


def interval(statistic, rows, repeats=1000):
    """The statistic of all rows (one for each record), and its 95 % bootstrap confidence interval over records."""
    random = np.random.default_rng(1)
    rows = list(rows)
    values = [statistic([rows[i] for i in random.integers(0, len(rows), len(rows))]) for _ in range(repeats)]
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return statistic(rows), low, high
