"""Scores beats where T waves are large (QT database), under electrode motion (noise stress records, and their noise added to
other records) and in fast wide rhythms (synthetic), within 150 ms (ECG_ANNOTATED, ECG_DATA).

In the QT database few beats are annotated by hand; the reference is what ecgpuwave marked on the same lead, between its
first and its last QRS complex. It is a program, and not always right.
"""

import json

import numpy as np

from annotated import folder, halves, interval, read_recording
from process import process
from score_beats import matched

WITHIN_S = 0.15


# Of the records to which noise is added: five minutes without, then two with and two without in turn.
CLEAN_S, PERIOD_S, MOTION_S = 300, 240, 780


def beats_of(adu, fs, gain, baseline):
    segments, _ = process(adu, fs, gain, baseline)
    return np.array([beat["sample"] for segment in segments for beat in segment["beats"]])


def beats_in(path, lead):
    adu, fs, gain, baseline = read_recording(path, lead)
    return beats_of(adu, fs, gain, baseline), fs


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
    for lead in (0, 1):
        for name, record in json.loads((at / "beats.json").read_text()).items():
            found, fs = beats_in(at / name, lead)
            both = matched(record["beats"], found, int(WITHIN_S * fs))
            n, f = len(record["beats"]), found.size
            snr_db = float(record["snr_db"].replace("_", "-"))
            print(f"noise stress, lead {lead}, {snr_db:4.0f} dB: {100 * both / n:6.2f} / {100 * both / f:6.2f}, F1 {200 * both / (n + f):5.1f} %")


def peak_to_peak(adu, fs, beats):
    """The mean of the QRS complexes, without the smallest and the largest 5 %: from this the program nst takes the signal."""
    reach = int(0.05 * fs)
    heights = np.sort([np.ptp(adu[beat - reach : beat + reach + 1]) for beat in beats if beat > reach][:300])
    cut = heights.size // 20
    return heights[cut : heights.size - cut].mean()


def motion_on_others():
    """The noise of the noise stress records, as large against the QRS complexes of other records; of either lead in turn, and
    from another of its minutes.
    """
    noisy, clean = folder("ECG_ANNOTATED", "annotated", "nstdb"), folder("ECG_DATA", "data", "mitdb-30min")
    if noisy is None or clean is None:
        return
    records = json.loads((clean / "beats.json").read_text())
    motion = []
    for lead in (0, 1):
        adu, fs, _, _ = read_recording(clean / "119m.mat", lead)
        noise = read_recording(noisy / "119e06.mat", lead)[0].astype(float) - adu
        motion.append(noise / peak_to_peak(adu, fs, records["119m.mat"]["beats"]))
    for snr_db in (12, 6):
        rows = {}
        for number, name in enumerate(name for name in records if name != "119m.mat"):
            adu, fs, gain, baseline = read_recording(clean / name)
            length, begin, shift = (int(seconds * fs) for seconds in (MOTION_S, CLEAN_S, PERIOD_S * (number % 5)))
            noise = motion[number % 2]
            noise = np.concatenate([noise[:begin], noise[begin + shift : length + shift]])
            size = peak_to_peak(adu, fs, records[name]["beats"]) * 10 ** ((6 - snr_db) / 20)
            found = beats_of(np.round(adu[:length] + size * noise), fs, gain, baseline)
            beats = [beat for beat in records[name]["beats"] if beat < length]
            rows[name] = np.array([len(beats), found.size, matched(beats, found, int(WITHIN_S * fs))])
        for half, names in (halves(rows) | {"all": list(rows)}).items():
            n, f, both = sum(rows[name] for name in names)
            print(f"motion on others, {snr_db:2} dB, {half:8}: {100 * both / n:6.2f} / {100 * both / f:6.2f}, F1 {200 * both / (n + f):5.1f} %")


def fast_wide_beats(fs=360.0):
    """Gaussian complexes after ten seconds of a slow rhythm; sensitivity only: there is nothing else to be found."""
    t = np.arange(int(60 * fs)) / fs
    for width_s in (0.02, 0.03, 0.04, 0.05):
        for per_minute in (180, 200, 220, 240):
            random = np.random.default_rng(0)
            intervals = 60 / per_minute * (1 + 0.02 * random.standard_normal(per_minute))
            fast = 10.4 + np.cumsum(intervals)
            slow, fast = np.arange(0.5, 10, 0.8), fast[fast < 59]
            mv = 0.02 * random.standard_normal(t.size)
            for beats, width in ((slow, 0.011), (fast, width_s)):
                mv += sum(np.exp(-0.5 * ((t - beat) / width) ** 2) for beat in beats)
            both = matched(fast * fs, beats_of(mv, fs, 1.0, 0.0), int(0.08 * fs))
            print(f"beats of {1000 * width_s:.0f} ms at {per_minute} per minute: {100 * both / fast.size:5.1f} % found")


if __name__ == "__main__":
    qt_database()
    noise_stress()
    motion_on_others()
    fast_wide_beats()
