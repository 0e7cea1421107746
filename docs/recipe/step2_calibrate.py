"""Step 2: from ADC units to millivolts. This is the signal that is stored; no filter touches it."""

import numpy as np


def calibrate(adu, gain, baseline):
    """mV = (adu - baseline) / gain, computed with 64 bits and stored with 32 (WFDB Applications Guide, header(5))."""
    return ((adu - baseline) / gain).astype(np.float32)
