"""Time stamps among the columns of a file: which column they are, what rate they tell, where samples are missing."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vibtrain.files.file_columns import Array
from vibtrain.files.sample_files import read_file
from vibtrain.recordings import Gaps

_NAME = re.compile(
    r"(t|time|timestamp|time[_ ]?stamp|date[_ ]?time|seconds?|elapsed|zeit|temps|tiempo|tempo)"
    r"\W*_?(?P<unit>s|ms|us|µs|ns)?\W*",
    re.I,
)
_UNIT = re.compile(r"[\[(_ ](?P<unit>s|ms|us|µs|ns)[\])]?$", re.I)
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
SLOWEST_HZ = 25.0  # vibration is not recorded slower: a longer step is not in seconds
GAP_STEPS = 1.5  # a step this many times the usual one is a gap
ROUNDED_SHARE = 0.05  # so many steps other than the usual one are rounding, not gaps

Float = npt.NDArray[np.float64]


def time_column(columns: Mapping[str, Array], taken: Collection[str] = ()) -> str | None:
    """The name of the column of time stamps: one that is called so or holds dates; else one that rises evenly; else one
    that counts the samples, which tells where some are missing, but no rate. None where there is none.

    `taken`: names of columns that hold samples.
    """
    free = {name: column for name, column in columns.items() if name not in taken}
    for is_one in (_is_stamps, _rises_evenly, _counts):
        for name, column in free.items():
            if is_one(name, column):
                return name
    return None


def no_samples(columns: Mapping[str, Array]) -> set[str]:
    """Names of all columns that time or count the samples."""
    return {n for n, c in columns.items() if _is_stamps(n, c) or _rises_evenly(n, c) or _counts(n, c)}


def _is_stamps(name: str, column: Array) -> bool:
    """By its name, even with gaps or steps back in time; or because it holds dates."""
    if column.dtype.kind in "MOTU":
        return _is_date(column)
    if column.dtype.kind not in "iuf" or len(column) < 3 or not _NAME.fullmatch(name):
        return False
    return bool((np.diff(column.astype(np.float64)) > 0).any())


def _rises_evenly(name: str, column: Array) -> bool:
    """Whatever its name; unless it counts."""
    if column.dtype.kind not in "iuf" or len(column) < 3 or _counts(name, column):
        return False
    steps = np.diff(column.astype(np.float64))
    return bool(steps.min() > 0 and steps.max() < 1.01 * steps.min())


def _counts(name: str, column: Array) -> bool:
    """Whole numbers that rise, most of them by one: an index, a sample's number."""
    if column.dtype.kind not in "iuf" or len(column) < 3:
        return False
    numbers = column.astype(np.float64)
    steps = np.diff(numbers)
    return bool((steps > 0).all() and np.median(steps) == 1 and (numbers == np.floor(numbers)).all())


def unit_s(name: str, column: Array) -> float | None:
    """Seconds of one of the column's units; None where neither name nor size tells."""
    if column.dtype.kind in "MOTU":
        return 1e-9  # as stamps_ns has it
    named = _NAME.fullmatch(name) or _UNIT.search(name)
    if named and named["unit"]:
        return _SECONDS[named["unit"].lower()]
    return 1.0 if 0 < usual_step(column) * SLOWEST_HZ < 1 else None


def usual_step(column: Array) -> float:
    """Mean step but for gaps, in the column's own unit: stamps may be rounded, so that no single step is right."""
    steps = np.diff(stamps_ns(column))
    usual = steps[steps <= _longest_usual(steps)]
    return float(usual.mean()) if len(usual) else 0.0


def _longest_usual(steps: Float) -> float:
    """The longest step that is no gap. Where stamps are rounded, as 1.25 ms to whole milliseconds, one unit more."""
    median = float(np.median(steps))
    if np.mean(~np.isclose(steps, median)) < ROUNDED_SHARE:
        return GAP_STEPS * median
    between = np.diff(np.unique(steps))
    coarse = between[between > 0.01 * median]
    return GAP_STEPS * median + (min(float(coarse.min()), median) if len(coarse) else 0.0)


def gaps(path: Path, samples: Sequence[str | int]) -> Gaps | None:
    """Gaps of a file, by the column of time stamps that is none of `samples`, which are names or numbers; None where
    there is none.

    Raises `DataError` where the file cannot be read.
    """
    content = read_file(path)
    beginning = content.beginning()
    taken = {content.names[column] if isinstance(column, int) else column for column in samples}
    name = time_column(beginning, taken)
    if name is None:
        return None
    step, unit = usual_step(beginning[name]), unit_s(name, beginning[name])
    if not step > 0:
        return None
    longest = _longest_usual(np.diff(stamps_ns(beginning[name])))
    found = missing = backward = 0
    last = stamps_ns(beginning[name][:1])
    for (block,) in content.blocks([name]):
        stamps = np.concatenate([last, stamps_ns(block)])
        steps = np.diff(stamps)
        wide = steps[steps > longest]
        found += len(wide)
        missing += int(np.rint(wide / step - 1).sum())
        backward += int((steps < 0).sum())
        last = stamps[-1:]
    return Gaps(1 / (step * unit) if unit else None, found, missing, backward)


def _is_date(column: Array) -> bool:
    """Dates and times, or text that is: ISO 8601 alone, for `01.02.26` may mean two days."""
    if column.dtype.kind == "M":
        return len(column) >= 3
    import pandas as pd

    first = pd.Series(column[:100])
    return len(first) >= 3 and bool(pd.to_datetime(first, format="ISO8601", errors="coerce").notna().all())


def stamps_ns(column: Array) -> Float:
    """Stamps as floats in their own unit; dates as nanoseconds since 1970, in UTC where they say nothing else."""
    if column.dtype.kind in "OTU":
        import pandas as pd

        dates = pd.DatetimeIndex(pd.to_datetime(column, format="ISO8601", errors="coerce", utc=True))
        column = dates.tz_convert(None).to_numpy()
    if column.dtype.kind == "M":
        return column.astype("datetime64[ns]").astype(np.int64).astype(np.float64)
    return column.astype(np.float64)
