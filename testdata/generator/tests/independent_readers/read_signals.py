"""Reads WFDB records with wfdb and EDF files with pyedflib and writes what it found beside each.

<file>.raw: the stored numbers as little-endian int16, sample by sample, -32768 where one is missing.
<file>.txt: one line per signal: name, sampling frequency, unit, gain and baseline.
"""

import sys

import numpy
import pyedflib
import wfdb


def record(path):
    name = path.removesuffix(".dat")
    stored, physical = (wfdb.rdrecord(name, physical=kind) for kind in (False, True))
    numbers = numpy.where(numpy.isnan(physical.p_signal), -32768, stored.d_signal)
    for place, name in enumerate(stored.sig_name):
        yield name, stored.fs, stored.units[place], stored.adc_gain[place], stored.baseline[place], numbers[:, place]


def edf(path):
    with pyedflib.EdfReader(path) as file:
        for place, name in enumerate(file.getSignalLabels()):
            low, high = file.getDigitalMinimum(place), file.getDigitalMaximum(place)
            bottom, top = file.getPhysicalMinimum(place), file.getPhysicalMaximum(place)
            gain = (high - low) / (top - bottom)
            yield (name, file.getSampleFrequency(place), file.getPhysicalDimension(place), gain, high - top * gain,
                   file.readSignal(place, digital=True))


for path in sys.argv[1:]:
    signals = list(edf(path) if path.endswith(".edf") else record(path))
    numpy.stack([numbers for *_, numbers in signals], axis=1).astype("<i2").tofile(path + ".raw")
    with open(path + ".txt", "w") as lines:
        for name, frequency, unit, gain, baseline, _ in signals:
            print(name, float(frequency), unit, f"{gain:.6f}", f"{baseline + 0.0:.6f}", file=lines)
