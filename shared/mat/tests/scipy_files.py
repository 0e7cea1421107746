"""Writes MAT files, and beside each what SciPy (levels 4 and 5) or NumPy (level 7.3) says is in it.

usage: scipy_files.py FOLDER

For FOLDER/x.mat there is FOLDER/x.mat.expected: one line for each numeric array, tab-separated:
name, MATLAB class, dimensions, values as little-endian hex in column-major order, the same of the
imaginary part or '-'. Text arrays of one row are lines of class 'char' with the text as UTF-8 hex.
"""

import itertools
import pathlib
import shutil
import struct
import sys
import warnings
import zlib

import h5py
import numpy as np
import scipy.io
import scipy.io.matlab

FOLDER = pathlib.Path(sys.argv[1])
CLASSES = {
    "f8": "double", "f4": "single", "i1": "int8", "u1": "uint8", "i2": "int16", "u2": "uint16",
    "i4": "int32", "u4": "uint32", "i8": "int64", "u8": "uint64", "b1": "logical",
}
MX = {"f8": 6, "f4": 7, "i1": 8, "u1": 9, "i2": 10, "u2": 11, "i4": 12, "u4": 13, "i8": 14, "u8": 15}
MI = {"i1": 1, "u1": 2, "i2": 3, "u2": 4, "i4": 5, "u4": 6, "f4": 7, "f8": 9, "i8": 12, "u8": 13}
P4 = {"f8": 0, "f4": 1, "i4": 2, "i2": 3, "u2": 4, "u1": 5}
LAYOUTS = {
    "leads_samples": (2, 9001), "samples_leads": (9001, 2), "row": (1, 37), "column": (37, 1),
    "scalar": (1, 1), "empty": (0, 3), "cube": (3, 4, 5),
}


def values(code, shape):
    """Values that would show a wrong sign, width, order or byte order."""
    rng = np.random.default_rng(sum(map(ord, code)) + sum(shape))
    count = int(np.prod(shape))
    if code[0] == "f":
        flat = rng.standard_normal(count).astype(code)
        special = [np.nan, np.inf, -np.inf, -0.0, np.finfo(code).max, np.finfo(code).tiny / 4]
    else:
        info = np.iinfo(code)
        flat = rng.integers(info.min, info.max, count, dtype=code, endpoint=True)
        special = [info.min, info.max, 0, 1]
    for place, value in enumerate(special[:max(count - 1, 0)]):
        flat[place] = value
    return flat.reshape(shape)


def hexed(array):
    return array.astype(array.dtype.newbyteorder("<")).tobytes(order="F").hex() or "none"


def line(name, array):
    dims = "x".join(map(str, array.shape))
    if array.dtype.kind == "c":
        real = np.ascontiguousarray(array.real)
        imag = np.ascontiguousarray(array.imag)
        return "\t".join([name, CLASSES[real.dtype.str[1:]], dims, hexed(real), hexed(imag)])
    return "\t".join([name, CLASSES[array.dtype.str[1:]], dims, hexed(array), "-"])


def expect(path, lines):
    pathlib.Path(str(path) + ".expected").write_text("\n".join(lines) + "\n", encoding="utf-8")


