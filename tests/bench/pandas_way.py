"""The predecessor's job in its own way, with a DataFrame of one row per sample: `pandas_way.py FOLDER OUT`."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from recordings import MISSING, SAMPLING_FREQUENCY_HZ, leads, recordings

folder, out = sys.argv[1:]
for file in recordings(folder):
    parts = []
    for number, lead in enumerate(leads(file)):
        part = pd.DataFrame({"lead": number, "time_s": np.arange(lead.size) / SAMPLING_FREQUENCY_HZ, "value": lead})
        part["value"] = part["value"].replace(MISSING, np.nan).astype("float64").interpolate().bfill()
        low, high = part["value"].min(), part["value"].max()
        part["normalized"] = (part["value"] - low) / (high - low if high > low else 1)
        parts.append(part)
    rows = pd.concat(parts, ignore_index=True)
    rows["record"] = file.stem
    rows.to_parquet(Path(out) / f"{file.stem}.parquet", compression="zstd", index=False)
