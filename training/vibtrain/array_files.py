"""Columns of files of arrays: NumPy's npy and npz, WAV, MATLAB's .mat of every version, HDF5."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat, wavfile

from vibtrain.file_columns import Array, FileColumns, is_rate, library, numbered, split_array
from vibtrain.recordings import DataError


def read_npy(path: Path) -> FileColumns:
    """Columns of one array of shape (frames, axes)."""
    return numbered(_table(path, np.load(path, allow_pickle=False)))


def read_npz(path: Path) -> FileColumns:
    """One array of shape (frames, axes), or arrays of one dimension, each a column."""
    with np.load(path, allow_pickle=False) as arrays:
        held = {name: arrays[name] for name in arrays.files}
    if len(held) == 1:
        ((name, array),) = held.items()
        table = _table(path, array)
        return FileColumns({name: table[:, 0]}) if table.shape[1] == 1 else numbered(table)
    if any(array.ndim != 1 for array in held.values()):
        shapes = {name: array.shape for name, array in held.items()}
        raise DataError(f"{path}: arrays {shapes}, accepted are one of shape (frames, axes), or columns")
    return FileColumns({name: _table(path, array)[:, 0] for name, array in held.items()})


def read_wav(path: Path) -> FileColumns:
    """Channels; integers as shares of full scale."""
    rate_hz, samples = wavfile.read(path)
    table = _table(path, samples)
    if samples.dtype == np.uint8:  # 8-bit WAV is unsigned
        table = (table.astype(np.float64) - 128) / 128
    elif samples.dtype.kind != "f":
        table = table / -float(np.iinfo(samples.dtype).min)
    return FileColumns(numbered(table).columns, named=False, rate_hz=float(rate_hz))


def read_mat(path: Path) -> FileColumns:
    """Arrays of a MATLAB file; fields of a structure as `structure.field`."""
    try:
        content = loadmat(path, simplify_cells=True)
    except NotImplementedError:  # version 7.3 is HDF5
        return read_hdf5(path)
    except (TypeError, KeyError, IndexError) as error:  # what loadmat makes of a damaged file
        raise DataError(f"{path}: cannot be read: {error}") from error
    return _of_arrays(path, _flattened({k: v for k, v in content.items() if not k.startswith("__")}))


def read_hdf5(path: Path) -> FileColumns:
    """Data sets of an HDF5 file by their path in it."""
    h5py = library(path, "h5py")
    found: dict[str, Any] = {}

    def visit(name: str, item: Any) -> None:
        if name.startswith("#"):  # MATLAB's own references
            return
        found.update({f"{name}/{key}": value for key, value in item.attrs.items()})
        if isinstance(item, h5py.Dataset):
            found[name] = np.asarray(item[()]) if item.dtype.kind in "iuf" else None

    with h5py.File(path, "r") as file:
        found.update(file.attrs.items())
        file.visititems(visit)
    return _of_arrays(path, found.items())


def _of_arrays(path: Path, items: Any) -> FileColumns:
    columns: dict[str, Array] = {}
    rate_hz = None
    for name, value in items:
        array = np.asarray(value)
        if array.size == 1 and array.dtype.kind in "iuf" and is_rate(name):
            rate_hz = float(array.reshape(-1)[0])
        columns |= split_array(name, array, longer_is_time=True)
    if not columns:
        raise DataError(
            f"{path}: holds no array of numbers, accepted are numeric arrays; save tables and timetables as such"
        )
    return FileColumns(columns, rate_hz=rate_hz)


def _flattened(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _table(path: Path, array: Array) -> Array:
    if array.dtype.kind not in "iuf" or array.ndim not in (1, 2):
        raise DataError(
            f"{path}: {array.dtype} of shape {array.shape}, accepted are numbers of shape (frames, axes)"
        )
    return array.reshape(len(array), -1)
