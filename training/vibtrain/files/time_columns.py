"""Time stamps among the columns of a file: which column they are, what rate they tell, where samples are missing."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vibtrain.files import clock_texts
from vibtrain.files.file_columns import Array, FileColumns
from vibtrain.files.sample_files import read_file
from vibtrain.recordings import Gaps

_NAME = re.compile(
    r"(t|time|timestamp|time[_ ]?stamp|date[_ ]?time|date|seconds?|elapsed|zeit|temps|tiempo|tempo)"
    r"[\W_]*(?P<unit>s|sec|ms|us|µs|ns)?[\W_]*",
    re.I,
)
_UNIT = re.compile(r"[\[(_ ](?P<unit>s|sec|ms|us|µs|ns)[\])]?$", re.I)
_SECONDS = {
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "seconds": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,
    "ns": 1e-9,
}
_EPOCH_S = (9.4e8, 4.2e9)  # 2000 to 2100, in seconds since 1970
SLOWEST_HZ = 25.0  # vibration is not recorded slower: a longer step is not in seconds
GAP_STEPS = 1.5  # a step this many times the usual one is a gap
ROUNDED_SHARE = 0.05  # so many steps other than the usual one are rounding, not gaps

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Stamps:
    """What says when each sample was taken.

    Attributes:
        names: of the column; a date and a time of day in cells of their own are two.
        unit_s: seconds of one of its units; None where neither name nor size tells.
        readings: what turns blocks of those columns into numbers; several where days may be months.
        period: after which it begins anew, in its unit, as a time of day does; 0 of all others.
        since_1970: whether it counts from then, as dates do here.
    """

    names: tuple[str, ...]
    unit_s: float | None
    readings: tuple[Callable[[Sequence[Array]], Float], ...]
    period: float = 0.0
    since_1970: bool = False

    def step(self, columns: Mapping[str, Array]) -> float:
        """Mean step but for gaps, in its unit: stamps may be rounded, so that no single step is right."""
        return _usual_step(self.steps(self.readings[0]([columns[name] for name in self.names])))

    def steps(self, numbers: Float) -> Float:
        """From each stamp to the next."""
        steps = np.diff(numbers)
        return np.where(steps < -self.period / 2, steps + self.period, steps) if self.period else steps


def find_stamps(
    columns: Mapping[str, Array], taken: Collection[str] = (), units: Mapping[str, str] | None = None
) -> Stamps | None:
    """The stamps among columns: those that are dates or times of day, or are called so; else what rises evenly; else
    what counts the samples, which tells where some are missing, but no rate. None where there is none.

    `taken`: names of columns that hold samples. `units`: of columns, where the file states them.
    """
    free = {name: column for name, column in columns.items() if name not in taken}
    if written := _written(free):
        return written
    for is_one in (_is_stamps, _rises_evenly, _counts):
        for name, column in free.items():
            if is_one(name, column):
                unit_s = _unit_s(name, column, (units or {}).get(name, ""))
                return Stamps((name,), unit_s, (_floats,), since_1970=_epoch_s(column) is not None)
    return None


def no_samples(columns: Mapping[str, Array]) -> set[str]:
    """Names of all columns that time or count the samples."""
    return {
        n
        for n, c in columns.items()
        if clock_texts.has_clock(c)
        or clock_texts.is_date(c)
        or _is_stamps(n, c)
        or _rises_evenly(n, c)
        or _counts(n, c)
    }


def _written(columns: Mapping[str, Array]) -> Stamps | None:
    """Stamps in words, or of a type for dates."""
    names = list(columns)
    for name, column in columns.items():
        if column.dtype.kind == "M" and len(column) >= 3:
            return Stamps((name,), clock_texts.NS, (_datetimes,), since_1970=True)
    for name, column in columns.items():
        if not clock_texts.is_date(column):
            continue
        found = clock_texts.orders(column)
        if clock_texts.has_clock(column):
            return Stamps((name,), clock_texts.NS, tuple(map(_sum_of, found)), since_1970=True)
        behind = names[names.index(name) + 1 :][:1]
        if behind and clock_texts.is_clock(columns[behind[0]]):
            return Stamps((name, behind[0]), clock_texts.NS, tuple(map(_sum_of, found)), since_1970=True)
    for name, column in columns.items():
        if clock_texts.is_clock(column):
            return Stamps((name,), clock_texts.NS, (_sum_of("ymd"),), clock_texts.DAY_NS)
    return None


def _sum_of(order: clock_texts.Order) -> Callable[[Sequence[Array]], Float]:
    read = clock_texts.reader(order)
    return lambda block: np.sum([read(column) for column in block], axis=0)


def _datetimes(block: Sequence[Array]) -> Float:
    return block[0].astype("datetime64[ns]").astype(np.int64).astype(np.float64)


def _floats(block: Sequence[Array]) -> Float:
    return block[0].astype(np.float64)


def _is_stamps(name: str, column: Array) -> bool:
    """By its name, even with gaps or steps back in time; or because it counts from 1970."""
    if column.dtype.kind not in "iuf" or len(column) < 3:
        return False
    if not _NAME.fullmatch(name) and _epoch_s(column) is None:
        return False
    return bool((np.diff(column.astype(np.float64)) > 0).any())


def _epoch_s(column: Array) -> float | None:
    """Seconds of the unit of a column that counts from 1970; None of one that does not."""
    ends = float(column.min()), float(column.max())
    for unit_s in (1.0, 1e-3, 1e-6, 1e-9):
        if all(_EPOCH_S[0] < end * unit_s < _EPOCH_S[1] for end in ends):
            return unit_s
    return None


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


def _unit_s(name: str, column: Array, stated: str) -> float | None:
    """Seconds of one of a column's units; None where neither unit, name nor size tells."""
    named = _NAME.fullmatch(name) or _UNIT.search(name)
    unit = stated.lower() if stated.lower() in _SECONDS else (named["unit"] or "").lower() if named else ""
    epoch = _epoch_s(column)
    if epoch is not None:
        return epoch
    if unit:
        return _SECONDS[unit]
    return 1.0 if 0 < _usual_step(np.diff(_floats([column]))) * SLOWEST_HZ < 1 else None


