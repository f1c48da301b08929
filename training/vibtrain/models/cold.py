"""Before a baseline is learnt: what healthy machines differ by, how that moves with speed or load, what is outside.

A model that has never seen a machine knows its healthy features only as well as it knows those of one training
condition from the others. So each feature is compared with the line that healthy levels follow from condition to
condition, in units of how far a condition that was not trained on lies from it: as far as training conditions lie from
what the others give, or as is assumed where there are few of them. Against the logarithm of the shaft's speed the line
is known where speeds are stated. Else it is the one along which conditions differ most, as by a load, if the others
give a condition that was left out far better with it than without. The place on it is not asked for: it is the one
that explains the window best.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vibtrain.models.anomaly import STEPS_PER_OCTAVE, Float, Int16, score_steps

RIDGE_OCTAVES2 = 0.25  # speeds half an octave apart say little of a slope
# Beyond the slowest and fastest speed, 1/256 octave: speeds are told that well.
SPEED_MARGIN = STEPS_PER_OCTAVE // 2
REACH_OCTAVES = 0.25  # so far beyond others vibnode.detector.untrained_speed calls nothing outside either
ENOUGH_TRIALS = 4  # to take a line for one whose speeds nobody knows
ENOUGH_LEFT_OUT = 3  # machines, speeds or loads, to take deviations for less than assumed
LINE_EXPLAINS = (
    0.5  # share of the squared differences that a line of unknown speeds leaves at most, to be one
)
ASSUMED_TRIALS = 1  # trials that the assumed deviation counts for, beside those at hand
GAIN_BITS, WEIGHT_BITS = 28, 20  # of the core's fractions
MAX_GAIN, MAX_WEIGHT, MAX_OCTAVES = 2**24 - 1, 2**16 - 1, 32.0


@dataclass(frozen=True)
class HealthyCondition:
    """The mean healthy features of one mounting at one speed and load.

    Attributes:
        left_out: what is left out together when the model is tried on what it was not given: a machine, speed or load.
        log2_rpm: logarithm of the shaft's speed, None where it is not known.
        load: octaves of operating_line.py, None where it is not known.
        mean: steps, shape (inputs,).
    """

    left_out: str
    log2_rpm: float | None
    mean: Float
    load: float | None = None


@dataclass(frozen=True)
class _Line:
    """Where healthy conditions lie: at `centre`, and `slopes` steps on for each octave.

    Attributes:
        middle: log2 of the speed, or the load, at the centre; None where an octave is half of what the conditions span.
        by_load: whether it is the load's.
        conditions: how many it was drawn through.
        spread: sum of their squared places, octaves.
    """

    centre: Float
    slopes: Float
    middle: float | None
    conditions: int
    spread: float
    by_load: bool = False

    def place(self, condition: HealthyCondition) -> float:
        """Octaves from the centre."""
        told = condition.load if self.by_load else condition.log2_rpm
        if self.middle is not None and told is not None:
            return told - self.middle
        power = float(self.slopes @ self.slopes)
        return float(self.slopes @ (condition.mean - self.centre)) / power if power else 0.0

    def rest(self, condition: HealthyCondition) -> Float:
        """Distance from the line in steps."""
        return np.asarray(condition.mean - self.centre - self.place(condition) * self.slopes)

    def uncertainty(self, condition: HealthyCondition) -> float:
        """Variance of one more condition about the line, in units of those about the true one: what few conditions, or
        a place beyond theirs, leave unknown comes on top (the prediction variance of a regression)."""
        beyond = self.place(condition) ** 2 / self.spread if self.spread else 0.0
        return 1 + 1 / self.conditions + beyond


@dataclass(frozen=True)
class ColdForm:
    """The core's form: slopes int16, gains int32, weights uint16, each of shape (inputs,); limits in 1/256 octave."""

    slopes: Int16
    gains: npt.NDArray[np.int32]
    weights: npt.NDArray[np.uint16]
    speed_low: int
    speed_high: int


