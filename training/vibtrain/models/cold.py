"""Before a baseline is learnt: what healthy machines differ by, how that moves with speed, and what lies outside.

A model that has never seen a machine knows its healthy features only as well as it knows those of one training
condition from the others. So each feature is compared with the line that healthy levels follow against the logarithm
of the shaft's speed, in units of how far a condition that was not trained on is assumed to lie from it, or more where
training conditions lie farther from what the others give. The speed is not asked for: it is the one that explains the
window best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vibtrain.models.anomaly import STEPS_PER_OCTAVE, Float, Int16, score_steps

RIDGE_OCTAVES2 = 0.25  # speeds half an octave apart say little of a slope
# Beyond the slowest and fastest speed, 1/256 octave: speeds are told that well.
SPEED_MARGIN = STEPS_PER_OCTAVE // 2
REACH_OCTAVES = 0.25  # so far beyond others vibnode.detector.untrained_speed calls nothing outside either
GAIN_BITS, WEIGHT_BITS = 28, 20  # of the core's fractions
MAX_GAIN, MAX_WEIGHT, MAX_OCTAVES = 2**24 - 1, 2**16 - 1, 32.0


@dataclass(frozen=True)
class HealthyCondition:
    """The mean healthy features of one mounting at one speed and load.

    Attributes:
        left_out: what is left out together when the model is tried on what it was not given: a speed, a machine.
        log2_rpm: logarithm of the shaft's speed, None where it is not known.
        mean: steps, shape (inputs,).
    """

    left_out: str
    log2_rpm: float | None
    mean: Float


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
        slopes: steps an octave of speed; 0 where training knew under two speeds.
        deviations: how far a condition is from what the other ones let expect, steps, one standard deviation.
        low, high: slowest and fastest speed trained on, octaves from the middle.
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


def fit(conditions: Sequence[HealthyCondition], names: Sequence[str], condition_steps: float) -> ColdModel:
    """Fit on healthy conditions.

    Deviations are those of each of `trials` from what the others let expect, pooled over the axes, with
    `condition_steps` as one condition more; and never less than that.

    Args:
        names: of each input, without its axis.
        condition_steps: deviation assumed of a condition never seen.
    """
    centre, slopes, middle = _line(conditions)
    variance = np.full(len(centre), float(condition_steps**2))
    missed = [_rest(conditions[i], others) for i, others in trials(conditions)]
    if missed:
        of = np.asarray(names)
        squares = np.square(missed).sum(axis=0)
        pooled = np.array([squares[of == name].mean() for name in of])
        variance = np.maximum(variance, (pooled + variance) / (len(missed) + 1))
    speeds = [c.log2_rpm - middle for c in conditions if c.log2_rpm is not None] if slopes.any() else [0.0]
    return ColdModel(centre, slopes, np.sqrt(variance), min(speeds), max(speeds))


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


def _rest(condition: HealthyCondition, others: Sequence[HealthyCondition]) -> Float:
    """Distance in steps from what the other conditions let expect."""
    centre, slopes, middle = _line(others)
    octaves = 0.0 if condition.log2_rpm is None else condition.log2_rpm - middle
    return condition.mean - centre - octaves * slopes


def with_deviations_of(model: ColdModel, conditions: Sequence[HealthyCondition]) -> ColdModel:
    """The line of these conditions, with the deviations of `model`: to score a condition that was left out of them."""
    centre, slopes, _ = _line(conditions)
    return ColdModel(centre, slopes, model.deviations, model.low, model.high)


def _line(conditions: Sequence[HealthyCondition]) -> tuple[Float, Float, float]:
    """Centre, slopes, and the log2 of the speed in the middle; slopes 0 unless two speeds are known."""
    means = np.stack([c.mean for c in conditions])
    centre = means.mean(axis=0)
    known = [c.log2_rpm for c in conditions if c.log2_rpm is not None]
    if len(known) < len(conditions) or len(set(known)) < 2:
        return centre, np.zeros_like(centre), 0.0
    octaves = np.array(known) - np.mean(known)
    slopes = octaves @ (means - centre) / (octaves @ octaves + RIDGE_OCTAVES2)
    return centre, slopes, float(np.mean(known))
