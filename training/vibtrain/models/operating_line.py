"""How healthy features move along the operating points of a fleet, and how far off that a machine may be.

A machine's own baseline holds where it was learnt. From there it is carried along the line that the fleet's healthy
features follow against the logarithm of the shaft's speed; against the load, where the speed is one; or along the one
that cold.py found. How far the machine may then be off the line is taken to be a share of what the line itself moves.

A fleet whose machines were each recorded at many places shows that scatter by itself. It *roams*: its spread is that of
features referred to the middle of the line, about their own machine, and holds all along it.
"""

from __future__ import annotations

import dataclasses
import math
import re
from array import array
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import vib
from vibnode.heard_speed import HeardSpeed
from vibnode.operating_point import speed_steps

from vibtrain.features.extraction import Windows
from vibtrain.models.anomaly import STEPS_PER_OCTAVE, Float, Int16, residuals
from vibtrain.models.cold import MAX_WEIGHT, RIDGE_OCTAVES2, WEIGHT_BITS, ColdModel

NONE, SPEED, LOAD, FOUND, HEARD = range(5)  # vib_line_t
ROAMS_RECORDINGS = 12  # of a machine, so that they say how it scatters about its line
ROAMS_OCTAVES = 0.1  # standard deviation of their places
SHARE_OFF_LINE = 0.4  # of what the line moves over a distance that one machine may be off it there
MARGIN_STEPS = STEPS_PER_OCTAVE // 2  # threshold over a machine that is off as far as assumed
MOST_PERCENT = 150
HEARS_RIGHT, HEARD_STEPS = 0.95, 32  # share of windows, and how near, 1/256 octave
FULL_LOAD = 1000  # thousandths of the rated load, 256 of which stand for an octave
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%?")


def load_thousandths(load: str) -> float | None:
    """A load in thousandths of the rated one, from `40`, `40 %` or `40%`; None for other words, and over MOST_PERCENT,
    where it may be of another unit."""
    match = _PERCENT.fullmatch(load)
    percent = float(match.group(1)) if match else math.inf
    return percent * FULL_LOAD / 100 if percent <= MOST_PERCENT else None


@dataclass(frozen=True)
class OperatingLine:
    """The line of a fleet.

    Attributes:
        over: what its octaves are of: NONE, SPEED, LOAD, FOUND; HEARD is SPEED where two axes' lines tell it.
        middle: of speeds log2 of rpm, of LOAD octaves, else 0.
        slopes: steps an octave, int16, shape (features,).
        deviations: what a machine may be off `reach` octaves from what it learnt, steps, shape (inputs,).
        reach: octaves; 0 where the fleet roams.
    """

    over: int
    middle: float
    slopes: Int16
    deviations: Float
    reach: float

    @property
    def roams(self) -> bool:
        return self.over != NONE and self.reach == 0

    @property
    def core_middle(self) -> int:
        """In the core's units: 1/256 octave re 1 mHz, or thousandths of the rated load."""
        if self.over in (SPEED, HEARD):
            return round(STEPS_PER_OCTAVE * (self.middle + float(np.log2(1000 / 60))))
        return round(STEPS_PER_OCTAVE * self.middle)

    @property
    def core_reach(self) -> int:
        return round(STEPS_PER_OCTAVE * self.reach)

    @property
    def weights(self) -> npt.NDArray[np.uint16]:
        weights = np.clip(np.rint(2.0**WEIGHT_BITS / self.deviations), 1, MAX_WEIGHT)
        return np.asarray(weights, np.uint16)


def place(r: Windows, over: int) -> float | None:
    """Where a recording was taken, octaves: the mean of log2 of rpm, or of load; None where nobody told."""
    told = told_places(r, over)
    return None if told is None else float(told.mean())


def told_places(r: Windows, over: int) -> Float | None:
    """Of each window, by the recording's course where it has one; shape (windows,)."""
    by_speed = over in (SPEED, HEARD)
    course = r.speeds_rpm if by_speed else r.loads
    if over not in (SPEED, HEARD, LOAD):
        return None
    if (
        course is not None
        and len(course) == len(r.features)
        and (course > 0 if by_speed else course >= 0).all()
    ):
        return np.asarray(np.log2(course) if by_speed else course * FULL_LOAD / STEPS_PER_OCTAVE)
    thousandths = load_thousandths(r.load)
    if by_speed:
        return np.full(len(r.features), np.log2(r.speed_rpm)) if r.speed_rpm else None
    return None if thousandths is None else np.full(len(r.features), thousandths / STEPS_PER_OCTAVE)


def told_over(healthy: Sequence[Windows]) -> int:
    """What all recordings tell and differ in: SPEED, LOAD or NONE."""
    for over in (SPEED, LOAD):
        places = [place(r, over) for r in healthy]
        if None not in places and len(set(places)) > 1:
            return over
    return NONE


def places_of(
    r: Windows, over: int, middle: float, cold: ColdModel, centre: Int16, inputs: list[int]
) -> Float:
    """Octaves from the middle of each window; shape (windows,)."""
    told = told_places(r, over)
    if told is not None:
        return told - middle
    return cold.speed_octaves(r.features[:, inputs].astype(np.float64) - centre[inputs])


