"""What the contenders share: the recordings of a folder, and the leads of one."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import scipy.io

SAMPLING_FREQUENCY_HZ = 360

# WFDB's mark of a missing sample in 16 bits.
MISSING = -32768


def recordings(folder: str) -> list[Path]:
    return sorted(Path(folder).rglob("*.mat"))


def leads(file: Path) -> Iterator[np.ndarray]:
    """The samples of each lead in ADC units, as they are stored: `val` is leads x samples."""
    yield from scipy.io.loadmat(file, variable_names=["val"])["val"]


def filled(lead: np.ndarray) -> np.ndarray:
    """Float64, with missing samples on the line between their neighbours."""
    samples = lead.astype(np.float64)
    missing = lead == MISSING
    if missing.any():
        at = np.arange(samples.size)
        samples[missing] = np.interp(at[missing], at[~missing], samples[~missing])
    return samples
