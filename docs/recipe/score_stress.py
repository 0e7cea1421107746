"""Scores beats where T waves are large (QT database) and under electrode motion (noise stress records), within 150 ms
(ECG_ANNOTATED).

In the QT database few beats are annotated by hand; the reference is what ecgpuwave marked on the same lead, between its
first and its last QRS complex. It is a program, and not always right.
"""

import json

import numpy as np

from annotated import folder, halves, interval, read_recording
from process import process
from score_beats import matched

WITHIN_S = 0.15


def beats_in(path, lead):
    adu, fs, gain, baseline = read_recording(path, lead)
    segments, _ = process(adu, fs, gain, baseline)
    return np.array([beat["sample"] for segment in segments for beat in segment["beats"]]), fs


def show(what, counts):
    for name, whole in (("sensitivity", 0), ("predictivity", 1)):
        value = interval(lambda rows: 100 * sum(r[2] for r in rows) / sum(r[whole] for r in rows), counts)
        print(f"{what}: {name:12} " + "{:6.2f}  ({:.2f} to {:.2f})".format(*value))


def qt_database():
    at = folder("ECG_ANNOTATED", "annotated", "qtdb")
    if at is None:
        return
    rows = {}
    for name, record in json.loads((at / "waves.json").read_text()).items():
        rows[name] = np.zeros(3, int)
        for lead in (0, 1):
            marks = record[f"ecgpuwave{lead}"]["QRS"]
            reference = sorted(onset if peak is None else peak for onset, peak, _ in marks)
            found, fs = beats_in(at / name, lead)
            within = int(WITHIN_S * fs)
            found = found[(found >= reference[0] - within) & (found <= reference[-1] + within)]
            counts = np.array([len(reference), found.size, matched(reference, found, within)])
            rows[name] += counts
            missed, false = counts[0] - counts[2], counts[1] - counts[2]
            if missed + false > 10:
                print(f"{name} lead {lead}: of {counts[0]} missed {missed}, false {false}")
    for half, names in (halves(rows) | {"all": list(rows)}).items():
        show(f"QT database, both leads, {half}", [rows[name] for name in names])


def noise_stress():
    at = folder("ECG_ANNOTATED", "annotated", "nstdb")
    if at is None:
        return
    for name, record in json.loads((at / "beats.json").read_text()).items():
        found, fs = beats_in(at / name, 0)
        both = matched(record["beats"], found, int(WITHIN_S * fs))
        n, f = len(record["beats"]), found.size
        snr_db = float(record["snr_db"].replace("_", "-"))
        print(f"noise stress {snr_db:4.0f} dB: {100 * both / n:6.2f} / {100 * both / f:6.2f}, F1 {200 * both / (n + f):5.1f} %")


if __name__ == "__main__":
    qt_database()
    noise_stress()
