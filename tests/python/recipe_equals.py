"""Holds the recipe in Python (docs/recipe) and the one in Rust equal.

    recipe_equals.py make FOLDER       writes random recordings
    recipe_equals.py compare LAKE      applies the recipe to every upload of a lake, and compares with its tables

Equal means: millivolts, places of missing samples, warnings, quality and counts exactly; features within 1e-6 relative or
1e-9 absolute; beats to the sample, but for those where a comparison is decided by less than 1e-9 relative, which rounding
may decide either way. These are counted, and more than 0.05 % are a failure. So are the correlations and quality indices of the
rest of such a lead, because templates remember.
"""

import re
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet as parquet
import scipy.io

WORKSPACE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(WORKSPACE / "docs/recipe"))

from process import RECIPE_VERSION, process, windows  # noqa: E402
from read_mat import leads_of, read_mat  # noqa: E402
from rules import RULES  # noqa: E402
import step3b_find_waves  # noqa: E402
import step3c_beat_types  # noqa: E402
import step3_doubtful_beats  # noqa: E402
import step3_find_beats  # noqa: E402
import step3_qrs_candidates  # noqa: E402
import step3_second_detector  # noqa: E402
import step3_templates  # noqa: E402
from step4_features import BEAT_CLASSES, MEASURED  # noqa: E402
from step3_doubtful_beats import without_noise  # noqa: E402
from step3_find_beats import REMEMBERED, find_beats  # noqa: E402
from step3_templates import template_correlations  # noqa: E402
from step3_qrs_candidates import LONGEST_BLOCK_S, Candidate, blocks_of, find_candidates, qrs_signals  # noqa: E402

# Of features.
RELATIVE, ABSOLUTE = 1e-6, 1e-9
# Of comparisons, relative: what is decided by less may be decided otherwise by another order of additions.
MARGIN = 1e-9
# At most this share of the beats may differ for that reason.
UNDECIDED_BEATS = 0.0005
# Columns that depend on all beats before. Of the beats and segments together, at most this share may differ in one of them
# after such a decision.
OF_ALL_BEATS = {
    "template_corr", "bsqi", "sqi", *MEASURED, "beat_type", "nn_ms", "nn_intervals", "sdnn_ms", "rmssd_ms", "pnn50",
    *(f"beats_{name.lower()}" for name in BEAT_CLASSES),
    *(f"{wave}_{point}" for wave in ("p", "qrs", "t") for point in ("onset", "peak", "end")),
}
UNDECIDED_INDICES = 0.01
# Settings of shapes and groups that are lengths of arrays in Rust, or follow from them.
LENGTHS_OF_ARRAYS = {"SHAPE_BEFORE_S", "SHAPE_AFTER_S", "SHAPE_SHIFT", "GROUPS"}
# Columns of `segments` and `windows` that say where a row comes from; all others are the recipe's.
ABOUT = {"recording_id", "lead", "lead_name", "sampling_frequency_hz", "label"}


# Random recordings.

def waves(fs, samples, at_s, mv, width_s=0.011, t_mv=0.25, t_width_s=0.05, t_after_s=0.26):
    """Beats at these times, with P and T waves; each of the others is one number, or one per beat."""
    x = np.zeros(samples)
    for at, size, width, t_size, t_width, t_after in np.broadcast(at_s, mv, width_s, t_mv, t_width_s, t_after_s):
        parts = [(-0.16, 0.025, 0.12), (0.0, width, 1.0), (0.03, width, -0.2), (t_after, t_width, t_size)]
        for shift, deviation, share in parts:
            begin, end = (max(int((at + shift + sign * 6 * deviation) * fs), 0) for sign in (-1, 1))
            t = np.arange(begin, min(end, samples)) / fs - at - shift
            x[begin : begin + t.size] += size * share * np.exp(-0.5 * (t / deviation) ** 2)
    return x


