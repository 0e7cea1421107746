"""Reads MAT files with SciPy (levels 4 and 5) or h5py (level 7.3) and writes what it found beside each.

<file>.raw: the numbers of variable `val`, column by column, little-endian.
<file>.txt: one line per variable: name, NumPy type or `text`, rows, columns, and for what is not `val` the value.
"""

import sys

import h5py
import numpy
import scipy.io


def hdf5_variables(path):
    with h5py.File(path) as file:
        for name, dataset in file.items():
            matlab_class = dataset.attrs["MATLAB_class"].decode()
            values = dataset[()].T
            if matlab_class == "char":
                yield name, numpy.array(["".join(map(chr, row)) for row in values])
            else:
                assert numpy.dtype({"single": "float32", "double": "float64"}.get(matlab_class, matlab_class)) == values.dtype
                yield name, values


def variables(path):
    with open(path, "rb") as file:
        if file.read(10) == b"MATLAB 7.3":
            yield from hdf5_variables(path)
            return
    for name, values in scipy.io.loadmat(path).items():
        if not name.startswith("__"):
            yield name, values


for path in sys.argv[1:]:
    with open(path + ".txt", "w") as lines:
        for name, values in variables(path):
            if values.dtype.kind == "U":
                print(name, "text", *values.shape, "/".join(row.rstrip() for row in values), file=lines)
                continue
            kind = values.dtype.newbyteorder("<")
            if name == "val":
                print(name, values.dtype.name, *values.shape, file=lines)
                values.astype(kind).ravel(order="F").tofile(path + ".raw")
            else:
                print(name, values.dtype.name, *values.shape, float(values[0, 0]), file=lines)
