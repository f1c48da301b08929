"""What a recording is, whatever file, data set or simulation it came from.

A *catalogue* is a list of `Entry`: what is known of each recording before its samples are read (label, speed,
machine, ...), so that a caller can choose and split without opening a file. `Entry.blocks()` reads one of them piece
by piece, so that a recording may be larger than memory; `Entry.read()` reads it whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vibtrain.errors import DataError as DataError  # of recordings, for most who meet it

STANDARD_GRAVITY = 9.80665  # m/s² in one g
# Units of acceleration, as people and programs write them.
IN_M_S2 = {
    "m/s2": 1.0,
    "m/s²": 1.0,
    "m/s^2": 1.0,
    "mm/s2": 1e-3,
    "mm/s²": 1e-3,
    "mm/s^2": 1e-3,
    "g": STANDARD_GRAVITY,
    "mg": STANDARD_GRAVITY * 1e-3,
}

HEALTHY = "healthy"
OFF = "off"  # the machine is switched off: neither healthy nor a fault
UNKNOWN = "unknown"  # nobody knows: neither healthy nor a fault, and no part in training or judging
OTHER_WORDS = {  # that people use; none can be the name of a fault
    HEALTHY: ("normal", "good", "ok", "baseline", "nominal", "no fault", "undamaged"),
    OFF: ("idle", "stopped", "standstill"),
    UNKNOWN: ("not known", "unlabelled", "unlabeled", "unclear", "n/a"),
}
# What a model can hold and a sensor can send: ASCII, and nothing that C or JSON would have to escape.
FAULT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .,_+()/:-]{0,47}")
FAULT_NAMES = "up to 48 letters (a to z), digits, blanks and . , _ + - ( ) / :"
UNNAMED_MACHINE = "machine"  # where nobody stated one

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Gaps:
    """What the time stamps of a recording say.

    Attributes:
        rate_hz: from their usual step; None where their unit is not known.
        gaps: steps that are longer than usual.
        missing: samples that fit into the gaps.
        backward: steps that go back in time.
    """

    rate_hz: float | None
    gaps: int
    missing: int
    backward: int


@dataclass(frozen=True, kw_only=True)
class Condition:
    """The circumstances of a recording.

    Attributes:
        name: unique within its catalogue, e.g. `0600_GoB_GS_BaLo_WA_00lb`.
        machine: the specimen that was measured; a split by machine keeps its recordings together.
        session: the mounting or day; recordings of one session share more than their label.
        label: `healthy`, `off`, `unknown`, or the fault.
        severity: e.g. `light`; empty where the fault has no degrees.
        speed_rpm: shaft speed, None where unknown.
        time: ISO 8601; empty where unknown.
        load: in the source's own words, e.g. `11 lb`; empty where unknown.
        rate_hz: samples a second on each axis.
        axes: names of the columns of `data`.
        source: data set or file it came from; simulated ones start with `simulated`.
    """

    name: str
    machine: str
    session: str
    label: str
    severity: str = ""
    speed_rpm: float | None = None
    load: str = ""
    time: str = ""
    rate_hz: float
    axes: tuple[str, ...]
    source: str

    @property
    def is_healthy(self) -> bool:
        return self.label == HEALTHY

    @property
    def is_fault(self) -> bool:
        return self.label not in (HEALTHY, OFF, UNKNOWN)

    @property
    def is_known(self) -> bool:
        """Whether anybody knows the machine's state."""
        return self.label != UNKNOWN

    @property
    def fine_label(self) -> str:
        """Label with its severity, e.g. `imbalance-very-light`."""
        return f"{self.label}-{self.severity}" if self.severity else self.label


@dataclass(frozen=True, kw_only=True)
class Recording(Condition):
    """Samples and their circumstances.

    Attributes:
        data: acceleration in m/s², float32, shape (frames, axes).
        note: what was done to the samples on reading, e.g. the offset taken off.
    """

    data: Samples
    note: str = ""

    def __post_init__(self) -> None:
        if self.data.ndim != 2 or self.data.shape[1] != len(self.axes):
            raise DataError(
                f"{self.source}: {self.name}: data has shape {self.data.shape}; "
                f"accepted: (frames, {len(self.axes)}) for axes {', '.join(self.axes)}"
            )
        _refuse_not_finite(self, self.data, 0)

    @property
    def seconds(self) -> float:
        return len(self.data) / self.rate_hz


