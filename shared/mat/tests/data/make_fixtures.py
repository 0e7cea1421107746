"""Wrote the level 7.3 files of this folder, with h5py 3 in HDF5's oldest format, which is MATLAB's.

usage: make_fixtures.py FOLDER
"""

import pathlib
import sys

import h5py
import numpy as np

FOLDER = pathlib.Path(sys.argv[1])


def fixture(name, **options):
    """A dataset `val` of int16 with its attribute, behind MATLAB's header."""
    chunk = options.pop("write_chunk", None)
    path = FOLDER / name
    with h5py.File(path, "w", userblock_size=512, libver=("earliest", "v108")) as file:
        dataset = file.create_dataset("val", track_times=False, **options)
        dataset.attrs["MATLAB_class"] = np.bytes_("int16")
        if chunk:
            dataset[tuple(slice(0, length) for length in chunk)] = 1
    with open(path, "r+b") as file:
        file.write((b"MATLAB 7.3 MAT-file, written for a test".ljust(124) + b"\x00\x02IM").ljust(512, b"\0"))


VALUES = np.arange(-100, 100, dtype="i2").reshape(100, 2)  # HDF5's order: MATLAB's is 2 x 100.
fixture("contiguous.mat", data=VALUES)
fixture("deflate.mat", data=VALUES, chunks=(30, 2), compression="gzip", shuffle=True)
fixture("unwritten.mat", shape=(100, 2), dtype="i2")
fixture("absurd_dimensions.mat", shape=(10**9, 10**9), dtype="i2", chunks=(10, 10), write_chunk=(10, 10))
fixture("two_billion_zeros.mat", shape=(10**9, 2), dtype="i2", chunks=(1000, 2), write_chunk=(1000, 2))
fixture("large_chunk.mat", shape=(8 << 20, 1), dtype="i2", chunks=(8 << 20, 1), compression="gzip",
        compression_opts=9, write_chunk=(8 << 20, 1))
