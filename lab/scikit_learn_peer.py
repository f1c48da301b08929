"""The project beside scikit-learn's Mahalanobis distance, without a baseline: same windows, same features, same splits.

The peer is `sklearn.covariance.EmpiricalCovariance` on the healthy windows of the training side, as anyone would begin.
Its threshold is set in two ways: the quantile of the windows that it was fitted on; and the worst of the healthy groups
of the training side when each is left out in turn, which asks as much of the recordings as the project does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import vib
from sklearn.covariance import EmpiricalCovariance
from sklearn.metrics import roc_auc_score
from vibtrain.features.config import Selection, TrainingConfig, select_inputs
from vibtrain.features.extraction import Windows
from vibtrain.judging.splits import FIELDS, folds
from vibtrain.models import fit
from vibtrain.models.anomaly import averaged
from vibtrain.packaging import convert

Float = npt.NDArray[np.float64]
HALF = 0.5  # of a recording's windows over the threshold: it is called faulty


@dataclass(frozen=True)
class Judged:
    """One recording's scores over the threshold, in units of the model's own; `faulty` is the truth."""

    faulty: bool
    over: Float


@dataclass(frozen=True)
class Line:
    """What one way of judging made of a set. Means over the folds that have both kinds, or None where none has.

    Attributes:
        auc: of windows, in each fold.
        recall, healthy_over: shares of faulty and of healthy windows over the threshold, of all folds.
        found, faults: faulty recordings most of whose windows are over it, and all.
        wrong, healthy: healthy ones of which that is so, and all.
    """

    set_name: str
    by: str
    judge: str
    auc: float | None
    recall: float
    healthy_over: float
    found: int
    faults: int
    wrong: int
    healthy: int


def compare(set_name: str, recordings: list[Windows], config: TrainingConfig, by: str) -> list[Line]:
    """A line for the project, and one for each threshold of the peer."""
    everything = dataclasses.replace(config, train=Selection())
    inputs = select_inputs(vib.feature_names(config.core_config()), config.anomaly.inputs)
    lines: dict[str, list[list[Judged]]] = {}
    for fold in folds(recordings, by):
        known = [r for r in fold.test if r.is_healthy or r.is_fault]
        rows = [averaged(r.features, config.detector.average_windows) for r in known]
        kept = [(r.is_fault, X) for r, X in zip(known, rows, strict=True) if len(X)]
        model = vib.Model(convert.convert(fit.fit(fold.train, everything)).binary)
        warning = model.meta()["warning"]
        own = [
            Judged(faulty, np.asarray(vib.score(model, X, None), np.float64) - warning) for faulty, X in kept
        ]
        lines.setdefault("vibnode", []).append(own)
        groups = _healthy_groups(fold.train, by, inputs, config)
        for how, threshold in (
            ("fitted on", _fitted_on(groups, config)),
            ("left out", _left_out(groups, config)),
        ):
            peer = EmpiricalCovariance().fit(np.concatenate(groups))
            judged = [
                Judged(faulty, np.asarray(peer.mahalanobis(X[:, inputs]), np.float64) - threshold)
                for faulty, X in kept
            ]
            lines.setdefault(f"scikit-learn, threshold of those {how}", []).append(judged)
    return [_line(set_name, by, judge, of_folds) for judge, of_folds in lines.items()]


def _healthy_groups(train: list[Windows], by: str, inputs: list[int], config: TrainingConfig) -> list[Float]:
    groups: dict[object, list[Float]] = {}
    for r in train:
        if r.is_healthy:
            rows = averaged(r.features, config.detector.average_windows)[:, inputs]
            groups.setdefault(getattr(r, FIELDS[by]), []).append(rows.astype(np.float64))
    return [np.concatenate(rows) for rows in groups.values()]


def _fitted_on(groups: list[Float], config: TrainingConfig) -> float:
    X = np.concatenate(groups)
    return float(
        np.quantile(EmpiricalCovariance().fit(X).mahalanobis(X), 1 - config.anomaly.false_alarm_rate)
    )


def _left_out(groups: list[Float], config: TrainingConfig) -> float:
    """As `_fitted_on` where there is one group only."""
    if len(groups) < 2:
        return _fitted_on(groups, config)
    reached = []
    for i, left_out in enumerate(groups):
        others = np.concatenate([X for j, X in enumerate(groups) if j != i])
        distance = EmpiricalCovariance().fit(others).mahalanobis(left_out)
        reached.append(float(np.quantile(distance, 1 - config.anomaly.false_alarm_rate)))
    return max(reached)


def _line(set_name: str, by: str, judge: str, of_folds: Sequence[Sequence[Judged]]) -> Line:
    aucs = []
    for judged in of_folds:
        truth = np.concatenate([np.full(len(j.over), j.faulty) for j in judged])
        if 0 < truth.sum() < len(truth):
            aucs.append(float(roc_auc_score(truth, np.concatenate([j.over for j in judged]))))
    everything = [j for judged in of_folds for j in judged]
    faulty, healthy = ([j for j in everything if j.faulty == kind] for kind in (True, False))
    return Line(
        set_name=set_name,
        by=by,
        judge=judge,
        auc=float(np.mean(aucs)) if aucs else None,
        recall=_share_over(faulty),
        healthy_over=_share_over(healthy),
        found=sum(bool((j.over >= 0).mean() > HALF) for j in faulty),
        faults=len(faulty),
        wrong=sum(bool((j.over >= 0).mean() > HALF) for j in healthy),
        healthy=len(healthy),
    )


def _share_over(judged: Sequence[Judged]) -> float:
    return float(np.mean(np.concatenate([j.over for j in judged]) >= 0)) if judged else 0.0