@dataclass(frozen=True)
class ColdModel:
    """How far a window is from healthy conditions, no baseline being known.

    Attributes:
        centre: healthy features at the middle of the trained speeds, steps, shape (inputs,).
        slopes: steps an octave of speed, or of the line that was found in its place; 0 where there is none.
        deviations: how far a condition is from what the other ones let expect, steps, one standard deviation.
        low, high: slowest and fastest speed trained on, octaves from the middle; of a line that was found its ends.
    """

    centre: Float
    slopes: Float
    deviations: Float
    low: float
    high: float

    @property
    def gains(self) -> Float:
        """Octaves of speed that one step of each input tells: weighted least squares along the slopes."""
        towards = self.slopes / self.deviations**2
        power = float(towards @ self.slopes)
        return towards / power if power else np.zeros_like(towards)

    def speed_octaves(self, d: npt.ArrayLike) -> Float:
        """Speed that explains differences from the centre best, in octaves from the middle; shape (windows,)."""
        return np.asarray(np.clip(np.asarray(d, np.float64) @ self.gains, -MAX_OCTAVES, MAX_OCTAVES))

    def steps(self, d: npt.ArrayLike) -> Float:
        """Score before rounding of differences from the centre, shape (windows, inputs)."""
        rest = np.asarray(d, np.float64) - self.speed_octaves(d)[:, None] * self.slopes
        return score_steps(((rest / self.deviations) ** 2).sum(axis=1), rest.shape[1])

    def rescaled(self, octaves: float) -> ColdModel:
        """With deviations so many octaves smaller: every score is 256 steps higher for each."""
        return ColdModel(self.centre, self.slopes, self.deviations * 2.0**-octaves, self.low, self.high)

    def quantised(self) -> ColdModel:
        """The nearest one that the core can hold."""
        slopes = np.clip(np.rint(self.slopes), -32768, 32767)
        return ColdModel(
            np.rint(self.centre), slopes, 2.0**WEIGHT_BITS / self._weights(), self.low, self.high
        )

    def _weights(self) -> Float:
        return np.asarray(np.clip(np.rint(2.0**WEIGHT_BITS / self.deviations), 1, MAX_WEIGHT))

    def core_form(self) -> ColdForm:
        """In the core's integers, of what `quantised` gave."""
        gains = np.clip(np.rint(self.gains * 2.0**GAIN_BITS), -MAX_GAIN, MAX_GAIN)
        margin = SPEED_MARGIN if self.slopes.any() else 0
        return ColdForm(
            slopes=self.slopes.astype(np.int16),
            gains=gains.astype(np.int32),
            weights=self._weights().astype(np.uint16),
            speed_low=int(np.floor(self.low * STEPS_PER_OCTAVE)) - margin,
            speed_high=int(np.ceil(self.high * STEPS_PER_OCTAVE)) + margin,
        )


def fit(
    conditions: Sequence[HealthyCondition],
    names: Sequence[str],
    condition_steps: float,
    *,
    least_assumed: bool = False,
) -> ColdModel:
    """Fit on healthy conditions.

    Deviations are those of each of `trials` from what the others let expect, pooled over the axes, with
    `condition_steps` as ASSUMED_TRIALS conditions more; not less than that where under ENOUGH_LEFT_OUT were left out.

    Args:
        names: of each input, without its axis.
        condition_steps: deviation assumed of a condition never seen.
        least_assumed: never less than that: what was left out says nothing of another machine or condition.
    """
    found = _has_a_line(conditions)
    line = _line(conditions, found)
    assumed = np.full(len(line.centre), float(condition_steps**2))
    missed = [
        other.rest(conditions[i]) / math.sqrt(_unfairness(conditions[i], other, line))
        for i, other in _lines_of_others(conditions, found)
    ]
    variance = assumed
    if missed:
        of = np.asarray(names)
        squares = np.square(missed).sum(axis=0)
        pooled = np.array([squares[of == name].mean() for name in of])
        variance = (pooled + ASSUMED_TRIALS * assumed) / (len(missed) + ASSUMED_TRIALS)
    if least_assumed or len({conditions[i].left_out for i, _ in trials(conditions)}) < ENOUGH_LEFT_OUT:
        variance = np.maximum(variance, assumed)
    places = [line.place(c) for c in conditions] if line.slopes.any() else [0.0]
    return ColdModel(line.centre, line.slopes, np.sqrt(variance), min(places), max(places))


