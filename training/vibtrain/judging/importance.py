"""What a model hears in a fault: how far faulty scores fall where some features are put back to the baseline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import vib

from vibtrain.features.config import family
from vibtrain.judging.evaluate import Evaluation


@dataclass(frozen=True)
class Importance:
    """Mean fall of the scores, in steps.

    Attributes:
        features: groups of features: one family on one axis, as `x.band`.
        labels: faults.
        falls: shape (labels, features). Under 0 where the model sees more of a fault without them.
    """

    features: tuple[str, ...]
    labels: tuple[str, ...]
    falls: npt.NDArray[np.float64]


def importance(model: vib.Model, evaluation: Evaluation) -> Importance | None:
    """Of the groups that count and have a baseline; None where none of them has faulty windows too.

    Works for every kind of model: it is the device's own score that is asked again.
    """
    names = vib.feature_names(model.config())
    groups = list(dict.fromkeys(_group(name) for name in names))
    falls: dict[str, list[npt.NDArray[np.float64]]] = {}
    for result in evaluation.counted:
        baseline = result.group.baseline()
        if baseline is None:
            continue
        for recording, features in result.group.judged(model.meta()["average_windows"]):
            if recording.is_fault:
                falls.setdefault(recording.label, []).append(_falls(model, features, baseline, names, groups))
    if not falls:
        return None
    labels = tuple(sorted(falls))
    table = np.stack([np.concatenate(falls[label]).mean(axis=0) for label in labels])
    used = np.flatnonzero(np.abs(table).max(axis=0) > 0)
    return Importance(tuple(groups[i] for i in used), labels, table[:, used])


def _falls(
    model: vib.Model,
    features: npt.NDArray[np.int16],
    baseline: npt.NDArray[np.int16],
    names: list[str],
    groups: list[str],
) -> npt.NDArray[np.float64]:
    """Shape (windows, groups)."""
    scores = vib.score(model, features, baseline).astype(np.float64)
    columns = []
    for group in groups:
        members = [i for i, name in enumerate(names) if _group(name) == group]
        without = features.copy()
        without[:, members] = baseline[members]
        columns.append(scores - vib.score(model, without, baseline))
    return np.stack(columns, axis=1)


def _group(name: str) -> str:
    return f"{name.split('.')[0]}.{family(name)}"
