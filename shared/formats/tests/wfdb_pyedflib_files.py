"""Writes WFDB and EDF files, and for them and for given records what the packages wfdb and pyedflib say is in them.

usage: wfdb_pyedflib_files.py FOLDER [RECORD.hea ...]

Each line of FOLDER/expected.tsv is a signal: signal file, index in the file, name, sampling frequency, unit, and two files
of little-endian doubles: the samples in ADC units (NaN where one is missing) and in physical units.
"""

import pathlib
import sys

import numpy as np
import pyedflib
import wfdb

FOLDER = pathlib.Path(sys.argv[1])
LOWEST = {"16": -2**15, "24": -2**23, "32": -2**31, "80": -2**7, "212": -2**11, "61": -2**15}
WIDTH = {"16": "<i2", "61": ">i2", "32": "<i4"}
expected = []
rng = np.random.default_rng(10)


def expect(path, index, name, frequency, unit, adu, physical):
    files = []
    for kind, values in (("adu", adu), ("physical", physical)):
        files.append(FOLDER / f"{len(expected)}.{kind}")
        np.asarray(values, dtype="<f8").tofile(files[-1])
    expected.append("\t".join(map(str, (path, index, name, repr(float(frequency)), unit, *files))))


def expect_wfdb(header):
    """What wfdb reads of each signal of a record."""
    record = str(header.with_suffix(""))
    physical = wfdb.rdrecord(record, physical=True, smooth_frames=False)
    if "61" in physical.fmt:
        # The package fails to give the numbers of this format as they are stored.
        digital = [np.round(values * gain + baseline) for values, gain, baseline
                   in zip(physical.e_p_signal, physical.adc_gain, physical.baseline)]
    else:
        digital = wfdb.rdrecord(record, physical=False, smooth_frames=False).e_d_signal
    index = {}
    for place, file in enumerate(physical.file_name):
        values = physical.e_p_signal[place]
        adu = np.where(np.isnan(values), np.nan, digital[place])
        frequency = physical.fs * physical.samps_per_frame[place]
        expect(header.parent / file, index.get(file, 0), physical.sig_name[place], frequency,
               physical.units[place], adu, values)
        index[file] = index.get(file, 0) + 1


def samples(fmt, count, missing=True):
    lowest = LOWEST[fmt]
    values = rng.integers(lowest + 1, -lowest, count, dtype=np.int64)
    values[:4] = [lowest + 1, -lowest - 1, 0, -1]
    if missing:
        values[[5, count - 1]] = lowest
    return values


def wrsamp(name, fmts, counts, per_frame, files=None, **header):
    """A record written by the package wfdb."""
    leads = len(fmts)
    fields = {
        "record_name": name, "n_sig": leads, "fs": 250, "sig_len": counts, "fmt": fmts, "samps_per_frame": per_frame,
        "adc_gain": [200.0 + lead for lead in range(leads)], "baseline": [lead - 1 for lead in range(leads)],
        "units": ["mV"] * leads, "adc_res": [0] * leads, "adc_zero": [0] * leads, "block_size": [0] * leads,
        "sig_name": [f"lead {lead}" for lead in range(leads)], "file_name": files or [f"{name}.dat"] * leads,
        "byte_offset": [None] * leads, "skew": [None] * leads,
    }
    record = wfdb.Record(**{**fields, **header})
    record.e_d_signal = [samples(fmt, counts * width) for fmt, width in zip(fmts, per_frame)]
    record.init_value = [int(signal[0]) for signal in record.e_d_signal]
    record.checksum = [int(signal.sum() % 65536) for signal in record.e_d_signal]
    record.wrsamp(write_dir=str(FOLDER), expanded=True)
    return FOLDER / f"{name}.hea"


def edited(header, name, change):
    """A record of the same samples under another header."""
    text = header.read_text().replace(header.stem, name, 1).replace(f"{header.stem}.dat", f"{name}.dat")
    (FOLDER / f"{name}.hea").write_text(change(text))
    (FOLDER / f"{name}.dat").write_bytes(header.with_suffix(".dat").read_bytes())
    return FOLDER / f"{name}.hea"


