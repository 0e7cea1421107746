"""Reads the samples of a MAT file of level 4 or 5. (docs/inputs.md says what the pipeline reads; this is a part of it.)"""

import numpy as np
from scipy.io import loadmat


def leads_of(variables):
    """The largest numeric variable as leads x samples, NaN where missing: the shorter dimension is the leads."""
    matrix = max((value for value in variables.values() if value.dtype.kind in "iuf"), key=np.size)
    leads = matrix.astype(float)
    if matrix.dtype.kind == "i" and matrix.dtype.itemsize == 2:
        leads[matrix == -32768] = np.nan        # the mark of WFDB
    return leads if leads.shape[0] <= leads.shape[1] else leads.T


def read_mat(path):
    """The leads, and all variables by name."""
    variables = {name: value for name, value in loadmat(path).items() if not name.startswith("__")}
    return leads_of(variables), variables