def heart(rng, fs, samples, rr_s, mv=1.0, vary=0.05, from_s=0.0, to_s=np.inf, every_second=1.0, **shape):
    """A rhythm; every second beat has the amplitude `every_second` times `mv`."""
    to_s = min(to_s, samples / fs)
    at = from_s + rng.uniform(0.05, rr_s) + np.cumsum(rr_s * rng.uniform(1 - vary, 1 + vary, int(to_s / rr_s * 1.5) + 1))
    at = at[at < to_s]
    sizes = mv * np.where(np.arange(at.size) % 2, every_second, 1.0) * rng.uniform(0.9, 1.1, at.size)
    return waves(fs, samples, at, sizes, **shape)


def irregular(rng, fs, samples):
    """Intervals of 0.2 to 14 s and amplitudes of any size: pauses, weak beats, what is looked back at."""
    count = int(samples / fs / 0.2)
    at = np.cumsum(np.exp(rng.uniform(np.log(0.2), np.log(rng.choice([1.0, 2.5, 5.0, 14.0])), count)))
    return waves(fs, samples, at, 10 ** rng.uniform(-rng.choice([0.5, 1.0, 1.5]), 0.3, count))


def changing(rng, fs, samples):
    """Amplitudes that change: some beats large, some small, at the same rate."""
    at = np.cumsum(rng.uniform(0.5, 0.9) * rng.uniform(0.9, 1.1, int(samples / fs / 0.45)))
    return waves(fs, samples, at, rng.choice([0.15, 0.25, 0.3, 1.0, 1.0, 1.0, 4.0], at.size) * rng.uniform(0.8, 1.2, at.size))


def steep_t_waves(rng, fs, samples):
    """T waves of any height, width and distance, some as steep as a QRS complex."""
    at = np.cumsum(rng.uniform(0.6, 1.1, int(samples / fs / 0.6)))
    between = lambda low, high: rng.uniform(low, high, at.size)  # noqa: E731
    return waves(
        fs, samples, at, 1.0, width_s=0.02, t_mv=between(0.2, 1.1), t_width_s=between(0.015, 0.05), t_after_s=between(0.22, 0.4)
    )


def weak_in_pauses(rng, fs, samples):
    """A rhythm with pauses of up to 16 s, and in each some beats that are found only when the level has fallen."""
    at, sizes, now = [], [], 0.0
    while now < samples / fs:
        rhythm = now + np.cumsum(rng.uniform(0.6, 0.9, rng.integers(3, 9)))
        pause = rng.uniform(3, 16)
        weak = rhythm[-1] + np.sort(rng.uniform(0.5, pause, rng.integers(1, 4)))
        at += [*rhythm, *weak]
        sizes += [*rng.uniform(0.9, 1.1, rhythm.size), *10 ** rng.uniform(-1.8, -0.9, weak.size)]
        now = rhythm[-1] + pause
    return waves(fs, samples, at, sizes)


def near_the_floor(rng, fs, samples):
    """Beats of some 0.05 mV, about the least that counts."""
    at = np.cumsum(rng.uniform(0.5, 1.2, int(samples / fs / 0.5)))
    return waves(fs, samples, at, 10 ** rng.uniform(-1.6, -1.1, at.size))


def noise(rng, fs, samples, mv):
    return rng.normal(0, mv, samples)


def wander(rng, fs, samples, mv):
    t = np.arange(samples) / fs
    return mv * np.sin(2 * np.pi * (rng.uniform(0.1, 0.7) * t + rng.uniform()))


def some_heart(rng, fs, samples):
    """A rhythm of random rate, amplitude, width and regularity."""
    return heart(
        rng, fs, samples,
        rr_s=rng.choice([0.26, 0.3, 0.35, 0.45, 0.6, 0.8, 1.0, 1.4, 2.1]),
        mv=rng.choice([-1.0, 1.0]) * 10 ** rng.uniform(-1.5, 0.5),
        width_s=rng.choice([0.008, 0.011, 0.02, 0.03, 0.04]),
        t_mv=rng.choice([0.1, 0.25, 0.6, 0.9]),
        vary=rng.choice([0.0, 0.05, 0.3]),
        every_second=rng.choice([1.0, 1.0, 0.6, 0.3, 0.15]),
    )


