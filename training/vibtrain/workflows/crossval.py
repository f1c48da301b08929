"""Leave one group out, train on the rest, judge on it, for several lengths of healthy baseline; each in its turn."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import vib

from vibtrain.features.config import Selection, TrainingConfig
from vibtrain.features.extraction import Windows
from vibtrain.judging import evaluate
from vibtrain.judging.evaluate import Evaluation, GroupResult, Scored
from vibtrain.judging.splits import Fold, folds
from vibtrain.models import fit
from vibtrain.packaging import convert
from vibtrain.recordings import DataError

BASELINES_S = (0.0, 60.0, 300.0, 1800.0)


@dataclass(frozen=True)
class FoldResult:
    """One fold: an evaluation for each baseline in seconds, or the reason why there is none."""

    fold: Fold
    evaluations: dict[float, Evaluation | str]


def cross_validate(
    recordings: list[Windows],
    config: TrainingConfig,
    by: str,
    baselines_s: Sequence[float] = BASELINES_S,
    step: Callable[[str], None] = lambda text: None,
    *,
    told: bool = True,
) -> list[FoldResult]:
    """Judge every fold of `splits.folds`. The configuration's own [train] is set aside. `step` is told what
    begins. `told`: whether a device is told the speed and load that a recording states.

    The models are those of `vibtrain fit`, run as data by the core; they are not kept, so their C is not made.
    Raises `DataError` where the split is refused or a fold does not suffice to train on.
    """
    everything = dataclasses.replace(config, train=Selection())
    results = []
    for fold in folds(recordings, by):
        step(f"without {by} {fold.held_out}")
        model = vib.Model(convert.convert(fit.fit(fold.train, everything)).binary)
        results.append(FoldResult(fold, {b: _judge(model, fold, b, told) for b in baselines_s}))
    return results


def _judge(model: vib.Model, fold: Fold, baseline_s: float, told: bool) -> Evaluation | str:
    try:
        return evaluate.evaluate(model, fold.test, None, baseline_s, told=told)
    except DataError as error:
        return str(error)


def pooled(evaluations: Sequence[Evaluation]) -> Evaluation:
    """Several models' evaluations as one: scores become steps over each model's own warning threshold."""
    classes = tuple(dict.fromkeys(name for e in evaluations for name in e.classes))
    groups = []
    for e in evaluations:
        place = np.array([classes.index(name) for name in e.classes], np.int16)
        groups += [
            dataclasses.replace(g, plain=_shifted(g.plain, e, place), learnt=_learnt(g, e, place))
            for g in e.groups
        ]
    return Evaluation(groups, 0, classes, max(e.dwell_s for e in evaluations))


def _learnt(group: GroupResult, e: Evaluation, place: Any) -> list[Scored] | None:
    return None if group.learnt is None else _shifted(group.learnt, e, place)


def _shifted(scored: list[Scored], e: Evaluation, place: Any) -> list[Scored]:
    return [
        dataclasses.replace(
            s, scores=s.scores - np.int16(e.warning), classes=place[s.classes] if len(place) else s.classes
        )
        for s in scored
    ]


def summary(results: list[FoldResult], by: str) -> dict[str, Any]:
    """Everything as plain data for JSON: for each baseline all folds pooled, then each fold with each baseline."""
    baselines_s = list(results[0].evaluations)
    overall = {}
    for b in baselines_s:
        done = [e for r in results if isinstance(e := r.evaluations[b], Evaluation)]
        if done:
            overall[f"{b:g}"] = {"folds": len(done)} | evaluate.summary(pooled(done))
    return {
        "by": by,
        "baselines_s": baselines_s,
        "overall": overall,
        "folds": [
            {
                "held_out": r.fold.held_out,
                "trained_on": sorted(t.name for t in r.fold.train),
                "caveat": r.fold.caveat,
                "baselines": {
                    f"{b:g}": {"refused": e} if isinstance(e, str) else evaluate.summary(e)
                    for b, e in r.evaluations.items()
                },
            }
            for r in results
        ],
    }
