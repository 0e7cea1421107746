"""Scores the index `sqi` and the warning `noisy`: recordings of CinC 2017 that experts called too noisy, the noise stress
records, and the half-hour records, where few segments are noisy (ECG_ANNOTATED, ECG_DATA).
"""

import json

import numpy as np

from annotated import folder, halves, interval, read_recording
from process import process

FALSE_ALARMS_PERCENT = 5


def segments_of(path):
    """Of each segment: start and duration in s, sqi (0 where it is unknown), bsqi, template_corr, noisy, any warning."""
    adu, fs, gain, baseline = read_recording(path)
    segments, _ = process(adu, fs, gain, baseline)
    rows = []
    for segment in segments:
        f = segment["features"]
        indices = [0.0 if f[name] is None else float(f[name]) for name in ("sqi", "bsqi", "template_corr")]
        rows.append([segment["start_sample"] / fs, segment["mv"].size / fs, *indices, "noisy" in segment["warnings"],
                     bool(segment["warnings"])])
    return np.array(rows)


def area(noisy, others):
    """Under the ROC curve: the chance that a noisy recording has a lower index than another one."""
    noisy, others = np.asarray(noisy)[:, None], np.asarray(others)[None]
    return np.mean((noisy < others) + 0.5 * (noisy == others)) if noisy.size and others.size else np.nan


def show(what, statistic, rows, text="{:6.1f} %  ({:.1f} to {:.1f})"):
    print(f"{what:66}" + text.format(*interval(statistic, rows)))


def share(column, of=lambda row: True):
    return lambda rows: 100 * np.mean(np.concatenate([r["segments"][:, column] for r in rows if of(r)]))


def cinc():
    at = folder("ECG_ANNOTATED", "annotated", "cinc-2017")
    if at is None:
        return
    rows = {}
    for line in (at / "REFERENCE.csv").read_text().split():
        name, label = line.split(",")
        segments = segments_of(at / f"{name}.mat")
        means = segments[:, 1] @ segments[:, 2:5] / segments[:, 1].sum()
        rows[name] = {"segments": segments, "noisy": label == "~", "means": means}

    def area_of(index):
        return lambda rs: area(*([r["means"][index] for r in rs if r["noisy"] == which] for which in (True, False)))

    def caught(rs):
        limit = np.percentile([r["means"][0] for r in rs if not r["noisy"]], FALSE_ALARMS_PERCENT)
        return 100 * np.mean([r["means"][0] < limit for r in rs if r["noisy"]])

    for half, names in (halves(rows) | {"all": list(rows)}).items():
        of_half = [rows[name] for name in names]
        for index, name in enumerate(["sqi", "bsqi", "template_corr"]):
            show(f"CinC 2017, {half}: area under ROC of {name}", area_of(index), of_half, "{:6.3f}    ({:.3f} to {:.3f})")
        show(f"CinC 2017, {half}: noisy ones caught at 5 % false alarms", caught, of_half)
        for which, what in ((True, "noisy"), (False, "other")):
            for column, label in ((5, "noisy"), (6, "any warning")):
                show(f"CinC 2017, {half}: segments of {what} ones with {label}",
                     share(column, lambda r, which=which: r["noisy"] == which), of_half)


def noise_stress():
    at = folder("ECG_ANNOTATED", "annotated", "nstdb")
    if at is None:
        return
    for name, record in json.loads((at / "beats.json").read_text()).items():
        snr_db = float(record["snr_db"].replace("_", "-"))
        segments = segments_of(at / name)
        # Noisy and clean stretches of two minutes in turn; segments that lie in one of them.
        turn = (segments[:, 0] - record["noisy_from_s"]) // 120
        inside = turn == (segments[:, 0] + segments[:, 1] - 0.1 - record["noisy_from_s"]) // 120
        noisy = inside & (turn >= 0) & (turn % 2 == 0)
        clean = inside & ~noisy
        warned = [f"{100 * np.mean(segments[which, 5]):5.1f} %" for which in (noisy, clean)]
        print(f"noise stress {snr_db:4.0f} dB: noisy {warned[0]} of segments in noisy stretches, {warned[1]} in clean ones")


def half_hours():
    at = folder("ECG_DATA", "data", "mitdb-30min")
    if at is None:
        return
    rows = {path.name: {"segments": segments_of(path)} for path in sorted(at.glob("*.mat"))}
    for name, row in rows.items():
        noisy, warned = 100 * row["segments"][:, 5:7].mean(axis=0)
        print(f"{name}: noisy {noisy:5.1f} %, any warning {warned:5.1f} %")
    for half, names in (halves(rows) | {"all": list(rows)}).items():
        for column, label in ((5, "noisy"), (6, "any warning")):
            show(f"half-hour records, {half}: segments with {label}", share(column), [rows[name] for name in names])


if __name__ == "__main__":
    cinc()
    noise_stress()
    half_hours()
