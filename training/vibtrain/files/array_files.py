"""Columns of files of arrays: NumPy's npy and npz, sound files, MATLAB's .mat of every version, HDF5."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from vibtrain.files.file_columns import (
    BLOCK_FRAMES,
    Array,
    Block,
    FileColumns,
    Sliceable,
    is_rate,
    library,
    of_arrays,
    rates_of,
    slices,
    split_shape,
)
from vibtrain.files.whole_files import refuse_beyond_memory
from vibtrain.recordings import DataError

_MAT_BYTES = {"double": 8, "single": 4} | {
    f"{sign}int{bits}": bits // 8 for sign in ("", "u") for bits in (8, 16, 32, 64)
}


def read_npy(path: Path) -> FileColumns:
    """Columns of one array of shape (frames, axes), mapped into memory."""
    array = np.load(path, allow_pickle=False, mmap_mode="r")
    refuse_other_than_tables(path, array.shape, array.dtype)
    return of_arrays(_numbered(array.reshape(len(array), -1)), named=False)


def read_sound(path: Path) -> FileColumns:
    """Channels of a WAV, RF64, W64 or FLAC file; integers as shares of full scale."""
    soundfile = library(path, "soundfile")
    facts = soundfile.info(path)
    names = tuple(map(str, range(facts.channels)))

    def blocks(chosen: Sequence[str]) -> Iterator[Block]:
        for block in soundfile.blocks(path, BLOCK_FRAMES, dtype="float64", always_2d=True):
            yield [block[:, int(name)] for name in chosen]

    return FileColumns(
        names,
        blocks,
        named=False,
        rates_hz=dict.fromkeys(names, float(facts.samplerate)),
        expected_frames=facts.frames,
    )


def read_mat(path: Path) -> FileColumns:
    """Arrays of a MATLAB file; fields of a structure as `structure.field`. Before version 7.3 it is read whole."""
    from scipy.io import loadmat

    try:
        refuse_beyond_memory(path, _mat_bytes(path), "the same saved with -v7.3, or as HDF5, WAV or Parquet")
        content = loadmat(path, simplify_cells=True)
    except NotImplementedError:  # version 7.3 is HDF5
        return read_hdf5(path)
    except (TypeError, KeyError, IndexError) as error:  # what loadmat makes of a damaged file
        raise DataError(f"{path}: cannot be read: {error}") from error
    columns: dict[str, Array] = {}
    stated: dict[str, float] = {}
    for name, value in _flattened({k: v for k, v in content.items() if not k.startswith("__")}):
        array = np.asarray(value)
        stated |= _rate(name, array)
        for column, place in split_shape(name, array.shape, array.dtype.kind).items():
            table = array if array.ndim == 1 or array.shape[0] >= array.shape[1] else array.T
            columns[column] = table if place is None else table[:, place]
    _refuse_none(path, columns)
    return of_arrays(columns, rates_hz=rates_of(columns, stated))


def _mat_bytes(path: Path) -> int:
    """What its arrays take in memory; of structures, whose size is not told, what they take in the file."""
    from scipy.io import whosmat

    arrays: list[tuple[str, tuple[int, ...], str]] = whosmat(path)
    stated = sum(prod(shape) * _MAT_BYTES.get(kind, 0) for _, shape, kind in arrays)
    return max(path.stat().st_size, stated)


def read_hdf5(path: Path) -> FileColumns:
    """Data sets of an HDF5 file by their path in it."""
    h5py = library(path, "h5py")
    places: dict[str, tuple[str, int | None]] = {}
    lengths: dict[str, int] = {}
    stated: dict[str, float] = {}

    def visit(name: str, item: Any) -> None:
        if name.startswith("#"):  # MATLAB's own references
            return
        for key, value in item.attrs.items():
            stated.update(_rate(f"{name}/{key}" if name else key, np.asarray(value)))
        if isinstance(item, h5py.Dataset):
            if item.size == 1:
                stated.update(_rate(name, np.asarray(item[()])))
            for column, place in split_shape(name, item.shape, item.dtype.kind).items():
                places[column], lengths[column] = (name, place), max(item.shape)

    with h5py.File(path, "r") as file:
        visit("", file)
        file.visititems(visit)
    _refuse_none(path, places)

    def blocks(chosen: Sequence[str]) -> Iterator[Block]:
        with h5py.File(path, "r") as file:
            yield from slices([_hdf5_column(file[places[n][0]], places[n][1]) for n in chosen])

    return FileColumns(tuple(places), blocks, lengths, rates_hz=rates_of(places, stated))


def _hdf5_column(dataset: Any, place: int | None) -> Sliceable:
    if place is None:
        return Sliceable(len(dataset), lambda first, last: dataset[first:last])
    if dataset.shape[1] > dataset.shape[0]:
        return Sliceable(dataset.shape[1], lambda first, last: dataset[place, first:last])
    return Sliceable(len(dataset), lambda first, last: dataset[first:last, place])


def _rate(name: str, array: Array) -> dict[str, float]:
    """The sample rate that a single number of this name is; none of anything else, or of nonsense."""
    if array.size != 1 or array.dtype.kind not in "iuf" or not is_rate(name):
        return {}
    value = float(array.reshape(-1)[0])
    return {name: value} if math.isfinite(value) and value > 0 else {}


def _refuse_none(path: Path, columns: Mapping[str, object]) -> None:
    if not columns:
        raise DataError(
            f"{path}: holds no array of numbers; accepted: numeric arrays; save tables and timetables as such"
        )


def _flattened(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def refuse_other_than_tables(path: Path, shape: tuple[int, ...], dtype: Any) -> None:
    """Raise `DataError` for an array that is not of numbers, not of one or two dimensions, or empty."""
    if dtype.kind not in "iuf" or len(shape) not in (1, 2) or 0 in shape:
        raise DataError(f"{path}: {dtype} of shape {shape}; accepted: numbers of shape (frames, axes)")


def _numbered(table: Array) -> dict[str, Array]:
    return {str(i): column for i, column in enumerate(table.T)}
