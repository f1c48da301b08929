"""Reading the columns of one file of samples: CSV of any delimiter, NumPy's npy and npz, WAV."""

from __future__ import annotations

import contextlib
import csv
import gzip
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.io import wavfile

from vibtrain.recordings import DataError

Column = str | int
Table = npt.NDArray[np.float64]

TEXT_ENDINGS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
ENDINGS = (*TEXT_ENDINGS, ".npy", ".npz", ".wav")
BLANKS = r"\s+"
_SNIFFED_CHARS = 4096


def read_columns(path: Path, columns: Sequence[Column] = (), *, rate_hz: float | None = None) -> Table:
    """Numbers in the named or (from 0) numbered columns of `path`, unscaled, shape (frames, columns).

    No `columns` means all. Integer WAV samples come as shares of full scale. Where the file itself states
    a sample rate it must be `rate_hz`. Raises `DataError` naming file, place, value and what is accepted.
    """
    with _refusals_name(path):
        table, names = _read(path, rate_hz)
    chosen = [_position(path, column, names, table.shape[1]) for column in columns]
    return table[:, chosen] if chosen else table


def column_count(path: Path) -> int:
    """How many columns the file has, without reading all of a text. Raises `DataError` as `read_columns`."""
    with _refusals_name(path):
        if path.name.lower().endswith(TEXT_ENDINGS):
            return _text_layout(path)[2]
        return int(_read(path, None)[0].shape[1])


@contextlib.contextmanager
def _refusals_name(path: Path) -> Iterator[None]:
    """Turn what the reading libraries raise into a `DataError` that names the file."""
    try:
        yield
    except DataError:
        raise
    except (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: cannot be read: {reason}") from error


def _read(path: Path, rate_hz: float | None) -> tuple[Table, list[str]]:
    name = path.name.lower()
    if name.endswith(TEXT_ENDINGS):
        return _read_text(path)
    if name.endswith(".npz"):
        return _read_npz(path)
    if name.endswith(".npy"):
        return _as_table(path, np.load(path, allow_pickle=False)), []
    if name.endswith(".wav"):
        return _read_wav(path, rate_hz), []
    raise DataError(f"{path}: ending {path.suffix!r}, accepted: {', '.join(ENDINGS)}")


def _text_layout(path: Path) -> tuple[str, list[str], int]:
    """Delimiter, column names (none where the first row holds numbers) and number of columns."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8-sig") as stream:
        head = stream.read(_SNIFFED_CHARS)
    if not head.strip():
        raise DataError(f"{path}: is empty, accepted are rows of numbers")
    first = head.splitlines()[0]
    delimiter = max("\t;,", key=first.count) if any(mark in first for mark in "\t;,") else BLANKS
    cells = first.split() if delimiter == BLANKS else next(csv.reader([first], delimiter=delimiter))
    if len(cells) > 1 and not cells[-1].strip():  # rows that end in a delimiter
        cells.pop()
    has_names = not all(_is_number(cell) for cell in cells)
    return delimiter, [cell.strip() for cell in cells] if has_names else [], len(cells)


def _read_text(path: Path) -> tuple[Table, list[str]]:
    delimiter, names, count = _text_layout(path)
    frame = pd.read_csv(
        path,
        sep=delimiter,
        header=None,
        skiprows=1 if names else 0,
        usecols=range(count),
        encoding="utf-8-sig",
        low_memory=False,
    )
    # A cell that is no number becomes NaN, which the caller refuses in the columns that it asked for.
    numbers = frame.apply(pd.to_numeric, errors="coerce")
    return np.asarray(numbers, dtype=np.float64), names


def _read_npz(path: Path) -> tuple[Table, list[str]]:
    with np.load(path, allow_pickle=False) as arrays:
        names = list(arrays.files)
        if len(names) == 1:
            table = _as_table(path, arrays[names[0]])
            return table, names if table.shape[1] == 1 else []
        lengths = {name: arrays[name].shape for name in names}
        if any(len(shape) != 1 for shape in lengths.values()) or len(set(lengths.values())) != 1:
            raise DataError(
                f"{path}: arrays {lengths}, accepted are one of shape (frames, axes), or equally long columns"
            )
        return np.stack([_as_table(path, arrays[name])[:, 0] for name in names], axis=1), names


def _read_wav(path: Path, rate_hz: float | None) -> Table:
    own_rate_hz, samples = wavfile.read(path)
    if rate_hz is not None and own_rate_hz != rate_hz:
        raise DataError(f"{path}: rate_hz {rate_hz:g}, accepted is the file's own {own_rate_hz}")
    if samples.dtype == np.uint8:  # 8-bit WAV is unsigned
        return _as_table(path, (samples.astype(np.float64) - 128) / 128)
    scale = 1.0 if samples.dtype.kind == "f" else -float(np.iinfo(samples.dtype).min)
    return _as_table(path, samples) / scale


def _as_table(path: Path, array: npt.NDArray[np.generic]) -> Table:
    if array.dtype.kind not in "iuf" or array.ndim not in (1, 2):
        raise DataError(
            f"{path}: {array.dtype} of shape {array.shape}, accepted are numbers of shape (frames, axes)"
        )
    return np.asarray(array, dtype=np.float64).reshape(len(array), -1)


def _position(path: Path, column: Column, names: list[str], count: int) -> int:
    if isinstance(column, str) and column in names:
        return names.index(column)
    if isinstance(column, int) and 0 <= column < count:
        return column
    known = f"{', '.join(names)} or " if names else ""
    raise DataError(f"{path}: column {column!r}, accepted: {known}0 to {count - 1}")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
