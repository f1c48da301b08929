"""How well a model separates healthy from faulty windows, condition by condition, through the C core itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import vib
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from vibtrain.anomaly import median_baseline
from vibtrain.config import Selection
from vibtrain.features import Windows
from vibtrain.fit import Regime

Int16 = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Figures:
    """Figures of one way of running the model on one condition; None where a class is missing.

    Attributes:
        window_auc: area under the ROC curve of the anomaly score, faulty against healthy windows.
        false_alarm_rate: share of healthy windows at or over the warning threshold.
        recall: share of faulty windows at or over it.
        class_accuracy: balanced accuracy of the classifier over the classes present.
        healthy_windows, fault_windows: how many windows that is.
    """

    window_auc: float | None
    false_alarm_rate: float | None
    recall: float | None
    class_accuracy: float | None
    healthy_windows: int
    fault_windows: int


@dataclass(frozen=True)
class Condition:
    """One machine at one speed and load. `trained`: its recordings were trained on. `plain`: no baseline learnt.
    `learnt`: the baseline from the first half of each healthy recording, which is then left out of the figures."""

    regime: Regime
    trained: bool
    plain: Figures
    learnt: Figures | None


def evaluate(model: vib.Model, recordings: list[Windows], train: Selection) -> list[Condition]:
    """Figures of every condition. `train` says which conditions the model was fitted on."""
    regimes: dict[Regime, list[Windows]] = {}
    for r in recordings:
        if r.is_healthy or r.is_fault:
            regimes.setdefault(r.regime, []).append(r)
    results = []
    for regime in sorted(regimes, key=str):
        members = regimes[regime]
        results.append(
            Condition(
                regime=regime,
                trained=all(train.admits(r) for r in members),
                plain=_figures(model, [(r, r.features) for r in members], None),
                learnt=_with_baseline(model, members),
            )
        )
    return results


def _with_baseline(model: vib.Model, members: list[Windows]) -> Figures | None:
    halves = {id(r): np.array_split(r.features, 2) for r in members if r.is_healthy and len(r.features) >= 2}
    if not halves:
        return None
    baseline = median_baseline(np.concatenate([first for first, _ in halves.values()]))
    kept = [(r, halves[id(r)][1] if id(r) in halves else r.features) for r in members]
    return _figures(model, kept, baseline)


def _figures(model: vib.Model, members: list[tuple[Windows, Int16]], baseline: Int16 | None) -> Figures:
    meta = model.meta()
    scores = np.concatenate([vib.score(model, features, baseline) for _, features in members])
    faulty = np.concatenate([np.full(len(features), r.is_fault) for r, features in members])
    over = scores >= meta["warning"]
    return Figures(
        window_auc=float(roc_auc_score(faulty, scores)) if 0 < faulty.sum() < len(faulty) else None,
        false_alarm_rate=float(over[~faulty].mean()) if (~faulty).any() else None,
        recall=float(over[faulty].mean()) if faulty.any() else None,
        class_accuracy=_class_accuracy(model, members, baseline),
        healthy_windows=int((~faulty).sum()),
        fault_windows=int(faulty.sum()),
    )


def _class_accuracy(
    model: vib.Model, members: list[tuple[Windows, Int16]], baseline: Int16 | None
) -> float | None:
    classes = model.meta()["classes"]
    known = [(r, features) for r, features in members if r.label in classes]
    if len({r.label for r, _ in known}) < 2:
        return None
    said = np.concatenate([vib.classify(model, features, baseline) for _, features in known])
    truth = np.concatenate([np.full(len(features), classes.index(r.label)) for r, features in known])
    return float(balanced_accuracy_score(truth, said))


def mean_figures(figures: list[Figures]) -> dict[str, float | None]:
    """Mean of each figure over conditions, those without it left out."""
    names = ("window_auc", "false_alarm_rate", "recall", "class_accuracy")
    columns = {name: [v for f in figures if (v := getattr(f, name)) is not None] for name in names}
    return {name: float(np.mean(values)) if values else None for name, values in columns.items()}


def summary(conditions: list[Condition]) -> dict[str, Any]:
    """Everything as plain data for JSON: means over held-out conditions, then each condition."""
    held_out = [c for c in conditions if not c.trained]
    return {
        "held_out_conditions": len(held_out),
        "without_baseline": mean_figures([c.plain for c in held_out]),
        "with_baseline": mean_figures([c.learnt for c in held_out if c.learnt]),
        "conditions": [
            {
                "machine": c.regime[0],
                "speed_rpm": c.regime[1],
                "load": c.regime[2],
                "trained": c.trained,
                "without_baseline": asdict(c.plain),
                "with_baseline": asdict(c.learnt) if c.learnt else None,
            }
            for c in conditions
        ],
    }
