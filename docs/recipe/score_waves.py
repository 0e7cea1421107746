"""Scores onset, peak and end of P, QRS and T against the QT database and LUDB: see README.md.

    python docs/recipe/score_waves.py [qtdb|ludb ...] [--records]

With --records, for each point and record: marks, found waves, matches, mean and standard deviation in ms.

The records are sorted by name and split alternately: the constants were chosen on the first half, the second was held out.
"""

import importlib.util
import json
import sys

import numpy as np

from annotated import folder, halves, read_recording
from process import beats_and_kinds
from step1_fill_gaps import fill_gaps, missing_samples
from step2_calibrate import calibrate
from step3b_find_waves import find_waves

# A mark and a found wave belong together within this, in s (Martinez et al. 2004).
TOLERANCE_S = 0.15
# Resamplings of the records for the confidence intervals.
BOOTSTRAP = 2000


def predict(path, leads, part=None):
    """{lead: {"P_on": [samples], ...}}, in the form that score_waves.py of the annotated recordings reads, of so many leads.
    `part` = the first and last sample to look at.
    """
    found = {}
    for number in range(leads):
        adu, fs, gain, baseline = read_recording(path, number)
        first, last = part or (0, adu.size)
        missing = missing_samples(adu, gain, baseline)
        mv = calibrate(fill_gaps(adu, missing, baseline), gain, baseline)[first:last]
        beats, _, kinds = beats_and_kinds(mv, fs)
        r_samples = [beat.r_sample for beat in beats]
        marks = {f"{wave}_{name}": [] for wave in ("P", "QRS", "T") for name in ("on", "peak", "off")}
        for waves in find_waves(mv, missing[first:last], r_samples, kinds, fs):
            for wave in ("P", "QRS", "T"):
                for name, at in zip(("on", "peak", "off"), waves[wave.lower()] or ()):
                    marks[f"{wave}_{name}"].append(first + int(at))
        found[str(number)] = marks
    return found


def between_qrs(entry, predicted):
    """LUDB annotates P and T between the first and the last annotated QRS complex of a lead only: what is found outside is
    neither right nor wrong. The marks and the found waves inside.
    """
    marks, kept = {}, {}
    for number, (name, waves) in enumerate(entry["leads"].items()):
        peaks = [mark[1] for mark in waves["QRS"]] or [0]

        def inside(at):
            return at is not None and min(peaks) <= at <= max(peaks)

        marks[name] = {
            wave: its if wave == "QRS" else [[at if inside(at) else None for at in mark] for mark in its]
            for wave, its in waves.items()
        }
        kept[str(number)] = {
            point: [at for at in its if point.startswith("QRS") or inside(at)]
            for point, its in predicted[str(number)].items()
        }
    return entry | {"leads": marks}, kept


def figures_of(errors):
    return [np.mean(errors), np.std(errors, ddof=1)] if len(errors) > 1 else [np.nan, np.nan]


def interval(counts, errors, chosen):
    """Sensitivity, predictivity (%), mean and standard deviation (ms; mean over records, and of all errors) of some records."""
    known, given, found = np.sum([counts[n] for n in chosen], axis=0)
    several = [errors[n] for n in chosen if len(errors[n]) > 1]
    by_record = np.mean([figures_of(e) for e in several], axis=0) if several else (np.nan, np.nan)
    pooled = np.std(np.concatenate([errors[n] for n in chosen])) if found else np.nan
    return np.array([100 * found / max(known, 1), 100 * found / given if given else np.nan, *by_record, pooled])


def main():
    by_record = "--records" in sys.argv
    for kind in [argument for argument in sys.argv[1:] if argument in ("qtdb", "ludb")] or ["qtdb", "ludb"]:
        at = folder("ECG_ANNOTATED", "annotated", kind)
        if at is None:
            continue
        spec = importlib.util.spec_from_file_location("reference", at.parent / "score_waves.py")
        reference = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(reference)
        of = {"qtdb": reference.of_qtdb, "ludb": reference.of_ludb}[kind]
        truth = json.loads((at / "waves.json").read_text())
        files, predicted, trimmed, between = sorted(truth), {}, {}, {}
        for file in files:
            part = None
            if kind == "qtdb":          # some 30 beats are marked; 10 s around them are more than the waves depend on
                marks = [at for waves in truth[file]["manual"].values() for mark in waves for at in mark if at is not None]
                around = int(10 * truth[file]["fs"])
                part = max(min(marks) - around, 0), max(marks) + around
            predicted[file] = predict(at / file, len(truth[file]["leads"]), part)
            if kind == "ludb":
                trimmed[file], between[file] = between_qrs(truth[file], predicted[file])
        ways = [(kind, truth, predicted)]
        if kind == "ludb":
            ways.append(("ludb, P and T between the annotated QRS complexes", trimmed, between))
        for title, marked, prediction in ways:
            for half, its_files in halves(files).items():
                print(f"\n{title}: {half} ({len(its_files)} records); 95 % confidence intervals over records")
                print("point           n  Se %                 PPV %                mean ms              SD ms, of a record   SD ms, pooled")
                for wave, index, name in reference.POINTS:
                    counts, errors = [], []
                    for file in its_files:
                        fs = truth[file]["fs"]
                        known, given, e = of(marked[file], prediction[file], wave, index, name, TOLERANCE_S * fs)
                        counts.append((known, given, len(e)))
                        errors.append(1000 * np.array(e, float) / fs)
                        if by_record:
                            print(f"  {file[:-4]:10} {known:5} {given:5} {len(e):5} {np.round(figures_of(errors[-1]), 1)}")
                    generator = np.random.default_rng(1)
                    drawn = generator.integers(0, len(counts), (BOOTSTRAP, len(counts)))
                    value = interval(counts, errors, range(len(counts)))
                    low, high = np.percentile([interval(counts, errors, one) for one in drawn], [2.5, 97.5], axis=0)
                    cells = [
                        f"{v:6.1f} ({a:5.1f} {b:5.1f})" if np.isfinite(v) else " " * 20 for v, a, b in zip(value, low, high)
                    ]
                    print(f"{name:9} {sum(c[0] for c in counts):7}  " + " ".join(cells))


if __name__ == "__main__":
    main()