def expect_scipy(path, truth=None):
    """Writes down what SciPy reads; where the truth is known, SciPy must agree with it first."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        content = scipy.io.loadmat(path, mat_dtype=True)
        # With mat_dtype SciPy drops imaginary parts, without it the class: take each where it is right.
        classes = {name: matlab for name, _, matlab in scipy.io.whosmat(path)}
        for name, value in scipy.io.loadmat(path).items():
            if isinstance(value, np.ndarray) and value.dtype.kind == "c":
                level4 = scipy.io.matlab.matfile_version(path)[0] == 0
                single = value.dtype == "c8" if level4 else classes.get(name) == "single"
                content[name] = value.astype("c8" if single else "c16")
        if truth is not None:
            stored = next(v for k, v in content.items() if not k.startswith("__"))
            assert stored.dtype.newbyteorder("=") == truth.dtype, (path, stored.dtype, truth.dtype)
            np.testing.assert_array_equal(stored, truth)
        lines = []
        for name, value in content.items():
            if name.startswith("__") or not isinstance(value, np.ndarray):
                continue
            if value.dtype.kind in "iufcb":
                lines.append(line(name, value))
            elif value.dtype.kind == "U" and value.shape == (1,):
                lines.append("\t".join([name, "char", "-", value[0].encode().hex() or "none", "-"]))
    expect(path, lines)
    return lines


def tag(order, kind, data):
    padding = b"\0" * (-len(data) % 8)
    if 0 < len(data) <= 4:
        return struct.pack(order + "I", len(data) << 16 | kind) + data + b"\0" * (4 - len(data))
    return struct.pack(order + "II", kind, len(data)) + data + padding


def level5(order, array, storage, compress, name="val"):
    """A level 5 file by hand: SciPy does not write big-endian ones, nor narrow storage."""
    code = array.real.dtype.str[1:]
    flags = (0x0800 if array.dtype.kind == "c" else 0) | (0x0200 if code == "b1" else 0) | MX.get(code, 9)
    body = tag(order, 6, struct.pack(order + "II", flags, 0))
    body += tag(order, 5, struct.pack(f"{order}{array.ndim}i", *array.shape))
    body += tag(order, 1, name.encode())
    body += tag(order, MI[storage], array.real.astype(order + storage).tobytes(order="F"))
    if array.dtype.kind == "c":
        body += tag(order, MI[storage], array.imag.astype(order + storage).tobytes(order="F"))
    element = struct.pack(order + "II", 14, len(body)) + body
    if compress:
        packed = zlib.compress(element)
        element = struct.pack(order + "II", 15, len(packed)) + packed
    header = b"MATLAB 5.0 MAT-file, written for a test".ljust(124) + struct.pack(order + "H", 0x0100)
    return header + (b"IM" if order == "<" else b"MI") + element


def level4(order, array, name="val"):
    code = array.real.dtype.str[1:]
    mopt = (0 if order == "<" else 1000) + P4[code] * 10
    imaginary = int(array.dtype.kind == "c")
    out = struct.pack(order + "5i", mopt, *array.shape, imaginary, len(name) + 1) + name.encode() + b"\0"
    out += array.real.astype(order + code).tobytes(order="F")
    return out + (array.imag.astype(order + code).tobytes(order="F") if imaginary else b"")


def write(path, data, truth):
    path.write_bytes(data)
    expect_scipy(path, truth)


def flat_files():
    for (code, matlab), (layout, shape) in itertools.product(CLASSES.items(), LAYOUTS.items()):
        array = values("u1", shape) % 2 == 1 if code == "b1" else values(code, shape)
        storage = "u1" if code == "b1" else code
        for order, compress in itertools.product("<>", (False, True)):
            name = f"v5_{matlab}_{layout}_{'le' if order == '<' else 'be'}_{'z' if compress else 'raw'}.mat"
            write(FOLDER / name, level5(order, array, storage, compress), array)
        for compress in (False, True):
            path = FOLDER / f"v5_{matlab}_{layout}_scipy_{'z' if compress else 'raw'}.mat"
            scipy.io.savemat(path, {"val": array}, do_compression=compress)
            expect_scipy(path, array)
        if code in P4 and len(shape) == 2:
            for order in "<>":
                name = f"v4_{matlab}_{layout}_{'le' if order == '<' else 'be'}.mat"
                write(FOLDER / name, level4(order, array), array)
            path = FOLDER / f"v4_{matlab}_{layout}_scipy.mat"
            scipy.io.savemat(path, {"val": array}, format="4")
            expect_scipy(path, array)
    for storage, order, compress in itertools.product(("u1", "i1", "i2", "u2", "i4"), "<>", (False, True)):
        whole = values(storage, (3, 50))
        for code in ("f8", "f4"):
            array = whole.astype(code)
            if not np.array_equal(array, whole):
                continue
            name = f"narrow_{code}_{storage}_{'le' if order == '<' else 'be'}_{'z' if compress else 'raw'}.mat"
            write(FOLDER / name, level5(order, array, storage, compress), array)
    for order, code in itertools.product("<>", ("f8", "f4")):
        array = np.empty((2, 30), "c16" if code == "f8" else "c8")
        array.real, array.imag = values(code, (2, 30)), values(code, (30, 2)).T[::-1]
        end = "le" if order == "<" else "be"
        write(FOLDER / f"complex5_{code}_{end}_raw.mat", level5(order, array, code, False), array)
        write(FOLDER / f"complex5_{code}_{end}_z.mat", level5(order, array, code, True), array)
        # SciPy adds the parts of level 4 arithmetically, which loses special values: ordinary ones only.
        array = np.ascontiguousarray(array[:, 8:22])
        write(FOLDER / f"complex4_{code}_{end}.mat", level4(order, array), array)
    for compress in (False, True):
        path = FOLDER / f"mixed_{compress}.mat"
        scipy.io.savemat(path, {
            "note": "µV, lead II", "cell": np.array([1, "a"], dtype=object), "structure": {"fs": 360},
            "fs": 360.0, "gain": np.array([200.0, 100.0]), "one_dimension": np.arange(12, dtype="i4"),
            "sparse": scipy.sparse.eye(3), "val": values("i2", (2, 100)), "units": "mV",
        }, do_compression=compress)
        expect_scipy(path)
    path = FOLDER / "mixed_4.mat"
    scipy.io.savemat(path, {"units": "mV", "fs": 360.0, "val": values("i2", (2, 100))}, format="4")
    expect_scipy(path)


def wheel_files():
    """The files that SciPy tests itself with. Those it cannot read have nothing to compare."""
    folder = pathlib.Path(scipy.io.matlab.__file__).parent / "tests" / "data"
    for source in sorted(folder.glob("*.mat")):
        path = FOLDER / f"wheel_{source.name}"
        try:
            shutil.copy(source, path)
            expect_scipy(path)
        except Exception as error:  # noqa: BLE001: SciPy raises many kinds
            pathlib.Path(str(path) + ".refused").write_text(f"{type(error).__name__}: {error}")


def hdf5_file(path, fill):
    with h5py.File(path, "w", userblock_size=512) as file:
        fill(file)
    header = b"MATLAB 7.3 MAT-file, written for a test".ljust(124) + b"\x00\x02IM"
    with open(path, "r+b") as file:
        file.write(header.ljust(512, b"\0"))


def dataset(file, name, array, matlab, **options):
    stored = file.create_dataset(name, data=array.T, **options)
    stored.attrs["MATLAB_class"] = np.bytes_(matlab)
    return stored


def hdf5_files():
    kinds = {
        "contiguous": {}, "chunked": {"chunks": True}, "deflate": {"chunks": True, "compression": "gzip"},
        "shuffle": {"chunks": True, "compression": "gzip", "shuffle": True, "fletcher32": True},
        "across": {"chunks": "all", "compression": "gzip"},
    }
    for (code, matlab), (layout, shape), (kind, options), order in itertools.product(
        CLASSES.items(), LAYOUTS.items(), kinds.items(), "<>"
    ):
        if 0 in shape or code == "b1":
            continue
        array = values(code, shape)
        options = dict(options)
        if options.get("chunks") == "all":
            options["chunks"] = tuple(min(dim, 1000) for dim in reversed(shape))
        path = FOLDER / f"v73_{matlab}_{layout}_{kind}_{'le' if order == '<' else 'be'}.mat"
        hdf5_file(path, lambda file: dataset(file, "val", array.astype(order + code), matlab, **options))
        expect(path, [line("val", array)])

    long = values("i2", (2, 1_500_000))
    for kind, chunks in {"by_lead": (1, 20_000), "by_time": (2, 10_000)}.items():
        for layout, array in {"leads_samples": long, "samples_leads": np.ascontiguousarray(long.T)}.items():
            turned = chunks if array.shape[0] != 2 else chunks[::-1]
            path = FOLDER / f"v73_long_{kind}_{layout}.mat"
            hdf5_file(path, lambda f: dataset(f, "val", array, "int16", chunks=turned, compression="gzip"))
            expect(path, [line("val", array)])

    complex_values = (values("f8", (2, 30))[:, 8:] + 2j).astype("c16")

    def fill_mixed(file):
        dataset(file, "fs", np.array([[360.0]]), "double")
        dataset(file, "val", values("i2", (2, 100)), "int16")
        units = dataset(file, "units", np.array([[ord(c) for c in "µV"]], dtype="u2"), "char")
        units.attrs["MATLAB_int_decode"] = np.int32(2)
        flag = dataset(file, "flag", np.array([[1, 0, 1]], dtype="u1"), "logical")
        flag.attrs["MATLAB_int_decode"] = np.int32(1)
        pair = np.dtype([("real", "<f8"), ("imag", "<f8")])
        stored = np.empty(complex_values.shape, dtype=pair)
        stored["real"], stored["imag"] = complex_values.real, complex_values.imag
        dataset(file, "complex", stored, "double")
        empty = file.create_dataset("empty", data=np.array([0, 3], dtype="u8"))
        empty.attrs["MATLAB_class"] = np.bytes_("double")
        empty.attrs["MATLAB_empty"] = np.uint8(1)
        references = file.create_group("#refs#")
        inner = references.create_dataset("a", data=np.zeros((1, 1)))
        cell = file.create_dataset("cell", data=np.array([[inner.ref]], dtype=h5py.ref_dtype))
        cell.attrs["MATLAB_class"] = np.bytes_("cell")
        group = file.create_group("structure")
        group.attrs["MATLAB_class"] = np.bytes_("struct")
        group.create_dataset("fs", data=np.zeros((1, 1)))
        sparse = file.create_group("sparse")
        sparse.attrs["MATLAB_class"] = np.bytes_("double")
        sparse.attrs["MATLAB_sparse"] = np.uint64(3)

    path = FOLDER / "v73_mixed.mat"
    hdf5_file(path, fill_mixed)
    expect(path, [
        line("fs", np.array([[360.0]])), line("val", values("i2", (2, 100))),
        "\t".join(["units", "char", "-", "µV".encode().hex(), "-"]),
        line("flag", np.array([[True, False, True]])), line("complex", complex_values),
        line("empty", np.zeros((0, 3))),
    ])


FOLDER.mkdir(parents=True, exist_ok=True)
flat_files()
wheel_files()
hdf5_files()
