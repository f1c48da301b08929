"""Reading samples out of one file, whatever its format: the columns asked for, all of them finite numbers."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from vibtrain import array_files, logger_files, text_files, units
from vibtrain.file_columns import Array, FileColumns
from vibtrain.recordings import DataError

Column = str | int
Table = npt.NDArray[np.float64]

READERS: dict[str, Callable[[Path], FileColumns]] = {
    **dict.fromkeys(text_files.ENDINGS, text_files.read_text),
    ".npy": array_files.read_npy,
    ".npz": array_files.read_npz,
    ".wav": array_files.read_wav,
    ".mat": array_files.read_mat,
    **dict.fromkeys((".h5", ".hdf5"), array_files.read_hdf5),
    ".parquet": logger_files.read_parquet,
    ".tdms": logger_files.read_tdms,
    **dict.fromkeys((".uff", ".unv"), logger_files.read_uff),
}
ENDINGS = tuple(READERS)
RATE_TOLERANCE = 1e-4  # between the rate that a file states and the one that the user does


def read_file(path: Path) -> FileColumns:
    """All columns of `path`, as its format has them. Raises `DataError` naming the file."""
    ending = next((e for e in sorted(READERS, key=len, reverse=True) if path.name.lower().endswith(e)), "")
    if not ending:
        raise DataError(f"{path}: ending {path.suffix!r}, accepted: {', '.join(ENDINGS)}")
    with _refusals_name(path):
        content = READERS[ending](path)
    if not any(len(column) for column in content.columns.values()):
        raise DataError(f"{path}: is empty, accepted are rows of numbers")
    return content


def read_columns(
    path: Path, columns: Sequence[Column] = (), *, rate_hz: float | None = None, unit: str = ""
) -> Table:
    """Numbers in the named or (from 0) numbered columns of `path`, unscaled, shape (frames, columns).

    No `columns` means all. Integer WAV samples come as shares of full scale. Where the file itself states a sample
    rate it must be `rate_hz`; where it states a unit, `unit` (empty: any will do). Raises `DataError` naming file,
    place, value and what is accepted.
    """
    content = read_file(path)
    own_rate_hz = content.rate_hz
    if rate_hz and own_rate_hz and not math.isclose(rate_hz, own_rate_hz, rel_tol=RATE_TOLERANCE):
        raise DataError(f"{path}: rate_hz {rate_hz:g}, accepted is the file's own {own_rate_hz:g}")
    names = list(content.columns)
    chosen = [_name(path, column, content) for column in columns] or names
    for name in chosen:
        _check_unit(path, name, content.units.get(name, ""), unit)
    lengths = {name: len(content.columns[name]) for name in chosen}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} ({length})" for name, length in lengths.items())
        raise DataError(f"{path}: columns of different lengths, {listed}; accepted are equally long ones")
    return np.stack([_numbers(path, name, content) for name in chosen], axis=1)


def column_names(path: Path) -> list[str]:
    """Names (numbers from 0 where it has none) of the file's columns, without reading all of a text."""
    with _refusals_name(path):
        if path.name.lower().endswith(text_files.ENDINGS):
            found = text_files.layout(path)
            return found.names or [str(i) for i in range(found.count)]
    return list(read_file(path).columns)


@contextlib.contextmanager
def _refusals_name(path: Path) -> Iterator[None]:
    """Turn what the reading libraries raise into a `DataError` that names the file."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # every library raises its own kinds; all say that this file cannot be read
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: cannot be read: {reason}") from error


def _check_unit(path: Path, name: str, own: str, stated: str) -> None:
    if not own or not stated:
        return
    if own not in units.IN_M_S2:
        raise DataError(
            f"{path}: column {name!r} is in {own!r}, accepted: {', '.join(units.IN_M_S2)}; or a scale"
        )
    if units.IN_M_S2[own] != units.IN_M_S2[stated]:
        raise DataError(f"{path}: column {name!r}: unit {stated!r}, accepted is the file's own {own!r}")


def _name(path: Path, column: Column, content: FileColumns) -> str:
    names = list(content.columns)
    if isinstance(column, str) and content.named and column in names:
        return column
    if isinstance(column, int) and 0 <= column < len(names):
        return names[column]
    known = f"{', '.join(names)} or " if content.named else ""
    raise DataError(f"{path}: column {column!r}, accepted: {known}0 to {len(names) - 1}")


def _numbers(path: Path, name: str, content: FileColumns) -> Array:
    values = content.columns[name]
    shown = repr(name) if content.named else name
    if values.dtype.kind not in "iufbO":
        raise DataError(f"{path}: column {shown}: {values.dtype}, accepted: finite numbers")
    numbers = pd.to_numeric(pd.Series(values), errors="coerce") if values.dtype.kind == "O" else values
    column = np.asarray(numbers, dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(column))
    if len(bad):
        value = values[bad[0]]
        found = "empty or nan" if value is None or value != value else repr(value)
        raise DataError(f"{path}: row {bad[0] + 1}, column {shown}: {found}, accepted: finite numbers")
    return column