def fit(healthy: Sequence[Windows], inputs: list[int], cold: ColdModel, centre: Int16) -> OperatingLine:
    """The line of healthy recordings; its deviations are those off the line alone.

    Args:
        inputs: of the anomaly model, indexes of features.
        cold: fitted on the same recordings; its slopes are the line's, of the inputs, unless the fleet roams.
        centre: of all features.
    """
    n = healthy[0].features.shape[1]
    flat = OperatingLine(NONE, 0.0, np.zeros(n, np.int16), np.zeros(len(inputs)), 0.0)
    if not cold.slopes.any():
        return flat
    over = told_over(healthy) or FOUND
    told = [p for r in healthy if (p := place(r, over)) is not None]
    middle = float(np.mean(told)) if told else 0.0
    places = np.array([places_of(r, over, middle, cold, centre, inputs).mean() for r in healthy])
    roams = _roams(healthy, places)
    moves = _slopes(healthy, places)
    if not roams:
        moves[inputs] = cold.slopes
    slopes: Int16 = np.clip(np.rint(moves), -32768, 32767).astype(np.int16)
    if roams:
        return OperatingLine(over, middle, slopes, np.zeros(len(inputs)), 0.0)
    if (
        over == FOUND
    ):  # nobody knows what it is a line of: a baseline is carried along it by fleets alone that roam
        return flat
    reach = max(_widest_gap(places) / 2, 1 / STEPS_PER_OCTAVE)
    off = SHARE_OFF_LINE * reach * float(np.sqrt(np.mean(np.square(cold.slopes))))
    return OperatingLine(over, middle, slopes, np.full(len(inputs), off), reach)


class _Placing:
    """What HeardSpeed asks of a model."""

    def __init__(self, cold: ColdModel, centre: Int16, inputs: list[int]) -> None:
        self._cold, self._centre, self._inputs = cold, centre[inputs].astype(np.float64), inputs

    def place(self, features: array[int]) -> int:
        d = np.array(features, np.float64)[self._inputs] - self._centre
        return round(STEPS_PER_OCTAVE * float(self._cold.speed_octaves(d[None])[0]))


def with_ears(
    line: OperatingLine,
    healthy: Sequence[Windows],
    core: dict[str, int],
    cold: ColdModel,
    centre: Int16,
    inputs: list[int],
) -> OperatingLine:
    """HEARD in place of SPEED, where the device's own rule hears the speed that was told in HEARS_RIGHT
    of the windows in which it hears any, and in one of ten at least."""
    if line.over != SPEED:
        return line
    form = cold.core_form()
    limits = line.core_middle, form.speed_low, form.speed_high
    ear = HeardSpeed(vib.feature_names(core), core, _Placing(cold, centre, inputs), limits)
    heard, right, windows = 0, 0, 0
    for r in healthy:
        octaves = told_places(r, SPEED)
        assert octaves is not None  # or the line would not be over it
        for row, octave in zip(r.features, octaves, strict=True):
            told = speed_steps(float(2**octave))
            speed = ear.speed(array("h", row.tobytes()))
            windows += 1
            heard += speed > 0
            right += speed > 0 and abs(speed - told) <= HEARD_STEPS
    trusted = heard * 10 >= windows and right >= HEARS_RIGHT * heard
    return dataclasses.replace(line, over=HEARD) if trusted else line


def with_spread(line: OperatingLine, spread: Float, warning: int) -> OperatingLine:
    """With the spread about a baseline, steps, shape (inputs,), in its deviations, scaled so that `warning` is the
    threshold of a machine far from what it learnt too."""
    deviations = np.sqrt(line.deviations**2 + spread**2) * 2.0 ** (
        (MARGIN_STEPS - warning) / STEPS_PER_OCTAVE
    )
    return dataclasses.replace(line, deviations=deviations)


def _slopes(healthy: Sequence[Windows], places: Float) -> Float:
    """Steps an octave of each feature within machines, whose own levels say nothing of it; shape (features,)."""
    means = np.stack([r.features.mean(axis=0) for r in healthy])
    machines = np.array([r.machine for r in healthy])
    rest = residuals(np.column_stack([places, means]), machines)
    away = rest[:, 0]
    return np.asarray(away @ rest[:, 1:] / (away @ away + RIDGE_OCTAVES2))


def _roams(healthy: Sequence[Windows], places: Float) -> bool:
    """Whether most recordings are of machines with many of them at many places."""
    of: dict[str, list[float]] = defaultdict(list)
    for r, at in zip(healthy, places, strict=True):
        of[r.machine].append(float(at))
    many = [p for p in of.values() if len(p) >= ROAMS_RECORDINGS and np.std(p) >= ROAMS_OCTAVES]
    return 2 * sum(map(len, many)) > len(healthy)


def _widest_gap(places: Float) -> float:
    return float(np.diff(np.sort(places)).max(initial=0.0))


def referred(
    recordings: Sequence[Windows], line: OperatingLine, cold: ColdModel, centre: Int16, inputs: list[int]
) -> list[Windows]:
    """The recordings with their features as they would be at the middle of the line, one place for each machine."""
    result = []
    for r in recordings:
        at = places_of(r, line.over, line.middle, cold, centre, inputs)
        moved = np.rint(at[:, None] * line.slopes[None, :].astype(np.float64))
        features = np.clip(r.features - moved, -32768, 32767).astype(np.int16)
        result.append(
            dataclasses.replace(r, features=features, speed_rpm=None, load="", speeds_rpm=None, loads=None)
        )
    return result