def _usual_step(steps: Float) -> float:
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
    """Gaps of a file, by the stamps that are none of `samples`, which are names or numbers; None where there are none.

    Where days may be months, the reading with fewer gaps counts. Raises `DataError` where the file cannot be read.
    """
    content = read_file(path)
    beginning = content.beginning()
    taken = {content.names[column] if isinstance(column, int) else column for column in samples}
    stamps = find_stamps(beginning, taken, content.units)
    if stamps is None or not stamps.step(beginning) > 0:
        return None
    found = [_gaps_by(reading, stamps, content, beginning) for reading in stamps.readings]
    return min(found, key=lambda gaps: gaps.gaps + gaps.backward)


def _gaps_by(
    reading: Callable[[Sequence[Array]], Float],
    stamps: Stamps,
    content: FileColumns,
    beginning: Mapping[str, Array],
) -> Gaps:
    first = reading([beginning[name] for name in stamps.names])
    usual = stamps.steps(first)
    step, longest = _usual_step(usual), _longest_usual(usual)
    found = missing = backward = 0
    last = first[:1]
    for block in content.blocks(stamps.names):
        numbers = reading(block)
        steps = stamps.steps(np.concatenate([last, numbers]))
        wide = steps[steps > longest]
        found += len(wide)
        missing += int(np.rint(wide / step - 1).sum())
        backward += int((steps < 0).sum())
        last = numbers[-1:]
    unit_s = stamps.unit_s
    return Gaps(1 / (step * unit_s) if unit_s and step > 0 else None, found, missing, backward)
