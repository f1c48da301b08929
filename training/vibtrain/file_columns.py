"""What every reader of sample files gives: the columns of one file by name, and what the file says of them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt

from vibtrain.recordings import DataError

Array = npt.NDArray[Any]

RATE_NAMES = {
    "fs",
    "sr",
    "rate",
    "ratehz",
    "samplerate",
    "samplingrate",
    "samplefrequency",
    "samplingfrequency",
}


@dataclass(frozen=True)
class FileColumns:
    """The columns of one file.

    Attributes:
        columns: by name, each one-dimensional, in the file's order; not yet known to be numbers, nor equally long.
        named: whether the names are the file's own; else they are numbers from 0.
        rate_hz: the sample rate that the file states, None where it states none.
        units: the unit that the file states for a column, by the column's name.
    """

    columns: Mapping[str, Array]
    named: bool = True
    rate_hz: float | None = None
    units: Mapping[str, str] = field(default_factory=dict)


def split_array(name: str, array: Array, *, longer_is_time: bool = False) -> dict[str, Array]:
    """Columns of an array of numbers with one or two dimensions: `name`, or `name.0`, `name.1` of several.

    Frames are the first dimension; with `longer_is_time` the longer one, for programs that write rows.
    Empty where the array is neither of numbers nor of one or two dimensions, or a single number.
    """
    if array.dtype.kind not in "iuf" or array.ndim not in (1, 2) or array.size < 2:
        return {}
    table = array.reshape(len(array), -1)
    if longer_is_time and table.shape[1] > table.shape[0]:
        table = table.T
    if table.shape[1] == 1:
        return {name: table[:, 0]}
    return {f"{name}.{i}": column for i, column in enumerate(table.T)}


def numbered(table: Array) -> FileColumns:
    """Columns without names, of a table of shape (frames, columns)."""
    return FileColumns({str(i): column for i, column in enumerate(table.T)}, named=False)


def is_rate(name: str) -> bool:
    """Whether a single number of this name is a sample rate: `fs`, `sample_rate`, `bearing.sr`."""
    last = name.replace("/", ".").rsplit(".", 1)[-1]
    return last.lower().replace("_", "").replace(" ", "") in RATE_NAMES


def library(path: Path, module: str) -> Any:
    """Import a reading library of the extra `readers`. Raises `DataError` naming the extra where it is missing."""
    try:
        return importlib.import_module(module)
    except ImportError:
        needed = module.split(".")[0]
        raise DataError(
            f"{path}: {path.suffix} files need the library {needed}, which is not installed; "
            "accepted after: pip install 'vibnode[readers]'"
        ) from None
