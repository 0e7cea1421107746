"""The predecessor's job and nothing else, as sparing as Python allows: load, fill, min-max, Parquet. `lean.py FOLDER OUT`."""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recordings import filled, leads, recordings


def min_max(samples: np.ndarray) -> np.ndarray:
    low, high = samples.min(), samples.max()
    samples -= low
    if high > low:
        samples /= high - low
    return samples.astype(np.float32)


folder, out = sys.argv[1:]
for file in recordings(folder):
    columns = {f"lead_{number}": min_max(filled(lead)) for number, lead in enumerate(leads(file))}
    pq.write_table(pa.table(columns), Path(out) / f"{file.stem}.parquet", compression="zstd")