def two_rhythms(rng, fs, samples):
    """One after the other, a pause or an overlap between them."""
    seconds = samples / fs
    first_ends = rng.uniform(0.3, 0.7) * seconds
    second_begins = first_ends + rng.choice([-1.0, 0.5, 3.0, 6.0, 12.0])
    common = dict(mv=10 ** rng.uniform(-1, 0.3), t_mv=rng.choice([0.25, 0.7]))
    x = heart(rng, fs, samples, rng.choice([0.4, 0.8, 1.2]), to_s=first_ends, **common)
    common["mv"] *= 10 ** rng.uniform(-1.3, 0.5)
    return x + heart(rng, fs, samples, rng.choice([0.3, 0.6, 1.5]), from_s=second_begins, **common)


def flutter(rng, fs, samples):
    t = np.arange(samples) / fs
    return 0.8 * np.sin(2 * np.pi * rng.uniform(3, 6) * t) * (1 + 0.5 * np.sin(2 * np.pi * 0.3 * t))


def bursts(rng, fs, samples):
    """Beats, and muscle noise of random strength now and then."""
    strength = np.repeat(rng.choice([0, 0, 0.1, 0.5], samples // int(2 * fs) + 1), int(2 * fs))[:samples]
    return some_heart(rng, fs, samples) + strength * noise(rng, fs, samples, 1.0)


def spikes(rng, fs, samples):
    """Beats, and artefacts of one to some samples that are much larger."""
    x = some_heart(rng, fs, samples)
    for _ in range(int(samples / fs / 6) + 1):
        at = rng.integers(0, samples)
        x[at : at + rng.integers(1, 6)] += rng.choice([-1, 1]) * 10 ** rng.uniform(0, 1.2)
    return x


SIGNALS = [
    *[some_heart] * 3, *[irregular] * 3, *[weak_in_pauses] * 3, *[changing] * 2, *[steep_t_waves] * 2, near_the_floor,
    *[two_rhythms] * 2, flutter, bursts, spikes,
]


def flat_stretches(rng, fs, x):
    for _ in range(rng.integers(1, 4)):
        at, length = rng.integers(0, x.size), int(rng.choice([0.3, 0.5, 0.52, 1.0, 4.0, 13.0]) * fs)
        x[at : at + length] = x[at]


def around_borders(rng, fs, x):
    """Flat stretches of about half a second around borders of segments."""
    length = int(np.floor(RULES.segment_s * fs + 0.5))
    for border in range(length, x.size, length):
        begin = max(border - rng.integers(1, int(0.6 * fs)), 0)
        x[begin : begin + int(np.ceil(0.5 * fs)) + rng.integers(-1, 2)] = x[begin]


def saturation(rng, fs, x):
    limit = np.quantile(np.abs(x), rng.uniform(0.9, 0.999)) + 1e-3
    np.clip(x, -limit * rng.uniform(0.5, 2), limit, out=x)


def steps(rng, fs, x):
    """The electrode is moved."""
    at = rng.integers(0, x.size)
    x[at:] += rng.choice([-2.0, 0.5, 6.0])


CHANGES = [flat_stretches, around_borders, saturation, steps]


def gaps(rng, fs, samples, share):
    """True where a sample is to be missing: runs of one sample to eleven seconds, also at the ends."""
    missing = np.zeros(samples, bool)
    lengths = [1, 2, int(0.19 * fs), int(0.2 * fs), int(0.5 * fs), int(3 * fs), int(11 * fs)]
    while missing.mean() < share:
        left = int(share * samples - missing.sum()) + 1
        length = min(max(int(rng.choice(lengths)), 1), left)
        at = rng.choice([0, samples - length, rng.integers(0, samples)], p=[0.1, 0.1, 0.8])
        missing[at : at + length] = True
    return missing


def random_lead(rng, fs, samples, changes):
    x = rng.choice(SIGNALS)(rng, fs, samples)
    x += noise(rng, fs, samples, rng.choice([1e-4, 0.002, 0.02])) + wander(rng, fs, samples, rng.choice([0.0, 0.1, 1.5]))
    for change in rng.choice(CHANGES, changes, replace=False):
        change(rng, fs, x)
    return x


def make_recording(rng, path, fs, samples, leads, dtype):
    """Writes a file of random leads, each in ADC units of its own gain and baseline, its calibration beside them.

    Every second lead is plain. The others have flat stretches, saturation, steps and gaps, in all 4 % of the samples:
    above 5 % a recording is refused. In files of doubles more may be missing where validate does not know it: numbers
    that no 32-bit float holds in mV.
    """
    signals = [random_lead(rng, fs, samples, rng.integers(0, 3) if lead % 2 else 0) for lead in range(leads)]
    if leads > 3:
        signals[1] = np.full(samples, 0.7)
        signals[3] = noise(rng, fs, samples, 0.3)
    gain = rng.choice([-1000.0, 100.0, 200.0, 1000.0, 204.8], leads)
    baseline = rng.choice([-512.0, 0.0, 12.0, 1024.0], leads)
    adu = np.array(signals) * gain[:, None] + baseline[:, None]
    if dtype == "int16":
        adu = np.clip(np.round(adu), -32767, 32767)
    for lead in range(5, leads, 2):
        adu[lead, gaps(rng, fs, samples, 0.08)] = -32768 if dtype == "int16" else rng.choice([np.nan, np.inf])
    if dtype == "float64" and leads > 3:
        adu[5, gaps(rng, fs, samples, 0.5)] = -1e300
        adu[7] = 1e300 * rng.uniform(1, 2, samples)
    matrix = adu.astype(dtype)
    units = ", ".join(["mV"] * leads)
    scipy.io.savemat(path, {"val": matrix, "fs": float(fs), "gain": gain, "baseline": baseline, "units": units})


def make(folder):
    folder.mkdir(parents=True)
    for seed, fs in enumerate([100, 125, 128, 200, 250, 256, 257.3, 300, 360, 360, 500, 512, 977, 1000]):
        rng = np.random.default_rng(seed)
        dtype = ["int16", "float64", "float32"][seed % 3]
        seconds = rng.uniform(61, 120)
        make_recording(rng, folder / f"long-{seed}.mat", fs, int(seconds * fs), 16, dtype)
    # Lengths around borders of segments, and very short ones.
    segment_at_360_hz = 3600
    lengths = [2, 3, 5, 18, 40, 90, 360, 1000, 1225, 2400, segment_at_360_hz - 1, segment_at_360_hz, segment_at_360_hz + 1]
    lengths += [segment_at_360_hz + 2, segment_at_360_hz + 1230, 2 * segment_at_360_hz, 2 * segment_at_360_hz + 179]
    for samples in lengths:
        rng = np.random.default_rng(1000 + samples)
        make_recording(rng, folder / f"short-{samples}.mat", 360, samples, min(3, samples - 1), "float64")


# The comparison.

def samples_of(path):
    """Leads x samples in ADC units, NaN where missing."""
    if path.read_bytes()[:10] != b"MATLAB 7.3":
        return read_mat(path)[0]
    with h5py.File(path) as file:
        return leads_of({name: np.asarray(file[name]).T for name in file if isinstance(file[name], h5py.Dataset)})


def same(found, expected):
    """Whether two features are equal; None is undefined."""
    if found is None or expected is None or isinstance(found, str):
        return found == expected
    return abs(found - expected) <= max(ABSOLUTE, RELATIVE * max(abs(found), abs(expected)))


def rounding_decides(mv, fs, rust_beats, other):
    """Whether the beats that only one of both found, `other`, are explained by comparisons decided by less than MARGIN."""
    decisions = []
    candidates = find_candidates(mv, fs, decisions)
    find_beats(candidates, mv.size, fs, decisions)
    near = [at for at, _, value, limit in decisions if abs(value - limit) <= MARGIN * max(abs(value), abs(limit))]
    if all(any(abs(at - sample) <= fs for at in near) for sample in other):
        return True
    # In a flat stretch or a filled gap nothing but the rounding of sums is left of the energies, and it can make
    # candidates without amplitude, which lower the noise level. If that is the reason, some of them give the beats.
    signals = qrs_signals(mv, fs)
    inside = slice(signals["around"], signals["around"] + mv.size)
    difference = np.abs(signals["qrs_energy"] - signals["beat_energy"])[inside]
    for start, end in blocks_of(difference <= MARGIN * signals["qrs_energy"].max(), mv.size):
        for count in range(1, min(REMEMBERED, end - start) + 1):
            weak = [Candidate(at, 0.0, 0.0, at, True) for at in range(start, start + count)]
            found = find_beats(sorted(candidates + weak), mv.size, fs)
            found, _, _ = without_noise(found, *template_correlations(found, mv, fs), fs)
            if [beat.r_sample for beat in found] == rust_beats:
                return True
    return False


def plateaus(mv, fs):
    """Where a candidate is in the middle of a plateau of energy, as of a spike in a flat line: rounding decides which of its
    samples is the candidate.
    """
    signals = qrs_signals(mv, fs)
    inside = slice(signals["around"], signals["around"] + mv.size)
    qrs_energy = signals["qrs_energy"][inside]
    found = []
    for start, end in blocks_of(qrs_energy > signals["beat_energy"][inside], int(np.ceil(LONGEST_BLOCK_S * fs)) + 1):
        largest = qrs_energy[start:end].max()
        near = np.flatnonzero(qrs_energy[start:end] >= largest * (1 - MARGIN))
        if near.size > 1:
            found.append(start + int(near[0]))
    return found


class Report:
    def __init__(self):
        self.differences = []
        self.undecided = []
        self.counts = Counter(recordings=0, leads=0)

    def exactly(self, where, what, python, rust):
        if not np.array_equal(python, rust):
            self.differences.append(f"{where}: {what}: Python {python}, Rust {rust}")

    def nearly(self, where, what, python, rust, undecided=False):
        """`undecided`: rounding may have decided something that this value depends on."""
        if not same(python, rust):
            if undecided:
                self.counts["undecided indices"] += 1
                return
            self.differences.append(f"{where}: {what}: Python {python}, Rust {rust}")


def compare_lead(report, where, fs, segments, rows, rust_beats):
    """Whether the beats are equal, and no quality index differs because rounding decides."""
    undecided_before = report.counts["undecided indices"]
    beats = {beat["sample"]: beat for segment in segments for beat in segment["beats"]}
    rust_beats = {beat["sample"]: beat for beat in rust_beats}
    other = sorted(beats.keys() ^ rust_beats.keys())
    mv = np.concatenate([segment["mv"] for segment in segments])
    if other and rounding_decides(mv, fs, list(rust_beats), other):
        report.undecided.append(f"{where}: {other}")
        report.counts["undecided beats"] += len(other)
    else:
        only = [sorted(a.keys() - b.keys()) for a, b in [(beats, rust_beats), (rust_beats, beats)]]
        report.exactly(where, "beats that only one found", *only)
    report.counts["beats"] += len(rust_beats)

    # From here on correlations and quality indices may differ. The search is repeated only where something does.
    undecided_from = None

    def undecided(sample):
        nonlocal undecided_from
        if undecided_from is None:
            undecided_from = min([*other, *plateaus(mv, fs)], default=np.inf) - fs
        return sample > undecided_from

    report.exactly(where, "segments", len(segments), len(rows))
    for segment, row in zip(segments, rows):
        report.counts["segments"] += 1
        report.counts.update(segment["warnings"])
        at = f"{where} segment {segment['segment']}"
        end = segment["start_sample"] + segment["mv"].size
        exact = {name: segment[name] for name in ["segment", "start_sample", "missing_at", "warnings", "quality"]}
        exact |= {"samples": segment["mv"].size, "mv": segment["mv"]}
        features = segment["features"] | {"start_s": segment["start_sample"] / fs}
        report.exactly(at, "columns", sorted(exact | features), sorted(row.keys() - ABOUT))
        if any(segment["start_sample"] <= sample < end for sample in other):
            exact = {name: exact[name] for name in ["segment", "start_sample", "missing_at", "samples", "mv"]}
            features = {}
        elif segment["warnings"] != row["warnings"] and undecided(end):
            report.counts["undecided indices"] += 1
            exact["warnings"] = [name for name in segment["warnings"] if name != "noisy"]
            row = row | {"warnings": [name for name in row["warnings"] if name != "noisy"]}
            del exact["quality"]
        for name, value in exact.items():
            report.exactly(at, name, value, np.float32(row[name]) if name == "mv" else row[name])
        for name, value in features.items():
            if name in OF_ALL_BEATS:
                report.nearly(at, name, value, row[name], not same(value, row[name]) and undecided(end))
            else:
                (report.exactly if isinstance(row[name], int) else report.nearly)(at, name, value, row[name])
    # The interval to a beat is the same only if the beat before it is.
    for before, sample in sorted(set(pairwise([-1, *beats])) & set(pairwise([-1, *rust_beats]))):
        for name, value in beats[sample].items():
            rust = rust_beats[sample][name]
            may_differ = name in OF_ALL_BEATS and not same(value, rust) and undecided(sample)
            report.nearly(f"{where} beat {sample}", name, value, rust, may_differ)
    return not other and report.counts["undecided indices"] == undecided_before


def compare_windows(report, where, made, rows, fs):
    rows = sorted(rows, key=lambda row: np.inf if row["window_index"] is None else row["window_index"])
    report.exactly(where, "windows", [window["window_index"] for window in made], [row["window_index"] for row in rows])
    report.counts["windows"] += len(rows)
    for window, row in zip(made, rows):
        window = window | {"start_sample": round(window["start_s"] * fs)}
        report.exactly(where, "columns of windows", sorted(window), sorted(row.keys() - ABOUT))
        for name, value in window.items():
            report.nearly(f"{where} window {row['window_index']}", name, value, row[name])


def rows_of(lake, table, recording_id):
    files = list(lake.glob(f"processed/{table}/dt=*/{recording_id}.parquet"))
    return [row for file in files for row in parquet.read_table(file, partitioning=None).to_pylist()]


def compare_recording(report, lake, row):
    where, fs = row["source_key"], row["sampling_frequency_hz"]
    segments, beats, in_windows = (rows_of(lake, table, row["recording_id"]) for table in ["segments", "beats", "windows"])
    summaries, equal = [], []
    for lead, adu in enumerate(samples_of(lake / "local" / where)):
        made, summary = process(adu, fs, row["lead_gains"][lead], row["lead_baselines"][lead])
        summaries.append(summary)
        equal.append(compare_lead(
            report, f"{where} lead {lead}", fs, made,
            [segment for segment in segments if segment["lead"] == lead],
            [beat for beat in beats if beat["lead"] == lead],
        ))
        if equal[-1]:
            its = [window for window in in_windows if window["lead"] == lead]
            compare_windows(report, f"{where} lead {lead}", windows(made, fs), its, fs)
    report.counts["recordings"] += 1
    report.counts["leads"] += len(summaries)
    report.exactly(where, "rules_version", RULES.version, row["rules_version"])
    report.exactly(where, "recipe_version", RECIPE_VERSION, row["recipe_version"])
    report.exactly(where, "samples", {summary["samples"] for summary in summaries}, {row["samples"]})
    report.exactly(where, "missing_samples", sum(summary["missing_samples"] for summary in summaries), row["missing_samples"])
    if equal[0]:
        report.exactly(where, "beats", summaries[0]["beats"], row["beats"])
        report.nearly(where, "heart_rate_bpm", summaries[0]["heart_rate_bpm"], row["heart_rate_bpm"])
    if all(equal):
        report.exactly(where, "warnings", sorted({name for one in summaries for name in one["warnings"]}), row["warnings"])
        report.exactly(where, "quality", "warn" if row["warnings"] else "good", row["quality"])


def numbers_of(file):
    """The fields of the one constant in a file of Rust."""
    text = (WORKSPACE / file).read_text()
    return dict(re.findall(r'^    (\w+): "?([\d._e-]+)"?,$', text, re.MULTILINE))


def constants_of(file):
    """The constants in a file of Rust that are numbers; 1.0 / 3.0 is one."""
    text = (WORKSPACE / file).read_text()
    found = re.findall(r"^const (\w+): \w+ = ([\d._e-]+)(?: / ([\d._]+))?;$", text, re.MULTILINE)
    return {name: float(value) / float(divisor or 1) for name, value, divisor in found}


def compare_numbers(report):
    """The limits and settings themselves too: not every one of them decides something in these recordings."""
    rust = numbers_of("shared/core/src/rules.rs")
    for name, value in RULES._asdict().items():
        report.exactly("rules", name, value, type(value)(rust[name]) if name in rust else None)
    rust = {name.upper(): float(value) for name, value in numbers_of("shared/recipe/src/detector_settings.rs").items()}
    modules = vars(step3_find_beats) | vars(step3_qrs_candidates)
    python = {name: value for name, value in modules.items() if name.isupper()}
    for name in sorted(rust.keys() | python.keys()):
        report.exactly("detector settings", name, python.get(name), rust.get(name))
    known = set(python)
    for module, file in [(step3b_find_waves, "wave_settings"), (step3c_beat_types, "type_settings")]:
        rust = {name.upper(): float(value) for name, value in numbers_of(f"shared/recipe/src/{file}.rs").items()}
        its = {name: value for name, value in vars(module).items() if name.isupper()}
        of_python = {name: value for name, value in its.items() if name in rust or name not in known}
        known |= of_python.keys()
        # Rust has some as the lengths of arrays.
        for name in sorted(rust.keys() | of_python.keys() - LENGTHS_OF_ARRAYS):
            report.exactly(file, name, of_python.get(name), rust.get(name))
    for module in [step3_templates, step3_second_detector, step3_doubtful_beats]:
        rust = constants_of(f"shared/recipe/src/{module.__name__.removeprefix('step3_')}.rs")
        of_python = {name: value for name, value in vars(module).items() if name.isupper() and name not in python}
        # Rust has some more: how much it computes at once.
        for name, value in of_python.items():
            report.exactly(module.__name__, name, value, rust.get(name))


def compare(lake):
    report = Report()
    compare_numbers(report)
    for file in sorted(lake.glob("processed/recordings/dt=*/*.parquet")):
        [row] = parquet.read_table(file, partitioning=None).to_pylist()
        if not row["source_key"].endswith(".mat"):
            continue  # The recipe knows no formats; those of WFDB and EDF are compared where they are read.
        compare_recording(report, lake, row)
    counts = report.counts
    print(", ".join(f"{count} {name}" for name, count in counts.items()))
    print("beats that only one of both found, because rounding decides:", *report.undecided, sep="\n")
    if counts["undecided beats"] > UNDECIDED_BEATS * counts["beats"]:
        report.differences.append(
            f"beats that rounding decides: expected at most {UNDECIDED_BEATS:.2%} of {counts['beats']}, "
            f"found {counts['undecided beats']}"
        )
    if counts["undecided indices"] > UNDECIDED_INDICES * (counts["beats"] + counts["segments"]):
        report.differences.append(
            f"correlations and quality indices after them: expected at most {UNDECIDED_INDICES:.0%} of "
            f"{counts['beats'] + counts['segments']} beats and segments, found {counts['undecided indices']}"
        )
    if report.differences:
        shown = "\n".join(report.differences[:20])
        sys.exit(
            f"{len(report.differences)} differences between docs/recipe and the recipe in Rust, the first of them:\n{shown}\n"
            "Change both in the same way, or neither."
        )


if __name__ == "__main__":
    {"make": make, "compare": compare}[sys.argv[1]](Path(sys.argv[2]))
