"""What a model gives away of the recordings that it was fitted on, and how to keep out what one machine alone gave.

A Gaussian's mean and spread, and a leaf of a tree, are sums over the windows behind them. Where these are of one
machine only, they tell of that machine to whoever has the package.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vibtrain.features.config import TrainingConfig
from vibtrain.features.extraction import Windows
from vibtrain.models.anomaly import AnomalyModel, Float, Int16
from vibtrain.models.classifier import Classifier
from vibtrain.models.mixture import BaselineMixture
from vibtrain.recordings import DataError

Owners = npt.NDArray[np.int64]  # of each window: the number of its machine, or recording


@dataclass(frozen=True)
class Behind:
    """How many machines and recordings are behind something, at least; `parts`: how many of it there are."""

    parts: int
    machines: int
    recordings: int


@dataclass(frozen=True)
class Holds:
    """What a model holds of its training data.

    Attributes:
        components: the Gaussians (an isolation forest counts as one part).
        leaves: of the trees that name faults; None without.
        rare_leaves: how many of these are of one recording alone.
        left_out: faults that fewer machines showed than were asked for.
    """

    components: Behind
    leaves: Behind | None
    rare_leaves: int
    left_out: tuple[str, ...]


def numbered(names: Sequence[str], counts: Sequence[int]) -> Owners:
    """Of each window the number of its owner: recordings have these owners' names and so many windows."""
    known = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.repeat([known[name] for name in names], counts).astype(np.int64)


def refuse_few(healthy: list[Windows], config: TrainingConfig) -> None:
    """Raise `DataError` where the healthy recordings are of fewer machines than asked for, or a kind cannot do it."""
    least, machines = config.least_machines, len({r.machine for r in healthy})
    if least > machines:
        raise DataError(
            f"--least-machines: {least}; accepted: 1 to {machines}, the machines with a healthy recording"
        )
    if least > 1 and config.anomaly.kind == "isolation-forest":
        raise DataError(
            "[anomaly] kind: isolation-forest, whose cuts follow single windows; accepted with --least-machines: "
            "mahalanobis or gaussian-mixture"
        )


def behind_components(model: AnomalyModel, about: Float, machines: Owners, recordings: Owners) -> Behind:
    """What is behind the Gaussian with fewest. `about`: healthy windows less their baseline, (windows, inputs)."""
    part = np.zeros(len(about), np.int64)
    parts = 1
    if isinstance(model, BaselineMixture):
        part = model.mixture_.predict(about / model.units_)
        parts = model.n_components
    return Behind(
        parts,
        min(len(np.unique(machines[part == k])) for k in range(parts)),
        min(len(np.unique(recordings[part == k])) for k in range(parts)),
    )


def keep_common(forest: Classifier, X: Int16, machines: Owners, least: int) -> None:
    """Have every leaf, and every cut that parts its windows, be of `least` machines or more, in place.

    Below a node one of whose sides has fewer, nothing is told apart any more: every leaf answers as the node does, and
    the cuts are no numbers of the data. `X`, `machines`: as the forest was fitted on.
    """
    for tree, drawn in zip(forest.estimators_, forest.estimators_samples_, strict=True):
        rows = np.unique(drawn[drawn < len(X)])
        visited = tree.decision_path(X[rows].astype(np.float32)).toarray().astype(bool)
        owners = machines[rows]
        counts = np.sum([visited[owners == machine].any(axis=0) for machine in np.unique(owners)], axis=0)
        _level(tree.tree_, 0, counts, least)


def _level(tree: object, node: int, counts: npt.NDArray[np.int64], least: int) -> None:
    left, right = tree.children_left[node], tree.children_right[node]  # type: ignore[attr-defined]
    if left < 0:
        return
    if min(counts[left], counts[right]) < least:
        _silence(tree, node, tree.value[node].copy())  # type: ignore[attr-defined]
        return
    for child in (left, right):
        _level(tree, child, counts, least)


def _silence(tree: object, node: int, value: Float) -> None:
    tree.value[node] = value  # type: ignore[attr-defined]
    if tree.children_left[node] < 0:  # type: ignore[attr-defined]
        return
    tree.threshold[node] = 0.0  # type: ignore[attr-defined]
    for child in (tree.children_left[node], tree.children_right[node]):  # type: ignore[attr-defined]
        _silence(tree, child, value)


def behind_leaves(
    forest: Classifier, X: Int16, machines: Owners, recordings: Owners
) -> tuple[Behind | None, int]:
    """What is behind the answer with fewest, and how many answers are of one recording. Leaves below a node that all
    answer alike are one answer."""
    found = [
        answer
        for tree, drawn in zip(forest.estimators_, forest.estimators_samples_, strict=True)
        for answer in _answers(tree, X, np.unique(drawn[drawn < len(X)]), machines, recordings)
    ]
    if not found:
        return None, 0
    fewest = Behind(len(found), min(m for m, _ in found), min(r for _, r in found))
    return fewest, sum(r == 1 for _, r in found)


def _answers(
    tree: object, X: Int16, rows: npt.NDArray[np.int64], machines: Owners, recordings: Owners
) -> list[tuple[int, int]]:
    """Machines and recordings behind each answer of a tree."""
    nodes = tree.tree_  # type: ignore[attr-defined]
    top = np.arange(nodes.node_count)
    for node in range(nodes.node_count):  # a parent comes before its children
        for child in (nodes.children_left[node], nodes.children_right[node]):
            if child >= 0 and (top[node] != node or _is_silent(nodes, node)):
                top[child] = top[node]
    at = top[tree.apply(X[rows].astype(np.float32))]  # type: ignore[attr-defined]
    return [
        (len(np.unique(machines[rows][at == leaf])), len(np.unique(recordings[rows][at == leaf])))
        for leaf in np.unique(at)
    ]


def _is_silent(nodes: object, node: int) -> bool:
    """Whether all below a node answers as it does, behind a cut that is none of the data's."""
    left, right = nodes.children_left[node], nodes.children_right[node]  # type: ignore[attr-defined]
    value = nodes.value  # type: ignore[attr-defined]
    alike = np.array_equal(value[left], value[node]) and np.array_equal(value[right], value[node])
    return bool(alike and nodes.threshold[node] == 0.0)  # type: ignore[attr-defined]
