"""Reading samples out of one file, whatever its format: the columns asked for, all of them finite numbers."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vibtrain import recordings
from vibtrain.files import array_files, logger_files, npz_files, text_files
from vibtrain.files.file_columns import Array, Block, FileColumns
from vibtrain.recordings import DataError

Column = str | int
Table = npt.NDArray[np.float64]

READERS: dict[str, Callable[[Path], FileColumns]] = {
    **dict.fromkeys(text_files.ENDINGS, text_files.read_text),
    ".npy": array_files.read_npy,
    ".npz": npz_files.read_npz,
    **dict.fromkeys((".wav", ".rf64", ".w64", ".flac"), array_files.read_sound),
    ".mat": array_files.read_mat,
    **dict.fromkeys((".h5", ".hdf5"), array_files.read_hdf5),
    ".parquet": logger_files.read_parquet,
    ".tdms": logger_files.read_tdms,
    **dict.fromkeys((".uff", ".unv"), logger_files.read_uff),
}
ENDINGS = tuple(READERS)
RATE_TOLERANCE = 1e-4  # between the rate that a file states and the one that the user does


def read_file(path: Path) -> FileColumns:
    """All columns of `path`, as its format has them, samples not read yet. Raises `DataError` naming the file."""
    ending = next((e for e in sorted(READERS, key=len, reverse=True) if path.name.lower().endswith(e)), "")
    if not ending:
        raise DataError(f"{path}: ending {path.suffix!r}; accepted: {', '.join(ENDINGS)}")
    with _refusals_name(path):
        content = READERS[ending](path)
    return dataclasses.replace(content, blocks=partial(_named_blocks, path, content.blocks))


def open_table(
    path: Path, columns: Sequence[Column] = (), *, rate_hz: float | None = None, unit: str = ""
) -> tuple[Iterator[Table], int | None]:
    """Numbers in the named or (from 0) numbered columns of `path`, unscaled, shape (frames, columns), in blocks; about
    how many frames they are, None where the file does not let know.

    No `columns` means all. Integer sound samples come as shares of full scale. Where the file itself states a sample
    rate it must be `rate_hz`; where it states a unit, `unit` (empty: any will do). Raises `DataError` naming file,
    place, value and what is accepted.
    """
    content = read_file(path)
    chosen = [column_name(path, column, content) for column in columns] or list(content.names)
    own_rate_hz = _own_rate(path, chosen, content)
    if rate_hz and own_rate_hz and not math.isclose(rate_hz, own_rate_hz, rel_tol=RATE_TOLERANCE):
        raise DataError(f"{path}: rate_hz {rate_hz:g}; accepted: the file's own {own_rate_hz:g}")
    for name in chosen:
        _check_unit(path, name, content.units.get(name, ""), unit)
    lengths = {name: content.lengths[name] for name in chosen if name in content.lengths}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} ({length})" for name, length in lengths.items())
        raise DataError(f"{path}: columns of different lengths, {listed}; accepted: equally long ones")
    expected = next(iter(lengths.values()), content.expected_frames)
    return _checked(path, chosen, content), expected


def _own_rate(path: Path, chosen: list[str], content: FileColumns) -> float | None:
    """The rate that the file states for the columns."""
    stated = {name: content.rates_hz[name] for name in chosen if name in content.rates_hz}
    if len(set(stated.values())) > 1:
        listed = ", ".join(f"{name} ({hz:g} Hz)" for name, hz in stated.items())
        raise DataError(f"{path}: columns of different rates, {listed}; accepted: columns of one rate")
    return content.rate_hz(chosen)


def read_blocks(
    path: Path, columns: Sequence[Column] = (), *, rate_hz: float | None = None, unit: str = ""
) -> Iterator[Table]:
    """The blocks alone."""
    yield from open_table(path, columns, rate_hz=rate_hz, unit=unit)[0]


def _checked(path: Path, chosen: list[str], content: FileColumns) -> Iterator[Table]:
    shown = [repr(name) if content.named else name for name in chosen]
    frames = 0
    for block in content.blocks(chosen):
        columns_read = zip(shown, block, strict=True)
        yield np.stack([_numbers(path, name, values, frames) for name, values in columns_read], axis=1)
        frames += len(block[0])
    if not frames:
        raise DataError(f"{path}: is empty; accepted: rows of numbers")


def read_columns(
    path: Path, columns: Sequence[Column] = (), *, rate_hz: float | None = None, unit: str = ""
) -> Table:
    """The same numbers in one piece."""
    return np.concatenate(list(read_blocks(path, columns, rate_hz=rate_hz, unit=unit)))


def _named_blocks(
    path: Path, blocks: Callable[[Sequence[str]], Iterator[Block]], names: Sequence[str]
) -> Iterator[Block]:
    with _refusals_name(path):
        yield from blocks(names)


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
    if own not in recordings.IN_M_S2:
        raise DataError(
            f"{path}: column {name!r} is in {own!r}; accepted: {', '.join(recordings.IN_M_S2)}; or a scale"
        )
    if recordings.IN_M_S2[own] != recordings.IN_M_S2[stated]:
        raise DataError(f"{path}: column {name!r}: unit {stated!r}; accepted: the file's own {own!r}")


def column_name(path: Path, column: Column, content: FileColumns) -> str:
    """The name of a named or (from 0) numbered column. Raises `DataError` where there is none."""
    names = content.names
    if isinstance(column, str) and content.named and column in names:
        return column
    if isinstance(column, int) and 0 <= column < len(names):
        return names[column]
    known = f"{', '.join(names)} or " if content.named else ""
    raise DataError(f"{path}: column {column!r}; accepted: {known}0 to {len(names) - 1}")


def _numbers(path: Path, shown: str, values: Array, first_frame: int) -> Array:
    if values.dtype.kind not in "iufbO":
        raise DataError(f"{path}: column {shown}: {values.dtype}; accepted: finite numbers")
    import pandas as pd

    numbers = pd.to_numeric(pd.Series(values), errors="coerce") if values.dtype.kind == "O" else values
    column = np.asarray(numbers, dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(column))
    if len(bad):
        value = values[bad[0]]
        found = "empty or nan" if value is None or value != value else repr(np.asarray(value).item())
        row = first_frame + bad[0] + 1
        raise DataError(f"{path}: row {row}, column {shown}: {found}; accepted: finite numbers")
    return column