def write_wfdb():
    yield from (wrsamp(f"one{fmt}", [fmt], 1001, [1]) for fmt in ("16", "24", "32", "80", "212"))
    yield from (wrsamp(f"three{fmt}", [fmt] * 3, 20_001, [1] * 3) for fmt in ("16", "24", "32", "80", "212"))
    yield from (wrsamp(f"frames{fmt}", [fmt] * 3, 9_001, [4, 1, 2]) for fmt in ("16", "24", "32", "80", "212"))
    yield wrsamp("files", ["212", "16", "16", "80"], 3_001, [1, 2, 1, 1],
                 files=["files_1.dat", "files_2.dat", "files_2.dat", "files_3.dat"])
    yield wrsamp("offset", ["16", "16"], 500, [1, 1], byte_offset=[24, 24])

    # What the package reads and does not write: format 61, a skew (it fails where signals have different ones), a header
    # that says less.
    values = samples("61", 2 * 700)
    values.astype(">i2").tofile(FOLDER / "big.dat")
    (FOLDER / "big.hea").write_text("big 2 500 700\nbig.dat 61 1000(-7)/uV 16 0 0 0 0 V1\nbig.dat 61 100 16 30 0 0 0 V2\n")
    yield FOLDER / "big.hea"
    for fmt in ("16", "24", "32", "80", "212"):
        yield edited(FOLDER / f"three{fmt}.hea", f"skew{fmt}",
                     lambda text: text.replace("x1 201.0", ":7 201.0").replace("x1 202.0", "x1:7 202.0"))
    yield edited(FOLDER / "three16.hea", "uncounted", lambda text: text.replace(" 250 20001", " 360/90(1)"))
    yield edited(FOLDER / "one212.hea", "defaults", lambda text: "defaults 1\ndefaults.dat 212\n")
    yield edited(FOLDER / "one16.hea", "zero", lambda text: "zero 1 360 1001\nzero.dat 16 0 12 512 0 0 0 aVF\n")


def write_edf(name, kind, signals, seconds, record_duration, annotations):
    """`signals`: name, unit, samples per second, physical and digital range."""
    path = FOLDER / name
    writer = pyedflib.EdfWriter(str(path), len(signals), file_type=kind)
    writer.setDatarecordDuration(record_duration)
    data = []
    for index, (label, unit, frequency, physical, digital) in enumerate(signals):
        writer.setSignalHeader(index, {
            "label": label, "dimension": unit, "sample_frequency": frequency, "physical_min": physical[0],
            "physical_max": physical[1], "digital_min": digital[0], "digital_max": digital[1], "transducer": "t",
            "prefilter": "p",
        })
        values = rng.integers(digital[0], digital[1] + 1, round(frequency * seconds), dtype=np.int32)
        values[:2] = digital
        data.append(values)
    writer.writeSamples(data, digital=True)
    for onset in range(annotations):
        writer.writeAnnotation(onset, -1, f"beat {onset}")
    writer.close()
    expect_edf(path)


def expect_edf(path):
    """What pyedflib reads of each signal of a file."""
    with pyedflib.EdfReader(str(path)) as reader:
        for index in range(reader.signals_in_file):
            expect(path, index, reader.getLabel(index), reader.getSampleFrequency(index),
                   reader.getPhysicalDimension(index), reader.readSignal(index, digital=True), reader.readSignal(index))


small, large = (-32768, 32767), (-8388608, 8388607)
for header in list(write_wfdb()) + [pathlib.Path(name) for name in sys.argv[2:]]:
    expect_wfdb(header)
for name, kind, full in (("plain.edf", pyedflib.FILETYPE_EDF, small), ("plus.edf", pyedflib.FILETYPE_EDFPLUS, small),
                         ("plain.bdf", pyedflib.FILETYPE_BDF, large), ("plus.bdf", pyedflib.FILETYPE_BDFPLUS, large)):
    plus = 30 if "plus" in name else 0
    write_edf(name, kind, [
        ("ECG I", "mV", 250, (-5.0, 5.0), full), ("ECG II", "uV", 250, (-3276.8, 3276.7), (-2048, 2047)),
        ("Resp", "l", 25, (-1.0, 3.0), (0, 1000)), ("EEG Fpz-Cz", "uV", 500, (200.0, -200.0), full),
    ], 31, 1, plus)
    write_edf("short-" + name, kind, [("ECG", "V", 1000, (-0.1, 0.3), full)], 3, 0.1, plus)
    write_edf("long-" + name, kind, [("V1", "mV", 128, (-10.0, 10.0), full), ("V2", "mV", 64, (-1.0, 1.0), full)], 120, 10,
              plus)
(FOLDER / "expected.tsv").write_text("\n".join(expected) + "\n")