class Reading(NamedTuple):
    """Samples on their way: acceleration in m/s² in blocks of shape (frames, axes), which may raise `DataError`; a
    note; about how many frames are to come, for a progress bar, None where nothing says so."""

    blocks: Iterable[Samples]
    note: str = ""
    expected_frames: int | None = None


@dataclass(frozen=True)
class Course:
    """The machine's speed, and perhaps its load, while it was recorded.

    Attributes:
        times_s: since the recording's first frame, rising, shape (points,).
        speed_rpm: shape (points,); NaN where it is not known.
        load: share of full load, shape (points,); None where nothing says so.
    """

    times_s: npt.NDArray[np.float64]
    speed_rpm: npt.NDArray[np.float64]
    load: npt.NDArray[np.float64] | None = None

    def at(self, times_s: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Speed in rpm and load, each of the shape of `times_s`; NaN beyond the ends of the course by more than its
        usual step, and for a load that nobody told."""
        step_s = float(np.median(np.diff(self.times_s))) if len(self.times_s) > 1 else 0.0
        known = (times_s >= self.times_s[0] - step_s) & (times_s <= self.times_s[-1] + step_s)
        speed = np.where(known, np.interp(times_s, self.times_s, self.speed_rpm), np.nan)
        if self.load is None:
            return speed, np.full(np.shape(times_s), np.nan)
        return speed, np.where(known, np.interp(times_s, self.times_s, self.load), np.nan)


@dataclass(frozen=True, kw_only=True)
class Entry(Condition):
    """One line of a catalogue: a recording whose samples have not been read yet.

    Attributes:
        reader: begins to read them; raises `DataError`.
        stamps: reads what the file's time stamps say of gaps; None where it has none.
        course: reads how speed and load went within it; None where nothing says so. Raises `DataError`.
    """

    reader: Callable[[], Reading]
    stamps: Callable[[], Gaps | None] | None = None
    course: Callable[[], Course] | None = None

    def blocks(self) -> Iterator[Samples]:
        """Read the samples piece by piece. Raises `DataError` where they cannot be read, or are not finite."""
        frames = 0
        for block in self.reader().blocks:
            _refuse_not_finite(self, block, frames)
            frames += len(block)
            yield block

    def read(self) -> Recording:
        """Read the samples in one piece. Raises `DataError` where they cannot be read."""
        reading = self.reader()
        return Recording(
            **condition_fields(self), data=np.concatenate(list(reading.blocks)), note=reading.note
        )


def instant(time: str) -> datetime:
    """A recording's time, to be compared with others: as text, an hour would be lost or come twice as summer time ends.
    One without an offset is taken for UTC; a manifest has an offset in all or in none."""
    told = datetime.fromisoformat(time)
    return told if told.tzinfo else told.replace(tzinfo=UTC)


Told = Callable[[str, int, int | None], None]  # name, frames done, frames expected


def watched(entry: Entry, told: Told) -> Entry:
    """The same recording, of whose every reading `told` hears: its name, the frames that are done with, and about how
    many there are."""
    return replace(entry, reader=partial(_told_reading, entry, told))


def _told_reading(entry: Entry, told: Told) -> Reading:
    reading = entry.reader()

    def blocks() -> Iterator[Samples]:
        frames = 0
        for block in reading.blocks:
            yield block
            frames += len(block)
            told(entry.name, frames, reading.expected_frames)

    return reading._replace(blocks=blocks())


def _refuse_not_finite(condition: Condition, block: Samples, first_frame: int) -> None:
    if not np.isfinite(block).all():
        frame, axis = np.argwhere(~np.isfinite(block))[0]
        raise DataError(
            f"{condition.source}: {condition.name}: frame {first_frame + frame}, axis {condition.axes[axis]}: "
            f"{block[frame, axis]}; accepted: finite numbers"
        )


def condition_fields(condition: Condition) -> dict[str, Any]:
    """The fields of `Condition` alone, to carry circumstances over to another recording."""
    return {field.name: getattr(condition, field.name) for field in fields(Condition)}
