"""The warning threshold: what healthy windows score by the baseline of other healthy windows of their place."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student
from vibnode.baseline import Baseline

from vibtrain.features.config import TrainingConfig
from vibtrain.features.extraction import Windows, regimes_of
from vibtrain.models.anomaly import AnomalyModel, averaged, differences, median_baseline
from vibtrain.models.other_speed import at_other_speed, learnt_from
from vibtrain.recordings import DataError

Float = npt.NDArray[np.float64]
Int16 = npt.NDArray[np.int16]
FitModel = Callable[[list[Windows]], AnomalyModel]

FOLDS = 10


@dataclass(frozen=True)
class Threshold:
    """A threshold, and what healthy recordings score by a model that does not know them. Score steps.

    Attributes:
        at: the threshold.
        reached: of each healthy recording that was held out, its scores' quantile for the stated false-alarm rate, or
            of each place where nothing but its halves could be held out; highest first, empty where there is none.
    """

    at: int
    reached: tuple[int, ...]

    @property
    def gap(self) -> int | None:
        """From the worst healthy recording held out up to the threshold; under 0 where that recording is over it."""
        return self.at - self.reached[0] if self.reached else None


def warning_threshold(
    healthy: list[Windows],
    inputs: list[int],
    config: TrainingConfig,
    fit_model: FitModel,
    *,
    roams: bool = False,
) -> Threshold:
    """Warning threshold for the stated false-alarm rate.

    Scores are taken as a device takes them on a machine or at a speed that was not trained on: the baseline from one
    half of a recording, the windows from the other, and the spread from recordings of other machines (else speeds, else
    loads, else sessions), if there are any; then the halves change places. Both halves are of one mounting and one
    session, so this is the least that healthy windows scatter; `margin_steps` is for the rest.

    That rest shows where a machine has several recordings at one speed and load. Each is held out from the spread, one
    in FOLDS at a time, so that the model knows nearly all that the shipped one knows, and is judged by the baseline of
    half of its place. What all of them but one reach needs no margin: some odd one always is over. And where they are
    many `reached_at_most` says how far another one may reach, which is the margin if it is less.

    `fit_model`: fits the anomaly model on recordings. `roams`: they are referred to one place of the fleet's line, and
    none is of another speed. Raises `DataError` where every recording is too short.
    """
    average = config.detector.average_windows
    long_enough = [r for r in healthy if len(averaged(_halves([r])[1][0].features, average))]
    if not long_enough:
        raise too_short(config)
    rate = config.anomaly.false_alarm_rate
    within = []
    for judged, others in _each_left_out(long_enough):
        split = [_halves([r]) for r in judged]
        for first in (0, 1):
            model = fit_model(others or [r for halves in split for r in halves[first]])
            for halves in split:
                within += _scores(model, halves[first], halves[1 - first], inputs, average)
    between = _held_out(long_enough, inputs, config, fit_model, roams)
    least = _quantile(np.concatenate(within), 1 - rate)
    reached = sorted((_quantile(scores, 1 - rate) for scores in between), reverse=True)
    allowed_over = max(1, int(rate * len(reached)))
    warning = min(least + config.anomaly.margin_steps, reached_at_most(reached, rate))
    warning = int(max([warning, *reached[allowed_over : allowed_over + 1]]))
    if roams and reached:
        warning = reached[0] + config.anomaly.margin_steps
    shown = reached or sorted((_quantile(scores, 1 - rate) for scores in within), reverse=True)
    return Threshold(warning, tuple(shown))


def too_short(config: TrainingConfig) -> DataError:
    """To be raised where no healthy recording is left after its windows were averaged, or halved."""
    return DataError(
        f"{config.name}: every healthy recording is under {2 * config.detector.average_windows} windows, too short to "
        "calibrate on; accepted: longer ones, or snapshots that state their session, which are put together"
    )


def reached_at_most(reached: Sequence[float], rate: float) -> float:
    """What one more like these stays under, but for `rate` of all: the one-sided prediction limit of a normal
    distribution, for scores are logarithms. Infinite for under two, and far off for few."""
    n = len(reached)
    if n < 2:
        return np.inf
    spread = float(np.std(reached, ddof=1)) * math.sqrt(1 + 1 / n)
    return math.ceil(float(np.mean(reached)) + float(student.ppf(1 - rate, n - 1)) * spread)


def _held_out(
    recordings: list[Windows], inputs: list[int], config: TrainingConfig, fit_model: FitModel, roams: bool
) -> list[Float]:
    """Scores of each recording of a place that has several, by what the others of the place and elsewhere show."""
    average = config.detector.average_windows
    places = [(place, _parts(place)) for place in regimes_of(recordings).values()]
    folds = min(FOLDS, max((len(set(parts)) for _, parts in places), default=0))
    scores = []
    for fold in range(folds if folds > 1 else 0):
        held = [
            ([r for r, part in zip(place, parts, strict=True) if part % folds == fold], place)
            for place, parts in places
            if len(set(parts)) > 1
        ]
        out = {id(r) for judged, _ in held for r in judged}
        if not out:
            continue
        model = fit_model([r for r in recordings if id(r) not in out])
        for judged, place in held:
            rest = [r for r in place if id(r) not in out]
            half = (sum(len(r.features) for r in place) + 1) // 2
            of_each: dict[int, list[Float]] = {}
            for learnt in (_beginning(rest, half), _beginning(rest[::-1], half)):
                for r in judged if roams else _at_learnt_speed(learnt, judged, config):
                    of_each.setdefault(id(r), []).extend(_scores(model, learnt, [r], inputs, average))
            scores += [np.concatenate(of_one) for of_one in of_each.values() if of_one]
    return scores


def _parts(place: list[Windows]) -> list[int]:
    """What of a place is held out together: its sessions by number, or its recordings where all are of one."""
    sessions = [r.session for r in place]
    known = list(dict.fromkeys(sessions))
    return [known.index(s) for s in sessions] if len(known) > 1 else list(range(len(place)))


def _beginning(recordings: list[Windows], windows: int) -> list[Windows]:
    """Whole recordings, the first ones, until there are so many windows."""
    taken: list[Windows] = []
    for r in recordings:
        if windows <= 0:
            break
        taken.append(r)
        windows -= len(r.features)
    return taken


def left_out(healthy: list[Windows]) -> list[str]:
    """Of each recording, what it is left out with: its machine where there are two, else its speed, load or session."""
    field = left_out_by(healthy)
    return [str(getattr(r, field)) if field else "" for r in healthy]


def left_out_by(healthy: list[Windows]) -> str:
    """The field that parts recordings into what can be left out; empty where there is none."""
    for field in ("machine", "speed_rpm", "load", "session"):
        values = {getattr(r, field) for r in healthy}
        if not values & {None, ""} and len(values) > 1:
            return field
    return ""


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
    away, moving = at_other_speed(recording.features, baseline, config.core_config())
    return 2 * int((away | moving).sum()) > len(away)


def _quantile(scores: Float, at: float) -> int:
    return int(np.ceil(np.quantile(scores, at)))
