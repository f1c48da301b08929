"""The warning threshold: what healthy windows score by the baseline of other healthy windows of their place."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from vibnode.baseline import Baseline

from vibtrain.features.config import TrainingConfig
from vibtrain.features.extraction import Windows, regimes_of
from vibtrain.models.anomaly import AnomalyModel, averaged, differences, median_baseline
from vibtrain.models.other_speed import at_other_speed, learnt_from
from vibtrain.recordings import DataError

Float = npt.NDArray[np.float64]
Int16 = npt.NDArray[np.int16]
FitModel = Callable[[list[Windows]], AnomalyModel]


def warning_threshold(
    healthy: list[Windows], inputs: list[int], config: TrainingConfig, fit_model: FitModel
) -> int:
    """Warning threshold in score steps for the stated false-alarm rate: the larger of two.

    Scores are taken as a device takes them on a machine or at a speed that was not trained on: the baseline from one
    half of a recording, the windows from the other, and the spread from recordings of other machines (else speeds, else
    sessions), if there are any; then the halves change places. Both halves are of one mounting and one session, so this
    is the least that healthy windows scatter; `margin_steps` is for the rest.

    That rest shows where a machine has several recordings at one speed and load: with the baseline from half of them,
    and the spread of that half too, what the others reach needs no margin. One of them may be over, as some odd one
    always is.

    `fit_model`: fits the anomaly model on recordings. Raises `DataError` where every recording is too short.
    """
    average = config.detector.average_windows
    long_enough = [r for r in healthy if len(averaged(_halves([r])[1][0].features, average))]
    if not long_enough:
        raise DataError(
            f"{config.name}: every healthy recording is under {2 * average} windows, too short to calibrate on"
        )
    rate = config.anomaly.false_alarm_rate
    within, between = [], []
    for judged, others in _each_left_out(long_enough):
        split = [_halves([r]) for r in judged]
        for first in (0, 1):
            model = fit_model(others or [r for halves in split for r in halves[first]])
            for halves in split:
                within += _scores(model, halves[first], halves[1 - first], inputs, average)
    for regime, place in regimes_of(long_enough).items():
        others = [r for r in long_enough if r.regime != regime]
        halves = _halves(place)
        for learnt, rest in (halves, halves[::-1]) if len(place) > 1 else ():
            model = fit_model(others + learnt)
            between += _scores(model, learnt, _at_learnt_speed(learnt, rest, config), inputs, average)
    warning = _quantile(np.concatenate(within), 1 - rate) + config.anomaly.margin_steps
    reached = sorted((_quantile(scores, 1 - rate) for scores in between), reverse=True)
    allowed_over = max(1, int(rate * len(reached)))
    return max([warning, *reached[allowed_over : allowed_over + 1]])


def left_out(healthy: list[Windows]) -> list[str]:
    """Of each recording, what it is left out with: its machine where there are two, else its speed or session."""
    for field in ("machine", "speed_rpm", "session"):
        values = [getattr(r, field) for r in healthy]
        if None not in values and len(set(values)) > 1:
            return [str(value) for value in values]
    return [""] * len(healthy)


def _each_left_out(recordings: list[Windows]) -> list[tuple[list[Windows], list[Windows]]]:
    names = left_out(recordings)
    return [
        (
            [r for r, n in zip(recordings, names, strict=True) if n == name],
            [r for r, n in zip(recordings, names, strict=True) if n != name],
        )
        for name in sorted(set(names))
    ]


def _halves(recordings: list[Windows]) -> tuple[list[Windows], list[Windows]]:
    """The first and the second half of their windows."""
    left = (sum(len(r.features) for r in recordings) + 1) // 2
    first, second = [], []
    for r in recordings:
        first.append(dataclasses.replace(r, features=r.features[: max(0, left)]))
        second.append(dataclasses.replace(r, features=r.features[max(0, left) :]))
        left -= len(r.features)
    return first, second


def _scores(
    model: AnomalyModel, learnt: list[Windows], judged: list[Windows], inputs: list[int], average_windows: int
) -> list[Float]:
    """Of each recording that is judged and long enough."""
    baseline = median_baseline(np.concatenate([r.features for r in learnt]))
    means = [averaged(r.features, average_windows) for r in judged]
    return [model.steps(differences(m, baseline)[:, inputs]) for m in means if len(m)]


def _at_learnt_speed(learnt: list[Windows], judged: list[Windows], config: TrainingConfig) -> list[Windows]:
    """Those most of whose windows are not of another speed: these a device calls outside. A speed that is told is the
    learnt one."""
    if learnt[0].speed_rpm:
        return judged
    baseline = learnt_from(np.concatenate([r.features for r in learnt]))
    return [r for r in judged if not _turns_otherwise(r, baseline, config)]


def _turns_otherwise(recording: Windows, baseline: Baseline, config: TrainingConfig) -> bool:
    away, moving = at_other_speed(
        recording.features, baseline, config.core_config(), config.detector.dwell_windows
    )
    return 2 * int((away | moving).sum()) > len(away)


def _quantile(scores: Float, at: float) -> int:
    return int(np.ceil(np.quantile(scores, at)))
