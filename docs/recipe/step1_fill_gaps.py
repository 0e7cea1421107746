"""Step 1: fill gaps with straight lines, so that sample n stays sample n."""

import numpy as np


def missing_samples(adu, gain, baseline):
    """True where a sample is NaN, infinite, or too large for a 32-bit float in millivolts."""
    with np.errstate(over="ignore"):
        return ~np.isfinite(((adu - baseline) / gain).astype(np.float32))


def fill_gaps(adu, missing, value_if_all_missing):
    """Between the valid neighbours a and b of a gap of g samples, sample k (from 1) becomes a + (b - a) * k / (g + 1).

    At the ends of the recording the one neighbour is held. A straight line has no energy in the band of the QRS
    complex, so that no beat is invented in it.
    """
    valid = np.flatnonzero(~missing)
    if valid.size == 0:
        return np.full(adu.size, float(value_if_all_missing))
    gaps = np.flatnonzero(missing)
    after = np.searchsorted(valid, gaps)        # number, among the valid samples, of the one after the gap
    a = adu[valid[np.maximum(after - 1, 0)]]
    b = adu[valid[np.minimum(after, valid.size - 1)]]
    edges = np.concatenate([[-1], valid, [adu.size]])
    share = (gaps - edges[after]) / (edges[after + 1] - edges[after])
    filled = adu.copy()
    filled[gaps] = a + (b - a) * share
    return filled
