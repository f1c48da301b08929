"""Speed and load of a machine while it was recorded: a column, the pulses of a tacho, or a file beside it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vibtrain.files.sample_files import Column, column_name, read_blocks, read_file
from vibtrain.files.time_columns import Float, find_stamps
from vibtrain.recordings import Course, DataError, instant

COURSE_HZ = 100.0  # a column of the recording is averaged down to about this rate
SWING = 0.2  # of a tacho's range, over and under its middle, that a pulse must pass
BOUNCE, NEIGHBOURS = 0.4, 9  # pulses closer than this share of the usual distance are one


@dataclass(frozen=True)
class Stated:
    """Where a manifest says that the course is.

    Attributes:
        file: that holds it; the recording itself where `beside` is false.
        speed: column in rpm; None where there is a tacho.
        tacho: column of pulses; `pulses_per_turn` of the shaft.
        load: column, as a share of full load; None where nothing says so.
        rate_hz: of the recording, and of a tacho's samples in a file that states none.
        time: of the recording, ISO 8601, for a file whose rows have dates.
    """

    file: Path
    beside: bool
    speed: Column | None
    tacho: Column | None
    pulses_per_turn: float
    load: Column | None
    rate_hz: float
    time: str


def read_course(stated: Stated) -> Course:
    """The course over seconds of the recording. Raises `DataError` naming the file where it cannot be read."""
    if stated.tacho is not None:
        return _of_pulses(stated, stated.tacho)
    assert stated.speed is not None
    columns = [stated.speed] if stated.load is None else [stated.speed, stated.load]
    if stated.beside:
        times_s, values = _rows_beside(stated.file, tuple(columns), stated.time)
    else:
        times_s, values = _averaged(stated.file, columns, stated.rate_hz)
    if (values < 0).any():
        raise DataError(f"{stated.file}: column {columns[0]}: {values.min():g}; accepted: 0 or more")
    return Course(times_s, values[:, 0], values[:, 1] if len(columns) > 1 else None)


def _averaged(file: Path, columns: list[Column], rate_hz: float) -> tuple[Float, Float]:
    """Columns beside the samples: means of some frames each, at the times of their middles."""
    few = max(1, int(rate_hz / COURSE_HZ))
    parts, held = [], np.empty((0, len(columns)))
    for block in read_blocks(file, columns):
        held = np.concatenate([held, block])
        whole = len(held) // few * few
        parts.append(held[:whole].reshape(-1, few, len(columns)).mean(axis=1))
        held = held[whole:]
    if len(held) and not any(map(len, parts)):
        parts.append(held.mean(axis=0, keepdims=True))
    values = np.concatenate(parts)
    return np.asarray((np.arange(len(values)) + 0.5) * few / rate_hz), np.asarray(values)


@functools.lru_cache(maxsize=8)  # one export of a plant's computer may serve every recording
def _read_beside(file: Path, columns: tuple[Column, ...]) -> tuple[Float, Float, bool]:
    """Seconds, shape (rows,), values, shape (rows, columns), and whether the seconds are since 1970."""
    content = read_file(file)
    beginning = content.beginning()
    stamps = find_stamps(beginning, {column_name(file, column, content) for column in columns}, content.units)
    if stamps is None or not stamps.unit_s or stamps.period:
        raise DataError(
            f"{file}: no column of times is known; accepted: one named time_s, in seconds, or dates"
        )
    times = np.concatenate([stamps.readings[0](block) for block in content.blocks(stamps.names)])
    if (np.diff(times) <= 0).any():
        raise DataError(f"{file}: column {stamps.names[0]!r}: goes back in time; accepted: times that rise")
    values = np.concatenate(list(read_blocks(file, columns)))
    return times * stamps.unit_s, values, stamps.since_1970


def _rows_beside(file: Path, columns: tuple[Column, ...], time: str) -> tuple[Float, Float]:
    times_s, values, dates = _read_beside(file, columns)
    if dates and not time:
        raise DataError(
            f"{file}: its rows have dates; accepted: with them, the recording's own time (field time)"
        )
    return times_s - instant(time).timestamp() if dates else times_s, values


def _of_pulses(stated: Stated, tacho: Column) -> Course:
    """Between rising edges. Missing pulses are seen by the distance of their neighbours, and bounces too."""
    from scipy import ndimage

    content = read_file(stated.file)
    name = column_name(stated.file, tacho, content)
    rate_hz = content.rates_hz.get(name) or stated.rate_hz
    edges_s = _edges(stated.file, tacho) / rate_hz
    pulses = 1
    for _ in range(2):  # bounces first
        if len(edges_s) > 2:
            usual_s = ndimage.median_filter(np.diff(edges_s), NEIGHBOURS, mode="nearest")
            kept = np.diff(edges_s) > BOUNCE * usual_s
            edges_s = edges_s[np.concatenate([[True], kept])]
    if len(edges_s) <= 2:
        return Course(np.zeros(1), np.full(1, np.nan), None)
    steps_s = np.diff(edges_s)
    pulses = np.rint(steps_s / ndimage.median_filter(steps_s, NEIGHBOURS, mode="nearest"))
    number = np.concatenate([[0.0], np.cumsum(np.maximum(1, pulses))])
    # Over a whole turn, where there are so many: the marks of a turn are never quite evenly spaced.
    span = min(max(1, round(stated.pulses_per_turn)), len(edges_s) - 1)
    turns = (number[span:] - number[:-span]) / stated.pulses_per_turn
    rpm = 60 * turns / (edges_s[span:] - edges_s[:-span])
    return Course((edges_s[span:] + edges_s[:-span]) / 2, rpm, None)


def _edges(file: Path, tacho: Column) -> Float:
    """Frames, in fractions, at which the pulses rise."""
    low, high = np.inf, -np.inf
    for block in read_blocks(file, [tacho]):
        low, high = min(low, block.min()), max(high, block.max())
    middle, swing = (low + high) / 2, SWING * (high - low)
    edges, is_up, last, frames = [], True, low, 0
    for block in read_blocks(file, [tacho]):
        values = np.concatenate([[last], block[:, 0]])
        # 1 over the upper mark, -1 under the lower one, 0 between: as before.
        state = np.where(values > middle + swing, 1, np.where(values < middle - swing, -1, 0))
        state[0] = 1 if is_up else -1
        held = state[np.maximum.accumulate(np.where(state != 0, np.arange(len(state)), 0))]
        for place in np.flatnonzero((held[1:] == 1) & (held[:-1] == -1)):
            before, after = values[place], values[place + 1]
            share = np.clip((middle + swing - before) / (after - before), 0, 1)
            edges.append(frames + place - 1 + share)
        is_up, last, frames = held[-1] == 1, values[-1], frames + len(block)
    return np.array(edges)