def trials(conditions: Sequence[HealthyCondition]) -> list[tuple[int, list[HealthyCondition]]]:
    """Indexes of the conditions that can be tried on others, and these: all that are not left out with it, if its speed
    is within theirs. At a speed beyond them it would be a trial of what a device calls outside."""
    result = []
    for i, condition in enumerate(conditions):
        others = [c for c in conditions if c.left_out != condition.left_out]
        if others and _reach(others, condition.log2_rpm):
            result.append((i, others))
    return result


def _reach(others: Sequence[HealthyCondition], log2_rpm: float | None) -> bool:
    speeds = [c.log2_rpm for c in others if c.log2_rpm is not None]
    if log2_rpm is None or len(speeds) < len(others):
        return True
    return min(speeds) - REACH_OCTAVES <= log2_rpm <= max(speeds) + REACH_OCTAVES


def tried_on_others(model: ColdModel, conditions: Sequence[HealthyCondition]) -> list[tuple[int, ColdModel]]:
    """Of each of `trials`, the index of the condition, and a model of the others to score it by: their line, with the
    deviations of `model`, wider by as much as the others know less of that place than all do."""
    found = _has_a_line(conditions)
    line = _line(conditions, found)
    return [
        (
            i,
            dataclasses.replace(model, centre=other.centre, slopes=other.slopes).rescaled(
                -math.log2(unfair) / 2
            ),
        )
        for i, other in _lines_of_others(conditions, found)
        for unfair in [_unfairness(conditions[i], other, line)]
    ]


def _lines_of_others(conditions: Sequence[HealthyCondition], found: bool) -> list[tuple[int, _Line]]:
    lines: dict[str, _Line] = {}
    result = []
    for i, others in trials(conditions):
        name = conditions[i].left_out
        if name not in lines:
            lines[name] = _line(others, found)
        result.append((i, lines[name]))
    return result


def _unfairness(condition: HealthyCondition, others: _Line, line: _Line) -> float:
    """How much more uncertain a condition is by the others than one more at its place is by all; a variance."""
    return others.uncertainty(condition) / line.uncertainty(condition)


def _has_a_line(conditions: Sequence[HealthyCondition]) -> bool:
    """Whether conditions without known speeds follow a line: it gives one that was left out far better."""
    if _told(conditions)[0] or len(trials(conditions)) < ENOUGH_TRIALS:
        return False
    flat, along = (
        sum(
            float(np.square(line.rest(conditions[i])).sum())
            for i, line in _lines_of_others(conditions, found)
        )
        for found in (False, True)
    )
    return along < LINE_EXPLAINS * flat


def _told(conditions: Sequence[HealthyCondition]) -> tuple[list[float], bool]:
    """Logarithms of their speeds, or else their loads, and whether it is these; none unless all are known and two
    differ."""
    for by_load in (False, True):
        told = [c.load if by_load else c.log2_rpm for c in conditions]
        known = [place for place in told if place is not None]
        if len(known) == len(conditions) and len(set(known)) > 1:
            return known, by_load
    return [], False


def _line(conditions: Sequence[HealthyCondition], found: bool) -> _Line:
    """By their speeds, else by their loads; else, where they have a line (`found`), by what they differ in most; else
    none."""
    means = np.stack([c.mean for c in conditions])
    centre = means.mean(axis=0)
    known, by_load = _told(conditions)
    if known:
        octaves = np.array(known) - np.mean(known)
        spread = float(octaves @ octaves + RIDGE_OCTAVES2)
        slopes = octaves @ (means - centre) / spread
        return _Line(centre, slopes, float(np.mean(known)), len(known), spread, by_load)
    if not found or len(conditions) < 2:
        return _Line(centre, np.zeros_like(centre), None, len(conditions), 0.0)
    direction = np.linalg.svd(means - centre, full_matrices=False)[2][0]
    direction = direction if direction.sum() >= 0 else -direction
    along = (means - centre) @ direction
    octave = float(np.ptp(along)) / 2
    return _Line(centre, direction * octave, None, len(conditions), float(np.square(along / octave).sum()))
