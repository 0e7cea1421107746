"""Beats and features of each lead with NeuroKit2, as Parquet: `neurokit.py (process|peaks) FOLDER OUT`.

`process` is `ecg_process`, the one call of its documentation: it also finds P, Q, S and T waves and rates the quality of each beat.
`peaks` is the least of it that gives what the pipeline has too: the clean signal, R peaks, and the intervals between them in time and
frequency. `ecg_intervalrelated` is left out of both, because its entropies take time that grows with the square of the beats.
"""

import sys
import warnings
from pathlib import Path

import neurokit2 as nk
import numpy as np
import pandas as pd

from recordings import SAMPLING_FREQUENCY_HZ, filled, leads, recordings

# Ten seconds are too short for some features, which are NaN then.
warnings.simplefilter("ignore")


def peaks_of(lead: np.ndarray) -> np.ndarray:
    if way == "process":
        _, info = nk.ecg_process(filled(lead), sampling_rate=SAMPLING_FREQUENCY_HZ)
    else:
        clean = nk.ecg_clean(filled(lead), sampling_rate=SAMPLING_FREQUENCY_HZ)
        _, info = nk.ecg_peaks(clean, sampling_rate=SAMPLING_FREQUENCY_HZ)
    return info["ECG_R_Peaks"]


way, folder, out = sys.argv[1:]
for file in recordings(folder):
    beats, features = [], []
    for number, lead in enumerate(leads(file)):
        peaks = peaks_of(lead)
        beats.append(pd.DataFrame({"lead": number, "sample": peaks}))
        for interval in (nk.hrv_time, nk.hrv_frequency):
            features.append(interval(peaks, sampling_rate=SAMPLING_FREQUENCY_HZ).astype("float64").assign(lead=number))
    pd.concat(beats).to_parquet(Path(out) / f"{file.stem}.beats.parquet", index=False)
    pd.concat(features).to_parquet(Path(out) / f"{file.stem}.features.parquet", index=False)
