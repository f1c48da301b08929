"""Dates and times of day in words, as loggers and spreadsheets write them, to numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vibtrain.files.file_columns import Array

if TYPE_CHECKING:
    import pandas as pd

NS = 1e-9  # seconds of the unit of what is read here
DAY_NS = 86_400 * 1_000_000_000
_LOOKED_AT = 100  # texts

_DAY = r"(?P<day>\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2}))"
_CLOCK = r"(?P<clock>\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?) ?(?P<half>[ap]m)?(?P<zone>z|[+-]\d{2}:?\d{2})?"
_TEXT = re.compile(rf"(?:{_DAY})?[t ]*(?:{_CLOCK})?", re.I)

Float = npt.NDArray[np.float64]
Order = str  # "ymd", "dmy" or "mdy"


def is_date(column: Array) -> bool:
    """Whether texts hold dates, with a time of day or without."""
    return _all_have(column, "day")


def is_clock(column: Array) -> bool:
    """Whether texts hold times of day alone."""
    return _all_have(column, "clock") and not is_date(column)


def has_clock(column: Array) -> bool:
    """Whether texts hold times of day, with a date or without."""
    return _all_have(column, "clock")


def orders(column: Array) -> tuple[Order, ...]:
    """The orders of day, month and year that these texts may be in; the first is the likelier one.

    `05/06/2026` may be two days. Where all days seen may be either, the order that puts them closer together comes
    first, and else the day before the month.
    """
    days = {day for day in _parts(column)["day"].dropna()}
    possible = [
        order for order in ("ymd", "dmy", "mdy") if all(_day_ns(day, order) is not None for day in days)
    ]
    return tuple(sorted(possible, key=lambda order: _reach(days, order)))


def reader(order: Order) -> Callable[[Array], Float]:
    """What turns texts of that order into nanoseconds; NaN where a text is none. A time of day alone counts from
    midnight."""

    def numbers(column: Array) -> Float:
        parts = _parts(column)
        total = _clock_ns(parts)
        day = parts["day"]
        if day.notna().any():
            known = {text: _day_ns(text, order) for text in day.dropna().unique()}
            total = total.fillna(0.0) + day.map(known).astype(np.float64)
        return np.asarray(total, np.float64)

    return numbers


def _parts(column: Array) -> pd.DataFrame:
    import pandas as pd

    texts = pd.Series(column, dtype=object).astype(str).str.strip()
    return texts.str.extract(re.compile(rf"^{_TEXT.pattern}$", re.I))


def _all_have(column: Array, part: str) -> bool:
    if column.dtype.kind not in "OTU" or len(column) < 3:
        return False
    first = _parts(column[:_LOOKED_AT])[part]
    return bool(first.notna().all())


def _clock_ns(parts: pd.DataFrame) -> pd.Series:
    import pandas as pd

    fields = parts["clock"].str.replace(",", ".").str.split(":", expand=True).reindex(columns=range(3))
    hours, minutes, seconds = (pd.to_numeric(fields[i]) for i in range(3))
    half = parts["half"].str.lower()
    hours = hours.where(half.isna(), hours % 12 + 12 * (half == "pm"))
    whole = (hours * 60 + minutes) * 60 * 1e9 + (seconds.fillna(0) * 1e9).round()
    return whole - parts["zone"].map(
        {zone: _zone_ns(zone) for zone in parts["zone"].dropna().unique()}
    ).fillna(0)


def _zone_ns(zone: str) -> float:
    if zone in "zZ":
        return 0.0
    digits = zone[1:].replace(":", "")
    minutes = 60 * int(digits[:2]) + int(digits[2:])
    return float((-1 if zone[0] == "-" else 1) * minutes * 60 * 1_000_000_000)


def _day_ns(text: str, order: Order) -> float | None:
    """Nanoseconds since 1970; None where the text is no day in that order."""
    import pandas as pd

    numbers = [int(part) for part in re.split("[-/.]", text)]
    if (order == "ymd") != (len(re.split("[-/.]", text)[0]) == 4):
        return None
    by = dict(zip(order, numbers, strict=True))
    year = by["y"] if by["y"] > 99 else 2000 + by["y"]
    try:
        return float(pd.Timestamp(year, by["m"], by["d"]).value)
    except ValueError:
        return None


def _reach(days: set[str], order: Order) -> float:
    values = [value for day in days if (value := _day_ns(day, order)) is not None]
    return max(values) - min(values) if values else 0.0
